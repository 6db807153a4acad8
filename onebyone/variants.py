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
    """Remove each batch norm; the convolution before it gets a bias."""
    for parent in list(net.modules()):
        if not isinstance(parent, nn.Sequential):
            continue
        for i in reversed(range(len(parent))):
            if isinstance(parent[i], nn.BatchNorm2d):
                bias = torch.zeros(parent[i].num_features)
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
