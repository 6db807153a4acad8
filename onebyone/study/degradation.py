"""The studies of *degradation*: does a deeper network train worse, and why?

Question: plain networks of many layers reach a higher training error than
those of few. Is that so when every network has its own learning rate and time
to learn, what does a shortcut change, and is the reason that gradients vanish
or grow, or that they change their direction at every step?

Design: 3,000 training images at 14×14 pixels, 10 epochs; plain and residual
networks have the same weights to learn, for shortcuts have no parameters.

- *degradation*: with batch norm, 8, 20, 38 and 56 layers, ten seeds.
- *degradation-starts*: without batch norm, 20 and 38 layers, from PyTorch's
  own weights and from Kaiming's: plain, residual, and residual whose branches
  begin as zero, five seeds.
- *degradation-updates*: 38 layers with batch norm, where all gradients are
  clipped to one norm, or scaled so that each layer moves by the same share of
  its weights. If long steps along large gradients were the reason, this
  would cure it.
- *degradation-long*: 56 layers, 30 epochs, three seeds, at the same rates.

Every arm of the first three has a search of its own, over six rates with two
seeds, and over lower ones where the lowest is the best. Since the question is
how well a network trains, its rate is the one with the lowest loss on the
training images; by the error on 3,000 held-out ones the residual networks
would get larger rates. Each run also measures the
gradient at the start: its norm in every convolution, and how far its
direction agrees with that after a small step along it.

Limits: small images, few of them and small networks; one optimiser, one
schedule.
"""

import copy
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone import variants
from onebyone.data import FashionMNIST
from onebyone.models import residual
from onebyone.study.engine import comparison
from onebyone.study.engine.comparison import arms, as_text
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer, evaluate

STEPS = (1e-4, 1e-3, 1e-2)  # as shares of the norm of all weights
CLIPPED_TO = 0.5  # the norm of all gradients together
LAYER_STEP = 0.1  # of the norm of a layer's weights, at learning rate 1


def depth_net(
    network: str, start: str, batch_norm: bool, layers: int
) -> nn.Module:
    """Return one of the networks, with its weights drawn.

    Shortcuts have no parameters, so plain and residual have equally many.

    Shapes: (B, 1, H, W) -> (B, 10) logits.

    Args:
        network: "plain", "residual", or "zero start", which is residual
            with branches that begin as zero.
        start: "default", PyTorch's own weights, or "Kaiming".
        batch_norm: whether there is any.
        layers: 8, 14, 20 and so on, in steps of six.
    """
    net = residual.compact_resnet(
        blocks=(layers - 2) // 6, shortcut=residual.ZeroPadding
    )
    if not batch_norm:
        variants.without_batch_norm(net)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()  # the biases, too
    if start == "Kaiming":
        _draw_for_relus(net)
    if network == "zero start":
        _begin_branches_as_zero(net)
    if network == "plain":
        variants.plain(net)
    return net


def _draw_for_relus(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _begin_branches_as_zero(net: nn.Module) -> None:
    for block in net.modules():
        if isinstance(block, residual.ResidualBlock):
            # a Sequential may hold any layers; this one is a convolution
            nn.init.zeros_(block.branch[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(block.branch[-1].bias)  # type: ignore[arg-type]


def gradients(net: nn.Module, X: Tensor, y: Tensor) -> list[Tensor]:
    """Return the gradient of each convolution's weights, first to last.

    X is (B, 1, H, W), y is (B,). Batch norm uses the batch's statistics.
    """
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    loss = F.cross_entropy(net(X), y)
    return list(torch.autograd.grad(loss, weights))


def agreement(net: nn.Module, X: Tensor, y: Tensor, step: float) -> float:
    """Return the cosine between the gradients before and after a step.

    The step goes down the gradient of all convolutions' weights, by
    ``step`` times the norm of these weights. 1 is the same direction, 0 a
    right angle.
    """
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    before = gradients(net, X, y)
    length = _norm(weights) / _norm(before)
    with torch.no_grad():
        for weight, gradient in zip(weights, before, strict=True):
            weight -= step * length * gradient
    after = gradients(net, X, y)
    with torch.no_grad():
        for weight, gradient in zip(weights, before, strict=True):
            weight += step * length * gradient
    dot = sum((a * b).sum() for a, b in zip(before, after, strict=True))
    return (dot / (_norm(before) * _norm(after))).item()


def _norm(tensors: list[Tensor]) -> Tensor:
    return torch.stack([t.detach().norm() for t in tensors]).norm()


class PerLayerTrainer(Trainer):
    """Moves the weights of each layer by the same share of their norm."""

    def clip_gradients(self, grad_clip_val: float, model: nn.Module) -> None:
        """Scale each layer's gradient to a share of its weights' norm."""
        for weight in model.parameters():
            if weight.ndim > 1:
                # there is a gradient, for the loss has been backward
                norm = weight.grad.norm().clamp(min=1e-30)  # type: ignore[union-attr]
                weight.grad *= grad_clip_val * weight.detach().norm() / norm


def trainer_for(update: str, **options) -> Trainer:
    """Return the trainer for "SGD", "clipped" or "per layer" updates."""
    if update == "per layer":
        return PerLayerTrainer(gradient_clip_val=LAYER_STEP, **options)
    clip = CLIPPED_TO if update == "clipped" else 0
    return Trainer(gradient_clip_val=clip, **options)


@cache
def images(**options: Any) -> FashionMNIST:
    """Return 3,000 of the training images, balanced, at 14×14 pixels."""
    return FashionMNIST(batch_size=32, resize=14, fraction=0.05, **options)


def measure(
    network: str,
    start: str,
    batch_norm: bool,
    layers: int,
    update: str,
    lr: float,
    seed: int,
    epochs: int,
    validation: int = 0,
) -> Row:
    """Train one network; return errors, curves, and gradients at the start.

    Errors lie between 0 and 1. "gradients" holds the norm in each
    convolution, "agreement" a cosine for each of ``STEPS``, "error_curve"
    the error of each epoch while the weights changed; see
    :func:`depth_net`, :func:`agreement` and :mod:`.comparison`.
    """
    data = images(validation=validation)
    torch.manual_seed(seed)
    net = depth_net(network, start, batch_norm, layers).to(data.device)
    X = data.normalise(data.train_images[:100]).double()
    y = data.train_labels[:100]
    exact = copy.deepcopy(net).double().train()
    norms = [g.norm().item() for g in gradients(exact, X, y)]
    cosines = [agreement(exact, X, y, step) for step in STEPS]
    trainer = trainer_for(
        update, max_epochs=epochs, lr=lr, precision="float32", seed=seed
    )
    measured = comparison.train_and_test(net, data, trainer)
    seen = data.get_dataloader(train=True)
    loss, accuracy = evaluate(net, seen, precision="float32")
    seen_in_training = trainer.history.frame["train_accuracy"]
    measured["error"] = 1 - measured.pop("accuracy")
    return {
        **measured,
        "train_loss": loss,
        "train_error": 1 - accuracy,
        "gradients": as_text(norms),
        "agreement": as_text(cosines),
        "error_curve": as_text(1 - seen_in_training),
    }


MEASUREMENTS = [
    "error",
    *comparison.MEASUREMENTS[1:],
    "train_error",
    "gradients",
    "agreement",
    "error_curve",
]
COMMON: dict[str, Any] = {
    "measure": measure,
    "measurements": MEASUREMENTS,
    "shown": ["train_loss", "train_error", "error"],
}
TUNED: dict[str, Any] = {
    **COMMON,
    "grid": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "recipe": {"epochs": 10},
    "validation": 3_000,
}


def by_sgd(
    network: list[str], start: str, batch_norm: bool, layers: list[int]
) -> list[Row]:
    """Return arms whose updates are those of SGD, as they are."""
    return arms(
        network=network,
        start=[start],
        batch_norm=[batch_norm],
        layers=layers,
        update=["SGD"],
    )


normed = partial(by_sgd, start="Kaiming", batch_norm=True)
bare = partial(by_sgd, batch_norm=False)


SEARCH, STUDY = comparison.tuned(
    name="degradation",
    question="Does a deeper network train worse, with and without shortcuts?",
    rates={
        0.01: [
            *normed(network=["plain"], layers=[56]),
            *normed(network=["residual"], layers=[38, 56]),
        ],
        0.03: [
            *normed(network=["plain"], layers=[20, 38]),
            *normed(network=["residual"], layers=[20]),
        ],
        0.1: normed(network=["plain", "residual"], layers=[8]),
    },
    seeds=10,
    **TUNED,
)
STARTS_SEARCH, STARTS = comparison.tuned(
    name="degradation-starts",
    question="What does a shortcut change where there is no batch norm?",
    rates={
        0.001: bare(["plain"], "Kaiming", layers=[38]),
        0.003: bare(["residual"], "Kaiming", layers=[38]),
        0.01: [
            *bare(["plain"], "default", layers=[20, 38]),
            *bare(["plain", "residual"], "Kaiming", layers=[20]),
        ],
        0.03: [
            *bare(["residual"], "default", layers=[20, 38]),
            *bare(["zero start"], "Kaiming", layers=[20, 38]),
            *bare(["zero start"], "default", layers=[20]),
        ],
        0.1: bare(["zero start"], "default", layers=[38]),
    },
    beyond={
        0.001: bare(["plain", "residual"], "Kaiming", layers=[38]),
        0.0003: bare(["plain"], "Kaiming", layers=[38]),
    },
    seeds=5,
    **TUNED,
)
tamed = partial(
    arms,
    network=["plain", "residual"],
    start=["Kaiming"],
    batch_norm=[True],
    layers=[38],
)
UPDATES_SEARCH, UPDATES = comparison.tuned(
    name="degradation-updates",
    question="Is degradation cured where gradients cannot grow?",
    rates={
        0.01: tamed(update=["per layer"]),
        0.1: tamed(update=["clipped"]),
    },
    seeds=5,
    **TUNED,
)
LONG = Study(
    name="degradation-long",
    question="Does degradation last when the training is three times as long?",
    configurations=[
        arm for arm in STUDY.configurations if arm["layers"] == 56
    ],
    recipe={"epochs": 30},
    seeds=3,
    **COMMON,
)
