"""Each notebook as a reader runs it, in a folder of its own.

*Colab* is played with the module ``google.colab``, and with the Python and the
libraries of ``colab_versions.toml``: today's and those of a year before, not
ours. *A laptop* has the versions of ``requirements.txt``. Neither has d2l or
the companion package: the setup cell installs both with pip. It finds the
package as a wheel in the unpacked archive of ``make zip`` or, in a published
copy, in a repository on GitHub, whose place a folder takes.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from copies import git
from test_repository import URL

from tools import ROOT, repository
from tools.site import bundle

CHAPTERS = sorted(ROOT.glob("book/*.ipynb"))
EXERCISES = sorted(ROOT.glob("exercises/*.ipynb"))
COLAB = tomllib.loads(
    Path(__file__).with_name("colab_versions.toml").read_text("utf-8")
)
# whose versions do not matter
ALSO_THERE = ["scipy", "tqdm", "requests", "safetensors"]
ALSO_THERE += ["ipykernel", "nbclient"]
FETCHED = {"onebyone", "d2l"}

pytestmark = pytest.mark.long


def python_of(version: str) -> str:
    """That Python of this machine, on the path or under pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    found = [on_path, *pyenv.glob(f"versions/{version}.*/bin/python")]
    for python in filter(None, found):
        tried = subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL)
        if tried.returncode == 0:
            return str(python)
    pytest.fail(f"to play Colab, install Python {version} on this machine")


def environment(folder: Path, base: str, *requirements: str) -> Path:
    """A fresh environment with pip; returns its Python."""
    subprocess.run([base, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    subprocess.run([*install, "--python", python, *requirements], check=True)
    return python


@pytest.fixture(scope="module", params=COLAB)
def colab(request, tmp_path_factory) -> Path:
    played = COLAB[request.param]
    folder = tmp_path_factory.mktemp("colab") / "env"
    base = python_of(played["python"])
    python = environment(folder, base, *played["packages"], *ALSO_THERE)
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
    versions = {package["name"]: package["version"] for package in listed}
    return {name: versions[name] for name in versions.keys() - FETCHED}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The notebooks of the archive, each folder with its wheel."""
    folder = tmp_path_factory.mktemp("archive")
    bundle.write(folder / "book.zip")
    zipfile.ZipFile(folder / "book.zip").extractall(folder)
    return folder / bundle.FOLDER / "notebooks"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """This checkout's last commit, made a published copy."""
    copy = tmp_path_factory.mktemp("published") / "course"
    git(ROOT, "clone", "--quiet", str(ROOT), str(copy))
    repository.write_through(copy, URL, git(copy, "rev-parse", "HEAD"))
    git(copy, "checkout", "--quiet", "-b", repository.BRANCH)
    git(copy, "commit", "--quiet", "--all", "--message", "Published")
    return copy


def redirected(repository: Path) -> dict[str, str]:
    """Environment in which git finds a folder in the place of GitHub."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return own | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
    }


def run_alone(folder: Path, name: str, python: Path, environment) -> None:
    """Run a notebook of this folder; nothing installed may change."""
    uninstall = [python, "-m", "pip", "uninstall", "--quiet", "--yes"]
    subprocess.run([*uninstall, *FETCHED], check=True)
    before = installed(python)
    execute = [python.with_name("jupyter-execute"), "--timeout=900"]
    done = subprocess.run(
        [*execute, "--output=executed", name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    after = installed(python)
    assert {name: after.get(name) for name in before} == before


def with_notebooks(*paths: Path) -> pytest.MarkDecorator:
    ids = [f"{path.parent.name}-{path.stem}" for path in paths]
    return pytest.mark.parametrize("notebook", paths, ids=ids)


SOME = with_notebooks(
    ROOT / "book" / "counting.ipynb", ROOT / "exercises" / "nin.ipynb"
)


@with_notebooks(*CHAPTERS, *EXERCISES)
def test_a_notebook_of_the_archive_runs_on_colab(
    notebook, colab, unpacked, tmp_path
):
    folder = unpacked / notebook.parent.name
    (wheel,) = folder.glob("*.whl")
    for file in (wheel, folder / notebook.name):  # what a reader uploads
        shutil.copy(file, tmp_path)
    nothing = redirected(tmp_path / "no repository")
    run_alone(tmp_path, notebook.name, colab, nothing)


@SOME
def test_a_notebook_of_the_archive_runs_on_a_laptop(
    notebook, laptop, unpacked
):
    folder = unpacked / notebook.parent.name
    nothing = redirected(folder / "no repository")
    run_alone(folder, notebook.name, laptop, nothing)


@SOME
def test_a_published_notebook_runs_alone(notebook, colab, published, tmp_path):
    shutil.copy(published / notebook.relative_to(ROOT), tmp_path)
    run_alone(tmp_path, notebook.name, colab, redirected(published))
