"""What each trick gains in seven epochs.

    python -m benchmarks.screening [--seeds N]

The base is a small residual network whose images are mirrored at random.
Each candidate changes one thing of it; then all that gained are tried
together. The accuracy is that on 10,000 training images that were held out;
the test images have no say. Each run is saved as it ends; the same command
goes on from there, on the same machine.
"""

import statistics
from collections.abc import Callable
from dataclasses import replace

from benchmarks import results
from benchmarks.recipes import Recipe
from onebyone.study.engine.harness import VALIDATION
from onebyone.study.engine.machine import commit

BASE = Recipe("small", ("residual", 64), 7, 0.1, augmentation="flip")
AVERAGING = 0.995
Trick = Callable[[Recipe], Recipe]
TRICKS: dict[str, Trick] = {
    "averaged weights": lambda of: replace(of, averaging=AVERAGING),
    "flips at test time": lambda of: replace(of, flipped_test=True),
    "flips that alternate": lambda of: replace(
        of, augmentation=of.augmentation.replace("flip", "alternating flip")
    ),
    "crops, padding 1": lambda of: replace(
        of, augmentation=f"{of.augmentation} and crop"
    ),
    "a square erased": lambda of: replace(
        of, augmentation=f"{of.augmentation} and erase"
    ),
    "label smoothing": lambda of: replace(of, smoothing=0.1),
    "a leaner pooled network": lambda of: replace(
        of, net="pooled", arguments=(16,)
    ),
}
TOGETHER = "all that gained"
CANDIDATES = {
    "none": BASE,
    **{name: trick(BASE) for name, trick in TRICKS.items()},
}
Runs = dict[str, list[dict[str, object]]]  # of each candidate, by seed


def training_of(recipe: Recipe) -> Recipe:
    """Return the recipe without what only decides how it is tested.

    Candidates with the same one share their trainings, in which an average
    of the weights is kept besides.
    """
    return replace(recipe, averaging=AVERAGING, flipped_test=False)


def measure(candidates: dict[str, Recipe], seed: int) -> Runs:
    """Train once, and test as each of the candidates says.

    All must have the same `training_of`.
    """
    (training,) = {training_of(recipe) for recipe in candidates.values()}
    data = training.data(VALIDATION)
    trained = training.train(seed, data)
    shared = {
        "seed": seed,
        "seconds": trained.seconds,
        "outcome": trained.outcome,
        "commit": commit(),
    }
    return {
        name: [shared | {"accuracy": recipe.accuracy(trained, data)}]
        for name, recipe in candidates.items()
    }


def gains(runs: Runs, name: str) -> list[float]:
    """Return by how much a candidate is ahead of the base, seed by seed."""
    pairs = zip(runs[name], runs["none"], strict=False)
    return [mine["accuracy"] - base["accuracy"] for mine, base in pairs]


def together(runs: Runs) -> Recipe:
    """Return the base with every trick that gained on average."""
    recipe = BASE
    for name, trick in TRICKS.items():
        if statistics.mean(gains(runs, name)) > 0:
            recipe = trick(recipe)
    return recipe


def missing(candidates: dict[str, Recipe], runs: Runs, seed: int) -> list:
    """Return the candidates without a run of the seed, by their training."""
    groups: dict[Recipe, dict[str, Recipe]] = {}
    for name, recipe in candidates.items():
        if all(run["seed"] != seed for run in runs.get(name, [])):
            groups.setdefault(training_of(recipe), {})[name] = recipe
    return list(groups.values())


def run(candidates: dict[str, Recipe], seeds: int, runs: Runs) -> None:
    """Make the runs that are missing, all candidates with a seed in turn."""
    for seed in range(seeds):
        for group in missing(candidates, runs, seed):
            for name, measured in measure(group, seed).items():
                runs.setdefault(name, []).extend(measured)
                print(
                    "{accuracy:.4f} in {seconds:.0f} s".format(**measured[0]),
                    f"with seed {seed}: {name}",
                    flush=True,
                )
            recipes = {name: vars(of) for name, of in candidates.items()}
            results.save("screening", {"recipes": recipes, "runs": runs})


def earlier_runs() -> Runs:
    """Return the saved runs of these candidates on this machine."""
    before = results.of_this_machine("screening") or {"recipes": {}}
    return {
        name: before["runs"][name]
        for name, recipe in before["recipes"].items()
        if Recipe.saved(recipe) == CANDIDATES.get(name)
    }


def main() -> None:
    """Make the runs that are missing; then try together what gained."""
    seeds = results.options(__doc__, seeds=3).seeds
    runs = earlier_runs()
    run(CANDIDATES, seeds, runs)
    run({**CANDIDATES, TOGETHER: together(runs)}, seeds, runs)


if __name__ == "__main__":
    main()
