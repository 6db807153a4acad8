"""Answers to try on every task of `onebyone.check`.

Most follow from the task itself: its right answer, and what each of its
mistakes leads to; forms.py has what any right code may look like, and how to
break it. A module here, named as the notebook is, adds EXAMPLES for tasks that
do not know them all (Custom, Repair) and more for any other, and CONTEXTS:
what the check of an Array or of Results is called with besides the answer.
"""

import importlib
import itertools
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy
import sympy
import torch
from torch import nn

from check_examples import forms
from onebyone import check
from onebyone.check.engine import (
    Array,
    Choice,
    Custom,
    Draw,
    Function,
    Group,
    Module,
    Repair,
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
        unrelated: wrong ones that nobody can be expected to explain.
        malformed: wrong ones of another form than the right, each with a
            phrase.
    """

    right: list = field(default_factory=list)
    blank: list = field(default_factory=list)
    mutants: list[tuple] = field(default_factory=list)
    unrelated: list = field(default_factory=list)
    malformed: list[tuple] = field(default_factory=list)

    def __post_init__(self):
        for answers in (self.right, self.blank, self.unrelated):
            answers[:] = map(as_answer, answers)
        for said in (self.mutants, self.malformed):
            said[:] = [(as_answer(x), str(phrase)) for x, phrase in said]

    @property
    def plausible(self) -> list[tuple]:
        return self.mutants + self.malformed

    def __add__(self, other: "Examples") -> "Examples":
        return Examples(
            self.right + other.right,
            self.blank + other.blank,
            self.mutants + other.mutants,
            self.unrelated + other.unrelated,
            self.malformed + other.malformed,
        )


def of_number(right: float) -> Examples:
    """Return the forms of a number, and what only looks like one."""
    whole = isinstance(right, int)
    made = numpy.int64 if whole else numpy.float64
    kind = torch.int64 if whole else torch.float64
    return Examples(
        right=[
            right,
            made(right),
            torch.tensor([right], dtype=kind),
            numpy.array(right),
            Fraction(right),
            sympy.Integer(right) if whole else sympy.Float(right),
        ],
        malformed=[
            (str(right), "is text"),
            (f"{right:,}", "is text"),
            (lambda: right, "is a function"),
            ([right], "is not a number"),
            ((right, right), "is a tuple"),
            (torch.tensor([right, right], dtype=kind), "is not one number"),
            (1j * (right or 1), "is not a real number"),
            (float("nan"), "is not finite"),
            (Decimal("sNaN"), "is not finite"),
            (answer(right, 1), "a comma separates numbers"),
            (answer(of=right), "takes other arguments"),
        ],
    )


def of_shape(right: tuple) -> Examples:
    return Examples(
        right=[
            right,
            [*right],
            torch.Size(right),
            numpy.array(right),
            torch.tensor(right),
            tuple(map(numpy.int64, right)),
        ],
        malformed=[
            (str(right), "is not a shape"),
            (right[0], "is not a shape"),
            ({"shape": right}, "is not a shape"),
            ((right,), "brackets within brackets"),
            (torch.zeros(2, 3), "Give the shape"),
            ([0.5, *right[1:]], "impossible"),
            ([-1, *right[1:]], "impossible"),
            (right[::-1], ""),
            ((*right, 1), "where there should be"),
            (right[:1], "1 axis where there should be"),
            (answer(*right), "A shape is one tuple"),
        ],
    )


def of_value(task: Value) -> Examples:
    right = task.right(**task.given)
    if isinstance(right, int | float):
        others = [right + 17, right * 1.37 + 3, -right - 1, 7**31, 0.123, 41]
    else:
        others = [(*right, 3), right[:-1], (91,), (5, 93, 2, 7, 11), (0,) * 7]
    form = of_number if isinstance(right, int | float) else of_shape
    return form(right) + Examples(
        mutants=[(m.wrong(**task.given), m.message) for m in task.known],
        unrelated=others,
    )


def of_group(task: Group) -> Examples:
    parts = {name: of_value(part) for name, part in task.parts.items()}
    right = {n: p.right(**p.given) for n, p in task.parts.items()}
    examples = Examples(
        right=[
            answer(**right),
            answer(*right.values()),
            answer(*map(numpy.array, right.values())),
            answer(**{n: torch.tensor(v) for n, v in right.items()}),
        ],
        malformed=[(answer(**right, more=1), "Unknown names")],
        blank=[answer(**dict.fromkeys(right, ...))],
    )
    for name, part in parts.items():
        for mutant, says in part.mutants:
            spoilt = right | {name: mutant.positional[0]}
            examples.mutants.append((answer(**spoilt), says))
        for mutant, says in part.malformed:
            if len(mutant.positional) != 1:
                continue  # a part has one
            spoilt = right | {name: mutant.positional[0]}
            examples.malformed.append((answer(**spoilt), says))
        for other in part.unrelated:
            spoilt = right | {name: other.positional[0]}
            examples.unrelated.append(answer(**spoilt))
        spoilt = right | {name: ...}
        examples.malformed.append((answer(**spoilt), "no answer yet"))
    for one, other in itertools.combinations(right, 2):
        if not task.parts[one].takes(right[other]):
            turned = right | {one: right[other], other: right[one]}
            says = f"{one}: This answer and {other} are exchanged."
            examples.malformed.append((answer(**turned), says))
    names, values = list(right), list(right.values())
    for turn in range(1, len(values)):  # exchanged fields
        turned = dict(zip(names, values[turn:] + values[:turn]))
        if turned != right:
            examples.unrelated.append(answer(**turned))
    return examples


def of_choice(task: Choice) -> Examples:
    letters = "".join(sorted(task.right))
    all_letters = sorted({*task.right, *task.wrong})
    chosen = [
        "".join(some)
        for count in range(1, len(all_letters) + 1)
        for some in itertools.combinations(all_letters, count)
    ]
    one = len(letters) == 1
    return Examples(
        right=[
            *(letters, letters.upper(), [*letters], ", ".join(letters)),
            answer(*letters),
        ],
        mutants=list(task.wrong.items()),
        malformed=[
            (some, task.missing) for some in chosen if set(some) < set(letters)
        ]
        + [
            (some, "one of the letters" if one else task.wrong[wrong[0]])
            for some in chosen
            if len(some) > 1 and (wrong := sorted({*some} - {*letters}))
        ]
        + [
            (other, "not one of the options")
            for other in ("?", "zz", 4, 1.5, ord(letters[0]), True, {})
        ],
        unrelated=["?", "zz", 4, "the first", 1.5],
    )


def stub(*_): ...


class StubModule(nn.Module):
    def __init__(self, *_):
        super().__init__()

    def forward(self, X): ...


def of_function(task: Function) -> Examples:
    right = task.right
    if task.banned:
        right = in_module_of(task, "EXAMPLES").right[0].positional[0]
    others = forms.OTHER_FUNCTIONS if gives_tensors(task) else []
    return Examples(
        right=[right, *(form(right) for form in forms.RIGHT_FUNCTIONS)],
        blank=[stub],
        mutants=list(task.known),
        malformed=broken(forms.WRONG_FUNCTIONS, right)
        if gives_tensors(task)
        else [],
        unrelated=[
            *(lambda *_: torch.ones(1, 2, 3, 4, 5), lambda *_: [].sort()),
            *(lambda *_: "text", lambda: 1, lambda *_: (1, 2, 3, 4, 5, 6, 7)),
            *(nn.Conv2d, 3),
            *(form(right) for form in others),
        ],
    )


def gives_tensors(task: Function) -> bool:
    result = task.right(*task.inputs(Draw(1)).values())
    results = result if isinstance(result, tuple) else [result]
    return all(isinstance(value, torch.Tensor) for value in results)


def broken(ways: Mapping, right: object) -> list[tuple]:
    return [
        (form(right), says) for says, all_ in ways.items() for form in all_
    ]


def of_module(task: Module) -> Examples:
    return Examples(
        right=[
            task.right,
            *(form(task.right) for form in forms.RIGHT_MODULES),
        ],
        blank=[stub, StubModule],
        mutants=list(task.known),
        malformed=broken(forms.WRONG_MODULES, task.right)
        + [
            (form(task.right), phrase)
            for kind, form, phrase in forms.OTHER_LAYERS
            if kind in map(type, task.right(*task.cases[0][0]).modules())
        ],
        unrelated=[
            *(lambda *_: nn.Flatten(), lambda *_: nn.Linear(7, 5)),
            *(lambda *_: [].sort(), lambda *_: torch.ones(3)),
            *(nn.Conv2d(1, 1, 1), lambda: nn.Conv2d(1, 1, 1)),
            *(form(task.right) for form in forms.OTHER_MODULES),
        ],
    )


def of_array(task: Array) -> Examples:
    context = in_module_of(task, "CONTEXTS", ())
    right = task.right(*context)
    others = (3, "maps", torch.zeros(7, 91), 31 + 9 * right, right[..., None])
    return Examples(
        right=[
            answer(x, *context)
            for x in (
                right,
                right.numpy(),
                right.double(),
                right.tolist(),
                right.float().requires_grad_(),
            )
        ],
        blank=[answer(..., *context)],
        malformed=[
            (answer(wrong, *context), says)
            for wrong, says in (
                (-right, ""),
                (right + 1, ""),
                (right[None], "where there should be"),
                (right.flatten()[:-1], ""),
                (str(right), "not a tensor"),
                (lambda: right, "not a tensor"),
                ({"answer": right}, "not a tensor"),
                (right.to("meta"), "has no values"),
            )
        ],
        mutants=[
            (answer(m.wrong(*context), *context), m.message)
            for m in task.known
        ],
        unrelated=[answer(other, *context) for other in others],
    )


def of_results(task: Results) -> Examples:
    """Return tables as networks give them, and all that may go wrong."""
    nets, *data = in_module_of(task, "CONTEXTS")
    table = task.measure(nets, *data)
    first, second = list(table)[:2]
    one, other = [*nets][:2]

    def told(change=float, nets=nets, table=table, **entries) -> Answer:
        """Return the call with the table, changed, in the form asked for."""
        asked = {}
        for key, entry in table.items():
            row = [*map(change, entry)] if task.columns else change(entry)
            named = dict(zip(task.columns, row)) if task.named else row
            asked[key] = entries.get(str(key), named)
        return answer(asked, nets, *data)

    exchanged = table | {first: table[second], second: table[first]}
    history = SimpleNamespace(test_accuracy=0.7)
    examples = Examples(
        right=[
            told(float),
            told(torch.tensor),
            told(numpy.float32),
            told(lambda x: round(x, 2)),
        ],
        blank=[told(lambda x: ...), dict.fromkeys(table, ...)],
        malformed=[
            (told(lambda x: 100 * x + 2), "Is it a percentage"),
            (told(lambda x: f"{x:.2f}"), "not a number"),
            (told(lambda x: x > 0), "not a number"),
            (told(lambda x: history), "whole history"),
            (told(lambda x: [x, x]), "where one is asked for"),
            (told(lambda x: torch.tensor([x, x])), "where one is asked for"),
            (told(**{str(second): ...}), f"under the key {second!r}"),
            (answer(list(table.values()), nets, *data), "in a dictionary"),
            (told(nets=...), "Keep the trained networks"),
            (told(nets=[*nets.values()]), "Keep the trained networks"),
            (told(nets=nets | {other: ...}), "no trained network"),
            (told(nets=nets | {other: 0.7}), "no trained network"),
            (told(nets=nets | {other: nets[one]}), "the same network"),
        ],
        mutants=[
            (told(table=exchanged), ""),
            (told(lambda x: abs(x - 0.05)), ""),
            (told(lambda x: 0.5), ""),
        ],
        unrelated=[
            answer(x, nets, *data) for x in (0.7, [0.7] * 4, {}, "0.7", {9: 1})
        ],
    )
    if task.mixed_up and [*nets] == [*table]:
        *_, last = nets
        keys = {one: last, last: one}
        there, then = (
            of | {key: of[other] for key, other in keys.items()}
            for of in (nets, table)
        )
        examples.mutants.append((told(nets=there, table=then), "the key"))
    if task.columns:
        turned = {key: entry[::-1] for key, entry in table.items()}
        examples.mutants.append((told(table=turned), "order"))
    return examples


KINDS = {
    Value: of_value,
    Group: of_group,
    Choice: of_choice,
    Function: of_function,
    Module: of_module,
    Array: of_array,
    Custom: lambda task: Examples(),
    Repair: lambda task: Examples(),
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


def in_module_of(task: Task, table: str, default: object = None) -> object:
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
