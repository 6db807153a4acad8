"""Results: the task of an experiment, whose numbers differ from run to run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from onebyone.check.engine.guard import NotYet, is_blank, show
from onebyone.check.engine.tasks import Task, require_attempt


@dataclass(eq=False, repr=False)
class Results(Task):
    """A dictionary of accuracies, or errors, that an experiment filled.

    No number is right or wrong, but a table can show that something was
    forgotten: a run, the training, a change between two runs.

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
        fault: takes the checked table and says what else is wrong.
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

    def judge(self, answer: object = ...) -> None:
        require_attempt(answer)
        table = self.read(answer)
        fault = self.untrained(table)
        fault = fault or (self.fault and self.fault(table))
        first = table[self.keys[0]]
        if not fault and all(entry == first for entry in table.values()):
            fault = "All results are the same. Does each have its own network?"
        if fault:
            raise NotYet(f"{fault} {self.pointer()}")

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
        elif not isinstance(entry, tuple | list) or len(entry) != len(
            self.columns
        ):
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
        try:
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
                return (
                    f"The network under the key {key!r} has hardly learnt"
                    f" anything, with an {self.what} of {value:.2f}. Did you"
                    " train it?"
                )
        return None

    def not_yet(self, reason: str) -> NotYet:
        return NotYet(f"{reason} {self.pointer()}")
