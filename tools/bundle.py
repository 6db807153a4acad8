"""The book to take away: ``make zip``.

One archive with the site, which works from a disk, and the notebooks. The
same book gives the same archive, byte by byte.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "_build" / "one-by-one.zip"
FOLDER = "one-by-one"
NOTEBOOKS = ("book", "exercises")
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest time an archive can name


def contents(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Names in the archive, and the files."""
    site = root / "_build" / "html"
    for file in sorted(site.rglob("*")):
        if file.is_file() and file.name != ".buildinfo":
            yield f"{FOLDER}/{file.relative_to(site).as_posix()}", file
    for folder in NOTEBOOKS:
        for file in sorted((root / folder).rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in file.parts:
                place = file.relative_to(root).as_posix()
                yield f"{FOLDER}/notebooks/{place}", file
    yield f"{FOLDER}/LICENSE", root / "LICENSE"


def write(target: Path, root: Path = ROOT) -> int:
    """Write the archive, and return the number of files in it."""
    draft, count = target.with_suffix(".partial"), 0
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in contents(root):
            entry = zipfile.ZipInfo(name, BEGINNING)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
            count += 1
    draft.replace(target)
    return count


def main() -> int:
    """Write _build/one-by-one.zip from the rendered book."""
    count = write(OUTPUT)
    size = OUTPUT.stat().st_size / 10**6
    print(f"{OUTPUT.relative_to(ROOT)}: {count} files, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
