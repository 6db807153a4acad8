"""Reading what studies recorded, with means and intervals over the seeds."""

import io
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

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
    quantile = special.stdtrit(n - 1, (1 + level) / 2)
    return values.mean(), quantile * values.std(ddof=1) / np.sqrt(n)


class Difference(NamedTuple):
    """By how much one setting is ahead of another.

    Attributes:
        mean: of the differences over the seeds or, where these are not
            paired, the difference of the means.
        half: half the width of the 95 % t-interval around it; nan where
            there are too few seeds.
        seeds: how many pairs there are or, where these are not paired, runs
            of the setting that has fewer.
        p: of the two-sided t-test that belongs to the interval.
        paired: whether each seed's run of one setting was compared with the
            same seed's run of the other.
        correlation: over the seeds, the mean correlation of all other pairs
            of arms; nan where there are none, or fewer than three seeds.
        how: a sentence that says which interval it is, and why.
    """

    mean: float
    half: float
    seeds: int
    p: float = np.nan
    paired: bool = True
    correlation: float = np.nan
    how: str = ""

    @property
    def is_null(self) -> bool:
        """Whether the interval holds zero, or there is none."""
        return not abs(self.mean) > self.half

    def __str__(self) -> str:
        """Return it in percentage points, of a value between 0 and 1."""
        return f"{100 * self.mean:+.2f} ± {100 * self.half:.2f} points"


def difference(
    runs: pd.DataFrame,
    value: str,
    of: Row,
    minus: Row,
    paired: bool | None = True,
) -> Difference:
    """Return ``value`` where ``of`` holds, minus where ``minus`` holds.

    Pairing takes out what a seed does to both settings alike, and costs
    degrees of freedom. It narrows an interval, on average, if the two
    correlate over the seeds by more than 1 - (t' / t)², where t and t' are
    the 97.5 % quantiles of Student's distribution with n - 1 and 2n - 2
    degrees of freedom: 0.31 for five seeds, 0.14 for ten.

    With ``paired=None`` the runs decide by this bound, but not those of the
    two settings themselves: a rule that looked at their correlation would
    always choose the narrower interval, which holds the true difference too
    rarely. What is compared with the bound is the mean correlation of all
    *other* pairs of arms in ``runs``, where an arm is a combination of the
    factors that the settings name. Below it, the interval is Welch's. Above
    it, it is the paired one, and so it is where the correlation is as far
    below zero, since Welch's would be too narrow then, or unknown, since the
    paired one is right in any case.

    Both intervals learn from the spread of the seeds: where every seed gives
    the same value, they have no width.

    Args:
        runs: as :func:`load` returns them.
        value: a measurement.
        of, minus: a setting of factors each, for example
            ``{"head": "GAP", "fraction": 0.1}``; whatever a setting leaves
            open must be the same in all runs that it chooses.
        paired: whether the interval is paired by seed; the runs decide if
            None.

    Raises:
        ValueError: a setting does not choose one run a seed, or has no
            value; or seeds are to be paired and none has both.

    Source: Welch (1947), Biometrika 34, 28–35, for the interval that is not
    paired.
    """
    first, second = (_by_seed(runs, value, setting) for setting in (of, minus))
    rest = runs[~(_chosen(runs, of) | _chosen(runs, minus))]
    others = rest.astype({value: float}).pivot_table(
        index="seed", columns=list({**of, **minus}), values=value
    )
    return _difference(first, second, others, paired)


def _chosen(runs: pd.DataFrame, setting: Row) -> np.ndarray:
    chosen = np.ones(len(runs), dtype=bool)
    for name, wanted in setting.items():
        chosen &= (runs[name] == wanted).to_numpy()
    return chosen


def _by_seed(runs: pd.DataFrame, value: str, setting: Row) -> pd.Series:
    values = runs[_chosen(runs, setting)].set_index("seed")[value]
    if values.empty:
        raise ValueError(f"no run has {setting}")
    if values.index.has_duplicates:
        raise ValueError(f"{setting} leaves several runs of one seed")
    return values.rename(str(setting)).astype(float)


def _difference(
    first: pd.Series,
    second: pd.Series,
    others: pd.DataFrame,
    paired: bool | None,
) -> Difference:
    """As :func:`difference`, of values by seed; others: (seeds, arms)."""
    pairs = pd.concat([first, second], axis=1, join="inner").dropna()
    correlation = _correlation(first, second, others)
    first, second = first.dropna(), second.dropna()
    for arm in (first, second):
        if arm.empty:
            raise ValueError(f"no run of {arm.name} has a value to compare")
    if paired is None:
        paired, how = _decide(len(pairs), correlation)
    else:
        how = ("Paired by seed" if paired else WELCH) + ", as the call says."
    if paired:
        if pairs.empty:
            both = f"{first.name} and {second.name}"
            raise ValueError(f"no seed has runs of both {both}")
        seeds, freedom = len(pairs), len(pairs) - 1.0
        mean, half = interval(pairs.iloc[:, 0] - pairs.iloc[:, 1])
    else:
        seeds = min(len(first), len(second))
        mean, half, freedom = _welch(first, second)
    if half == 0:
        p = float(mean == 0)
    else:
        t = mean / half * _t(freedom)
        p = 2 * special.stdtr(freedom, -abs(t))
    return Difference(mean, half, seeds, p, paired, correlation, how)


WELCH = "Not paired (Welch's interval)"


def _t(freedom: float) -> float:
    return special.stdtrit(freedom, 0.975)


def _welch(first: pd.Series, second: pd.Series) -> tuple[float, float, float]:
    """Return mean, half the width of the interval, degrees of freedom."""
    mean = first.mean() - second.mean()
    parts = [arm.var(ddof=1) / len(arm) for arm in (first, second)]
    variance = sum(parts)
    if variance == 0:
        return mean, 0.0, np.nan
    freedom = variance**2 / sum(
        part**2 / (len(arm) - 1)
        for part, arm in zip(parts, (first, second), strict=True)
        if len(arm) > 1  # or else the variance is nan, and all that follows
    )
    return mean, _t(freedom) * np.sqrt(variance), freedom


def _correlation(
    first: pd.Series, second: pd.Series, others: pd.DataFrame
) -> float:
    """Return the mean correlation of all pairs of arms but the first two."""
    rest = [others[arm] for arm in others]
    arms = pd.concat([first, second, *rest], axis=1)
    table = arms.corr(min_periods=3).to_numpy()
    pairs = table[np.triu_indices(len(table), k=1)][1:]
    known = pairs[~np.isnan(pairs)]  # a constant arm correlates with none
    return known.mean() if len(known) else np.nan


def _decide(seeds: int, correlation: float) -> tuple[bool, str]:
    """Say whether to pair, and why; the rule is that of `difference`."""
    if seeds < 2:
        return False, f"{WELCH}: fewer than two seeds have both."
    if np.isnan(correlation):
        return True, (
            "Paired by seed: no other arms tell whether seeds correlate, and "
            "a paired interval is right in any case."
        )
    bound = 1 - (_t(2 * seeds - 2) / _t(seeds - 1)) ** 2
    seen = (
        f"over the seeds, the other pairs of arms correlate by "
        f"{correlation:z.2f} on average"
    )
    if correlation > bound:
        return True, (
            f"Paired by seed: {seen}, and from {bound:.2f} on pairing narrows "
            f"an interval of {seeds} seeds."
        )
    if correlation < -bound:
        return True, (
            f"Paired by seed: {seen}, and an interval that is not paired "
            "would be too narrow."
        )
    return False, (
        f"{WELCH}: {seen}, and below {bound:.2f} pairing widens an interval "
        f"of {seeds} seeds."
    )


def compare_all(
    runs: pd.DataFrame,
    value: str,
    by: list[str],
    over: Sequence[str] = (),
    paired: bool | None = None,
) -> pd.DataFrame:
    """Compare every arm with every other, with Holm's correction.

    Args:
        runs: as :func:`load` returns them.
        value: a measurement.
        by: the factors whose combinations are the arms.
        over: factors that are averaged first, within each seed and arm, for
            example ``["limited", "budget"]``. A seed counts for an arm only
            if it has a value for every combination of them.
        paired: as in :func:`difference`; each pair is decided on its own if
            None, and the other arms are those of this comparison.

    Returns:
        One row a pair, the arm with the larger mean first: "pair", as
        "Inception − NiN"; "mean" difference and the ends "low" and "high" of
        its 95 % t-interval, in units of ``value``; "p" of this pair alone,
        and "p_holm", to be held against 0.05 where all pairs are looked at;
        "seeds", "paired" and "how", see :class:`Difference`. The intervals
        are those of one comparison, without a correction.

    Raises:
        ValueError: there are several runs of one seed, fewer than two arms,
            or an arm has no seed that counts.

    Source: :func:`holm`.
    """
    keys = [*by, *over, "seed"]
    values = runs.set_index(keys)[value].astype(float)
    if values.index.has_duplicates:
        raise ValueError(
            f"there are several runs of one seed with the same "
            f"{', '.join(keys[:-1])}: choose among the runs, or name in "
            "`over` what to average"
        )
    if over:
        values = values.unstack(list(over)).mean(axis=1, skipna=False)
    arms = values.unstack(list(by))
    arms.columns = [
        ", ".join(map(str, arm if isinstance(arm, tuple) else (arm,)))
        for arm in arms.columns
    ]
    if len(arms.columns) < 2:
        raise ValueError(f"there are no two arms of {', '.join(by)}")
    ranked = arms.mean().sort_values(ascending=False, kind="stable").index
    rows = []
    for pair in combinations(ranked, 2):
        first, second = (arms[name] for name in pair)
        found = _difference(
            first, second, arms.drop(columns=list(pair)), paired
        )
        rows.append(
            {
                "pair": " − ".join(pair),
                "mean": found.mean,
                "low": found.mean - found.half,
                "high": found.mean + found.half,
                "p": found.p,
                "seeds": found.seeds,
                "paired": found.paired,
                "how": found.how,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(5, "p_holm", holm(table["p"]))
    return table


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for their number, in the order given.

    To reject where the corrected value is at most 0.05 makes one false
    rejection or more in at most 5 % of all families, however the tests
    depend on each other. A test without a p-value, nan, is not counted.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65–70. The
    smallest of m p-values is multiplied by m, the next by m - 1 and so on;
    none becomes smaller than the one before it, or greater than 1.
    """
    values = np.asarray(p_values, dtype=float)
    corrected = np.full_like(values, np.nan)
    order = np.argsort(values)  # nan last
    order = order[~np.isnan(values[order])]
    factors = np.arange(len(order), 0, -1)
    rising = np.maximum.accumulate(factors * values[order])
    corrected[order] = np.minimum(rising, 1)
    return corrected


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


def curves(runs: pd.DataFrame, value: str, by: list[str]) -> pd.DataFrame:
    """Return the numbers in the cells of a column, one a row.

    These are what changes during a training or from layer to layer, such as
    "loss_curve" or "gradients" of the study *degradation*. Their means with
    intervals are ``summary(frame, [*by, "position"], value)``, of the frame
    that this function returns.

    Args:
        runs: as :func:`load` returns them. Empty cells are left out.
        value: a measurement of several numbers, see :func:`numbers`.
        by: the factors whose combinations are the arms.

    Returns:
        Columns ``by``, "seed", "position", which counts from 1, and
        ``value``.

    Raises:
        ValueError: an arm has several runs of one seed.
    """
    keys = [*by, "seed"]
    if runs.duplicated(keys).any():
        raise ValueError(
            f"there are several runs of one seed with the same "
            f"{', '.join(by)}: choose among the runs, or name more in `by`"
        )
    rows = [
        [*run, position, number]
        for *run, text in runs[[*keys, value]].dropna().to_numpy(dtype=object)
        for position, number in enumerate(numbers(str(text)), start=1)
    ]
    return pd.DataFrame(rows, columns=[*keys, "position", value])
