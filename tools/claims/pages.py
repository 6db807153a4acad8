"""Pages: their prose, what proves it, and what nothing proves."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools import ROOT, notebooks
from tools.claims import bound
from tools.claims.numbers import Number
from tools.claims.proofs import (
    Proof,
    Proofs,
    cell_proofs,
    is_compared,
    output_texts,
    read_printed,
)
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
    printed: dict[int, list[str]] = field(default_factory=dict)
    outputs: dict[int, list[str]] = field(default_factory=dict)

    @property
    def titles(self) -> dict[int, str]:
        """Return the heading of each section."""
        found = {}
        for text in self.texts:
            if heading := HEADING.match(text.markdown):
                line = text.markdown[heading.end() :].partition("\n")[0]
                found[text.section] = line.strip()
        return found

    def shapes(self, section: int) -> set[str]:
        """Return the shapes in a section's outputs, as 96×54×54."""
        found = set()
        for output in self.outputs.get(section, ()):
            found.update(re.findall(r"\d+(?:×\d+)+", output))
            for inner in re.findall(r"[\[(](\d+(?:, ?\d+)+)[\])]", output):
                sizes = re.findall(r"\d+", inner)
                found.update("×".join(sizes[n:]) for n in range(len(sizes)))
        return found

    @property
    def name(self) -> str:
        path = self.path.resolve()
        inside = path.is_relative_to(ROOT)
        return str(path.relative_to(ROOT) if inside else path)

    def proving(self, text: Text, claim: Number) -> list[Proof]:
        """Return what proves a claim: for a short one, in its own section."""
        reach = self.sections[text.section] if claim.short else self.proofs
        return reach.matching(claim)


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


def read_script(path: Path) -> Page:
    """Read the texts that a widget's script shows: its strings with words."""
    known = [p for entry in quoted_figures() for p in quoted_proofs(entry)]
    source = re.sub(r"(?m)^\s*(?://|\*|/\*).*$", "", path.read_text("utf-8"))
    strings = re.findall(r"""(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1""", source)
    texts = [
        Text("script", re.sub(r"\$\{[^}]*\}", "…", string))
        for _, string in strings
        if re.search(r"[A-Za-z]{3}.* .*\d|\d.* .*[A-Za-z]{3}", string)
        and not re.search(r"<svg|translate\(|[{};]", string)
    ]
    return _page(path, texts, [[]], known)


def scripts() -> list[Path]:
    return sorted((ROOT / "book" / "_static").rglob("*.js"))


def _read_markdown(path: Path, known: list[Proof]) -> Page:
    """Read a page; blocks of recorded results are its outputs."""
    texts: list[Text] = []
    proofs: list[list[Proof]] = [[]]
    for piece in split_at_headings(path.read_text(encoding="utf-8")):
        if HEADING.match(piece):
            proofs.append([])
        for block in RESULTS.findall(piece):
            proofs[-1] += read_printed(block)
        texts.append(Text("page", RESULTS.sub("", piece), len(proofs) - 1))
    return _page(path, texts, proofs, known)


def _read_notebook(path: Path, known: list[Proof]) -> Page:
    """Read a notebook; a section reaches from a heading to the next."""
    texts: list[Text] = []
    printed: dict[int, list[str]] = {}
    outputs: dict[int, list[str]] = {}
    proofs: list[list[Proof]] = [[]]
    for position, cell in enumerate(notebooks.read(path).cells, start=1):
        where = f"cell {position} (id {cell.get('id', 'none')})"
        if cell.cell_type == "markdown":
            for piece in split_at_headings(cell.source):
                if HEADING.match(piece):
                    proofs.append([])
                texts.append(Text(where, piece, len(proofs) - 1))
        elif cell.cell_type == "code":
            proofs[-1] += cell_proofs(cell)
            printed.setdefault(len(proofs) - 1, []).extend(bound.printed(cell))
            if is_compared(cell):
                outputs.setdefault(len(proofs) - 1, []).extend(
                    output_texts(cell)
                )
            texts += _figure_texts(cell, where, len(proofs) - 1)
    page = _page(path, texts, proofs, known)
    page.printed, page.outputs = printed, outputs
    return page


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


def split_at_headings(markdown: str) -> list[str]:
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
