"""The study *head*: what does global average pooling do to a head?

Three heads on one trunk are trained on few, more and all of the images: GAP,
two fully connected layers, and the same two with dropout.
"""

from typing import Any

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models.nin import initialise
from onebyone.study.engine import harness
from onebyone.study.engine.study import Row

HIDDEN = 256  # units between the maps and the classes
EPOCHS = {0.01: 40, 0.1: 10, 1.0: 2}  # by share of the training images


def with_head(trunk: nn.Sequential, values: int, head: str) -> nn.Module:
    """Return the trunk with a head on it, weights drawn for ReLUs.

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
    """Return the strided compact NiN, whose trunk ends in 96 maps of 3×3."""
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
    """Measure the accuracy on training images too, and its lead."""
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    seen = harness.seen_accuracy(net, data)
    gap = seen - measured["test_accuracy"]
    return {**measured, "train_accuracy": seen, "gap": gap}


def measure_search(**setting: Any) -> Row:
    """As :func:`measure`, tested on held-out training images."""
    return harness.as_search(measure(**setting))


SEARCH, STUDY = harness.tuned(
    name="head",
    question="GAP or fully connected, with 1, 10 and 100 % of the images?",
    factors=["head", "fraction"],
    rates={
        ("GAP", 0.01): 0.3,
        ("FC", 0.01): 0.3,
        ("FC, dropout", 0.01): 0.3,
        ("GAP", 0.1): 0.3,
        ("FC", 0.1): 0.1,
        ("FC, dropout", 0.1): 0.03,
        ("GAP", 1.0): 0.3,
        ("FC", 1.0): 0.3,
        ("FC, dropout", 1.0): 0.1,
    },
    measure=measure,
    measure_search=measure_search,
    recipe={},
    measurements=[*harness.MEASUREMENTS, "train_accuracy", "gap"],
    shown=["train_accuracy", "test_accuracy", "gap"],
)
