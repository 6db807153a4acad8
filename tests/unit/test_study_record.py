"""Whatever a record holds, it is read or refused in one sentence."""

import os
import platform
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onebyone import study as studies
from onebyone.study import Study, StudyError, record, running
from onebyone.study.__main__ import main


def measure(number, seed):
    return {"value": number + seed / 3, "note": "n"}


def tiny(measure=measure):
    return Study(
        name="tiny",
        question="Is it readable?",
        configurations=[{"number": n} for n in range(3)],
        measure=measure,
        measurements=["value", "note"],
        shown=["value"],
        seeds=1,
    )


@pytest.fixture(autouse=True)
def sandbox(tmp_path, monkeypatch):
    """An empty package of records and an empty folder, with one study."""
    (tmp_path / "recorded").mkdir()
    monkeypatch.setattr(record, "PACKAGED", tmp_path / "recorded")
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny())
    monkeypatch.chdir(tmp_path)


def own_file():
    return record.OWN / "tiny.csv"


# --- Messages --------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # surrogates too


@given(ANY_TEXT)
@example("a\rb")
@example("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g")
@example("\0")
@example("\ud800 alone")
@example('"quoted", twice')
@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_run_with_any_message_is_one_readable_row(capsys, message):
    own_file().unlink(missing_ok=True)

    def failing(number, seed):
        if number == 1:
            return {"outcome": message, "value": 1.5, "note": message}
        raise RuntimeError(message)

    study = tiny(failing)
    assert studies.run(study) == 3
    rows = studies.own_record(study).rows()
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["outcome"].startswith("RuntimeError: ")
    assert rows[1]["note"].isprintable() and rows[1]["value"] == "1.5"
    assert len(studies.load("tiny")) == 3
    assert studies.run(study) == 0


def test_an_ordinary_message_is_recorded_word_for_word():
    def failing(number, seed):
        raise RuntimeError('größer als 3×3, "sagt" er')

    study = tiny(failing)
    studies.run(study)
    outcome = studies.own_record(study).rows()[0]["outcome"]
    assert outcome == 'RuntimeError: größer als 3×3, "sagt" er'


def test_a_row_of_before_with_a_line_break_in_its_message_is_read():
    studies.run(tiny())
    text = own_file().read_text()
    old = text.replace(",ok,", ',"Error: a\rb\u2028c",', 1)
    own_file().write_bytes(old.encode())
    row, *others = studies.own_record(tiny()).rows()
    assert row["outcome"] == "Error: a\rb\u2028c"
    assert len(others) == 2


# --- Damage by hand --------------------------------------------------------


def insert(line, content):
    """Put a line into the record, in front of the given one."""
    lines = own_file().read_bytes().splitlines(keepends=True)
    lines.insert(line - 1, content)
    own_file().write_bytes(b"".join(lines))


DAMAGE = {
    "a blank line": (3, b"\n", "line 3 of .*0 fields instead of"),
    "a mark of a merge": (2, b"<<<<<<< HEAD\n", "line 2 of .*1 fields"),
    "a line of another record": (5, b"a,b,c\n", "line 5 of .*3 fields"),
    "a byte of Latin-1": (4, b"gr\xf6\xdfer\n", "line 4 of .*not UTF-8"),
    "a mark at the top": (1, b"<<<<<<< HEAD\n", "line 1 of .*other columns"),
}


@pytest.mark.parametrize("line, content, said", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_file_and_line(line, content, said, capsys):
    studies.run(tiny())
    insert(line, content)
    damaged = own_file().read_bytes()
    with pytest.raises(StudyError, match=said) as refused:
        studies.run(tiny())
    assert "\n" not in str(refused.value) and "tiny.csv" in str(refused.value)
    capsys.readouterr()
    for command in ("run", "status", "table", "publish"):
        assert main([command, "tiny"]) == 1
        assert capsys.readouterr().err == f"{refused.value}\n"
    assert main(["list"]) == 1
    assert own_file().read_bytes() == damaged


def test_a_field_without_an_end_is_refused():
    studies.run(tiny())
    insert(3, b'"1,0\n')
    with pytest.raises(StudyError, match="no run of the study"):
        studies.load("tiny")


# --- Two at once -----------------------------------------------------------


def test_publishing_from_two_folders_at_once_loses_no_run(
    tmp_path, monkeypatch
):
    """One reads the packaged record, then the other publishes."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, seeds in zip(folders, (1, 2), strict=True):
        studies.run(tiny(), seeds, folder)
    shorter = studies.own_record(tiny(), folders[1])
    seed_1 = shorter._text(shorter.rows()[3:], header=True)
    record.replace(shorter.file, seed_1)
    other = threading.Thread(
        target=studies.publish, args=(tiny(), folders[1]), name="other"
    )
    packaged = record.PACKAGED / "tiny.csv"
    packaged.touch()
    waits_or_ended = threading.Event()
    flock, text = record.flock, record.Record._text

    def watched_flock(descriptor, operation):
        if threading.current_thread() is other and os.path.samestat(
            os.fstat(descriptor), os.stat(packaged)
        ):
            waits_or_ended.set()
        flock(descriptor, operation)

    def interrupted_text(self, *arguments, **options):
        """Called between reading and writing the packaged record."""
        if threading.current_thread() is not other:
            other.start()
            watcher = threading.Thread(
                target=lambda: (other.join(), waits_or_ended.set())
            )
            watcher.start()
            assert waits_or_ended.wait(60)
        return text(self, *arguments, **options)

    monkeypatch.setattr(record, "flock", watched_flock)
    monkeypatch.setattr(record.Record, "_text", interrupted_text)
    assert studies.publish(tiny(), folders[0]) == 3
    other.join()
    rows = studies.packaged_record(tiny()).rows()
    assert {(row["number"], row["seed"]) for row in rows} == {
        (str(number), str(seed)) for number in range(3) for seed in range(2)
    }


def test_a_run_that_waits_while_the_record_is_replaced_is_not_lost(
    monkeypatch,
):
    studies.run(tiny())
    own = studies.own_record(tiny())
    late = studies.run_one(tiny(), {"number": 0, "seed": 9})
    waiting = threading.Thread(target=own.append, args=(late,))
    waits, flock = threading.Event(), record.flock

    def watched_flock(descriptor, operation):
        if threading.current_thread() is waiting:
            waits.set()
        flock(descriptor, operation)

    monkeypatch.setattr(record, "flock", watched_flock)
    with own._held():
        waiting.start()
        assert waits.wait(60)
        record.replace(own.file, own.file.read_text())
    waiting.join()
    assert [row["seed"] for row in own.rows()] == ["0", "0", "0", "9"]


# --- The machine -----------------------------------------------------------


def test_a_row_names_the_processor(monkeypatch):
    running.processor.cache_clear()
    monkeypatch.setattr(running, "cpuinfo", lambda *fields: "Some CPU 9000")
    monkeypatch.setattr(running.sys, "platform", "linux")
    row = studies.run_one(tiny(), {"number": 1, "seed": 0})
    running.processor.cache_clear()
    assert row["device"] == f"cpu (Some CPU 9000, {platform.machine()})"
