"""The first page: what is plain Markdown in its source, made to be touched.

The list of the four blocks becomes a map around the 1×1 convolution, the list
of chapters numbered cards with a drawing each, and the first paragraph gets
the ways to begin.
"""

from collections.abc import Callable

from bs4 import BeautifulSoup, NavigableString, Tag

Box = tuple[int, int, int, int, str]  # x, y, width, height, kind

# what the drawings show, in a frame of 96 × 56; the colours are those of the
# figures, by the kind of layer
DRAWINGS: dict[str, tuple[str, list[Box]]] = {
    "counting": (
        "M12 48h72",
        [(18, 30, 12, 18, "conv"), (42, 18, 12, 30, "conv")]
        + [(66, 8, 12, 40, "linear")],
    ),
    "one_by_one": (
        "M6 28h84",
        [(18, 10, 8, 36, "input"), (30, 10, 8, 36, "input")]
        + [(44, 20, 10, 16, "one"), (62, 10, 8, 36, "input")],
    ),
    "batch_norm": (
        "M6 28h84",
        [(22, 8, 12, 40, "conv"), (46, 8, 6, 40, "open")]
        + [(64, 8, 12, 40, "one")],
    ),
    "nin": (
        "M6 28h84",
        [(22, 8, 12, 40, "conv"), (42, 8, 12, 40, "one")]
        + [(62, 8, 12, 40, "one")],
    ),
    "nin_questions": (
        "M6 28h28m28 0h28",
        [(16, 8, 12, 40, "conv"), (34, 8, 28, 40, "open")]
        + [(68, 8, 12, 40, "one")],
    ),
    "gap": (
        "M6 28h84",
        [(26, 8, 12, 40, "one"), (50, 8, 12, 40, "gap")],
    ),
    "inception": (
        "M6 28h8C22 28 20 8 28 8h40c8 0 6 20 14 20h8M14 28c8 0 6-7 14-7h40"
        "c8 0 6 7 14 7M14 28c8 0 6 7 14 7h40c8 0 6-7 14-7"
        "M14 28c8 0 6 20 14 20h40c8 0 6-20 14-20",
        [(43, 3, 10, 9, "one"), (32, 16, 10, 9, "one")]
        + [(54, 16, 10, 9, "conv"), (32, 30, 10, 9, "one")]
        + [(54, 30, 10, 9, "conv"), (32, 44, 10, 9, "pool")]
        + [(54, 44, 10, 9, "one")],
    ),
    "residual": (
        "M6 36h84M16 36V10h62v22",
        [(30, 20, 12, 32, "conv"), (52, 20, 12, 32, "conv")]
        + [(42, 4, 10, 12, "one")],
    ),
    "memory_and_time": (
        "M12 8v40h72",
        [(18, 12, 58, 8, "conv"), (18, 24, 40, 8, "one")]
        + [(18, 36, 24, 8, "gap")],
    ),
    "bake_off": (
        "M12 8v40h72",
        [(22, 36, 7, 7, "linear"), (36, 28, 7, 7, "conv")]
        + [(50, 20, 7, 7, "one"), (66, 14, 7, 7, "gap")],
    ),
    "keras": (
        "M42 28h12m-4-4 4 4-4 4",
        [(12, 8, 10, 40, "conv"), (26, 8, 10, 40, "one")]
        + [(60, 8, 10, 40, "conv"), (74, 8, 10, 40, "one")],
    ),
}


def drawing(chapter: str) -> str:
    """Return the drawing of a chapter as SVG, for the eye alone."""
    if chapter not in DRAWINGS:
        return ""
    lines, boxes = DRAWINGS[chapter]
    rects = "".join(
        f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}"/>'
        for x, y, w, h, kind in boxes
    )
    return (
        '<svg class="block" viewBox="0 0 96 56" aria-hidden="true">'
        f'<path d="{lines}"/>{rects}</svg>'
    )


def complete(
    body: BeautifulSoup, colab: str | None, minutes: Callable[[str], int]
) -> None:
    """Turn the lists of the first page into what they stand for.

    Args:
        body: of the page.
        colab: where Colab opens the first chapter, if anywhere.
        minutes: says how long it takes to read a chapter.
    """
    start = body.select_one("#the-chapters dt a")
    if start is None:
        return
    add_buttons(body, str(start["href"]), colab)
    if places := body.select_one("#one-block-in-four-places ul"):
        make_map(places, str(body.select("#the-chapters dt a")[1]["href"]))
    if chapters := body.select_one("#the-chapters dl"):
        make_cards(chapters, minutes)
    if proofs := body.select_one("#why-this-course ul"):
        proofs["class"] = "proofs"


def add_buttons(body: BeautifulSoup, start: str, colab: str | None) -> None:
    links = f'<a class="begin" href="{start}">Start reading</a>'
    if colab:
        links += f'<a href="{colab}">Run on Colab</a>'
    if paragraph := body.select_one("h1 + p"):
        paragraph["class"] = "tagline"
        last = paragraph.find_next_sibling("p") or paragraph
        last.insert_after(parsed(f'<p class="ways-in">{links}</p>'))


def make_map(places: Tag, middle: str) -> None:
    places["class"] = "block-map"
    for item in places.select("li"):
        link = item.select_one("a")
        if link is None:
            continue
        link.insert(0, parsed(drawing(chapter(link))))
        role = link.next_sibling
        if isinstance(role, NavigableString):
            role.replace_with(role.removeprefix(": "))
    top = (
        f'<p class="map-middle"><a href="{middle}">{drawing("one_by_one")}'
        "1×1 convolution</a></p>"
    )
    places.insert_before(parsed(top))


def make_cards(chapters: Tag, minutes: Callable[[str], int]) -> None:
    cards = []
    for number, term in enumerate(chapters.select("dt"), 1):
        link, text = term.select_one("a"), term.find_next_sibling("dd")
        if link is None or text is None:
            continue
        link.insert(0, parsed(drawing(chapter(link))))
        link.insert(1, parsed(f'<span class="number">{number}</span> '))
        length = f'<p class="length">{minutes(chapter(link))} minutes</p>'
        cards.append(f"<li>{link}{text.decode_contents()}{length}</li>")
    chapters.replace_with(parsed(f'<ol class="cards">{"".join(cards)}</ol>'))


def chapter(link: Tag) -> str:
    """Return the name of the chapter that a link leads to."""
    return str(link["href"]).rsplit("/", 1)[-1].removesuffix(".html")


def parsed(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")
