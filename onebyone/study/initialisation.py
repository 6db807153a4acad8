"""The study *initialisation*: which start lets a NiN learn all classes?

The network ends as the one that everyone copies does: in a block with ten
channels, whose last ReLU, where it is kept, can close for good.
"""

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models.nin import initialise
from onebyone.study import harness
from onebyone.study.declaration import Row, Study
from onebyone.training import predict


def network(init: str, final_relu: bool, batch_norm: bool) -> nn.Module:
    """A small NiN that ends in a block of ten channels, weights drawn."""
    net = variants.strided_nin_to_classes(final_relu, batch_norm)
    return initialise(net, init)


def live_classes(net: nn.Module, data: ImageData) -> int:
    """How many logits are not zero for every tested image."""
    return int((predict(net, data) != 0).any(dim=0).sum())


def measure(
    init: str,
    final_relu: bool,
    batch_norm: bool,
    lr: float,
    seed: int,
    epochs: int,
    data: ImageData | None = None,
) -> Row:
    """Train one network, and count its live classes before and after.

    A run "trains" if its accuracy is more than twice that of guessing.
    """
    data = data or harness.fashion_mnist()
    torch.manual_seed(seed)
    net = network(init, final_relu, batch_norm)
    live = live_classes(net.to(data.device), data)
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    return {
        **measured,
        "trains": measured["test_accuracy"] > 0.2,
        "live_at_start": live,
        "live_at_end": live_classes(net, data),
    }


def measure_search(validation: int, **setting: object) -> Row:
    """As :func:`measure`, tested on held-out training images."""
    data = harness.fashion_mnist(validation=validation)
    return harness.as_search(measure(**setting, data=data))


MEASUREMENTS = ["trains", "live_at_start", "live_at_end"]
ARMS = [
    {"init": init, "final_relu": final_relu, "batch_norm": batch_norm}
    for batch_norm in (False, True)
    for final_relu in (True, False)
    for init in ("default", "xavier", "kaiming")
]
SEARCH = Study(
    name="initialisation-search",
    question="Which learning rate serves each start best?",
    configurations=[{**arm, "lr": lr} for lr in harness.RATES for arm in ARMS],
    recipe={"epochs": 1, "validation": harness.VALIDATION},
    seeds=1,
    measure=measure_search,
    measurements=[*harness.SEARCHED, *MEASUREMENTS],
    shown=["validation_accuracy", "live_at_end"],
)
CHOSEN = {  # by the search, of 0.03, 0.1, 0.3
    ("default", True, False): 0.03,
    ("xavier", True, False): 0.03,
    ("kaiming", True, False): 0.03,
    ("default", False, False): 0.3,
    ("xavier", False, False): 0.03,
    ("kaiming", False, False): 0.03,
    ("default", True, True): 0.1,
    ("xavier", True, True): 0.3,
    ("kaiming", True, True): 0.3,
    ("default", False, True): 0.1,
    ("xavier", False, True): 0.3,
    ("kaiming", False, True): 0.3,
}
STUDY = Study(
    name="initialisation",
    question="Which start lets a NiN learn, with and without a last ReLU?",
    configurations=[
        {**arm, "lr": CHOSEN[tuple(arm.values())]} for arm in ARMS
    ],
    recipe={"epochs": 1},
    measure=measure,
    measurements=[*harness.MEASUREMENTS, *MEASUREMENTS],
    shown=["trains", "live_at_start", "live_at_end", "test_accuracy"],
)


def measure_paper(
    init: str, final_relu: bool, batch_norm: bool, lr: float, **recipe: object
) -> Row:
    """The paper-size NiN at 224×224."""
    data = harness.fashion_mnist(resize=224)
    seed, epochs = recipe["seed"], recipe["epochs"]
    torch.manual_seed(seed)
    net = variants.paper_nin(2, final_relu, batch_norm)
    initialise(net, init)
    live = live_classes(net.to(data.device), data)
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    return {
        **measured,
        "trains": measured["test_accuracy"] > 0.2,
        "live_at_start": live,
        "live_at_end": live_classes(net, data),
    }


PAPER = Study(
    name="initialisation-paper",
    question=STUDY.question,
    configurations=ARMS,
    recipe={"lr": 0.03, "epochs": 3},
    measure=measure_paper,
    measurements=[*harness.MEASUREMENTS, *MEASUREMENTS],
    shown=["trains", "live_at_start", "live_at_end", "test_accuracy"],
)
