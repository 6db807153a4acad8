"""A board of recipes that train for one minute.

    python -m benchmarks.board [RECIPE.py] [--seeds N]

Without a recipe, those in ``benchmarks/entries/`` are run. The rules:

1. A recipe is a file with a function ``train(data, seed)``. It gets the
   60,000 training images of Fashion-MNIST, as an ``ImageData`` without test
   images, builds a network and trains it from new weights.
2. It returns the network, (B, 1, 28, 28) -> (B, 10) logits, which is tested
   once on the 10,000 test images, in the way they are normalised here.
3. All that ``train`` does is in the time, with all cores of the machine: a
   minute at most, in each of five runs with seeds of their own.
   The test is not, so the network looks at an image in two ways at most,
   such as it is and mirrored.
4. Recipes are ranked by the mean accuracy of these runs. Whoever tunes one
   does it on training images that are held out.

Each run is saved as it ends; the same command goes on from there. Only runs
on one machine are compared.
"""

import argparse
import hashlib
import runpy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from torch import nn

from benchmarks import results
from onebyone import evaluate, load_data, parameters
from onebyone.data import ImageData
from onebyone.study.engine.harness import TrainingPart
from onebyone.study.engine.machine import commit

ENTRIES = Path(__file__).parent / "entries"
LIMIT = 60  # seconds
SEEDS = 5
Entry = dict[str, object]


class Images(TrainingPart):
    """What a recipe gets: the training images, and none to test on."""

    HIDDEN = ("test_images", "test_labels", "val_images", "val_labels")

    def __getattr__(self, name: str) -> object:
        if name in self.HIDDEN:
            raise AttributeError(
                f"a recipe of the board has no {name}; hold out some of"
                " train_images instead"
            )
        return super().__getattr__(name)


def recipe_of(path: Path) -> Callable[[Images, int], nn.Module]:
    """Return the function ``train`` of a file.

    Raises:
        SystemExit: there is no such file, or no such function in it.
    """
    try:
        train = runpy.run_path(str(path)).get("train")
    except FileNotFoundError:
        raise SystemExit(f"There is no file {path}.") from None
    if not callable(train):
        raise SystemExit(f"{path.name} has no function train(data, seed).")
    return train


def measure(
    train: Callable[[Images, int], nn.Module], data: ImageData, seed: int
) -> dict[str, object]:
    """Train once against the clock, then test once."""
    start = time.perf_counter()
    net = train(Images(data), seed)
    seconds = time.perf_counter() - start
    if not isinstance(net, nn.Module):
        raise SystemExit(
            f"train must return a network, not {type(net).__name__}."
        )
    return {
        "seed": seed,
        "seconds": seconds,
        "accuracy": evaluate(net, data)[1],
        "parameters": parameters(net),
        "commit": commit(),
    }


def entries() -> dict[str, Entry]:
    """Return what the board of this machine holds, by the recipe's name."""
    saved = results.of_this_machine("board")
    return {} if saved is None else saved["entries"]


def enter(path: Path, data: ImageData, seeds: int) -> bool:
    """Make the runs that the recipe lacks; return whether it is in time."""
    train, name = recipe_of(path), path.stem
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    board = entries()
    if board.get(name, {}).get("sha256") != digest:
        board[name] = {"sha256": digest, "runs": []}
    runs = board[name]["runs"]
    for seed in range(len(runs), seeds):
        runs.append(measure(train, data, seed))
        print(
            f"{name}, seed {seed}: "
            "{accuracy:.4f} in {seconds:.1f} s".format(**runs[-1]),
            flush=True,
        )
        if runs[-1]["seconds"] > LIMIT:
            print(f"{name} takes more than {LIMIT} s: not on the board.")
            return False
        results.save("board", {"limit": LIMIT, "entries": board})
    return True


def ranked(board: dict[str, Entry]) -> list[tuple[str, Entry]]:
    """Return the recipes with all their runs, the best first."""
    whole = [item for item in board.items() if len(item[1]["runs"]) >= SEEDS]
    return sorted(whole, key=lambda item: mean_accuracy(item[1]), reverse=True)


def mean_accuracy(entry: Entry) -> float:
    return statistics.mean(run["accuracy"] for run in entry["runs"])


def main() -> None:
    """Enter a recipe, or those of the course, and show the board."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    data = load_data()
    own = options.recipe
    for path in [own] if own else sorted(ENTRIES.glob("*.py")):
        enter(path, data, options.seeds)
    for place, (name, entry) in enumerate(ranked(entries()), start=1):
        slowest = max(run["seconds"] for run in entry["runs"])
        mark = "  <- yours" if own and name == own.stem else ""
        print(
            f"{place:3}. {100 * mean_accuracy(entry):.2f} %"
            f"  {slowest:4.0f} s  {name}{mark}"
        )


if __name__ == "__main__":
    main()
