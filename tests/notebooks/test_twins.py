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


def shipped(*modules: str) -> dict[str, Definition]:
    """Public names in what the package ships, with their definitions."""
    return {
        node.name: node
        for module in modules
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
    package = shipped(*MODULES)
    faults = [
        f"{place}\n{ast.unparse(node)}\n--- the package has\n"
        f"{ast.unparse(package[node.name])}"
        for place, node in in_chapters()
        if node.name in package
        and essence(node) != essence(package[node.name])
    ]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("module", MODULES)
def test_package_and_chapters_define_what_is_taught(module):
    taught = set(TAUGHT[module.partition("/")[2]])
    assert shipped(module).keys() >= taught
    missing = taught - {node.name for _, node in in_chapters()}
    assert not missing, f"no chapter defines {sorted(missing)}"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ('def f(x: int, y=1) -> int:\n    """Add."""\n    return x + y', True),
        ("def f(x, y=2):\n    return x + y", False),
        ("def f(x, y=1):\n    return y + x", False),
        ("def f(y, x=1):\n    return x + y", False),
        ("@cache\ndef f(x, y=1):\n    return x + y", False),
    ],
)
def test_any_difference_but_annotations_and_docstrings_counts(other, same):
    taught = "def f(x, y=1):\n    # (B, C)\n    return x + y"
    assert (tree(taught) == tree(other)) == same


def tree(source: str) -> object:
    return essence(definitions(source)[0])


def test_methods_are_compared():
    one = 'class A(B):\n    """D."""\n    def f(self):\n        """E."""'
    two = "class A(B):\n    def f(self):\n        pass"
    three = "class A(B):\n    def f(self):\n        return 1"
    assert tree(one) == tree(two) != tree(three)
