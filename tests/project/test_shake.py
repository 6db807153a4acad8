"""Shaking notebooks: what falls, what holds, and by how much."""

import ast
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from onebyone.training import best_precision
from tools import ROOT, notebooks, shake, shaken

CELLS = [
    "import os\nimport random\nimport numpy as np\nimport torch",
    "torch.manual_seed(0)\nthousands = torch.initial_seed() / 1000\n"
    "assert thousands < 9 and 1 == 1.0\nassert thousands >= 0",
    "for n in (1, 2):\n    assert n > 1, 'too small'\nafter = n",
    "raise KeyError('lost')",
    "def refuse():\n    assert not after\n"
    "try:\n    refuse()\nexcept AssertionError:\n    refused = True",
    "assert refused and after == 2",
    "assert os.environ.get('ONEBYONE_DATASET') != 'letters'",
    "assert sum(thousands > n for n in range(9)) < 9",
]


def write(path: Path, cells: list[str]) -> Path:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    for count, cell in enumerate(notebook.cells):
        cell.id = f"cell-{count}"
    path.write_text(notebooks.dumps(notebook), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shaken_once(tmp_path_factory):
    """The tiny notebook and its report after three passes."""
    folder = tmp_path_factory.mktemp("shaken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shake, "RESULTS", folder / "results")
        patch.setattr(shake, "PASSES", [*shake.PASSES[:2], LETTERS])
        path = write(folder / "tiny.ipynb", CELLS)
        text = path.read_text(encoding="utf-8")
        status = shake.main([str(path)])
        assert path.read_text(encoding="utf-8") == text
    return path, status, (folder / "results/report.txt").read_text("utf-8")


LETTERS = next(way for way in shake.PASSES if way.letters)


def test_an_assert_that_falls_is_listed_with_its_passes_and_values(
    shaken_once,
):
    path, status, report = shaken_once
    assert status == 1
    assert (
        f"{path}, cell 2 (cell-2), line 2: assert n > 1, 'too small'\n"
        "    seeds+1000: 1 > 1\n"
        "    seeds+2000: 1 > 1\n"
        "    letters: 1 > 1\n"
    ) in report


def test_a_cell_that_raises_is_listed_and_the_rest_still_runs(shaken_once):
    path, _, report = shaken_once
    assert "Raised: 3 cells\n" in report
    assert f"{path}, cell 3, in letters:\n" in report
    assert "KeyError: 'lost'" in report
    assert "cell 5 (" not in report  # whose assert held in every pass


def test_a_margin_is_told_in_spreads_of_the_passes_on_one_data_set(
    shaken_once,
):
    path, _, report = shaken_once
    # seeds 1000 and 2000, one apart, are one and seven from falling
    assert (
        f"close, 1.0 spreads: {path}, cell 1 (cell-1), line 4:"
        " assert thousands >= 0\n    0 … 2 >= 0\n"
        f"7.0 spreads: {path}, cell 1 (cell-1), line 3:"
        " assert thousands < 9 and 1 == 1.0\n    0 … 2 < 9\n"
    ) in report


def test_the_letters_are_drawn_in_their_pass_alone(shaken_once):
    path, _, report = shaken_once
    assert (
        f"{path}, cell 6 (cell-6), line 1:"
        " assert os.environ.get('ONEBYONE_DATASET') != 'letters'\n"
        "    letters: no numbers\n"
    ) in report


def test_the_last_line_counts(shaken_once):
    assert shaken_once[2].splitlines()[-1] == (
        "6 asserts in 3 runs: 2 fell, 3 moved and held (1 of them close),"
        " 1 had no numbers that moved; 3 cells raised"
    )


def test_a_notebook_that_holds_has_exit_status_0(tmp_path, monkeypatch):
    monkeypatch.setattr(shake, "RESULTS", tmp_path)
    monkeypatch.setattr(shake, "PASSES", [LETTERS])
    path = write(tmp_path / "tiny.ipynb", CELLS[:2])
    assert shake.main([str(path)]) == 0


def test_a_killed_run_loses_only_what_was_under_way(tmp_path, monkeypatch):
    first, second = shake.PASSES[0], shake.Pass("two-threads", threads=2)
    monkeypatch.setattr(shake, "RESULTS", tmp_path)
    path = write(
        tmp_path / "tiny.ipynb",
        [
            "import os, signal\nassert 1 < 2",
            "if os.environ['OMP_NUM_THREADS'] == '2':\n"
            "    os.killpg(int(os.environ['SHAKER']), signal.SIGKILL)",
        ],
    )
    program = (
        "import os, pathlib, sys\n"
        "from tools import shake\n"
        "os.environ['SHAKER'] = str(os.getpgrp())\n"
        "shake.RESULTS = pathlib.Path(sys.argv[1]).parent\n"
        "shake.PASSES = [shake.PASSES[0], shake.PASSES[-1]]\n"
        "shake.main(sys.argv[1:])\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        start_new_session=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(shake.read_result(path, first)["asserts"]) == 1
    assert shake.read_result(path, second) is None


def test_what_is_kept_of_other_code_counts_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(shake, "RESULTS", tmp_path)
    path = write(tmp_path / "tiny.ipynb", ["assert 1 < 2"])
    result = {"fingerprint": shake.fingerprint(path), "asserts": []}
    shake.write_result(path, LETTERS, {**result, "errors": [], "seconds": 1.0})
    assert shake.read_result(path, LETTERS)
    write(path, ["assert 1 < 3"])
    assert shake.read_result(path, LETTERS) is None


def test_the_passes_change_one_factor_at_a_time():
    common = shake.Pass("common")
    factors = [
        [
            name
            for name in FACTORS
            if getattr(way, name) != getattr(common, name)
        ]
        for way in shake.PASSES
    ]
    assert factors == [["moved_by"]] * 5 + [
        ["float32"],
        ["letters"],
        ["threads"],
    ]
    assert len({way.moved_by for way in shake.PASSES[:5]}) == 5


FACTORS = ["moved_by", "threads", "float32", "letters"]


# --- In the kernel -----------------------------------------------------------


def written_down(source: str, folder: Path) -> list[dict]:
    """What the ledger holds after a cell."""
    record = folder / "asserts"
    record.touch()
    tree = shaken.Watched().visit(ast.parse(source))
    ledger = shaken.Ledger(record)
    exec(compile(tree, "cell", "exec"), {"__shaken__": ledger, "np": np})
    return [*map(json.loads, record.read_text("utf-8").splitlines())]


def test_an_assert_in_a_function_a_class_or_a_try_raises(tmp_path):
    for source in (
        "def f():\n    assert 1 > 2\nf()",
        "class A:\n    assert 1 > 2",
    ):
        with pytest.raises(AssertionError):
            written_down(source, tmp_path)
    tried = "try:\n    assert 1 > 2\nexcept AssertionError:\n    assert 2 > 1"
    assert [row["line"] for row in written_down(tried, tmp_path)] == [4]


def test_an_assert_under_for_if_and_with_is_written_down(tmp_path):
    source = (
        "import contextlib\n"
        "for n in range(3):\n"
        "    if n:\n"
        "        with contextlib.nullcontext():\n"
        "            assert n > 1\n"
    )
    rows = written_down(source, tmp_path)
    assert [(row["line"], row["held"]) for row in rows] == [
        (5, False),
        (5, True),
    ]


def test_both_sides_of_each_comparison_are_written_down(tmp_path):
    source = "a = np.float32(0.5)\nassert 0 < a < np.array(1) and a != 2"
    (row,) = written_down(source, tmp_path)
    assert [compared[2:] for compared in row["compared"]] == [
        ["<", 0, 0.5],
        ["<", 0.5, 1],
        ["!=", 0.5, 2],
    ]


def test_a_chain_stops_where_it_falls(tmp_path):
    (row,) = written_down("assert 1 < 0 < [][0]", tmp_path)
    assert not row["held"] and row["error"] is None
    assert [compared[2:] for compared in row["compared"]] == [["<", 1, 0]]


def test_each_comparison_of_an_all_is_written_down(tmp_path):
    (row,) = written_down("assert all(n < 3 for n in (1, 2))", tmp_path)
    assert [compared[3] for compared in row["compared"]] == [1, 2]


def test_comparisons_that_need_not_hold_are_no_margin(tmp_path):
    source = "assert not 1 > 2 and sum(n > 1 for n in (1, 2)) == 1"
    (row,) = written_down(source, tmp_path)
    assert [compared[2:] for compared in row["compared"]] == [["==", 1, 1]]


def test_a_test_that_raises_has_fallen_with_its_error(tmp_path):
    (row,) = written_down("assert {}['lost'] > 1", tmp_path)
    assert not row["held"] and row["error"] == "KeyError: 'lost'"


# --- What is moved -----------------------------------------------------------

DRAWS = """
import json, os, random, sys
import numpy as np
import torch
from tools import shaken

seed, by = map(int, sys.argv[1:])
shaken.move_seeds(by)
os.environ["KERAS_BACKEND"] = "torch"
import keras

draws = {}
torch.manual_seed(seed)
draws["torch.manual_seed"] = torch.rand(1).item()
generator = torch.Generator().manual_seed(seed)
draws["torch.Generator"] = torch.rand(1, generator=generator).item()
np.random.seed(seed)
draws["numpy.random.seed"] = np.random.rand()
draws["numpy.random.default_rng"] = np.random.default_rng(seed).random()
random.seed(seed)
draws["random.seed"] = random.random()
draws["random.Random"] = random.Random(seed).random()
keras.utils.set_random_seed(seed)
draws["keras.utils.set_random_seed"] = keras.random.uniform(()).item()
torch.default_generator.manual_seed(seed)
draws["letters"] = torch.rand(1).item()
draws["text"] = random.Random(f"student {seed}").random()
print(json.dumps(draws))
"""


def draws(seed: int, by: int) -> dict[str, float]:
    command = [sys.executable, "-c", DRAWS, str(seed), str(by)]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def test_every_seed_is_moved_but_that_of_the_letters_and_text():
    common, moved, other = draws(7, 0), draws(7, 1000), draws(1007, 0)
    stay = {name for name in common if moved[name] == common[name]}
    assert stay == {"letters", "text"}
    as_other = {name for name in common if moved[name] == other[name]}
    keras = {"keras.utils.set_random_seed"}  # sums up seeds that moved
    assert as_other == set(common) - stay - keras


def test_the_float32_pass_has_no_bfloat16(monkeypatch):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: True)
    assert best_precision(torch.device("cpu")) == torch.bfloat16
    shaken.forget_bfloat16()
    assert best_precision(torch.device("cpu")) == torch.float32
