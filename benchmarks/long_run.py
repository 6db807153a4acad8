"""The accuracy of a fixed recipe of about fifteen minutes on two cores.

    python -m benchmarks.long_run [--seeds N]

Each run is saved as it ends; the same command goes on from there, on the
same machine.
"""

import statistics

from benchmarks import results
from benchmarks.recipes import LONG
from onebyone.study.engine.machine import commit


def earlier_runs() -> list[dict[str, float]]:
    """Return the runs of this recipe on this machine that are there."""
    path = results.file("long-run")
    if not path.exists():
        return []
    before = results.load(path)
    here = results.plain(results.machine())
    same_machine = before["machine"] | {"commit": here["commit"]} == here
    if not same_machine or before["recipe"] != results.plain(vars(LONG)):
        print(
            "The saved runs are of another recipe or machine: starting afresh"
        )
        return []
    return before["runs"]


def main() -> None:
    """Make the runs that are missing, one seed after the other."""
    runs = earlier_runs()
    for seed in range(len(runs), results.options(__doc__, seeds=5).seeds):
        runs.append(LONG.run(seed) | {"commit": commit()})
        print(
            "{accuracy:.4f} in {seconds:.0f} s".format(**runs[-1]), flush=True
        )
        measured = {"recipe": vars(LONG), **LONG.cost(), "runs": runs}
        results.save("long-run", measured)
    accuracies = [run["accuracy"] for run in runs]
    print(f"mean of {len(runs)} seeds: {statistics.mean(accuracies):.4f}")


if __name__ == "__main__":
    main()
