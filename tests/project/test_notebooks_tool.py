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
    cells = [new_markdown_cell("# Title")] + [
        new_code_cell(source) for source in sources
    ]
    text = notebooks.dumps(new_notebook(cells=cells))
    path.write_text(text, encoding="utf-8")
    return path


def code_cells(path: Path):
    cells = notebooks.read(path).cells
    return [cell for cell in cells if cell.cell_type == "code"]


# --- execute ---------------------------------------------------------------


def test_execute_runs_in_an_empty_folder_without_progress(tmp_path, capsys):
    path = write(
        tmp_path / "a.ipynb",
        "import os",
        "print(os.listdir())\nprint(os.environ['ONEBYONE_PROGRESS'])",
        "1 + 1",
    )
    assert notebooks.main(["execute", str(path)]) == 0
    _, printed, result = code_cells(path)
    assert [output.text for output in printed.outputs] == ["[]\n0\n"]
    assert result.outputs[0].data["text/plain"] == "2"
    assert [c.execution_count for c in code_cells(path)] == [1, 2, 3]
    assert notebooks.is_normal(path)
    assert f"{path}: " in capsys.readouterr().out


def test_executing_twice_gives_the_same_file(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        "import pandas as pd\nfrom IPython.display import display",
        "for n in range(2):\n    display(pd.DataFrame([[n]]).style)",
        "object()",
    )
    assert notebooks.main(["execute", str(path)]) == 0
    before = path.read_bytes()
    assert notebooks.main(["execute", str(path)]) == 0
    assert path.read_bytes() == before
    _, styled, plain = code_cells(path)
    assert plain.outputs[0].data["text/plain"] == "<object>"
    tables = [output.data["text/html"] for output in styled.outputs]
    ids = [set(notebooks.STYLED_TABLE.findall(table)) for table in tables]
    assert [len(names) for names in ids] == [1, 1] and ids[0] != ids[1]


def test_a_failing_cell_leaves_the_file_untouched(tmp_path, capsys):
    path = write(tmp_path / "a.ipynb", "print('ran')", "1 / 0")
    before = path.read_bytes()
    assert notebooks.main(["execute", str(path)]) == 1
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.ipynb"]
    said = capsys.readouterr().err
    assert "a.ipynb, cell 3 of 3" in said
    assert "ZeroDivisionError" in said and "\x1b" not in said


def test_a_dying_kernel_leaves_the_file_untouched(tmp_path, capsys):
    path = write(tmp_path / "a.ipynb", "import os; os._exit(1)")
    before = path.read_bytes()
    assert notebooks.main(["execute", str(path)]) == 1
    assert path.read_bytes() == before
    assert "cell 2 of 2" in capsys.readouterr().err


def test_several_notebooks_run_at_once_and_one_may_fail(tmp_path):
    good = write(tmp_path / "good.ipynb", "print('ran')")
    bad = write(tmp_path / "bad.ipynb", "undefined")
    arguments = ["execute", "--jobs", "2", str(bad), str(good)]
    assert notebooks.main(arguments) == 1
    assert code_cells(good)[0].outputs[0].text == "ran\n"
    assert not code_cells(bad)[0].outputs


def test_a_missing_notebook_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        notebooks.main(["execute", str(tmp_path / "none.ipynb")])
    assert "none.ipynb is not a notebook" in capsys.readouterr().err


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        notebooks.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


# --- normalise -------------------------------------------------------------


def untidy() -> dict:
    """A notebook as other tools leave it, as JSON."""
    stream = {"output_type": "stream", "name": "stdout"}
    result = {
        "output_type": "execute_result",
        "execution_count": 9,
        "data": {"text/plain": ["2"]},
        "metadata": {},
    }
    widget = {
        "output_type": "display_data",
        "data": {notebooks.WIDGET_TYPE: {"model_id": "1"}},
        "metadata": {},
    }
    times = {"execution": {"iopub.status.busy": "2026-01-01T00:00:00Z"}}
    code = {"cell_type": "code", "source": ["1 + 1"]}
    text = {"cell_type": "markdown", "source": ["# T"], "metadata": {}}
    return {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {
            "widgets": {"x": 1},
            "kernelspec": {"name": "conda", "display_name": "conda"},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
        "cells": [
            text,
            text,
            code
            | {
                "execution_count": 4,
                "metadata": {**times, "tags": ["b", "a"], "scrolled": True},
                "outputs": [
                    {**stream, "text": ["1\n"]},
                    {**stream, "text": ["2\n"]},
                    widget,
                ],
            },
            code | {"execution_count": 9, "metadata": {}, "outputs": [result]},
        ],
    }


@pytest.fixture
def normal(tmp_path) -> Path:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(untidy()), encoding="utf-8")
    assert notebooks.main(["check", str(path)]) == 1
    assert notebooks.main(["normalise", str(path)]) == 0
    return path


def test_normalise_is_idempotent(normal):
    before = normal.read_bytes()
    notebooks.normalise_file(normal)
    assert normal.read_bytes() == before
    assert before.endswith(b"}\n")
    assert notebooks.main(["check", str(normal)]) == 0


def test_normalise_is_deterministic(normal, tmp_path):
    again = tmp_path / "b.ipynb"
    again.write_text(json.dumps(untidy()), encoding="utf-8")
    notebooks.normalise_file(again)
    assert again.read_bytes() == normal.read_bytes()


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
    metadata = notebooks.normalise(
        new_notebook(cells=[new_code_cell(source)])
    ).metadata
    assert (metadata.get("accelerator") == "GPU") == asks
    assert metadata.get("colab") == ({"gpuType": "T4"} if asks else None)


@pytest.mark.parametrize("kind", notebooks.FOLDS)
def test_the_tag_of_a_kind_brings_all_that_folds_it(kind):
    cell = new_code_cell("x", metadata={"tags": [kind]})
    notebooks.normalise(new_notebook(cells=[cell]))
    title, summary, hidden = notebooks.FOLDS[kind]
    assert cell.source == f"# @title {title}\nx"
    assert cell.metadata == {
        "tags": sorted([kind, hidden]),
        "mystnb": {"code_prompt_show": summary, "code_prompt_hide": summary},
        "jupyter": {"source_hidden": True},
        "cellView": "form",
    }


def test_a_title_of_ones_own_and_a_caption_stay():
    cell = new_code_cell(
        "#@title The loss\nx",
        metadata={"tags": ["figure"], "mystnb": {"figure": {"name": "fig-x"}}},
    )
    notebooks.normalise(new_notebook(cells=[cell]))
    assert cell.source.startswith("#@title The loss\nx")
    assert cell.metadata.mystnb.figure == {"name": "fig-x"}


def test_without_a_kind_a_cell_stands_open():
    cell = new_code_cell("x", metadata={"tags": ["proof"]})
    notebooks.normalise(new_notebook(cells=[cell]))
    cell.metadata.tags = ["hide-cell"]
    notebooks.normalise(new_notebook(cells=[cell]))
    assert cell.metadata == {}


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
    for cell, cell_id in zip(notebook.cells, ["x", "y", "x"], strict=True):
        cell.id = cell_id
    ids = [cell.id for cell in notebooks.normalise(notebook).cells]
    assert ids[:2] == ["x", "y"] and ids[2] not in ids[:2]


def test_counts_out_of_order_or_missing_are_not_painted_over():
    counts = [3, None, 2]
    cells = [new_code_cell("x", execution_count=n) for n in counts]
    notebook = notebooks.normalise(new_notebook(cells=cells))
    assert [cell.execution_count for cell in notebook.cells] == counts


def test_stderr_and_stdout_are_not_merged():
    outputs = [
        new_output("stream", name=name, text="x\n")
        for name in ("stdout", "stderr", "stdout")
    ]
    cell = new_code_cell("x", execution_count=1, outputs=outputs)
    notebook = notebooks.normalise(new_notebook(cells=[cell]))
    assert len(notebook.cells[0].outputs) == 3
