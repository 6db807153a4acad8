"""Variants of the taught networks, for studies.

Each function changes a network in place and returns it.
"""

import torch
from torch import nn

from onebyone.models.residual import ResidualBlock


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
    """Replace each batch norm by a bias in the convolution before it."""
    for parent in list(net.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for i, layer in enumerate(parent):
            if isinstance(layer, nn.BatchNorm2d):
                bias = torch.zeros(layer.num_features)
                parent[i - 1].bias = nn.Parameter(bias)
                parent[i] = nn.Identity()
    return net


def kaiming(net: nn.Module) -> nn.Module:
    """Draw the convolutions' weights for ReLUs; they have no biases yet.

    Source: He et al., "Delving deep into rectifiers", arXiv 1502.01852.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return net


@torch.no_grad()
def zero_start(net: nn.Module) -> nn.Module:
    """Let the branch of every residual block begin as zero.

    With batch norm its last scale is zeroed, as in arXiv 1706.02677;
    without, the weights of its last convolution, as in arXiv 1901.09321.
    """
    for block in net.modules():
        if isinstance(block, ResidualBlock):
            *_, last = (m for m in block.branch if hasattr(m, "weight"))
            last.weight.zero_()
    return net
