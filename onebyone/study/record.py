"""The CSV of a study, to which several processes may append."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from onebyone.study.declaration import Row, Study, StudyError

try:
    from fcntl import LOCK_EX, flock
except ModuleNotFoundError:  # Windows: start one process at a time
    LOCK_EX = 0

    def flock(descriptor: int, operation: int) -> None:
        pass


OWN = Path("studies")
PACKAGED = Path(__file__).parent.parent / "recorded"


class Record:
    """The CSV of a study. A line counts once it is whole.

    Several processes on one machine may append to it.
    """

    def __init__(self, study: Study, file: Path) -> None:
        self.study = study
        self.file = file

    def rows(self) -> list[dict[str, str]]:
        """The recorded runs; a torn last line is not one.

        Raises:
            StudyError: a line is not a run of the study, or the columns are
                others; the message names the file and the line.
        """
        if not self.file.exists():
            return []
        content = self.file.read_bytes()
        return self._parse(content[: _whole(content)])

    def append(self, row: Row) -> bool:
        """Add a run in one write, unless it is there: whether it was not."""
        with self._locked() as descriptor:
            content = self.file.read_bytes()
            whole = _whole(content)
            if whole < len(content):
                os.ftruncate(descriptor, whole)
            rows = self._parse(content[:whole])
            if self.study.key(row) in map(self.study.key, rows):
                return False
            text = self._text([row], header=whole == 0).encode()
            if os.write(descriptor, text) < len(text):
                os.ftruncate(descriptor, whole)
                raise OSError(f"no room to write to {self.file}")
            os.fsync(descriptor)
            return True

    def move_to(self, other: "Record") -> int:
        """Replace or add these runs in ``other``, then forget them here."""
        if not self.file.exists():
            return 0
        with other._held(), self._locked() as descriptor:
            own = self.rows()
            runs = {self.study.key(row): row for row in [*other.rows(), *own]}
            replace(other.file, other._text(runs.values(), header=True))
            os.ftruncate(descriptor, 0)
        return len(own)

    def restamp(self, was: str, code: str) -> int:
        """Give the runs of one fingerprint another; return how many."""
        if not self.file.exists():
            return 0
        with self._held():
            rows = self.rows()
            stamped = [row for row in rows if row["code"] == was]
            for row in stamped:
                row["code"] = code
            replace(self.file, self._text(rows, header=True))
        return len(stamped)

    def _held(self) -> AbstractContextManager:
        """The lock, to replace the file; Windows replaces no open one."""
        return self._locked() if LOCK_EX else nullcontext()

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        while True:
            descriptor = os.open(self.file, flags, 0o644)
            try:
                flock(descriptor, LOCK_EX)
                if self._is_open_as(descriptor):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    def _is_open_as(self, descriptor: int) -> bool:
        """Whether nobody has replaced the file since it was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.file))
        except FileNotFoundError:
            return False

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


def own_record(study: Study, folder: Path = OWN) -> Record:
    """The runs made here."""
    return Record(study, folder / f"{study.name}.csv")


def packaged_record(study: Study) -> Record:
    """The runs that the package carries."""
    return Record(study, PACKAGED / f"{study.name}.csv")


def replace(file: Path, text: str) -> None:
    """Write a new file, then rename it: all of it or nothing."""
    partial = file.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, file)


def _whole(content: bytes) -> int:
    """How many bytes the whole lines take.

    A crash leaves the beginning of a line without its end. A loss of power
    can also leave zeros where the disk had not written yet.
    """
    end = content.rfind(b"\n") + 1
    last = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
    return last if b"\0" in content[last:end] else end
