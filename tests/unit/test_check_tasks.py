"""Every task gives each answer the verdict that it deserves.

The corpus is in check_examples: here a sample of it, and all of it, which
takes minutes, in `make test-long`.
"""

import dataclasses
import random
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
SAMPLE = 6  # of each kind of answer
sizes = pytest.mark.parametrize(
    "size", [SAMPLE, pytest.param(10**6, marks=pytest.mark.long, id="all")]
)
# what a module's verdict says before it says where: that names the mistake
NAMED = re.compile(r"not while it trains|not for large|not for a single one")
# what is said where no mistake is recognised
GENERIC = re.compile(
    r"is not right\.|values are not right|not right, and so for|which is not"
    r" right\.|computes something else|gives another one|look at its sign"
)


def some(answers: list, task: Task, size: int) -> list:
    """Return so many answers, the same ones each time."""
    count = min(size, len(answers))
    return random.Random(task.path).sample(answers, count)


def diagnoses(task: Task) -> list[str]:
    parts = task.parts.values() if isinstance(task, Group) else [task]
    return [m.message for part in parts for m in getattr(part, "known", ())]


@by_path
@sizes
def test_right_answers_are_correct(task, size):
    right = check_examples.of(task).right
    assert len(right) >= 4
    for answer in some(right, task, size):
        verdict = answer.to(task)
        assert verdict and verdict.state == CORRECT, verdict


@by_path
def test_what_a_task_declares_is_not_its_progress(task):
    declared = {field.name for field in dataclasses.fields(task)}
    assert not declared & {"state", "tries", "solved", "next_hint"}


@by_path
def test_the_untouched_notebook_is_not_attempted(task):
    for blank in check_examples.of(task).blank:
        verdict = blank.to(task)
        assert verdict.state == NOT_ATTEMPTED, verdict


@by_path
@sizes
def test_mistakes_are_recognised(task, size):
    examples = check_examples.of(task)
    assert len(examples.mutants) >= 3
    assert len({phrase for _, phrase in examples.plausible}) >= 3
    wrong = some(examples.mutants, task, size)
    for mutant, phrase in wrong + some(examples.malformed, task, size):
        verdict = mutant.to(task)
        assert verdict.state == NOT_YET, verdict
        assert phrase in verdict.message, (phrase, verdict)
        assert "cannot be judged" not in verdict.message, verdict


@by_path
@sizes
def test_other_wrong_answers_get_no_diagnosis(task, size):
    examples = check_examples.of(task)
    assert len(examples.unrelated) >= 5
    assert len(examples.unrelated + examples.plausible) >= 12
    for wrong in some(examples.unrelated, task, size):
        verdict = wrong.to(task)
        assert verdict.state == NOT_YET, verdict
        assert "cannot be judged" not in verdict.message, verdict
        if not isinstance(task, Group):
            texts = diagnoses(task)
            assert not any(text in verdict.message for text in texts)


@pytest.mark.long
@by_path
def test_most_plausible_mistakes_are_named(task):
    verdicts = [a.to(task) for a, _ in check_examples.of(task).plausible]
    named = sum(
        bool(NAMED.search(verdict.message))
        or not GENERIC.search(verdict.message)
        for verdict in verdicts
    )
    assert named >= 0.8 * len(verdicts)


@pytest.mark.parametrize("task", COMPUTED, ids=lambda task: task.path)
def test_no_verdict_prints_the_right_answer(task):
    examples = check_examples.of(task)
    parts = task.parts.values() if isinstance(task, Group) else [task]
    right = [part.right(**part.given) for part in parts]
    large = [v for v in right if isinstance(v, int) and v >= 100]
    for wrong in some(examples.unrelated, task, SAMPLE):
        given = repr(wrong)
        message = wrong.to(task).message.replace(",", "")
        for value in large:
            printed = re.search(rf"(?<!\d){value}(?!\d)", message)
            assert not printed or str(value) in given.replace(",", "")


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
