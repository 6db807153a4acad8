"""*Decode my number*: which mistake, in which network, makes a count.

The layers of the book's networks are read off the models themselves. Every
known mistake, and every pair of them, is made on these lists of layers; what
comes out is looked up. A table of sums is all there is: no answer is stored.
"""

import functools
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy
import torch
import torchvision
from torch import nn

from onebyone import models
from onebyone.check.engine.guard import (
    NotYet,
    guarded,
    is_blank,
    shown,
    shown_error,
)
from onebyone.check.engine.tasks import number
from onebyone.check.engine.verdicts import Note
from onebyone.models.residual import as_version_1, two_block_net

MOST_SHOWN = 3
SMALLEST = 1_000  # below, some mistake leads to almost every number
FEWEST_DIGITS = 3  # of a rounded number, below of which it says too little
FEW_LAYERS = 16  # in larger networks, slips would explain almost anything


class Layer(NamedTuple):
    """A convolution, a linear layer (a 1×1 on one position) or a norm."""

    name: str
    kind: type
    c_in: int  # channels that each output reads
    c_out: int
    k: int
    side: int  # of the map that it writes
    bias: int  # parameters for each output channel besides the weights

    @property
    def weights(self) -> int:
        return self.k**2 * self.c_in * self.c_out

    @property
    def is_1x1(self) -> bool:
        return self.kind is nn.Conv2d and self.k == 1

    def __str__(self) -> str:
        kernel = "linear" if self.kind is nn.Linear else f"{self.k}×{self.k}"
        return f"the {kernel} layer {self.c_in}→{self.c_out} (`{self.name}`)"


Layers = tuple[Layer, ...]


class Network(NamedTuple):
    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


def lenet() -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()],
        *[nn.Linear(400, 120), nn.Sigmoid()],
        *[nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)],
    )


GREY, COLOUR, SMALL = (1, 224, 224), (3, 224, 224), (1, 28, 28)
NETWORKS = [
    Network("NiN", models.nin, GREY),
    *(
        Network(f"NiN with {some} in each block", make, GREY)
        for some, make in (
            ("no 1×1 layer", lambda: models.nin(num_1x1=0)),
            ("one 1×1 layer", lambda: models.nin(num_1x1=1)),
            ("three 1×1 layers", lambda: models.nin(num_1x1=3)),
        )
    ),
    Network(
        "NiN for colour images and 1,000 classes",
        lambda: models.nin(3, 1000),
        COLOUR,
    ),
    *(
        Network(f"NiN's {ordinal} block", lambda i=i: models.nin()[i], shape)
        for ordinal, i, shape in (
            ("first", 0, GREY),
            ("second", 2, (96, 26, 26)),
            ("third", 4, (256, 12, 12)),
            ("last", 7, (384, 5, 5)),
        )
    ),
    Network(
        "the 1×1 layer 96→96 on 54×54",
        lambda: nn.Sequential(nn.Conv2d(96, 96, 1)),
        (96, 54, 54),
    ),
    Network("the compact NiN", models.compact_nin, SMALL),
    Network("LeNet", lenet, SMALL),
    *(
        Network(
            f"the first fully connected layer of {name}",
            lambda size=size: nn.Sequential(nn.Linear(*size)),
            size[:1],
        )
        for name, size in (
            ("LeNet", (16 * 5 * 5, 120)),
            ("AlexNet", (256 * 6 * 6, 4096)),
            ("AlexNet in d2l", (256 * 5 * 5, 4096)),
            ("VGG", (512 * 7 * 7, 4096)),
        )
    ),
    Network(
        "a head like AlexNet's, 4096-4096-10, on 384 maps of 5×5",
        lambda: nn.Sequential(
            nn.Linear(384 * 5 * 5, 4096),
            nn.Linear(4096, 4096),
            nn.Linear(4096, 10),
        ),
        (384 * 5 * 5,),
    ),
    Network("AlexNet", torchvision.models.alexnet, COLOUR),
    Network("VGG-16", torchvision.models.vgg16, COLOUR),
    Network("GoogLeNet", models.googlenet, COLOUR),
    Network(
        "the Inception block 3a",
        lambda: models.InceptionBlock(192, 64, (96, 128), (16, 32), 32),
        (192, 28, 28),
    ),
    Network("the compact Inception network", models.compact_inception, SMALL),
    Network("ResNet-18", lambda: models.resnet(18), COLOUR),
    Network("ResNet-50", lambda: models.resnet(50), COLOUR),
    Network(
        "ResNet-50 with the paper's strides",
        lambda: as_version_1(models.resnet(50)),
        COLOUR,
    ),
    Network("the compact ResNet", models.compact_resnet, SMALL),
    Network(
        "the bottleneck block 256-64-256",
        lambda: models.BottleneckBlock(256, 64),
        (256, 56, 56),
    ),
    Network(
        "the residual block of two 3×3 layers at 256 channels",
        lambda: models.ResidualBlock(256, 256),
        (256, 56, 56),
    ),
    Network("the network with two residual blocks", two_block_net, SMALL),
]


SHAPELESS = (nn.ReLU, nn.Sigmoid, nn.Dropout)  # slow on the meta device


def layers_of(net: nn.Module, shape: tuple[int, ...]) -> Layers:
    """What the layers with parameters are, in the order of their calls."""
    found = []

    def note(name, module, output):
        side = output.shape[-1] if output.ndim == 4 else 1
        if isinstance(module, nn.Conv2d):
            c_in, k = module.in_channels // module.groups, module.kernel_size
            sizes = (c_in, module.out_channels, k[0], side)
            sizes += (int(module.bias is not None),)
        elif isinstance(module, nn.Linear):
            sizes = (module.in_features, module.out_features, 1, 1)
            sizes += (int(module.bias is not None),)
        else:
            sizes = (0, module.num_features, 0, side, 2)
        found.append(Layer(name, type(module), *sizes))

    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, _, output, name=name: note(name, module, output)
            )
        elif isinstance(module, SHAPELESS):
            module.forward = lambda X: X
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda X: X
    with torch.no_grad():
        net(torch.empty(1, *shape, device="meta"))
    return tuple(found)


# --- What is counted -------------------------------------------------------


def parameters(layer: Layer) -> int:
    return layer.weights + layer.bias * layer.c_out


def macs(layer: Layer) -> int:
    return layer.weights * layer.side**2


def activations(layer: Layer) -> int:
    return bool(layer.k) * layer.c_out * layer.side**2


class Quantity(NamedTuple):
    name: str
    count: Callable[[Layer], int]
    factor: int = 1
    warns: str = ""  # of what these are taken for


QUANTITIES = [
    Quantity("parameters", parameters),
    Quantity(
        "weights",
        lambda x: x.weights,
        warns="To be parameters, they lack the biases and norms, if any.",
    ),
    Quantity("MACs", macs),
    Quantity("FLOPs", macs, 2, "One MAC is two FLOPs: keep them apart."),
    Quantity(
        "activations",
        activations,
        warns="They are no parameters: weights are shared over positions.",
    ),
    Quantity("bytes of parameters", parameters, 4),
    Quantity("bytes of activations", activations, 4),
]

# --- Mistakes --------------------------------------------------------------


class Mistake(NamedTuple):
    """What `changes` a network, its layers, or, of a count, one layer's."""

    says: str
    changes: Callable
    of: Callable | None = None


def each(change: Callable[[Layer], Layer | None]) -> Callable:
    """A change of all layers, one by one; None leaves the layer out."""

    def changed(layers: Layers) -> Layers:
        return tuple(new for old in layers if (new := change(old)))

    return changed


def block(layer: Layer) -> str:
    return layer.name.split(".")[0]


def without_twins(layers: Layers, spared: str = "") -> Layers:
    """Of like 1×1 layers in a block, only one; the block `spared` whole."""
    return tuple(
        layer
        for i, layer in enumerate(layers)
        if not layer.is_1x1
        or block(layer) == spared
        or not any(
            other[1:] == layer[1:] and block(other) == block(layer)
            for other in layers[:i]
        )
    )


def without_last_block(layers: Layers) -> Layers:
    """Without the last that convolves, which must not be the only one."""
    blocks = [block(layer) for layer in layers if layer.kind is nn.Conv2d]
    last = blocks[-1:] if len(set(blocks)) > 1 else []
    return tuple(layer for layer in layers if block(layer) not in last)


def without_reductions(layers: Layers) -> Layers:
    """Kernels behind a 1×1 of their block read what the 1×1 has read.

    An Inception block without them projects its pooling neither.
    """
    kept = []
    for layer in layers:
        if "branches.pool." in layer.name:
            continue
        pair = next((old for old in reversed(kept) if old.k), layer)
        if pair.is_1x1 and layer.k > 1 and block(pair) == block(layer):
            kept.remove(pair)
            layer = layer._replace(c_in=pair.c_in)
        kept.append(layer)
    return tuple(kept)


def with_linear_head(layers: Layers) -> Layers:
    last = layers[-1]
    if last.kind is not nn.Conv2d or last.side == 1:
        return layers
    values = last.c_out * last.side**2
    return *layers, Layer("head", nn.Linear, values, last.c_out, 1, 1, 1)


def first_reads(channels: int) -> Callable:
    def changed(layers: Layers) -> Layers:
        first, *rest = layers
        if first.kind is not nn.Conv2d or first.c_in not in (1, 3):
            return layers
        return (first._replace(c_in=channels), *rest)

    return changed


def in_convolutions(change: Callable[[nn.Conv2d], None]) -> Callable:
    def changed(net: nn.Module) -> None:
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                change(layer)

    return changed


def forget_padding(layer: nn.Conv2d) -> None:
    layer.padding = (0, 0)


def round_up(layer: nn.Conv2d) -> None:
    more = layer.stride[0] - 1
    layer.register_forward_pre_hook(
        lambda _, inputs: nn.functional.pad(inputs[0], (0, more, 0, more))
    )


def pools_round_up(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True


def pools_of_two(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.MaxPool2d) and layer.stride == 2:
            layer.kernel_size = 2


def forget_stride(net: nn.Module) -> None:
    next(x for x in net.modules() if isinstance(x, nn.Conv2d)).stride = (1, 1)


ON_NETWORKS = [
    Mistake("The padding is forgotten.", in_convolutions(forget_padding)),
    Mistake("The sizes of maps are rounded up.", in_convolutions(round_up)),
    Mistake("Where maps are pooled, sizes are rounded up.", pools_round_up),
    Mistake("The windows of the pooling are taken for 2×2.", pools_of_two),
    Mistake("The stride of the first layer is forgotten.", forget_stride),
]
ON_LAYERS = [
    Mistake(
        "The biases of the 1×1 layers are forgotten.",
        each(lambda x: x._replace(bias=0) if x.is_1x1 else x),
    ),
    Mistake(
        "All biases are forgotten.",
        each(lambda x: x._replace(bias=0) if x.k else x),
    ),
    Mistake(
        "The batch norms are forgotten.", each(lambda x: x if x.k else None)
    ),
    Mistake(
        "The running means and variances of the batch norms are no"
        " parameters.",
        each(lambda x: x if x.k else x._replace(bias=4)),
    ),
    Mistake(
        "The 1×1 layers are left out.",
        each(lambda x: None if x.is_1x1 else x),
    ),
    Mistake("Of like 1×1 layers in a block, one counts.", without_twins),
    Mistake(
        "Behind the first block, of like 1×1 layers in a block one counts.",
        lambda layers: without_twins(layers, block(layers[0])),
    ),
    Mistake(
        "The 1×1 layers are taken for 3×3.",
        each(lambda x: x._replace(k=3) if x.is_1x1 else x),
    ),
    Mistake(
        "The 1×1 layers that reduce channels are left out.",
        without_reductions,
    ),
    Mistake("The last block is left out.", without_last_block),
    Mistake(
        "The fully connected layers are left out.",
        each(lambda x: None if x.kind is nn.Linear else x),
    ),
    Mistake(
        "A fully connected layer is added, which is not there.",
        with_linear_head,
    ),
    Mistake("The image is taken for a colour image.", first_reads(3)),
    Mistake("The image is taken for a grey image.", first_reads(1)),
]
ON_COUNTS = [
    Mistake(
        "The parameters are multiplied by the positions of the map.",
        lambda x: parameters(x) * x.side**2,
        parameters,
    ),
    Mistake(
        "The input channels are lost.",
        lambda x: x.k**2 * x.c_out + x.bias * x.c_out,
        parameters,
    ),
    Mistake(
        "The side of the kernel is not squared.",
        lambda x: x.k * x.c_in * x.c_out + x.bias * x.c_out,
        parameters,
    ),
    Mistake(
        "The output of a 1×1 layer, whose size contains its channels, is"
        " multiplied by them once more; k×k layers lose their input"
        " channels.",
        lambda x: macs(x) * x.c_out if x.is_1x1 else macs(x) // max(x.c_in, 1),
        macs,
    ),
    Mistake(
        "The size of the output, which contains its channels, is multiplied"
        " by them once more.",
        lambda x: macs(x) * x.c_out,
        macs,
    ),
    Mistake(
        "The input channels are lost.",
        lambda x: x.k**2 * x.c_out * x.side**2,
        macs,
    ),
    Mistake(
        "The biases are counted as multiplications.",
        lambda x: macs(x) + bool(x.k) * x.bias * x.c_out * x.side**2,
        macs,
    ),
    Mistake(
        "One row of positions is counted, not the whole map.",
        lambda x: x.weights * x.side,
        macs,
    ),
]


def slips(right: int) -> Iterator[int]:
    """One digit wrong by 1 or 2, or two neighbours swapped."""
    digits = str(right)
    for i, digit in enumerate(digits):
        for wrong in range(int(digit) - 2, int(digit) + 3):
            if 0 <= wrong <= 9 and wrong != int(digit):
                yield int(digits[:i] + str(wrong) + digits[i + 1 :])
        swapped = digits[:i] + digits[i : i + 2][::-1] + digits[i + 2 :]
        if swapped != digits:
            yield int(swapped)


class Slip(NamedTuple):
    """One number of channels mistyped."""

    layer: Layer
    field: str
    wrong: int

    def __str__(self) -> str:
        right = getattr(self.layer, self.field)
        return f"In {self.layer}, {self.wrong} stands for {right}."

    def change(self, count: Callable[[Layer], int]) -> int:
        twin = self.layer._replace(**{self.field: self.wrong})
        return count(twin) - count(self.layer)


@functools.cache
def slips_in(layers: Layers) -> list[Slip]:
    return [
        Slip(layer, field, wrong)
        for layer in layers
        for field in ("c_in", "c_out")
        if layer.k
        for wrong in sorted(set(slips(getattr(layer, field))) - {0})
    ]


# --- The search ------------------------------------------------------------


def made(network: Network) -> nn.Module:
    with torch.device("meta"):
        return network.make()


class Way(NamedTuple):
    """How to come to a number: each step is a mistake and what it leads to."""

    network: int
    quantity: int
    right: int
    steps: tuple[tuple[str | Slip, int], ...] = ()
    has_slip: bool = False

    @property
    def rank(self) -> tuple:
        return (len(self.steps), self.has_slip, self.network, self.quantity)


def variants(network: Network) -> Iterator[tuple[list[str], list[Layers]]]:
    """Layers with no, one and two mistakes: what they are step by step."""
    right = layers_of(made(network), network.shape)
    bases = [([], [right])]
    for mistake in ON_NETWORKS if len(right) <= FEW_LAYERS else ():
        net = made(network)
        with suppress(RuntimeError, StopIteration):  # the network would break
            mistake.changes(net)
            wrong = layers_of(net, network.shape)
            bases.append(([mistake.says], [right, wrong]))
    for says, history in bases:
        yield says, history
        for i, mistake in enumerate(ON_LAYERS):
            one = mistake.changes(history[-1])
            if not one or one == history[-1]:
                continue
            yield [*says, mistake.says], [*history, one]
            for other in ON_LAYERS[i + 1 :] if not says else ():
                two = other.changes(one)
                if two and two != one:
                    yield [mistake.says, other.says], [*history, one, two]


def ways() -> Iterator[tuple[int, Way]]:
    """Every number that the book's networks and mistakes lead to."""
    for n, network in enumerate(NETWORKS):
        for says, history in variants(network):
            for q, quantity in enumerate(QUANTITIES):
                yield from counted(n, q, quantity, says, history)


def counted(n, q, quantity, says, history) -> Iterator[tuple[int, Way]]:
    def total(layers: Layers, count: Callable = quantity.count) -> int:
        return quantity.factor * sum(map(count, layers))

    totals = [total(layers) for layers in history]
    right, steps = totals[0], tuple(zip(says, totals[1:]))
    if len(set(totals)) < len(totals):
        return  # a mistake that changes nothing here
    yield totals[-1], Way(n, q, right, steps)
    if len(says) == 2:
        return
    for mistake in ON_COUNTS:
        if mistake.of is quantity.count:
            value = total(history[-1], mistake.changes)
            yield value, Way(n, q, right, (*steps, (mistake.says, value)))
    if len(history[0]) <= FEW_LAYERS and quantity.factor == 1:
        for slip in slips_in(history[-1]):
            value = totals[-1] + slip.change(quantity.count)
            if value != totals[-1]:
                yield value, Way(n, q, right, (*steps, (slip, value)), True)


@functools.cache
def known() -> tuple[list[int], dict[int, list[Way]]]:
    """All numbers in order, and the ways to each, the best one first."""
    found: dict[int, dict[tuple, list[Way]]] = {}
    for value, way in ways():
        if value >= SMALLEST or not way.steps:
            ends = found.setdefault(value, {})
            best = ends.setdefault((way.network, way.quantity), [way])
            if way.rank < best[0].rank:
                best[:] = [way]
            elif way.rank == best[0].rank and way != best[0]:
                best.append(way)
    ranked = {
        value: sorted(sum(ends.values(), []), key=lambda way: way.rank)
        for value, ends in found.items()
    }
    return sorted(ranked), ranked


@functools.cache
def right_counts() -> list[int]:
    values, found = known()
    return [value for value in values if not found[value][0].steps]


# --- The answer ------------------------------------------------------------


def explain(count: object = ...) -> Note:
    """Which mistakes, in which network of this book, make this number.

    Args:
        count: a whole number is looked up exactly; a float such as 2.469e10
            is taken to be rounded to the digits that it shows.

    Never raises. Says so where nothing fits.
    """
    title = "Decode my number"
    try:
        with guarded(seconds=10):
            try:
                low, high = interval(count)
            except NotYet as reason:
                return Note(title, str(reason))
            except Exception as error:
                text = f"This cannot be decoded: {shown_error(error)}"
                return Note(title, text)
        return Note(f"{title} · {range_text(low, high)}", told(low, high))
    except BaseException:  # whatever the value may still reach into
        return Note(title, "This cannot be decoded.")


def interval(count: object) -> tuple[Fraction, Fraction]:
    """What a number may stand for; raise NotYet if it is no count."""
    if is_blank(count):
        raise NotYet("Give a number: `check.explain(1_995_284)`.")
    value = number(count)
    if value <= 0:
        raise NotYet(f"{shown(count)} is not positive, and a count is.")
    spread = Fraction(0)
    if isinstance(count, float | numpy.floating):
        digits = Decimal(str(count)).normalize().as_tuple()
        spread = Fraction(10) ** digits.exponent / 2
        if len(digits.digits) < FEWEST_DIGITS and spread > 1:
            raise NotYet(
                f"{shown(count)} is rounded too much: give at least"
                f" {FEWEST_DIGITS} digits."
            )
    if spread <= Fraction(1, 2) and value.denominator != 1:
        raise NotYet(f"{shown(count)} is no whole number, and a count is.")
    if spread <= Fraction(1, 2):
        spread = Fraction(0)
    return value - spread, value + spread


def range_text(low: Fraction, high: Fraction) -> str:
    if low == high:
        return shown(int(low))
    return f"{shown(int(low))} to {shown(int(high))}"


def told(low: Fraction, high: Fraction) -> str:
    """What is known of the numbers from `low` to `high`."""
    values, found = known()
    hits = []
    for value in values[bisect_left(values, low) :]:
        if value > high:
            break
        hits += found[value]
    if low < high:  # it fits so much that only what is simple counts
        most = 2 if (high - low) * 1_000 <= low else 1
        hits = [w for w in hits if not w.has_slip and len(w.steps) <= most]
    if not hits:
        return nothing(low)
    hits.sort(key=lambda way: way.rank)
    best = [way for way in hits if way.rank[:2] == hits[0].rank[:2]]
    texts = [way_text(way) for way in best[:MOST_SHOWN]]
    if (left := len(best) - MOST_SHOWN) > 0:
        others = "explanation is" if left == 1 else "explanations are"
        texts.append(f"{left} more {others} as simple.")
    if low < high and hits[0].steps:
        texts.append("The number is rounded, so chance may play along.")
    if hits[0].has_slip and len(hits[0].steps) > 1:
        texts.append("A slip explains much: compare it with your own lines.")
    return "\n".join(texts)


def way_text(way: Way) -> str:
    quantity = QUANTITIES[way.quantity]
    what = f"the number of {quantity.name} of {NETWORKS[way.network].name}"
    if not way.steps:
        return f"This is {what}. {quantity.warns}".strip()
    many = "one mistake" if len(way.steps) == 1 else "two mistakes"
    lines, before = [f"This is {what}, with {many}:"], way.right
    for says, value in way.steps:
        lines.append(f"– {says} ({value - before:+,})".replace("-", "−"))
        before = value
    return "\n".join([*lines, f"Right is {way.right:,}."])


def nothing(value: Fraction) -> str:
    """That nothing fits, and which right count is near, if one is."""
    text = (
        "Nothing fits. No network in this book's table has this count, and"
        " none of the known mistakes, alone or two together, leads to it."
    )
    found = known()[1]
    near = min(right_counts(), key=lambda right: abs(right - value))
    if abs(near - value) > Fraction(near, 10):
        return text
    way = way_text(found[near][0]).removeprefix("This is ").split(". ")[0]
    return f"{text}\nThe nearest right count is {near:,}, {way.rstrip('.')}."
