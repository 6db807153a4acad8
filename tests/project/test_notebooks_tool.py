"""Notebooks are executed all or nothing, and have one normal form."""

import json
import os
from pathlib import Path

import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from tools import notebooks


def write(path: Path, *sources: str) -> Path:
    cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
    path.write_text(notebooks.dumps(new_notebook(cells=cells)), "utf-8")
    return path


def code_cells(path: Path):
    cells = notebooks.read(path).cells
    return [cell for cell in cells if cell.cell_type == "code"]


# --- execute ---------------------------------------------------------------


def test_execute_runs_in_an_empty_folder_without_progress(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        "import os",
        "print(os.listdir())\nprint(os.environ['ONEBYONE_PROGRESS'])",
    )
    assert notebooks.main(["execute", str(path)]) == 0
    _, printed = code_cells(path)
    assert [output.text for output in printed.outputs] == ["[]\n0\n"]


def test_executing_twice_gives_the_same_normal_file(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        "import pandas as pd\nfrom IPython.display import display",
        "for n in range(2):\n    display(pd.DataFrame([[n]]).style)",
        "object()",
    )
    assert notebooks.main(["execute", str(path)]) == 0
    before = path.read_bytes()
    assert notebooks.main(["execute", str(path)]) == 0
    assert path.read_bytes() == before and notebooks.is_normal(path)
    _, styled, plain = code_cells(path)
    assert plain.execution_count == 3
    assert plain.outputs[0].data["text/plain"] == "<object>"
    tables = [output.data["text/html"] for output in styled.outputs]
    ids = [set(notebooks.STYLED_TABLE.findall(table)) for table in tables]
    assert [len(names) for names in ids] == [1, 1] and ids[0] != ids[1]


@pytest.mark.parametrize(
    ("failing", "said"),
    [("1 / 0", "ZeroDivisionError"), ("import os; os._exit(1)", "Kernel")],
)
def test_a_notebook_that_fails_stays_as_it_was_and_is_named(
    failing, said, tmp_path, capsys
):
    bad = write(tmp_path / "bad.ipynb", "print('ran')", failing)
    good = write(tmp_path / "good.ipynb", "print('ran')")
    before = bad.read_bytes()
    assert notebooks.main(["execute", str(bad), str(good)]) == 1
    assert bad.read_bytes() == before
    assert code_cells(good)[0].outputs[0].text == "ran\n"
    assert sorted(os.listdir(tmp_path)) == ["bad.ipynb", "good.ipynb"]
    told = capsys.readouterr().err
    assert "bad.ipynb, cell 3 of 3" in told and said in told
    assert "\x1b" not in told


def test_a_missing_notebook_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        notebooks.main(["execute", str(tmp_path / "none.ipynb")])
    assert "none.ipynb is not a notebook" in capsys.readouterr().err


# --- normalise -------------------------------------------------------------


def untidy() -> dict:
    """A notebook as other tools leave it, as JSON."""
    stream = {"output_type": "stream", "name": "stdout"}
    result = {"output_type": "execute_result", "execution_count": 9}
    result |= {"data": {"text/plain": ["2"]}, "metadata": {}}
    widget = {"output_type": "display_data", "metadata": {}}
    widget |= {"data": {notebooks.WIDGET_TYPE: {"model_id": "1"}}}
    ran = {"execution": {"iopub.status.busy": "2026-01-01T00:00:00Z"}}
    code = {"cell_type": "code", "source": ["1 + 1"]}
    text = {"cell_type": "markdown", "source": ["# T"], "metadata": {}}
    first = {
        "execution_count": 4,
        "metadata": {**ran, "tags": ["b", "a"], "scrolled": True},
        "outputs": [
            {**stream, "text": ["1\n"]},
            {**stream, "text": ["2\n"]},
            widget,
        ],
    }
    second = {"execution_count": 9, "metadata": {}, "outputs": [result]}
    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {
            "widgets": {"x": 1},
            "kernelspec": {"name": "conda", "display_name": "conda"},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
        "cells": [text, text, code | first, code | second],
    }


@pytest.fixture
def normal(tmp_path) -> Path:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(untidy()), encoding="utf-8")
    assert notebooks.main(["check", str(path)]) == 1
    assert notebooks.main(["normalise", str(path)]) == 0
    return path


def test_the_normal_form_is_one_and_stays(normal, tmp_path):
    again = tmp_path / "b.ipynb"
    again.write_text(json.dumps(untidy()), encoding="utf-8")
    for path in (normal, again, again):
        before = normal.read_bytes()
        notebooks.normalise_file(path)
        assert path.read_bytes() == before and before.endswith(b"}\n")
    assert notebooks.main(["check", str(normal)]) == 0


def test_metadata_hold_what_the_book_uses(normal):
    notebook = notebooks.read(normal)
    assert notebook.metadata == notebooks.NOTEBOOK_METADATA
    assert code_cells(normal)[0].metadata == {"tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("data = onebyone.load_data(batch_size=64)", True),
        ('data = onebyone.load_data(device="cpu")', False),
        ("net = nin()", False),
    ],
)
def test_a_notebook_asks_colab_for_a_gpu_where_it_uses_one(source, asks):
    metadata = normalised(new_code_cell(source)).metadata
    wish = {name: metadata.get(name) for name in notebooks.COLAB_GPU}
    assert (wish == notebooks.COLAB_GPU) == asks == any(wish.values())


def normalised(*cells):
    return notebooks.normalise(new_notebook(cells=list(cells)))


def test_outputs_are_merged_counted_and_free_of_widgets(normal):
    first, second = code_cells(normal)
    assert [output.text for output in first.outputs] == ["1\n2\n"]
    assert [first.execution_count, second.execution_count] == [1, 2]
    assert second.outputs[0].execution_count == 2


def test_cells_without_ids_get_different_ones(normal):
    ids = [cell.id for cell in notebooks.read(normal).cells]
    assert len(set(ids)) == len(ids) == 4


def test_ids_that_are_unique_stay():
    notebook = new_notebook(cells=[new_markdown_cell(t) for t in "abc"])
    for cell, cell_id in zip(notebook.cells, "xyx", strict=True):
        cell.id = cell_id
    ids = [cell.id for cell in notebooks.normalise(notebook).cells]
    assert ids[:2] == ["x", "y"] and ids[2] not in ids[:2]


def test_counts_out_of_order_or_missing_are_not_painted_over():
    counts = [3, None, 2]
    cells = [new_code_cell("x", execution_count=n) for n in counts]
    cells = normalised(*cells).cells
    assert [cell.execution_count for cell in cells] == counts


def test_stderr_and_stdout_are_not_merged():
    outputs = [
        new_output("stream", name=name, text="x\n")
        for name in ("stdout", "stderr", "stdout")
    ]
    (cell,) = normalised(new_code_cell("x", outputs=outputs)).cells
    assert len(cell.outputs) == 3
