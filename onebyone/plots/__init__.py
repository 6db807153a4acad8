"""Pictures of networks and of what they compute, in one visual language.

The colour of a box is its type of layer, its width the number of channels,
its height the size of the map. Colours are those of Okabe and Ito, which
remain distinct with any colour vision. Fonts are matplotlib's own, so that
a figure is the same on every machine.

Every function returns a figure that pyplot knows: end the cell with
``plt.show()``.
"""

from onebyone.plots.architectures import architecture
from onebyone.plots.charts import confusion, curves, feature_maps, images
from onebyone.plots.comparisons import forest, front
from onebyone.plots.stages import stages
from onebyone.plots.style import COLORS, SMALL, WIDTH, narrow, use_style

__all__ = [
    "COLORS",
    "SMALL",
    "WIDTH",
    "architecture",
    "confusion",
    "curves",
    "feature_maps",
    "forest",
    "front",
    "images",
    "narrow",
    "stages",
    "use_style",
]
