"""The book to take away: ``make zip``.

One archive with the site, which works from a disk, and the notebooks, with
the companion package as a wheel beside them: a folder of it runs on Colab or
Kaggle as it is. The same book gives the same archive, byte by byte.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tools import ROOT, files

OUTPUT = ROOT / "_build" / "one-by-one.zip"
FOLDER = "one-by-one"
NOTEBOOKS = ("book", "exercises", "exercises/solutions")
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest time an archive can name


def contents(wheel: Path, root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Yield the names in the archive, each with its file."""
    site = root / "_build" / "html"
    for file in sorted(site.rglob("*")):
        if file.is_file() and file.name != ".buildinfo":
            yield f"{FOLDER}/{file.relative_to(site).as_posix()}", file
    for folder in NOTEBOOKS:
        for file in [*sorted((root / folder).glob("*.ipynb")), wheel]:
            yield f"{FOLDER}/notebooks/{folder}/{file.name}", file
    yield f"{FOLDER}/LICENSE", root / "LICENSE"


def build_wheel(folder: Path, root: Path = ROOT) -> Path:
    """Build the companion package into `folder`; return the wheel's path.

    It is built from a copy, since setuptools also packs what earlier builds
    left in a checkout, and without a network.
    """
    source = folder / "source"
    shutil.copytree(
        root / "onebyone",
        source / "onebyone",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    # the same rights in the wheel whatever the umask, then and now
    for path in source.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    pip += ["--no-index", "--no-build-isolation", "--wheel-dir"]
    subprocess.run(
        [*pip, folder, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},  # BEGINNING
        umask=0o022,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def write(target: Path, root: Path = ROOT) -> int:
    """Write the archive whole, and return the number of files in it."""
    whole, count = io.BytesIO(), 0
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(whole, "w") as archive,
    ):
        for name, file in contents(build_wheel(Path(folder), root), root):
            entry = zipfile.ZipInfo(name, BEGINNING)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
            count += 1
    files.write(target, whole.getvalue())
    return count


def main() -> int:
    """Write _build/one-by-one.zip from the rendered book."""
    count = write(OUTPUT)
    size = OUTPUT.stat().st_size / 10**6
    print(f"{OUTPUT.relative_to(ROOT)}: {count} files, {size:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
