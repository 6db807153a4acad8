"""Images per second, taken in the same way whoever trains."""

import contextlib
import math
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from d2l import torch as d2l
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.data import ImageData


class Classifier(d2l.Classifier):
    """A network with the loss and the optimiser of d2l's book.

    That is SGD at a constant rate, without momentum and weight decay.
    Nothing is plotted.
    """

    def __init__(self, net: nn.Module, lr: float = 0.05) -> None:
        super().__init__()
        self.lr = lr
        self.net = net
        self.board.display = False


def take_step(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    X: Tensor,
    y: Tensor,
    dtype: torch.dtype,
) -> None:
    """Train on one batch by hand, forward in `dtype`, the loss in float32."""
    mixed = dtype != torch.float32
    with torch.autocast(X.device.type, dtype, enabled=mixed):
        logits = net(X)
    loss = F.cross_entropy(logits.float(), y)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


class Stopwatch:
    """The first batches of a loader, and the seconds they took.

    The time runs from the batch ``warm_up`` to the last one, each at the
    moment when it is handed out: what lies between is the training on
    all of these batches but the last, and the loading of the next ones.
    The start of a loader's processes is not in it.
    """

    def __init__(
        self,
        loader: Iterable,
        batches: int,
        warm_up: int,
        device: torch.device,
    ) -> None:
        if not 0 <= warm_up < batches - 1:
            raise ValueError("warm_up must leave two batches or more")
        self.loader = loader
        self.batches = batches
        self.warm_up = warm_up
        self.device = device
        self.seconds = math.nan

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator:
        start = math.nan
        for i, batch in zip(range(self.batches), self.loader, strict=False):
            if i == self.warm_up:
                start = self._now()
            if i == self.batches - 1:
                self.seconds = self._now() - start
            yield batch

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @property
    def steps(self) -> int:
        """Return how many steps of training the seconds cover."""
        return self.batches - 1 - self.warm_up


class TimedData:
    """A data module whose training batches pass a stopwatch.

    It has no test images, so that training is all that is done.
    """

    def __init__(self, data: d2l.DataModule, batches: int, warm_up: int):
        device = getattr(data, "device", torch.device("cpu"))
        self._data = data
        self._loader = Stopwatch(
            data.train_dataloader(), batches, warm_up, device
        )

    def __getattr__(self, name: str) -> object:
        return getattr(self._data, name)

    def train_dataloader(self) -> Stopwatch:
        return self._loader

    def val_dataloader(self) -> None:
        return None

    @property
    def images_per_second(self) -> float:
        """Return the speed of the training that has just ended."""
        return self._loader.steps * self.batch_size / self._loader.seconds


def d2l_data(ours: ImageData, batch_size: int, side: int) -> d2l.FashionMNIST:
    """Return ``d2l.FashionMNIST`` on the images of ``ours``, not downloaded.

    d2l reads the official files from ``../data``. They are written there
    from our tensors, in a folder that is gone afterwards.
    """
    parts = {
        "train-images-idx3-ubyte": ours.train_images,
        "train-labels-idx1-ubyte": ours.train_labels,
        "t10k-images-idx3-ubyte": ours.test_images,
        "t10k-labels-idx1-ubyte": ours.test_labels,
    }
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "data", "FashionMNIST", "raw")
        raw.mkdir(parents=True)
        for name, values in parts.items():
            (raw / name).write_bytes(_idx(values))
        Path(folder, "here").mkdir()
        with contextlib.chdir(Path(folder, "here")):
            return d2l.FashionMNIST(batch_size, resize=(side, side))


def _idx(values: Tensor) -> bytes:
    """Return whole numbers below 256 in the format of the MNIST files."""
    values = values.squeeze().to("cpu", torch.uint8)
    shape = struct.pack(f">{values.dim()}I", *values.shape)
    return bytes([0, 0, 8, values.dim()]) + shape + values.numpy().tobytes()
