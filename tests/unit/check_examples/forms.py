"""Forms that any right answer may have, and ways to break any code.

A form takes a right function, or what builds a right module, and returns
another one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def each(change, value):
    """Change a tensor, or each in a tuple; leave all else."""
    if isinstance(value, tuple | list):
        return tuple(each(change, part) for part in value)
    return change(value) if isinstance(value, Tensor) else value


def after(change):
    """Return a form whose function changes its result."""
    return lambda right: lambda *case: each(change, right(*case))


def before(change):
    """Return a form whose function changes its arguments."""
    return lambda right: (
        lambda *case: right(*(each(change, value) for value in case))
    )


def filled(Y):
    """A new tensor of float32, filled, as the chapters do it."""
    made = torch.zeros(Y.shape)
    for index in range(len(made)):
        made[index] = Y[index]
    return made


def alone_in_float32(right):
    """Works with float32 alone, as code with a mask of `.float()` does."""

    def function(*case):
        return each(lambda Y: Y @ torch.eye(Y.shape[-1]), right(*case))

    return function


RIGHT_FUNCTIONS = [
    after(Tensor.float),
    after(filled),
    after(lambda Y: torch.from_numpy(Y.detach().numpy().copy())),
    before(Tensor.float),
    after(lambda Y: Y.mT.contiguous().mT if Y.ndim > 1 else Y.clone()),
]


def spoil_input(right):
    def function(*case):
        result = right(*case)
        for value in case:
            if isinstance(value, Tensor):
                value.mul_(2)
        return result

    return function


def forget_return(right):
    def function(*case):
        right(*case)

    return function


# what nobody can be expected to explain
OTHER_FUNCTIONS = [
    after(lambda Y: -Y),
    after(lambda Y: Y + 0.01),
    after(lambda Y: 1.02 * Y),
    after(torch.zeros_like),
]
WRONG_FUNCTIONS = {
    "where there should be": [after(lambda Y: Y[None])],
    "Is there a `return`": [forget_return],
    "Make it one of floats": [after(Tensor.long), after(Tensor.half)],
    "on the device": [after(lambda Y: Y.to("meta"))],
    "complex": [after(lambda Y: Y + 1j)],
    "not a tensor": [after(lambda Y: Y.detach().numpy())],
    "is a class": [lambda right: nn.Conv2d],
    "raised": [lambda right: lambda *case: right(*case).nosuch],
}


class Wrapped(nn.Module):
    """A module around another one, for what it may do besides."""

    def __init__(self, inner):
        super().__init__()
        self.layers = nn.ModuleDict({"inner": inner})

    def forward(self, X):
        return self.layers["inner"](X)


def wrapped(forward):
    """Return a form whose module has such a forward."""

    def form(right):
        def build(*arguments):
            module = Wrapped(right(*arguments))
            kind = type("Wrapped", (Wrapped,), {"forward": forward})
            module.__class__ = kind
            return module

        return build

    return form


def inner(self, X):
    return self.layers["inner"](X)


def changed(change):
    """Return a form whose module has been changed once it was built."""

    def form(right):
        def build(*arguments):
            module = right(*arguments)
            return change(module) or module

        return build

    return form


def replaced(kind, make):
    """Return a form with other layers in the place of those of a kind."""

    def replace(module):
        for name, child in module.named_children():
            if type(child) is kind:
                setattr(module, name, make(child))
            else:
                replace(child)

    return changed(replace)


def lazy_conv(old):
    return nn.LazyConv2d(
        old.out_channels,
        old.kernel_size,
        old.stride,
        old.padding,
        bias=old.bias is not None,
    )


def as_linear(old):
    """A linear layer at every pixel, in the place of a 1×1 convolution."""
    if old.kernel_size != (1, 1) or old.stride != (1, 1):
        return old
    linear = nn.Linear(
        old.in_channels, old.out_channels, bias=old.bias is not None
    )
    return nn.Sequential(Moved(0, 2, 3, 1), linear, Moved(0, 3, 1, 2))


class Moved(nn.Module):
    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, X):
        return X.permute(*self.axes)


def in_float32(self, X):
    """Fills a new tensor of float32, as the chapters do it."""
    Y = inner(self, X)
    made = torch.zeros(Y.shape)
    for index in range(len(made)):
        made[index] = Y[index]
    return made


RIGHT_MODULES = [
    wrapped(inner),
    wrapped(in_float32),
    changed(lambda module: nn.Sequential(nn.Sequential(module))),
    changed(lambda module: module.train().double() and None),
    replaced(nn.Conv2d, lazy_conv),
    replaced(nn.BatchNorm2d, lambda old: nn.LazyBatchNorm2d()),
    replaced(nn.Linear, lambda old: nn.LazyLinear(old.out_features)),
    replaced(nn.Conv2d, as_linear),
]


def without_gradient(self, X):
    with torch.no_grad():
        return inner(self, X)


def when_training(change):
    def forward(self, X):
        Y = inner(self, X)
        return change(Y) if self.training else Y

    return forward


def overwriting(self, X):
    Y = inner(self, X)
    with torch.no_grad():
        X.add_(1)
    return Y


def squeezed(self, X):
    Y = inner(self, X)
    return Y if len(Y) > 1 else Y.squeeze(0)


def forgetful(self, X):
    inner(self, X)


def freeze(module):
    module.requires_grad_(False)


def freeze_first(module):
    next(module.parameters()).requires_grad_(False)


OTHER_MODULES = [
    wrapped(lambda self, X: -inner(self, X)),
    wrapped(lambda self, X: 1.01 * inner(self, X)),
]
OTHER_LAYERS = [  # of what kind, how, and what is said of it
    (nn.ReLU, replaced(nn.ReLU, lambda old: nn.ReLU6()), ""),
    (
        nn.BatchNorm2d,
        replaced(
            nn.BatchNorm2d,
            lambda old: nn.BatchNorm2d(old.num_features, momentum=0.9),
        ),
        "moves the running statistics",
    ),
]
WRONG_MODULES = {
    "not while it trains": [
        wrapped(when_training(torch.zeros_like)),
        wrapped(when_training(lambda Y: F.dropout(Y, 0.3))),
        changed(lambda module: nn.Sequential(module, nn.Dropout(0.3))),
        wrapped(when_training(lambda Y: 2 * Y)),
    ],
    "not backwards": [
        wrapped(without_gradient),
        wrapped(lambda self, X: inner(self, X).detach()),
        wrapped(lambda self, X: inner(self, X.detach())),
    ],
    "would not train": [changed(freeze), changed(freeze_first)],
    "changes its input": [wrapped(overwriting)],
    "leaves `train()` mode": [
        wrapped(lambda self, X: (inner(self, X), self.eval())[0])
    ],
    "a single one": [wrapped(squeezed)],
    "the shape": [wrapped(lambda self, X: inner(self, X)[None])],
    "Is there a `return`": [wrapped(forgetful)],
    "not a tensor": [wrapped(lambda self, X: [inner(self, X)])],
}


class Around(nn.Module):
    """A network, and what is done to its images and its scores."""

    def __init__(self, net, after=lambda Y: Y, before=lambda X: X):
        super().__init__()
        self.net, self.after, self.before = net, after, before

    def forward(self, X):
        return self.after(self.net(self.before(X)))
