"""What fair comparisons share: a search for each arm, one run, one test."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product

import numpy as np
import pandas as pd
from torch import nn

from onebyone.cost import macs, parameters
from onebyone.data import ImageData
from onebyone.study.engine.harness import TrainingPart
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer, best_precision, evaluate

PARTS = 20  # of a training, over each of which a curve has a mean
MEASUREMENTS = [
    "accuracy",
    "loss",
    "train_loss",
    "loss_curve",
    "parameters",
    "macs",
    "steps",
    "cpu_seconds",
    "precision",
]


def arms(**levels: Sequence) -> list[Row]:
    """Return all combinations of the levels of some factors."""
    return [
        dict(zip(levels, values, strict=True))
        for values in product(*levels.values())
    ]


def tuned(
    name: str,
    question: str,
    rates: dict[float, list[Row]],
    grid: Sequence[float],
    measure: Callable[..., Row],
    recipe: Row,
    validation: int,
    measurements: list[str],
    shown: list[str],
    seeds: int,
    search_recipe: Row | None = None,
    beyond: dict[float, list[Row]] | None = None,
) -> tuple[Study, Study]:
    """Declare a study, and the search that gave each arm its learning rate.

    The search tries every arm at every rate of one grid, with two seeds, on
    training images that it holds out. A module calls the two
    ``SEARCH, STUDY``.

    Args:
        name, question, measure, recipe, measurements, shown, seeds: of the
            study, see :class:`Study`. ``measure`` takes ``validation`` too:
            how many training images to hold out and to test on.
        rates: the learning rates that were found, each with its arms.
        grid: the learning rates that are tried, in rising order.
        validation: how many images the search holds out.
        search_recipe: what the search changes of the recipe.
        beyond: rates outside the grid, each with the arms that are tried at
            it because they did best at an end of the grid.

    Returns:
        The search, whose name ends in "-search", and the study.
    """
    every = [arm for found in rates.values() for arm in found]
    tried = [*((lr, every) for lr in grid), *(beyond or {}).items()]
    search = Study(
        name=f"{name}-search",
        question=f"Which learning rate serves each arm of {name} best?",
        configurations=_at_rates(tried),
        recipe={**recipe, **(search_recipe or {}), "validation": validation},
        seeds=2,
        measure=measure,
        measurements=measurements,
        shown=shown,
    )
    study = Study(
        name=name,
        question=question,
        configurations=_at_rates(rates.items()),
        recipe=recipe,
        seeds=seeds,
        measure=measure,
        measurements=measurements,
        shown=shown,
    )
    return search, study


def _at_rates(rates: Iterable[tuple[float, list[Row]]]) -> list[Row]:
    return [{**arm, "lr": lr} for lr, arms in rates for arm in arms]


def best_rates(runs: pd.DataFrame, arms: list[str]) -> dict[tuple, float]:
    """Return the rate of each arm that did best in a search.

    Best is the highest mean over the seeds of the "accuracy", or the lowest
    of the "error", both on held-out images; in studies that ask how well
    networks *train*, and so record a "train_error", the lowest of the
    "train_loss".

    Args:
        runs: of a search, as :func:`onebyone.study.load` returns them.
        arms: the factors that tell one arm from another.
    """
    lower = "error" in runs
    value = "error" if lower else "accuracy"
    if "train_error" in runs:
        value = "train_loss"
    means = runs.groupby([*arms, "lr"])[value].mean()
    by_arm = means.groupby(arms)
    best = by_arm.idxmin() if lower else by_arm.idxmax()
    return {place[:-1]: place[-1] for place in best}


def train_and_test(net: nn.Module, data: ImageData, trainer: Trainer) -> Row:
    """Train ``net``, and test it once, after the last epoch.

    Args:
        net: (B, C, H, W) -> (B, 10) logits, with its weights drawn.
        data: what to train on; tested is on its test images, or on those
            that it holds out.
        trainer: not used before, with its seed.

    Returns:
        What ``MEASUREMENTS`` names: the tested accuracy, between 0 and 1,
        and loss; the mean training loss of the last tenth of the steps, and
        the means of twenty parts, see :func:`onebyone.study.numbers`; the
        cost of the network; the seconds of CPU time that training took,
        summed over threads; the number format of the forward pass.
    """
    X = data.normalise(data.train_images[:1])
    cost = {"parameters": parameters(net), "macs": macs(net, X.shape[1:])}
    net.to(data.device)
    start = time.process_time()
    history = trainer.fit(net, TrainingPart(data))
    seconds = time.process_time() - start
    losses = history.steps["loss"].to_numpy()
    precision = trainer.precision
    if precision == "auto":
        precision = str(best_precision(data.device)).removeprefix("torch.")
    loss, accuracy = evaluate(net, data, precision=trainer.precision)
    return {
        "outcome": history.stopped or "ok",
        "accuracy": accuracy,
        "loss": loss,
        "train_loss": losses[-max(1, len(losses) // 10) :].mean().item(),
        "loss_curve": as_text(means_of_parts(losses)),
        **cost,
        "steps": len(losses),
        "cpu_seconds": seconds,
        "precision": precision,
    }


def means_of_parts(values: np.ndarray, parts: int = PARTS) -> list[float]:
    """Return the means over parts of nearly equal length, none empty."""
    return [part.mean() for part in np.array_split(values, parts) if len(part)]


def as_text(values: Iterable[float]) -> str:
    """Return numbers as a cell of a record holds them, four digits each."""
    return " ".join(f"{value:.4g}" for value in values)
