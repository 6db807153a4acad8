"""What the book's pages get beyond their theme: a Sphinx extension.

Every page of the book gets links from the first mention of a term to the
glossary, and the full reference behind each cited paper; in a published copy
also links to report a problem in each section. A notebook's page gets one bar
with its reading time and the ways to run it, and the cell that finds the
companion package is folded. Pictures get their size and load late, and what
the theme brings but no page uses (icon scripts, thebe, other builds of
MathJax) is left out, so that the site is light and asks no other host; a
content security policy in each page forbids it to.

No part of this needs torch, or any package that Jupyter Book does not bring.
"""

import html
import json
import re
import shutil
import struct
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes
from pybtex.database import Entry, parse_file
from sphinx.application import Sphinx

from tools.repository import configured
from tools.site import contents, exercise_pages, widget_data

COLAB = "https://colab.research.google.com"
GLOSSARY = "book/glossary"
WORDS_A_MINUTE, SECONDS_A_LINE = 180, 4
PIXEL_RATIO = 2  # pictures are drawn with two pixels for each of the page


# --- Terms of the glossary -------------------------------------------------


@cache
def glossary(app: Sphinx) -> dict[str, tuple[str, str]]:
    """Spellings of each term, with its anchor and its definition."""
    terms = {}
    doctree = app.env.get_doctree(GLOSSARY)
    for item in doctree.findall(nodes.definition_list_item):
        term = next(item.findall(nodes.term))
        text = next(item.findall(nodes.definition)).astext()
        definition = re.sub(r"\s*See [^.]*\.$", "", " ".join(text.split()))
        for spelling in spellings(term.astext()):
            terms[spelling] = (term["ids"][0], definition)
    return terms


def spellings(term: str) -> Iterator[str]:
    """How running text writes a term: `A, B (甲)` is A, As, B or Bs."""
    for name in re.sub(r"\s*\(.*?\)", "", term).split(","):
        name = name.strip()
        usual = name if name.isupper() else name[0].lower() + name[1:]
        yield from {usual, name, f"{usual}s", f"{name}s"}


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first mention of each term on a page to the glossary."""
    elsewhere = docname not in (GLOSSARY, app.config.root_doc)
    if not elsewhere or GLOSSARY not in app.env.found_docs:
        return
    terms = glossary(app)
    words = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w×-])(?:{words})(?![\w×-])")
    seen: set[str] = set()
    for text in list(doctree.findall(nodes.Text)):
        if runs_on(text):
            pieces = list(with_links(app, text, pattern, terms, seen, docname))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def runs_on(text: nodes.Text) -> bool:
    """Whether a text is running prose, where a link does no harm."""
    node, in_paragraph = text.parent, False
    closed = (nodes.title, nodes.reference, nodes.strong, nodes.caption)
    code = (nodes.literal, nodes.literal_block, nodes.math, nodes.raw)
    while node is not None:
        if isinstance(node, (*closed, *code)):
            return False
        in_paragraph |= isinstance(node, nodes.paragraph)
        node = node.parent
    return in_paragraph


def with_links(
    app: Sphinx,
    text: nodes.Text,
    pattern: re.Pattern,
    terms: dict[str, tuple[str, str]],
    seen: set[str],
    docname: str,
) -> Iterator[nodes.Node]:
    """A text in pieces, with links for the terms that are new on the page."""
    plain, end = str(text), 0
    target = app.builder.get_relative_uri(docname, GLOSSARY)
    for match in pattern.finditer(plain):
        anchor, definition = terms[match[0]]
        if anchor in seen:
            continue
        seen.add(anchor)
        if plain[end : match.start()]:
            yield nodes.Text(plain[end : match.start()])
        yield nodes.reference(
            "",
            match[0],
            refuri=f"{target}#{anchor}",
            internal=True,
            reftitle=definition,
            classes=["term"],
        )
        end = match.end()
    yield nodes.Text(plain[end:])


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
    body = context["body"]
    body = add_references(body, works_cited(app))
    body = add_sizes(body, Path(app.srcdir), Path(app.outdir))
    if "repository_url" in app.config.html_theme_options:
        body = add_reports(body, app, pagename)
    # an empty cell heads nothing
    body = re.sub(
        r"<th([^>]*)>(?:\s|&nbsp;|&#160;|</?p>)*</th>", r"<td\1></td>", body
    )
    # roles of the bibliography that mean nothing to a screen reader
    body = re.sub(r' role="(?:doc-biblioentry|list)"', "", body)
    if Path(app.env.doc2path(pagename)).suffix == ".ipynb":
        bar = run_bar(app, pagename, context, doctree)
        body = body.replace("</h1>", f"</h1>\n{bar}", 1)
    context["body"] = body
    context["part"] = parts(app).get(pagename, "")
    add_widgets(app, set(re.findall(r'data-widget="([\w-]+)"', body)))


def add_widgets(app: Sphinx, names: set[str]) -> None:
    """Load the scripts of a page's widgets, and no others."""
    if widget_data.depth_script() is None:
        names = names - {"depth"}  # nothing recorded: the fallback stays
    scripts = ["widgets", *(["depth-data"] if "depth" in names else [])]
    for script in [*scripts, *sorted(names)] if names else []:
        app.add_js_file(f"widgets/{script}.js", priority=800)
    if names:
        app.add_css_file("widgets/widgets.css")


def run_bar(
    app: Sphinx, pagename: str, context: dict, doctree: nodes.document
) -> str:
    """Reading time and the ways to run a notebook, in one place."""
    options = app.config.html_theme_options
    source = context["pathto"](f"_sources/{context['sourcename']}", True)
    using = app.builder.get_relative_uri(pagename, "book/using")
    opened = f"{using}#on-colab"  # how to do it with an unpublished copy
    if "repository_url" in options:
        path = urlsplit(options["repository_url"]).path
        branch = options["repository_branch"]
        opened = f"{COLAB}/github{path}/blob/{branch}/{pagename}.ipynb"
    name = Path(pagename).name
    return f"""\
<div class="run-bar" role="group" aria-label="Run this notebook">
<span class="reading-time">{reading_time(doctree)} minutes to read</span>
<a class="run-colab" href="{opened}">Run on Colab</a>
<a class="run-download" href="{source}" download="{name}.ipynb">\
Download notebook</a>
<a class="run-help" href="{using}">Other ways to run it</a>
</div>
"""


def reading_time(doctree: nodes.document) -> int:
    """Minutes, in steps of five: the words, and a look at every line."""
    prose = (nodes.paragraph, nodes.title)
    words = sum(
        len(node.astext().split())
        for node in doctree.findall(lambda n: isinstance(n, prose))
    )
    lines = sum(
        len(node.astext().splitlines())
        for node in doctree.findall(nodes.literal_block)
        if "cell_input" in node.parent.get("classes", [])
    )
    minutes = words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60
    return max(5, 5 * round(minutes / 5))


HEADER_LINK = re.compile(
    r"<h([1-6])>(?P<title>.*?)"
    r'(?P<link><a class="headerlink" href="#(?P<anchor>[^"]+)"[^>]*>).*?</a>',
    re.DOTALL,
)


def add_reports(body: str, app: Sphinx, pagename: str) -> str:
    """Behind each heading, a link that opens an issue about its section."""
    repository = app.config.html_theme_options["repository_url"]
    file = Path(app.env.doc2path(pagename)).relative_to(app.srcdir)

    def report(match: re.Match) -> str:
        section = html.unescape(re.sub(r"<[^>]*>", "", match["title"]))
        label = html.escape(f"Report a problem in “{section}”")
        address = issue(repository, str(file), section, match["anchor"])
        return (
            f'{match[0]}<a class="report" href="{html.escape(address)}"'
            f' title="{label}" aria-label="{label}"></a>'
        )

    return HEADER_LINK.sub(report, body)


def issue(repository: str, file: str, section: str, anchor: str) -> str:
    """The address of a new issue that names the place."""
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


def add_references(body: str, works: dict[str, str]) -> str:
    """Give each link to a paper its full reference as a title."""

    def cite(match: re.Match) -> str:
        work = works.get(html.unescape(match["url"]))
        if work is None:
            return match[0]
        return f'<a class="cited {match[1]} title="{html.escape(work)}">'

    return re.sub(
        r'<a class="(reference external" href="(?P<url>[^"]+)")>', cite, body
    )


# --- Pictures --------------------------------------------------------------


def add_sizes(body: str, source: Path, built: Path) -> str:
    """Give pictures their size, and load them when they come into view."""

    def sized(match: re.Match) -> str:
        tag = match[0]
        if "loading=" in tag:
            return tag
        extra = ' loading="lazy" decoding="async"'
        # a height in the style would distort a picture that has to shrink
        tag = re.sub(r' style="width: \d+px; height: \d+px;"', "", tag)
        name = Path(urlsplit(match["src"]).path).name
        size = png_size(find_picture(name, source, built))
        if size and "width=" not in tag and "height=" not in tag:
            extra += ' width="{}" height="{}"'.format(*size)
        return tag[:4] + extra + tag[4:]

    return re.sub(r'<img[^>]*?src="(?P<src>[^"]+)"[^>]*>', sized, body)


def find_picture(name: str, source: Path, built: Path) -> Path | None:
    """A page's picture: of the book itself, or out of a notebook."""
    candidates = [
        source / "book" / "_static" / name,
        built.parent / "jupyter_execute" / name,
        built / "_images" / name,
    ]
    return next((file for file in candidates if file.is_file()), None)


def png_size(file: Path | None) -> tuple[int, int] | None:
    """Width and height on the page, in CSS pixels."""
    if file is None or file.suffix != ".png":
        return None
    with file.open("rb") as stream:
        width, height = struct.unpack(">II", stream.read(24)[16:])
    return round(width / PIXEL_RATIO), round(height / PIXEL_RATIO)


# --- The site --------------------------------------------------------------

CSP = "Content-Security-Policy"

# what the theme and Jupyter Book bring and no page needs
UNUSED_TAGS = [
    r"<script[^>]*fontawesome\.js[^>]*></script>\n?",
    r"<script[^>]*sphinx-thebe\.js[^>]*></script>\n?",
    r"<script>[^<]*THEBE_JS_URL[^<]*</script>\n?",
    r'<script type="text/x-thebe-config">.*?</script>\n?',
    r"<script>\s*kernelName = [^<]*</script>\n?",
    r"<link[^>]*sphinx-thebe\.css[^>]*>\n?",
    r'<div id="ethical-ad-placement".*?</div>\n?',
    r'<meta name="docsearch:[^>]*>\n?',
    rf'<meta http-equiv="{CSP}"[^>]*>\n?',  # of an earlier build
    r'(?<=/>)<meta name="viewport"[^>]*initial-scale=1" ?/>\n?',
]
UNUSED_FILES = [
    "scripts/fontawesome.js*",
    "vendor/fontawesome",
    "**/*.map",
    "*webpack-macros.html",
    "sphinx-thebe.*",
    "mathjax/*-svg*.js",
    "mathjax/*-full*.js",
    "mathjax/*mml-chtml.js",
    "mathjax/node-main.js",
    "mathjax/latest.js",
    "mathjax/adaptors",
    "mathjax/output/svg*",
]


# What a page may load: its own files. On a disk a browser may hold that none
# is of the page's own origin, so `file:` is allowed too; on the web it changes
# nothing, since a page from there can load no file.
OWN = "'self' file:"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "base-uri 'none'",
        f"form-action {OWN}",  # the search
        f"connect-src {OWN}",  # the search reads the pages that it found
        f"font-src {OWN}",
        f"img-src {OWN} data:",  # icons stand in the style sheets
        # MathJax, and tables of pandas, bring their styles in the page
        f"style-src {OWN} 'unsafe-inline'",
        f"script-src {OWN}",
    ]
)
INLINE_SCRIPT = re.compile(
    r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL
)


def with_policy(page: str) -> str:
    """A page that tells the browser to load and run nothing foreign.

    Scripts in the page itself run only if their SHA-256 is named.
    """
    digests = {
        sha256(c.encode()).digest() for c in INLINE_SCRIPT.findall(page)
    }
    hashes = [f" 'sha256-{b64encode(d).decode()}'" for d in sorted(digests)]
    content = POLICY + "".join(hashes)
    tag = f'<meta http-equiv="{CSP}" content="{content}" />\n'
    # behind the character set, which has to stand in the first bytes
    head = re.search(r'(?<=<meta charset="utf-8")( ?/>)\n', page)
    place = head.end() if head else 0
    return page[:place] + tag + page[place:]


# rules of the theme's style sheet for an icon font that is not there
ICON_FONT = r"@font-face\{[^}]*fontawesome[^}]*\}|"
ICON_FONT += r"(?:,?\.fa-[\w-]+:before)+\{content:\"[^\"]*\"\}"


def write_data(app: Sphinx, exception: Exception | None) -> None:
    """Write what widgets load: a network, and the record of a study."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "widgets"
    scripts = {
        "nin-data": widget_data.script(),
        "depth-data": widget_data.depth_script(),
    }
    for name, text in scripts.items():
        file = folder / f"{name}.js"
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text, encoding="utf-8")


# the theme's button that opens a part of the contents has no name
TOGGLE = '<summary><span class="toctree-toggle"'
NAMED_TOGGLE = TOGGLE.replace(">", ' aria-label="Pages below">', 1)


def slim_site(app: Sphinx, exception: Exception | None) -> None:
    """Leave out what no page uses, once the site is written."""
    if exception is not None or app.builder.format != "html":
        return
    unused = re.compile("|".join(UNUSED_TAGS), re.DOTALL)
    out = Path(app.outdir)
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        slim = unused.sub("", text).replace(TOGGLE, NAMED_TOGGLE)
        slim = with_policy(slim)
        if slim != text:
            page.write_text(slim, encoding="utf-8")
    for sheet in (out / "_static" / "styles").glob("pydata*.css"):
        text = sheet.read_text(encoding="utf-8")
        sheet.write_text(re.sub(ICON_FONT, "", text), encoding="utf-8")
    for pattern in UNUSED_FILES:
        for file in list((out / "_static").glob(pattern)):
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)


@cache
def parts(app: Sphinx) -> dict[str, str]:
    """Return the name of the part that each page belongs to."""
    return dict(contents.pages(Path(app.srcdir)))


def configure(app: Sphinx, config) -> None:
    """The theme's options that Jupyter Book has no key for.

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


def fold_setup(app: Sphinx, docname: str, source: list[str]) -> None:
    """Fold the first cell of a notebook, which is about where it runs."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if "setup" in cell["metadata"].get("tags", []):
            exercise_pages.fold(cell, "Setup")
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", configure)
    app.connect("source-read", fold_setup)
    app.connect("doctree-resolved", link_terms, priority=900)
    app.connect("html-page-context", complete_page, priority=900)
    app.connect("build-finished", write_data, priority=800)
    app.connect("build-finished", slim_site, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
