"""Tasks: what a check knows about one exercise.

A task is called with the student's answer and gives a Verdict. It never
raises, whatever the answer is: `judge` of each kind says *not attempted* and
*not yet* by raising NotAttempted and NotYet, and Task turns these, and all
else that may come up, into a Verdict.

The kinds here take plain answers; code.py has those that take a function, a
module or a tensor.
"""

import decimal
import hashlib
import itertools
import math
import numbers
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy
import torch

from onebyone.check import verdicts
from onebyone.check.guard import (
    NotAttempted,
    NotYet,
    TimeUp,
    guarded,
    is_blank,
    shown,
    shown_error,
)
from onebyone.check.verdicts import Note, Verdict


@dataclass(frozen=True)
class Mistake:
    """A mistake that can be recognised by what it leads to.

    Attributes:
        wrong: makes what somebody with this mistake answers, from the same
            arguments as the task's `right`.
        says: one sentence that names the mistake.
        way: one sentence that points the way, without the answer.
    """

    wrong: Callable
    says: str
    way: str

    @property
    def message(self) -> str:
        return f"{self.says} {self.way}"


class Task:
    """One exercise: call it with an answer, or ask it for a hint.

    Attributes:
        title: what the exercise is called in its notebook.
        hints: from a nudge to all but the answer.
        then: what is worth knowing once the answer is right.
        seconds: how long the student's code may take.
        path: how to reach the task, `check.nin.block_parameters`.
        state: the last verdict's.
    """

    seconds = 10.0
    path = "check"
    state = verdicts.NOT_ATTEMPTED

    def __init__(self, title: str, hints: Sequence[str], then: str = ""):
        self.title, self.hints, self.then = title, tuple(hints), then
        self._next_hint = 1

    def __call__(self, *answers: object, **named: object) -> Verdict:
        verdict = self._verdict(answers, named)
        self.state = verdict.state
        return verdict

    def _verdict(self, answers: tuple, named: dict) -> Verdict:
        output, state = None, verdicts.NOT_YET
        try:
            with guarded(self.seconds) as output:
                self.judge(*answers, **named)
            state, message = verdicts.CORRECT, self.then
        except NotAttempted as reason:
            state, message = verdicts.NOT_ATTEMPTED, str(reason)
        except NotYet as reason:
            message = str(reason)
        except TimeUp:
            message = (
                f"It did not finish within {self.seconds:g} seconds."
                " Is there a loop that never ends?"
            )
        except BaseException as error:
            message = f"This cannot be judged: {shown_error(error)}"
        if output is not None and output.text.strip():
            message += f"\nYour code printed: {shown(output.text.strip())}"
        return Verdict(self.title, state, message.strip())

    def judge(self, answer: object = ..., *context: object) -> None:
        """Return if the answer is right; raise NotYet or NotAttempted."""
        raise NotImplementedError

    def hint(self, number: int | None = None) -> Note:
        """The hint of that number; without one, the next."""
        if number is None:
            number = min(self._next_hint, len(self.hints))
        if number not in range(1, len(self.hints) + 1):
            return Note(self.title, f"There are {len(self.hints)} hints.")
        number = int(number)
        self._next_hint = number + 1
        title = f"Hint {number} of {len(self.hints)} · {self.title}"
        return Note(title, self.hints[number - 1])

    def pointer(self) -> str:
        return f"`{self.path}.hint()` helps."

    def __repr__(self) -> str:
        return f"{self.path}: {self.title}"


def attempted(answer: object) -> None:
    if is_blank(answer):
        raise NotAttempted("There is no answer yet.")


# --- Values that follow from given parameters ------------------------------


class Value(Task):
    """An answer that follows from parameters by a formula.

    Args:
        title, hints, then: as for every Task.
        right: the answer, from the parameters as keyword arguments.
        given: the parameters as the notebook states them.
        mistakes: each with `wrong` of the same arguments as `right`.
        vary: for `variant`, other values of some of the parameters.
    """

    def __init__(
        self,
        title: str,
        right: Callable,
        given: Mapping[str, object] | None = None,
        mistakes: Sequence[Mistake] = (),
        hints: Sequence[str] = (),
        vary: Mapping[str, Sequence] | None = None,
        then: str = "",
    ):
        super().__init__(title, hints, then)
        self.right, self.mistakes = right, tuple(mistakes)
        self.given, self.vary = dict(given or {}), dict(vary or {})

    def judge(self, answer: object = ...) -> None:
        attempted(answer)
        value = self.read(answer)
        right = self.right(**self.given)
        if self.same(value, right):
            return
        for mistake in self.mistakes:
            if self.same(value, mistake.wrong(**self.given)):
                raise NotYet(f"{mistake.message} {self.pointer()}")
        raise NotYet(f"{self.difference(value, right)} {self.pointer()}")

    def with_given(self, given: Mapping[str, object]) -> "Value":
        """The same task for other parameters."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.given = {**self.given, **given}
        return twin

    def clashes(self) -> list[str]:
        """Mistakes that these parameters do not tell from another answer."""
        values = {"the right answer": self.right(**self.given)}
        for mistake in self.mistakes:
            values[mistake.says] = mistake.wrong(**self.given)
        return [
            f"{first} = {second}"
            for (first, a), (second, b) in itertools.combinations(
                values.items(), 2
            )
            if self.same(a, b) or self.same(b, a)
        ]

    def read(self, answer: object):
        raise NotImplementedError

    def same(self, value, other) -> bool:
        return value == other

    def difference(self, value, right) -> str:
        return f"{shown(value)} is not right."


class Number(Value):
    """A number; `tolerance` is relative and 0 unless given."""

    def __init__(self, *arguments, tolerance: float = 0.0, **named):
        super().__init__(*arguments, **named)
        self.tolerance = tolerance

    def read(self, answer: object) -> Fraction:
        return number(answer)

    def same(self, value, other) -> bool:
        value, other = Fraction(value), Fraction(other)
        return abs(value - other) <= Fraction(self.tolerance) * abs(other)

    def difference(self, value, right) -> str:
        right = Fraction(right)
        text = f"{number_text(value)} is not right"
        if value * right <= 0:
            return f"{text}: look at its sign and size."
        ratio = value / right
        for exponent in (3, 6, 9):
            if ratio in (10**exponent, Fraction(1, 10**exponent)):
                return f"{text}, but its digits are: check the unit."
        if abs(ratio - 1) <= Fraction(1, 100):
            return f"{text}, but close: is it rounded, or is something left?"
        return f"{text}."


def number(answer: object) -> Fraction:
    """A real number, exactly; raise NotYet if the answer is none."""
    if isinstance(answer, str | bytes):
        raise NotYet(
            f"{shown(answer)} is text. Write a number without quotes and"
            " commas, such as `1000` or `1_000`."
        )
    if isinstance(answer, torch.Tensor | numpy.ndarray):
        if math.prod(answer.shape) != 1:
            raise NotYet(f"{shown(answer).capitalize()} is not one number.")
        answer = answer.item()
    if isinstance(answer, bool | numpy.bool_):
        raise NotYet(f"{answer} is no number.")
    if type(answer) is tuple:
        raise NotYet(
            f"{shown(answer)} is a tuple. Python takes commas to separate"
            " numbers: write `1000` or `1_000`, and not `1,000`."
        )
    if callable(answer):
        raise NotYet("This is a function or class. Pass what it returns.")
    if isinstance(answer, decimal.Decimal):
        answer = float(answer)  # its exponent may be astronomical
    if not isinstance(answer, numbers.Number):
        raise NotYet(f"{shown(answer)} is no number.")
    if isinstance(answer, numbers.Complex) and answer.imag:
        raise NotYet(f"{shown(answer)} is no real number.")
    try:
        return Fraction(getattr(answer, "real", answer))
    except TypeError:  # numpy's float32 and relatives
        return Fraction(float(answer))
    except (ValueError, OverflowError):
        raise NotYet(f"{shown(answer)} is not finite.") from None


def number_text(value: Fraction) -> str:
    if value.denominator == 1:
        return shown(int(value))
    return f"{float(value):.6g}"


class Shape(Value):
    """A shape, as a tuple; `axes` names its axes for the messages."""

    def __init__(self, *arguments, axes: Sequence[str] = (), **named):
        super().__init__(*arguments, **named)
        self.axes = tuple(axes)

    def read(self, answer: object) -> tuple[int, ...]:
        if isinstance(answer, torch.Tensor | numpy.ndarray):
            raise NotYet("Give the shape, not the tensor that has it.")
        if not isinstance(answer, tuple | list):
            raise NotYet(f"{shown(answer)} is no shape, which is a tuple.")
        sizes = tuple(number(size) for size in answer)
        if any(size.denominator != 1 or size < 0 for size in sizes):
            raise NotYet(f"{shown(answer)} has a size that cannot be.")
        return tuple(int(size) for size in sizes)

    def same(self, value, other) -> bool:
        return tuple(value) == tuple(other)

    def difference(self, value, right) -> str:
        text = f"{shown(value)} is not right"
        if len(value) != len(right):
            return f"{text}: it has {len(value)} axes and not {len(right)}."
        axis = next(i for i, v in enumerate(value) if v != right[i])
        name = f", {self.axes[axis]}" if self.axes else ""
        return f"{text}. The first wrong axis is axis {axis}{name}."


class Several(Task):
    """Several values of one kind of thing, each with mistakes of its own.

    The answers come by name: `check.nin.costs(parameters=…, macs=…)`.
    `given` and `vary` are those of all parts together.
    """

    def __init__(
        self,
        title: str,
        parts: Mapping[str, Value],
        given: Mapping[str, object] | None = None,
        hints: Sequence[str] = (),
        vary: Mapping[str, Sequence] | None = None,
        then: str = "",
    ):
        super().__init__(title, hints, then)
        self.given, self.vary = dict(given or {}), dict(vary or {})
        self.parts = {
            name: part.with_given(self.given) for name, part in parts.items()
        }

    def judge(self, *answers: object, **named: object) -> None:
        named = dict(zip(self.parts, answers)) | named
        if unknown := set(named) - set(self.parts):
            raise NotYet(f"Unknown names: {shown(sorted(unknown))}.")
        attempted([named.get(name) for name in self.parts])
        lines, done = [], True
        for name, part in self.parts.items():
            try:
                part.judge(named.get(name))
                lines.append(f"{name}: correct.")
            except (NotAttempted, NotYet) as reason:
                done = False
                text = str(reason).replace(part.pointer(), "").strip()
                lines.append(f"{name}: {text}")
        if not done:
            raise NotYet("\n".join([*lines, self.pointer()]))

    def with_given(self, given: Mapping[str, object]) -> "Several":
        twin = Several.__new__(Several)
        twin.__dict__.update(self.__dict__)
        twin.given = {**self.given, **given}
        twin.parts = {
            name: part.with_given(given) for name, part in self.parts.items()
        }
        return twin

    def clashes(self) -> list[str]:
        return [c for part in self.parts.values() for c in part.clashes()]


# --- Choices and results ---------------------------------------------------


class Choice(Task):
    """One or more of lettered options, as `"b"` or `"ac"`.

    Args:
        right: the right letters.
        wrong: for each other letter, a sentence that names what is wrong
            with it and one that points the way.
        missing: what to say where a right letter is not chosen.
    """

    def __init__(
        self,
        title: str,
        right: str,
        wrong: Mapping[str, str],
        hints: Sequence[str] = (),
        missing: str = "Something is missing.",
        then: str = "",
    ):
        super().__init__(title, hints, then)
        self.right, self.wrong = frozenset(right), dict(wrong)
        self.missing = missing
        self.letters = sorted(self.right | set(self.wrong))

    def judge(self, answer: object = ...) -> None:
        attempted(answer)
        chosen = self.read(answer)
        for letter in sorted(chosen - self.right):
            raise NotYet(f"{letter}: {self.wrong[letter]} {self.pointer()}")
        if chosen != self.right:
            raise NotYet(f"{self.missing} {self.pointer()}")

    def read(self, answer: object) -> set[str]:
        letters = answer
        if isinstance(answer, tuple | list | set | frozenset):
            letters = "".join(x for x in answer if isinstance(x, str))
        if isinstance(letters, str):
            chosen = set(letters.lower()) - set(" ,;().")
            one = len(self.right) > 1 or len(chosen) == 1
            if chosen and one and chosen <= set(self.letters):
                return chosen
        options = ", ".join(self.letters)
        some = "one or more" if len(self.right) > 1 else "one"
        raise NotYet(
            f"{shown(answer)} is none of the options. Give {some} of the"
            f" letters {options} in quotes."
        )


class Judged(Task):
    """Anything else: `fault` takes the answer and says what is wrong.

    It gets the answer, and whatever else the check is called with, and
    returns None if all is well and otherwise one or two sentences.
    """

    def __init__(
        self,
        title: str,
        fault: Callable[..., str | None],
        hints: Sequence[str] = (),
        then: str = "",
    ):
        super().__init__(title, hints, then)
        self.fault = fault

    def judge(self, answer: object = ..., *context: object) -> None:
        attempted(answer)
        if fault := self.fault(answer, *context):
            raise NotYet(f"{fault} {self.pointer()}")


# --- A notebook's tasks ----------------------------------------------------


def notebook(module_name: str) -> tuple[Callable, Callable]:
    """Name the tasks of a module; make its `progress` and `variant`."""
    module = sys.modules[module_name]
    short = module_name.rpartition(".")[2]
    tasks = tasks_of(module)
    for name, task in tasks.items():
        task.path = f"check.{short}.{name}"

    def progress() -> Note:
        """Which tasks of this notebook are done, by their last verdict."""
        done = sum(t.state == verdicts.CORRECT for t in tasks.values())
        lines = [
            f"{verdicts.LOOK[task.state][0]} {task.title}: {task.state}"
            for task in tasks.values()
        ]
        title = f"{done} of {len(tasks)} tasks correct"
        return Note(title, "\n".join(lines))

    def variant(name: str) -> Variant:
        """The same tasks with parameters of your own, drawn from a name."""
        return Variant(str(name), tasks)

    return progress, variant


def tasks_of(module: object) -> dict[str, Task]:
    """The tasks of a check module by name, in the order of its text."""
    found = vars(module).items()
    return {name: task for name, task in found if isinstance(task, Task)}


class Variant:
    """Tasks with other parameters, always the same ones for one name.

    Tasks that share their parameters still do: they ask about one thing.
    Only parameters count under which every mistake has its own result.
    """

    def __init__(self, name: str, tasks: Mapping[str, Task]):
        self.name = name
        self.tasks: dict[str, Task] = {}
        shared: dict[str, dict[str, Task]] = {}
        for key, task in tasks.items():
            if getattr(task, "vary", None):
                kind = repr((task.given, task.vary))
                shared.setdefault(kind, {})[key] = task
        for kind, group in shared.items():
            given = drawn(f"{kind} {name}", list(group.values()))
            for key, task in group.items():
                self.tasks[key] = task.with_given(given)
                self.tasks[key].state = verdicts.NOT_ATTEMPTED

    def __getattr__(self, key: str) -> Task:
        try:
            return self.__dict__["tasks"][key]
        except KeyError:
            raise AttributeError(f"no task {key!r} that varies") from None

    def _note(self) -> Note:
        lines = [
            f"{task.title}: "
            + ", ".join(f"{k} = {v}" for k, v in task.given.items())
            for task in self.tasks.values()
        ]
        return Note(f"Parameters for {self.name}", "\n".join(lines))

    def __repr__(self) -> str:
        return repr(self._note())

    def _repr_html_(self) -> str:
        return self._note()._repr_html_()


def drawn(seed: str, tasks: Sequence[Value | Several]) -> dict[str, object]:
    """New parameters for all of the tasks together."""
    first = tasks[0]
    generator = random.Random(hashlib.sha256(seed.encode()).digest())
    for _ in range(1_000):
        given = {k: generator.choice(list(v)) for k, v in first.vary.items()}
        given = {**first.given, **given}
        twins = [task.with_given(given) for task in tasks]
        if given != first.given and not any(map(clash, twins)):
            return given
    raise ValueError(f"{first.path}: no variant keeps its mistakes apart")


def clash(task: Value | Several) -> Iterable[str]:
    try:
        return task.clashes()
    except (ArithmeticError, ValueError):
        return ["impossible parameters"]
