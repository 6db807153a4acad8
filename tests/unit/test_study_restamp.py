"""A record gets a new fingerprint only where the code does the same."""

import csv
import importlib
import itertools
import os
import shutil
import textwrap
from pathlib import Path

import pytest
from copies import git

import onebyone
from onebyone import study as studies
from onebyone.study import StudyError
from onebyone.study.__main__ import main
from onebyone.study.engine import record
from onebyone.study.engine import restamp as module
from onebyone.study.engine.restamp import restamp

STUDY = '''
    """The study *thirds*: does a third of a seed show?"""

    from onebyone.study.engine.study import Row, Study

    SHARE = 3


    def measure(part: int, kind: str, seed: int) -> Row:
        """A number that depends on the seed, and a time."""
        return {"value": part + seed / SHARE, "cpu_seconds": id(object())}


    STUDY = Study(
        name="thirds",
        question="Does a third of a seed show?",
        configurations=[
            {"part": part, "kind": kind}
            for part in (1, 2, 3)
            for kind in ("plain", "residual")
        ],
        measure=measure,
        measurements=["value", "cpu_seconds"],
        shown=["value"],
    )
'''
fresh = itertools.count()


class Repository:
    """The package in a repository of its own, with one small study more."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.package = folder / "onebyone"
        self.monkeypatch = monkeypatch
        shutil.copytree(
            Path(onebyone.__file__).parent,
            self.package,
            ignore=shutil.ignore_patterns("__pycache__", "*.csv"),
        )
        (folder / ".gitignore").write_text("__pycache__/\n")
        catalogue = self.package / "study" / "catalogue.py"
        text = catalogue.read_text(encoding="utf-8")
        text = text.replace(
            "STUDIES = {", "STUDIES = {'thirds': thirds.STUDY} | {"
        )
        imported = "from onebyone.study import thirds\n"
        catalogue.write_text(imported + text, encoding="utf-8")
        monkeypatch.setattr(module, "PACKAGE", self.package)
        monkeypatch.setattr(record, "PACKAGED", self.package / "recorded")
        monkeypatch.syspath_prepend(folder.parent)
        git(folder, "init", "-q")
        self.code = textwrap.dedent(STUDY).lstrip()
        self.write()
        self.first = self.commit()
        studies.run(self.study)
        studies.publish(self.study)

    def write(self, old="", new=""):
        """Change the code of the study, here and in this process."""
        assert old in self.code
        self.code = self.code.replace(old, new) if old else self.code
        file = self.package / "study" / "thirds.py"
        file.write_text(self.code, encoding="utf-8")
        self.monkeypatch.setitem(studies.STUDIES, "thirds", self.load())

    def load(self):
        """The study, from a copy that keeps its text whatever changes."""
        name = f"thirds{next(fresh)}"
        copy = self.folder.parent / f"{name}.py"
        copy.write_text(self.code, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(name).STUDY

    def commit(self):
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-qm", "change")
        return git(self.folder, "rev-parse", "--short=7", "HEAD")

    @property
    def study(self):
        return studies.STUDIES["thirds"]

    @property
    def records(self):
        """The text of the record and of what lies beside it."""
        files = sorted((self.package / "recorded").glob("*.csv"))
        return {file.name: file.read_text(encoding="utf-8") for file in files}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook sets some, of another repository
    folder = tmp_path / "repository"
    folder.mkdir()
    return Repository(folder, monkeypatch)


def changed_without_effect(repository):
    repository.write("part + seed / SHARE", "seed / SHARE + part")
    return repository.commit()


# --- The same to the last bit ----------------------------------------------


def test_code_that_does_the_same_gives_the_record_its_fingerprint(
    repository, capsys
):
    before = repository.records["thirds.csv"]
    old = {row["code"] for row in csv.DictReader(before.splitlines())}
    changed_without_effect(repository)
    assert main(["restamp", "thirds", "--was", repository.first]) == 0
    said = capsys.readouterr().out
    assert "making 6 of 30 runs again" in said
    assert "to the last bit, in value outcome; 30 runs now have" in said
    new = repository.study.code_version
    assert repository.records["thirds.csv"] == before.replace(*old, new)
    (note,) = csv.DictReader(repository.records["restamped.csv"].splitlines())
    assert (note["was_code"], note["code"]) == (*old, new)
    assert note["was_commit"] == repository.first
    assert note["runs"] == "30" and note["made_again"].count(";") == 5
    assert "cpu_seconds" not in note["equal"]
    assert studies.run(repository.study) == 0
    assert git(repository.folder, "worktree", "list").count("\n") == 0


def test_a_second_restamp_has_nothing_to_do(repository):
    assert "no run was recorded by other code" in restamp(
        repository.study, repository.first
    )


def test_the_local_record_gets_the_fingerprint_too(repository, monkeypatch):
    monkeypatch.setattr(module, "_compare", lambda study, sides: ["value"])
    packaged = repository.package / "recorded" / "thirds.csv"
    own = record.LOCAL / "thirds.csv"
    own.write_bytes(packaged.read_bytes())
    packaged.unlink()
    changed_without_effect(repository)
    restamp(repository.study, repository.first, rows=1)
    assert {
        row["code"] for row in studies.local_record(repository.study).rows()
    } == {repository.study.code_version}
    assert (record.LOCAL / "restamped.csv").exists()
    assert repository.records == {}


# --- Refusals, which change nothing ----------------------------------------


@pytest.fixture
def untouched(repository):
    """Whatever happens, the record stays and no work tree is left."""
    before = repository.records
    yield repository
    assert repository.records == before
    assert git(repository.folder, "worktree", "list").count("\n") == 0


def test_other_results_are_refused_with_run_and_values(untouched, capsys):
    untouched.write("SHARE = 3", "SHARE = 3.0000000000000004")
    untouched.commit()
    assert main(["restamp", "thirds", "--was", untouched.first]) == 1
    said = capsys.readouterr().err
    assert "the record of thirds stays as it is" in said
    assert "2 plain 1: value 2.3333333333333335, now 2.333333333333333" in said
    assert said.count("\n") == 1 and "cpu_seconds" not in said


def test_changes_that_are_not_committed_are_refused(untouched):
    untouched.write("SHARE = 3", "SHARE = 6 / 2")
    with pytest.raises(StudyError, match="not committed: onebyone/study/thi"):
        restamp(untouched.study, untouched.first)


def test_a_commit_that_did_not_make_the_record_is_refused(untouched):
    now = changed_without_effect(untouched)
    with pytest.raises(StudyError, match="there is no commit 1234567 in"):
        restamp(untouched.study, "1234567")
    untouched.write("SHARE = 3", "SHARE = 6 / 2")
    untouched.commit()
    with pytest.raises(StudyError, match=f"the code of {now} does not make"):
        restamp(untouched.study, now)


def test_a_record_of_several_codes_is_refused(untouched):
    file = untouched.package / "recorded" / "thirds.csv"
    text = file.read_text()
    file.write_text(
        text.replace(untouched.study.code_version, "0123456789", 3)
    )
    changed_without_effect(untouched)
    with pytest.raises(StudyError, match="several codes"):
        restamp(untouched.study, untouched.first)
    file.write_text(text)


def test_ctrl_c_leaves_the_record_as_it_was(untouched, monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    changed_without_effect(untouched)
    monkeypatch.setattr(module, "_remeasure", interrupted)
    assert main(["restamp", "thirds", "--was", untouched.first]) == 130
    assert "The record is as it was." in capsys.readouterr().out


def test_a_full_disk_leaves_the_record_as_it_was(untouched, monkeypatch):
    def full(descriptor):
        raise OSError("no space left")

    changed_without_effect(untouched)
    monkeypatch.setattr(module, "_compare", lambda study, sides: ["value"])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        restamp(untouched.study, untouched.first)


def test_settings_and_seeds_come_up_equally_often(repository):
    study = repository.study
    rows = studies.packaged_record(study).rows()
    sample = module._sample(study, rows, 6)
    for name, values in (("part", 3), ("kind", 2), ("seed", 5)):
        assert len({row[name] for row in sample}) == values
    assert module._sample(study, rows[::-1], 6) == sample
    assert len(module._sample(study, rows, 99)) == 30
