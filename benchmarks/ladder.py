"""What each step from d2l's way of training to ours gains, one at a time.

    python -m benchmarks.ladder [--rounds N] [--seeds N]

Every rung keeps what the rungs before it changed. Two things are measured:
training images per second, in rounds in which every rung has its turn; and,
for the rungs that change what is learned, the accuracy after two epochs on
10,000 held-out training images, each at the best of three learning rates.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache

import torch
from torch import nn

from benchmarks import results
from benchmarks.timing import Stopwatch, d2l_data, take_step
from onebyone import Trainer, evaluate, load_data, variants
from onebyone.data import best_device
from onebyone.models.nin import compact_nin
from onebyone.study.engine.harness import RATES, VALIDATION, TrainingPart
from onebyone.training import MOMENTUM, WEIGHT_DECAY, best_precision

EPOCHS = 2  # of the runs that take the accuracy
NOT_TIMED = ("one-cycle schedule",)  # `train` takes the steps of the one above
IMAGES, WARM_UP_IMAGES = 128 * 40, 128 * 10  # of a measurement of speed
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "compact NiN": compact_nin,
    "with stride": variants.strided_nin,
}


@dataclass(frozen=True)
class Rung:
    """A way of training, which differs in one thing from the one before."""

    step: str
    channels_last: bool = False
    mixed_precision: bool = False
    data: str = "d2l"
    network: str = "compact NiN"
    schedule: str = "constant"
    batch_size: int = 128
    compiled: bool = False
    learns_otherwise: bool = False  # than the rung before


def rungs() -> list[Rung]:
    """Return all rungs, each the one before with one thing changed."""
    ladder = [Rung("float32, channels first, d2l's loader")]

    def step(name: str, learns_otherwise: bool = False, **change) -> None:
        ladder.append(
            replace(
                ladder[-1],
                step=name,
                learns_otherwise=learns_otherwise,
                **change,
            )
        )

    step("channels last", channels_last=True)
    step("bfloat16", mixed_precision=True)
    step("images on the device", data="ours", learns_otherwise=True)
    step("stride 2 in front", network="with stride", learns_otherwise=True)
    step("one-cycle schedule", schedule="one-cycle", learns_otherwise=True)
    step("batches of 256", batch_size=256, learns_otherwise=True)
    step("torch.compile", compiled=True)
    return ladder


@cache
def _loader(data: str, batch_size: int) -> Iterable:
    ours = load_data(batch_size)
    module = ours if data == "ours" else d2l_data(ours, batch_size, 28)
    return module.train_dataloader()


def prepare(rung: Rung) -> tuple[nn.Module, float]:
    """Return the network as a rung trains it, and the seconds to compile."""
    torch.manual_seed(0)
    net = NETWORKS[rung.network]().to(best_device()).train()
    if rung.channels_last:
        net.to(memory_format=torch.channels_last)
    if not rung.compiled:
        return net, 0.0
    start = time.perf_counter()
    net = torch.compile(net)
    train(net, rung, WARM_UP_IMAGES, 0)
    return net, time.perf_counter() - start


def train(net: nn.Module, rung: Rung, images: int, warm_up: int) -> float:
    """Train; return the images per second after the warm-up."""
    device = best_device()
    optimiser = torch.optim.SGD(
        net.parameters(),
        lr=1e-3,
        momentum=MOMENTUM,
        weight_decay=WEIGHT_DECAY,
        nesterov=True,
    )
    dtype = best_precision(device) if rung.mixed_precision else torch.float32
    batches = Stopwatch(
        _loader(rung.data, rung.batch_size),
        images // rung.batch_size,
        warm_up // rung.batch_size,
        device,
    )
    for X, y in batches:
        X, y = X.to(device), y.to(device)
        if rung.channels_last:
            X = X.to(memory_format=torch.channels_last)
        take_step(net, optimiser, X, y, dtype)
    return batches.steps * rung.batch_size / batches.seconds


def accuracies(rung: Rung, lr: float, seeds: int) -> list[float]:
    """Return each seed's accuracy on held-out images, after training."""
    data = load_data(rung.batch_size, validation=VALIDATION)
    found = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = NETWORKS[rung.network]()
        trainer = Trainer(
            EPOCHS, lr=lr, schedule=rung.schedule, seed=seed, progress=False
        )
        trainer.fit(net, TrainingPart(data))
        found.append(evaluate(net, data)[1])
    return found


def measure(ladder: list[Rung], rounds: int, seeds: int) -> list[dict]:
    """Measure each rung's speed, and accuracy where it learns otherwise."""
    networks = [prepare(rung) for rung in ladder]
    rates = [[] for _ in ladder]
    for i in range(rounds):
        for rung, (net, _), own in zip(ladder, networks, rates, strict=True):
            own.append(train(net, rung, IMAGES, WARM_UP_IMAGES))
        print(f"round {i + 1} of {rounds}:", [f"{r[-1]:,.0f}" for r in rates])
    measured = []
    for rung, (_, compiling), own in zip(ladder, networks, rates, strict=True):
        row = {**asdict(rung), "images_per_second": own}
        if rung.compiled:
            row["seconds_of_compiling"] = compiling
        if rung.learns_otherwise:
            row["accuracies"] = {
                str(lr): accuracies(rung, lr, seeds) for lr in RATES
            }
            lr, best = best_rate(row["accuracies"])
            print(f"{rung.step}: {best:.4f} at {lr}", flush=True)
        measured.append(row)
    return measured


def best_rate(accuracies: dict[str, list[float]]) -> tuple[str, float]:
    """Return the learning rate with the best mean accuracy, and the mean."""
    means = {lr: statistics.mean(found) for lr, found in accuracies.items()}
    lr = max(means, key=means.get)
    return lr, means[lr]


def main() -> None:
    """Measure, save the results, and print the gains."""
    options = results.options(__doc__, rounds=5, seeds=3)
    measured = measure(rungs(), options.rounds, options.seeds)
    results.save("ladder", {"epochs": EPOCHS, "rungs": measured})
    for row in measured:
        rate = statistics.median(row["images_per_second"])
        print(f"{row['step']:40} {rate:9,.0f}/s")


if __name__ == "__main__":
    main()
