"""The study *heads*: what does global average pooling do to a head?

Question: does a head that averages class maps generalise better than two
fully connected layers, with and without dropout; does that depend on how many
images there are, and on how early the training ends?

Design: three heads on one trunk. On 1, 10 and 100 % of the training images
all are trained for the same 938 steps, so that only the number of images
differs; on all images also for 94 and 281 steps. Each arm has its own search
over five rates with two seeds, on 10,000 held-out images; then ten seeds.

Limits: one trunk whose last maps are 3×3, one data set; with 1 % of the
images 938 steps are some 190 epochs.
"""

import torch

from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import arms
from onebyone.study.engine.study import Row
from onebyone.study.head import network
from onebyone.training import Trainer

LONGEST = 938  # steps: two epochs of all images


def measure(
    head: str,
    fraction: float,
    steps: int,
    lr: float,
    seed: int,
    validation: int = 0,
) -> Row:
    """Train one network on a share of the images, for that many steps.

    "train_accuracy" is measured on the first 10,000 images that it was
    trained on, "gap" is its lead over "accuracy".
    """
    data = harness.fashion_mnist(fraction=fraction, validation=validation)
    torch.manual_seed(seed)
    net = network(head)
    trainer = Trainer(steps, max_steps=steps, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    seen = harness.seen_accuracy(net, data)
    return {
        **measured,
        "train_accuracy": seen,
        "gap": seen - measured["accuracy"],
    }


SEARCH, STUDY = comparison.tuned(
    name="heads",
    question="GAP or fully connected, with few images or few steps?",
    rates={
        0.1: [
            *arms(head=["FC"], fraction=[1.0], steps=[94, LONGEST]),
            *arms(head=["FC, dropout"], fraction=[0.01, 0.1], steps=[LONGEST]),
            *arms(head=["FC, dropout"], fraction=[1.0], steps=[94]),
        ],
        0.3: [
            *arms(head=["GAP"], fraction=[0.01, 0.1], steps=[LONGEST]),
            *arms(head=["GAP"], fraction=[1.0], steps=[94, 281, LONGEST]),
            *arms(head=["FC"], fraction=[0.01, 0.1], steps=[LONGEST]),
            *arms(head=["FC"], fraction=[1.0], steps=[281]),
            *arms(head=["FC, dropout"], fraction=[1.0], steps=[281, LONGEST]),
        ],
    },
    grid=(0.01, 0.03, 0.1, 0.3, 1.0),
    measure=measure,
    recipe={},
    validation=10_000,
    measurements=[
        *(name for name in comparison.MEASUREMENTS if name != "steps"),
        *("train_accuracy", "gap"),
    ],
    shown=["train_accuracy", "accuracy", "gap"],
    seeds=10,
)
