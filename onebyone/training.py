"""Training on top of d2l's API: fast on a CPU, exact in what it reports.

:class:`Trainer` trains a plain ``nn.Module`` or a ``d2l.Classifier`` on any
``d2l.DataModule`` and returns a :class:`History`. :func:`evaluate` and
:func:`predict` run a network over the test set.
"""

import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import NamedTuple

import pandas as pd
import torch
from d2l import torch as d2l
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.cost import twin_of
from onebyone.data import best_device

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # tqdm misses Jupyter's widgets aloud
    from tqdm.auto import tqdm

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
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


def one_cycle(progress: float) -> float:
    """Share of the peak learning rate when ``progress`` (0 to 1) is done.

    A straight rise over the first 30 %, then half a cosine down to zero
    (after Smith and Topin, arXiv 1708.07120).
    """
    if progress < 0.3:
        return progress / 0.3
    return (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2


def constant(progress: float) -> float:
    """The full learning rate from the first step to the last."""
    return 1.0


SCHEDULES = {"one-cycle": one_cycle, "constant": constant}


class Trainer(d2l.Trainer):
    """A ``d2l.Trainer`` with mixed precision, a schedule and a history.

    A plain ``nn.Module`` gets cross-entropy and SGD (Nesterov momentum
    0.9, weight decay 5e-4). A ``d2l.Classifier`` brings its own ``loss``
    and ``configure_optimizers``; write one to use another optimiser. One
    with a ``training_step``, ``validation_step`` or ``accuracy`` of its own
    is refused, for these are not called.

    Args:
        max_epochs: passes over the training set.
        lr: peak learning rate; a ``d2l.Classifier`` brings its own.
        max_steps: end after so many updates if that comes earlier.
        schedule: ``"one-cycle"``, or ``"constant"`` for the peak all along.
        precision: ``"auto"``, ``"float32"``, ``"bfloat16"`` or
            ``"float16"``. Automatic means bfloat16 on a CPU with
            instructions for it, bfloat16 or float16 on a CUDA GPU, else
            float32. Weights and loss are float32 always.
        device: automatic means that of the data, else cuda, mps or cpu.
        gradient_clip_val: scale gradients down to this norm where theirs is
            larger; 0 leaves them alone.
        seed: seeds PyTorch when ``fit`` starts, hence the order of the
            images and dropout. The weights were drawn before: call
            ``torch.manual_seed`` ahead of building the network as well,
            and two runs on one CPU agree to the last bit.
        progress: show a progress bar; the environment variable
            ``ONEBYONE_PROGRESS=0`` hides every one.

    Raises:
        ValueError: unknown schedule or precision, or nothing to do.
    """

    def __init__(
        self,
        max_epochs: int = 2,
        *,
        lr: float = 0.1,
        max_steps: int | None = None,
        schedule: str = "one-cycle",
        precision: str = "auto",
        device: str | torch.device | None = None,
        gradient_clip_val: float = 0,
        seed: int | None = None,
        progress: bool = True,
    ):
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}")
        _check_precision(precision)
        if max_epochs < 1 or (max_steps is not None and max_steps < 1):
            raise ValueError("max_epochs and max_steps must be at least 1")
        super().__init__(max_epochs, gradient_clip_val=gradient_clip_val)
        self.save_hyperparameters()

    def fit(self, model: nn.Module, data: d2l.DataModule) -> "History":
        """Train ``model``, then on the device and in evaluation mode.

        Lazy layers are materialised first. Ctrl-C ends training early, and
        so does a loss that is not finite; the history says so.

        Args:
            model: (B, C, H, W) -> (B, classes) logits.
            data: gives batches of images (B, C, H, W) and labels, which
                are class indices (B,) or one-hot floats (B, classes).

        Raises:
            ValueError: before training starts, when the model, the data or
                the two together cannot be trained.
            RuntimeError: out of memory; the message names a batch size for
                which there is enough, where there is one.
        """
        if self.seed is not None:
            torch.manual_seed(self.seed)
        self.prepare_data(data)
        self.prepare_model(model)
        self.history = History(self.num_train_batches)
        self.epoch = self.train_batch_idx = 0
        out_of_memory = False
        try:
            while self.train_batch_idx < self.num_steps:
                self.fit_epoch()
                if self.history.stopped:
                    break
                self.epoch += 1
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            out_of_memory = True  # the error itself keeps tensors alive
        finally:
            model.eval().to(memory_format=torch.contiguous_format)
            if isinstance(model, d2l.Module):
                model.board.display = self.board_display
        if out_of_memory:
            raise RuntimeError(self._explain_out_of_memory())
        self.history.message = self._explain_end()
        if self.history.message:
            print(self.history.message)
        return self.history

    def prepare_data(self, data: d2l.DataModule) -> None:
        """Take the loaders, count the steps, look at the first batch."""
        super().prepare_data(data)
        device = self.device or getattr(data, "device", None)
        self.numerics = Numerics(device or best_device(), self.precision)
        self.num_steps = self.max_epochs * self.num_train_batches
        if self.max_steps is not None:
            self.num_steps = min(self.num_steps, self.max_steps)
        if self.num_train_batches == 0:
            raise ValueError("the training set has no images")
        if self.val_dataloader is not None and self.num_val_batches == 0:
            raise ValueError("the test set has no images")
        # a look that leaves the order of the images as it was
        with torch.random.fork_rng(devices=[]):
            self.first_batch = next(iter(self.train_dataloader))
        self.batch_size = len(self.first_batch[-1])
        self.labels = _known_labels(data, self.train_dataloader)
        if self.labels is None:
            self.labels = self.first_batch[-1]

    def prepare_model(self, model: nn.Module) -> None:
        """Try the model on two images; give it a loss and an optimiser."""
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError("the network has no parameters to train")
        _check_overrides(model)
        self.model = model.to(self.numerics.device)
        X, y = self.prepare_batch(self.first_batch)
        self.num_classes = _try_out(model, X[:2], self.numerics)
        _check_labels(self.labels, self.num_classes)
        model.to(memory_format=self.numerics.memory_format)
        if isinstance(model, d2l.Module):
            model.trainer = self
            self.board_display = model.board.display
            model.board.display = False
            self.optim = model.configure_optimizers()
        else:
            self.optim = torch.optim.SGD(
                model.parameters(),
                lr=self.lr,
                momentum=MOMENTUM,
                weight_decay=WEIGHT_DECAY,
                nesterov=True,
            )
        self.loss = _loss_of(model)
        self.peaks = [group["lr"] for group in self.optim.param_groups]
        self.scaler = self.numerics.gradient_scaler()

    def prepare_batch(self, batch: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """The batch, on the device of the network."""
        return self.numerics.place(batch)

    def fit_epoch(self) -> None:
        """Train for an epoch, or what max_steps leaves of it; evaluate."""
        self.model.train()
        start = next_look = time.perf_counter()
        steps = min(
            self.num_train_batches, self.num_steps - self.train_batch_idx
        )
        loader = self.train_dataloader
        with self._interruptible(), self._bar("train", loader, steps) as bar:
            for batch in bar:
                self.training_step(batch)
                # reading the loss waits for the device: twice a second do
                if time.perf_counter() >= next_look:
                    next_look = time.perf_counter() + 0.5
                    bar.set_postfix(loss=f"{self.history.read_losses():.3f}")
                if self.history.stopped:
                    break
        self.history.read_losses()
        training_seconds = time.perf_counter() - start
        test = math.nan, math.nan
        if self.val_dataloader is not None and not self.history.stopped:
            loader, steps = self.val_dataloader, self.num_val_batches
            with (
                self._interruptible(),
                self._bar("test", loader, steps) as bar,
            ):
                test = _score(self.model, bar, self.numerics)
        seconds = time.perf_counter() - start
        self.history.end_epoch(*test, seconds, training_seconds)

    def training_step(self, batch: Iterable[Tensor]) -> None:
        """Update the weights once."""
        # forward, with the loss in float32
        X, y = self.prepare_batch(batch)
        logits = self.numerics.logits(self.model, X)
        loss = self.loss(logits, y)
        # backward
        self.optim.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.gradient_clip_val > 0:
            self.scaler.unscale_(self.optim)
            self.clip_gradients(self.gradient_clip_val, self.model)
        # update, at the learning rate of the middle of this step
        progress = (self.train_batch_idx + 0.5) / self.num_steps
        share = SCHEDULES[self.schedule](progress)
        for group, peak in zip(
            self.optim.param_groups, self.peaks, strict=True
        ):
            group["lr"] = share * peak
        self.scaler.step(self.optim)
        self.scaler.update()
        self.train_batch_idx += 1
        # record, without waiting for the device
        correct = _count_correct(logits.detach(), y)
        lr = self.optim.param_groups[0]["lr"]
        self.history.add_step(Step(loss.detach(), correct, len(y), lr))

    def clip_gradients(self, grad_clip_val: float, model: nn.Module) -> None:
        """Scale all gradients by one factor, to this norm at most."""
        nn.utils.clip_grad_norm_(model.parameters(), grad_clip_val)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let Ctrl-C end the work inside, and note it."""
        try:
            yield
        except KeyboardInterrupt:
            self.history.stopped = "interrupted"

    def _bar(self, part: str, loader: Iterable, steps: int) -> tqdm:
        """That many batches, behind a bar that disappears at the end."""
        return tqdm(
            islice(loader, steps),  # tqdm would start a loader twice
            total=steps,
            desc=f"epoch {self.epoch + 1}, {part}",
            unit="batch",
            leave=False,
            disable=(
                not self.progress
                or os.environ.get("ONEBYONE_PROGRESS", "1") == "0"
            ),
        )

    def _explain_out_of_memory(self) -> str:
        """What to do about it; smaller batches are tried to find that out."""
        self.optim.zero_grad(set_to_none=True)
        self.model.to(memory_format=self.numerics.memory_format).train()
        size = self.batch_size // 2
        while size and not self._fits(size):
            size //= 2
        self.model.eval().to(memory_format=torch.contiguous_format)
        if not size:
            return (
                "out of memory, even with one image at a time: take a "
                "smaller network or smaller images"
            )
        return (
            f"out of memory at batch size {self.batch_size}: try {size}, for "
            "which there was enough just now, or smaller images"
        )

    def _fits(self, size: int) -> bool:
        """Whether there is memory for a step with so many images."""
        if self.numerics.device.type == "cuda":
            torch.cuda.empty_cache()
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        try:
            X, y = self.prepare_batch(p[:size] for p in self.first_batch)
            self.loss(self.numerics.logits(self.model, X), y).backward()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            return False
        except ValueError:  # batch norm refuses a single image
            return False
        finally:
            self.optim.zero_grad(set_to_none=True)
            for buffer, value in zip(
                self.model.buffers(), buffers, strict=True
            ):
                buffer.copy_(value)  # what batch norm has seen
        return True

    def _explain_end(self) -> str:
        """What to know about how training ended; empty when all is well."""
        history, classes = self.history, self.num_classes
        step = f"step {len(history.steps)} of {self.num_steps}"
        if history.stopped == "interrupted":
            return (
                f"Interrupted after {step}: the network keeps what it has "
                "learned; evaluate(net, data) gives its test accuracy."
            )
        if history.stopped:
            peak = max(self.peaks)
            return (
                f"Stopped at {step}: the loss is no longer a finite number, "
                "and the weights are lost.\n"
                f"The usual cause is a learning rate that is too high: try "
                f"lr={peak / 10:.2g} instead of {peak:.2g}.\n"
                "Otherwise look for images that are not normalised, for "
                "infinite values in them, and try precision='float32'."
            )
        if not history.stayed_at_chance(classes):
            return ""
        X, _ = self.prepare_batch(self.first_batch)
        with torch.no_grad():
            logits = self.numerics.logits(self.model, X)
        dead = int((logits == 0).all(dim=0).sum())
        return (
            f"The loss stayed at ln {classes} = {math.log(classes):.4f}: the "
            f"network gives all {classes} classes the same probability and "
            "has not learned.\n"
            f"{dead} of its {classes} outputs are 0 for every image. An "
            "output that ends in a ReLU and is 0 everywhere\ngets no "
            "gradient and stays dead; an initialisation that shrinks the "
            "signal has the same effect.\n"
            "Try: no ReLU before the global average pooling; batch norm; "
            "initialise(net, 'kaiming');\nanother learning rate; more steps."
        )


class Step(NamedTuple):
    """One update: mean loss and correct images of its batch, and its lr."""

    loss: Tensor | float
    correct: Tensor | float
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

    def __init__(self, steps_per_epoch: int):
        self.steps_per_epoch = steps_per_epoch
        self.stopped: str | None = None
        self.message = ""
        self._epochs: list[list[float]] = []
        self._epoch_ends = [0]
        self._steps: list[Step] = []
        self._unread: list[Step] = []

    @property
    def frame(self) -> pd.DataFrame:
        """One row per epoch."""
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
        """Wait for the losses noted so far; their mean.

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
        """Add the row of an epoch, unless there is nothing to tell."""
        steps = self._steps[self._epoch_ends[-1] :]
        if not steps or not math.isfinite(steps[-1].loss):
            return
        images = sum(step.images for step in steps)
        self._epoch_ends.append(len(self._steps))
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
        """Whether the last steps knew no more than that there are classes.

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

    def plot(self) -> Figure:
        """Loss of steps and epochs on the left, accuracy on the right."""
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9, 3.2), layout="constrained"
        )
        steps, epochs = self.steps, self.frame
        epochs_at = [end / self.steps_per_epoch for end in self._epoch_ends]
        left.plot(
            steps["step"] / self.steps_per_epoch,
            steps["loss"],
            color="C0",
            alpha=0.35,
            label="train, each step",
        )
        for axes, quantity in ((left, "loss"), (right, "accuracy")):
            for color, part in (("C0", "train"), ("C1", "test")):
                axes.plot(
                    epochs_at[1:],
                    epochs[f"{part}_{quantity}"],
                    marker="o",
                    color=color,
                    label=part,
                )
            axes.set(xlabel="epoch", ylabel=quantity)
            axes.legend()
        return figure

    def __repr__(self) -> str:
        ending = f"\nstopped: {self.stopped}" if self.stopped else ""
        return self._shown().to_string(index=False) + ending

    def _repr_html_(self) -> str:
        ending = f"<p>stopped: {self.stopped}</p>" if self.stopped else ""
        return self._shown().to_html(index=False, border=0) + ending

    def _shown(self) -> pd.DataFrame:
        """The table of epochs as text."""
        columns = {
            name.replace("_", " "): self.frame[name].map(form.format)
            for name, form in COLUMNS.items()
        }
        return pd.DataFrame(columns)


def evaluate(
    net: nn.Module, data: d2l.DataModule | Iterable, precision: str = "auto"
) -> tuple[float, float]:
    """Mean loss and accuracy of ``net`` over the whole test set.

    Each image counts once, however the batches are cut. The network runs
    where it is, in evaluation mode, and is then put back in its own mode.

    Args:
        net: as for :meth:`Trainer.fit`; a ``d2l.Classifier`` brings its loss.
        data: a DataModule, whose ``val_dataloader()`` is used, or batches.
        precision: as for :class:`Trainer`.

    Returns:
        ``(loss, accuracy)``, the accuracy between 0 and 1.

    Raises:
        ValueError: there are no batches, or the precision is unknown.
    """
    return _score(net, _test_batches(data), _numerics_of(net, precision))


def predict(
    net: nn.Module, data: d2l.DataModule | Iterable, precision: str = "auto"
) -> Tensor:
    """Logits of ``net`` over the whole test set, (N, classes), on the CPU.

    The arguments are those of :func:`evaluate`; the rows keep the order of
    the test images.
    """
    numerics = _numerics_of(net, precision)
    pairs = _logits_and_labels(net, _test_batches(data), numerics)
    return torch.cat([logits.cpu() for logits, _ in pairs])


class Numerics:
    """Where a network runs, in which number format and memory layout."""

    def __init__(self, device: str | torch.device, precision: str):
        _check_precision(precision)
        self.device = torch.device(device)
        self.dtype = (
            best_precision(self.device)
            if precision == "auto"
            else PRECISIONS[precision]
        )
        self.memory_format: torch.memory_format | None = None  # not chosen

    def place(self, batch: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Images and labels on the device; integer labels as int64."""
        X, y = (part.to(self.device, non_blocking=True) for part in batch)
        return X, y if y.is_floating_point() else y.long()

    def logits(self, net: nn.Module, X: Tensor) -> Tensor:
        """Run ``net`` in mixed precision; float32 logits (B, classes)."""
        if X.dim() == 4:
            plain = torch.contiguous_format
            X = X.to(memory_format=self.memory_format or plain)
        with self._autocast():
            return net(X).float()

    def choose_layout(
        self, net: nn.Module, X: Tensor, modes: Iterable[bool]
    ) -> None:
        """Take channels-last, which is faster, if ``net`` can.

        A network with ``.view()`` on its feature maps cannot. A copy is
        tried, in evaluation mode (False), in training mode (True) or in
        both, so that ``net`` and the random numbers stay as they are.
        """
        self.memory_format = torch.contiguous_format
        if self.device.type not in ("cpu", "cuda"):
            return
        self.memory_format = torch.channels_last
        gpus = range(torch.cuda.device_count())
        devices = gpus if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices):
                twin = twin_of(net, self.device)
                twin.to(memory_format=torch.channels_last)
                for mode in modes:
                    with torch.set_grad_enabled(mode):
                        self.logits(twin.train(mode), X)
        except Exception as error:
            # what is not about the layout comes up again where it belongs
            if isinstance(error, RuntimeError) and not _is_out_of_memory(
                error
            ):
                self.memory_format = torch.contiguous_format

    def _autocast(self) -> torch.autocast | nullcontext:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def gradient_scaler(self) -> torch.amp.GradScaler:
        """Keeps small float16 gradients from vanishing; else idle."""
        enabled = self.dtype == torch.float16
        return torch.amp.GradScaler(self.device.type, enabled=enabled)


def best_precision(device: torch.device) -> torch.dtype:
    """The fastest format for which the device has instructions."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if has_bfloat16 else torch.float16
    if device.type == "cpu":
        # private in PyTorch, so they may go
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
            if getattr(torch.cpu, name, bool)():
                return torch.bfloat16
    return torch.float32


def _check_precision(precision: str) -> None:
    if precision not in ("auto", *PRECISIONS):
        names = ", ".join(PRECISIONS)
        raise ValueError(f"precision must be one of auto, {names}")


def _known_labels(data: d2l.DataModule, loader: Iterable) -> Tensor | None:
    """All training labels, where the data keeps them in sight."""
    dataset = getattr(loader, "dataset", None)
    tensors = getattr(dataset, "tensors", [None])
    return getattr(data, "train_labels", tensors[-1])


def _check_labels(labels: Tensor, classes: int) -> None:
    """Refuse labels that a network with so many outputs cannot learn."""
    if labels.is_floating_point():
        if labels.shape[1:] != (classes,):
            raise ValueError(
                f"float labels must be one-hot, (B, {classes}) for a network "
                f"with {classes} outputs, but are {tuple(labels.shape)}"
            )
        return
    if labels.dim() != 1:
        raise ValueError(
            f"class indices must be (B,), but are {tuple(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"the labels run from {low} to {high}, but a network with "
            f"{classes} outputs knows 0 to {classes - 1}"
        )


def _try_out(net: nn.Module, X: Tensor, numerics: Numerics) -> int:
    """Materialise lazy layers and choose the layout; return the classes."""
    net.eval()
    try:
        with torch.no_grad():
            shape = tuple(numerics.logits(net, X).shape)
    except (RuntimeError, ValueError, MemoryError) as error:
        if _is_out_of_memory(error):
            raise RuntimeError(
                f"out of memory with {len(X)} images already: take a smaller "
                "network or smaller images"
            ) from None
        raise ValueError(
            f"the network cannot take images of shape {tuple(X.shape[1:])} "
            f"and type {X.dtype}: {str(error).splitlines()[0]}"
        ) from error
    if len(shape) != 2 or shape[0] != len(X) or shape[1] < 2:
        raise ValueError(
            f"the network must return one logit per class, ({len(X)}, "
            f"classes) for {len(X)} images, but returns {shape}"
        )
    numerics.choose_layout(net, X, modes=(False, True))
    return shape[1]


def _check_overrides(model: nn.Module) -> None:
    """Refuse a ``d2l.Module`` with methods that would not be called."""
    if not isinstance(model, d2l.Module):
        return
    for name in ("training_step", "validation_step", "accuracy"):
        method = getattr(model, name, None)
        known = (getattr(c, name, None) for c in (d2l.Module, d2l.Classifier))
        if getattr(method, "__func__", method) not in known:
            raise ValueError(
                f"{type(model).__name__} has a {name} of its own, which this "
                "Trainer does not call: write a loss and "
                "configure_optimizers, or train with d2l.Trainer"
            )


def _loss_of(net: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    return net.loss if isinstance(net, d2l.Module) else F.cross_entropy


def _count_correct(logits: Tensor, y: Tensor) -> Tensor:
    classes = y.argmax(dim=1) if y.is_floating_point() else y
    return (logits.argmax(dim=1) == classes).sum()


def _test_batches(data: d2l.DataModule | Iterable) -> Iterable:
    return data.val_dataloader() if hasattr(data, "val_dataloader") else data


def _numerics_of(net: nn.Module, precision: str) -> Numerics:
    """The numerics for ``net`` where it is."""
    device = next((p.device for p in net.parameters()), "cpu")
    return Numerics(device, precision)


def _logits_and_labels(
    net: nn.Module, batches: Iterable, numerics: Numerics
) -> Iterator[tuple[Tensor, Tensor]]:
    """Run ``net`` over batches in evaluation mode, without gradients."""
    was_training = net.training
    net.eval()
    try:
        for batch in batches:
            X, y = numerics.place(batch)
            if numerics.memory_format is None:
                numerics.choose_layout(net, X[:2], modes=(False,))
            with torch.no_grad():
                logits = numerics.logits(net, X)
            yield logits, y
    finally:
        net.train(was_training)


def _score(
    net: nn.Module, batches: Iterable, numerics: Numerics
) -> tuple[float, float]:
    """Mean loss and accuracy per image."""
    loss_of = _loss_of(net)
    losses, correct, images = [], [], 0
    for logits, y in _logits_and_labels(net, batches, numerics):
        losses.append(loss_of(logits, y).detach() * len(y))
        correct.append(_count_correct(logits, y))
        images += len(y)
    if images == 0:
        raise ValueError("there are no images to evaluate on")
    loss = sum(torch.stack(losses).tolist()) / images
    return loss, sum(torch.stack(correct).tolist()) / images


def _is_out_of_memory(error: Exception) -> bool:
    signs = ("out of memory", "allocate memory", "not enough memory")
    found = any(sign in str(error).lower() for sign in signs)
    return found or isinstance(error, MemoryError)
