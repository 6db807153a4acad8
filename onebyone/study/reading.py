"""Reading what studies recorded, with means and intervals over the seeds."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from onebyone.study.catalogue import find
from onebyone.study.engine.record import LOCAL, local_record, packaged_record
from onebyone.study.engine.runner import declared
from onebyone.study.engine.study import Row, Study


def load(
    name: str, scale: str = "quick", folder: Path = LOCAL
) -> pd.DataFrame:
    """Return all recorded runs of a study, one a row.

    The frame is empty if there are none. A run made here replaces the
    packaged run of the same configuration and seed. The column "source" says
    which it is, "packaged" or "own".

    Raises:
        KeyError: there is no such study at that scale.
    """
    return runs_of(find(name, scale), folder)


def runs_of(study: Study, folder: Path = LOCAL) -> pd.DataFrame:
    """Return the same as :func:`load`, of a study itself."""
    sources = {
        "packaged": packaged_record(study),
        "own": local_record(study, folder),
    }
    runs = {
        study.key(row): {**row, "source": source}
        for source, record in sources.items()
        for row in record.rows()
    }
    columns = [*study.columns, "source"]
    text = pd.DataFrame(runs.values(), columns=columns).to_csv(index=False)
    missing = ["", "nan"]  # and no other word: "none" may be a setting
    return pd.read_csv(
        io.StringIO(text), keep_default_na=False, na_values=missing
    )


def interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Return the mean, and half the width of the t-interval around it.

    The half width is nan for fewer than two values.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return values.mean() if n else np.nan, np.nan
    quantile = stats.t.ppf((1 + level) / 2, df=n - 1)
    return values.mean(), quantile * values.std(ddof=1) / np.sqrt(n)


class Difference(NamedTuple):
    """By how much one setting is ahead of another, paired by seed.

    Attributes:
        mean: of the differences over the seeds.
        half: half the width of the 95 % t-interval around it.
        seeds: how many pairs there are.
    """

    mean: float
    half: float
    seeds: int

    @property
    def is_null(self) -> bool:
        """Whether the interval holds zero."""
        return abs(self.mean) <= self.half

    def __str__(self) -> str:
        """Return it in percentage points, of a value between 0 and 1."""
        return f"{100 * self.mean:+.2f} ± {100 * self.half:.2f} points"


def difference(
    runs: pd.DataFrame, value: str, of: Row, minus: Row
) -> Difference:
    """Return ``value`` where ``of`` holds, minus where ``minus`` holds.

    Args:
        runs: as :func:`load` returns them.
        value: a measurement.
        of, minus: a setting of factors each, for example
            ``{"head": "GAP", "fraction": 0.1}``; whatever a setting leaves
            open must be the same in all runs that it chooses.

    Raises:
        ValueError: a setting does not choose one run a seed, or no seed
            has both.
    """
    pair = [_by_seed(runs, value, setting) for setting in (of, minus)]
    first, second = pd.concat(pair, axis=1, join="inner").dropna().T.to_numpy()
    if len(first) == 0:
        raise ValueError(f"no seed has runs of both {of} and {minus}")
    mean, half = interval(first - second)
    return Difference(mean, half, len(first))


def _by_seed(runs: pd.DataFrame, value: str, setting: Row) -> pd.Series:
    chosen = np.ones(len(runs), dtype=bool)
    for name, wanted in setting.items():
        chosen &= (runs[name] == wanted).to_numpy()
    values = runs[chosen].set_index("seed")[value]
    if values.empty:
        raise ValueError(f"no run has {setting}")
    if values.index.has_duplicates:
        raise ValueError(f"{setting} leaves several runs of one seed")
    return values


def summary(runs: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Return runs, mean and the ends of the 95 % t-interval of each group."""
    rows = []
    for group, members in runs.groupby(by):
        mean, half = interval(members[value])
        ends = mean - half, mean + half
        rows.append([*group, len(members), mean, *ends])
    return pd.DataFrame(rows, columns=[*by, "runs", "mean", "low", "high"])


def table(study: Study, folder: Path = LOCAL) -> pd.DataFrame:
    """Return means with 95 % t-intervals over the seeds, as text."""
    runs = runs_of(study, folder)
    rows = []
    for group, members in runs.groupby(study.factors, sort=False):
        values = [interval(members[name].dropna()) for name in study.shown]
        texts = [
            f"{mean:.4g}" + ("" if np.isnan(half) else f" ± {half:.2g}")
            for mean, half in values
        ]
        failed = int((members["outcome"] != "ok").sum())
        rows.append([*group, len(members), failed, *texts])
    columns = [*study.factors, "runs", "not ok", *study.shown]
    return pd.DataFrame(rows, columns=columns)


def status(study: Study, folder: Path = LOCAL) -> str:
    """Say in two lines how many runs there are and how many are missing."""
    runs = runs_of(study, folder)
    own = int((runs["source"] == "own").sum())
    bad = int((runs["outcome"] != "ok").sum())
    done = {study.key(row) for row in runs.to_dict("records")}
    wanted = list(declared(study, study.seeds))
    missing = sum(study.key(row) not in done for row in wanted)
    return (
        f"{study.name}: {len(runs)} runs recorded, {own} of them here, "
        f"{bad} not ok\n{missing} of {len(wanted)} declared are missing"
    )


def numbers(text: str) -> list[float]:
    """Return the numbers in a cell of a record, such as a loss curve."""
    return [float(word) for word in text.split()]
