"""Write this repository's address through the tree: ``make repository``.

    python -m tools.repository                        that of `origin`
    python -m tools.repository https://github.com/OWNER/NAME

An unpublished copy names no address of its own, so that nobody's machine runs
code from a place that the publisher does not own. A published copy names its
repository in `_config.yml`, in `CITATION.cff`, and in the setup cell of every
notebook, which installs the companion package from there, always at the same
commit. Colab opens the notebooks of its branch `published`. The way back is
`git checkout`.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tools import ROOT, files

BRANCH = "published"
NOTEBOOKS = ("book", "exercises", "exercises/solutions")
GITHUB = re.compile(
    r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)github\.com[/:]"
    r"(?P<path>[A-Za-z0-9][A-Za-z0-9-]*/[\w.-]*\w)",
    re.ASCII,
)
COMMIT = re.compile(r"[0-9a-f]{40}")
# the setup cell's line, as it stands in the text of a notebook
SOURCE = re.compile(r'(?<=repository = \\")[^"\\]*(?=\\")')


def address(url: str) -> str:
    """Return https://github.com/OWNER/NAME for any spelling that git takes.

    User name and password of a clone's address are dropped. Raises ValueError
    for other hosts: the book's theme knows none that it could link to.
    """
    match = GITHUB.fullmatch(
        url.strip().removesuffix("/").removesuffix(".git")
    )
    if match is None:
        raise ValueError(
            f"{url!r} is no repository on GitHub; give its address as"
            " URL=https://github.com/OWNER/NAME"
        )
    return f"https://github.com/{match['path']}"


def configured(root: Path = ROOT) -> str | None:
    """Return the address in `_config.yml`, or None in an unpublished copy."""
    config = (root / "_config.yml").read_text(encoding="utf-8")
    return yaml.safe_load(config).get("repository", {}).get("url")


def write_through(root: Path, url: str, commit: str) -> list[Path]:
    """Make the tree a published copy; return the files that changed.

    `commit` is the full hash of the commit that the setup cells install.
    Raises ValueError before anything is written: for an address that is not
    on GitHub, a shortened hash, or a notebook without the setup cell's line.
    """
    new = address(url)
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"{commit!r} is not the full hash of a commit")
    texts = {
        path: _installing(path, f"git+{new}@{commit}")
        for folder in NOTEBOOKS
        for path in sorted((root / folder).glob("*.ipynb"))
    }
    citation, config = root / "CITATION.cff", root / "_config.yml"
    texts[citation] = _with_section(
        citation, "repository-code", f"repository-code: {new}\n"
    )
    texts[config] = _with_section(  # last: it says that the tree is published
        config,
        "repository",
        f"repository:\n  url: {new}\n  branch: {BRANCH}\n",
    )
    changed = [
        path for path in texts if path.read_bytes() != texts[path].encode()
    ]
    for path in changed:
        files.write(path, texts[path])
    return changed


def _installing(notebook: Path, source: str) -> str:
    """Return a notebook's text whose setup cell installs from `source`."""
    text, count = SOURCE.subn(source, notebook.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(
            f'{notebook.name} needs one line `repository = ""`, in its setup'
            f" cell, and has {count}; copy the cell from another notebook"
        )
    return text


def _with_section(path: Path, key: str, section: str) -> str:
    """Return the text of a YAML file, its section `key` replaced or added."""
    old = re.compile(rf"^{key}:.*\n(?:[ ].*\n)*", re.MULTILINE)
    return old.sub("", path.read_text(encoding="utf-8")) + section


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        raise ValueError(f"git: {done.stderr.strip()}")
    return done.stdout.strip()


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the address through; exit status 0 unless it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tools.repository")
    parser.add_argument(
        "url", nargs="?", help="by default that of the remote `origin`"
    )
    options = parser.parse_args(arguments)
    try:
        url = options.url or _git(root, "remote", "get-url", "origin")
        commit = _git(root, "rev-parse", "HEAD")
        changed = write_through(root, url, commit)
    except ValueError as error:
        parser.error(str(error))
    for path in changed:
        print(path.relative_to(root))
    print(f"{configured(root)} at {commit[:7]}: {len(changed)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
