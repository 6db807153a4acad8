"""Years and works as the prose names them, held against references.bib."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools import ROOT

REFERENCES = ROOT / "book" / "references.bib"
# networks that the prose dates, and the works that introduced them
NETWORKS = {
    "NiN": "LinChenYan2013",
    "GoogLeNet": "Szegedy2014",
    "ResNet": "He2015residual",
    "MobileNet": "Howard2017",
}
YEAR = r"(?P<year>(?:19|20)\d\d)"
NAME = r"[A-Z][\w'’-]+"
CITED = re.compile(
    rf"(?P<names>{NAME}(?:(?:,\s+{NAME})*,?\s+and\s+{NAME}|\s+et\s+al\.?)?)"
    rf"(?:\*\*)?(?:,\s+|\s+\(){YEAR}(?:\)?\]\((?P<target>[^)\s]+)\))?"
)
ARXIV = re.compile(
    r"(?i:arxiv(?:\.org/(?:abs|pdf)/|[:\s]\s*))(\d{4}\.\d{4,5})"
)


@dataclass(frozen=True)
class Work:
    """An entry of references.bib, as far as prose repeats it."""

    key: str
    surnames: tuple[str, ...]
    year: str
    address: str

    @property
    def arxiv(self) -> str:
        found = re.search(r"\d{4}\.\d{4,5}", self.address)
        return found[0] if found else ""


@dataclass(frozen=True)
class Citation:
    """A year that prose gives a work, where it stands, and what is wrong."""

    start: int
    end: int
    text: str
    fault: str = ""


@cache
def works() -> tuple[Work, ...]:
    entries = re.split(r"(?m)^@", REFERENCES.read_text(encoding="utf-8"))[1:]
    return tuple(map(_work, entries))


def _work(entry: str) -> Work:
    fields = dict(re.findall(r"(?m)^\s+(\w+) = \{(.*)\},?$", entry))
    authors = re.sub(r"\{\\.(?:\{)?(\w)\}+|[{}]", r"\1", fields["author"])
    surnames = [name.split(",")[0] for name in authors.split(" and ")]
    address = fields.get("url") or fields.get("doi", "")
    address += " " + fields.get("note", "")
    key = entry.partition("{")[2].partition(",")[0]
    return Work(key, tuple(surnames), fields["year"], address)


def citations(text: str) -> Iterator[Citation]:
    """Yield the dated names of a text that are those of works, and arXiv ids.

    A name is of a work where an entry's first author has it, or a network
    that an entry introduced.
    """
    for match in CITED.finditer(text):
        named = [
            work for work in works() if _are_authors(match["names"], work)
        ]
        target = (match["target"] or "").partition("://")[2]
        linked = [w for w in works() if target and target in w.address]
        if not named and not linked:
            continue
        place = match.start("year"), match.end("year"), match[0]
        right = [w for w in named if w.year == match["year"]]
        if not right:
            yield Citation(*place, "no such work is of that year")
        elif target and not set(right) & set(linked):
            yield Citation(*place, "the link leads to another work")
        else:
            yield Citation(*place)
    identifiers = {work.arxiv for work in works()}
    for match in ARXIV.finditer(text):
        fault = "" if match[1] in identifiers else "not in references.bib"
        yield Citation(match.start(1), match.end(1), match[0], fault)


def _are_authors(names: str, work: Work) -> bool:
    if names in NETWORKS:
        return work.key == NETWORKS[names]
    if re.search(r"\s+et\s+al", names):
        return names.split()[0] == work.surnames[0] and len(work.surnames) > 2
    return (
        tuple(re.split(r",\s+(?:and\s+)?|\s+and\s+", names)) == work.surnames
    )


def cited_years(text: str) -> set[str]:
    """Return the years of the works that a page cites."""
    addresses = re.findall(r"\]\(https?://([^)\s]+)\)", text)
    return {
        work.year
        for work in works()
        if any(a in work.address for a in addresses if len(a) > 6)
        or any(
            re.search(rf"\b{n}\b", text)
            for n, key in NETWORKS.items()
            if key == work.key
        )
    }
