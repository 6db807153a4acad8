"""Answers to the exercises *What a network costs*."""

import numpy
import torch
from torch import nn
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


def grouped_at_times(X, W, b, groups):
    if groups == 2:
        return group_by_group(X, W, b, groups)
    return F.conv2d(X, W, b, groups=groups)


def in_place(X, W, b, groups):
    X.zero_()
    return group_by_group(X, W, b, groups)


def turned(values):
    return [*values[1:], values[0]]


def map_to(kind, values):
    return [*map(kind, values)]


def by_dense_kernel(X, W, b, groups):
    """One convolution whose kernel is zero between the groups."""
    (many, own), k = W.shape[:2], len(W) // groups
    dense = W.new_zeros(many, groups * own, *W.shape[2:])
    for g in range(groups):
        of_group = slice(g * k, (g + 1) * k)
        dense[of_group, g * own : (g + 1) * own] = W[of_group]
    return F.conv2d(X, dense, b)


def by_module(X, W, b, groups):
    layer = nn.Conv2d(X.shape[1], *W.shape[::2], groups=groups).to(W.dtype)
    with torch.no_grad():
        layer.weight.copy_(W), layer.bias.copy_(b)
    return layer(X)


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
        right=[
            costs,
            lambda *args: tuple(costs(*args)),
            lambda *args: numpy.array(costs(*args)),
            lambda *args: torch.tensor(costs(*args)),
            lambda *args: map_to(float, costs(*args)),
        ],
        mutants=[
            (lambda *args: costs(*args)[:2], "not 3 values"),
            (lambda *args: costs(*args)[0], "not 3 values"),
            (lambda *args: {"all": costs(*args)}, "not 3 values"),
            (lambda *args: costs(*args)[::-1], "in another order"),
            (lambda *args: turned(costs(*args)), "in another order"),
            (lambda *args: print(costs(*args)), "Is there a `return`"),
            (lambda *args: [*costs(*args)[:2], 1], "as value 3 of 3"),
            (lambda c_in, c_out, k, n: (1, 2, 3), "TypeError"),
        ],
    ),
    "grouped_conv": Examples(
        right=[group_by_group, by_dense_kernel],
        mutants=[
            (by_module, "does not allow"),
            (
                lambda X, W, b, g: torch.conv2d(X, W, b, groups=g),
                "does not allow",
            ),
            (lambda X, W, b, g: F.conv2d(X, W, b, 1, 0, 1, g), "not allow"),
            (grouped_at_times, "not allow"),
            (
                lambda X, W, b, g: F.pad(group_by_group(X, W, b, g), [1] * 4),
                "",
            ),
            (lambda X, W, b, g: group_by_group(X, W, b, 2), "raised"),
            (in_place, "changes its input `X`"),
            (lambda X, W, b, groups: F.conv2d(X, W, b), "raised"),
        ],
    ),
    "tool_units": Examples(
        right=[
            units(),
            units(A=" B "),
            units(A="b)", C="(a)"),
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
            (units(D=...), "D: there is no letter yet"),
            ({"a": "b", "b": "c", "c": "a", "d": "d"}, "no letter yet"),
            (units(A="FLOPs"), "not one of the letters"),
        ],
        unrelated=["bcad", ["b", "c", "a", "d"], 3, {}, {"A": 2}],
    ),
}
