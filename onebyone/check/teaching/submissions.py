"""What stands in a submitted notebook; nothing of it is run.

An answer is read where it follows from numbers, letters and arithmetic, as
the notebook assigns them from top to bottom. The verdict on any other answer
is taken from the outputs, if the notebook was run.
"""

import ast
import json
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onebyone import check
from onebyone.check.engine import verdicts
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.tasks import Task
from onebyone.check.engine.verdicts import Verdict
from onebyone.check.teaching import TeachingError

# what a hostile number or list could take to work out
LARGEST, HIGHEST_POWER, LONGEST = 10**40, 64, 1_000
MAGIC = ("%", "!")
MUTABLE = (list, dict, set)
PURE: dict[str, Callable] = {
    "abs": abs,
    "float": float,
    "int": int,
    "max": max,
    "min": min,
}
OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
# a verdict as it prints itself
VERDICT = re.compile(
    rf". ({'|'.join(verdicts.LOOK)}) · (.+)((?:\n  .*)*)",
)

# nbgrader's folders: what a teacher gives out, and what comes back
GIVEN_OUT = ("source", "release")
HANDED_IN, GRADED = ("downloaded", "submitted"), "autograded"

Verdicts = dict[str, Verdict | None]  # by a task's path; None: not read


class Unreadable(Exception):
    """An answer that only running the notebook would show."""


def notebooks_in(folder: Path) -> list[Path]:
    """Return all submitted notebooks in a folder and the folders in it.

    Of a course as nbgrader keeps it, those that the teacher gives out are
    left out, and each submission is taken once, graded if it is.

    Raises TeachingError where there is none.
    """
    if not folder.is_dir():
        raise TeachingError(f"{folder} is not a folder.")
    if folder.resolve().name in GIVEN_OUT:
        raise TeachingError(
            f"{folder} has the notebooks that you give out. Submissions are"
            " in `submitted`, and in `autograded` once they are graded."
        )
    found = [
        path
        for path in sorted(folder.rglob("*.ipynb"))
        if path.is_file()
        and ".ipynb_checkpoints" not in path.parts
        and is_submission(path.relative_to(folder), folder)
    ]
    if not found:
        raise TeachingError(
            f"There is no submitted notebook (*.ipynb) in {folder}."
        )
    return found


def is_submission(path: Path, folder: Path) -> bool:
    """Return whether a notebook in a folder is one to count."""
    steps = (*GIVEN_OUT, *HANDED_IN, GRADED)
    if folder.resolve().name in steps:
        return True  # what is in it are students, whatever they are called
    for place, part in enumerate(path.parts[:-1]):
        course = folder.joinpath(*path.parts[:place])
        if part in GIVEN_OUT:
            return False
        if part == "downloaded" and (course / "submitted").is_dir():
            return False
        if part == "submitted":
            rest = path.parts[place + 1 :]
            return not course.joinpath(GRADED, *rest).is_file()
        if part in steps:
            return True
    return True


def verdicts_in(path: Path) -> Verdicts:
    """Return the verdicts on the answers of a notebook.

    Raises TeachingError for a file that is no notebook of this course.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = [
            ("".join(cell["source"]), recorded(cell.get("outputs", [])))
            for cell in content["cells"]
            if cell["cell_type"] == "code"
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise TeachingError(f"{path} is not a notebook.") from None
    except RecursionError:
        raise TeachingError(f"{path} is nested too deeply.") from None
    titles = titles_in("\n".join(source for source, _ in cells))
    found: Verdicts = {}
    names: dict[str, Any] = {}
    for source, outputs in cells:
        here = read_cell(source, names)
        for verdict in outputs:
            task = titles.get(verdict.title)
            if task and here.get(task.path) is None:
                here[task.path] = verdict
        for name, known in here.items():
            if known is not None:
                found[name] = known
            found.setdefault(name, None)
    if not found:
        raise TeachingError(f"{path} has no check of this course.")
    return found


def recorded(outputs: list[dict]) -> list[Verdict]:
    """Return the verdicts among a cell's outputs."""
    found = []
    for output in outputs:
        text = output.get("data", {}).get("text/plain", "")
        if match := VERDICT.match("".join(text or output.get("evalue", ""))):
            state, title, message = match.groups()
            message = message.replace("\n  ", "\n").strip()
            found.append(Verdict(title, state, message))
    return found


def titles_in(source: str) -> dict[str, Task]:
    """Return the tasks of the check modules that a text names, by title."""
    named = dict.fromkeys(re.findall(r"\bcheck\.(\w+)", source))
    return {
        task.title: task
        for name in named
        if name in check.NOTEBOOKS
        for task in tasks_of(getattr(check, name)).values()
    }


# --- Answers ---------------------------------------------------------------


def read_cell(source: str, names: dict[str, Any]) -> Verdicts:
    """Return the verdicts on what a cell asks; set in `names` what it sets.

    As in a kernel, a cell that is no Python sets nothing.
    """
    found: Verdicts = {}
    lines = source.splitlines()
    python = [line for line in lines if not line.lstrip().startswith(MAGIC)]
    try:
        for statement in ast.parse("\n".join(python)).body:
            calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
            asked = [(task, call) for call in calls if (task := task_of(call))]
            for task, call in asked:
                found[task.path] = judged(task, call, names)
            if not asked:
                run(statement, names)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return found


def task_of(call: ast.Call) -> Task | None:
    """Return the task that `check.nin.block_parameters(…)` asks."""
    match call.func:
        case ast.Attribute(ast.Attribute(ast.Name("check"), notebook), name):
            if notebook in check.NOTEBOOKS:
                return tasks_of(getattr(check, notebook)).get(name)
    return None


def judged(task: Task, call: ast.Call, names: dict) -> Verdict | None:
    """Return the verdict on the answers in a call, if they can be read."""
    answers = [read(node, names) for node in call.args]
    named = {k.arg: read(k.value, names) for k in call.keywords}
    if Unreadable in answers or Unreadable in named.values() or None in named:
        return None
    return task.judged(tuple(answers), named)


def run(statement: ast.stmt, names: dict[str, Any]) -> None:
    """Set the names that a statement sets; what it changes is unreadable."""
    match statement:
        case ast.Assign(targets, node):
            value = read(node, names)
            for target in targets:
                bind(target, value, names)
        case ast.AnnAssign(target, _, ast.expr() as node):
            bind(target, read(node, names), names)
        case ast.AugAssign(ast.Name(name), how, node):
            old = ast.Name(name, ast.Load())
            names[name] = read(ast.BinOp(old, how, node), names)
        case ast.FunctionDef(name, body=body) if all(map(is_stub, body)):
            names[name] = ...
        case _:
            forget(statement, names)


def is_stub(statement: ast.stmt) -> bool:
    """Return whether a statement is `...` or a docstring."""
    match statement:
        case ast.Expr(ast.Constant(value)):
            return value is ... or isinstance(value, str)
    return False


def bind(target: ast.expr, value: Any, names: dict[str, Any]) -> None:
    match target:
        case ast.Name(name):
            names[name] = value
        case ast.Tuple(parts) | ast.List(parts) if isinstance(
            value, tuple | list
        ) and len(value) == len(parts):
            for part, own in zip(parts, value):
                bind(part, own, names)
        case _:
            forget(target, names)


def forget(node: ast.AST, names: dict[str, Any]) -> None:
    """Make unreadable what some code may set or change."""
    for part in ast.walk(node):
        match part:
            case ast.Name(name, ast.Store() | ast.Del()):
                names[name] = Unreadable
            case ast.Name(name) if isinstance(names.get(name), MUTABLE):
                names[name] = Unreadable
            case ast.FunctionDef(name) | ast.ClassDef(name):
                names[name] = Unreadable
            case ast.alias(name, other):
                names[other or name] = Unreadable
            case ast.Global(several):
                names |= dict.fromkeys(several, Unreadable)


# --- Values ----------------------------------------------------------------


def read(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return the value of an expression, or Unreadable."""
    try:
        return value_of(node, names)
    except (Unreadable, ArithmeticError, ValueError, TypeError):
        forget(node, names)
        return Unreadable


def value_of(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return the value of an expression of numbers, letters and names.

    Raises Unreadable for any other, and what its arithmetic raises.
    """

    def value(part: Any) -> Any:
        return value_of(part, names)

    match node:
        case ast.Constant(constant):
            return sane(constant)
        case ast.Name(name) if names.get(name, Unreadable) is not Unreadable:
            return names[name]
        case ast.Tuple(parts):
            return sane(tuple(map(value, parts)))
        case ast.List(parts):
            return sane(list(map(value, parts)))
        case ast.Set(parts):
            return sane(set(map(value, parts)))
        case ast.Dict(keys, parts) if None not in keys:
            return sane(dict(zip(map(value, keys), map(value, parts))))
        case ast.UnaryOp(how, part) if type(how) in OPERATORS:
            return sane(OPERATORS[type(how)](number(value(part))))
        case ast.BinOp(left, how, right) if type(how) in OPERATORS:
            sides = number(value(left)), number(value(right))
            if isinstance(how, ast.Pow) and abs(sides[1]) > HIGHEST_POWER:
                raise Unreadable
            return sane(OPERATORS[type(how)](*sides))
        case ast.Call(ast.Name(name), parts, []) if (
            name in PURE and name not in names
        ):
            return sane(PURE[name](*map(value, parts)))
    raise Unreadable


def number(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    raise Unreadable


def sane(value: Any) -> Any:
    """Return a value; raise Unreadable if it is too large to work with."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise Unreadable
    if size(value) > LONGEST:
        raise Unreadable
    return value


def size(value: Any) -> int:
    """Return how many values there are in a value."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, tuple | list | set):
        return 1 + sum(map(size, value))
    return 1
