"""Repair: the task of a training run that fails, and is to be mended.

The student's function is called with images and labels, trains a network and
returns it. What its optimiser did is watched, and the network is evaluated
on images that it has not seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode

from onebyone.check.engine.code import require_function
from onebyone.check.engine.guard import (
    NotYet,
    Output,
    Raised,
    capture,
    copied,
    outcome,
    show,
)
from onebyone.check.engine.results import accuracy
from onebyone.check.engine.tasks import Task, require_attempt

MORE, LESS = 1.5, 0.67  # what counts as more steps, and as a smaller rate
SEEDED = (
    "Your function sets the seed of the random numbers itself, so every run"
    " that the check makes with it begins alike. Without the seed, one of them"
    " may have a better start."
)


class Watched:
    """Counts the steps of all optimisers, and keeps their learning rates."""

    def __init__(self) -> None:
        self.steps, self.rates = 0, set[float]()

    def __enter__(self) -> "Watched":
        self._hook = register_optimizer_step_post_hook(self.note)
        return self

    def __exit__(self, *error: object) -> None:
        self._hook.remove()

    def note(self, optimiser: Any, *_: object) -> None:
        self.steps += 1
        self.rates.update(float(g["lr"]) for g in optimiser.param_groups)


class Paired(TorchFunctionMode):
    """Counts the images that go into a loss, and those with their label.

    Attributes:
        shape: that of an image.
        label: that of each image, by its bytes.
        seen, own: the images that were known again, and those of them that
            came with their own label.
    """

    def __init__(self, X: Tensor, y: Tensor) -> None:
        super().__init__()
        self.shape = X.shape[1:]
        self.label = dict(zip(map(key_of, X), y.tolist()))
        self.images: Tensor | None = None
        self.seen = self.own = 0

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        first = arguments[0] if arguments else None
        # no parameter, which may have no shape yet
        if type(first) is Tensor and first.shape[1:] == self.shape:
            self.images = first
        if getattr(function, "__name__", "") in ("cross_entropy", "nll_loss"):
            self.compare([*arguments[1:2], named.get("target")][0])
        return function(*arguments, **named)

    def compare(self, labels: Any) -> None:
        if self.images is None or not isinstance(labels, Tensor):
            return
        if labels.shape != self.images.shape[:1]:
            return
        for image, label in zip(self.images, labels.tolist()):
            own = self.label.get(key_of(image))
            self.seen += own is not None
            self.own += own == label


def key_of(image: Tensor) -> bytes:
    return image.detach().cpu().float().numpy().tobytes()


@dataclass
class Run:
    """What a run came to.

    Attributes:
        net: a copy of the network, in eval mode.
        steps: how often an optimiser has updated it.
        rate: the largest learning rate.
        X, y: images that it has not seen, and their labels.
        logits: what it gives for these.
        seen: its accuracy on the images that it was given.
        accuracy, loss: those on the images that it has not seen.
        paired: the share of images that came into the loss with their own
            label, as far as they could be known again.
        is_seeded: whether the function has set a seed itself.
        is_watched: whether steps and rate are those of an optimiser.
    """

    net: nn.Module
    steps: int
    rate: float
    X: Tensor
    y: Tensor
    logits: Tensor
    seen: float
    accuracy: float
    loss: float
    paired: float
    is_seeded: bool
    is_watched: bool


@dataclass(eq=False, repr=False)
class Repair(Task):
    """A function that trains a network, which must now learn.

    The check is called with it, and with training and held-out images.

    Attributes:
        least: the accuracy on held-out images that shows that it learns.
        most: the loss, likewise.
        steps, rate: those of the broken run.
        faults: what may still be wrong with the network, asked in order:
            each takes the Run and returns a sentence or two, or None.
        useless: by "longer", "slower" and "other", why the broken run is not
            mended by more steps, by a smaller learning rate, or by whatever
            else was changed.
        given: makes what the student's function gets from images and labels.
        runs: how many are made, if those before learn too little, where
            a right one may have bad luck.

    The classes exchange their names for each run, so that nothing counts but
    what was trained on these labels.
    """

    least: float
    _: KW_ONLY
    most: float = float("inf")
    steps: int
    rate: float
    faults: Sequence[Callable[[Run], str | None]] = ()
    useless: Mapping[str, str] = field(default_factory=dict)
    given: Callable[[Tensor, Tensor], tuple] = lambda X, y: (X, y)

    runs: int = 1

    seconds = 120.0

    def judge(self, answer: Any = ..., *images: Tensor) -> None:
        require_attempt(answer)
        require_function(answer)
        require_images(images)
        X, y, X_val, y_val = images
        for n in range(1, self.runs + 1):
            names = renamed(y, y, n), renamed(y_val, y, n)
            given = X, names[0]
            if n > 1:  # luck may hang on the order, where the seed is set
                drawn = torch.Generator().manual_seed(n)
                order = torch.randperm(len(X), generator=drawn)
                given = X[order], names[0][order]
            run = self.run(answer, *given, X_val, names[1], seed=n)
            for fault in (self.knows_other_names, *self.faults):
                if found := fault(run):
                    raise self.not_yet(f"{found} {self.why(run)}")
            if run.accuracy >= self.least and run.loss < self.most:
                return
        seeded = SEEDED if run.is_seeded and self.runs > 1 else self.why(run)
        raise self.not_yet(f"{self.result(run)} {seeded}")

    def run(
        self,
        function: Callable,
        X: Tensor,
        y: Tensor,
        *held_out: Tensor,
        seed: int,
    ) -> Run:
        """Call the student's function; raise NotYet where it gives no run."""
        torch.manual_seed(seed)
        log = capture("stdout", Output())  # not worth repeating
        pairs = Paired(X, y)
        with Watched() as watched, torch.enable_grad(), log, pairs:
            net: Any = outcome(function, *self.given(X.clone(), y.clone()))
        is_seeded = torch.initial_seed() != seed
        if isinstance(net, Raised):
            raise self.not_yet(f"Your function {net}")
        if not isinstance(net, nn.Module):
            raise self.not_yet(
                f"Your function gives {show(net)}. Let it return the trained"
                " network."
            )
        by_hand = any(p.grad is not None for p in net.parameters())
        if not watched.steps and not by_hand:
            raise self.not_yet(
                "Your function returns a network that no optimiser has"
                " updated. Does it train?"
            )
        net = copied(net).eval()
        with torch.no_grad():
            logits: Any = outcome(net, held_out[0])
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            what = (
                str(logits)
                if isinstance(logits, Raised)
                else (f"gives {show(logits)}")
            )
            raise self.not_yet(
                f"For images of shape {tuple(held_out[0].shape)} your network"
                f" {what}. It should give a score for each image and class."
            )
        right = (logits.argmax(dim=1) == held_out[1]).float().mean()
        loss = F.cross_entropy(logits, held_out[1])
        seen = accuracy(net, X, y)
        return Run(
            net=net,
            steps=watched.steps or self.steps,
            rate=max(watched.rates, default=self.rate),
            X=held_out[0],
            y=held_out[1],
            logits=logits,
            seen=seen,
            accuracy=right.item(),
            loss=loss.item(),
            paired=pairs.own / pairs.seen if pairs.seen else 1.0,
            is_seeded=is_seeded,
            is_watched=watched.steps > 0,
        )

    def knows_other_names(self, run: Run) -> str | None:
        named = run.logits.argmax(dim=1)
        others = [
            (named == renamed(run.y, run.y, by)).float().mean().item()
            for by in range(1, int(run.y.max()) + 1)
        ]
        if max(others) < max(self.least, run.accuracy):
            return None
        return (
            "Your network knows the classes by other names than those of the"
            " labels that it was given, which the check had exchanged. Was it"
            " trained before, or with other images?"
        )

    def result(self, run: Run) -> str:
        return (
            f"On images that it has not seen your network has an accuracy of"
            f" {run.accuracy:.2f} and a loss of {run.loss:.2f}."
        )

    def why(self, run: Run) -> str:
        """Return why that which was changed does not help."""
        if run.rate < LESS * self.rate and "slower" in self.useless:
            return self.useless["slower"]
        if run.steps > MORE * self.steps and "longer" in self.useless:
            return self.useless["longer"]
        return self.useless.get("other", "")

    def not_yet(self, reason: str) -> NotYet:
        return NotYet(f"{reason.strip()} {self.pointer()}")


def renamed(y: Tensor, known: Tensor, by: int) -> Tensor:
    """Return labels under which the classes have exchanged their names.

    What was trained before, or on images that it was not given, does not
    know them.
    """
    return (y + by) % (known.max() + 1)


def require_images(images: tuple) -> None:
    """Raise NotYet unless these are images and labels, twice."""
    tensors = len(images) == 4 and all(isinstance(x, Tensor) for x in images)
    if not tensors or any(
        y.ndim != 1 or X.shape[:1] != y.shape or y.is_floating_point()
        for X, y in (images[:2], images[2:])
    ):
        raise NotYet(
            "Call the check with the images too: those of the training and"
            " their labels, and those held out and their labels."
        )
