"""What a page says of itself to search engines and to those who share it."""

import re
from html import escape
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

SUBTITLE = "the building blocks of modern CNNs"
LONGEST = 200  # characters of a description; more is cut off where it shows
PICTURE = "_static/card.png"
HAN = re.compile(r"[\u4e00-\u9fff]+(?:[、，][\u4e00-\u9fff]+)*")


def describe(body: BeautifulSoup) -> str:
    """Return the first sentences of a page, as many as fit."""
    paragraphs = body.select("section > p, article > p, p")
    texts = (" ".join(p.get_text().split()) for p in paragraphs)
    text = next((text for text in texts if len(text) > 40), "")
    sentences = re.split(r"(?<=[.?!]) ", text)
    said = sentences[0]
    for sentence in sentences[1:]:
        if len(said) + 1 + len(sentence) > LONGEST:
            break
        said += f" {sentence}"
    if len(said) <= LONGEST:
        return said
    return said[: LONGEST - 1].rsplit(" ", 1)[0] + " …"


def site_address(repository: str | None) -> str | None:
    """Return where a repository's pages are published, with a slash."""
    if repository is None:
        return None
    owner, name = urlsplit(repository).path.strip("/").split("/")[:2]
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" + ("" if name.lower() == host else f"{name}/")


def tags(title: str, description: str, page: str, site: str | None) -> str:
    """Return the tags of a page's head.

    A picture has to be named with its whole address, so that there is one in
    a published copy alone.
    """
    card = {
        "og:type": "website",
        "og:site_name": "One by One",
        "og:title": title,
        "og:description": description,
    }
    if site is not None:
        card |= {
            "og:url": f"{site}{page}.html",
            "og:image": f"{site}{PICTURE}",
            "og:image:width": "1200",
            "og:image:height": "630",
            "og:image:alt": f"One by One: {SUBTITLE}",
        }
    lines = [f'<meta name="description" content="{escape(description)}"/>']
    for name, content in card.items():
        lines.append(f'<meta property="{name}" content="{escape(content)}"/>')
    if site is not None:
        lines.append(
            '<meta name="twitter:card" content="summary_large_image"/>'
        )
    return "\n".join(lines)


def mark_chinese(body: BeautifulSoup) -> None:
    """Say of Chinese words that they are Chinese, so that they sound so."""
    for text in body.find_all(string=HAN):
        pieces = BeautifulSoup(
            HAN.sub(r'<span lang="zh">\g<0></span>', escape(str(text))),
            "html.parser",
        )
        text.replace_with(pieces)
