"""Counting parameters, MACs, activation memory and shapes."""

import copy
from collections import namedtuple

import pytest
import torch
import torchvision
from d2l import torch as d2l
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from onebyone import cost, models
from onebyone.cost import (
    activation_bytes,
    flops,
    layer_table,
    macs,
    parameters,
)


def nin_block(channels_in, channels, kernel, stride, padding, one_by_ones):
    layers = [
        nn.Conv2d(channels_in, channels, kernel, stride, padding),
        nn.ReLU(),
    ]
    for size in one_by_ones:
        layers.append(nn.Conv2d(channels, channels, size, padding=size // 2))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def nin(one_by_ones=(1, 1)):
    with torch.device("meta"):
        return nn.Sequential(
            nin_block(1, 96, 11, 4, 0, one_by_ones),
            nn.MaxPool2d(3, stride=2),
            nin_block(96, 256, 5, 1, 2, one_by_ones),
            nn.MaxPool2d(3, stride=2),
            nin_block(256, 384, 3, 1, 1, one_by_ones),
            nn.MaxPool2d(3, stride=2),
            nn.Dropout(0.5),
            nin_block(384, 10, 3, 1, 1, one_by_ones),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )


def row(table, layer, kind=None):
    """The only row of a layer, as a dictionary."""
    frame = table.frame[table.frame["layer"] == layer]
    if kind:
        frame = frame[frame["type"] == kind]
    (record,) = frame.to_dict("records")
    return record


class TestNiN:
    @pytest.mark.parametrize(
        ("one_by_ones", "expected_parameters", "expected_macs"),
        [
            ((), 1_546_058, 577_472_640),
            ((1,), 1_769_112, 669_884_996),
            ((1, 1), 1_992_166, 762_297_352),
            ((1, 1, 1), 2_215_220, 854_709_708),
            ((3, 3), 5_549_094, 2_240_895_048),
        ],
    )
    def test_has_the_known_counts(
        self, one_by_ones, expected_parameters, expected_macs
    ):
        table = layer_table(nin(one_by_ones), (1, 224, 224))
        assert table.parameters == expected_parameters
        assert table.macs == expected_macs
        assert table.flops == 2 * expected_macs

    def test_of_the_package_is_the_one_counted_here(self):
        ours = layer_table(nin(), (1, 224, 224))
        theirs = layer_table(models.nin(), (1, 224, 224))
        assert repr(theirs) == repr(ours)

    def test_has_the_known_shapes(self):
        table = layer_table(nin(), (1, 224, 224))
        blocks = ["0.5", "1", "2.5", "3", "4.5", "5", "7.5", "8", "9"]
        assert [row(table, block)["output shape"] for block in blocks] == [
            (96, 54, 54),
            (96, 26, 26),
            (256, 26, 26),
            (256, 12, 12),
            (384, 12, 12),
            (384, 5, 5),
            (10, 5, 5),
            (10, 1, 1),
            (10,),
        ]
        assert table.output_shape == (10,)

    def test_keeps_the_known_bytes_for_training(self):
        image = 1 * 224 * 224
        maps = [96 * 54 * 54, 256 * 26 * 26, 384 * 12 * 12, 10 * 5 * 5]
        pooled = [96 * 26 * 26, 256 * 12 * 12, 384 * 5 * 5]
        # each ReLU's output; every pool's output, but the last one's
        # stands behind a dropout, which keeps its mask and its own output
        floats = image + 3 * sum(maps) + sum(pooled) + pooled[-1]
        indices = sum(pooled)
        by_hand = 4 * floats + 8 * indices
        assert by_hand == 7_677_880
        shape = (1, 224, 224)
        assert activation_bytes(nin(), shape, training=True) == by_hand
        batch = activation_bytes(nin(), (4, *shape), training=True)
        assert batch == 4 * by_hand

    def test_writes_every_output_once_in_evaluation(self):
        blocks = [96 * 54 * 54, 256 * 26 * 26, 384 * 12 * 12, 10 * 5 * 5]
        pooled = [96 * 26 * 26, 256 * 12 * 12, 384 * 5 * 5, 10]
        by_hand = 4 * (6 * sum(blocks) + sum(pooled))
        assert activation_bytes(nin(), (1, 224, 224)) == by_hand
        table = layer_table(nin(), (1, 224, 224))
        assert table.activation_bytes == by_hand


class TestFirstFullyConnectedLayer:
    def test_of_lenet(self):
        net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Sigmoid(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
        )
        first = row(layer_table(net, (1, 28, 28)), "7")
        assert first["MACs"] == 48_000
        assert first["parameters"] == 48_000 + 120

    def test_of_alexnet_as_the_d2l_book_has_it(self):
        with torch.device("meta"):
            net = nn.Sequential(
                nn.Conv2d(1, 96, 11, 4, 1),
                nn.MaxPool2d(3, 2),
                nn.Conv2d(96, 256, 5, padding=2),
                nn.MaxPool2d(3, 2),
                nn.Conv2d(256, 384, 3, padding=1),
                nn.Conv2d(384, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.MaxPool2d(3, 2),
                nn.Flatten(),
                nn.LazyLinear(4096),
            )
        table = layer_table(net, (1, 224, 224))
        assert row(table, "7")["output shape"] == (256, 5, 5)
        assert row(table, "9")["MACs"] == 26_214_400

    @pytest.mark.parametrize(
        ("network", "weights", "share"),
        [("alexnet", 37_748_736, 95.96), ("vgg16", 102_760_448, 89.36)],
    )
    def test_of_a_network_in_torchvision(self, network, weights, share):
        with torch.device("meta"):
            net = torchvision.models.get_model(network)
        table = layer_table(net, (3, 224, 224))
        linear = table.frame[table.frame["type"] == "Linear"]
        assert linear["MACs"].iloc[0] == weights
        # biases, which are in the published share, are no MACs
        counted = 100 * linear["parameters"].sum() / table.parameters
        assert round(counted, 2) == share


class TestLayers:
    """Each kind of layer against its formula."""

    @pytest.mark.parametrize(
        ("layer", "shape", "output", "expected"),
        [
            (nn.Conv2d(4, 6, 3), (4, 9, 9), (6, 7, 7), 7 * 7 * 6 * 4 * 9),
            (
                nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 0)),
                (4, 9, 9),
                (6, 5, 5),
                5 * 5 * 6 * 4 * 15,
            ),
            (
                nn.Conv2d(4, 6, 3, groups=2),
                (4, 9, 9),
                (6, 7, 7),
                7 * 7 * 6 * 2 * 9,
            ),
            (
                nn.Conv2d(4, 4, 3, padding="same", groups=4),
                (4, 9, 9),
                (4, 9, 9),
                9 * 9 * 4 * 9,
            ),
            (
                nn.Conv2d(4, 6, 3, dilation=3),
                (4, 9, 9),
                (6, 3, 3),
                3 * 3 * 6 * 4 * 9,
            ),
            # every pixel of the input goes to every place of the kernel
            (
                nn.ConvTranspose2d(4, 6, 3, stride=2),
                (4, 9, 9),
                (6, 19, 19),
                9 * 9 * 4 * 6 * 9,
            ),
            (
                nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2),
                (4, 9, 9),
                (6, 19, 19),
                9 * 9 * 4 * 3 * 9,
            ),
            (nn.Linear(12, 5), (12,), (5,), 60),
            (nn.BatchNorm2d(4), (4, 9, 9), (4, 9, 9), 0),
            (nn.MaxPool2d(3, 2), (4, 9, 9), (4, 4, 4), 0),
            (nn.AdaptiveAvgPool2d(1), (4, 9, 9), (4, 1, 1), 0),
        ],
        ids=str,
    )
    def test_macs_parameters_and_shape(self, layer, shape, output, expected):
        table = layer_table(layer, (2, *shape))
        assert table.macs == 2 * expected
        assert table.output_shape == output
        assert table.parameters == parameters(layer)
        assert list(table.frame["layer"]) == [type(layer).__name__]

    def test_a_batch_costs_its_size_times_one_image(self):
        one = layer_table(nin(), (1, 224, 224))
        eight = layer_table(nin(), (8, 1, 224, 224))
        assert eight.macs == 8 * one.macs
        assert eight.activation_bytes == 8 * one.activation_bytes
        assert eight.parameters == one.parameters
        assert eight.output_shape == one.output_shape

    def test_memory_written_nowhere_new_is_0_bytes(self):
        net = nn.Sequential(
            nn.Conv2d(1, 2, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Flatten(),
            nn.ReLU(),
        )
        table = layer_table(net, (1, 4, 4))
        assert list(table.frame["activation bytes"]) == [128, 0, 0, 0, 128]

    def test_bytes_follow_the_number_format(self):
        net = nn.Conv2d(1, 2, 1)
        single = activation_bytes(net, (1, 4, 4))
        assert activation_bytes(net.double(), (1, 4, 4)) == 2 * single

    def test_the_four_functions_agree_with_the_table(self):
        net, shape = nin(), (1, 224, 224)
        table = layer_table(net, shape)
        assert parameters(net) == table.parameters
        assert macs(net, shape) == table.macs
        assert flops(net, shape) == table.flops
        assert activation_bytes(net, shape) == table.activation_bytes


class Functional(nn.Module):
    """All in calls, on top of one convolution that is used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.kernels = nn.Parameter(torch.zeros(6, 4, 3, 3))

    def forward(self, X):
        Y = torch.cat((self.conv(X), self.conv(X)), dim=1)
        Y = Y[:, :4] + X
        return F.conv2d(Y, self.kernels)


class TestWorkOutsideLayers:
    def test_is_a_row_of_the_module_that_does_it(self):
        table = layer_table(nn.Sequential(Functional()), (4, 8, 8))
        work = row(table, "0", "functional")
        assert work["MACs"] == 6 * 6 * 6 * 4 * 9
        assert work["parameters"] == 6 * 4 * 9
        assert work["output shape"] == (6, 6, 6)
        cat, total, conv = 8 * 64, 4 * 64, 6 * 36
        assert work["activation bytes"] == 4 * (cat + total + conv)

    def test_goes_under_the_class_name_at_the_top(self):
        table = layer_table(Functional(), (4, 8, 8))
        layers = ["conv", "conv", "Functional"]
        assert list(table.frame["layer"]) == layers

    def test_stands_in_the_order_of_the_calls(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 1, 1)

            def forward(self, X):
                return F.relu(self.conv(F.max_pool2d(X, 2)))

        table = layer_table(Net(), (1, 8, 8))
        assert list(table.frame["layer"]) == ["Net", "conv", "Net"]
        assert list(table.frame["activation bytes"]) == [64, 64, 64]

    def test_addition_and_concatenation_change_no_macs(self):
        class Shortcut(nn.Module):
            def __init__(self, join):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3, padding=1)
                self.join = join

            def forward(self, X):
                return self.join(self.conv(X), X)

        added = layer_table(Shortcut(torch.add), (3, 8, 8))
        joined = layer_table(
            Shortcut(lambda X, Y: torch.cat((X, Y), dim=1)), (3, 8, 8)
        )
        in_place = layer_table(Shortcut(torch.Tensor.add_), (3, 8, 8))
        assert added.macs == joined.macs == in_place.macs == 9 * 9 * 64
        last = [t.frame.iloc[-1] for t in (added, joined, in_place)]
        assert [r["type"] for r in last] == ["functional"] * 3
        bytes_written = [r["activation bytes"] for r in last]
        assert bytes_written == [4 * 192, 4 * 384, 0]
        assert joined.output_shape == (6, 8, 8)

    def test_matrix_products_count(self):
        class Product(nn.Module):
            def forward(self, X):
                return X @ X.transpose(2, 3)

        table = layer_table(Product(), (2, 5, 7))
        assert table.macs == 2 * 5 * 5 * 7

    @pytest.mark.parametrize("device", ["meta", "cpu"])
    def test_attention_counts_on_either_device(self, device):
        class OnTheCPU(nn.Module):
            def forward(self, X):
                X.sum().item()
                return X

        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        net = nn.Sequential(nn.Flatten(1, 2), layer.eval())
        if device == "cpu":
            net.insert(0, OnTheCPU())
        tokens, width, hidden = 5, 8, 16
        projections = 4 * tokens * width * width
        attention = 2 * tokens * tokens * width
        perceptron = 2 * tokens * width * hidden
        table = layer_table(net, (1, tokens, width))
        assert table.macs == projections + attention + perceptron
        assert table.parameters == parameters(net)


class TestSharing:
    def test_a_module_called_twice_has_its_parameters_once(self):
        table = layer_table(Functional(), (4, 8, 8))
        twice = table.frame[table.frame["layer"] == "conv"]
        assert list(twice["parameters"]) == [20, 0]
        assert list(twice["MACs"]) == [1024, 1024]

    def test_a_tied_weight_counts_once(self):
        net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        net[1].weight = net[0].weight
        table = layer_table(net, (4,))
        assert list(table.frame["parameters"]) == [20, 4]
        assert table.parameters == parameters(net) == 24

    def test_unused_parameters_stand_at_the_end(self):
        net = Functional()
        net.head = nn.Linear(3, 2)
        table = layer_table(net, (4, 8, 8))
        unused = table.frame.iloc[-1]
        assert unused["layer"] == "head"
        assert unused["parameters"] == 8
        assert unused["MACs"] == 0
        assert unused["output shape"] is None
        assert table.parameters == parameters(net)
        assert repr(table).splitlines()[-2].split()[2] == "–"


class TestOutputs:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda X, Y: (X, Y),
            lambda X, Y: {"out": X, "aux": Y},
            namedtuple("Outputs", "out aux"),
            lambda X, Y: [X, {"deep": (Y, None)}],
        ],
        ids=["tuple", "dict", "namedtuple", "nested"],
    )
    def test_may_be_several_tensors(self, wrap):
        class Heads(nn.Module):
            def __init__(self):
                super().__init__()
                self.large = nn.Conv2d(1, 2, 1)
                self.small = nn.MaxPool2d(2)

            def forward(self, X):
                return wrap(self.large(X), self.small(X))

        table = layer_table(Heads(), (1, 8, 8))
        assert table.output_shape == ((2, 8, 8), (1, 4, 4))
        assert table.macs == 2 * 64

    def test_of_one_layer_may_be_several_tensors(self):
        net = nn.MaxPool2d(2, return_indices=True)
        table = layer_table(net, (1, 8, 8))
        assert table.frame["output shape"][0] == ((1, 4, 4), (1, 4, 4))
        assert "1×4×4 and 1×4×4" in repr(table)
        assert table.activation_bytes == 16 * 4 + 16 * 8


class TestTheNetworkStaysAsItIs:
    def test_state_and_mode(self):
        net = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()
        )
        net[1].eval()
        before = copy.deepcopy(net.state_dict())
        layer_table(net, (1, 8, 8))
        activation_bytes(net, (1, 8, 8), training=True)
        for key, value in net.state_dict().items():
            assert torch.equal(value, before[key])
        modes = [module.training for module in net]
        assert modes == [True, False, True]
        assert all(p.device.type == "cpu" for p in net.parameters())
        assert all(p.grad is None for p in net.parameters())

    def test_random_state_and_grad_mode(self):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.Dropout())
        activation_bytes(lazy, (1, 8, 8), training=True)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.is_grad_enabled()

    def test_hooks_are_kept_and_not_called(self):
        maps = []
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        net[0].register_forward_hook(lambda *call: maps.append(call))
        layer_table(net, (1, 8, 8))
        assert not maps
        net(torch.zeros(1, 1, 8, 8))
        assert len(maps) == 1

    def test_lazy_layers_stay_lazy(self):
        net = nn.Sequential(
            nn.LazyConv2d(6, 3), nn.LazyBatchNorm2d(), nn.Flatten()
        )
        net.append(nn.LazyLinear(10))
        table = layer_table(net, (1, 8, 8))
        assert list(table.frame["type"])[-1] == "Linear"
        assert table.parameters == (9 * 6 + 6) + 12 + (6 * 36 * 10 + 10)
        with pytest.raises(ValueError, match="0.weight has no size"):
            parameters(net)
        net(torch.zeros(2, 3, 10, 10))
        assert net[0].in_channels == 3

    def test_a_stored_feature_map_is_no_obstacle(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        net.maps = [net(torch.zeros(1, 1, 8, 8))]
        assert layer_table(net, (1, 8, 8)).macs == 9 * 2 * 36

    def test_a_trained_d2l_classifier_counts(self):
        X, y = torch.zeros(4, 1, 28, 28), torch.zeros(4, dtype=torch.long)

        class Data(d2l.DataModule):
            def get_dataloader(self, train):
                return DataLoader(TensorDataset(X, y), batch_size=4)

        net = d2l.LeNet()
        net.board.display = False
        trainer = d2l.Trainer(max_epochs=1)
        with torch.no_grad():
            net(X)
        trainer.fit(net, Data())
        table = layer_table(net, (1, 28, 28))
        assert row(table, "net.7")["MACs"] == 48_000
        assert net.trainer is trainer

    def test_frozen_layers_keep_less_for_training(self):
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
        free = activation_bytes(net, (1, 8, 8), training=True)
        net[0].requires_grad_(False)
        frozen = activation_bytes(net, (1, 8, 8), training=True)
        assert free - frozen == 4 * 64


class TestWithoutTheMetaDevice:
    class DataDependent(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.norm = nn.BatchNorm2d(2)

        def forward(self, X):
            Y = self.norm(self.conv(X))
            return Y if Y.sum().item() > 1e9 else F.relu(Y)

    def test_a_copy_runs_on_the_cpu(self):
        net = self.DataDependent()
        before = copy.deepcopy(net.state_dict())
        table = layer_table(net, (1, 8, 8))
        assert table.macs == 9 * 2 * 36
        assert activation_bytes(net, (1, 8, 8), training=True) > 0
        for key, value in net.state_dict().items():
            assert torch.equal(value, before[key])

    def test_a_network_without_data_is_counted(self):
        with torch.device("meta"):
            net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        assert layer_table(net, (1, 8, 8)).macs == 9 * 2 * 36


class TestErrors:
    @pytest.mark.parametrize(
        ("net", "shape", "message"),
        [
            (
                nin(),
                (3, 224, 224),
                r"^0\.0 \(Conv2d\) cannot take an input of shape "
                r"1×3×224×224 \(batch axis first\): "
                r"it needs 1 channels, not 3$",
            ),
            (
                nin(),
                (1, 66, 66),
                r"^5 \(MaxPool2d\) .* 1×384×2×2 .* at least 3×3$",
            ),
            (nin(), (1, 10, 99), r"^0\.0 \(Conv2d\) .* at least 11×11$"),
            (
                nin(),
                (224, 224),
                r"^0\.0 \(Conv2d\) .* 224×224 .* 4 axes, "
                "batch × channels × height × width$",
            ),
            (
                nn.Sequential(nn.ConvTranspose2d(4, 2, 3)),
                (3, 8, 8),
                r"^0 \(ConvTranspose2d\) .* 4 channels, not 3$",
            ),
            (
                nn.Sequential(nn.Flatten(), nn.Linear(400, 120)),
                (16, 4, 4),
                r"^1 \(Linear\) .* 1×256 .* 400 features, not 256$",
            ),
            (
                nn.Sequential(nn.BatchNorm2d(4)),
                (3, 8, 8),
                r"^0 \(BatchNorm2d\) .* 4 channels, not 3$",
            ),
            (
                nn.Sequential(nn.Conv2d(1, 1, 3, dilation=4, padding=2)),
                (1, 4, 4),
                r"^0 \(Conv2d\) .* at least 5×5$",
            ),
            (
                nn.Sequential(nn.LazyConv2d(1, 3)),
                (1, 2, 2),
                r"^0 \(.*Conv2d\) .* at least 3×3$",
            ),
            (
                nn.Sequential(nn.GroupNorm(2, 4)),
                (3, 8, 8),
                r"^0 \(GroupNorm\) .* num_groups=2$",
            ),
        ],
    )
    def test_name_the_layer_its_input_and_its_need(self, net, shape, message):
        with pytest.raises(ValueError, match=message):
            layer_table(net, shape)

    def test_the_smallest_nin_input_is_67(self):
        assert layer_table(nin(), (1, 67, 67)).output_shape == (10,)

    def test_name_the_module_of_functional_work(self):
        net = nn.Sequential(Functional())
        with pytest.raises(ValueError, match=r"^0 \(Functional\) .* 1×4×2×2"):
            layer_table(net, (4, 2, 2))

    def test_batch_norm_cannot_train_on_one_value(self):
        net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1))
        with pytest.raises(ValueError, match="1 .*more than 1 value"):
            activation_bytes(net, (1, 8, 8), training=True)
        assert activation_bytes(net, (2, 1, 8, 8), training=True) > 0

    @pytest.mark.parametrize("shape", [(), (1, 0, 8), (1, -8, 8)])
    def test_refuse_sizes_that_are_none(self, shape):
        with pytest.raises(ValueError, match="positive sizes"):
            layer_table(nin(), shape)

    def test_keep_the_cause(self):
        with pytest.raises(ValueError) as caught:
            layer_table(Functional(), (4, 2, 2))
        assert isinstance(caught.value.__cause__, RuntimeError)


class TestDisplay:
    net = nn.Sequential(
        nn.Conv2d(1, 96, 11, stride=4), nn.ReLU(), nn.Flatten()
    )

    def test_as_text(self):
        assert repr(layer_table(self.net, (1, 224, 224))) == (
            "layer  type     output shape  parameters        MACs"
            "  activation bytes\n"
            "0      Conv2d   96×54×54          11,712  33,872,256"
            "         1,119,744\n"
            "1      ReLU     96×54×54               0           0"
            "         1,119,744\n"
            "2      Flatten  279936                 0           0"
            "                 0\n"
            "total                             11,712  33,872,256"
            "         2,239,488"
        )

    def test_as_html(self):
        page = layer_table(self.net, (1, 224, 224))._repr_html_()
        assert page.startswith('<table class="dataframe">')
        assert page.count("<tr>") == 1 + 3 + 1
        assert '<td style="text-align: left">96×54×54</td>' in page
        assert '<td style="text-align: right">33,872,256</td>' in page
        assert '<th style="text-align: left">total</th>' in page

    def test_is_the_same_each_time(self):
        first, second = (layer_table(nin(), (1, 224, 224)) for _ in range(2))
        assert repr(first) == repr(second)
        assert first._repr_html_() == second._repr_html_()
        assert "0x" not in repr(first) + first._repr_html_()

    def test_escapes_names(self):
        net = nn.Sequential()
        net.add_module("<b>", nn.ReLU())
        assert "&lt;b&gt;" in layer_table(net, (1, 8, 8))._repr_html_()


def test_a_fault_of_the_counter_is_not_hidden_by_a_slow_run(monkeypatch):
    memory = cost._memory

    def faulty(tensor):
        if tensor.is_meta:
            raise AttributeError("a fault of the counter")
        return memory(tensor)

    monkeypatch.setattr(cost, "_memory", faulty)
    with pytest.raises(AttributeError, match="a fault of the counter"):
        cost.layer_table(nn.Conv2d(1, 4, 3), (1, 8, 8))
