"""Training images per second: this course, d2l, and a loop by hand.

    python -m benchmarks.throughput [--rounds N]

The same networks, batches of the same size from the same images, the same
optimiser. In each round every way of training has its turn; a ratio is
taken within a round, and what counts is the median over the rounds.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from d2l import torch as d2l
from torch import nn

from benchmarks import results
from benchmarks.timing import Classifier, TimedData, d2l_data, take_step
from onebyone import Trainer, load_data, macs, parameters
from onebyone.data import ImageData
from onebyone.models import compact_inception, compact_nin, compact_resnet, nin
from onebyone.training import best_precision

BATCH_SIZE = 128


class Network(NamedTuple):
    """A network to train, and how long to do it."""

    build: Callable[[], nn.Module]
    side: int  # of the images, in pixels
    batches: int
    warm_up: int  # batches of these that are not timed


NETWORKS = {  # each warm-up uses up what a loader has fetched in advance
    "compact NiN": Network(compact_nin, 28, 40, 10),
    "compact Inception": Network(compact_inception, 28, 40, 10),
    "compact ResNet": Network(compact_resnet, 28, 40, 10),
    "large NiN": Network(nin, 224, 14, 8),
}


def by_d2l(model: Classifier, data: TimedData) -> None:
    """Train as the book of d2l does."""
    gpus = int(torch.cuda.is_available())
    d2l.Trainer(max_epochs=1, num_gpus=gpus).fit(model, data)


def by_us(model: Classifier, data: TimedData, precision: str = "auto") -> None:
    """Train as this book does."""
    Trainer(1, schedule="constant", precision=precision, progress=False).fit(
        model, data
    )


def by_hand(model: Classifier, data: TimedData) -> None:
    """Train with as little as possible around PyTorch itself."""
    dtype = best_precision(data.device)
    net = model.net.to(data.device, memory_format=torch.channels_last).train()
    optimiser = torch.optim.SGD(net.parameters(), lr=model.lr)
    for X, y in data.train_dataloader():
        X = X.to(memory_format=torch.channels_last)
        take_step(net, optimiser, X, y, dtype)


WAYS = {  # what trains, and on whose data
    "d2l's trainer, d2l's data": (by_d2l, "d2l"),
    "d2l's trainer, our data": (by_d2l, "ours"),
    "our trainer, d2l's data": (by_us, "d2l"),
    "ours": (by_us, "ours"),
    "ours, float32": (partial(by_us, precision="float32"), "ours"),
    "a loop by hand, our data": (by_hand, "ours"),
}
REFERENCE = "d2l's trainer, d2l's data"
OUR_DATA = "d2l's trainer, our data"
THEIR_DATA = "our trainer, d2l's data"
OURS, FLOAT32 = "ours", "ours, float32"
BY_HAND = "a loop by hand, our data"


def images_per_second(
    way: str, network: Network, data: dict[str, d2l.DataModule]
) -> float:
    """Train for a few batches, from the same weights each time."""
    train, whose = WAYS[way]
    torch.manual_seed(0)
    model = Classifier(network.build())
    timed = TimedData(data[whose], network.batches, network.warm_up)
    train(model, timed)
    return timed.images_per_second


def both_data(side: int) -> dict[str, ImageData | d2l.FashionMNIST]:
    """Return the same images as we serve them, and as d2l does."""
    ours = load_data(BATCH_SIZE, resize=None if side == 28 else side)
    return {"ours": ours, "d2l": d2l_data(ours, BATCH_SIZE, side)}


def measure(
    rounds: int,
    networks: dict[str, Network] = NETWORKS,
    ways: tuple[str, ...] = tuple(WAYS),
) -> dict[str, object]:
    """Return the rates of all networks and ways, round by round."""
    measured = {}
    for name, network in networks.items():
        data = both_data(network.side)
        rates = {way: [] for way in ways}
        for i in range(rounds):
            for way in ways[i % len(ways) :] + ways[: i % len(ways)]:
                rates[way].append(images_per_second(way, network, data))
            last = [f"{way} {own[-1]:,.0f}/s" for way, own in rates.items()]
            print(f"{name}, round {i + 1} of {rounds}:", *last, flush=True)
        net = network.build()
        measured[name] = {
            "side": network.side,
            "parameters": parameters(net),
            "macs": macs(net, (1, network.side, network.side)),
            "batches": network.batches - 1 - network.warm_up,
            "images_per_second": rates,
        }
    return measured


def ratio(
    rates: dict[str, list[float]], way: str, reference: str = REFERENCE
) -> tuple[float, float, float]:
    """Return the median of the ratios within a round, and their range."""
    ratios = [a / b for a, b in zip(rates[way], rates[reference], strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def main() -> None:
    """Measure, save the results, and print the ratios."""
    networks = measure(results.options(__doc__, rounds=5).rounds)
    results.save(
        "throughput", {"batch_size": BATCH_SIZE, "networks": networks}
    )
    for name, network in networks.items():
        rates = network["images_per_second"]
        print(f"\n{name}")
        for way in rates:
            median, low, high = ratio(rates, way)
            rate = statistics.median(rates[way])
            print(
                f"  {way:28} {rate:9,.0f}/s  {median:5.2f} times d2l "
                f"({low:.2f} to {high:.2f})"
            )
        median, low, high = ratio(rates, OURS, BY_HAND)
        print(f"  ours / by hand: {median:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
