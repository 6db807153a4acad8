"""The study *head*: three heads on one trunk, few and many images."""

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models.nin import initialise, nin
from onebyone.study import harness
from onebyone.study.declaration import Row, Study

HIDDEN = 256  # units between the maps and the classes
EPOCHS = {0.01: 40, 0.1: 10, 1.0: 2}  # by share of the training images


def with_head(trunk: nn.Sequential, values: int, head: str) -> nn.Module:
    """The trunk with a head on it, weights drawn for ReLUs.

    Args:
        trunk: ends in maps of ``values`` numbers in all.
        values: channels × height × width of these maps.
        head: "GAP", a 1×1 convolution to the classes and their averages;
            "FC", two linear layers; "FC, dropout", which drops half of
            what each of the two reads.
    """
    net = nn.Sequential(*trunk, variants.head(head, trunk, values, HIDDEN))
    return initialise(net, "kaiming")


def network(head: str) -> nn.Module:
    """The strided compact NiN, whose trunk ends in 96 maps of 3×3."""
    return with_head(variants.strided_nin()[:5], 96 * 3 * 3, head)


def measure(
    head: str,
    fraction: float,
    lr: float,
    seed: int,
    epochs: int | None = None,
    validation: int = 0,
) -> Row:
    """Train one network on a share of the training images.

    Args:
        head: see :func:`with_head`.
        fraction: share of the training images.
        lr, seed: see :mod:`.harness`.
        epochs: as ``EPOCHS`` says unless given.
        validation: training images to hold out and to test on.
    """
    data = harness.fashion_mnist(fraction=fraction, validation=validation)
    torch.manual_seed(seed)
    net = network(head)
    return train_with_gap(net, data, seed, lr, epochs or EPOCHS[fraction])


def train_with_gap(
    net: nn.Module, data: ImageData, seed: int, lr: float, epochs: int
) -> Row:
    """Also the accuracy on training images, and how far it is ahead."""
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    seen = harness.seen_accuracy(net, data)
    gap = seen - measured["test_accuracy"]
    return {**measured, "train_accuracy": seen, "gap": gap}


def measure_search(**setting: object) -> Row:
    """As :func:`measure`, tested on held-out training images."""
    return harness.as_search(measure(**setting))


ARMS = [
    {"head": head, "fraction": fraction}
    for fraction in EPOCHS
    for head in ("GAP", "FC", "FC, dropout")
]
SEARCH = Study(
    name="head-search",
    question="Which learning rate serves each head best?",
    configurations=[{**arm, "lr": lr} for lr in harness.RATES for arm in ARMS],
    recipe={"validation": harness.VALIDATION},
    seeds=1,
    measure=measure_search,
    measurements=[*harness.SEARCHED, "train_accuracy", "gap"],
    shown=["validation_accuracy"],
)
CHOSEN = {  # by the search, of 0.03, 0.1, 0.3
    ("GAP", 0.01): 0.3,
    ("FC", 0.01): 0.3,
    ("FC, dropout", 0.01): 0.3,
    ("GAP", 0.1): 0.3,
    ("FC", 0.1): 0.1,
    ("FC, dropout", 0.1): 0.03,
    ("GAP", 1.0): 0.3,
    ("FC", 1.0): 0.3,
    ("FC, dropout", 1.0): 0.1,
}
STUDY = Study(
    name="head",
    question="GAP or fully connected, with 1, 10 and 100 % of the images?",
    configurations=[
        {**arm, "lr": CHOSEN[tuple(arm.values())]} for arm in ARMS
    ],
    measure=measure,
    measurements=[*harness.MEASUREMENTS, "train_accuracy", "gap"],
    shown=["train_accuracy", "test_accuracy", "gap"],
)


def measure_paper(
    head: str, fraction: float, lr: float, seed: int, epochs: int
) -> Row:
    """The trunk of the paper-size NiN at 224×224, 384 maps of 5×5."""
    data = harness.fashion_mnist(resize=224, fraction=fraction)
    torch.manual_seed(seed)
    net = with_head(nin()[:6], 384 * 5 * 5, head)
    return train_with_gap(net, data, seed, lr, epochs)


PAPER = Study(
    name="head-paper",
    question=STUDY.question,
    configurations=ARMS,
    recipe={"lr": 0.03, "epochs": 5},
    seeds=3,
    measure=measure_paper,
    measurements=[*harness.MEASUREMENTS, "train_accuracy", "gap"],
    shown=["train_accuracy", "test_accuracy", "gap"],
)
