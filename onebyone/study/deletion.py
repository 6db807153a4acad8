"""The study *deletion*: can a trained network do without some of its blocks?

Question: if blocks are deleted from a trained residual network, and from the
plain network with the same weights to learn, how large is the error? How much
of the harm is due to batch norm, whose running statistics are those of the
whole network?

Design: plain and residual networks of 20 and 38 layers, trained as in the
study *degradation* (3,000 images at 14×14 pixels, 10 epochs, Kaiming's start,
batch norm), at the rates that its search found; five seeds. Blocks that
change the shape stay. Each other block is deleted alone; then 1, 2, 3 and so
on are, in three orders that the seed draws, the same for both kinds. The
error is measured on 1,000 test images, once with the running statistics as
they are, and once with all of them taken anew from 1,000 training images. The
intact network is measured both ways, too.

Limits: the images that give the statistics anew are also those that the
weights have learnt from; small networks that are not trained to the end; the
standard error of one error is up to 1.6 points.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.models.residual import ResidualBlock
from onebyone.study import degradation
from onebyone.study.engine import comparison
from onebyone.study.engine.comparison import as_text
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer

TESTED = 1_000  # images
RECALIBRATED_ON = 1_000  # training images
BATCH = 250
ORDERS = 3  # in which blocks are deleted, one after the other
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)  # of blocks, as far as there are as many


def same_shape_blocks(net: nn.Sequential) -> list[int]:
    """Return the places of the blocks that do not change the shape.

    ``net`` is one of those of :func:`degradation.depth_net`.
    """
    places = []
    for place, layer in enumerate(net):
        if isinstance(layer, ResidualBlock):
            layer = layer.branch
        if isinstance(layer, nn.Sequential):  # a branch, or a plain block
            conv = layer[0]
            if conv.in_channels == conv.out_channels:
                places.append(place)
    return places


def without(net: nn.Sequential, places: Iterable[int]) -> nn.Sequential:
    """Return the network without some layers; it shares the others."""
    gone = set(places)
    return nn.Sequential(*[m for i, m in enumerate(net) if i not in gone])


@torch.no_grad()
def recalibrated(net: nn.Module, X: Tensor) -> nn.Module:
    """Return a copy whose batch norms have their statistics anew.

    Args:
        net: is left as it is.
        X: training images, (B, C, H, W), in whole batches of ``BATCH``.

    Returns:
        The copy, in evaluation mode; each running statistic is the mean of
        those of the batches.
    """
    net = copy.deepcopy(net).train()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over batches
    for batch in X.split(BATCH):
        net(batch)
    return net.eval()


@torch.no_grad()
def error(net: nn.Module, X: Tensor, y: Tensor) -> float:
    """Return the share that is classified wrongly, in evaluation mode."""
    net.eval()
    logits = torch.cat([net(batch) for batch in X.split(BATCH)])
    return (logits.argmax(dim=1) != y).double().mean().item()


def orders_of(places: list[int], seed: int) -> list[list[int]]:
    """Return ``ORDERS`` orders of some places, drawn from a seed."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        torch.randperm(len(places), generator=generator) for _ in range(ORDERS)
    ]
    return [[places[i] for i in order.tolist()] for order in drawn]


def delete(net: Any, X: Tensor, y: Tensor, seen: Tensor, seed: int) -> Row:
    """Return the errors of a network without some of its blocks.

    Args:
        net: trained, on one device with the images.
        X, y: the images that are tested on.
        seen: training images for the statistics.
        seed: draws the orders.

    Returns:
        "intact"; "one_deleted", a number for each block that may go;
        "some_deleted", for each of ``COUNTS`` the mean over the orders, and
        "some_deleted_worst" and "..._best", their extremes; and the same
        with "_recalibrated" behind the name.
    """
    places = same_shape_blocks(net)
    orders = orders_of(places, seed)
    counts = [count for count in COUNTS if count <= len(places)]

    def errors(gone: Iterable[int]) -> tuple[float, float]:
        rest = without(net, gone)
        return error(rest, X, y), error(recalibrated(rest, seen), X, y)

    intact = errors([])
    single = {place: errors([place]) for place in places}
    some = [
        [
            single[order[0]] if count == 1 else errors(order[:count])
            for order in orders
        ]
        for count in counts
    ]
    row: Row = {"deletable": len(places)}
    for i, suffix in enumerate(("", "_recalibrated")):
        by_count = [[pair[i] for pair in each] for each in some]
        name = f"some_deleted{suffix}"
        row[f"intact{suffix}"] = intact[i]
        row[f"one_deleted{suffix}"] = as_text(
            pair[i] for pair in single.values()
        )
        row[name] = as_text(sum(each) / len(each) for each in by_count)
        row[f"{name}_best"] = as_text(min(each) for each in by_count)
        row[f"{name}_worst"] = as_text(max(each) for each in by_count)
    return row


def measure(
    network: str, layers: int, lr: float, seed: int, epochs: int
) -> Row:
    """Train one network, then delete blocks of it; see :func:`delete`.

    Errors lie between 0 and 1. "error" is on all test images, the others
    are on the first ``TESTED`` of them. All is computed in float32.
    """
    data = degradation.images()
    torch.manual_seed(seed)
    net = degradation.depth_net(network, "Kaiming", True, layers)
    trainer = Trainer(epochs, lr=lr, precision="float32", seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    measured["error"] = 1 - measured.pop("accuracy")
    X = data.normalise(data.val_images[:TESTED])
    y = data.val_labels[:TESTED]
    seen = data.normalise(data.train_images[:RECALIBRATED_ON])
    return {**measured, **delete(net, X, y, seen, seed)}


STUDY = Study(
    name="deletion",
    question="Can a trained network do without some of its blocks?",
    configurations=[
        {name: arm[name] for name in ("network", "layers", "lr")}
        for arm in degradation.STUDY.configurations
        if arm["layers"] in (20, 38)
    ],
    recipe={"epochs": 10},
    measure=measure,
    measurements=[
        "error",
        *comparison.MEASUREMENTS[1:],
        "deletable",
        *[
            f"{name}{suffix}{extreme}"
            for suffix in ("", "_recalibrated")
            for name, extreme in (
                ("intact", ""),
                ("one_deleted", ""),
                ("some_deleted", ""),
                ("some_deleted", "_best"),
                ("some_deleted", "_worst"),
            )
        ],
    ],
    shown=["intact", "one_deleted", "one_deleted_recalibrated"],
    seeds=5,
)
