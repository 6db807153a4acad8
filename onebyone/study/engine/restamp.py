"""A new fingerprint for a record, where the results are still the same.

Code that was moved or rewritten has another fingerprint, though it may do
the same to the last bit. :func:`restamp` finds that out: it makes a sample
of the recorded runs again, with the code of a commit and with today's.
"""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from onebyone import files
from onebyone.study.engine.machine import PACKAGE, device_name, git
from onebyone.study.engine.record import LOCAL, local_record, packaged_record
from onebyone.study.engine.study import Row, Study, StudyError

SAMPLE = 6  # runs
LOG = "restamped.csv"  # beside the records
TIMES = {"cpu_seconds"}  # measurements that never come out twice alike


def restamp(
    study: Study, was: str, rows: int = SAMPLE, folder: Path = LOCAL
) -> str:
    """Compare, then stamp the records; return what was found, as text.

    The runs are chosen so that each setting and seed comes up as often as
    another; among equals a hash decides, not their cost or result.

    Args:
        study: as today's code declares it.
        was: commit of the code whose fingerprint the records have.
        rows: how many runs to make again, with either code.
        folder: where the record of the runs made here is.

    Raises:
        StudyError: a value differs, or the two cannot be compared; the
            records are then as they were.
    """
    root = Path(git(PACKAGE, "rev-parse", "--show-toplevel"))
    before = _commit(root, was)
    _refuse_changes(root)
    records = [packaged_record(study), local_record(study, folder)]
    recorded = [row for of in records for row in of.rows()]
    runs = [row for row in recorded if row["code"] != study.code_version]
    codes = {row["code"] for row in runs}
    if not runs:
        return f"{study.name}: no run was recorded by other code"
    if len(codes) > 1:
        raise StudyError(
            f"runs of {study.name} were recorded by several codes "
            f"({', '.join(sorted(codes))}): move all but one away"
        )
    sample = _sample(study, runs, rows)
    minutes = sum(float(row["seconds"]) for row in sample) / 60
    print(
        f"{study.name}: making {len(sample)} of {len(runs)} runs again, with "
        f"either code; they took {minutes:.0f} min when they were recorded",
        flush=True,
    )
    old, new = codes.pop(), study.code_version
    after = _commit(root, "HEAD")
    asked = {"name": study.name, "runs": sample}
    with _worktree(root, before) as first, _worktree(root, after) as second:
        sides = [(first, {**asked, "code": old})]
        sides += [(second, {**asked, "code": new})]
        compared = _compare(study, sides)
    note = {
        "study": study.name,
        "was_code": old,
        "code": new,
        "was_commit": before[:7],
        "commit": after[:7],
        "runs": len(runs),
        "made_again": "; ".join(" ".join(study.key(row)) for row in sample),
        "equal": " ".join(compared),
        "torch": torch.__version__,
        "device": device_name(),
    }
    for of in records:
        if any(row["code"] == old for row in of.rows()):
            _log(of.file.with_name(LOG), note)
            of.restamp(old, new)
    return (
        f"{study.name}: {len(sample)} runs gave the same with the code of "
        f"{note['was_commit']} and of {note['commit']}, to the last bit, in "
        f"{note['equal']}; {len(runs)} runs now have the fingerprint {new}"
    )


def _sample(study: Study, runs: list[Row], count: int) -> list[Row]:
    """Choose runs whose settings and seeds come up equally often."""
    used: Counter[tuple[int, str]] = Counter()
    chosen: list[Row] = []
    left = list(runs)

    def rank(row: Row) -> tuple[int, str]:
        key = study.key(row)
        often = sum(used[pair] for pair in enumerate(key))
        return often, hashlib.sha256(repr(key).encode()).hexdigest()

    while left and len(chosen) < count:
        row = min(left, key=rank)
        left.remove(row)
        chosen.append(row)
        used.update(enumerate(study.key(row)))
    return chosen


def _compare(study: Study, sides: list[tuple[Path, Row]]) -> list[str]:
    """Make the runs in both work trees; return the names of what is equal.

    Raises:
        StudyError: a value differs; the message names all that do.
    """
    sample = sides[0][1]["runs"]
    threads = max(int(row["threads"]) for row in sample)
    together = 2 * threads <= (os.cpu_count() or 1)
    with ThreadPoolExecutor(2 if together else 1) as pool:
        before, after = pool.map(_remeasure, *zip(*sides, strict=True))
    differences = [
        f"{' '.join(study.key(row))}: {name} {a.get(name)}, now {b.get(name)}"
        for row, a, b in zip(sample, before, after, strict=True)
        for name in sorted((a.keys() | b.keys()) - TIMES)
        if a.get(name) != b.get(name)
    ]
    if differences:
        raise StudyError(
            f"the record of {study.name} stays as it is, since the code of "
            f"today gives other results: {'; '.join(differences)}"
        )
    names = {name for run in before for name in run} - TIMES
    return [n for n in [*study.measurements, "outcome"] if n in names]


def _remeasure(tree: Path, asked: Row) -> list[dict[str, str]]:
    """Return what the package of a work tree measures, in a new process."""
    script = Path(__file__).with_name("remeasure.py")
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        commit = git(tree, "rev-parse", "--short", "HEAD")
        said = done.stderr.strip() or f"it ended with {done.returncode}"
        raise StudyError(
            f"the code of {commit} does not make the runs of the record: "
            f"{said.splitlines()[-1]}"
        )
    return json.loads(done.stdout)


@contextmanager
def _worktree(root: Path, commit: str) -> Iterator[Path]:
    """Lay out a commit's files in a temporary folder, then remove it."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        git(root, "worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def _commit(root: Path, name: str) -> str:
    try:
        return git(root, "rev-parse", "--verify", f"{name}^{{commit}}")
    except StudyError:
        raise StudyError(
            f"there is no commit {name} in {root}: name one whose code made "
            "the record"
        ) from None


def _refuse_changes(root: Path) -> None:
    """Refuse code that is in no commit; recorded data may have changed."""
    package = PACKAGE.relative_to(root).as_posix()
    records = f":(exclude){package}/recorded"
    command = ["status", "--porcelain", "--", package, records]
    changed = [line[2:].strip() for line in git(root, *command).splitlines()]
    if changed:
        raise StudyError(
            f"not committed: {', '.join(changed)}; commit first, since only "
            "the code of a commit can be compared"
        )


def _log(file: Path, note: Row) -> None:
    """Add a line on what was compared, whole or not at all."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, note, lineterminator="\n")
    if not text:
        writer.writeheader()
    writer.writerow(note)
    files.write(file, text + stream.getvalue())
