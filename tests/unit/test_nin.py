"""The NiN networks: shapes, initialisation and packaged weights."""

import pytest
import torch
from torch import nn

from onebyone import models, parameters


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ((3, 8, 5, 1, 2), (2, 8, 20, 30)),
        ((3, 8, 5, 2, 0), (2, 8, 8, 13)),
        ((3, 4, 11, 4, 1, 0), (2, 4, 3, 6)),
    ],
)
def test_nin_block_shapes(arguments, shape):
    X = torch.zeros(2, 3, 20, 30)
    assert models.nin_block(*arguments)(X).shape == shape


def test_67_is_the_smallest_image_that_nin_takes():
    net = models.nin().eval()
    assert net(torch.zeros(1, 1, 67, 67)).shape == (1, 10)
    with pytest.raises(RuntimeError):
        net(torch.zeros(1, 1, 66, 66))


def test_compact_nin():
    net = models.compact_nin(in_channels=3, num_classes=7)
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 7)
    assert parameters(models.compact_nin()) == 105_898


def test_with_batch_norm_keeps_the_layers_and_their_order():
    block = models.nin_block(1, 4, 3, 1, 1)
    normed = models.with_batch_norm(block)
    assert [m for m in normed if not isinstance(m, nn.BatchNorm2d)] == [*block]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in normed) == 3


@pytest.mark.parametrize(
    ("how", "fans"), [("kaiming", 64 * 9), ("xavier", (64 + 128) * 9)]
)
def test_initialise_is_seeded_and_scales_as_its_paper_asks(how, fans):
    net = nn.Sequential(nn.Conv2d(64, 128, 3))
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        assert models.initialise(net, how) is net
        weights.append(net[0].weight.clone())
    assert torch.equal(*weights)
    assert weights[0].std().item() == pytest.approx((2 / fans) ** 0.5, 0.05)
    assert not net[0].bias.any()


def test_initialise_refuses_an_unknown_name():
    with pytest.raises(KeyError, match="glorot"):
        models.initialise(models.compact_nin(), "glorot")


def test_unknown_packaged_weights_are_named():
    with pytest.raises(FileNotFoundError, match="cifar"):
        models.load_compact_nin("cifar")


@pytest.mark.parametrize("data_name", ["fashion-mnist", "letters"])
def test_loading_weights_leaves_the_random_state_alone(data_name):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    net = models.load_compact_nin(data_name)
    assert torch.equal(torch.rand(1), expected)
    assert not net.training
