"""Answers to try on every task of `onebyone.check`.

Most follow from the task itself: its right answer, and what each of its
mistakes leads to. A module here, named as the notebook is, adds EXAMPLES for
tasks that do not know them all (Custom, Results) and more for any other, and
CONTEXTS: what the check of an Array is called with besides the answer.
"""

import importlib
import itertools
import pkgutil
from dataclasses import dataclass, field

import torch
from torch import nn

from onebyone import check
from onebyone.check.engine import (
    Array,
    Choice,
    Custom,
    Function,
    Group,
    Module,
    Results,
)
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.tasks import Task, Value


@dataclass
class Answer:
    """The arguments of one call of a check."""

    positional: tuple = ()
    named: dict = field(default_factory=dict)

    def to(self, task: Task):
        return task(*self.positional, **self.named)


def answer(*positional, **named) -> Answer:
    return Answer(positional, named)


def as_answer(value: object) -> Answer:
    return value if isinstance(value, Answer) else answer(value)


@dataclass
class Examples:
    """Answers with the verdict that they must get.

    What is no Answer is the one argument of the call.

    Attributes:
        right: correct ones.
        blank: as in the untouched notebook.
        mutants: wrong ones, each with a phrase that its message must have.
        unrelated: wrong ones that must get no diagnosis.
    """

    right: list = field(default_factory=list)
    blank: list = field(default_factory=list)
    mutants: list[tuple] = field(default_factory=list)
    unrelated: list = field(default_factory=list)

    def __post_init__(self):
        for answers in (self.right, self.blank, self.unrelated):
            answers[:] = map(as_answer, answers)
        self.mutants = [(as_answer(x), phrase) for x, phrase in self.mutants]

    def __add__(self, other: "Examples") -> "Examples":
        return Examples(
            self.right + other.right,
            self.blank + other.blank,
            self.mutants + other.mutants,
            self.unrelated + other.unrelated,
        )


def of_value(task: Value) -> Examples:
    right = task.right(**task.given)
    if isinstance(right, int | float):
        others = [right + 17, right * 1.37 + 3, -right - 1, 7**31, 0.123, 41]
    else:
        others = [(*right, 3), right[:-1], (91,), (5, 93, 2, 7, 11), (0,) * 7]
    return Examples(
        right=[right],
        mutants=[(m.wrong(**task.given), m.message) for m in task.known],
        unrelated=others,
    )


def of_group(task: Group) -> Examples:
    parts = {name: of_value(part) for name, part in task.parts.items()}
    right = {n: p.right(**p.given) for n, p in task.parts.items()}
    examples = Examples(
        right=[answer(**right), answer(*right.values())],
        blank=[answer(**dict.fromkeys(right, ...))],
    )
    for name, part in parts.items():
        for mutant, says in part.mutants:
            spoilt = right | {name: mutant.positional[0]}
            examples.mutants.append((answer(**spoilt), says))
        for other in part.unrelated:
            spoilt = right | {name: other.positional[0]}
            examples.unrelated.append(answer(**spoilt))
    return examples


def of_choice(task: Choice) -> Examples:
    letters = "".join(sorted(task.right))
    return Examples(
        right=[letters, letters.upper(), [*letters]],
        mutants=list(task.wrong.items()),
        unrelated=["?", "zz", 4, "the first", 1.5],
    )


def stub(*_): ...


class StubModule(nn.Module):
    def __init__(self, *_):
        super().__init__()

    def forward(self, X): ...


def of_function(task: Function) -> Examples:
    return Examples(
        right=[task.right],
        blank=[stub],
        mutants=list(task.known),
        unrelated=[
            *(lambda *_: torch.ones(1, 2, 3, 4, 5), lambda *_: [].sort()),
            *(lambda *_: "text", lambda: 1, lambda *_: (1, 2, 3, 4, 5, 6, 7)),
            *(nn.Conv2d, 3),
        ],
    )


def of_module(task: Module) -> Examples:
    return Examples(
        right=[task.right],
        blank=[stub, StubModule],
        mutants=list(task.known),
        unrelated=[
            *(lambda *_: nn.Flatten(), lambda *_: nn.Linear(7, 5)),
            *(lambda *_: [].sort(), lambda *_: torch.ones(3)),
            *(nn.Conv2d(1, 1, 1), lambda: nn.Conv2d(1, 1, 1)),
        ],
    )


def of_array(task: Array) -> Examples:
    context = in_module_of(task, "CONTEXTS", ())
    right = task.right(*context)
    others = (3, "maps", torch.zeros(7, 91), 31 + 9 * right, right[..., None])
    return Examples(
        right=[answer(x, *context) for x in (right, right.numpy())],
        blank=[answer(..., *context)],
        mutants=[
            (answer(m.wrong(*context), *context), m.message)
            for m in task.known
        ],
        unrelated=[answer(other, *context) for other in others],
    )


def of_results(task: Results) -> Examples:
    """Everything but the right answers and what the task itself asks for."""

    def table(value: object) -> dict:
        entry = [value] * len(task.columns) if task.columns else value
        if task.named:
            entry = dict(zip(task.columns, entry))
        return dict.fromkeys(task.keys, entry)

    untrained = 0.99 if task.what == "error" else 0.01
    mutants = [(table(80), "percentage"), (table(untrained), "hardly learnt")]
    first, second, *_ = task.keys
    some = {first: table(0.5)[first]}
    return Examples(
        blank=[table(...), dict.fromkeys(task.keys, ...)],
        mutants=[
            *mutants[: 1 if task.trained == [] else 2],
            (some, f"under the key {second!r}"),
        ],
        unrelated=[0.7, [0.7] * 4, {}, "0.7", {"z": 1}],
    )


KINDS = {
    Value: of_value,
    Group: of_group,
    Choice: of_choice,
    Function: of_function,
    Module: of_module,
    Array: of_array,
    Custom: lambda task: Examples(),
    Results: of_results,
}


def of(task: Task) -> Examples:
    """Return all answers for a task."""
    own = next(make for kind, make in KINDS.items() if isinstance(task, kind))
    return (
        Examples(blank=[..., None])
        + own(task)
        + in_module_of(task, "EXAMPLES", Examples())
    )


def in_module_of(task: Task, table: str, default: object) -> object:
    """Return what the notebook's module here holds for a task."""
    _, notebook, name = task.path.split(".")
    known = {module.name for module in pkgutil.iter_modules(__path__)}
    if notebook not in known:
        return default
    module = importlib.import_module(f"{__name__}.{notebook}")
    return getattr(module, table, {}).get(name, default)


def all_tasks() -> list[Task]:
    modules = [getattr(check, name) for name in check.NOTEBOOKS]
    return list(
        itertools.chain.from_iterable(tasks_of(m).values() for m in modules)
    )
