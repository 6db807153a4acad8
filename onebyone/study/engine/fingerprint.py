"""The fingerprint of everything that decides what a study measures.

It starts at ``measure`` and follows each name to what it stands for: the
functions, classes and constants of this package, and of the one that
``measure`` is in. Nothing has to be listed, so nothing can be forgotten.
Other libraries are not followed; of PyTorch a row names the version.

What does not count:

- comments, docstrings, annotations and layout;
- in which module a function, class or constant stands, what it is called
  and how it is imported: it may be moved and renamed;
- messages: what is raised with an exception, printed or warned of;
- methods that only show an object, see ``SHOWING``;
- how many threads a run takes beside other trainings: its row names them;
- how a file comes here whose checksum is known, see ``VERIFIED``.
"""

import ast
import hashlib
import inspect
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

import torch

from onebyone.study.engine.errors import StudyError

SHOWING = {"__repr__", "__str__", "_repr_html_"}
VERIFIED = {"_official_file"}  # returns the bytes that its checksum demands
IGNORED = {"annotation", "returns", "cause", "ctx", "kind", "type_comment"}
PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype)
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
UNKNOWN = object()


def fingerprint(measure: Callable, recipe: object) -> str:
    """Return ten hexadecimal digits that change with what decides results.

    Args:
        measure: the function that makes a run.
        recipe: plain data, with which it is called.

    Raises:
        StudyError: the code reads something that cannot be followed; the
            message names it and says what to do.
    """
    text = repr(_Walk(measure).essences(recipe))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def essence(
    node: object, see: Callable[[ast.AST], object] = lambda node: node
) -> object:
    """Return a syntax tree as nested lists, free of looks.

    Docstrings, annotations, ``pass`` and layout are looks. Two trees do the
    same if their essences are equal.

    Args:
        node: a tree, or what it holds: a list of trees, or a plain value.
        see: called with each node; it returns the node to look at in its
            place, or a value that stands for the whole tree.
    """
    if isinstance(node, list):
        parts = [essence(part, see) for part in node]
        return [part for part in parts if part is not None]
    if not isinstance(node, ast.AST):
        return repr(node)
    node = see(node)
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.AnnAssign):
        # without a value where only the type stands
        node = ast.Assign([node.target], node.value)  # type: ignore[arg-type]
    is_text = isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Constant
    )
    if is_text or isinstance(node, ast.Pass):
        return None
    fields = [
        [name, essence(value, see)]
        for name, value in ast.iter_fields(node)
        if name not in IGNORED and value not in (None, [])
    ]
    return [type(node).__name__, *fields]


class _Walk:
    """The code reached from ``measure``, in the order in which it is met."""

    def __init__(self, measure: Callable) -> None:
        self.packages = {__name__, measure.__module__}
        self.packages = {_root(name) for name in self.packages}
        self.reached: list[Callable] = [measure]

    def essences(self, recipe: object) -> list:
        """Return the recipe, then each function and class, free of looks."""
        essences = [self._value(recipe, "the recipe")]
        for part in self.reached:  # which grows meanwhile
            source = _source(part)
            definition = ast.parse(source).body[0]
            if isinstance(definition, NAMED):
                definition.name = ""
            see = partial(self._see, _scope(part, source))
            essences.append(essence(definition, see))
        return essences

    def _see(self, scope: dict, node: ast.AST) -> object:
        """Return what counts of a node: another node, or a value."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._check_import(node)
        stands_for = self._resolve(node, scope)
        if callable(stands_for) and not self._is_own(stands_for):
            # another library's, under the name that it has
            return ast.Name(ast.unparse(node).rpartition(".")[2])
        if stands_for is not UNKNOWN:
            return self._value(stands_for, ast.unparse(node))
        return _quiet(node)

    def _resolve(self, node: ast.AST, scope: dict) -> object:
        """Return what a global name or a module's attribute stands for."""
        found = UNKNOWN
        if isinstance(node, ast.Name):
            found = scope.get(node.id, UNKNOWN)
        elif isinstance(node, ast.Attribute):
            holder = self._resolve(node.value, scope)
            if isinstance(holder, ModuleType) and self._is_own(holder):
                found = getattr(holder, node.attr, UNKNOWN)
        return found

    def _value(self, value: object, name: str) -> object:
        """Return a value as nested lists; messages call it ``name``."""
        if isinstance(value, PLAIN):
            return repr(value)
        if isinstance(value, dict):
            return ["dict", *(self._value([*i], name) for i in value.items())]
        if isinstance(value, list | tuple):
            return ["list", *(self._value(item, name) for item in value)]
        if isinstance(value, set | frozenset):
            return ["set", *sorted(repr(self._value(i, name)) for i in value)]
        if isinstance(value, ModuleType) and not self._is_own(value):
            return value.__name__
        value = inspect.unwrap(value) if callable(value) else value
        if not inspect.isfunction(value) and not inspect.isclass(value):
            raise StudyError(
                f"a study's results depend on {name}, a "
                f"{type(value).__name__}, which has no fingerprint: use "
                "functions, classes and plain data, and of a module its parts"
            )
        if not self._is_own(value) or value.__name__ in VERIFIED:
            return value.__name__
        if value not in self.reached:
            self.reached.append(value)
        return self.reached.index(value)

    def _is_own(self, thing: object) -> bool:
        place = thing if isinstance(thing, ModuleType) else None
        name = place.__name__ if place else getattr(thing, "__module__", None)
        return _root(name or "") in self.packages

    def _check_import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module and not node.level else []
        if not names or not self.packages.isdisjoint(map(_root, names)):
            raise StudyError(
                f"a study's results depend on code that holds "
                f"{ast.unparse(node)!r}, which its fingerprint cannot "
                "follow: import it at the top of the module"
            )


def _root(module: str) -> str:
    return module.partition(".")[0]


@cache
def _source(part: Callable) -> str:
    return textwrap.dedent(inspect.getsource(part))


def _scope(part: Any, source: str) -> dict[str, object]:
    """Return what the names outside a function or class stand for."""
    if inspect.isclass(part):
        namespace = vars(sys.modules[part.__module__])
    else:
        closure = inspect.getclosurevars(part).nonlocals
        namespace = {**part.__globals__, **closure}
    names = set(_globals(symtable.symtable(source, "study", "exec")))
    return {
        name: namespace[name]
        for name in names
        if name in namespace and not name.startswith("__")
    }


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    yield from (s.get_name() for s in table.get_symbols() if s.is_global())
    for child in table.get_children():
        yield from _globals(child)


def _quiet(node: ast.AST) -> ast.AST:
    """Return the node without what only tells or shows something."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        told = ast.unparse(node.value.func) in ("print", "warnings.warn")
        return ast.Pass() if told else node
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return ast.Raise(node.exc.func)
    if isinstance(node, ast.ClassDef):
        body = [m for m in node.body if getattr(m, "name", "") not in SHOWING]
        return ast.ClassDef(
            node.name, node.bases, node.keywords, body, node.decorator_list
        )
    return node
