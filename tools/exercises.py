"""Write the student notebooks from the solutions: ``make exercises``.

    python -m tools.exercises            write exercises/*.ipynb
    python -m tools.exercises --check    name those that differ

The work is done by nbgrader's own preprocessors, run by nbconvert with the
settings in exercises/nbgrader_config.py.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import (
    ClearOutputPreprocessor,
    TagRemovePreprocessor,
)
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearSolutions,
    LockCells,
)
from traitlets.config import Config, PyFileConfigLoader

from tools import ROOT, files, notebooks

EXERCISES = ROOT / "exercises"
SOLUTIONS = EXERCISES / "solutions"
PREPROCESSORS = [
    TagRemovePreprocessor,
    LockCells,
    ClearSolutions,
    ClearHiddenTests,
    ClearOutputPreprocessor,
]
KEPT_TAGS = {"setup"}  # the others concern outputs, and there are none


def settings() -> Config:
    """Return the configuration file, with the preprocessors to run."""
    loader = PyFileConfigLoader("nbgrader_config.py", path=str(EXERCISES))
    config = loader.load_config()
    config.NotebookExporter.preprocessors = PREPROCESSORS
    return config


def student_text(solution: Path) -> str:
    """Return the student notebook of a solution, as it stands in its file."""
    exporter = NotebookExporter(config=settings())
    text, _ = exporter.from_filename(str(solution))
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata = notebooks.notebook_metadata(notebook)
    for cell in notebook.cells:
        # a solution stands one folder deeper than its student notebook
        cell.source = cell.source.replace("](../../", "](../")
        cell.metadata.pop("mystnb", None)
        tags = KEPT_TAGS & set(cell.metadata.pop("tags", []))
        if tags:
            cell.metadata.tags = sorted(tags)
    return notebooks.dumps(notebook)


def student_notebooks() -> dict[Path, Path]:
    """Return each student notebook with the solution that it is made from."""
    return {EXERCISES / s.name: s for s in sorted(SOLUTIONS.glob("*.ipynb"))}


def outdated() -> list[Path]:
    """Return student notebooks that differ from what their solution gives."""
    known = student_notebooks()
    return [
        path
        for path in sorted({*EXERCISES.glob("*.ipynb"), *known})
        if path not in known
        or not path.exists()
        or path.read_bytes() != student_text(known[path]).encode()
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.exercises")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.check:
        wrong = outdated()
        for path in wrong:
            name = path.relative_to(ROOT)
            print(f"{name}: run make exercises", file=sys.stderr)
        return int(bool(wrong))
    for path, solution in student_notebooks().items():
        files.write(path, student_text(solution))
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
