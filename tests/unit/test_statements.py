"""Sentences whose words follow from values, and formulas beside functions."""

import math
from typing import NamedTuple

import pytest

from onebyone.formulas import evaluate
from onebyone.statements import (
    ahead,
    best,
    either,
    formula,
    listing,
    more,
    number_word,
    ordinal,
    points,
    says,
    times,
)
from onebyone.study import Difference

LEAD = Difference(0.0062, 0.0019, 10)
BEHIND = Difference(-0.0049, 0.0014, 10)
NULL = Difference(-0.0002, 0.0016, 10)


def test_says_prints_one_line_a_sentence(capsys):
    says("{} adds {}, or {:,} and {share:.1%}", "it", LEAD, 1234, share=0.5)
    said = "it adds +0.62 ± 0.19 points, or 1,234 and 50.0%\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("template", "fields", "complaint"),
    [
        ("{} and {}", [1], "no field 1"),
        ("{name}", [], "no field 'name'"),
        ("{}", [1, 2], "leaves out: 1"),
        ("{}", [math.nan], "says nothing"),
        ("{}", [math.inf], "says nothing"),
        ("{}", [Difference(0.1, math.nan, 1)], "says nothing"),
        ("{}", ["a\nb"], "one line"),
        ("{}", [" "], "one line"),
    ],
)
def test_a_wrong_sentence_is_refused(template, fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        says(template, *fields)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (number_word(0), "zero"),
        (number_word(12), "twelve"),
        (ordinal(1), "first"),
        (ordinal(10), "tenth"),
        (ahead(LEAD), "ahead of"),
        (ahead(BEHIND), "behind"),
        (ahead(NULL), "not distinguishable from"),
        (ahead(0.2, margin=0.1), "ahead of"),
        (ahead(-0.05, margin=0.1), "not distinguishable from"),
        (either(BEHIND, "adds", "costs"), "costs"),
        (either(NULL, "adds", "costs", "changes"), "changes"),
        (more(3, 2), "more"),
        (more(2, 3), "fewer"),
        (more(2, 2), "just as many"),
        (points(BEHIND), "0.49 ± 0.14 points"),
        (times(2), "twice"),
        (times(9.0), "nine times"),
        (times(9.677), "9.7 times"),
        (times(2.04), "2.0 times"),
        (times(1234.5, digits=0), "1,234 times"),
        (best({"A": 0.1, "B": 0.3}), "B"),
        (best({"A": 0.1, "B": 0.3}, lowest=True), "A"),
        (listing(["A"]), "A"),
        (listing([1, 2, 3]), "1, 2 and 3"),
    ],
)
def test_words_follow_from_values(words, expected):
    assert words == expected


@pytest.mark.parametrize(
    ("helper", "value"),
    [
        (number_word, 13),
        (number_word, -1),
        (number_word, 1.5),
        (ordinal, 0),
        (ordinal, 11),
        (ahead, math.nan),
        (points, Difference(math.nan, 0.1, 1)),
        (times, 0.5),
        (times, math.nan),
        (best, {}),
        (best, {"A": math.nan}),
        (best, {"A": 1, "B": 1}),
        (listing, []),
    ],
)
def test_a_value_without_a_word_is_refused(helper, value):
    with pytest.raises(ValueError):
        helper(value)


def test_no_difference_has_no_direction_unless_a_word_is_given():
    with pytest.raises(ValueError, match="no difference"):
        either(NULL, "adds", "costs")


class Sizes(NamedTuple):
    """What the formulas below are evaluated at."""

    k: int = 3
    C_in: int = 4
    n: int = 224


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("256·64 + 9·64·64", 53_248),
        (r"k^2\, C_\text{in}", 36),
        ("C_{in}k²", 36),
        (r"\frac{n - k}{2} + 1", 111.5),
        (r"\left\lfloor \frac{n - k}{2} \right\rfloor + 1", 111),
        ("⌈n/k⌉", 75),
        ("2(k + 1) − k", 5),
        ("1{,}000 k", 3000),
        ("2^{-1}", 0.5),
        ("−k + 4", 1),
        (r"3 \times 4 \cdot 2 / 6", 4),
        (r"\max(0, k − n)", 0),
        (r"\min(n,\ 2k) + 1", 7),
    ],
)
def test_a_formula_is_evaluated_as_it_is_written(source, value):
    assert evaluate(source, Sizes()._asdict()) == value


@pytest.mark.parametrize(
    "source",
    [
        *["", "2 +", "(1", "x", "1/0", "9^9^9^9", "10^65", "__import__"],
        *["2 $ 3", r"\min 3", r"\max(2, 3", "(2, 3)"],
    ],
)
def test_what_is_no_formula_is_refused(source):
    with pytest.raises(ValueError):
        evaluate(source, {})


def test_a_formula_beside_its_function_is_printed(capsys):
    formula(r"C_\text{in}\, k^2", lambda k, C_in: k * k * C_in)
    assert capsys.readouterr().out == "$C_\\text{in}\\, k^2$\n"


def test_a_formula_that_its_function_does_not_compute_is_refused():
    with pytest.raises(ValueError, match="the function"):
        formula("k^2 C", lambda k, C: k**3 * C)
