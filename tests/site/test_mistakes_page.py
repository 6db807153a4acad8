"""The page of a class's mistakes, in a browser."""

import looks
import pytest

from onebyone import check
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.teaching.page import page_of


@pytest.fixture
def page(tmp_path):
    """Every task answered wrongly, some with a known mistake."""
    tasks = tasks_of(check.counting).values()
    wrong = {task.path: task.judged((0,), {}) for task in tasks}
    unread = dict.fromkeys(wrong)
    file = tmp_path / "mistakes.html"
    file.write_text(page_of([wrong, wrong, unread], 1), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_the_page_of_mistakes_is_readable(page, scheme, width, visit):
    seen = visit(page.name, width, scheme, base=page.parent.as_uri())
    assert not list(looks.no_complaints(seen))
    assert not list(looks.no_sideways_scroll(seen))
    assert not list(looks.headings_in_order(seen))
    assert seen.requests == [page.as_uri()]
    assert not looks.accessible(seen)
