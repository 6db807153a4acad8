"""What the code imports is declared, where it is installed from."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tools import ROOT

# the course's own folders, and modules that tests of a folder share
OWN = {"onebyone", "tools", "benchmarks", "check_examples"}
OWN |= {path.stem for path in ROOT.glob("tests/**/*.py")}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(tree):
    """The first part of each module that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def imported(*folders):
    """The modules that the code of these folders imports, but Python's."""
    found = {}
    for path in (p for f in folders for p in ROOT.glob(f"{f}/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= dict.fromkeys(imports(tree), path)
    known = {*sys.stdlib_module_names, *OWN}
    return {name: path for name, path in found.items() if name not in known}


def undeclared(modules, declared):
    """The modules of which no package that brings them is declared."""
    brought_by = packages_distributions()
    return {
        module: str(path.relative_to(ROOT))
        for module, path in modules.items()
        if not {normal(n) for n in brought_by.get(module, [])} & declared
    }


def names(lines):
    """The packages that requirement lines name."""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines)
    return {normal(match[0]) for match in found if match}


def project():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]


def test_the_package_declares_what_it_imports():
    extras = project()["optional-dependencies"].values()
    declared = names([*project()["dependencies"], *sum(extras, [])])
    # d2l is installed apart, and IPython is asked only where it is running
    apart = {"d2l", "ipython", "matplotlib-inline"}
    assert not undeclared(imported("onebyone"), declared | apart)


def test_the_requirements_name_what_repository_and_package_need():
    files = "requirements.txt", "requirements/book.txt", "requirements/d2l.txt"
    texts = [(ROOT / name).read_text("utf-8").splitlines() for name in files]
    declared = names(sum(texts, []))
    modules = imported("onebyone", "tools", "benchmarks", "tests")
    assert not undeclared(modules, declared)
    assert names(project()["dependencies"]) <= names(texts[0])


@pytest.mark.parametrize("module", ["torch", "PIL", "yaml"])
def test_an_undeclared_import_would_be_seen(module):
    assert undeclared({module: ROOT / "any.py"}, declared={"d2l"})
