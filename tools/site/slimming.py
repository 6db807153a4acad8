"""The written site, made light and closed: nothing unused, nothing foreign.

What the theme brings but no page uses (icon scripts, thebe, other builds of
MathJax) is left out, and a content security policy in each page forbids it to
ask another host.
"""

import re
import shutil
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

CSP = "Content-Security-Policy"

# what the theme and Jupyter Book bring and no page needs
UNUSED_TAGS = ", ".join(
    [
        'script[src*="fontawesome.js"]',
        'script[src*="sphinx-thebe.js"]',
        'script[type="text/x-thebe-config"]',
        'link[href*="sphinx-thebe.css"]',
        # folding and tabs of extensions; pages fold with <details>
        'script[src*="togglebutton.js"]',
        'link[href*="togglebutton.css"]',
        'script[src*="design-tabs.js"]',
        'link[href*="sphinx-design"]',
        "#ethical-ad-placement",
        'meta[name^="docsearch:"]',
        f'meta[http-equiv="{CSP}"]',  # of an earlier build
        'meta[name="viewport"] ~ meta[name="viewport"]',
    ]
)
# of Sphinx's search, in whose place search.js stands
SEARCH = ("searchtools", "language_data", "searchindex")
SEARCH_TAGS = ", ".join(f'script[src*="{name}.js"]' for name in SEARCH)
# what MathJax is loaded for; a solution in an answer box may hold a formula
MATHS = ".math, [data-task]"
# pieces of code that have the colour of the code around them
PLAIN = ".highlight pre :is(.n, .nn, .p, .w)"
UNUSED_SCRIPTS = re.compile(
    r"THEBE_JS_URL|\s*kernelName = |toggleHint|toggleOpen|togglebuttonSel"
)
UNUSED_FILES = [
    *(f"{name}.js" for name in ("searchtools", "language_data")),
    "scripts/fontawesome.js*",
    "vendor/fontawesome",
    "**/*.map",
    "*webpack-macros.html",
    "sphinx-thebe.*",
    "togglebutton.*",
    "design-tabs.js",
    "sphinx-design.*",
    # MathJax in one piece, and the parts that the settings do not name
    "mathjax/*-chtml*.js",
    "mathjax/*-svg*.js",
    "mathjax/node-main.js",
    "mathjax/latest.js",
    "mathjax/adaptors",
    "mathjax/sre",
    "mathjax/ui",
    "mathjax/a11y/[!a]*.js",
    "mathjax/input/[!t]*",
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
        f"font-src {OWN}",
        f"img-src {OWN} data:",  # icons stand in the style sheets
        # MathJax, and tables of pandas, bring their styles in the page
        f"style-src {OWN} 'unsafe-inline'",
        f"script-src {OWN}",
    ]
)


def add_policy(page: BeautifulSoup) -> None:
    """Tell the browser to load and run nothing foreign on a page.

    Scripts in the page itself run only if their SHA-256 is named.
    """
    scripts = [str(tag.string) for tag in page.find_all("script", src=False)]
    digests = {sha256(script.encode()).digest() for script in scripts}
    hashes = [f" 'sha256-{b64encode(d).decode()}'" for d in sorted(digests)]
    content = POLICY + "".join(hashes)
    tag = page.new_tag("meta", attrs={"http-equiv": CSP, "content": content})
    # behind the character set, which has to stand in the first bytes
    if charset := page.find("meta", charset=True):
        charset.insert_after(tag)
    else:  # the page that leads to the first chapter
        page.insert(0, tag)


def slim(text: str) -> str:
    """Return a page without what it does not use, and with its policy."""
    page = BeautifulSoup(text, "html.parser")
    if page.meta is None:
        return text  # the theme's pieces of pages
    for tag in page.select(UNUSED_TAGS):
        tag.decompose()
    for tag in page.select(SEARCH_TAGS):
        tag.decompose()
    for tag in page.select(PLAIN):
        tag.unwrap()
    if not page.select_one(MATHS):
        for tag in page.select('script[src*="mathjax"]'):
            tag.decompose()
    for script in page.find_all("script", src=False):
        if UNUSED_SCRIPTS.search(str(script.string)):
            script.decompose()
    # the theme's button that opens a part of the contents has no name
    for toggle in page.select("summary:has(> .toctree-toggle)"):
        toggle["aria-label"] = "Pages below"
    add_policy(page)
    return str(page)


# rules of the theme's style sheet for an icon font that is not there
ICON_FONT = r"@font-face\{[^}]*fontawesome[^}]*\}|"
ICON_FONT += r"(?:,?\.fa-[\w-]+:before)+\{content:\"[^\"]*\"\}"


def slim_site(app: Sphinx, exception: Exception | None) -> None:
    """Leave out what no page uses, once the site is written."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for page in out.rglob("*.html"):
        page.write_text(slim(page.read_text("utf-8")), "utf-8")
    for sheet in (out / "_static" / "styles").glob("pydata*.css"):
        text = sheet.read_text(encoding="utf-8")
        sheet.write_text(re.sub(ICON_FONT, "", text), encoding="utf-8")
    (out / "searchindex.js").unlink(missing_ok=True)
    for pattern in UNUSED_FILES:
        for file in list((out / "_static").glob(pattern)):
            if file.is_dir():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
