"""*Are you ready?*: the questions stand in the chapters, and are judged."""

import json

import pytest

import check_examples
from onebyone.check.engine.declared import declared
from onebyone.check.engine.tasks import Group
from onebyone.check.engine.verdicts import CORRECT, NOT_YET
from onebyone.check.ready import QUESTIONS
from tools import ROOT

TASKS = [
    pytest.param(chapter, task, id=f"{chapter}: {task.title[:40]}")
    for chapter, tasks in QUESTIONS.items()
    for task in tasks
]


def questions(chapter: str) -> list[str]:
    """What a chapter asks before it begins."""
    path = ROOT / "book" / f"{chapter}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (text,) = (
        text
        for text in ("".join(cell["source"]) for cell in cells)
        if text.startswith("## Are you ready?")
    )
    asked = text.split("<summary>")[1:]
    return [question.partition("</summary>")[0] for question in asked]


@pytest.mark.parametrize("chapter, task", TASKS)
def test_a_question_stands_in_its_chapter(chapter, task):
    assert task.title in questions(chapter)


@pytest.mark.parametrize("chapter, task", TASKS)
def test_a_question_knows_its_answer_and_its_mistakes(chapter, task):
    grouped = isinstance(task, Group)
    examples = (
        check_examples.of_group(task)
        if grouped
        else check_examples.of_value(task)
    )
    for right in examples.right:
        assert right.to(task).state == CORRECT
    assert len(examples.mutants) >= 3
    for mutant, phrase in examples.mutants:
        verdict = mutant.to(task)
        assert verdict.state == NOT_YET and phrase in verdict.message
    for wrong in examples.unrelated:
        assert wrong.to(task).state == NOT_YET
    assert not task.clashes()


@pytest.mark.parametrize("chapter, task", TASKS)
def test_a_page_can_judge_a_question(chapter, task):
    assert declared(task)["title"] == task.title
