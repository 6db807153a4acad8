"""The residual networks, against torchvision and the published counts."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision import models as reference

from onebyone import macs, parameters, variants
from onebyone.models.residual import (
    BareResidualBlock,
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
def test_parameters_and_macs_are_those_that_torchvision_publishes(depth):
    with torch.device("meta"):
        net = resnet(depth)
    assert parameters(net) == PUBLISHED[depth]["num_params"]
    gmacs = macs(net, (3, 224, 224)) / 1e9
    assert round(gmacs, 3) == PUBLISHED[depth]["_ops"]


@pytest.mark.parametrize("depth", PAPER_GMACS)
def test_version_1_costs_what_the_paper_counts(depth):
    with torch.device("meta"):
        net = as_version_1(resnet(depth))
    assert round(macs(net, (3, 224, 224)) / 1e9, 3) == PAPER_GMACS[depth]
    assert parameters(net) == PUBLISHED[depth]["num_params"]


def test_version_1_stays_version_1():
    once = as_version_1(BottleneckBlock(16, 8, stride=2))
    before = [once.branch[i].stride for i in (0, 3)]
    assert before == [(2, 2), (1, 1)]
    as_version_1(once)
    assert [once.branch[i].stride for i in (0, 3)] == before


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


def test_a_projection_is_the_identity_where_it_fits():
    assert isinstance(projection(8, 8, 1), nn.Identity)
    assert len(list(projection(8, 8, 2).parameters())) == 3


@pytest.mark.parametrize(
    "make", [lambda: ResidualBlock(8, 8), lambda: BottleneckBlock(8, 2)]
)
def test_a_block_that_starts_from_zero_is_the_identity_on_what_is_not_negative(
    make,
):
    block = start_as_identity(make())
    X = torch.randn(4, 8, 6, 6)
    torch.testing.assert_close(block(X.relu()), X.relu(), rtol=0, atol=0)
    torch.testing.assert_close(block(X), X.relu(), rtol=0, atol=0)


def test_a_bare_block_adds_its_input():
    block = BareResidualBlock(4)
    X = torch.randn(2, 4, 5, 5)
    expected = (block.conv2(block.conv1(X).relu()) + X).relu()
    torch.testing.assert_close(block(X), expected)


def test_a_pre_activation_block_passes_negative_values_on():
    block = start_as_identity(PreActivationBlock(4))
    X = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(block(X), X, rtol=0, atol=0)


def test_an_unknown_depth_is_refused():
    with pytest.raises(KeyError):
        resnet(19)


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
    start_as_identity(variants.kaiming(variants.without_batch_norm(net)))
    X = torch.rand(2, 16, 6, 6)
    assert isinstance(net[2], ResidualBlock)
    torch.testing.assert_close(net[2](X), X, rtol=0, atol=0)


def test_kaiming_keeps_the_size_of_the_signal_through_a_plain_network():
    conv = variants.kaiming(nn.Conv2d(64, 64, 3, padding=1, bias=False))
    assert conv.weight.std().item() == pytest.approx(
        (2 / (64 * 9)) ** 0.5, rel=0.02
    )
