"""What a notebook that is shaken runs with, inside its kernel.

`tools.shake` calls :func:`begin` before the notebook's first cell. From then
on an assert at the top level of a cell is written down and does not stop the
cell; one in a function, a class or the body of a `try` raises as ever.
"""

import ast
import builtins
import json
import operator
import random
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

OPERATORS = {
    "Lt": ("<", operator.lt),
    "LtE": ("<=", operator.le),
    "Gt": (">", operator.gt),
    "GtE": (">=", operator.ge),
    "Eq": ("==", operator.eq),
    "NotEq": ("!=", operator.ne),
    "Is": ("is", operator.is_),
    "IsNot": ("is not", operator.is_not),
    "In": ("in", lambda item, group: item in group),
    "NotIn": ("not in", lambda item, group: item not in group),
}


def begin(record: str, moved_by: int = 0, float32: bool = False) -> None:
    """Write asserts into the file `record`, with other seeds or formats."""
    from IPython import get_ipython

    shell = get_ipython()
    vars(builtins)["__shaken__"] = Ledger(Path(record))
    shell.ast_transformers.append(Watched())
    if moved_by:
        move_seeds(moved_by)
    if float32:
        forget_bfloat16()


class Ledger:
    """Writes each assert that is reached into a file, one line of JSON each.

    A line says where in its cell the assert stands, whether it held, and the
    numbers that it compared.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compared: list[list] = []

    def check(self, line: int, text: str, test: Callable) -> None:
        """Evaluate an assert's test and write down the result."""
        self.compared, error = [], None
        try:
            held = bool(test())
        except Exception as caught:  # whatever the notebook's own code raises
            held, error = False, f"{type(caught).__name__}: {caught}"
        row = {
            "line": line,
            "text": text,
            "held": held,
            "error": error,
            "compared": self.compared,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def compare(self, place: int, names: list, sides: list) -> object:
        """Evaluate `a < b < c` as Python does; keep the sides, if numbers."""
        left, holds = sides[0](), True
        for link, (name, side) in enumerate(
            zip(names, sides[1:], strict=True)
        ):
            right = side()
            symbol, compare = OPERATORS[name]
            holds = compare(left, right)
            numbers = number(left), number(right)
            if None not in numbers:
                self.compared.append([place, link, symbol, *numbers])
            if not holds:
                break
            left = right
        return holds


def number(value: object) -> int | float | None:
    """Return a Python, NumPy or 0-dimensional number as Python's own."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return value if isinstance(value, int) else float(value)


class Watched(ast.NodeTransformer):
    """Sends the asserts at the top level of a cell to the ledger."""

    def leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = leave

    def visit_Try(self, node: ast.Try | ast.TryStar) -> ast.AST:
        body, node.body = node.body, []  # what is tried may have to raise
        self.generic_visit(node)
        node.body = body
        return node

    visit_TryStar = visit_Try

    def visit_Assert(self, node: ast.Assert) -> ast.Expr:
        line, text = ast.Constant(node.lineno), ast.Constant(ast.unparse(node))
        test = _later(self.watch(node.test))
        call = ast.Expr(_ledger("check", line, text, test))
        return ast.fix_missing_locations(ast.copy_location(call, node))

    def watch(self, test: ast.expr) -> ast.expr:
        """Watch the comparisons that must hold for the test to hold.

        Others, as in `sum(a > b for …) > 2`, say nothing about a margin.
        """
        match test:
            case ast.Compare():
                names = [type(op).__name__ for op in test.ops]
                sides = [test.left, *test.comparators]
                return _ledger(
                    "compare",
                    ast.Constant(1000 * test.lineno + test.col_offset),
                    ast.List([ast.Constant(n) for n in names], ast.Load()),
                    ast.List([_later(side) for side in sides], ast.Load()),
                )
            case ast.BoolOp():
                test.values = [self.watch(value) for value in test.values]
            case ast.Call(
                func=ast.Name("all"),
                args=[ast.GeneratorExp() | ast.ListComp() as each],
            ):
                each.elt = self.watch(each.elt)
        return test


def _later(value: ast.expr) -> ast.Lambda:
    nothing = ast.arguments([], [], None, [], [], None, [])
    return ast.Lambda(nothing, value)


def _ledger(method: str, *arguments: ast.expr) -> ast.Call:
    ledger = ast.Name("__shaken__", ast.Load())
    function = ast.Attribute(ledger, method, ast.Load())
    return ast.Call(function, list(arguments), [])


def move_seeds(by: int) -> None:
    """Add a number to every seed that a notebook or its libraries set.

    Keras seeds Python, NumPy and PyTorch itself, so its seeds move with
    theirs, some of them twice. Letters are drawn from PyTorch's own default
    generator, which keeps its seed: they are the data, not the run. Text as
    a seed, which draws a student's numbers, stays too.
    """

    def moved(seed: Any) -> Any:
        whole = isinstance(seed, int | np.integer)
        return int(seed) + by if whole else seed

    class Generator(torch.Generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            return super().manual_seed(moved(seed))

    class Random(random.Random):
        def seed(self, a: object = None, version: int = 2) -> None:
            super().seed(moved(a), version)

    for module, moved_class in ((torch, Generator), (random, Random)):
        setattr(module, moved_class.__name__, moved_class)
    for module, name in (
        (torch, "manual_seed"),
        (np.random, "seed"),
        (np.random, "default_rng"),
        (random, "seed"),
    ):
        setattr(module, name, _with_seed(getattr(module, name), moved))


def _with_seed(function: Callable, moved: Callable) -> Callable:
    def shaken(seed: object = None, *more, **options) -> object:
        return function(moved(seed), *more, **options)

    return shaken


def forget_bfloat16() -> None:
    """Let the trainer find a processor without bfloat16, hence float32."""
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        setattr(torch.cpu, name, lambda: False)
