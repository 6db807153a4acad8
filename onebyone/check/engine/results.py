"""Results: the task of an experiment, whose numbers differ from run to run."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy
import torch
from torch import nn

from onebyone.check.engine.guard import (
    NotYet,
    Raised,
    copied,
    is_blank,
    outcome,
    show,
)
from onebyone.check.engine.tasks import Task, require_attempt, require_call
from onebyone.check.engine.verdicts import Note

CLOSE = 0.006  # two digits after the point are enough


@dataclass(eq=False, repr=False)
class Results(Task):
    """A dictionary of accuracies, or errors, that an experiment filled.

    The check is called with it, the trained networks and the data, and
    evaluates the networks again: what it finds is what the table must hold.

    Attributes:
        keys: the keys of the dictionary.
        columns: where an entry is several numbers, what these are.
        named: whether such an entry is a dictionary too; else it is a tuple
            or a list.
        what: what each number is, "accuracy" or "error".
        trained: keys of networks that must have learnt something; all of
            them unless given.
        least: the accuracy that shows that a network has, or the error.
        column: in which column it shows.
        fault: takes a table that is not what the networks give, and may say
            what made it so.
        measure: takes the networks, in eval mode, and what else the check is
            called with, and returns the table as it must be.
        networks: the keys of the networks, where they are not those of the
            table.
        mixed_up: takes the networks and the table, and says if they are not
            of the kinds that the keys name.
        foretold: what can be predicted, by name: takes the table and returns
            the result, a key or a number.
        recorded: returns a sentence on what a study with several seeds says.
    """

    keys: Sequence
    _: KW_ONLY
    columns: Sequence[str] = ()
    named: bool = False
    what: str = "accuracy"
    trained: Sequence | None = None
    least: float = 0.15
    column: int = 0
    fault: Callable[[dict], str | None] | None = None
    measure: Callable[..., dict]
    networks: Sequence | None = None
    mixed_up: Callable[[dict, dict], str | None] | None = None
    foretold: Mapping[str, Callable[[dict], object]] = field(
        default_factory=dict
    )
    recorded: Callable[[], str] | None = None

    seconds = 120.0
    prediction: Mapping[str, object] | None = None
    is_run = False  # a whole table has been judged

    def predict(self, **guesses: object) -> Note:
        """Keep a prediction; the first one counts, and only before the run.

        The verdict on the results says what became of it.
        """
        title = f"Your prediction · {self.title}"
        asked = ", ".join(f"`{name}=…`" for name in self.foretold)
        if set(guesses) != set(self.foretold):
            return Note(title, f"It takes {asked}.")
        if any(map(is_blank, guesses.values())):
            return Note(title, "There is none yet. Make it before you run.")
        if self.prediction is None and self.is_run:
            return Note(title, "The results are there already.")
        if self.prediction is None:
            self.prediction = guesses
        kept = as_words(self.prediction)
        if as_words(guesses) != kept:
            return Note(title, f"You have made one, and it stays: {kept}.")
        return Note(title, f"It is kept: {kept}. Now run.")

    def forget(self) -> None:
        super().forget()
        self.prediction, self.is_run = None, False

    def judge(
        self, answer: object = ..., nets: object = ..., *data: object
    ) -> str:
        require_attempt(answer)
        table = self.read(answer)
        self.is_run = True
        fault = self.untrained(table)
        if not fault:
            kept = self.read_networks(nets, table)
            require_call(self.measure, (kept, *data), {})
            measured: Any = outcome(self.measure, kept, *data)
            if isinstance(measured, Raised):
                fault = (
                    "Your networks, on the images that the check was given,"
                    f" cannot be evaluated as the task does it: it {measured}"
                )
            else:
                fault = self.why_wrong(table, measured)
        if fault:
            raise self.not_yet(fault)
        return self.compared(table)

    def why_wrong(self, table: dict, measured: dict) -> str | None:
        """Return why a table is not what its networks give, if it is not."""
        if not (found := self.difference(table, measured)):
            return None
        if fault := self.fault and self.fault(table):
            return fault
        first = table[self.keys[0]]
        if all(entry == first for entry in table.values()):
            return "All results are the same. Does each have its own network?"
        return found

    def compared(self, table: dict) -> str:
        """Return what became of the prediction, and what a study says."""
        told = []
        if self.foretold and self.prediction is None:
            told.append("You made no prediction to compare this with.")
        if self.foretold and self.prediction is not None:
            came = {n: what(table) for n, what in self.foretold.items()}
            told.append(
                f"You predicted {as_words(self.prediction)}; it came out as"
                f" {as_words(came)}."
            )
        if self.recorded:
            told.append(self.recorded())
        return " ".join(told)

    def read_networks(self, nets: object, table: dict) -> dict:
        """Return copies of the networks, in eval mode."""
        keys = self.networks or self.keys
        if not isinstance(nets, Mapping) or is_blank(nets):
            raise self.not_yet(
                "Keep the trained networks in a dictionary with the keys"
                f" {', '.join(map(repr, keys))}: the check evaluates them."
            )
        for key in keys:
            if not isinstance(nets.get(key), nn.Module):
                raise self.not_yet(
                    f"There is no trained network under the key {key!r}."
                )
        for one, other in itertools.combinations(keys, 2):
            if are_equal(nets[one], nets[other]):
                raise self.not_yet(
                    f"Under the keys {one!r} and {other!r} is the same"
                    " network. Build and train each of them anew."
                )
        kept = {key: copied(nets[key]).eval() for key in keys}
        if fault := self.mixed_up and self.mixed_up(kept, table):
            raise self.not_yet(fault)
        return kept

    def difference(self, table: dict, measured: dict) -> str | None:
        """Return where a table is not what its networks give, if so."""
        for key, entry in table.items():
            if close(entry, measured[key]):
                continue
            for other in self.keys:
                if close(entry, measured[other]):
                    return (
                        f"What stands under the key {key!r} belongs to"
                        f" {other!r}. Are two of them exchanged?"
                    )
            if self.columns:
                return self.difference_of_rows(key, entry, measured[key])
            return self.wrong(f"Under the key {key!r} the", entry)
        return None

    def difference_of_rows(
        self, key: object, entry: tuple, measured: tuple
    ) -> str:
        for permuted in itertools.permutations(entry):
            if close(permuted, measured):
                return (
                    f"Under the key {key!r} the numbers are in another"
                    f" order. It is: {', '.join(self.columns)}."
                )
        base = measured[0]
        if close(entry, (base, *(m - base for m in measured[1:]))):
            return (
                f"Under the key {key!r} you give by how much each {self.what}"
                f" differs from the first. Give the {self.what} itself."
            )
        complement = tuple(1 - value for value in entry)
        if close(complement, measured):
            other = "an error" if self.what == "accuracy" else "an accuracy"
            return f"Under the key {key!r}, each {self.what} is {other}."
        column, value = next(
            (column, mine)
            for column, mine, theirs in zip(self.columns, entry, measured)
            if not close(mine, theirs)
        )
        return self.wrong(f"Under the key {key!r}, for {column}, the", value)

    def wrong(self, where: str, value: float) -> str:
        return (
            f"{where} {self.what} is {value:.3g}, but your network gives"
            " another one. Which network did you evaluate, on which images,"
            " and when?"
        )

    def read(self, answer: object) -> dict:
        """Return the table in floats; raise NotYet if it is not complete."""
        if not isinstance(answer, Mapping):
            raise self.not_yet(
                "Collect the results in a dictionary with the keys"
                f" {', '.join(map(repr, self.keys))}."
            )
        table = {}
        for key in self.keys:
            entry = answer.get(key)
            if is_blank(entry):
                raise self.not_yet(
                    f"There is no {self.what} under the key {key!r} yet."
                )
            table[key] = (
                self.read_row(key, entry)
                if self.columns
                else self.read_number(key, entry)
            )
        return table

    def read_row(self, key: object, entry: object) -> tuple[float, ...]:
        columns = ", ".join(self.columns)
        if self.named:
            if not isinstance(entry, Mapping):
                raise self.not_yet(
                    f"Under the key {key!r}, give a dictionary with the keys"
                    f" {columns}."
                )
            entry = [entry.get(column) for column in self.columns]
        elif not isinstance(entry := as_list(entry), tuple | list) or len(
            entry
        ) != len(self.columns):
            raise self.not_yet(
                f"Under the key {key!r}, give {len(self.columns)} numbers:"
                f" {columns}."
            )
        for column, value in zip(self.columns, entry):
            if is_blank(value):
                raise self.not_yet(
                    f"Under the key {key!r}, there is no {self.what} for"
                    f" {column} yet."
                )
        return tuple(self.read_number(key, value) for value in entry)

    def read_number(self, key: object, value: Any) -> float:
        if hasattr(value, "test_accuracy"):
            raise self.not_yet(
                f"Under the key {key!r} you have the whole history of a"
                " training. Take its `test_accuracy`."
            )
        value = as_list(value)
        if isinstance(value, tuple | list):
            raise self.not_yet(
                f"Under the key {key!r} you have {len(value)} numbers where"
                " one is asked for. Is it their mean?"
            )
        try:
            if isinstance(value, str | bytes | bool):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError):
            raise self.not_yet(
                f"Under the key {key!r} you have {show(value)}, not a number."
            ) from None
        if not 0 <= number <= 1:
            raise self.not_yet(
                f"An {self.what} lies between 0 and 1; under the key {key!r}"
                f" you have {number:.3g}. Is it a percentage, or a loss?"
            )
        return number

    def untrained(self, table: dict) -> str | None:
        """Return which network has not learnt, if one has not."""
        trained = self.keys if self.trained is None else self.trained
        for key in trained:
            value = table[key][self.column] if self.columns else table[key]
            far = (
                value > self.least
                if self.what == "error"
                else (value < self.least)
            )
            if far:
                other = "error" if self.what == "accuracy" else "accuracy"
                return (
                    f"The network under the key {key!r} has hardly learnt"
                    f" anything, with an {self.what} of {value:.2f}. Did you"
                    f" train it, or is this an {other}?"
                )
        return None

    def not_yet(self, reason: str) -> NotYet:
        return NotYet(f"{reason} {self.pointer()}")


def as_list(values: object) -> object:
    """Return a tensor or an array as a list, and anything else as it is."""
    if isinstance(values, torch.Tensor | numpy.ndarray):
        return values.tolist()
    return values


def as_words(values: Mapping[str, object]) -> str:
    """Return named values as text: `best = 2, by = 0.013`."""
    return ", ".join(
        f"{name} = {as_word(value)}" for name, value in values.items()
    )


def as_word(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else show(value)


def equal_values(sentence: str) -> Callable[[dict], str | None]:
    """Return a fault: a row of one number only, whose key is named."""

    def fault(table: dict) -> str | None:
        for key, row in table.items():
            if len(set(row)) == 1:
                return sentence.format(key)
        return None

    return fault


def best_of(table: Mapping) -> object:
    """Return the key of the largest value."""
    return max(table, key=lambda key: table[key])


def lead_of_best(table: Mapping) -> float:
    """Return by how much the largest value is ahead of the next."""
    first, second = sorted(table.values(), reverse=True)[:2]
    return first - second


def close(one: Any, other: Any) -> bool:
    """Return whether numbers, or rows of numbers, are nearly the same."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(close, one, other))
    return abs(one - other) <= CLOSE


def are_equal(one: nn.Module, other: nn.Module) -> bool:
    """Return whether two networks have the same parameters."""
    first, second = (list(net.parameters()) for net in (one, other))
    return len(first) == len(second) and all(
        a.shape == b.shape and torch.equal(a.detach().cpu(), b.detach().cpu())
        for a, b in zip(first, second)
    )


def accuracy(net: nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of images, in one batch, that a network gets right."""
    with torch.no_grad():
        return (net(X).argmax(dim=1) == y).float().mean().item()


def held_out_accuracy(net: nn.Module, data: Any) -> float:
    """Return the accuracy on the validation images of a DataModule."""
    from onebyone.training.evaluation import evaluate  # imports d2l

    return evaluate(net, data)[1]


def each_on_held_out(nets: Mapping, data: Any) -> dict:
    return {key: held_out_accuracy(net, data) for key, net in nets.items()}
