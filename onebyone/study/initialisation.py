"""The study *initialisation*: which start lets a NiN learn all classes?

The network ends as the one that everyone copies does: in a block with ten
channels, whose last ReLU, where it is kept, can close for good. It starts
from PyTorch's own weights, Xavier's or Kaiming's, with and without that ReLU
and batch norm.
"""

import torch
from torch import nn

from onebyone import variants
from onebyone.data import ImageData
from onebyone.models.nin import initialise
from onebyone.study.engine import harness
from onebyone.study.engine.study import Row, Study
from onebyone.training import predict


def network(init: str, final_relu: bool, batch_norm: bool) -> nn.Module:
    """Return a small NiN that ends in a block of ten channels."""
    net = variants.strided_nin_to_classes(final_relu, batch_norm)
    return initialise(net, init)


def live_classes(net: nn.Module, data: ImageData) -> int:
    """Return how many logits are not zero for every tested image."""
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
    """Train one network; count its live classes before and after.

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


MEASUREMENTS = [
    *harness.MEASUREMENTS,
    "trains",
    "live_at_start",
    "live_at_end",
]
SHOWN = ["trains", "live_at_start", "live_at_end", "test_accuracy"]
FACTORS = ["init", "final_relu", "batch_norm"]
SEARCH, STUDY = harness.tuned(
    name="initialisation",
    question="Which start lets a NiN learn, with and without a last ReLU?",
    factors=FACTORS,
    rates={
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
    },
    measure=measure,
    recipe={"epochs": 1},
    measurements=MEASUREMENTS,
    shown=SHOWN,
)


def measure_paper(
    init: str,
    final_relu: bool,
    batch_norm: bool,
    lr: float,
    seed: int,
    epochs: int,
) -> Row:
    """As :func:`measure`, with the paper-size NiN at 224×224."""
    data = harness.fashion_mnist(resize=224)
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
    configurations=[
        {factor: arm[factor] for factor in FACTORS}
        for arm in STUDY.configurations
    ],
    recipe={"lr": 0.03, "epochs": 3},
    measure=measure_paper,
    measurements=MEASUREMENTS,
    shown=SHOWN,
)
