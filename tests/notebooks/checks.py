"""What every chapter and every solution must be: one function for each rule.

A check takes a Chapter and yields a sentence for each fault it finds, with
the notebook, the cell and the text at fault.
"""

import ast
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode

from tools import ROOT, notebooks, repository
from tools.claims.bound import is_proof
from tools.claims.proofs import asserts, is_compared
from tools.claims.prose import blank_fences

MAX_LINES, MAX_COLUMNS, MAX_MEDIAN_LINES = 30, 79, 8

# MyST that notebooks may use: what degrades readably in Colab and on GitHub,
# and nothing that no notebook needs.
MYST_ALLOWED = {"{numref}"}


@dataclass
class Chapter:
    """A notebook of the book, with names for its cells."""

    path: Path
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> "Chapter":
        return cls(path, notebooks.read(path))

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @cached_property
    def code(self) -> list[NotebookNode]:
        return [c for c in self.cells if c.cell_type == "code"]

    @cached_property
    def markdown(self) -> list[NotebookNode]:
        return [c for c in self.cells if c.cell_type == "markdown"]

    @cached_property
    def sections(self) -> list[list[NotebookNode]]:
        """The cells from one heading to the next."""
        found: list[list[NotebookNode]] = [[]]
        for cell in self.cells:
            if cell.cell_type == "markdown" and headings(cell):
                found.append([])
            found[-1].append(cell)
        return found

    def at(self, cell: NotebookNode, fault: str, text: str = "") -> str:
        position = next(i for i, c in enumerate(self.cells, 1) if c is cell)
        shown = f": {text.strip()[:200]!r}" if text else ""
        return (
            f"{self.name}, cell {position} (id {cell.get('id', 'none')}):"
            f" {fault}{shown}"
        )


def chapters() -> list[Path]:
    return sorted((ROOT / "book").glob("*.ipynb"))


def solutions() -> list[Path]:
    return sorted((ROOT / "exercises" / "solutions").glob("*.ipynb"))


def short_path(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shown(seen: Counter) -> str:
    """Return how many planted falsehoods of each kind were caught."""
    return "\n".join(
        f"{kind:24} {seen[kind, True]:4} of"
        f" {seen[kind, True] + seen[kind, False]:4} caught"
        for kind in dict.fromkeys(kind for kind, _ in sorted(seen))
    )


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def output_texts(cell: NotebookNode) -> Iterator[str]:
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        for kind, value in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield value


def images(cell: NotebookNode) -> list[str]:
    return [
        kind
        for output in cell.outputs
        for kind in output.get("data", {})
        if kind.startswith("image/")
    ]


def without_code(cell: NotebookNode) -> str:
    """The Markdown of a cell; fences and code spans blanked."""
    text = blank_fences(cell.source, keep_directives=True)
    return re.sub(r"(?<![}`])(`+)[^`\n]+\1", " ", text)


# --- What was run ----------------------------------------------------------


def every_cell_ran_in_order(chapter: Chapter) -> Iterator[str]:
    for expected, cell in enumerate(chapter.code, start=1):
        count = cell.get("execution_count")
        if count != expected:
            fault = f"has execution count {count}, not {expected}"
            yield chapter.at(cell, fault, cell.source)


def no_errors(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield chapter.at(cell, "shows an error", output.evalue)
            if output.get("name") == "stderr":
                yield chapter.at(cell, "shows stderr", output.text)


DEBRIS = {
    "a progress bar": re.compile(r"\r|it/s|s/it|\d%\|"),
    "a terminal's colour code": re.compile(r"\x1b\["),
    "a machine's path": re.compile(r"(?<![\w.])/(?:home|root|tmp|Users)/"),
}


def no_debris(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        for text in output_texts(cell):
            for name, pattern in DEBRIS.items():
                if pattern.search(text):
                    yield chapter.at(cell, f"output holds {name}", text)


def normal_form(chapter: Chapter) -> Iterator[str]:
    """Ids of their own, Python's kernel, no widgets, and the like."""
    if not notebooks.is_normal(chapter.path):
        yield (
            f"{chapter.name}: not in normal form;"
            f" run python -m tools.notebooks normalise {chapter.path}"
        )


# --- Code ------------------------------------------------------------------


def ignored_cells_are_proven(chapter: Chapter) -> Iterator[str]:
    """What nbval ignores, a proof of the same section asserts on or says.

    What a clock measured is said and not asserted: another machine has
    another time. A check asserts its own verdict, in its hidden test.
    """
    for section in chapter.sections:
        proven = {"verdict"}
        for cell in filter(is_proof, section):
            asserted = map(says_something, (a.test for a in asserts(cell)))
            loaded = names(cell, ast.Load)
            if any(asserted) or "says" in loaded:
                proven |= loaded
        for cell in section:
            ignored = cell.cell_type == "code" and not is_compared(cell)
            if ignored and not proven & names(cell, ast.Store):
                fault = "nbval ignores its output, and no proof binds it"
                yield chapter.at(cell, fault, cell.source)


def says_something(test: ast.expr) -> bool:
    """Whether an assert depends on a value; a tuple is always true."""
    displays = (ast.Tuple, ast.List, ast.Dict, ast.JoinedStr, ast.Lambda)
    if isinstance(test, displays):
        return False
    values = (ast.Name, ast.Attribute)
    return any(isinstance(node, values) for node in ast.walk(test))


def short_cells(chapter: Chapter) -> Iterator[str]:
    lengths = [
        sum("### " not in line for line in cell.source.splitlines())
        for cell in chapter.code
    ]
    for cell, length in zip(chapter.code, lengths, strict=True):
        if length > MAX_LINES:
            yield chapter.at(cell, f"has {length} lines", cell.source)
        for line in cell.source.splitlines():
            address = "git+https://" in line
            if len(line) > MAX_COLUMNS and not address:
                yield chapter.at(cell, f"a line has {len(line)} columns", line)
    # the setup cell is the same in every notebook, and proofs are folded
    pairs = zip(chapter.code[1:], lengths[1:], strict=True)
    own = [length for cell, length in pairs if not is_proof(cell)]
    if own and statistics.median(own) > MAX_MEDIAN_LINES:
        median = statistics.median(own)
        yield f"{chapter.name}: code cells have {median} lines in the median"


def raster_figures(chapter: Chapter) -> Iterator[str]:
    forbidden = re.compile(
        r"%matplotlib|InlineBackend|set_figsize|use_svg_display"
    )
    for cell in chapter.code:
        if found := forbidden.search(cell.source):
            yield chapter.at(cell, "sets the display", found[0])
        if "image/svg+xml" in images(cell):
            yield chapter.at(cell, "shows an SVG, which nbval compares")


# --- Kinds of cells --------------------------------------------------------

# Asserts that a student would write: notebook and cell, and the reason.
LESSONS = {
    ("keras.ipynb", "def-check-classes-names-labels-net"): (
        "the lesson is to test the names of the classes, and this is the test"
    ),
}


def is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code"


def is_graded(cell: NotebookNode) -> bool:
    """Whether nbgrader handles a cell: an answer, or its check."""
    return "nbgrader" in cell.metadata


def names(cell: NotebookNode, context: type[ast.expr_context]) -> set[str]:
    """Names that a cell reads or sets, in its functions too."""
    tree = ast.parse(notebooks.python_of(cell))
    found = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }
    if context is ast.Store:
        found |= bound(tree.body)
    return found


def bound(statements: list[ast.stmt]) -> set[str]:
    """Names that statements set for the cells behind them."""
    found: set[str] = set()
    inner = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp)
    waiting: list[ast.AST] = [*statements]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif not isinstance(node, (*inner, ast.GeneratorExp)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            waiting += ast.iter_child_nodes(node)
    return found


def one_kind(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.cells:
        kinds = notebooks.FOLDS.keys() & tags(cell)
        if len(kinds) > 1 or kinds and not is_code(cell):
            fault = "can be one of setup, figure and proof"
            yield chapter.at(cell, fault, ", ".join(sorted(kinds)))


def proofs_prove(chapter: Chapter) -> Iterator[str]:
    for cell in filter(is_proof, chapter.cells):
        said = "says" in names(cell, ast.Load)
        tests = [statement.test for statement in asserts(cell)]
        # arithmetic of the prose, such as 14 * 14 == 196, has no names
        if not said and not any(
            says_something(test) or isinstance(test, ast.Compare | ast.BoolOp)
            for test in tests
        ):
            yield chapter.at(cell, "a proof that proves nothing", cell.source)
        if images(cell):
            yield chapter.at(cell, "a proof that draws", cell.source)


def proofs_leave_no_trace(chapter: Chapter) -> Iterator[str]:
    """A proof sets no name of another cell: `_name` is a proof's own."""
    others = set()
    for cell in chapter.code:
        if not is_proof(cell):
            others |= bound(ast.parse(notebooks.python_of(cell)).body)
    for cell in filter(is_proof, chapter.cells):
        own = bound(ast.parse(notebooks.python_of(cell)).body)
        shared = {name for name in own & others if not name.startswith("_")}
        if shared:
            fault = "a proof sets what another cell sets"
            yield chapter.at(cell, fault, ", ".join(sorted(shared)))


PREDICT = re.compile(r"\*\*Predict|\b[Bb]efore you run\b")


def asks(cell: NotebookNode) -> bool:
    """Whether prose ends by asking, or asks for a prediction."""
    ends = cell.source.rstrip().endswith("?")
    return ends or bool(PREDICT.search(cell.source))


def proofs_stand_behind(chapter: Chapter) -> Iterator[str]:
    """No proof between a question and its answer, or prose and its cell."""
    asked = False
    shown = [cell for cell in chapter.cells if not is_proof(cell)]
    for before, cell in zip(chapter.cells, chapter.cells[1:], strict=False):
        if is_code(before):
            asked = asked and not before.outputs
        elif headings(before) or is_graded(before):
            asked = asks(before)  # a new section, or the student's answer
        else:
            asked = asked or asks(before)
        if is_proof(cell) and asked:
            fault = "a proof between a question and its answer"
            yield chapter.at(cell, fault, cell.source)
        if is_proof(cell) and not is_code(before):
            following = shown[shown.index(before) + 1 :][:1]
            if any(map(is_code, following)):
                fault = "a proof between the prose and its cell"
                yield chapter.at(cell, fault, cell.source)


def figures_are_tagged(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        drawn, tagged = bool(images(cell)), "figure" in tags(cell)
        if tagged and not drawn:
            yield chapter.at(cell, "a figure without a picture", cell.source)
        if drawn and not tagged and not is_graded(cell):
            yield chapter.at(cell, "draws, but is no figure", cell.source)


def teaching_without_asserts(chapter: Chapter) -> Iterator[str]:
    """Only proofs and checks assert, and where the assert is the lesson."""
    for cell in chapter.code:
        tree = ast.parse(notebooks.python_of(cell))
        asserting = any(isinstance(n, ast.Assert) for n in ast.walk(tree))
        check = cell.metadata.get("nbgrader", {}).get("grade")
        lesson = (chapter.name, cell.get("id")) in LESSONS
        if asserting and not (is_proof(cell) or check or lesson):
            yield chapter.at(cell, "asserts, but is no proof", cell.source)


def installing(setup: str, source: str) -> str:
    """The text of a setup cell that installs the package from there."""
    line = f'repository = "{source}"'
    changed, count = re.subn(r'(?m)^repository = ".*"$', line, setup)
    assert count == 1
    return changed


def setup_cell(chapter: Chapter) -> Iterator[str]:
    if not chapter.code:
        yield f"{chapter.name}: no setup cell"
        return
    cell = chapter.code[0]
    url = repository.configured()
    if "setup" not in tags(cell):
        yield chapter.at(cell, "the first code cell is not tagged setup")
    source = rf"git\+{re.escape(url)}@[0-9a-f]{{40}}" if url else ""
    if not re.search(rf'(?m)^repository = "{source}"$', cell.source):
        wanted = f"{url} at a commit" if url else "no repository"
        yield chapter.at(cell, f"does not name {wanted}", cell.source)
    for later in chapter.code[1:]:
        if "setup" in tags(later):
            yield chapter.at(later, "a second setup cell", later.source)


# --- Prose -----------------------------------------------------------------

MYST = {
    "role": re.compile(r"\{[\w:.+-]+\}(?=`)"),
    "directive": re.compile(r"(?m)^\s*(?:`{3,}|~{3,})\{[\w:.+-]+\}"),
    "colon fence": re.compile(r"(?m)^\s*:{3,}"),
    "target": re.compile(r"(?m)^\([\w:.-]+\)=\s*$"),
    "substitution": re.compile(r"\{\{.*?\}\}"),
    "block break": re.compile(r"(?m)^\+\+\+"),
    "comment": re.compile(r"(?m)^%"),
}


def plain_markdown(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.markdown:
        for used in myst_used(cell):
            if used not in MYST_ALLOWED:
                yield chapter.at(cell, "MyST that others show raw", used)


def myst_used(cell: NotebookNode) -> list[str]:
    text = without_code(cell)
    text = re.sub(r"\$\$?[^$]*\$\$?", " ", text)
    return [
        found.strip()
        for pattern in MYST.values()
        for found in pattern.findall(text)
    ]


def headings(cell: NotebookNode) -> list[int]:
    return [
        len(marks)
        for marks in re.findall(r"(?m)^(#{1,6})\s", without_code(cell))
    ]


def ordered_headings(chapter: Chapter) -> Iterator[str]:
    previous, titles = 0, 0
    for cell in chapter.markdown:
        for level in headings(cell):
            if level > previous + 1:
                fault = f"a level-{level} heading under level {previous}"
                yield chapter.at(cell, fault, cell.source)
            previous = level
            titles += level == 1
    if titles != 1:
        yield f"{chapter.name}: {titles} titles (level-1 headings), not one"
    first = chapter.cells[0] if chapter.cells else None
    if first is None or not first.source.startswith("# "):
        yield f"{chapter.name}: the first cell does not begin with the title"


SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)


def clean_details(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.markdown:
        text = without_code(cell)
        for fault, found in details_faults(text):
            yield chapter.at(cell, fault, found)


def details_faults(text: str) -> Iterator[tuple[str, str]]:
    opened, closed = text.count("<details"), text.count("</details>")
    if opened != closed:
        yield f"{opened} <details> but {closed} </details>", text
    if opened != len(SUMMARY.findall(text)):
        yield "not one <summary> in each <details>", text
    for summary in SUMMARY.findall(text):
        if re.search(r"[<>\n`$*_\[\]]|^\s*$", summary):
            yield "<summary> is not plain text", summary
    lines = ["", *text.split("\n"), ""]
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if "<details" in line and before.strip():
            yield "no blank line before <details>", line
        if "</summary>" in line and after.strip():
            yield "no blank line after </summary>", line
        if "</details>" in line and (before.strip() or after.strip()):
            yield "no blank lines around </details>", line
        if "</summary>" in line and not line.rstrip().endswith("</summary>"):
            yield "text behind </summary>", line


WIDGET = re.compile(
    r'(?ms)^<div class="widget" data-widget="([\w-]+)">\n\n(.+?)\n\n</div>$'
)


def widgets_with_fallback(chapter: Chapter) -> Iterator[str]:
    """A widget is an element with something to read where it cannot run."""
    for cell in chapter.markdown:
        text = without_code(cell)
        for name, fallback in WIDGET.findall(text):
            if not (ROOT / f"book/_static/widgets/{name}.js").is_file():
                yield chapter.at(cell, "no such widget", name)
            if not fallback.strip():
                yield chapter.at(cell, "a widget without fallback", name)
        if text.count("<div") != len(WIDGET.findall(text)):
            yield chapter.at(cell, "a <div> that is no widget", text)


def described_figures(chapter: Chapter) -> Iterator[str]:
    for cell in chapter.code:
        count = len(images(cell))
        if count > 1:
            yield chapter.at(cell, f"shows {count} pictures, not one")
        if count:
            yield from _undescribed(chapter, cell)
    for cell in chapter.markdown:
        for found in re.findall(r"!\[\s*\]\([^)]*\)", without_code(cell)):
            yield chapter.at(cell, "a picture without alt text", found)


def _undescribed(chapter: Chapter, cell: NotebookNode) -> Iterator[str]:
    mystnb = cell.metadata.get("mystnb", {})
    alt = mystnb.get("image", {}).get("alt", "").strip()
    caption = mystnb.get("figure", {}).get("caption", "").strip()
    if not alt:
        yield chapter.at(cell, "a picture without alt text", cell.source)
    if not caption:
        yield chapter.at(cell, "a picture without caption", cell.source)
    if alt and alt == caption:
        yield chapter.at(cell, "the alt text repeats the caption", alt)
    if not figure_name(cell).startswith("fig-"):
        fault = "a figure's name must begin with fig-"
        yield chapter.at(cell, fault, figure_name(cell) or cell.source)


def figure_name(cell: NotebookNode) -> str:
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "")


def gpu_or_a_reason(chapter: Chapter) -> Iterator[str]:
    """Who keeps the images from the GPU tells the reader so."""
    said = any(
        "on the CPU, also where there is a GPU" in cell.source
        for cell in chapter.markdown
    )
    for cell in chapter.code:
        if 'device="cpu"' in cell.source and not said:
            yield chapter.at(
                cell, "pins the CPU, and the page does not say so"
            )


CHECKS: list[Callable[[Chapter], Iterator[str]]] = [
    every_cell_ran_in_order,
    no_errors,
    no_debris,
    normal_form,
    ignored_cells_are_proven,
    one_kind,
    proofs_prove,
    proofs_leave_no_trace,
    proofs_stand_behind,
    figures_are_tagged,
    teaching_without_asserts,
    short_cells,
    raster_figures,
    setup_cell,
    plain_markdown,
    ordered_headings,
    clean_details,
    widgets_with_fallback,
    described_figures,
    gpu_or_a_reason,
]
