"""Image data for the course, found, verified and kept on the device.

:func:`load_data` gives Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017,
arXiv 1708.07747) or, on request, letters drawn on this machine. Either is a
``d2l.DataModule`` whose images stay on the training device as uint8; every
batch is normalised, resized and augmented there.

Three environment variables steer it:

``ONEBYONE_DATA``
    a folder with the four official files, or one with ``FashionMNIST/raw``
``ONEBYONE_DATASET``
    ``fashion-mnist`` (the default) or ``letters``
``ONEBYONE_PROGRESS``
    ``0`` hides the progress bars
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor

from onebyone.data.fashion_mnist import DataUnavailable, FashionMNIST
from onebyone.data.images import (
    Batches,
    ImageData,
    Splits,
    best_device,
    random_shift,
)
from onebyone.data.letters import Letters

__all__ = [
    "Batches",
    "DataUnavailable",
    "FashionMNIST",
    "ImageData",
    "Letters",
    "Splits",
    "best_device",
    "load_data",
    "random_shift",
]


def load_data(
    batch_size: int = 128,
    resize: int | tuple[int, int] | None = None,
    device: torch.device | str | None = None,
    *,
    augment: Callable[[Tensor], Tensor] | None = None,
    validation: int = 0,
    fraction: float = 1.0,
) -> ImageData:
    """Return Fashion-MNIST, or the letters that ONEBYONE_DATASET asks for.

    The options are those of :class:`ImageData`. Raises
    :class:`DataUnavailable` where Fashion-MNIST cannot be had, and
    ``ValueError`` for an unknown ONEBYONE_DATASET or a bad option.
    """
    choice = os.environ.get("ONEBYONE_DATASET") or FashionMNIST.name
    datasets = {kind.name: kind for kind in (FashionMNIST, Letters)}
    if choice not in datasets:
        known = " or ".join(datasets)
        raise ValueError(
            f"ONEBYONE_DATASET is {choice!r}, but must be {known}"
        )
    return datasets[choice](
        batch_size,
        resize,
        device,
        augment=augment,
        validation=validation,
        fraction=fraction,
    )
