"""Arithmetic in prose: 256·64 + 9·64·64 = 53,248, both sides evaluated."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from onebyone.formulas import evaluate
from tools.claims.numbers import MANTISSA, read_numbers

NUMBER = rf"(?:{MANTISSA})"
SIGN = r"[-+−–*/·×⋅^]|\\(?:times|cdot)(?![a-z])|[⁰¹²³⁴⁵⁶⁷⁸⁹]"
PIECE = (
    rf"(?:{NUMBER}|{SIGN}|[()⌊⌋]|\\(?:d?frac|lfloor|rfloor)(?![a-z])"
    r"|[{}]|\\[,;! ]|[ \n])"
)
EQUATION = re.compile(
    rf"(?<![\w\\.,=≈^_)}}])(?P<left>(?:{NUMBER}|[(⌊]|\\(?:d?frac|lfloor))"
    rf"{PIECE}*?)\s*(?P<sign>=|≈|\\approx)\s*"
    rf"(?P<right>[-−]?(?:{NUMBER}|[(⌊]|\\d?frac)"
    rf"(?:{PIECE}*(?:{NUMBER}|[)}}⌋²³]))?)"
)


@dataclass(frozen=True)
class Equation:
    """An equation of numbers, where it stands, and whether it holds."""

    start: int
    end: int
    text: str
    holds: bool


def equations(text: str) -> Iterator[Equation]:
    """Yield the equations of a text that calculate something."""
    position = 0
    while match := EQUATION.search(text, position):
        # the right side may be the left one of another: a = b = c
        position = match.start("right")
        left, right = match["left"], match["right"]
        calculates = re.search(rf"\d\W*(?:{SIGN}|frac)", left + right)
        if "\n\n" in match[0] or not (calculates or "frac" in match[0]):
            continue
        holds = _holds(left, right, exact=match["sign"] == "=")
        if holds is not None:
            yield Equation(match.start(), match.end(), match[0], holds)


def _holds(left: str, right: str, exact: bool) -> bool | None:
    """Return whether both sides agree, to the digits shown on the right.

    None where a side is nothing that can be evaluated.
    """
    try:
        found, stated = evaluate(left), evaluate(right.strip())
    except ValueError:
        return None
    numbers = list(read_numbers(right))
    if len(numbers) != 1 or (exact and not numbers[0].decimal):
        return abs(found - stated) <= 1e-9 * abs(found)
    return abs(found - stated) <= float(numbers[0].quantum) * 0.5 + 1e-12
