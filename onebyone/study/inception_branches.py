"""The study *inception-branches*: what is each branch worth?

The compact Inception network is trained whole, without one of its branches,
and without the 1×1 convolutions that make it cheap, at equal MACs.
"""

from typing import Any

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models import inception
from onebyone.study.engine import harness
from onebyone.study.engine.study import Row


def network(arm: str) -> nn.Module:
    """Return the compact Inception network, whole or changed.

    Args:
        arm: "full"; "without" and a branch; or "naive", which has no 1×1
            in front of the large kernels and none behind the pooling, and
            is narrower by so much that its MACs are those of "full".
    """
    if arm == "naive":
        budget = harness.image_macs(inception.compact_inception())
        width = harness.widest(
            variants.naive_inception, harness.image_macs, budget
        )
        return variants.naive_inception(width)
    net = inception.compact_inception()
    if arm != "full":
        variants.without_branch(net, arm.removeprefix("without "))
    return net


def measure(
    arm: str, lr: float, seed: int, epochs: int, data: ImageData | None = None
) -> Row:
    """Train one network; see :func:`network` and :mod:`.harness`."""
    torch.manual_seed(seed)
    net = network(arm)
    data = data or harness.fashion_mnist()
    return harness.train_and_test(net, data, seed, lr, epochs)


def measure_search(validation: int, **setting: Any) -> Row:
    """As :func:`measure`, on half of the images, tested on held-out ones."""
    data = harness.fashion_mnist(validation=validation, fraction=0.5)
    return harness.as_search(measure(**setting, data=data))


SEARCH, STUDY = harness.tuned(
    name="inception-branches",
    question="What does Inception lose without a branch, or its 1×1?",
    factors=["arm"],
    rates={
        ("full",): 0.3,
        ("without 1x1",): 0.3,
        ("without 3x3",): 0.3,
        ("without 5x5",): 0.3,
        ("without pool",): 0.3,
        ("naive",): 0.3,
    },
    measure=measure,
    measure_search=measure_search,
    recipe={"epochs": 1},
    measurements=harness.MEASUREMENTS,
    shown=["test_accuracy", "parameters", "macs", "cpu_seconds"],
)
