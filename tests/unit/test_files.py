"""A file is written whole, or not at all."""

import os

import pytest

from onebyone import files


@pytest.mark.parametrize("content", ["à la\r\nlettre\n", b"\x00\xff"])
def test_text_and_bytes_are_written_as_they_are(content, tmp_path):
    path = tmp_path / "file"
    files.write(path, content)
    written = content.encode() if isinstance(content, str) else content
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_mode(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    files.write(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_alone(
    step, error, tmp_path, monkeypatch
):
    def fail(*arguments):
        raise error

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
