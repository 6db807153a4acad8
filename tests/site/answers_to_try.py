"""Answers as a reader types them, each with what a notebook would hold.

`of(task)` makes them from the task: what is right in many forms, what each
mistake leads to, what is nearly right, and what is no answer at all.
"""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy

from onebyone.check.engine import Choice, Group, Number, Shape
from onebyone.check.engine.tasks import Task

Try = tuple[Any, Any]  # what is typed, and what the check gets
BLANK = ["", "   "]
UNREADABLE = ["abc", "1,5", "1.992.166", "3 4", "(", "2 +", "1/0", "9^9^9"]
UNREADABLE += ["nan", "2**", "1e", "_1", "1__0", "$5", "<b>1</b>", "x" * 200]


class Unread(str):
    """What no number can be read from: a check gets it as a text."""


def of(task: Task) -> list[Try]:
    makers = {Number: of_number, Shape: of_shape, Group: of_group}
    return list(makers.get(type(task), of_choice)(task))


def of_number(task: Number) -> Iterator[Try]:
    wrong = [mistake.wrong(**task.given) for mistake in task.known]
    right = task.right(**task.given)
    for value in (right, *wrong, *near(right)):
        yield from forms(value)
    yield from no_numbers()


def no_numbers() -> Iterator[Try]:
    yield from ((text, ...) for text in BLANK)
    yield from ((text, Unread(text)) for text in UNREADABLE)
    yield from [("1e999", float("inf")), ("-1e999", -float("inf"))]
    yield from [
        ("10^30 + 1", 10**30 + 1),
        ("-7//2", -7 // 2),
        ("7%-3", 7 % -3),
    ]
    yield from [("2^-1", 2**-1), ("-3²", -(3**2)), ("2·(3+4)", 14)]
    yield from [("1e-7", 1e-7), ("0.00001234567", 0.00001234567)]
    yield from [("123456.5", 123456.5), ("0.5", 0.5), ("1e300/3", 1e300 / 3)]
    yield from [("10^25/7", 10**25 / 7), ("6.02e23", 6.02e23), (".5e-3", 5e-4)]


def near(right: Any) -> Iterator[Any]:
    """Yield numbers that have something of the right one."""
    yield from (-right, right + 1, right - 1, 0, 7**31, 41, 0.123)
    yield from (right * 10**n for n in (1, 2, 3, 6, 9, 12))
    yield from (right / 10**n for n in (1, 2, 3, 6, 9))
    yield from (float(f"{float(right):.{n}e}") for n in range(5))
    yield from (right * factor for factor in (2, 4, 0.5, 0.991, 1.009, 1.02))
    yield float(numpy.float32(right))
    yield right / 3


def forms(value: Any) -> Iterator[Try]:
    """Yield the ways to type a number."""
    value = value.item() if isinstance(value, numpy.generic) else value
    if isinstance(value, Fraction):
        value = value.numerator / value.denominator
    if isinstance(value, float):
        yield repr(value), value
        yield f" {value!r} ".replace("-", "−"), value
        return
    yield from ((f"{value}", value), (f"{value:,}", value))
    yield from ((f"{value:_}", value), (f"{value:,}".replace(",", " "), value))
    yield from ((f"{value}.0", float(value)), (f"({value})", value))
    yield f"{value * 6}/6", value * 6 / 6
    yield f"{value - 1} + 1", value
    digits = f"{value}".rstrip("0")
    if value and (zeros := len(f"{value}") - len(digits)):
        yield f"{digits}·10^{zeros}", value
        yield f"{digits}×10⁠{zeros}".replace("⁠", "**"), value
        yield f"{digits}e{zeros}", float(value)


def of_shape(task: Shape) -> Iterator[Try]:
    right = tuple(task.right(**task.given))
    shapes = [tuple(m.wrong(**task.given)) for m in task.known]
    shapes += [right, right[:-1], (*right, 3), (91,), (5, 93, 2, 7), (1000, 2)]
    shapes += itertools.permutations(right)
    shapes += [
        tuple(n + (i == k) for i, n in enumerate(right)) for k in (0, 1)
    ]
    shapes += [(*right[:-1], bad) for bad in (-1, 2.5, 3.0, 1e-7, 1e22)]
    for shape in shapes:
        yield repr(shape), shape
        yield repr([*shape]) if len(shape) > 1 else repr(shape), shape
        if len(shape) > 1:
            yield "×".join(map(repr, shape)), shape
            yield " x ".join(map(repr, shape)), shape
            yield " ".join(map(repr, shape)), shape
    yield from ((text, ...) for text in BLANK)
    yield from [("8", 8), ("1,000", (1, 0)), ("2.5", 2.5), ("2000", 2000)]
    yield from ((text, Unread(text)) for text in ("abc", "(2, b)", "(2, 3"))


def of_group(task: Group) -> Iterator[Try]:
    parts = {name: of(part) for name, part in task.parts.items()}
    right = {name: own[0] for name, own in parts.items()}
    rights = [
        {name: own[n % 6] for name, own in parts.items()} for n in range(6)
    ]
    spoilt = [
        right | {name: one} for name, own in parts.items() for one in own
    ]
    longest = max(map(len, parts.values()))
    mixed = [
        {name: own[(7 * n) % len(own)] for name, own in parts.items()}
        for n in range(longest)
    ]
    exchanged = [
        right
        | {
            one: in_box_of(task.parts[one], right[other]),
            other: in_box_of(task.parts[other], right[one]),
        }
        for one, other in itertools.combinations(right, 2)
    ]
    for chosen in (*rights, *spoilt, *mixed, *exchanged):
        typed = {name: text for name, (text, _) in chosen.items()}
        yield typed, {name: value for name, (_, value) in chosen.items()}


def in_box_of(part: Task, tried: Try) -> Try:
    """Return the same, typed into the box of another part."""
    text, value = tried
    a_shape = isinstance(part, Number) and isinstance(value, tuple)
    return (text, Unread(text)) if a_shape else tried


def of_choice(task: Choice) -> Iterator[Try]:
    letters = sorted({*task.right, *task.wrong})
    for count in range(1, len(letters) + 1):
        for chosen in itertools.combinations(letters, count):
            yield "".join(chosen), "".join(chosen)
    for text in (task.right.upper(), ", ".join(reversed(task.right))):
        yield text, text
    for between in (" and ", "/", "+"):
        yield between.join(task.right), between.join(task.right)
    for text in ("?", "zz", "the first", "a'b", "b" * 200):
        yield text, text
    yield from ((text, ...) for text in BLANK)
