"""The study *remove-1x1*: what do the 1×1 convolutions of NiN bring?

More 1×1 layers also mean more parameters and more MACs. So each network
with another number of them is run as it is, and, made wider or narrower, at
the parameters and at the MACs of the network with two.
"""

import torch
from torch import nn

from onebyone import variants
from onebyone.cost import parameters
from onebyone.data import ImageData
from onebyone.models.nin import initialise
from onebyone.study.engine import harness
from onebyone.study.engine.study import Row, Study

WIDTH = 96  # of the last block; the others have a third and two thirds


def network(num_1x1: int, batch_norm: bool, width: int = WIDTH) -> nn.Module:
    """Return the strided compact NiN, its weights drawn for ReLUs."""
    channels = max(1, round(width / 3)), round(2 * width / 3), width
    net = variants.strided_nin(num_1x1, channels, batch_norm)
    return initialise(net, "kaiming")


def width_at(num_1x1: int, batch_norm: bool, equal: str) -> int:
    """Return the largest width that costs no more than two 1×1 layers do.

    Args:
        num_1x1, batch_norm: as for :func:`network`.
        equal: "depth" for the width as it is, or what is to be equal,
            "parameters" or "MACs".
    """
    if equal == "depth":
        return WIDTH
    cost = {"parameters": parameters, "MACs": harness.image_macs}[equal]
    budget = cost(network(2, batch_norm))
    return harness.widest(
        lambda width: network(num_1x1, batch_norm, width), cost, budget
    )


def measure(
    num_1x1: int,
    batch_norm: bool,
    equal: str,
    lr: float,
    seed: int,
    epochs: int,
    data: ImageData | None = None,
) -> Row:
    """Train one network; see :func:`width_at` and :mod:`.harness`."""
    width = width_at(num_1x1, batch_norm, equal)
    torch.manual_seed(seed)
    net = network(num_1x1, batch_norm, width)
    data = data or harness.fashion_mnist()
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    return {"width": width, **measured}


SEARCH, STUDY = harness.tuned(
    name="remove-1x1",
    question="What do 0, 1, 2, 3 1×1 layers a block do to accuracy?",
    factors=["num_1x1", "batch_norm", "equal"],
    rates={
        (0, True, "depth"): 0.3,
        (1, True, "depth"): 0.3,
        (2, True, "depth"): 0.3,
        (3, True, "depth"): 0.1,
        (0, False, "depth"): 0.3,
        (1, False, "depth"): 0.1,
        (2, False, "depth"): 0.03,
        (3, False, "depth"): 0.03,
        (0, True, "parameters"): 0.3,
        (1, True, "parameters"): 0.3,
        (3, True, "parameters"): 0.3,
        (0, True, "MACs"): 0.3,
        (1, True, "MACs"): 0.3,
        (3, True, "MACs"): 0.3,
    },
    measure=measure,
    recipe={"epochs": 2},
    search_recipe={"epochs": 1},
    seeds=10,
    measurements=["width", *harness.MEASUREMENTS],
    shown=["width", "test_accuracy", "parameters", "macs"],
)


def measure_paper(
    num_1x1: int, batch_norm: bool, seed: int, lr: float, epochs: int
) -> Row:
    """Train the paper-size NiN, without its last ReLU, at 224×224."""
    torch.manual_seed(seed)
    net = variants.paper_nin(num_1x1, batch_norm=batch_norm)
    initialise(net, "kaiming")
    data = harness.fashion_mnist(resize=224)
    return harness.train_and_test(net, data, seed, lr, epochs)


PAPER = Study(
    name="remove-1x1-paper",
    question=STUDY.question,
    configurations=[
        {"num_1x1": num_1x1, "batch_norm": batch_norm}
        for batch_norm in (True, False)
        for num_1x1 in (0, 1, 2, 3)
    ],
    recipe={"lr": 0.03, "epochs": 5},
    seeds=3,
    measure=measure_paper,
    measurements=harness.MEASUREMENTS,
    shown=["test_accuracy", "parameters", "macs"],
)
