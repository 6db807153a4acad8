"""Small tasks, one of each kind, to try the engine on."""

from torch import nn

from onebyone.check.engine import (
    Array,
    Choice,
    Function,
    Group,
    Module,
    Number,
    Results,
    Shape,
    notebook,
    symbols,
)
from onebyone.check.engine.tasks import Task
from onebyone.check.engine.verdicts import NOT_YET

c, k, n = symbols("c k n")
count = Number(
    "Parameters",
    k * k * c * c + c,
    {"c": 64, "k": 3},
    vary={"c": (32, 48, 96), "k": (3, 5, 7)},
    mistakes={
        k * k * c * c: "No biases. Add them.",
        k * c * c + c: "One row. Square it.",
    },
    hints=["Weights.", "Biases too."],
    when_correct="Well counted.",
)
shape = Shape(
    "A shape",
    (2, n, 5, 7),
    {"n": 3},
    axes=("batch", "channels", "height", "width"),
)
mean = Function(
    "Mean over positions",
    lambda X: X.mean(dim=(2, 3)),
    lambda draw: {"X": draw.tensor(2, draw.integer(2, 4), 5, 7)},
    mistakes={lambda X: X.mean(dim=(1, 2)): "Axes. Which?"},
    hints=["Two axes.", "The last two."],
)
layer = Module(
    "A layer with ReLU",
    lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU()),
    cases=[((2, 4), (1, 2, 6, 5)), ((3, 2), (2, 3, 4, 7))],
    mistakes={lambda i, o: nn.Conv2d(i, o, 3): "Shrinks. Pad."},
)
array = Array(
    "Doubled",
    lambda X: 2 * X,
    mistakes={lambda X: X**2: "Squared. Twice is not squared."},
)
choice = Choice("Which", right="ac", wrong={"b": "b is wrong. Look again."})
both = Group(
    "Two",
    {
        "a": Number("a", n + 7, mistakes={n + 6: "One less. Count again."}),
        "b": Shape("b", (n, 2)),
    },
    {"n": 3},
    hints=["a", "b"],
)
results = Results(
    "Two runs",
    ("a", "b"),
    measure=lambda nets: {"a": 0.7, "b": 0.8},
    fault=lambda table: "b is worse." if table["b"] < table["a"] else None,
)
progress, variant = notebook(__name__)
SAMPLES = (count, shape, mean, layer, array, choice, both, results)


def forget_verdicts() -> None:
    """Put all samples back to where no answer has been given."""
    for task in SAMPLES:
        task.forget()


def message(task: Task, *answers: object, **named: object) -> str:
    """Return the message of a verdict that must be *not yet*."""
    verdict = task(*answers, **named)
    assert verdict.state == NOT_YET, verdict
    return verdict.message
