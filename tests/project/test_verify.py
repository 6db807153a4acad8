"""The proof of the course is told in one summary, whatever happens."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools import ROOT, verify


def ran(monkeypatch, capsys, **commands):
    """Exit status and summary of a proof of these steps."""
    monkeypatch.setattr(verify, "steps", lambda: commands)
    monkeypatch.setattr(verify, "choose_data", lambda: None)
    status = verify.main([])
    return status, capsys.readouterr().out.partition("=== summary\n")[2]


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch, tmp_path):
    """What the proof sets for its steps is not left behind."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def python(text):
    return [sys.executable, "-c", text]


def test_every_step_runs_after_a_failure(monkeypatch, capsys):
    status, summary = ran(
        monkeypatch, capsys, first=python("exit(3)"), second=python("")
    )
    assert status == 1
    assert "failed  first" in summary and "passed  second" in summary
    assert "steps: 1 passed, 1 failed" in summary


def test_the_proof_passes_where_every_step_does(monkeypatch, capsys):
    status, summary = ran(monkeypatch, capsys, only=python(""))
    assert status == 0 and "steps: 1 passed, 0 failed" in summary


def test_a_command_that_is_not_there_is_a_step_that_failed(
    monkeypatch, capsys
):
    status, summary = ran(
        monkeypatch, capsys, book=["no-such-program"], after=python("")
    )
    assert status == 1
    assert "failed  book" in summary and "passed  after" in summary


def test_the_sentence_says_which_command_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(verify, "steps", lambda: {"book": ["no-such-program"]})
    monkeypatch.setattr(verify, "choose_data", lambda: None)
    verify.main([])
    told = capsys.readouterr().out.partition("=== summary\n")[0]
    assert "no-such-program" in told and "cannot be started" in told


def test_every_notebook_and_every_test_is_in_the_proof_once():
    notebooks = {
        path.relative_to(ROOT).as_posix()
        for folder in ("book", "exercises/solutions")
        for path in ROOT.glob(f"{folder}/*.ipynb")
    }
    tests = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("tests/**/test_*.py")
    }
    for found, proven in [
        (notebooks, verify.notebooks()),
        (tests, verify.tests()),
    ]:
        assert len(proven) == len(found) and {*proven} == found


def test_what_takes_longest_starts_first():
    assert verify.notebooks()[0] == "book/nin.ipynb"
    assert verify.tests()[0].startswith("tests/site/")
    for start in verify.LONGEST_FIRST + verify.SLOW:
        files = verify.notebooks() + verify.tests()
        assert any(file.startswith(start) for file in files), start


def test_the_proof_needs_no_program_but_python():
    for command in [*verify.steps().values(), *verify.quick_steps().values()]:
        assert command[0] == sys.executable


def changed(monkeypatch, folder, *names):
    """The pages that a quick proof takes in a copy with these changes."""
    for name in (
        "book/a.ipynb",
        "book/b.ipynb",
        "exercises/solutions/a.ipynb",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    verify.git("init", "--quiet", "--initial-branch=main")
    verify.git("add", ".")
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    verify.git(*author, "commit", "--quiet", "--message=all")
    for name in names:
        (folder / name).write_text("{}")
    monkeypatch.setattr(verify, "ROOT", folder)
    return verify.changed_pages()


def test_a_quick_proof_takes_the_notebooks_that_changed(monkeypatch, tmp_path):
    names = "book/b.ipynb", "book/new.ipynb", "exercises/a.ipynb"
    assert changed(monkeypatch, tmp_path, *names) == [*names[:2]]


def test_a_quick_proof_takes_every_notebook_where_there_is_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert verify.changed_pages() == verify.notebooks()


def test_the_time_of_installing_is_told_where_make_says_its_start(
    monkeypatch, capsys
):
    monkeypatch.setattr(verify.time, "time", lambda: 1_000_090.0)
    monkeypatch.setenv("MAKE_STARTED", "1000000")
    _, summary = ran(monkeypatch, capsys, only=python(""))
    install, _, everything, _ = summary.splitlines()
    assert install.split() == ["install", "90", "s"]
    assert everything.split() == ["all", "90", "s"]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_says_when_it_started():
    done = subprocess.run(
        ["make", "-pn", "help"], cwd=ROOT, capture_output=True, text=True
    )
    assert re.search(r"(?m)^MAKE_STARTED := \d{10}$", done.stdout)


DYING = """
import os, sys
if "ipykernel_launcher" in sys.orig_argv:
    with open(os.environ["STARTS"], "a") as starts:
        starts.write(".")
        if starts.tell() <= int(os.environ["DEATHS"]):
            os._exit(1)
"""


@pytest.mark.parametrize(
    ("deaths", "starts", "passes"), [(1, 2, True), (9, 3, False)]
)
def test_a_kernel_that_dies_at_its_start_gets_another(
    tmp_path, deaths, starts, passes
):
    (tmp_path / "sitecustomize.py").write_text(DYING)
    cell = nbformat.v4.new_code_cell("assert True", execution_count=1)
    notebook = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), notebook)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *verify.NBVAL, str(notebook)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "STARTS": str(tmp_path / "starts"),
            "DEATHS": str(deaths),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is passes, done.stdout
    assert len((tmp_path / "starts").read_text()) == starts
    assert "starting another" in done.stdout
