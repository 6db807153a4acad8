"""Answers to the exercises *ResNet-34 from your own blocks*."""

import copy

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from check_examples import Examples, answer
from check_examples.clinic import IMAGES
from check_examples.forms import Around
from onebyone import models
from onebyone.check import capstone
from onebyone.check.engine.resnet34 import (
    ALTERED,
    SWAPS,
    resnet34,
    stem,
    swapped,
)
from onebyone.models import ResidualBlock

ANY = [3, "net", nn.Linear(2, 2), [], {}]

# --- The network -----------------------------------------------------------


class ByName(nn.Module):
    """ResNet-34 with attributes, the head before the stem."""

    def __init__(self, block, classes, width):
        super().__init__()
        self.head = nn.Linear(8 * width, classes)
        self.stages = nn.ModuleList()
        for stage, count in enumerate((3, 4, 6, 3)):
            channels = width * 2**stage
            before = channels if stage == 0 else channels // 2
            first = block(before, channels, 2 if stage else 1)
            rest = [block(channels, channels) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(first, *rest))
        self.stem = nn.Sequential(*stem(width))

    def forward(self, X):
        X = self.stem(X)
        for stage in self.stages:
            X = stage(X)
        return self.head(X.mean(dim=(2, 3)))


def planned(counts=(3, 4, 6, 3), stride=None, widths=(1, 2, 4, 8)):
    """Return a builder whose blocks follow another plan."""
    stride = stride or (lambda stage, i: 2 if stage and i == 0 else 1)

    def build(block, classes, width):
        layers, channels = stem(width), width
        for stage, count in enumerate(counts):
            for i in range(count):
                own = width * widths[stage]
                layers.append(block(channels, own, stride(stage, i)))
                channels = own
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, *head, nn.Linear(channels, classes))

    return build


def changed(**how):
    return lambda *given: resnet34(*given, **how)


def by_1x1(*order, bias=True):
    """Return a builder whose head is a 1×1, before or after the average."""

    def build(block, classes, width):
        body = resnet34(block, classes, width)[:-3]
        head = nn.Conv2d(8 * width, classes, 1, bias=bias)
        parts = {"average": nn.AdaptiveAvgPool2d(1), "1×1": head}
        return nn.Sequential(
            *body, *(parts[name] for name in order), nn.Flatten()
        )

    return build


def then(change):
    """Return a builder of ResNet-34 that changes it in the end."""

    def build(*given):
        net = resnet34(*given)
        return change(net) or net

    return build


def put(place, layer):
    def change(net):
        net[place] = layer(net)

    return then(change)


def shared(block, classes, width):
    return planned()(once(block), classes, width)


def once(block):
    made = {}

    def same(*arguments):
        return made.setdefault(arguments, block(*arguments))

    return same


class Skipping(ByName):
    """Leaves the second block of each stage out."""

    def forward(self, X):
        X = self.stem(X)
        for first, _, *rest in self.stages:
            X = nn.Sequential(first, *rest)(X)
        return self.head(X.mean(dim=(2, 3)))


def freeze(net):
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net


def without_average(net):
    classes = net[-1].out_features
    return nn.Sequential(*net[:-3], nn.Flatten(), nn.LazyLinear(classes))


def frozen(net):
    net[0].weight.requires_grad_(False)


def conv(*how, **options):
    return lambda net: nn.Conv2d(3, net[1].num_features, *how, **options)


NETWORK = Examples(
    right=[
        resnet34,
        ByName,
        planned(),
        lambda block, classes, width: nn.Sequential(
            resnet34(block, classes, width), nn.Identity()
        ),
        by_1x1("average", "1×1"),
        by_1x1("1×1", "average"),
    ],
    blank=[lambda block, classes, width: ...],
    mutants=[
        (
            lambda *given: Around(resnet34(*given), torch.squeeze),
            "For 1 image",
        ),
        (
            lambda *given: Around(resnet34(*given), before=torch.relu_),
            "changes the images",
        ),
        (planned((2, 2, 2, 2)), "make ResNet-18"),
        (planned((3, 6, 4, 3)), "other numbers"),
        (planned(stride=lambda stage, i: 1), "halves its maps"),
        (
            planned(stride=lambda stage, i: 2 if i == 0 else 1),
            "Your first stage halves",
        ),
        (
            planned(stride=lambda stage, i: 2 if stage and i < 2 else 1),
            "Too many of your blocks",
        ),
        (
            planned(stride=lambda stage, i: 2 if stage and i == 1 else 1),
            "another block of a stage",
        ),
        (planned(widths=(1, 2, 3, 4)), "with other channels"),
        (shared, "share their weights"),
        (Skipping, "made and never used"),
        *((changed(**how), says) for how, says in ALTERED),
        (put(0, conv(7, 2, 3)), "has biases"),
        (put(0, conv(3, 2, 1, bias=False)), "How large is"),
        (put(0, conv(7, 2, bias=False)), "so that no row is lost"),
        (put(3, lambda net: nn.Identity()), "so that no row is lost"),
        (put(1, lambda net: nn.Identity()), "a batch norm"),
        (
            put(
                1,
                lambda net: nn.BatchNorm2d(net[1].num_features, momentum=0.9),
            ),
            "gather other statistics",
        ),
        (put(-3, lambda net: nn.AvgPool2d(2)), "not for others"),
        (
            put(
                1,
                lambda net: nn.BatchNorm2d(
                    net[1].num_features, track_running_stats=False
                ),
            ),
            "no running statistics",
        ),
        (by_1x1("average", "1×1", bias=False), "Your head has no biases"),
        (put(2, lambda net: nn.ReLU6()), "small values"),
        (put(-2, lambda net: nn.Sequential(nn.Flatten(), nn.Dropout())), ""),
        (then(frozen), "not while it trains"),
        (then(freeze), "all of it is frozen"),
        (then(without_average), "Does it stand in front"),
        (
            put(-1, lambda net: nn.Linear(net[-1].in_features, 7, bias=False)),
            "Your head has no biases",
        ),
        (lambda *given: models.resnet(34), "does not use the block"),
    ],
    malformed=[
        (lambda *given: print(), "Is there a `return`"),
        (lambda *given: "net", "not a network"),
        (lambda: 1, "Building it raised"),
        (nn.Linear, "Building it raised"),
        (dict, "a class, not a function"),
        (resnet34(ResidualBlock, 7, 8), "Pass the function"),
        (then(lambda net: net[:-1]), "score for each image"),
    ],
    unrelated=[3, "net", [], {}, lambda *given: 1],
)

# --- Names -----------------------------------------------------------------

NET = models.resnet(34)
PLACES = {"conv1": "0", "bn1": "1", "fc": "22"}
BEFORE = {"layer1": 4, "layer2": 7, "layer3": 11, "layer4": 17}
LAYERS = {"conv1": "0", "bn1": "1", "conv2": "3", "bn2": "4"}


def own_name(name, before=BEFORE, layers=LAYERS):
    first, *rest = name.split(".")
    if first in PLACES:
        return ".".join([PLACES[first], *rest])
    block, layer, *last = rest
    place = str(before[first] + int(block))
    if layer == "downsample":
        return ".".join([place, "shortcut", *last])
    return ".".join([place, "branch", layers[layer], *last])


def by_replacing(name):
    import re

    for stage, first in BEFORE.items():
        name = re.sub(
            rf"{stage}\.(\d)", lambda m, n=first: str(n + int(m[1])), name
        )
    name = re.sub(r"^conv1", "0", name)
    name = re.sub(r"^bn1", "1", name)
    name = re.sub(r"^fc", "22", name)
    name = name.replace("downsample", "shortcut")
    for theirs, mine in LAYERS.items():
        name = name.replace(f".{theirs}.", f".branch.{mine}.")
    return name


def in_order():
    import torchvision

    with torch.device("meta"):
        theirs = torchvision.models.resnet34(weights=None).state_dict()
    return dict(zip(theirs, NET.state_dict())).get


def swapping(pairs):
    return named(lambda name: own_name(swapped(name, pairs)))


def named(function, net=NET):
    return answer(function, net)


def other_net(**how):
    """Return the network with another forward pass and the same names."""
    net = copy.deepcopy(NET)
    for place, layer in how.items():
        net[int(place[1:])] = layer
    return net


def to_1x1(name):
    """Return the name in the network whose head is a 1×1."""
    place, _, last = own_name(name).rpartition(".")
    return f"{'21' if place == PLACES['fc'] else place}.{last}"


WITH_1X1 = nn.Sequential(
    *copy.deepcopy(NET[:-3]),
    nn.AdaptiveAvgPool2d(1),
    nn.Conv2d(512, 1000, 1),
    nn.Flatten(),
)
NAMES = Examples(
    right=[
        named(own_name),
        named(by_replacing),
        named(in_order()),
        named(own_name, copy.deepcopy(NET).eval()),
        named(to_1x1, WITH_1X1),
    ],
    blank=[named(...), named(lambda name: ...), named(own_name, ...)],
    mutants=[
        *((swapping(pairs), says) for pairs, says in SWAPS),
        (named(lambda name: name), "every name back as it is"),
        (
            named(lambda n: own_name(n, BEFORE | {"layer2": 8})),
            "no name in your network",
        ),
        (
            named(lambda n: own_name(n, layers=LAYERS | {"conv2": "0"})),
            "both become",
        ),
        (
            named(lambda n: own_name(n, BEFORE | {"layer4": 14})),
            "no name in your network",
        ),
        (
            named(
                lambda n: own_name(
                    n, layers=LAYERS | {"conv1": "3", "conv2": "0"}
                )
            ),
            "They cannot be the same layer",
        ),
        (
            named(lambda n: None if "downsample" in n else own_name(n)),
            "gives nothing",
        ),
        (named(lambda n: own_name(n.replace(".bn1", ".bn2"))), "both become"),
        (named(own_name, other_net(_2=nn.Identity())), "computes something"),
        (
            named(own_name, other_net(_3=nn.AvgPool2d(3, 2, 1))),
            "computes something",
        ),
    ],
    malformed=[
        (named(lambda n: n.split(".")), "not a name"),
        (named(lambda n: int(n)), "raised"),
        (named(own_name, "net"), "not a network"),
        (named("name"), "not a function"),
    ],
    unrelated=[
        *(named(x) for x in (3, [], nn.ReLU)),
        named(lambda n: "0.weight"),
        named(own_name, 3),
        named(own_name, models.resnet(18)),
    ],
)

# --- A head ----------------------------------------------------------------

OLD = resnet34(ResidualBlock, 1000, 4)


def headed(function, net=OLD):
    return answer(function, net)


def new_head(net, classes):
    freeze(net)[-1] = nn.Linear(net[-1].in_features, classes)
    return net


def around(net, classes):
    body = freeze(net[:-1])
    return nn.Sequential(body, nn.Linear(net[-1].in_features, classes))


def by_a_1x1(net, classes):
    head = nn.Conv2d(net[-1].in_features, classes, 1)
    return nn.Sequential(*freeze(net)[:-2], head, nn.Flatten())


def with_a_generator(net, classes):
    net = new_head(net, classes)
    net.numbers = (n for n in range(3))
    return net


def on_a_copy(net, classes):
    return new_head(copy.deepcopy(net), classes)


def opened(net, classes):
    net = new_head(net, classes)
    freeze(net)[-1].requires_grad_(True)
    return net


def unfrozen(net, classes):
    net[-1] = nn.Linear(net[-1].in_features, classes)
    return net


def frozen_after(net, classes):
    return freeze(unfrozen(net, classes))


def frozen_biases(net, classes):
    net = new_head(net, classes)
    net[-1].bias.requires_grad_(False)
    return net


def only_convolutions(net, classes):
    new_head(net, classes)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(True)
    return net


def behind(net, classes):
    return nn.Sequential(freeze(net), nn.Linear(1000, classes))


def without_head_bias(net, classes):
    freeze(net)[-1] = nn.Linear(net[-1].in_features, classes, bias=False)
    return net


def with_softmax(net, classes):
    return nn.Sequential(new_head(net, classes), nn.Softmax(dim=1))


def fresh_body(net, classes):
    return new_head(resnet34(ResidualBlock, 1000, 4), classes)


def always_ten(net, classes):
    return new_head(net, 10)


def attribute(net, classes):
    freeze(net).fc = nn.Linear(net[-1].in_features, classes)
    return net


def forgetting(net, classes):
    new_head(net, classes)


def last_block_open(net, classes):
    new_head(net, classes)[-4].requires_grad_(True)
    return net


def with_dropout(net, classes):
    new_head(net, classes)[-1] = nn.Sequential(
        nn.Dropout(0.2), nn.Linear(net[-1].in_features, classes)
    )
    return net


def dropout_behind(net, classes):
    return nn.Sequential(new_head(net, classes), nn.Dropout(0.2))


class Gated(nn.Module):
    """Weighs channels by a linear layer, which is not the head."""

    def __init__(self, channels):
        super().__init__()
        self.gate = nn.Linear(channels, channels)

    def forward(self, X):
        Y = self.gate(X.mean(dim=(2, 3))).sigmoid()
        return X * Y[:, :, None, None]


class HeadFirst(nn.Module):
    """Makes its head before the body, which has linear layers too."""

    def __init__(self, classes=1000):
        super().__init__()
        self.fc = nn.Linear(8, classes)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), Gated(8)
        )

    def forward(self, X):
        return self.fc(self.body(X).mean(dim=(2, 3)))


def new_fc(net, classes):
    freeze(net).fc = nn.Linear(net.fc.in_features, classes)
    return net


def no_average(net, classes):
    body = freeze(net[:-3])
    return nn.Sequential(body, nn.Flatten(), nn.LazyLinear(classes))


HEAD = Examples(
    right=[
        headed(new_head),
        headed(around),
        headed(on_a_copy),
        headed(by_a_1x1),
        headed(opened),
        headed(new_fc, HeadFirst()),
    ],
    blank=[headed(...), headed(lambda net, classes: ...)],
    mutants=[
        (headed(unfrozen), "whole body would train"),
        (headed(frozen_after), "frozen as well"),
        (headed(frozen_biases), "The biases of the new head are frozen"),
        (headed(only_convolutions), "parameters of the body would still"),
        (headed(last_block_open), "parameters of the body would still"),
        (headed(behind), "the old head's place"),
        (headed(no_average), "the old head's place"),
        (headed(without_head_bias), "no biases"),
        (headed(with_softmax), "behind the new head"),
        (headed(with_dropout), "such as a dropout"),
        (headed(dropout_behind), "such as a dropout"),
        (headed(fresh_body), "no longer those of the old network"),
        (headed(always_ten), "a score for each image and class"),
        (headed(lambda net, classes: freeze(net)), "still gives 1,000"),
        (headed(attribute), ""),
    ],
    malformed=[
        (headed(forgetting), "Return the network"),
        (headed(with_a_generator), "Your network cannot be copied"),
        (headed(lambda net: net), "raised"),
        (headed(new_head, "net"), "not a network"),
        (headed(new_head, nn.ReLU()), "no linear layer"),
    ],
    unrelated=[*map(headed, (3, "net", [], nn.ReLU)), headed(new_head, 3)],
)

# --- A compact version -----------------------------------------------------


def small(*layers, stem=(8, 2), end=()):
    width, stride = stem
    net = [
        nn.Conv2d(1, width, 3, stride, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*net, *layers, *pool, nn.LazyLinear(10), *end)


def blocks(*channels):
    return [
        ResidualBlock(a, b, 2 if b > a else 1)
        for a, b in zip(channels, channels[1:])
    ]


def made(*channels, **how):
    """Return a builder of a network with these channels in its blocks."""

    def build():
        stem = (channels[0], how.get("stride", 2))
        net = small(*blocks(*channels), stem=stem, end=how.get("end", ()))
        with torch.no_grad():
            net.eval()(torch.zeros(1, 1, 14, 14))
        return net

    return to_check(build)


def to_check(build):
    return answer(build, *IMAGES)


def plain_layers():
    layers = []
    for _ in range(6):
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1),
        *layers,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


class Reused(nn.Module):
    """One block used three times, and the head a 1×1 convolution."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 2, 1)
        self.block = ResidualBlock(16, 16)
        self.block2 = ResidualBlock(16, 16)
        self.head = nn.Conv2d(16, 10, 1)

    def forward(self, X):
        X = self.block(self.stem(X).relu())
        X = self.block2(self.block2(X))
        return self.head(X).mean(dim=(2, 3))


class Joined(nn.Module):
    """A block of eight channels, whose branch is joined in some way."""

    def __init__(self, join):
        super().__init__()
        self.branch = nn.Sequential(*conv_norm(), nn.ReLU(), *conv_norm())
        self.other = nn.Sequential(*conv_norm())
        self.join = join
        self.scale = nn.Parameter(torch.zeros(1))
        self.field = nn.Parameter(torch.ones(1, 8, 1, 1))

    def forward(self, X):
        return self.join(self, X).relu()


def conv_norm():
    return [nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)]


def joined(join, last=None, between=nn.Identity, **how):
    """Return a builder of a network with three such blocks."""

    def build():
        blocks = [Joined(join), Joined(join), Joined(last or join)]
        net = small(*blocks, between(), **how)
        with torch.no_grad():
            net.eval()(torch.zeros(1, 1, 14, 14))
        return net

    return to_check(build)


def in_place(self, X):
    Y = self.branch(X)
    Y += X
    return Y


class Averaged(nn.Module):
    """Ends with a convolution of classes and a function's average."""

    def __init__(self, block=joined, end=None):
        super().__init__()
        self.body = block(in_place).positional[0]()[:-3]
        self.head = nn.Conv2d(8, 10, 1)
        self.end = end or (lambda X: F.adaptive_avg_pool2d(X, 1).flatten(1))

    def forward(self, X):
        return self.end(self.head(self.body(X)))


def masked(Y):
    """A ReLU, by a mask."""
    return Y * (Y > 0)


def eights(width=8):
    return made(*4 * [width]).positional[0]()


class AveragedAtLast(Averaged):
    """Applies its linear layer at each pixel, and averages then."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 10)

    def forward(self, X):
        return self.head(self.body(X).permute(0, 2, 3, 1)).mean(dim=(1, 2))


def dropped(net, training):
    """Return a network that drops scores, or maps in evaluation, too."""
    if training:
        return nn.Sequential(net, nn.Dropout(0.2))
    change = Around(nn.Identity(), lambda Y: F.dropout(Y, 0.2))
    return nn.Sequential(*net[:-3], change, *net[-3:])


def to_training(net):
    around = Around(net)
    around.before = lambda X: (around.train(), X)[1]
    return around


def stuck():
    return freeze(made(8, 8, 8, 8).positional[0]())


def trained_already():
    net = made(16, 16, 16, 16).positional[0]()
    with torch.enable_grad():
        return capstone.trained(net, *IMAGES[2:])


def half_frozen():
    net = made(8, 8, 8, 8).positional[0]()
    for parameter in net.parameters():
        parameter.data.mul_(0)
    return net


COMPACT = Examples(
    right=[
        made(8, 8, 16, 16),
        made(16, 16, 32, 32),
        made(8, 8, 8, 8, 8),
        to_check(lambda: Reused()),
        joined(lambda self, X: torch.stack([X, self.branch(X)]).sum(0)),
        joined(lambda self, X: sum([X, self.branch(X), self.other(X)])),
        joined(lambda self, X: X + self.scale * self.branch(X)),
        joined(lambda self, X: self.branch(X.relu()) + X),
        joined(in_place, between=lambda: Gated(8)),
        joined(in_place, between=lambda: Around(nn.Identity(), masked)),
        to_check(lambda: Averaged()),
        to_check(lambda: AveragedAtLast()),
    ],
    blank=[to_check(...), to_check(lambda: ...)],
    mutants=[
        (
            to_check(lambda: Averaged(end=lambda X: X.mean((2, 3)).squeeze())),
            "For 1 image",
        ),
        (
            to_check(lambda: Around(Reused(), before=lambda X: X.mul_(2))),
            "changes the images",
        ),
        (
            to_check(lambda: dropped(eights(), training=False)),
            "gives other scores each time",
        ),
        (
            to_check(lambda: dropped(eights(16), training=True)),
            "something follows its scores",
        ),
        (to_check(lambda: to_training(Reused())), "leaves `eval()` mode"),
        (
            to_check(
                lambda: Averaged(end=lambda X: X.relu().mean(dim=(2, 3)))
            ),
            "",
        ),
        (made(32, 64, 64, 64), "which blocks are the widest"),
        (made(16, 16, 16, 32, 64), "which blocks are the widest"),
        (made(32, 32, 32, stride=1), "how soon are these halved"),
        (made(24, 24, 24, 24, stride=1), "how soon are these halved"),
        (made(8, 8, 16), "3 residual blocks or more"),
        (to_check(plain_layers), "0 sums of two different maps"),
        *(
            (joined(join), "0 sums of two different maps")
            for join in (
                lambda self, X: self.branch(X) + 1,
                lambda self, X: self.branch(X) + torch.zeros_like(X),
                lambda self, X: self.branch(X) + self.field.expand_as(X),
                lambda self, X: self.branch(X) + self.other(X),
                lambda self, X: X + F.max_pool2d(X, 3, 1, 1),
                lambda self, X: X + self.branch(X).detach(),
                lambda self, X: torch.cat([X, self.branch(X)])[: len(X)],
            )
        ),
        (
            joined(in_place, lambda self, X: X + 0 * self.branch(X)),
            "multiplied by zero",
        ),
        (
            joined(in_place, lambda self, X: 0 * X + self.branch(X)),
            "multiplied by zero",
        ),
        (
            to_check(lambda: Averaged(end=lambda X: X.amax(dim=(2, 3)))),
            "",
        ),
        (made(8, 8, 8, 8, end=[nn.Softmax(dim=1)]), "ends with a softmax"),
        (made(4, 4, 4, 4, end=[nn.ReLU()]), "There is a ReLU after"),
        (to_check(stuck), "In training, your network raised"),
        (to_check(half_frozen), "hardly more than guessing"),
        (to_check(trained_already), "somebody has trained it"),
        (
            to_check(lambda: made(8, 8, 8, 8).positional[0]()[:-1]),
            "a score for each image and class",
        ),
        (to_check(lambda: nn.Linear(3, 3)), "raised"),
    ],
    malformed=[
        (to_check(lambda: print()), "Return the network"),
        (to_check(lambda: 0.7), "Return the network"),
        (to_check(lambda net: net), "raised"),
        (to_check(plain_layers()), "Pass the function"),
        (answer(plain_layers), "Call the check with the images too"),
    ],
    unrelated=[*map(to_check, (3, "net", [], nn.ReLU)), lambda: 1],
)

# --- Class maps ------------------------------------------------------------


def with_statistics(net):
    """Return a network whose batch norms have seen something."""
    net.train()
    with torch.no_grad():
        for seed in range(3):
            torch.manual_seed(seed)
            net(2 * torch.randn(16, 1, 14, 14) + 0.3)
    return net.eval()


def for_maps():
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    net = with_statistics(made(8, 8, 16, 16).positional[0]())
    X = torch.randn(3, 1, 14, 14)
    torch.random.set_rng_state(state)
    return net, X


class Functional(nn.Module):
    """Makes its last maps by a function, and averages them twice."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 10)
        self.body = nn.Sequential(*for_maps()[0][:-3], Gated(16))
        self.last = nn.Conv2d(16, 16, 3, padding=1)

    def features(self, X):
        return F.relu(self.last(self.body(X)))

    def forward(self, X):
        X = F.avg_pool2d(self.features(X), 2)
        return self.head(X.mean(dim=(2, 3)))


class Masked(Functional):
    def features(self, X):
        return masked(self.last(self.body(X)))


class AtEachPixel(Functional):
    """Averages what the linear layer gives for each pixel."""

    def forward(self, X):
        Y = self.head(self.features(X).permute(0, 2, 3, 1))
        return Y.permute(0, 3, 1, 2).mean(dim=(2, 3))


@torch.no_grad()
def with_maps(kind, pool=lambda X: X, change=lambda maps: maps):
    net, X = kind().eval(), torch.randn(3, 1, 16, 16)
    features = pool(net.features(X))
    weight = net.head.weight[:, :, None, None]
    maps = F.conv2d(features, weight, net.head.bias)
    return answer(change(maps), net, X)


def halved(X):
    return F.avg_pool2d(X, 2)


OF_MAPS = Examples(
    right=[
        with_maps(Functional),
        with_maps(Functional, halved),
        with_maps(AtEachPixel),
        with_maps(Masked),
    ],
    mutants=[
        (with_maps(Functional, halved, torch.relu), "cut"),
        (answer(torch.zeros(3, 10, 7, 7)), "takes other arguments"),
        (with_maps(Functional, change=lambda maps: maps / 16), ""),
        (with_maps(Functional, lambda X: F.max_pool2d(X, 2)), ""),
        (with_maps(Functional, lambda X: X.mean((2, 3), keepdim=True)), ""),
    ],
)
CONTEXTS = {"maps": for_maps()}
X = CONTEXTS["maps"][1]
MAPS = capstone.right_maps(*CONTEXTS["maps"])
CHOSEN = MAPS[0].mean(dim=(1, 2)).argmax()


def drawn(*arrays, low=None, high=None, change=None, **how):
    """Return the figure with these arrays side by side, as an answer."""
    figure, axes = plt.subplots(1, max(2, len(arrays)))
    plt.close(figure)
    for axis, array in zip(axes, arrays):
        end = float(array.abs().max())
        axis.imshow(
            array,
            vmin=-end if low is None else low,
            vmax=end if high is None else high,
            **how,
        )
    if change:
        change(axes)
    return answer(figure, X, MAPS)


def one_over_the_other(*arrays, beside=()):
    figure, axes = plt.subplots(1, 2)
    plt.close(figure)
    for axis, several in zip(axes, (arrays, beside)):
        for array in several:
            end = float(array.abs().max())
            axis.imshow(
                array, vmin=-end, vmax=end, alpha=0.5, extent=(0, 1, 0, 1)
            )
    return answer(figure, X, MAPS)


def turned_over(axes):
    axes[1].invert_yaxis()


IMAGE, MAP = X[0, 0], MAPS[0, CHOSEN]
DRAWING = Examples(
    right=[
        drawn(IMAGE, MAP),
        drawn(MAP, IMAGE),
        drawn(IMAGE, MAP, low=-50, high=50),
        drawn(IMAGE, MAP, IMAGE),
        drawn(IMAGE, MAP / MAP.abs().max()),
        drawn(IMAGE / 2 + 0.5, MAP),
        drawn(IMAGE.flip(0), MAP.flip(0), origin="lower"),
        drawn(IMAGE, MAP.flip(0), change=turned_over),
        one_over_the_other(IMAGE, MAP, beside=[IMAGE]),
    ],
    blank=[answer(..., X, MAPS)],
    mutants=[
        (drawn(), "no picture yet"),
        (drawn(MAP), "image itself is missing"),
        (drawn(IMAGE), "no class map"),
        (drawn(X[1, 0], MAP), "another image"),
        (drawn(IMAGE, MAPS[0, CHOSEN - 1]), "did not choose"),
        (drawn(IMAGE, MAP.T), "swapped"),
        (drawn(IMAGE, MAP, low=0, high=1), "Your colours"),
        (drawn(IMAGE, MAPS[1, CHOSEN] + 1), "none of the class maps"),
        (drawn(IMAGE, MAP, origin="lower"), "The image stands on its head"),
        (drawn(IMAGE, MAP, change=turned_over), "The map stands on its head"),
        (drawn(IMAGE, MAP.flip(1)), "The map is mirrored"),
        (drawn(IMAGE.T, MAP), "rows and columns swapped"),
        (drawn(IMAGE, MAP - MAP.min()), "Your colours"),
        (drawn(IMAGE, -MAP), "none of the class maps"),
        (one_over_the_other(IMAGE, MAP), "The image lies under another"),
        (
            one_over_the_other(MAP, IMAGE, beside=[IMAGE]),
            "The map lies under another",
        ),
    ],
    malformed=[
        (answer(plt, X, MAPS), "Give the figure"),
        (answer(drawn(IMAGE, MAP).positional[0], X, ...), "make them first"),
        (answer(drawn(IMAGE, MAP).positional[0], X, MAPS[0]), "four axes"),
        (answer(drawn(IMAGE, MAP).positional[0], X, "maps"), "not a tensor"),
    ],
    unrelated=[answer(x, X, MAPS) for x in (3, "figure", [], {}, IMAGE)],
)

EXAMPLES = {
    "network": NETWORK,
    "renamed": NAMES,
    "head": HEAD,
    "compact": COMPACT,
    "maps": OF_MAPS,
    "drawing": DRAWING,
}
