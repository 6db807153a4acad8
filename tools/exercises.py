"""Write what students get from the solutions and checks: ``make exercises``.

    python -m tools.exercises            write exercises/*.ipynb and answers/
    python -m tools.exercises --check    name files that differ

The work is done by nbgrader's own preprocessors, run by nbconvert with the
settings in exercises/nbgrader_config.py. What the pages need to judge
answers comes from tools/answers.py, what the package says of its tasks from
tools/texts.py.
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

from tools import ROOT, answers, files, notebooks
from tools import texts as of_tasks

EXERCISES = ROOT / "exercises"
SOLUTIONS = EXERCISES / "solutions"
PREPROCESSORS = [
    TagRemovePreprocessor,
    LockCells,
    ClearSolutions,
    ClearHiddenTests,
    ClearOutputPreprocessor,
]
KEPT_TAGS = {"setup", "figure"}  # how a cell is folded; no outputs are left


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
            notebooks.fold(cell)
    return notebooks.dumps(notebook)


def student_notebooks() -> dict[Path, Path]:
    """Return each student notebook with the solution that it is made from."""
    return {EXERCISES / s.name: s for s in sorted(SOLUTIONS.glob("*.ipynb"))}


def texts() -> dict[Path, str]:
    """Return every file that is made here, with the text it should have."""
    solutions = student_notebooks().items()
    own = {path: student_text(solution) for path, solution in solutions}
    told = {p: answers.as_text(t) for p, t in of_tasks.files().items()}
    return own | told | answers.texts()


def outdated() -> list[Path]:
    """Return files that differ from what solutions and checks give."""
    known = texts()
    made = (answers.FOLDER, of_tasks.FOLDER)
    found = [*EXERCISES.glob("*.ipynb")]
    found += [path for folder in made for path in folder.glob("*.json")]
    return [
        path
        for path in sorted({*found, *known})
        if path not in known
        or not path.exists()
        or path.read_bytes() != known[path].encode()
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
    for path, text in texts().items():
        files.write(path, text)
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
