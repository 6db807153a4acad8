"""An unpublished copy names no repository, a published one its own."""

import re
import shutil

import pytest
import yaml
from copies import git

from tools import ROOT, notebooks, repository

URL = "https://github.com/owner/course"
OTHER = "https://github.com/another/site.2"
COMMIT, LATER = 40 * "a", 40 * "b"
CONFIG = 'title: "A book"  # kept\nhtml:\n  home: true  # kept too\n'
CITATION = "cff-version: 1.2.0\nlicense: MIT\n"
NOTEBOOK = '{"cells": [{"source": ["repository = \\"\\"\\n", "x = 1"]}]}\n'


def unpublished(folder):
    """A small copy of the course, as far as an address concerns it."""
    for name in repository.NOTEBOOKS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "a.ipynb").write_text(NOTEBOOK)
    (folder / "_config.yml").write_text(CONFIG)
    (folder / "CITATION.cff").write_text(CITATION)
    (folder / "README.md").write_text("# A course\n")
    return folder


@pytest.fixture
def tree(tmp_path):
    return unpublished(tmp_path)


def contents(tree):
    return {
        path.relative_to(tree).as_posix(): path.read_text()
        for path in tree.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_a_published_copy_names_its_repository_and_a_commit(tree):
    assert repository.configured(tree) is None
    changed = repository.write_through(tree, URL, COMMIT)
    assert len(changed) == 5 and changed[-1].name == "_config.yml"
    assert repository.configured(tree) == URL
    config = (tree / "_config.yml").read_text()
    assert config.startswith(CONFIG)
    assert yaml.safe_load(config)["repository"]["branch"] == "published"
    citation = (tree / "CITATION.cff").read_text()
    assert citation == f"{CITATION}repository-code: {URL}\n"
    for folder in repository.NOTEBOOKS:
        assert (tree / folder / "a.ipynb").read_text() == NOTEBOOK.replace(
            '\\"\\"', f'\\"git+{URL}@{COMMIT}\\"'
        )


def test_a_published_copy_moves_to_another_repository(tree):
    repository.write_through(tree, OTHER, LATER)
    expected = contents(tree)
    assert repository.write_through(tree, OTHER, LATER) == []
    repository.write_through(tree, URL, COMMIT)
    repository.write_through(tree, OTHER, LATER)
    assert contents(tree) == expected


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"{URL}/",
        f"{URL}.git",
        f" {URL} ",
        "git@github.com:owner/course.git",
        "ssh://git@github.com/owner/course.git",
        "https://user:password@github.com/owner/course",
    ],
)
def test_an_address_of_any_usual_spelling_is_brought_to_one(url):
    assert repository.address(url) == URL


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/owner/name",
        "http://github.com/owner/name",
        "https://github.com/owner",
        "https://github.com/owner/name/tree/main",
        "https://github.com/OWNER/<name>",
        "https://github.com.example.org/owner/name",
        "",
    ],
)
def test_other_addresses_are_refused(url, tree):
    before = contents(tree)
    with pytest.raises(ValueError, match="OWNER/NAME"):
        repository.write_through(tree, url, COMMIT)
    assert contents(tree) == before


def test_a_branch_or_a_short_hash_is_no_commit(tree):
    for name in ("main", COMMIT[:7]):
        with pytest.raises(ValueError, match="full hash"):
            repository.write_through(tree, URL, name)


def test_a_notebook_without_the_line_stops_it_before_it_writes(tree):
    (tree / "exercises" / "b.ipynb").write_text('{"cells": []}\n')
    before = contents(tree)
    with pytest.raises(ValueError, match="b.ipynb needs one line"):
        repository.write_through(tree, URL, COMMIT)
    assert contents(tree) == before


def test_by_default_it_is_the_clones_own_repository(tree, capsys):
    git(tree, "init", "--quiet")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "A course")
    git(tree, "remote", "add", "origin", "git@github.com:owner/course.git")
    assert repository.main([], tree) == 0
    head = git(tree, "rev-parse", "HEAD")
    assert f"git+{URL}@{head}" in (tree / "book" / "a.ipynb").read_text()
    assert URL in capsys.readouterr().out


def test_a_clone_without_a_remote_is_told_to_name_one(tree, capsys):
    git(tree, "init", "--quiet")
    with pytest.raises(SystemExit):
        repository.main([], tree)
    assert "No such remote 'origin'" in capsys.readouterr().err


# --- The book itself -----------------------------------------------------


def test_the_books_own_address_is_sound_and_in_its_citation():
    url = repository.configured()
    assert url is None or repository.address(url) == url
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation.get("repository-code") == url


def test_every_notebook_of_the_book_can_be_published(tree):
    for folder in repository.NOTEBOOKS:
        shutil.copytree(ROOT / folder, tree / folder, dirs_exist_ok=True)
        (tree / folder / "a.ipynb").unlink()
    repository.write_through(tree, URL, COMMIT)
    for path in tree.rglob("*.ipynb"):
        cells = notebooks.read(path).cells
        setup = next(cell for cell in cells if cell.cell_type == "code")
        assert f'repository = "git+{URL}@{COMMIT}"\n' in setup.source


def test_no_page_clones_or_installs_from_an_address_of_its_own():
    """Only what `make repository` writes names the place of the course."""
    named = re.compile(r"git clone \S*://|git\+\w+://")
    for pattern in ("*.md", "book/*.md", "exercises/*.md"):
        for page in ROOT.glob(pattern):
            assert not named.search(page.read_text(encoding="utf-8")), page
