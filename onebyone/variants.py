"""Variants of the taught networks, for studies.

A function that takes a network changes it in place and returns it; the
others build one.
"""

from typing import Any

import torch
from torch import nn

from onebyone.models.inception import (
    InceptionBlock,
    batch_norm_branches,
    conv_relu,
)
from onebyone.models.nin import nin, nin_block, with_batch_norm
from onebyone.models.residual import (
    ResidualBlock,
    ZeroPadding,
    compact_resnet,
    start_as_identity,
)

# --- NiN -------------------------------------------------------------------


def strided_nin(
    num_1x1: int = 2,
    channels: tuple[int, int, int] = (32, 64, 96),
    batch_norm: bool = True,
) -> nn.Sequential:
    """Return the compact NiN with stride 2 in its first convolution.

    The parameters are the same, the maps have a quarter of the pixels.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits; the last maps are 3×3.

    Args:
        num_1x1: 1×1 convolutions in each block.
        channels: of the three blocks.
        batch_norm: whether it stands behind each convolution of a block.
    """
    a, b, c = channels
    first, second, third = _blocks(
        [
            nin_block(1, a, 5, 2, 2, num_1x1),
            nin_block(a, b, 3, 1, 1, num_1x1),
            nin_block(b, c, 3, 1, 1, num_1x1),
        ],
        batch_norm,
    )
    return nn.Sequential(
        first,
        nn.MaxPool2d(2),
        second,
        nn.MaxPool2d(2),
        third,
        nn.Conv2d(c, 10, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def strided_nin_to_classes(
    final_relu: bool, batch_norm: bool
) -> nn.Sequential:
    """Return a small NiN that ends as the paper-size one does.

    Its last block has a channel for each class, and a ReLU at its end
    where ``final_relu`` says so.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits.
    """
    first, second, third = _blocks(
        [
            nin_block(1, 32, 5, 2, 2),
            nin_block(32, 64, 3, 1, 1),
            nin_block(64, 10, 3, 1, 1),
        ],
        batch_norm,
    )
    return nn.Sequential(
        first,
        nn.MaxPool2d(2),
        second,
        nn.MaxPool2d(2),
        third if final_relu else third[:-1],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _blocks(
    blocks: list[nn.Sequential], batch_norm: bool
) -> list[nn.Sequential]:
    return [with_batch_norm(b) for b in blocks] if batch_norm else blocks


def paper_nin(
    num_1x1: int = 2, final_relu: bool = False, batch_norm: bool = False
) -> nn.Sequential:
    """Return the paper-size NiN, by default without the ReLU at its end.

    Shapes: (B, 1, 224, 224) -> (B, 10) logits.
    """
    net: Any = nin(num_1x1=num_1x1)  # a Sequential of Sequentials
    if batch_norm:
        for i in (0, 2, 4, 7):
            net[i] = with_batch_norm(net[i])
    if not final_relu:
        net[7] = net[7][:-1]
    return net


def head(
    kind: str, trunk: nn.Sequential, values: int, hidden: int
) -> nn.Sequential:
    """Return what turns the trunk's maps into ten logits.

    Args:
        kind: "GAP", "FC" or "FC, dropout".
        trunk: the layers in front; its last convolution tells the
            channels.
        values: channels × height × width of its maps.
        hidden: units of the fully connected layer.

    Raises:
        KeyError: the kind is none of the three.
    """
    convs = [m for m in trunk.modules() if isinstance(m, nn.Conv2d)]
    channels = convs[-1].out_channels
    dropout = {"GAP": None, "FC": 0.0, "FC, dropout": 0.5}[kind]
    if dropout is None:
        return nn.Sequential(
            nn.Conv2d(channels, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(values, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 10),
    )


# --- Inception -------------------------------------------------------------


def without_branch(net: nn.Sequential, name: str) -> nn.Sequential:
    """Remove a branch of every Inception block, by its name.

    What reads the block gets convolutions or a linear layer with fewer
    channels in, whose weights are drawn anew.
    """
    missing = 0  # channels that the layers before no longer make
    for i, layer in enumerate(net):
        if isinstance(layer, InceptionBlock):
            gone = layer.branches.pop(name)
            for branch in layer.branches.values():
                _narrow_first_conv(branch, missing)
            missing = _last_conv(gone).out_channels
        elif isinstance(layer, nn.Linear):
            fewer = layer.in_features - missing
            net[i] = nn.Linear(fewer, layer.out_features)
    return net


def _narrow_first_conv(branch: nn.Sequential, missing: int) -> None:
    for i, layer in enumerate(branch):
        if isinstance(layer, nn.Conv2d):
            # PyTorch types sizes as tuples of any length
            branch[i] = nn.Conv2d(
                layer.in_channels - missing,
                layer.out_channels,
                layer.kernel_size,  # type: ignore[arg-type]
                layer.stride,  # type: ignore[arg-type]
                layer.padding,  # type: ignore[arg-type]
            )
            return


def _last_conv(branch: nn.Sequential) -> nn.Conv2d:
    return [m for m in branch if isinstance(m, nn.Conv2d)][-1]


def naive_block(in_channels: int, c1: int, c3: int, c5: int) -> InceptionBlock:
    """Return Figure 2(a) of arXiv 1409.4842, with batch norm.

    The 3×3 and the 5×5 read the input itself, and the pooling passes all
    of its channels on.

    Shapes: (B, in_channels, H, W) -> (B, c1 + c3 + c5 + in_channels, H, W).
    """
    block = InceptionBlock(in_channels, c1, (1, c3), (1, c5), 1)
    for name, channels, kernel in (("3x3", c3, 3), ("5x5", c5, 5)):
        layers = conv_relu(in_channels, channels, kernel)
        block.branches[name] = nn.Sequential(*layers)
    block.branches["pool"] = nn.Sequential(nn.MaxPool2d(3, 1, 1))
    return batch_norm_branches(block)


def naive_inception(width: int) -> nn.Sequential:
    """Return the compact Inception network with naive blocks.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits.

    Args:
        width: channels of each branch with a convolution, in per cent of
            those of the compact Inception network; the channels that the
            pooling passes on come on top.
    """

    def share(channels: int) -> int:
        return max(1, round(width / 100 * channels))

    layers, channels = [], share(32)
    layers.append(
        with_batch_norm(nn.Sequential(*conv_relu(1, channels, 5, 2)))
    )
    for c1, c3, c5 in ((16, 32, 16), (24, 48, 24), (32, 64, 32)):
        made = share(c1), share(c3), share(c5)
        # mypy takes the first layer's type for that of all
        layers.append(naive_block(channels, *made))  # type: ignore[arg-type]
        channels += sum(made)
    layers.insert(2, nn.MaxPool2d(2))  # type: ignore[arg-type]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers, *head)


# --- Residual networks -----------------------------------------------------


def plain(net: nn.Sequential) -> nn.Sequential:
    """Take away the shortcut of every residual block.

    Where the shortcuts have no parameters (``ZeroPadding``), parameters and
    MACs stay as they are.
    """
    for i, layer in enumerate(net):
        if isinstance(layer, ResidualBlock):
            net[i] = nn.Sequential(*layer.branch, nn.ReLU())
    return net


def without_batch_norm(net: nn.Module) -> nn.Module:
    """Remove each batch norm, and give the convolution before it a bias."""
    for parent in list(net.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for i in reversed(range(len(parent))):
            if isinstance(parent[i], nn.BatchNorm2d):
                # mypy forgets what parent[i] is
                bias = torch.zeros(parent[i].num_features)  # type: ignore[call-overload]
                parent[i - 1].bias = nn.Parameter(bias)
                del parent[i]
    return net


def kaiming(net: nn.Module) -> nn.Module:
    """Draw the convolutions' weights for ReLUs; they have no biases yet.

    Source: He et al., "Delving deep into rectifiers", arXiv 1502.01852.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


def depth_net(network: str, batch_norm: bool, layers: int) -> nn.Module:
    """Return a plain or residual network with Kaiming's weights.

    Shortcuts have no parameters, so plain and residual have equally many.

    Shapes: (B, 1, H, W) -> (B, 10) logits.

    Args:
        network: "plain", "residual", or "zero start", which is residual
            with branches that begin as zero.
        batch_norm: whether there is any.
        layers: 8, 14, 20 and so on, in steps of six.
    """
    net = compact_resnet(blocks=(layers - 2) // 6, shortcut=ZeroPadding)
    if not batch_norm:
        without_batch_norm(net)
    kaiming(net)
    if network == "zero start":
        start_as_identity(net)
    return plain(net) if network == "plain" else net
