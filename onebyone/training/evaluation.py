"""Run a network over the test set, each image once."""

from collections.abc import Callable, Iterable, Iterator

import torch
from d2l import torch as d2l
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.training.numerics import Numerics


def evaluate(
    net: nn.Module, data: d2l.DataModule | Iterable, precision: str = "auto"
) -> tuple[float, float]:
    """Return mean loss and accuracy of ``net`` over the whole test set.

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
    return score(net, _test_batches(data), _numerics_of(net, precision))


def predict(
    net: nn.Module, data: d2l.DataModule | Iterable, precision: str = "auto"
) -> Tensor:
    """Return the logits of the test set, (N, classes), on the CPU.

    The arguments are those of :func:`evaluate`; the rows keep the order of
    the test images.
    """
    numerics = _numerics_of(net, precision)
    pairs = _logits_and_labels(net, _test_batches(data), numerics)
    return torch.cat([logits.cpu() for logits, _ in pairs])


def loss_function(net: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    return net.loss if isinstance(net, d2l.Module) else F.cross_entropy


def count_correct(logits: Tensor, y: Tensor) -> Tensor:
    classes = y.argmax(dim=1) if y.is_floating_point() else y
    return (logits.argmax(dim=1) == classes).sum()


def _test_batches(data: d2l.DataModule | Iterable) -> Iterable:
    return data.val_dataloader() if hasattr(data, "val_dataloader") else data


def _numerics_of(net: nn.Module, precision: str) -> Numerics:
    """Return the numerics for ``net`` where it is."""
    device = next((p.device for p in net.parameters()), "cpu")
    return Numerics(device, precision)


def _logits_and_labels(
    net: nn.Module, batches: Iterable, numerics: Numerics
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits and labels, in evaluation mode and without gradients."""
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


def score(
    net: nn.Module, batches: Iterable, numerics: Numerics
) -> tuple[float, float]:
    """Return mean loss and accuracy per image."""
    loss_of = loss_function(net)
    losses, correct, images = [], [], 0
    for logits, y in _logits_and_labels(net, batches, numerics):
        losses.append(loss_of(logits, y).detach() * len(y))
        correct.append(count_correct(logits, y))
        images += len(y)
    if images == 0:
        raise ValueError("there are no images to evaluate on")
    loss = sum(torch.stack(losses).tolist()) / images
    return loss, sum(torch.stack(correct).tolist()) / images
