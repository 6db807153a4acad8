"""Every task gives each answer the verdict that it deserves."""

import re

import pytest

import check_examples
from onebyone import check
from onebyone.check.engine.tasks import Group, Task, Value
from onebyone.check.engine.verdicts import CORRECT, NOT_ATTEMPTED, NOT_YET

TASKS = check_examples.all_tasks()
COMPUTED = [task for task in TASKS if isinstance(task, Value | Group)]
VARYING = [task for task in COMPUTED if task.vary]
by_path = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.path)


def diagnoses(task: Task) -> list[str]:
    parts = task.parts.values() if isinstance(task, Group) else [task]
    return [m.message for part in parts for m in getattr(part, "known", ())]


@by_path
def test_right_answers_are_correct(task):
    examples = check_examples.of(task)
    assert examples.right
    for right in examples.right:
        verdict = right.to(task)
        assert verdict and verdict.state == CORRECT, verdict


@by_path
def test_the_untouched_notebook_is_not_attempted(task):
    for blank in check_examples.of(task).blank:
        verdict = blank.to(task)
        assert verdict.state == NOT_ATTEMPTED, verdict


@by_path
def test_mistakes_are_recognised(task):
    mutants = check_examples.of(task).mutants
    assert len(mutants) >= 3
    assert len({phrase for _, phrase in mutants}) >= 3
    for mutant, phrase in mutants:
        verdict = mutant.to(task)
        assert verdict.state == NOT_YET, verdict
        assert phrase in verdict.message, (phrase, verdict)


@by_path
def test_other_wrong_answers_get_no_diagnosis(task):
    unrelated = check_examples.of(task).unrelated
    assert len(unrelated) >= 5
    for wrong in unrelated:
        verdict = wrong.to(task)
        assert verdict.state == NOT_YET, verdict
        assert not any(text in verdict.message for text in diagnoses(task))


@by_path
def test_hints_stop_short_of_the_answer(task):
    assert len(task.hints) >= 2
    assert len(set(task.hints)) == len(task.hints)
    if isinstance(task, Value) and not task.vary:
        right = task.right(**task.given)
        texts = [*task.hints, *(m.message for m in task.known)]
        numbers = {
            number.replace(",", "")
            for text in texts
            for number in re.findall(r"\d[\d,.]*\d|\d", text)
        }
        assert str(right) not in numbers


@by_path
def test_a_task_has_a_title_and_a_path(task):
    assert task.title and task.path.startswith("check.")
    assert eval(task.path, {"check": check}) is task


@pytest.mark.parametrize("task", COMPUTED, ids=lambda task: task.path)
def test_mistakes_have_results_of_their_own(task):
    assert not task.clashes()


@pytest.mark.parametrize("task", VARYING, ids=lambda task: task.path)
def test_variants_recognise_the_same_mistakes(task):
    module, name = task.path.split(".")[1:]
    drawn = set()
    for student in range(20):
        twin = getattr(getattr(check, module).variant(student), name)
        drawn.add(repr(twin.given))
        examples = (
            check_examples.of_group(twin)
            if isinstance(twin, Group)
            else check_examples.of_value(twin)
        )
        assert twin.given != task.given
        assert all(right.to(twin) for right in examples.right)
        for mutant, phrase in examples.mutants:
            assert phrase in mutant.to(twin).message
    assert len(drawn) > 3


def test_examples_name_existing_tasks():
    paths = {task.path for task in TASKS}
    for notebook in check.NOTEBOOKS:
        module = pytest.importorskip(f"check_examples.{notebook}")
        for name in module.EXAMPLES:
            assert f"check.{notebook}.{name}" in paths
