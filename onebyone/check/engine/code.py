"""Tasks whose answer is a function, a module or a tensor.

Each compares with a reference of PyTorch's, in float64 and over random
shapes, drawn by a generator of its own.
"""

import copy
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from onebyone.check.engine.guard import (
    NotAttempted,
    NotYet,
    Raised,
    is_stub,
    outcome,
    show,
    type_name,
)
from onebyone.check.engine.tasks import Compared, number, number_text

MAX_ORDERS = 720  # orders of equal layers that are tried


class Draw:
    """Random arguments for a student's function; the same ones each time."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def integer(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def tensor(self, *shape: int) -> Tensor:
        """Normally distributed, float64."""
        return torch.randn(
            shape, dtype=torch.float64, device="cpu", generator=self._generator
        )


# --- Comparing -------------------------------------------------------------


def compare(actual: object, expected: object, tolerance: float) -> None:
    """Raise NotYet, saying where, unless the two are the same."""
    if isinstance(actual, Raised):
        if type(actual.error) is not type(getattr(expected, "error", None)):
            raise NotYet(str(actual))
    elif isinstance(expected, Raised):
        raise NotYet("gives a result where there can be none.")
    elif isinstance(expected, Tensor):
        compare_tensors(actual, expected, tolerance)
    elif isinstance(expected, tuple):
        if not isinstance(actual, tuple | list) or len(actual) != len(
            expected
        ):
            raise NotYet(f"gives {show(actual)}, not {len(expected)} values.")
        for one, other in zip(actual, expected):
            compare(one, other, tolerance)
    else:
        value, right = number(actual), number(expected)
        if abs(value - right) > tolerance * max(1.0, abs(float(right))):
            raise NotYet(
                f"gives {number_text(value)} instead of {number_text(right)}."
            )


def compare_tensors(
    actual: object, expected: Tensor, tolerance: float
) -> None:
    if actual is None:
        raise NotYet("gives nothing (`None`). Is there a `return`?")
    if not isinstance(actual, Tensor):
        raise NotYet(f"gives {show(actual)}, not a tensor.")
    if tuple(actual.shape) != tuple(expected.shape):
        raise NotYet(
            f"gives the shape {show(tuple(actual.shape))} instead of"
            f" {tuple(expected.shape)}."
        )
    if actual.device != expected.device:
        raise NotYet(
            f"gives a tensor on the device `{actual.device}`; its input is"
            f" on `{expected.device}`."
        )
    if expected.is_floating_point() and actual.dtype != expected.dtype:
        raise NotYet(
            f"gives a tensor of `{actual.dtype}` for an input of"
            f" `{expected.dtype}`. Make new tensors with the input's type."
        )
    if actual.layout != torch.strided or actual.is_complex():
        raise NotYet("gives a sparse or complex tensor.")
    actual = actual.detach().to(torch.float64)
    expected = expected.detach().to(torch.float64)
    close = torch.isclose(
        actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True
    )
    if not close.all():
        index = tuple((~close).nonzero()[0].tolist())
        wrong = f"gives {actual[index].item():.4g}"
        wrong += f" instead of {expected[index].item():.4g}"
        share = f"{int((~close).sum())} of {close.numel()} values differ"
        raise NotYet(f"{wrong} at index {index}; {share}.")


def difference(
    actual: object, expected: object, tolerance: float
) -> str | None:
    try:
        compare(actual, expected, tolerance)
    except NotYet as reason:
        return str(reason)
    return None


# --- Functions -------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Function(Compared):
    """A function, compared with a reference over random arguments.

    A mistake is recognised if it agrees with the student's function on all
    arguments; errors of one type agree, but not errors alone.

    Attributes:
        right: the reference.
        inputs: makes the arguments by name, from a Draw; they are passed
            by position. Tensors arrive as copies.
        cases: how many sets of arguments are tried.
        tolerance: relative and absolute.
    """

    inputs: Callable[[Draw], Mapping[str, object]]
    _: KW_ONLY
    cases: int = 6
    tolerance: float = 1e-8

    def read(self, answer: Any) -> list[tuple]:
        """Return each case's arguments, those given away and the result."""
        require_function(answer)
        drawn = [self.inputs(Draw(seed)) for seed in range(self.cases)]
        return [(case, *call(answer, case)) for case in drawn]

    def fault(self, mine: list[tuple], other: Callable) -> str | None:
        for case, _, result in mine:
            expected = outcome(other, *copies(case))
            if found := difference(result, expected, self.tolerance):
                return f"For {arguments_text(case)} your function {found}"
        if all(isinstance(result, Raised) for *_, result in mine):
            return f"Your function always {mine[0][2]}"
        return None

    def remark(self, mine: list[tuple]) -> str | None:
        for case, given, result in mine:
            own = copies(case)
            expected = self.right(*own)
            for name, theirs, ours in zip(case, given, own):
                if share_memory(result, theirs) and not share_memory(
                    expected, ours
                ):
                    return (
                        f"Your result shares its memory with `{name}`:"
                        " changing one of them in place changes both."
                    )
        return None


def require_function(answer: object) -> None:
    """Raise NotYet or NotAttempted unless the answer is a function."""
    if is_stub(answer):
        raise NotAttempted("The function has no body yet.")
    if isinstance(answer, type):
        raise NotYet(f"`{answer.__name__}` is a class, not a function.")
    if not callable(answer):
        raise NotYet(
            f"This is {show(answer)}, not a function. Pass the function"
            " itself, without brackets after its name."
        )


def call(function: Callable, case: Mapping) -> tuple[list, object]:
    """Return the arguments given, which must not change, and the result."""
    given = copies(case)
    result = outcome(function, *given)
    for (name, value), after in zip(case.items(), given):
        if isinstance(value, Tensor) and not is_unchanged(value, after):
            raise NotYet(
                f"Your function changes its input `{name}`, which its caller"
                " may still need. Work on a new tensor."
            )
    return given, result


def copies(case: Mapping[str, object]) -> list:
    return [
        value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
        for value in case.values()
    ]


def is_unchanged(before: Tensor, after: Tensor) -> bool:
    return before.shape == after.shape and torch.equal(before, after.detach())


def share_memory(one: object, other: object) -> bool:
    """Return whether two tensors lie in the same memory."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    first, second = (t.untyped_storage().data_ptr() for t in (one, other))
    return first == second and one.numel() > 0


def arguments_text(case: Mapping[str, object]) -> str:
    return ", ".join(
        f"`{name}` of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else f"`{name}` = {show(value)}"
        for name, value in case.items()
    )


# --- Modules ---------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Module(Compared):
    """A module, or what builds one, compared with a reference.

    The reference's parameters, drawn anew, are copied into the student's
    module, layer by layer and in whatever order the layers stand there;
    then both must map the same input to the same output, in eval mode.

    Attributes:
        right: builds the reference from the arguments of a case.
        cases: pairs of arguments and input shape, as in
            `[((3, 8), (2, 3, 9, 9))]`.
        tolerance: relative and absolute.
    """

    cases: Sequence[tuple[tuple, tuple[int, ...]]]
    _: KW_ONLY
    tolerance: float = 1e-8

    def read(self, answer: object) -> list[nn.Module]:
        return [build(answer, arguments) for arguments, _ in self.cases]

    def fault(self, mine: list[nn.Module], other: Callable) -> str | None:
        both_raised = 0
        for module, (arguments, shape) in zip(mine, self.cases):
            reference = prepare(other(*arguments))
            X = Draw(1).tensor(*shape)
            try:
                both_raised += self.both_raise(module, reference, X)
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
            for _ in orders(module, reference):
                result = module(X.clone())
                if not difference(result, expected, self.tolerance):
                    return False
        raise NotYet(
            "has the right layers, but computes something else: look at"
            " their order and at what is between them."
        )


def build(answer: Any, arguments: tuple) -> nn.Module:
    """Return the module that is built, in float64 and eval mode."""
    if isinstance(answer, nn.Module) or not callable(answer):
        what = show(answer)
        if isinstance(answer, nn.Module):
            what = f"a module (`{type_name(answer)}`)"
        raise NotYet(
            f"This is {what}. Pass the class or function that builds the"
            " module."
        )
    if is_stub(answer) or is_stub(getattr(answer, "forward", None)):
        raise NotAttempted("Its body is still to be written.")
    module = outcome(answer, *arguments)
    if isinstance(module, Raised):
        raise NotYet(f"Building it with {arguments} {module}")
    if module is None:
        raise NotYet("Nothing (`None`) was built. Is there a `return`?")
    if not isinstance(module, nn.Module):
        raise NotYet(f"This is {show(module)}, not an `nn.Module`.")
    if is_stub(type(module).forward):
        raise NotAttempted("Its `forward` is still to be written.")
    return copy.deepcopy(module).to(torch.float64).eval()


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
        raise NotYet(f"has {count:,} parameters instead of {right:,}.")
    if count_each(layers(module)) != count_each(layers(reference)):
        raise NotYet(
            "has the right number of parameters, but in other layers."
        )


def count_each(found: dict[tuple, list]) -> dict[tuple, int]:
    return {key: len(same_kind) for key, same_kind in found.items()}


def layers(net: nn.Module) -> dict[tuple, list]:
    """Return the submodules with own parameters, by the shapes of these."""
    found: dict[tuple, list] = {}
    for module in net.modules():
        own = {
            **dict(module.named_parameters(recurse=False)),
            **dict(module.named_buffers(recurse=False)),
        }
        if own:
            key = tuple((n, tuple(t.shape)) for n, t in sorted(own.items()))
            found.setdefault(key, []).append(own)
    return found


def orders(module: nn.Module, reference: nn.Module) -> Iterator[None]:
    """Copy the reference's parameters, once for each order of equal layers."""
    mine, theirs = layers(module), layers(reference)
    matches = itertools.product(
        *(itertools.permutations(mine[key]) for key in theirs)
    )
    for match in itertools.islice(matches, MAX_ORDERS):
        with torch.no_grad():
            for own, other in zip(match, theirs.values()):
                for a, b in zip(own, other):
                    for name, tensor in a.items():
                        tensor.copy_(b[name])
        yield


# --- Tensors ---------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Array(Compared):
    """A tensor or array, compared with one computed from the context.

    The check is called with the answer and what it was made from; `right`,
    and `wrong` of each mistake, take the latter.
    """

    _: KW_ONLY
    tolerance: float = 1e-4

    def read(self, answer: object) -> Tensor:
        if not isinstance(answer, Tensor | numpy.ndarray | list | tuple):
            raise NotYet(f"This is {show(answer)}, not a tensor.")
        if isinstance(answer, Tensor) and answer.is_meta:
            raise NotYet("A tensor on the device `meta` has no values.")
        try:
            return plain(torch.as_tensor(answer))
        except (TypeError, ValueError, RuntimeError):
            raise NotYet(f"{show(answer)} is not a tensor.") from None

    def fault(
        self, mine: Tensor, other: Callable, *context: object
    ) -> str | None:
        found = difference(mine, plain(other(*context)), self.tolerance)
        return f"Your tensor {found}" if found else None


def plain(tensor: Tensor) -> Tensor:
    kind = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.detach().cpu().to(kind)
