"""The trainer: what happens in a run, in an epoch and in a step."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from d2l import torch as d2l
from torch import Tensor, nn

from onebyone.data import best_device
from onebyone.progress import progress_bar, tqdm
from onebyone.training import diagnosis
from onebyone.training.evaluation import count_correct, loss_function, score
from onebyone.training.history import History, Step
from onebyone.training.numerics import (
    Numerics,
    check_precision,
    is_out_of_memory,
)
from onebyone.training.schedules import SCHEDULES

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


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
        check_precision(precision)
        if max_epochs < 1 or (max_steps is not None and max_steps < 1):
            raise ValueError("max_epochs and max_steps must be at least 1")
        super().__init__(max_epochs, gradient_clip_val=gradient_clip_val)
        self.save_hyperparameters()

    def fit(self, model: nn.Module, data: d2l.DataModule) -> History:
        """Train ``model``, then leave it in evaluation mode on its device.

        Lazy layers are materialised first. Ctrl-C ends training early, and
        so does a loss that is not finite; the history says so.

        Args:
            model: (B, C, H, W) -> (B, classes) logits.
            data: gives batches of images (B, C, H, W) and labels, which
                are class indices (B,) or one-hot floats (B, classes).

        Raises:
            ValueError: before training starts, when the model, the data or
                the two together cannot be trained.
            RuntimeError: out of memory; the message names a batch size that
                fits, where there is one.
        """
        if self.seed is not None:
            torch.manual_seed(self.seed)
        self.prepare_data(data)
        self.prepare_model(model)
        self.history = History()
        self.epoch = self.train_batch_idx = 0
        out_of_memory = False
        try:
            while self.train_batch_idx < self.num_steps:
                self.fit_epoch()
                if self.history.stopped:
                    break
                self.epoch += 1
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            out_of_memory = True  # the error itself keeps tensors alive
        finally:
            model.eval().to(memory_format=torch.contiguous_format)
            if isinstance(model, d2l.Module):
                model.board.display = self.board_display
        if out_of_memory:
            raise RuntimeError(diagnosis.explain_out_of_memory(self))
        self.history.message = diagnosis.explain_end(self)
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
        diagnosis.check_sizes(self)
        # a look that leaves the order of the images as it was
        with torch.random.fork_rng(devices=[]):
            self.first_batch = next(iter(self.train_dataloader))
        self.labels = diagnosis.labels_in_sight(
            data, self.train_dataloader, self.first_batch
        )

    def prepare_model(self, model: nn.Module) -> None:
        """Try the model on two images; give it a loss and an optimiser."""
        diagnosis.check_model(model)
        self.model = model.to(self.numerics.device)
        X, _ = self.prepare_batch(self.first_batch)
        self.num_classes = diagnosis.try_out(model, X[:2], self.numerics)
        diagnosis.check_labels(self.labels, self.num_classes)
        self.numerics.choose_layout(model, X[:2], modes=(False, True))
        # it has been chosen by now
        model.to(memory_format=self.numerics.memory_format)  # type: ignore[arg-type]
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
        self.loss = loss_function(model)
        self.peaks = [group["lr"] for group in self.optim.param_groups]
        self.scaler = self.numerics.gradient_scaler()

    def prepare_batch(self, batch: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the batch on the device of the network."""
        return self.numerics.place(batch)

    def fit_epoch(self) -> None:
        """Train for an epoch, or what max_steps leaves of it; evaluate."""
        self.model.train()
        start = next_look = time.perf_counter()
        left = self.num_steps - self.train_batch_idx
        steps = min(self.num_train_batches, left)
        with self._batches("train", self.train_dataloader, steps) as batches:
            for batch in batches:
                self.training_step(batch)
                # reading the loss waits for the device: only twice a second
                if time.perf_counter() >= next_look:
                    next_look = time.perf_counter() + 0.5
                    loss = self.history.read_losses()
                    batches.set_postfix(loss=f"{loss:.3f}")
                if self.history.stopped:
                    break
        self.history.read_losses()
        training_seconds = time.perf_counter() - start
        test = math.nan, math.nan
        if self.val_dataloader is not None and not self.history.stopped:
            loader, steps = self.val_dataloader, self.num_val_batches
            with self._batches("test", loader, steps) as batches:
                test = score(self.model, batches, self.numerics)
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
        correct = count_correct(logits.detach(), y)
        lr = self.optim.param_groups[0]["lr"]
        self.history.add_step(Step(loss.detach(), correct, len(y), lr))

    def clip_gradients(self, grad_clip_val: float, model: nn.Module) -> None:
        """Scale all gradients by one factor, to this norm at most."""
        nn.utils.clip_grad_norm_(model.parameters(), grad_clip_val)

    @contextmanager
    def _batches(
        self, part: str, loader: Iterable, steps: int
    ) -> Iterator[tqdm]:
        """Give that many batches behind a bar; Ctrl-C ends them, noted."""
        try:
            with progress_bar(
                islice(loader, steps),  # tqdm would start a loader twice
                total=steps,
                desc=f"epoch {self.epoch + 1}, {part}",
                unit="batch",
                show=self.progress,
            ) as batches:
                yield batches
        except KeyboardInterrupt:
            self.history.stopped = "interrupted"
