"""Looking into a network that a student has built."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.check.engine import guard
from onebyone.check.engine.code import require_function


def plain_copy(net: object) -> nn.Module:
    """Return a copy on the CPU, in eval mode; raise NotYet for no network."""
    if guard.is_blank(net):
        raise guard.NotAttempted("There is no network to look at yet.")
    if not isinstance(net, nn.Module):
        raise guard.NotYet(f"This is {guard.show(net)}, not a network.")
    return copy.deepcopy(net).cpu().eval()


def require_builder(function: object) -> None:
    """Raise NotYet unless this is a function, and no network."""
    if isinstance(function, nn.Module):
        raise guard.NotYet(
            "This is a network. Pass the function that builds it, without"
            " brackets behind its name."
        )
    if not (isinstance(function, type) and issubclass(function, nn.Module)):
        require_function(function)  # a class of modules builds one, too


def result_of(net: Any, X: Tensor) -> Tensor:
    """Return what a network gives for images; raise NotYet if no tensor."""
    Y: Any = guard.outcome(net, X.clone())
    shape = tuple(X.shape)
    if isinstance(Y, guard.Raised):
        raise guard.NotYet(f"For images of shape {shape} your network {Y}")
    if not isinstance(Y, Tensor):
        raise guard.NotYet(
            f"For images of shape {shape} your network gives"
            f" {guard.show(Y)}, not a tensor."
        )
    return Y


def scores_of(net: Any, X: Tensor, count: int) -> Tensor:
    Y = result_of(net, X)
    if Y.shape != (len(X), count):
        raise guard.NotYet(
            f"For {len(X)} images and {count} classes your network gives"
            f" {guard.show(Y)}. There should be a score for each image and"
            " class."
        )
    return Y


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return one.shape == other.shape and torch.allclose(
        one.to(other.dtype), other, rtol=tolerance, atol=tolerance
    )


def read_by_last_linear(net: nn.Module, X: Tensor) -> Tensor | None:
    """Return what the last linear layer reads, in the order of calls."""
    read: list[Tensor] = []
    hooks = [
        module.register_forward_pre_hook(
            lambda _, given: read.append(given[0].detach().clone())
        )
        for module in net.modules()
        if isinstance(module, nn.Linear)
    ]
    result_of(net, X)
    for hook in hooks:
        hook.remove()
    return read[-1] if read else None


def last_linear(net: nn.Module) -> nn.Linear | None:
    found = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return found[-1] if found else None
