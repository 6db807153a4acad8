"""The repository's address stands in one file and is written through."""

import subprocess

import pytest

from tools import repository

OLD = "https://github.com/example-owner/course"
NEW = "https://github.com/another/site.2"
CONFIG = """\
title: "A book"  # kept
repository:
  url: {url}
  branch: main  # kept too
"""
README = """\
[Colab](https://colab.research.google.com/github/{path}/blob/main/a.ipynb)
git clone https://github.com/{path}.git
See https://github.com/{path}, https://github.com/{path}/issues.
Not https://github.com/{path}-fork, nor https://github.com/example-owner/co
"""
NOTEBOOK = '{{"cells": [{{"source": ["%pip install git+{url}\\n"]}}]}}\n'


@pytest.fixture
def tree(tmp_path):
    """A checkout whose files name the old address."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text(CONFIG.format(url=OLD))
    notebook = tmp_path / "book" / "a.ipynb"
    notebook.write_text(NOTEBOOK.format(url=OLD))
    readme = README.format(path=OLD.removeprefix("https://github.com/"))
    (tmp_path / "README.md").write_text(readme)
    (tmp_path / "run").write_text(f"#!/bin/sh\n# {OLD}\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG" + OLD.encode())
    (tmp_path / ".gitignore").write_text("_build/\n")
    (tmp_path / "_build").mkdir()
    (tmp_path / "_build" / "page.html").write_text(OLD)
    return tmp_path


def test_the_address_is_written_through(tree):
    changed = repository.write_through(tree, NEW)
    names = {path.name for path in changed}
    assert names == {"_config.yml", "a.ipynb", "README.md", "run"}
    assert repository.configured(tree) == NEW
    assert (tree / "_config.yml").read_text() == CONFIG.format(url=NEW)
    notebook = (tree / "book" / "a.ipynb").read_text()
    assert notebook == NOTEBOOK.format(url=NEW)
    assert (tree / "run").stat().st_mode & 0o111


def test_every_form_of_it_changes_and_no_other_address(tree):
    repository.write_through(tree, NEW)
    readme = (tree / "README.md").read_text()
    assert "github.com/another/site.2/issues" in readme
    assert "github.com/another/site.2.git" in readme
    assert "google.com/github/another/site.2/blob" in readme
    assert f"{OLD}-fork" in readme
    assert readme.count("example-owner") == 2


def test_ignored_and_binary_files_stay(tree):
    repository.write_through(tree, NEW)
    assert (tree / "_build" / "page.html").read_text() == OLD
    assert OLD.encode() in (tree / "picture.png").read_bytes()


def test_a_second_run_changes_nothing(tree):
    repository.write_through(tree, NEW)
    assert repository.write_through(tree, NEW) == []


def test_there_and_back_restores_every_file(tree):
    files = [path for path in tree.rglob("*") if path.is_file()]
    before = {f: f.read_bytes() for f in files if ".git" not in f.parts}
    repository.write_through(tree, NEW)
    repository.write_through(tree, OLD)
    assert all(file.read_bytes() == text for file, text in before.items())


def test_an_address_edited_by_hand_is_written_through(tree):
    (tree / "_config.yml").write_text(CONFIG.format(url=NEW))
    repository.write_through(tree, NEW)
    assert NEW in (tree / "book" / "a.ipynb").read_text()
    assert OLD + "," not in (tree / "README.md").read_text()


@pytest.mark.parametrize("url", [OLD, OLD + "/", OLD + ".git", f" {OLD} "])
def test_usual_spellings_are_accepted(url):
    assert repository.address(url) == OLD


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/owner/name",
        "http://github.com/owner/name",
        "git@github.com:owner/name.git",
        "https://github.com/owner",
        "https://github.com/owner/name/tree/main",
        "https://github.com/OWNER/<name>",
        "",
    ],
)
def test_other_addresses_are_refused(url, tree):
    with pytest.raises(ValueError, match="OWNER/NAME"):
        repository.write_through(tree, url)
    assert repository.configured(tree) == OLD


def test_the_books_own_address_is_sound():
    url = repository.configured()
    assert repository.address(url) == url
