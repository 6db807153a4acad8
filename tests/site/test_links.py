"""Every link of the site, and what else its files tell."""

from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from rendered import SITE, notebooks, pages
from test_pages import faultless

from tools import ROOT, repository

PUBLISHED = repository.configured()


@cache
def soup(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(file: Path) -> set[str]:
    return {tag["id"] for tag in soup(file).find_all(id=True)}


def broken(page: str):
    for tag in soup(SITE / page).find_all("a", href=True):
        parts = urlsplit(tag["href"])
        if parts.scheme:
            continue
        target = SITE / page
        if parts.path:
            target = (target.parent / unquote(parts.path)).resolve()
        if not target.is_file():
            yield f"no such file: {tag['href']}"
        elif parts.fragment and unquote(parts.fragment) not in anchors(target):
            yield f"no such place: {tag['href']}"


@pytest.mark.parametrize("page", pages())
def test_links_within_the_site_lead_somewhere(page):
    faultless(broken(page))


@pytest.mark.parametrize("page", pages())
def test_ids_are_unique(page):
    ids = [tag["id"] for tag in soup(SITE / page).find_all(id=True)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("page", notebooks())
def test_run_on_colab_opens_a_published_notebook_or_says_how(page):
    link = soup(SITE / page).select_one(".run-bar .run-colab")["href"]
    if PUBLISHED:
        source = page.removesuffix(".html") + ".ipynb"
        path = urlsplit(PUBLISHED).path
        assert link == (
            "https://colab.research.google.com/github"
            f"{path}/blob/{repository.BRANCH}/{source}"
        )
    else:
        target, _, place = link.partition("#")
        using = ((SITE / page).parent / target).resolve()
        assert using == SITE / "book" / "using.html"
        assert "wheel" in soup(using).find(id=place).get_text()


@pytest.mark.parametrize("page", pages())
def test_no_page_names_the_repository_of_jupyter_book(page):
    """Which stands in its settings where a book names none."""
    text = (SITE / page).read_text(encoding="utf-8")
    assert "executablebooks/jupyter-book" not in text


@pytest.mark.parametrize("page", notebooks())
def test_a_notebook_downloads(page):
    source = page.removesuffix(".html") + ".ipynb"
    download = soup(SITE / page).select_one(".run-bar .run-download")
    file = (SITE / page).parent / download["href"]
    assert file.read_bytes() == (ROOT / source).read_bytes()
    assert download["download"] == Path(source).name


@pytest.mark.parametrize("page", notebooks())
def test_a_section_of_a_published_copy_can_be_reported(page):
    if PUBLISHED is None:
        assert not soup(SITE / page).select("a.report")
        return
    for heading in soup(SITE / page).select("article :is(h1, h2, h3, h4)"):
        address = heading.select_one("a.report")["href"]
        assert address.startswith(f"{PUBLISHED}/issues/new?")
        asked = parse_qs(urlsplit(address).query)
        title = heading.get_text().removesuffix("#")
        assert asked["title"] == [f"{page[:-5]}.ipynb: {title}"]
        anchor = heading.select_one("a.headerlink")["href"]
        assert anchor in asked["body"][0]


@pytest.mark.parametrize("page", notebooks())
def test_a_page_leads_on(page):
    tree = soup(SITE / page)
    assert tree.select_one(".prev-next-area a")
    assert tree.select_one(".trail [aria-current=page]")
    length = tree.select_one(".reading-time").get_text()
    assert "minutes" in length or "tasks" in length
    assert tree.select_one("#pst-page-toc-nav a")


def test_the_first_page_says_how_long_each_chapter_takes():
    for card in soup(SITE / "book/index.html").select(".cards li"):
        page = SITE / "book" / card.a["href"]
        length = soup(page).select_one(".reading-time").get_text()
        assert length.removesuffix(" to read") in card.get_text(), page.name


@pytest.mark.parametrize("page", notebooks())
def test_answers_are_folded_and_say_something(page):
    for answer in soup(SITE / page).select("article details"):
        assert not answer.has_attr("open")
        question = answer.summary.get_text().strip()
        assert question and answer.get_text().strip() != question


def test_terms_and_papers_are_explained_where_they_are_named():
    explained = [
        link
        for page in notebooks()
        for link in soup(SITE / page).select("a.term, a.cited")
    ]
    assert all(link["title"].strip() for link in explained)
    assert {"term", "cited"} <= {c for a in explained for c in a["class"]}
