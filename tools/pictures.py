"""Draw the pictures that no chapter draws: ``python -m tools.pictures``.

``nin.png``, for the README, is drawn from the model object; ``map.png`` is
the map of the book on its landing page.
"""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onebyone import models, plots
from tools import ROOT

STATIC = ROOT / "book" / "_static"
HEIGHT = 1.0  # of every bar on the map

# name of the block, its bars from left to right, what the 1×1 is in it
BLOCKS = (
    (
        "NiN block",
        ["convolution", "1×1 convolution", "1×1 convolution"],
        "a perceptron\nat every pixel",
    ),
    (
        "global average pooling",
        ["1×1 convolution", "global average pooling"],
        "makes\nthe class maps",
    ),
    ("Inception block", "branches", "cuts the cost of\nlarger kernels"),
    ("residual block", "shortcut", "lets shapes change\non the shortcut"),
)


def bar(ax: Axes, kind: str, x: float, y: float, height: float) -> None:
    """Draw one layer as a bar in the colour of its kind."""
    color = plots.COLORS[kind]
    ax.add_patch(
        plt.Rectangle(
            (x - 0.1, y - height / 2),
            0.2,
            height,
            facecolor=color,
            edgecolor="#333333",
            zorder=4,
        )
    )


def line(ax: Axes, xs: list[float], ys: list[float], head: bool) -> None:
    """Draw a connection, with an arrow head at its end if asked for."""
    ax.plot(xs, ys, color="#777777", lw=1.2, ls="-", zorder=0)
    if head:
        ax.annotate(
            "",
            (xs[-1], ys[-1]),
            (xs[-2], ys[-2]),
            arrowprops={"arrowstyle": "-|>", "color": "#777777"},
        )


def chain(ax: Axes, kinds: list[str], x: float) -> None:
    """Draw layers one after the other, centred at x."""
    start = x - 0.35 * (len(kinds) - 1) / 2
    line(ax, [start - 0.4, start + 0.35 * len(kinds)], [0, 0], head=True)
    for i, kind in enumerate(kinds):
        bar(ax, kind, start + 0.35 * i, 0, HEIGHT)


def branches(ax: Axes, x: float) -> None:
    """Draw four branches, of which three begin or end in a 1×1."""
    lanes = (
        ["1×1 convolution"],
        ["1×1 convolution", "convolution"],
        ["1×1 convolution", "convolution"],
        ["pooling", "1×1 convolution"],
    )
    for lane, y in zip(lanes, (0.6, 0.2, -0.2, -0.6)):
        line(ax, [x - 0.6, x - 0.4, x + 0.4, x + 0.6], [0, y, y, 0], False)
        for i, kind in enumerate(lane):
            bar(ax, kind, x + 0.4 * (i - (len(lane) - 1) / 2), y, 0.3)
    line(ax, [x - 0.75, x - 0.6], [0, 0], head=False)
    line(ax, [x + 0.6, x + 0.85], [0, 0], head=True)


def shortcut(ax: Axes, x: float) -> None:
    """Draw two convolutions, and a 1×1 on the way around them."""
    around = ([x - 0.55, x - 0.55, x + 0.5, x + 0.5], [0, 0.75, 0.75, 0.1])
    line(ax, *around, head=True)
    line(ax, [x - 0.75, x + 0.42], [0, 0], head=True)
    for offset in (-0.25, 0.1):
        bar(ax, "convolution", x + offset, -0.05, 0.9)
    bar(ax, "1×1 convolution", x - 0.07, 0.75, 0.4)
    ax.text(x + 0.5, 0, "+", ha="center", va="center", fontsize=13)
    line(ax, [x + 0.58, x + 0.85], [0, 0], head=True)


def book_map() -> Figure:
    """Draw the five blocks, and what the 1×1 is in four of them."""
    figure, ax = plt.subplots(figsize=(8, 3.6))
    middle, top = 3.3, 2.2
    bar(ax, "1×1 convolution", middle, top, 0.8)
    ax.text(middle, top + 0.5, "1×1 convolution", ha="center", weight="bold")
    for i, (name, content, role) in enumerate(BLOCKS):
        x = 2.2 * i
        line(ax, [middle, x], [top - 0.45, 1.55], head=True)
        ax.text(x, 1.4, role, ha="center", va="top", fontsize=9)
        if content == "branches":
            branches(ax, x)
        elif content == "shortcut":
            shortcut(ax, x)
        else:
            chain(ax, list(content), x)
        ax.text(x, -1.05, name, ha="center", va="top", weight="bold")
    ax.set(xlim=(-1.1, 7.7), ylim=(-1.4, 3))
    ax.axis("off")
    return figure


def main() -> None:
    """Write both pictures into book/_static."""
    plots.use_style()
    pictures = {
        "nin": plots.architecture(models.nin(), (1, 224, 224)),
        "map": book_map(),
    }
    for name, figure in pictures.items():
        figure.savefig(STATIC / f"{name}.png", dpi=200, bbox_inches="tight")


if __name__ == "__main__":
    main()
