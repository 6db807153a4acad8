"""The Keras layers of the chapter compute what onebyone.models computes."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from onebyone import models
from tools import notebooks

CHAPTER = Path(__file__).resolve().parents[2] / "book" / "keras.ipynb"


@pytest.fixture(scope="module")
def chapter(tmp_path_factory) -> SimpleNamespace:
    """What the chapter defines, without running the chapter."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KERAS_BACKEND", "torch")
        environment.setenv("KERAS_TORCH_DEVICE", "cpu")
        environment.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras
    names = {
        "keras": keras,
        "layers": keras.layers,
        "nn": nn,
        "ops": keras.ops,
        "torch": torch,
    }
    for cell in notebooks.read(CHAPTER).cells:
        if cell.cell_type == "code":
            tree = ast.parse(notebooks.python_of(cell))
            definitions = (ast.FunctionDef, ast.ClassDef)
            tree.body = [n for n in tree.body if isinstance(n, definitions)]
            exec(compile(tree, CHAPTER.name, "exec"), names)
    return SimpleNamespace(**names)


def trained_a_little(net: nn.Module, X: torch.Tensor) -> nn.Module:
    """Move the running averages of batch norm away from 0 and 1."""
    with torch.no_grad():
        net(3 * X + 2)
    return net


SIZES = [(11, 11), (12, 12), (9, 14), (14, 9)]


@pytest.mark.parametrize("size", SIZES)
def test_nin_blocks_agree(chapter, size):
    X = torch.randn(2, 3, *size)
    block = models.nin_block(3, 8, kernel_size=5, stride=1, padding=2)
    twin = chapter.keras_nin_block(8, 5, 1, "same")
    assert chapter.same_outputs(block, twin, X)


@pytest.mark.parametrize("size", SIZES)
def test_inception_blocks_agree(chapter, size):
    channels = 8, (4, 6), (2, 4), 3
    X = torch.randn(2, 5, *size)
    block = models.InceptionBlock(5, *channels)
    assert chapter.same_outputs(block, chapter.KerasInception(*channels), X)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", [1, 2])
def test_residual_blocks_agree(chapter, size, stride):
    X = torch.randn(2, 4, *size)
    block = trained_a_little(models.ResidualBlock(4, 6, stride), X)
    twin = chapter.KerasResidual(6, stride, project=True)
    assert chapter.same_outputs(block, twin, X)


@pytest.mark.parametrize("size", range(7, 15))
def test_same_with_a_stride_agrees_for_odd_sizes_only(chapter, size):
    conv = nn.Conv2d(1, 2, kernel_size=3, stride=2, padding=1)
    twin = chapter.layers.Conv2D(2, 3, strides=2, padding="same")
    X = torch.randn(1, 1, size, size)
    assert chapter.same_outputs(conv, twin, X) == (size % 2 == 1)


def test_whole_networks_agree(chapter):
    X = torch.randn(2, 1, 28, 28)
    net = trained_a_little(models.compact_nin(num_classes=62), X).eval()
    twin = chapter.keras_compact_nin(num_classes=62)
    twin(chapter.channels_last(X))
    twin.set_weights(chapter.in_keras_layout(net))
    with torch.no_grad():
        scores = twin(chapter.channels_last(X), training=False)
        assert torch.allclose(net(X), scores, atol=1e-3)
