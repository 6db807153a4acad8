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
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import results
from onebyone import Trainer, evaluate, load_data, macs, parameters
from onebyone.data import ImageData, random_shift
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


def random_flip(X: Tensor) -> Tensor:
    """Mirror about half of the images (B, C, H, W), left to right."""
    chosen = torch.rand(len(X), 1, 1, 1) < 0.5
    return torch.where(chosen.to(X.device), X.flip(3), X)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "none": None,
    "flip": random_flip,
    "flip and shift": lambda X: random_shift(2)(random_flip(X)),
}


@dataclass(frozen=True)
class Recipe:
    """A network, and how to train it; the rest is as in `Trainer`.

    Attributes:
        net: "small" for :func:`small_net`, "large" for :func:`large_net`.
        arguments: of that function.
        epochs: passes over the training images.
        lr: peak of the one-cycle schedule.
        batch_size: images a step.
        augmentation: one of ``AUGMENTATIONS``.
    """

    net: str
    arguments: tuple[str | int, ...]
    epochs: int
    lr: float
    batch_size: int = 128
    augmentation: str = "none"

    def build(self) -> nn.Module:
        return {"small": small_net, "large": large_net}[self.net](
            *self.arguments
        )

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

    def run(self, seed: int, validation: int = 0) -> dict[str, float]:
        """Train; return the accuracy after the last epoch, and the seconds.

        The images are in memory already; testing is not in the seconds.
        """
        data = self.data(validation)
        torch.manual_seed(seed)
        net = self.build()
        trainer = Trainer(self.epochs, lr=self.lr, seed=seed, progress=False)
        start = time.perf_counter()
        history = trainer.fit(net, TrainingPart(data))
        seconds = time.perf_counter() - start
        return {
            "seed": seed,
            "seconds": seconds,
            "accuracy": evaluate(net, data)[1],
            "outcome": history.stopped or "ok",
        }


@cache
def _data(batch_size: int, augmentation: str, validation: int) -> ImageData:
    return load_data(
        batch_size,
        augment=AUGMENTATIONS[augmentation],
        validation=validation,
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
LONG = Recipe("small", ("residual", 128), 30, 0.1, augmentation="flip")
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
    # with about a sixth of the steps that the chosen one gets
    "long": [
        Recipe("large", (32, 1), 3, 0.1, augmentation="flip and shift"),
        Recipe(
            "small", ("residual", 128), 5, 0.1, augmentation="flip and shift"
        ),
        Recipe("small", ("residual", 128), 5, 0.1, augmentation="flip"),
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
