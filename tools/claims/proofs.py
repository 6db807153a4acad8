"""What proves a claim: outputs and asserts of a notebook."""

import ast
import bisect
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from bs4 import BeautifulSoup

from tools import notebooks
from tools.claims.numbers import Number, read_numbers


@dataclass(frozen=True, order=True)
class Proof:
    """A known value; `quantum` > 0 if it is itself known rounded only."""

    value: Fraction
    quantum: Fraction = Fraction(0)
    unit: str = ""
    entry: str = ""


@dataclass
class Proofs:
    """All values that may prove a claim of one page."""

    known: list[Proof] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = sorted(set(self.known))
        self._values = [proof.value for proof in self.known]

    def matching(self, claim: Number) -> list[Proof]:
        """Return the proofs that, rounded to the claim's digits, equal it."""
        if claim.malformed:
            return []
        scales = {claim.scale}
        if claim.scale != 1 and claim.significant >= 3:
            scales.add(Fraction(1))
        return [
            proof for scale in scales for proof in self._near(claim, scale)
        ]

    def _near(self, claim: Number, scale: Fraction) -> Iterator[Proof]:
        value = claim.mantissa * scale
        margin = 0 if _must_be_exact(claim) else claim.quantum * scale / 2
        first = bisect.bisect_left(self._values, value - margin)
        last = bisect.bisect_right(self._values, value + margin)
        for proof in self.known[first:last]:
            precise = proof.quantum <= claim.quantum * scale
            if precise and proof.unit in ("", claim.unit):
                yield proof


def _must_be_exact(claim: Number) -> bool:
    """Return whether rounding would let too much pass: one digit, integers."""
    if claim.scientific or claim.scale >= 1000:
        return False
    if claim.scale == 1 and not claim.decimal:
        return True
    return claim.significant < 2


def read_printed(text: str) -> Iterator[Proof]:
    """Yield the numbers of a text output, without those in identifiers."""
    for number in read_numbers(text):
        if re.search(r"[^\W\d]$", text[: number.start][-1:]):
            continue
        yield Proof(number.value, uncertainty(number))


def uncertainty(number: Number) -> Fraction:
    """Return the last digit's value of a number that was probably rounded."""
    exact = number.scale == 1 and not number.decimal
    return Fraction(0) if exact else number.quantum * number.scale


IGNORED_TAGS = {"nbval-ignore-output", "nbval-skip"}
IGNORED_MARKS = ("NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP")


def is_compared(cell) -> bool:
    """Return whether nbval compares the outputs of a code cell."""
    tags = set(cell.metadata.get("tags", []))
    marked = any(mark in cell.source for mark in IGNORED_MARKS)
    return not tags & IGNORED_TAGS and not marked


def is_run(cell) -> bool:
    """Return whether nbval runs a code cell, so that its asserts hold."""
    tags = cell.metadata.get("tags", [])
    return "nbval-skip" not in tags and "NBVAL_SKIP" not in cell.source


def cell_proofs(cell) -> Iterator[Proof]:
    """Yield what the output and the asserts of a code cell prove."""
    if is_compared(cell):
        for text in output_texts(cell):
            yield from read_printed(text)
    if is_run(cell):
        yield from assert_proofs(cell)


def output_texts(cell) -> Iterator[str]:
    """Yield what a reader can read of a code cell's outputs."""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text
        data = output.get("data", {})
        plain = data.get("text/plain", "")
        if not plain.startswith("<Figure"):
            yield plain
        yield _html_text(data.get("text/html", ""))


def _html_text(html: str) -> str:
    page = BeautifulSoup(html, "html.parser")
    for tag in page(["style", "script"]):
        tag.decompose()
    return page.get_text(" ")


DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
)


def asserts(cell) -> list[ast.Assert]:
    """Return the asserts that run with the cell: none inside a definition."""
    found = []
    waiting: list[ast.AST] = [*ast.parse(notebooks.python_of(cell)).body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert):
            found.append(node)
        elif not isinstance(node, DEFINITIONS):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def assert_proofs(cell) -> Iterator[Proof]:
    for statement in asserts(cell):
        for node in ast.walk(statement.test):
            value = constant(node)
            if value is not None:
                yield Proof(abs(value))


def constant(node: ast.AST) -> Fraction | None:
    """Return the exact value of a numeric literal or constant expression."""
    try:
        return _evaluate(node)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: _power(a, b),
}


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent) > 400 or abs(base) > 10**12:
        raise OverflowError
    return Fraction(base**exponent)


def _evaluate(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError
        case ast.Constant(value=int() | float() as value):
            return Fraction(repr(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) not in OPERATORS:
                raise ValueError
            return OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="math"), attr="log"),
            args=[argument],
        ):
            return Fraction(math.log(_evaluate(argument)))
    raise ValueError
