"""Which numbers of a Markdown text are claims."""

import re
from dataclasses import dataclass, replace

from tools.claims.numbers import GAP, SUPERSCRIPT, TIMES, Number, read_numbers


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
    """Return the prose of a Markdown text, all else blanked: same length."""
    text = blank_fences(markdown)
    for pattern in INVISIBLE:
        text = pattern.sub(lambda match: _blank(match[0]), text)
    return HTML_TAG.sub(_blank_tag, text)


def _blank_tag(tag: re.Match) -> str:
    alt = ALT_ATTRIBUTE.search(tag[0])
    if not alt:
        return _blank(tag[0])
    before, after = tag[0][: alt.start(2)], tag[0][alt.end(2) :]
    return _blank(before) + alt[2] + _blank(after)


def blank_fences(markdown: str, keep_directives: bool = False) -> str:
    """Blank code; keep the prose of MyST directives and their alt texts.

    With `keep_directives`, all that a directive consists of is kept.
    """
    lines, in_options = [], False
    open_fences: list[_Fence] = []
    for line in markdown.split("\n"):
        fence, option = FENCE.match(line), OPTION.match(line)
        if fence and _closes(fence, open_fences):
            open_fences.pop()
            shown, in_options = "", False
        elif open_fences and open_fences[-1].is_code:
            shown = ""
        elif fence:
            opened = _Fence.of(fence)
            if keep_directives and (fence[2] or not opened.is_code):
                opened = _Fence(opened.marker, is_code=False, title=line)
            open_fences.append(opened)
            shown, in_options = opened.title, not keep_directives
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
    """Return the claims of a Markdown text, with their places in it."""
    text = visible(markdown)
    found: list[Number] = []
    follower = None  # the claim right behind, whose unit a list shares
    for number in reversed(list(read_numbers(text))):
        claim = _judge(text, number, follower)
        if claim:
            found.append(claim)
        shares = claim and (claim.unit or claim.scale != 1)
        follower = claim if shares else None
    return found[::-1]


def _judge(
    text: str, number: Number, follower: Number | None
) -> Number | None:
    """Return the number as a claim, with its unit, or None if it is none."""
    before = text[max(0, number.start - 80) : number.start]
    after = text[number.end : number.end + 80]
    if is_name(number, before, after):
        return None
    unit, scale = number.unit or unit_of(after), number.scale
    if follower and LIST_GAP.fullmatch(text[number.end : follower.start]):
        unit = unit or follower.unit
        scale = follower.scale if scale == 1 else scale
    if scale == 1 and not number.decimal and not _is_result(before):
        if is_year(number, before, after):
            return None
        if number.value < LARGE and not unit and not number.malformed:
            return None
    return replace(number, scale=scale, unit=unit)


def unit_of(after: str) -> str:
    if RATIO.match(after):
        return "times"
    match = UNIT.match(after)
    return SINGULAR[match["noun"]] if match else ""


def is_name(number: Number, before: str, after: str) -> bool:
    """Return whether the number is part of a name, a shape or a formula."""
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


def is_year(number: Number, before: str, after: str) -> bool:
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
