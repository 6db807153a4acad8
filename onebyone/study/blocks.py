"""The study *blocks*: which block makes the most of its cost?

Question: put five blocks into the same network. Which reaches the highest
accuracy for the same MACs, parameters or seconds?

Design: the skeleton of :mod:`.bake_off` with each of its five blocks, in four
widths, all multiples of 16, so that no block suffers from a number of
channels that the machine handles badly; each network has its own search over
four rates with two seeds, on 10,000 held-out images and two epochs, and then
five seeds. Accuracy at equal cost is read off each seed's line
of accuracy over the logarithm of the cost, between two widths.

Limits: one skeleton, one data set, two epochs: how fast a block learns counts
as much as how far it comes.
"""

import torch

from onebyone.study.bake_off import BLOCKS, skeleton
from onebyone.study.engine import comparison, harness
from onebyone.study.engine.study import Row
from onebyone.training import Trainer

HALF_MULTIPLE = 8  # of half the width, so that the width is one of 16
WIDTHS = {
    "VGG-like": (16, 32, 48, 64),
    "NiN": (32, 48, 64, 80),
    "Inception": (48, 80, 112, 160),
    "residual": (16, 32, 48, 64),
    "bottleneck": (80, 112, 160, 240),
}


def measure(
    block: str,
    width: int,
    lr: float,
    seed: int,
    epochs: int,
    validation: int = 0,
) -> Row:
    """Train one network of that width; see :mod:`.comparison`."""
    data = harness.fashion_mnist(validation=validation)
    torch.manual_seed(seed)
    net = skeleton(BLOCKS[block], width, HALF_MULTIPLE)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    return comparison.train_and_test(net, data, trainer)


SEARCH, STUDY = comparison.tuned(
    name="blocks",
    question="Which block makes the most of the same cost?",
    rates={
        0.1: [
            {"block": block, "width": width}
            for block, widths in WIDTHS.items()
            for width in widths
        ]
    },
    grid=(0.03, 0.1, 0.3, 1.0),
    measure=measure,
    recipe={"epochs": 2},
    validation=10_000,
    measurements=comparison.MEASUREMENTS,
    shown=["accuracy", "parameters", "macs", "cpu_seconds"],
    seeds=5,
)
