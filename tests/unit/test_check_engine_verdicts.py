"""How verdicts, hints, progress and variants look and speak."""

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
from onebyone.check.engine import Custom
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
    assert "<img" not in variant(HTML)._repr_html_()


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
    assert f"c = {c}, k = {k}" in repr(variant("Ada"))
    with pytest.raises(AttributeError):
        _ = variant("Ada").shape


def test_a_variant_has_a_progress_of_its_own():
    count(36_928)
    twin = variant("Ada")
    assert "0 of 1 tasks correct" in str(twin.progress())
    c, k = twin.count.given["c"], twin.count.given["k"]
    twin.count(k * k * c * c + c)
    assert "1 of 1 tasks correct" in str(twin.progress())
