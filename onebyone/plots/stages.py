"""Draw networks beside each other, from top to bottom, stage by stage."""

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import nn

from onebyone.cost import Shape, layer_table, shape_text
from onebyone.plots.architectures import ARROW, _pair, _type
from onebyone.plots.style import COLORS, INK

# in inches
_COLUMN = 2.6
_BAR = 1.15
_LINE = 0.21
_PADDING = 0.07
_GAP = 0.13
_TITLE = 0.72
SIZE = 10  # points, which a telephone shows at about 70 % of their size


@dataclass
class _Stage:
    """Layers up to a pooling; ``bars`` are the kind and the text of each."""

    bars: list[tuple[str, str]]
    shape: Shape
    parameters: int
    macs: int

    @property
    def height(self) -> float:
        return _LINE * max(len(self.bars), 3) + 2 * _PADDING


def stages(nets: Mapping[str, tuple[nn.Module, Shape]]) -> Figure:
    """Draw each network as a column of stages, the input at the top.

    A stage ends with a max pooling. Its layers are bars, each with its
    kernel and its channels, and beside them stand the shape that the first
    of them makes, its parameters and its multiply-accumulates (MACs) for one
    image. Layers without a parameter that keep the shape are left out.

    Args:
        nets: network and input shape by name, as for
            :func:`onebyone.layer_table`.

    Raises:
        ValueError: a network cannot take its input.
    """
    columns = {
        name: _stages(net, shape) for name, (net, shape) in nets.items()
    }
    heights = [
        sum(stage.height + _GAP for stage in column)
        for column in columns.values()
    ]
    width, height = _COLUMN * len(columns), _TITLE + max(heights)
    fig = plt.figure(figsize=(width, round(height, 2)), layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(-height, 0))
    ax.set_axis_off()
    for i, (name, column) in enumerate(columns.items()):
        _draw_column(ax, name, column, i * _COLUMN + 0.05)
    return fig


def _stages(net: nn.Module, input_shape: Shape) -> list[_Stage]:
    frame = layer_table(net, input_shape).frame
    calls = frame[frame["output shape"].notna()].to_dict("records")
    modules = dict(net.named_modules())
    found, own = [], []
    for call in calls:
        own.append(call)
        if call["type"] == "MaxPool2d" or call is calls[-1]:
            found.append(_stage(own, modules))
            own = []
    return found


def _stage(calls: list[dict], modules: dict[str, nn.Module]) -> _Stage:
    bars, shapes = [], []
    for call in calls:
        layer, shape = modules[call["layer"]], call["output shape"]
        if text := _text(layer, shape):
            bars.append((_type(layer), text))
            shapes.append(shape)
    return _Stage(
        bars,
        shapes[0],
        sum(call["parameters"] for call in calls),
        sum(call["MACs"] for call in calls),
    )


def _text(layer: nn.Module, shape: Shape) -> str:
    """Return what stands in a layer's bar; nothing for one without a bar."""
    if isinstance(layer, nn.Conv2d):
        return f"{shape_text(layer.kernel_size)}, {shape[0]}"
    if isinstance(layer, nn.Linear):
        return f"linear, {shape[0]:,}"
    if isinstance(layer, nn.MaxPool2d):
        return f"{shape_text(_pair(layer.kernel_size))} max pool"
    if _type(layer) == "global average pooling":
        return "average"
    return ""


def _short(count: int) -> str:
    """Return 1.39 G for 1,387,266,048: three digits and a prefix."""
    for size, prefix in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= size:
            digits = 3 - len(str(count // size))
            return f"{count / size:.{digits}f}{prefix}"
    return f"{count}"


def _draw_column(ax: Axes, name: str, column: list[_Stage], x: float) -> None:
    parameters = sum(stage.parameters for stage in column)
    macs = sum(stage.macs for stage in column)
    ax.text(x, -0.22, name, fontsize=SIZE + 2, fontweight="bold")
    ax.text(x, -0.42, f"{_short(parameters)} parameters", fontsize=SIZE)
    ax.text(x, -0.62, f"{_short(macs)} MACs", fontsize=SIZE)
    top = -_TITLE
    middle = x + _PADDING + _BAR / 2
    for stage in column:
        _draw_stage(ax, stage, x, top)
        top -= stage.height + _GAP
        if stage is not column[-1]:
            ends = (middle, top), (middle, top + _GAP)
            ax.annotate("", *ends, arrowprops=ARROW)


def _draw_stage(ax: Axes, stage: _Stage, x: float, top: float) -> None:
    mixes = any(kind == "1×1 convolution" for kind, _ in stage.bars)
    color = COLORS["NiN block" if mixes else "flatten"]
    size = (_BAR + 2 * _PADDING, -stage.height)
    ax.add_patch(Rectangle((x, top), *size, fc=color, alpha=0.35, lw=0))
    y = top - _PADDING
    for kind, text in stage.bars:
        corner = (x + _PADDING, y)
        ax.add_patch(
            Rectangle(corner, _BAR, -_LINE, fc=COLORS[kind], ec=INK, lw=0.6)
        )
        ax.text(
            x + _PADDING + _BAR / 2,
            y - _LINE / 2,
            text,
            ha="center",
            va="center_baseline",
            fontsize=SIZE,
            color="white" if kind == "convolution" else "black",
        )
        y -= _LINE
    lines = (
        shape_text(stage.shape),
        f"{_short(stage.parameters)} par.",
        f"{_short(stage.macs)} MACs",
    )
    for i, line in enumerate(lines):
        y = top - _PADDING - (i + 0.5) * _LINE
        left = x + size[0] + 0.08
        ax.text(left, y, line, va="center_baseline", fontsize=SIZE)
