"""Inception blocks and GoogLeNet, against torchvision and the paper."""

import pytest
import torch
from torch import nn
from torchvision.models import GoogLeNet
from torchvision.models.googlenet import Inception

from onebyone.cost import layer_table, parameters
from onebyone.models.inception import (
    InceptionBlock,
    batch_norm_branches,
    compact_inception,
    conv_relu,
    googlenet,
)

# Table 1 of arXiv 1409.4842 with K = 1024: weights of the row in K, and
# MACs in M, counted; what the paper prints differs in some rows
TABLE_1 = {
    "7×7": (9.2, 118.0),
    "1×1+3×3": (112.0, 359.7),
    "3a": (159.5, 128.0),
    "3b": (379.0, 304.3),
    "4a": (366.8, 73.6),
    "4b": (438.0, 87.9),
    "4c": (497.5, 99.9),
    "4d": (590.5, 118.5),
    "4e": (847.0, 170.0),
    "5a": (1018.0, 51.1),
    "5b": (1409.0, 70.7),
    "linear": (1000.0, 1.0),
}


def convolutions(net):
    return [m for m in net.modules() if isinstance(m, nn.Conv2d)]


def as_in_the_paper(theirs):
    """Undo what torchvision's GoogLeNet does otherwise than Table 1."""
    theirs.maxpool4.kernel_size = 3  # it has 2
    for block in theirs.modules():
        if isinstance(block, Inception):  # its 5×5 is a 3×3 (vision#906)
            old = block.branch3[1].conv
            block.branch3[1].conv = nn.Conv2d(
                old.in_channels, old.out_channels, 5, padding=2, bias=False
            )
    return theirs


def copy_into_torchvision(ours, theirs):
    """Our weights into its convolutions, our biases into its batch norms."""
    norms = [m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)]
    layers = convolutions(ours), convolutions(theirs), norms
    with torch.no_grad():
        for source, conv, norm in zip(*layers, strict=True):
            source.weight.mul_(2)  # signals shrink on the way
            conv.weight.copy_(source.weight)
            norm.bias.copy_(source.bias)
            norm.running_var.fill_(1 - norm.eps)
        theirs.fc.load_state_dict(ours[-1].state_dict())


def test_googlenet_agrees_with_torchvision_made_like_the_paper():
    theirs = GoogLeNet(num_classes=10, aux_logits=False, init_weights=False)
    theirs = as_in_the_paper(theirs).double().eval()
    ours = googlenet(num_classes=10).double().eval()
    copy_into_torchvision(ours, theirs)
    X = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    assert ours(X).std() > 1e-3  # so that the tolerance means something
    torch.testing.assert_close(ours(X), theirs(X))


def test_googlenet_has_the_counts_of_the_paper_with_5x5_kernels():
    table = layer_table(googlenet(), (3, 224, 224))
    assert table.parameters == 6_998_552
    assert table.macs == 1_582_671_872
    assert table.output_shape == (1000,)


def test_googlenet_has_the_rows_of_table_1():
    net = googlenet()
    frame = layer_table(net, (3, 224, 224)).frame
    blocks = [i for i, m in enumerate(net) if isinstance(m, InceptionBlock)]
    stages = [[0], [3, 5], *([i] for i in blocks), [len(net) - 1]]
    stage_of = frame["layer"].str.partition(".")[0].astype(int)
    rows = {}
    for name, indices in zip(TABLE_1, stages, strict=True):
        held = [p for i in indices for p in net[i].parameters()]
        weights = sum(p.numel() for p in held if p.dim() > 1)  # no biases
        macs = frame["MACs"][stage_of.isin(indices)].sum()
        rows[name] = weights / 1024, macs / 1e6
    for name, expected in TABLE_1.items():
        assert rows[name] == pytest.approx(expected, abs=0.0501), name


def test_the_branches_are_named_in_the_order_of_their_channels():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    X = torch.randn(2, 8, 9, 11)
    assert list(block.branches) == ["1x1", "3x3", "5x5", "pool"]
    parts = block(X).split([3, 5, 6, 7], dim=1)
    for part, branch in zip(parts, block.branches.values(), strict=True):
        assert torch.equal(part, branch(X))


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_conv_relu_keeps_the_size_or_halves_it_upwards(kernel_size):
    X = torch.randn(1, 2, 9, 6)
    same = nn.Sequential(*conv_relu(2, 3, kernel_size))
    half = nn.Sequential(*conv_relu(2, 3, kernel_size, stride=2))
    assert same(X).shape == (1, 3, 9, 6)
    assert half(X).shape == (1, 3, 5, 3)


def test_batch_norm_branches_keep_the_convolutions_and_the_shape():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    before = convolutions(block)
    normed = batch_norm_branches(block)
    after = convolutions(normed)
    norms = [m for m in normed.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert [n.num_features for n in norms] == [c.out_channels for c in after]
    assert normed(torch.randn(2, 8, 9, 9)).shape == (2, 21, 9, 9)


@pytest.mark.parametrize(("in_channels", "classes"), [(1, 10), (3, 62)])
def test_compact_inception_takes_small_images(in_channels, classes):
    net = compact_inception(in_channels, classes)
    X = torch.randn(4, in_channels, 28, 28)
    assert net(X).shape == (4, classes)
    assert parameters(compact_inception()) == 79_738
