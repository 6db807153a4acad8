"""The study *reductions*: what do the two kinds of 1×1 in Inception save?

Question: an Inception block has 1×1 convolutions in front of its large
kernels, which reduce what these read, and one behind its pooling, which keeps
the channels from piling up. What does each save in weights and MACs, and what
does it do to accuracy?

Design: the compact Inception network with both, with one and with neither of
them; as they are, and, where the reductions are missing, also with all
channels scaled so that the MACs are those of the network that has both. (The
projections alone change these MACs by one per cent.) Each arm has its own
search over four rates with two seeds, on 10,000 held-out images and one
epoch; then five seeds of two epochs.

Limits: three blocks, so there is little room for channels to pile up; one
data set, two epochs.
"""

from collections.abc import Callable

import torch
from torch import nn

from onebyone.models.inception import (
    InceptionBlock,
    batch_norm_branches,
    conv_relu,
)
from onebyone.models.nin import with_batch_norm
from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import arms
from onebyone.study.engine.study import Row
from onebyone.training import Trainer

Pair = tuple[int, int]
BLOCKS = (  # 1×1; 3×3 and its reduction; 5×5 and its; behind the pooling
    (16, (16, 32), (8, 16), 16),
    (24, (24, 48), (8, 24), 24),
    (32, (32, 64), (16, 32), 32),
)
STEM = 32  # channels in front of the first block


def block(
    in_channels: int,
    c1: int,
    c3: tuple[int, int],
    c5: tuple[int, int],
    pool: int,
    reduce: bool,
    project: bool,
) -> InceptionBlock:
    """Return an Inception block, with batch norm, with or without its 1×1s.

    Shapes: (B, in_channels, H, W) -> (B, c1 + c3[1] + c5[1] + pool, H, W);
    without the projection ``in_channels`` takes the place of ``pool``.

    Args:
        in_channels, c1, c3, c5, pool: see :class:`InceptionBlock`.
        reduce: whether there are 1×1s in front of the 3×3 and the 5×5.
        project: whether there is one behind the pooling.
    """
    made = InceptionBlock(in_channels, c1, c3, c5, pool)
    if not reduce:
        for name, channels, kernel in (("3x3", c3[1], 3), ("5x5", c5[1], 5)):
            layers = conv_relu(in_channels, channels, kernel)
            made.branches[name] = nn.Sequential(*layers)
    if not project:
        made.branches["pool"] = nn.Sequential(nn.MaxPool2d(3, 1, 1))
    return batch_norm_branches(made)


def network(reduce: bool, project: bool, width: int = 100) -> nn.Sequential:
    """Return the compact Inception network, with or without its 1×1s.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits.

    Args:
        reduce, project: see :func:`block`.
        width: of all convolutions, in per cent of the channels that the
            compact Inception network has.
    """

    def scaled(channels: int) -> int:
        return max(1, round(width / 100 * channels))

    channels = scaled(STEM)
    layers: list[nn.Module] = []
    layers.append(
        with_batch_norm(nn.Sequential(*conv_relu(1, channels, 5, 2)))
    )
    for c1, c3, c5, pool in BLOCKS:
        c1, c3, c5 = scaled(c1), _both(scaled, c3), _both(scaled, c5)
        passed_on = scaled(pool) if project else channels
        sizes = c1, c3, c5, scaled(pool)
        layers.append(block(channels, *sizes, reduce, project))
        channels = c1 + c3[1] + c5[1] + passed_on
    layers.insert(2, nn.MaxPool2d(2))
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers, *head)


def _both(function: Callable[[int], int], pair: Pair) -> Pair:
    return function(pair[0]), function(pair[1])


def width_at(reduce: bool, project: bool, equal: str) -> int:
    """Return the width, "as is" or where "MACs" are those of the whole."""
    if equal == "as is":
        return 100
    budget = harness.image_macs(network(True, True))
    return harness.widest(
        lambda width: network(reduce, project, width),
        harness.image_macs,
        budget,
    )


def measure(
    reduce: bool,
    project: bool,
    equal: str,
    lr: float,
    seed: int,
    epochs: int,
    validation: int = 0,
) -> Row:
    """Train one network; see :func:`network` and :mod:`.comparison`."""
    data = harness.fashion_mnist(validation=validation)
    width = width_at(reduce, project, equal)
    torch.manual_seed(seed)
    net = network(reduce, project, width)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    return {"width": width, **measured}


SEARCH, STUDY = comparison.tuned(
    name="reductions",
    question="What do the two kinds of 1×1 in Inception save, and cost?",
    rates={
        0.1: arms(reduce=[True], project=[False], equal=["as is"]),
        0.3: [
            *arms(reduce=[True], project=[True], equal=["as is"]),
            *arms(reduce=[False], project=[False], equal=["as is", "MACs"]),
            *arms(reduce=[False], project=[True], equal=["MACs"]),
        ],
        1.0: arms(reduce=[False], project=[True], equal=["as is"]),
    },
    grid=(0.03, 0.1, 0.3, 1.0),
    beyond={3.0: arms(reduce=[False], project=[True], equal=["as is"])},
    measure=measure,
    recipe={"epochs": 2},
    search_recipe={"epochs": 1},
    validation=10_000,
    measurements=["width", *comparison.MEASUREMENTS],
    shown=["width", "accuracy", "parameters", "macs", "cpu_seconds"],
    seeds=5,
)
