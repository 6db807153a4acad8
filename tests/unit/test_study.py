"""Studies resume, survive being killed and lose or repeat no run."""

import csv
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from scipy import stats

import onebyone
from onebyone import study as studies
from onebyone.data import DataUnavailable
from onebyone.study import Record, Study, StudyError, record, running
from onebyone.study.__main__ import main

MADE = []  # the runs that the tiny study made, in order
note = MADE.append  # of a list, so no part of the study's fingerprint


def measure(power, cut, seed, base=2):
    """Stands for training: seconds become microseconds."""
    note((power, cut, seed))
    if power == 3:
        raise ValueError("three, of all\nthings")
    outcome = "diverged" if cut and seed == 1 else "ok"
    return {"outcome": outcome, "value": base**power + 0.1 * seed}


def other_measure(power, cut, seed, base=2):
    return {"value": base**power}


def tiny(measure=measure, **changes):
    options = {
        "name": "tiny",
        "question": "How fast do powers grow?",
        "configurations": [
            {"power": power, "cut": cut}
            for power in (1, 2)
            for cut in (True, False)
        ],
        "measure": measure,
        "measurements": ["value"],
        "shown": ["value"],
        "seeds": 2,
    }
    return Study(**options | changes)


@pytest.fixture(autouse=True)
def sandbox(tmp_path, monkeypatch):
    """An empty package of records and an empty folder, with one study."""
    MADE.clear()
    (tmp_path / "recorded").mkdir()
    monkeypatch.setattr(record, "PACKAGED", tmp_path / "recorded")
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny())
    monkeypatch.chdir(tmp_path)


def own_file():
    return record.OWN / "tiny.csv"


def lines():
    return own_file().read_text().splitlines()


# --- Running and resuming --------------------------------------------------


def test_every_configuration_gets_every_seed():
    assert studies.run(tiny()) == 8
    assert len(set(MADE)) == 8
    rows = list(csv.DictReader(lines()))
    assert {(r["power"], r["cut"], r["seed"]) for r in rows} == {
        (str(p), str(c), str(s))
        for p in (1, 2)
        for c in (True, False)
        for s in (0, 1)
    }


def test_a_finished_study_runs_nothing():
    studies.run(tiny())
    assert studies.run(tiny()) == 0
    assert len(MADE) == 8


def test_more_seeds_add_runs_to_those_there_are():
    studies.run(tiny(), seeds=1)
    assert studies.run(tiny(), seeds=3) == 8
    assert len(set(MADE)) == len(MADE) == 12


def test_a_row_says_what_produced_it():
    studies.run(tiny(), seeds=1)
    row = next(csv.DictReader(lines()))
    assert list(row) == tiny().columns
    assert row["torch"] == torch.__version__
    assert row["threads"] == str(torch.get_num_threads())
    assert float(row["seconds"]) >= 0
    assert row["device"] and row["commit"]
    assert row["code"] == tiny().code_version


def test_a_failure_is_a_row_and_is_not_repeated():
    failing = tiny(configurations=[{"power": 3, "cut": False}])
    assert studies.run(failing) == 2
    rows = list(csv.DictReader(lines()))
    assert rows[0]["outcome"] == "ValueError: three, of all"
    assert rows[0]["value"] == ""
    assert studies.run(failing) == 0


def test_without_images_nothing_is_recorded():
    def unavailable(power, cut, seed):
        raise DataUnavailable("no images here")

    with pytest.raises(DataUnavailable):
        studies.run(tiny(unavailable))
    assert not own_file().exists()


# --- Being killed ----------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 20])
def test_a_torn_last_line_is_dropped_and_its_run_repeated(cut):
    studies.run(tiny())
    whole = own_file().read_bytes()
    own_file().write_bytes(whole[:-cut])
    assert len(studies.load("tiny")) == 7
    MADE.clear()
    assert studies.run(tiny()) == 1
    assert MADE == [(2, False, 1)]
    assert len(lines()) == len(set(lines())) == 9


def test_a_last_line_that_a_loss_of_power_left_as_zeros_is_torn():
    studies.run(tiny())
    whole = own_file().read_bytes()
    own_file().write_bytes(whole[:-20] + bytes(19) + b"\n")
    assert studies.run(tiny()) == 1
    assert len(lines()) == 9


@pytest.mark.parametrize("size", [1, 10])
def test_a_torn_header_is_written_again(size):
    studies.run(tiny(), seeds=1)
    own_file().write_bytes(own_file().read_bytes()[:size])
    assert studies.load("tiny").empty
    assert studies.run(tiny(), seeds=1) == 4
    assert lines()[0] == ",".join(tiny().columns)


SLOW_STUDY = """
    import sys, time
    from pathlib import Path
    from onebyone import study as studies
    from onebyone.study import record

    def measure(power, seed):
        time.sleep(0.05)
        return {"value": float(power)}

    record.PACKAGED = Path("recorded")
    slow = studies.Study(
        "slow", "?", [{"power": p} for p in range(10)], measure, ["value"],
        ["value"], seeds=1,
    )
    studies.run(slow)
"""


def test_a_study_that_is_killed_loses_and_repeats_nothing(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW_STUDY))
    command = [sys.executable, str(script)]
    file = record.OWN / "slow.csv"
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not file.exists() or len(file.read_text().splitlines()) < 4:
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    recorded = len(file.read_text().splitlines()) - 1
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len(again.stdout.splitlines()) == 10 - recorded
    powers = [row["power"] for row in csv.DictReader(file.open())]
    assert sorted(powers) == [str(p) for p in range(10)]


def test_a_run_that_two_processes_made_is_recorded_once():
    own = studies.own_record(tiny())
    row = studies.run_one(tiny(), {"power": 1, "cut": True, "seed": 0})
    assert own.append(row)
    assert not own.append(row)
    assert len(lines()) == 2


def test_a_full_disk_leaves_no_half_line(monkeypatch):
    own = studies.own_record(tiny())
    row = studies.run_one(tiny(), {"power": 1, "cut": True, "seed": 0})
    own.append(row)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[:9]))
    with pytest.raises(OSError, match="no room"):
        own.append(row | {"seed": 1})
    assert len(lines()) == 2 and own_file().read_text().endswith("\n")


# --- Other code ------------------------------------------------------------


def test_runs_of_other_code_are_not_mixed():
    studies.run(tiny())
    with pytest.raises(StudyError, match="must not be mixed"):
        studies.run(tiny(other_measure), seeds=3)
    assert len(lines()) == 9


def test_a_recipe_is_part_of_the_code():
    assert tiny(recipe={"base": 3}).code_version != tiny().code_version


def test_a_record_with_other_columns_is_refused():
    studies.run(tiny())
    wider = tiny(measurements=["value", "more"])
    with pytest.raises(StudyError, match="line 1 of .* other columns"):
        Record(wider, own_file()).rows()


# --- Publishing and reading ------------------------------------------------


def test_publishing_moves_the_runs_into_the_package():
    studies.run(tiny(), seeds=1)
    assert studies.publish(tiny()) == 4
    assert set(studies.load("tiny")["source"]) == {"packaged"}
    assert studies.run(tiny()) == 4  # seed 1 only
    assert studies.publish(tiny()) == 4
    assert len(studies.load("tiny")) == 8
    assert studies.publish(tiny()) == 0
    assert [p.name for p in record.PACKAGED.iterdir()] == ["tiny.csv"]


def test_a_publication_that_was_interrupted_can_be_repeated():
    studies.run(tiny())
    own = own_file().read_text()
    studies.publish(tiny())
    own_file().write_text(own)  # killed before it forgot them
    assert studies.publish(tiny()) == 8
    assert len(studies.load("tiny")) == 8


def test_ones_own_run_replaces_the_packaged_one():
    studies.run(tiny())
    own = own_file().read_text()
    studies.publish(tiny())
    own_file().write_text("\n".join(own.splitlines()[:2]) + "\n")
    runs = studies.load("tiny")
    assert len(runs) == 8 and list(runs["source"]).count("own") == 1


def test_loading_gives_numbers_and_truth_values():
    studies.run(tiny())
    runs = studies.load("tiny")
    assert runs["value"].dtype == float and runs["cut"].dtype == bool
    assert runs["power"].tolist().count(2) == 4


def test_a_study_without_runs_loads_empty():
    runs = studies.load("tiny")
    assert runs.empty and "value" in runs


# --- Statistics ------------------------------------------------------------


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0, 5.0]
    mean, half = studies.interval(values)
    low, high = stats.t.interval(0.95, 3, loc=3, scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_one_value_has_no_interval():
    mean, half = studies.interval([7.0])
    assert mean == 7 and math.isnan(half)
    assert all(map(math.isnan, studies.interval([])))


def test_a_summary_has_one_row_a_group():
    runs = pd.DataFrame({"net": ["a", "a", "b", "b"], "error": [1, 3, 5, 5]})
    table = studies.summary(runs, ["net"], "error")
    assert table["mean"].tolist() == [2, 5]
    assert table["runs"].tolist() == [2, 2]
    assert table["low"][0] < 1 and table["low"][1] == table["high"][1] == 5


# --- The command line ------------------------------------------------------


def test_the_commands_run_show_and_publish(capsys):
    assert main(["run", "tiny", "--seeds", "2"]) == 0
    assert "runs made: 8" in capsys.readouterr().out
    assert main(["status", "tiny"]) == 0
    assert capsys.readouterr().out == (
        "tiny: 8 runs recorded, 8 of them here, 2 not ok\n"
        "0 of 8 declared are missing\n"
    )
    assert main(["table", "tiny"]) == 0
    assert "2.05 ± 0.64" in capsys.readouterr().out
    assert main(["publish", "tiny"]) == 0
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "tiny: How fast do powers grow?\n    recorded: quick scale 8" in (
        listed
    )
    assert "paper scale no runs" in listed


def test_an_unknown_study_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["run", "nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_zero_seeds_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["run", "tiny", "--seeds", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_a_refusal_is_one_sentence_and_no_traceback(capsys, monkeypatch):
    studies.run(tiny())
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny(other_measure))
    assert main(["run", "tiny", "--seeds", "3"]) == 1
    error = capsys.readouterr().err
    assert "must not be mixed" in error and "Traceback" not in error


def test_ctrl_c_keeps_the_runs_made(capsys, monkeypatch):
    def interrupted(power, cut, seed):
        if power == 2:
            raise KeyboardInterrupt
        return {"value": 1.0}

    monkeypatch.setitem(studies.STUDIES, "tiny", tiny(interrupted))
    assert main(["run", "tiny"]) == 130
    assert "goes on from here" in capsys.readouterr().out
    assert len(lines()) == 3


# --- The packaged record ---------------------------------------------------


@pytest.fixture
def package(monkeypatch):
    folder = Path(onebyone.__file__).parent / "recorded"
    monkeypatch.setattr(record, "PACKAGED", folder)


def test_a_packaged_record_is_whole_and_of_this_code(package):
    recorded = [s for s in studies.STUDIES.values() if recorded_runs(s)]
    assert recorded
    for study in recorded:
        assert_whole_and_of_this_code(study)


def recorded_runs(study):
    return list(studies.packaged_record(study).rows())


def assert_whole_and_of_this_code(study):
    runs = recorded_runs(study)
    assert {run["code"] for run in runs} == {study.code_version}
    declared = running.declared(study, study.seeds)
    assert {study.key(run) for run in runs} >= set(map(study.key, declared))


def test_the_learning_rate_of_depth_is_the_one_that_the_search_chose(package):
    runs = studies.load("depth-search")
    error = runs.groupby("lr")["validation_error"].mean()
    assert error.idxmin() == studies.DEPTH.recipe["lr"]


def test_a_loss_that_was_not_finite_is_read_as_missing(package):
    losses = studies.load("depth")["train_loss"]
    assert losses.dtype == float and losses.isna().any()
