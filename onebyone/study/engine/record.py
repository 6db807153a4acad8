"""The record of a study: a CSV to which several processes may append."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from onebyone import files
from onebyone.study.engine.study import Row, Study, StudyError

LOCAL = Path("studies")
PACKAGED = Path(__file__).resolve().parents[2] / "recorded"


class Record:
    """The CSV of a study. A line counts once it is whole.

    Several processes on one machine may append to it.
    """

    def __init__(self, study: Study, file: Path) -> None:
        self.study = study
        self.file = file

    def rows(self) -> list[dict[str, str]]:
        """Return the recorded runs, without a torn last line.

        Raises:
            StudyError: a line is no run of the study, or the columns are
                others; the message names the file and the line.
        """
        if not self.file.exists():
            return []
        content = self.file.read_bytes()
        return self._parse(content[: _whole(content)])

    def append(self, row: Row) -> bool:
        """Add a run unless it is there; return whether it was added."""
        with self._lock():
            content = self.file.read_bytes() if self.file.exists() else b""
            whole = _whole(content)
            rows = self._parse(content[:whole])
            if self.study.key(row) in map(self.study.key, rows):
                return False
            text = self._text([row], header=whole == 0).encode()
            with open(self.file, "ab", buffering=0) as stream:
                stream.truncate(whole)
                if os.write(stream.fileno(), text) < len(text):
                    stream.truncate(whole)
                    raise OSError(f"no room to write to {self.file}")
                os.fsync(stream.fileno())
            return True

    def move_to(self, other: "Record") -> int:
        """Move these runs into ``other``; return the count.

        There they replace those of the same configuration and seed.
        """
        with other._lock(), self._lock():
            moved = self.rows()
            if moved:
                rows = [*other.rows(), *moved]
                runs = {self.study.key(row): row for row in rows}
                text = other._text(runs.values(), header=True)
                files.write(other.file, text)
            self.file.unlink(missing_ok=True)
        return len(moved)

    def restamp(self, was: str, code: str) -> int:
        """Give the runs of one fingerprint another; return the count."""
        with self._lock():
            rows = self.rows()
            stamped = [row for row in rows if row["code"] == was]
            for row in stamped:
                row["code"] = code
            if stamped:
                files.write(self.file, self._text(rows, header=True))
        return len(stamped)

    def _lock(self) -> FileLock:
        """Return the lock that whoever writes the record holds."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = self.file.with_name(f".{self.file.stem}.lock")
        return FileLock(lock, poll_interval=0.01)

    def _parse(self, content: bytes) -> list[dict[str, str]]:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self._no_run(line, "not UTF-8") from None
        reader = csv.reader(io.StringIO(text, newline=""))
        try:
            lines = [(reader.line_num, fields) for fields in reader]
        except csv.Error as error:
            raise self._no_run(reader.line_num, str(error)) from None
        if not lines:
            return []
        (_, columns), *runs = lines
        if columns != self.study.columns:
            raise StudyError(
                f"line 1 of {self.file} names other columns than the study "
                f"{self.study.name} now: move the file away to start afresh"
            )
        for line, fields in runs:
            if len(fields) != len(columns):
                count = f"{len(fields)} fields instead of {len(columns)}"
                raise self._no_run(line, count)
        return [dict(zip(columns, run, strict=True)) for _, run in runs]

    def _no_run(self, line: int, reason: str) -> StudyError:
        return StudyError(
            f"line {line} of {self.file} is no run of the study "
            f"{self.study.name} ({reason}): remove the line, or take the "
            "file from git again"
        )

    def _text(self, rows: Iterable[Row], header: bool) -> str:
        stream = io.StringIO()
        columns = self.study.columns
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()


def local_record(study: Study, folder: Path = LOCAL) -> Record:
    """Return the record of the runs made here."""
    return Record(study, folder / f"{study.name}.csv")


def packaged_record(study: Study) -> Record:
    """Return the record that the package carries."""
    return Record(study, PACKAGED / f"{study.name}.csv")


def _whole(content: bytes) -> int:
    """Return how many bytes the whole lines take.

    A crash leaves the beginning of a line without its end. A loss of power
    can also leave zeros where the disk had not written yet.
    """
    end = content.rfind(b"\n") + 1
    last = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
    return last if b"\0" in content[last:end] else end
