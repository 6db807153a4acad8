"""What is installed is what was chosen, to the last byte."""

import hashlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec

import pytest

from tools import ROOT


def pins(name):
    """The pinned lines of a file, each with the number of its hashes."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^#.*\n", "", text)
    entries = re.split(r"\n(?! )", text.strip())
    hashes = re.compile(r" +\\\n +--hash=sha256:[0-9a-f]{64}")
    return {
        hashes.sub("", entry): len(hashes.findall(entry)) for entry in entries
    }


def versions(name):
    return {pin.partition(" ")[0] for pin in pins(name)}


@pytest.mark.parametrize("name", ["hashes.txt", "hashes-book.txt", "uv.txt"])
def test_every_pinned_version_has_its_hashes(name):
    assert all("==" in pin and count for pin, count in pins(name).items())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements/book.txt"])
def test_what_is_asked_for_directly_has_its_hashes(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    asked = re.findall(r"(?m)^[a-z][\w.-]*==\S+$", text)
    assert asked and {*asked} <= versions("hashes.txt")
    if "book" in name:
        assert {*asked} <= versions("hashes-book.txt")


def test_hashes_cover_everything_that_is_pinned():
    d2l = (ROOT / "requirements/d2l.txt").read_text(encoding="utf-8").strip()
    assert {*pins("hashes.txt")} == {*pins("constraints.txt"), d2l}
    assert versions("hashes-book.txt") < versions("hashes.txt")
    assert versions("uv.txt") < versions("hashes.txt")


# --- As make does it -----------------------------------------------------


def commands(target, *options):
    """The installing commands of a target, run by this Python."""
    done = subprocess.run(
        ["make", "-n", f"PY={sys.executable}", "VENV=nowhere"]
        + [*options, target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(
        rf"{re.escape(sys.executable)} -m [^;&\n]*", done.stdout
    )
    return [shlex.split(c) for c in found if "pip install" in c]


with_make = pytest.mark.skipif(
    shutil.which("make") is None or find_spec("uv") is None,
    reason="installed without make",
)
either_installer = pytest.mark.parametrize("installer", ["uv", "pip"])


@with_make
@either_installer
@pytest.mark.parametrize("target", ["nowhere/.book", "nowhere/.test"])
def test_whatever_make_installs_has_its_hash_demanded(target, installer):
    for command in commands(target, f"INSTALL={installer}"):
        options = {*command[command.index("install") :]}
        itself = options >= {"--editable", "."}
        assert itself or options >= {"--require-hashes", "-r"}
        if not options & {"requirements/uv.txt"}:  # comes as built files
            assert options >= {"--no-deps", "--no-build-isolation"}


@pytest.fixture
def folder(tmp_path):
    """A folder with two packages of one file, *tiny* that needs *other*."""
    for name, needs in (("tiny", "Requires-Dist: other\n"), ("other", "")):
        wheel = tmp_path / f"{name}-1.0-py3-none-any.whl"
        about = f"{name}-1.0.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", "")
            archive.writestr(f"{about}/METADATA", metadata + needs)
            archive.writestr(f"{about}/WHEEL", tag)
            archive.writestr(f"{about}/RECORD", "")
    return tmp_path


def install(folder, installer, hashes):
    """Install the lines as make does; what it said and what is there."""
    *_, everything = commands("nowhere/.book", f"INSTALL={installer}")
    (folder / "requirements").mkdir()
    (folder / "requirements" / "hashes-book.txt").write_text(hashes, "utf-8")
    target = folder / "target"
    done = subprocess.run(
        [*everything, "--no-index", "--find-links", folder]
        + ["--target", target],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, {path.stem for path in target.glob("*.py")}


def line(file):
    name = file.name.partition("-")[0]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name}==1.0 --hash=sha256:{digest}\n"


@pytest.fixture
def tiny(folder):
    return folder / "tiny-1.0-py3-none-any.whl"


@with_make
@either_installer
def test_a_file_with_its_hash_is_installed_and_nothing_else(
    folder, tiny, installer
):
    """Not even what it depends on, where no line names that."""
    done, installed = install(folder, installer, line(tiny))
    assert done.returncode == 0, done.stderr
    assert installed == {"tiny"}


@with_make
@either_installer
@pytest.mark.parametrize("changed", [True, False], ids=["another", "none"])
def test_a_file_with_another_hash_or_none_is_refused(
    changed, folder, tiny, installer
):
    lines = line(tiny)
    if changed:
        with zipfile.ZipFile(tiny, "a") as archive:
            archive.writestr("more.py", "")
    else:
        lines += "other==1.0\n"
    done, installed = install(folder, installer, lines)
    assert done.returncode != 0 and not installed
    assert "hash" in done.stderr.lower()


@with_make
@either_installer
def test_what_builds_a_package_is_not_fetched_unseen(folder, installer):
    """A package that comes as source asks for *other* to be built with."""
    project = '[build-system]\nrequires = ["other"]\nbuild-backend = "other"\n'
    source = folder / "source-1.0.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        entry = tarfile.TarInfo("source-1.0/pyproject.toml")
        entry.size = len(project)
        archive.addfile(entry, io.BytesIO(project.encode()))
    done, installed = install(folder, installer, line(source))
    assert done.returncode != 0 and not installed
    assert "No module named 'other'" in done.stderr


@pytest.mark.parametrize("page", ["README.md", "exercises/teaching.md"])
def test_the_recipes_for_pip_demand_hashes_too(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(?m)^(?:RUN | && )?(pip install .*?)(?: \\)?$", text)
    first, everything, itself = found
    assert first == "pip install --require-hashes -r requirements/uv.txt"
    assert everything.endswith(EVERYTHING) and "--require-hashes" in everything
    assert itself.endswith((" -e .", " --editable ."))
    for command in (everything, itself):
        assert {"--no-deps", "--no-build-isolation"} <= {*command.split()}


# --- Once, and again where it must ---------------------------------------

EVERYTHING = "-r requirements/hashes.txt"
PYTHON = """#!/bin/sh
echo "$*" >> asked
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    "-m uv --version") test ! -e .venv/torn ;;
    *) test ! -e no-network ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """The Makefile, with a Python that writes down what it is asked."""
    folder = tmp_path / "clone"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("hashes.txt", "hashes-book.txt"):
        (folder / "requirements" / name).touch()
    (folder / "pyproject.toml").touch()
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    return folder


def make(folder):
    """Set up what the tests need; whether it worked and what was asked."""
    (folder / "asked").write_text("")
    done = subprocess.run(
        ["make", "PYTHON=./python", ".venv/.test"],
        cwd=folder,
        capture_output=True,
    )
    return done.returncode == 0, (folder / "asked").read_text()


with_unix = pytest.mark.skipif(shutil.which("make") is None, reason="no make")


@with_unix
def test_make_installs_once_and_anew_in_a_clone_that_was_moved(clone):
    for folder in (clone, clone.with_name("moved")):
        worked, asked = make(clone.rename(folder))
        assert worked and "-m venv" in asked and EVERYTHING in asked
        assert make(folder) == (True, "")
        clone = folder


@with_unix
def test_a_torn_environment_is_made_anew(clone):
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "uv").touch()
    (clone / ".venv" / "torn").touch()
    worked, asked = make(clone)
    assert worked and EVERYTHING in asked
    assert not (clone / ".venv" / "torn").exists()


@with_unix
def test_an_installation_that_failed_is_tried_again(clone):
    (clone / "no-network").touch()
    assert not make(clone)[0]
    (clone / "no-network").unlink()
    worked, asked = make(clone)
    assert worked and EVERYTHING in asked
