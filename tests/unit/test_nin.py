"""The NiN networks: shapes, counts, and agreement with d2l's NiN."""

import pytest
import torch
from d2l import torch as d2l
from torch import nn

from onebyone import models

COUNTS = {0: 1_546_058, 1: 1_769_112, 2: 1_992_166, 3: 2_215_220}


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def d2l_nin():
    """NiN in the notation of d2l 1.0.3, whose layers infer their inputs."""

    def block(channels, kernel_size, strides, padding):
        return nn.Sequential(
            nn.LazyConv2d(channels, kernel_size, strides, padding),
            nn.ReLU(),
            nn.LazyConv2d(channels, 1),
            nn.ReLU(),
            nn.LazyConv2d(channels, 1),
            nn.ReLU(),
        )

    class NiN(d2l.Classifier):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                block(96, 11, 4, 0),
                nn.MaxPool2d(3, stride=2),
                block(256, 5, 1, 2),
                nn.MaxPool2d(3, stride=2),
                block(384, 3, 1, 1),
                nn.MaxPool2d(3, stride=2),
                nn.Dropout(0.5),
                block(10, 3, 1, 1),
                nn.AdaptiveAvgPool2d((1, 1)),
                nn.Flatten(),
            )

    return NiN()


def test_nin_equals_d2ls_with_copied_weights():
    torch.manual_seed(0)
    X = torch.rand(2, 1, 224, 224)
    theirs, ours = d2l_nin().eval(), models.nin().eval()
    with torch.no_grad():
        theirs(X)  # materialise the lazy layers
        ours.load_state_dict(theirs.net.state_dict())
        assert torch.equal(ours(X), theirs(X))


@pytest.mark.parametrize(("num_1x1", "expected"), COUNTS.items())
def test_parameters_of_nin_by_number_of_1x1_layers(num_1x1, expected):
    assert parameters(models.nin(num_1x1=num_1x1)) == expected


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


def test_initialise_is_seeded_and_returns_the_net():
    net = models.compact_nin()
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        assert models.initialise(net, "kaiming") is net
        states.append(net[0][0].weight.clone())
    assert torch.equal(*states)
    assert not net[0][0].bias.any()


def test_initialise_scales():
    """Standard deviations that the two papers ask for, within 5 %."""
    net = nn.Sequential(nn.Conv2d(64, 128, 3))
    torch.manual_seed(0)
    kaiming = models.initialise(net, "kaiming")[0].weight.std().item()
    xavier = models.initialise(net, "xavier")[0].weight.std().item()
    assert kaiming == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)
    assert xavier == pytest.approx((2 / ((64 + 128) * 9)) ** 0.5, rel=0.05)


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
