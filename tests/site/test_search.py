"""The search: as one types, to the section, and also from a disk."""

import re

import looks
import pytest
from playwright.sync_api import expect

from tools.site import search

FIND = "query => OneByOne.find(query).hits.map(h => h.page + '#' + h.anchor)"


@pytest.fixture
def dialog(base, visit):
    """The open dialog of a page in the middle of the book."""
    seen = visit("exercises/nin.html", base=base)
    seen.page.keyboard.press("Control+k")
    place = seen.page.locator("#pst-search-dialog")
    yield place
    assert not seen.complaints


@pytest.mark.parametrize("word", ["1×1", "1x1", "1×1 conv"])
def test_the_word_of_the_course_finds_its_chapter_first(word, dialog):
    dialog.locator("input").fill(word)
    first = dialog.locator(".search-hits li:not(.answer) a").first
    expect(first).to_have_text("1×1 convolution", timeout=20_000)


CHAPTERS = {
    "inception": "book/inception",
    "residual": "book/residual",
    "global average pooling": "book/gap",
    "memory": "book/memory_and_time",
    "bake-off": "book/bake_off",
    "keras": "book/keras",
    "nin": "book/nin",
    "glossary": "book/glossary",
}


def test_a_chapter_comes_first_for_its_subject(dialog):
    dialog.locator("input").fill("1x1")
    expect(dialog.locator(".search-hits a").first).to_be_visible(
        timeout=20_000
    )
    for word, chapter in CHAPTERS.items():
        first = dialog.page.evaluate(FIND, word)[0]
        assert first.startswith(f"{chapter}#"), word


def test_the_glossary_answers_first(dialog):
    dialog.locator("input").fill("logit")
    answer = dialog.locator(".search-hits li").first
    expect(answer).to_contain_class("answer", timeout=20_000)
    assert answer.locator("p").inner_text().strip()
    expect(answer.locator("a")).to_have_attribute(
        "href", re.compile("glossary.html#term-")
    )


def test_a_hit_leads_to_its_section_by_keyboard(dialog):
    dialog.locator("input").fill("what people get wrong")
    hits = dialog.locator(".search-hits a")
    expect(hits.first).to_be_visible(timeout=20_000)
    dialog.page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    target = hits.first.get_attribute("href")
    assert target.endswith("#what-people-get-wrong")
    dialog.page.keyboard.press("Enter")
    dialog.page.wait_for_url(target)


def test_nothing_found_says_so(dialog):
    dialog.locator("input").fill("zebra crossing")
    expect(dialog.get_by_role("status")).to_contain_text(
        "Nothing found", timeout=20_000
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_results_are_accessible(scheme, visit):
    seen = visit("book/notation.html", 390, scheme)
    seen.page.keyboard.press("Control+k")
    seen.page.locator("#pst-search-dialog input").fill("pooling")
    expect(seen.page.locator(".search-hits a").first).to_be_visible(
        timeout=20_000
    )
    assert not looks.accessible(seen, "#pst-search-dialog")
    assert not list(looks.no_sideways_scroll(seen))


def test_words_are_compared_as_the_page_compares_them():
    assert search.words("The 1×1 Convolution, naïve") == [
        "the",
        "1x1",
        "convolution",
        "naive",
    ]
