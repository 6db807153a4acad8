"""Tasks whose answer is a function or a tensor.

Each compares with a reference of PyTorch's, in float64 and over random
shapes, drawn by a generator of its own. What is computed in float32 is right
as far as float32 reaches. modules.py has the task of a module.
"""

import copy
import itertools
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatch
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import numpy
import pandas
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from onebyone.check.engine.guard import (
    NotAttempted,
    NotYet,
    Raised,
    is_stub,
    outcome,
    show,
)
from onebyone.check.engine.tasks import (
    Compared,
    number,
    number_text,
    require_attempt,
    require_call,
    shape_fault,
)

FLOAT32_TOLERANCE = 1e-4
ACCEPTED_TYPES = (torch.float32, torch.float64)


class Draw:
    """Random arguments for a student's function; the same ones each time.

    The first of them, of seed 0, have a batch of one image: it finds a
    `squeeze()` that takes an axis too many.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._random = random.Random(seed)
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def integer(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def batch(self) -> int:
        return 1 if self._seed == 0 else self.integer(2, 3)

    def tensor(self, *shape: int) -> Tensor:
        """Normally distributed, float64."""
        return torch.randn(
            shape, dtype=torch.float64, device="cpu", generator=self._generator
        )


# --- Comparing -------------------------------------------------------------


def compare(actual: object, expected: object, tolerance: float) -> None:
    """Raise NotYet, saying where but not what is right, if two differ."""
    if isinstance(actual, Raised):
        if type(actual.error) is not type(getattr(expected, "error", None)):
            raise NotYet(str(actual))
    elif isinstance(expected, Raised):
        raise NotYet("gives a result where there can be none.")
    elif actual is None:
        raise NotYet("gives nothing (`None`). Is there a `return`?")
    elif isinstance(expected, Tensor):
        compare_tensors(actual, expected, tolerance)
    elif isinstance(expected, tuple):
        compare_several(actual, expected, tolerance)
    else:
        value, right = number(actual), number(expected)
        if abs(value - right) > tolerance * max(1.0, abs(float(right))):
            raise NotYet(f"gives {number_text(value)}, which is not right.")


def compare_several(actual: Any, expected: tuple, tolerance: float) -> None:
    count = len(expected)
    if isinstance(actual, Tensor | numpy.ndarray) and actual.ndim == 1:
        actual = actual.tolist()
    if not isinstance(actual, tuple | list) or len(actual) != count:
        raise NotYet(f"gives {show(actual)}, not {count} values.")
    for i, (one, other) in enumerate(zip(actual, expected)):
        try:
            compare(one, other, tolerance)
        except NotYet as reason:
            orders = itertools.permutations(actual)
            if any(agree(order, expected, tolerance) for order in orders):
                raise NotYet(
                    "gives the right values in another order."
                ) from None
            place = f"gives, as value {i + 1} of {count}, "
            text = str(reason).removeprefix("gives ")
            raise NotYet(f"{place}{text}") from None


def agree(actual: tuple, expected: tuple, tolerance: float) -> bool:
    try:
        for one, other in zip(actual, expected):
            compare(one, other, tolerance)
    except NotYet:
        return False
    return True


def compare_tensors(
    actual: object, expected: Tensor, tolerance: float
) -> None:
    if not isinstance(actual, Tensor):
        raise NotYet(f"gives {show(actual)}, not a tensor.")
    if actual.shape != expected.shape:
        raise NotYet(
            f"gives the shape {show(tuple(actual.shape))}, which is not"
            f" right: {shape_fault(actual.shape, expected.shape)}"
        )
    if actual.device != expected.device:
        raise NotYet(
            f"gives a tensor on the device `{actual.device}`; its input is"
            f" on `{expected.device}`."
        )
    if actual.layout != torch.strided or actual.is_complex():
        raise NotYet("gives a sparse or complex tensor.")
    if expected.is_floating_point() and actual.dtype not in ACCEPTED_TYPES:
        raise NotYet(
            f"gives a tensor of `{actual.dtype}`. Make it one of floats, such"
            " as `torch.float32`."
        )
    if actual.dtype == torch.float32:
        tolerance = max(tolerance, FLOAT32_TOLERANCE)
    actual = actual.detach().to(torch.float64)
    expected = expected.detach().to(torch.float64)
    close = torch.isclose(
        actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True
    )
    if not close.all():
        index = tuple((~close).nonzero()[0].tolist())
        share = f"{int((~close).sum())} of {close.numel()} values"
        raise NotYet(
            f"gives {actual[index].item():.4g} at index {index}, which is not"
            f" right, and so for {share}."
        )


def difference(
    actual: object, expected: object, tolerance: float
) -> str | None:
    try:
        compare(actual, expected, tolerance)
    except NotYet as reason:
        return str(reason)
    return None


# --- Functions -------------------------------------------------------------


class Used(TorchFunctionMode):
    """Notes the names of PyTorch's functions that are called.

    A convolution in groups is noted as `conv2d(groups=…)`.
    """

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        name = getattr(function, "__name__", "")
        if name.startswith("conv") and (
            named.get("groups", 1) != 1 or arguments[6:7] not in ((), (1,))
        ):
            name += "(groups=…)"
        self.names.add(name)
        return function(*arguments, **named)


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
        banned: patterns of the names of PyTorch's functions that the task
            forbids, as `"*pool*"`.
        in_float64: whether the notebook says that all tensors are float64,
            so that what works with these alone is right.
    """

    inputs: Callable[[Draw], Mapping[str, object]]
    _: KW_ONLY
    cases: int = 6
    tolerance: float = 1e-8
    banned: Collection[str] = ()
    in_float64: bool = False

    def judge(self, answer: object = ..., *context: object) -> str | None:
        remark = super().judge(answer, *context)
        for name in self.used(answer):
            if any(fnmatch(name, pattern) for pattern in self.banned):
                raise NotYet(
                    f"The result is right, but your function uses `{name}`,"
                    f" which the task does not allow. {self.pointer()}"
                )
        if not self.in_float64:
            self.require_float32(answer)
        return remark or self.remark_on_gradient(answer)

    def used(self, answer: Any) -> list[str]:
        """Return the names of PyTorch's functions that an answer uses.

        What the student wrote may have any name.
        """
        with Used() as used:
            for seed in range(self.cases):
                outcome(answer, *copies(self.inputs(Draw(seed))))
        names = used.names | names_in(answer)
        return sorted(names, key=lambda name: name.lstrip("_"))

    def require_float32(self, answer: Any) -> None:
        """Raise NotYet if it fails for float32, as images and weights are."""
        case = as_float32(self.inputs(Draw(1)))
        result = outcome(answer, *copies(case))
        if isinstance(result, Raised) and not isinstance(
            outcome(self.right, *copies(case)), Raised
        ):
            raise NotYet(
                "The numbers are right for tensors of float64; for float32,"
                f" as images and weights are, your function {result}"
            )

    def remark_on_gradient(self, answer: Any) -> str | None:
        expected, actual = self.gradients(self.right), self.gradients(answer)
        if not any(gradient is not None for gradient in expected):
            return None
        if not any(gradient is not None for gradient in actual):
            return (
                "The numbers are right, but no gradient passes through your"
                " function: `.item()`, `.numpy()` and `.detach()` cut it off."
            )
        tolerance = max(self.tolerance, FLOAT32_TOLERANCE)
        for one, other in zip(actual, expected):
            if other is not None and (
                one is None or difference(one, other, tolerance)
            ):
                return (
                    "The numbers are right, but not the gradient that passes"
                    " through your function: `.item()`, `.detach()` or"
                    " `no_grad` cuts a part of it off."
                )
        return None

    def gradients(self, function: Callable) -> list[Tensor | None]:
        """Return the gradient of each tensor that the function is given."""
        case = self.inputs(Draw(1))
        if isinstance(outcome(function, *copies(case)), Raised):
            case = as_float32(case)  # which it may work with alone
        given = [
            x.requires_grad_()
            if isinstance(x, Tensor) and x.is_floating_point()
            else x
            for x in copies(case)
        ]
        leaves = [x for x in given if getattr(x, "requires_grad", False)]
        with torch.enable_grad():
            result: Any = outcome(function, *given)
            results = result if isinstance(result, tuple | list) else [result]
            # as if those that are cut off were constant
            results = [
                r for r in results if getattr(r, "requires_grad", False)
            ]
            if not results:
                return [None] * len(leaves)
            G = [Draw(2).tensor(*r.shape).to(r.dtype) for r in results]
            differentiate = partial(torch.autograd.grad, allow_unused=True)
            found: Any = outcome(differentiate, results, leaves, G)
        return [None] * len(leaves) if isinstance(found, Raised) else found

    def read(self, answer: Any) -> list[tuple]:
        """Return each case's arguments, those given away and the result.

        The arguments are float64, or float32 where the function works with
        these alone.
        """
        require_function(answer)
        drawn = [self.inputs(Draw(seed)) for seed in range(self.cases)]
        found = [(case, *call(answer, case)) for case in drawn]
        if any(isinstance(result, Raised) for *_, result in found):
            single = [as_float32(case) for case in drawn]
            again = [(case, *call(answer, case)) for case in single]
            if not any(isinstance(result, Raised) for *_, result in again):
                return again
        return found

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
            types = [x.dtype for x in given if isinstance(x, Tensor)]
            if torch.float64 in types and is_float32(result):
                return (
                    "Your function gives float32 for an input of float64;"
                    " `X.new_zeros(…)` makes a tensor of the type of `X`."
                )
            if types and types[0] == torch.float32:
                return (
                    "Your function works with float32 alone;"
                    " `X.new_zeros(…)` makes a tensor of the type of `X`."
                )
        return None


def names_in(function: Any, seen: frozenset = frozenset()) -> set[str]:
    """Return the names in a function's code and in what it calls of its own.

    The names of the functions that stand beside it are not among them, nor
    those of the methods of classes there.
    """
    own = getattr(function, "__globals__", {})
    written = written_in(own)
    codes, names = [getattr(function, "__code__", None)], set()
    for code in codes:
        codes += [c for c in getattr(code, "co_consts", ()) if is_code(c)]
        names |= set(getattr(code, "co_names", ()))
    beside = names & written.keys()
    for name in beside - seen:
        for one in written[name]:
            names |= names_in(one, seen | beside)
    return names - beside


def written_in(own: dict) -> dict[str, list[FunctionType]]:
    """Return the functions and methods of a namespace's own, by name."""
    found: dict[str, list] = {}
    for name, value in list(own.items()):
        members = [(name, value)]
        if issubclass(type(value), type):
            members = list(type.__dict__["__dict__"].__get__(value).items())
        for member, one in members:
            one = getattr(one, "__func__", one) if is_static(one) else one
            if type(one) is FunctionType and one.__globals__ is own:
                found.setdefault(member, []).append(one)
    return found


def is_static(value: object) -> bool:
    return type(value) in (staticmethod, classmethod)


def is_code(value: object) -> bool:
    return isinstance(value, CodeType)


def is_float32(result: object) -> bool:
    results = result if isinstance(result, tuple | list) else [result]
    return any(getattr(r, "dtype", None) == torch.float32 for r in results)


def as_float32(case: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.float() if isinstance(value, Tensor) else value
        for name, value in case.items()
    }


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
        same = (
            is_unchanged(value, after)
            if isinstance(value, Tensor)
            else repr(value) == repr(after)
        )
        if not same:
            raise NotYet(
                f"Your function changes its input `{name}`, which its caller"
                " may still need. Work on a new one."
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


# --- Tensors ---------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Array(Compared):
    """A tensor or array, compared with one computed from the context.

    The check is called with the answer and what it was made from; `right`,
    and `wrong` of each mistake, take the latter.
    """

    _: KW_ONLY
    tolerance: float = 1e-4

    def judge(self, answer: object = ..., *context: object) -> str | None:
        require_attempt(answer)
        require_call(self.right, context, {})
        return super().judge(answer, *context)

    def read(self, answer: Any) -> Tensor:
        if isinstance(answer, pandas.Series | pandas.DataFrame):
            answer = answer.to_numpy()
        if not isinstance(answer, Tensor | numpy.ndarray | list | tuple):
            raise NotYet(f"This is {show(answer)}, not a tensor.")
        if isinstance(answer, Tensor) and answer.is_meta:
            raise NotYet("A tensor on the device `meta` has no values.")
        try:
            if isinstance(answer, list | tuple):
                for kind, stack in STACKS.items():
                    if all(isinstance(row, kind) for row in answer):
                        answer = stack([*answer])
            return plain(torch.as_tensor(answer))
        except (TypeError, ValueError, RuntimeError):
            raise NotYet(f"{show(answer)} is not a tensor.") from None

    def fault(
        self, mine: Tensor, other: Callable, *context: object
    ) -> str | None:
        made: Any = outcome(other, *context)
        if isinstance(made, Raised):
            if isinstance(made.error, NotAttempted):
                raise made.error
            if isinstance(made.error, NotYet):
                return str(made.error)
            return (
                "What the check was given beside your answer cannot be used as"
                f" the task does it: it {made}"
            )
        theirs = plain(made)
        if mine.is_complex() and not theirs.is_complex():
            return "There are complex numbers in it."
        if mine.shape != theirs.shape:
            return (
                f"{show(mine).capitalize()} is not right:"
                f" {shape_fault(mine.shape, theirs.shape)}"
            )
        if not difference(mine, theirs, self.tolerance):
            return None
        close = torch.isclose(
            mine, theirs, rtol=self.tolerance, atol=self.tolerance
        )
        return (
            f"{int((~close).sum())} of {close.numel()} values are not right."
        )


STACKS: dict[type, Callable] = {
    Tensor: torch.stack,
    numpy.ndarray: numpy.stack,
}


def plain(tensor: Tensor) -> Tensor:
    kind = torch.complex128 if tensor.is_complex() else torch.float64
    return tensor.detach().cpu().to(kind)
