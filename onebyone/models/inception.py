"""Inception blocks and GoogLeNet, as the chapter *Inception* builds them.

Source of the architecture: Szegedy et al., "Going deeper with
convolutions", arXiv 1409.4842, Figure 2(b) and Table 1.
"""

import torch
from torch import Tensor, nn

from onebyone.models.nin import with_batch_norm


def conv_relu(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
) -> list[nn.Module]:
    """Return a convolution that keeps the size of the map, and a ReLU.

    Shapes: (B, in_channels, H, W) -> (B, out_channels, H', W') with
    H' = H and W' = W for stride 1, H' = ceil(H / 2) for stride 2.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: side of the kernel in pixels, an odd number; the
            padding per side is (kernel_size - 1) / 2.
        stride: in pixels.
    """
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding)
    return [conv, nn.ReLU()]


class InceptionBlock(nn.Module):
    """Four branches that look at the same input, joined along the channels.

    Figure 2(b) of arXiv 1409.4842: a 1×1 convolution; a 1×1 and a 3×3; a
    1×1 and a 5×5; a 3×3 max pooling and a 1×1. A ReLU follows each of the
    six convolutions.

    Shapes: (B, in_channels, H, W) -> (B, c1 + c3[1] + c5[1] + pool, H, W).

    Args:
        in_channels: channels of the input.
        c1: channels of the 1×1 branch.
        c3: channels of the 3×3 branch, after its 1×1 and after its 3×3.
        c5: channels of the 5×5 branch, after its 1×1 and after its 5×5.
        pool: channels of the branch that begins with the pooling.

    Attributes:
        branches: the four branches by name, ``"1x1"``, ``"3x3"``, ``"5x5"``
            and ``"pool"``, in the order of their channels in the output.
    """

    def __init__(
        self,
        in_channels: int,
        c1: int,
        c3: tuple[int, int],
        c5: tuple[int, int],
        pool: int,
    ):
        super().__init__()
        branches = {
            "1x1": conv_relu(in_channels, c1, 1),
            "3x3": conv_relu(in_channels, c3[0], 1) + conv_relu(*c3, 3),
            "5x5": conv_relu(in_channels, c5[0], 1) + conv_relu(*c5, 5),
            "pool": [nn.MaxPool2d(3, 1, 1), *conv_relu(in_channels, pool, 1)],
        }
        # PyTorch knows no dictionary of one type of module
        self.branches: dict[str, nn.Sequential] = nn.ModuleDict(  # type: ignore[assignment]
            {name: nn.Sequential(*layers) for name, layers in branches.items()}
        )

    def forward(self, X: Tensor) -> Tensor:  # (B, in_channels, H, W)
        """Run the four branches and concatenate their channels."""
        outputs = [branch(X) for branch in self.branches.values()]
        return torch.cat(outputs, dim=1)  # (B, c1 + c3 + c5 + pool, H, W)


def googlenet(in_channels: int = 3, num_classes: int = 1000) -> nn.Sequential:
    """Return the paper-size GoogLeNet, with the paper's 5×5 kernels.

    Table 1 of arXiv 1409.4842, with biases; without the two auxiliary
    heads, which serve training only, and without the two local response
    normalisations of its Figure 3, which have no parameters. Pooling
    rounds sizes up, so that 112 pixels become 56.

    Shapes: (B, in_channels, 224, 224) -> (B, num_classes) logits; other
    sizes run too. 6,998,552 parameters and 1,582,671,872 MACs with the
    default arguments.
    """
    return nn.Sequential(
        *conv_relu(in_channels, 64, 7, stride=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *conv_relu(64, 64, 1),
        *conv_relu(64, 192, 3),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        InceptionBlock(192, 64, (96, 128), (16, 32), 32),  # 3a
        InceptionBlock(256, 128, (128, 192), (32, 96), 64),  # 3b
        nn.MaxPool2d(3, 2, ceil_mode=True),
        InceptionBlock(480, 192, (96, 208), (16, 48), 64),  # 4a
        InceptionBlock(512, 160, (112, 224), (24, 64), 64),  # 4b
        InceptionBlock(512, 128, (128, 256), (24, 64), 64),  # 4c
        InceptionBlock(512, 112, (144, 288), (32, 64), 64),  # 4d
        InceptionBlock(528, 256, (160, 320), (32, 128), 128),  # 4e
        nn.MaxPool2d(3, 2, ceil_mode=True),
        InceptionBlock(832, 256, (160, 320), (32, 128), 128),  # 5a
        InceptionBlock(832, 384, (192, 384), (48, 128), 128),  # 5b
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(1024, num_classes),
    )


def batch_norm_branches(block: InceptionBlock) -> InceptionBlock:
    """Put batch norm behind each convolution; return the same block."""
    for name, branch in block.branches.items():
        block.branches[name] = with_batch_norm(branch)
    return block


def compact_inception(
    in_channels: int = 1, num_classes: int = 10
) -> nn.Sequential:
    """Return a GoogLeNet in small, for 28×28 images and a laptop's CPU.

    Three Inception blocks with batch norm, behind a convolution that
    halves the size of the image.

    Shapes: (B, in_channels, 28, 28) -> (B, num_classes) logits; 79,738
    parameters and 5,285,760 MACs with the default arguments.
    """
    return nn.Sequential(
        with_batch_norm(conv_relu(in_channels, 32, 5, stride=2)),
        batch_norm_branches(InceptionBlock(32, 16, (16, 32), (8, 16), 16)),
        nn.MaxPool2d(2),
        batch_norm_branches(InceptionBlock(80, 24, (24, 48), (8, 24), 24)),
        batch_norm_branches(InceptionBlock(120, 32, (32, 64), (16, 32), 32)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(160, num_classes),
    )
