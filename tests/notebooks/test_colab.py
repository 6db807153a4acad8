"""Each notebook alone, as a reader runs it: one file in an empty folder.

*Colab* is played by Python 3.12, where this machine has it, with the module
``google.colab`` and with PyTorch and other libraries of 2025, older than
ours. *A laptop* has the versions of ``requirements.txt``. Neither has d2l or
the companion package: the setup cell fetches both by git and pip, and git is
told to take the repository from this checkout's last commit.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import repository

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(ROOT.glob("book/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*.ipynb"))
COLAB = [
    "torch==2.9.1",
    "torchvision==0.24.1",
    "numpy==2.0.2",
    "pandas==2.2.2",
    "matplotlib==3.10.0",
    "keras==3.10.0",
    "scipy",
    "tqdm",
    "requests",
    "safetensors",
    "ipykernel",
    "nbclient",
]
FETCHED = {"onebyone", "d2l"}

pytestmark = pytest.mark.long


def python_312() -> str:
    """Python 3.12 of this machine, else the Python of these tests."""
    found = shutil.which("python3.12")
    runs = found and subprocess.run([found, "-c", ""]).returncode == 0
    return found if runs else sys.executable


def environment(folder: Path, base: str, *requirements: str) -> Path:
    """A fresh environment with pip; returns its Python."""
    subprocess.run([base, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    subprocess.run([*install, "--python", python, *requirements], check=True)
    return python


@pytest.fixture(scope="module")
def colab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("colab") / "env"
    python = environment(folder, python_312(), *COLAB)
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([python, "-c", show], text=True).strip()
    module = Path(site, "google", "colab")
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    return python


@pytest.fixture(scope="module")
def laptop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("laptop") / "env"
    requirements = str(ROOT / "requirements.txt")
    return environment(folder, sys.executable, "-r", requirements)


def installed(python: Path) -> dict[str, str]:
    """The versions of everything but what the setup cell fetches."""
    command = [python, "-m", "pip", "list", "--format", "json"]
    listed = json.loads(subprocess.check_output(command))
    return {
        package["name"]: package["version"]
        for package in listed
        if package["name"] not in FETCHED
    }


def redirected_to_this_checkout() -> dict[str, str]:
    """Environment in which git finds the repository here."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return own | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository.configured(),
    }


def run_alone(notebook: Path, python: Path, folder: Path) -> None:
    """Run a copy of the notebook; nothing installed may change."""
    uninstall = [python, "-m", "pip", "uninstall", "--quiet", "--yes"]
    subprocess.run([*uninstall, *FETCHED], check=True)
    before = installed(python)
    shutil.copy(notebook, folder)
    done = subprocess.run(
        [
            python.with_name("jupyter-execute"),
            "--timeout=900",
            "--inplace",
            notebook.name,
        ],
        cwd=folder,
        env=redirected_to_this_checkout(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    after = installed(python)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize(
    "notebook",
    [*CHAPTERS, *EXERCISES],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_notebook_runs_on_colab(notebook, colab, tmp_path):
    run_alone(notebook, colab, tmp_path)


@pytest.mark.parametrize(
    "notebook",
    [ROOT / "book" / "counting.ipynb", ROOT / "exercises" / "nin.ipynb"],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_a_notebook_downloaded_alone_runs(notebook, laptop, tmp_path):
    run_alone(notebook, laptop, tmp_path)
