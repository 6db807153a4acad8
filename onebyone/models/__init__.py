"""The networks that the chapters teach, one module per chapter."""

from onebyone.models.nin import (
    compact_nin,
    initialise,
    load_compact_nin,
    nin,
    nin_block,
    with_batch_norm,
)

__all__ = [
    "compact_nin",
    "initialise",
    "load_compact_nin",
    "nin",
    "nin_block",
    "with_batch_norm",
]
