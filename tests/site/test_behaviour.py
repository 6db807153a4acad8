"""What a reader does with a page: search, open, copy, switch, tab, print."""

import looks
import pytest
import rendered
from playwright.sync_api import expect
from rendered import Visit


@pytest.fixture
def chapter(visit):
    """A chapter with questions, code, terms and papers."""
    return visit("book/nin.html").page


def test_search_finds_a_word(base, visit):
    seen = visit("book/notation.html", base=base)
    seen.page.keyboard.press("Control+k")
    seen.page.keyboard.type("bottleneck")
    seen.page.keyboard.press("Enter")
    hit = seen.page.locator("#search-results li a[href*=one_by_one]").first
    expect(hit).to_be_visible(timeout=20_000)
    assert not seen.complaints


OPEN = "all => all.map(answer => answer.open)"


@pytest.mark.parametrize(
    "page", ["book/nin.html", "exercises/solutions/nin.html"]
)
def test_collapsed_answers_open_by_keyboard(page, visit):
    answers = visit(page).page.locator("article details")
    assert answers.count() and not any(answers.evaluate_all(OPEN))
    for summary in answers.locator("> summary").all():
        summary.press("Enter")
    assert all(answers.evaluate_all(OPEN))


@pytest.mark.parametrize("name", rendered.notebooks())
def test_the_setup_cell_is_folded(name, visit):
    cell = visit(name).page.locator(".tag_setup")
    expect(cell.locator("pre")).to_be_hidden()
    cell.locator("summary").press("Enter")
    expect(cell.locator("pre")).to_contain_text("onebyone-*.whl")


FOLDED = {"setup": "Setup", "figure": "Show the code", "proof": "✓ checked"}


@pytest.mark.parametrize("kind", FOLDED)
def test_cells_are_folded_by_their_kind_and_open_without_script(kind, browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{rendered.SITE.as_uri()}/book/nin.html")
        cell = page.locator(f".tag_{kind}").first
        expect(cell.locator("summary")).to_have_text(
            FOLDED[kind], use_inner_text=True
        )
        expect(cell.locator(".cell_input")).to_be_hidden()
        expect(cell.locator("img")).to_have_count(int(kind == "figure"))
        cell.locator("summary").press("Enter")
        expect(cell.locator(".cell_input")).to_be_visible()
        expect(cell).not_to_contain_text("@title")


def test_what_is_folded_is_gone_in_print_and_figures_stay(visit):
    page = visit("book/nin.html").page
    page.emulate_media(media="print")
    for kind in FOLDED:
        for folded in page.locator(f".tag_{kind} > details").all():
            expect(folded).to_be_hidden()
    for figure in page.locator(".tag_figure img").all():
        expect(figure).to_be_visible()


def test_code_can_be_copied(base, visit):
    rights = ["clipboard-read", "clipboard-write"]
    page = visit("book/nin.html", base=base, permissions=rights).page
    button = page.locator(".cell_input:visible button.copybtn").first
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_contain_class("success")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import math")


def choose_mode(page, mode: str) -> None:
    """Choose the colours of the page; newer themes open a menu for it."""
    button = page.locator(".theme-switch-button:visible").first
    entry = page.locator(f".theme-change-button[data-mode={mode}]:visible")
    for _ in range(3):  # older ones go through light, dark and automatic
        button.click()
        if entry.count():
            entry.first.click()
        if page.locator(f"html[data-mode={mode}]").count():
            return
    raise AssertionError(f"the page cannot be made {mode}")


@pytest.mark.parametrize(
    ("system", "mode"), [("light", "dark"), ("dark", "light")]
)
def test_the_theme_switches_and_is_kept(system, mode, base, visit):
    page = visit("book/nin.html", scheme=system, base=base).page
    rendered.with_store(page)
    theme = page.locator("html")
    expect(theme).to_have_attribute("data-theme", system)
    choose_mode(page, mode)
    expect(theme).to_have_attribute("data-theme", mode)
    rendered.let_store(page)
    page.reload()
    rendered.with_store(page)
    expect(theme).to_have_attribute("data-theme", mode)


def test_a_term_is_explained_at_a_hover_and_at_a_tab(chapter):
    bubble = chapter.locator("#note-bubble")
    for kind in ("a.term", "a.cited"):
        link = chapter.locator(kind).first
        expect(bubble).to_be_hidden()
        link.focus()
        expect(bubble).to_be_visible()
        expect(bubble).to_have_text(link.get_attribute("data-note"))
        chapter.keyboard.press("Escape")
        expect(bubble).to_be_hidden()
        link.hover()
        expect(bubble).to_be_visible()
        inside = "e => e.getBoundingClientRect().right <= innerWidth"
        assert bubble.evaluate(inside)
        chapter.keyboard.press("Escape")


FOCUSABLE = """() => [...document.querySelectorAll(
    "a[href], button, summary, input, select, textarea, [tabindex='0']")]
  .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled
    && !e.closest("dialog:not([open])") && e.tabIndex >= 0)
  .map((e, i) => e.dataset.stop = i)"""


@pytest.mark.parametrize("width", [1440, 390])
def test_the_keyboard_reaches_everything(width, visit):
    page = visit("book/one_by_one.html", width).page
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    expected = set(page.evaluate(FOCUSABLE))
    reached = set()
    for _ in range(len(expected) + 10):
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop")
        reached.add(int(stop) if stop else None)
    assert expected <= reached


@pytest.mark.parametrize("menu", ["primary", "secondary"])
def test_the_menus_open_and_close_on_a_phone(menu, visit):
    page = visit("book/nin.html", 390).page
    dialog = page.locator(f"#pst-{menu}-sidebar-modal")
    expect(dialog).to_be_hidden()
    page.locator(f".{menu}-toggle:visible").press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("link").first).to_be_in_viewport()
    assert not looks.accessible(Visit(page))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_menu_folds_away_on_a_wide_screen(chapter):
    sidebar = chapter.locator("#pst-primary-sidebar")
    expect(sidebar).to_be_visible()
    chapter.locator(".primary-toggle:visible").press("Enter")
    expect(sidebar).to_be_hidden()


def test_the_skip_link_comes_first(chapter):
    chapter.keyboard.press("Tab")
    focused = chapter.evaluate("document.activeElement.textContent")
    assert focused == "Skip to main content"


def test_motion_is_reduced_on_request(visit):
    page = visit("book/nin.html", reduced_motion="reduce").page
    longest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].map(e =>"
        " parseFloat(getComputedStyle(e).transitionDuration)))"
    )
    assert longest < 0.001


def test_on_paper_the_answers_are_open_and_the_frame_is_gone(chapter):
    chapter.emulate_media(media="print")
    chapter.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert chapter.locator("article details:not([open])").count() == 0
    for frame in (".bd-sidebar-primary", ".run-bar", ".prev-next-footer"):
        expect(chapter.locator(frame)).to_be_hidden()
    chapter.evaluate("dispatchEvent(new Event('afterprint'))")
    assert chapter.locator("article details[open]").count() == 0
