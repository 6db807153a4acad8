"""The proof of the course is told in one summary, whatever happens."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from copies import git

from tools import ROOT, verify
from tools.claims.pages import all_pages


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch, tmp_path):
    """What the proof sets for its steps is not left behind."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def prove(monkeypatch, capsys):
    """Exit status of a proof of these steps, what it says, its summary."""

    def run(**commands):
        monkeypatch.setattr(verify, "steps", lambda: commands)
        monkeypatch.setattr(verify, "choose_data", lambda: None)
        status = verify.main([])
        told, _, summary = capsys.readouterr().out.partition("=== summary\n")
        return status, told, summary

    return run


PASSES, FAILS = ([sys.executable, "-c", text] for text in ("", "exit(3)"))


def test_every_step_runs_after_a_failure(prove):
    missing = ["no-such-program"]
    status, told, summary = prove(first=FAILS, book=missing, last=PASSES)
    assert status == 1 and "no-such-program cannot be started" in told
    for line in ("failed  first", "failed  book", "passed  last"):
        assert line in summary
    assert "steps: 1 passed, 2 failed" in summary


def test_the_proof_passes_where_every_step_does(prove):
    status, _, summary = prove(only=PASSES)
    assert status == 0 and "steps: 1 passed, 0 failed" in summary


def test_every_notebook_and_every_test_is_in_the_proof_once():
    book, solutions = ROOT / "book", ROOT / "exercises" / "solutions"
    tests = ROOT.glob("tests/**/test_*.py")
    found = [*book.glob("*.ipynb"), *solutions.glob("*.ipynb"), *tests]
    proven = [ROOT / name for name in verify.notebooks() + verify.tests()]
    assert sorted(proven) == sorted(found)


def test_what_takes_longest_starts_first():
    assert verify.notebooks()[0] == "book/nin.ipynb"
    assert verify.tests()[0].startswith("tests/notebooks/test_claims")
    for start in verify.LONGEST_FIRST + verify.SLOW:
        files = verify.notebooks() + verify.tests()
        assert any(file.startswith(start) for file in files), start


def test_the_proof_needs_no_program_but_python():
    for command in [*verify.steps().values(), *verify.quick_steps().values()]:
        assert command[0] == sys.executable


def test_a_quick_proof_takes_the_pages_that_changed(monkeypatch, tmp_path):
    (tmp_path / "book").mkdir()
    for name in "ab":
        (tmp_path / "book" / f"{name}.ipynb").touch()
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=all")
    for name in ("b.ipynb", "new.ipynb", "page.md"):
        (tmp_path / "book" / name).write_text("{}")
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    changed = ["book/b.ipynb", "book/new.ipynb", "book/page.md"]
    assert verify.changed_pages() == changed
    steps = verify.quick_steps()
    assert steps["claims"][-3:] == changed
    assert steps["structure"][-1] == "book/b.ipynb or book/new.ipynb"


def test_a_quick_proof_takes_every_page_where_there_is_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    every = {page.relative_to(ROOT).as_posix() for page in all_pages()}
    assert {*verify.changed_pages()} == every


def test_the_time_of_installing_is_told_where_make_says_its_start(
    prove, monkeypatch
):
    monkeypatch.setattr(verify.time, "time", lambda: 1_000_090.0)
    monkeypatch.setenv("MAKE_STARTED", "1000000")
    _, _, summary = prove(only=PASSES)
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
