"""The table of contents: which pages the book has, in reading order."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from tools import ROOT


def pages(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield each page of `_toc.yml` with the name of its part.

    A page is named without suffix, such as "book/nin"; the first one, the
    cover, belongs to no part.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    yield toc["root"], ""
    for part in toc.get("parts", []):
        for file in _files(part["chapters"]):
            yield file, part["caption"]


def _files(entries: list[dict]) -> Iterator[str]:
    for entry in entries:
        yield entry["file"].removesuffix(".ipynb").removesuffix(".md")
        yield from _files(entry.get("sections", []))
