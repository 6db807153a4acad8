"""Notebooks that tests make themselves, good ones to be spoilt."""

from collections.abc import Callable
from pathlib import Path

import pytest
from checks import Chapter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import ROOT, notebooks

SETUP = Chapter.read(ROOT / "book" / "nin.ipynb").code[0].source


def sound_notebook() -> NotebookNode:
    """A small notebook that passes every check."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# A chapter\n\n## A section"),
            new_code_cell(
                SETUP, execution_count=1, metadata={"tags": ["setup"]}
            ),
            new_code_cell("x = 1", execution_count=2),
        ]
    )
    return notebooks.normalise(notebook)


@pytest.fixture
def make_chapter(tmp_path: Path) -> Callable[..., Chapter]:
    """Write a sound notebook, with more cells behind, as a Chapter."""

    def make(*cells: NotebookNode, **metadata) -> Chapter:
        notebook = sound_notebook()
        notebook.cells += cells
        for count, cell in enumerate(notebook.cells):
            cell.id = f"cell-{count}"
        notebook.metadata.update(metadata)
        path = tmp_path / "chapter.ipynb"
        path.write_text(notebooks.dumps(notebook), encoding="utf-8")
        return Chapter.read(path)

    return make
