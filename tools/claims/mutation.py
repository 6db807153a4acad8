"""The test of the test: is a changed digit seen?"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tools.claims.numbers import Number
from tools.claims.pages import Page, Text
from tools.claims.prose import claims


@dataclass(frozen=True)
class Mutation:
    """A claim with one digit changed, and whether the test saw it."""

    page: str
    text: Text
    claim: Number
    changed: str
    caught: bool

    def __str__(self) -> str:
        seen = "caught" if self.caught else "missed"
        where = f"{self.page}, {self.text.where}"
        return f"{where}: {seen} {self.claim.text!r} as {self.changed!r}"

    @property
    def large(self) -> bool:
        """Return whether the claim shows four digits or more."""
        return sum(map(str.isdigit, self.claim.text)) >= 4


def mutations(page: Page) -> Iterator[Mutation]:
    """Change one digit of each claim, chosen by a seeded generator."""
    for text in page.texts:
        for claim in claims(text.markdown):
            seed = f"{page.path.name} {text.where} {claim.start}"
            digit, new = _changed_digit(claim, random.Random(seed))
            position = claim.start + digit
            markdown = text.markdown
            markdown = markdown[:position] + new + markdown[position + 1 :]
            caught = any(
                not page.proving(text, mutant)
                for mutant in claims(markdown)
                if mutant.start <= position < mutant.end
            )
            changed = markdown[claim.start : claim.end]
            yield Mutation(page.name, text, claim, changed, caught)


def _changed_digit(claim: Number, generator: random.Random) -> tuple[int, str]:
    mantissa = claim.text[: claim.digits]
    places = [i for i, letter in enumerate(mantissa) if letter.isdigit()]
    place = generator.choice(places)
    others = sorted(set("0123456789") - {mantissa[place]})
    return place, generator.choice(others)
