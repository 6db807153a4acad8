"""Write the repository's address through to everything that names it.

    python -m tools.repository https://github.com/OWNER/NAME

The address stands in `_config.yml`; the setup cells of the notebooks, the
badges of the README and others repeat it, for Colab and GitHub Pages in forms
of their own. All of them change, `_config.yml` last: a run that was
interrupted can be repeated.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.notebooks import write_atomically

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(
    r"https://github\.com/(?P<owner>[A-Za-z0-9][A-Za-z0-9-]*)"
    r"/(?P<name>[\w.-]*\w)"
)
INSTALLED = re.compile(rf"git\+({ADDRESS.pattern})")


def address(url: str) -> str:
    """Check an address; a closing slash or `.git` is dropped.

    Raises ValueError unless it is https://github.com/OWNER/NAME: the book's
    theme refuses to build with any other.
    """
    plain = url.strip().removesuffix("/").removesuffix(".git")
    if not ADDRESS.fullmatch(plain):
        raise ValueError(
            f"{url!r} is not of the form https://github.com/OWNER/NAME"
        )
    return plain


def configured(root: Path = ROOT) -> str:
    """The address in `_config.yml`."""
    config = (root / "_config.yml").read_text(encoding="utf-8")
    return yaml.safe_load(config)["repository"]["url"]


def write_through(root: Path, url: str) -> list[Path]:
    """Put the address into every file that names another; return them."""
    new = address(url)
    texts = dict(_texts(root))
    old = _installed_from(texts) | {configured(root)}
    changed = []
    for path, text in sorted(texts.items(), key=_config_last):
        replaced = text
        for other in sorted(old - {new}):
            replaced = _replace(replaced, other, new)
        if replaced != text:
            write_atomically(path, replaced)
            changed.append(path)
    return changed


def _config_last(item: tuple[Path, str]) -> tuple[bool, Path]:
    return item[0].name == "_config.yml", item[0]


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    """The text files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in set(listed.split("\0")) - {""}:
        path = root / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            yield path, path.read_bytes().decode()
        except UnicodeDecodeError:
            continue


def _installed_from(texts: dict[Path, str]) -> set[str]:
    """The addresses in the notebooks' setup cells."""
    return {
        address(match[1])
        for path, text in texts.items()
        if path.suffix == ".ipynb"
        for match in INSTALLED.finditer(text)
    }


def _replace(text: str, old: str, new: str) -> str:
    end = r"(?![\w-]|\.(?!git\b)\w)"
    for old_form, new_form in zip(_forms(old), _forms(new), strict=True):
        text = re.sub(re.escape(old_form) + end, new_form, text)
    return text


def _forms(url: str) -> list[str]:
    """The address on GitHub, Colab, raw files and GitHub Pages."""
    owner, name = ADDRESS.fullmatch(url).group("owner", "name")
    return [
        f"github.com/{owner}/{name}",
        f"colab.research.google.com/github/{owner}/{name}",
        f"raw.githubusercontent.com/{owner}/{name}",
        f"{owner}.github.io/{name}",
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.repository")
    parser.add_argument("url", help="https://github.com/OWNER/NAME")
    options = parser.parse_args(arguments)
    try:
        changed = write_through(ROOT, options.url)
    except ValueError as error:
        parser.error(str(error))
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"{len(changed)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
