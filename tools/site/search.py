"""What the search of the site knows: sections, their words, the glossary.

Sphinx's own index knows pages alone, takes "1×1" apart, and shows its hits on
another page. This one is a script, so that it works from a disk, and is read
when a reader opens the search. `book/_static/search.js` looks in it.
"""

import json
import re
import unicodedata

from bs4 import BeautifulSoup, Tag

from tools.site import contents

SCRIPT = "search-data"
HEADINGS = ["h1", "h2", "h3"]
UNREAD = "script, style, .highlight, .cell_output, .headerlink, .report, svg"
LEAST = 2  # characters of a word that is kept

# for each page its sections: anchor, title, words
Sections = list[tuple[str, str, str]]


def words(text: str) -> list[str]:
    """Return the words of a text as the search compares them: 1×1 as 1x1.

    The function of the same name in search.js does the same.
    """
    plain = unicodedata.normalize("NFKD", text.lower().replace("×", "x"))
    plain = re.sub(r"[\u0300-\u036f]", "", plain)
    return re.findall(r"[a-z0-9_\u4e00-\u9fff]+", plain)


def sections(body: BeautifulSoup) -> Sections:
    """Return what a page has to find, section by section."""
    found = []
    for section in body.select("section[id]"):
        heading = section.find(HEADINGS, recursive=False)
        if not isinstance(heading, Tag):
            continue
        title = text_of(heading)
        own = [
            text_of(child)
            for child in section.children
            if isinstance(child, Tag) and child.name != "section"
        ]
        kept = dict.fromkeys(
            w for w in words(" ".join(own)) if len(w) >= LEAST
        )
        found.append((str(section["id"]), title, " ".join(kept)))
    return found


def text_of(tag: Tag) -> str:
    """Return what a reader reads of an element, in one line."""
    copy = BeautifulSoup(str(tag), "html.parser")
    for unread in copy.select(UNREAD):
        unread.decompose()
    return " ".join(copy.get_text(" ").split())


def script(pages: dict[str, Sections], terms: dict[str, tuple]) -> str:
    """Return the index as a script, pages in the order of the book."""
    known = [
        [page, part, pages[page]]
        for page, part in contents.pages()
        if page in pages
    ]
    answers: dict[str, list[str]] = {}  # by one spelling, not by its plural
    for name in sorted(terms, key=lambda name: (len(name), name)):
        anchor, definition = terms[name]
        answers.setdefault(anchor, [name, anchor, definition])
    data = {"pages": known, "terms": list(answers.values())}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"OneByOne.searchData = {text};\n"
