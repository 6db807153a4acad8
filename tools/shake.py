"""Run every notebook again, a little otherwise: which asserts fall?

    python -m tools.shake [NOTEBOOKS…]

Each chapter and each solution runs once in every pass: with all seeds moved,
five ways, and then, one factor at a time, with two threads instead of one, in
float32 and on letters. Nothing stops at an assert that falls, and no notebook
is changed.

The result of one notebook in one pass is one file under _build/shake. It is
kept while the code of notebook and package stays the same, so a run that was
stopped goes on where it stopped. The report is printed and written to
_build/shake/report.txt. It lists

- the asserts that fell, and the cells that raised;
- for the others whose numbers moved, their range and the margin that is left,
  in units of the spread: how far apart two passes on one data set were.
  (Letters have one pass, hence no spread: there an assert holds or falls.)

The exit status is 1 if anything fell or raised.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from nbformat.v4 import new_code_cell

from tools import ROOT, files, notebooks, verify

RESULTS = ROOT / "_build" / "shake"
CLOSE = 2  # spreads between what was seen and where the assert falls


@dataclass(frozen=True)
class Pass:
    """One way to run a notebook otherwise."""

    name: str
    moved_by: int = 0
    threads: int = 1
    float32: bool = False
    letters: bool = False

    def environment(self) -> dict[str, str]:
        environment = {"OMP_NUM_THREADS": str(self.threads)}
        if self.letters:
            environment["ONEBYONE_DATASET"] = "letters"
        return environment


PASSES = [
    *(Pass(f"seeds+{by}", moved_by=by) for by in range(1000, 6000, 1000)),
    Pass("float32", float32=True),
    Pass("letters", letters=True),
    Pass("two-threads", threads=2),
]


# --- Running ----------------------------------------------------------------


def run(path: Path, way: Pass) -> dict:
    """Run one notebook; return its asserts and errors, and the seconds."""
    started = time.monotonic()
    result: dict[str, Any] = {
        "fingerprint": fingerprint(path),
        "asserts": [],
        "errors": [],
    }
    notebook = notebooks.read(path)
    with (
        tempfile.NamedTemporaryFile("r", encoding="utf-8") as record,
        notebooks.kernel(notebook, **way.environment()) as client,
    ):
        begin = f"{record.name!r}, {way.moved_by}, {way.float32}"
        first = f"from tools import shaken\nshaken.begin({begin})"
        notebook.cells.insert(0, new_code_cell(first))
        for index, cell in enumerate(notebook.cells, start=-1):
            error = notebooks.run_cell(client, cell, index + 1)
            rows = map(json.loads, record)
            result["asserts"] += [{"cell": index, **row} for row in rows]
            if error:
                result["errors"].append((index, error))
            if error and (index < 0 or error == "Kernel died"):
                break
    result["seconds"] = round(time.monotonic() - started, 1)
    return result


def fingerprint(path: Path) -> str:
    """Return a hash of the code of a notebook and of the package."""
    digest = hashlib.sha256()
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode())
    for module in sorted((ROOT / "onebyone").rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def result_file(path: Path, way: Pass) -> Path:
    """Return where the result of a notebook in a pass is kept."""
    folder = path.resolve().parent.name
    return RESULTS / way.name / folder / f"{path.stem}.json"


def read_result(path: Path, way: Pass) -> dict | None:
    """Return the result of a run of the same code, if there is one."""
    try:
        result = json.loads(result_file(path, way).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return result if result["fingerprint"] == fingerprint(path) else None


def write_result(path: Path, way: Pass, result: dict) -> None:
    """Write down what came of a run, and say it in a line."""
    target = result_file(path, way)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write(target, json.dumps(result) + "\n")
    fell = sum(not row["held"] for row in result["asserts"])
    print(
        f"{way.name:12} {path}: {result['seconds']:.0f} s, {fell} fell,"
        f" {len(result['errors'])} raised",
        flush=True,
    )


def shake(paths: list[Path]) -> None:
    """Run what is not kept, with as many threads at once as there are cores.

    Four kernels at most, since each may take two gigabytes.
    """
    due = [(path, way) for way in PASSES for path in paths]
    due = [pair for pair in due if read_result(*pair) is None]
    cores = min(verify.cores(), 4)
    for threads in sorted({way.threads for _, way in due}):
        with ProcessPoolExecutor(max(1, cores // threads)) as pool:
            runs = {
                pool.submit(run, *pair): pair
                for pair in due
                if pair[1].threads == threads
            }
            for done in as_completed(runs):
                write_result(*runs[done], done.result())


# --- Reading ----------------------------------------------------------------

ASSERT = ["notebook", "cell", "line"]
COMPARISON = [*ASSERT, "spot", "link", "nth", "symbol"]


def report(paths: list[Path]) -> tuple[str, bool]:
    """Return the results as text, and whether everything held."""
    results = [
        (path, way, result)
        for path in paths
        for way in PASSES
        if (result := read_result(path, way))
    ]
    rows = pd.DataFrame(
        (
            {"notebook": str(path), "pass": way.name, **row}
            for path, way, result in results
            for row in result["asserts"]
        ),
        columns=[*ASSERT, "text", "pass", "held", "error", "compared"],
    ).astype({"held": bool})
    raised = [
        f"{path}, cell {cell}, in {way.name}:\n{message}"
        for path, way, result in results
        for cell, message in result["errors"]
    ]
    fell = rows[~rows["held"]]
    fallen = {key: of for key, of in fell.groupby(ASSERT)}
    margins = narrowest(comparisons(rows))
    margins = margins.loc[[key not in fallen for key in margins.index]]
    lines = [f"Raised: {len(raised)} cells", *raised]
    lines += ["", f"Fell: {len(fallen)} asserts"]
    for key, times in fallen.items():
        lines.append(_place_of(key, times["text"].iloc[0]))
        lines += [f"    {_values_of(row)}" for _, row in times.iterrows()]
    lines += ["", f"Moved and held: {len(margins)} asserts, closest first"]
    for key, margin in margins.iterrows():
        mark = "close, " if margin["spreads"] < CLOSE else ""
        where = _place_of(key, margin["text"])
        lines.append(f"{mark}{margin['spreads']:.1f} spreads: {where}")
        left, right = (_range_of(margin, side) for side in ("left", "right"))
        lines.append(f"    {left} {margin['symbol']} {right}")
    total = rows.groupby(ASSERT).ngroups
    lines += [
        "",
        f"{total} asserts in {len(results)} runs: {len(fallen)} fell,"
        f" {len(margins)} moved and held"
        f" ({sum(margins['spreads'] < CLOSE)} of them close),"
        f" {total - len(fallen) - len(margins)} had no numbers that moved;"
        f" {len(raised)} cells raised",
    ]
    return "\n".join(lines) + "\n", not (fallen or raised)


def comparisons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each comparison of two numbers in each pass.

    The column "distance" says how far it was from not holding; an equality
    has none. "nth" counts how often a loop has come by.
    """
    every = rows.explode("compared", ignore_index=True)
    every = every.dropna(subset="compared")
    parts = ["spot", "link", "symbol", "left", "right"]
    compared = every["compared"].tolist()
    every = every.join(pd.DataFrame(compared, every.index, parts))
    every["nth"] = every.groupby([*ASSERT, "spot", "link", "pass"]).cumcount()
    less = every["symbol"].isin(["<", "<="])
    more = every["symbol"].isin([">", ">="])
    difference = (every["left"] - every["right"]).astype(float)
    every["distance"] = difference.where(more, -difference.where(less))
    # where an assert holds in spite of it, another part of an `or` held
    return every[~(every["held"] & (every["distance"] < 0))]


def narrowest(every: pd.DataFrame) -> pd.DataFrame:
    """Return each assert's narrowest margin, in spreads, if numbers moved.

    Margin and spread are those of the passes on one data set, so without
    letters; the range of the values is that of all.
    """
    alike = every["distance"].mask(every["pass"] == "letters")
    groups = every.assign(alike=alike).groupby(COMPARISON)
    seen = groups.agg(
        text=("text", "first"),
        left_low=("left", "min"),
        left_high=("left", "max"),
        right_low=("right", "min"),
        right_high=("right", "max"),
        margin=("alike", "min"),
        most=("alike", "max"),
    )
    seen = seen[seen["margin"] < seen["most"]]
    spreads = seen["margin"] / (seen["most"] - seen["margin"])
    spreads = spreads.sort_values()
    seen = seen.assign(spreads=spreads).loc[spreads.index].reset_index()
    return seen.drop_duplicates(ASSERT).set_index(ASSERT)


def _place_of(key: tuple, text: str) -> str:
    notebook, cell, line = key
    cell_id = notebooks.read(Path(notebook)).cells[cell].get("id")
    return f"{notebook}, cell {cell} ({cell_id}), line {line}: {text}"


def _values_of(row: pd.Series) -> str:
    values = ", ".join(
        f"{left:.5g} {symbol} {right:.5g}"
        for _, _, symbol, left, right in row["compared"]
    )
    return f"{row['pass']}: {row['error'] or values or 'no numbers'}"


def _range_of(margin: pd.Series, side: str) -> str:
    low, high = margin[f"{side}_low"], margin[f"{side}_high"]
    return f"{low:.5g}" if low == high else f"{low:.5g} … {high:.5g}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.shake")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    paths = options.notebooks or [Path(name) for name in verify.notebooks()]
    shake(paths)
    text, holds = report(paths)
    files.write(RESULTS / "report.txt", text)
    print(text, end="")
    return 0 if holds else 1


if __name__ == "__main__":
    verify.choose_data()
    sys.exit(main())
