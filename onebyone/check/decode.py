"""*Decode my number*: which mistake, in which network, makes a count.

The networks of this book, what one counts in them, and the mistakes that
people make in counting. The search is in engine/decoder.py.
"""

from collections.abc import Callable

import torchvision
from torch import nn

from onebyone import models
from onebyone.check.engine.decoder import (
    Change,
    Decoder,
    Layer,
    Layers,
    Network,
    Quantity,
)
from onebyone.check.engine.verdicts import Note
from onebyone.models.residual import as_version_1, two_block_net

# --- Networks --------------------------------------------------------------


def lenet() -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)],
        *[nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()],
        *[nn.Linear(400, 120), nn.Sigmoid()],
        *[nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)],
    )


def nin_block(i: int) -> Callable[[], nn.Module]:
    return lambda: models.nin()[i]


def linear(inputs: int, outputs: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(inputs, outputs))


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
        Network(f"NiN's {ordinal} block", nin_block(i), shape)
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
            linear(*size),
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


# --- What is counted -------------------------------------------------------


def parameters(layer: Layer) -> int:
    return layer.weights + layer.bias * layer.c_out


def macs(layer: Layer) -> int:
    return layer.weights * layer.side**2


def activations(layer: Layer) -> int:
    return bool(layer.k) * layer.c_out * layer.side**2


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


def each(change: Callable[[Layer], Layer | None]) -> Callable:
    """Return a change of all layers, one by one; None leaves one out."""

    def changed(layers: Layers) -> Layers:
        return tuple(new for old in layers if (new := change(old)))

    return changed


def block(layer: Layer) -> str:
    return layer.name.split(".")[0]


def without_twins(layers: Layers, spared: str = "") -> Layers:
    """Return one of equal 1×1 layers in a block; the block `spared` whole."""
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
    """Return all but the last block that convolves, unless it is alone."""
    blocks = [block(layer) for layer in layers if layer.kind is nn.Conv2d]
    last = blocks[-1:] if len(set(blocks)) > 1 else []
    return tuple(layer for layer in layers if block(layer) not in last)


def without_reductions(layers: Layers) -> Layers:
    """Return the layers without those 1×1 that reduce channels.

    Kernels after such a 1×1 then read what it has read. An Inception block
    does not project its pooling then, either.
    """
    kept: list[Layer] = []
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
    Change("The padding is forgotten.", in_convolutions(forget_padding)),
    Change("The sizes of maps are rounded up.", in_convolutions(round_up)),
    Change("Where maps are pooled, sizes are rounded up.", pools_round_up),
    Change("The pooling windows are taken for 2×2.", pools_of_two),
    Change("The stride of the first layer is forgotten.", forget_stride),
]
ON_LAYERS = [
    Change(
        "The biases of the 1×1 layers are forgotten.",
        each(lambda x: x._replace(bias=0) if x.is_1x1 else x),
    ),
    Change(
        "All biases are forgotten.",
        each(lambda x: x._replace(bias=0) if x.k else x),
    ),
    Change(
        "The batch norms are forgotten.", each(lambda x: x if x.k else None)
    ),
    Change(
        "The running means and variances of the batch norms are counted.",
        each(lambda x: x if x.k else x._replace(bias=4)),
    ),
    Change(
        "The 1×1 layers are left out.",
        each(lambda x: None if x.is_1x1 else x),
    ),
    Change("Equal 1×1 layers of a block are counted as one.", without_twins),
    Change(
        "From the second block on, equal 1×1 layers of a block are counted"
        " as one.",
        lambda layers: without_twins(layers, block(layers[0])),
    ),
    Change(
        "The 1×1 layers are taken for 3×3.",
        each(lambda x: x._replace(k=3) if x.is_1x1 else x),
    ),
    Change(
        "The 1×1 layers that reduce channels are left out.",
        without_reductions,
    ),
    Change("The last block is left out.", without_last_block),
    Change(
        "The fully connected layers are left out.",
        each(lambda x: None if x.kind is nn.Linear else x),
    ),
    Change(
        "A fully connected layer is added that is not there.",
        with_linear_head,
    ),
    Change("The image is taken for a colour image.", first_reads(3)),
    Change("The image is taken for a grey image.", first_reads(1)),
]
ON_COUNTS = [
    Change(
        "The parameters are multiplied by the positions of the map.",
        lambda x: parameters(x) * x.side**2,
        parameters,
    ),
    Change(
        "The input channels are lost.",
        lambda x: x.k**2 * x.c_out + x.bias * x.c_out,
        parameters,
    ),
    Change(
        "The side of the kernel is not squared.",
        lambda x: x.k * x.c_in * x.c_out + x.bias * x.c_out,
        parameters,
    ),
    Change(
        "The output of a 1×1 layer, whose size contains its channels, is"
        " multiplied by them once more; k×k layers lose their input"
        " channels.",
        lambda x: macs(x) * x.c_out if x.is_1x1 else macs(x) // max(x.c_in, 1),
        macs,
    ),
    Change(
        "The size of the output, which contains its channels, is multiplied"
        " by them once more.",
        lambda x: macs(x) * x.c_out,
        macs,
    ),
    Change(
        "The input channels are lost.",
        lambda x: x.k**2 * x.c_out * x.side**2,
        macs,
    ),
    Change(
        "The biases are counted as multiplications.",
        lambda x: macs(x) + bool(x.k) * x.bias * x.c_out * x.side**2,
        macs,
    ),
    Change(
        "One row of positions is counted, not the whole map.",
        lambda x: x.weights * x.side,
        macs,
    ),
]

DECODER = Decoder(NETWORKS, QUANTITIES, ON_NETWORKS, ON_LAYERS, ON_COUNTS)


def explain(count: object = ..., network: object = None) -> Note:
    """Return which mistakes, in which network of this book, make a number.

    Args:
        count: a whole number is looked up exactly; a float such as 2.469e10
            is taken to be rounded to the digits that it shows.
        network: the name of a network, such as "NiN", to look at it alone.

    Never raises. Says so where nothing fits.
    """
    return DECODER.explain(count, network)
