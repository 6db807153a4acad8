"""Small networks that have learnt something, in no time.

Images are prototypes of their classes under noise, and the last layer of a
network is found by least squares.
"""

import functools

import torch
from torch import nn
from torch.nn import functional as F

from onebyone.check.engine import guard
from onebyone.check.inception import silenced
from onebyone.models.inception import InceptionBlock

CLASSES, SIDE = 10, 14


def quietly(make):
    """Let a function be called once, and draw numbers of its own."""

    @functools.cache
    def once(*arguments):
        with guard.guarded(60), torch.no_grad():
            torch.manual_seed(0)
            return make(*arguments)

    return once


@quietly
def images(seed, count=500):
    prototypes = torch.randn(CLASSES, 1, SIDE, SIDE)
    torch.manual_seed(seed)
    y = torch.randint(CLASSES, (count,))
    return prototypes[y] + 3 * torch.randn(count, 1, SIDE, SIDE), y


TRAINING, HELD_OUT, SHUFFLED = images(1), images(2), images(3)


def fitted(trunk):
    """Return the trunk with a last layer that fits the training images."""
    X, y = TRAINING
    features = trunk(X).flatten(1)
    linear = nn.Linear(features.shape[1], CLASSES, bias=False)
    target = F.one_hot(y).float()
    ridge = 30 * torch.eye(features.shape[1])
    inverse = torch.linalg.inv(features.T @ features + ridge)
    linear.weight = nn.Parameter((inverse @ features.T @ target).T)
    return nn.Sequential(*trunk, nn.Flatten(), linear)


@quietly
def plain(seed, width=6, kernel=3, ones=0):
    """Return a network with a convolution; few channels make it worse.

    Behind it are `ones` convolutions of 1×1, which change nothing.
    """
    torch.manual_seed(seed)
    conv = nn.Conv2d(1, width, kernel, stride=2, padding=kernel // 2)
    unchanged = [nn.Conv2d(width, width, 1, bias=False) for _ in range(ones)]
    for layer in unchanged:
        nn.init.dirac_(layer.weight)
    return fitted(nn.Sequential(conv, nn.ReLU(), *unchanged))


class Step(nn.Module):
    """What a block of a plain network, or of a residual one, may do."""

    def __init__(self, roll):
        super().__init__()
        self.field = nn.Parameter(torch.randn(1, 1, SIDE, SIDE) / 4)
        self.roll = roll
        if not roll:
            self.shortcut = nn.Identity()

    def forward(self, X):
        return (X.roll(self.roll, dims=3) + self.field).clamp(min=-4)


@quietly
def deep(roll):
    """Return a network with its blocks at the places 3 to 11."""
    torch.manual_seed(roll)
    first = [nn.Identity() for _ in range(3)]
    return fitted(nn.Sequential(*first, *[Step(roll) for _ in range(9)]))


@quietly
def branched(seed, silent=None):
    torch.manual_seed(seed)
    block = InceptionBlock(1, 2, (2, 3), (2, 3), 2)
    trunk = nn.Sequential(block, nn.AvgPool2d(2))
    return fitted(silenced(trunk, silent) if silent else trunk)
