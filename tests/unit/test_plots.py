"""Pictures: what they show, and what they leave open."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

from onebyone import plots, study

DIFFERENCES = pd.DataFrame(
    {
        "pair": ["a − b", "a − c", "b − c"],
        "mean": [0.03, 0.02, -0.01],
        "low": [0.02, 0.01, np.nan],
        "high": [0.04, 0.03, np.nan],
        "p_holm": [0.001, 0.06, np.nan],
    }
)
RUNS = pd.DataFrame(  # b costs more than a and is worse; c is best
    {
        "net": ["a", "a", "b", "b", "c", "c"],
        "seed": [0, 1] * 3,
        "macs": [1e6, 1e6, 2e6, 2e6, 4e6, 4e6],
        "accuracy": [0.7, 0.8, 0.6, 0.7, 0.8, 0.9],
    }
)

pytestmark = pytest.mark.usefixtures("fresh_pyplot")


class TestEachPicture:
    @pytest.mark.parametrize(
        "draw",
        [
            lambda: plots.architecture(nn.Flatten(), (1, 8, 8)),
            lambda: plots.images(torch.rand(3, 1, 8, 8)),
            lambda: plots.feature_maps(torch.rand(3, 8, 8)),
            lambda: plots.confusion([0, 1], [0, 0], ["a", "b"]),
            lambda: plots.curves({"": ([1], [1])}, "x", "y"),
            lambda: plots.forest(DIFFERENCES),
            lambda: plots.front(RUNS, "macs", "accuracy", "net"),
        ],
        ids=[
            *("architecture", "images", "feature_maps", "confusion"),
            *("curves", "forest", "front"),
        ],
    )
    def test_is_the_one_figure_that_the_cell_shows(self, draw):
        plt.close("all")  # what other tests have left open
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


def drawn(ax):
    """The points of each series that the legend names."""
    found = {}
    for series in ax.containers:
        line, _, bars = series
        ends = [bar.tolist() for bar in bars[0].get_segments()]
        found[series.get_label()] = line.get_xydata().tolist(), ends
    return found


def approx(points):
    return [pytest.approx(point) for point in points]


class TestForest:
    def test_draws_intervals_in_points_the_first_at_the_top(self):
        (ax,) = plots.forest(DIFFERENCES).axes
        names = [tick.get_text() for tick in ax.get_yticklabels()]
        assert names == ["a − b", "a − c", "b − c"]
        bottom, top = ax.get_ylim()
        assert bottom > 2 and top < 0
        clear, null = drawn(ax).values()
        assert clear[0] == approx([[3, 0]]) and null[0][0] == approx([2, 1])
        assert clear[1][0] == approx([[2, 0], [4, 0]])
        assert null[0][1] == approx([-1, 2])  # which has no interval
        assert ax.lines[0].get_xdata() == [0, 0]

    def test_fills_what_leaves_zero_out_after_the_correction(self):
        fig = plots.forest(DIFFERENCES)
        clear, null = (series[0] for series in fig.axes[0].containers)
        assert clear.get_markerfacecolor() == clear.get_color()
        assert null.get_markerfacecolor() == "white"
        labels = [text.get_text() for text in fig.legends[0].get_texts()]
        assert labels == ["not zero, with Holm's correction", "may be zero"]

    def test_goes_by_the_interval_where_nothing_is_corrected(self):
        table = DIFFERENCES.drop(columns="p_holm")
        (ax,) = plots.forest(table, "seconds", scale=1).axes
        clear = drawn(ax)["not zero, by its interval"]
        assert clear[0] == approx([[0.03, 0], [0.02, 1]])
        assert ax.get_xlabel() == "seconds"


class TestFront:
    def test_draws_means_with_the_intervals_of_the_studies(self):
        fig = plots.front(RUNS, "macs", "accuracy", "net", ylabel="share")
        (ax,) = fig.axes
        for net, (points, (ends,)) in drawn(ax).items():
            own = RUNS[RUNS["net"] == net]
            mean, half = study.interval(own["accuracy"])
            cost = own["macs"].mean()
            assert points == approx([[cost, mean]])
            assert ends == approx([[cost, mean - half], [cost, mean + half]])
        labels = [text.get_text() for text in fig.legends[0].get_texts()]
        assert labels == ["a", "b", "c"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("macs", "share")
        assert ax.get_xscale() == "log"

    def test_joins_the_points_that_nothing_dominates(self):
        (ax,) = plots.front(RUNS, "macs", "accuracy", "net").axes
        steps = ax.lines[0].get_xydata().tolist()
        assert steps == approx([[1e6, 0.75], [4e6, 0.85]])

    def test_of_equal_cost_only_the_best_is_on_it(self):
        runs = RUNS.assign(macs=1e6)
        (ax,) = plots.front(runs, "macs", "accuracy", "net").axes
        assert ax.lines[0].get_xydata().tolist() == approx([[1e6, 0.85]])

    def test_has_a_point_for_each_combination(self):
        runs = pd.concat([RUNS.assign(half=False), RUNS.assign(half=True)])
        (ax,) = plots.front(runs, "macs", "accuracy", "half", ["net"]).axes
        points = drawn(ax)
        assert [len(series[0]) for series in points.values()] == [3, 3]

    def test_tells_arms_apart_by_colour_and_by_marker(self):
        (ax,) = plots.front(RUNS, "macs", "accuracy", "net").axes
        lines = [series[0] for series in ax.containers]
        assert len({line.get_color() for line in lines}) == 3
        assert len({line.get_marker() for line in lines}) == 3

    def test_takes_the_colours_that_it_is_given(self):
        colors = {"c": "#000000", "a": "#111111", "b": "#222222"}
        (ax,) = plots.front(
            RUNS, "macs", "accuracy", "net", colors=colors
        ).axes
        found = {s.get_label(): s[0].get_color() for s in ax.containers}
        assert found == colors and list(found) == list(colors)

    def test_writes_costs_short(self):
        fig = plots.front(RUNS, "macs", "accuracy", "net")
        fig.canvas.draw()
        low, high = fig.axes[0].get_xlim()
        ticks = fig.axes[0].xaxis.get_major_ticks()
        texts = [
            t.label1.get_text() for t in ticks if low < t.get_loc() < high
        ]
        assert texts == ["1M", "1.5M", "2M", "3M"]

    def test_refuses_what_it_cannot_draw(self):
        with pytest.raises(ValueError, match="every macs above zero"):
            plots.front(RUNS.assign(macs=0), "macs", "accuracy", "net")
        many = RUNS.iloc[[0] * 7].assign(net=range(7))
        with pytest.raises(ValueError, match="7 levels, but only 6"):
            plots.front(many, "macs", "accuracy", "net")
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

    def test_type_is_larger_inside_narrow_alone(self):
        before = plt.rcParams["xtick.labelsize"]
        with plots.narrow():
            assert plt.rcParams["xtick.labelsize"] == plt.rcParams["font.size"]
            assert plt.rcParams["font.size"] == 10
        assert plt.rcParams["xtick.labelsize"] == before
