"""Networks beside each other, stage by stage."""

import pytest
import torch
import torchvision
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

import onebyone
from onebyone import plots

COLOUR = (3, 224, 224)


@pytest.fixture(scope="module")
def both():
    with torch.device("meta"):
        nets = {
            "VGG-16": (torchvision.models.vgg16(num_classes=10), COLOUR),
            "NiN": (onebyone.models.nin(in_channels=3), COLOUR),
        }
    with plt.style.context("default"):
        figure = plots.stages(nets)
    yield figure
    plt.close("all")


def texts(figure) -> list[str]:
    return [
        text.get_text() for text in figure.axes[0].texts if text.get_text()
    ]


def test_the_totals_of_published_networks_stand_above_them(both):
    shown = texts(both)
    vgg, nin = shown.index("VGG-16"), shown.index("NiN")
    # 134,301,514 and 15,466,209,280; 2,015,398 and 830,041,864
    assert shown[vgg + 1 : vgg + 3] == ["134 M parameters", "15.5 G MACs"]
    assert shown[nin + 1 : nin + 3] == ["2.02 M parameters", "830 M MACs"]


def test_a_stage_says_its_layers_its_shape_and_what_it_costs(both):
    shown = texts(both)
    first = ["3×3, 64", "3×3, 64", "2×2 max pool"]
    cost = ["64×224×224", "38.7 k par.", "1.94 G MACs"]
    at = shown.index("3×3, 64")
    assert shown[at : at + 6] == first + cost
    at = shown.index("linear, 4,096")
    assert shown[at + 3 : at + 6] == ["4096", "120 M par.", "120 M MACs"]
    at = shown.index("3×3, 10")
    assert shown[at : at + 5] == [
        *("3×3, 10", "1×1, 10", "1×1, 10", "average", "10×5×5")
    ]


def test_every_convolution_and_linear_layer_has_a_bar_of_its_colour(both):
    bars = [p for p in both.axes[0].patches if isinstance(p, Rectangle)]
    colors = [
        plt.matplotlib.colors.to_hex(bar.get_facecolor()) for bar in bars
    ]
    for kind, count in (
        *(("convolution", 13 + 4), ("1×1 convolution", 8)),
        *(("linear", 3), ("pooling", 5 + 3), ("global average pooling", 1)),
    ):
        assert colors.count(plots.COLORS[kind].lower()) == count, kind


def test_its_letters_are_large_enough_and_stand_in_the_picture(both):
    both.canvas.draw()
    frame = both.bbox
    for text in both.axes[0].texts:
        assert text.get_fontsize() >= 10
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text.get_text()


def test_no_text_runs_into_the_next_column(both):
    both.canvas.draw()
    for text in both.axes[0].texts[: len(both.axes[0].texts)]:
        box = text.get_window_extent()
        middle = both.bbox.width / 2
        assert box.x1 <= middle or box.x0 >= middle, text.get_text()


def test_an_input_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError):
        plots.stages({"NiN": (onebyone.models.nin(), COLOUR)})
