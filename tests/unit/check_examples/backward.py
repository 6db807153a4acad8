"""Answers to the exercises *Backward by hand*."""

import torch

from check_examples import Examples
from onebyone.check import backward


def rows(X):
    """(B, C, H, W) as a matrix with a row for each pixel."""
    return X.permute(0, 2, 3, 1).reshape(-1, X.shape[1])


def weight_by_rows(X, G):
    return rows(G).T @ rows(X)


def weight_in_a_loop(X, G):
    total = torch.zeros(G.shape[1], X.shape[1])
    for x, g in zip(X, G):
        total += (g.flatten(1) @ x.flatten(1).T).float()
    return total


def input_by_matrix(W, G):
    return (W.T @ G.flatten(2)).view(len(G), -1, *G.shape[2:])


def spread(G, height, width):
    share = G[:, :, None, None] / (height * width)
    return share.expand(-1, -1, height, width).clone()


def spread_by_kernel(G, height, width):
    kernel = G.new_full((1, 1, height, width), 1 / (height * width))
    maps = G.reshape(-1, 1, 1, 1)
    Y = torch.nn.functional.conv_transpose2d(maps, kernel)
    return Y.view(*G.shape, height, width)


def added(W, G):
    return input_by_matrix(W, G) + G


def block(X, W, G):
    Y = torch.einsum("oi,bihw->bohw", W, X) + X
    return added(W, G * (Y > 0))


def block_by_hand(X, W, G):
    Y = (W @ X.flatten(2)).view(X.shape) + X
    G = torch.where(Y > 0, G, torch.zeros_like(G))
    return added(W, G)


def loss(Z, T):
    return (Z.softmax(dim=1) - T) / len(Z)


def loss_in_a_loop(Z, T):
    result = torch.zeros_like(Z)
    for n in range(len(Z)):
        E = (Z[n] - Z[n].max()).exp()
        result[n] = (E / E.sum() - T[n]) / len(Z)
    return result


def head(X, W, T):
    A = X.mean((2, 3))
    return loss(A @ W.T, T).T @ A


def head_step_by_step(X, W, T):
    Z = torch.einsum("oi,bihw->bohw", W, X).mean((2, 3))
    return weight_by_rows(X, spread(loss(Z, T), *X.shape[2:]))


def differentiated(forward, of):
    """Autograd, in a function that the student's function calls."""
    of = of.clone().requires_grad_()
    return torch.autograd.grad(forward(of), of)[0]


def block_by_backward(X, W, G):
    X = X.clone()
    X.requires_grad = True
    ((W @ X.flatten(2)).view(X.shape) + X).relu().backward(G)
    return X.grad


def central(step=1e-5, change=lambda quotient: quotient):
    def numerical(function, X):
        result = torch.zeros_like(X)
        for i in range(X.numel()):
            up, down = X.clone(), X.clone()
            up.view(-1)[i] += step
            down.view(-1)[i] -= step
            quotient = (function(up) - function(down)) / (2 * step)
            result.view(-1)[i] = change(quotient)
        return result

    return numerical


def one_sided(function, X, step=1e-4, over=1):
    result = torch.zeros_like(X)
    for i in range(X.numel()):
        up = X.clone()
        up.view(-1)[i] += step
        quotient = (function(up) - function(X)) / (over * step)
        result.view(-1)[i] = quotient
    return result


def in_place(function, X):
    result = central()(function, X)
    X += 1
    return result


def restored(function, X):
    """Moves the entries of X itself and puts them back."""
    result, entries = torch.zeros_like(X), X.view(-1)
    for i in range(X.numel()):
        old = entries[i].item()
        entries[i] = old + 1e-5
        up = function(X)
        entries[i] = old - 1e-5
        result.view(-1)[i] = (up - function(X)) / 2e-5
        entries[i] = old
    return result


def by_index(function, X):
    result = torch.empty_like(X)
    for index in torch.cartesian_prod(*map(torch.arange, X.shape)).tolist():
        step = torch.zeros_like(X)
        step[tuple(index)] = 1e-4
        slope = (function(X + step) - function(X - step)).item() / 2e-4
        result[tuple(index)] = slope
    return result


def with_autograd(function, X):
    return differentiated(function, X)


def all_at_once(function, X):
    quotient = (function(X + 1e-5) - function(X - 1e-5)) / 2e-5
    return torch.full_like(X, quotient.item())


def at_once(function, X):
    """All entries' steps as one batch."""
    steps = 1e-5 * torch.eye(X.numel(), dtype=X.dtype).view(-1, *X.shape)
    losses = torch.vmap(function)
    return ((losses(X + steps) - losses(X - steps)) / 2e-5).view(X.shape)


def forward_at_once(function, X):
    steps = 1e-7 * torch.eye(X.numel(), dtype=X.dtype).view(-1, *X.shape)
    up = torch.vmap(function)(X + steps)
    return ((up - function(X)) / 1e-7).view(X.shape)


def imaginary(function, X):
    result = torch.zeros_like(X)
    for i in range(X.numel()):
        Z = X.to(torch.complex128)
        Z.view(-1)[i] += 1e-20j
        result.view(-1)[i] = function(Z).imag / 1e-20
    return result


class Block:
    def residual(self, X, W):
        return (W @ X.flatten(2)).view(X.shape) + X


class Layer:
    """Has methods with names of autograd's, and one that uses it."""

    def __init__(self, W):
        self.W = W

    def backward(self, G):
        return torch.einsum("oi,bohw->bihw", self.W, G)

    @staticmethod
    def grad(X, G):
        return weight_by_rows(X, G)

    def by_autograd(self, G):
        X = G.new_zeros(len(G), self.W.shape[1], *G.shape[2:])
        X.requires_grad_()
        torch.einsum("oi,bihw->bohw", self.W, X).backward(G)
        return X.grad


def input_by_method(W, G):
    return Layer(W).backward(G)


def input_by_autograd(W, G):
    return Layer(W).by_autograd(G)


def weight_by_method(X, G):
    return Layer.grad(X, G)


def block_in_float64(X, W, G):
    """Works with float64 alone, as the notebook's tensors are."""
    mask = ((W @ X.flatten(2)).view(X.shape) + X > 0).double()
    return added(W, mask * G)


def block_by_method(X, W, G):
    return added(W, G * (Block().residual(X, W) > 0))


EXAMPLES = {
    "numerical": Examples(
        right=[
            *(central(), central(1e-4), central(1e-3)),
            *(restored, by_index, at_once),
        ],
        blank=[lambda function, X: ...],
        mutants=[
            (central(change=lambda q: 2 * q), "twice the gradient"),
            (lambda f, X: one_sided(f, X, over=2), "half the gradient"),
            (central(change=lambda q: -q), "sign is turned"),
            (one_sided, "A one-sided difference is off"),
            (lambda f, X: one_sided(f, X, step=1e-7), "is one-sided"),
            (all_at_once, "Move one entry at a time"),
            (forward_at_once, "is one-sided"),
            (imaginary, "your step is imaginary"),
            (lambda f, X: central()(f, X).half(), "of `torch.float16`"),
            (in_place, "changes X"),
            (with_autograd, "uses autograd"),
            (lambda f, X: torch.func.jacfwd(f)(X), "uses autograd"),
            (lambda f, X: torch.func.grad(f)(X), "uses autograd"),
            (lambda f, X: central()(f, X).flatten(), "shape of what"),
            (lambda f, X: central()(f, X).tolist(), "not a tensor"),
            (lambda f, X: print(), "not a tensor"),
            (
                lambda f, X: central(1e-3)(f, X.float()),
                "float32 has too few digits",
            ),
            (lambda f: f, "raised"),
        ],
        unrelated=[3, "grad", torch.nn.Linear, lambda f, X: 0 * X, lambda: 1],
    ),
    "grad_weight": Examples(
        right=[
            lambda X, G: weight_by_rows(X, G),
            weight_in_a_loop,
            weight_by_method,
            lambda X, G: torch.einsum("nihw,nohw->oi", X, G),
            lambda X, G: torch.tensordot(G, X, ([0, 2, 3], [0, 2, 3])),
        ],
        mutants=[
            (lambda X, G: backward.of_weight(X, G), "uses `"),
            (
                lambda X, G: torch.nn.grad.conv2d_weight(
                    X, (G.shape[1], X.shape[1], 1, 1), G
                )[:, :, 0, 0],
                "uses `conv2d_weight`",
            ),
        ],
    ),
    "grad_bias": Examples(
        right=[
            lambda G: G.sum((0, 2, 3)),
            lambda G: rows(G).sum(0),
            lambda G: torch.einsum("bohw->o", G),
        ],
        mutants=[(lambda G: backward.of_bias(G), "uses `")],
    ),
    "grad_input": Examples(
        right=[
            input_by_matrix,
            input_by_method,
            lambda W, G: torch.einsum("oi,bohw->bihw", W, G),
            lambda W, G: (G.permute(0, 2, 3, 1) @ W).permute(0, 3, 1, 2),
        ],
        mutants=[
            (lambda W, G: backward.of_input(W, G), "uses `"),
            (input_by_autograd, "uses `backward`"),
            (
                lambda W, G: torch.nn.functional.conv_transpose2d(
                    G, W[:, :, None, None]
                ),
                "uses `conv_transpose2d`",
            ),
        ],
    ),
    "grad_average": Examples(
        right=[
            spread,
            lambda G, h, w: torch.ones(h, w) * G[:, :, None, None] / (h * w),
            lambda G, h, w: (
                G[..., None, None].repeat(1, 1, h, w).div(h).div(w)
            ),
        ],
        mutants=[
            (lambda *case: backward.of_pooled(*case), "uses `"),
            (spread_by_kernel, "uses `conv_transpose2d`"),
        ],
    ),
    "grad_sum": Examples(
        right=[
            added,
            lambda W, G: input_by_matrix(W + torch.eye(len(W)), G),
            lambda W, G: torch.einsum("oi,bohw->bihw", W, G) + G,
        ],
        mutants=[(lambda W, G: backward.of_sum(W, G), "uses `")],
    ),
    "grad_block": Examples(
        right=[block, block_by_hand, block_by_method, block_in_float64],
        mutants=[
            (lambda *case: backward.of_block(*case), "uses `"),
            (block_by_backward, "uses `backward`"),
        ],
    ),
    "grad_loss": Examples(
        right=[loss, loss_in_a_loop],
        mutants=[
            (lambda Z, T: backward.of_loss(Z, T), "uses `"),
            (
                lambda Z, T: torch.func.grad(
                    lambda Z: -(T * Z.log_softmax(1)).sum(1).mean()
                )(Z),
                "uses `grad`",
            ),
        ],
    ),
    "grad_head": Examples(
        right=[head, head_step_by_step],
        mutants=[(lambda *case: backward.of_head(*case), "uses `")],
    ),
}
