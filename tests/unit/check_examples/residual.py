"""Answers to the exercises *Residual connections*."""

import itertools

import numpy
import pandas as pd
import torch
from torch import Tensor, nn

from check_examples import Examples, answer, networks
from onebyone.check.residual import change
from onebyone.models.residual import start_as_identity

rows = [
    {
        "network": network,
        "layers": layers,
        "seed": seed,
        "train_error": (0.3 + 0.01 * i**1.5) / (1 + seed),
        "error": (0.4 + 0.013 * i**1.4) / (1 + seed),
        "train_loss": 0.8 + 0.02 * i**1.6 + seed,
    }
    for i, (network, layers, seed) in enumerate(
        itertools.product(("plain", "residual"), (8, 20, 38, 56), (0, 1))
    )
]
runs = pd.DataFrame(rows)


def zeroing(*names):
    """Sets the parameters with these ends of their names to zero."""

    def start(net):
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                if name.endswith(names):
                    parameter.zero_()
        return net

    return answer(start)


def only_first(net):
    with torch.no_grad():
        net[0].branch[-1].weight.zero_()
    return net


def any_norm(net):
    for part in net.modules():
        if isinstance(part, nn.Sequential) and len(part) == 5:
            nn.init.zeros_(part[-1].weight)
    return net


def only_parts(net):
    for part in [*net.modules()][1:]:
        if hasattr(part, "branch"):
            nn.init.zeros_(part.branch[-1].weight)
    return net


def last_norms(net):
    return [m.branch[-1] for m in net.modules() if hasattr(m, "branch")]


def filling(net):
    for norm in last_norms(net):
        nn.init.constant_(norm.weight, 0.0)
    return net


def multiplying(net):
    for norm in last_norms(net):
        norm.weight.data *= 0
    return net


def only_top(net):
    for block in net:
        if hasattr(block, "branch"):
            nn.init.zeros_(block.branch[-1].weight)
    return net


def freezing(net):
    for norm in last_norms(start_as_identity(net)):
        norm.weight.requires_grad_(False)
    return net


def counting(net):
    for norm in last_norms(start_as_identity(net)):
        norm.running_mean += 1
    return net


def of_one_number(net):
    for block in [m for m in net.modules() if hasattr(m, "branch")]:
        block.branch[-1].weight = nn.Parameter(torch.zeros(1))
    return net


def anew(net):
    """Puts new layers in the place of the last ones."""
    for block in [m for m in net.modules() if hasattr(m, "branch")]:
        block.branch[-1] = nn.BatchNorm2d(block.branch[-1].num_features)
    return start_as_identity(net)


def longer(net):
    for block in [m for m in start_as_identity(net).modules()]:
        if hasattr(block, "branch"):
            block.branch.append(nn.Identity())
    return net


def hasty(net):
    for norm in last_norms(start_as_identity(net)):
        norm.momentum = 0.9
    return net


def silent(net):
    start_as_identity(net)


def refusing(condition, error=ValueError, then=Tensor.clone):
    def add(Y, X):
        if condition(Y, X):
            raise error("shapes")
        return then(Y + X)

    return answer(add)


def by_count(Y, X):
    if Y.numel() != X.numel():
        raise ValueError("shapes")
    try:
        return Y + X
    except RuntimeError as error:
        raise ValueError("shapes") from error


def of_four_axes(Y, X):
    """Refuses by accident what has fewer axes."""
    _, _, height, width = Y.shape
    if Y.shape != X.shape:
        raise ValueError(f"maps of {height}×{width} pixels do not fit")
    return Y + X


def asserting(Y, X):
    assert Y.shape == X.shape
    return Y + X


def adding_in_place(Y, X):
    if Y.shape != X.shape:
        raise ValueError
    Y += X
    return Y


def of_one_gradient(Y, X):
    if Y.shape != X.shape:
        raise ValueError
    return Y + X.detach()


def mean_of(Y, X):
    if Y.shape != X.shape:
        raise ValueError
    return (Y + X) / 2


def block(W1, W2, x):
    return (W2 @ (W1 @ x).relu() + x).relu()


def masked(W1, W2, x):
    """With masks of float32 in the midst of what may be float64."""
    inner = torch.diag((W1 @ x > 0).float())
    outer = torch.diag((block(W1, W2, x) > 0).float())
    return outer @ (torch.eye(len(x)) + W2 @ inner @ W1)


def by_differences(W1, W2, x):
    """Needs no matrices, and goes wrong where a ReLU is nearly closed."""
    steps = 1e-6 * torch.eye(len(x), dtype=x.dtype)
    columns = [
        (block(W1, W2, x + step) - block(W1, W2, x - step)) / 2e-6
        for step in steps
    ]
    return torch.stack(columns, dim=1)


def rows_of(W1, W2, x):
    open_ = (W1 @ x > 0).to(x.dtype)
    J = torch.zeros(len(x), len(x), dtype=x.dtype)
    for i in range(len(x)):
        for j in range(len(x)):
            J[i, j] = (W2[i] * open_ * W1[:, j]).sum() + (i == j)
    J[block(W1, W2, x) <= 0] = 0
    return J


LETTERS = {1: "d", 2: "a", 3: "e", 4: "c", 5: "b"}


NETS = {"plain": networks.deep(1), "residual": networks.deep(0)}
CONTEXTS = {"deeper": (runs,), "lesions": (NETS, *networks.HELD_OUT)}
EXAMPLES = {
    "cancelling": Examples(
        right=[[numpy.array([0, -1]), numpy.array([-0.25, 0])]],
        malformed=[([[0, -1j], [-0.25, 0]], "complex numbers")],
    ),
    "block_jacobian": Examples(
        right=[
            masked,
            lambda W1, W2, x: rows_of(W1, W2, x),
        ],
        mutants=[
            (by_differences, "not right"),
            (
                lambda W1, W2, x: torch.autograd.functional.jacobian(
                    lambda x: block(W1, W2, x), x
                ),
                "uses `grad`",
            ),
            (
                lambda W1, W2, x: torch.func.jacfwd(
                    lambda x: block(W1, W2, x)
                )(x),
                "uses `jacfwd`",
            ),
        ],
    ),
    "careful_add": Examples(
        right=[
            refusing(lambda Y, X: Y.shape != X.shape),
            refusing(lambda Y, X: tuple(Y.size()) != tuple(X.size())),
            refusing(lambda Y, X: [*Y.shape] != [*X.shape]),
            refusing(
                lambda Y, X: (
                    Y.dim() != X.dim()
                    or any(a != b for a, b in zip(Y.shape, X.shape))
                )
            ),
        ],
        blank=[lambda Y, X: ...],
        mutants=[
            (lambda Y, X: Y + X, "one channel is stretched"),
            (
                refusing(lambda Y, X: Y.shape[1:] != X.shape[1:]),
                "one image is added to all",
            ),
            (
                refusing(lambda Y, X: X.ndim != Y.ndim or 1 in X.shape),
                "with a `ValueError`",
            ),
            (
                refusing(lambda Y, X: Y.shape[:2] != X.shape[:2]),
                "one pixel is stretched",
            ),
            (asserting, "with a `ValueError`"),
            (by_count, "the batch axis is missing"),
            (
                refusing(lambda Y, X: Y.shape != X.shape, then=Tensor.half),
                "is one of torch.float16",
            ),
            (
                refusing(lambda Y, X: Y.shape != X.shape, then=Tensor.detach),
                "No gradient passes",
            ),
            (
                refusing(
                    lambda Y, X: any(a != b for a, b in zip(Y.shape, X.shape))
                ),
                "the batch axis is missing",
            ),
            (
                refusing(lambda Y, X: Y.numel() != X.numel()),
                "with a `ValueError`",
            ),
            (
                lambda Y, X: torch.from_numpy(Y.numpy() + X.numpy()),
                "that need gradients",
            ),
            (
                refusing(lambda Y, X: not torch.equal(Y, X)),
                "For two tensors of the same shape",
            ),
            (of_one_gradient, "one of its tensors no gradient"),
            (of_four_axes, "two tensors of the shape"),
            (adding_in_place, "changes one of its inputs"),
            (mean_of, "is not the sum"),
            (lambda Y, X: print(), "gives nothing"),
        ],
        unrelated=[3, "add", torch.add(1, torch.ones(1))]
        + [nn.Linear, lambda: 1],
    ),
    "start": Examples(
        right=[
            start_as_identity,
            zeroing("branch.4.weight"),
            zeroing("branch.4.weight", "branch.4.bias"),
            filling,
            multiplying,
        ],
        blank=[lambda net: ...],
        mutants=[
            (lambda net: net, "as it was"),
            (zeroing("branch.1.weight", "branch.4.weight"), "no gradient"),
            (zeroing("branch.3.weight"), "You changed convolutions"),
            (zeroing("branch.4.bias"), "the shift"),
            (zeroing("branch.4.weight", "shortcut.1.weight"), "a projection"),
            (only_first, "Not every block"),
            (only_top, "part of a part"),
            (any_norm, "more than the last scale"),
            (only_parts, "a block that is the whole network"),
            (freezing, "freezes"),
            (lambda net: start_as_identity(net).eval(), "another mode"),
            (counting, "more than the last scale"),
            (silent, "Return the network"),
            (of_one_number, "changes layers"),
            (anew, "more than the last scale"),
            (longer, "changes layers"),
            (hasty, "changes layers"),
            (lambda net: start_as_identity(net).double(), "changes layers"),
        ],
        unrelated=[3, "net", nn.ReLU, [], lambda: 1],
    ),
    "bugs": Examples(
        right=[
            LETTERS,
            {n: letter.upper() for n, letter in LETTERS.items()},
            {n: f"{letter} " for n, letter in LETTERS.items()},
            {n: f"({letter})" for n, letter in LETTERS.items()},
            LETTERS | {6: "f"},
        ],
        blank=[dict.fromkeys(LETTERS, ...)],
        mutants=[
            (LETTERS | {1: "a"}, "the output could be negative"),
            (LETTERS | {2: "b"}, "fewer parameters"),
            (LETTERS | {3: "c"}, "smaller maps"),
            (LETTERS | {4: "d"}, "an axis would change"),
            (LETTERS | {5: "e"}, "no average would be left"),
            (LETTERS | {5: "f"}, "keep their size"),
            (LETTERS | {5: ...}, "no letter for block 5"),
            ({f"{n}": letter for n, letter in LETTERS.items()}, "its key is"),
            (LETTERS | {5: "z"}, "not one of the letters"),
        ],
        unrelated=["daecb", 3, [], {}, ["d"]],
    ),
    "deeper": Examples(
        right=[answer([round(x, 3) for x in change(runs).tolist()], runs)],
        blank=[answer([..., ...], runs)],
        malformed=[(answer([0.1, 0.2], "runs"), "beside your answer")],
    ),
}
