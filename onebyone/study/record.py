"""The CSV of a study, to which several processes may append."""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
        """The recorded runs; a torn last line is not one."""
        if not self.file.exists():
            return []
        content = self.file.read_bytes()
        return self._parse(content[: self._whole(content)])

    def append(self, row: Row) -> bool:
        """Add a run in one write, unless it is there: whether it was not."""
        with self._locked() as descriptor:
            content = self.file.read_bytes()
            whole = self._whole(content)
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
        with self._locked() as descriptor:
            own = self.rows()
            runs = {self.study.key(row): row for row in [*other.rows(), *own]}
            partial = other.file.with_suffix(".partial")
            text = self._text(list(runs.values()), header=True)
            with open(partial, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, other.file)
            os.ftruncate(descriptor, 0)
        return len(own)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.file, flags, 0o644)
        try:
            flock(descriptor, LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _whole(self, content: bytes) -> int:
        """How many bytes the whole lines take."""
        end = content.rfind(b"\n") + 1
        last = content[content.rfind(b"\n", 0, max(end - 1, 0)) + 1 : end]
        fields = next(csv.reader([last.decode(errors="replace")]), [])
        if end and len(fields) != len(self.study.columns):
            end -= len(last)
        return end

    def _parse(self, content: bytes) -> list[dict[str, str]]:
        rows = list(csv.reader(content.decode().splitlines()))
        if not rows:
            return []
        header, *runs = rows
        if header != self.study.columns:
            raise StudyError(
                f"{self.file} has other columns than the study "
                f"{self.study.name} now: move it away to start afresh"
            )
        return [dict(zip(header, run, strict=True)) for run in runs]

    def _text(self, rows: list[Row], header: bool) -> str:
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
