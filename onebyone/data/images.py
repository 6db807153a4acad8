"""Images in classes that stay on one device, and the batches of them."""

import math
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import torch
from d2l import torch as d2l
from torch import Tensor
from torch.nn import functional as F

# four: train images, train labels, test images, test labels
Splits = tuple[Tensor, ...]


class ImageData(d2l.DataModule):
    """Grey images of 28×28 pixels in classes, kept on one device.

    Arguments:
        batch_size: images a batch; the last batch may be shorter.
        resize: side, or (height, width), in pixels to which each batch is
            enlarged or reduced; None leaves 28×28.
        device: where the images live; None takes cuda, mps or else cpu.
        augment: called on every normalised training batch (B, 1, H, W), for
            example :func:`random_shift`.
        validation: number of training images to hold out; `val_dataloader`
            then serves these instead of the test set. The same images are
            held out every time.
        fraction: share of the (remaining) training images of each class to
            keep, at least one image a class.

    Attributes:
        train_images, val_images, test_images: uint8 (N, 1, 28, 28)
        train_labels, val_labels, test_labels: int64 (N,)
        mean, std: of all pixels of the whole training set scaled to [0, 1],
            the same whatever `validation` and `fraction` are
        name, class_names, num_classes: what the classes are called

    Raises ValueError for an option outside its range. A subclass names the
    data set and its classes and says how to `read` them.
    """

    name: str
    class_names: list[str]

    def __init__(
        self,
        batch_size: int = 128,
        resize: int | tuple[int, int] | None = None,
        device: torch.device | str | None = None,
        *,
        augment: Callable[[Tensor], Tensor] | None = None,
        validation: int = 0,
        fraction: float = 1.0,
    ) -> None:
        batch_size = _whole("batch_size", batch_size, at_least=1)
        validation = _whole("validation", validation, at_least=0)
        resize = _height_and_width(resize)
        _check_fraction(fraction)
        super().__init__()
        self.save_hyperparameters()
        self.device = best_device() if device is None else torch.device(device)
        self.num_classes = len(self.class_names)

        with torch.device("cpu"):  # whatever torch.set_default_device says
            images, labels, test_images, test_labels = self.read()
            self.mean, self.std = _pixel_statistics(images)
            train, held_out = _split(labels, validation, fraction)
        self.train_images = images[train].to(self.device)
        self.train_labels = labels[train].to(self.device)
        self.test_images = test_images.to(self.device)
        self.test_labels = test_labels.to(self.device)
        if validation:
            self.val_images = images[held_out].to(self.device)
            self.val_labels = labels[held_out].to(self.device)
        else:
            self.val_images = self.test_images
            self.val_labels = self.test_labels

    def read(self) -> Splits:
        """Return the splits: images uint8 (N, 1, 28, 28), labels int64."""
        raise NotImplementedError

    def get_dataloader(self, train: bool) -> "Batches":
        """Return the batches of the training or the validation images."""
        if train:
            return Batches(
                self, self.train_images, self.train_labels, training=True
            )
        return Batches(self, self.val_images, self.val_labels, training=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn uint8 (B, 1, 28, 28) into float32 (B, 1, H, W) on the device.

        Pixels get mean 0 and standard deviation 1 over the training set,
        then the batch is resized bilinearly, with antialiasing where it
        shrinks, as torchvision does it.
        """
        X = images.to(self.device, torch.float32)
        X = X.sub(255 * self.mean).div_(255 * self.std)
        if self.resize is None:
            return X
        shrinks = any(
            new < old
            for new, old in zip(self.resize, X.shape[-2:], strict=True)
        )
        return F.interpolate(
            X, size=self.resize, mode="bilinear", antialias=shrinks
        )

    def text_labels(self, indices: Tensor | list[int]) -> list[str]:
        """Return the class names of a sequence of class indices."""
        return [self.class_names[int(index)] for index in indices]


class Batches:
    """Batches of images, gathered and normalised on the data's device.

    Iterating yields X float32 (B, 1, H, W) and y int64 (B,), any number of
    times. Training batches come in a new order each time, taken from torch's
    global CPU generator (`torch.manual_seed` repeats it), and are augmented.
    """

    def __init__(
        self,
        data: ImageData,
        images: Tensor,
        labels: Tensor,
        training: bool,
    ) -> None:
        self.data = data
        self.images = images
        self.labels = labels
        self.training = training

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.data.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.labels)
        if self.training:
            order = torch.randperm(count, device="cpu")
        else:
            order = torch.arange(count)
        order = order.to(self.labels.device)
        for chosen in order.split(self.data.batch_size):
            X = self.data.normalise(self.images.index_select(0, chosen))
            if self.training and self.data.augment is not None:
                X = self.data.augment(X)
            yield X, self.labels.index_select(0, chosen)


def random_shift(pixels: int) -> Callable[[Tensor], Tensor]:
    """Return an augmentation that moves each image by up to `pixels`.

    Down or up and right or left, independently; what comes in from outside
    is as dark as the darkest pixel of the batch (B, C, H, W). The moves come
    from torch's global CPU generator.
    """
    pixels = _whole("pixels", pixels, at_least=1)

    def shift(X: Tensor) -> Tensor:
        count, _, height, width = X.shape
        down, right = torch.randint(
            0, 2 * pixels + 1, (2, count, 1), device="cpu"
        ).to(X.device)
        rows = down + torch.arange(height, device=X.device)  # (B, H)
        columns = right + torch.arange(width, device=X.device)  # (B, W)
        black = X.amin()
        padded = F.pad(X - black, [pixels] * 4) + black
        image = torch.arange(count, device=X.device)[:, None, None]
        moved = padded.permute(0, 2, 3, 1)[
            image, rows[:, :, None], columns[:, None, :]
        ]
        return moved.permute(0, 3, 1, 2)

    return shift


def best_device() -> torch.device:
    """Return cuda or mps where there is one, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _whole(option: str, value: Any, at_least: int) -> int:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < at_least:
        raise ValueError(
            f"{option} must be a whole number of at least {at_least}, "
            f"not {value!r}"
        )
    return int(value)


def _check_fraction(fraction: float) -> None:
    if not isinstance(fraction, Real) or not 0 < fraction <= 1:
        raise ValueError(
            f"fraction must be above 0 and at most 1, not {fraction!r}"
        )


def _height_and_width(resize: object) -> tuple[int, int] | None:
    if resize is None:
        return None
    size = resize if isinstance(resize, tuple | list) else (resize, resize)
    if len(size) != 2:
        raise ValueError(
            f"resize must be a side or (height, width), not {resize!r}"
        )
    height, width = (_whole("resize", side, at_least=1) for side in size)
    return height, width


def _pixel_statistics(images: Tensor) -> tuple[float, float]:
    """Return mean and standard deviation of uint8 pixels scaled to [0, 1]."""
    # whole numbers add up alike on every machine; chunks bound the memory
    counts = torch.zeros(256, dtype=torch.int64)
    for chunk in images.split(10_000):
        counts += torch.bincount(chunk.flatten(), minlength=256)
    level = torch.arange(256, dtype=torch.float64) / 255
    share = counts / counts.sum(dtype=torch.float64)
    mean = (share * level).sum()
    variance = (share * (level - mean) ** 2).sum()
    return mean.item(), variance.sqrt().item()


def _split(
    labels: Tensor, validation: int, fraction: float
) -> tuple[Tensor, Tensor]:
    """Return the indices of the training and of the held-out images."""
    count = len(labels)
    if validation >= count:
        raise ValueError(
            f"validation must leave some of the {count} training images, "
            f"not hold out {validation}"
        )
    always_the_same = torch.Generator().manual_seed(0)
    order = torch.randperm(count, generator=always_the_same)
    train, held_out = order[: count - validation], order[count - validation :]
    if fraction < 1:
        classes = [train[labels[train] == c] for c in labels.unique()]
        train = torch.cat(
            [of[: max(1, round(fraction * len(of)))] for of in classes]
        )
    return train.sort().values, held_out.sort().values
