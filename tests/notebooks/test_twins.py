"""What a chapter defines and what the package ships is the same code.

Definitions are compared as syntax trees, without docstrings, comments and
annotations: these the package has, and a chapter's prose has instead.
"""

import ast

import checks
import pytest
from checks import Chapter

from onebyone.study.engine.fingerprint import essence
from tools import ROOT, notebooks

PACKAGE = ROOT / "onebyone"
MODULES = (
    "models/nin",
    "models/inception",
    "models/residual",
    "study/bake_off",
)

# what a chapter teaches, and hence defines, in front of the reader
TAUGHT = {
    "nin": (
        "nin_block",
        "nin",
        "with_batch_norm",
        "compact_nin",
        "initialise",
    ),
    "inception": ("InceptionBlock", "googlenet", "compact_inception"),
    "residual": (
        "BareResidualBlock",
        "two_block_net",
        "projection",
        "ZeroPadding",
        "ResidualBlock",
        "BottleneckBlock",
        "PreActivationBlock",
        "resnet",
        "as_version_1",
        "compact_resnet",
        "start_as_identity",
    ),
    "bake_off": (
        "vgg",
        "network_in_network",
        "inception_branches",
        "bottleneck",
        "skeleton",
    ),
}

Definition = ast.FunctionDef | ast.ClassDef


def definitions(source: str) -> list[Definition]:
    return [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]


def shipped() -> dict[str, Definition]:
    """Public names in what the package ships, with their definitions."""
    return {
        node.name: node
        for module in MODULES
        for node in definitions((PACKAGE / f"{module}.py").read_text("utf-8"))
        if not node.name.startswith("_")
    }


def in_chapters() -> list[tuple[str, Definition]]:
    """Definitions in chapters, each with the place where it stands."""
    chapters = [Chapter.read(path) for path in checks.chapters()]
    return [
        (chapter.at(cell, f"defines {node.name}"), node)
        for chapter in chapters
        for cell in chapter.code
        for node in definitions(notebooks.python_of(cell))
    ]


def test_chapters_and_package_define_the_same():
    package = shipped()
    faults = [
        f"{place}\n{ast.unparse(node)}\n--- the package has\n"
        f"{ast.unparse(package[node.name])}"
        for place, node in in_chapters()
        if node.name in package
        and essence(node) != essence(package[node.name])
    ]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("module", TAUGHT)
def test_the_package_ships_what_is_taught(module):
    file = next(m for m in MODULES if m.endswith(f"/{module}"))
    source = (PACKAGE / f"{file}.py").read_text(encoding="utf-8")
    names = {node.name for node in definitions(source)}
    assert names >= set(TAUGHT[module])


@pytest.mark.parametrize("module", TAUGHT)
def test_a_chapter_defines_what_is_taught(module):
    if not (ROOT / "book" / f"{module}.ipynb").exists():
        pytest.skip(f"no chapter {module} yet")
    taught = {node.name for _, node in in_chapters()}
    missing = set(TAUGHT[module]) - taught
    assert not missing, f"no chapter defines {sorted(missing)}"


def twins(left: str, right: str) -> bool:
    first, second = definitions(left)[0], definitions(right)[0]
    return essence(first) == essence(second)


def test_annotations_docstrings_and_comments_make_no_difference():
    taught = "def f(x, y=1):\n    # (B, C)\n    z = x + y\n    return z"
    ships = (
        'def f(x: int, y: int = 1) -> int:\n    """Add."""\n'
        "    z: int = x + y\n    return z"
    )
    assert twins(taught, ships)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x, y=2):\n    return x + y",
        "def f(x, y=1):\n    return y + x",
        "def f(y, x=1):\n    return x + y",
        "@cache\ndef f(x, y=1):\n    return x + y",
    ],
)
def test_any_other_difference_counts(other):
    assert not twins("def f(x, y=1):\n    return x + y", other)


def test_methods_are_compared():
    one = 'class A(B):\n    """D."""\n    def f(self):\n        """E."""'
    two = "class A(B):\n    def f(self):\n        pass"
    three = "class A(B):\n    def f(self):\n        return 1"
    assert twins(one, two) and not twins(one, three)
