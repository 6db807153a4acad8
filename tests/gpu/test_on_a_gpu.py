"""Chapters, solutions and the package's tests, on a GPU.

The GPU is a real one where there is one, else the make-believe one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from nbformat.v4 import new_code_cell

from tools import notebooks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOTEBOOKS = [
    *sorted(ROOT.glob("book/*.ipynb")),
    *sorted(ROOT.glob("exercises/solutions/*.ipynb")),
]
REAL = torch.cuda.is_available()

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("some_data")]


@pytest.fixture(autouse=True)
def startup(tmp_path, monkeypatch) -> Path:
    """The folder of what a kernel runs first; it turns the GPU on."""
    folder = tmp_path / "profile_default" / "startup"
    folder.mkdir(parents=True)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (folder / "0.py").write_text(
        "import make_believe_gpu\nmake_believe_gpu.turn_on()\n"
    )
    return folder


@pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_notebook_runs_on_a_gpu(path, startup):
    notebook = notebooks.read(path)
    if path.stem == "nin" and path.parent.name == "book" and not REAL:
        limit_the_large_network(notebook, startup)
    notebooks.run_cells(notebook, path.name)


def limit_the_large_network(notebook, startup: Path) -> None:
    """Train at 224×224 for three steps; too few for the accuracy asserted."""
    (startup / "1.py").write_text(
        """\
from onebyone import Trainer


def prepare_data(self, data, prepare=Trainer.prepare_data):
    prepare(self, data)
    if data.resize == (224, 224):
        self.num_steps, self.num_val_batches = 3, 1


Trainer.prepare_data = prepare_data
"""
    )
    (place,) = (
        place
        for place, cell in enumerate(notebook.cells)
        if "if torch.cuda.is_available():" in cell.source
    )
    notebook.cells[place].metadata.tags += ["raises-exception"]
    proof = """\
assert len(paper_size.steps) == 3 and paper_size.stopped is None
assert 0 < paper_size.test_loss < 10
assert trainer.scaler.is_enabled()
assert next(trainer.model.parameters()).is_cuda"""
    notebook.cells.insert(place + 1, new_code_cell(proof))


@pytest.mark.parametrize(
    "name",
    ["training", "data", "nin", "inception", "residual", "plots", "cost"],
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
