"""The first page: something to touch, ways in, and a map."""

import looks
import pytest
from playwright.sync_api import expect
from rendered import SITE
from test_pages import faultless, unsound

PAGE = "book/index.html"
# outlines as a hand draws them, in pixels of the board
SHOES = {
    "Sneaker": [(2, 19), (25, 19), (26, 13), (22, 11), (17, 14), (10, 15)]
    + [(3, 16), (2, 19)],
    "Ankle boot": [(15, 5), (23, 5), (25, 22), (20, 22), (18, 20), (3, 21)]
    + [(3, 17), (12, 14), (15, 5)],
}


@pytest.mark.parametrize("shoe", SHOES)
def test_a_drawn_shoe_is_recognised(shoe, base, visit):
    seen = visit(PAGE, base=base)
    place = seen.page.locator('[data-widget="nin-live"]')
    verdict = place.locator(".verdict")
    expect(verdict).to_contain_text("Ankle boot", timeout=30_000)
    board = place.locator(".board")
    board.scroll_into_view_if_needed()
    frame = board.bounding_box()
    side = frame["width"] / 28
    place.get_by_role("button", name="Clear").click()
    expect(verdict).not_to_contain_text(shoe)
    for i, (x, y) in enumerate(SHOES[shoe]):
        at = frame["x"] + (x + 0.5) * side, frame["y"] + (y + 0.5) * side
        seen.page.mouse.move(*at)
        if i == 0:
            seen.page.mouse.down()
    seen.page.mouse.up()
    expect(verdict).to_contain_text(shoe)
    assert not seen.complaints


def test_the_first_stroke_clears_the_example(visit):
    page = visit(PAGE).page
    board = page.locator(".board")
    expect(board).to_be_visible(timeout=30_000)
    ink = (
        "e => e.getContext('2d').getImageData(0, 0, 28, 28).data"
        ".filter((v, i) => i % 4 === 0 && v).length"
    )
    before = board.evaluate(ink)
    board.press(" ")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert 0 < board.evaluate(ink) < before / 4


def test_nothing_moves_when_the_network_is_there(visit):
    page = visit("book/notation.html").page
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => {"
        " for (const e of list.getEntries()) moved += e.value;"
        " }).observe({type: 'layout-shift', buffered: true})"
    )
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{SITE.as_uri()}/{PAGE}")
        expect(page.locator(".board")).to_be_visible(timeout=30_000)
        page.wait_for_timeout(300)
        assert page.evaluate("moved") < 0.01


def test_the_page_begins_in_its_first_screen(visit):
    page = visit(PAGE).page
    expect(page.locator("article h1")).to_be_in_viewport()
    start = page.get_by_role("link", name="Start reading")
    expect(start).to_be_in_viewport()
    expect(page.locator(".board")).to_be_in_viewport(ratio=0.3, timeout=30_000)
    start.press("Enter")
    expect(page.locator("article h1")).to_contain_text("What a network costs")


def test_cards_are_numbered_in_the_order_of_the_book(visit):
    cards = visit(PAGE).page.locator("ol.cards > li")
    numbers = cards.locator(".number").all_inner_texts()
    assert [int(n) for n in numbers] == list(range(1, cards.count() + 1))
    assert cards.locator("svg").count() == cards.count() >= 10


def test_the_map_leads_to_its_blocks(visit):
    page = visit(PAGE).page
    links = page.locator("ul.block-map a, .map-middle a")
    targets = {link.get_attribute("href") for link in links.all()}
    chapters = ("one_by_one", "nin", "gap", "inception", "residual")
    assert targets == {f"{name}.html" for name in chapters}


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(320, "dark"), (390, "light"), (768, "light"), (1440, "dark")],
)
def test_it_is_sound_and_accessible_with_the_network(width, scheme, visit):
    seen = visit(PAGE, width, scheme)
    expect(seen.page.locator(".board")).to_be_visible(timeout=30_000)
    faultless(unsound(seen) + looks.accessible(seen))


def test_without_scripts_there_is_a_picture(browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{SITE.as_uri()}/{PAGE}")
        expect(page.locator('img[src*="live"]')).to_be_visible()
        expect(page.get_by_role("link", name="Start reading")).to_be_visible()
