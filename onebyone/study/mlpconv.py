"""The studies of *mlpconv*: what do the 1×1 layers of a NiN block bring?

Question: a block of NiN is a convolution and two 1×1 convolutions. What does
accuracy gain by the first, the second, a third one, and is it the layers
themselves or what they cost?

Design: the strided compact NiN with 0 to 3 1×1 layers a block, Kaiming's
start, two epochs. With and without batch norm it is run as it is; with batch
norm also at equal parameters and at equal MACs, where the other networks are
as wide as those of the one with two layers allow. Each arm has its own search
over five rates with two seeds, on 10,000 held-out images, as long as the study
itself (in searches of one epoch a rate of 1 came out ahead for five of the
arms, and at that rate they stayed behind in two); then ten seeds.
*mlpconv-equal-rate* runs the first eight arms once more at one rate for all,
five seeds.

Limits: one small network, one data set, two epochs. Two arms without 1×1
layers did best at the largest rate of the grid, by less than 0.001.
"""

from typing import Any

import torch

from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import arms
from onebyone.study.engine.study import Row, Study
from onebyone.study.remove_1x1 import network, width_at
from onebyone.training import Trainer


def measure(
    num_1x1: int,
    batch_norm: bool,
    equal: str,
    lr: float,
    seed: int,
    epochs: int,
    validation: int = 0,
) -> Row:
    """Train one network; see :func:`width_at` and :mod:`.comparison`."""
    data = harness.fashion_mnist(validation=validation)
    width = width_at(num_1x1, batch_norm, equal)
    torch.manual_seed(seed)
    net = network(num_1x1, batch_norm, width)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    return {"width": width, **measured}


AS_THEY_ARE = arms(
    num_1x1=[0, 1, 2, 3], batch_norm=[True, False], equal=["depth"]
)
COMMON: dict[str, Any] = {
    "measure": measure,
    "measurements": ["width", *comparison.MEASUREMENTS],
    "shown": ["width", "accuracy", "parameters", "macs"],
}
SEARCH, STUDY = comparison.tuned(
    name="mlpconv",
    question="What do 0, 1, 2, 3 1×1 layers a block do to accuracy?",
    rates={
        0.03: arms(num_1x1=[2, 3], batch_norm=[False], equal=["depth"]),
        0.1: arms(num_1x1=[1], batch_norm=[False], equal=["depth"]),
        0.3: [
            *arms(num_1x1=[0], batch_norm=[False], equal=["depth"]),
            *arms(num_1x1=[0, 2], batch_norm=[True], equal=["depth"]),
            *arms(
                num_1x1=[1, 3],
                batch_norm=[True],
                equal=["depth", "parameters", "MACs"],
            ),
        ],
        1.0: arms(
            num_1x1=[0], batch_norm=[True], equal=["parameters", "MACs"]
        ),
    },
    grid=(0.01, 0.03, 0.1, 0.3, 1.0),
    recipe={"epochs": 2},
    validation=10_000,
    seeds=10,
    **COMMON,
)
EQUAL_RATE = Study(
    name="mlpconv-equal-rate",
    question="The same, where all networks have one learning rate",
    configurations=[{**arm, "lr": 0.03} for arm in AS_THEY_ARE],
    recipe={"epochs": 2},
    seeds=5,
    **COMMON,
)
