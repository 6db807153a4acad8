"""The study *inception-branches*: what is each branch worth?"""

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models import inception
from onebyone.study import harness
from onebyone.study.declaration import Row, Study

BRANCHES = ("1x1", "3x3", "5x5", "pool")


def network(arm: str) -> nn.Module:
    """The compact Inception network, changed.

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


def measure_search(validation: int, **setting: object) -> Row:
    """As :func:`measure`, tested on held-out training images."""
    data = harness.fashion_mnist(validation=validation, fraction=0.5)
    return harness.as_search(measure(**setting, data=data))


ARMS = [
    {"arm": arm}
    for arm in ("full", *(f"without {b}" for b in BRANCHES), "naive")
]
SEARCH = Study(
    name="inception-branches-search",
    question="Which learning rate serves each network best?",
    configurations=[{**arm, "lr": lr} for lr in harness.RATES for arm in ARMS],
    recipe={"epochs": 1, "validation": harness.VALIDATION},
    seeds=1,
    measure=measure_search,
    measurements=harness.SEARCHED,
    shown=["validation_accuracy"],
)
CHOSEN = {  # by the search, of 0.03, 0.1, 0.3
    "full": 0.3,
    "without 1x1": 0.3,
    "without 3x3": 0.3,
    "without 5x5": 0.3,
    "without pool": 0.3,
    "naive": 0.3,
}
STUDY = Study(
    name="inception-branches",
    question="What does Inception lose without a branch, or its 1×1?",
    configurations=[{**arm, "lr": CHOSEN[arm["arm"]]} for arm in ARMS],
    recipe={"epochs": 1},
    measure=measure,
    measurements=harness.MEASUREMENTS,
    shown=["test_accuracy", "parameters", "macs", "cpu_seconds"],
)


def measure_paper(arm: str, lr: float, seed: int, epochs: int) -> Row:
    """GoogLeNet with batch norm at 224×224, whole or without a branch."""
    torch.manual_seed(seed)
    net = variants.googlenet_with_batch_norm(num_classes=10)
    if arm != "full":
        variants.without_branch(net, arm.removeprefix("without "))
    data = harness.fashion_mnist(resize=224)
    return harness.train_and_test(net, data, seed, lr, epochs)


PAPER = Study(
    name="inception-branches-paper",
    question=STUDY.question,
    configurations=ARMS[:-1],
    recipe={"lr": 0.03, "epochs": 3},
    seeds=3,
    measure=measure_paper,
    measurements=harness.MEASUREMENTS,
    shown=["test_accuracy", "parameters", "macs"],
)
