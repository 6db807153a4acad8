"""Compile constraints.txt from the requirement files (``make constraints``).

The result is the full closure for Python 3.11 and newer on every platform,
without annotations and without addresses of any package index.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("requirements-book.txt", "requirements.txt")


def direct_dependencies() -> list[str]:
    """The requirement lines themselves, without options and comments."""
    lines = []
    for name in SOURCES:
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("-", "#")):
                lines.append(line)
    return lines


def main() -> None:
    """Resolve into a temporary file, then replace constraints.txt."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.in")
        wanted.write_text("\n".join(direct_dependencies()) + "\n")
        compiled = Path(folder, "constraints.txt")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet"]
        options = ["--universal", "--python-version", "3.11", "--no-header"]
        options += ["--no-annotate", "--output-file", str(compiled)]
        subprocess.run([*command, *options, str(wanted)], check=True)
        (ROOT / "constraints.txt").write_text(compiled.read_text())


if __name__ == "__main__":
    main()
