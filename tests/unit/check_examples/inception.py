"""Answers to the exercises *Inception*."""

import numpy
import torch
from torch import nn

import onebyone
from check_examples import Examples, answer, networks
from check_examples.forms import Around
from onebyone.check.inception import (
    measured_lesions,
    network_costs,
    silenced,
    theirs,
)
from onebyone.models.inception import (
    InceptionBlock,
    compact_inception,
    conv_relu,
)

WIDTHS = {"c1": 64, "c3": (40, 128), "c5": (8, 32), "pool": 32}
COSTS = network_costs()


def small(channels=1, stride=2, pools=(2, 1), head=None, wide=1, blocks=3):
    """A network for small images, in many shapes."""
    first, second = (nn.MaxPool2d(3, s, 1) for s in pools)
    w = [wide * c for c in (16, 16, 32, 8, 16, 16)]
    block = [w[0], (w[1], w[2]), (w[3], w[4]), w[5]]
    made = w[0] + w[2] + w[4] + w[5]
    layers = [
        *conv_relu(channels, 32, 5, stride),
        InceptionBlock(32, *block),
        first,
        InceptionBlock(made, *block),
        second,
        InceptionBlock(made, *block),
    ]
    head = head or [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(made, 10)]
    return nn.Sequential(*layers[: 2 * blocks + 1], *head)


class StemLast(nn.Module):
    """Registers its first layers behind all others."""

    def __init__(self):
        super().__init__()
        net = small()
        self.body, self.stem = net[2:], net[:2]

    def forward(self, X):
        return self.body(self.stem(X))


class TwoHeads(StemLast):
    """Gives a tuple while it trains."""

    def forward(self, X):
        scores = super().forward(X)
        return (scores, scores) if self.training else scores


def lazy():
    """Return a network whose first and last layer have no sizes yet."""
    _, *body, _ = small()
    return nn.Sequential(nn.LazyConv2d(32, 5, 2, 2), *body, nn.LazyLinear(10))


def headed(pooling=None):
    pooling = pooling or nn.AdaptiveAvgPool2d(1)
    return [pooling, nn.Flatten(), nn.Linear(80, 10)]


def widened(width=160):
    pooling, flatten, _ = headed()
    conv = conv_relu(80, width, 1)
    return [*conv, pooling, flatten, nn.Linear(width, 10)]


def count_of(**changed):
    return COSTS | changed


def by_hand(W1, b1, W5, b5):
    """The fold by plain matrix products."""
    o, m, k, _ = W5.shape
    rows = W5.permute(0, 2, 3, 1).reshape(-1, m)
    kernel = (rows @ W1.flatten(1)).reshape(o, k, k, -1).permute(0, 3, 1, 2)
    return [kernel, b5 + W5.sum(dim=(2, 3)) @ b1]


def by_zeros(joined, weight, widths):
    """Shares by silencing all branches but one."""
    sizes, start = [], 0
    for width in widths:
        alone = torch.zeros_like(joined)
        end = start + width
        alone[:, start:end] = joined[:, start:end]
        Y = torch.einsum("bchw,oc->bohw", alone, weight[:, :, 0, 0])
        sizes.append(Y.square().sum(dim=(1, 2, 3)).sqrt())
        start = end
    sizes = torch.stack(sizes, dim=1)
    return sizes / sizes.sum(dim=1, keepdim=True)


class Factored(nn.Module):
    """Layers in another order, and no Sequential."""

    def __init__(self, c, c1, c3, c5, p):
        super().__init__()
        self.last = nn.Conv2d(c5[1], c5[1], 3, padding="same")
        self.project = nn.Conv2d(c, p, 1)
        self.five = nn.Conv2d(c5[0], c5[1], 3, padding=1)
        self.three = nn.Conv2d(c3[0], c3[1], 3, padding=1)
        self.reduce3 = nn.Conv2d(c, c3[0], 1)
        self.reduce5 = nn.Conv2d(c, c5[0], 1)
        self.one = nn.Conv2d(c, c1, 1)

    def forward(self, X):
        five = self.five(self.reduce5(X).relu()).relu()
        pooled = nn.functional.max_pool2d(X, 3, 1, 1)
        parts = [
            self.one(X),
            self.three(self.reduce3(X).relu()),
            self.last(five),
            self.project(pooled),
        ]
        return torch.cat(parts, dim=1).relu()


class Unpadded(InceptionBlock):
    def __init__(self, *widths):
        super().__init__(*widths)
        self.branches["5x5"][2].padding = (0, 0)


def map_to_text(pair):
    return tuple(map(str, pair))


def partly_frozen():
    net = small()
    net[0].requires_grad_(False)
    return net


class Ended(nn.Module):
    """Ends by a function of what its body makes and of its linear layer."""

    def __init__(self, end):
        super().__init__()
        *body, _, _, self.fc = small()
        self.body, self.end = nn.Sequential(*body), end

    def forward(self, X):
        return self.end(self, self.body(X))


def linear_first(self, X):
    """The linear layer at each pixel, then the average."""
    return self.fc(X.movedim(1, 3)).mean(dim=(1, 2))


def dropping(self, X):
    """Forgets that `F.dropout` drops in evaluation, too."""
    return self.fc(nn.functional.dropout(X, 0.4).mean(dim=(2, 3)))


def into_training(self, X):
    self.train()
    return self.fc(X.mean(dim=(2, 3)))


def last_block():
    """Ten channels of a block, averaged."""
    *body, _, pooling, flatten, _ = small()
    end = InceptionBlock(80, 2, (16, 4), (8, 2), 2)
    return nn.Sequential(*body, end, pooling, flatten)


class Misspelt(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.block = InceptionBlock(*widths)

    def foward(self, X):
        return self.block(X)


class WithoutGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = small()

    def forward(self, X):
        with torch.no_grad():
            return self.net(X)


NETS = {
    "none": networks.branched(1),
    "retrained": networks.branched(2, "1x1"),
}
CONTEXTS = {"lesions": (NETS, [networks.HELD_OUT])}
LESIONS = measured_lesions(NETS, [networks.HELD_OUT])


def lesions(**nets):
    """The table of these networks, with them."""
    nets = NETS | nets
    table = LESIONS | measured_lesions(nets, [networks.HELD_OUT])
    return answer(table, nets, [networks.HELD_OUT])


EXAMPLES = {
    "fold": Examples(
        right=[
            by_hand,
            lambda *args: [*by_hand(*args)],
            lambda *args: tuple(x.float() for x in by_hand(*args)),
        ],
        mutants=[
            (lambda *args: by_hand(*args)[::-1], "in another order"),
            (lambda W1, b1, W5, b5: (W5 * W1, b5), "RuntimeError"),
            (lambda *args: dict(enumerate(by_hand(*args))), "not 2 values"),
            (
                lambda W1, b1, W5, b5: by_hand(W1, b1, W5, b5.add_(1)),
                "its inp",
            ),
        ],
    ),
    "shares": Examples(right=[by_zeros]),
    "lesions": Examples(
        right=[lesions()],
        mutants=[
            (lesions(retrained=networks.branched(2)), "no branch is silent"),
            (
                lesions(retrained=networks.branched(2, "3x3")),
                "are silent (3x3) than the one that was missed most",
            ),
            (
                lesions(retrained=silenced(NETS["retrained"], "pool")),
                "are silent (1x1, pool)",
            ),
            (
                answer(
                    LESIONS,
                    NETS | {"none": silenced(NETS["none"], "5x5")},
                    [networks.HELD_OUT],
                ),
                "the 5x5 branch is silent",
            ),
        ],
    ),
    "factored_block": Examples(
        right=[Factored],
        mutants=[
            (Unpadded, "RuntimeError"),
            (Misspelt, "no method `forward`"),
        ],
    ),
    "budget": Examples(
        right=[
            WIDTHS,
            (64, [40, 128], [8, 32], 32),
            {"c1": 96, "c3": (40, 96), "c5": (8, 32), "pool": 32},
            WIDTHS | {"c1": numpy.int64(64)},
            WIDTHS | {"c1": torch.tensor(64), "pool": 32.0},
            WIDTHS
            | {"c3": torch.tensor((40, 128)), "c5": numpy.array((8, 32))},
        ],
        blank=[{"c1": ..., "c3": (..., ...), "c5": (..., ...), "pool": ...}],
        mutants=[
            (WIDTHS | {"c3": (96, 128), "c5": (16, 32)}, "too expensive"),
            (WIDTHS | {"c3": (16, 128)}, "unused"),
            (WIDTHS | {"c3": (128, 40)}, "wrong way round"),
            (WIDTHS | {"c1": 48}, "240 channels"),
            (WIDTHS | {"c1": 80, "pool": 16}, "at least 32"),
            (WIDTHS | {"c5": (200, 32)}, "does not reduce"),
            (WIDTHS | {"c5": (2, 32)}, "fewer than 8"),
            (
                {"c1": 64, "c3": (56, 72), "c5": (8, 24), "pool": 32},
                "counted the reductions",
            ),
            (
                {"c1": 16, "c3": (16, 16), "c5": (8, 16), "pool": 16},
                "passed on the input",
            ),
            (WIDTHS | {"c3": 128}, "is a pair"),
            (WIDTHS | {"pool": ...}, "A width is missing: pool"),
            (WIDTHS | {"c1": "64"}, "is text"),
            (WIDTHS | {"c1": True}, "not a number"),
            (WIDTHS | {"c1": -64}, "above zero"),
            (answer(64, (40, 128), (8, 32), 32), "takes other arguments"),
            (answer(**WIDTHS), "takes other arguments"),
        ],
        unrelated=[256, WIDTHS | {"c1": 6.4}, {"c1": 64}, "64", (1, 2, 3)],
    ),
    "costs": Examples(
        right=[
            COSTS,
            {n: list(pair) for n, pair in COSTS.items()},
            {n: tuple(map(numpy.int64, p)) for n, p in COSTS.items()},
            COSTS | {"more": (1, 2)},
            {n: torch.tensor(pair) for n, pair in COSTS.items()},
        ],
        blank=[dict.fromkeys(COSTS, (..., ...))],
        mutants=[
            ({n: (p, 2 * m) for n, (p, m) in COSTS.items()}, "FLOPs"),
            (
                {n: (m, p) for n, (p, m) in COSTS.items()},
                "parameters come first",
            ),
            (count_of(NiN=network_costs(1, 10)["NiN"]), "grey"),
            (
                count_of(GoogLeNet=network_costs(3, 10)["GoogLeNet"]),
                "ten classes",
            ),
            (
                count_of(GoogLeNet=(theirs(False), 1_498_000_000)),
                "torchvision's",
            ),
            ({"AlexNet": COSTS["AlexNet"]}, "VGG-16 is missing"),
            (count_of(AlexNet=(*COSTS["AlexNet"], 1)), "give a pair"),
            ([*COSTS.values()], "in a dictionary"),
            (
                {n: (p / 1e6, m / 1e6) for n, (p, m) in COSTS.items()},
                "whole counts",
            ),
            (
                {n: (p // 10**6, m // 10**6) for n, (p, m) in COSTS.items()},
                "whole counts",
            ),
            (
                {n: (p / 1e6, m / 1e9) for n, (p, m) in COSTS.items()},
                "whole counts",
            ),
            ({n: p for n, (p, _) in COSTS.items()}, "give a pair"),
            ({n: map_to_text(p) for n, p in COSTS.items()}, "is text"),
        ],
        unrelated=[
            {},
            7,
            count_of(NiN=3),
            count_of(NiN=(1, 2)),
            count_of(NiN=("a", "b")),
        ],
    ),
    "small": Examples(
        right=[
            compact_inception(),
            small(),
            small().train(),
            small().double(),
            small(head=widened()),
            StemLast(),
            lazy(),
            small(head=[nn.Conv2d(80, 10, 1), *headed()[:-1]]),
            Ended(linear_first),
        ],
        mutants=[
            (small(channels=3), "grey"),
            (small(stride=4), "begin"),
            (small(pools=(2, 2)), "little to do"),
            (small(wide=4), "more than 20"),
            (small(blocks=2), "2 Inception blocks"),
            (small(blocks=1), "1 Inception block,"),
            (Around(small(), torch.squeeze), "takes the axis of the batch"),
            (Around(small(), lambda Y: Y.view(2, 10)), "For a single image"),
            (
                Around(small(), before=lambda X: X.sub_(1)),
                "changes the images",
            ),
            (small(head=[nn.Flatten(), nn.Linear(80 * 49, 10)]), "flattened"),
            (small(head=[nn.Linear(3, 10)]), "RuntimeError"),
            (small(head=headed(nn.AdaptiveMaxPool2d(1))), "the averages of"),
            (small(head=[*headed(), nn.ReLU(), nn.Linear(10, 10)]), "2 lin"),
            (nn.Sequential(small(), nn.Tanh()), "changes its scores"),
            (nn.Sequential(small(), nn.LogSoftmax(1)), "changes its scores"),
            (nn.Sequential(*small()[:-1]), "not ten scores"),
            (nn.Sequential(small(), nn.Softmax(dim=1)), "is negative"),
            (nn.Sequential(small(), nn.ReLU()), "is negative"),
            (nn.Sequential(small(), nn.Flatten(0)), "not ten scores"),
            (small().requires_grad_(False), "No gradient comes back"),
            (partly_frozen(), "gets no gradient"),
            (WithoutGradient(), "No gradient comes back"),
            (Ended(dropping), "gives other scores each time"),
            (Ended(into_training), "leaves `eval()` mode"),
            (last_block(), "is negative"),
            (
                small(head=[nn.Conv2d(80, 10, 1), nn.ReLU(), *headed()[:-1]]),
                "is negative",
            ),
            (nn.Sequential(small(), nn.Dropout()), "while it trains"),
            (TwoHeads(), "While it trains your network gives"),
        ],
        unrelated=[
            InceptionBlock,
            28,
            "net",
            nn.Flatten(),
            onebyone.models.compact_nin(),
        ],
    ),
}
