"""Drawings of networks: what they show, and that they can be read."""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
import torch
from d2l import torch as d2l
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from torch import nn

from onebyone import models, plots

pytestmark = pytest.mark.usefixtures("fresh_pyplot")


def vgg_block(convs, channels):
    layers = []
    for _ in range(convs):
        layers += [nn.LazyConv2d(channels, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def vgg():
    sizes = [(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)]
    return nn.Sequential(
        *(vgg_block(*size) for size in sizes),
        nn.Flatten(),
        nn.LazyLinear(4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.LazyLinear(10),
    )


NETS = {
    "nin": (models.nin, (1, 224, 224)),
    "nin without 1×1": (lambda: models.nin(num_1x1=0), (1, 224, 224)),
    "nin with three 1×1": (lambda: models.nin(num_1x1=3), (1, 224, 224)),
    "nin for 1000 classes": (lambda: models.nin(3, 1000), (3, 224, 224)),
    "compact nin": (models.compact_nin, (1, 28, 28)),
    "lenet": (d2l.LeNet, (1, 28, 28)),
    "vgg": (vgg, (1, 224, 224)),
}
WITH_LANES = {
    "googlenet": (models.googlenet, (3, 224, 224)),
    "compact inception": (models.compact_inception, (1, 28, 28)),
}


@pytest.fixture(params=[*NETS, *WITH_LANES])
def drawing(request):
    build, shape = (NETS | WITH_LANES)[request.param]
    with torch.device("meta"):
        net = build()
    return plots.architecture(net, shape, title=request.param)


def texts(fig):
    """Every text in the figure that is not empty."""
    found = fig.findobj(matplotlib.text.Text)
    return [t for t in found if t.get_text() and t.get_visible()]


def words(fig):
    return [text.get_text() for text in texts(fig)]


def legend(fig):
    (found,) = fig.legends
    return [text.get_text() for text in found.get_texts()]


class TestArchitecture:
    def test_texts_do_not_overlap(self, drawing):
        drawing.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts(drawing)]
        for (one, box), (other, other_box) in combinations(boxes, 2):
            assert not box.overlaps(other_box), f"{one} on {other}"

    @pytest.mark.parametrize("drawing", NETS, indirect=True)
    def test_texts_stand_beside_the_boxes_or_inside_one(self, drawing):
        drawing.canvas.draw()
        (ax,) = drawing.axes
        boxes = [p.get_window_extent() for p in ax.patches]
        for text in filter(plt.Text.get_text, ax.texts):
            extent = text.get_window_extent()
            # in its bar, and in the frame around it (two patches)
            allowed = 3 if text.get_rotation() else 0
            assert sum(extent.overlaps(box) for box in boxes) == allowed

    def test_everything_is_inside_the_figure(self, drawing):
        drawing.canvas.draw()
        width, height = drawing.canvas.get_width_height()
        (ax,) = drawing.axes
        for artist in [*texts(drawing), *ax.patches]:
            box = artist.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= width, artist
            assert box.y0 >= 0 and box.y1 <= height, artist

    def test_fonts_are_legible_at_the_width_of_the_column(self, drawing):
        assert drawing.get_figwidth() == plots.WIDTH == 7
        assert min(text.get_fontsize() for text in texts(drawing)) >= 9

    def test_nin_is_named_and_measured_as_in_the_chapter(self):
        fig = plots.architecture(models.nin(), (1, 224, 224))
        shown = words(fig)
        assert shown.count("NiN block") == 4
        assert shown.count("1×1") == 8
        for kernel in ["11×11", "5×5"]:
            assert kernel in shown
        for line in ["max pool", "stride 2"]:
            assert shown.count(line) == 3
        for line in ["input", "global", "average", "pool", "flatten"]:
            assert shown.count(line) == 1
        for shape in ["1×224×224", "96×54×54", "96×26×26", "10×1×1", "10"]:
            assert shown.count(shape) == 1
        assert legend(fig) == [
            *("convolution", "1×1 convolution", "ReLU", "dropout"),
        ]

    def test_an_inception_block_has_its_branches_as_lanes(self):
        block = models.InceptionBlock(192, 64, (96, 128), (16, 32), 32)
        fig = plots.architecture(block, (192, 28, 28))
        shown = words(fig)
        counts = {"Inception block": 1, "1×1": 4, "5×5": 1, "32": 2}
        counts |= {"3×3": 2}  # a convolution and the pooling
        counts |= dict.fromkeys(["64", "128", "192×28×28", "256×28×28"], 1)
        assert {word: shown.count(word) for word in counts} == counts
        assert legend(fig) == [
            *("convolution", "1×1 convolution", "pooling", "ReLU"),
            "concatenation",
        ]

    def test_single_layers_are_named(self):
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2),
            nn.AvgPool2d(2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 2),
        )
        shown = words(plots.architecture(net, (1, 28, 28)))
        assert shown == [
            *("input", "1×28×28"),
            *("stride 2", "conv 3×3", "4×13×13"),
            *("stride 2", "pool", "average", "2×2", "4×6×6"),
            *("2×2", "pool to", "average", "4×2×2"),
            *("flatten", "16"),
            *("linear", "2"),
        ]

    def test_color_is_the_type_and_width_the_channels(self):
        net = nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 256, 1))
        (ax,) = plots.architecture(net, (1, 28, 28)).axes
        given, spatial, one_by_one = (
            p for p in ax.patches if type(p) is Rectangle
        )
        color = matplotlib.colors.to_rgba
        assert spatial.get_facecolor() == color(plots.COLORS["convolution"])
        one = color(plots.COLORS["1×1 convolution"])
        assert one_by_one.get_facecolor() == one
        widths = [p.get_width() for p in (given, spatial, one_by_one)]
        assert widths == sorted(widths) and widths[0] < widths[1]
        assert given.get_height() > spatial.get_height()
        assert spatial.get_height() == one_by_one.get_height()

    def test_a_block_with_its_own_forward_is_one_box(self):
        class ResidualBlock(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 1, 3, padding=1)
                self.relu = nn.ReLU()

            def forward(self, X):
                return self.relu(self.conv(X) + X)

        net = nn.Sequential(ResidualBlock(), nn.Flatten())
        shown = words(plots.architecture(net, (1, 8, 8)))
        assert shown[2:5] == ["block", "Residual", "1×8×8"]

    def test_the_title_is_drawn_and_a_batch_axis_is_not(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        shown = words(plots.architecture(net, (1, 8, 8), title="One layer"))
        batch = words(plots.architecture(net, (4, 1, 8, 8)))
        assert sorted(shown) == sorted(["One layer", *batch])

    def test_two_drawings_of_one_network_are_the_same(self):
        def pixels():
            fig = plots.architecture(models.nin(), (1, 224, 224))
            fig.canvas.draw()
            return np.asarray(fig.canvas.buffer_rgba())

        assert (pixels() == pixels()).all()

    def test_a_wrong_input_opens_no_figure(self):
        with pytest.raises(ValueError, match="0.0 .Conv2d."):
            plots.architecture(models.nin(), (3, 224, 224))
        assert plt.get_fignums() == []
