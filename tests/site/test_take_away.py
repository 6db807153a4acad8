"""The book as an archive and as a PDF."""

import io
import os
import zipfile
from pathlib import Path

import looks
import pytest
from pypdf import PdfReader
from rendered import SITE, Visit, missing

from tools import ROOT
from tools.site import bundle, contents, pdf


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    if not (SITE / "index.html").is_file():
        missing("the book is not rendered: run make book first")
    target = tmp_path_factory.mktemp("zip") / "book.zip"
    bundle.write(target)
    return target


def test_the_archive_holds_every_page_and_every_notebook(archive):
    names = set(zipfile.ZipFile(archive).namelist())
    for file in SITE.rglob("*.html"):
        assert f"one-by-one/{file.relative_to(SITE).as_posix()}" in names
    for file in (ROOT / "book").glob("*.ipynb"):
        assert f"one-by-one/notebooks/book/{file.name}" in names


def test_the_package_lies_beside_the_notebooks(archive):
    names = zipfile.ZipFile(archive).namelist()
    for folder in bundle.NOTEBOOKS:
        place = Path("one-by-one", "notebooks", folder)
        beside = [name for name in names if Path(name).parent == place]
        assert sum(name.endswith(".whl") for name in beside) == 1
        assert sum(name.endswith(".ipynb") for name in beside) > 1


def test_the_package_has_its_data_and_its_licence(archive):
    whole = zipfile.ZipFile(archive)
    first = next(name for name in whole.namelist() if name.endswith(".whl"))
    names = zipfile.ZipFile(io.BytesIO(whole.read(first))).namelist()
    files = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "onebyone").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    assert set(files) <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_same_book_gives_the_same_archive(archive, tmp_path):
    again = tmp_path / "again.zip"
    before = os.umask(0o077)  # of another user
    try:
        bundle.write(again)
    finally:
        os.umask(before)
    assert again.read_bytes() == archive.read_bytes()


def test_the_unpacked_site_works(archive, tmp_path, browser):
    zipfile.ZipFile(archive).extractall(tmp_path)
    start = tmp_path / "one-by-one" / "index.html"
    page = browser.new_page()
    seen = Visit(page).listen()
    page.goto(start.as_uri())
    page.wait_for_url("**/book/index.html")
    page.get_by_role("link", name="Network in network").first.click()
    page.wait_for_load_state()
    assert page.url.endswith("/book/nin.html")
    assert not seen.complaints
    assert not list(looks.no_foreign_requests(seen))
    page.close()


SOME = ("book/index", "book/one_by_one", "book/references")


@pytest.fixture(
    scope="module",
    params=["some", pytest.param("whole", marks=pytest.mark.long)],
)
def listed(request) -> list[tuple[str, str]]:
    """The pages to print: three of the book, in the long tests all."""
    return [
        entry
        for entry in contents.pages()
        if entry[0] in SOME or request.param == "whole"
    ]


@pytest.fixture(scope="module")
def book(listed, browser, tmp_path_factory):
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.write(target, browser, listed)
    return PdfReader(target)


@pytest.fixture(scope="module")
def texts(book) -> list[str]:
    """The text of every page, without spaces."""
    return [words(page.extract_text()) for page in book.pages]


def words(text: str) -> str:
    return "".join(text.replace("ﬀ", "ff").split())


def test_the_contents_of_the_pdf_name_the_right_pages(listed, book, texts):
    places = pdf.page_numbers(book)
    printed = {page for page, _ in listed}
    first = min(places[pdf.name(page)] for page in printed)
    contents = "".join(texts[1 : first - 1])
    for page, part in listed:
        title = words(pdf.chapter(page, part, printed).title)
        number = places[pdf.name(page)]
        assert title in texts[number - 1][:200]
        assert f"{title}{number}" in contents


def test_the_pdf_is_numbered_tagged_and_has_no_raw_formulas(book, texts):
    for number, text in enumerate(texts, start=1):
        edges = (text[:60], text[-60:])
        assert any(f"OnebyOne{number}" in edge for edge in edges), number
        assert "\\frac" not in text and "\\text" not in text
    assert book.outline
    assert book.trailer["/Root"]["/MarkInfo"]["/Marked"]
