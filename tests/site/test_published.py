"""A published copy is built, and keeps the rules of links and notebooks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT, repository

ADDRESS, COMMIT = "https://github.com/owner/course", 40 * "a"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """What git would have of this checkout, published and rendered."""
    copy = tmp_path_factory.mktemp("published")
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True)
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    repository.write_through(copy, ADDRESS, COMMIT)
    run(copy, sys.executable, "-m", "tools.book")
    return copy


def run(copy: Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "tests",
    [
        "tests/site/test_links.py",
        "tests/notebooks/test_structure.py",
        "tests/project/test_repository.py",
        "tests/notebooks/test_setup_cell.py",
    ],
)
def test_a_published_copy_passes_the_same_tests(published, tests):
    run(published, sys.executable, "-m", "pytest", "-q", tests)


def test_a_published_copy_is_in_the_form_that_lint_and_exercises_give(
    published,
):
    ruff = [sys.executable, "-m", "ruff"]
    run(published, *ruff, "format", "--check", ".")
    run(published, *ruff, "check", ".")
    run(published, sys.executable, "-m", "tools.exercises", "--check")


def test_every_setup_cell_names_the_repository_at_the_commit(published):
    for notebook in published.glob("book/*.ipynb"):
        text = notebook.read_text(encoding="utf-8")
        assert text.count(ADDRESS) == 1
        assert f"git+{ADDRESS}@{COMMIT}" in text
        page = published / "_build" / "html" / "book" / notebook.name
        rendered = page.with_suffix(".html").read_text(encoding="utf-8")
        assert f"git+{ADDRESS}@{COMMIT}" in rendered
