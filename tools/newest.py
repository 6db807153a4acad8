"""Take the version pins away, to try the newest of everything.

    python -m tools.newest

A weekly workflow does this in a checkout of its own, then chooses versions
anew, with their hashes, by `make constraints`, and runs `make test`.
Some pins stay: Jupyter Book below 2, which reads other configuration files;
d2l, which is finished; what installs all the others.
"""

import re

from tools import ROOT

FILES = ("requirements.txt", "requirements/book.txt")
KEPT = {"jupyter-book": "jupyter-book<2"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==\S+")


def without_pins(text: str) -> str:
    """Return the lines of a requirement file, each name with any version."""
    lines = []
    for line in text.splitlines():
        if line.startswith("-c "):
            continue
        pin = PIN.match(line)
        lines.append(KEPT.get(pin[1], pin[1]) if pin else line)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite the requirement files in place."""
    for name in FILES:
        path = ROOT / name
        path.write_text(without_pins(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
