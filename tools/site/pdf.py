"""The whole book as one PDF: ``make pdf``.

The rendered pages are put into one document, in the order of the contents,
and printed by the Chromium of this machine. It is printed twice: the draft
tells on which page each section falls, and then the table of contents says so.
"""

import html
import io
import posixpath
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from tools import ROOT, files
from tools.site import chromium, contents

SITE = ROOT / "_build" / "html"
OUTPUT = ROOT / "_build" / "one-by-one.pdf"
STYLES = (
    "styles/theme.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "onebyone.css",
)
# what belongs to a screen
UNPRINTED = (
    "script, .run-bar, a.report, a.headerlink, button, .widget-live,"
    " #note-bubble"
)
LOOK = """
body { background: #fff; padding: 0; }
.bd-article { max-width: none; padding: 0 !important; }
.chapter, .book-contents { break-before: page; }
.cover { align-items: center; display: flex; flex-direction: column;
  height: 88vh; justify-content: center; text-align: center; }
.cover h1 { border: 0; font-size: 34pt; margin: 1rem 0; }
.cover img { width: 6rem; }
.cover p { font-size: 14pt; max-width: 28rem; }
.book-contents ol { list-style: none; margin: 0; padding: 0; }
.book-contents li { margin: 0; }
.book-contents .part { font-weight: 650; margin-top: 1rem; }
.book-contents a { display: flex; gap: 0.4rem; }
.book-contents a::after { content: attr(data-page); order: 3;
  font-variant-numeric: tabular-nums; }
.book-contents .dots { border-bottom: 1px dotted #999; flex: 1;
  margin-bottom: 0.35em; }
.bd-article div[class*="highlight-"] { margin: 0; }
.bd-article div.cell { margin: 0.8rem 0; }
.book-contents ol ol { font-size: 9pt; padding-left: 1.2rem; }
"""
FOOT = """<div style="font: 8pt sans-serif; width: 100%; padding: 0 16mm;
display: flex; justify-content: space-between; color: #444">
<span>One by One</span><span class="pageNumber"></span></div>"""

# the numbers of the draft, into the table of contents
FILL_IN = """numbers => document.querySelectorAll("[data-page]").forEach(
  link => link.dataset.page = numbers[link.getAttribute("href").slice(1)])"""


@dataclass
class Chapter:
    """A page of the site, as it goes into the PDF."""

    page: str  # "book/nin"
    part: str
    article: Tag
    title: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)


def name(page: str, anchor: str = "") -> str:
    """Return an anchor that is unique in the whole book."""
    return f"{page}/{anchor}".replace("/", "--").rstrip("-")


def chapter(page: str, part: str, printed: set[str]) -> Chapter:
    """Take a page's article, with its links made to fit the one document."""
    text = (SITE / f"{page}.html").read_text(encoding="utf-8")
    article = first(BeautifulSoup(text, "html.parser"), "article")
    for tag in article.select(UNPRINTED):
        tag.decompose()
    for tag in article.find_all(id=True):
        tag["id"] = name(page, str(tag["id"]))
    for image in article.find_all("img"):
        picture = (SITE / page).parent / str(image["src"])
        image["src"] = picture.as_uri()
        del image["loading"]
    for details in article.find_all("details"):
        details["open"] = ""
    for link in article.find_all("a", href=True):
        relink(link, page, printed)
    found = Chapter(page, part, article)
    found.title = first(article, "h1").get_text().strip()
    for heading in article.find_all("h2"):
        section = heading.find_parent("section", id=True)
        anchor = str(section["id"]) if section else name(page)
        found.sections.append((anchor, heading.get_text().strip()))
    return found


def first(place: Tag, selector: str) -> Tag:
    """Return the first match of a selector; ValueError where none is."""
    found = place.select_one(selector)
    if found is None:
        raise ValueError(f"the rendered page has no {selector}")
    return found


def relink(link: Tag, page: str, printed: set[str]) -> None:
    """Point a link at its place in the document; elsewhere, drop it."""
    parts = urlsplit(str(link["href"]))
    if parts.scheme:
        return
    folder = posixpath.dirname(page)
    target = posixpath.normpath(posixpath.join(folder, parts.path))
    target = page if not parts.path else target.removesuffix(".html")
    if target in printed:
        link["href"] = f"#{name(target, parts.fragment)}"
    else:
        del link["href"]
    link.attrs.pop("title", None)


def document(chapters: list[Chapter]) -> str:
    """Return the whole book as one HTML document."""
    static = SITE / "_static"
    links = "\n".join(
        f'<link rel="stylesheet" href="{(static / style).as_uri()}">'
        for style in STYLES
    )
    mathjax = (static / "mathjax" / "startup.js").as_uri()
    body = "\n".join(
        f'<div class="chapter" id="{name(c.page)}">{c.article}</div>'
        for c in chapters
    )
    title = chapters[0].title
    lead = first(chapters[0].article, "p")
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>{html.escape(title)}</title>{links}
<style>{LOOK}</style>
<script>window.MathJax = {{chtml: {{scale: 0.94}}, loader: {{
  load: ["input/tex", "output/chtml", "a11y/assistive-mml"]}}, options: {{
  ignoreHtmlClass: "tex2jax_ignore|mathjax_ignore|document",
  processHtmlClass: "tex2jax_process|mathjax_process|math|output_area"}}}};
</script>
<script defer src="{mathjax}"></script></head>
<body><main class="bd-article">
<div class="cover"><img src="{(static / "logo.svg").as_uri()}" alt="">
<h1>{html.escape(title)}</h1><p>{lead.get_text()}</p></div>
<nav class="book-contents"><h1>Contents</h1>{listing(chapters)}</nav>
{body}</main></body></html>"""


def listing(chapters: list[Chapter]) -> str:
    """Return the table of contents, with 888 for every page number."""

    def entry(anchor: str, title: str) -> str:
        return (
            f'<a href="#{anchor}" data-page="888">'
            f'{html.escape(title)}<span class="dots"></span></a>'
        )

    lines, part = [], ""
    for c in chapters:
        if c.part != part:
            part = c.part
            lines.append(f'<li class="part">{html.escape(part)}</li>')
        sections = "".join(
            f"<li>{entry(*section)}</li>" for section in c.sections
        )
        lines.append(
            f"<li>{entry(name(c.page), c.title)}<ol>{sections}</ol></li>"
        )
    return f"<ol>{''.join(lines)}</ol>"


def open_document(browser: Browser, source: Path) -> Page:
    """Open a document; wait for all its formulas and pictures."""
    page = browser.new_page()
    page.set_default_timeout(300_000)
    page.goto(source.as_uri())
    page.wait_for_function("window.MathJax?.startup?.promise")
    page.evaluate("MathJax.startup.promise.then(() => document.fonts.ready)")
    page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().catch(() => 0)))"
    )
    return page


def print_page(page: Page) -> bytes:
    """Print an open page as a PDF, with bookmarks and screen readers' tags."""
    return page.pdf(
        format="A4",
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOT,
        tagged=True,
        outline=True,
        margin={"top": "18mm", "bottom": "20mm"},
    )


def page_numbers(reader: PdfReader) -> dict[str, int]:
    """Return the page of every linked place, counted from 1."""
    return {
        place.removeprefix("/"): page + 1
        for place, to in reader.named_destinations.items()
        if (page := reader.get_destination_page_number(to)) is not None
    }


def write(
    target: Path, browser: Browser, listed: list[tuple[str, str]] | None = None
) -> int:
    """Print the rendered book, or the listed pages of it, whole.

    Return the number of printed pages. Links to pages that are not listed
    become plain text.
    """
    listed = listed or [*contents.pages()]
    names = {page for page, _ in listed}
    chapters = [chapter(page, part, names) for page, part in listed]
    with NamedTemporaryFile(dir=target.parent, suffix=".html") as source:
        source.write(document(chapters).encode())
        source.flush()
        page = open_document(browser, Path(source.name))
        draft = PdfReader(io.BytesIO(print_page(page)))
        page.evaluate(FILL_IN, page_numbers(draft))
        files.write(target, print_page(page))
        page.close()
    return len(draft.pages)


def main() -> int:
    """Write _build/one-by-one.pdf from the rendered book."""
    with chromium.launch() as browser:
        count = write(OUTPUT, browser)
    print(f"{OUTPUT.relative_to(ROOT)}: {count} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
