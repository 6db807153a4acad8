"""Studies on a Dask cluster of two real worker processes."""

import csv
import os
import signal
import sys
import threading
import time

import cloudpickle
import dask
import pytest
from dask.distributed import Client, LocalCluster
from distributed.utils import get_mp_context

from onebyone.study import Study, StudyError, catalogue
from onebyone.study.__main__ import main
from onebyone.study.engine import cluster as module
from onebyone.study.engine import record, runner
from onebyone.study.engine.runner import run
from tools import ROOT


def measure(number, seed, pause=0.1):
    """Stands for training, and says in which process it ran."""
    time.sleep(pause)
    return {"value": 2.0 * number, "process": os.getpid()}


def fatal_for_three(number, seed):
    if number == 3:
        os._exit(1)
    return {"value": 2.0 * number, "process": os.getpid()}


def tiny(measure=measure, **options):
    return Study(
        name="tiny",
        question="Does every run come back?",
        configurations=[{"number": n} for n in range(8)],
        measure=measure,
        measurements=["value", "process"],
        shown=["value"],
        **{"seeds": 2} | options,
    )


@pytest.fixture(autouse=True)
def travelling(empty_records):
    """Functions of this module travel with their code."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def cluster():
    """Two workers, forked from a process that has imported PyTorch."""
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.allowed-failures": 1,
        "distributed.scheduler.worker-saturation": 1.0,  # no run waits in one
        "distributed.worker.memory.terminate": False,
    }
    with dask.config.set(settings):
        imports = ["distributed", runner.__name__]
        get_mp_context().set_forkserver_preload(imports)
        with LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster:
            yield cluster


def rows():
    with open(record.LOCAL / "tiny.csv") as file:
        return list(csv.DictReader(file))


def assert_every_run_is_recorded_once(recorded):
    found = sorted((int(r["number"]), int(r["seed"])) for r in recorded)
    assert found == [(n, seed) for n in range(8) for seed in range(2)]
    assert all(float(r["value"]) == 2 * int(r["number"]) for r in recorded)


def test_both_workers_share_the_runs(cluster, capsys, monkeypatch):
    monkeypatch.setitem(catalogue.STUDIES, "tiny", tiny())
    address = cluster.scheduler_address
    assert main(["run", "tiny", "--scheduler", address]) == 0
    assert_every_run_is_recorded_once(rows())
    processes = {row["process"] for row in rows()}
    assert len(processes) == 2 and str(os.getpid()) not in processes
    said = capsys.readouterr().out
    assert "16/16 number" in said and "runs made: 16" in said


def test_a_worker_killed_mid_run_loses_and_repeats_nothing(cluster):
    address = cluster.scheduler_address
    with Client(address) as client:
        victim = next(iter(client.run(os.getpid).values()))

    def kill_when_under_way():
        recorded = record.LOCAL / "tiny.csv"
        while not recorded.exists() and not ended.is_set():
            time.sleep(0.02)
        os.kill(victim, signal.SIGKILL)

    ended = threading.Event()
    killer = threading.Thread(target=kill_when_under_way)
    killer.start()
    try:
        study = tiny(recipe={"pause": 0.4})
        assert run(study, scheduler=address) == 16
    finally:
        ended.set()
        killer.join()
    assert_every_run_is_recorded_once(rows())
    with pytest.raises(ProcessLookupError):
        os.kill(victim, 0)


def test_what_is_recorded_is_not_sent_again(cluster):
    run(tiny(), seeds=1)  # here, without the cluster
    assert run(tiny(), scheduler=cluster.scheduler_address) == 8
    assert_every_run_is_recorded_once(rows())


def test_a_run_that_kills_its_workers_is_given_up_and_said(cluster):
    study = tiny(fatal_for_three, seeds=1)
    with pytest.raises(StudyError, match="given up"):
        run(study, scheduler=cluster.scheduler_address)
    recorded = {int(row["number"]) for row in rows()}
    assert recorded == {0, 1, 2, 4, 5, 6, 7}


def test_workers_with_other_code_are_refused(cluster, monkeypatch):
    def replaced(study):
        other = tiny()
        other.__dict__["code_version"] = "other"
        return other

    monkeypatch.setattr(module, "replace", replaced)
    with pytest.raises(StudyError, match="must not be mixed"):
        run(tiny(), scheduler=cluster.scheduler_address)
    assert not (record.LOCAL / "tiny.csv").exists()


# --- Clusters that cannot make the runs ------------------------------------


@pytest.mark.parametrize(
    ("workers", "said"), [(1, "--nthreads 1"), (0, "has no workers")]
)
def test_workers_with_several_threads_and_none_are_refused(workers, said):
    options = {"threads_per_worker": 2, "processes": False}
    with (
        LocalCluster(
            n_workers=workers, dashboard_address=":0", **options
        ) as cluster,
        pytest.raises(StudyError, match=said),
    ):
        run(tiny(), scheduler=cluster.scheduler_address)


def test_an_address_where_nobody_answers_is_named(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(StudyError, match="answers at tcp://127.0.0.1:9"):
        run(tiny(), scheduler="tcp://127.0.0.1:9")


def test_without_dask_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(StudyError, match="pip install"):
        run(tiny(), scheduler="tcp://127.0.0.1:9")


def test_the_book_keeps_scheduler_and_workers_to_this_machine():
    text = (ROOT / "book" / "using.md").read_text(encoding="utf-8")
    commands = [
        line
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("dask ")
    ]
    assert len(commands) == 2  # a worker runs any code that reaches it
    for command in commands:
        assert "--host 127.0.0.1" in command
        assert "--dashboard-address 127.0.0.1:" in command
