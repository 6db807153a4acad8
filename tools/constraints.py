"""Compile the versions of everything, and their hashes: ``make constraints``.

All in ``requirements/``: ``constraints.txt`` is the full closure for Python
3.11 and newer on every platform, without annotations and without addresses
of any package index. ``hashes.txt`` is the same with the SHA-256 of every
file, and d2l besides; ``hashes-book.txt`` is what the book alone needs of it.
``uv.txt``, which is installed first, keeps its versions and gets the hashes
of those.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT, files

BOOK = "requirements/book.txt"
TESTS = "requirements.txt"
WITHOUT_DEPENDENCIES = "requirements/d2l.txt"
INSTALLER = "requirements/uv.txt"


def pins(text: str) -> list[str]:
    """Return the requirements alone, without options, comments and hashes."""
    return [
        line.removesuffix("\\").strip()
        for line in text.splitlines()
        if line and not line.startswith(("-", "#", " "))
    ]


def direct_dependencies(*names: str) -> list[str]:
    """Return what the requirement files ask for."""
    texts = [(ROOT / name).read_text("utf-8") for name in names]
    return [pin for text in texts for pin in pins(text)]


def comments(name: str) -> str:
    """Return the comment at the head of a file."""
    lines = (ROOT / name).read_text("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("#"))


def compile_pins(lines: list[str], *options: str) -> str:
    """Return pinned requirements with their hashes, as text."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.in")
        wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = Path(folder, "compiled.txt")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet"]
        command += ["--universal", "--python-version", "3.11", "--no-header"]
        command += ["--no-annotate", "--generate-hashes", *options]
        command += ["--output-file", str(result), str(wanted)]
        subprocess.run(command, check=True)
        return result.read_text(encoding="utf-8")


def main() -> None:
    """Resolve everything, then replace the four files."""
    closure = compile_pins(direct_dependencies(BOOK, TESTS, INSTALLER))
    alone, installer = (
        compile_pins(direct_dependencies(name), "--no-deps")
        for name in (WITHOUT_DEPENDENCIES, INSTALLER)
    )
    versions = "\n".join(pins(closure)) + "\n"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        chosen.write(versions)
        chosen.flush()
        book = compile_pins(direct_dependencies(BOOK), "-c", chosen.name)
    written = {
        "requirements/constraints.txt": versions,
        "requirements/hashes.txt": closure + alone,
        "requirements/hashes-book.txt": book,
        INSTALLER: comments(INSTALLER) + installer,
    }
    for name, text in written.items():
        files.write(ROOT / name, text)


if __name__ == "__main__":
    main()
