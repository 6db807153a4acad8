"""Every page in four views: wide and narrow, light and dark."""

import looks
import pytest
from rendered import notebooks, pages

VIEWS = [
    (width, scheme) for width in (1440, 390) for scheme in ("light", "dark")
]


def faultless(faults) -> None:
    faults = list(faults)
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view[0]}{view[1]}")
@pytest.mark.parametrize("page", pages())
def test_a_page_is_sound_in_every_view(page, view, visit):
    seen = visit(page, *view)
    faultless(fault for rule in looks.RULES for fault in rule(seen))


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("page", pages())
def test_a_page_is_accessible(page, scheme, width, visit):
    faultless(looks.accessible(visit(page, width, scheme)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", notebooks())
def test_the_colours_of_code_have_contrast(page, scheme, visit):
    kinds, pale = looks.pale_code(visit(page, 1440, scheme))
    assert kinds > 0
    faultless(pale)


# --- The rules see what breaks them ----------------------------------------

SPOILT = {
    looks.no_complaints: "console.error('broken')",
    looks.no_foreign_requests: "fetch('http://localhost:9/').catch(() => 0)",
    looks.no_sideways_scroll: "document.querySelector('article')"
    ".insertAdjacentHTML('beforeend', '<p style=\"width:3000px\">wide</p>')",
    looks.maths_rendered: "document.querySelector('article')"
    ".insertAdjacentHTML('beforeend', '<span class=math>$x$</span>')",
    looks.images_sound: "document.querySelector('article')"
    ".insertAdjacentHTML('beforeend', '<img src=none.png alt=\"\">')",
    looks.headings_in_order: "document.querySelector('article')"
    ".insertAdjacentHTML('beforeend', '<h6>deep</h6>')",
}


@pytest.mark.parametrize("rule", SPOILT, ids=lambda rule: rule.__name__)
def test_a_rule_sees_what_breaks_it(rule, visit):
    seen = visit("book/notation.html")
    faultless(rule(seen))
    seen.page.evaluate(SPOILT[rule])
    assert list(rule(seen))


def test_axe_sees_what_breaks_it(visit):
    seen = visit("book/notation.html")
    seen.page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('beforeend',"
        "'<button></button><p style=\"color:#aaa;background:#fff\">pale</p>')"
    )
    found = " ".join(looks.accessible(seen))
    assert "button-name" in found and "color-contrast" in found


def test_a_page_is_weighed(visit, monkeypatch):
    seen = visit("book/notation.html")
    monkeypatch.setattr(looks, "MAX_WEIGHT", 10_000)
    assert list(looks.light_enough(seen))
