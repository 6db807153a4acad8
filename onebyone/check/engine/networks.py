"""Looking into a network that a student has built."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.check.engine import guard, mistakes
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


def maps_of(net: nn.Module, X: Tensor) -> list[Tensor]:
    """Return the maps, (B, C, H, W), that modules give, as they are called."""
    found: list[Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda *call: (
                found.append(call[-1].detach().clone())
                if isinstance(call[-1], Tensor) and call[-1].ndim == 4
                else None
            )
        )
        for module in net.modules()
    ]
    with torch.no_grad():
        result_of(net, X)
    for hook in hooks:
        hook.remove()
    return found


def last_linear(net: nn.Module) -> nn.Linear | None:
    found = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return found[-1] if found else None


def fault_of_head(net: nn.Module, X: Tensor) -> str | None:
    """Say if the scores are not one linear layer's of averages of maps."""
    linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
    if len(linears) != 1:
        return (
            f"Your network has {len(linears)} linear layers, and the task asks"
            " for one."
        )
    with torch.no_grad():
        read, scores = read_by_last_linear(net, X), result_of(net, X)
    averages = [
        Y.mean(dim=(2, 3)) for Y in maps_of(net, X) if Y[0, 0].numel() > 1
    ]
    if read is None or not any(
        close(read.flatten(1), average, 1e-4) for average in averages
    ):
        return (
            "Your linear layer does not read the averages of maps, one for"
            " each channel. Which layer takes the average of a whole map?"
        )
    with torch.no_grad():
        own = linears[0](read).flatten(1)
    if not close(scores, own, 1e-4):
        if close(scores, own.softmax(dim=1), 1e-4):
            return "Your network ends with a softmax, which the loss has too."
        if close(scores, own.relu(), 1e-4):
            return str(mistakes.relu_on_scores)
        return (
            "Something follows your linear layer and changes its scores."
            " `nn.CrossEntropyLoss` takes them as they are."
        )
    return None
