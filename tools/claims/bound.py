"""Proof cells: the sentences that they print, and how they may be written."""

import ast
import re
from collections.abc import Iterator

from onebyone.statements import NUMBERS, ORDINALS
from tools import notebooks

# what a template takes from its fields
NUMBER_WORDS = [*NUMBERS, *ORDINALS]
NUMBER_WORDS += """
    twenty thirty hundred thousand million dozen once twice thrice half double
    triple quarter both neither none
""".split()  # noqa: SIM905
DIRECTIONS = """
    more fewer less better worse best worst above below ahead behind higher
    lower highest lowest over under rises falls rise fall faster slower
    fastest slowest larger smaller largest smallest bigger greater most least
    last adds costs gains loses grows shrinks up down deeper shallower wider
    without increases decreases improves
""".split()  # noqa: SIM905
KERNEL = r"(?<![\w×])(\d)×\1(?![\w×])"  # 1×1, 3×3: the name of a kernel
NAMED = rf"{KERNEL}|[A-Za-z]+-\d+\b"  # ResNet-18
HARMLESS = r"\bover the\b|\bup to\b"  # no directions: "over the seeds"
WORDING = "onebyone.statements"


def is_proof(cell) -> bool:
    """Return whether a cell is code that proves what the page says."""
    return cell.cell_type == "code" and "proof" in cell.metadata.get(
        "tags", []
    )


def printed(cell) -> list[str]:
    """Return the lines that a proof cell printed when it was executed."""
    if not is_proof(cell):
        return []
    return [
        line
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
        for line in output.text.splitlines()
    ]


def _stated(tree: ast.Module) -> list[ast.Call]:
    """Return the calls of `says` and `formula` that stand by themselves."""
    return [
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and _called(node.value) in ("says", "formula")
    ]


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def template_faults(cell) -> Iterator[str]:
    """Yield what a proof cell may not do; each a sentence for its author."""
    tree = ast.parse(notebooks.python_of(cell))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "print":
            yield "only says and formula print in a proof cell"
    calls = _stated(tree)
    everywhere = [*map(_called, ast.walk(tree))]
    if everywhere.count("says") + everywhere.count("formula") > len(calls):
        yield "says stands by itself, in no loop, condition or function"
    compared = _compared(tree, calls)
    wording = _wording(tree)
    for call in calls:
        if _called(call) == "says":
            yield from _sentence_faults(call, compared, wording)
    if calls and len(printed(cell)) not in (0, len(calls)):
        yield "it prints more or fewer lines than it states"


def _compared(tree: ast.AST, calls: list[ast.Call]) -> set[str]:
    """Return the strings that the cell works with: names of arms, words."""
    templates = {id(call.args[0]) for call in calls if call.args}
    columns = {
        id(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in templates | columns
        and re.fullmatch(r"[\w× -]*[A-Za-z][\w× -]*", node.value)
    }


def _wording(tree: ast.AST) -> set[str]:
    """Return the helpers that only put values into words."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == WORDING
        for alias in node.names
    }


def _sentence_faults(
    call: ast.Call, compared: set[str], wording: set[str]
) -> Iterator[str]:
    template, *fields = call.args
    if not (
        isinstance(template, ast.Constant) and isinstance(template.value, str)
    ):
        yield "a template is a string, written out"
        return
    text = re.sub(r"\{[^{}]*\}", " {} ", template.value)
    words = re.sub(NAMED, " ", text)
    for digit in re.findall(r"\S*\d\S*", words):
        yield f"{template.value!r} holds the number {digit}: make it a field"
    lower = re.sub(HARMLESS, " ", words.lower())
    for word in re.findall(r"[a-z]+", lower):
        if word in NUMBER_WORDS or word in DIRECTIONS:
            yield f"{template.value!r} holds {word!r}: make it a field"
    for name in compared:
        if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", lower):
            yield f"{template.value!r} names {name!r}: make it a field"
    for field in [*fields, *(keyword.value for keyword in call.keywords)]:
        yield from _field_faults(template.value, field, wording)


def _field_faults(
    template: str, field: ast.AST, wording: set[str]
) -> Iterator[str]:
    if isinstance(field, ast.Starred):
        inner = field.value
        parts = inner.elts if isinstance(inner, ast.Tuple | ast.List) else []
        for part in parts or [inner]:
            yield from _field_faults(template, part, wording)
        return
    names = {
        node.id
        for node in ast.walk(field)
        if isinstance(node, ast.Name) and node.id not in wording
    }
    if not names:
        yield f"a field of {template!r} is written out, not computed"
    for node in ast.walk(field):
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in wording
        ):
            yield (
                f"a field of {template!r} computes {ast.unparse(node)}:"
                " give the result a name first, which a test can change"
            )
