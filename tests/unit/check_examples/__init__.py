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


@dataclass
class Examples:
    """Answers with the verdict that they must get.

    Attributes:
        right: correct ones.
        blank: as in the untouched notebook.
        mutants: wrong ones, each with a phrase that its message must have.
        unrelated: wrong ones that must get no diagnosis.
    """

    right: list[Answer] = field(default_factory=list)
    blank: list[Answer] = field(default_factory=list)
    mutants: list[tuple[Answer, str]] = field(default_factory=list)
    unrelated: list[Answer] = field(default_factory=list)

    def __add__(self, other: "Examples") -> "Examples":
        return Examples(
            self.right + other.right,
            self.blank + other.blank,
            self.mutants + other.mutants,
            self.unrelated + other.unrelated,
        )


def of_value(task: Value) -> Examples:
    right = task.right(**task.given)
    examples = Examples(
        right=[answer(right)],
        mutants=[
            (answer(m.wrong(**task.given)), m.message) for m in task.known
        ],
    )
    if isinstance(right, int | float):
        others = [right + 17, right * 1.37 + 3, -right - 1, 7**31, 0.123, 41]
        examples.unrelated = [answer(other) for other in others]
    else:
        longer = (*right, 3)
        others = [longer, right[:-1], (91,), (5, 93, 2, 7, 11), (0,) * 7]
        examples.unrelated = [answer(other) for other in others]
    return examples


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
        right=[answer(letters), answer(letters.upper()), answer([*letters])],
        mutants=[(answer(x), says) for x, says in task.wrong.items()],
        unrelated=[answer(x) for x in ("?", "zz", 4, "the first", 1.5)],
    )


def stub(*_): ...


class StubModule(nn.Module):
    def __init__(self, *_):
        super().__init__()

    def forward(self, X): ...


def of_function(task: Function) -> Examples:
    return Examples(
        right=[answer(task.right)],
        blank=[answer(stub)],
        mutants=[(answer(m.wrong), m.message) for m in task.known],
        unrelated=[
            answer(lambda *_: torch.ones(1, 2, 3, 4, 5)),
            answer(lambda *_: [].sort()),
            answer(lambda *_: "text"),
            answer(lambda: 1),
            answer(lambda *_: (1, 2, 3, 4, 5, 6, 7)),
            answer(nn.Conv2d),
            answer(3),
        ],
    )


def of_module(task: Module) -> Examples:
    if task.cases[0][0] is None:
        return Examples(
            right=[answer(task.right())],
            mutants=[(answer(m.wrong()), m.message) for m in task.known],
            unrelated=[
                answer(nn.Flatten()),
                answer(nn.Linear(7, 5)),
                answer(nn.Conv2d),
                answer(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1))),
                answer(nn.BatchNorm2d(91)),
            ],
        )
    return Examples(
        right=[answer(task.right)],
        blank=[answer(stub), answer(StubModule)],
        mutants=[(answer(m.wrong), m.message) for m in task.known],
        unrelated=[
            answer(lambda *_: nn.Flatten()),
            answer(lambda *_: nn.Linear(7, 5)),
            answer(lambda *_: [].sort()),
            answer(lambda *_: torch.ones(3)),
            answer(nn.Conv2d(1, 1, 1)),
            answer(lambda: nn.Conv2d(1, 1, 1)),
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

    def table(value: object) -> Answer:
        entry = [value] * len(task.columns) if task.columns else value
        if task.named:
            entry = dict(zip(task.columns, entry))
        return answer(dict.fromkeys(task.keys, entry))

    untrained = 0.99 if task.what == "error" else 0.01
    mutants = [(table(80), "percentage"), (table(untrained), "hardly learnt")]
    some = {task.keys[0]: table(0.5).positional[0][task.keys[0]]}
    return Examples(
        blank=[table(...), answer(dict.fromkeys(task.keys, ...))],
        mutants=[
            *mutants[: 1 if task.trained == [] else 2],
            (answer(some), f"under the key {task.keys[1]!r}"),
        ],
        unrelated=[answer(x) for x in (0.7, [0.7] * 4, {}, "0.7", {"z": 1})],
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
        Examples(blank=[answer(...), answer(None)])
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
