"""Residual networks, as the chapter *Residual connections* builds them.

Source of the architectures: He, Zhang, Ren and Sun, "Deep residual
learning for image recognition", arXiv 1512.03385; for the block with the
activation in front, their "Identity mappings in deep residual networks",
arXiv 1603.05027.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BareResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut, without batch norm.

    Shapes: (B, channels, H, W) -> the same.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, X: Tensor) -> Tensor:
        Y = F.relu(self.conv1(X))  # (B, C, H, W)
        return F.relu(self.conv2(Y) + X)  # (B, C, H, W)


def two_block_net(in_channels: int = 1, num_classes: int = 10) -> nn.Module:
    """Return the small residual network of many courses, for 28×28 images.

    Shapes: (B, in_channels, 28, 28) -> (B, num_classes) logits. The linear
    layer reads 32 maps of 4×4 pixels, 512 values.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        BareResidualBlock(16),
        nn.Conv2d(16, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        BareResidualBlock(32),
        nn.Flatten(),
        nn.Linear(512, num_classes),
    )


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Option B: the identity where it fits, else a 1×1 convolution.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H', W') with
    H' = ceil(H / stride), likewise W'.
    """
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class ZeroPadding(nn.Module):
    """Option A: every stride-th pixel, and channels of zeros behind.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H', W') with
    H' = ceil(H / stride), likewise W'. There is no parameter.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.new_channels = out_channels - in_channels
        self.stride = stride

    def forward(self, X: Tensor) -> Tensor:
        X = X[:, :, :: self.stride, :: self.stride]  # (B, C_in, H', W')
        return F.pad(X, (0, 0, 0, 0, 0, self.new_channels))


Shortcut = Callable[[int, int, int], nn.Module]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a shortcut around them.

    Shapes: (B, in_channels, H, W) -> (B, channels, H', W') with
    H' = ceil(H / stride), likewise W'.

    Args:
        in_channels: channels of the input.
        channels: channels of both convolutions and of the output.
        stride: stride of the first convolution, in pixels.
        shortcut: makes the shortcut from in_channels, channels and
            stride; :func:`projection` or :class:`ZeroPadding`.
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: Shortcut = projection,
    ):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = shortcut(in_channels, channels, stride)

    def forward(self, X: Tensor) -> Tensor:
        return F.relu(self.branch(X) + self.shortcut(X))  # (B, C, H', W')


class BottleneckBlock(nn.Module):
    """A 3×3 convolution between two 1×1, and a shortcut around them.

    Shapes: (B, in_channels, H, W) -> (B, 4·channels, H', W') with
    H' = ceil(H / stride), likewise W'. The stride stands at the 3×3, as in
    the version that became known as v1.5; the paper has it at the first
    1×1 (see :func:`as_version_1`).

    Args:
        in_channels: channels of the input.
        channels: channels of the 3×3 convolution.
        stride: stride of the 3×3 convolution, in pixels.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1):
        super().__init__()
        out_channels = self.expansion * channels
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = projection(in_channels, out_channels, stride)

    def forward(self, X: Tensor) -> Tensor:
        return F.relu(self.branch(X) + self.shortcut(X))  # (B, 4C, H', W')


class PreActivationBlock(nn.Module):
    """Batch norm and ReLU in front of each convolution, none on the sum.

    Shapes: (B, channels, H, W) -> the same.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
        )

    def forward(self, X: Tensor) -> Tensor:
        return self.branch(X) + X  # (B, C, H, W)


_Block = ResidualBlock | BottleneckBlock
RESNETS: dict[int, tuple[type[_Block], tuple[int, ...]]] = {
    # depth: block, blocks in each of the four stages
    18: (ResidualBlock, (2, 2, 2, 2)),
    34: (ResidualBlock, (3, 4, 6, 3)),
    50: (BottleneckBlock, (3, 4, 6, 3)),
    101: (BottleneckBlock, (3, 4, 23, 3)),
    152: (BottleneckBlock, (3, 8, 36, 3)),
}


def resnet(
    depth: int, in_channels: int = 3, num_classes: int = 1000
) -> nn.Sequential:
    """Return ResNet-18, 34, 50, 101 or 152 for 224×224 images.

    Shapes: (B, in_channels, 224, 224) -> (B, num_classes) logits; other
    sizes work too. From 50 layers on it is version 1.5.

    Raises:
        KeyError: there is no such depth in ``RESNETS``.
    """
    block, stages = RESNETS[depth]
    layers = [
        nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    width = 64
    for stage, blocks in enumerate(stages):
        channels = 64 * 2**stage
        for i in range(blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            layers.append(block(width, channels, stride))
            width = block.expansion * channels
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *head, nn.Linear(width, num_classes))


def as_version_1(net: nn.Module) -> nn.Module:
    """Move the stride of each bottleneck to its first 1×1, in place.

    This is the paper's version; :func:`resnet` builds version 1.5.
    """
    for block in net.modules():
        if isinstance(block, BottleneckBlock):
            first, spatial = block.branch[0], block.branch[3]
            # two convolutions, but a Sequential holds any layers
            stride = max(first.stride, spatial.stride)  # type: ignore[type-var]
            first.stride, spatial.stride = stride, (1, 1)  # type: ignore[assignment]
    return net


def compact_resnet(
    in_channels: int = 1,
    num_classes: int = 10,
    blocks: int = 1,
    shortcut: Shortcut = projection,
) -> nn.Sequential:
    """Return a residual network of 6·blocks + 2 layers for small images.

    Shapes: (B, in_channels, 28, 28) -> (B, num_classes) logits; other
    sizes work too. With three input channels, ``blocks=3`` and
    ``shortcut=ZeroPadding`` it is the paper's ResNet-20 for CIFAR-10.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        blocks: blocks in each of the three stages of 16, 32 and 64
            channels.
        shortcut: see :class:`ResidualBlock`.
    """
    layers = [
        nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    width = 16
    for channels in (16, 32, 64):
        for i in range(blocks):
            stride = 2 if channels > 16 and i == 0 else 1
            layers.append(ResidualBlock(width, channels, stride, shortcut))
            width = channels
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *head, nn.Linear(width, num_classes))


@torch.no_grad()
def start_as_identity(net: nn.Module) -> nn.Module:
    """Zero the last layer of every block's branch, in place.

    That layer is the last batch norm, whose scale becomes zero (Goyal et
    al., arXiv 1706.02677), or else the last convolution, with its bias
    (Zhang, Dauphin and Ma, arXiv 1901.09321). A block whose shortcut is the
    identity then computes ReLU(X), a :class:`PreActivationBlock` X itself.
    """
    for block in net.modules():
        if hasattr(block, "branch"):
            # a Sequential, as in the blocks above
            last = block.branch[-1]  # type: ignore[index]
            for parameter in last.parameters():  # type: ignore[union-attr]
                parameter.zero_()
    return net
