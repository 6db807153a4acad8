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


def test_the_page_of_mistakes_prints_black_on_white_with_whole_tables(
    page, visit
):
    """On paper there is no dark scheme, and a table stays on its sheet."""
    seen = visit(page.name, 700, "dark", base=page.parent.as_uri())
    tab = seen.page
    style = "e => [getComputedStyle(e).color, getComputedStyle(e).breakInside]"
    table = tab.locator("table").first
    assert table.evaluate(style)[0] == "rgb(255, 255, 255)"
    tab.emulate_media(media="print", color_scheme="dark")
    assert table.evaluate(style) == ["rgb(0, 0, 0)", "avoid"]
    assert tab.locator("h2").first.evaluate(
        "e => getComputedStyle(e).breakAfter"
    ) in ("avoid", "avoid-page")
