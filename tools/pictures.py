"""Draw the pictures that no chapter draws: ``python -m tools.pictures``.

``nin.png``, for the README, is drawn from the model object; ``live.png`` is
what the landing page shows where its widget cannot run; ``card.png`` is what
those who share the book show of it.
"""

import base64
import json
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from onebyone import models, plots
from tools import ROOT
from tools.site.widget_data import GARMENTS

STATIC = ROOT / "book" / "_static"
BOOT = 9  # the last of the ten garments


def boot() -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Return a boot (28, 28), its ten class maps (10, 7, 7), and the names."""
    garments = json.loads(GARMENTS.read_text(encoding="utf-8"))
    raw = base64.b64decode(garments["images"][BOOT])
    image = torch.tensor(list(raw)).reshape(28, 28) / 255
    X = (image - garments["mean"]) / garments["std"]
    with torch.no_grad():
        maps = models.load_compact_nin()[:-2](X[None, None])[0]
    return image, maps, garments["names"]


def live() -> Figure:
    """Draw the boot, and the ten maps behind its scores."""
    image, maps, names = boot()
    figure = plt.figure(figsize=(8, 3.4))
    grid = figure.add_gridspec(2, 7)
    axes = [figure.add_subplot(grid[:, :2])]
    axes[0].imshow(image, cmap="gray")
    most = float(maps.abs().max())
    for k, name in enumerate(names):
        ax = figure.add_subplot(grid[k // 5, 2 + k % 5])
        ax.imshow(maps[k], cmap="RdBu_r", vmin=-most, vmax=most)
        score = f"{float(maps[k].mean()):.1f}".replace("-", "−")
        ax.set_title(f"{name}\n{score}", fontsize=9, loc="center")
        axes.append(ax)
    for ax in axes:
        ax.axis("off")
    return figure


def card() -> Figure:
    """Draw the picture for those who share the book: 1200 by 630 pixels."""
    image, maps, _ = boot()
    figure = plt.figure(figsize=(12, 6.3), facecolor="#15181d", layout="none")
    text: dict[str, Any] = {"color": "#e4e8ec", "va": "top"}
    figure.text(0.06, 0.86, "One by One", size=54, weight="bold", **text)
    figure.text(
        0.06, 0.66, "the building blocks\nof modern CNNs", size=30, **text
    )
    figure.text(0.06, 0.38, "in PyTorch, by hand and checked", size=20, **text)
    ax = figure.add_axes((0.06, 0.1, 0.3, 0.2))
    kinds = ["convolution", *2 * ["1×1 convolution"], "global average pooling"]
    ax.bar(range(4), [1] * 4, 0.6, color=[plots.COLORS[k] for k in kinds])
    ax.axis("off")
    board = figure.add_axes((0.53, 0.36, 0.26, 0.5))
    board.imshow(image, cmap="gray")
    board.axis("off")
    most = float(maps.abs().max())
    order = np.argsort([-float(m.mean()) for m in maps])
    for place, k in enumerate(order[:4]):
        side = figure.add_axes((0.82, 0.745 - 0.2 * place, 0.11, 0.18))
        side.imshow(maps[int(k)], cmap="RdBu_r", vmin=-most, vmax=most)
        side.axis("off")
    return figure


def main() -> None:
    """Write the pictures into book/_static."""
    plots.use_style()
    pictures = {
        "nin": plots.architecture(models.nin(), (1, 224, 224)),
        "live": live(),
    }
    for name, figure in pictures.items():
        figure.savefig(STATIC / f"{name}.png", dpi=200, bbox_inches="tight")
    card().savefig(STATIC / "card.png", dpi=100, facecolor="#15181d")


if __name__ == "__main__":
    main()
