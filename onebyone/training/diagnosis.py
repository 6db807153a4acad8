"""What cannot be trained, and why: told before training or after it."""

from collections.abc import Iterable

import torch
from d2l import torch as d2l
from torch import Tensor, nn

from onebyone.training.numerics import Numerics, is_out_of_memory


def known_labels(data: d2l.DataModule, loader: Iterable) -> Tensor | None:
    """All training labels, where the data keeps them in sight."""
    dataset = getattr(loader, "dataset", None)
    tensors = getattr(dataset, "tensors", [None])
    return getattr(data, "train_labels", tensors[-1])


def check_labels(labels: Tensor, classes: int) -> None:
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


def try_out(net: nn.Module, X: Tensor, numerics: Numerics) -> int:
    """Materialise lazy layers and choose the layout; return the classes."""
    net.eval()
    try:
        with torch.no_grad():
            shape = tuple(numerics.logits(net, X).shape)
    except (RuntimeError, ValueError, MemoryError) as error:
        if is_out_of_memory(error):
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


def check_overrides(model: nn.Module) -> None:
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
