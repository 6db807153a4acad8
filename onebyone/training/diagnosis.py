"""Why a network cannot be trained, or did not learn."""

import math
from collections.abc import Iterable, Sequence

import torch
from d2l import torch as d2l
from torch import Tensor, nn

from onebyone.training.numerics import Numerics, is_out_of_memory

# --- before training ------------------------------------------------------


def check_sizes(trainer: d2l.Trainer) -> None:
    """Refuse a training or a test set without images."""
    if trainer.num_train_batches == 0:
        raise ValueError("the training set has no images")
    if trainer.val_dataloader is not None and trainer.num_val_batches == 0:
        raise ValueError("the test set has no images")


def check_model(model: nn.Module) -> None:
    """Refuse a network that has nothing to train, or trains itself."""
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError("the network has no parameters to train")
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


def try_out(net: nn.Module, X: Tensor, numerics: Numerics) -> int:
    """Materialise lazy layers; return the number of classes.

    Args:
        net: put into evaluation mode.
        X: (B, C, H, W), a few images.

    Raises:
        ValueError: ``net`` cannot take the images or gives no logits.
        RuntimeError: these few images are too much for the memory.
    """
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
    return shape[1]


def labels_in_sight(
    data: d2l.DataModule, loader: Iterable, first_batch: Sequence[Tensor]
) -> Tensor:
    """Return all training labels where the data keeps them, or the first."""
    dataset = getattr(loader, "dataset", None)
    tensors = getattr(dataset, "tensors", first_batch)
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
            f"{classes} outputs has the classes 0 to {classes - 1}"
        )


# --- after training -------------------------------------------------------


def explain_out_of_memory(trainer: d2l.Trainer) -> str:
    """Return what to do about it; smaller batches are tried to find out."""
    trainer.optim.zero_grad(set_to_none=True)
    trainer.model.to(memory_format=trainer.numerics.memory_format).train()
    full = len(trainer.first_batch[-1])
    size = full // 2
    while size and not _fits(trainer, size):
        size //= 2
    trainer.model.eval().to(memory_format=torch.contiguous_format)
    if not size:
        return (
            "out of memory, even with one image at a time: take a smaller "
            "network or smaller images"
        )
    return (
        f"out of memory at batch size {full}: a batch of {size} fits, and so "
        "may smaller images"
    )


def _fits(trainer: d2l.Trainer, size: int) -> bool:
    """Return whether there is memory for a step with so many images."""
    if trainer.numerics.device.type == "cuda":
        torch.cuda.empty_cache()
    buffers = [buffer.clone() for buffer in trainer.model.buffers()]
    try:
        X, y = trainer.prepare_batch(p[:size] for p in trainer.first_batch)
        trainer.loss(trainer.numerics.logits(trainer.model, X), y).backward()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    except ValueError:  # batch norm refuses a single image
        return False
    finally:
        trainer.optim.zero_grad(set_to_none=True)
        for buffer, value in zip(
            trainer.model.buffers(), buffers, strict=True
        ):
            buffer.copy_(value)  # what batch norm has seen
    return True


def explain_end(trainer: d2l.Trainer) -> str:
    """Return what to know about how training ended; "" when all is well."""
    history, classes = trainer.history, trainer.num_classes
    step = f"step {len(history.steps)} of {trainer.num_steps}"
    if history.stopped == "interrupted":
        return (
            f"Interrupted after {step}: the network keeps what it has "
            "learned; evaluate(net, data) gives its test accuracy."
        )
    if history.stopped:
        peak = max(trainer.peaks)
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
    X, _ = trainer.prepare_batch(trainer.first_batch)
    with torch.no_grad():
        logits = trainer.numerics.logits(trainer.model, X)
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
