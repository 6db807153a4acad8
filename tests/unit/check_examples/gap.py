"""Answers to the exercises *Global average pooling*."""

import matplotlib.pyplot as plt
import numpy
import torch
from matplotlib.colors import TwoSlopeNorm
from torch import nn
from torch.nn import functional as F

from check_examples import Examples, answer, networks
from onebyone.check.engine import guard
from onebyone.check.gap import moved
from onebyone.models import compact_nin

with guard.guarded(60):  # it leaves the random numbers as they were
    torch.manual_seed(0)
    net = compact_nin().eval()
    X = torch.randn(3, 1, 28, 28)
    maps = torch.randn(3, 10, 7, 7)

image, scores = X[0], maps[0].mean(dim=(1, 2))
winner, loser = maps[0, scores.argmax()], maps[0, scores.argmin()]


def figure(*arrays, low=-3, high=3):
    fig = plt.figure()
    for i, array in enumerate(arrays):
        ax = fig.add_subplot(1, len(arrays), i + 1)
        ax.imshow(array, cmap="RdBu_r", vmin=low, vmax=high)
    plt.close(fig)
    return fig


def two_slopes(*arrays):
    fig = figure(*arrays)
    for ax in fig.axes:
        ax.images[0].set_norm(TwoSlopeNorm(0, -1, 5))
    return fig


def drawn(*arrays, **scale):
    return answer(figure(*arrays, **scale), X, maps)


def enlarged(array, mode):
    """Return a map with four times its height and width."""
    return F.interpolate(array[None, None], scale_factor=4, mode=mode)[0, 0]


def tests_by(map_, expected):
    """A test of pools by one map and the number that it must give."""

    def test(pool):
        return pool(map_).item() == expected

    return answer(test)


few = torch.tensor([[[[0.0, 1.0], [4.0, 7.0]]]])


def in_grey(image):
    """Return an image with three channels that are all the same."""
    bright = (image - image.min()) / (image.max() - image.min())
    return torch.stack([bright] * 3, dim=-1)


def with_hidden_map():
    fig = figure(image[0], winner)
    fig.axes[1].set_visible(False)
    return answer(fig, X, maps)


class ByLinear(nn.Linear):
    """A linear layer that averages first."""

    def forward(self, X):
        return super().forward(X.mean(dim=(2, 3)))


def by_conv1d(channels, num_classes):
    return nn.Sequential(
        nn.Flatten(2),
        nn.Conv1d(channels, num_classes, 1),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
    )


def compiled(*case):
    return torch.jit.trace(ByLinear(*case), torch.ones(1, case[0], 2, 2))


def middle_relu_alone(channels, num_classes):
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.Conv2d(channels, channels, 1),
        nn.ReLU(),
        nn.Conv2d(channels, num_classes, 1),
    )


@torch.no_grad()
def share(net, X, y):
    return (net(X).argmax(dim=1) == y).float().mean().item()


NETS = {"GAP": networks.plain(1, 3), "FC": networks.plain(2, 6)}
CONTEXTS = {
    "class_maps": (net, X),
    "heads": (NETS, networks.TRAINING, networks.HELD_OUT),
    "shifts": (NETS, *networks.HELD_OUT),
}
# on one set of images twice, both accuracies are rightly the same
TWICE = {
    kind: (share(net, *networks.HELD_OUT),) * 2 for kind, net in NETS.items()
}
SHARES = {
    kind: [share(net, moved(images, n), y) for n in range(4)]
    for images, y in [networks.HELD_OUT]
    for kind, net in NETS.items()
}
LOST = {kind: [row[0] - x for x in row] for kind, row in SHARES.items()}
EXAMPLES = {
    "shifts": Examples(
        right=[answer(SHARES, NETS, *networks.HELD_OUT)],
        mutants=[
            (
                answer(
                    {kind: [*map(abs, row)] for kind, row in LOST.items()},
                    NETS,
                    *networks.HELD_OUT,
                ),
                "Is this what is lost?",
            )
        ],
    ),
    "heads": Examples(
        right=[answer(TWICE, NETS, networks.HELD_OUT, networks.HELD_OUT)]
    ),
    "class_maps": Examples(
        malformed=[
            (answer(maps, 3, X), "not a network"),
            (answer(maps, lambda X: X, X), "not a network"),
            (answer(maps, nn.ReLU(), X), "is an `nn.Sequential`"),
            (answer(maps, net, "X"), "Call the check with the images too"),
            (answer(maps, net, X[0]), "your network raised"),
            (answer(maps, net[:-2], X), ""),
            (answer(maps, net[-2:], X), ""),
        ],
    ),
    "global_average": Examples(
        right=[
            lambda X: X.flatten(2).mean(-1),
            lambda X: torch.einsum("bchw->bc", X) / X[0, 0].numel(),
        ],
        mutants=[
            (lambda X: nn.AdaptiveAvgPool2d(1)(X).flatten(1), "avg_pool2d"),
            (lambda X: X.mean((2, 3), keepdim=True).squeeze(), "1 axis"),
        ],
    ),
    "gap_head": Examples(
        right=[ByLinear, by_conv1d], malformed=[(compiled, "TorchScript")]
    ),
    "paper_block": Examples(mutants=[(middle_relu_alone, "A ReLU between")]),
    "averaging_matrix": Examples(
        right=[
            lambda c, h, w: torch.kron(
                torch.eye(c), torch.full((1, h * w), 1 / (h * w))
            )
        ]
    ),
    "cam": Examples(
        right=[
            lambda A, w: F.conv2d(A, w[:, :, None, None]),
            lambda A, w: (w @ A.flatten(2)).unflatten(2, A.shape[2:]),
        ]
    ),
    "drawing": Examples(
        right=[
            drawn(image[0], winner),
            drawn(winner, image[0], loser),
            drawn(image[0], winner, low=-1, high=1),
            answer(two_slopes(image[0], winner), X, maps),
            drawn(image[0] - 3, winner / 5, low=-1, high=1),
            drawn(image[0], enlarged(winner, "nearest")),
            drawn(in_grey(image[0]), winner),
        ],
        blank=[answer(..., X, maps)],
        mutants=[
            (drawn(), "no picture yet"),
            (answer(figure(image[0], winner), X, ...), "make them first"),
            (drawn(winner), "image itself is missing"),
            (drawn(image[0]), "no class map"),
            (with_hidden_map(), "no class map"),
            (drawn(image[0], loser), "did not choose"),
            (drawn(X[1, 0], winner), "another image"),
            (drawn(image[0], winner.flip(0)), "stands on its head"),
            (drawn(image[0], winner.sigmoid(), low=0, high=1), "none of the"),
            (drawn(image[0], winner.T), "swapped"),
            (drawn(image[0], enlarged(winner, "bilinear")), "other pixels"),
            (drawn(image[0], enlarged(loser, "nearest")), "did not choose"),
            (drawn(image[0], winner, low=0, high=1), "Your colours"),
        ],
        unrelated=[
            answer(x, X, maps) for x in (3, "figure", plt, winner, [], {})
        ],
    ),
    "is_average": Examples(
        right=[
            tests_by(few.mT, 3),
            tests_by(few, 3),
            lambda pool: torch.allclose(
                pool(few), few.mean((2, 3), keepdim=True)
            ),
            lambda pool: numpy.isclose(pool(few).item(), 3),
            lambda pool: pool.eval().forward(few).item() == 3,
        ],
        blank=[lambda pool: ...],
        mutants=[
            (
                lambda pool: pool(few).shape == (1, 1, 1, 1),
                "lets global max pooling pass. What comes out on your map",
            ),
            (lambda pool: True, "has not given the layer any map"),
            (lambda pool: pool(few).item() < 7, "on your map is not"),
            (lambda pool: abs(pool(few).item() - 3) < 0.5, "and closely"),
            (tests_by(torch.ones(1, 1, 2, 2), 1), "On your map it agrees"),
            (
                tests_by(torch.tensor([[[[0.0, 4.0]]]]), 2),
                "the first row pass",
            ),
            (
                tests_by(torch.tensor([[[[0.0, 4.0, 5.0]]]]), 3),
                "the first row",
            ),
            (lambda pool: abs(pool(few).item() - 3) < 1.9, "lets "),
            (tests_by(few, 4), "refuses global average pooling"),
            (lambda pool: pool(few), "neither `True` nor `False`"),
            (lambda pool: pool(few[0, 0]), "raised"),
        ],
        unrelated=[True, 2, "pool", nn.Conv2d, []],
    ),
}
