"""Tables to read and compare: one style for all numbers of the book."""

import hashlib
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Literal

import pandas as pd
from pandas.io.formats.style import Styler

ENDS = ["low", "high"]  # of an interval, as study.summary calls them


class Table(Styler):
    """A styled frame that is a table in plain text, too."""

    def __repr__(self) -> str:
        return self.data.to_string(index=not self.hide_index_[0])


def table(
    frame: pd.DataFrame | pd.Series,
    *,
    percent: Collection[str] = (),
    digits: int | Mapping[str, int] = 3,
    highest: Collection[str] = (),
    lowest: Collection[str] = (),
    best_in_row: Literal["highest", "lowest"] | None = None,
    caption: str | None = None,
) -> Table:
    """Return a frame as a table for a reader; show it as a cell's last value.

    Whole numbers get separators of thousands, others that many decimals,
    missing ones a dash. The columns "mean", "low" and "high" become one,
    the mean with its 95 % interval in brackets; a plain index is left out.

    Args:
        frame: what to show; its index names the rows.
        percent: columns of shares between 0 and 1 that are shown in per
            cent; for an interval name "mean".
        digits: decimals, for all columns or by column; in per cent two
            fewer.
        highest, lowest: columns whose best value is set in bold.
        best_in_row: which value of each row is set in bold.
        caption: above the table.

    Raises:
        KeyError: a column that is named is not there.
    """
    if isinstance(frame, pd.Series):
        frame = frame.to_frame()
    if not isinstance(digits, Mapping):
        digits = dict.fromkeys(frame.columns, digits)
    named = {*percent, *highest, *lowest, *digits}
    if missing := sorted(named - set(frame.columns)):
        raise KeyError(
            f"no column {', '.join(missing)} in the table; there are "
            f"{', '.join(map(str, frame.columns))}"
        )

    def text_of(name: str, values: pd.Series) -> pd.Series:
        shares = name in percent or (name in ENDS and "mean" in percent)
        places = digits.get(name, 3)
        return values.map(lambda value: _text(value, places, shares))

    texts = pd.DataFrame(
        {name: text_of(name, values) for name, values in frame.items()},
        index=frame.index,
    )
    bold = pd.DataFrame("", index=texts.index, columns=texts.columns)
    for names, best in ((highest, "max"), (lowest, "min")):
        for name in names:
            wins = frame[name] == getattr(frame[name], best)()
            bold.loc[wins.to_numpy(), name] = "font-weight: bold"
    if best_in_row:
        ends = {"highest": frame.max(axis=1), "lowest": frame.min(axis=1)}
        wins = frame.eq(ends[best_in_row], axis=0)
        bold = bold.mask(wins, "font-weight: bold")
    if {"mean", *ENDS} <= set(texts):
        between = texts["low"] + ", " + texts["high"]
        texts["mean"] += " [" + between.str.replace(" %", "") + "]"
        texts, bold = (each.drop(columns=ENDS) for each in (texts, bold))
    numeric = [frame[name].dtype.kind in "iuf" for name in texts]
    return _styled(texts, bold, numeric, caption)


def _text(value: object, places: int, share: bool) -> str:
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if pd.isna(value):
        return "–"
    if share:
        return f"{100 * value:.{max(0, places - 2)}f} %".replace("-", "−")
    whole = isinstance(value, Integral)
    if float(value).is_integer() and abs(float(value)) >= 1000:
        whole = True  # such as a mean of counts that are all the same
    return f"{value:,.{0 if whole else places}f}".replace("-", "−")


def _labels(index: pd.Index) -> pd.Index:
    """Return an index whose numbers are written as those of the table."""
    if isinstance(index, pd.RangeIndex):
        return index
    if isinstance(index, pd.MultiIndex):
        levels = [_labels(level) for level in index.levels]
        return index.set_levels(levels)
    return index.map(_label)


def _label(name: object) -> str:
    whole = isinstance(name, Integral) and not isinstance(name, bool)
    if isinstance(name, float):
        return f"{name:g}"
    return f"{name:,}" if whole else str(name)


def _styled(
    texts: pd.DataFrame,
    bold: pd.DataFrame,
    numeric: list[bool],
    caption: str | None,
) -> Table:
    for each in (texts, bold):
        each.index, each.columns = map(_labels, (each.index, each.columns))
    content = texts.to_csv() + bold.to_csv() + str(caption)
    styler = Table(
        texts,
        # the same table has the same HTML, wherever it is made
        uuid=hashlib.sha256(content.encode()).hexdigest()[:8],
        table_attributes='class="dataframe"',
        caption=caption,
    )
    styler.apply(lambda _: bold, axis=None)
    sides = ["right" if number else "left" for number in numeric]
    styles = {
        name: [{"selector": "", "props": f"text-align: {side}"}]
        for name, side in zip(texts, sides, strict=True)
    }
    styler.set_table_styles(styles, axis=0)
    if isinstance(texts.index, pd.RangeIndex):
        styler.hide(axis="index")
    return styler
