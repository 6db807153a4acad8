"""How long 90.9 % takes: a recipe of this course against readers of d2l.

    python -m benchmarks.time_to_accuracy [--seeds N]

Our side is trained in full, with every seed, and tested once, after its
last epoch. The other sides are computed: what the networks that two readers
of d2l's page on NiN report of need for so many epochs, at the speed that d2l
has on this machine in this run.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from benchmarks import results, throughput
from benchmarks.recipes import SHORT, training_flops
from onebyone.models.nin import nin, nin_block

GOAL = 0.909  # the best that readers of d2l's page on NiN report


class Report(NamedTuple):
    """A reader's result, and the training that it is said to have taken."""

    accuracy: float
    network: str
    build: Callable[[], nn.Module]
    side: int  # of the images, in pixels
    epochs: int


def changed_nin() -> nn.Sequential:
    """Return the NiN of the reader who reports 90.9 %.

    It has one 1×1 convolution in each block and a third block of 256
    channels, where d2l's page has two and 384.

    Shapes: (B, 1, 224, 224) -> (B, 10) logits.
    """
    net = nin(num_1x1=1)
    net[4] = nin_block(256, 256, 3, 1, 1, num_1x1=1)
    net[7] = nin_block(256, 10, 3, 1, 1, num_1x1=1)
    return net


REPORTS = {
    "one reader": Report(GOAL, "NiN, changed", changed_nin, 224, 30),
    # who does not name the network; this is the one of the page
    "another reader": Report(0.906, "NiN, if the page's", nin, 96, 10),
}


def measure(seeds: int, rounds: int) -> dict[str, object]:
    """Measure our runs, the speed of the other networks, and all costs."""
    runs = []
    images = len(SHORT.data().train_labels)  # they are in memory from now on
    for seed in range(seeds):
        runs.append(SHORT.run(seed))
        print("ours: {accuracy:.4f} in {seconds:.1f} s".format(**runs[-1]))
    networks = {
        reader: throughput.Network(report.build, report.side, 14, 8)
        for reader, report in REPORTS.items()
    }
    ways = (throughput.REFERENCE, throughput.OURS)
    theirs = throughput.measure(rounds, networks, ways)
    for reader, report in REPORTS.items():
        theirs[reader] |= {
            "accuracy": report.accuracy,
            "network": report.network,
            "epochs": report.epochs,
            "images_seen": report.epochs * images,
            "training_flops_per_image": training_flops(
                report.build(), (1, report.side, report.side)
            ),
        }
    return {
        "goal": GOAL,
        "ours": {"recipe": vars(SHORT), **SHORT.cost(), "runs": runs},
        "theirs": theirs,
    }


def effects(measured: dict[str, object], reader: str) -> dict[str, float]:
    """Return how many times less time we need, and its three factors.

    The code: the reader's network, trained by us instead of d2l. Network and
    resolution: our network with our code instead of theirs. Images: how many
    training sees. Their product is the whole.
    """
    ours, theirs = measured["ours"], measured["theirs"][reader]
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
        "images": theirs["images_seen"] / ours["images_seen"],
        "flops": flops,
        "their_flops": their_flops,
        "times_fewer_flops_an_image": theirs["training_flops_per_image"]
        / ours["training_flops_per_image"],
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
    for reader in REPORTS:
        print(reader)
        for name, value in effects(measured, reader).items():
            print(f"  {name:18} {value:,.4g}")


if __name__ == "__main__":
    main()
