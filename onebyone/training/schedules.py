"""How the learning rate changes while a network trains."""

import math


def one_cycle(progress: float) -> float:
    """Return the share of the peak rate when ``progress`` (0 to 1) is done.

    A straight rise over the first 30 %, then half a cosine down to zero
    (after Smith and Topin, arXiv 1708.07120).
    """
    if progress < 0.3:
        return progress / 0.3
    return (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2


def constant(progress: float) -> float:
    """Return 1: the peak rate from the first step to the last."""
    return 1.0


SCHEDULES = {"one-cycle": one_cycle, "constant": constant}
