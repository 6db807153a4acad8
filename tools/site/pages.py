"""What the book's pages get beyond their theme: a Sphinx extension.

Every page of the book gets links from the first mention of a term to the
glossary, and the full reference behind each cited paper; in a published copy
also links to report a problem in each section. A notebook's page gets one bar
with its reading time and the ways to run it. Pictures get their size and load
late, and what the theme brings but no page uses (icon scripts, thebe, other
builds of MathJax) is left out, so that the site is light and asks no other
host; a content security policy in each page forbids it to.

No part of this needs torch, or any package that Jupyter Book does not bring.
"""

import json
import re
import struct
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from bs4 import BeautifulSoup, NavigableString
from docutils import nodes
from pybtex.database import Entry, parse_file
from sphinx.application import Sphinx

from tools.notebooks import TITLE
from tools.repository import configured
from tools.site import (
    answer_boxes,
    contents,
    head,
    landing,
    search,
    widget_data,
)
from tools.site.glossary import glossary, link_terms
from tools.site.slimming import slim_site

COLAB = "https://colab.research.google.com"
WORDS_A_MINUTE, SECONDS_A_LINE = 180, 4
# what a widget needs besides its own script
MOVING = ("sliding-window", "per-pixel", "gradient-flow", "concatenation")
NEEDED = {
    **{name: [f"widgets/{name}-data"] for name in widget_data.RECORDS},
    "decode": ["answers/judge"],
    "localise": ["widgets/nin"],
    "nin-live": ["widgets/nin"],
    **{name: ["widgets/motion"] for name in MOVING},
}
# what makes a picture of pixels, whose light and dark must stay as they are
PIXELS = re.compile(r"\b(imshow|overlay)\b|plots\.(images|feature_maps)\b")
# what sets type on coloured areas, or areas in pale and dark shades
FILLED = re.compile(
    r'"?ha"?[:=] ?"center",\s*"?va"?[:=] ?"center"|\bec="|draw_block\('
    r"|plots\.(architecture|stages)\b"
)
INLINE = ("em", "strong", "a")
FIRST_WORD = re.compile(r"\A(\S*)")
LAST_WORD = re.compile(r"(\S*)\Z")
PERCENT = re.compile(r"\s%(?!\w)")
AIMS = "What you will be able to do"
MATHJAX = "mathjax/startup.js"
PIXEL_RATIO = 2  # pictures are drawn with two pixels for each of the page,
PIXELS_AN_INCH = 100  # of which matplotlib draws so many unless they say more
INCH = 0.0254  # metres


# --- A page ----------------------------------------------------------------


def complete_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Add to the body of a page, before it is put into its template."""
    if doctree is None or "body" not in context:
        return
    body = BeautifulSoup(context["body"], "html.parser")
    add_references(body, works_cited(app))
    add_sizes(body, Path(app.srcdir), Path(app.outdir))
    mark_drawings(body)
    open_with_figure(body)
    if "repository_url" in app.config.html_theme_options:
        add_reports(body, app, pagename)
    for cell in body.find_all("th"):
        if not cell.get_text(strip=True):  # an empty cell heads nothing
            cell.name = "td"
            cell.clear()
    # what a folded cell says is its name, and no other
    for summary in body.select("details.hide > summary"):
        del summary["aria-label"]
    gather_proofs(body)
    # roles of the bibliography that mean nothing to a screen reader
    for tag in body.find_all(role=["doc-biblioentry", "list"]):
        del tag["role"]
    if Path(app.env.doc2path(pagename)).suffix == ".ipynb" and body.h1:
        bar = run_bar(app, pagename, context)
        body.h1.insert_after("\n", BeautifulSoup(bar, "html.parser"))
    answer_boxes.add_boxes(app, pagename, body)
    answer_boxes.add_way_to_exercises(app, pagename, body)
    searchable(app)[pagename] = search.sections(body)
    head.mark_chinese(body)
    if pagename == app.config.root_doc:
        landing.complete(
            body,
            colab(app, "book/one_by_one"),
            lambda chapter: reading_time(app, f"book/{chapter}"),
        )
    add_head(app, pagename, body, context)
    keep_together(body)
    context["body"] = str(body)
    context["part"] = parts(app).get(pagename, "")
    widgets = body.select("[data-widget]")
    add_widgets(app, {str(tag["data-widget"]) for tag in widgets})


def open_with_figure(body: BeautifulSoup) -> None:
    """Show a figure that stands before the first section before the aims.

    A notebook has to run code before it can draw. Its page begins with what
    it has drawn.
    """
    figure = body.select_one("div.cell.tag_figure")
    aims = body.find("strong", string=AIMS)
    if figure and aims and aims.parent and not figure.find_previous("h2"):
        aims.parent.insert_before(figure)


def gather_proofs(body: BeautifulSoup) -> None:
    """Fold proofs that stand one behind the other into one, and name it."""
    for fold in body.select("div.cell.tag_proof > details"):
        summary = fold.find("summary")
        before = fold.parent and fold.parent.find_previous_sibling()
        gathered = before and before.select_one(".tag_proof > details")
        if gathered and summary and fold.parent:
            summary.decompose()
            gathered.extend(list(fold.children))
            fold.parent.decompose()
        elif summary:
            summary["title"] = "the code that checks this section"


def keep_together(body: BeautifulSoup) -> None:
    """Let no line begin with a comma or end with a bracket beside a formula.

    A browser would break a line at either end of a formula, whatever stands
    there; nor may a percent sign begin one.
    """
    for formula in body.select("span.math"):
        inner = formula
        while (
            (around := inner.parent) is not None
            and around.name in INLINE
            and len(around.contents) == 1
        ):
            inner = around
        before, after = inner.previous_sibling, inner.next_sibling
        joined = inner.wrap(body.new_tag("span", attrs={"class": "together"}))
        if type(before) is NavigableString:
            start, word, _ = LAST_WORD.split(before, maxsplit=1)
            before.replace_with(start)
            joined.insert(0, word)
        if type(after) is NavigableString:
            _, word, rest = FIRST_WORD.split(after, maxsplit=1)
            after.replace_with(rest)
            joined.append(word)
        if joined.get_text() == inner.get_text():
            joined.unwrap()
    for text in body.find_all(string=PERCENT):
        if not text.find_parent(("pre", "code", "script")):
            text.replace_with(PERCENT.sub("\u00a0%", text))


@cache
def searchable(app: Sphinx) -> dict[str, search.Sections]:
    """Return what the search knows of the pages, which add themselves."""
    return {}


def add_head(
    app: Sphinx, pagename: str, body: BeautifulSoup, context: dict
) -> None:
    """Say what a page is, in its title and its description."""
    title = BeautifulSoup(context["title"], "html.parser").get_text()
    if pagename == app.config.root_doc:
        title = f"{app.config.html_title}: {head.SUBTITLE}"
        context["title"], context["docstitle"] = title, None
    site = head.site_address(configured(Path(app.srcdir)))
    description = head.describe(body)
    context["metatags"] += head.tags(title, description, pagename, site)


def add_widgets(app: Sphinx, names: set[str]) -> None:
    """Load the scripts of a page's widgets, and no others."""
    for name in names & widget_data.RECORDS.keys():
        if widget_data.RECORDS[name]() is None:
            names = names - {name}  # nothing recorded: the fallback stays
    for script in ["widgets", *sorted(names)] if names else []:
        for needed in NEEDED.get(script, ()):
            app.add_js_file(f"{needed}.js", priority=800)
        app.add_js_file(f"widgets/{script}.js", priority=800)
    if names:
        app.add_css_file("widgets/widgets.css")


def run_bar(app: Sphinx, pagename: str, context: dict) -> str:
    """Return reading time and the ways to run a notebook, in one place."""
    source = context["pathto"](f"_sources/{context['sourcename']}", True)
    using = app.builder.get_relative_uri(pagename, "book/using")
    # how to do it with an unpublished copy
    opened = colab(app, pagename) or f"{using}#on-colab"
    name = Path(pagename).name
    length = f"{reading_time(app, pagename)} minutes to read"
    if pagename == f"exercises/{name}":  # nobody reads tasks by the minute
        length = f"{len(answer_boxes.read(name))} tasks"
    return f"""\
<div class="run-bar" role="group" aria-label="Run this notebook">
<span class="reading-time">{length}</span>
<a class="run-colab" href="{opened}">Run on Colab</a>
<a class="run-download" href="{source}" download="{name}.ipynb">\
Download notebook</a>
<a class="run-help" href="{using}">Other ways to run it</a>
</div>
"""


def colab(app: Sphinx, pagename: str) -> str | None:
    """Return where Colab opens a notebook of a published copy."""
    options = app.config.html_theme_options
    if "repository_url" not in options:
        return None
    path = urlsplit(options["repository_url"]).path
    branch = options["repository_branch"]
    return f"{COLAB}/github{path}/blob/{branch}/{pagename}.ipynb"


def reading_time(app: Sphinx, pagename: str) -> int:
    """Return minutes in steps of five, for words and lines of open code."""
    doctree = app.env.get_doctree(pagename)  # before anything is folded
    prose = (nodes.paragraph, nodes.title)
    words = sum(
        len(node.astext().split())
        for node in doctree.findall(lambda n: isinstance(n, prose))
    )
    lines = sum(
        len(node.astext().splitlines())
        for node in doctree.findall(nodes.literal_block)
        if "cell_input" in node.parent.get("classes", [])
        and "hide_mode" not in node.parent.parent
    )
    minutes = words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60
    return max(5, 5 * round(minutes / 5))


def add_reports(body: BeautifulSoup, app: Sphinx, pagename: str) -> None:
    """Behind each heading, link to a new issue about its section."""
    repository = app.config.html_theme_options["repository_url"]
    file = Path(app.env.doc2path(pagename)).relative_to(app.srcdir)
    for link in body.select(":is(h1, h2, h3, h4, h5, h6) > a.headerlink"):
        section = "".join(part.get_text() for part in link.previous_siblings)
        label = f"Report a problem in “{section}”"
        anchor = str(link["href"]).removeprefix("#")
        address = issue(repository, str(file), section, anchor)
        attributes = {"class": "report", "href": address, "title": label}
        attributes["aria-label"] = label
        link.insert_after(body.new_tag("a", attrs=attributes))


def issue(repository: str, file: str, section: str, anchor: str) -> str:
    """Return the address of a new issue that names the place."""
    title = f"{file}: {section}"
    text = f"In `{file}`, section “{section}” (#{anchor}):\n\n"
    return f"{repository}/issues/new?title={quote(title)}&body={quote(text)}"


# --- Papers ----------------------------------------------------------------


@cache
def works_cited(app: Sphinx) -> dict[str, str]:
    """Return each work of the BibTeX files in one line, by its address."""
    files = [Path(app.srcdir, name) for name in app.config.bibtex_bibfiles]
    return {
        entry.fields["url"]: in_one_line(entry)
        for file in files
        for entry in parse_file(str(file)).entries.values()
        if "url" in entry.fields
    }


def in_one_line(entry: Entry) -> str:
    names = [" ".join(p.last_names) for p in entry.persons.get("author", [])]
    if len(names) > 3:
        names = [names[0], "and others"]
    elif len(names) > 1:
        names = [", ".join(names[:-1]), f"and {names[-1]}"]
    title = re.sub(r"[{}]", "", entry.fields["title"])
    line = f"{' '.join(names)} ({entry.fields['year']}). {title}."
    return line.lstrip()


def add_references(body: BeautifulSoup, works: dict[str, str]) -> None:
    """Give each link to a paper its full reference as a title."""
    for link in body.select("a.reference.external"):
        if work := works.get(str(link["href"])):
            link["class"] = "cited reference external"
            link["title"] = work


# --- Pictures --------------------------------------------------------------


def add_sizes(body: BeautifulSoup, source: Path, site: Path) -> None:
    """Give pictures their size, and load them when they come into view."""
    for image in body.select("img[src]:not([loading])"):
        image["loading"], image["decoding"] = "lazy", "async"
        # a height in the style would distort a picture that has to shrink
        if "height:" in str(image.get("style", "")):
            del image["style"]
        name = Path(urlsplit(str(image["src"])).path).name
        sized = image.has_attr("width") or image.has_attr("height")
        file = find_picture(name, source, site)
        if file and file.suffix == ".png" and not sized:
            image["width"], image["height"] = map(str, png_size(file))


def mark_drawings(body: BeautifulSoup) -> None:
    """Mark the figures that a dark page shows light on dark.

    The page turns black and white, and keeps colours: a caption may name any
    colour but these two.
    """
    for cell in body.select("div.cell.tag_figure"):
        code = cell.find("pre")
        drawn = code.get_text() if code else ""
        if PIXELS.search(drawn):
            continue
        kind = "drawing filled" if FILLED.search(drawn) else "drawing"
        for image in cell.select(".cell_output img"):
            kinds = [*image.get_attribute_list("class"), kind]
            image["class"] = " ".join(filter(None, kinds))


def find_picture(name: str, source: Path, site: Path) -> Path | None:
    """Return a page's picture: of the book itself, or out of a notebook."""
    candidates = [
        source / "book" / "_static" / name,
        site.parent / "jupyter_execute" / name,
        site / "_images" / name,
    ]
    return next((file for file in candidates if file.is_file()), None)


def png_size(file: Path) -> tuple[int, int]:
    """Return width and height on the page, in CSS pixels."""
    start = file.read_bytes()[:400]
    width, height = struct.unpack(">II", start[16:24])
    ratio = PIXEL_RATIO
    if b"pHYs" in start:  # how many pixels there are to a metre
        place = start.index(b"pHYs") + 4
        (density,) = struct.unpack(">I", start[place : place + 4])
        ratio = max(1, round(density * INCH / PIXELS_AN_INCH))
    return round(width / ratio), round(height / ratio)


def write_data(app: Sphinx, exception: Exception | None) -> None:
    """Write what widgets and answer boxes load."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static"
    scripts = {
        "widgets/nin-data": widget_data.script(),
        **{
            f"widgets/{name}-data": make_script()
            for name, make_script in widget_data.RECORDS.items()
        },
        "widgets/decode-data": answer_boxes.decode_script(),
        **answer_boxes.scripts(),
        search.SCRIPT: search.script(searchable(app), glossary(app)),
    }
    for name, text in scripts.items():
        file = folder / f"{name}.js"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text, encoding="utf-8")


@cache
def parts(app: Sphinx) -> dict[str, str]:
    """Return the name of the part that each page belongs to."""
    return dict(contents.pages(Path(app.srcdir)))


def configure(app: Sphinx, config) -> None:
    """Set the theme's options that Jupyter Book has no key for.

    Without an address in the settings, Jupyter Book puts its own there.
    """
    if configured(Path(app.srcdir)) is None:
        config.html_theme_options.pop("repository_url", None)
    config.html_theme_options |= {
        "article_header_start": ["toggle-primary-sidebar", "trail"],
        "article_header_end": ["page-buttons"],
        "footer_content_items": ["copyright", "extra-footer"],
        "primary_sidebar_end": [],
    }
    config.templates_path.insert(0, "book/_templates")
    # the part that loads the others, in place of all in one
    config.mathjax_path = MATHJAX


def without_titles(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leave out the titles that Colab shows of cells that stand folded."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = TITLE.sub("", "".join(cell["source"]))
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", configure)
    app.connect("source-read", without_titles)
    app.connect("doctree-resolved", link_terms, priority=900)
    app.connect("html-page-context", complete_page, priority=900)
    app.connect("build-finished", write_data, priority=800)
    app.connect("build-finished", slim_site, priority=900)
    # MathJax also where only a solution holds a formula; slim_site drops it
    # from the pages that have none
    app.set_html_assets_policy("always")
    return {"parallel_read_safe": True, "parallel_write_safe": False}
