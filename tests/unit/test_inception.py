"""Inception blocks and GoogLeNet, against torchvision, d2l and the paper."""

from itertools import combinations

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.text import Text
from torch import nn
from torch.nn import functional as F
from torchvision.models import GoogLeNet
from torchvision.models.googlenet import Inception

from onebyone import plots
from onebyone.cost import layer_table
from onebyone.models.inception import (
    InceptionBlock,
    batch_norm_branches,
    compact_inception,
    conv_relu,
    googlenet,
)

BLOCK_3A = (192, 64, (96, 128), (16, 32), 32)
BLOCKS = {
    "3a": BLOCK_3A,
    "4a": (480, 192, (96, 208), (16, 48), 64),
    "5b": (832, 384, (192, 384), (48, 128), 128),
}
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


def weights(module):
    """Parameters without the biases."""
    return sum(p.numel() for p in module.parameters() if p.dim() > 1)


def copy_parameters(source, target):
    """Copy in order; the shapes must agree one by one."""
    pairs = zip(source.parameters(), target.parameters(), strict=True)
    with torch.no_grad():
        for theirs, ours in pairs:
            assert theirs.shape == ours.shape
            ours.copy_(theirs)


# -- against others' code --------------------------------------------------


def conv_with_relu(in_channels, out_channels, **kwargs):
    """In place of torchvision's convolution with batch norm, no bias."""
    conv = nn.Conv2d(in_channels, out_channels, **kwargs)
    return nn.Sequential(conv, nn.ReLU())


@pytest.mark.parametrize("arguments", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("size", [(28, 28), (7, 5)])
def test_block_agrees_with_torchvision_once_its_3x3_is_a_5x5(arguments, size):
    in_channels, c1, c3, c5, pool = arguments
    theirs = Inception(
        in_channels, c1, *c3, *c5, pool, conv_block=conv_with_relu
    )
    assert theirs.branch3[1][0].kernel_size == (3, 3)  # vision#906
    theirs.branch3[1] = conv_with_relu(*c5, kernel_size=5, padding=2)
    ours = InceptionBlock(*arguments)
    copy_parameters(theirs, ours)
    X = torch.randn(2, in_channels, *size)
    torch.testing.assert_close(ours(X), theirs(X))


class D2LInception(nn.Module):
    """A block with the interface and the layers of d2l.ai's chapter."""

    def __init__(self, c1, c2, c3, c4):
        super().__init__()
        self.b1_1 = nn.LazyConv2d(c1, kernel_size=1)
        self.b2_1 = nn.LazyConv2d(c2[0], kernel_size=1)
        self.b2_2 = nn.LazyConv2d(c2[1], kernel_size=3, padding=1)
        self.b3_1 = nn.LazyConv2d(c3[0], kernel_size=1)
        self.b3_2 = nn.LazyConv2d(c3[1], kernel_size=5, padding=2)
        self.b4_2 = nn.LazyConv2d(c4, kernel_size=1)

    def forward(self, X):
        Y1 = F.relu(self.b1_1(X))
        Y2 = F.relu(self.b2_2(F.relu(self.b2_1(X))))
        Y3 = F.relu(self.b3_2(F.relu(self.b3_1(X))))
        pooled = F.max_pool2d(X, kernel_size=3, stride=1, padding=1)
        return torch.cat((Y1, Y2, Y3, F.relu(self.b4_2(pooled))), dim=1)


@pytest.mark.parametrize("arguments", BLOCKS.values(), ids=BLOCKS)
def test_block_agrees_with_d2l(arguments):
    in_channels, *channels = arguments
    theirs, ours = D2LInception(*channels), InceptionBlock(*arguments)
    X = torch.randn(2, in_channels, 12, 12)
    theirs(X)  # lazy layers find their sizes
    copy_parameters(theirs, ours)
    torch.testing.assert_close(ours(X), theirs(X))


def as_in_the_paper(theirs):
    """Undo what torchvision's GoogLeNet does otherwise than Table 1."""
    theirs.maxpool4.kernel_size = 3  # it has 2
    for block in theirs.modules():
        if isinstance(block, Inception):
            old = block.branch3[1].conv
            block.branch3[1].conv = nn.Conv2d(
                old.in_channels, old.out_channels, 5, padding=2, bias=False
            )
    return theirs


def copy_into_torchvision(ours, theirs):
    """Our weights into its convolutions, our biases into its batch norms."""
    own = [m for m in ours.modules() if isinstance(m, nn.Conv2d)]
    convs = [m for m in theirs.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for source, conv, norm in zip(own, convs, norms, strict=True):
            conv.weight.copy_(source.weight)
            norm.bias.copy_(source.bias)
            norm.running_var.fill_(1 - norm.eps)
        theirs.fc.weight.copy_(ours[-1].weight)
        theirs.fc.bias.copy_(ours[-1].bias)


def test_googlenet_agrees_with_torchvision_made_like_the_paper():
    theirs = GoogLeNet(num_classes=10, aux_logits=False, init_weights=False)
    theirs = as_in_the_paper(theirs).double().eval()
    ours = googlenet(num_classes=10).double().eval()
    copy_into_torchvision(ours, theirs)
    X = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    # 100: signals shrink on the way, so let the tolerance mean something
    for net in (ours, theirs):
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.data.mul_(2)
    assert ours(X).std() > 1e-3
    torch.testing.assert_close(ours(X), theirs(X))


# -- the block -------------------------------------------------------------


def test_output_is_the_branches_in_order_along_the_channels():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    X = torch.randn(2, 8, 9, 11)
    Y = block(X)
    assert Y.shape == (2, 3 + 5 + 6 + 7, 9, 11)
    assert list(block.branches) == ["1x1", "3x3", "5x5", "pool"]
    parts = Y.split([3, 5, 6, 7], dim=1)
    for part, branch in zip(parts, block.branches.values(), strict=True):
        assert torch.equal(part, branch(X))


def test_every_convolution_has_a_relu_behind_it():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    layers = [m for m in block.modules() if not list(m.children())]
    followers = {
        type(after)
        for layer, after in zip(layers, layers[1:], strict=False)
        if isinstance(layer, nn.Conv2d)
    }
    assert followers == {nn.ReLU}
    assert (block(torch.randn(1, 8, 5, 5)) >= 0).all()


def test_every_branch_gets_a_gradient():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    block(torch.randn(4, 8, 9, 9)).sum().backward()
    for parameter in block.parameters():
        assert parameter.grad.abs().sum() > 0


def test_receptive_fields_are_those_of_the_names():
    block = InceptionBlock(1, 1, (1, 1), (1, 1), 1)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.fill_(1.0)
    X = torch.rand(1, 1, 11, 11, requires_grad=True)
    seen = {}
    for name, branch in block.branches.items():
        (gradient,) = torch.autograd.grad(branch(X)[0, 0, 5, 5], X)
        seen[name] = int((gradient != 0).sum())
    # max pooling passes the gradient to the largest pixel alone
    assert seen == {"1x1": 1, "3x3": 9, "5x5": 25, "pool": 1}


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("size", [(28, 28), (9, 6)])
def test_conv_relu_keeps_the_size_or_halves_it_upwards(kernel_size, size):
    X = torch.randn(1, 2, *size)
    same = nn.Sequential(*conv_relu(2, 3, kernel_size))
    half = nn.Sequential(*conv_relu(2, 3, kernel_size, stride=2))
    assert same(X).shape == (1, 3, *size)
    assert half(X).shape == (1, 3, *(-(-side // 2) for side in size))


# -- counts ----------------------------------------------------------------


def test_counts_of_block_3a_branch_by_branch():
    block = InceptionBlock(*BLOCK_3A)
    counted = {name: weights(b) for name, b in block.branches.items()}
    assert counted == {
        "1x1": 12_288,
        "3x3": 129_024,
        "5x5": 15_872,
        "pool": 6_144,
    }
    assert weights(block) == 163_328
    assert layer_table(block, (192, 28, 28)).output_shape == (256, 28, 28)


def test_googlenet_has_the_counts_of_the_paper_with_5x5_kernels():
    table = layer_table(googlenet(), (3, 224, 224))
    assert table.parameters == 6_998_552
    assert table.macs == 1_582_671_872
    assert table.output_shape == (1000,)


def table_1():
    """Weights in K and MACs in M of each row, counted."""
    net = googlenet()
    frame = layer_table(net, (3, 224, 224)).frame
    stages = {"7×7": [0], "1×1+3×3": [3, 5]}
    blocks = [i for i, m in enumerate(net) if isinstance(m, InceptionBlock)]
    names = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
    stages |= {n: [i] for n, i in zip(names, blocks, strict=True)}
    stages["linear"] = [len(net) - 1]
    stage_of = frame["layer"].str.partition(".")[0].astype(int)
    for name, indices in stages.items():
        macs = frame["MACs"][stage_of.isin(indices)].sum()
        yield name, sum(weights(net[i]) for i in indices) / 1024, macs / 1e6


@pytest.mark.parametrize("row", list(table_1()), ids=lambda row: row[0])
def test_row_of_table_1(row):
    name, kilo_weights, mega_macs = row
    expected_weights, expected_macs = TABLE_1[name]
    assert kilo_weights == pytest.approx(expected_weights, abs=0.0501)
    assert mega_macs == pytest.approx(expected_macs, abs=0.0501)


def test_googlenet_is_22_layers_deep():
    net = googlenet()
    longest = 0
    for stage in net:
        paths = [stage]
        if isinstance(stage, InceptionBlock):
            paths = stage.branches.values()
        longest += max(
            sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in path.modules())
            for path in paths
        )
    assert longest == 22


def test_sizes_of_the_maps_are_those_of_table_1():
    X, sizes = torch.zeros(1, 3, 224, 224, device="meta"), []
    for layer in googlenet().to("meta"):
        X = layer(X)
        if isinstance(layer, (nn.MaxPool2d, InceptionBlock)):
            sizes.append(tuple(X.shape[1:]))
    assert sizes == [
        (64, 56, 56),
        (192, 28, 28),
        (256, 28, 28),
        (480, 28, 28),
        (480, 14, 14),
        (512, 14, 14),
        (512, 14, 14),
        (512, 14, 14),
        (528, 14, 14),
        (832, 14, 14),
        (832, 7, 7),
        (832, 7, 7),
        (1024, 7, 7),
    ]


# -- the compact network ---------------------------------------------------


def test_batch_norm_branches_keep_the_convolutions_and_the_shape():
    block = InceptionBlock(8, 3, (4, 5), (2, 6), 7)
    before = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    normed = batch_norm_branches(block)
    after = [m for m in normed.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in normed.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert [n.num_features for n in norms] == [c.out_channels for c in after]
    assert normed(torch.randn(2, 8, 9, 9)).shape == (2, 21, 9, 9)


@pytest.mark.parametrize(("in_channels", "classes"), [(1, 10), (3, 62)])
def test_compact_inception_takes_small_images(in_channels, classes):
    net = compact_inception(in_channels, classes)
    X = torch.randn(4, in_channels, 28, 28)
    assert net(X).shape == (4, classes)


def test_compact_inception_learns_a_small_batch():
    torch.manual_seed(0)
    net = compact_inception()
    X, y = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    first = None
    for _ in range(20):
        loss = F.cross_entropy(net(X), y)
        first = first or loss.item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * first


# -- the drawing -----------------------------------------------------------


@pytest.fixture
def drawing():
    with plt.rc_context():
        plt.switch_backend("agg")
        plots.use_style()
        yield lambda net, shape: plots.architecture(net, shape)
    plt.close("all")


def words(fig):
    return [text.get_text() for text in fig.findobj(Text) if text.get_text()]


def test_a_block_is_drawn_with_its_branches_as_lanes(drawing):
    fig = drawing(InceptionBlock(*BLOCK_3A), (192, 28, 28))
    shown = words(fig)
    assert shown.count("Inception block") == 1
    assert shown.count("1×1") == 4
    assert shown.count("3×3") == 2  # a convolution and the pooling
    assert shown.count("5×5") == 1
    for text in ("64", "128", "192×28×28", "256×28×28"):
        assert shown.count(text) == 1
    assert shown.count("32") == 2
    (legend,) = fig.legends
    assert {text.get_text() for text in legend.get_texts()} == {
        "convolution",
        "1×1 convolution",
        "pooling",
        "ReLU",
        "concatenation",
    }


@pytest.mark.parametrize(
    ("build", "shape", "blocks"),
    [(googlenet, (3, 224, 224), 9), (compact_inception, (1, 28, 28), 3)],
)
def test_a_network_of_blocks_is_drawn_legibly(drawing, build, shape, blocks):
    fig = drawing(build(), shape)
    assert words(fig).count("Inception block") == blocks
    fig.canvas.draw()
    width, height = fig.canvas.get_width_height()
    boxes = [
        text.get_window_extent()
        for text in fig.findobj(Text)
        if text.get_text()
    ]
    for box in boxes:
        assert box.x0 >= 0 and box.x1 <= width
        assert box.y0 >= 0 and box.y1 <= height
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
