"""Copies and repositories in which tests do what a contributor does."""

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from tools import ROOT


def ignored(folder, names):
    """Which names .gitignore leaves out, and git's own: for `copytree`.

    Git itself is not asked, since the sources may come without it.
    """
    place = Path("/") / Path(folder).relative_to(ROOT)
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    patterns = [line.rstrip("/") for line in ("/.git", *lines)]
    return {
        name
        for name in names
        for pattern in patterns
        if fnmatch(str(place / name), pattern)
        or ("/" not in pattern and fnmatch(name, pattern))
    }


def git(folder, *arguments):
    """Run git in a folder, as somebody; what it printed."""
    own = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    return subprocess.check_output(
        ["git", *own, *arguments], cwd=folder, text=True
    ).strip()


def run(copy, *arguments):
    """Run a module in a copy, which must succeed; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
