"""Answers in the page: judged as the package does, kept, and cleared."""

import random

import answers_to_try
import pytest
from answers_to_try import Unread
from playwright.sync_api import Page

from onebyone import check
from onebyone.check.engine.declared import declared
from onebyone.check.engine.guard import NotYet, cut
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.tasks import Group, Shape, Task
from onebyone.check.ready import QUESTIONS

# --- Page and package ------------------------------------------------------

TASKS = {
    f"exercises/{name}.html": {
        key: task
        for key, task in tasks_of(getattr(check, name)).items()
        if declared(task)
    }
    for name in check.NOTEBOOKS
} | {
    f"book/{chapter}.html": dict(zip("0123456789", questions))
    for chapter, questions in QUESTIONS.items()
}
JUDGE = """tried => tried.map(([task, typed]) => {
  const {state, message} = OneByOne.judgeTask(task, typed);
  return [state, message];
})"""


def in_the_package(task: Task, answer: object) -> list[str]:
    """State and message, in a page's words.

    Those leave out where a notebook has its hints, and of what cannot be
    read they say how to write it in a page.
    """
    verdict = task(**answer) if isinstance(task, Group) else task(answer)
    message = verdict.message.removesuffix(task.pointer() or "\0").strip()
    parts = task.parts if isinstance(task, Group) else {"": task}
    answers = answer if isinstance(answer, dict) else {"": answer}
    for name, text in answers.items():
        if isinstance(text, Unread):
            message = message.replace(*sentences(parts[name], text))
    return [verdict.state, message]


def sentences(task: Task, text: str) -> tuple[str, str]:
    """What a notebook and a page say of a text that is no answer."""
    form = "a number such as 1000, 1,000, 2.5, 2·10^6, 2e6 or 1/3"
    if isinstance(task, Shape):
        form = "a shape such as (2, 3)"
    with pytest.raises(NotYet) as raised:
        task.read(text)
    return str(raised.value), f"“{cut(text)}” cannot be read. Write {form}."


def all_tries(page: str) -> list[tuple]:
    return [
        (name, typed, answer)
        for name, task in TASKS[page].items()
        for typed, answer in answers_to_try.of(task)
    ]


def compare(page: Page, tasks: dict[str, Task], tries: list[tuple]) -> None:
    asked = [[name, typed] for name, typed, _ in tries]
    for (name, typed, answer), judged in zip(
        tries, page.evaluate(JUDGE, asked), strict=True
    ):
        assert judged == in_the_package(tasks[name], answer), (name, typed)


@pytest.fixture
def unhurried(monkeypatch):
    """On a busy machine, a check may take its time."""
    monkeypatch.setattr(Task, "seconds", 300.0)


@pytest.mark.parametrize("page", TASKS)
def test_the_page_judges_a_sample_as_the_package_does(page, visit, unhurried):
    tries = all_tries(page)
    tries = random.Random(page).sample(tries, min(250, len(tries)))
    compare(visit(page).page, TASKS[page], tries)


@pytest.mark.long
@pytest.mark.parametrize("page", TASKS)
def test_the_page_judges_all_as_the_package_does(page, visit, unhurried):
    compare(visit(page).page, TASKS[page], all_tries(page))


def test_thousands_of_answers_are_compared_and_of_every_kind():
    tries = [one for page in TASKS for one in all_tries(page)]
    assert len(tries) > 10_000
    assert sum(min(250, len(all_tries(page))) for page in TASKS) > 1_000
    assert any(answer is ... for *_, answer in tries)
    assert any(isinstance(answer, Unread) for *_, answer in tries)
