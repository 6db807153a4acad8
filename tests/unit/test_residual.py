"""The residual networks, against torchvision and the published counts."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision import models as reference

from onebyone import macs, parameters, variants
from onebyone.models.residual import (
    BottleneckBlock,
    PreActivationBlock,
    ResidualBlock,
    ZeroPadding,
    as_version_1,
    compact_resnet,
    projection,
    resnet,
    start_as_identity,
    two_block_net,
)

PUBLISHED = {
    depth: reference.get_weight(f"ResNet{depth}_Weights.IMAGENET1K_V1").meta
    for depth in (18, 34, 50, 101, 152)
}
PAPER_GMACS = {18: 1.814, 34: 3.664, 50: 3.858, 101: 7.570, 152: 11.282}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def leaves(net):
    """The layers that have weights or statistics, in the order of a call.

    Ours and torchvision's name them differently, and torchvision defines a
    block's projection behind its branch, as we do.
    """
    kinds = nn.Conv2d, nn.BatchNorm2d, nn.Linear
    return [m for m in net.modules() if isinstance(m, kinds)]


def copy_weights(source, target):
    for ours, theirs in zip(leaves(target), leaves(source), strict=True):
        ours.load_state_dict(theirs.state_dict())


def shake_batch_norm(net):
    """Statistics and scales that a mistake could not hide behind."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)


# --- Against torchvision ---------------------------------------------------


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_a_resnet_computes_what_torchvisions_does(depth):
    theirs = getattr(torchvision.models, f"resnet{depth}")(num_classes=7)
    ours = resnet(depth, num_classes=7)
    shake_batch_norm(theirs)
    copy_weights(theirs, ours)
    X = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected, actual = theirs.eval()(X), ours.eval()(X)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", PUBLISHED)
def test_costs_are_those_that_torchvision_publishes_and_the_paper_counts(
    depth,
):
    published, shape = PUBLISHED[depth], (3, 224, 224)
    with torch.device("meta"):
        net = resnet(depth)
    assert parameters(net) == published["num_params"]
    assert round(macs(net, shape) / 1e9, 3) == published["_ops"]
    for _ in "12":  # once more changes nothing
        as_version_1(net)
        assert round(macs(net, shape) / 1e9, 3) == PAPER_GMACS[depth]
    assert parameters(net) == published["num_params"]


# --- Shapes and counts -----------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "count"),
    [(3, 269_722), (5, 464_154), (7, 658_586), (9, 853_018), (18, 1_727_962)],
)
def test_the_papers_cifar_networks_have_their_counts(blocks, count):
    net = compact_resnet(3, blocks=blocks, shortcut=ZeroPadding)
    assert parameters(net) == count


def test_projections_add_their_weights_and_batch_norms():
    extra = 16 * 32 + 32 * 64 + 2 * (32 + 64)
    assert parameters(compact_resnet(3, blocks=3)) == 269_722 + extra


@pytest.mark.parametrize("size", [28, 14, 15, 32])
@pytest.mark.parametrize("shortcut", [projection, ZeroPadding])
def test_compact_networks_take_images_of_any_size(size, shortcut):
    net = compact_resnet(blocks=2, shortcut=shortcut)
    assert net(torch.randn(2, 1, size, size)).shape == (2, 10)


def test_the_two_block_net_flattens_512_values():
    net = two_block_net()
    assert net(torch.randn(3, 1, 28, 28)).shape == (3, 10)
    assert net[:-1](torch.randn(3, 1, 28, 28)).shape == (3, 512)


# --- Shortcuts and initialisation ------------------------------------------


def test_zero_padding_subsamples_and_appends_channels_of_zeros():
    X = torch.randn(2, 3, 5, 5)
    Y = ZeroPadding(3, 8, stride=2)(X)
    assert Y.shape == (2, 8, 3, 3)
    torch.testing.assert_close(Y[:, :3], X[:, :, ::2, ::2])
    assert not Y[:, 3:].any()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (ResidualBlock(8, 8), torch.relu),
        (BottleneckBlock(8, 2), torch.relu),
        (PreActivationBlock(8), torch.clone),  # passes negative values on
    ],
    ids=["basic", "bottleneck", "pre-activation"],
)
def test_a_block_that_starts_from_zero_adds_nothing(block, expected):
    X = torch.randn(4, 8, 6, 6)
    assert torch.equal(start_as_identity(block)(X), expected(X))


# --- Variants --------------------------------------------------------------


def test_the_plain_twin_costs_the_same():
    twins = [compact_resnet(blocks=3, shortcut=ZeroPadding) for _ in "12"]
    variants.plain(twins[1])
    counts = [(parameters(t), macs(t, (1, 28, 28))) for t in twins]
    assert counts[0] == counts[1]
    assert not any(isinstance(m, ResidualBlock) for m in twins[1].modules())


def test_the_plain_twin_is_the_branch_and_its_relu():
    net = compact_resnet(shortcut=ZeroPadding).eval()
    X = torch.randn(2, 16, 6, 6)
    expected = net[3].branch(X).relu()
    torch.testing.assert_close(variants.plain(net)[3](X), expected)


@pytest.mark.parametrize("change", [variants.plain, lambda net: net])
def test_without_batch_norm_each_convolution_has_a_bias(change):
    net = variants.without_batch_norm(
        change(compact_resnet(blocks=2, shortcut=ZeroPadding))
    )
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 13 and all(c.bias is not None for c in convs)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert net(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_without_batch_norm_a_block_can_start_as_the_identity():
    net = compact_resnet(blocks=2, shortcut=ZeroPadding)
    start_as_identity(variants.without_batch_norm(net))
    X = torch.rand(2, 16, 6, 6)
    assert isinstance(net[2], ResidualBlock)
    torch.testing.assert_close(net[2](X), X, rtol=0, atol=0)


def test_kaiming_keeps_the_size_of_the_signal_through_a_plain_network():
    conv = variants.kaiming(nn.Conv2d(64, 64, 3, padding=1, bias=False))
    assert conv.weight.std().item() == pytest.approx(
        (2 / (64 * 9)) ** 0.5, rel=0.02
    )
