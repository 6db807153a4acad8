"""The figures quoted from elsewhere, and what they prove."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import yaml

from tools import ROOT
from tools.claims.numbers import Number, read_numbers
from tools.claims.proofs import Proof, uncertainty
from tools.claims.prose import unit_of

QUOTED = ROOT / "book" / "quoted.yml"


@dataclass(frozen=True)
class Quoted:
    """An entry of book/quoted.yml.

    `value` as printed; `what` it is; and either `source`, where a reader
    finds it, or `notebook`, a chapter that proves it.
    """

    value: str
    what: str
    source: str = ""
    notebook: str = ""


@cache
def quoted_figures() -> tuple[Quoted, ...]:
    entries = yaml.safe_load(QUOTED.read_text(encoding="utf-8"))
    return tuple(Quoted(**entry) for entry in entries)


def quoted_number(entry: Quoted) -> Number:
    """Return the number of an entry, with its scale and unit noun."""
    found = list(read_numbers(entry.value))
    if len(found) != 1:
        raise ValueError(f"quoted.yml: {entry.value!r} is not one number")
    number = found[0]
    unit = number.unit or unit_of(entry.value[number.end :])
    return replace(number, unit=unit)


def quoted_proofs(entry: Quoted) -> Iterator[Proof]:
    """Yield what an entry proves: with a unit noun, claims with that noun.

    From three digits on, `10.41 %` proves a bare 10.41 in a table too.
    """
    number = quoted_number(entry)
    rounded = uncertainty(number)
    yield Proof(number.value, rounded, number.unit, entry.value)
    if number.scale != 1 and number.significant >= 3:
        yield Proof(number.mantissa, number.quantum, "", entry.value)
