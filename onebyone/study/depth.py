"""The study *depth*: does a deeper network train worse?

Plain and residual networks of 8, 20 and 38 layers are trained with the same
weights to learn, with and without batch norm.
"""

import copy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone import variants
from onebyone.data import FashionMNIST, ImageData
from onebyone.models import residual
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer, evaluate


def depth_net(network: str, batch_norm: bool, layers: int) -> nn.Module:
    """Return one of the networks that the study *depth* compares.

    Shortcuts have no parameters, so plain and residual have equally many.

    Args:
        network: "plain", "residual", or "zero start", which is residual
            with branches that begin as zero.
        batch_norm: whether there is any.
        layers: 8, 14, 20 and so on, in steps of six.
    """
    net = residual.compact_resnet(
        blocks=(layers - 2) // 6, shortcut=residual.ZeroPadding
    )
    if not batch_norm:
        variants.without_batch_norm(net)
    variants.kaiming(net)
    if network == "zero start":
        residual.start_as_identity(net)
    if network == "plain":
        variants.plain(net)
    return net


def gradient_norms(net: nn.Module, X: Tensor, y: Tensor) -> list[float]:
    """Return the gradient's norm in each convolution, first to last.

    X is (B, C, H, W), y is (B,). Batch norm uses the batch's statistics.
    """
    net.train()
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    loss = F.cross_entropy(net(X), y)
    gradients = torch.autograd.grad(loss, weights)
    return [gradient.norm().item() for gradient in gradients]


def measure(
    network: str,
    batch_norm: bool,
    layers: int,
    seed: int,
    lr: float,
    epochs: int,
    data: ImageData | None = None,
) -> Row:
    """Train one network; return errors, and gradients at the start.

    Errors lie between 0 and 1. "loss_curve" holds the means of the loss over
    twenty equal parts of the training, "gradients" the norm of the gradient
    in each convolution; both are numbers in one text, see
    :func:`onebyone.study.numbers`.

    Args:
        network, batch_norm, layers: see :func:`depth_net`.
        seed: draws the weights and the order of the images.
        lr: peak of the one-cycle schedule.
        epochs: passes over the training images.
        data: the study's own Fashion-MNIST unless given.
    """
    data = data or depth_data()
    torch.manual_seed(seed)
    net = depth_net(network, batch_norm, layers).to(data.device)
    X = data.normalise(data.train_images[:100])
    norms = gradient_norms(copy.deepcopy(net), X, data.train_labels[:100])
    trainer = Trainer(epochs, lr=lr, precision="float32", seed=seed)
    history = trainer.fit(net, data)
    seen = data.get_dataloader(train=True)
    train_loss, train_accuracy = evaluate(net, seen, precision="float32")
    return {
        "outcome": history.stopped or "ok",
        "train_loss": train_loss,
        "train_error": 1 - train_accuracy,
        "test_error": 1 - evaluate(net, data, precision="float32")[1],
        "first_gradient": norms[0],
        "last_gradient": norms[-1],
        "steps": len(history.steps),
        "loss_curve": _as_text(_parts(history.steps["loss"], count=20)),
        "gradients": _as_text(norms),
    }


def _parts(values: pd.Series, count: int) -> list[float]:
    """Return the means over parts of nearly equal length, none empty."""
    parts = np.array_split(values.to_numpy(), count)
    return [part.mean() for part in parts if len(part)]


def _as_text(values: list[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


@cache
def depth_data(**options: Any) -> FashionMNIST:
    """Return 3,000 of the training images, balanced, at 14×14 pixels."""
    return FashionMNIST(batch_size=32, resize=14, fraction=0.05, **options)


def measure_search(validation: int, **setting: Any) -> Row:
    """As :func:`measure`, tested on held-out training images."""
    data = depth_data(validation=validation)
    measured = measure(**setting, data=data)
    measured["validation_error"] = measured.pop("test_error")
    return measured


NETWORKS = [
    {"network": network, "batch_norm": batch_norm}
    for network, batch_norm in (
        ("plain", True),
        ("residual", True),
        ("plain", False),
        ("residual", False),
        ("zero start", False),
    )
]
MEASUREMENTS = [
    "train_loss",
    "train_error",
    "first_gradient",
    "last_gradient",
    "steps",
    "loss_curve",
    "gradients",
]
SEARCH = Study(
    name="depth-search",
    question="Which learning rate serves the networks of depth best?",
    configurations=[
        {**network, "lr": lr}
        for lr in (0.01, 0.03, 0.1)
        for network in NETWORKS
    ],
    recipe={"layers": 20, "epochs": 3, "validation": 3_000},
    seeds=1,
    measure=measure_search,
    measurements=["validation_error", *MEASUREMENTS],
    shown=["train_error", "validation_error"],
)
STUDY = Study(
    name="depth",
    question="Does a deeper network train worse, with and without shortcuts?",
    configurations=[
        {**network, "layers": layers}
        for layers in (8, 20, 38)
        for network in NETWORKS
    ],
    recipe={"lr": 0.01, "epochs": 3},
    measure=measure,
    measurements=["test_error", *MEASUREMENTS],
    shown=["train_error", "test_error", "first_gradient", "last_gradient"],
)
