"""Every convolution that the course trains in bfloat16, found in the act.

The studies and the recipes are run up to the point where they hand a network
and its data to the trainer. The chapters and solutions train networks of the
package, and a few of their own, whose definitions are taken from their cells.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import recipes
from onebyone import Trainer
from onebyone.data import FashionMNIST, ImageData, Letters
from onebyone.study import catalogue
from onebyone.study.engine import harness
from tools import ROOT, notebooks

# networks of chapters and solutions, and how many images a step sees
BUILT = {
    "book/one_by_one.ipynb": ["small_net(1)", "small_net(5)"],
    "book/nin.ipynb": ["compact_nin()", "fc_head_nin()"],
    "book/gap.ipynb": ["with_head(kind) for kind in ('GAP', 'FC', 'FC 256')"],
    "book/inception.ipynb": ["compact_inception()"],
    "book/residual.ipynb": [],  # trains in float32
    "exercises/solutions/one_by_one.ipynb": ["pixel_net(1)", "pixel_net(5)"],
    "exercises/solutions/nin.ipynb": [
        "compact_nin(num_1x1=n) for n in range(4)"
    ],
    "exercises/solutions/counting.ipynb": [
        "conv_net(12, False)",
        "conv_net(24, True)",
    ],
    "exercises/solutions/inception.ipynb": ["compact_inception()"],
}
BATCHES = (128, 64, 16)


class Convolution(NamedTuple):
    """What decides which kernel of the processor works."""

    channels: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] | str
    dilation: tuple[int, int]
    groups: int
    bias: bool
    image: tuple[int, ...]  # (B, C, H, W)

    def __str__(self) -> str:
        sizes = ["x".join(map(str, s)) for s in (self.image, self.kernel)]
        return f"{sizes[0]}-{self.channels[1]}-{sizes[1]}-{self.stride[0]}"


class Handed(Exception):
    """A network and its data have reached the trainer."""


def convolutions(net: nn.Module, shape: tuple) -> Iterator[Convolution]:
    """Those of a network that gets images of that shape (B, C, H, W)."""
    seen = []

    def note(layer: nn.Conv2d, inputs: tuple, _: Tensor) -> None:
        seen.append(
            Convolution(
                (layer.in_channels, layer.out_channels),
                layer.kernel_size,
                layer.stride,
                layer.padding,
                layer.dilation,
                layer.groups,
                layer.bias is not None,
                (shape[0], *inputs[0].shape[1:]),
            )
        )

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        net.eval()(torch.zeros(2, *shape[1:]))
    return iter(seen)


def some_images(self: ImageData) -> tuple[Tensor, ...]:
    """In place of the data: enough images to hold some out."""
    labels = torch.arange(12_000) % 10
    images = torch.zeros(12_000, 1, 28, 28, dtype=torch.uint8)
    images[::2] = 1
    return images, labels, images[:100], labels[:100]


@contextmanager
def handing_over() -> Iterator[None]:
    """Training hands over its network and data, which are small, instead."""

    def fit(trainer, net, data):
        raise Handed(trainer, net, data)

    kept = harness.fashion_mnist, recipes._data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "fit", fit)
        for kind in (FashionMNIST, Letters):
            patch.setattr(kind, "read", some_images)
        for function in kept:
            function.cache_clear()
        yield
        for function in kept:
            function.cache_clear()


def handed_over(run: Callable, **arguments: object) -> Iterator[Convolution]:
    """The convolutions of the network that a function wants to train."""
    try:
        run(**arguments)
    except Handed as handed:
        trainer, net, data = handed.args
    if trainer.precision != "float32":
        X, _ = next(iter(data.train_dataloader()))
        yield from convolutions(net, tuple(X.shape))


def of_studies() -> Iterator[Convolution]:
    for study in catalogue.STUDIES.values():
        networks = {
            # a network does not depend on its learning rate
            str({k: v for k, v in row.items() if k != "lr"}): row
            for row in study.configurations
        }
        for row in networks.values():
            arguments = {**row, **study.recipe, "seed": 0}
            yield from handed_over(study.measure, **arguments)


def of_recipes() -> Iterator[Convolution]:
    candidates = [c for tried in recipes.CANDIDATES.values() for c in tried]
    for recipe in (recipes.SHORT, recipes.LONG, *candidates):
        yield from handed_over(recipe.run, seed=0)


def of_notebooks() -> Iterator[Convolution]:
    for name, networks in BUILT.items():
        names = definitions(ROOT / name)
        for net in eval(f"[{', '.join(map(unrolled, networks))}]", names):
            for batch in BATCHES:
                yield from convolutions(net, (batch, 1, 28, 28))


def unrolled(expression: str) -> str:
    """One that goes through a list is a part of the larger list."""
    return f"*[{expression}]" if " for " in expression else expression


def definitions(path: Path) -> dict[str, object]:
    """What a notebook imports and defines, without running the rest."""
    names = {"average": nn.AdaptiveAvgPool2d(1)}
    for cell in notebooks.read(path).cells:
        if cell.cell_type != "code" or "%pip" in cell.source:
            continue
        kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        body = [n for n in ast.parse(cell.source).body if isinstance(n, kept)]
        exec(compile(ast.Module(body, []), path.name, "exec"), names)
    return names


def everywhere() -> list[Convolution]:
    """All of them, each once."""
    with handing_over():
        found = {*of_notebooks(), *of_studies(), *of_recipes()}
    return sorted(found, key=str)


def results(
    conv: Convolution, X: Tensor, weight: Tensor, bias: Tensor, dY: Tensor
) -> list[Tensor]:
    """Output, and gradients of images, weights and biases."""
    inputs = [X, weight] + [bias] * conv.bias
    inputs = [t.detach().requires_grad_() for t in inputs]
    options = conv.stride, conv.padding, conv.dilation, conv.groups
    Y = F.conv2d(*inputs, *[None] * (not conv.bias), *options)
    return [Y.detach(), *torch.autograd.grad(Y, inputs, dY)]


def errors(conv: Convolution) -> list[float]:
    """How far each result in bfloat16 is off, in parts of what is allowed.

    A number in bfloat16 has 8 significant bits, so rounding the exact result
    changes it by up to 2⁻⁸ of itself, which is allowed. The sum behind it is
    made in float32, with 24 bits, and in an order of its own: for that, 2⁻¹²
    of the sum of the absolute values is allowed. A result of other numbers
    is off by far more, since n random summands of size 1 add up to about √n,
    which is more than 2⁻¹² n for all n up to 16 million.
    """
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        plain = torch.randn(*shape, generator=generator).bfloat16()
        layout = torch.channels_last if len(shape) == 4 else None
        return plain.to(memory_format=layout or torch.preserve_format)

    into, out = conv.channels
    X, bias = random(*conv.image), random(out)
    weight = random(out, into // conv.groups, *conv.kernel)
    with torch.no_grad():
        shape = F.conv2d(
            X[:1], weight, None, conv.stride, conv.padding, conv.dilation,
            conv.groups,
        ).shape  # fmt: skip
    dY = random(conv.image[0], *shape[1:])
    given = X, weight, bias, dY
    fast = results(conv, *given)
    exact = results(conv, *(t.float() for t in given))
    size = results(conv, *(t.float().abs() for t in given))
    return [off(*each) for each in zip(fast, exact, size, strict=True)]


def off(fast: Tensor, exact: Tensor, size: Tensor) -> float:
    """The largest error in parts of what is allowed; infinite for nan."""
    allowed = 2**-8 * exact.abs() + 2**-12 * size + 1e-30
    parts = (fast.float() - exact).abs() / allowed
    return parts.nan_to_num(nan=torch.inf).max().item()
