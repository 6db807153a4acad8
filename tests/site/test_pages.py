"""Every page in four views: wide and narrow, light and dark."""

import looks
import pytest
from rendered import notebooks, pages


def faultless(faults) -> None:
    faults = list(faults)
    assert not faults, "\n" + "\n".join(faults)


def unsound(seen, rules=looks.RULES) -> list[str]:
    return [fault for rule in rules for fault in rule(seen)]


@pytest.mark.parametrize(
    ("scheme", "width", "other", "base"),
    [("light", 390, 1440, "disk"), ("dark", 1440, 390, "http")],
    indirect=["base"],
)
@pytest.mark.parametrize("page", pages())
def test_a_page_is_sound_and_accessible(
    page, scheme, width, other, base, visit
):
    """Opened in one view; then the window gets the other width."""
    seen = visit(page, width, scheme, base)
    faultless(unsound(seen))
    seen.page.set_viewport_size({"width": other, "height": 900})
    faultless(unsound(seen))
    colours = seen.page.locator(".highlight pre span[class]")
    assert colours.count() > 0 or page not in notebooks()
    faultless(looks.accessible(seen))


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
    seen = visit("book/notation.html", bypass_csp=True)
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


def test_axe_sees_code_that_is_too_pale(visit):
    seen = visit("book/nin.html")
    assert not looks.accessible(seen)
    seen = visit("book/nin.html")
    seen.page.add_style_tag(
        content=".highlight pre .mi {color: #ccc !important}"
    )
    assert "color-contrast" in " ".join(looks.accessible(seen))


def test_a_page_is_weighed(visit, monkeypatch):
    seen = visit("book/notation.html")
    monkeypatch.setattr(looks, "MAX_WEIGHT", 10_000)
    assert list(looks.light_enough(seen))
