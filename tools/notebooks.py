"""Execute notebooks in place and bring them into one stable form.

    python -m tools.notebooks execute FILES…     run, then normalise
    python -m tools.notebooks normalise FILES…   normalise only
    python -m tools.notebooks check FILES…       name files not normalised

`execute` gives every notebook a fresh kernel that finds this checkout's
package and whose working directory is an empty temporary folder. A notebook
is written only after its last cell has succeeded, under a temporary name that
then replaces the old file, so that an error or an interruption leaves the old
notebook as it was.

The normal form: unique cell ids (existing ones are kept), kernelspec
`python3`, no timestamps, no widget state, only the metadata that the book
uses, a wish for Colab's GPU where one is used, execution counts from 1,
neighbouring stream outputs merged, and nothing that every run draws anew: no
addresses of objects, and styled tables of pandas named after their cell.

A code cell that is tagged with one of the FOLDS stands folded in the book, in
JupyterLab and on Colab; whoever writes it writes the tag, and the rest of the
metadata comes from here. A cell without such a tag stands open.
"""

import argparse
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import nbjson

from tools import ROOT, files

NOTEBOOK_METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
# as Colab itself writes it
COLAB_GPU = {"accelerator": "GPU", "colab": {"gpuType": "T4"}}
KEPT_CELL_METADATA = {"tags", "mystnb", "nbgrader", "deletable", "editable"}


class Fold(NamedTuple):
    """How a kind of code cell stands folded."""

    title: str  # of the closed cell on Colab
    summary: str  # of the closed cell in the book
    hidden: str  # MyST-NB's tag: what the summary hides


FOLDS = {
    "setup": Fold("Setup", "Setup", "hide-cell"),
    "figure": Fold("Figure", "Show the code", "hide-input"),
    "proof": Fold("Proof", "✓ checked", "hide-cell"),
}
HIDING_TAGS = {"hide-cell", "hide-input", "hide-output"}
TITLE = re.compile(r"\A# ?@title\b.*\n?")  # ruff puts a space behind the #
WIDGET_TYPE = "application/vnd.jupyter.widget-view+json"
VALID_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=>)")
STYLED_TABLE = re.compile(r"""(?<=[#"])T_[0-9a-f]{5}(?=[_" ])""")
ANSI_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class CellFailed(Exception):
    """A cell raised; the message names notebook, cell and error."""


def read(path: Path) -> NotebookNode:
    """Read a notebook of format 4 without inventing cell ids."""
    return nbjson.reads(path.read_text(encoding="utf-8"))


def dumps(notebook: NotebookNode) -> str:
    """Return the text of a valid notebook, as it stands in its file."""
    nbformat.validate(notebook)
    return nbjson.writes(notebook).rstrip("\n") + "\n"


def python_of(cell: NotebookNode) -> str:
    """Return the Python of a code cell; magics and shell lines are `pass`."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell.source)


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring a notebook into its normal form, in place, and return it."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = notebook_metadata(notebook)
    _give_ids(notebook.cells)
    for cell in notebook.cells:
        for key in set(cell.metadata) - KEPT_CELL_METADATA:
            del cell.metadata[key]
        fold(cell)
        if cell.cell_type == "code":
            cell.outputs = _normalise_outputs(cell.get("outputs", []))
            _steady(cell)
    _renumber([c for c in notebook.cells if c.cell_type == "code"])
    return notebook


def notebook_metadata(notebook: NotebookNode) -> NotebookNode:
    """Return the metadata of the whole notebook.

    One that loads images on to the training device asks Colab for a GPU.
    """
    on_device = any(
        "load_data(" in line and 'device="cpu"' not in line
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
    )
    wish = COLAB_GPU if on_device else {}
    return nbformat.from_dict(NOTEBOOK_METADATA | wish)


def _give_ids(cells: list[NotebookNode]) -> None:
    taken: set[str] = set()
    for cell in cells:
        cell_id = cell.get("id", "")
        if not VALID_ID.fullmatch(cell_id) or cell_id in taken:
            cell_id = _derived_id(cell, taken)
        cell.id = cell_id
        taken.add(cell_id)


def _derived_id(cell: NotebookNode, taken: set[str]) -> str:
    contents = (f"{n} {cell.cell_type} {cell.source}" for n in count())
    ids = (hashlib.sha256(c.encode()).hexdigest()[:8] for c in contents)
    return next(cell_id for cell_id in ids if cell_id not in taken)


def fold_of(cell: NotebookNode) -> Fold | None:
    """Return how a cell is folded; None if it stands open."""
    kinds = FOLDS.keys() & set(cell.metadata.get("tags", []))
    return FOLDS[min(kinds)] if cell.cell_type == "code" and kinds else None


def fold(cell: NotebookNode) -> None:
    """Give a cell exactly the metadata and the title that its kind demands.

    JupyterLab reads `jupyter.source_hidden`, Colab `cellView` and the title
    in the first line, and MyST-NB the tag and the prompts.
    """
    kind, metadata = fold_of(cell), cell.metadata
    tags = set(metadata.get("tags", [])) - HIDING_TAGS
    mystnb = {
        key: value
        for key, value in metadata.get("mystnb", {}).items()
        if not key.startswith("code_prompt_")
    }
    if kind:
        tags.add(kind.hidden)
        mystnb |= {
            "code_prompt_show": kind.summary,
            "code_prompt_hide": kind.summary,
        }
        metadata["jupyter"] = {"source_hidden": True}
        metadata["cellView"] = "form"
        if not TITLE.match(cell.source):
            cell.source = f"# @title {kind.title}\n{cell.source}"
    for key, value in (("tags", sorted(tags)), ("mystnb", mystnb)):
        metadata[key] = nbformat.from_dict(value)
        if not value:
            del metadata[key]


def _normalise_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if merged and merged[-1].get("name") == output.name:
                merged[-1].text += output.text
                continue
        elif WIDGET_TYPE in output.get("data", {}):
            continue
        merged.append(output)
    return merged


def _steady(cell: NotebookNode) -> None:
    """Replace what differs in every run: addresses, names of styled tables."""
    names: dict[str, str] = {}

    def name(match: re.Match) -> str:
        content = f"{cell.id} {len(names)}".encode()
        fresh = "T_" + hashlib.sha256(content).hexdigest()[:5]
        return names.setdefault(match.group(), fresh)

    for output in cell.outputs:
        data = output.get("data", {})
        if "text/plain" in data:
            data["text/plain"] = ADDRESS.sub("", data["text/plain"])
        if "text/html" in data:
            data["text/html"] = STYLED_TABLE.sub(name, data["text/html"])


def _renumber(code_cells: list[NotebookNode]) -> None:
    """Count executed cells from 1, unless they ran out of order."""
    executed = [c for c in code_cells if c.get("execution_count")]
    counts = [c.execution_count for c in executed]
    if counts != sorted(set(counts)):
        return
    for number, cell in enumerate(executed, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


@contextmanager
def kernel(notebook: NotebookNode, **environment: str) -> Iterator:
    """Give a notebook a fresh kernel in an empty folder, as nbclient's client.

    Names and values of `environment` are set in the kernel's environment.
    """
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory(prefix="onebyone-") as folder:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=None,
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        client.reset_execution_trackers()
        with client.setup_kernel(env=_kernel_environment() | environment):
            yield client


def run_cells(notebook: NotebookNode, name: str) -> None:
    """Run all cells in a fresh kernel in an empty folder.

    Raises CellFailed with the name, the cell and the error.
    """
    total = len(notebook.cells)
    with kernel(notebook) as client:
        for index, cell in enumerate(notebook.cells):
            if message := run_cell(client, cell, index):
                raise CellFailed(
                    f"{name}, cell {index + 1} of {total}"
                    f" (id {cell.get('id', 'none')}):\n{message}"
                )


def run_cell(client: Any, cell: NotebookNode, index: int) -> str | None:
    """Run one cell; return the error that it ended in, if it did."""
    from nbclient.exceptions import (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    try:
        client.execute_cell(cell, index)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return ANSI_ESCAPE.sub("", str(error)).strip()
    return None


def _kernel_environment() -> dict[str, str]:
    """Let a kernel find this checkout's package and show no progress."""
    environment = {**os.environ, "ONEBYONE_PROGRESS": "0"}
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    if data := environment.get("ONEBYONE_DATA"):
        environment["ONEBYONE_DATA"] = os.path.abspath(data)
    return environment


def execute_file(path: Path) -> float:
    """Execute and normalise one notebook in place; return its seconds."""
    start = time.perf_counter()
    notebook = read(path)
    run_cells(notebook, str(path))
    files.write(path, dumps(normalise(notebook)))
    return time.perf_counter() - start


def normalise_file(path: Path) -> None:
    files.write(path, dumps(normalise(read(path))))


def is_normal(path: Path) -> bool:
    return dumps(normalise(read(path))).encode() == path.read_bytes()


def _report(path: Path) -> bool:
    """Execute one notebook; say how it went, and return whether it ran."""
    try:
        seconds = execute_file(path)
    except CellFailed as failure:
        print(failure, file=sys.stderr, flush=True)
        return False
    print(f"{path}: {seconds:.1f} s", flush=True)
    return True


def _notebook(argument: str) -> Path:
    path = Path(argument)
    if path.suffix != ".ipynb" or not path.is_file():
        raise argparse.ArgumentTypeError(f"{path} is not a notebook")
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks")
    parser.add_argument("action", choices=["execute", "normalise", "check"])
    parser.add_argument("files", nargs="+", type=_notebook, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.action == "execute":
        return 0 if all([_report(path) for path in options.files]) else 1
    if options.action == "normalise":
        for path in options.files:
            normalise_file(path)
        return 0
    abnormal = [path for path in options.files if not is_normal(path)]
    for path in abnormal:
        print(f"{path}: not normalised", file=sys.stderr)
    return 1 if abnormal else 0


if __name__ == "__main__":
    sys.exit(main())
