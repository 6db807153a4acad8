"""Numbers as they are printed, with their scales, in any text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

SEPARATOR = r"(?:,|\{,\}|\\,|[\u2009\u202f])"
MANTISSA = (
    rf"(?:\d{{1,3}}(?:{SEPARATOR}\d{{3}})+(?!\d)|\d+)(?:\.\d+)?"
    r"|(?<![\w.)\]])\.\d+"
)
TIMES = r"(?:×|\\times(?![a-z])|·|⋅|\\cdot(?![a-z]))"
SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹"
POWER = (
    rf"\s?{TIMES}\s?10(?:\^\{{?[-−]?\d+\}}?|⁻?[{SUPERSCRIPT}]+)"
    r"|[eE][-+−]?\d+(?!\w)"
)
GAP = r"(?:[^\S\n]|\n(?!\s*\n)|[$~]|\*+|\\[,;: ]|\\(?:text|mathrm)\{|&nbsp;)*"
PREFIXES = {"K": 10**3, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
SCALE = re.compile(
    rf"(?P<letter>[KkMGT])(?![\w-])"
    rf"|-?{GAP}(?P<prefix>[KkMGT]|Ki|Mi|Gi)(?P<unit>B|FLOP|MAC)(?:s|/s)?\b"
    rf"|-?{GAP}(?P<word>thousand|million|billion)\b"
    rf"|{GAP}(?P<percent>\\?%|percent\b|per cent\b|percentage points?\b)"
)
NUMBER = re.compile(rf"(?P<mantissa>{MANTISSA})(?P<power>{POWER})?")


@dataclass(frozen=True)
class Number:
    """A number as printed: `mantissa` in units of `scale`.

    `quantum` is the last printed digit's value, in units of `scale` too; the
    first `digits` letters of `text` are the mantissa as it is printed.
    """

    start: int
    end: int
    text: str
    mantissa: Fraction
    quantum: Fraction
    digits: int
    scale: Fraction = Fraction(1)
    scientific: bool = False
    unit: str = ""

    @property
    def value(self) -> Fraction:
        return self.mantissa * self.scale

    @property
    def decimal(self) -> bool:
        return self.scientific or self.quantum < 1

    @property
    def significant(self) -> int:
        return len(str(int(self.mantissa / self.quantum)))

    @property
    def malformed(self) -> bool:
        """Return whether it begins as nobody writes a number: 0,492 or 054."""
        return bool(re.match(rf"0(?:{SEPARATOR})?\d", self.text))

    @property
    def short(self) -> bool:
        """Return whether it has so few digits that it is met by chance."""
        bare = self.scale == 1 and not self.scientific
        return bare and self.significant < 3


def read_numbers(text: str) -> Iterator[Number]:
    """Yield all numbers of a text with their scales, without judgement."""
    for match in NUMBER.finditer(text):
        digits = re.sub(SEPARATOR, "", match["mantissa"])
        power = Fraction(10) ** _exponent(match["power"] or "")
        decimals = len(digits.partition(".")[2])
        scale, unit, end = _scale(text, match.end())
        yield Number(
            start=match.start(),
            end=end,
            text=text[match.start() : end],
            mantissa=Fraction("0" + digits) * power,
            quantum=Fraction(1, 10**decimals) * power,
            digits=len(match["mantissa"]),
            scale=scale,
            scientific=bool(match["power"]),
            unit=unit,
        )


def _exponent(power: str) -> int:
    if not power:
        return 0
    plain = power.translate(str.maketrans(SUPERSCRIPT + "⁻−", "0123456789--"))
    (exponent,) = re.findall(r"[-+]?\d+(?=\}?$)", plain)
    if power[0] not in "eE" and "^" not in power:
        exponent = exponent.removeprefix("10")
    return max(-400, min(400, int(exponent)))


def _scale(text: str, position: int) -> tuple[Fraction, str, int]:
    match = SCALE.match(text, position)
    if not match:
        return Fraction(1), "", position
    if match["percent"]:
        return Fraction(1, 100), "", match.end()
    if match["word"]:
        return Fraction(WORDS[match["word"]]), "", match.end()
    prefix = match["letter"] or match["prefix"]
    factor = {**PREFIXES, **BINARY}[prefix]
    return Fraction(factor), match["unit"] or "", match.end()
