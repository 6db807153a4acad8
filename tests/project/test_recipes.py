"""CONTRIBUTING.md's recipes, followed in a copy of the repository."""

import json
import shutil
import textwrap

import nbformat
import pytest
from copies import ignored, run
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_nbgrader import task_cells

from tools import ROOT


@pytest.fixture
def copy(tmp_path):
    """The sources in a folder of their own."""
    folder = tmp_path / "copy"
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


def test_a_copy_holds_the_sources_alone(copy):
    held = {path.relative_to(copy).as_posix() for path in copy.rglob("*")}
    assert {"onebyone/data/images.py", ".github/workflows/test.yml"} <= held
    unwanted = {".git", ".venv", "_build", "onebyone.egg-info", "studies"}
    assert not unwanted & held
    assert not any("__pycache__" in name for name in held)


def run_tests(copy, chosen, *names):
    files = (f"tests/{name.replace('/', '/test_')}.py" for name in names)
    return run(copy, "pytest", "-q", *files, "-k", chosen)


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def recipe(title):
    """The text of a section of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


# --- A chapter -----------------------------------------------------------


PROOF = """\
# @title Proof
from onebyone.statements import says

_tables = 64 * 64
says("but {:,} tables", _tables)"""


def chapter(copy):
    """A small chapter: a title, the setup cell, a number and its proof."""
    other = nbformat.read(copy / "book" / "nin.ipynb", as_version=4)
    setup = next(c for c in other.cells if c.cell_type == "code")
    return new_notebook(
        cells=[
            new_markdown_cell("# Shuffling channels\n\nIt is about order."),
            new_code_cell(setup.source, metadata={"tags": ["setup"]}),
            new_markdown_cell("A shuffle has no weights, but 4,096 tables."),
            new_code_cell(PROOF, metadata={"tags": ["hide-cell", "proof"]}),
        ]
    )


def test_a_chapter_is_added_as_the_recipe_says(copy):
    text = recipe("Write a chapter")
    assert "_toc.yml" in text and "setup cell" in text
    path = copy / "book" / "shuffling.ipynb"
    nbformat.write(chapter(copy), path)
    replace(
        copy / "_toc.yml",
        "      - file: book/keras\n",
        "      - file: book/keras\n      - file: book/shuffling\n",
    )
    run(copy, "tools.notebooks", "execute", "book/shuffling.ipynb")
    run(copy, "tools.claims", "book/shuffling.ipynb")
    chosen = "shuffling or table_of_contents or same_setup"
    told = run_tests(copy, chosen, "notebooks/structure", "notebooks/claims")
    assert "passed" in told


# --- A task --------------------------------------------------------------

TASK = """
    inputs, outputs = symbols("inputs outputs")

    readout = Number(
        "A linear layer",
        (inputs + 1) * outputs,
        given={"inputs": 300, "outputs": 70},
        stated=(inputs, outputs),
        mistakes={
            inputs * outputs: mistakes.forgot_biases,
            inputs * (outputs + 1): "You gave a bias to each input. A bias is"
            " added to a result.",
            inputs + outputs: "You added the two sizes. Each output reads each"
            " input.",
        },
        hints=["How many weights does an output have?", "And what else?"],
    )

    progress, variant = notebook(__name__)
"""


def cells_of_the_task():
    explained = {"tags": ["explanation"]}
    proof = {"tags": ["explanation", "proof"]}
    call = "check.counting.readout(readout)"
    return [
        new_markdown_cell(
            "How many parameters does `nn.Linear(300, 70)` have?"
        ),
        *task_cells("readout", "301 * 70", call, call),
        new_markdown_cell("Its parameters are 21,070.", metadata=explained),
        new_code_cell("assert 301 * 70 == 21_070", metadata=proof),
    ]


@pytest.mark.long
def test_a_task_is_added_as_the_recipe_says(copy, some_data):
    text = recipe("Add an exercise")
    assert "make exercises" in text and "explanation" in text
    replace(
        copy / "onebyone" / "check" / "counting.py",
        "progress, variant = notebook(__name__)\n",
        textwrap.dedent(TASK).lstrip(),
    )
    path = copy / "exercises" / "solutions" / "counting.ipynb"
    notebook = nbformat.read(path, as_version=4)
    last = next(
        place
        for place, cell in enumerate(notebook.cells)
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "check_runs"
    )
    notebook.cells[last + 1 : last + 1] = cells_of_the_task()
    nbformat.write(notebook, path)
    run(copy, "tools.notebooks", "execute", str(path))
    run(copy, "tools.exercises")
    run(copy, "tools.claims", str(path))
    student = copy / "exercises" / "counting.ipynb"
    told = student.read_text(encoding="utf-8")
    assert "check.counting.readout(readout)" in told and "21,070" not in told
    answers = copy / "exercises" / "answers" / "counting.json"
    in_page = json.loads(answers.read_text(encoding="utf-8"))
    assert in_page["readout"]["title"] == "A linear layer"
    run_tests(copy, "readout", "unit/check_tasks")
    chosen = "counting or what_the_solutions_give"
    run_tests(copy, chosen, "notebooks/exercises", "notebooks/structure")


# --- A study -------------------------------------------------------------

STUDY = '''
    """The study *thirds*: does a third of a seed show?"""

    from onebyone.study.engine.study import Row, Study


    def measure(part: int, seed: int) -> Row:
        """A number that depends on the seed a little."""
        return {"value": part + seed / 3}


    STUDY = Study(
        name="thirds",
        question="Does a third of a seed show?",
        configurations=[{"part": part} for part in (1, 2)],
        measure=measure,
        measurements=["value"],
        shown=["value"],
    )
'''
COMMANDS = """
    from onebyone import study
    from onebyone.study.__main__ import main

    for command in ("run", "publish", "status", "table"):
        assert main([command, "thirds"]) == 0
    assert len(study.load("thirds")) == 10
"""


def test_a_study_is_added_as_the_recipe_says(copy):
    text = recipe("Add a study")
    assert "catalogue.py" in text and "publish" in text
    folder = copy / "onebyone" / "study"
    (folder / "thirds.py").write_text(textwrap.dedent(STUDY).lstrip())
    catalogue = folder / "catalogue.py"
    replace(catalogue, "    starts,\n", "    starts,\n    thirds,\n")
    last = "        bake_off.STUDY,\n"
    replace(catalogue, last, f"{last}        thirds.STUDY,\n")
    (copy / "commands.py").write_text(textwrap.dedent(COMMANDS))
    told = run(copy, "commands")
    assert "runs moved into the package: 10" in told
    assert "0 of 10 declared are missing" in told
    assert (copy / "onebyone" / "recorded" / "thirds.csv").is_file()
    run_tests(copy, "packaged_record", "unit/study_fingerprint")
    run(copy, "ruff", "check", "onebyone")
    run(copy, "ruff", "format", "--check", "onebyone")
