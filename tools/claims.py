"""The claims test: every number that the prose states is proven.

    python -m tools.claims [FILES…]            unproven claims, with context
    python -m tools.claims --caught [FILES…]   share of changed digits caught

Without files it takes the chapters, the solutions, the pages and the README.

What is a claim. A number in Markdown, a caption or an alt text that has four
or more digits (1,992,166 · 48K · 1.5 million · 2.469×10¹⁰, in $math$ too), a
decimal, a percentage, a ratio (9× cheaper, 3 times), an integer with one of
the UNITS behind it, up to two words between (16 output channels), or the
result of a calculation (16·5·5·120 = 48,000). In a list or range the last
number's unit counts for all (8 to 16 channels).

What is none. Code spans and fences, roles, links' targets, HTML tags; small
factors of a product and shapes (1×1, 96×54×54, 32-64-96); exponents and
indices; years; numbers that are part of a name (ResNet-18, 4c, Table 2,
arXiv 1312.4400, Python 3.12, channel 3); version numbers; number words.

What proves a claim in a notebook:
- a number in an output that nbval compares (text, HTML, stdout; never of a
  cell that is tagged nbval-ignore-output or nbval-skip);
- a number, or a constant expression such as `2 * 762_297_352`, `1 - 0.05` or
  `math.log(10)`, in the test of an `assert` of the same notebook, in ignored
  cells too, but not inside a function or class, which might never run;
- an entry of book/quoted.yml.
- on a page (.md), a number in a block of recorded results, which
  benchmarks/tables.py writes and a test compares; else a page has no outputs,
  and entries of book/quoted.yml alone prove it.

When a number proves a claim. Rounded to the digits shown, it equals the
claim. K, M, G, million, % and so on scale: 26,214,400 proves 26M, 0.9596
proves 95.96 %. A bare 1.525 proves 1.525 GFLOP too, from three significant
digits on. Integers without a scale, and claims with one significant digit
such as 0.1 or 5 %, must be equal exactly: write 0.098, or assert 0.1.
KB, MB, GB are powers of 1000; KiB, MiB, GiB of 1024. Signs are ignored.

Where the proof stands. Anywhere in the notebook; but a short claim (one or
two significant digits without a scale: 3 channels, 64 maps, 9×, 4.5) would be
met by chance, so its proof stands in the claim's own section, from one
heading to the next. Entries of book/quoted.yml reach everywhere.
"""

import argparse
import ast
import bisect
import math
import random
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import yaml

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
QUOTED = ROOT / "book" / "quoted.yml"

# --- Numbers ---------------------------------------------------------------

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

    `quantum` is the last printed digit's value, in units of `scale` too.
    """

    start: int
    end: int
    text: str
    mantissa: Fraction
    quantum: Fraction
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
        """Whether it begins as nobody writes a number: 0,492 or 054."""
        return bool(re.match(rf"0(?:{SEPARATOR})?\d", self.text))

    @property
    def short(self) -> bool:
        """Whether it has so few digits that it is met by chance."""
        bare = self.scale == 1 and not self.scientific
        return bare and self.significant < 3


def numbers(text: str) -> Iterator[Number]:
    """All numbers of a text with their scales, without judgement."""
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
            scale=scale,
            scientific=bool(match["power"]),
            unit=unit,
        )


def _exponent(power: str) -> int:
    if not power:
        return 0
    plain = power.translate(str.maketrans(SUPERSCRIPT + "⁻−", "0123456789--"))
    exponent = re.search(r"[-+]?\d+(?=\}?$)", plain)[0]
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


# --- Prose -----------------------------------------------------------------


def _words(text: str) -> list[str]:
    return text.split()


UNITS = _words("""
    activation addition axis batch bias bit block branch byte channel class
    column connection day degree dimension element entry epoch example feature
    filter FLOP font group head hour image input iteration kernel layer letter
    logit MAC map millisecond minute model module month multiplication
    multiply-accumulate multiply-add neighbour net network neuron number
    operation output parameter patch picture pixel plane point position
    product row run sample second seed stage step tap term unit update value
    vector weight year
""")
STOP_WORDS = _words("""
    a an and are as at but by can do does for from had has have he if in is it
    its make makes need needs not of on or per so than that the their then
    these they this those to was we were when where which while with you one
    two three four five six seven eight nine ten each every both
""")


def _plural(noun: str) -> str:
    if noun == "axis":
        return "axes"
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "tch", "nch")) else "s")


SINGULAR = {form: noun for noun in UNITS for form in (noun, _plural(noun))}
SINGULAR |= {"s": "second", "ms": "millisecond"}
NOUN = "|".join(sorted(SINGULAR, key=len, reverse=True))
ADJECTIVE = (
    rf"(?!(?i:{'|'.join(STOP_WORDS)})\b)"
    rf"(?:[A-Za-z][\w'’-]*|\d\s?{TIMES}\s?\d(?:\s?{TIMES}\s?\d)?)"
)
UNIT = re.compile(
    rf"(?:-|\}}?{GAP}(?:{ADJECTIVE}{GAP}(?<=[\s$])){{0,2}})(?P<noun>{NOUN})\b"
)
RATIO = re.compile(
    r"\$?(?:×|\\times)(?![\w\\({])(?!\$?\s*\$?[\dA-Z(\\{])(?!\s?\$?[a-z]\b)"
    r"|\$?[\s-]times\b|-?fold\b"
)

# behind one of these a small integer is a name, no claim
LABELS = (
    r"section|sect?\.|chapter|table|figure|fig\.|equation|eqn?\.|task|exercise"
    r"|question|hint|step|part|page|pp?\.|row|column|layer|block|stage|cell"
    r"|seed|channel|class|pixel|issue|no\.|§"
)
# behind one of these a decimal is a name too
VERSIONED = (
    r"arxiv|python|pytorch|torch|torchvision|version|cuda|keras|tensorflow"
    r"|jupyter book|sphinx|numpy|pandas|matplotlib|cc by|by-sa|apache|mathjax"
    r"|section|chapter|table|figure|fig\.|§"
)
LABELLED = re.compile(
    rf"(?:\b|(?=§))(?:{LABELS})s?[\s~]*[$(#]?(?<=\W)$", re.IGNORECASE
)
NAMED = re.compile(
    rf"(?:\b|(?=§))(?:{VERSIONED})s?[\s:~(≥>=-]*"
    r"(?:\d+\.\d+(?:\s?[,–-]\s?|,?\s(?:and|or|to)\s))*$",
    re.IGNORECASE,
)
LATEX_COMMAND = re.compile(r"\\[A-Za-z]+$")
GLUED_BEFORE = re.compile(r"(?:[^\W\d]|#|[A-Za-z][-‑]|[_^]\{?|\w\.)$")
GLUED_AFTER = re.compile(r"(?!m?s\b)(?:[^\W\d]|_)")
FACTOR_BEFORE = re.compile(rf"(?:{TIMES}|\d\s?x|\d\sby)\s*[{{(]?$")
FACTOR_AFTER = re.compile(rf"\}}?\$?\s*{TIMES}|\s?x\s?\d|x\b|\sby\s\d")
CHAIN_BEFORE = re.compile(r"\d[-‑]$")
CHAIN_AFTER = re.compile(r"[-‑]\d")
POWER_AFTER = re.compile(rf"\}}?\^|[⁻{SUPERSCRIPT}]")
LIST_GAP = re.compile(
    r"\$?\s*(?:,|/|–|—|(?:,\s*)?\b(?:and|or|to|of|against|versus)\b)\s*\$?"
)
EQUALS = re.compile(r"(?:=|≈|\\approx)\s*[{(]?[-−]?$")
CALCULATION = re.compile(
    rf"\d.*(?:{TIMES}|[-+−–/²³^]|\\frac)|(?:{TIMES}|[-+−–/]|\\frac).*\d"
)
YEAR_UNIT = re.compile(rf"{GAP}(?:{NOUN})\b")
DATED = re.compile(
    r"\b(?:in|since|by|until|from|of|late|early|and|©)\s*$", re.IGNORECASE
)
YEARS = range(1990, 2036)
LARGE = 1000
LARGE_FACTOR = 10_000

CODE_DIRECTIVES = {
    "code",
    "code-block",
    "code-cell",
    "sourcecode",
    "literalinclude",
    "include",
    "toctree",
    "tableofcontents",
    "bibliography",
    "raw",
    "eval-rst",
}
PATH_DIRECTIVES = {"figure", "image"}
SHOWN_OPTIONS = {"alt", "caption"}
FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(\{[\w:-]+\})?(.*)$")
OPTION = re.compile(r"\s*:([\w-]+):")
CODE_SPAN = (  # with a role before it, which is no prose either
    r"(?:\{(?!math\})[\w:.+-]+\})?"
    r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)"
)
INVISIBLE = [
    re.compile(pattern, re.DOTALL | re.MULTILINE)
    for pattern in (
        r"\A---\n.*?\n---$",  # front matter
        r"<!--.*?-->",
        CODE_SPAN,
        r"(?<=\])\((?:[^()\n]|\([^()\n]*\))*\)",  # a link's target
        r"^\s*\[[^\]\n]+\]:\s.*$",  # a reference definition
        r"\[\^[^\]\n]+\]",  # a footnote's mark
        r"^\([\w-]+\)=\s*$",  # a MyST target
        r"<?\b(?:https?|doi):[^\s>)]+>?",
        r"\b10\.\d{4,}/\S+",
        r"&#?\w+;",
        r"\bv?\d+(?:\.\d+){2,}\w*",  # a version
        r"\b\d{4}-\d\d-\d\d\b",  # a date
        r"^\s*\d+[.)](?=\s)",  # a list's number
    )
]
HTML_TAG = re.compile(
    r"</?[A-Za-z][\w-]*"
    r"(?:\s+[\w:-]+(?:=(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*\s*/?>"
)
ALT_ATTRIBUTE = re.compile(r"alt=([\"'])(.*?)\1", re.DOTALL)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def visible(markdown: str) -> str:
    """The prose of a Markdown text, all else blanked: same length."""
    text = _blank_fences(markdown)
    for pattern in INVISIBLE:
        text = pattern.sub(lambda match: _blank(match[0]), text)
    return HTML_TAG.sub(_blank_tag, text)


def _blank_tag(tag: re.Match) -> str:
    alt = ALT_ATTRIBUTE.search(tag[0])
    if not alt:
        return _blank(tag[0])
    before, after = tag[0][: alt.start(2)], tag[0][alt.end(2) :]
    return _blank(before) + alt[2] + _blank(after)


def _blank_fences(markdown: str) -> str:
    """Blank code; keep the prose of MyST directives and their alt texts."""
    lines, open_fences, in_options = [], [], False
    for line in markdown.split("\n"):
        fence, option = FENCE.match(line), OPTION.match(line)
        if fence and _closes(fence, open_fences):
            open_fences.pop()
            shown, in_options = "", False
        elif open_fences and open_fences[-1].is_code:
            shown = ""
        elif fence:
            opened = _Fence.of(fence)
            open_fences.append(opened)
            shown, in_options = opened.title, True
        elif in_options and option:
            shown = line[option.end() :] if option[1] in SHOWN_OPTIONS else ""
        else:
            shown, in_options = line, False
        lines.append(_blank(line[: len(line) - len(shown)]) + shown)
    return "\n".join(lines)


@dataclass(frozen=True)
class _Fence:
    marker: str
    is_code: bool
    title: str

    @classmethod
    def of(cls, match: re.Match) -> "_Fence":
        marker, directive = match[1], (match[2] or "").strip("{}")
        is_code = directive in CODE_DIRECTIVES
        if not directive:
            is_code = marker[0] != ":"
        hidden = is_code or directive in PATH_DIRECTIVES
        return cls(marker, is_code, "" if hidden else match[3])


def _closes(fence: re.Match, open_fences: list[_Fence]) -> bool:
    if not open_fences or fence[2] or fence[3].strip():
        return False
    marker = open_fences[-1].marker
    return fence[1][0] == marker[0] and len(fence[1]) >= len(marker)


def claims(markdown: str) -> list[Number]:
    """The claims of a Markdown text; positions refer to the text given."""
    text = visible(markdown)
    found: list[Number] = []
    follower = None  # the claim right behind, whose unit a list shares
    for number in reversed(list(numbers(text))):
        claim = _judge(text, number, follower)
        if claim:
            found.append(claim)
        shares = claim and (claim.unit or claim.scale != 1)
        follower = claim if shares else None
    return found[::-1]


def _judge(
    text: str, number: Number, follower: Number | None
) -> Number | None:
    """The number as a claim, with its unit, or None if it is none."""
    before = text[max(0, number.start - 80) : number.start]
    after = text[number.end : number.end + 80]
    if _is_name(number, before, after):
        return None
    unit, scale = number.unit or _unit(after), number.scale
    if follower and LIST_GAP.fullmatch(text[number.end : follower.start]):
        unit = unit or follower.unit
        scale = follower.scale if scale == 1 else scale
    if scale == 1 and not number.decimal and not _is_result(before):
        if _is_year(number, before, after):
            return None
        if number.value < LARGE and not unit and not number.malformed:
            return None
    return replace(number, scale=scale, unit=unit)


def _unit(after: str) -> str:
    if RATIO.match(after):
        return "times"
    match = UNIT.match(after)
    return SINGULAR[match["noun"]] if match else ""


def _is_name(number: Number, before: str, after: str) -> bool:
    """Whether the number is part of a name, a shape or a formula."""
    glued = GLUED_BEFORE.search(before) and not LATEX_COMMAND.search(before)
    if glued or NAMED.search(before):
        return True
    factor = FACTOR_AFTER.match(after) and not RATIO.match(after)
    if GLUED_AFTER.match(after) and not factor:
        return True
    if number.decimal or number.scale != 1 or number.value >= LARGE_FACTOR:
        return False
    return bool(
        factor
        or FACTOR_BEFORE.search(before)
        or CHAIN_BEFORE.search(before)
        or CHAIN_AFTER.match(after)
        or POWER_AFTER.match(after)
        or (number.value < LARGE and LABELLED.search(before))
    )


def _is_year(number: Number, before: str, after: str) -> bool:
    if not number.text.isdigit() or number.value not in YEARS:
        return False
    return bool(DATED.search(before)) or not YEAR_UNIT.match(after)


def _is_result(before: str) -> bool:
    equals = EQUALS.search(before)
    if not equals:
        return False
    left = before[: equals.start()]
    left = re.split(r"[$|;\n=≈]|,\s|\.\s|\\approx", left.rstrip("$ "))[-1]
    return bool(CALCULATION.search(left))


# --- Proofs ----------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Proof:
    """A known value; `quantum` > 0 if it is itself known rounded only."""

    value: Fraction
    quantum: Fraction = Fraction(0)
    unit: str = ""
    entry: str = ""


@dataclass
class Proofs:
    """All values that may prove a claim of one page."""

    known: list[Proof] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = sorted(set(self.known))
        self._values = [proof.value for proof in self.known]

    def matching(self, claim: Number) -> list[Proof]:
        """The proofs that, rounded to the claim's digits, equal it."""
        if claim.malformed:
            return []
        scales = {claim.scale}
        if claim.scale != 1 and claim.significant >= 3:
            scales.add(Fraction(1))
        return [
            proof for scale in scales for proof in self._near(claim, scale)
        ]

    def _near(self, claim: Number, scale: Fraction) -> Iterator[Proof]:
        value = claim.mantissa * scale
        margin = 0 if _must_be_exact(claim) else claim.quantum * scale / 2
        first = bisect.bisect_left(self._values, value - margin)
        last = bisect.bisect_right(self._values, value + margin)
        for proof in self.known[first:last]:
            precise = proof.quantum <= claim.quantum * scale
            if precise and proof.unit in ("", claim.unit):
                yield proof


def _must_be_exact(claim: Number) -> bool:
    """Integers, and one digit alone, which would round from too much."""
    if claim.scientific or claim.scale >= 1000:
        return False
    if claim.scale == 1 and not claim.decimal:
        return True
    return claim.significant < 2


def printed(text: str) -> Iterator[Proof]:
    """The numbers of a text output; those in identifiers do not count."""
    for number in numbers(text):
        if re.search(r"[^\W\d]$", text[: number.start][-1:]):
            continue
        yield Proof(number.value, _uncertainty(number))


def _uncertainty(number: Number) -> Fraction:
    """The last digit's value of a number that was probably rounded."""
    exact = number.scale == 1 and not number.decimal
    return Fraction(0) if exact else number.quantum * number.scale


IGNORED_TAGS = {"nbval-ignore-output", "nbval-skip"}
IGNORED_MARKS = ("NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP")


def is_compared(cell) -> bool:
    """Whether nbval compares the outputs of a code cell."""
    tags = set(cell.metadata.get("tags", []))
    marked = any(mark in cell.source for mark in IGNORED_MARKS)
    return not tags & IGNORED_TAGS and not marked


def is_run(cell) -> bool:
    """Whether nbval runs a code cell, so that its asserts hold."""
    tags = cell.metadata.get("tags", [])
    return "nbval-skip" not in tags and "NBVAL_SKIP" not in cell.source


def output_proofs(cell) -> Iterator[Proof]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield from printed(output.text)
        data = output.get("data", {})
        plain = data.get("text/plain", "")
        if not plain.startswith("<Figure"):
            yield from printed(plain)
        yield from printed(_html_text(data.get("text/html", "")))


def _html_text(html: str) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", html)


DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
)


def python_of(cell) -> str:
    """The Python of a code cell: magics and shell lines become `pass`."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell.source)


def asserts(cell) -> list[ast.Assert]:
    """The asserts that run with the cell: none inside a definition."""
    found, waiting = [], list(ast.parse(python_of(cell)).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert):
            found.append(node)
        elif not isinstance(node, DEFINITIONS):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def assert_proofs(cell) -> Iterator[Proof]:
    for statement in asserts(cell):
        for node in ast.walk(statement.test):
            value = constant(node)
            if value is not None:
                yield Proof(abs(value))


def constant(node: ast.AST) -> Fraction | None:
    """The exact value of a numeric literal or constant expression."""
    try:
        return _evaluate(node)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None


OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: _power(a, b),
}


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent) > 400 or abs(base) > 10**12:
        raise OverflowError
    return Fraction(base**exponent)


def _evaluate(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError
        case ast.Constant(value=int() | float() as value):
            return Fraction(repr(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) not in OPERATORS:
                raise ValueError
            return OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="math"), attr="log"),
            args=[argument],
        ):
            return Fraction(math.log(_evaluate(argument)))
    raise ValueError


# --- Quoted figures --------------------------------------------------------


@dataclass(frozen=True)
class Quoted:
    """An entry of book/quoted.yml.

    `value` as printed; `what` it is; and either `source`, where a reader
    finds it, or `notebook`, a chapter that proves it.
    """

    value: str
    what: str
    source: str = ""
    notebook: str = ""


@cache
def quoted(path: Path = QUOTED) -> tuple[Quoted, ...]:
    if not path.exists():
        return ()
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return tuple(Quoted(**entry) for entry in entries)


def quoted_number(entry: Quoted) -> Number:
    """The number of an entry, with its scale and unit noun."""
    found = list(numbers(entry.value))
    if len(found) != 1:
        raise ValueError(f"quoted.yml: {entry.value!r} is not one number")
    number = found[0]
    unit = number.unit or _unit(entry.value[number.end :])
    return replace(number, unit=unit)


def quoted_proofs(entry: Quoted) -> Iterator[Proof]:
    """What an entry proves; with a unit noun, claims with that noun only.

    From three digits on, `10.41 %` proves a bare 10.41 in a table too.
    """
    number = quoted_number(entry)
    rounded = _uncertainty(number)
    yield Proof(number.value, rounded, number.unit, entry.value)
    if number.scale != 1 and number.significant >= 3:
        yield Proof(number.mantissa, number.quantum, "", entry.value)


# --- Pages -----------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A piece of prose, where it stands, and the number of its section."""

    where: str
    markdown: str
    section: int = 0


@dataclass
class Page:
    """A notebook or Markdown page: its prose and what proves it."""

    path: Path
    texts: list[Text]
    proofs: Proofs
    sections: dict[int, Proofs]

    @property
    def name(self) -> str:
        path = self.path.resolve()
        inside = path.is_relative_to(ROOT)
        return str(path.relative_to(ROOT) if inside else path)

    def proving(self, text: Text, claim: Number) -> list[Proof]:
        """What proves a claim: for a short one, in its own section."""
        reach = self.sections[text.section] if claim.short else self.proofs
        return reach.matching(claim)


@dataclass(frozen=True)
class Unproven:
    """A claim that nothing proves; prints as one line for the author."""

    page: str
    text: Text
    claim: Number
    elsewhere: bool

    def __str__(self) -> str:
        start, end = self.claim.start - 40, self.claim.end + 40
        context = self.text.markdown[max(0, start) : end]
        context = re.sub(r"\s+", " ", context).strip()
        fault = "is not proven"
        if self.elsewhere:
            fault = "is short and not proven in its own section"
        where = f"{self.page}, {self.text.where}"
        return f"{where}: {self.claim.text!r} {fault}: …{context}…"


def read_page(path: Path, entries: Iterable[Quoted] | None = None) -> Page:
    """Read a page; `entries` default to those of book/quoted.yml."""
    entries = quoted() if entries is None else entries
    known = [proof for entry in entries for proof in quoted_proofs(entry)]
    if path.suffix == ".ipynb":
        return _read_notebook(path, known)
    return _read_markdown(path, known)


RESULTS = re.compile(
    r"<!-- results: [a-z0-9-]+ -->.*?<!-- end of results -->", re.DOTALL
)


def _read_markdown(path: Path, known: list[Proof]) -> Page:
    """Read a page; blocks of recorded results are its outputs."""
    texts, proofs = [], [[]]
    for piece in _split_at_headings(path.read_text(encoding="utf-8")):
        if HEADING.match(piece):
            proofs.append([])
        for block in RESULTS.findall(piece):
            proofs[-1] += printed(block)
        texts.append(Text("page", RESULTS.sub("", piece), len(proofs) - 1))
    return _page(path, texts, proofs, known)


def _read_notebook(path: Path, known: list[Proof]) -> Page:
    """Read a notebook; a section reaches from a heading to the next."""
    texts, proofs = [], [[]]
    for position, cell in enumerate(notebooks.read(path).cells, start=1):
        where = f"cell {position} (id {cell.get('id', 'none')})"
        if cell.cell_type == "markdown":
            for piece in _split_at_headings(cell.source):
                if HEADING.match(piece):
                    proofs.append([])
                texts.append(Text(where, piece, len(proofs) - 1))
        elif cell.cell_type == "code":
            proofs[-1] += cell_proofs(cell)
            texts += _figure_texts(cell, where, len(proofs) - 1)
    return _page(path, texts, proofs, known)


def _page(
    path: Path,
    texts: list[Text],
    proofs: list[list[Proof]],
    known: list[Proof],
) -> Page:
    """A page from its texts and the proofs of each of its sections."""
    every = [proof for section in proofs for proof in section]
    sections = {n: Proofs(found + known) for n, found in enumerate(proofs)}
    return Page(path, texts, Proofs(every + known), sections)


HEADING = re.compile(r"^#{1,6}\s", re.MULTILINE)


def _split_at_headings(markdown: str) -> list[str]:
    starts = [match.start() for match in HEADING.finditer(visible(markdown))]
    ends = [*starts, len(markdown)]
    pieces = [markdown[a:b] for a, b in zip([0, *starts], ends, strict=True)]
    return [piece for piece in pieces if piece.strip()]


def _figure_texts(cell, where: str, section: int) -> Iterator[Text]:
    mystnb = cell.metadata.get("mystnb", {})
    if alt := mystnb.get("image", {}).get("alt"):
        yield Text(f"{where}, alt text", alt, section)
    if caption := mystnb.get("figure", {}).get("caption"):
        yield Text(f"{where}, caption", caption, section)


def cell_proofs(cell) -> Iterator[Proof]:
    """What the output and the asserts of a code cell prove."""
    if is_compared(cell):
        yield from output_proofs(cell)
    if is_run(cell):
        yield from assert_proofs(cell)


def unproven(page: Page) -> list[Unproven]:
    return [
        Unproven(page.name, text, claim, bool(page.proofs.matching(claim)))
        for text in page.texts
        for claim in claims(text.markdown)
        if not page.proving(text, claim)
    ]


def used_entries(page: Page) -> set[str]:
    """The values of quoted.yml that prove a claim of the page."""
    return {
        proof.entry
        for text in page.texts
        for claim in claims(text.markdown)
        for proof in page.proving(text, claim)
        if proof.entry
    }


# --- The test of the test --------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """A claim with one digit changed, and whether the test saw it."""

    page: str
    text: Text
    claim: Number
    changed: str
    caught: bool

    def __str__(self) -> str:
        seen = "caught" if self.caught else "missed"
        where = f"{self.page}, {self.text.where}"
        return f"{where}: {seen} {self.claim.text!r} as {self.changed!r}"

    @property
    def large(self) -> bool:
        """Whether the claim shows four digits or more."""
        return sum(map(str.isdigit, self.claim.text)) >= 4


def mutations(page: Page) -> Iterator[Mutation]:
    """Change one digit of each claim, chosen by a seeded generator."""
    for text in page.texts:
        for claim in claims(text.markdown):
            seed = f"{page.path.name} {text.where} {claim.start}"
            digit, new = _changed_digit(claim, random.Random(seed))
            position = claim.start + digit
            markdown = text.markdown
            markdown = markdown[:position] + new + markdown[position + 1 :]
            caught = any(
                not page.proving(text, mutant)
                for mutant in claims(markdown)
                if mutant.start <= position < mutant.end
            )
            changed = markdown[claim.start : claim.end]
            yield Mutation(page.name, text, claim, changed, caught)


def _changed_digit(claim: Number, generator: random.Random) -> tuple[int, str]:
    mantissa = NUMBER.match(claim.text)["mantissa"]
    places = [i for i, letter in enumerate(mantissa) if letter.isdigit()]
    place = generator.choice(places)
    others = sorted(set("0123456789") - {mantissa[place]})
    return place, generator.choice(others)


# --- Command ---------------------------------------------------------------


def all_pages() -> list[Path]:
    folders = ("book", "exercises", "exercises/solutions")
    pages = [
        page
        for folder in folders
        for page in sorted((ROOT / folder).iterdir())
        if page.suffix == ".md"
        or (page.suffix == ".ipynb" and folder != "exercises")
    ]
    readme = ROOT / "README.md"
    return pages + ([readme] if readme.exists() else [])


def _print_caught(pages: list[Page]) -> None:
    for page in pages:
        tried = list(mutations(page))
        missed = [mutation for mutation in tried if not mutation.caught]
        caught = len(tried) - len(missed)
        print(f"{page.name}: {caught} of {len(tried)} changes caught")
        for mutation in missed:
            print(f"  {mutation}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.claims")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--caught", action="store_true")
    options = parser.parse_args(arguments)
    pages = [read_page(path) for path in options.files or all_pages()]
    if options.caught:
        _print_caught(pages)
        return 0
    failures = [failure for page in pages for failure in unproven(page)]
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
