"""Draw a network from left to right, in rows as wide as the page."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise
from math import log2, sqrt
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import TextPath
from torch import nn

from onebyone.cost import Shape, layer_table, shape_text
from onebyone.plots.style import COLORS, INK, SMALL, WIDTH


@dataclass
class _Bar:
    """One layer: ``text`` stands in it, ``key`` in the legend."""

    type: str
    key: str
    shape: Shape
    text: str = ""
    in_lane: bool = False

    @property
    def is_sliver(self) -> bool:
        return self.type in ("activation", "normalisation", "dropout")

    @property
    def width(self) -> float:
        if self.is_sliver:
            return 0.045
        return min(0.11 + 0.18 * sqrt(self.shape[0] / 512), 0.8)

    @property
    def height(self) -> float:
        size = self.shape[1] if len(self.shape) > 1 else 1
        height = 0.3 + 0.22 * log2(size)
        return max(0.35 * height, 0.3) if self.in_lane else height


@dataclass
class _Stage:
    """Bars side by side under one name, in a frame if they are a block.

    Lanes are the branches of a block, one below the other; they stand in
    front of the bars, the first of which joins them.
    """

    name: list[str]
    shape: Shape
    bars: list[_Bar]
    frame: str | None = None
    lanes: list[list[_Bar]] = field(default_factory=list)

    @property
    def padding(self) -> float:
        return 0.05 if self.frame else 0

    @property
    def lanes_width(self) -> float:
        if not self.lanes:
            return 0
        longest = max(_lane_width(lane) for lane in self.lanes)
        return longest + 2 * _FAN + _LANE_END

    @property
    def lanes_height(self) -> float:
        heights = [max(bar.height for bar in lane) for lane in self.lanes]
        return sum(heights) + _SPACE * max(len(heights) - 1, 0)

    @property
    def box_width(self) -> float:
        bars = sum(bar.width for bar in self.bars)
        return self.lanes_width + bars + 2 * self.padding

    @property
    def box_height(self) -> float:
        bars = max(bar.height for bar in self.bars)
        return max(self.lanes_height, bars) + 2 * self.padding

    @cached_property
    def width(self) -> float:
        texts = [*self.name, shape_text(self.shape)]
        return max(self.box_width, *map(_text_width, texts))

    @property
    def above(self) -> float:
        """The distance from the middle of the box to the top of its name."""
        return self.box_height / 2 + len(self.name) * _LINE + _SPACE

    @property
    def below(self) -> float:
        """The distance from the middle of the box to below its shape."""
        return self.box_height / 2 + _LINE + _SPACE


def architecture(
    net: nn.Module, input_shape: Shape, title: str | None = None
) -> Figure:
    """Draw the layers of ``net`` from left to right.

    The colour of a box is its type, its width grows with the channels and
    its height with the size of the map; the shape of its output stands
    below it. Layers that change neither channels nor size (activations,
    batch norm, dropout) are slivers behind the layer before them. A block
    of layers in a row is a frame around them. Branches that a block keeps
    in ``branches`` (a ModuleDict) and concatenates are lanes in a frame,
    with lower bars; a number behind each lane is that of its channels, and
    a dark bar is the result. What does not fit into a row goes on in the
    next one.

    Args:
        net: layers and blocks that follow one another; any other block
            with a forward of its own is drawn as one box.
        input_shape: as for :func:`onebyone.layer_table`.
        title: written above the drawing.

    Raises:
        ValueError: ``net`` cannot take this input.
    """
    stages = _stages(net, input_shape)
    rows = _rows(stages)
    keys = _keys(stages)
    above = max(s.above for s in rows[0]) + (0.32 if title else _MARGIN)
    below = max(s.below for s in rows[-1]) + (0.35 if keys else _MARGIN)
    middles = [0.0]
    for upper, lower in pairwise(rows):
        distance = max(s.below for s in upper) + max(s.above for s in lower)
        middles.append(middles[-1] - distance - 2 * _MARGIN)
    height = round(above - middles[-1] + below, 2)

    fig = plt.figure(figsize=(WIDTH, height), layout="none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(above - height, above))
    ax.set_axis_off()
    for row, middle in zip(rows, middles, strict=True):
        _draw_row(ax, row, middle, goes_on=row is not rows[-1])
    if title:
        ax.text(_MARGIN, above - 0.08, title, fontsize=10, va="top")
    if keys:
        patches = [
            Patch(facecolor=COLORS[kind], edgecolor=INK, lw=0.5, label=key)
            for key, kind in keys.items()
        ]
        fig.legend(
            handles=patches,
            loc="lower center",
            ncols=len(patches),
            fontsize=SMALL,
            frameon=False,
            handlelength=1,
            handletextpad=0.5,
            columnspacing=1.5,
            borderaxespad=0.2,
        )
    return fig


# from the network to stages


def _stages(net: nn.Module, input_shape: Shape) -> list[_Stage]:
    if _branches(net):
        net = nn.Sequential(net)
    frame = layer_table(net, input_shape).frame
    calls = frame[frame["output shape"].notna()].to_dict("records")
    modules = dict(net.named_modules())
    prefix = _prefix(net)

    def stage_name(call: dict) -> str:
        inner = call["layer"].removeprefix(prefix)
        return prefix + inner.partition(".")[0]

    shape = tuple(input_shape)
    if len(shape) not in (1, 3):
        shape = shape[1:]
    stages = [_Stage(["input"], shape, [_Bar("input", "", shape)])]
    for name, group in groupby(calls, stage_name):
        layers = [
            (modules.get(call["layer"], net), call["output shape"])
            for call in group
        ]
        stage = _stage(modules.get(name, net), layers)
        if stage.bars[0].is_sliver and not stage.frame:
            stages[-1].bars += stage.bars
        else:
            stages.append(stage)
    return stages


def _prefix(net: nn.Module) -> str:
    """Return what the names of layers have before that of their stage.

    A classifier of d2l holds the whole network in its ``net``.
    """
    children = list(net.named_children())
    if len(children) == 1 and _has_children(children[0][1]):
        name, child = children[0]
        return "" if _branches(child) else f"{name}.{_prefix(child)}"
    return ""


def _has_children(module: nn.Module) -> bool:
    return any(True for _ in module.children())


def _branches(module: nn.Module) -> list[nn.Module]:
    """Return the branches of a block that runs them side by side."""
    branches = getattr(module, "branches", None)
    if isinstance(branches, nn.ModuleDict):
        return list(branches.values())
    return []


def _stage(module: nn.Module, layers: list[tuple[nn.Module, Shape]]) -> _Stage:
    output_shape = layers[-1][1]
    if branches := _branches(module):
        block = _class_name(module)
        joined = _Bar("concatenation", "concatenation", output_shape)
        lanes = [_lane(branch, layers) for branch in branches]
        return _Stage([block], output_shape, [joined], block, lanes)
    if not _has_children(module):
        bar = _bar(module, output_shape)
        return _Stage(_name(module), output_shape, [bar])
    is_chain = all(
        isinstance(part, nn.Sequential) or not _has_children(part)
        for part in module.modules()
    )
    if not is_chain:
        bar = _Bar("other", "", output_shape)
        return _Stage(_name(module), output_shape, [bar])
    bars = [_bar(layer, shape, inside=True) for layer, shape in layers]
    block = _block([layer for layer, _ in layers])
    return _Stage([block], output_shape, bars, frame=block)


def _lane(
    branch: nn.Module, layers: list[tuple[nn.Module, Shape]]
) -> list[_Bar]:
    own = set(branch.modules())
    bars = []
    for layer, shape in layers:
        if layer in own:
            bar = _bar(layer, shape, inside=True)
            bar.in_lane = True
            if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
                bar.text = shape_text(_pair(layer.kernel_size))
            bars.append(bar)
    return bars


def _bar(layer: nn.Module, shape: Shape, inside: bool = False) -> _Bar:
    bar = _Bar(_type(layer), "", shape)
    if bar.is_sliver:
        bar.key = _class_name(layer)
    elif inside:
        bar.key = bar.type
        if isinstance(layer, nn.Conv2d):
            bar.text = shape_text(layer.kernel_size)
    return bar


def _block(layers: list[nn.Module]) -> str:
    kernels = [m.kernel_size for m in layers if isinstance(m, nn.Conv2d)]
    if kernels and kernels[0] != (1, 1) and set(kernels[1:]) == {(1, 1)}:
        return "NiN block"
    return "conv block" if kernels else "block"


def _keys(stages: list[_Stage]) -> dict[str, str]:
    """Return the legend: the types of bars that have no name above."""
    rows = [row for stage in stages for row in (*stage.lanes, stage.bars)]
    bars = [bar for row in rows for bar in row if bar.key]
    bars.sort(key=lambda bar: list(COLORS).index(bar.type))
    return {bar.key: bar.type for bar in bars}


# types and names of layers

_MAX_POOLS = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)
_AVERAGE_POOLS = (nn.AvgPool2d, nn.AdaptiveAvgPool2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def _type(layer: nn.Module) -> str:
    if isinstance(layer, nn.Conv2d):
        is_1x1 = layer.kernel_size == (1, 1)
        return "1×1 convolution" if is_1x1 else "convolution"
    if isinstance(layer, nn.AdaptiveAvgPool2d) and _is_global(layer):
        return "global average pooling"
    if isinstance(layer, _MAX_POOLS + _AVERAGE_POOLS):
        return "pooling"
    if isinstance(layer, nn.Linear):
        return "linear"
    if isinstance(layer, nn.Flatten):
        return "flatten"
    if isinstance(layer, _NORMS):
        return "normalisation"
    if isinstance(layer, nn.Dropout | nn.Dropout2d):
        return "dropout"
    if type(layer).__module__ == nn.ReLU.__module__:
        return "activation"
    return "other"


def _is_global(pool: nn.Module) -> bool:
    return pool.output_size in (1, (1, 1))


def _name(layer: nn.Module) -> list[str]:
    """Return the lines above a box."""
    if isinstance(layer, nn.Conv2d):
        name = ["conv " + shape_text(layer.kernel_size)]
        return name + _stride_line(layer)
    if isinstance(layer, _MAX_POOLS + _AVERAGE_POOLS):
        kind = "max" if isinstance(layer, _MAX_POOLS) else "average"
        if hasattr(layer, "output_size"):
            if _is_global(layer):
                return wrap(f"global {kind} pool", 9)
            size = shape_text(_pair(layer.output_size))
            return wrap(f"{kind} pool to {size}", 9)
        kernel = shape_text(_pair(layer.kernel_size))
        return [kernel, *wrap(f"{kind} pool", 9), *_stride_line(layer)]
    return wrap(_class_name(layer), 9)


def _stride_line(layer: nn.Module) -> list[str]:
    height, width = _pair(layer.stride)
    if (height, width) == (1, 1):
        return []
    stride = height if height == width else f"{height}×{width}"
    return [f"stride {stride}"]


def _class_name(layer: nn.Module) -> str:
    """Return "batch norm" for BatchNorm2d, "ReLU" for ReLU."""
    name = re.sub(r"^Lazy|\dd$", "", type(layer).__name__)
    if re.search("[A-Z]{2}", name):
        return name
    first, *others = re.findall("[A-Z]?[^A-Z]+", name)
    if type(layer).__module__.startswith("torch.nn"):
        first = first.lower()
    return " ".join([first, *map(str.lower, others)])


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


# drawing, in inches

_ARROW = 0.12
_FAN = 0.14  # from one point to the lanes, and back
_LANE_END = 0.27  # holds the channels of a lane
_LONGEST_ARROW = 0.4
_LINE = 0.15
_MARGIN = 0.08
_SPACE = 0.06


def _text_width(text: str) -> float:
    return TextPath((0, 0), text, size=SMALL).vertices[:, 0].max() / 72


def _lane_width(lane: list[_Bar]) -> float:
    return sum(bar.width for bar in lane)


def _rows(stages: list[_Stage]) -> list[list[_Stage]]:
    """Return as few rows as the page allows, all of about one length."""
    room = WIDTH - 2 * _MARGIN
    if _row_width(stages) <= room:
        return [stages]
    room -= _ARROW  # at the end, to the next row
    rows = _fill_rows(stages, room)
    longest = max(stage.width for stage in stages)
    while room > longest:
        room -= 0.1
        tighter = _fill_rows(stages, room)
        if len(tighter) > len(rows):
            break
        rows = tighter
    return rows


def _fill_rows(stages: list[_Stage], room: float) -> list[list[_Stage]]:
    rows: list[list[_Stage]] = [[]]
    for stage in stages:
        if rows[-1] and _row_width([*rows[-1], stage]) > room:
            rows.append([])
        rows[-1].append(stage)
    return rows


def _row_width(row: list[_Stage], arrow: float = _ARROW) -> float:
    return sum(stage.width + arrow for stage in row) - arrow


def _draw_row(
    ax: Axes, row: list[_Stage], middle: float, goes_on: bool
) -> None:
    arrows = max(len(row) - 1 + goes_on, 1)
    spare = WIDTH - 2 * _MARGIN - _row_width(row) - goes_on * _ARROW
    arrow = min(_ARROW + spare / arrows, _LONGEST_ARROW)
    x = (WIDTH - _row_width(row, arrow) - goes_on * arrow) / 2
    end_of_last = x
    for stage in row:
        box = x + (stage.width - stage.box_width) / 2
        if stage is not row[0]:
            _draw_arrow(ax, end_of_last, box, middle)
        _draw_stage(ax, stage, box, middle)
        end_of_last = box + stage.box_width
        x += stage.width + arrow
    if goes_on:
        _draw_arrow(ax, end_of_last, x, middle)


ARROW = {
    "arrowstyle": "-|>,head_width=0.15,head_length=0.3",
    "color": "#777777",
    "linewidth": 0.9,
    "shrinkA": 0,
    "shrinkB": 0,
}


def _draw_arrow(ax: Axes, start: float, end: float, y: float) -> None:
    ax.annotate(
        "",
        (end - 0.02, y),
        (start + 0.02, y),
        arrowprops=ARROW,
    )


def _draw_stage(ax: Axes, stage: _Stage, x: float, middle: float) -> None:
    half = stage.box_height / 2
    center = x + stage.box_width / 2
    if stage.frame:
        color = COLORS.get(stage.frame, COLORS["other"])
        corner = (x, middle - half)
        size = (stage.box_width, 2 * half)
        ax.add_patch(Rectangle(corner, *size, fc=color, alpha=0.25, lw=0))
        ax.add_patch(Rectangle(corner, *size, fc="none", ec=color, lw=1.2))
    left = x + stage.padding
    if stage.lanes:
        _draw_lanes(ax, stage, left, middle)
        left += stage.lanes_width
    for bar in stage.bars:
        _draw_bar(ax, bar, left, middle)
        left += bar.width
    y = middle + half + _SPACE
    for line in reversed(stage.name):
        ax.text(center, y, line, ha="center", fontsize=SMALL)
        y += _LINE
    y = middle - half - _LINE
    shape = shape_text(stage.shape)
    ax.text(center, y, shape, ha="center", fontsize=SMALL, color="#555555")


def _draw_lanes(ax: Axes, stage: _Stage, x: float, middle: float) -> None:
    line: dict[str, Any] = {
        "color": "#777777",
        "linewidth": 0.9,
        "linestyle": "-",
    }
    end = x + stage.lanes_width
    top = middle + stage.lanes_height / 2
    entries = np.linspace(0.4, -0.4, len(stage.lanes)) * stage.bars[0].height
    for lane, entry in zip(stage.lanes, entries, strict=True):
        height = max(bar.height for bar in lane)
        y = top - height / 2
        top -= height + _SPACE
        left = x + _FAN
        ax.plot([x - stage.padding, left], [middle, y], **line)
        for bar in lane:
            _draw_bar(ax, bar, left, y)
            left += bar.width
        out = end - _FAN
        ax.plot([left, out, end], [y, y, middle + entry], **line)
        channels = f"{lane[-1].shape[0]}"
        ax.text(out, y + 0.03, channels, ha="right", fontsize=SMALL)


def _draw_bar(ax: Axes, bar: _Bar, x: float, middle: float) -> None:
    color = COLORS[bar.type]
    corner = (x, middle - bar.height / 2)
    ax.add_patch(
        Rectangle(corner, bar.width, bar.height, fc=color, ec=INK, lw=0.6)
    )
    ax.text(
        x + bar.width / 2,
        middle,
        bar.text,
        rotation=90,
        ha="center",
        va="center",
        fontsize=SMALL,
        color="white" if bar.type == "convolution" else "black",
    )
