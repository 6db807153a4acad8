"""A published copy is built, and keeps the rules of links and notebooks."""

import shutil
from pathlib import Path

import pytest
from copies import ignored, run

from tools import ROOT, repository

ADDRESS, COMMIT = "https://github.com/owner/course", 40 * "a"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The sources of this checkout, published and rendered."""
    copy = tmp_path_factory.mktemp("published") / "copy"
    shutil.copytree(ROOT, copy, ignore=ignored)
    repository.write_through(copy, ADDRESS, COMMIT)
    run(copy, "tools.book")
    return copy


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
    run(published, "pytest", "-q", tests)


def test_a_published_copy_is_in_the_form_that_lint_and_exercises_give(
    published,
):
    run(published, "ruff", "format", "--check", ".")
    run(published, "ruff", "check", ".")
    run(published, "tools.exercises", "--check")


def test_every_setup_cell_names_the_repository_at_the_commit(published):
    for notebook in published.glob("book/*.ipynb"):
        text = notebook.read_text(encoding="utf-8")
        assert text.count(ADDRESS) == 1
        assert f"git+{ADDRESS}@{COMMIT}" in text
        page = published / "_build" / "html" / "book" / notebook.name
        rendered = page.with_suffix(".html").read_text(encoding="utf-8")
        assert f"git+{ADDRESS}@{COMMIT}" in rendered
