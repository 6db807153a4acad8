"""The test of the test: falsehoods planted in prose, by kind, and seen or not.

Each is one change of one place, drawn by a seeded generator: a digit, a
number word, a name, a word of direction, a unit, a symbol of a formula, a
sign.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tools.claims import holds
from tools.claims.numbers import read_numbers
from tools.claims.pages import Page, Text
from tools.claims.plain import MATHS
from tools.claims.prose import visible

WORDS = {
    "number words": [
        "one two three four five six seven eight nine ten eleven twelve",
        "twice half",
        "both neither",
    ],
    "swapped names": [
        "parameters MACs activations",
        "weights biases",
        "NiN VGG AlexNet GoogLeNet ResNet LeNet",
        "Kaiming Xavier",
        "first second third",
        "with without",
        "rows columns",
        "input output",
        "training test",
        "pair single split",
    ],
    "reversed comparisons": [
        "more fewer",
        "larger smaller",
        "higher lower",
        "better worse",
        "ahead behind",
        "above below",
        "faster slower",
        "adds costs",
        "most least",
        "rises falls",
        "wider narrower",
        "before after",
    ],
}
UNITS = """
    parameters MACs weights channels pixels points layers blocks epochs steps
    images classes seconds minutes MB GB GFLOP percent
""".split()  # noqa: SIM905
KINDS = (
    "large numbers",
    "decimals, %",
    "small integers",
    "years",
    "in details",
    "tables",
    "alt texts and captions",
    "units",
    *WORDS,
    "formulas",
    "shapes",
    "signs",
    "glossary",
)
DIGITS = KINDS[:7] + ("shapes",)


@dataclass(frozen=True)
class Mutation:
    """A falsehood: what stands at a place of a text, and what was put in."""

    page: Page
    text: Text
    kind: str
    start: int
    old: str
    new: str

    def changed_page(self) -> Page:
        source = self.text.markdown
        end = self.start + len(self.old)
        changed = source[: self.start] + self.new + source[end:]
        mutant = replace(self.text, markdown=changed)
        texts = [mutant if t is self.text else t for t in self.page.texts]
        return replace(self.page, texts=texts)

    def caught(self) -> bool:
        """Return whether the claims test sees it in a bound section."""
        page, section = self.changed_page(), self.text.section
        known = set(holds.faults(self.page, section))
        more = len(set(holds.faults(page, section))) > len(known)
        return more or any(holds.unbound(page, section))

    def __str__(self) -> str:
        around = self.text.markdown[max(0, self.start - 30) : self.start]
        around = re.sub(r"\s+", " ", around)
        return (
            f"{self.page.name}, {self.text.where}: {self.kind}:"
            f" …{around}[{self.old} → {self.new}]"
        )


def mutations(page: Page) -> Iterator[Mutation]:
    """Yield a falsehood for every place of a page that a kind fits."""
    for text in page.texts:
        seed = f"{page.path.name} {text.where} {text.markdown[:40]}"
        draw = random.Random(seed)
        for kind, start, old, new in _places(text, draw):
            where = kind
            if page.path.name == "glossary.md":
                where = "glossary"
            yield Mutation(page, text, where, start, old, new)


def _places(
    text: Text, draw: random.Random
) -> Iterator[tuple[str, int, str, str]]:
    seen = visible(text.markdown)
    maths = [match.span() for match in MATHS.finditer(seen)]
    for number in read_numbers(seen):
        kind = _kind_of_number(text, seen, number)
        digits = [
            place
            for place in range(number.start, number.start + number.digits)
            if seen[place].isdigit()
        ]
        place = draw.choice(digits)
        others = sorted(set("0123456789") - {seen[place]})
        yield kind, place, seen[place], draw.choice(others)
        unit = re.compile(rf"\s(?P<unit>{'|'.join(UNITS)})\b")
        if match := unit.match(seen, number.end):
            other = draw.choice([u for u in UNITS if u != match["unit"]])
            yield "units", match.start("unit"), match["unit"], other
    for kind, groups in WORDS.items():
        for group in groups:
            words = group.split()
            for match in re.finditer(rf"\b(?:{'|'.join(words)})\b", seen):
                if not any(a <= match.start() < b for a, b in maths):
                    other = draw.choice([w for w in words if w != match[0]])
                    yield kind, match.start(), match[0], other
    for match in MATHS.finditer(seen):
        if holds.is_formula(match[0]):
            yield from _in_formula(match, draw)
    for match in re.finditer(r"(?<=[\s(=])[−+-](?=\d)", seen):
        if not any(a <= match.start() < b for a, b in maths):
            other = "−" if match[0] == "+" else "+"
            yield "signs", match.start(), match[0], other


def _kind_of_number(text: Text, seen: str, number) -> str:
    """Return the first of the kinds that a number's place and form have."""
    before, after = seen[: number.start], seen[number.end :]
    line = before.rpartition("\n")[2] + after.partition("\n")[0]
    if text.where.endswith(("alt text", "caption")):
        return "alt texts and captions"
    if line.lstrip().startswith("|"):
        return "tables"
    source = text.markdown[: number.start]
    if source.count("<details") > source.count("</details"):
        return "in details"
    shape = holds.shape_around(seen, number)
    if shape and not re.fullmatch(r"(\d)×\1", shape):
        return "shapes"
    if re.fullmatch(r"(?:19|20)\d\d", number.text):
        return "years"
    if number.decimal or number.scale != 1:
        return "decimals, %"
    return "large numbers" if number.value >= 1000 else "small integers"


def _in_formula(
    match: re.Match, draw: random.Random
) -> Iterator[tuple[str, int, str, str]]:
    """Change a symbol, an exponent or an operator of a formula."""
    bare = re.sub(
        r"\\[A-Za-z]+(?:\{\w+\})?", lambda m: " " * len(m[0]), match[0]
    )
    places = [m.start() for m in re.finditer(r"[A-Za-z0-9+−-]", bare)]
    if not places:
        return
    place = draw.choice(places)
    old = bare[place]
    if old.isdigit():
        pool = sorted(set("123456789") - {old})
    elif old.isalpha():
        pool = sorted(set(re.findall("[A-Za-z]", bare)) - {old}) or ["z"]
    else:
        pool = ["-"] if old == "+" else ["+"]
    yield "formulas", match.start() + place, old, draw.choice(pool)


def in_bound_section(mutation: Mutation) -> bool:
    """Return whether it lies where a bound section must see it.

    That is: any number and formula of the section, and any word of a
    bound sentence.
    """
    if mutation.kind not in (*WORDS, "units", "signs"):
        return True
    spans = holds.bound_spans(mutation.page, mutation.text)
    end = mutation.start + len(mutation.old)
    return any(a <= mutation.start and end <= b for a, b in spans)
