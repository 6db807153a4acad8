"""Prose as a reader sees it, and where each letter stands in its source."""

import re
from dataclasses import dataclass
from functools import lru_cache

from tools.claims.prose import HTML_TAG, blank_fences

MATHS = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)(?<!\s)\$")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
# what is dropped: everything, or all but the first group
DROPPED = [
    re.compile(pattern, re.DOTALL | re.MULTILINE)
    for pattern in (
        r"<!--.*?-->",
        r"^\s*(?:[-*+]|\d+[.)]|>|#{1,6}|:(?=\s))\s+",
        r"^\s*\|?(?:\s*:?-{3,}:?\s*\|?)+\s*$",
        r"\{[\w:.+-]+\}(?=`)",
        r"!?\[(?=[^\]]*\]\()",
        r"\]\((?:[^()\n]|\([^()\n]*\))*\)",
        r"(?<!\\)\*+(?=\S)|(?<=\S)(?<!\\)\*+",
        r"(?<![\w\\])_+(?=\w)|(?<=[\w.])_+(?!\w)",
        r"`+",
    )
]


@dataclass(frozen=True)
class Plain:
    """Letters of a text without its markup, each with its place in it."""

    text: str
    places: tuple[int, ...]

    def find(self, sentence: str) -> list[tuple[int, int]]:
        """Return where in the source the words of a sentence stand.

        They match word for word; only the first letter may be capital.
        """
        wanted = plain(sentence).text
        head, tail = re.escape(wanted[:1]), re.escape(wanted[1:])
        pattern = rf"(?<![\w.,±-])(?i:{head}){tail}(?![\w-]|[.,]\d)"
        return [
            (self.places[match.start()], self.places[match.end() - 1] + 1)
            for match in re.finditer(pattern, self.text)
        ]


@lru_cache(maxsize=4096)
def plain(markdown: str) -> Plain:
    """Strip emphasis, links, code ticks, roles and tags; collapse spaces."""
    text = blank_fences(markdown)
    kept = [True] * len(text)
    for match in HTML_TAG.finditer(text):
        text = (
            text[: match.start()] + " " * len(match[0]) + text[match.end() :]
        )
    outside = MATHS.sub(lambda match: "\0" * len(match[0]), text)
    outside = CODE.sub(lambda match: _ticks(match), outside)
    for pattern in DROPPED:
        for match in pattern.finditer(outside):
            for place in range(*match.span()):
                kept[place] = False
    for place, letter in enumerate(text):
        if letter == "$" and outside[place] == "\0":
            kept[place] = False
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        letter = SAME.get(letter, letter)
        if not kept[place] or (letter == " " and letters[-1:] in ([], [" "])):
            continue
        letters.append(letter)
        places.append(place)
    return Plain("".join(letters).rstrip(), tuple(places))


SAME = {"\n": " ", "|": " ", "\t": " ", "\u00a0": " ", "\u202f": " ", "−": "-"}


def _ticks(match: re.Match) -> str:
    """Keep code from being read as emphasis; its ticks are dropped."""
    ticks = match[1]
    return ticks + "\0" * len(match[2]) + ticks
