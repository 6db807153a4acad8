"""Run every notebook again, a little otherwise: which asserts fall?

    python -m tools.shake [NOTEBOOKS…]

Each chapter and each solution runs once in every pass: with all seeds moved,
five ways, and then, one factor at a time, with two threads instead of one, in
float32 and on letters. Nothing stops at an assert that falls, and no notebook
is changed.

What came of one notebook in one pass is one file under _build/shake. It is
kept while the code of notebook and package stays the same, so a run that was
stopped goes on where it stopped. The report is printed and written to
_build/shake/report.txt. It lists

- the asserts that fell, and the cells that raised;
- for the others whose numbers moved, their range and the margin that is left,
  in units of the spread: how far apart two passes on one data set were.

The exit status is 1 if anything fell or raised.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from nbformat.v4 import new_code_cell

from tools import notebooks, prove

ROOT = notebooks.ROOT
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
    notebook = notebooks.read(path)
    with tempfile.TemporaryDirectory(prefix="onebyone-") as folder:
        record = Path(folder) / "asserts"
        record.touch()
        begin = f"{str(record)!r}, {way.moved_by}, {way.float32}"
        notebook.cells.insert(
            0,
            new_code_cell(f"from tools import shaken\nshaken.begin({begin})"),
        )
        errors = list(_errors(notebook, way))
        asserts = [*map(json.loads, record.read_text("utf-8").splitlines())]
    cells = {
        cell.get("execution_count"): index - 1
        for index, cell in enumerate(notebook.cells)
    }
    for row in asserts:
        row["cell"] = cells[row.pop("count")]
    seconds = round(time.monotonic() - started, 1)
    return {"asserts": asserts, "errors": errors, "seconds": seconds}


def _errors(notebook: notebooks.NotebookNode, way: Pass) -> Iterator[list]:
    """Run all cells; yield the index and the error of those that raise."""
    with notebooks.kernel(notebook, **way.environment()) as client:
        for index, cell in enumerate(notebook.cells):
            cell.execution_count = None
            if message := notebooks.run_cell(client, cell, index):
                yield [index - 1, message]
                if index == 0 or message == "Kernel died":
                    return


def fingerprint(path: Path) -> str:
    """A name for the code of a notebook and of the package that it uses."""
    digest = hashlib.sha256()
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code":
            digest.update(cell.source.encode())
    for module in sorted((ROOT / "onebyone").rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def place(path: Path, way: Pass) -> Path:
    """Where the result of a notebook in a pass is kept."""
    return RESULTS / way.name / path.parent.name / f"{path.stem}.json"


def kept(path: Path, way: Pass) -> dict | None:
    """The result of a run of the same code, if there is one."""
    try:
        result = json.loads(place(path, way).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return result if result["fingerprint"] == fingerprint(path) else None


def shake(path: Path, way: Pass) -> None:
    """Run a notebook in a pass and keep what came of it."""
    before = fingerprint(path)
    result = {"fingerprint": before, **run(path, way)}
    target = place(path, way)
    target.parent.mkdir(parents=True, exist_ok=True)
    notebooks.write_atomically(target, json.dumps(result) + "\n")
    fell = sum(not row["held"] for row in result["asserts"])
    print(
        f"{way.name:12} {path}: {result['seconds']:.0f} s, {fell} fell,"
        f" {len(result['errors'])} raised",
        flush=True,
    )


def shake_all(paths: list[Path]) -> None:
    """Run what is not kept, with as many threads at once as there are cores.

    Four kernels at most, since each may take two gigabytes.
    """
    due = [(path, way) for way in PASSES for path in paths]
    due = [pair for pair in due if kept(*pair) is None]
    cores = min(prove.cores(), 4)
    for threads in sorted({way.threads for _, way in due}):
        with ProcessPoolExecutor(max(1, cores // threads)) as pool:
            runs = [
                pool.submit(shake, path, way)
                for path, way in due
                if way.threads == threads
            ]
            for done in as_completed(runs):
                done.result()


# --- Reading ----------------------------------------------------------------


@dataclass
class Margin:
    """How near a comparison came to falling, in all passes."""

    symbol: str
    left: tuple[float, float]  # least and greatest
    right: tuple[float, float]
    least: float  # of the distances between the two sides
    spread: float  # of the distances, among passes on one data set

    @property
    def in_spreads(self) -> float:
        return self.least / self.spread if self.spread else float("inf")

    def __str__(self) -> str:
        left, right = (
            f"{low:.5g}" if low == high else f"{low:.5g} … {high:.5g}"
            for low, high in (self.left, self.right)
        )
        return f"{left} {self.symbol} {right}"


@dataclass
class Assert:
    """All that was seen of one assert."""

    notebook: Path
    cell: int
    line: int
    text: str
    fell: list[str] = field(default_factory=list)  # in which passes, and how
    compared: dict = field(default_factory=lambda: defaultdict(dict))

    def margin(self) -> Margin | None:
        """The narrowest margin of those comparisons whose sides moved."""
        margins = [m for seen in self.compared.values() for m in moved(seen)]
        return min(margins, key=lambda m: m.in_spreads, default=None)

    def where(self) -> str:
        cell_id = notebooks.read(self.notebook).cells[self.cell].get("id")
        return (
            f"{self.notebook}, cell {self.cell} ({cell_id}),"
            f" line {self.line}: {self.text}"
        )


def moved(seen: dict[Pass, tuple]) -> Iterator[Margin]:
    """The margin of one comparison in its passes, if it has one and moved."""
    symbol = next(iter(seen.values()))[0]
    lefts, rights = zip(*(sides for _, *sides in seen.values()), strict=True)
    if symbol not in DISTANCES or len({*zip(lefts, rights)}) == 1:  # noqa: B905
        return
    distances = {
        way: DISTANCES[symbol](left, right)
        for way, (_, left, right) in seen.items()
    }
    alike = [d for way, d in distances.items() if not way.letters]
    yield Margin(
        symbol,
        (min(lefts), max(lefts)),
        (min(rights), max(rights)),
        min(distances.values()),
        max(alike) - min(alike) if alike else 0.0,
    )


DISTANCES = {
    "<": lambda left, right: right - left,
    "<=": lambda left, right: right - left,
    ">": lambda left, right: left - right,
    ">=": lambda left, right: left - right,
    "!=": lambda left, right: abs(left - right),
}


def asserts(path: Path, results: dict[Pass, dict]) -> list[Assert]:
    """Every assert of a notebook with what was seen of it."""
    found: dict[tuple, Assert] = {}
    for way, result in results.items():
        times = defaultdict(int)  # an assert in a loop is reached often
        for row in result["asserts"]:
            key = row["cell"], row["line"]
            one = found.setdefault(key, Assert(path, *key, row["text"]))
            _add(one, way, row, times)
    return list(found.values())


def _add(one: Assert, way: Pass, row: dict, times: dict[tuple, int]) -> None:
    for spot, link, symbol, left, right in row["compared"]:
        key = one.cell, spot, link
        holds = symbol not in DISTANCES or DISTANCES[symbol](left, right) >= 0
        if holds or not row["held"]:  # else another part of an `or` held
            seen = one.compared[spot, link, times[key]]
            seen[way] = symbol, left, right
        times[key] += 1
    if not row["held"]:
        values = row["error"] or ", ".join(
            f"{left:.5g} {symbol} {right:.5g}"
            for _, _, symbol, left, right in row["compared"]
        )
        one.fell.append(f"{way.name}: {values or 'not a comparison'}")


def report(paths: Iterable[Path]) -> tuple[str, bool]:
    """What came of the notebooks, as text, and whether everything held."""
    every, raised, runs = [], [], 0
    for path in paths:
        results = {w: kept(path, w) for w in PASSES}
        results = {w: result for w, result in results.items() if result}
        runs += len(results)
        every += asserts(path, results)
        raised += [
            f"{path}, cell {cell}, in {way.name}:\n{message}"
            for way, result in results.items()
            for cell, message in result["errors"]
        ]
    fell = [one for one in every if one.fell]
    shaken = [
        (m, one) for one in every if not one.fell and (m := one.margin())
    ]
    shaken.sort(key=lambda pair: pair[0].in_spreads)
    close = sum(margin.in_spreads < CLOSE for margin, _ in shaken)
    lines = [f"Raised: {len(raised)} cells", *raised, ""]
    lines += [f"Fell: {len(fell)} asserts"]
    lines += ["\n    ".join([one.where(), *one.fell]) for one in fell]
    lines += ["", f"Moved and held: {len(shaken)} asserts"]
    for margin, one in shaken:
        mark = "close, " if margin.in_spreads < CLOSE else ""
        lines.append(f"{mark}{margin.in_spreads:.1f} spreads: {one.where()}")
        lines.append(f"    {margin}")
    exact = len(every) - len(fell) - len(shaken)
    summary = (
        f"{len(every)} asserts, {runs} runs: {len(fell)} fell,"
        f" {len(shaken)} moved and held ({close} of them close),"
        f" {exact} never moved; {len(raised)} cells raised"
    )
    return "\n".join([*lines, "", summary]) + "\n", not (fell or raised)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.shake")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    paths = options.notebooks or [Path(name) for name in prove.notebooks()]
    shake_all(paths)
    text, holds = report(paths)
    notebooks.write_atomically(RESULTS / "report.txt", text)
    print(text, end="")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
