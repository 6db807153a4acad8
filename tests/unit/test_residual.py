"""The residual networks against torchvision, d2l and the published counts."""

import pytest
import torch
import torchvision
from d2l import torch as d2l
from torch import nn
from torchvision import models as reference

from onebyone import macs, parameters, variants
from onebyone.models import residual
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
    18: reference.ResNet18_Weights.IMAGENET1K_V1,
    34: reference.ResNet34_Weights.IMAGENET1K_V1,
    50: reference.ResNet50_Weights.IMAGENET1K_V1,
    101: reference.ResNet101_Weights.IMAGENET1K_V1,
    152: reference.ResNet152_Weights.IMAGENET1K_V1,
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
    meta = PUBLISHED[depth].meta
    with torch.device("meta"):
        net = resnet(depth)
    assert parameters(net) == meta["num_params"]
    assert round(macs(net, (3, 224, 224)) / 1e9, 3) == meta["_ops"]


@pytest.mark.parametrize("depth", PAPER_GMACS)
def test_version_1_costs_what_the_paper_counts(depth):
    with torch.device("meta"):
        net = as_version_1(resnet(depth))
    assert round(macs(net, (3, 224, 224)) / 1e9, 3) == PAPER_GMACS[depth]
    assert parameters(net) == PUBLISHED[depth].meta["num_params"]


def test_version_1_stays_version_1():
    once = as_version_1(BottleneckBlock(16, 8, stride=2))
    before = [once.branch[i].stride for i in (0, 3)]
    assert before == [(2, 2), (1, 1)]
    as_version_1(once)
    assert [once.branch[i].stride for i in (0, 3)] == before


# --- Against d2l -----------------------------------------------------------


def silence_projection_norm(block):
    """Make the batch norm of a projection pass its input on, in eval mode.

    d2l's projection is a bare convolution.
    """
    norm = block.shortcut[1]
    nn.init.constant_(norm.weight, (1 + norm.eps) ** 0.5)


def copy_d2l_block(theirs, ours):
    """d2l's convolutions have biases, which a batch norm can take over."""
    pairs = [(theirs.conv1, 0), (theirs.conv2, 3)]
    norms = [(theirs.bn1, 1), (theirs.bn2, 4)]
    for (conv, i), (norm, j) in zip(pairs, norms, strict=True):
        ours.branch[i].weight.data.copy_(conv.weight)
        ours.branch[j].load_state_dict(norm.state_dict())
        ours.branch[j].running_mean.sub_(conv.bias.data)
    if theirs.conv3 is not None:
        ours.shortcut[0].weight.data.copy_(theirs.conv3.weight)
        silence_projection_norm(ours)
        ours.shortcut[1].bias.data.copy_(theirs.conv3.bias)


@pytest.mark.parametrize(("channels", "stride"), [(8, 1), (16, 1), (16, 2)])
def test_a_block_computes_what_d2ls_does(channels, stride):
    projects = channels != 8 or stride != 1
    theirs = d2l.Residual(channels, use_1x1conv=projects, strides=stride)
    ours = ResidualBlock(8, channels, stride)
    X = torch.randn(2, 8, 9, 9)
    theirs(X)  # materialises its lazy layers
    shake_batch_norm(theirs)
    copy_d2l_block(theirs, ours)
    expected, actual = theirs.eval()(X), ours.eval()(X)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_the_blocks_of_resnet18_compute_what_d2ls_resnet18_does():
    theirs = d2l.resnet18(num_classes=10, in_channels=1)
    ours = resnet(18, in_channels=1, num_classes=10)
    theirs(torch.randn(2, 1, 32, 32))
    ours[0] = nn.Conv2d(1, 64, 3, padding=1)  # d2l's smaller first layer
    ours[3] = nn.Identity()
    shake_batch_norm(theirs)
    for i in (0, 1):
        ours[i].load_state_dict(theirs[i].state_dict())
    blocks = [m for m in theirs.modules() if isinstance(m, d2l.Residual)]
    for block, layer in zip(blocks, ours[4:12], strict=True):
        copy_d2l_block(block, layer)
    ours[-1].load_state_dict(theirs.fc[1].state_dict())
    X = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        expected, actual = theirs.eval()(X), ours.eval()(X)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-3)


# --- Shapes and counts -----------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "count"),
    [(3, 269_722), (5, 464_154), (7, 658_586), (9, 853_018), (18, 1_727_962)],
)
def test_the_papers_cifar_networks_have_their_counts(blocks, count):
    net = compact_resnet(3, blocks=blocks, shortcut=ZeroPadding)
    assert parameters(net) == count


def test_projections_add_their_weights_and_batch_norms():
    with_a = compact_resnet(3, blocks=3, shortcut=ZeroPadding)
    with_b = compact_resnet(3, blocks=3, shortcut=projection)
    extra = 16 * 32 + 32 * 64 + 2 * (32 + 64)
    assert parameters(with_b) - parameters(with_a) == extra


@pytest.mark.parametrize("size", [28, 14, 15, 32])
@pytest.mark.parametrize("shortcut", [projection, ZeroPadding])
def test_compact_networks_take_images_of_any_size(size, shortcut):
    net = compact_resnet(blocks=2, shortcut=shortcut)
    assert net(torch.randn(2, 1, size, size)).shape == (2, 10)


def test_the_compact_network_has_6_blocks_plus_2_layers():
    layers = [
        m
        for m in compact_resnet(blocks=3, shortcut=ZeroPadding).modules()
        if isinstance(m, nn.Conv2d | nn.Linear)
    ]
    assert len(layers) == 20


def test_the_two_block_net_flattens_512_values():
    net = two_block_net()
    assert net(torch.randn(3, 1, 28, 28)).shape == (3, 10)
    assert net[:-1](torch.randn(3, 1, 28, 28)).shape == (3, 512)


def test_a_bottleneck_needs_69_632_weights_where_two_3x3_need_1_179_648():
    def weights(block):
        convs = [m for m in block.branch if isinstance(m, nn.Conv2d)]
        return sum(conv.weight.numel() for conv in convs)

    assert weights(BottleneckBlock(256, 64)) == 69_632
    assert weights(ResidualBlock(256, 256)) == 1_179_648


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
        residual.resnet(19)


# --- Variants --------------------------------------------------------------


def test_the_plain_twin_costs_the_same():
    twins = [compact_resnet(blocks=3, shortcut=ZeroPadding) for _ in "12"]
    variants.plain(twins[1])
    counts = [(parameters(t), macs(t, (1, 28, 28))) for t in twins]
    assert counts[0] == counts[1]
    assert not any(isinstance(m, ResidualBlock) for m in twins[1].modules())


def test_the_plain_twin_is_the_branch_and_its_relu():
    net = compact_resnet(shortcut=ZeroPadding).eval()
    branch = net[3].branch
    X = torch.randn(2, 16, 6, 6)
    expected = branch(X).relu()
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
