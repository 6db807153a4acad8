"""Convolutions in bfloat16 give what they give in float32.

Some kernels of processors did not: of bfloat16 with AMX, those with a stride
and an output one pixel wide (pytorch/pytorch#169688), and those with a stride
larger than the kernel (oneDNN#5494), as in the shortcut of a residual block.
"""

import pytest
import torch
from convolutions import (
    BUILT,
    Convolution,
    convolutions,
    errors,
    everywhere,
    off,
)

from onebyone.models import compact_nin
from onebyone.training import best_precision
from tools import ROOT

needs_bfloat16 = pytest.mark.skipif(
    best_precision(torch.device("cpu")) != torch.bfloat16,
    reason="on this processor the trainer computes in float32",
)


def wrong(found: list[Convolution]) -> dict[str, list[float]]:
    """Those that are off by more than is allowed, and by how much."""
    measured = {str(conv): errors(conv) for conv in found}
    return {name: each for name, each in measured.items() if max(each) > 1}


@needs_bfloat16
def test_the_convolutions_of_the_compact_nin_are_right_in_bfloat16():
    assert not wrong(list(convolutions(compact_nin(), (128, 1, 28, 28))))


@pytest.mark.long
@needs_bfloat16
def test_all_convolutions_that_are_trained_are_right_in_bfloat16():
    found = everywhere()
    assert {conv.stride for conv in found} >= {(1, 1), (2, 2)}
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
    "a tenth too much": lambda Y: Y.mul_(1.1),
    "a hundredth too much": lambda Y: Y.mul_(1.01),
}


@pytest.fixture
def exact() -> tuple[torch.Tensor, torch.Tensor]:
    """The result of a large convolution, and the size of its summands."""
    torch.manual_seed(0)
    X, weight = torch.randn(2, 64, 9, 9), torch.randn(8, 64, 3, 3)
    return tuple(
        torch.conv2d(*each, stride=3)
        for each in ((X, weight), (X.abs(), weight.abs()))
    )


def test_rounding_to_bfloat16_is_allowed(exact):
    Y, size = exact
    assert off(Y.bfloat16(), Y, size) <= 1


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_wrong_result_is_not(spoil, exact):
    Y, size = exact
    wrong = Y.bfloat16()
    spoil(wrong)
    assert off(wrong, Y, size) > 1
