"""Tasks: what a check knows about one exercise.

A task is called with the student's answer and gives a Verdict. It never
raises, whatever the answer is: `judge` of each kind says *not attempted* and
*not yet* by raising NotAttempted and NotYet, and Task turns these, and all
else that may come up, into a Verdict.

The kinds here take plain answers; code.py has those that take a function, a
module or a tensor.
"""

import copy
import decimal
import inspect
import itertools
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy
import torch

from onebyone.check.engine import kept, questions, verdicts
from onebyone.check.engine.formulas import as_function
from onebyone.check.engine.guard import (
    NotAttempted,
    NotYet,
    TimeUp,
    guarded,
    is_blank,
    show,
    show_error,
)
from onebyone.check.engine.remarks import remark
from onebyone.check.engine.verdicts import Note, Verdict

TRIES = 3  # after so many the solution can be seen


class Mistake(NamedTuple):
    """A mistake that can be recognised by what it leads to.

    Attributes:
        wrong: returns what somebody with this mistake answers, from the same
            arguments as the task's `right`.
        message: one sentence that names the mistake, and one that points the
            way without the answer.
    """

    wrong: Callable
    message: str


@dataclass(eq=False, repr=False)
class Task:
    """One exercise: call it with an answer, or ask it for a hint.

    Attributes:
        title: what the exercise is called in its notebook.
        hints: from a nudge to all but the answer.
        when_correct: what is worth knowing once the answer is right.

    `seconds` is how long the student's code may take, `path` how to reach the
    task (`check.nin.block_parameters`; empty for a part of another task),
    `state` the last verdict's, `tries` how many were *not yet*, and `solved`
    whether one was *correct*.
    """

    title: str
    _: KW_ONLY
    hints: Sequence[str] = ()
    when_correct: str = ""

    # no fields: without annotation
    seconds = 10.0
    path = ""
    state = verdicts.NOT_ATTEMPTED
    solved = False  # and it stays so
    tries = 0
    is_varied = False  # it has numbers of its own
    next_hint = 1

    def __call__(self, *answers: object, **named: object) -> Verdict:
        try:
            verdict = self.judged(answers, named)
        except BaseException:  # whatever an answer may still reach into
            message = "This cannot be judged."
            verdict = Verdict(self.title, verdicts.NOT_YET, message)
        self.state = verdict.state
        self.tries += verdict.state == verdicts.NOT_YET
        if verdict and not self.solved:
            self.solved = True
            kept.keep(self.path)
        return verdict

    def judged(self, answers: tuple, named: dict) -> Verdict:
        """Return the verdict on an answer, and remember nothing of it."""
        output = None
        try:
            with guarded(self.seconds) as output:
                state, message = self._judge(answers, named)
        except TimeUp:
            state = verdicts.NOT_YET
            message = (
                f"It did not finish within {self.seconds:g} seconds."
                " Is there a loop that never ends?"
            )
        if output is not None and output.text.strip():
            message += f"\nYour code printed: {show(output.text.strip())}"
        return Verdict(self.title, state, message.strip())

    def _judge(self, answers: tuple, named: dict) -> tuple[str, str]:
        """Return state and message; raise TimeUp where the time is up."""
        try:
            require_call(self.judge, answers, named)
            remark = self.judge(*answers, **named)
        except TimeUp:
            raise
        except NotAttempted as reason:
            return verdicts.NOT_ATTEMPTED, str(reason)
        except NotYet as reason:
            return verdicts.NOT_YET, str(reason)
        except BaseException as error:
            message = f"This cannot be judged: {show_error(error)}"
            return verdicts.NOT_YET, message
        return verdicts.CORRECT, f"{remark or ''} {self.when_correct}"

    def judge(self, *answers: Any, **named: Any) -> str | None:
        """Judge an answer; a remark on a right one may be returned.

        Raises NotYet or NotAttempted.
        """
        raise NotImplementedError

    def forget(self) -> None:
        """Go back to where there was no answer."""
        self.state, self.solved = verdicts.NOT_ATTEMPTED, False
        self.tries, self.next_hint = 0, 1

    def hint(self, number: int | None = None) -> Note:
        """Return the hint of that number or, without one, the next."""
        if number is None:
            number = min(self.next_hint, len(self.hints))
        if type(number) is not int or not 1 <= number <= len(self.hints):
            return Note(self.title, f"There are {len(self.hints)} hints.")
        self.next_hint = number + 1
        title = f"Hint {number} of {len(self.hints)} · {self.title}"
        return Note(title, self.hints[number - 1])

    def solution(self) -> Note:
        """Return answer and explanation, once it is time for them."""
        if kept.is_graded():
            return Note(self.title, "A class that is graded gets it later.")
        if not self.solved and self.tries < TRIES:
            return Note(
                self.title,
                "The solution can be seen once your answer is correct, or"
                f" after {TRIES} tries.",
            )
        text = questions.solution(self.path)
        if self.is_varied:
            text = f"With the numbers of the notebook:\n\n{text}"
        return Note(self.title, text, markdown=True)

    def pointer(self) -> str:
        """Return where to find a hint, for a task that one can reach."""
        return f"`{self.path}.hint()` helps." if self.path else ""

    def __repr__(self) -> str:
        return f"{self.path}: {self.title}"


def require_call(judge: Callable, answers: tuple, named: dict) -> None:
    """Raise NotYet if a check is called in another way than it is written."""
    try:
        inspect.signature(judge).bind(*answers, **named)
    except TypeError:
        raise NotYet(
            "The check takes other arguments. Call it as the notebook does."
        ) from None


def require_attempt(answer: object) -> None:
    """Raise NotAttempted for a placeholder."""
    if is_blank(answer):
        raise NotAttempted(remark("blank"))


@dataclass(eq=False, repr=False)
class Compared(Task):
    """A task whose answer is compared with a right and with wrong ones.

    Attributes:
        right: the right answer, or what makes it: a formula or a function.
        mistakes: `{wrong: message}`, as in Mistake; where it does not depend
            on the arguments, `wrong` may be the answer itself.
    """

    right: Any
    _: KW_ONLY
    mistakes: Mapping[Any, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.right = as_function(self.right)
        self.known = [
            Mistake(as_function(wrong), str(message))
            for wrong, message in self.mistakes.items()
        ]

    def judge(self, answer: object = ..., *context: object) -> str | None:
        require_attempt(answer)
        mine = self.read(answer)
        fault = self.fault(mine, self.right, *context)
        if not fault:
            return self.remark(mine)
        for mistake in self.known:
            if not self.fault(mine, mistake.wrong, *context):
                fault = mistake.message
                break
        raise NotYet(f"{fault} {self.pointer()}")

    def read(self, answer: object) -> object:
        """Return the answer in a form that can be compared.

        Raises NotYet where there is none.
        """
        raise NotImplementedError

    def fault(self, *context: Any, **_: Any) -> str | None:
        """Return where an answer differs from what a function makes, if so.

        It gets both, and whatever else the check is called with.
        """
        raise NotImplementedError

    def remark(self, mine: Any) -> str | None:
        """Return what there is to say about a right answer."""


# --- Values that follow from given parameters ------------------------------


@dataclass(eq=False, repr=False)
class Value(Compared):
    """An answer that follows from parameters by a formula.

    Attributes:
        given: the parameters as the notebook states them; `right` and
            `wrong` take them as keyword arguments.
        stated: the numbers of its statement, in their order: formulas of the
            parameters, and those that are always the same.
        vary: for `variant`, other values of some of them.
    """

    given: Mapping[str, object] = field(default_factory=dict)
    _: KW_ONLY
    stated: Sequence = ()
    vary: Mapping[str, Sequence] = field(default_factory=dict)

    several = ""  # what to say where there are several answers

    def question(self) -> str:
        """Return what the notebook asks, with these parameters."""
        return questions.question(self.path, self.stated, self.given)

    def judge(self, answer: object = ..., *more: object) -> str | None:
        if more and not is_blank([answer, *more]):
            raise NotYet(self.several)
        return super().judge(answer)

    def fault(self, mine: object, other: Callable) -> str | None:
        theirs = other(**self.given)
        same = self.same(mine, theirs)
        return None if same else self.difference(mine, theirs)

    def takes(self, answer: object) -> bool:
        """Return whether an answer is right."""
        try:
            return self.same(self.read(answer), self.right(**self.given))
        except (NotAttempted, NotYet):
            return False

    def with_given(self, given: Mapping[str, object]) -> "Value":
        """Return the same task for other parameters."""
        twin = copy.copy(self)
        twin.given = {**self.given, **given}
        return twin

    def clashes(self) -> list[str]:
        """Return mistakes that these parameters give another's result."""
        values = [("the right answer", self.right(**self.given))] + [
            (mistake.message, mistake.wrong(**self.given))
            for mistake in self.known
        ]
        return [
            f"{first} = {second}"
            for (first, a), (second, b) in itertools.combinations(values, 2)
            if self.same(a, b) or self.same(b, a)
        ]

    def same(self, value, other) -> bool:
        return value == other

    def difference(self, value, right) -> str:
        return remark("wrong", value=show(value))


@dataclass(eq=False, repr=False)
class Number(Value):
    """A number; `tolerance` is relative and 0 unless given.

    With `decimals`, so many digits after the point are enough, for the right
    answer and for a mistake.
    """

    _: KW_ONLY
    tolerance: float = 0.0
    decimals: int | None = None

    several = (
        "There are several numbers, because a comma separates numbers in"
        " Python. Write `1000` or `1_000`, not `1,000`."
    )

    def read(self, answer: object) -> Fraction:
        return number(answer)

    def same(self, value, other) -> bool:
        value, other = Fraction(value), Fraction(other)
        if abs(value - other) <= Fraction(self.tolerance) * abs(other):
            return True
        return self.decimals is not None and float(value) == round(
            float(other), self.decimals
        )

    def difference(self, value, right) -> str:
        flaw = self.flaw(value, Fraction(right))
        return remark(flaw, value=number_text(value))

    def flaw(self, value: Fraction, right: Fraction) -> str:
        """Return which of the remarks a wrong number gets."""
        if value * right <= 0:
            return "sign"
        if value == as_float32(right):
            return "float32"
        for exponent in (-9, -6, -3, 3, 6, 9):
            if abs(value / right / Fraction(10) ** exponent - 1) < 1e-12:
                return "unit"
        if abs(value / right - 1) <= Fraction(1, 100):
            return "close"
        return "wrong"


def as_float32(value: Fraction) -> Fraction | None:
    """Return a large whole number as float32 rounds it."""
    if value.denominator == 1 and 2**24 < abs(value) < 2**127:
        return Fraction(float(numpy.float32(int(value))))
    return None


def number(answer: Any) -> Fraction:
    """Return a real number, exactly; raise NotYet if it is not one."""
    if isinstance(answer, str | bytes):
        raise NotYet(
            f"{show(answer)} is text. Write a number without quotes or"
            " commas, such as `1000` or `1_000`."
        )
    if isinstance(answer, torch.Tensor | numpy.ndarray):
        if math.prod(answer.shape) != 1:
            raise NotYet(f"{show(answer).capitalize()} is not one number.")
        answer = answer.item()
    if isinstance(answer, bool | numpy.bool_):
        raise NotYet(f"{answer} is not a number.")
    if type(answer) is tuple:
        raise NotYet(
            f"{show(answer)} is a tuple, because a comma separates numbers"
            " in Python. Write `1000` or `1_000`, not `1,000`."
        )
    if callable(answer):
        raise NotYet("This is a function or class. Pass what it returns.")
    if isinstance(answer, decimal.Decimal):
        # its exponent may be astronomical, and a signalling NaN raises
        answer = float("nan" if answer.is_nan() else answer)
    if not isinstance(answer, numbers.Number):
        raise NotYet(f"{show(answer)} is not a number.")
    if isinstance(answer, numbers.Rational):  # maybe of SymPy, without `imag`
        return Fraction(int(answer.numerator), int(answer.denominator))
    if getattr(answer, "imag", 0):
        raise NotYet(f"{show(answer)} is not a real number.")
    real: Any = getattr(answer, "real", answer)
    try:
        return Fraction(real)
    except TypeError:  # numpy's float32 and relatives
        return Fraction(float(real))
    except (ValueError, OverflowError):
        raise NotYet(remark("infinite", value=show(answer))) from None


def number_text(value: Fraction) -> str:
    if value.denominator == 1:
        return show(int(value))
    return f"{float(value):.6g}"


@dataclass(eq=False, repr=False)
class Shape(Value):
    """A shape, as a tuple; `axes` names its axes for the messages."""

    _: KW_ONLY
    axes: Sequence[str] = ()

    several = (
        "There are several numbers. A shape is one tuple, with brackets of"
        " its own: `check(…)((2, 3))`."
    )

    def read(self, answer: object) -> tuple[int, ...]:
        if isinstance(answer, torch.Tensor | numpy.ndarray):
            if answer.ndim != 1 or len(answer) == 1:
                raise NotYet("Give the shape, not the tensor that has it.")
            answer = answer.tolist()
        if not isinstance(answer, tuple | list):
            raise NotYet(remark("no shape", value=show(answer)))
        if any(isinstance(size, tuple | list) for size in answer):
            raise NotYet(
                f"{show(answer)} has brackets within brackets. Is there a"
                " comma or a bracket too many?"
            )
        sizes = tuple(number(size) for size in answer)
        if any(size.denominator != 1 or size < 0 for size in sizes):
            raise NotYet(remark("impossible size", value=show(answer)))
        return tuple(int(size) for size in sizes)

    def same(self, value, other) -> bool:
        return tuple(value) == tuple(other)

    def difference(self, value, right) -> str:
        value_text, count, wanted = show(value), len(value), len(right)
        if count != wanted:
            which = "one axis" if count == 1 else "axes"
            about = {"count": count, "wanted": wanted}
            return remark(which, value=value_text, **about)
        axis = first_difference(value, right)
        name = f", {self.axes[axis]}" if self.axes else ""
        return remark("axis", value=value_text, axis=axis, name=name)


def shape_fault(value: Sequence[int], right: Sequence[int]) -> str:
    """Return in what a shape differs, without saying what is right."""
    if len(value) != len(right):
        axes = "1 axis" if len(value) == 1 else f"{len(value)} axes"
        return f"{axes} where there should be {len(right)}."
    axis = first_difference(value, right)
    return f"the first wrong axis is axis {axis}."


def first_difference(value: Sequence[int], right: Sequence[int]) -> int:
    return next(i for i, v in enumerate(value) if v != right[i])


@dataclass(eq=False, repr=False)
class Group(Task):
    """Several values of one kind of thing, each with mistakes of its own.

    The answers come by name: `check.nin.costs(parameters=…, macs=…)`.

    Attributes:
        parts: by name, each a Value; or for a number a table of answers, the
            right one first: `{right: CORRECT, wrong: message, …}`.
        given, stated, vary: those of all parts together.
    """

    parts: Mapping[str, Any]
    given: Mapping[str, object] = field(default_factory=dict)
    _: KW_ONLY
    stated: Sequence = ()
    vary: Mapping[str, Sequence] = field(default_factory=dict)

    def question(self) -> str:
        return questions.question(self.path, self.stated, self.given)

    def __post_init__(self):
        self.parts = {
            name: (
                value if isinstance(value, Value) else part(value)
            ).with_given(self.given)
            for name, value in self.parts.items()
        }
        for name, value in self.parts.items():
            value.title = name

    def judge(self, *answers: object, **named: object) -> None:
        if len(answers) > len(self.parts):
            raise NotYet(
                f"You gave {len(answers)} answers; asked for are"
                f" {len(self.parts)}: {', '.join(self.parts)}."
            )
        named = dict(zip(self.parts, answers)) | named
        if unknown := set(named) - set(self.parts):
            raise NotYet(f"Unknown names: {show(sorted(unknown))}.")
        require_attempt([named.get(name) for name in self.parts])
        lines, done = [], True
        for name, part in self.parts.items():
            try:
                part.judge(named.get(name))
                says = remark("part correct")
            except (NotAttempted, NotYet) as reason:
                other = self.exchanged(name, named)
                about = {"name": other}
                says = remark("exchanged", **about) if other else str(reason)
                done = False
            lines.append(f"{name}: {says.strip()}")
        if not done:
            raise NotYet("\n".join([*lines, self.pointer()]))

    def exchanged(self, name: str, named: dict) -> str | None:
        """Return with which other answer this one is exchanged, if so."""
        for other in self.parts:
            if other == name or other not in named:
                continue
            here, there = self.parts[name], self.parts[other]
            if here.takes(named[other]) and there.takes(named.get(name)):
                return other
        return None

    def with_given(self, given: Mapping[str, object]) -> "Group":
        twin = copy.copy(self)
        twin.given = {**self.given, **given}
        twin.__post_init__()
        return twin

    def clashes(self) -> list[str]:
        return [c for part in self.parts.values() for c in part.clashes()]


def part(answers: Mapping[Any, object], **how: Any) -> Number:
    """Return a number that is part of a Group, which names it."""
    (right, _), *mistakes = answers.items()
    return Number("", right, mistakes=dict(mistakes), **how)
