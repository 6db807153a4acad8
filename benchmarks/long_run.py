"""The accuracy of a fixed recipe of about fifteen minutes on two cores.

    python -m benchmarks.long_run [--seeds N]

A processor with instructions for bfloat16 computes several times as much in
that time as one without, so each kind has its own recipe. Each run is saved
as it ends; the same command goes on from there, on the same machine.
"""

import statistics

import torch

from benchmarks import results
from benchmarks.recipes import LONG, LONG_FLOAT32, Recipe
from onebyone.data import best_device
from onebyone.study.engine.machine import commit
from onebyone.training import best_precision


def chosen() -> tuple[str, Recipe]:
    """Return the name of the results, and the recipe, for this machine."""
    if best_precision(best_device()) == torch.float32:
        return "long-run-float32", LONG_FLOAT32
    return "long-run", LONG


def earlier_runs(name: str, recipe: Recipe) -> list[dict[str, float]]:
    """Return the runs of this recipe on this machine that are there."""
    before = results.of_this_machine(name)
    if before is not None and Recipe.saved(before["recipe"]) == recipe:
        return before["runs"]
    if results.file(name).exists():
        print(
            "The saved runs are of another recipe or machine: starting afresh"
        )
    return []


def main() -> None:
    """Make the runs that are missing, one seed after the other."""
    name, recipe = chosen()
    runs = earlier_runs(name, recipe)
    for seed in range(len(runs), results.options(__doc__, seeds=5).seeds):
        runs.append(recipe.run(seed) | {"commit": commit()})
        print(
            "{accuracy:.4f} in {seconds:.0f} s".format(**runs[-1]), flush=True
        )
        measured = {"recipe": vars(recipe), **recipe.cost(), "runs": runs}
        results.save(name, measured)
    accuracies = [run["accuracy"] for run in runs]
    print(f"mean of {len(runs)} seeds: {statistics.mean(accuracies):.4f}")


if __name__ == "__main__":
    main()
