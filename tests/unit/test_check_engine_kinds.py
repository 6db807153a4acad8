"""What each kind of task takes for right, and what it says of the rest."""

import fractions
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from check_examples.hostile import NastyModule, quick
from check_examples.samples import (
    array,
    both,
    choice,
    count,
    layer,
    mean,
    message,
    results,
    shape,
)
from onebyone.check.engine import (
    Function,
    Number,
    Results,
    apply,
    best_of,
    lead_of_best,
    mistakes,
    symbols,
)
from onebyone.check.engine.verdicts import NOT_ATTEMPTED


@quick
@given(
    number=st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.fractions(),
    c=st.integers(2, 500),
    k=st.sampled_from([3, 5, 7]),
)
def test_a_number_is_correct_only_if_it_is_the_right_one(number, c, k):
    task = count.with_given({"c": c, "k": k})
    right = k * k * c * c + c
    assert bool(task(number)) == (number == right)
    assert task(right) and task(float(right)) and task(torch.tensor(right))
    assert task(np.int64(right)) and task(fractions.Fraction(right))
    assert "No biases." in task(right - c).message


@quick
@given(st.lists(st.integers(0, 9), max_size=6))
def test_a_shape_is_correct_only_if_every_axis_is(sizes):
    assert bool(shape(tuple(sizes))) == (sizes == [2, 3, 5, 7])


def changes(X: Tensor) -> Tensor:
    X *= 2
    return X.mean((2, 3)) / 2


def builds_nothing(i: int, o: int) -> None:
    nn.Conv2d(i, o, 3)


def uncopied(i: int, o: int) -> nn.Module:
    net = nn.Conv2d(i, o, 3, padding=1)
    net.numbers = (n for n in range(3))
    return net


class InFloat64(nn.Conv2d):
    def forward(self, X: Tensor) -> Tensor:
        Y = super().forward(X)
        return (Y @ torch.eye(Y.shape[-1], dtype=torch.float64)).relu()


def in_float64(i: int, o: int) -> nn.Module:
    return InFloat64(i, o, 3, padding=1)


def gives_nothing(X: Tensor) -> None:
    X.mean((2, 3))


SAID = {
    count: [
        ("36928", "is text"),
        ((36, 928), "is a tuple"),
        (True, "is not a number"),
        ([36928], "is not a number"),
        (36928j, "is not a real number"),
        (math.nan, "is not finite"),
        (-math.inf, "is not finite"),
        (len, "is a function"),
        (torch.ones(3), "of shape (3,) is not one number"),
        (36.928, "check the unit"),
        (36_928_000, "check the unit"),
        (36_900, "close: is it rounded"),
        (-36_928, "look at its sign"),
        (36_864, "No biases."),
        (99, "99 is not right."),
        (torch.tensor(36_928.0) * 1_000, "check the unit"),
    ],
    shape: [
        ((2, 3, 5), "3 axes where there should be 4"),
        ((2, 3, 7, 5), "axis 2, height"),
        (torch.ones(2, 3, 5, 7), "Give the shape, not the tensor"),
        ("2357", "is not a shape"),
        ((2, 3, 5, 7.5), "impossible"),
        ((2, 3, 5, -7), "impossible"),
    ],
    choice: [
        ("b", "b is wrong"),
        ("abc", "b is wrong"),
        ("a", "Something is missing"),
        ("d", "not one of the options"),
        (["a", "c", 5], "not one of the options"),
        (1, "not one of the options"),
    ],
    mean: [
        (changes, "changes its input `X`"),
        (gives_nothing, "Is there a `return`?"),
        (lambda X: X, "gives the shape (2, 3, 5, 7), which is not"),
        (lambda X: X.mean((1, 2)), "Axes. Which?"),
        (lambda X: X.mean((2, 3)).half(), "a tensor of `torch.float16`"),
        (lambda X: X.mean((2, 3)).long(), "a tensor of `torch.int64`"),
        (lambda X: X.mean((2, 3)).to("meta"), "on the device `meta`"),
        (lambda X: X.mean((2, 3)).numpy(), "not a tensor"),
        (lambda X: X.mean((2, 3)) + 1j, "complex"),
        (
            lambda X: X.sum((2, 3)),
            "at index (0, 0), which is not right, and so for 6",
        ),
        (
            lambda X: (X @ torch.eye(7, dtype=torch.float64)).mean((2, 3)),
            "for float32, as images and weights are, your function raised",
        ),
        (lambda X: X.nosuch, "`AttributeError`: 'Tensor' object has no"),
        (lambda: 1, "`TypeError`"),
        (nn.Conv2d, "is a class"),
        (torch.ones(2), "not a function"),
    ],
    layer: [
        (lambda i, o: nn.Conv2d(i, o, 3), "Shrinks. Pad."),
        (lambda i, o: nn.Conv2d(i, o, 3, padding=1), "computes something"),
        (
            lambda i, o: nn.Conv2d(i, o, 1),
            "has 12 parameters, which is too few",
        ),
        (lambda i, o: nn.Flatten(), "gives the shape (1, 60)"),
        (lambda i, o: NastyModule(), "`NastyError`"),
        (lambda i, o: nn.Conv2d, "not an `nn.Module`"),
        (builds_nothing, "Is there a `return`?"),
        (lambda i: nn.ReLU(), "Building it with (2, 4) raised `TypeError`"),
        (uncopied, "Your module cannot be copied: copying it raised"),
        (in_float64, "works with float64 alone; for images of float32 it"),
        (nn.Conv2d(2, 4, 3), "Pass the class or function"),
    ],
    results: [
        (0.7, "in a dictionary with the keys 'a', 'b'"),
        ({"a": 0.7}, "no accuracy under the key 'b'"),
        ({"a": 0.7, "b": "good"}, "'good', not a number"),
        ({"a": 0.7, "b": 80}, "Is it a percentage"),
        ({"a": 0.7, "b": 0.1}, "has hardly learnt anything"),
        ({"a": 0.7, "b": 0.8}, "Keep the trained networks"),
        ({"a": 0.7, "b": [0.8, 0.9]}, "where one is asked for"),
    ],
}


@pytest.mark.parametrize(
    ("task", "answer", "phrase"),
    [(task, *said) for task in SAID for said in SAID[task]],
)
def test_what_is_said_of_a_wrong_answer(task, answer, phrase):
    assert phrase in message(task, answer)


def test_right_answers_may_come_in_other_forms():
    assert shape(torch.Size([2, 3, 5, 7])) and shape([2, 3, 5, 7])
    assert choice("A, C") and choice(["c", "a"]) and choice({"a", "c"})
    assert choice("a and c") and choice("A/C") and choice("a\nc")
    nets = {"a": nn.Linear(1, 2), "b": nn.Linear(1, 3)}
    assert results({"a": 0.7, "b": torch.tensor(0.8)}, nets)
    assert results({"a": ..., "b": ...}).state == NOT_ATTEMPTED
    rows = Results(
        "Rows",
        ("a", "b"),
        columns=["x", "y"],
        measure=lambda nets: {"a": (0.7, 0.2), "b": (0.8, 0.3)},
    )
    table = {"a": torch.tensor([0.7, 0.2]), "b": np.array([0.8, 0.3])}
    assert rows(table, nets)


def test_a_table_that_its_networks_give_is_not_suspected():
    nets = {"a": nn.Linear(1, 2), "b": nn.Linear(1, 3)}
    assert "b is worse." in message(results, {"a": 0.7, "b": 0.6}, nets)
    assert "are the same" in message(results, {"a": 0.7, "b": 0.7}, nets)
    equal = Results(
        "Equal",
        ("a", "b"),
        measure=lambda nets: dict.fromkeys(nets, 0.7),
        fault=lambda table: "b is no better.",
    )
    assert equal({"a": 0.7, "b": 0.7}, nets)


def test_networks_that_cannot_be_evaluated_or_are_mixed_up_are_named():
    nets = {"a": nn.Linear(1, 2), "b": nn.Linear(1, 3)}
    table = {"a": 0.7, "b": 0.8}
    task = Results(
        "Nets",
        ("a", "b"),
        measure=lambda nets, X: {key: nets[key](X) for key in nets},
        mixed_up=lambda nets, table: (
            "b is not b." if nets["b"].out_features != 3 else None
        ),
    )
    text = message(task, table, nets, torch.ones(1, 9))
    assert "cannot be evaluated as the task does it: it raised" in text
    other = {"a": nn.Linear(1, 2), "b": nn.Linear(1, 4)}
    assert "b is not b." in message(task, table, other, torch.ones(1, 1))


def test_each_value_of_a_group_is_judged_on_its_own():
    assert both(a=10, b=(3, 2)) and both(10, (3, 2)) and both(10, b=[3, 2])
    assert both(a=..., b=...).state == both().state == NOT_ATTEMPTED
    text = message(both, a=10)
    assert text.startswith("a: correct.\nb: There is no answer yet.")
    assert text.count("helps") == 1
    text = message(both, 9, (2, 3))
    assert "a: One less. Count again.\nb: (2, 3) is" in text
    assert "Unknown names" in message(both, a=10, c=3)
    assert "You gave 3 answers; asked for are 2: a, b" in message(
        both, 10, (3, 2), 7
    )


LARGE = 762_297_353  # not a float32
large = Number("MACs", lambda n: n, {"n": LARGE})


@pytest.mark.parametrize(
    "rounded",
    [
        torch.tensor(float(LARGE)),
        torch.tensor([LARGE]).float(),
        np.float32(LARGE),
        torch.tensor(float(LARGE)).item(),
        int(np.float32(LARGE)),
    ],
    ids=str,
)
def test_what_is_said_of_a_number_that_float32_has_rounded(rounded):
    assert "float32 rounds" in message(large, rounded)
    assert large(LARGE) and large(float(LARGE)) and large(np.int64(LARGE))
    assert "float32" not in message(large, LARGE + 1_000)


def draw_map(draw) -> dict:
    return {"X": draw.tensor(2, 3)}


identity = Function("Identity", lambda X: X.clone(), draw_map)
every_other = Function("Every other", lambda X: X[:, ::2], draw_map)


def test_a_view_of_the_input_is_named():
    for function in (lambda X: X, lambda X: X.view(2, 3), lambda X: X[:]):
        verdict = identity(function)
        assert verdict and "shares its memory with `X`" in verdict.message
    assert "shares" not in identity(torch.clone).message
    assert "shares" not in every_other(lambda X: X[:, ::2]).message


def draw_two(draw) -> dict:
    return {"X": draw.tensor(2, 3), "W": draw.tensor(3, 4)}


product = Function("A product", torch.matmul, draw_two, banned=["mm", "*lin*"])


def by_linear(X: Tensor, W: Tensor) -> Tensor:
    return nn.functional.linear(X, W.T)


def linear_by_hand(X: Tensor, W: Tensor) -> Tensor:
    return (X[:, :, None] * W).sum(1)


def test_a_gradient_that_is_cut_off_is_named():
    cut = product(lambda X, W: X @ W.detach())
    assert cut and "not the gradient that passes" in cut.message
    none = product(lambda X, W: (X @ W).detach())
    assert none and "no gradient passes" in none.message
    assert "gradient" not in product(torch.matmul).message
    pair = Function("Both", lambda X, W: (2 * X, W + 1), draw_two)
    half = pair(lambda X, W: (2 * X, (W + 1).detach()))
    assert half and "not the gradient that passes" in half.message
    assert "gradient" not in pair(lambda X, W: [X + X, 1 + W]).message


def test_what_is_banned_may_not_stand_in_a_helper_but_name_one():
    assert product(lambda X, W: linear_by_hand(X, W))
    text = message(product, lambda X, W: by_linear(X, W))
    assert "uses `linear`, which the task does not allow" in text


def test_a_list_that_a_function_is_given_stays_as_it_was():
    total = Function("Total", lambda n: sum(n), lambda draw: {"n": [1, 2, 3]})
    assert total(sum)
    text = message(total, lambda n: n.pop() + sum(n))
    assert "changes its input `n`" in text


def test_own_parameters_may_have_any_name():
    class Own(nn.Module):
        def __init__(self, i: int, o: int) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.zeros(o, i, 3, 3))
            self.shift = nn.Parameter(torch.zeros(o))

        def forward(self, X: Tensor) -> Tensor:
            Y = nn.functional.conv2d(X, self.kernel, self.shift, padding=1)
            return Y.relu()

    assert layer(Own)


def test_what_is_said_of_tensors():
    X = torch.tensor([[1.0, 3.0]])
    assert array(2 * X, X) and array((2 * X).numpy(), X)
    assert array([[2.0, 6.0]], X) and array([2 * X[0]], X)
    assert "Squared." in message(array, X**2, X)
    assert "1 axis where there should be 2" in message(array, torch.ones(2), X)
    assert "1 of 2 values are not right" in message(array, [[2.0, 5.0]], X)
    assert "`meta`" in message(array, X.to("meta"), X)
    assert "not a tensor" in message(array, 3, X)
    assert "The check takes other arguments" in message(array, X)


def test_a_function_is_asked_with_the_same_arguments_each_time():
    seen = []

    def spy(X):
        seen.append(X.clone())
        return X.mean((2, 3))

    assert mean(spy) and mean(spy)
    half = len(seen) // 2
    halves = seen[:half], seen[half:]
    assert all(torch.equal(a, b) for a, b in zip(*halves))
    single = [X.dtype == torch.float32 for X in seen[:half]]
    assert half >= mean.cases and sum(single) == 1  # what images are


# --- Formulas and mistakes -------------------------------------------------


def test_a_formula_is_worked_out_as_python_does():
    a, b = symbols("a b")
    terms = {
        (a + 2) * b - 5 + b: 19,
        3 - a / b: 2.25,
        -(2 * a // b) + 10 % a + b % a: 1,
        2**a - a**2 + 9 // a + 1 / b: 2.25,
        apply(max, a, b, 2): 4,
    }
    for term, value in terms.items():
        assert term(a=3, b=4) == value


def test_a_formula_takes_another_one_in_place_of_a_number():
    a, b = symbols("a b")
    assert (a * b)(a=b + 1, b=2 * b)(b=3) == 24


def test_a_recurring_mistake_may_have_another_nudge():
    known = {
        10: mistakes.flops_for_macs,
        7: mistakes.flops_for_macs.but("Count again."),
    }
    macs = Number("", 5, mistakes=known)
    assert "These are FLOPs. One MAC is two FLOPs." in message(macs, 10)
    assert "These are FLOPs. Count again." in message(macs, 7)
    assert "FLOPs" not in message(macs, 31)


# --- Predictions -----------------------------------------------------------


TABLE = {"a": 0.7, "b": 0.8}


def predicted(**guesses):
    return str(foretelling.predict(**guesses))


foretelling = Results(
    "Two runs",
    ("a", "b"),
    measure=lambda nets: TABLE,
    foretold={"best": best_of, "by": lead_of_best},
    recorded=lambda: "A study says the same.",
)


@pytest.fixture
def nothing_foretold():
    foretelling.forget()


def run() -> str:
    nets = {key: nn.Linear(2, 2) for key in TABLE}
    return foretelling(TABLE, nets).message


@pytest.mark.usefixtures("nothing_foretold")
class TestPredictions:
    def test_the_verdict_compares_them_with_what_came_out(self):
        assert "It is kept" in predicted(best="a", by=0.02)
        assert run() == (
            "You predicted best = 'a', by = 0.02; it came out as best = 'b',"
            " by = 0.1. A study says the same."
        )

    def test_the_first_one_stays(self):
        predicted(best="a", by=0.02)
        assert "it stays: best = 'a', by = 0.02" in predicted(best="b", by=1)
        assert "It is kept" in predicted(best="a", by=0.02)

    def test_after_the_run_it_is_too_late(self):
        assert "You made no prediction" in run()
        assert "results are there already" in predicted(best="b", by=0.1)
        assert "You made no prediction" in run()

    def test_it_must_be_whole(self):
        assert "There is none yet" in predicted(best=..., by=...)
        assert "It takes `best=…`, `by=…`." in predicted(best="a")
        assert "You made no prediction" in run()
