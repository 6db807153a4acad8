"""A record keeps every run, and is read or refused in one sentence."""

import os
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onebyone import files
from onebyone import study as studies
from onebyone.study import Record, Study, StudyError
from onebyone.study.__main__ import main
from onebyone.study.engine import record

pytestmark = pytest.mark.usefixtures("empty_records")


def measure(number, seed):
    return {"value": number + seed / 3, "note": "n"}


def tiny(measure=measure, **changes):
    options = {"measurements": ["value", "note"], "seeds": 1} | changes
    numbers = [{"number": n} for n in range(3)]
    return Study("tiny", "?", numbers, measure, shown=["value"], **options)


@pytest.fixture(autouse=True)
def listed(monkeypatch):
    monkeypatch.setitem(studies.STUDIES, "tiny", tiny())


def file():
    return record.LOCAL / "tiny.csv"


def runs(of=None):
    """Number and seed of each run in a record, in its order."""
    rows = (of or studies.local_record(tiny())).rows()
    return [(int(row["number"]), int(row["seed"])) for row in rows]


# --- Lines that are not whole ----------------------------------------------


@pytest.mark.parametrize(
    "torn",
    [
        lambda text: text[:-1],
        lambda text: text[:-20],
        lambda text: text[:-20] + bytes(19) + b"\n",  # by a loss of power
    ],
)
def test_a_torn_last_line_is_dropped_and_its_run_made_again(torn):
    studies.run(tiny())
    file().write_bytes(torn(file().read_bytes()))
    assert runs() == [(0, 0), (1, 0)]
    assert studies.run(tiny()) == 1
    assert runs() == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("size", [1, 10])
def test_a_torn_header_is_written_again(size):
    studies.run(tiny())
    whole = file().read_bytes()
    file().write_bytes(whole[:size])
    assert runs() == []
    assert studies.run(tiny()) == 3
    assert file().read_bytes().splitlines()[0] == whole.splitlines()[0]


def test_a_full_disk_leaves_no_half_line(monkeypatch):
    studies.run(tiny())
    before, write = file().read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[:9]))
    with pytest.raises(OSError, match="no room"):
        studies.run(tiny(), seeds=2)
    assert file().read_bytes() == before


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
    file().unlink(missing_ok=True)

    def failing(number, seed):
        if number == 1:
            return {"outcome": message, "value": 1.5, "note": message}
        raise RuntimeError(message)

    study = tiny(failing)
    assert studies.run(study) == 3
    rows = studies.local_record(study).rows()
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["outcome"].startswith("RuntimeError: ")
    assert rows[1]["note"].isprintable() and rows[1]["value"] == "1.5"
    assert len(studies.load("tiny")) == 3
    assert studies.run(study) == 0


def test_an_ordinary_message_is_recorded_word_for_word():
    def failing(number, seed):
        raise RuntimeError('größer als 3×3, "sagt" er')

    studies.run(tiny(failing))
    outcome = studies.local_record(tiny()).rows()[0]["outcome"]
    assert outcome == 'RuntimeError: größer als 3×3, "sagt" er'


def test_a_message_that_holds_a_line_break_is_read():
    studies.run(tiny())
    text = file().read_text()
    old = text.replace(",ok,", ',"Error: a\rb\u2028c",', 1)
    file().write_bytes(old.encode())
    row, *others = studies.local_record(tiny()).rows()
    assert row["outcome"] == "Error: a\rb\u2028c"
    assert len(others) == 2


# --- Damage by hand --------------------------------------------------------

DAMAGE = {
    "a blank line": (3, b"\n", "line 3 of .*0 fields instead of"),
    "a mark of a merge": (2, b"<<<<<<< HEAD\n", "line 2 of .*1 fields"),
    "a line of another record": (5, b"a,b,c\n", "line 5 of .*3 fields"),
    "a byte of Latin-1": (4, b"gr\xf6\xdfer\n", "line 4 of .*not UTF-8"),
    "a mark at the top": (1, b"<<<<<<< HEAD\n", "line 1 of .*other columns"),
    "a field without an end": (3, b'"1,0\n', "no run of the study"),
}


@pytest.mark.parametrize("line, content, said", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_file_and_line(line, content, said, capsys):
    studies.run(tiny())
    lines = file().read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[: line - 1], content, *lines[line - 1 :]])
    file().write_bytes(damaged)
    with pytest.raises(StudyError, match=said) as refused:
        studies.run(tiny())
    assert "\n" not in str(refused.value) and "tiny.csv" in str(refused.value)
    capsys.readouterr()
    for command in ("run", "status", "table", "publish"):
        assert main([command, "tiny"]) == 1
        assert capsys.readouterr().err == f"{refused.value}\n"
    assert main(["list"]) == 1
    assert file().read_bytes() == damaged


def test_a_record_with_other_columns_is_refused():
    studies.run(tiny())
    wider = tiny(measurements=["value", "note", "more"])
    with pytest.raises(StudyError, match="line 1 of .* other columns"):
        Record(wider, file()).rows()


# --- Publishing ------------------------------------------------------------


def test_publishing_moves_the_runs_into_the_package():
    studies.run(tiny())
    assert studies.publish(tiny()) == 3
    assert runs() == []
    assert studies.run(tiny(), seeds=2) == 3  # seed 1 only
    assert studies.publish(tiny()) == 3
    assert len(runs(studies.packaged_record(tiny()))) == 6
    assert studies.publish(tiny()) == 0
    assert [p.name for p in record.PACKAGED.glob("[!.]*")] == ["tiny.csv"]


def test_a_publication_that_was_interrupted_can_be_repeated():
    studies.run(tiny())
    text = file().read_text()
    studies.publish(tiny())
    file().write_text(text)  # killed before it forgot them
    assert studies.publish(tiny()) == 3
    assert len(studies.load("tiny")) == 3


# --- Two at once -----------------------------------------------------------


@pytest.fixture
def waiting(monkeypatch):
    """Counts who has come to the lock of a record."""
    count = threading.Semaphore(0)

    class Watched(record.FileLock):
        def acquire(self, *arguments, **options):
            count.release()
            return super().acquire(*arguments, **options)

    monkeypatch.setattr(record, "FileLock", Watched)
    return count


def test_a_run_that_two_processes_made_is_recorded_once():
    row = studies.run_one(tiny(), {"number": 1, "seed": 0})
    assert studies.local_record(tiny()).append(row)
    assert not studies.local_record(tiny()).append(row)
    assert runs() == [(1, 0)]


def test_publishing_from_two_folders_at_once_loses_no_run(tmp_path, waiting):
    folders = [tmp_path / "first", tmp_path / "second"]
    for seed, folder in enumerate(folders):
        for number in range(3):
            row = studies.run_one(tiny(), {"number": number, "seed": seed})
            studies.local_record(tiny(), folder).append(row)
            waiting.acquire()
    threads = [
        threading.Thread(target=studies.publish, args=(tiny(), folder))
        for folder in folders
    ]
    packaged = studies.packaged_record(tiny())
    with packaged._lock():
        waiting.acquire()
        for thread in threads:
            thread.start()
            assert waiting.acquire(timeout=60)
    for thread in threads:
        thread.join()
    assert sorted(runs(packaged)) == [(n, s) for n in range(3) for s in (0, 1)]


def test_a_run_that_waits_while_the_record_is_replaced_is_not_lost(waiting):
    studies.run(tiny())
    own = studies.local_record(tiny())
    late = studies.run_one(tiny(), {"number": 0, "seed": 9})
    thread = threading.Thread(target=own.append, args=(late,))
    with own._lock():
        while waiting.acquire(blocking=False):
            pass
        thread.start()
        assert waiting.acquire(timeout=60)
        files.write(own.file, own.file.read_text())
    thread.join()
    assert runs() == [(0, 0), (1, 0), (2, 0), (0, 9)]
