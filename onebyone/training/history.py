"""What a training run did: a table of its epochs and one of its steps."""

import math
from typing import Any, NamedTuple

import pandas as pd
import torch

COLUMNS = {  # of the history, and how each is shown
    "epoch": "{:.0f}",
    "train_loss": "{:.4f}",
    "train_accuracy": "{:.4f}",
    "test_loss": "{:.4f}",
    "test_accuracy": "{:.4f}",
    "seconds": "{:.1f}",
    "images_per_second": "{:,.0f}",
}
RECENT_STEPS = 50  # over which the end of a run is judged


class Step(NamedTuple):
    """One update: mean loss and correct images of its batch, and its lr.

    The first two are tensors until they are read, and floats from then on.
    """

    loss: Any
    correct: Any
    images: int
    lr: float


class History:
    """What a training run did: a table of epochs and a table of steps.

    The columns of the epochs are epoch, train_loss and train_accuracy
    (means over the images of the epoch, while the weights changed),
    test_loss and test_accuracy (exact means over the test set after it),
    seconds (with the evaluation) and images_per_second (training alone).
    The last value of each is an attribute, as in ``history.test_accuracy``;
    it is nan where there is none.

    Attributes:
        stopped: None, or why training ended early: ``"interrupted"`` or
            ``"non-finite loss at step n"``. An epoch that was interrupted
            is not evaluated.
        message: what ``fit`` printed about the end, empty if all was well.
    """

    def __init__(self) -> None:
        self.stopped: str | None = None
        self.message = ""
        self._epochs: list[list[float]] = []
        self._reported = 0  # steps in the epochs that have a row
        self._steps: list[Step] = []
        self._unread: list[Step] = []

    @property
    def frame(self) -> pd.DataFrame:
        """The epochs, one row each."""
        frame = pd.DataFrame(self._epochs, columns=list(COLUMNS))
        return frame.astype({"epoch": int})

    @property
    def steps(self) -> pd.DataFrame:
        """One row per update: step (from 1), loss of its batch, lr."""
        rows = [(n, s.loss, s.lr) for n, s in enumerate(self._steps, start=1)]
        return pd.DataFrame(rows, columns=["step", "loss", "lr"])

    def __getattr__(self, name: str) -> float:
        if name not in COLUMNS:
            raise AttributeError(f"History has no attribute {name!r}")
        if not self._epochs:
            return math.nan
        return self._epochs[-1][list(COLUMNS).index(name)]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *COLUMNS]

    def add_step(self, step: Step) -> None:
        """Note a step whose loss may still be on its way on the device."""
        self._unread.append(step)

    def read_losses(self) -> float:
        """Wait for the losses noted so far; return their mean.

        Sets ``stopped`` at the first loss that is not finite and forgets
        the steps after it.
        """
        unread = self._unread
        if not unread:
            return math.nan
        losses = torch.stack([step.loss for step in unread]).tolist()
        correct = torch.stack([step.correct for step in unread]).tolist()
        self._unread = []  # only now: Ctrl-C may have come while waiting
        for step, loss, count in zip(unread, losses, correct, strict=True):
            self._steps.append(step._replace(loss=loss, correct=count))
            if not math.isfinite(loss):
                self.stopped = f"non-finite loss at step {len(self._steps)}"
                break
        return sum(losses) / len(losses)

    def end_epoch(
        self,
        test_loss: float,
        test_accuracy: float,
        seconds: float,
        training_seconds: float,
    ) -> None:
        """Add the row of an epoch, unless it has no steps."""
        steps = self._steps[self._reported :]
        if not steps or not math.isfinite(steps[-1].loss):
            return
        images = sum(step.images for step in steps)
        self._reported = len(self._steps)
        self._epochs.append(
            [
                len(self._epochs) + 1,
                sum(step.loss * step.images for step in steps) / images,
                sum(step.correct for step in steps) / images,
                test_loss,
                test_accuracy,
                seconds,
                images / training_seconds,
            ]
        )

    def stayed_at_chance(self, classes: int) -> bool:
        """Return whether the last steps did no better than guessing.

        True when their mean loss is within 1 % of ln(classes) and their
        accuracy is near 1/classes. Too short a run is not judged.
        """
        recent = self._steps[-RECENT_STEPS:]
        if len(recent) < 20:
            return False
        images = sum(step.images for step in recent)
        loss = sum(step.loss * step.images for step in recent) / images
        accuracy = sum(step.correct for step in recent) / images
        chance = math.log(classes)
        return abs(loss - chance) < 0.01 * chance and accuracy < 1.5 / classes

    def __repr__(self) -> str:
        ending = f"\nstopped: {self.stopped}" if self.stopped else ""
        return self._shown().to_string(index=False) + ending

    def _repr_html_(self) -> str:
        ending = f"<p>stopped: {self.stopped}</p>" if self.stopped else ""
        return self._shown().to_html(index=False, border=0) + ending

    def _shown(self) -> pd.DataFrame:
        """Return the table of epochs as text."""
        columns = {
            name.replace("_", " "): self.frame[name].map(form.format)
            for name, form in COLUMNS.items()
        }
        return pd.DataFrame(columns)
