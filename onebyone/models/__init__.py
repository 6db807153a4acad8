"""The networks that the chapters teach, one module per chapter."""

from onebyone.models.inception import (
    InceptionBlock,
    compact_inception,
    googlenet,
)
from onebyone.models.nin import (
    compact_nin,
    initialise,
    load_compact_nin,
    nin,
    nin_block,
    with_batch_norm,
)
from onebyone.models.residual import (
    BottleneckBlock,
    ResidualBlock,
    compact_resnet,
    resnet,
)

__all__ = [
    "BottleneckBlock",
    "InceptionBlock",
    "ResidualBlock",
    "compact_inception",
    "compact_nin",
    "compact_resnet",
    "googlenet",
    "initialise",
    "load_compact_nin",
    "nin",
    "nin_block",
    "resnet",
    "with_batch_norm",
]
