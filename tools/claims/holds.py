"""What holds each digit of a page: the report, and the rules of bound pages.

A number is held by, in this order:

- a *bound sentence*, or a formula, that a proof cell of its section printed;
- *arithmetic*: an equation of numbers whose two sides agree;
- *quotation*: an entry of book/quoted.yml;
- a *name or year*: ResNet-18, 3×3, arXiv 1312.4400; the year of a work
  that the page cites;
- an *exact output*: a number or shape in an output that nbval compares, or
  in an assert.

In a bound section an output holds only what is not met by chance: counts of
six digits or more, and the section's own shapes; and a name or a quotation
must be one that the book knows.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools import ROOT, files
from tools.claims.arithmetic import equations
from tools.claims.bound import KERNEL
from tools.claims.citations import citations, cited_years
from tools.claims.numbers import Number, read_numbers
from tools.claims.pages import Page, Text, all_pages, read_page
from tools.claims.plain import MATHS, plain
from tools.claims.prose import claims, is_name, is_year, visible

BOUND = "bound sentence"
ARITHMETIC = "arithmetic"
QUOTATION = "quotation"
NAME = "name or year"
OUTPUT = "exact output"
NOTHING = "nothing"
KINDS = (BOUND, OUTPUT, ARITHMETIC, QUOTATION, NAME, NOTHING)
Span = tuple[int, int]


@dataclass(frozen=True)
class Token:
    """A number of the prose and what holds it."""

    page: str
    text: Text
    number: Number
    held_by: str

    def __str__(self) -> str:
        return placed(self.page, self.text, self.number, f": {self.held_by}")


def placed(page: str, text: Text, number: Number, said: str) -> str:
    """Return where a number stands, what is said of it, and its context."""
    start, end = number.start - 40, number.end + 40
    context = re.sub(r"\s+", " ", text.markdown[max(0, start) : end]).strip()
    return f"{page}, {text.where}: {number.text!r}{said}: …{context}…"


def tokens(page: Page) -> Iterator[Token]:
    """Yield every number of a page; those of bound sections held strictly."""
    strict = bound_sections(page)
    for text in page.texts:
        yield from text_tokens(page, text, text.section in strict)


def text_tokens(page: Page, text: Text, strict: bool) -> Iterator[Token]:
    """Yield every number of a text, with what holds it."""
    seen = visible(text.markdown)
    spans = [
        (BOUND, bound_spans(page, text)),
        (ARITHMETIC, true_equations(seen)),
    ]
    judged = {claim.start: claim for claim in claims(text.markdown)}
    for number in read_numbers(seen):
        number = judged.get(number.start, number)
        held = next(
            (kind for kind, known in spans if inside(number, known)), ""
        )
        held = held or _known(page, text, number, seen, strict) or NOTHING
        yield Token(page.name, text, number, held)


def bound_spans(page: Page, text: Text) -> list[Span]:
    """Return where in a text the sentences of its section stand."""
    prose = plain(text.markdown)
    return [
        span
        for sentence in page.printed.get(text.section, ())
        for span in prose.find(sentence)
    ]


def true_equations(seen: str) -> list[Span]:
    """Return where equations stand whose two sides agree."""
    return [(e.start, e.end) for e in equations(seen) if e.holds]


def open_claims(page: Page, text: Text) -> list[Number]:
    """Return the claims that no value, sentence or true equation holds."""
    spans = bound_spans(page, text) + true_equations(visible(text.markdown))
    return [
        claim
        for claim in claims(text.markdown)
        if not page.proving(text, claim) and not inside(claim, spans)
    ]


def inside(number: Number, spans: list[Span]) -> bool:
    return any(a <= number.start and number.end <= b for a, b in spans)


def _known(
    page: Page, text: Text, number: Number, seen: str, strict: bool
) -> str:
    proofs = page.proving(text, number)
    if any(p.entry for p in proofs) and (not strict or number.significant > 2):
        return QUOTATION
    if _is_known_name(page, text, number, seen, strict):
        return NAME
    if shape := shape_around(seen, number):
        sections = [text.section] if strict else [*page.outputs]
        seen_there = any(shape in page.shapes(n) for n in sections)
        return OUTPUT if seen_there else ""
    large = number.scale == 1 and number.value >= 100_000
    if any(not proof.entry for proof in proofs) and (large or not strict):
        return OUTPUT
    return ""


def _is_known_name(
    page: Page, text: Text, number: Number, seen: str, strict: bool
) -> bool:
    position = number.start
    for kernel in re.finditer(KERNEL, seen):
        if kernel.start() <= position < kernel.end():
            return int(kernel[1]) % 2 == 1 or not strict
    for citation in citations(text.markdown):
        if citation.start <= position < citation.end:
            return not citation.fault
    before, after = seen[max(0, position - 80) : position], seen[number.end :]
    if is_year(number, before, after[:80]):
        whole = "\n".join(t.markdown for t in page.texts)
        return number.text in cited_years(whole)
    name = re.search(r"[A-Za-z][A-Za-z-]*$", before)
    if strict:
        return bool(name and name[0] + number.text in known_names())
    return is_name(number, before, after[:80]) and not shape_around(
        seen, number
    )


@cache
def known_names() -> set[str]:
    """Return names with digits, such as ResNet-18, that two pages know."""
    found: Counter[str] = Counter()
    for path in all_pages():
        page = read_page(path)
        prose = "\n".join(visible(t.markdown) for t in page.texts)
        found.update(set(re.findall(r"\b[A-Z][A-Za-z-]*\d+\b", prose)))
    return {name for name, pages in found.items() if pages > 1}


SHAPE = re.compile(r"(?<![\w×.,])\d+(?:×\d+)+(?![\w×])")


def shape_around(seen: str, number: Number) -> str:
    """Return the shape, such as 96×54×54, that a number is part of."""
    for match in SHAPE.finditer(seen):
        if match.start() <= number.start < match.end():
            return match[0]
    return ""


def faults(page: Page, section: int | None = None) -> Iterator[str]:
    """Yield what is wrong on a page, bound or not, in one section or all.

    A printed sentence that its section's prose does not hold, arithmetic
    that is false, a year or arXiv number that is not the work's.
    """
    for number, sentences in page.printed.items():
        texts = [t for t in page.texts if t.section == number]
        if section not in (None, number):
            continue
        for sentence in sentences:
            if not any(plain(t.markdown).find(sentence) for t in texts):
                yield f"{page.name}: the prose does not say: {sentence}"
    for text in page.texts:
        if section not in (None, text.section):
            continue
        where = f"{page.name}, {text.where}"
        for equation in equations(visible(text.markdown)):
            if not equation.holds:
                yield f"{where}: {equation.text!r} is false"
        for citation in citations(text.markdown):
            if citation.fault:
                yield f"{where}: {citation.text!r}: {citation.fault}"


def unbound(page: Page, section: int) -> Iterator[str]:
    """Yield what a bound section may not leave open: numbers and formulas."""
    for text in page.texts:
        if text.section != section:
            continue
        for token in text_tokens(page, text, strict=True):
            if token.held_by == NOTHING:
                yield str(token)
        spans = bound_spans(page, text)
        spans += [(e.start, e.end) for e in equations(visible(text.markdown))]
        for formula in MATHS.finditer(text.markdown):
            inner = (formula.start() + formula.end()) // 2
            beside = any(a <= inner < b for a, b in spans)
            if is_formula(formula[0]) and not beside:
                yield (
                    f"{page.name}, {text.where}: {formula[0]} stands beside"
                    " no function"
                )


def is_formula(maths: str) -> bool:
    """Return whether it computes something: more than a symbol's name."""
    bare = re.sub(r"\\(?:text|mathrm)\{\w+\}|_\{?\w+\}?", "", maths)
    letters = len(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", bare)))
    operates = re.search(r"[-+−/^·×]|\\(?:frac|cdot|times)|\\,", bare)
    return letters > 1 or bool(letters and operates)


def bound_sections(page: Page) -> list[int]:
    """Return the sections that are bound to their values: a chapter's all."""
    chapter = page.name.startswith("book/") and page.path.suffix == ".ipynb"
    return list(page.titles) if chapter else []


def shares(page: Page) -> Counter:
    """Return how many numbers of a page each kind holds."""
    return Counter(token.held_by for token in tokens(page))


def unheld(page: Page) -> float:
    """Return the percentage of a page's numbers that nothing holds."""
    count = shares(page)
    return round(100 * count[NOTHING] / max(1, count.total()), 1)


NEW_PAGE = 15.0  # percent, for a page that is not in the table yet
TABLE = ROOT / "tests" / "notebooks" / "unheld.json"


def committed() -> dict[str, float]:
    """Return the percentages as committed, by page."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def more_open(page: Page) -> Iterator[str]:
    """Say so if nothing holds more of a page's numbers than before."""
    known, now = committed().get(page.name, NEW_PAGE), unheld(page)
    if now > known:
        yield (
            f"{page.name}: nothing holds {now} % of its numbers, where it was"
            f" {known} %; python -m tools.claims --report names them"
        )


def write_table(pages: list[Page]) -> None:
    """Write the percentage of each page that nothing holds, as committed."""
    known = committed() if TABLE.exists() else {}
    known = {
        name: now for name, now in known.items() if (ROOT / name).exists()
    }
    known |= {page.name: unheld(page) for page in pages}
    text = json.dumps(known, indent=2, sort_keys=True) + "\n"
    files.write(TABLE, text)


@dataclass(frozen=True)
class Unproven:
    """A claim that nothing proves; prints as one line for the author."""

    page: str
    text: Text
    claim: Number
    elsewhere: bool

    def __str__(self) -> str:
        fault = " is not proven"
        if self.elsewhere:
            fault = " is short and not proven in its own section"
        return placed(self.page, self.text, self.claim, fault)


def unproven(page: Page) -> list[Unproven]:
    """Return the claims of a page that nothing proves."""
    return [
        Unproven(page.name, text, claim, bool(page.proofs.matching(claim)))
        for text in page.texts
        for claim in open_claims(page, text)
    ]
