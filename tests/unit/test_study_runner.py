"""Studies resume, say what produced a run, and refuse other code."""

import csv
import platform
import sys
import threading

import pytest
import torch

from onebyone import study as studies
from onebyone.data import DataUnavailable
from onebyone.study import Study, StudyError
from onebyone.study.__main__ import main
from onebyone.study.engine import machine, record

pytestmark = pytest.mark.usefixtures("empty_records")
MADE = []  # the runs that the tiny study made, in order
note = MADE.append  # of a list, so no part of the study's fingerprint


def measure(power, cut, seed, base=2):
    """Stands for training: seconds become microseconds."""
    note((power, cut, seed))
    if power == 3:
        raise ValueError("three, of all\nthings")
    outcome = "diverged" if cut and seed == 1 else "ok"
    return {"outcome": outcome, "value": base**power + 0.1 * seed}


SETTINGS = [{"power": p, "cut": c} for p in (1, 2) for c in (True, False)]


def tiny(measure=measure, settings=SETTINGS):
    question = "How fast do powers grow?"
    return Study(
        "tiny", question, settings, measure, ["value"], ["value"], seeds=2
    )


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    MADE.clear()
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny())


def rows():
    with open(record.LOCAL / "tiny.csv") as file:
        return list(csv.DictReader(file))


# --- Running and resuming --------------------------------------------------


def test_every_configuration_gets_every_seed_once():
    assert studies.run(tiny()) == 8
    assert studies.run(tiny()) == 0
    assert len(MADE) == 8
    assert {(r["power"], r["cut"], r["seed"]) for r in rows()} == {
        (p, c, s) for p in "12" for c in ("True", "False") for s in "01"
    }


def test_more_seeds_add_runs_to_those_there_are():
    studies.run(tiny(), seeds=1)
    assert studies.run(tiny(), seeds=3) == 8
    assert len(set(MADE)) == len(MADE) == 12


def test_a_row_says_what_produced_it(monkeypatch):
    machine.processor.cache_clear()
    monkeypatch.setattr(machine, "cpuinfo", lambda *fields: "Some CPU 9000")
    monkeypatch.setattr(machine.sys, "platform", "linux")
    studies.run(tiny(), seeds=1)
    machine.processor.cache_clear()
    row = rows()[0]
    assert list(row) == tiny().columns
    assert row["torch"] == torch.__version__
    assert row["threads"] == str(torch.get_num_threads())
    assert float(row["seconds"]) >= 0 and row["commit"]
    assert row["device"] == f"cpu (Some CPU 9000, {platform.machine()})"
    assert row["code"] == tiny().code_version


def test_a_failure_is_a_row_and_is_not_repeated():
    failing = tiny(settings=[{"power": 3, "cut": False}])
    assert studies.run(failing) == 2
    assert rows()[0]["outcome"] == "ValueError: three, of all"
    assert rows()[0]["value"] == ""
    assert studies.run(failing) == 0


def test_without_images_nothing_is_recorded():
    def unavailable(power, cut, seed):
        raise DataUnavailable("no images here")

    with pytest.raises(DataUnavailable):
        studies.run(tiny(unavailable))
    assert not (record.LOCAL / "tiny.csv").exists()


def test_runs_of_two_threads_wait_for_each_other_and_leave_the_output():
    """They share the random numbers, and what is printed is caught."""
    under_way, most, here = [], [], sys.stdout

    def watched(power, cut, seed):
        under_way.append(seed)
        most.append(len(under_way))
        print("training")
        threading.Event().wait(0.01)
        under_way.pop()
        return {"value": 1.0}

    def some_runs(seed):
        for _ in range(3):
            studies.run_one(study, {"power": 1, "cut": True, "seed": seed})

    study = tiny(watched)
    study.__dict__["code_version"] = "any"
    threads = [threading.Thread(target=some_runs, args=(s,)) for s in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6 and max(most) == 1
    assert sys.stdout is here


def test_runs_of_other_code_are_not_mixed(capsys, monkeypatch):
    def other_measure(power, cut, seed, base=2):
        return {"value": base**power}

    studies.run(tiny())
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny(other_measure))
    with pytest.raises(StudyError, match="must not be mixed") as refused:
        studies.run(tiny(other_measure))
    capsys.readouterr()
    assert main(["run", "tiny", "--seeds", "3"]) == 1
    assert capsys.readouterr().err == f"{refused.value}\n"
    assert len(rows()) == 8


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


@pytest.mark.parametrize(
    "arguments, said",
    [("nothing", "invalid choice: 'nothing'"), ("tiny --seeds 0", "least 1")],
)
def test_what_cannot_be_run_is_named(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(["run", *arguments.split()])
    assert said in capsys.readouterr().err


def test_ctrl_c_keeps_the_runs_made(capsys, monkeypatch):
    def interrupted(power, cut, seed):
        if power == 2:
            raise KeyboardInterrupt
        return {"value": 1.0}

    monkeypatch.setitem(studies.STUDIES, "tiny", tiny(interrupted))
    assert main(["run", "tiny"]) == 130
    assert "goes on from here" in capsys.readouterr().out
    assert len(rows()) == 2
