"""A pytest plugin: a kernel that dies at its start gets another one.

Jupyter chooses a kernel's ports before the kernel opens them, so that anything
else on the machine may take one in between; the kernel then dies, and with
it, untried, every cell of its notebook (jupyter/jupyter_client#154). A kernel
that dies later, while it runs a cell, fails its notebook as before.
"""

import warnings
from typing import Any

from nbval import plugin
from nbval.kernel import RunningKernel

STARTS = 3


def start(*args: Any, **kwargs: Any) -> RunningKernel:
    """Start nbval's kernel, anew with other ports where it dies at once."""
    for _ in range(STARTS - 1):
        try:
            return RunningKernel(*args, **kwargs)
        except RuntimeError as error:
            warnings.warn(f"{error}; starting another", stacklevel=2)
    return RunningKernel(*args, **kwargs)


plugin.RunningKernel = start
