"""Chapters, solutions and the package's tests, on a GPU.

The GPU is a real one where there is one, else the make-believe one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools import ROOT, notebooks

HERE = Path(__file__).parent

NOTEBOOKS = [
    *sorted(ROOT.glob("book/*.ipynb")),
    *sorted(ROOT.glob("exercises/solutions/*.ipynb")),
]
REAL = torch.cuda.is_available()

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("some_data")]


@pytest.fixture(autouse=True)
def findable(monkeypatch):
    """Kernels and other processes can import the make-believe GPU."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))


TURN_ON = """\
import make_believe_gpu

make_believe_gpu.turn_on()"""
THREE_STEPS = """\
from onebyone import Trainer


def prepare_data(self, data, prepare=Trainer.prepare_data):
    prepare(self, data)
    if data.resize == (224, 224):
        self.num_steps, self.num_val_batches = 3, 1


Trainer.prepare_data = prepare_data"""
THREE_WERE_MADE = """\
assert len(paper_size.steps) == 3 and paper_size.stopped is None
assert 0 < paper_size.test_loss < 10
assert trainer.scaler.is_enabled()
assert next(trainer.model.parameters()).is_cuda"""


@pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_notebook_runs_on_a_gpu(path):
    notebook = notebooks.read(path)
    if path == ROOT / "book" / "nin_questions.ipynb" and not REAL:
        limit_the_large_network(notebook.cells)
    notebook.cells.insert(0, new_code_cell(TURN_ON))
    notebooks.run_cells(notebook, path.name)


def limit_the_large_network(cells: list[NotebookNode]) -> None:
    """Train at 224×224 for three steps: too few for the accuracy asserted."""
    trained, proof = (
        place
        for place, cell in enumerate(cells)
        if "if torch.cuda.is_available():" in cell.source
    )
    cells[proof].metadata.tags += ["raises-exception"]
    cells.insert(trained + 1, new_code_cell(THREE_WERE_MADE))
    cells.insert(0, new_code_cell(THREE_STEPS))


@pytest.mark.parametrize(
    "name",
    [
        *("training", "training_faults"),
        *("data_images", "data_fashion_mnist", "data_letters"),
        *("nin", "inception", "residual", "cost"),
        *("plots", "plots_architectures"),
    ],
)
def test_the_package_passes_its_tests_on_a_gpu(name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "make_believe_gpu"]
    if not REAL:  # which refuses bfloat16, that a T4 emulates when asked to
        command += ["-k", "not bfloat16"]
    done = subprocess.run(
        [*command, f"tests/unit/test_{name}.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
