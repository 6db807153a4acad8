"""The numbers of a task: in its statement, and not in its chapter.

Change a number in the statement or a parameter of the check, and a test falls.
"""

import functools
import json
import re

import pytest

from check_examples import all_tasks
from onebyone.check.engine import questions
from onebyone.check.engine.tasks import Group, Value
from tools import ROOT

COMPUTED = [task for task in all_tasks() if isinstance(task, Value | Group)]
by_path = pytest.mark.parametrize("task", COMPUTED, ids=lambda t: t.path)


@by_path
def test_a_statement_has_the_numbers_of_its_check(task):
    stated = questions.stated(task.stated, task.given)
    statement = questions.statement(task.path, len(stated))
    assert statement and questions.numbers(statement) == stated


@by_path
def test_every_parameter_stands_in_the_statement(task):
    for name in task.given:
        values = questions.stated(task.stated, task.given)
        others = {**task.given, name: another(task.given[name])}
        assert questions.stated(task.stated, others) != values, name


def another(value: object) -> object:
    """Return another value of the same kind."""
    return (
        tuple(map(another, value)) if isinstance(value, tuple) else value + 1
    )


def cells_of(path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


CHAPTERS = [path.stem for path in sorted((ROOT / "book").glob("*.ipynb"))]
# what a smaller number must be followed by in the chapter to be the answer
UNITS = {
    "backward.terms": "terms",
    "batch_norm.counts": "learned|parameters|values",
    "counting.output_size": "rows|columns|positions|pixels",
    "counting.same_padding": "pixels? on each side",
    "counting.training_memory": "images",
    "counting.wider": "channels",
    "one_by_one.composed_side": "pixels",
    "one_by_one.freedom": "weights|free|degrees",
    "one_by_one.middle": "is the rank|mixtures",
    "one_by_one.receptive_field": "pixels",
    "gap.gradients": "pixels|gradients|positions",
    "gap.input_sizes": "pixels",
    "gap.matrix_facts": "entries|rows|columns|weights",
    "gap.still": "pixels",
    "inception.channel_rank": "is the rank|mixtures",
    "inception.reduction": "channels|maps",
    "inception.smallest_image": "pixels",
    "residual.joins": "channels",
    "residual.paths": "paths|ways",
}


@functools.cache
def text_of_chapter(name: str) -> str:
    texts = []
    for cell in cells_of(ROOT / f"book/{name}.ipynb"):
        texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            plain = output.get("data", {}).get("text/plain", "")
            texts.append("".join(output.get("text", plain)))
    return re.sub(r"(?<=\d)[,_{}]+(?=\d{3})", "", "\n".join(texts))


def where_it_stands(value: object, chapter: str, unit: str = "") -> list[str]:
    """Return the chapters with an answer that is not there by chance.

    A count of four digits is not, in its own chapter, nor is one of six in
    any other. A smaller one is by chance unless its unit follows, and a factor
    unless "times" does.
    """
    searched = [chapter] if chapter in CHAPTERS else CHAPTERS
    written = str(value)
    if isinstance(value, tuple):
        written = r"\D{1,3}".join(map(str, value))
    elif isinstance(value, float):
        rounded = (f"{value:.{digits}f}" for digits in (1, 2, 3))
        written = rf"(?:{'|'.join(map(re.escape, rounded))})0*(?: times|×)"
    elif value >= 100_000:
        searched = CHAPTERS
    elif value < 1_000:
        written = rf"{value}[ -](?:\w+ )?(?:{unit})" if unit else "(?!)"
    shown = re.compile(rf"(?<![\d.]){written}(?![\d])")
    return [name for name in searched if shown.search(text_of_chapter(name))]


@by_path
def test_no_chapter_gives_the_answer_away(task):
    _, chapter, name = task.path.split(".")
    unit = UNITS.get(f"{chapter}.{name}", "")
    for part in task.parts.values() if isinstance(task, Group) else [task]:
        assert not where_it_stands(part.right(**part.given), chapter, unit)


def test_every_smaller_answer_has_a_unit_to_search_for():
    small = {
        task.path.removeprefix("check.")
        for task in COMPUTED
        for part in (
            task.parts.values() if isinstance(task, Group) else [task]
        )
        if isinstance(value := part.right(**part.given), int)
        and 20 <= value < 1_000
    }
    assert small <= set(UNITS)


@pytest.mark.parametrize(
    "value, chapter, unit, found",
    [
        (18816, "counting", "", ["counting"]),
        (2239488, "nin", "", ["memory_and_time"]),
        (120422400, "residual", "", ["one_by_one"]),
        (11, "one_by_one", "channels", ["one_by_one"]),
        (18817, "counting", "", []),
    ],
)
def test_an_answer_is_found_where_it_stands(value, chapter, unit, found):
    assert where_it_stands(value, chapter, unit) == found
