"""Counting parameters, MACs, activation memory and shapes."""

import copy
import threading
from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onebyone import cost, models
from onebyone.cost import activation_bytes, layer_table, parameters

PHOTO = (1, 224, 224)


def nin(num_1x1=2):
    with torch.device("meta"):
        return models.nin(num_1x1=num_1x1)


def row(table, layer, kind=None):
    """The only row of a layer, as a dictionary."""
    frame = table.frame[table.frame["layer"] == layer]
    if kind:
        frame = frame[frame["type"] == kind]
    (record,) = frame.to_dict("records")
    return record


class TestNiN:
    @pytest.mark.parametrize(
        ("num_1x1", "expected_parameters", "expected_macs"),
        [
            (0, 1_546_058, 577_472_640),
            (1, 1_769_112, 669_884_996),
            (2, 1_992_166, 762_297_352),
            (3, 2_215_220, 854_709_708),
        ],
    )
    def test_has_the_known_counts(
        self, num_1x1, expected_parameters, expected_macs
    ):
        table = layer_table(nin(num_1x1), PHOTO)
        assert table.parameters == expected_parameters
        assert table.macs == cost.macs(nin(num_1x1), PHOTO) == expected_macs
        assert cost.flops(nin(num_1x1), PHOTO) == 2 * expected_macs

    def test_has_the_known_shapes(self):
        table = layer_table(nin(), PHOTO)
        blocks = ["0.5", "1", "2.5", "3", "4.5", "5", "7.5", "8", "9"]
        assert [row(table, block)["output shape"] for block in blocks] == [
            *((96, 54, 54), (96, 26, 26), (256, 26, 26), (256, 12, 12)),
            *((384, 12, 12), (384, 5, 5), (10, 5, 5), (10, 1, 1), (10,)),
        ]
        assert table.output_shape == (10,)

    def test_keeps_the_known_bytes_for_training(self):
        maps = [96 * 54 * 54, 256 * 26 * 26, 384 * 12 * 12, 10 * 5 * 5]
        pooled = [96 * 26 * 26, 256 * 12 * 12, 384 * 5 * 5]
        # each ReLU's output; every pool's output, but the last one's
        # stands behind a dropout, which keeps its mask and its own output
        floats = 224 * 224 + 3 * sum(maps) + sum(pooled) + pooled[-1]
        by_hand = 4 * floats + 8 * sum(pooled)  # and the pools' indices
        assert by_hand == 7_677_880
        assert activation_bytes(nin(), PHOTO, training=True) == by_hand
        batch = activation_bytes(nin(), (4, *PHOTO), training=True)
        assert batch == 4 * by_hand

    def test_writes_every_output_once_in_evaluation(self):
        maps = [96 * 54 * 54, 256 * 26 * 26, 384 * 12 * 12, 10 * 5 * 5]
        pooled = [96 * 26 * 26, 256 * 12 * 12, 384 * 5 * 5, 10]
        by_hand = 4 * (6 * sum(maps) + sum(pooled))
        assert activation_bytes(nin(), PHOTO) == by_hand
        assert layer_table(nin(), PHOTO).activation_bytes == by_hand


class TestLayers:
    """Each kind of layer against its formula."""

    @pytest.mark.parametrize(
        ("layer", "output", "expected"),
        [
            (nn.Conv2d(4, 6, 3), (6, 7, 7), 7 * 7 * 6 * 4 * 9),
            (
                nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(1, 0)),
                (6, 5, 5),
                5 * 5 * 6 * 4 * 15,
            ),
            (nn.Conv2d(4, 6, 3, groups=2), (6, 7, 7), 7 * 7 * 6 * 2 * 9),
            (
                nn.Conv2d(4, 4, 3, padding="same", groups=4),
                (4, 9, 9),
                9 * 9 * 4 * 9,
            ),
            (nn.Conv2d(4, 6, 3, dilation=3), (6, 3, 3), 3 * 3 * 6 * 4 * 9),
            # every pixel of the input goes to every place of the kernel
            (
                nn.ConvTranspose2d(4, 6, 3, stride=2),
                (6, 19, 19),
                9 * 9 * 4 * 6 * 9,
            ),
            (
                nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2),
                (6, 19, 19),
                9 * 9 * 4 * 3 * 9,
            ),
            (nn.Linear(9, 5), (4, 9, 5), 4 * 9 * 9 * 5),
            (nn.BatchNorm2d(4), (4, 9, 9), 0),
            (nn.MaxPool2d(3, 2), (4, 4, 4), 0),
            (nn.AdaptiveAvgPool2d(1), (4, 1, 1), 0),
        ],
        ids=str,
    )
    def test_macs_parameters_and_shape(self, layer, output, expected):
        table = layer_table(layer, (2, 4, 9, 9))
        assert table.macs == 2 * expected
        assert table.output_shape == output
        assert table.parameters == parameters(layer)
        assert list(table.frame["layer"]) == [type(layer).__name__]

    def test_a_batch_costs_its_size_times_one_image(self):
        one, eight = layer_table(nin(), PHOTO), layer_table(nin(), (8, *PHOTO))
        assert eight.macs == 8 * one.macs
        assert eight.activation_bytes == 8 * one.activation_bytes
        assert eight.parameters == one.parameters
        assert eight.output_shape == one.output_shape

    def test_memory_written_nowhere_new_is_0_bytes(self):
        net = nn.Sequential(
            *(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Flatten(), nn.ReLU()),
        )
        table = layer_table(net, (1, 4, 4))
        assert list(table.frame["activation bytes"]) == [128, 0, 0, 0, 128]

    def test_bytes_follow_the_number_format(self):
        net = nn.Conv2d(1, 2, 1)
        single = activation_bytes(net, (1, 4, 4))
        assert activation_bytes(net.double(), (1, 4, 4)) == 2 * single


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


class Calls(nn.Module):
    """A network of one function, which gets the image and the layers."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.function = forward
        self.layers = nn.ModuleDict(layers)

    def forward(self, X):
        return self.function(X, **self.layers)


class TestWorkOutsideLayers:
    def test_is_a_row_of_the_module_that_does_it(self):
        table = layer_table(nn.Sequential(Functional()), (4, 8, 8))
        work = row(table, "0", "functional")
        assert work["MACs"] == 6 * 6 * 6 * 4 * 9
        assert work["parameters"] == 6 * 4 * 9
        assert work["output shape"] == (6, 6, 6)
        cat, total, conv = 8 * 64, 4 * 64, 6 * 36
        assert work["activation bytes"] == 4 * (cat + total + conv)

    def test_stands_in_the_order_of_the_calls(self):
        net = Calls(
            lambda X, conv: F.relu(conv(F.max_pool2d(X, 2))),
            conv=nn.Conv2d(1, 1, 1),
        )
        table = layer_table(net, (1, 8, 8))
        layers = ["Calls", "layers.conv", "Calls"]
        assert list(table.frame["layer"]) == layers
        assert list(table.frame["activation bytes"]) == [64, 64, 64]

    @pytest.mark.parametrize(
        ("join", "channels", "written"),
        [
            (torch.add, 3, 4 * 192),
            (lambda X, Y: torch.cat((X, Y), dim=1), 6, 4 * 384),
            (torch.Tensor.add_, 3, 0),
        ],
        ids=["addition", "concatenation", "in place"],
    )
    def test_joining_changes_no_macs(self, join, channels, written):
        conv = nn.Conv2d(3, 3, 3, padding=1)
        net = Calls(lambda X, conv: join(conv(X), X), conv=conv)
        table = layer_table(net, (3, 8, 8))
        assert table.macs == 9 * 9 * 64
        assert table.output_shape == (channels, 8, 8)
        last = table.frame.iloc[-1]
        assert last["type"] == "functional"
        assert last["activation bytes"] == written

    def test_matrix_products_count(self):
        table = layer_table(Calls(lambda X: X @ X.mT), (2, 5, 7))
        assert table.macs == 2 * 5 * 5 * 7

    @pytest.mark.parametrize("device", ["meta", "cpu"])
    def test_attention_counts_on_either_device(self, device):
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        net = nn.Sequential(nn.Flatten(1, 2), layer.eval())
        if device == "cpu":  # needs data
            net.insert(0, Calls(lambda X: X + 0 * X.sum().item()))
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
        assert (unused["layer"], unused["MACs"]) == ("head", 0)
        assert unused["parameters"] == 8
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
        net = Calls(
            lambda X, large, small: wrap(large(X), small(X)),
            large=nn.Conv2d(1, 2, 1),
            small=nn.MaxPool2d(2),
        )
        table = layer_table(net, (1, 8, 8))
        assert table.output_shape == ((2, 8, 8), (1, 4, 4))
        assert table.macs == 2 * 64

    def test_of_one_layer_may_be_several_tensors(self):
        net = nn.MaxPool2d(2, return_indices=True)
        table = layer_table(net, (1, 8, 8))
        assert table.frame["output shape"][0] == ((1, 4, 4), (1, 4, 4))
        assert "1×4×4 and 1×4×4" in repr(table)
        assert table.activation_bytes == 16 * 4 + 16 * 8


def assert_same_state(net, before):
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])


class TestTheNetworkStaysAsItIs:
    def test_state_and_mode(self):
        net = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()
        )
        net[1].eval()
        before = copy.deepcopy(net.state_dict())
        layer_table(net, (1, 8, 8))
        activation_bytes(net, (1, 8, 8), training=True)
        assert_same_state(net, before)
        assert [module.training for module in net] == [True, False, True]
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
            *(nn.LazyConv2d(6, 3), nn.LazyBatchNorm2d()),
            *(nn.Flatten(), nn.LazyLinear(10)),
        )
        table = layer_table(net, (1, 8, 8))
        assert list(table.frame["type"])[-1] == "Linear"
        assert table.parameters == (9 * 6 + 6) + 12 + (6 * 36 * 10 + 10)
        with pytest.raises(ValueError, match="0.weight has no size"):
            parameters(net)
        net(torch.zeros(2, 3, 10, 10))
        assert net[0].in_channels == 3

    def test_what_it_holds_besides_is_no_obstacle(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        net.maps = [net(torch.zeros(1, 1, 8, 8))]  # with their gradients
        net.trainer = threading.Lock()  # cannot be copied
        assert layer_table(net, (1, 8, 8)).macs == 9 * 2 * 36

    def test_frozen_layers_keep_less_for_training(self):
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
        free = activation_bytes(net, (1, 8, 8), training=True)
        net[0].requires_grad_(False)
        frozen = activation_bytes(net, (1, 8, 8), training=True)
        assert free - frozen == 4 * 64


class TestWithoutTheMetaDevice:
    def test_a_copy_runs_on_the_cpu(self):
        net = nn.Sequential(
            *(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
            Calls(lambda X: X if X.sum().item() > 1e9 else F.relu(X)),
        )
        before = copy.deepcopy(net.state_dict())
        assert layer_table(net, (1, 8, 8)).macs == 9 * 2 * 36
        assert activation_bytes(net, (1, 8, 8), training=True) > 0
        assert_same_state(net, before)

    def test_a_network_without_data_is_counted(self):
        with torch.device("meta"):
            net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        assert layer_table(net, (1, 8, 8)).macs == 9 * 2 * 36


IMAGE = (3, 8, 8)


class TestErrors:
    @pytest.mark.parametrize(
        ("net", "shape", "message"),
        [
            (
                nin(),
                (3, 224, 224),
                r"0\.0 \(Conv2d\) cannot take an input of shape 1×3×224×224 "
                r"\(batch axis first\): it needs 1 channels, not 3$",
            ),
            (
                nin(),
                (1, 66, 66),
                r"5 \(MaxPool2d\) .* 1×384×2×2 .* at least 3×3$",
            ),
            (nin(), (1, 10, 99), r"0\.0 \(Conv2d\) .* at least 11×11$"),
            (
                nin(),
                (224, 224),
                r"0\.0 \(Conv2d\) .* 224×224 .* 4 axes, "
                "batch × channels × height × width$",
            ),
            (nn.ConvTranspose2d(4, 2, 3), IMAGE, ".* 4 channels, not 3$"),
            (nn.Linear(400, 120), IMAGE, ".* 400 features, not 8$"),
            (nn.BatchNorm2d(4), IMAGE, r".* 4 channels, not 3$"),
            (nn.Conv2d(3, 1, 3, dilation=4), IMAGE, ".* at least 9×9$"),
            (nn.LazyConv2d(1, 9), IMAGE, ".* at least 9×9$"),
            (nn.GroupNorm(2, 4), IMAGE, ".* num_groups=2$"),
            (nn.Sequential(Functional()), (4, 2, 2), r"0 \(Func.* 1×4×2×2"),
        ],
    )
    def test_name_the_layer_its_input_and_its_need(self, net, shape, message):
        with pytest.raises(ValueError, match=f"^{message}"):
            layer_table(net, shape)

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

    def test_of_the_counter_are_not_hidden_by_a_slow_run(self, monkeypatch):
        memory = cost._memory

        def faulty(tensor):
            if tensor.is_meta:
                raise AttributeError("a fault of the counter")
            return memory(tensor)

        monkeypatch.setattr(cost, "_memory", faulty)
        with pytest.raises(AttributeError, match="a fault of the counter"):
            layer_table(nn.Conv2d(1, 4, 3), (1, 8, 8))


class TestDisplay:
    net = nn.Sequential(
        nn.Conv2d(1, 96, 11, stride=4), nn.ReLU(), nn.Flatten()
    )

    def test_as_text(self):
        assert repr(layer_table(self.net, PHOTO)) == (
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
        page = layer_table(self.net, PHOTO)._repr_html_()
        assert page.startswith('<table class="dataframe">')
        assert page.count("<tr>") == 1 + 3 + 1
        assert '<td style="text-align: left">96×54×54</td>' in page
        assert '<td style="text-align: right">33,872,256</td>' in page
        assert '<th style="text-align: left">total</th>' in page
