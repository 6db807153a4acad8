"""The trainer: what happens in a run, in an epoch and in a step."""

import math
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from d2l import torch as d2l
from torch import Tensor, nn

from onebyone.data import best_device
from onebyone.training.diagnosis import (
    check_labels,
    check_overrides,
    known_labels,
    try_out,
)
from onebyone.training.evaluation import count_correct, loss_function, score
from onebyone.training.history import History, Step
from onebyone.training.numerics import (
    Numerics,
    check_precision,
    is_out_of_memory,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # silence tqdm's IProgress warning
    from tqdm.auto import tqdm

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


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
        check_precision(precision)
        if max_epochs < 1 or (max_steps is not None and max_steps < 1):
            raise ValueError("max_epochs and max_steps must be at least 1")
        super().__init__(max_epochs, gradient_clip_val=gradient_clip_val)
        self.save_hyperparameters()

    def fit(self, model: nn.Module, data: d2l.DataModule) -> History:
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
            if not is_out_of_memory(error):
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
        self.labels = known_labels(data, self.train_dataloader)
        if self.labels is None:
            self.labels = self.first_batch[-1]

    def prepare_model(self, model: nn.Module) -> None:
        """Try the model on two images; give it a loss and an optimiser."""
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError("the network has no parameters to train")
        check_overrides(model)
        self.model = model.to(self.numerics.device)
        X, y = self.prepare_batch(self.first_batch)
        self.num_classes = try_out(model, X[:2], self.numerics)
        check_labels(self.labels, self.num_classes)
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
        self.loss = loss_function(model)
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
                test = score(self.model, bar, self.numerics)
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
            if not is_out_of_memory(error):
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
