"""Where the setup cell finds the companion package, with pip played.

`tests/project/test_colab.py` does the same with pip itself.
"""

from importlib import metadata
from pathlib import Path

import checks
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools import ROOT

WHEEL = "onebyone-0.1.0-py3-none-any.whl"
PUBLISHED = "git+https://github.com/owner/course@" + 40 * "a"
INSTALLED = metadata.distributions


class Kernel:
    """An empty folder in which the cell runs, and what it asks pip for."""

    def __init__(self, folder: Path):
        self.kaggle = folder / "kaggle"
        self.asked: list[str] = []
        self.shell = InteractiveShell()
        self.shell.register_magic_function(self.asked.append, "line", "pip")

    def run(self, source: str) -> None:
        """Run the cell; raise what it raises."""
        source = source.replace("/kaggle/input", self.kaggle.as_posix())
        self.shell.run_cell(source).raise_error()

    @property
    def package(self) -> str:
        """The place from which pip was asked, once, to install."""
        (asked,) = self.asked
        start = "install -q --no-deps d2l==1.0.3 "
        assert asked.startswith(start)
        return asked.removeprefix(start)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """One that has not installed the package."""
    monkeypatch.setattr(metadata, "distributions", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    yield Kernel(tmp_path)
    InteractiveShell.clear_instance()


@pytest.fixture
def setup() -> str:
    """The cell as in an unpublished copy."""
    chapter = checks.Chapter.read(ROOT / "book" / "nin.ipynb")
    return checks.installing(chapter.code[0].source, "")


def test_what_is_installed_is_not_installed_again(
    kernel, setup, monkeypatch, tmp_path
):
    (tmp_path / WHEEL).touch()
    monkeypatch.setattr(metadata, "distributions", INSTALLED)
    kernel.run(checks.installing(setup, PUBLISHED))
    assert not kernel.asked


@pytest.mark.parametrize("source", ["", PUBLISHED])
def test_a_wheel_beside_the_notebook_goes_before_the_repository(
    source, kernel, setup, tmp_path
):
    (tmp_path / WHEEL).touch()
    (tmp_path / WHEEL.replace(".whl", " (1).whl")).touch()  # does no harm
    kernel.run(checks.installing(setup, source))
    assert kernel.package == WHEEL


@pytest.mark.parametrize("place", ["wheel", "datasets/ada/wheel"])
def test_a_wheel_among_the_inputs_on_kaggle_is_installed(place, kernel, setup):
    folder = kernel.kaggle / place
    folder.mkdir(parents=True)
    (folder / WHEEL).touch()
    kernel.run(setup)
    assert kernel.package == (folder / WHEEL).as_posix()


def test_a_published_copy_installs_from_its_own_repository(kernel, setup):
    kernel.run(checks.installing(setup, PUBLISHED))
    assert kernel.package == PUBLISHED


def test_without_wheel_and_repository_one_sentence_says_what_to_do(
    kernel, setup, tmp_path
):
    (tmp_path / "onebyone.py").touch()  # some file that is not the package
    with pytest.raises(ModuleNotFoundError) as raised:
        kernel.run(setup)
    assert str(raised.value) == (
        "Put onebyone-*.whl from the course's archive beside this notebook."
    )
    assert not kernel.asked
