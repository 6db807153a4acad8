"""Recipes: a network and all that decides how it is trained.

    python -m benchmarks.recipes short|long    try the candidates

Both recipes were chosen among candidates by their accuracy on 10,000
training images that were held out; the test images had no say in it. Those
for the long one were tried with fewer epochs than it has.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import results
from benchmarks.tricks import (
    ALTERNATING,
    AlternatingFlips,
    BothWays,
    RecipeTrainer,
    augmentation,
)
from onebyone import evaluate, load_data, macs, parameters
from onebyone.data import ImageData
from onebyone.models.residual import ResidualBlock
from onebyone.study import bake_off
from onebyone.study.engine.harness import VALIDATION, TrainingPart


def small_net(block: str, width: int) -> nn.Module:
    """Return the skeleton of the bake-off with one of its blocks.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits.
    """
    multiple = bake_off.MULTIPLES.get(block, 1)
    return bake_off.skeleton(bake_off.BLOCKS[block], width, multiple)


def large_net(width: int, blocks: int) -> nn.Module:
    """Return a residual network without stride in its first convolution.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits. Three stages of `blocks`
    residual blocks with width, 2·width and 4·width channels, on maps of
    28, 14 and 7 pixels a side.
    """
    layers = [
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    channels = width
    for stage in range(3):
        for i in range(blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            layers.append(ResidualBlock(channels, width * 2**stage, stride))
            channels = width * 2**stage
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers, *head)


def pooled_net(width: int, blocks: int = 0) -> nn.Module:
    """Return four plain 3×3 convolutions, each pooled but the first.

    Shapes: (B, 1, 28, 28) -> (B, 10) logits. They have width, 2·width,
    4·width and 8·width channels, and end on maps of 3 pixels a side.
    `blocks` residual blocks follow each that is pooled.
    """
    layers = [
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for channels in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False),
            nn.MaxPool2d(2),  # before what costs less on fewer pixels
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            *(
                ResidualBlock(2 * channels, 2 * channels)
                for _ in range(blocks)
            ),
        ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 10)]
    return nn.Sequential(*layers, *head)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "small": small_net,
    "large": large_net,
    "pooled": pooled_net,
}


class Trained(NamedTuple):
    """What a training leaves: the last weights, their average, the time."""

    last: nn.Module
    average: nn.Module | None
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Recipe:
    """A network, and how to train it; the rest is as in `Trainer`.

    Attributes:
        net: one of ``NETWORKS``.
        arguments: of that function.
        epochs: passes over the training images.
        lr: peak of the one-cycle schedule.
        batch_size: images a step.
        augmentation: see :func:`.tricks.augmentation`.
        smoothing: what each target gives away, to all classes alike.
        averaging: share that the moving average of the weights keeps in a
            step; 0 takes the last weights.
        flipped_test: whether the test takes the mean of the logits of an
            image and its mirror image.
    """

    net: str
    arguments: tuple[str | int, ...]
    epochs: int
    lr: float
    batch_size: int = 128
    augmentation: str = "none"
    smoothing: float = 0.0
    averaging: float = 0.0
    flipped_test: bool = False

    @classmethod
    def saved(cls, values: dict[str, Any]) -> "Recipe":
        """Return the recipe that a file of results holds."""
        return cls(**{**values, "arguments": tuple(values["arguments"])})

    def build(self) -> nn.Module:
        return NETWORKS[self.net](*self.arguments)

    def data(self, validation: int = 0) -> ImageData:
        """Return the images; held-out ones take the place of the test set."""
        return _data(self.batch_size, self.augmentation, validation)

    def cost(self) -> dict[str, int]:
        """Return parameters, MACs and FLOPs an image, and the images seen."""
        net = self.build()
        flops = training_flops(net, (1, 28, 28))
        return {
            "parameters": parameters(net),
            "macs": macs(net, (1, 28, 28)),
            "training_flops_per_image": flops,
            "images_seen": self.epochs * len(self.data().train_labels),
        }

    def train(self, seed: int, data: ImageData) -> Trained:
        """Train on the images of `data`, which are in memory already."""
        torch.manual_seed(seed)
        net = self.build()
        trainer = RecipeTrainer(
            self.epochs,
            smoothing=self.smoothing,
            averaging=self.averaging,
            lr=self.lr,
            seed=seed,
            progress=False,
        )
        alternating = ALTERNATING in self.augmentation
        part = AlternatingFlips(data) if alternating else TrainingPart(data)
        start = time.perf_counter()
        history = trainer.fit(net, part)
        seconds = time.perf_counter() - start
        outcome = history.stopped or "ok"
        return Trained(net, trainer.average, seconds, outcome)

    def accuracy(self, trained: Trained, data: ImageData) -> float:
        """Test on what `data` holds back, as the recipe says."""
        net = trained.average if self.averaging else trained.last
        return evaluate(BothWays(net) if self.flipped_test else net, data)[1]

    def run(self, seed: int, validation: int = 0) -> dict[str, float]:
        """Train; return the accuracy after the last epoch, and the seconds.

        Testing is not in the seconds.
        """
        data = self.data(validation)
        trained = self.train(seed, data)
        return {
            "seed": seed,
            "seconds": trained.seconds,
            "accuracy": self.accuracy(trained, data),
            "outcome": trained.outcome,
        }


@cache
def _data(batch_size: int, names: str, validation: int) -> ImageData:
    return load_data(
        batch_size, augment=augmentation(names), validation=validation
    )


def training_flops(net: nn.Module, shape: Sequence[int]) -> int:
    """Return the FLOPs of a forward and a backward pass for one image.

    As PyTorch counts them: twice the MACs of every convolution and every
    matrix product, in both directions.
    """
    X = torch.zeros(2, *shape)
    counter = FlopCounterMode(display=False)
    with counter:
        net.train()(X).sum().backward()
    return counter.get_total_flops() // len(X)


SHORT = Recipe("small", ("VGG-like", 32), 5, 0.1)
# what gained in the screening
TRICKED = partial(
    Recipe,
    lr=0.1,
    augmentation="alternating flip",
    smoothing=0.1,
    flipped_test=True,
)
LONG = TRICKED("pooled", (24, 1), epochs=22)
# in the same time, without instructions for bfloat16
LONG_FLOAT32 = TRICKED("pooled", (16,), epochs=30)
CANDIDATES: dict[str, list[Recipe]] = {
    "short": [
        Recipe("small", ("VGG-like", width), epochs, lr)
        for width, epochs in ((32, 5), (48, 3), (64, 2), (64, 3))
        for lr in (0.1, 0.3)
    ]
    + [
        Recipe("small", ("residual", width), epochs, lr)
        for width, epochs in ((32, 5), (64, 3))
        for lr in (0.1, 0.3)
    ],
    # in three minutes each, less than a fourth of what the chosen one gets
    "long": [
        TRICKED("small", ("residual", 128), epochs=9),
        TRICKED("pooled", (32,), epochs=9),
        TRICKED("pooled", (24, 1), epochs=6),
        TRICKED("pooled", (32, 1), epochs=4),
        TRICKED(
            "pooled",
            (24, 1),
            epochs=6,
            augmentation="alternating flip and erase",
        ),
    ],
}


def main() -> None:
    """Train each candidate on part of the training set; save the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=CANDIDATES)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    tried = []
    for recipe in CANDIDATES[options.which]:
        runs = [
            recipe.run(seed, validation=VALIDATION)
            for seed in range(options.seeds)
        ]
        tried.append({"recipe": vars(recipe), "runs": runs})
        mean = sum(run["accuracy"] for run in runs) / len(runs)
        seconds = sum(run["seconds"] for run in runs) / len(runs)
        print(f"{mean:.4f} {seconds:6.1f} s  {recipe}", flush=True)
        results.save(f"search-{options.which}", {"tried": tried})


if __name__ == "__main__":
    main()
