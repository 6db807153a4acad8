"""Answers to the exercises *1×1 convolution*."""

import torch
from torch import nn
from torch.nn import functional as F

from check_examples import Examples, answer, networks

NETS = {
    "1×1": networks.plain(1, 3, 1),
    "1×1 shuffled": networks.plain(2, 3, 1),
    "5×5": networks.plain(3, 6),
    "5×5 shuffled": networks.plain(4, 2),
}
CONTEXTS = {"runs": (NETS, [networks.HELD_OUT], [networks.SHUFFLED])}


def conv_from(linear, weight=True, bias=True, **options):
    options = {"kernel_size": 1} | options
    conv = nn.Conv2d(linear.in_features, linear.out_features, **options)
    with torch.no_grad():
        if weight:
            conv.weight.copy_(linear.weight[:, :, None, None])
        if bias and conv.bias is not None:
            conv.bias.copy_(linear.bias)
    return conv


def freezing(linear):
    return conv_from(linear.requires_grad_(False))


def by_state(linear):
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    state = linear.state_dict()
    state["weight"] = state["weight"][..., None, None]
    conv.load_state_dict(state)
    return conv


def in_double(linear):
    return conv_from(linear).double()


def reordered(linear):
    conv = conv_from(linear)
    with torch.no_grad():
        conv.weight.copy_(linear.weight.flip(0)[:, :, None, None])
    return conv


def shared(linear):
    """Its parameters are the linear layer's own memory, which is fine."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight = nn.Parameter(linear.weight.detach()[:, :, None, None])
    conv.bias = linear.bias
    return conv


def as_it_is(linear):
    """Its weight is the linear layer's, without the axes of a kernel."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight, conv.bias = linear.weight, linear.bias
    return conv


def hooked(linear):
    conv = conv_from(linear)
    conv.register_forward_hook(lambda _, X, Y: Y.relu())
    return conv


def turned(conv):
    """Copied, but both in another order."""
    with torch.no_grad():
        for values in conv.parameters():
            values.copy_(values.flip(0))
    return conv


def emptied(linear):
    conv = conv_from(linear)
    nn.init.zeros_(linear.weight)
    return conv


def grey(X, weights):
    return torch.einsum("bchw,c->bhw", X, weights)[:, None]


def by_hand(first, second):
    k, m = len(first), len(second)
    kernel = first.new_zeros(k + m - 1, k + m - 1)
    for u in range(m):
        for v in range(m):
            kernel[u : u + k, v : v + k] += second[u, v] * first
    return kernel


def frozen(linear):
    return conv_from(linear).requires_grad_(False)


without_convolution = nn.Sequential(nn.Flatten(), nn.Linear(196, 10))

EXAMPLES = {
    "runs": Examples(
        malformed=[
            (
                answer(
                    dict.fromkeys(NETS, 0.5),
                    NETS | {"1×1": without_convolution},
                    *CONTEXTS["runs"][1:],
                ),
                "has no convolution",
            )
        ]
    ),
    "pixel_rows": Examples(
        mutants=[((8, 30, 20, 64), "its other axes keep their order")]
    ),
    "to_grey": Examples(
        right=[
            lambda X, w: torch.einsum("bchw,c->bhw", X, w)[:, None],
            lambda X, w: (X * w[:, None, None]).sum(dim=1, keepdim=True),
        ],
        mutants=[
            (lambda X, w: X.mul_(2)[:, :1], "changes its input `X`"),
            (lambda X, w: grey(X, w).squeeze(), "axes where there should"),
            (lambda X, w: grey(X, w).clamp(0, 1), ""),
            (lambda X, w: grey(X, w.softmax(0)), ""),
            (lambda X, w: grey(X, w).expand(-1, 3, -1, -1), "wrong axis is"),
            (lambda X, w: grey(X, w).int(), "Make it one of floats"),
            (lambda X, w: X * w, "RuntimeError"),
        ],
    ),
    "conv1x1": Examples(
        right=[
            lambda X, W, b: (
                torch.einsum("bchw,oc->bohw", X, W) + b[:, None, None]
            ),
            lambda X, W, b: (X.permute(0, 2, 3, 1) @ W.T + b).permute(
                0, 3, 1, 2
            ),
        ],
        mutants=[
            (
                lambda X, W, b: F.linear(X.movedim(1, 3), W, b).movedim(3, 1),
                "does not allow",
            ),
            (
                lambda X, W, b: torch.conv2d(X, W[:, :, None, None], b),
                "does not allow",
            ),
            (
                lambda X, W, b: F.conv_transpose2d(X, W.T[..., None, None], b),
                "does not allow",
            ),
            (lambda X, W, b: W.T @ X.flatten(2), "RuntimeError"),
            (lambda X, W, b: W @ X.flatten(2) + b, "RuntimeError"),
        ],
    ),
    "as_conv": Examples(
        right=[conv_from, shared, by_state, in_double],
        blank=[lambda linear: ...],
        mutants=[
            (lambda linear: conv_from(linear, bias=False), "bias."),
            (
                lambda linear: conv_from(linear, weight=False),
                "copied the bias",
            ),
            (
                lambda linear: conv_from(linear, False, False),
                "Neither its weights nor its biases",
            ),
            (lambda linear: conv_from(linear, padding=1), "padding"),
            (
                lambda linear: conv_from(linear, weight=False, kernel_size=3),
                "kernel has the size (3, 3)",
            ),
            (lambda linear: conv_from(linear, bias=None), "not the bias"),
            (as_it_is, "Its weight is a tensor of shape (5, 3)"),
            (hooked, "Weights and biases are copied, but"),
            (reordered, "another order"),
            (lambda linear: turned(conv_from(linear)), "Neither its weights"),
            (lambda linear: conv_from(linear).to("meta"), "have no values"),
            (emptied, "changes the linear layer"),
            (lambda linear: linear, "not an `nn.Conv2d`"),
            (lambda linear: nn.Conv2d(7, 7, 1), "has 7 and 7"),
            (lambda linear: conv_from(linear, stride=2), "nor stride"),
            (frozen, "would not train"),
            (freezing, "freezes the linear layer"),
            (lambda linear: conv_from(linear).half(), "of torch.float16"),
            (lambda linear: nn.Sequential(conv_from(linear)), "not an `nn.Co"),
            (lambda linear: linear.weight, "not an `nn.Conv2d`"),
        ],
        unrelated=[3, "conv", nn.Conv2d, nn.Conv2d(3, 5, 1), lambda: 1],
    ),
    "compose": Examples(
        right=[
            by_hand,
            lambda first, second: by_hand(second, first),
            lambda first, second: F.conv_transpose2d(
                first[None, None], second[None, None]
            )[0, 0],
        ],
        mutants=[
            (torch.kron, "wrong axis"),
            (lambda *both: by_hand(*both).numpy(), "not a tensor"),
            (lambda *both: by_hand(*both)[1:-1, 1:-1], ""),
        ],
    ),
    "fold": Examples(
        mutants=[
            (
                lambda W1, b1, W2, b2: (W2 @ b1 + b2, W2 @ W1),
                "in another order",
            ),
            (
                lambda W1, b1, W2, b2: (
                    (W2 @ W1)[:, :, None, None],
                    W2 @ b1 + b2,
                ),
                "4 axes where there should be 2",
            ),
            (lambda W1, b1, W2, b2: W2 @ W1, "not 2 values"),
        ],
    ),
}
