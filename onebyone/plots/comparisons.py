"""Comparisons of what several seeds measured: a forest plot and a front.

Both are narrow, so that their labels can be read on a telephone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy import special

from onebyone.plots.style import COLORS, INK, line_styles

NARROW = 4.8  # inches
LABEL = 10  # points, which a telephone shows at about 70 % of their size
MARKERS = "osD^vP"  # one with each of the colours of lines


def forest(
    table: pd.DataFrame,
    xlabel: str = "difference in percentage points",
    label: str = "pair",
    scale: float = 100,
) -> Figure:
    """Draw one difference a row with its interval, and a line at zero.

    Filled squares are differences that leave zero out: by "p_holm" below
    0.05 where the table has it, by their interval otherwise. The others are
    hollow.

    Args:
        table: the columns ``label``, "mean", "low" and "high", as
            :func:`onebyone.study.compare_all` returns them; the first row
            is drawn at the top. Without an interval, nan, the mean is drawn
            alone.
        xlabel: what the differences are, and in which unit.
        label: the column of the names.
        scale: by what to multiply: 100 makes percentage points of values
            between 0 and 1, 1 leaves the unit as it is.
    """
    mean, low, high = (scale * table[name] for name in ("mean", "low", "high"))
    corrected = "p_holm" in table
    clear = table["p_holm"] < 0.05 if corrected else (low > 0) | (high < 0)
    rows = np.arange(len(table))
    height = 0.9 + 0.27 * len(table)
    fig, ax = plt.subplots(figsize=(NARROW, height), layout="constrained")
    ax.axvline(0, color=INK, linewidth=1)
    test = "with Holm's correction" if corrected else "by its interval"
    for chosen, face, text in (
        (clear, COLORS["convolution"], f"not zero, {test}"),
        (~clear, "white", "may be zero"),
    ):
        if chosen.any():
            ax.errorbar(
                mean[chosen],
                rows[chosen],
                xerr=[(mean - low)[chosen], (high - mean)[chosen]],
                color=COLORS["convolution"],
                linestyle="",
                marker="s",
                markerfacecolor=face,
                capsize=3,
                label=text,
            )
    ax.set_yticks(rows, table[label])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    _finish(fig, xlabel, columns=2)
    return fig


def front(
    runs: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    points: Sequence[str] = (),
    xlabel: str | None = None,
    ylabel: str | None = None,
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Draw mean values with intervals against cost, and what is best for it.

    The grey steps join the points that are not dominated: no other point
    has as high a mean at no more cost. Intervals play no part in that.

    Args:
        runs: one run a row, as :func:`onebyone.study.load` returns them.
        x: a cost, such as "macs", "parameters" or "cpu_seconds"; its mean
            over the seeds is drawn, on a logarithmic axis.
        y: what to gain, such as "test_accuracy"; the mean over the seeds
            with its 95 % t-interval, see :func:`onebyone.study.interval`.
        by: the factor that colour and marker tell apart, at most six
            levels of it.
        points: further factors; each combination is a point of its own.
        xlabel, ylabel: what the axes show; the names of the columns unless
            given.
        colors: of the levels, in the order of the legend; those of lines
            unless given.

    Raises:
        ValueError: there are more levels than markers, or a cost is not
            above zero.
    """
    arms = list(colors or runs[by].unique())
    if len(arms) > len(MARKERS):
        raise ValueError(
            f"{by} has {len(arms)} levels, but only {len(MARKERS)} can be "
            "told apart: choose among the runs"
        )
    groups = runs.groupby([by, *points], sort=False)
    means = groups[[x, y]].mean()
    if not (means[x] > 0).all():
        raise ValueError(f"a logarithmic axis needs every {x} above zero")
    quantile = special.stdtrit(groups[y].count() - 1, 0.975)
    means["half"] = quantile * groups[y].sem()

    fig, ax = plt.subplots(figsize=(NARROW, 4.2), layout="constrained")
    best = _not_dominated(means, x, y)
    ax.step(best[x], best[y], where="post", color=COLORS["other"], zorder=1)
    for arm, style, marker in zip(arms, line_styles(), MARKERS, strict=False):
        own = means[means.index.get_level_values(by) == arm]
        ax.errorbar(
            own[x],
            own[y],
            own["half"],
            color=(colors or {}).get(arm, style["color"]),
            linestyle="",
            marker=marker,
            capsize=3,
            label=arm,
        )
    ax.set_xscale("log")
    _label_costs(ax.xaxis, means[x].max() / means[x].min())
    ax.set_ylabel(ylabel or y.replace("_", " "), fontsize=LABEL)
    title = by.replace("_", " ")
    _finish(fig, xlabel or x.replace("_", " "), columns=3, title=title)
    return fig


def _not_dominated(means: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the rows that are better than all that cost no more."""
    ordered = means.sort_values([x, y], ascending=[True, False])
    before = ordered[y].cummax().shift(fill_value=-np.inf)
    return ordered[ordered[y] > before]


def _label_costs(axis: Axis, span: float) -> None:
    subs = (1, 1.5, 2, 3, 5, 7) if span < 6 else (1, 2, 5)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda cost, _: _short(cost)))


def _short(cost: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if cost >= size:
            return f"{cost / size:g}{letter}"
    return f"{cost:g}"


def _finish(
    fig: Figure, xlabel: str, columns: int, title: str | None = None
) -> None:
    (ax,) = fig.axes
    ax.set_xlabel(xlabel, fontsize=LABEL)
    ax.tick_params(labelsize=LABEL)
    fig.legend(
        loc="outside lower center",
        ncols=columns,
        title=title,
        fontsize=LABEL,
        title_fontsize=LABEL,
    )
