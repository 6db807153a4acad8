"""Network in network (NiN), as the chapter *NiN* builds it.

Source of the architecture: Lin, Chen and Yan, "Network in network",
arXiv 1312.4400; the network for 224×224 pixels, which the paper does not
have, is the widespread variant with AlexNet's kernel sizes.
"""

from collections.abc import Iterable
from importlib import resources

import torch
from safetensors.torch import load
from torch import nn


def nin_block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int,
    padding: int,
    num_1x1: int = 2,
) -> nn.Sequential:
    """Return a k×k convolution followed by a small network at every pixel.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H', W') with
    H' = floor((H + 2·padding - kernel_size) / stride) + 1, likewise W'.

    Args:
        in_channels: channels of the input.
        out_channels: channels of every convolution in the block.
        kernel_size: side of the first, spatial kernel, in pixels.
        stride: stride of the first convolution, in pixels.
        padding: zero padding of the first convolution per side, in
            pixels.
        num_1x1: how many 1×1 convolutions follow; the paper's mlpconv
            layer has two.
    """
    layers = [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding),
        nn.ReLU(),
    ]
    for _ in range(num_1x1):
        layers += [nn.Conv2d(out_channels, out_channels, 1), nn.ReLU()]
    return nn.Sequential(*layers)


def nin(
    in_channels: int = 1, num_classes: int = 10, num_1x1: int = 2
) -> nn.Sequential:
    """Return the NiN for 224×224 pixels, without a fully connected layer.

    Shapes: (B, in_channels, 224, 224) -> (B, num_classes) logits. The
    smallest input that runs is 67×67. The last block ends in a ReLU, as
    in the code that everyone copies; the chapter shows what that costs.
    """
    return nn.Sequential(
        nin_block(in_channels, 96, 11, 4, 0, num_1x1),
        nn.MaxPool2d(3, stride=2),
        nin_block(96, 256, 5, 1, 2, num_1x1),
        nn.MaxPool2d(3, stride=2),
        nin_block(256, 384, 3, 1, 1, num_1x1),
        nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        nin_block(384, num_classes, 3, 1, 1, num_1x1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def with_batch_norm(block: Iterable[nn.Module]) -> nn.Sequential:
    """Return the same layers, with batch norm behind each convolution."""
    layers = []
    for layer in block:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*layers)


def compact_nin(
    in_channels: int = 1, num_classes: int = 10, num_1x1: int = 2
) -> nn.Sequential:
    """Return a NiN for 28×28 images that trains on a laptop's CPU.

    Shapes: (B, in_channels, 28, 28) -> (B, num_classes) logits; 105,898
    parameters with the default arguments. The last 1×1 convolution makes
    the class maps and has no ReLU behind it.
    """
    return nn.Sequential(
        with_batch_norm(nin_block(in_channels, 32, 5, 1, 2, num_1x1)),
        nn.MaxPool2d(2),
        with_batch_norm(nin_block(32, 64, 3, 1, 1, num_1x1)),
        nn.MaxPool2d(2),
        with_batch_norm(nin_block(64, 96, 3, 1, 1, num_1x1)),
        nn.Conv2d(96, num_classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def initialise(net: nn.Module, how: str) -> nn.Module:
    """Redraw the weights of every convolution and linear layer in place.

    Args:
        net: any network; layers of other types are left as they are.
        how: ``"default"`` (PyTorch's), ``"xavier"`` (Glorot and Bengio,
            2010, uniform) or ``"kaiming"`` (He et al., 2015, normal, for
            ReLU). The last two set biases to zero.

    Returns:
        The same net, so that calls can be chained.

    Raises:
        KeyError: ``how`` is none of the three.
    """
    draw = {
        "default": None,
        "xavier": nn.init.xavier_uniform_,
        "kaiming": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    }[how]
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.reset_parameters()
            if draw is not None:
                draw(layer.weight)
                # those that are taught have biases
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return net


def load_compact_nin(data_name: str = "fashion-mnist") -> nn.Sequential:
    """Return the compact NiN, trained; the package carries the weights.

    Args:
        data_name: the ``name`` of the data set that it was trained on,
            ``"fashion-mnist"`` or ``"letters"`` (ten classes).

    Returns:
        A :func:`compact_nin` in evaluation mode, on the CPU. The weights
        were made by ``make weights``.

    Raises:
        FileNotFoundError: no weights are packaged for that data set.
    """
    name = f"compact_nin-{data_name}.safetensors"
    file = resources.files("onebyone") / "recorded" / name
    if not file.is_file():
        raise FileNotFoundError(
            f"no packaged weights for the data set {data_name!r}: choose "
            "'fashion-mnist' or 'letters'"
        )
    with torch.random.fork_rng(devices=[]):  # leave the reader's seed alone
        net = compact_nin()
    net.load_state_dict(load(file.read_bytes()))
    return net.eval()
