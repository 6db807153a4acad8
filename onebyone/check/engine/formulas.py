"""Formulas of what a task gives: written once, worked out for any values.

    c_in, c, k = symbols("c_in c k")
    weights = k * k * c_in * c
    weights(c_in=3, c=8, k=5)  # 600

In place of a number a formula takes another one, and gives one then.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any


def both(function: Callable) -> tuple[Callable, Callable]:
    """Return the methods for an operator, from the left and the right."""
    return (
        lambda formula, other: apply(function, formula, other),
        lambda formula, other: apply(function, other, formula),
    )


class Formula:
    """Called with values for its symbols, by name, it gives its own."""

    def __init__(self, evaluate: Callable[[Mapping[str, Any]], Any]):
        self._evaluate = evaluate

    def __call__(self, **given: Any) -> Any:
        return self._evaluate(given)

    __add__, __radd__ = both(operator.add)
    __sub__, __rsub__ = both(operator.sub)
    __mul__, __rmul__ = both(operator.mul)
    __truediv__, __rtruediv__ = both(operator.truediv)
    __floordiv__, __rfloordiv__ = both(operator.floordiv)
    __mod__, __rmod__ = both(operator.mod)
    __pow__, __rpow__ = both(operator.pow)

    def __neg__(self) -> "Formula":
        return apply(operator.neg, self)


def symbols(names: str) -> list[Formula]:
    """Return a formula for each name: the value that is given for it."""
    return [Formula(operator.itemgetter(name)) for name in names.split()]


def apply(function: Callable, *arguments: Any, **options: Any) -> Formula:
    """Return the formula of a function's result: `apply(max, c, n)`."""
    return Formula(lambda given: function(*value(arguments, given), **options))


def value(term: Any, given: Mapping[str, Any]) -> Any:
    """Return a term, or a tuple of terms, worked out."""
    if isinstance(term, tuple):
        return tuple(value(part, given) for part in term)
    return term(**given) if isinstance(term, Formula) else term


def as_function(term: Any) -> Callable:
    """Return what gives the term's value: itself, where it is a function."""
    if callable(term):
        return term
    return Formula(lambda given: value(term, given))
