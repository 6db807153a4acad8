"""Student notebooks come from the solutions, run blank, and link to them."""

import ast
import json
import re

import checks
import pytest
from checks import Chapter

from onebyone import check
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.verdicts import NOT_ATTEMPTED, Note, Verdict
from tools import ROOT, exercises, notebooks
from tools.site import answer_boxes, exercise_pages

TASKS = range(6, 10)
NAMES = [path.stem for path in exercises.student_notebooks()]
by_name = pytest.mark.parametrize("name", NAMES)


def student(name: str) -> Chapter:
    return Chapter.read(ROOT / "exercises" / f"{name}.ipynb")


def solution(name: str) -> Chapter:
    return Chapter.read(ROOT / "exercises" / "solutions" / f"{name}.ipynb")


def nbgrader(cell) -> dict:
    return cell.metadata.get("nbgrader", {})


# --- The notebooks ---------------------------------------------------------


def test_student_notebooks_are_what_the_solutions_give():
    outdated = [path.name for path in exercises.outdated()]
    assert not outdated, f"run make exercises: {outdated}"


def test_there_is_a_notebook_for_each_module_of_checks():
    assert set(NAMES) == set(check.NOTEBOOKS)


@by_name
def test_a_student_notebook_gives_no_answer_away(name):
    text = student(name).path.read_text(encoding="utf-8")
    for word in ("SOLUTION", "HIDDEN", "explanation", "assert check."):
        assert word not in text
    assert not any(cell.outputs for cell in student(name).code)
    assert notebooks.is_normal(student(name).path)


@by_name
def test_cells_are_marked_for_nbgrader(name):
    marked = [c for c in solution(name).cells if nbgrader(c)]
    ids = [nbgrader(cell)["grade_id"] for cell in marked]
    assert len(set(ids)) == len(ids)
    for cell, following in zip(marked, marked[1:] + [None]):
        mark, is_code = nbgrader(cell), cell.cell_type == "code"
        assert mark["schema_version"] == 3
        if mark["solution"]:
            assert re.search("BEGIN SOL(.*\n)+.*END SOL", cell.source)
        if mark["grade"]:
            assert mark["points"] > 0
        if is_code and mark["solution"]:
            predicts = ".predict(" in cell.source
            assert nbgrader(following)["grade"] != predicts, mark["grade_id"]
        if is_code and mark["grade"]:
            assert mark["locked"] and "BEGIN HIDDEN TESTS" in cell.source
            assert cell.source.count("check.") == 2, mark["grade_id"]


@by_name
def test_every_task_has_its_check_in_order(name):
    calls = [
        match
        for cell in student(name).code
        if nbgrader(cell).get("grade")
        for match in re.findall(rf"check\.{name}\.(\w+)\(", cell.source)
    ]
    assert calls == list(tasks_of(getattr(check, name)))


@by_name
def test_a_notebook_has_six_to_nine_tasks_and_an_open_question(name):
    text = "\n".join(cell.source for cell in student(name).markdown)
    found = [int(n) for n in exercise_pages.TASK.findall(text)]
    assert found == list(range(1, len(found) + 1)) and len(found) in TASKS
    assert [c for c in student(name).markdown if nbgrader(c).get("grade")]
    assert f"check.{name}.progress()" in student(name).code[-1].source


# --- A blank run -----------------------------------------------------------


def run_blank(chapter: Chapter) -> list:
    """Run all cells in one namespace; the values at the ends of cells."""
    shown, namespace = [], {"__name__": "__main__"}
    for cell in chapter.code:
        tree = ast.parse(notebooks.python_of(cell))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell.id, "exec"), namespace)
        if last:
            code = compile(ast.Expression(last.value), cell.id, "eval")
            shown.append(eval(code, namespace))
    return shown


@by_name
def test_a_blank_notebook_runs_and_nothing_is_attempted(name, some_data):
    for task in tasks_of(getattr(check, name)).values():
        task.forget()
    shown = run_blank(student(name))
    states = [value.state for value in shown if isinstance(value, Verdict)]
    assert states == [NOT_ATTEMPTED] * len(tasks_of(getattr(check, name)))
    progress = [str(value) for value in shown if isinstance(value, Note)][-1]
    assert progress.startswith("0 of "), progress


# --- Pages of the book -----------------------------------------------------


def page(name: str, is_solution: bool) -> list[dict]:
    chapter = solution(name) if is_solution else student(name)
    text = chapter.path.read_text(encoding="utf-8")
    return json.loads(exercise_pages.as_page(text, name, is_solution))["cells"]


@by_name
def test_tasks_and_solutions_link_to_each_other(name):
    pages = {
        kind: "\n".join(cell["source"] for cell in page(name, is_solution))
        for kind, is_solution in (("task", False), ("solution", True))
    }
    for own, other in (("task", "solution"), ("solution", "task")):
        targets = re.findall(rf"(?m)^\(({own}-{name}-\d)\)=$", pages[own])
        links = re.findall(rf"<({own}-{name}-\d)>`", pages[other])
        assert targets == links and len(targets) in TASKS


@by_name
def test_solution_pages_are_folded_and_without_marks(name):
    for cell in page(name, is_solution=True):
        assert not re.search(
            r"(BEGIN|END) (SOLUTION|HIDDEN)|assert check\.", cell["source"]
        )
        mark = cell["metadata"].get("nbgrader", {})
        answers = mark or "explanation" in cell["metadata"].get("tags", [])
        if answers and cell["cell_type"] == "code":
            assert "hide-cell" in cell["metadata"]["tags"]
            assert not re.search(r"(?m)^\w+ = \.\.\.$", cell["source"])
            assert cell["metadata"]["mystnb"]["code_prompt_show"]
        elif answers:
            assert not list(checks.details_faults(cell["source"]))
            assert "<details>" in cell["source"]


@by_name
def test_a_page_shows_the_figures_of_its_questions_and_no_answers(name):
    given = []
    for cell in page(name, is_solution=False):
        asks = "figure" in cell["metadata"].get("tags", [])
        if asks and not cell["metadata"].get("nbgrader"):
            (output,) = cell["outputs"]
            assert output["data"]["image/png"]
            assert cell["metadata"]["mystnb"]["image"]["alt"]
            given.append(cell["id"])
        elif cell["cell_type"] == "code":
            assert not cell["outputs"]
    assert bool(given) == (name == "clinic")


@by_name
def test_every_task_that_a_page_judges_has_a_place_and_a_solution(name):
    places = "\n".join(cell["source"] for cell in page(name, False))
    judged = {key for key, task in answer_boxes.read(name).items() if task}
    assert judged and judged <= set(answer_boxes.solutions(name))
    for key in answer_boxes.read(name):
        assert places.count(f'<div data-task="{key}"></div>') == 1


@by_name
def test_the_book_lists_tasks_and_solutions(name):
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    index = (ROOT / "exercises" / "index.md").read_text(encoding="utf-8")
    entry = (
        f"      - file: exercises/{name}\n        sections:\n"
        f"          - file: exercises/solutions/{name}\n"
    )
    assert entry in toc and f"({name}.ipynb)" in index


COUNTS = {"Six": 6, "Sixteen": 16, "Eighteen": 18, "Nineteen": 19}
ENDING = re.compile(
    r"\[(\w+) checked exercises.*\]\(\.\./exercises/(\w+)\.ipynb\)"
)


def test_chapters_say_how_many_of_their_exercises_are_checked():
    told = {}
    for path in checks.chapters():
        text = "\n".join(cell.source for cell in Chapter.read(path).markdown)
        for number, name in ENDING.findall(text):
            told[name] = int(COUNTS.get(number, number))
    assert {"gap", "inception", "residual"} <= set(told)
    for name, number in told.items():
        assert number == len(tasks_of(getattr(check, name)))


@by_name
def test_a_card_lists_every_task(name):
    titles = answer_boxes.task_titles(name)
    numbers = [int(number) for number, _ in titles]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 5
