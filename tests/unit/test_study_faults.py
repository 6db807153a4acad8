"""Studies that are killed again and again, and two runners at once."""

import csv
import random
import time

import pytest

from faults import Nursery
from onebyone.study.engine import record

RUNS = 120

# A runner in a process of its own; the study has RUNS runs of a millisecond.
RUNNER = f"""
    import os, sys, time
    from pathlib import Path

    from onebyone import study as studies
    from onebyone.study.engine import record, runner

    def measure(power, seed):
        time.sleep(0.001)
        return {{"value": float(power)}}

    runner.commit = lambda: "none"  # asking git takes longer than a run
    record.PACKAGED = Path("recorded")
    quick = studies.Study(
        "quick", "?", [{{"power": p}} for p in range({RUNS // 2})], measure,
        ["value"], ["value"], seeds=2,
    )
    quick.code_version  # read the code once, before the children

    def task(folder):
        os.chdir(folder)
        sys.stdout = open(os.devnull, "w")
        studies.run(quick)
"""


@pytest.fixture(scope="module")
def runners(tmp_path_factory):
    with Nursery(RUNNER, tmp_path_factory.mktemp("runners")) as nursery:
        yield nursery


@pytest.fixture
def start(runners, tmp_path, monkeypatch):
    """Starts a runner in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    return lambda: runners.start(tmp_path)


def rows():
    """The whole lines of the record, each as its fields."""
    file = record.LOCAL / "quick.csv"
    if not file.exists():
        return []
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    return list(csv.reader(whole.splitlines()))[1:]


def assert_complete_and_each_run_once():
    text = (record.LOCAL / "quick.csv").read_text()
    assert text.endswith("\n") and text.count("power,seed") == 1
    runs = [(int(row[0]), int(row[1])) for row in rows()]
    declared = [(p, seed) for p in range(RUNS // 2) for seed in (0, 1)]
    assert sorted(runs) == declared
    assert len({len(row) for row in rows()}) == 1


@pytest.mark.parametrize(
    "moments", [5, pytest.param(50, marks=pytest.mark.long)]
)
def test_a_study_killed_at_any_moments_loses_and_repeats_no_run(
    moments, runners, start
):
    chance = random.Random(moments)
    kept = []
    for _ in range(moments):
        runner = start()
        time.sleep(chance.uniform(0, 1 / moments))
        runners.kill(runner)
        assert rows()[: len(kept)] == kept
        kept = rows()
    assert runners.wait(start()) == 0
    assert rows()[: len(kept)] == kept
    assert_complete_and_each_run_once()


def test_two_runners_of_one_study_record_each_run_once(runners, start):
    both = [start() for _ in range(2)]
    assert [runners.wait(runner) for runner in both] == [0, 0]
    assert_complete_and_each_run_once()


def test_one_of_two_runners_may_be_killed(runners, start):
    other, killed = start(), start()
    time.sleep(0.05)
    runners.kill(killed)
    assert runners.wait(other) == 0
    assert_complete_and_each_run_once()
