"""How verdicts, hints, progress and variants look and speak."""

import copy

import pytest

from check_examples.hostile import Nasty, raises
from check_examples.samples import (
    count,
    forget_verdicts,
    layer,
    mean,
    message,
    progress,
    variant,
)
from onebyone import check
from onebyone.check.engine import Custom, Results, kept, questions
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.verdicts import CORRECT, NOT_ATTEMPTED, NOT_YET


@pytest.fixture(autouse=True)
def fresh():
    """No verdict outlives its test."""
    forget_verdicts()


HTML = "<img src=x onerror=alert(1)>"


class Markup:
    def __repr__(self):
        return HTML


def prints_markup(X):
    print(HTML)
    raise ValueError(HTML)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (mean, prints_markup),
        (mean, lambda X: Markup()),
        (layer, lambda *_: Markup()),
        (Custom(HTML, lambda answer: HTML), 1),
    ],
)
def test_nothing_shown_can_put_html_on_the_page(task, answer):
    page = task(answer)._repr_html_()
    assert "<img" not in page and "&lt;img" in page


def test_a_note_is_escaped_too():
    task = Custom(HTML, lambda answer: None, hints=[HTML, "b"])
    assert "<img" not in task.hint(1)._repr_html_()
    assert "<img" not in variant(HTML)._repr_markdown_()


def test_a_verdict_speaks_to_people_and_to_graders():
    right, wrong, blank = count(36_928), count(36_864), count(...)
    assert right and not wrong and not blank
    assert [v.state for v in (right, wrong, blank)] == [
        CORRECT,
        NOT_YET,
        NOT_ATTEMPTED,
    ]
    assert (
        str(right) == repr(right) == "✓ correct · Parameters\n  Well counted."
    )
    assert str(wrong) == (
        "△ not yet · Parameters\n  No biases. Add them."
        " `check.samples.count.hint()` helps."
    )
    for verdict in (right, wrong, blank):
        page = verdict._repr_html_()
        assert 'role="status"' in page and verdict.state in page
        assert "rgba(" in page  # transparent, for light and dark pages
    assert "<code>check.samples.count.hint()</code>" in wrong._repr_html_()


def test_long_values_are_cut():
    for value in ("x" * 10**6, 10**4000, ["y"] * 10**5, b"z" * 10**6):
        assert len(message(count, value)) < 500


def test_hints_come_one_by_one():
    assert "Hint 1 of 2" in str(count.hint())
    assert "Biases too." in str(count.hint())
    assert "Hint 2 of 2" in str(count.hint())
    assert "Weights." in str(count.hint(1))
    assert "Biases too." in str(count.hint())
    for number in (0, 3, "x", None, 1.5, Nasty(), 10**50):
        assert str(count.hint(number))


def test_progress_keeps_what_was_correct_once():
    count(36_928)
    mean(raises)
    count_line, mean_line = "✓ Parameters: correct", "△ Mean over positions"
    assert "1 of 8 tasks correct" in str(progress())
    assert count_line in str(progress()) and mean_line in str(progress())
    assert not count(3)
    assert "1 of 8 tasks correct" in str(progress())
    assert count_line in str(progress())


def test_a_variant_belongs_to_its_name():
    first, again = variant("Ada").count.given, variant("Ada").count.given
    others = {repr(variant(name).count.given) for name in range(40)}
    assert first == again != count.given and len(others) == 9
    c, k = first["c"], first["k"]
    assert variant("Ada").count(k * k * c * c + c)
    with pytest.raises(AttributeError):
        _ = variant("Ada").shape


def test_a_variant_has_a_progress_of_its_own():
    count(36_928)
    twin = variant("Ada")
    assert "0 of 1 tasks correct" in str(twin.progress())
    c, k = twin.count.given["c"], twin.count.given["k"]
    twin.count(k * k * c * c + c)
    assert "1 of 1 tasks correct" in str(twin.progress())


def test_a_variant_asks_the_whole_question():
    ada = check.nin.variant("Ada")
    given = ada.block_parameters.given
    asked = ada.block_parameters.question()
    assert asked in str(ada).replace("\n  ", "\n")
    assert f"goes from {given['c_in']} to {given['c']} channels" in asked
    assert asked.endswith("How many parameters does the block have?")


# --- Solutions -------------------------------------------------------------


def test_a_solution_comes_after_three_tries_or_with_the_answer():
    task = copy.copy(check.nin.block_parameters)
    task.forget()
    assert "can be seen once" in str(task.solution())
    for wrong in (3, 4, 5):
        task(wrong)
    assert "5 * 5 * 64 * 160" in str(task.solution())
    task.forget()
    task(307_680)
    assert "That makes 307,680" in task.solution()._repr_markdown_()


def test_a_graded_class_gets_no_solution(monkeypatch):
    monkeypatch.setenv("ONEBYONE_GRADED", "1")
    task = copy.copy(check.nin.block_parameters)
    task(307_680)
    assert "307" not in str(task.solution())


def test_every_task_has_a_solution():
    for notebook in check.NOTEBOOKS:
        for task in tasks_of(getattr(check, notebook)).values():
            own = questions.texts_of(task.path)
            assert own["question"] and own["answer"]
            assert own["explanation"] or isinstance(task, Results)


# --- From one notebook to the next ------------------------------------------


@pytest.fixture
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ONEBYONE_PROGRESS", raising=False)
    forget_nin()
    yield tmp_path / "onebyone" / kept.FILE
    forget_nin()


def forget_nin():
    """Forget what this process was told, as a new session has."""
    for task in tasks_of(check.nin).values():
        task.forget()


def test_what_was_solved_is_known_in_the_next_session(kept_here):
    check.nin.block_macs(122_880_000)
    forget_nin()
    assert "1 of 16 tasks correct" in str(check.nin.progress())
    assert "In other notebooks: nin: 1 of 16" in str(check.gap.progress())
    check.forget()
    assert "0 of 16 tasks correct" in str(check.nin.progress())


def test_a_damaged_file_or_none_is_no_hindrance(kept_here):
    kept_here.parent.mkdir()
    kept_here.write_bytes(b"\xff[")
    assert "0 of 16" in str(check.nin.progress())
    kept.keep("check.nin.block_macs")
    assert kept.solved() == {"check.nin.block_macs"}


def test_nothing_is_kept_where_that_is_not_wanted(kept_here, monkeypatch):
    for name, value in (("ONEBYONE_PROGRESS", "0"), ("ONEBYONE_GRADED", "1")):
        with monkeypatch.context() as here:
            here.setenv(name, value)
            kept.keep("check.nin.block_macs")
            assert not kept_here.exists() and kept.solved() == set()
