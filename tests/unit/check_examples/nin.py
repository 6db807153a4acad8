"""Answers to the exercises *Network in network*."""

import torch
from torch import nn

from check_examples import Examples
from onebyone.models import compact_nin


def widths(first, second, third):
    """A compact NiN of other widths, without batch norm."""
    layers, channels = [], 1
    for width, kernel in ((first, 5), (second, 3), (third, 3)):
        for i, o, k in (
            (channels, width, kernel),
            (width, width, 1),
            (width, width, 1),
        ):
            layers += [nn.Conv2d(i, o, k, padding=k // 2), nn.ReLU()]
        channels = width
    layers += [nn.Conv2d(third, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers)


def trio(**changed):
    return {
        "small": widths(16, 32, 48),
        "middle": compact_nin(),
        "large": widths(64, 128, 192),
    } | changed


with_linear = nn.Sequential(
    *widths(32, 64, 94)[:-3],
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(94, 10),
)

EXAMPLES = {
    "runs": Examples(
        right=[
            {0: 0.74, 1: 0.77, 2: 0.78, 3: 0.71},
            {n: torch.tensor(0.7 + n / 100) for n in range(4)},
        ],
        mutants=[(dict.fromkeys(range(4), 0.75), "the same")],
    ),
    "first_layer": Examples(
        right=[(11, 4, 4), [7, 4, 2], (8, 4, 2), nn.Conv2d(1, 96, 11, 4, 4)],
        blank=[(..., ..., ...)],
        mutants=[
            ((11, 4, 2), "rounded down"),
            ((58, 3, 0), "never read"),
            ((4, 4, 0), "smaller than the task allows"),
            ((300, 4, 0), "does not fit"),
            ((7, 4, 20), "nothing but zeros"),
        ],
        unrelated=[(11, 4), 56, (11, 1, 0), (9, 2, 1), "11"],
    ),
    "family": Examples(
        right=[trio()],
        blank=[{"small": ..., "middle": ..., "large": ...}],
        mutants=[
            (trio(large=widths(128, 256, 384)), "square"),
            (trio(small=widths(8, 16, 24)), "square"),
            (trio(middle=with_linear), "linear layer"),
            ({"small": widths(16, 32, 48)}, "under the key middle"),
        ],
        unrelated=[[], 3, compact_nin(), {"a": 1}, "small"],
    ),
}
