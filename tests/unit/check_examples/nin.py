"""Answers to the exercises *Network in network*."""

import numpy
import torch
from torch import nn

from check_examples import Examples, networks
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


def lazy(net):
    """Return a network whose convolutions have not seen an image yet."""
    return nn.Sequential(
        *(
            nn.LazyConv2d(m.out_channels, m.kernel_size, padding=m.padding)
            if isinstance(m, nn.Conv2d)
            else m
            for m in net
        )
    )


def trio(**changed):
    return {
        "small": widths(16, 32, 48),
        "middle": compact_nin(),
        "large": widths(64, 128, 192),
    } | changed


without_relus = nn.Sequential(
    *(m for m in widths(32, 64, 96) if not isinstance(m, nn.ReLU))
)
for_colours = nn.Sequential(
    nn.Conv2d(3, 32, 5, padding=2), *widths(32, 64, 96)[1:]
)
with_linear = nn.Sequential(
    *widths(32, 64, 94)[:-3],
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(94, 10),
)

CONTEXTS = {
    "runs": (
        {n: networks.plain(n, 2 + n, 3, n) for n in range(4)},
        [networks.HELD_OUT],
    )
}


def ending(*layers):
    """A network of the middle size with another end."""
    return nn.Sequential(*widths(32, 64, 96)[:-2], *layers, nn.Flatten())


def pooled(make):
    """A network of the middle size with max pooling, which bends too.

    In its second block are others in the place of the ReLUs.
    """
    layers = [*widths(32, 64, 96)]
    layers[7:12:2] = [make() for _ in range(3)]
    layers.insert(12, nn.MaxPool2d(2))
    return nn.Sequential(*layers)


class Averaging(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.trunk = net[:-2]

    def forward(self, X):
        return self.trunk(X).mean(dim=(2, 3))


without_1x1 = nn.Sequential(
    *[nn.Conv2d(1, 70, 5, 2, padding=2), nn.ReLU()],
    *[nn.Conv2d(70, 150, 3, padding=1), nn.ReLU()],
    *[nn.Conv2d(150, 10, 3, padding=1), nn.AdaptiveAvgPool2d(1)],
    nn.Flatten(),
)
EXAMPLES = {
    "first_layer": Examples(
        right=[
            (11, 4, 4),
            [7, 4, 2],
            (8, 4, 2),
            nn.Conv2d(1, 96, 11, 4, 4),
            numpy.array([11, 4, 4]),
            (numpy.int64(8), 4, 2),
            (torch.tensor(8), 4, 2),
            (60, 5, 56),
        ],
        blank=[(..., ..., ...)],
        mutants=[
            ((11, 4, 2), "rounded down"),
            ((58, 3, 0), "never read"),
            ((4, 4, 0), "smaller than the task allows"),
            ((300, 4, 0), "does not fit"),
            ((7, 4, 20), "nothing but zeros"),
            ((7, 4, -1), "at least 0"),
            (("7", 4, 2), "whole numbers"),
            ((7.0, 4, 2), "whole numbers"),
            ((True, 4, 2), "whole numbers"),
            (nn.Conv2d(1, 96, 11, 4), "have side 54"),
            (nn.Conv2d(1, 4, 8, 4, 2, dilation=3), "is dilated"),
            (nn.Conv2d(1, 4, (8, 3), 4, 2), "one size in height"),
        ],
        unrelated=[(11, 4), 56, (11, 1, 0), (9, 2, 1), "11"],
    ),
    "family": Examples(
        right=[
            trio(),
            trio(middle=widths(32, 64, 96)),
            trio(middle=lazy(widths(32, 64, 96))),
            trio(middle=pooled(nn.Tanh)),
            trio(middle=pooled(nn.Hardtanh)),
            trio(small=nn.Sequential(nn.Sequential(*widths(16, 32, 48)))),
            trio(large=Averaging(widths(64, 128, 192))),
        ],
        blank=[{"small": ..., "middle": ..., "large": ...}],
        mutants=[
            (trio(large=widths(128, 256, 384)), "square"),
            (trio(small=widths(8, 16, 24)), "square"),
            (trio(middle=with_linear), "linear layer"),
            (trio(middle=without_relus), "has no nonlinearity"),
            (
                trio(middle=pooled(nn.Identity)),
                "between a convolution and the 1×1",
            ),
            (
                trio(middle=pooled(lambda: nn.BatchNorm2d(64, affine=False))),
                "between a convolution and the 1×1",
            ),
            (trio(middle=for_colours), "does not take grey images"),
            (trio(middle=ending(nn.AdaptiveMaxPool2d(1))), "as logits"),
            (
                trio(
                    middle=ending(
                        nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Softmax(1)
                    )
                ),
                "as logits",
            ),
            (
                trio(
                    middle=ending(
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)
                    )
                ),
                "as logits",
            ),
            (trio(middle=without_1x1), "no NiN blocks"),
            ({"small": widths(16, 32, 48)}, "under the key middle"),
        ],
        unrelated=[[], 3, compact_nin(), {"a": 1}, "small"],
    ),
}
