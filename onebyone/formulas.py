"""Evaluating a formula as it is written: a small part of LaTeX, or text."""

import math
import re
from collections.abc import Mapping

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"|(?P<symbol>(?:[A-Za-zα-ω]|\\(?:alpha|beta|gamma|lambda|eta)\b)"
    r"(?:_(?:\\(?:text|mathrm)\{\w+\}|\{\w+\}|\w))?)"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    r"|(?P<command>\\(?:d?frac|times|cdot|lfloor|rfloor|lceil|rceil|min|max))"
    r"|(?P<sign>[-+−–*/·×^(){},⌊⌋⌈⌉])"
)
IGNORED = re.compile(
    r"(?:\s|~|\\[,;:! ]|\\(?:left|right|[Bb]igg?[lr]?)(?!\w))+"
)
SIGNS = {
    "\\times": "*", "\\cdot": "*", "·": "*", "×": "*", "−": "-", "–": "-",
    "\\lfloor": "⌊", "\\rfloor": "⌋", "\\lceil": "⌈", "\\rceil": "⌉",
    "\\dfrac": "\\frac",
}  # fmt: skip
CLOSING = {"(": ")", "{": "}", "⌊": "⌋", "⌈": "⌉"}
ROUND = {"⌊": math.floor, "⌈": math.ceil}
CHOICES = {"\\min": min, "\\max": max}
LARGEST = 1e18


def evaluate(source: str, values: Mapping[str, float] | None = None) -> float:
    """Return the value of a formula.

    It may hold numbers, symbols with a subscript (``C_\\text{in}`` is called
    C_in), the four operations, powers, ``\\frac``, brackets, floor, ceiling
    and ``\\min(a, b)``; neighbours without an operator are multiplied.

    Raises:
        ValueError: it holds anything else, an unknown symbol, or divides by
            zero; or it grows beyond all use.
    """
    parser = _Parser(_tokens(source), values or {})
    try:
        value = parser.sum()
    except (ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"{source!r}: {error}") from None
    if parser.waiting:
        raise ValueError(f"{source!r}: {parser.waiting[0]!r} is unexpected")
    return value


def _tokens(source: str) -> list[str]:
    tokens, position = [], 0
    while position < len(source):
        if match := IGNORED.match(source, position):
            position = match.end()
            continue
        match = TOKEN.match(source, position)
        if not match:
            raise ValueError(f"cannot read {source[position:]!r}")
        text = match[0]
        if match["symbol"]:
            text = re.sub(r"\\(?:text|mathrm)|[{}\\]", "", text)
        elif match["number"]:
            text = re.sub(r"[,{}]", "", text)
        elif match["power"]:
            tokens.append("^")
            text = text.translate(SUPERSCRIPTS)
        tokens.append(SIGNS.get(text, text))
        position = match.end()
    return tokens


class _Parser:
    """Sums of products of powers, from left to right."""

    def __init__(self, tokens: list[str], values: Mapping[str, float]) -> None:
        self.waiting = tokens
        self.values = values

    def take(self, *wanted: str) -> str:
        if self.waiting and self.waiting[0] in wanted:
            return self.waiting.pop(0)
        return ""

    def sum(self) -> float:
        value = -self.product() if self.take("-") else self.product()
        while sign := self.take("+", "-"):
            term = self.product()
            value = value + term if sign == "+" else value - term
        return value

    def product(self) -> float:
        value = self.power()
        while self.waiting and self.waiting[0] not in "+-)},⌋⌉":
            if self.take("/"):
                value = value / self.power()
            else:
                self.take("*")
                value = value * self.power()
        return value

    def power(self) -> float:
        value = self.atom()
        if self.take("^"):
            exponent = self.atom()
            if abs(exponent) > 64 or abs(value) > LARGEST:
                raise OverflowError("too large")
            value = value**exponent
        return value

    def atom(self) -> float:
        token = self.waiting.pop(0) if self.waiting else ""
        if token in CLOSING:
            value = self.sum()
            if not self.take(CLOSING[token]):
                raise ValueError(f"{token!r} is not closed")
            return ROUND[token](value) if token in ROUND else value
        if token == "\\frac":
            return self.atom() / self.atom()
        if token in CHOICES:
            return CHOICES[token](self.arguments())
        if token[:1].isdigit():
            return float(token) if "." in token else int(token)
        if token in self.values:
            return self.values[token]
        raise ValueError(f"{token or 'its end'!r} has no value")

    def arguments(self) -> list[float]:
        values = []
        separator = self.take("(")
        while separator in ("(", ","):
            values.append(self.sum())
            separator = self.take(",", ")")
        if not separator:
            raise ValueError("a bracket is missing behind min or max")
        return values
