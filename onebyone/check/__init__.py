"""Exercise feedback: `from onebyone import check`, then `check.nin…`.

One module for each exercise notebook, with one task for each exercise. A
task is called with an answer and gives a verdict; `hint()` helps, `solution()`
explains, and each module's `progress()` shows what is done, until `forget()`.

How it works is in engine/; a new task needs a look at its neighbours only.

`check.explain(number)`, in decode.py, searches the mistakes that lead to a
count, whatever the exercise.
"""

from onebyone.check import (
    backward,
    batch_norm,
    capstone,
    clinic,
    counting,
    gap,
    inception,
    nin,
    one_by_one,
    residual,
)
from onebyone.check.decode import explain
from onebyone.check.engine.kept import forget

NOTEBOOKS = (
    "counting",
    "one_by_one",
    "batch_norm",
    "nin",
    "gap",
    "inception",
    "residual",
    "backward",
    "clinic",
    "capstone",
)

__all__ = [
    "NOTEBOOKS",
    "backward",
    "batch_norm",
    "capstone",
    "clinic",
    "counting",
    "explain",
    "forget",
    "gap",
    "inception",
    "nin",
    "one_by_one",
    "residual",
]
