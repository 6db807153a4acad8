"""Answers to the exercises *What a network costs*."""

import torch
from torch.nn import functional as F

from check_examples import Examples, answer, networks

UNITS = {"A": "b", "B": "c", "C": "a", "D": "d"}


def units(**changed):
    return answer(UNITS | changed)


def costs(c_in, c_out, k, s, p, h, w):
    Y = F.conv2d(
        torch.zeros(1, c_in, h, w), torch.zeros(c_out, c_in, k, k), None, s, p
    )
    weights = c_out * c_in * k * k
    return [weights + c_out, weights * Y[0, 0].numel(), Y.numel()]


def group_by_group(X, W, b, groups):
    parts = zip(X.chunk(groups, 1), W.chunk(groups), b.chunk(groups))
    return torch.cat([F.conv2d(*part) for part in parts], dim=1)


def in_place(X, W, b, groups):
    X.zero_()
    return group_by_group(X, W, b, groups)


CONTEXTS = {
    "runs": (
        {
            "large maps": networks.plain(1, 3),
            "many channels": networks.plain(2, 6),
        },
        [networks.HELD_OUT],
    )
}
EXAMPLES = {
    "conv_costs": Examples(
        right=[costs],
        mutants=[
            (lambda *args: costs(*args)[:2], "not 3 values"),
            (lambda *args: costs(*args)[::-1], "which is not right"),
        ],
    ),
    "grouped_conv": Examples(
        right=[group_by_group],
        mutants=[
            (in_place, "changes its input `X`"),
            (lambda X, W, b, groups: F.conv2d(X, W, b), "raised"),
        ],
    ),
    "tool_units": Examples(
        right=[
            units(),
            units(A=" B "),
            units(E="e"),
            units(C="A"),
        ],
        blank=[dict.fromkeys("ABCD", ...)],
        mutants=[
            (units(A="a"), "MACs for FLOPs"),
            (units(C="b"), "MACs for FLOPs"),
            (units(B="a"), "overlooked the biases"),
            (units(D="b"), "overlooked the biases"),
            (units(D="a"), "Both the factor of two"),
            (units(C="e"), "count of parameters"),
            (units(D=...), "not one of the letters"),
        ],
        unrelated=["bcad", ["b", "c", "a", "d"], 3, {}, {"A": 2}],
    ),
}
