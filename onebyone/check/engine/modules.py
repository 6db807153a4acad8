"""The task whose answer is a module, or what builds one.

The reference's parameters, drawn anew, are copied into the student's module,
layer by layer and in whatever order the layers stand there. Then both must do
the same: in eval mode and while they train, forwards and backwards, for large
values and for a batch of one image; and the input must stay as it was.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from types import FunctionType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from onebyone.check.engine.code import (
    FLOAT32_TOLERANCE,
    Draw,
    compare,
    difference,
    is_unchanged,
)
from onebyone.check.engine.guard import (
    NotAttempted,
    NotYet,
    Raised,
    copied,
    is_stub,
    outcome,
    show,
    type_name,
)
from onebyone.check.engine.tasks import Compared

MAX_ORDERS = 720  # orders of equal layers that are tried
LARGE = 30.0  # by what the input is multiplied, to look beyond a ReLU6


class Built(NamedTuple):
    """A student's module, with the type of numbers that it works with."""

    module: nn.Module
    dtype: torch.dtype


@dataclass(eq=False, repr=False)
class Module(Compared):
    """A module, or what builds one, compared with a reference.

    Attributes:
        right: builds the reference from the arguments of a case.
        cases: pairs of arguments and input shape, as in
            `[((3, 8), (2, 3, 9, 9))]`.
        tolerance: relative and absolute.
    """

    cases: Sequence[tuple[tuple, tuple[int, ...]]]
    _: KW_ONLY
    tolerance: float = 1e-8

    def read(self, answer: object) -> list[Built]:
        return [build(answer, *case) for case in self.cases]

    def fault(self, mine: list[Built], other: Callable) -> str | None:
        both_raised = 0
        for built, (arguments, shape) in zip(mine, self.cases):
            reference = prepare(other(*arguments)).to(built.dtype)
            X = Draw(1).tensor(*shape).to(built.dtype)
            try:
                both_raised += self.both_raise(built.module, reference, X)
            except NotYet as reason:
                return (
                    f"For X of shape {shape} your module made with"
                    f" {arguments} {reason}"
                )
        if both_raised == len(self.cases):
            return "Your module raised an error, and so does the reference."
        return None

    def both_raise(
        self, module: nn.Module, reference: nn.Module, X: Tensor
    ) -> bool:
        """Return whether both fail; raise NotYet if they differ."""
        with torch.no_grad():
            expected: Any = outcome(reference, X.clone())
            actual = outcome(module, X.clone())
            if isinstance(actual, Raised) or isinstance(expected, Raised):
                compare(actual, expected, 0)
                return True
            if getattr(actual, "shape", None) != expected.shape:
                compare(actual, expected, 0)
            compare_layers(module, reference)
        for matched in orders(module, reference):
            with torch.no_grad():
                result = outcome(module, X.clone())
            if not self.differ(result, expected):
                self.compare_closely(module, reference, matched, X)
                return False
        raise NotYet(
            "has the right layers, but computes something else: look at"
            " their order and at what is between them."
        )

    def compare_closely(
        self,
        module: nn.Module,
        reference: nn.Module,
        matched: list[tuple[dict, dict]],
        X: Tensor,
    ) -> None:
        """Raise NotYet if the two differ where a first look does not show."""
        with torch.no_grad():
            given = X.clone()
            outcome(module, given)
            if not is_unchanged(X, given):
                raise NotYet(
                    "changes its input, which its caller may still need. Work"
                    " on a new tensor."
                )
            for images, what in (
                (
                    LARGE * X,
                    "is right for small values and not for large ones",
                ),
                (
                    X[:1],
                    "is right for several images and not for a single one",
                ),
                (
                    X[..., 1:, 1:],
                    "is right for maps of one size and not of another",
                ),
            ):
                expected: Any = outcome(reference, images.clone())
                if isinstance(expected, Raised):
                    continue  # of a size that cannot be
                result = outcome(module, images.clone())
                if found := self.differ(result, expected):
                    raise NotYet(f"{what}: there it {found}")
        with torch.enable_grad():
            self.compare_training(module, reference, matched, X)

    def compare_training(
        self,
        module: nn.Module,
        reference: nn.Module,
        matched: list[tuple[dict, dict]],
        X: Tensor,
    ) -> None:
        inputs = [X.clone().requires_grad_() for _ in range(2)]
        try:
            for net in (module, reference):
                net.train().zero_grad()
            expected = reference(inputs[1])
            result: Any = outcome(module, inputs[0])
            if not module.training:
                raise NotYet(
                    "leaves `train()` mode when it is called. A module does"
                    " not choose its mode; who trains or tests it does."
                )
        finally:
            module.eval(), reference.eval()
        if found := self.differ(result, expected):
            raise NotYet(
                "is right when it is used, but not while it trains, in"
                f" `train()` mode: there it {found}"
            )
        for own, other in matched:
            for name in own.keys() & {"running_mean", "running_var"}:
                if self.differ(own[name], other[name].view_as(own[name])):
                    raise NotYet(
                        "is right, but training moves the running statistics"
                        " of a batch norm otherwise than PyTorch's layer does"
                        " from its own settings, and evaluation uses them."
                    )
        G = Draw(2).tensor(*expected.shape).to(X.dtype)
        expected.backward(G)
        kind = result.dtype  # in which gradients are compared
        backward = outcome(torch.autograd.backward, result, G.to(kind))
        mine, right = (X.grad for X in inputs)
        if isinstance(backward, Raised) or (
            right is not None and self.differ(mine, right.to(kind))
        ):
            raise NotYet(
                "is right forwards, but not backwards: its input gets no"
                " gradient, or a wrong one. Is there a `no_grad`, a `detach`"
                " or an array of NumPy's?"
            )
        for own, other in matched:
            for name, tensor in own.items():
                right = other[name].grad
                if right is not None and (
                    tensor.grad is None
                    or self.differ(tensor.grad, right.view_as(tensor).to(kind))
                ):
                    raise NotYet(
                        "is right, but it would not train: a parameter gets"
                        " no gradient, or a wrong one. Is it frozen, or used"
                        " under `no_grad`?"
                    )

    def differ(self, actual: Any, expected: Tensor) -> str | None:
        types = [getattr(actual, "dtype", None), expected.dtype]
        if torch.float32 in types:
            return difference(actual, expected, 10 * FLOAT32_TOLERANCE)
        return difference(actual, expected, self.tolerance)


def build(answer: Any, arguments: tuple, shape: tuple[int, ...]) -> Built:
    """Return the module that is built, in eval mode.

    It is float64, or float32 where it works with that alone.
    """
    if isinstance(answer, nn.Module) or not callable(answer):
        what = show(answer)
        if isinstance(answer, nn.Module):
            what = f"a module (`{type_name(answer)}`)"
        raise NotYet(
            f"This is {what}. Pass the class or function that builds the"
            " module."
        )
    forward = getattr(answer, "forward", None)
    missing = forward is nn.Module.forward
    if missing and any(
        isinstance(member, FunctionType) for member in vars(answer).values()
    ):
        raise NotYet(
            "The class has no method `forward`. Is it missing, spelt in"
            " another way, or indented too far?"
        )
    if is_stub(answer) or is_stub(forward) or missing:
        raise NotAttempted("Its body is still to be written.")
    module = outcome(answer, *arguments)
    if isinstance(module, Raised):
        raise NotYet(f"Building it with {arguments} {module}")
    if module is None:
        raise NotYet("Nothing (`None`) was built. Is there a `return`?")
    if not isinstance(module, nn.Module):
        raise NotYet(f"This is {show(module)}, not an `nn.Module`.")
    if isinstance(module, torch.jit.ScriptModule):  # its copies do not train
        raise NotYet(
            "TorchScript has compiled this module. Give the module itself,"
            " without `torch.jit`."
        )
    if is_stub(type(module).forward):
        raise NotAttempted("Its `forward` is still to be written.")
    X = torch.zeros(shape)
    with torch.no_grad():
        if any(map(is_lazy, module.parameters())):
            outcome(module.eval(), X)  # it gets its sizes, and can be copied
        module = copied(module, "module").float().eval()
        alone = outcome(module, X)
        double = copy.deepcopy(module).double()
        works = outcome(double, X.double())
    if isinstance(works, Raised) and not isinstance(alone, Raised):
        return Built(module, torch.float32)
    if isinstance(alone, Raised) and not isinstance(works, Raised):
        raise NotYet(
            "Your module works with float64 alone; for images of float32 it"
            f" {alone}"
        )
    return Built(double, torch.float64)


def prepare(reference: nn.Module) -> nn.Module:
    """Return the reference in float64, unlike one with initial values."""
    reference = reference.to(torch.float64).eval()
    draw = Draw(0)
    with torch.no_grad():
        for tensor in [*reference.parameters(), *reference.buffers()]:
            if tensor.is_floating_point():
                noise = draw.tensor(*tensor.shape)
                fan = max(1, tensor[0].numel()) if tensor.ndim > 1 else 1
                tensor.copy_(noise / fan**0.5)
        for name, buffer in reference.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(buffer.abs() + 0.5)
    return reference


def compare_layers(module: nn.Module, reference: nn.Module) -> None:
    """Raise NotYet if the layers differ, whatever their values are."""
    count, right = (
        sum(p.numel() for p in net.parameters()) for net in (module, reference)
    )
    if count != right:
        many = "many" if count > right else "few"
        raise NotYet(f"has {count:,} parameters, which is too {many}.")
    if count_each(layers(module)) != count_each(layers(reference)):
        raise NotYet(
            "has the right number of parameters, but in other layers. Build"
            " it from layers as PyTorch's, each with its own weight and bias."
        )


def count_each(found: dict[tuple, list]) -> dict[tuple, int]:
    return {key: len(same_kind) for key, same_kind in found.items()}


def layers(net: nn.Module) -> dict[tuple, list]:
    """Return the submodules with own tensors, by the shapes of these.

    A linear layer counts as the 1×1 convolution that does the same at every
    pixel. What the tensors are called counts only where two of a layer have
    one shape, as in batch norm.
    """
    found: dict[tuple, list] = {}
    for module in net.modules():
        own: dict[Any, Tensor] = {
            **dict(module.named_parameters(recurse=False)),
            **dict(module.named_buffers(recurse=False)),
        }
        own = {n: t for n, t in own.items() if t.is_floating_point()}
        by_shape = {without_ones(t): t for t in own.values()}
        if len(by_shape) == len(own):
            own = by_shape
        if own:
            key = tuple(sorted((n, without_ones(t)) for n, t in own.items()))
            found.setdefault(key, []).append(own)
    return found


def without_ones(tensor: Tensor) -> tuple[int, ...]:
    """Return a shape without the sides of a 1×1 kernel, of any dimension."""
    shape = tuple(tensor.shape)
    return shape[:2] if set(shape[2:]) == {1} else shape


def orders(
    module: nn.Module, reference: nn.Module
) -> Iterator[list[tuple[dict, dict]]]:
    """Copy the reference's parameters, once for each order of equal layers.

    Give pairs of layers: the student's and the reference's.
    """
    mine, theirs = layers(module), layers(reference)
    matches = itertools.product(
        *(itertools.permutations(mine[key]) for key in theirs)
    )
    for match in itertools.islice(matches, MAX_ORDERS):
        pairs = [
            pair
            for own, other in zip(match, theirs.values())
            for pair in zip(own, other)
        ]
        with torch.no_grad():
            for own, other in pairs:
                for name, tensor in own.items():
                    tensor.copy_(other[name].view_as(tensor))
        yield pairs
