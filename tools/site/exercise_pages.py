"""Sphinx extension: exercises and their solutions as pages of the book.

It changes what Sphinx reads, never the files. Each task and its solution get
a link to each other, and a task gets a place for its answer box. A figure that
belongs to a question is shown with it, although the notebook for students, in
which nothing has run, has none. A solution
loses the marks of nbgrader and the hidden tests; its answers, explanations and
proofs are folded away, and its checks, which only say *correct*, are left out.
`_config.yml` switches it on.
"""

import copy
import json
import re
from typing import Any

from tools import ROOT
from tools.site.answer_boxes import with_boxes

SOLUTIONS = ROOT / "exercises" / "solutions"
PAGE = re.compile(r"exercises/(?P<solution>solutions/)?(?P<name>\w+)")
TASK = re.compile(r"(?m)^## Task (\d+)\b.*$")
TITLE = re.compile(r"\A# Exercises: (.*)")
LAST = "## How far are you?"

MARK = re.compile(r"(?m)^ *### (?:BEGIN|END) SOLUTION\n?")
PLACEHOLDER = re.compile(r"(?m)^\w+(?:, \w+)* = \.\.\.(?:, \.\.\.)*\n")
MODEL_ANSWER = re.compile(
    r"<!-- BEGIN SOLUTION -->\n*(.*?)\n*<!-- END SOLUTION -->", re.DOTALL
)

Cell = dict[str, Any]


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", on_source_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def on_source_read(app: Any, docname: str, source: list[str]) -> None:
    page = PAGE.fullmatch(docname)
    if page and str(app.env.doc2path(docname)).endswith(".ipynb"):
        source[0] = as_page(source[0], page["name"], bool(page["solution"]))


def as_page(text: str, name: str, solution: bool) -> str:
    """Return the text of a notebook as the book shows it."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    if solution:
        notebook["cells"] = [*solution_cells(notebook["cells"], name)]
    else:
        notebook["cells"] = with_boxes(notebook["cells"], name)
        show_figures(notebook["cells"], name)
    own, other = ("solution", "task") if solution else ("task", "solution")
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = TASK.sub(
                rf"({own}-{name}-\1)=\n\g<0>\n\n"
                rf"{{ref}}`The {other} <{other}-{name}-\1>`\n",
                cell["source"],
            )
    return json.dumps(notebook)


def show_figures(cells: list[Cell], name: str) -> None:
    """Give each figure of a question what it shows in the solutions.

    A figure that is an answer has nbgrader's mark, and stays empty.
    """
    solved = json.loads((SOLUTIONS / f"{name}.ipynb").read_text("utf-8"))
    made = {cell["id"]: cell for cell in solved["cells"]}
    for cell in cells:
        metadata = cell["metadata"]
        if "figure" in metadata.get("tags", []) and "nbgrader" not in metadata:
            shown = made[cell["id"]]
            cell["outputs"] = shown["outputs"]
            cell["execution_count"] = shown["execution_count"]
            own = copy.deepcopy(shown["metadata"]["mystnb"])
            own["figure"].pop("name", None)  # the solutions have it
            metadata["mystnb"] = own


def solution_cells(cells: list[Cell], name: str):
    """Return the cells of a solution page, changed in place."""
    for cell in cells:
        if cell["source"].startswith(LAST):
            return
        if is_check(cell):
            continue
        explains = "explanation" in cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            cell["source"] = solution_text(cell["source"], name, explains)
        else:
            fold_code(cell, explains)
        yield cell


def is_check(cell: Cell) -> bool:
    """Return whether it is a code cell that gives points."""
    graded = cell["metadata"].get("nbgrader", {}).get("grade", False)
    return graded and cell["cell_type"] == "code"


def solution_text(text: str, name: str, explains: bool) -> str:
    if explains:
        return fold_text("Explanation", text)
    if title := TITLE.match(text):
        return (
            f"# Solutions: {title[1]}\n\n"
            f"Each of the [exercises](../{name}.ipynb), solved and explained."
            "\nTry a task before you open its solution."
        )
    return MODEL_ANSWER.sub(lambda m: fold_text("Model answer", m[1]), text)


def fold_text(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def fold_code(cell: Cell, explains: bool) -> None:
    if not explains and "nbgrader" not in cell["metadata"]:
        return
    source = PLACEHOLDER.sub("", MARK.sub("", cell["source"]))
    cell["source"] = source.rstrip("\n")
    if not explains:  # what explains is a proof, and folded already
        fold(cell, "Answer")


def fold(cell: Cell, summary: str) -> None:
    """Let MyST-NB hide a code cell behind a line that opens it."""
    cell["metadata"].setdefault("tags", []).append("hide-cell")
    prompts = {"code_prompt_show": summary, "code_prompt_hide": summary}
    cell["metadata"].setdefault("mystnb", {}).update(prompts)
