"""What the studies on Fashion-MNIST share: search, train, test once."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.cost import macs, parameters
from onebyone.data import FashionMNIST, ImageData
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer, best_precision, evaluate

RATES = (0.03, 0.1, 0.3)  # that every learning-rate search tries
VALIDATION = 10_000  # training images that a search holds out
MEASUREMENTS = [
    "test_accuracy",
    "test_loss",
    "train_loss",
    "parameters",
    "macs",
    "steps",
    "cpu_seconds",
    "precision",
]


def tuned(
    name: str,
    question: str,
    factors: Sequence[str],
    rates: dict[tuple, float],
    measure: Callable[..., Row],
    recipe: Row,
    measurements: list[str],
    shown: list[str],
    seeds: int = 5,
    searched: Sequence[tuple] | None = None,
    search_recipe: Row | None = None,
    measure_search: Callable[..., Row] | None = None,
) -> tuple[Study, Study]:
    """Declare a study, and the search that gave each arm its learning rate.

    The search tries ``RATES`` with one seed, on held-out training images. A
    module calls the two ``SEARCH, STUDY``.

    Args:
        name, question, measure, recipe, measurements, shown, seeds: of the
            study, see :class:`Study`; ``measure`` takes ``data`` too.
        factors: the names of what an arm sets.
        rates: the arms, each with the learning rate that was found best.
        searched: the arms that the search tries, if not all.
        search_recipe: the recipe of the search, if not that of the study.
        measure_search: what the search calls, if ``measure`` does not
            suffice; it takes ``validation``, the number of images to hold
            out, and returns a "validation_accuracy".

    Returns:
        The search, whose name ends in "-search", and the study.
    """

    def arm(values: tuple, lr: float) -> Row:
        return {**dict(zip(factors, values, strict=True)), "lr": lr}

    search = Study(
        name=f"{name}-search",
        question=f"Which learning rate serves each arm of {name} best?",
        configurations=[
            arm(values, lr) for lr in RATES for values in searched or rates
        ],
        recipe={
            **(recipe if search_recipe is None else search_recipe),
            "validation": VALIDATION,
        },
        seeds=1,
        measure=measure_search or _on_held_out_images(measure),
        measurements=[
            "validation_accuracy" if column == "test_accuracy" else column
            for column in measurements
        ],
        shown=["validation_accuracy"],
    )
    study = Study(
        name=name,
        question=question,
        configurations=[arm(values, lr) for values, lr in rates.items()],
        recipe=recipe,
        seeds=seeds,
        measure=measure,
        measurements=measurements,
        shown=shown,
    )
    return search, study


def _on_held_out_images(measure: Callable[..., Row]) -> Callable[..., Row]:
    def measure_search(validation: int, **setting: Any) -> Row:
        data = fashion_mnist(validation=validation)
        return as_search(measure(**setting, data=data))

    # where the processes of a cluster find it
    measure_search.__module__ = measure.__module__
    measure_search.__qualname__ = "SEARCH.measure"
    return measure_search


def as_search(measured: Row) -> Row:
    """Return the row of a run that was tested on held-out training images."""
    measured["validation_accuracy"] = measured.pop("test_accuracy")
    return measured


class TrainingPart:
    """A data module without its test images, which training never sees."""

    def __init__(self, data: ImageData) -> None:
        self._data = data

    def __getattr__(self, name: str) -> object:
        return getattr(self._data, name)

    def val_dataloader(self) -> None:
        """Return nothing, so that the trainer evaluates nothing."""


def train_and_test(
    net: nn.Module, data: ImageData, seed: int, lr: float, epochs: int
) -> Row:
    """Train ``net``, and test it once, after the last epoch.

    Args:
        net: (B, 1, H, W) -> (B, 10) logits, with its weights drawn.
        data: what to train and test on.
        seed: draws the order of the images, and what dropout drops.
        lr: peak of the one-cycle schedule.
        epochs: passes over the training images.

    Returns:
        What ``MEASUREMENTS`` names: accuracies between 0 and 1; the mean
        training loss of the last tenth of the steps; the cost of the
        network; the seconds of CPU time that training took, summed over
        threads; the number format of the forward pass.
    """
    X = data.normalise(data.train_images[:1])
    cost = {"parameters": parameters(net), "macs": macs(net, X.shape[1:])}
    net.to(data.device)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    start = time.process_time()
    history = trainer.fit(net, TrainingPart(data))
    seconds = time.process_time() - start
    losses = history.steps["loss"].to_numpy()
    test_loss, test_accuracy = evaluate(net, data)
    return {
        "outcome": history.stopped or "ok",
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "train_loss": losses[-max(1, len(losses) // 10) :].mean().item(),
        **cost,
        "steps": len(losses),
        "cpu_seconds": seconds,
        "precision": str(best_precision(data.device)).removeprefix("torch."),
    }


def seen_accuracy(net: nn.Module, data: ImageData) -> float:
    """Return the accuracy on the first 10,000 training images."""
    return evaluate(net, _seen(data, 10_000))[1]


def _seen(data: ImageData, limit: int) -> Iterable[tuple[Tensor, Tensor]]:
    images, labels = data.train_images[:limit], data.train_labels[:limit]
    for X, y in zip(images.split(256), labels.split(256), strict=True):
        yield data.normalise(X), y


@cache
def fashion_mnist(**options: Any) -> FashionMNIST:
    """Return the images in batches of 128, read once in a process."""
    return FashionMNIST(**{"batch_size": 128} | options)


def widest(
    build: Callable[[int], nn.Module],
    cost: Callable[[nn.Module], int],
    budget: int,
    least: int = 1,
    step: int = 1,
) -> int:
    """Return the largest width that a budget allows.

    Args:
        build: makes a network of a width; wider ones cost more.
        cost: what is limited, such as :func:`onebyone.parameters`.
        budget: the limit of that cost.
        least: the smallest width.
        step: between one width and the next.

    Raises:
        ValueError: the narrowest network costs more than the budget.
    """

    def affordable(steps: int) -> bool:
        with torch.random.fork_rng(devices=[]):  # not from the run's numbers
            return cost(build(least + step * steps)) <= budget

    if not affordable(0):
        raise ValueError(f"the narrowest network costs more than {budget:,}")
    low, high = 0, 1
    while affordable(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if affordable(middle) else (low, middle)
    return least + step * low


def image_macs(net: nn.Module) -> int:
    """Return the multiply-accumulates for a grey image of 28×28 pixels."""
    return macs(net, (1, 28, 28))
