"""Images, feature maps, confusions and curves."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onebyone.plots.style import INK, SMALL, WIDTH, line_styles


def images(
    X: torch.Tensor | np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 8,
) -> Figure:
    """Show a batch of images in rows of ``columns``.

    Args:
        X: (B, 1, H, W) or (B, H, W) in grey, (B, 3, H, W) in colour, of
            any numbers: the smallest of the batch is black, the largest
            white.
        titles: one for each image, written above it.
        columns: images in a row.
    """
    X = _array(X)
    if X.ndim == 4:
        X = X.transpose(0, 2, 3, 1)
    low, high = X.min(), X.max()
    X = (X - low) / max(high - low, 1e-12)
    fig, axes = _grid(len(X), columns, titles)
    for ax, image in zip(axes, X, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    return fig


def feature_maps(
    maps: torch.Tensor | np.ndarray,
    titles: Sequence[str] | None = None,
    columns: int = 8,
) -> Figure:
    """Show the channels of one feature map, all on one scale.

    Args:
        maps: (C, H, W) or (1, C, H, W). Where there are negative values,
            blue is below zero and red above it.
        titles: one for each channel; "channel 0", "channel 1", ...
            without.
        columns: channels in a row.
    """
    maps = _array(maps)
    if maps.ndim == 4:
        (maps,) = maps
    if titles is None:
        titles = [f"channel {c}" for c in range(len(maps))]
    largest = np.abs(maps).max()
    has_signs = maps.min() < 0
    low, colors = (-largest, "RdBu_r") if has_signs else (0, "viridis")
    fig, axes = _grid(len(maps), columns, titles)
    for ax, channel in zip(axes, maps, strict=True):
        picture = ax.imshow(channel, cmap=colors, vmin=low, vmax=largest)
    bar = fig.colorbar(picture, ax=axes, shrink=0.8, pad=0.02, aspect=30)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    return fig


def _array(values: torch.Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().float().numpy()
    return np.asarray(values, dtype=np.float32)


def _grid(
    count: int, columns: int, titles: Sequence[str] | None
) -> tuple[Figure, list[Axes]]:
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} pictures need as many titles")
    columns = min(count, columns)
    rows = ceil(count / columns)
    cell = min(WIDTH / columns, 1.5)
    height = cell + (0.2 if titles is not None else 0)
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(cell * columns, height * rows),
        layout="constrained",
        squeeze=False,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    used = list(axes.flat)[:count]
    for ax, title in zip(used, titles or (), strict=False):
        ax.set_title(title, fontsize=SMALL, loc="center", pad=3)
    return fig, used


def confusion(
    actual: torch.Tensor | Sequence[int],
    predicted: torch.Tensor | Sequence[int],
    class_names: Sequence[str],
) -> Figure:
    """Show which classes are taken for which.

    The colour of a square is its share of the row, of all images of one
    actual class; the number in it counts the images. Zeros are not
    written, and with more than 20 classes no numbers.

    Args:
        actual, predicted: class indices, one for each image.
        class_names: the names that belong to the indices.
    """
    classes = len(class_names)
    pairs = torch.as_tensor(actual) * classes + torch.as_tensor(predicted)
    counts = pairs.cpu().bincount(minlength=classes**2).numpy()
    counts = counts.reshape(classes, classes)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)

    fig, ax = plt.subplots(figsize=(6, 5.2), layout="constrained")
    picture = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("actual class")
    ax.set_xticks(range(classes), class_names, rotation=45, ha="right")
    ax.set_yticks(range(classes), class_names)
    ax.tick_params(length=0, labelsize=SMALL if classes <= 20 else 5)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    bar = fig.colorbar(picture, shrink=0.8, label="share of the row")
    bar.outline.set_visible(False)
    if classes <= 20:
        for row, column in np.argwhere(counts):
            color = "white" if shares[row, column] > 0.5 else INK
            ax.text(
                column,
                row,
                f"{counts[row, column]:,}",
                ha="center",
                va="center",
                color=color,
                fontsize=SMALL,
            )
    return fig


def curves(lines: Mapping[str, Any], xlabel: str, ylabel: str) -> Figure:
    """Draw one line for each entry of ``lines``, with a legend.

    Args:
        lines: label -> (x, y), or label -> a ``History``, whose columns
            the axis labels name: "epoch" and "test accuracy", or "step"
            and "loss".
        xlabel, ylabel: what the axes show.

    Raises:
        ValueError: a history has no such columns.
    """
    points = {
        label: _columns(line, xlabel, ylabel)
        if hasattr(line, "frame")
        else line
        for label, line in lines.items()
    }
    fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    ax.set_prop_cycle(line_styles())
    for label, (x, y) in points.items():
        ax.plot(x, y, label=label, marker="o" if len(x) <= 20 else "")
    if all(float(v).is_integer() for x, _ in points.values() for v in x):
        ax.locator_params("x", integer=True)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if len(points) > 1:
        ax.legend()
    return fig


def _columns(
    history: Any, xlabel: str, ylabel: str
) -> tuple[pd.Series, pd.Series]:
    x, y = xlabel.replace(" ", "_"), ylabel.replace(" ", "_")
    for table in (history.frame, history.steps):
        if x in table and y in table:
            return table[x], table[y]
    raise ValueError(
        f"a history has no columns {x} and {y} in one table; "
        f"it has {', '.join(history.frame)}; and {', '.join(history.steps)}"
    )
