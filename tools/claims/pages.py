"""Pages: their prose, what proves it, and what nothing proves."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import ROOT, notebooks
from tools.claims.numbers import Number
from tools.claims.proofs import Proof, Proofs, cell_proofs, read_printed
from tools.claims.prose import claims, visible
from tools.claims.quoted import Quoted, quoted_figures, quoted_proofs


@dataclass(frozen=True)
class Text:
    """A piece of prose, where it stands, and the number of its section."""

    where: str
    markdown: str
    section: int = 0


@dataclass
class Page:
    """A notebook or Markdown page: its prose and what proves it."""

    path: Path
    texts: list[Text]
    proofs: Proofs
    sections: dict[int, Proofs]

    @property
    def name(self) -> str:
        path = self.path.resolve()
        inside = path.is_relative_to(ROOT)
        return str(path.relative_to(ROOT) if inside else path)

    def proving(self, text: Text, claim: Number) -> list[Proof]:
        """Return what proves a claim: for a short one, in its own section."""
        reach = self.sections[text.section] if claim.short else self.proofs
        return reach.matching(claim)


@dataclass(frozen=True)
class Unproven:
    """A claim that nothing proves; prints as one line for the author."""

    page: str
    text: Text
    claim: Number
    elsewhere: bool

    def __str__(self) -> str:
        start, end = self.claim.start - 40, self.claim.end + 40
        context = self.text.markdown[max(0, start) : end]
        context = re.sub(r"\s+", " ", context).strip()
        fault = "is not proven"
        if self.elsewhere:
            fault = "is short and not proven in its own section"
        where = f"{self.page}, {self.text.where}"
        return f"{where}: {self.claim.text!r} {fault}: …{context}…"


def read_page(path: Path, entries: Iterable[Quoted] | None = None) -> Page:
    """Read a page; `entries` default to those of book/quoted.yml."""
    entries = quoted_figures() if entries is None else entries
    known = [proof for entry in entries for proof in quoted_proofs(entry)]
    if path.suffix == ".ipynb":
        return _read_notebook(path, known)
    return _read_markdown(path, known)


RESULTS = re.compile(
    r"<!-- results: [a-z0-9-]+ -->.*?<!-- end of results -->", re.DOTALL
)


def _read_markdown(path: Path, known: list[Proof]) -> Page:
    """Read a page; blocks of recorded results are its outputs."""
    texts: list[Text] = []
    proofs: list[list[Proof]] = [[]]
    for piece in _split_at_headings(path.read_text(encoding="utf-8")):
        if HEADING.match(piece):
            proofs.append([])
        for block in RESULTS.findall(piece):
            proofs[-1] += read_printed(block)
        texts.append(Text("page", RESULTS.sub("", piece), len(proofs) - 1))
    return _page(path, texts, proofs, known)


def _read_notebook(path: Path, known: list[Proof]) -> Page:
    """Read a notebook; a section reaches from a heading to the next."""
    texts: list[Text] = []
    proofs: list[list[Proof]] = [[]]
    for position, cell in enumerate(notebooks.read(path).cells, start=1):
        where = f"cell {position} (id {cell.get('id', 'none')})"
        if cell.cell_type == "markdown":
            for piece in _split_at_headings(cell.source):
                if HEADING.match(piece):
                    proofs.append([])
                texts.append(Text(where, piece, len(proofs) - 1))
        elif cell.cell_type == "code":
            proofs[-1] += cell_proofs(cell)
            texts += _figure_texts(cell, where, len(proofs) - 1)
    return _page(path, texts, proofs, known)


def _page(
    path: Path,
    texts: list[Text],
    proofs: list[list[Proof]],
    known: list[Proof],
) -> Page:
    """Return a page from its texts and the proofs of each of its sections."""
    every = [proof for section in proofs for proof in section]
    sections = {n: Proofs(found + known) for n, found in enumerate(proofs)}
    return Page(path, texts, Proofs(every + known), sections)


HEADING = re.compile(r"^#{1,6}\s", re.MULTILINE)


def _split_at_headings(markdown: str) -> list[str]:
    starts = [match.start() for match in HEADING.finditer(visible(markdown))]
    ends = [*starts, len(markdown)]
    pieces = [markdown[a:b] for a, b in zip([0, *starts], ends, strict=True)]
    return [piece for piece in pieces if piece.strip()]


def _figure_texts(cell, where: str, section: int) -> Iterator[Text]:
    mystnb = cell.metadata.get("mystnb", {})
    if alt := mystnb.get("image", {}).get("alt"):
        yield Text(f"{where}, alt text", alt, section)
    if caption := mystnb.get("figure", {}).get("caption"):
        yield Text(f"{where}, caption", caption, section)


def unproven(page: Page) -> list[Unproven]:
    return [
        Unproven(page.name, text, claim, bool(page.proofs.matching(claim)))
        for text in page.texts
        for claim in claims(text.markdown)
        if not page.proving(text, claim)
    ]


def used_entries(page: Page) -> set[str]:
    """Return the values of quoted.yml that prove a claim of the page."""
    return {
        proof.entry
        for text in page.texts
        for claim in claims(text.markdown)
        for proof in page.proving(text, claim)
        if proof.entry
    }


def all_pages() -> list[Path]:
    folders = ("book", "exercises", "exercises/solutions")
    pages = [
        page
        for folder in folders
        for page in sorted((ROOT / folder).iterdir())
        if page.suffix == ".md"
        or (page.suffix == ".ipynb" and folder != "exercises")
    ]
    readme = ROOT / "README.md"
    return pages + ([readme] if readme.exists() else [])
