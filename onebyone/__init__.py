"""Companion package of *One by One: the building blocks of modern CNNs*.

The lab equipment of the book (data, training, cost counting, plots) and
the networks that its chapters teach.
"""

try:
    import d2l.torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name not in ("d2l", "d2l.torch"):
        raise
    raise ModuleNotFoundError(
        "onebyone needs d2l 1.0.3, which is installed without its outdated "
        "pins: pip install --no-deps d2l==1.0.3",
        name="d2l",
    ) from None

from onebyone import models, plots
from onebyone.cost import (
    activation_bytes,
    flops,
    layer_table,
    macs,
    parameters,
)
from onebyone.data import DataUnavailable, FashionMNIST, Letters, load_data
from onebyone.tables import table
from onebyone.training import History, Trainer, evaluate, predict

__version__ = "0.1.0"

__all__ = [
    "DataUnavailable",
    "FashionMNIST",
    "History",
    "Letters",
    "Trainer",
    "activation_bytes",
    "evaluate",
    "flops",
    "layer_table",
    "load_data",
    "macs",
    "models",
    "parameters",
    "plots",
    "predict",
    "table",
]
