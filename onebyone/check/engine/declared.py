"""Tasks as data: what a page without Python needs to judge an answer.

Numbers are written as fractions, such as "-7/2", so that they stay exact.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from onebyone.check.engine.choices import Choice
from onebyone.check.engine.decoder import (
    SMALL_NETWORK,
    Decoder,
    Layer,
    Network,
)
from onebyone.check.engine.tasks import Group, Number, Shape, Task


def declared(task: Task) -> dict[str, Any] | None:
    """Return what a task knows, as JSON takes it; None if no page can."""
    answers = answers_of(task)
    return answers and {
        "title": task.title,
        **answers,
        "hints": list(task.hints),
        "when_correct": task.when_correct,
    }


def answers_of(task: Task) -> dict[str, Any] | None:
    """Return the right answer, and the wrong ones with their messages."""
    if isinstance(task, Number):
        return {
            "kind": "number",
            "tolerance": str(Fraction(task.tolerance)),
            "decimals": task.decimals,
            **values_of(task, lambda value: str(Fraction(value))),
        }
    if isinstance(task, Shape):
        return {"kind": "shape", "axes": [*task.axes], **values_of(task, list)}
    if isinstance(task, Group):
        parts = {name: answers_of(part) for name, part in task.parts.items()}
        return {"kind": "group", "parts": parts}
    if isinstance(task, Choice):
        return {
            "kind": "choice",
            "right": task.right,
            "wrong": dict(task.wrong),
            "missing": task.missing,
        }
    return None


def values_of(task: Number | Shape, write: Any) -> dict[str, Any]:
    """Return what a task's parameters lead to, rightly and with mistakes."""
    return {
        "right": write(task.right(**task.given)),
        "mistakes": [
            [write(mistake.wrong(**task.given)), mistake.message]
            for mistake in task.known
        ],
    }


# --- Decode my number ------------------------------------------------------


def declared_decoder(decoder: Decoder) -> dict[str, Any]:
    """Return what *Decode my number* searches, as JSON takes it.

    Numbers in it stand for places in its lists. A way to count a network is
    the way that it goes on from, the mistake that it adds, what each kind of
    count comes to, then with each mistake in counting, and the layers in
    which a number may be a slip.
    """
    kinds: list = list(dict.fromkeys(q.count for q in decoder.quantities))
    layers: dict[Layer, int] = {}
    return {
        "networks": [network.name for network in decoder.networks],
        "quantities": [
            [q.name, q.factor, q.warns, kinds.index(q.count)]
            for q in decoder.quantities
        ],
        "counts": [[c.says, kinds.index(c.of)] for c in decoder.on_counts],
        "ways": [
            ways(decoder, network, kinds, layers)
            for network in decoder.networks
        ],
        "layers": [[str(layer), *layer[2:]] for layer in layers],
    }


def ways(
    decoder: Decoder,
    network: Network,
    kinds: list[Callable],
    layers: dict[Layer, int],
) -> list[list]:
    """Return the ways to count a network; new layers are added to `layers`."""
    places: dict[tuple[str, ...], int] = {}
    found = []
    for says, history in decoder.variants(network):
        places[tuple(says)] = len(places)
        before, mistake = -1, ""
        if says:
            before, mistake = places[tuple(says[:-1])], says[-1]
        totals = [sum(map(kind, history[-1])) for kind in kinds]
        worse, own = [], []
        if len(says) < 2:  # there is room for one more mistake
            counts = [change.apply for change in decoder.on_counts]
            worse = [sum(map(count, history[-1])) for count in counts]
            if len(history[0]) <= SMALL_NETWORK:
                own = [layer for layer in history[-1] if layer.k]
        slips = [layers.setdefault(layer, len(layers)) for layer in own]
        found.append([before, mistake, totals, worse, slips])
    return found
