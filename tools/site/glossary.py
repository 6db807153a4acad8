"""Links from the first mention of a term on a page to the glossary."""

import re
from collections.abc import Iterator
from functools import cache

from docutils import nodes
from sphinx.application import Sphinx

GLOSSARY = "book/glossary"


@cache  # for the one book that a process builds
def glossary(app: Sphinx) -> dict[str, tuple[str, str]]:
    """Return anchor and definition of each term, by all its spellings."""
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
    """Yield how running text writes a term: `A, B (甲)` is A, As, B or Bs."""
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
    """Return whether a text is running prose, where a link does no harm."""
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
    """Yield a text in pieces; terms that are new on the page are links."""
    plain, end = str(text), 0
    target = app.builder.get_relative_uri(docname, GLOSSARY)
    for match in pattern.finditer(plain):
        anchor, definition = terms[match[0]]
        if anchor in seen:
            continue
        seen.add(anchor)
        if plain[end : match.start()]:
            yield nodes.Text(plain[end : match.start()])
        shown = {"reftitle": definition, "classes": ["term"]}
        place = {"refuri": f"{target}#{anchor}", "internal": True}
        yield nodes.reference("", match[0], **place, **shown)
        end = match.end()
    yield nodes.Text(plain[end:])
