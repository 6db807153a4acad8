"""What a recipe may add to plain training: the usual tricks, one by one."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from onebyone import Trainer
from onebyone.data import ImageData, random_shift
from onebyone.data.images import Batches
from onebyone.study.engine.harness import TrainingPart

# --- Images -----------------------------------------------------------------


def random_flip(X: Tensor) -> Tensor:
    """Mirror about half of the images (B, C, H, W), left to right."""
    chosen = torch.rand(len(X), 1, 1, 1) < 0.5
    return torch.where(chosen.to(X.device), X.flip(3), X)


def random_erase(side: int) -> Callable[[Tensor], Tensor]:
    """Return an augmentation that blanks a square of each image.

    The square has `side` pixels a side, lies anywhere within the image
    (B, C, H, W), and becomes 0, the mean of all training pixels.
    DeVries and Taylor 2017, arXiv:1708.04552, call it cutout.
    """

    def erase(X: Tensor) -> Tensor:
        count, _, height, width = X.shape
        inside = []
        for size in (height, width):
            start = torch.randint(0, size - side + 1, (count, 1))
            place = torch.arange(size)
            inside.append((start <= place) & (place < start + side))
        square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return X.masked_fill(square.to(X.device), 0)

    return erase


ALTERNATING = "alternating flip"  # see AlternatingFlips
AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "flip": random_flip,
    "shift": random_shift(2),
    "crop": random_shift(1),
    "erase": random_erase(8),
}


def augmentation(names: str) -> Callable[[Tensor], Tensor] | None:
    """Return what the names, such as "flip and crop", do to a batch.

    They are those of ``AUGMENTATIONS``, in the order in which they happen;
    ``ALTERNATING`` is left to :class:`AlternatingFlips`, and "none" does
    nothing.
    """
    steps = [
        AUGMENTATIONS[name]
        for name in names.split(" and ")
        if name not in ("none", ALTERNATING)
    ]
    if not steps:
        return None
    return lambda X: reduce(lambda batch, step: step(batch), steps, X)


class AlternatingFlips(TrainingPart):
    """Training images of which each is mirrored in every second epoch.

    Which half of them begins mirrored is drawn from torch's global CPU
    generator. Jordan 2024, arXiv:2404.00498, has the idea.
    """

    def __init__(self, data: ImageData) -> None:
        super().__init__(data)
        chosen = torch.rand(len(data.train_labels), 1, 1, 1) < 0.5
        self._mirrored = chosen.to(data.device)

    def train_dataloader(self) -> "AlternatingFlips":
        return self

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self._mirrored = ~self._mirrored
        return iter(self._batches())

    def _batches(self) -> Batches:
        plain = self._data.train_images
        images = torch.where(self._mirrored, plain.flip(3), plain)
        return Batches(self._data, images, self._data.train_labels, True)


# --- Loss and weights -------------------------------------------------------


class RecipeTrainer(Trainer):
    """A trainer with label smoothing and a moving average of the weights.

    Arguments, besides those of `Trainer`:
        smoothing: what each target gives away, to all classes alike
            (Szegedy et al. 2016, arXiv:1512.00567).
        averaging: share of itself that the average keeps in a step; the
            statistics of batch norm are averaged like the weights. 0 keeps
            no average.

    Attributes:
        average: after training, the network with the averaged weights; None
            if there are none.
    """

    def __init__(
        self, max_epochs: int, *, smoothing: float, averaging: float, **options
    ) -> None:
        super().__init__(max_epochs, **options)
        self.smoothing, self.averaging = smoothing, averaging
        self._averaged: AveragedModel | None = None

    def prepare_model(self, model: nn.Module) -> None:
        super().prepare_model(model)
        if self.smoothing:
            self.loss = partial(
                F.cross_entropy, label_smoothing=self.smoothing
            )
        if self.averaging:
            self._averaged = AveragedModel(
                model,
                multi_avg_fn=get_ema_multi_avg_fn(self.averaging),
                use_buffers=True,
            )

    def training_step(self, batch: Iterable[Tensor]) -> None:
        super().training_step(batch)
        if self._averaged is not None:
            self._averaged.update_parameters(self.model)

    @property
    def average(self) -> nn.Module | None:
        if self._averaged is None:
            return None
        return self._averaged.module.eval()


# --- Test -------------------------------------------------------------------


class BothWays(nn.Module):
    """A network that sees each image as it is and mirrored.

    Shapes: (B, C, H, W) -> (B, classes), the mean of the two logits.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, X: Tensor) -> Tensor:
        return (self.net(X) + self.net(X.flip(3))) / 2
