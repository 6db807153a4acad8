"""Convolutions in bfloat16 give what they give in float32.

Some kernels of processors did not: of bfloat16 with AMX, those with a stride
and an output one pixel wide (pytorch/pytorch#169688), and those with a stride
larger than the kernel (oneDNN#5494), as in the shortcut of a residual block.

Every convolution that the course trains in bfloat16 is found in the act. The
studies and the recipes are run up to the point where they hand a network and
its data to the trainer. The chapters and solutions train networks of the
package, and a few of their own, whose definitions are taken from their cells.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import recipes
from onebyone import Trainer
from onebyone.data import FashionMNIST, ImageData, Letters
from onebyone.models import compact_nin
from onebyone.study import catalogue
from onebyone.study.engine import harness
from onebyone.training import best_precision
from tools import ROOT, notebooks
from tools.claims import bound

# networks of chapters and solutions, and how many images a step sees
BUILT = {
    "book/one_by_one.ipynb": [
        "small_net(lambda: [nn.Conv2d(53, 53, 5)])",
        "small_net(lambda: [nn.Conv2d(53, 3, 1), nn.Conv2d(3, 53, 5)])",
        "small_net(lambda: [nn.Conv2d(53, 53, 5, groups=53),"
        " nn.Conv2d(53, 53, 1)])",
        "pixel_net(1)",
        "pixel_net(5)",
    ],
    "book/nin.ipynb": ["compact_nin()"],
    "book/nin_questions.ipynb": ["compact_nin()", "fc_head_nin()"],
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

Found = dict[str, tuple[nn.Conv2d, tuple]]  # by layer and shape of its images

needs_bfloat16 = pytest.mark.skipif(
    best_precision(torch.device("cpu")) != torch.bfloat16,
    reason="on this processor the trainer computes in float32",
)

# --- Which there are -------------------------------------------------------


def convolutions(net: nn.Module, shape: tuple) -> Found:
    """Those of a network that gets images of that shape (B, C, H, W)."""
    found = {}

    def note(layer: nn.Conv2d, inputs: tuple, _: Tensor) -> None:
        image = (shape[0], *inputs[0].shape[1:])
        found[f"{layer} of {image}"] = layer, image

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        net.eval()(torch.zeros(2, *shape[1:]))
    return found


class Handed(Exception):
    """A network and its data have reached the trainer."""


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


def handed_over(run: Callable, **arguments: object) -> Found:
    """The convolutions of the network that a function wants to train."""
    with pytest.raises(Handed) as handed:
        run(**arguments)
    trainer, net, data = handed.value.args
    if trainer.precision == "float32":
        return {}
    X, _ = next(iter(data.train_dataloader()))
    return convolutions(net, tuple(X.shape))


def of_studies() -> Found:
    found = {}
    for study in catalogue.STUDIES.values():
        networks = {
            # a network does not depend on its learning rate
            str({k: v for k, v in row.items() if k != "lr"}): row
            for row in study.configurations
        }
        for row in networks.values():
            arguments = {**row, **study.recipe, "seed": 0}
            found |= handed_over(study.measure, **arguments)
    return found


def of_recipes() -> Found:
    candidates = [c for tried in recipes.CANDIDATES.values() for c in tried]
    found = {}
    for recipe in (recipes.SHORT, recipes.LONG, *candidates):
        found |= handed_over(recipe.run, seed=0)
    return found


def of_notebooks() -> Found:
    found = {}
    for name, networks in BUILT.items():
        names = definitions(ROOT / name)
        for net in eval(f"[{', '.join(map(unrolled, networks))}]", names):
            for batch in BATCHES:
                found |= convolutions(net, (batch, 1, 28, 28))
    return found


def unrolled(expression: str) -> str:
    """One that goes through a list is a part of the larger list."""
    return f"*[{expression}]" if " for " in expression else expression


def definitions(path: Path) -> dict[str, object]:
    """What a notebook imports and defines, without running the rest."""
    names = {"average": nn.AdaptiveAvgPool2d(1)}
    for cell in notebooks.read(path).cells:
        if cell.cell_type != "code" or "%pip" in cell.source:
            continue
        if bound.is_proof(cell):  # whose functions rest on what it computed
            continue
        kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        body = [n for n in ast.parse(cell.source).body if isinstance(n, kept)]
        exec(compile(ast.Module(body, []), path.name, "exec"), names)
    return names


# --- How far they are off --------------------------------------------------


def results(layer: nn.Conv2d, *given: Tensor) -> list[Tensor]:
    """Output, and gradients of images, weights and biases."""
    *inputs, dY = given
    inputs = [t.detach().requires_grad_() for t in inputs]
    bias = [None] * (layer.bias is None)
    Y = layer._conv_forward(*inputs, *bias)
    return [Y.detach(), *torch.autograd.grad(Y, inputs, dY)]


def errors(layer: nn.Conv2d, image: tuple) -> list[float]:
    """How far each result in bfloat16 is off, in parts of what is allowed.

    A number in bfloat16 has 8 significant bits, so rounding the exact result
    changes it by up to 2⁻⁸ of itself, which is allowed. The sum behind it is
    made in float32, with 24 bits, and in an order of its own: for that, 2⁻¹²
    of the sum of the absolute values is allowed. A result of other numbers
    is off by far more, since n random summands of size 1 add up to about √n,
    which is more than 2⁻¹² n for all n up to 16 million.
    """
    generator = torch.Generator().manual_seed(0)

    def random(shape: tuple) -> Tensor:
        plain = torch.randn(*shape, generator=generator).bfloat16()
        layout = torch.channels_last if len(shape) == 4 else None
        return plain.to(memory_format=layout or torch.preserve_format)

    with torch.no_grad():
        one = torch.zeros(1, *image[1:])
        shape = layer._conv_forward(one, layer.weight, None).shape
    shapes = [image, *(p.shape for p in layer.parameters())]
    given = [random(s) for s in (*shapes, (image[0], *shape[1:]))]
    fast = results(layer, *given)
    exact = results(layer, *(t.float() for t in given))
    size = results(layer, *(t.float().abs() for t in given))
    return [off(*each) for each in zip(fast, exact, size, strict=True)]


def off(fast: Tensor, exact: Tensor, size: Tensor) -> float:
    """The largest error in parts of what is allowed; infinite for nan."""
    allowed = 2**-8 * exact.abs() + 2**-12 * size + 1e-30
    parts = (fast.float() - exact).abs() / allowed
    return parts.nan_to_num(nan=torch.inf).max().item()


def wrong(found: Found) -> dict[str, list[float]]:
    """Those that are off by more than is allowed, and by how much."""
    measured = {name: errors(*each) for name, each in found.items()}
    return {name: each for name, each in measured.items() if max(each) > 1}


@needs_bfloat16
def test_the_convolutions_of_the_compact_nin_are_right_in_bfloat16():
    assert not wrong(convolutions(compact_nin(), (128, 1, 28, 28)))


@pytest.mark.long
@needs_bfloat16
def test_all_convolutions_that_are_trained_are_right_in_bfloat16():
    with handing_over():
        found = of_notebooks() | of_studies() | of_recipes()
    strides = {layer.stride for layer, _ in found.values()}
    assert strides >= {(1, 1), (2, 2)}
    assert not wrong(found)


def test_every_notebook_with_a_trainer_is_among_them():
    notebooks = [*ROOT.glob("book/*.ipynb")]
    notebooks += ROOT.glob("exercises/solutions/*.ipynb")
    assert set(BUILT) == {
        str(path.relative_to(ROOT))
        for path in notebooks
        if "Trainer(" in path.read_text(encoding="utf-8")
    }


SPOILT = {
    "a column missing": lambda Y: Y[..., -1].zero_(),
    "a column of its neighbour": lambda Y: Y[..., -1].copy_(Y[..., -2]),
    "a channel of another": lambda Y: Y[:, 0].copy_(Y[:, 1]),
    "one number not a number": lambda Y: Y[0, 0, 0, 0].fill_(torch.nan),
    "a hundredth too much": lambda Y: Y.mul_(1.01),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_rounding_is_allowed_and_a_wrong_result_is_not(spoil):
    torch.manual_seed(0)
    X, weight = torch.randn(2, 64, 9, 9), torch.randn(8, 64, 3, 3)
    Y = torch.conv2d(X, weight, stride=3)
    size = torch.conv2d(X.abs(), weight.abs(), stride=3)
    result = Y.bfloat16()
    assert off(result, Y, size) <= 1
    spoil(result)
    assert off(result, Y, size) > 1
