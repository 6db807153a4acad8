"""How long 90.9 % takes: a recipe of this course against d2l's NiN page.

    python -m benchmarks.time_to_accuracy [--seeds N]

Our side is trained in full, with every seed, and tested once, after its
last epoch. d2l's side is computed: what the page's network needs for so many
epochs at the speed that d2l has on this machine in this run.
"""

import statistics

from benchmarks import results, throughput
from benchmarks.recipes import SHORT, training_flops
from onebyone.models.nin import nin

GOAL = 0.909  # the best that readers of d2l's page on NiN report …
EPOCHS, SIDE = 30, 224  # … after so many epochs, with images of this side
THEIRS = "large NiN"


def measure(seeds: int, rounds: int) -> dict[str, object]:
    """Measure our runs, the speed of the page's network, and both costs."""
    runs = []
    SHORT.data()  # into memory
    for seed in range(seeds):
        runs.append(SHORT.run(seed))
        print("ours: {accuracy:.4f} in {seconds:.1f} s".format(**runs[-1]))
    cost = SHORT.cost()
    ways = (throughput.REFERENCE, throughput.OURS)
    networks = {THEIRS: throughput.NETWORKS[THEIRS]}
    theirs = throughput.measure(rounds, networks, ways)[THEIRS]
    return {
        "goal": GOAL,
        "ours": {"recipe": vars(SHORT), **cost, "runs": runs},
        "theirs": {
            **theirs,
            "network": THEIRS,
            "epochs": EPOCHS,
            "images_seen": EPOCHS * len(SHORT.data().train_labels),
            "training_flops_per_image": training_flops(nin(), (1, SIDE, SIDE)),
        },
    }


def effects(measured: dict[str, object]) -> dict[str, float]:
    """Return how many times less time we need, and its three factors.

    The code: the page's network, trained by us instead of d2l. Network and
    resolution: our network with our code instead of theirs. Schedule: the
    images that training sees. Their product is the whole.
    """
    ours, theirs = measured["ours"], measured["theirs"]
    rates = theirs["images_per_second"]
    with_d2l = statistics.median(rates[throughput.REFERENCE])
    with_our_code = statistics.median(rates[throughput.OURS])
    seconds = mean_of(ours, "seconds")
    their_seconds = theirs["images_seen"] / with_d2l
    flops, their_flops = total_flops(ours), total_flops(theirs)
    return {
        "accuracy": mean_of(ours, "accuracy"),
        "seconds": seconds,
        "their_seconds": their_seconds,
        "times_faster": their_seconds / seconds,
        "code": with_our_code / with_d2l,
        "network": ours["images_seen"] / seconds / with_our_code,
        "schedule": theirs["images_seen"] / ours["images_seen"],
        "flops": flops,
        "their_flops": their_flops,
        "times_fewer_flops": their_flops / flops,
    }


def total_flops(side: dict[str, object]) -> int:
    """Return the FLOPs of all of training."""
    return side["training_flops_per_image"] * side["images_seen"]


def mean_of(side: dict[str, object], value: str) -> float:
    """Return the mean over all runs, whatever became of them."""
    return statistics.mean(run[value] for run in side["runs"])


def main() -> None:
    """Measure, save the results, and print the comparison."""
    options = results.options(__doc__, seeds=5, rounds=3)
    measured = measure(options.seeds, options.rounds)
    results.save("time-to-accuracy", measured)
    for name, value in effects(measured).items():
        print(f"{name:18} {value:,.4g}")


if __name__ == "__main__":
    main()
