"""Pictures: what they show, that they can be read, what they leave open."""

from itertools import combinations
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from d2l import torch as d2l
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from onebyone import models, plots


@pytest.fixture(autouse=True)
def fresh_pyplot():
    with plt.rc_context():
        plt.switch_backend("agg")
        plots.use_style()
        yield
    plt.close("all")


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


@pytest.fixture(params=NETS)
def drawing(request):
    build, shape = NETS[request.param]
    with torch.device("meta"):
        net = build()
    return plots.architecture(net, shape, title=request.param)


def texts(fig):
    """Every text in the figure that is not empty."""
    found = fig.findobj(matplotlib.text.Text)
    return [t for t in found if t.get_text() and t.get_visible()]


def words(fig):
    return [text.get_text() for text in texts(fig)]


class TestArchitecture:
    def test_texts_do_not_overlap(self, drawing):
        drawing.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts(drawing)]
        for (one, box), (other, other_box) in combinations(boxes, 2):
            assert not box.overlaps(other_box), f"{one} on {other}"

    def test_texts_stand_beside_the_boxes_or_inside_one(self, drawing):
        drawing.canvas.draw()
        (ax,) = drawing.axes
        boxes = [p.get_window_extent() for p in ax.patches]
        for text in ax.texts:
            extent = text.get_window_extent()
            if not text.get_text():
                continue
            if text.get_rotation() == 0:
                assert not any(extent.overlaps(box) for box in boxes)
            else:
                # in its bar, and in the frame around it (two patches)
                assert sum(extent.overlaps(box) for box in boxes) == 3

    def test_everything_is_inside_the_figure(self, drawing):
        drawing.canvas.draw()
        width, height = drawing.canvas.get_width_height()
        (ax,) = drawing.axes
        for artist in [*texts(drawing), *ax.patches]:
            box = artist.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= width, artist
            assert box.y0 >= 0 and box.y1 <= height, artist

    def test_fonts_are_legible_at_the_width_of_the_column(self, drawing):
        assert drawing.get_figwidth() == plots.WIDTH == 8
        assert min(text.get_fontsize() for text in texts(drawing)) >= 8

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
        (legend,) = fig.legends
        assert [text.get_text() for text in legend.get_texts()] == [
            "convolution",
            "1×1 convolution",
            "ReLU",
            "dropout",
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

    def test_a_batch_axis_is_not_drawn(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        assert words(plots.architecture(net, (1, 8, 8))) == words(
            plots.architecture(net, (4, 1, 8, 8))
        )

    def test_the_title_is_written(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3))
        fig = plots.architecture(net, (1, 8, 8), title="One layer")
        assert "One layer" in words(fig)

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


class TestEachPicture:
    @pytest.mark.parametrize(
        "draw",
        [
            lambda: plots.architecture(nn.Flatten(), (1, 8, 8)),
            lambda: plots.images(torch.rand(3, 1, 8, 8)),
            lambda: plots.feature_maps(torch.rand(3, 8, 8)),
            lambda: plots.confusion([0, 1], [0, 0], ["a", "b"]),
            lambda: plots.curves({"": ([1], [1])}, "x", "y"),
        ],
        ids=["architecture", "images", "feature_maps", "confusion", "curves"],
    )
    def test_is_the_one_figure_that_the_cell_shows(self, draw):
        fig = draw()
        assert isinstance(fig, Figure)
        assert plt.get_fignums() == [fig.number]
        assert fig.get_facecolor() == (1, 1, 1, 1)
        assert fig.get_figwidth() <= plots.WIDTH


class TestImages:
    def test_stand_in_rows_under_their_titles(self):
        X = torch.rand(10, 1, 28, 28)
        fig = plots.images(X, titles=list("abcdefghij"), columns=4)
        assert len(fig.axes) == 12
        shown = [ax for ax in fig.axes if ax.images]
        assert [ax.get_title() for ax in shown] == list("abcdefghij")

    def test_share_one_scale(self):
        X = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]) - 0.5
        one, other = plots.images(X).axes
        assert (one.images[0].get_array() == 0).all()
        assert (other.images[0].get_array() == 1).all()

    @pytest.mark.parametrize(
        "X",
        [
            torch.randint(0, 256, (2, 8, 8), dtype=torch.uint8),
            torch.randn(2, 3, 8, 8),
            np.zeros((2, 1, 8, 8)),
            torch.rand(2, 1, 8, 8, requires_grad=True),
        ],
        ids=["bytes", "colour", "constant array", "with gradient"],
    )
    def test_may_be_of_any_format(self, X):
        fig = plots.images(X)
        fig.canvas.draw()
        assert len(fig.axes) == 2

    def test_need_as_many_titles(self):
        with pytest.raises(ValueError, match="2 pictures"):
            plots.images(torch.rand(2, 1, 8, 8), titles=["a"])
        assert plt.get_fignums() == []


class TestFeatureMaps:
    def test_are_titled_by_channel_and_share_a_scale(self):
        maps = torch.rand(1, 10, 5, 5)
        fig = plots.feature_maps(maps, columns=5)
        *channels, bar = fig.axes
        titles = [ax.get_title() for ax in channels]
        assert titles == [f"channel {c}" for c in range(10)]
        scales = {ax.images[0].get_clim() for ax in channels}
        assert scales == {(0, maps.max().item())}
        assert bar.get_label() == "<colorbar>"

    def test_with_signs_are_white_at_zero(self):
        fig = plots.feature_maps(torch.tensor([[[-1.0, 3.0]]]), ["map"])
        (image,) = fig.axes[0].images
        assert image.get_clim() == (-3, 3)

    def test_that_are_dead_can_be_shown(self):
        plots.feature_maps(torch.zeros(2, 4, 4)).canvas.draw()


class TestConfusion:
    def test_counts_by_row_and_colors_by_share(self):
        actual = torch.tensor([0, 0, 0, 0, 1, 1])
        predicted = torch.tensor([0, 0, 0, 1, 0, 1])
        fig = plots.confusion(actual, predicted, ["cat", "dog", "fox"])
        ax = fig.axes[0]
        assert ax.get_xlabel() == "predicted class"
        assert ax.get_ylabel() == "actual class"
        for axis in (ax.xaxis, ax.yaxis):
            names = [tick.get_text() for tick in axis.get_ticklabels()]
            assert names == ["cat", "dog", "fox"]
        assert ax.images[0].get_array().tolist() == [
            [0.75, 0.25, 0],
            [0.5, 0.5, 0],
            [0, 0, 0],
        ]
        counts = {t.get_position(): t.get_text() for t in ax.texts}
        assert counts == {(0, 0): "3", (1, 0): "1", (0, 1): "1", (1, 1): "1"}

    def test_numbers_do_not_touch(self):
        names = [f"class {c}" for c in range(8)]
        y = torch.arange(8).repeat_interleave(8 * 1234)
        fig = plots.confusion(y, torch.arange(8).repeat(8 * 1234), names)
        fig.canvas.draw()
        boxes = [t.get_window_extent() for t in fig.axes[0].texts]
        assert len(boxes) == 64
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))

    def test_of_62_classes_has_no_numbers(self):
        y = torch.arange(62)
        fig = plots.confusion(y, y, [str(c) for c in range(62)])
        assert not fig.axes[0].texts


class TestCurves:
    history = SimpleNamespace(
        frame=pd.DataFrame({"epoch": [1, 2], "test_accuracy": [0.5, 0.75]}),
        steps=pd.DataFrame({"step": [1, 2, 3], "loss": [3.0, 2.0, 1.0]}),
    )

    def test_take_points_or_a_history(self):
        fig = plots.curves(
            {"NiN": self.history, "guessing": ([1, 2], [0.1, 0.1])},
            "epoch",
            "test accuracy",
        )
        (ax,) = fig.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "test accuracy")
        nin, guessing = ax.lines
        assert nin.get_xydata().tolist() == [[1, 0.5], [2, 0.75]]
        assert guessing.get_xydata().tolist() == [[1, 0.1], [2, 0.1]]
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["NiN", "guessing"]
        assert nin.get_color() != guessing.get_color()
        assert nin.get_linestyle() != guessing.get_linestyle()

    def test_take_the_steps_of_a_history(self):
        fig = plots.curves({"NiN": self.history}, "step", "loss")
        (line,) = fig.axes[0].lines
        assert line.get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
        assert fig.axes[0].get_legend() is None

    def test_name_the_columns_there_are(self):
        with pytest.raises(ValueError, match="epoch, test_accuracy; and step"):
            plots.curves({"NiN": self.history}, "epoch", "loss")
        assert plt.get_fignums() == []


class TestStyle:
    def test_leaves_the_format_alone_outside_notebooks(self, monkeypatch):
        formats = []
        monkeypatch.setattr(
            "matplotlib_inline.backend_inline.set_matplotlib_formats",
            formats.append,
        )
        plots.use_style()
        assert formats == []
        monkeypatch.setattr("IPython.get_ipython", lambda: "a shell")
        plots.use_style()
        assert formats == ["retina"]

    def test_figures_are_white_and_sharp(self):
        assert plt.rcParams["figure.facecolor"] == "white"
        assert plt.rcParams["figure.dpi"] == 100
        assert plt.rcParams["font.family"] == ["DejaVu Sans"]

    def test_types_of_layers_differ_in_color(self):
        # the light frame of a block may have the color of a layer
        own = [c for t, c in plots.COLORS.items() if not t.endswith("block")]
        assert len(set(own)) == len(own)
