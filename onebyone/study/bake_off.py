"""The study *bake-off*: five blocks at equal cost.

Every network is the same skeleton with another block in it, made as wide as
a budget allows. A reader's own block can be entered with :func:`enter`.
"""

from collections.abc import Callable

import torch
from torch import nn

from onebyone.cost import parameters
from onebyone.data import ImageData
from onebyone.models import inception, residual
from onebyone.models.nin import nin_block, with_batch_norm
from onebyone.study.engine import harness
from onebyone.study.engine.study import Row

Block = Callable[[int, int], nn.Module]  # from channels in and channels out
PARAMETERS = 100_000  # that an entry may have
MACS = 10_000_000  # that an entry may take for one image
LR = 0.1  # of an entry, unless it brings its own
ENTRY_MULTIPLE = 4  # that divides the channels of every block of an entry


def vgg(in_channels: int, out_channels: int) -> nn.Module:
    """Return two 3×3 convolutions with batch norm, as VGG stacks them."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def network_in_network(in_channels: int, out_channels: int) -> nn.Module:
    """Return a 3×3 and two 1×1 convolutions with batch norm."""
    block = nin_block(in_channels, out_channels, 3, 1, 1)
    return with_batch_norm(block)


def inception_branches(in_channels: int, out_channels: int) -> nn.Module:
    """Return an Inception block with batch norm, shared out about as in 3a.

    A quarter of the channels to the 1×1, half to the 3×3, an eighth each
    to the 5×5 and the pooling; the large kernels read from a 1×1 that has
    three quarters, or half, as many channels as they make.
    """
    c3, c5, pool = out_channels // 2, out_channels // 8, out_channels // 8
    c1 = out_channels - c3 - c5 - pool
    reduced = max(1, 3 * c3 // 4), max(1, c5 // 2)
    block = inception.InceptionBlock(
        in_channels, c1, (reduced[0], c3), (reduced[1], c5), pool
    )
    return inception.batch_norm_branches(block)


def bottleneck(in_channels: int, out_channels: int) -> nn.Module:
    """Return a residual block with a bottleneck; 4 divides out_channels."""
    expansion = residual.BottleneckBlock.expansion
    return residual.BottleneckBlock(in_channels, out_channels // expansion)


BLOCKS: dict[str, Block] = {
    "VGG-like": vgg,
    "NiN": network_in_network,
    "Inception": inception_branches,
    "residual": residual.ResidualBlock,
    "bottleneck": bottleneck,
}
MULTIPLES = {"bottleneck": residual.BottleneckBlock.expansion}


def skeleton(block: Block, width: int, multiple: int = 1) -> nn.Sequential:
    """Return three blocks between a convolution and global average pooling.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits. The first block works on maps
    of 14×14 pixels, the other two on 7×7.

    Args:
        block: makes a block from channels in and channels out; it must
            keep the size of the map.
        width: channels that the second and third block make. The first
            makes half as many.
        multiple: to which that half is rounded.
    """
    half = multiple * round(width / 2 / multiple)
    return nn.Sequential(
        nn.Conv2d(1, half, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(half),
        nn.ReLU(),
        block(half, half),
        nn.MaxPool2d(2),
        block(half, width),
        block(width, width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 10),
    )


def width_for(
    block: Block, limited: str, budget: int, multiple: int = 1
) -> int:
    """Return the largest width, from 16 on, that a budget allows.

    Args:
        block: see :func:`skeleton`.
        limited: "MACs" for one image, or "parameters".
        budget: the limit.
        multiple: that the width must be of this; see :func:`skeleton`.
    """
    cost = {"MACs": harness.image_macs, "parameters": parameters}[limited]
    return harness.widest(
        lambda width: skeleton(block, width, multiple),
        cost,
        budget,
        least=16,
        step=multiple,
    )


def measure(
    block: str,
    limited: str,
    budget: int,
    lr: float,
    seed: int,
    epochs: int,
    data: ImageData | None = None,
) -> Row:
    """Train one network as wide as its budget allows."""
    make, multiple = BLOCKS[block], MULTIPLES.get(block, 1)
    width = width_for(make, limited, budget, multiple)
    torch.manual_seed(seed)
    net = skeleton(make, width, multiple)
    data = data or harness.fashion_mnist()
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    return {"width": width, **measured}


BUDGETS = [
    *(("MACs", budget) for budget in (1_250_000, 2_500_000, 5_000_000)),
    *(("parameters", budget) for budget in (25_000, 50_000, 100_000)),
]
RATES = {  # found at one budget, used at all of them
    "VGG-like": 0.1,
    "NiN": 0.3,
    "Inception": 0.3,
    "residual": 0.3,
    "bottleneck": 0.3,
}
SEARCH, STUDY = harness.tuned(
    name="bake-off",
    question="Which block makes the most of the same cost?",
    factors=["block", "limited", "budget"],
    rates={
        (block, *budget): RATES[block]
        for budget in BUDGETS
        for block in BLOCKS
    },
    searched=[(block, "MACs", 2_500_000) for block in BLOCKS],
    measure=measure,
    recipe={"epochs": 1},
    measurements=["width", *harness.MEASUREMENTS],
    shown=["width", "test_accuracy", "parameters", "macs", "cpu_seconds"],
)


def enter(
    block: Block,
    lr: float = LR,
    seed: int = 0,
    data: ImageData | None = None,
    width: int | None = None,
) -> Row:
    """Train a block of the reader's in the harness of the study.

    Args:
        block: see :func:`skeleton`.
        lr: peak of the one-cycle schedule.
        seed: draws the weights and the order of the images.
        data: the study's own Fashion-MNIST unless given.
        width: for :func:`skeleton`; the widest that both limits,
            ``PARAMETERS`` and ``MACS``, allow unless given.

    Returns:
        What the study measures, see :func:`.harness.train_and_test`.

    Raises:
        ValueError: the block does not keep the size of the map or does
            not make the channels asked for, or the network costs more
            than the limits allow.
    """
    _check_shapes(block)
    if width is None:
        width = min(
            width_for(block, "parameters", PARAMETERS, ENTRY_MULTIPLE),
            width_for(block, "MACs", MACS, ENTRY_MULTIPLE),
        )
    torch.manual_seed(seed)
    net = skeleton(block, width, ENTRY_MULTIPLE)
    cost = parameters(net), harness.image_macs(net)
    if cost[0] > PARAMETERS or cost[1] > MACS:
        raise ValueError(
            f"the network has {cost[0]:,} parameters and takes {cost[1]:,} "
            f"MACs; allowed are {PARAMETERS:,} and {MACS:,}: make the block "
            "cheaper, or leave out the width"
        )
    data = data or harness.fashion_mnist()
    epochs = STUDY.recipe["epochs"]
    measured = harness.train_and_test(net, data, seed, lr, epochs)
    return {"width": width, **measured}


def _check_shapes(block: Block) -> None:
    X = torch.zeros(2, 8, 14, 14)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        shape = tuple(block(8, 16)(X).shape)
    if shape != (2, 16, 14, 14):
        raise ValueError(
            "block(8, 16) must turn (2, 8, 14, 14) into (2, 16, 14, 14), "
            f"but makes {shape}"
        )
