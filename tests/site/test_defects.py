"""What once was wrong with the pages, and must not come back."""

import io

import looks
import matplotlib.pyplot as plt
import numpy as np
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect
from rendered import SITE, pages

from tools import ROOT
from tools.site import answer_boxes

# contrast of an element's text with the ground behind it, as WCAG counts it
CONTRAST = """element => {
  const rgba = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return {rgb: [r, g, b], a};
  };
  const bright = ({rgb}) => {
    const [r, g, b] = rgb.map(v => (v /= 255) <= 0.04045
      ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (rgba(getComputedStyle(behind).backgroundColor).a === 0)
    behind = behind.parentElement;
  const shades = [
    bright(rgba(getComputedStyle(behind).backgroundColor)),
    bright(rgba(getComputedStyle(element).color)),
  ];
  return (Math.max(...shades) + 0.05) / (Math.min(...shades) + 0.05);
}"""
# one button of each kind, where a page has it
KINDS = {
    "book/nin.html": [".widget-live .start", ".answer-box .check"],
    "book/bake_off.html": [
        '.widget-live [aria-pressed="true"]',
        '.widget-live [aria-pressed="false"]',
    ],
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", KINDS)
def test_the_text_of_a_button_stays_legible_under_the_mouse(
    page, scheme, visit
):
    seen = visit(page, scheme=scheme, reduced_motion="reduce").page
    for kind in KINDS[page]:
        button = seen.locator(f"{kind}:visible").first
        button.hover(timeout=20_000)
        assert button.evaluate(CONTRAST) >= 4.5, kind


FORMULAS = """() => [...document.querySelectorAll(
    '.bd-article mjx-container[display="true"]')]
  .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .map(e => `${e.scrollWidth} > ${e.clientWidth}`)"""


@pytest.mark.parametrize("page", ["nin", "residual", "inception", "gap"])
def test_formulas_fit_their_column_on_a_desktop(page, visit):
    seen = visit(f"book/{page}.html").page
    seen.wait_for_timeout(100)
    assert not seen.evaluate(FORMULAS)


def test_a_title_is_printed(visit):
    page = visit("book/nin.html").page
    page.emulate_media(media="print")
    expect(page.locator("article h1")).to_be_visible()


def test_lines_of_code_have_room(visit):
    page = visit("book/nin.html").page
    for kind in (".cell_input pre", ".cell_output pre"):
        room = page.locator(kind).first.evaluate(
            "e => { const s = getComputedStyle(e);"
            " return parseFloat(s.lineHeight) / parseFloat(s.fontSize) }"
        )
        assert room > 1.45


@pytest.mark.parametrize("page", pages())
def test_a_page_fits_the_narrowest_screen(page, visit):
    seen = visit(page, 320)
    assert not list(looks.no_sideways_scroll(seen))


def test_no_output_and_no_formula_stops_the_tab_key(visit):
    page = visit("book/gap.html").page
    expect(page.locator("mjx-container").first).to_be_attached()
    expect(
        page.locator('mjx-container:not([display="true"])[tabindex]')
    ).to_have_count(0)
    expect(
        page.locator('mjx-container:not(.scrolls)[tabindex="0"]')
    ).to_have_count(0)
    expect(page.locator(".cell_output .copybtn")).to_have_count(0)


# a page of questions opens with the list of them
OPENING = [
    f"book/{name}.html"
    for name in (
        *("counting", "batch_norm", "one_by_one", "nin", "gap", "inception"),
        *("residual", "memory_and_time", "bake_off", "keras", "decode"),
        "speed",
    )
]


@pytest.mark.parametrize("page", OPENING)
def test_a_chapter_opens_with_a_picture_or_a_widget(page, visit):
    shown = visit(page).page.locator(
        ".bd-article :is(.cell_output img, [data-widget])"
    )
    assert shown.first.bounding_box()["y"] < 640


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_solutions_lie_in_boxes_of_one_kind(scheme, visit):
    page = visit("exercises/solutions/counting.html", scheme=scheme).page
    boxes = page.locator(
        ".bd-article details:not(.tag_setup *, .tag_figure *, .tag_proof *)"
    )
    looks_of_all = boxes.evaluate_all(
        "all => [...new Set(all.filter(e => e.checkVisibility()).map(e => {"
        " const s = getComputedStyle(e);"
        " return [s.backgroundColor, s.border, s.borderRadius, s.padding,"
        " s.boxShadow].join(); }))]"
    )
    assert len(looks_of_all) == 1


def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / page).read_text("utf-8"), "html.parser")


def test_the_landing_page_loads_no_mathjax():
    assert not soup("book/index.html").select('script[src*="mathjax"]')
    assert soup("book/nin.html").select('script[src*="mathjax"]')


@pytest.mark.parametrize("page", pages())
def test_a_page_says_what_it_is(page):
    head = soup(page).head
    title = head.title.get_text()
    assert title.count("One by One") == 1
    if page in ("search.html", "genindex.html"):
        return
    description = head.select_one('meta[name="description"]')["content"]
    assert 20 < len(description) <= 200
    said = head.select_one('meta[property="og:description"]')["content"]
    assert said == description


def test_chinese_words_say_that_they_are_chinese():
    glossary = soup("book/glossary.html").article
    for text in glossary.find_all(
        string=lambda t: any("\u4e00" <= c <= "\u9fff" for c in t)
    ):
        assert text.parent.get("lang") == "zh"
    assert glossary.select("[lang=zh]")


@pytest.mark.parametrize(
    "chapter",
    [
        name
        for name in answer_boxes.notebooks()
        if (ROOT / f"book/{name}.ipynb").exists()
    ],
)
def test_a_chapter_ends_with_the_way_to_its_exercises(chapter):
    sections = soup(f"book/{chapter}.html").select("article section:has(> h2)")
    assert sections[-1].select(f'a[href="../exercises/{chapter}.html"]')


def test_exercises_are_measured_in_tasks():
    bar = soup("exercises/nin.html").select_one(".reading-time")
    assert bar.get_text().endswith("tasks")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_small_screen_shows_a_figure_in_its_own_size(scheme, visit):
    seen = visit("book/nin.html", 390, scheme)
    button = seen.page.get_by_role("button", name="Enlarge").first
    button.press("Enter")
    dialog = seen.page.get_by_role("dialog")
    expect(dialog.locator("img")).to_be_visible()
    assert dialog.locator("img").evaluate("e => e.clientWidth") >= 800
    assert not looks.accessible(seen, "dialog.enlarged")
    dialog.get_by_role("button", name="Close").press("Enter")
    expect(dialog).to_have_count(0)


def test_a_wide_table_keeps_its_first_column_and_shows_that_it_goes_on(visit):
    page = visit("book/speed.html", 320).page
    box = page.locator(".scrolls:has(table)").first
    expect(box).to_contain_class("at-start")
    before = box.locator("td").first.evaluate(
        "e => e.getBoundingClientRect().x"
    )
    box.evaluate("e => (e.scrollLeft = 40)")
    expect(box).not_to_contain_class("at-start")
    after = box.locator("td").first.evaluate(
        "e => e.getBoundingClientRect().x"
    )
    assert abs(before - after) < 2


def test_rows_with_several_names_all_scroll(visit):
    page = visit("book/nin.html", 390).page
    table = page.locator("table:has(tbody th + th)").first
    styles = table.locator("tbody tr > :first-child").evaluate_all(
        "all => all.map(e => getComputedStyle(e).position)"
    )
    assert "sticky" not in styles


@pytest.mark.parametrize("page", ["nin", "counting", "residual", "gap"])
def test_code_of_79_columns_fits(page, visit):
    seen = visit(f"book/{page}.html", 1440).page
    expect(seen.locator(".cell_input pre").first).to_be_attached()
    expect(seen.locator(".cell_input pre.scrolls")).to_have_count(0)


def test_answer_boxes_are_not_printed(visit):
    page = visit("book/nin.html").page
    expect(page.locator(".answer-box").first).to_be_attached()
    page.emulate_media(media="print")
    expect(page.locator(".answer-box:visible")).to_have_count(0)


def test_on_paper_a_task_is_not_parted_from_its_answer(visit):
    page = visit("exercises/nin.html").page
    page.emulate_media(media="print")
    expect(page.locator("p:visible", has_text="The solution")).to_have_count(0)
    asked = page.locator(":is(p, ul):has(+ [data-task]), [data-task]")
    assert set(
        asked.evaluate_all(
            "all => all.map(e => getComputedStyle(e).breakAfter)"
        )
    ) == {"avoid"}


def test_the_button_of_the_sidebar_shows_its_focus(visit):
    button = visit("book/nin.html").page.locator("button.sidebar-toggle").first
    button.page.keyboard.press("Tab")
    button.focus()
    assert button.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_previous_and_next_stand_apart_on_a_phone(visit):
    page = visit("book/nin.html", 390).page
    before, after = (
        page.locator(f".prev-next-area a.{side}-{name}").bounding_box()
        for side, name in (("left", "prev"), ("right", "next"))
    )
    assert after["y"] - before["y"] - before["height"] > 8


def test_a_widget_is_a_group_with_a_name(visit):
    page = visit("book/one_by_one.html").page
    expect(
        page.get_by_role("group", name="A 1×1 convolution on a picture")
    ).to_be_visible()


def test_a_finger_scrolls_over_the_mixer_and_a_slider_is_wide(visit):
    page = visit("book/one_by_one.html", 390).page
    frame = page.locator(".mixer-frame").first
    assert frame.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"
    page = visit("book/counting.html").page
    slider = page.get_by_role("slider", name="channels in").first
    assert slider.evaluate("e => e.clientWidth") > 200


def test_the_window_of_the_explorer_is_dragged(visit):
    page = visit("book/counting.html").page
    picture = page.locator(".window-picture")
    picture.scroll_into_view_if_needed()
    before = picture.get_attribute("aria-label")
    box = picture.bounding_box()
    page.mouse.move(
        box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5
    )
    page.mouse.down()
    assert picture.get_attribute("aria-label") != before
    page.mouse.up()


SHOWN = """async image => {
  image.loading = "eager";
  await image.decode();
  image.scrollIntoView();
}"""


@pytest.mark.parametrize(
    ("page", "figure", "turned"),
    [
        ("residual", "fig-degradation", True),
        ("nin", "fig-vgg-nin", True),
        ("one_by_one", "fig-wiring", True),
        ("gap", "fig-maps", False),
    ],
)
def test_on_a_dark_page_drawings_are_light_on_dark(
    page, figure, turned, visit
):
    seen = visit(f"book/{page}.html", scheme="dark").page
    image = seen.locator(f"#{figure} img")
    image.evaluate(SHOWN)
    shot = plt.imread(io.BytesIO(image.screenshot()))
    ground = shot[8, 8, :3].max()  # in its margin, where nothing is drawn
    assert (ground < 0.2) == turned
    assert (0.8 < ground < 0.9) != turned  # white, dimmed


def drawn(page, figure, scheme):
    """What a picture looks like on a page: (height, width, RGB)."""
    page.emulate_media(color_scheme=scheme)
    image = page.locator(f"#{figure} img")
    image.evaluate(SHOWN)
    return plt.imread(io.BytesIO(image.screenshot()))[..., :3]


def coloured(shot, colour):
    """Where a picture has a colour, or almost."""
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return abs(shot - wanted).max(axis=2) < 0.04


# what a figure shows in colours that its caption names, or with type in them
BLUE, ORANGE, RED, PINK = "#0072B2", "#E69F00", "#D55E00", "#CC79A7"
AREAS = {
    "nin": [
        ("first-matrix", BLUE),
        ("first-matrix", RED),
        ("vgg-nin", ORANGE),
    ],
    "inception": [("inception-block", ORANGE), ("googlenet", PINK)],
    "keras": [("windows", ORANGE)],
    "residual": [("preactivation", "#D8EDF9")],
}


@pytest.mark.parametrize("page", AREAS)
def test_a_dark_page_keeps_areas_and_the_type_on_them(page, visit):
    seen = visit(f"book/{page}.html").page
    for width in (1440, 390):
        seen.set_viewport_size({"width": width, "height": 900})
        for figure, colour in AREAS[page]:
            light, dark = (
                drawn(seen, f"fig-{figure}", scheme)
                for scheme in ("light", "dark")
            )
            area = coloured(light, colour)
            kept = area & coloured(dark, colour)
            assert kept.sum() > 0.85 * area.sum() > 0
            # type: what stands between two pixels of the area
            inside = np.zeros_like(area)
            for gap in (1, 2):
                between = area[:, : -2 * gap] & area[:, 2 * gap :]
                inside[:, gap:-gap] |= between
            change = abs(light - dark).max(axis=2)[inside & ~area]
            assert not len(change) or (change < 0.1).mean() > 0.9


def test_pale_and_dark_blue_stay_so_on_a_dark_page(visit):
    page = visit("book/one_by_one.html").page
    shot = drawn(page, "fig-wiring", "dark")
    third = shot.shape[1] // 3
    wide, slim = (
        shot[:, part][np.ptp(shot[:, part], axis=2) > 0.1]
        for part in (slice(0, third), slice(2 * third, None))
    )
    blue = slim[slim[:, 2] > slim[:, 0]]
    assert np.median(wide.mean(axis=1)) < np.median(blue.mean(axis=1)) - 0.1


def test_a_drawing_enlarged_on_a_dark_page_is_light_on_dark(visit):
    seen = visit("book/residual.html", 390, "dark").page
    seen.locator("#fig-degradation .enlarge").click()
    shown = seen.locator("dialog.enlarged img")
    shot = plt.imread(io.BytesIO(shown.screenshot()))
    assert shot[8, 8, :3].max() < 0.2 and shot[..., :3].max() > 0.7


@pytest.mark.parametrize(
    ("page", "ratio"), [("exercises/clinic.html", 1), ("book/nin.html", 2)]
)
def test_a_picture_has_its_own_size(page, ratio):
    """Whether it has one pixel or two for each of the page."""
    image = soup(page).select_one("figure img")
    file = (SITE / page).parent / image["src"]
    pixels = plt.imread(file).shape[1]
    assert int(image["width"]) == pixels // ratio


# signs at the beginning of a line of text
BEGINNINGS = """() => {
  const found = [];
  const texts = document.createTreeWalker(
    document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, parent = text.parentElement;
    if (parent.closest("pre, mjx-container, [data-widget]")) continue;
    const block = parent.closest("p, li, td, th, dd, figcaption, summary");
    if (!block || !parent.checkVisibility()) continue;
    const {left, top} = block.getBoundingClientRect();
    const style = getComputedStyle(block);
    for (const {index, 0: sign} of text.data.matchAll(/[,.;:!?%)]/g)) {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + 1);
      const place = range.getBoundingClientRect();
      if (place.width && place.left < left + parseFloat(style.paddingLeft) + 3
          && place.top > top + parseFloat(style.paddingTop) + 12)
        found.push(text.data.slice(index, index + 30));
    }
  }
  return found;
}"""


@pytest.mark.parametrize(
    ("page", "width"),
    [
        ("book/counting.html", 390),
        ("book/gap.html", 390),
        ("book/memory_and_time.html", 390),
        ("book/memory_and_time.html", 1440),
        ("book/nin.html", 390),
        ("book/residual.html", 1440),
        ("exercises/backward.html", 390),
        ("exercises/solutions/backward.html", 1440),
        ("exercises/solutions/residual.html", 390),
    ],
)
def test_no_line_begins_with_a_comma_or_a_percent_sign(page, width, visit):
    seen = visit(page, width).page
    seen.evaluate(
        "for (const details of document.querySelectorAll('details'))"
        " details.open = true"
    )
    assert not seen.evaluate(BEGINNINGS)


# type in drawings of widgets, as large as it comes out
TYPE = """svg => [...svg.querySelectorAll("text")].map(text => {
  const {a, b} = text.getScreenCTM();
  return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
})"""


@pytest.mark.parametrize(
    ("page", "widgets"),
    [
        ("bake_off", ["front"]),
        ("counting", ["sliding-window", "convolution-explorer"]),
        ("inception", ["concatenation"]),
        ("one_by_one", ["per-pixel"]),
        ("residual", ["depth", "gradient-flow"]),
    ],
)
def test_type_in_widgets_is_legible_on_the_narrowest_screen(
    page, widgets, visit
):
    seen = visit(f"book/{page}.html", 320).page
    for widget in widgets:
        drawing = seen.locator(
            f'[data-widget="{widget}"] svg:has(text):visible'
        )
        assert min(drawing.first.evaluate(TYPE)) >= 11.9, widget


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_an_enlarged_picture_is_left_by_the_keyboard(width, scheme, visit):
    seen = visit("book/nin.html", width, scheme).page
    buttons = seen.locator("#fig-vgg-nin .enlarge")
    if width > 600:  # where pictures have their own size
        expect(buttons).not_to_be_visible()
        return
    buttons.press("Enter")
    dialog = seen.get_by_role("dialog")
    expect(dialog).to_be_visible()
    seen.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(buttons).to_be_focused()


def test_a_table_stands_apart_from_the_code_that_makes_it(visit):
    seen = visit("book/residual.html", 768).page
    cell = seen.locator("div.cell:has(table.dataframe)").first
    code = cell.locator(".cell_input").bounding_box()
    table = cell.locator("table").bounding_box()
    assert table["y"] - code["y"] - code["height"] >= 16
