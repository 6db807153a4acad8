"""Looking into a network that a student has built."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from onebyone.check.engine import guard, mistakes
from onebyone.check.engine.code import require_function

Ways = dict[Node, list[tuple[Node, int]]]


def plain_copy(net: object) -> nn.Module:
    """Return a copy on the CPU, in eval mode; raise NotYet for no network."""
    if guard.is_blank(net):
        raise guard.NotAttempted("There is no network to look at yet.")
    if not isinstance(net, nn.Module):
        raise guard.NotYet(f"This is {guard.show(net)}, not a network.")
    return guard.copied(net).cpu().eval()


def plain_images(X: object) -> Tensor:
    """Return images on the CPU; raise NotYet if these are none."""
    if not isinstance(X, Tensor):
        raise guard.NotYet("Call the check with the images too.")
    return X.detach().cpu()


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
        plural = "" if len(X) == 1 else "s"
        raise guard.NotYet(
            f"For {len(X)} image{plural} and {count} classes your network"
            f" gives {guard.show(Y)}. There should be a score for each image"
            " and class."
        )
    return Y


def require_scores(net: Any, X: Tensor, count: int) -> Tensor:
    """Return the scores of images; one alone must have them, too.

    Raises:
        NotYet: it has not, or the network changes the images or its mode,
            or gives other scores each time.
    """
    Y, _ = scores_of(net, X, count), scores_of(net, X[:1], count)
    require_steady(net, X, Y)
    given = X.clone()
    guard.outcome(net, given)
    if not torch.equal(given, X):
        raise guard.NotYet(
            "Your network changes the images that it gets, which their owner"
            " may still need. Work on new ones."
        )
    return Y


def require_steady(net: nn.Module, X: Tensor, Y: Tensor) -> None:
    """Raise NotYet if a network in eval mode does not give Y once more."""
    if any(module.training for module in net.modules()):
        raise guard.NotYet(
            "Your network leaves `eval()` mode when it is called. A network"
            " does not choose its mode; who trains or tests it does."
        )
    again = result_of(net, X)
    if not close(again.nan_to_num(), Y.nan_to_num(), 1e-3):
        raise guard.NotYet(
            "In `eval()` mode your network gives other scores each time."
            " `F.dropout` goes on there, unless it is told"
            " `training=self.training`."
        )


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return one.shape == other.shape and torch.allclose(
        one.to(other.dtype), other, rtol=tolerance, atol=tolerance
    )


class Seen(TorchFunctionMode):
    """Notes what a network computes, by modules or by functions.

    Attributes:
        maps: what has the shape (B, C, H, W), in the order of the calls;
            masks are no maps.
        linear: input, weight and bias of the last linear layer, or of the
            1×1 convolution that does the same to maps of one pixel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maps: list[Tensor] = []
        self.linear: Any = None

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        result = function(*arguments, **named)
        name = getattr(function, "__name__", "")
        if name in ("linear", "conv2d"):
            self.note(name, *arguments, **named)
        if (
            isinstance(result, Tensor)
            and result.ndim == 4
            and result.is_floating_point()
        ):
            self.maps.append(result.detach().clone())
        return result

    def note(self, name, input, weight, bias=None, *_, **__) -> None:
        if name == "linear" or input.shape[2:] == weight.shape[2:] == (1, 1):
            read = input.detach().clone()
            if name == "conv2d":
                read = read.flatten(1)
            self.linear = read, weight, bias


def look_into(net: nn.Module, X: Tensor) -> tuple[Tensor, Seen]:
    """Return what a network gives for images, and what is seen in it."""
    with torch.no_grad(), Seen() as seen:
        return result_of(net, X), seen


def fault_of_head(net: nn.Module, X: Tensor) -> str | None:
    """Say if the scores are not one linear layer's of averages of maps.

    A 1×1 convolution in front of the average does the same, or a linear layer
    at each pixel. What follows the scores while it trains is found, too.
    """
    if fault := fault_of_end(net, *look_into(net, X)):
        return fault
    scores, seen = look_into(guard.copied(net).train(), X)
    if not maps_with_averages(scores, seen) and (
        seen.linear is None or not close(scores, last_linear(seen), 1e-4)
    ):
        return (
            "In `eval()` mode your network ends as it should; while it trains"
            " something follows its scores, such as a dropout."
        )
    return None


def last_linear(seen: Seen) -> Tensor:
    read, weight, bias = seen.linear
    return F.linear(read, weight.flatten(1), bias).detach()


def maps_with_averages(scores: Tensor, seen: Seen) -> list[Tensor]:
    """Return the maps with these averages; their channels may come last."""
    return [
        Y
        for Y in seen.maps
        for sides in ((2, 3), (1, 2))
        if Y.numel() > scores.numel()
        and close(scores, Y.mean(dim=sides), 1e-4)
    ]


def fault_of_end(net: nn.Module, scores: Tensor, seen: Seen) -> str | None:
    """Say if these scores are not as `fault_of_head` wants them."""
    if maps := maps_with_averages(scores, seen):
        if any((Y < 0).any() for Y in maps):
            return None
        return (
            "The maps that are averaged to scores are nowhere negative. Is"
            " there a ReLU, or a softmax, in front of the average? A score may"
            " be negative, and one that is cut off gets no gradient."
        )
    averages = [Y.mean(dim=(2, 3)) for Y in seen.maps if Y[0, 0].numel() > 1]
    if seen.linear is None or not any(
        close(seen.linear[0], average, 1e-4) for average in averages
    ):
        linears = sum(isinstance(m, nn.Linear) for m in net.modules())
        if linears != 1:
            return (
                f"Your network has {linears} linear layers, and the task asks"
                " for one, behind an average."
            )
        return (
            "Your linear layer does not read the averages of maps, one for"
            " each channel. Which layer takes the average of a whole map?"
        )
    own = last_linear(seen)
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


# --- Residual blocks -------------------------------------------------------


def residual_blocks(net: nn.Module, X: Tensor, live: bool = False) -> int:
    """Return how many residual blocks images pass on their way to the scores.

    A block adds what it has read, or a 1×1 convolution of it, to what more
    layers make of it. However it is written, it is found in the graph that
    autograd keeps: in all of it, or where a gradient other than zero passes.
    """
    with torch.enable_grad():
        images = X.detach().requires_grad_()
        scores: Any = guard.outcome(net, images.clone())
        if not getattr(scores, "requires_grad", False):
            raise guard.NotYet(
                "No gradient comes back through your network. Is there a"
                " `no_grad` or a `detach`?"
            )
        ways = ways_back(scores.logsumexp(dim=1).sum(), images, live)
    read = {
        what_is_read(pair, ways)
        for node in ways
        for pair in itertools.combinations(terms_of(node, ways), 2)
    }
    return len(read - {None})


def ways_back(loss: Tensor, images: Tensor, live: bool) -> Ways:
    """Return from where to where gradients go, in the order of their going."""
    ways: Ways = {}

    def noting(node: Any) -> Callable:
        def note(gradients: Sequence, _: object) -> None:
            ways[node] = [
                way
                for way, G in zip(node.next_functions, gradients)
                if G is not None and (G.any() or not live)
            ]

        return note

    nodes: list[Any] = [loss.grad_fn]
    known = {None, *nodes}
    for node in nodes:
        new = {one for one, _ in node.next_functions} - known
        known |= new
        nodes += new
    handles = [node.register_hook(noting(node)) for node in nodes]
    torch.autograd.grad(loss, images, retain_graph=True, allow_unused=True)
    for handle in handles:
        handle.remove()
    return ways


def what_is_read(terms: tuple[Node, ...], ways: Ways) -> Node | None:
    """Return what a block has read, if two terms are those of a block."""
    one, other = (lengths(term, ways) for term in terms)
    for node in ways:  # the nearest is the first
        if node in one and node in other:
            short, long = sorted((one[node], other[node]))
            if short <= 1 and short < long:
                return node
    return None


def terms_of(node: Node, ways: Ways) -> list[Node]:
    """Return the maps that a node adds up: by `+`, or stacked and summed."""
    source, shape = node, shape_of(node)
    if node.name().startswith(("Sum", "Mean")):
        while len(ways.get(source, ())) == 1:
            ((source, _),) = ways[source]
    if not source.name().startswith(("AddBackward", "Stack", "Cat")):
        return []
    return [
        one
        for one, output in ways.get(source, ())
        if len(shape) == 4
        and math.prod(shape_of(one, output)) == math.prod(shape)
    ]


def lengths(start: Node, ways: Ways) -> dict[Node, int]:
    """Return the fewest layers that lie between a node and those before it.

    A convolution that looks around counts twice.
    """
    found = {start: 0}
    for node in ways:
        for one, _ in ways[node] if node in found else ():
            length = found[node] + layers_of(node)
            found[one] = min(length, found.get(one, length))
    return found


def layers_of(node: Node) -> int:
    if "Convolution" in node.name():
        weight: Any = node._saved_weight  # type: ignore[attr-defined]
        return 1 if math.prod(weight.shape[2:]) == 1 else 2
    return int(node.name().startswith(("Addmm", "Mm", "Bmm")))


def shape_of(node: Node, output: int = 0) -> Sequence[int]:
    return node._input_metadata[output].shape
