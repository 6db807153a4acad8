"""What a study is: configurations × seeds, and what is recorded of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from onebyone.study.engine.errors import StudyError
from onebyone.study.engine.fingerprint import fingerprint

__all__ = ["PROVENANCE", "Row", "Study", "StudyError"]

PROVENANCE = ["torch", "device", "threads", "seconds", "commit", "code"]

# a setting or a run, by column: its columns say what the values are
Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """What is run and what is recorded.

    Attributes:
        name: of the study and of its CSV.
        question: what it answers, in one line.
        configurations: what is compared; all have the same keys.
        recipe: what all of them share.
        measure: called with a configuration, a seed and the recipe as
            keyword arguments; returns the measurements, and an "outcome"
            if that is not "ok".
        measurements: the names of what ``measure`` returns.
        shown: the measurements that the table shows.
        seeds: how many seeds a configuration gets unless told otherwise.
    """

    name: str
    question: str
    configurations: list[Row]
    measure: Callable[..., Row]
    measurements: list[str]
    shown: list[str]
    recipe: Row = field(default_factory=dict)
    seeds: int = 5

    def __post_init__(self) -> None:
        twice = {*self.factors, "seed"} & set(self.measurements)
        if twice:
            raise StudyError(
                f"study {self.name}: {', '.join(sorted(twice))} is set and "
                "measured: take it off the measurements, or rename it"
            )

    @property
    def factors(self) -> list[str]:
        """The names of what a configuration sets."""
        return list(self.configurations[0])

    @property
    def columns(self) -> list[str]:
        """The columns of the study's CSV."""
        measured = [*self.measurements, "outcome"]
        return [*self.factors, "seed", *measured, *PROVENANCE]

    def key(self, row: Row) -> tuple[str, ...]:
        """Return what tells one run from another, as text."""
        return tuple(str(row[name]) for name in [*self.factors, "seed"])

    @cached_property
    def code_version(self) -> str:
        """The fingerprint of the code and the recipe that decide results.

        It is taken once, so files may change while a study runs. See
        :mod:`.fingerprint` for what counts.
        """
        return fingerprint(self.measure, self.recipe)
