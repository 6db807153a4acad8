"""The chapters keep the book's rules, and the rules see what breaks them."""

import re
from collections import Counter

import checks
import pytest
from checks import Chapter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools import ROOT, notebooks, repository
from tools.site import contents

ALL = [*checks.chapters(), *checks.solutions()]


@pytest.fixture(params=ALL, ids=checks.short_path)
def chapter(request) -> Chapter:
    return Chapter.read(request.param)


def faultless(faults) -> None:
    faults = list(faults)
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda f: f.__name__)
def test_a_chapter_keeps_the_rules(chapter, check):
    faultless(check(chapter))


def test_all_notebooks_have_the_same_setup_cell():
    paths = [*ALL, *(ROOT / "exercises").glob("*.ipynb")]
    setups = {
        checks.short_path(path): Chapter.read(path).code[0].source
        for path in paths
    }
    assert len(set(setups.values())) == 1, setups


def test_every_cited_paper_is_in_the_references():
    listed = (ROOT / "book" / "references.bib").read_text("utf-8")
    faultless(
        chapter.at(cell, f"cites {paper}, which references.bib lacks")
        for chapter in map(Chapter.read, checks.chapters())
        for cell in chapter.markdown
        for paper in re.findall(r"arxiv\.org/abs/([\d.]+\d)", cell.source)
        if f"abs/{paper}}}" not in listed
    )


def test_every_paper_of_the_references_is_cited():
    references = ROOT / "book" / "references.bib"
    pages = [*checks.chapters(), *(ROOT / "book").glob("*.md")]
    text = "".join(page.read_text("utf-8") for page in pages)
    listed = re.findall(r"abs/([\d.]+\d)", references.read_text("utf-8"))
    assert not [paper for paper in listed if f"abs/{paper}" not in text]


def test_figure_names_are_unique_in_the_book():
    names = Counter(
        (checks.figure_name(cell))
        for path in ALL
        for cell in Chapter.read(path).code
        if checks.figure_name(cell)
    )
    faultless(f"{name}: {n} figures" for name, n in names.items() if n > 1)


def test_every_allowed_piece_of_myst_is_used():
    if not checks.chapters():
        pytest.skip("no chapters yet")
    used = {
        piece
        for path in checks.chapters()
        for cell in Chapter.read(path).markdown
        for piece in checks.myst_used(cell)
    }
    assert used >= checks.MYST_ALLOWED


TOC = [page for page, _ in contents.pages()]


def test_the_table_of_contents_lists_what_exists():
    faultless(
        f"_toc.yml: no file {page}"
        for page in TOC
        if not any(ROOT.glob(f"{page}.[im]*"))
    )


def test_every_chapter_is_in_the_table_of_contents():
    faultless(
        f"_toc.yml lacks book/{path.stem}"
        for path in checks.chapters()
        if f"book/{path.stem}" not in TOC
    )


# --- The rules themselves --------------------------------------------------

IGNORED = {"tags": ["nbval-ignore-output"]}
PICTURE = new_output("display_data", {"image/png": "aGk=\n"})
DESCRIBED = {
    "tags": ["figure"],
    "mystnb": {
        "image": {"alt": "A line that falls"},
        "figure": {"caption": "The loss falls.", "name": "fig-loss"},
    },
}


def code(source, *outputs, count=3, metadata=None):
    cell = new_code_cell(
        source,
        execution_count=count,
        outputs=list(outputs),
        metadata=metadata or {},
    )
    notebooks.fold(cell)
    return cell


def proof(source, *outputs, count=3):
    return code(source, *outputs, count=count, metadata={"tags": ["proof"]})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


prose = new_markdown_cell

BROKEN = {
    "not run": (checks.every_cell_ran_in_order, code("1", count=None)),
    "out of order": (checks.every_cell_ran_in_order, code("1", count=7)),
    "error": (
        checks.no_errors,
        code("1", new_output("error", ename="E", evalue="e", traceback=[])),
    ),
    "stderr": (checks.no_errors, code("1", printed("w", "stderr"))),
    "carriage return": (checks.no_debris, code("1", printed("1\r2"))),
    "rate": (checks.no_debris, code("1", printed("9.1it/s"))),
    "bar": (checks.no_debris, code("1", printed(" 50%|███"))),
    "path": (checks.no_debris, code("1", printed("in /home/me/x"))),
    "widget": (
        checks.no_widgets,
        code("1", new_output("display_data", {notebooks.WIDGET_TYPE: {}})),
    ),
    "noise in metadata": (
        checks.normal_form,
        code("1", metadata={"collapsed": False}),
    ),
    "silent": (
        checks.ignored_cells_are_proven,
        code("x = 2", metadata=IGNORED),
    ),
    "asserting by itself": (
        checks.ignored_cells_are_proven,
        code("x = 2\nassert x > 1", metadata=IGNORED),
    ),
    "proven of another": (
        checks.ignored_cells_are_proven,
        code("x = 2", metadata=IGNORED),
        proof("assert y > 1", count=4),
    ),
    "proven elsewhere": (
        checks.ignored_cells_are_proven,
        code("x = 2", metadata=IGNORED),
        prose("## Elsewhere"),
        proof("assert x > 1", count=4),
    ),
    "uncalled assert": (
        checks.ignored_cells_are_proven,
        code("x = 2", metadata=IGNORED),
        proof("def f():\n    assert x", count=4),
    ),
    "marked": (
        checks.ignored_cells_are_proven,
        code("# NBVAL_IGNORE_OUTPUT\nx"),
    ),
    "two kinds": (
        checks.one_kind,
        code("x", metadata={"tags": ["figure", "proof"]}),
    ),
    "folded prose": (
        checks.one_kind,
        prose("x", metadata={"tags": ["proof"]}),
    ),
    "no proof": (checks.proofs_prove, proof("x")),
    "true assert": (checks.proofs_prove, proof("assert True")),
    "tuple assert": (checks.proofs_prove, proof("assert (x, 'why')")),
    "drawing proof": (checks.proofs_prove, proof("assert x", PICTURE)),
    "proof with a trace": (
        checks.proofs_leave_no_trace,
        proof("x = 2\nassert x > 1"),
    ),
    "proof before the answer": (
        checks.proofs_stand_behind,
        prose("How many?"),
        code("def f():\n    pass"),
        proof("assert f", count=4),
        code("f()", printed("1"), count=5),
    ),
    "proof before the run": (
        checks.proofs_stand_behind,
        prose("**Predict** it.\n\n<details>\n\n</details>"),
        proof("assert x"),
    ),
    "proof before its cell": (
        checks.proofs_stand_behind,
        prose("The figure shows it."),
        proof("assert x"),
        code("x", PICTURE, count=4),
    ),
    "no picture": (
        checks.figures_are_tagged,
        code("x", metadata={"tags": ["figure"]}),
    ),
    "untagged picture": (checks.figures_are_tagged, code("x", PICTURE)),
    "asserting in the open": (
        checks.teaching_without_asserts,
        code("def f(x):\n    assert x"),
    ),
    "long": (checks.short_cells, code("x\n" * 31)),
    "wide": (checks.short_cells, code("x" * 80)),
    "magic": (checks.raster_figures, code("%matplotlib inline")),
    "svg": (
        checks.raster_figures,
        code("1", new_output("display_data", {"image/svg+xml": "<svg/>"})),
    ),
    "second setup": (
        checks.setup_cell,
        code("1", metadata={"tags": ["setup"]}),
    ),
    "role": (checks.plain_markdown, prose("see {cite}`lin`")),
    "directive": (checks.plain_markdown, prose("```{note}\nx\n```")),
    "colons": (checks.plain_markdown, prose(":::{note}\nx\n:::")),
    "target": (checks.plain_markdown, prose("(here)=\n## X")),
    "second title": (checks.ordered_headings, prose("# Again")),
    "level jump": (checks.ordered_headings, prose("#### Deep")),
    "open details": (
        checks.clean_details,
        prose("<details>\n<summary>a</summary>\n\nx\n"),
    ),
    "tight details": (
        checks.clean_details,
        prose("<details>\n<summary>a</summary>\nx\n\n</details>"),
    ),
    "tight end": (
        checks.clean_details,
        prose("<details>\n<summary>a</summary>\n\nx\n</details>"),
    ),
    "styled summary": (
        checks.clean_details,
        prose("<details>\n<summary>*a*</summary>\n\nx\n\n</details>"),
    ),
    "unknown widget": (
        checks.widgets_with_fallback,
        prose('<div class="widget" data-widget="none">\n\nx\n\n</div>'),
    ),
    "tight widget": (
        checks.widgets_with_fallback,
        prose('<div class="widget" data-widget="nin-live">\nx\n</div>'),
    ),
    "other element": (checks.widgets_with_fallback, prose("<div>x</div>")),
    "bare picture": (checks.described_figures, code("1", PICTURE)),
    "two pictures": (
        checks.described_figures,
        code("1", PICTURE, PICTURE, metadata=DESCRIBED),
    ),
    "no alt": (checks.described_figures, prose("![](x.png)")),
    "pinned": (checks.gpu_or_a_reason, code('load_data(device="cpu")')),
}
SOUND = {
    "proven": [
        code("y = 2", metadata=IGNORED),
        proof("assert y > x", count=4),
    ],
    "proven in a branch": [
        code("y = 2", metadata=IGNORED),
        proof("if x:\n    assert y > 1", count=4),
    ],
    "arithmetic": [proof("assert 14 * 14 == 196")],
    "bound": [proof('says("{} layers", x)', printed("2 layers"))],
    "own names": [proof("_y = x + 1\nassert _y > x")],
    "proof of a run": [
        prose("**Predict** it."),
        code("print(x)", printed("1")),
        proof("assert x", count=4),
    ],
    "proof at the end": [
        prose("That is so."),
        proof("assert x"),
        prose("## Next\n\nHow many?"),
        code("x", count=4),
    ],
    "picture": [code("plt.show()", PICTURE, metadata=DESCRIBED)],
    "details": [prose("<details>\n<summary>a</summary>\n\nx\n\n</details>")],
    "widget": [
        prose('<div class="widget" data-widget="nin-live">\n\nx\n\n</div>')
    ],
    "code": [prose("`{cite}` and\n\n```python\n# no title\n```\n")],
    "math": [prose("$x_{i}$ and $$\\sum_{i}$$")],
    "subsection": [prose("### Deeper\n\n## Back")],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_sees_what_breaks_it(name, make_chapter):
    check, *cells = BROKEN[name]
    assert list(check(make_chapter(*cells))), name


@pytest.mark.parametrize("name", SOUND)
def test_the_rules_let_sound_cells_pass(name, make_chapter):
    chapter = make_chapter(*SOUND[name])
    faultless(fault for check in checks.CHECKS for fault in check(chapter))


def test_a_rule_sees_widget_state_and_a_foreign_kernel(make_chapter):
    chapter = make_chapter(
        widgets={}, kernelspec={"name": "conda", "display_name": "c"}
    )
    assert list(checks.no_widgets(chapter))
    assert list(checks.normal_form(chapter))


def test_a_rule_sees_shared_ids(make_chapter):
    chapter = make_chapter()
    chapter.cells[1].id = chapter.cells[0].id
    assert list(checks.unique_ids(chapter))


def installing(chapter, source):
    """The chapter with a setup cell that names this source."""
    cell = chapter.code[0]
    cell.source = re.sub(
        r'(?m)^repository = ".*"$', f'repository = "{source}"', cell.source
    )
    return chapter


@pytest.mark.parametrize(
    "source",
    [
        "git+https://github.com/someone/else",
        f"git+https://github.com/someone/else@{40 * 'a'}",
        "onebyone",
    ],
)
def test_a_rule_sees_a_foreign_repository(make_chapter, source):
    chapter = installing(make_chapter(), source)
    assert list(checks.setup_cell(chapter))


PUBLISHED = "https://github.com/owner/course"


@pytest.mark.parametrize(
    ("source", "sound"),
    [
        (f"git+{PUBLISHED}@{40 * 'a'}", True),
        (f"git+{PUBLISHED}@main", False),
        (f"git+{PUBLISHED}", False),
        ("", False),
    ],
)
def test_a_published_notebook_names_a_commit(
    source, sound, make_chapter, monkeypatch
):
    monkeypatch.setattr(repository, "configured", lambda: PUBLISHED)
    faults = list(checks.setup_cell(installing(make_chapter(), source)))
    assert (not faults) == sound
