"""The one visual language: colours, sizes, lines and fonts."""

from contextlib import AbstractContextManager
from typing import Any

from cycler import Cycler, cycler
from matplotlib import pyplot as plt

COLORS = {
    "input": "#BBBBBB",
    "convolution": "#0072B2",
    "1×1 convolution": "#E69F00",
    "NiN block": "#56B4E9",
    "Inception block": "#009E73",
    "pooling": "#CC79A7",
    "global average pooling": "#009E73",
    "linear": "#D55E00",
    "activation": "#F0E442",
    "normalisation": "#56B4E9",
    "dropout": "#FFFFFF",
    "flatten": "#DDDDDD",
    "concatenation": "#333333",
    "other": "#999999",
}

WIDTH = 7  # inches, with a margin that of the book's column
SMALL = 9  # points, the least that is easy to read: over twelve pixels
INK = "#333333"


def use_style() -> None:
    """Make matplotlib draw in the book's style.

    In notebooks pictures get twice the resolution, and are PNG, which nbval
    does not compare.
    """
    plt.rcParams.update(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": INK,
            "axes.grid": True,
            "axes.labelcolor": INK,
            "axes.prop_cycle": line_styles(),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 10,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            # white, so that figures stay legible on a dark page
            "figure.facecolor": "white",
            "figure.figsize": (WIDTH, 3.5),
            "font.family": "DejaVu Sans",
            "font.size": SMALL,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.6,
            "legend.fontsize": SMALL,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "savefig.facecolor": "white",
            "text.color": INK,
            "xtick.color": INK,
            "xtick.labelsize": SMALL,
            "ytick.color": INK,
            "ytick.labelsize": SMALL,
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("retina")


def narrow() -> AbstractContextManager[None]:
    """Set larger type inside a ``with``, for figures of up to five inches.

    A telephone shows them at about seven tenths of that size, which leaves
    letters of ten points a height of about ten pixels.
    """
    kinds = ("axes.title", "legend.font", "xtick.label", "ytick.label")
    sizes: dict[Any, Any] = {f"{kind}size": 10 for kind in kinds}
    return plt.rc_context({"font.size": 10, **sizes})


def line_styles() -> Cycler:
    """Return styles of lines that differ in colour and in dashes."""
    colors = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", INK]
    dashes = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]
    return cycler(color=colors) + cycler(linestyle=dashes)
