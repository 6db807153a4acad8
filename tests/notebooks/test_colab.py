"""Each chapter alone, as on Colab: a bare kernel and one notebook.

The environment has PyTorch but neither d2l nor the companion package, and
the working directory is empty. The setup cell installs both by git and pip;
git is told to take the repository from this checkout's last commit.
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
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
UNTOUCHED = ("numpy", "torch", "torchvision")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A fresh environment with the course's dependencies alone."""
    folder = tmp_path_factory.mktemp("colab") / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    requirements = ["-r", str(ROOT / "requirements.txt")]
    subprocess.run([*install, "--python", python, *requirements], check=True)
    return python


def versions(python):
    """The installed versions of what the setup cell must not touch."""
    show = (
        "import importlib.metadata as m, json;"
        f"print(json.dumps([m.version(n) for n in {UNTOUCHED}]))"
    )
    run = subprocess.run([python, "-c", show], check=True, capture_output=True)
    return json.loads(run.stdout)


def redirected_to_this_checkout():
    """Environment in which git finds the repository here."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository.configured(),
    }


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs_from_its_setup_cell(chapter, bare_python, tmp_path):
    package = ["onebyone", "d2l"]
    uninstall = [bare_python, "-m", "pip", "uninstall", "--quiet", "--yes"]
    subprocess.run([*uninstall, *package], check=True)
    before = versions(bare_python)
    shutil.copy(chapter, tmp_path)
    execute = bare_python.with_name("jupyter-execute")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH"
    } | redirected_to_this_checkout()
    done = subprocess.run(
        [execute, "--timeout=900", chapter.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert versions(bare_python) == before
