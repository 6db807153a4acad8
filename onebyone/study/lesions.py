"""The study *lesions*: what does each branch of a trained Inception carry?

Question: which branch of which block does a trained network miss most, does
the answer depend on how the branch is taken out, and is it foretold by the
weights that read the branch? Does a layer that reads four branches pick one
of them for an image?

Design: the compact Inception network, two epochs, at the best of four rates
(searched with two seeds on 10,000 held-out images), five seeds.
Every branch of every block is taken out alone, then each kind of branch from
all blocks at once, and the test accuracy is measured anew on 4,000 images. A
branch that is taken out gives the same for every image:

- *silenced*: zeros;
- *frozen*: the mean of each channel over training images and places;
- *frozen by place*: the mean of each channel at each place over training
  images, so that only what differs between images is lost.

The *mass* of a branch is the sum of the squares of the weights that read it:
those of the first convolution of each branch of the next block, or of the
linear layer. The *scaled* mass also counts what batch norm multiplies with:
the learned scale of the channel that is read, and the learned scale of what
reads it over its running standard deviation. Mass and lost accuracy are
compared within a block, by Spearman's rank correlation over its four
branches, on one footing: total with total, and per channel with per channel.

The *share* of a branch is the norm of what it adds to the next layer's sums
for one image, over the sum of these norms. That is measured of the whole and
of what *varies*, which is left when the mean over the training images is
taken away. The layer that reads is the next block's 1×1 branch, or the linear
layer.

Limits: a lesion tells what this trained network loses, not what the branch is
worth to the design. Four branches make a coarse correlation. Branches differ
in their number of channels, in depth and in kernel at once. One small
network, one data set, two epochs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from onebyone.models.inception import InceptionBlock, compact_inception
from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import as_text
from onebyone.study.engine.study import Row
from onebyone.training import Trainer

LOOKED_AT = 4_000  # training images for the means, and images to test on
BATCH = 250
LESIONS = ("silenced", "frozen", "frozen_by_place")
MASSES = ("mass", "scaled_mass")

Net = Any  # a Sequential; the types do not know what layers it holds
Lesion = tuple[int, str]  # the place of a block, and a branch of it


def lesions_of(net: Net) -> list[Lesion]:
    """Return all branches, block by block."""
    return [
        (place, name)
        for place, layer in enumerate(net)
        if isinstance(layer, InceptionBlock)
        for name in layer.branches
    ]


def run(
    net: Net,
    X: Tensor,
    constants: Mapping[Lesion, Tensor] | None = None,
    start: int = 0,
) -> Tensor:
    """Run the layers from ``start`` on, with some branches taken out.

    Args:
        net: such as the compact Inception network, in evaluation mode.
        X: what layer ``start`` reads, (B, C, H, W).
        constants: what a branch gives for each image in place of its
            output, (C, H, W) or (C, 1, 1).
        start: the first layer that runs.

    Returns:
        What the last layer gives, (B, classes).
    """
    constants = constants or {}
    for place in range(start, len(net)):
        layer = net[place]
        if not isinstance(layer, InceptionBlock):
            X = layer(X)
            continue
        outputs = []
        for name, branch in layer.branches.items():
            if (place, name) in constants:
                constant = constants[place, name]
                size = len(X), len(constant), *X.shape[2:]
                outputs.append(constant.expand(size))
            else:
                outputs.append(branch(X))
        X = torch.cat(outputs, dim=1)
    return X


@torch.no_grad()
def means(net: Net, batches: Iterable[Tensor]) -> dict[Lesion, Tensor]:
    """Return what each branch gives in the mean over images, (C, H, W).

    The batches, (B, 1, 28, 28), are equally large.
    """
    sums: dict[Lesion, Tensor] = {}
    count = 0
    for X in batches:
        count += 1
        for place, layer in enumerate(net):
            if isinstance(layer, InceptionBlock):
                for name, branch in layer.branches.items():
                    mean = branch(X).mean(dim=0)
                    lesion = place, name
                    sums[lesion] = sums.get(lesion, 0) + mean
            X = layer(X)
    return {lesion: total / count for lesion, total in sums.items()}


def constants_of(kind: str, mean: Tensor) -> Tensor:
    """Return what a lesioned branch gives, from its mean, (C, H, W).

    ``kind`` is one of ``LESIONS``.
    """
    if kind == "silenced":
        return torch.zeros_like(mean)
    if kind == "frozen":
        return mean.mean(dim=(1, 2), keepdim=True)  # (C, 1, 1)
    return mean


@torch.no_grad()
def accuracies(
    net: Net,
    mean: Mapping[Lesion, Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
) -> dict[str, list[float]]:
    """Return the accuracy of the intact and of each lesioned network.

    Args:
        net: in evaluation mode.
        mean: see :func:`means`.
        batches: X (B, 1, 28, 28) and y (B,).

    Returns:
        "intact", one number; for each of ``LESIONS`` a number for each
        branch, and under its name and "_everywhere" one for each kind of
        branch, taken out of all blocks.
    """
    single = list(mean)
    names = list(dict.fromkeys(name for _, name in single))
    tried: dict[str, list[dict[Lesion, Tensor]]] = {"intact": [{}]}
    for kind in LESIONS:
        made = {at: constants_of(kind, value) for at, value in mean.items()}
        tried[kind] = [{lesion: made[lesion]} for lesion in single]
        tried[f"{kind}_everywhere"] = [
            {at: constant for at, constant in made.items() if at[1] == name}
            for name in names
        ]
    correct = {name: [0.0] * len(each) for name, each in tried.items()}
    count = 0
    for X, y in batches:
        count += len(y)
        outputs = {}  # of the intact network, computed once
        for place, layer in enumerate(net):
            if isinstance(layer, InceptionBlock):
                for name, branch in layer.branches.items():
                    outputs[place, name] = branch(X)
                X = torch.cat(
                    [Y for at, Y in outputs.items() if at[0] == place], dim=1
                )
            else:
                X = layer(X)
        for name, each in tried.items():
            for i, constants in enumerate(each):
                logits = X
                if constants:
                    first = min(place for place, _ in constants)
                    read = [
                        constants[at].expand_as(Y) if at in constants else Y
                        for at, Y in outputs.items()
                        if at[0] == first
                    ]
                    logits = run(
                        net, torch.cat(read, dim=1), constants, first + 1
                    )
                correct[name][i] += (logits.argmax(dim=1) == y).sum().item()
    return {
        name: [right / count for right in each]
        for name, each in correct.items()
    }


@torch.no_grad()
def channel_masses(net: Net, place: int, scaled: bool) -> Tensor:
    """Return the squares of the weights that read each channel of a block.

    Args:
        net: the compact Inception network.
        place: of the block.
        scaled: whether to multiply the weights with what batch norm does.

    Returns:
        For each channel of the block's output the sum, (C,).
    """
    following = next_block(net, place)
    if following is None:
        total = net[-1].weight.square().sum(dim=0)
    else:
        total = torch.zeros(())
        for branch in net[following].branches.values():
            conv = next(m for m in branch if isinstance(m, nn.Conv2d))
            weight = conv.weight.flatten(1)  # 1×1: (out, C)
            if scaled:
                norms = [m for m in branch if isinstance(m, nn.BatchNorm2d)]
                norm: Any = norms[0]  # which has statistics
                deviation = (norm.running_var + norm.eps).sqrt()
                weight = weight * (norm.weight / deviation)[:, None]
            total = total.to(weight.device) + weight.square().sum(dim=0)
    if scaled:
        norms = [last_norm(b) for b in net[place].branches.values()]
        total = total * torch.cat([norm.weight for norm in norms]).square()
    return total


def next_block(net: Net, place: int) -> int | None:
    """Return the place of the next Inception block, if there is one."""
    for following in range(place + 1, len(net)):
        if isinstance(net[following], InceptionBlock):
            return following
    return None


def last_norm(branch: Net) -> nn.BatchNorm2d:
    """Return the last batch norm of a branch."""
    return [m for m in branch if isinstance(m, nn.BatchNorm2d)][-1]


def widths(block: InceptionBlock) -> list[int]:
    """Return how many channels each branch gives."""
    return [last_norm(b).num_features for b in block.branches.values()]


@torch.no_grad()
def contributions(net: Net, place: int, outputs: list[Tensor]) -> list[Tensor]:
    """Return what each branch of a block adds to the next layer's sums.

    Args:
        net: the compact Inception network.
        place: of the block.
        outputs: of its branches, each (B, C, H, W).

    Returns:
        For each branch (B, values).
    """
    following = next_block(net, place)
    if following is None:
        weight = net[-1].weight[:, :, None, None]
        read = [Y.mean(dim=(2, 3), keepdim=True) for Y in outputs]
    else:
        weight = net[following].branches["1x1"][0].weight
        between = net[place + 1 : following]  # a pooling, or nothing
        read = [between(Y) for Y in outputs]
    pieces = weight.split([Y.shape[1] for Y in outputs], dim=1)
    return [
        nn.functional.conv2d(Y, piece).flatten(1)
        for Y, piece in zip(read, pieces, strict=True)
    ]


def shares(parts: list[Tensor]) -> Tensor:
    """Return the share of each part in the sum of norms, (B, parts).

    ``parts`` are (B, values) each. Where all are zero, shares are nan.
    """
    norms = torch.stack([part.norm(dim=1) for part in parts], dim=1)
    return norms / norms.sum(dim=1, keepdim=True)


@torch.no_grad()
def shares_by_image(
    net: Net, batches: Iterable[Tensor], seen: Iterable[Tensor]
) -> dict[str, list[float]]:
    """Return mean, least and largest share of each branch over images.

    Args:
        net: in evaluation mode.
        batches: the images that are looked at, (B, 1, 28, 28) each.
        seen: training images, in batches of one size.

    Returns:
        "share", "least_share" and "most_share", and the same of what varies
        behind "varying_"; a number for each branch, block by block.
    """
    places = sorted({place for place, _ in lesions_of(net)})

    def parts_of(X: Tensor) -> list[list[Tensor]]:
        parts = []
        for place, layer in enumerate(net):
            if place in places:
                outputs = [branch(X) for branch in layer.branches.values()]
                parts.append(contributions(net, place, outputs))
            X = layer(X)
        return parts

    # a pooling may stand between, so the mean output would not do
    collected = [
        [[part.mean(dim=0) for part in block] for block in parts_of(X)]
        for X in seen
    ]
    mean = [
        [torch.stack(part).mean(dim=0) for part in zip(*block, strict=True)]
        for block in zip(*collected, strict=True)
    ]
    whole, varying = [], []
    for X in batches:
        parts = parts_of(X)
        whole.append(torch.cat([shares(block) for block in parts], dim=1))
        centred = [
            [part - middle for part, middle in zip(*pair, strict=True)]
            for pair in zip(parts, mean, strict=True)
        ]
        varying.append(torch.cat([shares(block) for block in centred], dim=1))
    made = {}
    for prefix, each in (("", whole), ("varying_", varying)):
        by_image = torch.cat(each)  # (images, branches of all blocks)
        made[f"{prefix}share"] = by_image.mean(dim=0).tolist()
        made[f"{prefix}least_share"] = by_image.amin(dim=0).tolist()
        made[f"{prefix}most_share"] = by_image.amax(dim=0).tolist()
    return made


def rank_correlation(a: list[float], b: list[float]) -> float:
    """Return Spearman's; nan where all numbers of a list are the same."""
    return pd.Series(a).rank().corr(pd.Series(b).rank())


def correlations(
    masses: list[float], lost: list[float], branches: int = 4
) -> list[float]:
    """Return the rank correlation of two lists, in each block by itself."""
    return [
        rank_correlation(masses[i : i + branches], lost[i : i + branches])
        for i in range(0, len(lost), branches)
    ]


def batches_of(images: Tensor, data) -> Iterable[Tensor]:
    """Yield the first images, (B, 1, 28, 28) float32 each."""
    for part in images[:LOOKED_AT].split(BATCH):
        yield data.normalise(part)


def look(net: Net, data) -> Row:
    """Return what ``MEASUREMENTS`` names of a trained network.

    Args:
        net: the compact Inception network; it is put in evaluation mode.
        data: whose training images give the means, and on whose tested (or
            held-out) images the accuracies are measured.
    """
    net.eval()
    net.to(memory_format=torch.channels_last)  # twice as fast on a CPU
    mean = means(net, batches_of(data.train_images, data))
    labels = data.val_labels[:LOOKED_AT].split(BATCH)
    images = batches_of(data.val_images, data)
    measured = accuracies(net, mean, zip(images, labels, strict=True))
    channels: list[int] = []
    mass: dict[str, list[float]] = {name: [] for name in MASSES}
    for place in sorted({place for place, _ in mean}):
        sizes = widths(net[place])
        channels += sizes
        for name in MASSES:
            each = channel_masses(net, place, scaled=name == "scaled_mass")
            mass[name] += [part.sum().item() for part in each.split(sizes)]
    intact = measured["intact"][0]
    row: Row = {"intact": intact, "channels": as_text(channels)}
    for name in MASSES:
        row[name] = as_text(mass[name])
    for kind in LESIONS:
        row[kind] = as_text(measured[kind])
        row[f"{kind}_everywhere"] = as_text(measured[f"{kind}_everywhere"])
        lost = [intact - accuracy for accuracy in measured[kind]]
        for name in MASSES:
            row[f"{kind}_by_{name}"] = as_text(correlations(mass[name], lost))
            row[f"{kind}_by_{name}_per_channel"] = as_text(
                correlations(
                    [m / c for m, c in zip(mass[name], channels, strict=True)],
                    [m / c for m, c in zip(lost, channels, strict=True)],
                )
            )
    looked = shares_by_image(
        net,
        batches_of(data.val_images, data),
        batches_of(data.train_images, data),
    )
    return {**row, **{name: as_text(each) for name, each in looked.items()}}


def measure(lr: float, seed: int, epochs: int, validation: int = 0) -> Row:
    """Train one network, lesion it, and weigh what reads its branches.

    All texts of numbers go block by block, and in a block through the
    branches "1x1", "3x3", "5x5" and "pool"; "..._everywhere" holds a number
    for each kind of branch, "..._by_mass" a correlation for each block. After
    the training all is computed in float32, since small differences count.
    """
    data = harness.fashion_mnist(validation=validation)
    torch.manual_seed(seed)
    net = compact_inception().to(data.device)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    return {**measured, **look(net, data)}


MEASUREMENTS = [
    *comparison.MEASUREMENTS,
    "intact",
    "channels",
    *MASSES,
    *LESIONS,
    *[f"{kind}_everywhere" for kind in LESIONS],
    *[
        f"{kind}_by_{name}{footing}"
        for kind in LESIONS
        for name in MASSES
        for footing in ("", "_per_channel")
    ],
    *[
        f"{part}{share}"
        for part in ("", "varying_")
        for share in ("share", "least_share", "most_share")
    ],
]
SEARCH, STUDY = comparison.tuned(
    name="lesions",
    question="What does each branch of a trained Inception carry?",
    rates={0.3: [{}]},
    grid=(0.03, 0.1, 0.3, 1.0),
    measure=measure,
    recipe={"epochs": 2},
    validation=10_000,
    measurements=MEASUREMENTS,
    shown=["accuracy", "silenced", "frozen", "frozen_by_place"],
    seeds=5,
)
