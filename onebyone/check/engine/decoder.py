"""The search behind *Decode my number*: which mistakes lead to a count.

The layers of networks are read off the models themselves. Every known
mistake, and every pair of them, is made on these lists of layers; what comes
out is looked up. A table of sums is all there is: no answer is stored.
"""

import functools
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor, nn

from onebyone.check.engine.guard import (
    NotYet,
    guarded,
    is_blank,
    show,
    show_error,
)
from onebyone.check.engine.remarks import remark
from onebyone.check.engine.tasks import number
from onebyone.check.engine.verdicts import Note

MAX_SHOWN = 3
MIN_COUNT = 1_000  # below, some mistake leads to almost every number
MIN_DIGITS = 3  # of a rounded number, below which it says too little
SMALL_NETWORK = 16  # layers; in larger ones slips would explain too much
TITLE = "Decode my number"


class Layer(NamedTuple):
    """A convolution, a linear layer (a 1×1 on one position) or a norm."""

    name: str
    kind: type
    c_in: int  # channels that each output reads
    c_out: int
    k: int
    side: int  # of the map that it writes
    bias: int  # parameters for each output channel besides the weights

    @property
    def weights(self) -> int:
        return self.k**2 * self.c_in * self.c_out

    @property
    def is_1x1(self) -> bool:
        return self.kind is nn.Conv2d and self.k == 1

    def __str__(self) -> str:
        kernel = "linear" if self.kind is nn.Linear else f"{self.k}×{self.k}"
        return f"the {kernel} layer {self.c_in}→{self.c_out} (`{self.name}`)"


Layers = tuple[Layer, ...]


class Network(NamedTuple):
    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]


class Quantity(NamedTuple):
    name: str
    count: Callable[[Layer], int]
    factor: int = 1
    warns: str = ""  # of what these are taken for


class Change(NamedTuple):
    """A mistake, as what it changes.

    Attributes:
        says: names it in a sentence.
        apply: changes a network in place, or returns other layers, or another
            count of one layer.
        of: where it is about a count, which one.
    """

    says: str
    apply: Callable
    of: Callable | None = None


SHAPELESS = (nn.ReLU, nn.Sigmoid, nn.Dropout)  # slow on the meta device


def layers_of(net: nn.Module, shape: tuple[int, ...]) -> Layers:
    """Return the layers with parameters, in the order of their calls."""
    found: list[Layer] = []

    def note(name: str, module: Any, output: Tensor) -> None:
        side = output.shape[-1] if output.ndim == 4 else 1
        if isinstance(module, nn.Conv2d):
            c_in, k = module.in_channels // module.groups, module.kernel_size
            sizes = c_in, module.out_channels, k[0], side
        elif isinstance(module, nn.Linear):
            sizes = module.in_features, module.out_features, 1, 1
        else:
            sizes = 0, module.num_features, 0, side
        bias = 2 if sizes[2] == 0 else int(module.bias is not None)
        found.append(Layer(name, type(module), *sizes, bias))

    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            module.register_forward_hook(
                lambda module, _, output, name=name: note(name, module, output)
            )
        elif isinstance(module, SHAPELESS):
            vars(module)["forward"] = lambda X: X
        if isinstance(module, nn.BatchNorm2d):
            vars(module)["forward"] = lambda X: X
    with torch.no_grad():
        net(torch.empty(1, *shape, device="meta"))
    return tuple(found)


# --- Slips ---------------------------------------------------------------


def slips(right: int) -> Iterator[int]:
    """Yield numbers with a digit off by 1 or 2, or two digits swapped."""
    digits = str(right)
    for i, digit in enumerate(digits):
        for wrong in range(int(digit) - 2, int(digit) + 3):
            if 0 <= wrong <= 9 and wrong != int(digit):
                yield int(digits[:i] + str(wrong) + digits[i + 1 :])
        swapped = digits[:i] + digits[i : i + 2][::-1] + digits[i + 2 :]
        if swapped != digits:
            yield int(swapped)


class Slip(NamedTuple):
    """One number of channels mistyped."""

    layer: Layer
    field: str
    wrong: int

    def __str__(self) -> str:
        right = getattr(self.layer, self.field)
        about = {"layer": self.layer, "wrong": self.wrong, "right": right}
        return remark("slip", **about)

    def change(self, count: Callable[[Layer], int]) -> int:
        changed: dict[str, Any] = {self.field: self.wrong}
        twin = self.layer._replace(**changed)
        return count(twin) - count(self.layer)


@functools.cache
def slips_in(layers: Layers) -> list[Slip]:
    return [
        Slip(layer, field, wrong)
        for layer in layers
        for field in ("c_in", "c_out")
        if layer.k
        for wrong in sorted(set(slips(getattr(layer, field))) - {0})
    ]


# --- The search ------------------------------------------------------------


def make_on_meta(network: Network) -> nn.Module:
    with torch.device("meta"):
        return network.make()


class Explanation(NamedTuple):
    """How to come to a number: each step is a mistake and what it leads to."""

    network: int
    quantity: int
    right: int
    steps: tuple[tuple[str | Slip, int], ...] = ()
    has_slip: bool = False

    @property
    def rank(self) -> tuple:
        return (len(self.steps), self.has_slip, self.network, self.quantity)


class Decoder:
    """What leads to a number, for some networks, counts and mistakes.

    Args:
        networks: right counts are theirs.
        quantities: what is counted.
        on_networks: mistakes that change a network before its layers are
            read.
        on_layers: mistakes that change the list of layers.
        on_counts: mistakes in the count of a layer.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        quantities: Sequence[Quantity],
        on_networks: Sequence[Change],
        on_layers: Sequence[Change],
        on_counts: Sequence[Change],
    ):
        self.networks, self.quantities = networks, quantities
        self.on_networks, self.on_layers = on_networks, on_layers
        self.on_counts = on_counts

    def explain(self, count: object = ..., network: object = None) -> Note:
        """Return which mistakes make this number; never raise.

        Those of one network alone, where it is named.
        """
        try:
            with guarded(seconds=10):
                try:
                    low, high = interval(count)
                    only = self.place_of(network)
                except NotYet as reason:
                    return Note(TITLE, str(reason))
                except Exception as error:
                    text = f"This cannot be decoded: {show_error(error)}"
                    return Note(TITLE, text)
            text = self.explain_range(low, high, only)
            return Note(f"{TITLE} · {range_text(low, high)}", text)
        except BaseException:  # whatever the value may still reach into
            return Note(TITLE, "This cannot be decoded.")

    def place_of(self, network: object) -> int | None:
        """Return where a network stands; raise NotYet if it is none."""
        names = [one.name for one in self.networks]
        is_name = isinstance(network, str) and network in names
        if network is not None and not is_name:
            known = ", ".join(names)
            raise NotYet(f"{show(network)} is none of the networks: {known}.")
        return None if network is None else names.index(str(network))

    @functools.cached_property
    def known(self) -> tuple[list[int], dict[int, list[Explanation]]]:
        """All numbers in order, and what leads to each, the best first."""
        found: dict[int, dict[tuple, list[Explanation]]] = {}
        for value, new in self.explanations():
            if value >= MIN_COUNT or not new.steps:
                ends = found.setdefault(value, {})
                best = ends.setdefault((new.network, new.quantity), [new])
                if new.rank < best[0].rank:
                    best[:] = [new]
                elif new.rank == best[0].rank and new != best[0]:
                    best.append(new)
        ranked = {
            value: sorted(sum(ends.values(), []), key=lambda one: one.rank)
            for value, ends in found.items()
        }
        return sorted(ranked), ranked

    @functools.cached_property
    def right_counts(self) -> list[tuple[int, int]]:
        """Return each right count, with its network."""
        values, found = self.known
        return [
            (value, one.network)
            for value in values
            for one in found[value]
            if not one.steps
        ]

    def found(self, value: int, only: int | None) -> list[Explanation]:
        """Return what leads to a value, in one network or in any."""
        all_found = self.known[1][value]
        return [one for one in all_found if only in (None, one.network)]

    def explanations(self) -> Iterator[tuple[int, Explanation]]:
        """Yield every number that the networks and mistakes lead to."""
        for n, network in enumerate(self.networks):
            for says, history in self.variants(network):
                for q, quantity in enumerate(self.quantities):
                    yield from self.count(n, q, quantity, says, history)

    def variants(
        self, network: Network
    ) -> Iterator[tuple[list[str], list[Layers]]]:
        """Yield layers with no, one and two mistakes, and what these are."""
        right = layers_of(make_on_meta(network), network.shape)
        bases: list[tuple[list[str], list[Layers]]] = [([], [right])]
        for change in self.on_networks if len(right) <= SMALL_NETWORK else ():
            net = make_on_meta(network)
            with suppress(RuntimeError, StopIteration):  # it would break
                change.apply(net)
                wrong = layers_of(net, network.shape)
                bases.append(([change.says], [right, wrong]))
        for says, history in bases:
            yield says, history
            for i, change in enumerate(self.on_layers):
                one = change.apply(history[-1])
                if not one or one == history[-1]:
                    continue
                yield [*says, change.says], [*history, one]
                for other in self.on_layers[i + 1 :] if not says else ():
                    two = other.apply(one)
                    if two and two != one:
                        yield [change.says, other.says], [*history, one, two]

    def count(
        self,
        network: int,
        quantity: int,
        counted: Quantity,
        says: list[str],
        history: list[Layers],
    ) -> Iterator[tuple[int, Explanation]]:
        """Yield the count, and what it becomes with one more mistake."""

        def total(layers: Layers, count: Callable = counted.count) -> int:
            return counted.factor * sum(map(count, layers))

        totals = [total(layers) for layers in history]
        if len(set(totals)) < len(totals):
            return  # a mistake that changes nothing here
        steps = tuple(zip(says, totals[1:]))
        explain = functools.partial(Explanation, network, quantity, totals[0])
        yield totals[-1], explain(steps)
        if len(says) == 2:
            return
        for change in self.on_counts:
            if change.of is counted.count:
                value = total(history[-1], change.apply)
                yield value, explain((*steps, (change.says, value)))
        if len(history[0]) <= SMALL_NETWORK and counted.factor == 1:
            for slip in slips_in(history[-1]):
                value = totals[-1] + slip.change(counted.count)
                if value != totals[-1]:
                    yield value, explain((*steps, (slip, value)), True)

    def explain_range(
        self, low: Fraction, high: Fraction, only: int | None = None
    ) -> str:
        """Return what is known of the numbers from `low` to `high`."""
        values, _ = self.known
        hits: list[Explanation] = []
        for value in values[bisect_left(values, low) :]:
            if value > high:
                break
            hits += self.found(value, only)
        if low < high:  # it fits so much that only what is simple counts
            most = 2 if (high - low) * 1_000 <= low else 1
            hits = [h for h in hits if not h.has_slip and len(h.steps) <= most]
        if not hits:
            return self.explain_nothing(low, only)
        hits.sort(key=lambda hit: hit.rank)
        best = [hit for hit in hits if hit.rank[:2] == hits[0].rank[:2]]
        texts = [self.describe(hit) for hit in best[:MAX_SHOWN]]
        if (left := len(best) - MAX_SHOWN) > 0:
            texts.append(
                remark("one more" if left == 1 else "more", left=left)
            )
        if low < high and hits[0].steps:
            texts.append(remark("rounded"))
        if hits[0].has_slip and len(hits[0].steps) > 1:
            texts.append(remark("much explained"))
        return "\n".join(texts)

    def describe(self, found: Explanation) -> str:
        quantity = self.quantities[found.quantity]
        network = self.networks[found.network].name
        what = remark("found", quantity=quantity.name, network=network)
        if not found.steps:
            return f"{what}. {quantity.warns}".strip()
        many = "one mistake" if len(found.steps) == 1 else "two mistakes"
        lines, before = [remark(many, found=what)], found.right
        for says, value in found.steps:
            step = remark("step", says=says, change=f"{value - before:+,}")
            lines.append(step.replace("-", "−"))
            before = value
        return "\n".join(
            [*lines, remark("right count", count=f"{found.right:,}")]
        )

    def explain_nothing(self, value: Fraction, only: int | None = None) -> str:
        """Return that nothing fits, and which right count is near, if any."""
        text = remark("nothing fits")
        if only is not None:
            name = self.networks[only].name
            text = remark("nothing fits one", network=name)
        rights = [n for n, net in self.right_counts if only in (None, net)]
        near = min(rights, key=lambda right: abs(right - value))
        if abs(near - value) > Fraction(near, 10):
            return text
        what = self.describe(self.found(near, only)[0]).split(". ")[0]
        what = what.removeprefix("This is ").rstrip(".")
        return f"{text}\n{remark('nearest', count=f'{near:,}', what=what)}"


# --- What a number stands for ----------------------------------------------


def interval(count: object) -> tuple[Fraction, Fraction]:
    """Return what a number may stand for; raise NotYet if it is none."""
    if is_blank(count):
        raise NotYet("Give a number: `check.explain(1_995_284)`.")
    value = number(count)
    if value <= 0:
        raise NotYet(remark("not positive", value=show(count)))
    spread = Fraction(0)
    if isinstance(count, float | numpy.floating):
        digits = Decimal(str(count)).normalize().as_tuple()
        spread = Fraction(10) ** int(digits.exponent) / 2
        if len(digits.digits) < MIN_DIGITS and spread > 1:
            about = {"value": show(count), "digits": MIN_DIGITS}
            raise NotYet(remark("rounded too much", **about))
    if spread <= Fraction(1, 2) and value.denominator != 1:
        raise NotYet(remark("not whole", value=show(count)))
    if spread <= Fraction(1, 2):
        spread = Fraction(0)
    return value - spread, value + spread


def range_text(low: Fraction, high: Fraction) -> str:
    if low == high:
        return show(int(low))
    return remark("range", low=show(int(low)), high=show(int(high)))
