"""Exercise feedback: `from onebyone import check`, then `check.nin…`.

One module for each exercise notebook, with one task for each exercise. A
task is called with an answer and gives a verdict; `hint()` helps, and each
module's `progress()` shows what is done.

How it works: verdicts.py shows, guard.py keeps what students write at arm's
length, tasks.py and code.py hold the kinds of task.
"""

from onebyone.check import counting, gap, inception, nin, one_by_one, residual

NOTEBOOKS = ("counting", "one_by_one", "nin", "gap", "inception", "residual")

__all__ = [
    "NOTEBOOKS",
    "counting",
    "gap",
    "inception",
    "nin",
    "one_by_one",
    "residual",
]
