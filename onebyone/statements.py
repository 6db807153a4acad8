"""Sentences whose words follow from values, for the proofs of a page.

A proof cell prints with :func:`says` what its section claims. Every number,
name and word of direction in such a sentence comes out of a value, so that
another value makes another sentence, and a test finds what was printed, word
for word, in the text of the section:

    lead = study.difference(runs, "test_accuracy", two, one)
    says("the second layer is {} one by {}", ahead(lead), points(lead))
"""

import math
import numbers
import random
import string
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, Protocol, cast

from onebyone.formulas import evaluate

# fmt: off
NUMBERS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight",
    "nine", "ten", "eleven", "twelve",
]
ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh",
    "eighth", "ninth", "tenth",
]
# fmt: on


class Measured(Protocol):
    """A difference with an interval, such as ``study.Difference``."""

    @property
    def mean(self) -> float: ...

    @property
    def half(self) -> float: ...


def says(template: str, *fields: object, **named: object) -> None:
    """Print the sentence that a template and its fields make.

    Raises:
        ValueError: a field is missing, left over, no number (nan) or
            infinite, or the sentence takes more than one line.
    """
    sentence = _Sentence().format(template, *fields, **named)
    if "\n" in sentence or not sentence.strip():
        raise ValueError(f"a sentence is one line, not {sentence!r}")
    print(sentence)


class _Sentence(string.Formatter):
    """Formats strictly: each field is there, is used and is a value."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        try:
            value = super().get_value(key, args, kwargs)
        except (IndexError, KeyError):
            raise ValueError(f"the sentence has no field {key!r}") from None
        finite = [value] if isinstance(value, numbers.Real) else []
        if hasattr(value, "half"):
            finite = [value.mean, value.half]
        if not all(map(math.isfinite, finite)):
            raise ValueError(f"field {key!r} is {value}, which says nothing")
        return value

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> Any:
        names = {*range(len(args)), *kwargs}
        if left := sorted(map(str, names - set(used_args))):
            raise ValueError(f"the sentence leaves out: {', '.join(left)}")


def number_word(n: int) -> str:
    """Return 2 as "two"; from zero to twelve, else a ValueError."""
    return _word(NUMBERS, n, n)


def ordinal(n: int) -> str:
    """Return 2 as "second"; from first to tenth, else a ValueError."""
    return _word(ORDINALS, n - 1, n)


def _word(words: Sequence[str], place: int, n: int) -> str:
    if place != int(place) or not 0 <= place < len(words):
        raise ValueError(f"no word for {n}, only from {words[0]} on to "
                         f"{words[-1]}; write it in digits")  # fmt: skip
    return words[int(place)]


def either(
    value: Measured | float,
    positive: str,
    negative: str,
    null: str = "",
    margin: float = 0.0,
) -> str:
    """Return the word for the sign of a difference.

    Args:
        value: a difference with its interval, or a plain number.
        positive, negative: the words, such as "adds" and "costs".
        null: the word where the interval holds zero, or a plain number is
            no farther from zero than `margin`.
        margin: of a plain number, in its own unit.

    Raises:
        ValueError: there is no difference and no word for that, or nan.
    """
    mean, half = _mean_and_half(value, margin)
    if abs(mean) <= half:
        if not null:
            raise ValueError(f"no difference: {mean} ± {half}")
        return null
    return positive if mean > 0 else negative


def _mean_and_half(
    value: Measured | float, margin: float
) -> tuple[float, float]:
    if isinstance(value, numbers.Real):
        mean, half = float(value), margin
    else:
        mean, half = cast(Measured, value).mean, cast(Measured, value).half
    if not (math.isfinite(mean) and math.isfinite(half)):
        raise ValueError(f"{mean} ± {half} has no direction")
    return mean, half


def ahead(value: Measured | float, margin: float = 0.0) -> str:
    """Return "ahead of", "behind" or "not distinguishable from".

    See :func:`either` for the arguments.
    """
    null = "not distinguishable from"
    return either(value, "ahead of", "behind", null, margin)


def more(a: float, b: float) -> str:
    """Return "more", "fewer" or "just as many", as a is to b."""
    return either(a - b, "more", "fewer", "just as many")


def points(value: Measured) -> str:
    """Return the size of a difference between shares, in percentage points.

    The sign is left to a word, such as that of :func:`ahead`; a field that
    holds the difference itself prints it with its sign.
    """
    mean, half = _mean_and_half(value, 0.0)
    return f"{100 * abs(mean):.2f} ± {100 * half:.2f} points"


def times(ratio: float, digits: int = 1) -> str:
    """Return "twice" for 2, "nine times" for 9, "9.7 times" for 9.68.

    Whole ratios up to twelve are words, others are rounded to `digits`.

    Raises:
        ValueError: the ratio is below one, or nan.
    """
    if not 1 <= ratio < math.inf:
        raise ValueError(f"{ratio} is no ratio of 1 or more; turn it round")
    if ratio == 2:
        return "twice"
    if ratio == int(ratio) and ratio < len(NUMBERS):
        return f"{NUMBERS[int(ratio)]} times"
    return f"{ratio:,.{digits}f} times"


def best(values: Mapping[str, float], lowest: bool = False) -> str:
    """Return the name of the largest value, or of the lowest.

    Raises:
        ValueError: there is none, a value is nan, or two share the place.
    """
    if not values or any(math.isnan(value) for value in values.values()):
        raise ValueError(f"no best of {dict(values)}")
    top = (min if lowest else max)(values.values())
    names = [name for name, value in values.items() if value == top]
    if len(names) > 1:
        raise ValueError(f"{listing(names)} are equally good")
    return names[0]


def listing(names: Sequence[object]) -> str:
    """Return "A", "A and B" or "A, B and C"; a ValueError without any."""
    *rest, last = map(str, names) if names else [""]
    if not last:
        raise ValueError("nothing to list")
    return f"{', '.join(rest)} and {last}" if rest else last


def formula(source: str, function: Callable[..., float]) -> None:
    """Print a formula, between dollar signs, that a function computes, too.

    Both are evaluated at random whole numbers. The function's parameters are
    the formula's symbols: ``C_in`` is ``C_\\text{in}`` or ``C_{in}``.

    Args:
        source: LaTeX as it stands between the dollar signs, or plain text;
            see :func:`onebyone.formulas.evaluate` for what it may hold.
        function: of plain numbers.

    Raises:
        ValueError: they differ, or the formula cannot be read.
    """
    draw = random.Random(source)
    names = list(signature(function).parameters)
    for _ in range(8):
        values = {name: draw.randint(2, 40) for name in names}
        found, wanted = evaluate(source, values), function(**values)
        if not math.isclose(found, wanted, rel_tol=1e-9):
            raise ValueError(
                f"the formula gives {found} and the function {wanted} at "
                + listing([f"{k} = {v}" for k, v in values.items()])
            )
    print(f"${source}$")
