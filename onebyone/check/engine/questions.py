"""What a task asks, in the words of its notebook, with any of its parameters.

The texts come from the solutions: `make exercises` writes them into texts/.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from onebyone.check.engine.formulas import value

NAMES = (
    "zero two three four five six seven eight nine ten eleven twelve twenty"
)
WORDS = dict(zip(NAMES.split(), (0, *range(2, 13), 20)))
NUMBER = re.compile(
    rf"(?<!\w)\d+(?:,\d{{3}})*(?:\.\d+)?|\b(?:{'|'.join(WORDS)})\b", re.I
)
ARTICLE = re.compile(r"\b([Aa])n?(?= (\d+))")
VOWELS = ("11", "18")  # and all that begin with an eight


@functools.cache
def texts(notebook: str) -> dict[str, dict[str, str]]:
    """Return what the package knows of a notebook's tasks, by their names."""
    file = resources.files("onebyone.check") / "texts" / f"{notebook}.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def texts_of(path: str) -> dict[str, str]:
    """Return those of one task, such as `check.nin.block_parameters`."""
    _, _, name = path.partition(".")
    notebook, _, task = name.partition(".")
    return texts(notebook).get(task, {})


def numbers(text: str) -> list[float]:
    """Return the numbers of a text, in digits or in words."""
    return [as_number(match[0]) for match in NUMBER.finditer(text)]


def as_number(written: str) -> float:
    if written.lower() in WORDS:
        return WORDS[written.lower()]
    digits = written.replace(",", "")
    return float(digits) if "." in digits else int(digits)


def stated(terms: Sequence, given: Mapping[str, Any]) -> list[float]:
    """Return the numbers that a statement must have, in its order."""
    found: list[float] = []
    for term in value(tuple(terms), given):
        found.extend(term if isinstance(term, tuple) else [term])
    return found


def statement(path: str, count: int) -> str:
    """Return the statement that has so many numbers.

    What a task says before its part a) belongs to a later part where its
    numbers are among them.
    """
    own = texts_of(path)
    question = own.get("question", "")
    both = f"{own.get('introduction', '')}\n{question}".strip()
    return both if len(numbers(both)) == count else question


def question(path: str, terms: Sequence, given: Mapping[str, Any]) -> str:
    """Return a task's question, with the numbers that parameters give it."""
    numbers_now = stated(terms, given)
    return with_numbers(statement(path, len(numbers_now)), numbers_now)


def solution(path: str) -> str:
    """Return the answer and the explanation of a task, in Markdown."""
    own = texts_of(path)
    code = f"```python\n{own['answer']}\n```" if own.get("answer") else ""
    return f"{code}\n\n{own.get('explanation', '')}".strip()


def with_numbers(text: str, others: Sequence[float]) -> str:
    """Return the text with other numbers in the places of its own."""
    left: Iterator[float] = iter(others)

    def written(match: re.Match) -> str:
        own, other = match[0], next(left)
        if other == as_number(own):
            return own
        return f"{other:,}" if "," in own else str(other)

    return ARTICLE.sub(article, NUMBER.sub(written, text))


def article(match: re.Match) -> str:
    """Return the article that fits the number behind it: an 8, a 9."""
    return match[1] + "n" * (match[2] in VOWELS or match[2].startswith("8"))
