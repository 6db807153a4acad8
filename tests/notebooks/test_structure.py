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


def ignored(source):
    return code(source, metadata={"tags": ["nbval-ignore-output"]})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


prose = new_markdown_cell


def widget(name, inside):
    return prose(f'<div class="widget" data-widget="{name}">{inside}</div>')


BROKEN = {
    checks.every_cell_ran_in_order: {
        "not run": [code("1", count=None)],
        "out of order": [code("1", count=7)],
    },
    checks.no_errors: {
        "error": [
            code("1", new_output("error", ename="E", evalue="", traceback=[]))
        ],
        "stderr": [code("1", printed("w", "stderr"))],
    },
    checks.no_debris: {
        "carriage return": [code("1", printed("1\r2"))],
        "rate": [code("1", printed("9.1it/s"))],
        "bar": [code("1", printed(" 50%|███"))],
        "path": [code("1", printed("in /home/me/x"))],
    },
    checks.normal_form: {
        "widget": [
            code("1", new_output("display_data", {notebooks.WIDGET_TYPE: {}}))
        ],
        "noise in metadata": [code("1", metadata={"collapsed": False})],
    },
    checks.ignored_cells_are_proven: {
        "silent": [ignored("x = 2")],
        "asserting by itself": [ignored("x = 2\nassert x > 1")],
        "proven of another": [
            ignored("x = 2"),
            proof("assert y > 1", count=4),
        ],
        "proven elsewhere": [
            ignored("x = 2"),
            prose("## Elsewhere"),
            proof("assert x > 1", count=4),
        ],
        "uncalled assert": [
            ignored("x = 2"),
            proof("def f():\n    assert x", count=4),
        ],
        "marked": [code("# NBVAL_IGNORE_OUTPUT\nx")],
    },
    checks.one_kind: {
        "two kinds": [code("x", metadata={"tags": ["figure", "proof"]})],
        "folded prose": [prose("x", metadata={"tags": ["proof"]})],
    },
    checks.proofs_prove: {
        "no proof": [proof("x")],
        "true assert": [proof("assert True")],
        "tuple assert": [proof("assert (x, 'why')")],
        "drawing proof": [proof("assert x", PICTURE)],
    },
    checks.proofs_leave_no_trace: {
        "proof with a trace": [proof("x = 2\nassert x > 1")],
    },
    checks.proofs_stand_behind: {
        "proof before the answer": [
            prose("How many?"),
            code("def f():\n    pass"),
            proof("assert f", count=4),
            code("f()", printed("1"), count=5),
        ],
        "proof before the run": [
            prose("**Predict** it.\n\n<details>\n\n</details>"),
            proof("assert x"),
        ],
        "proof before its cell": [
            prose("The figure shows it."),
            proof("assert x"),
            code("x", PICTURE, count=4),
        ],
    },
    checks.figures_are_tagged: {
        "no picture": [code("x", metadata={"tags": ["figure"]})],
        "untagged picture": [code("x", PICTURE)],
    },
    checks.teaching_without_asserts: {
        "asserting in the open": [code("def f(x):\n    assert x")],
    },
    checks.short_cells: {
        "long": [code("x\n" * 31)],
        "wide": [code("x" * 80)],
    },
    checks.raster_figures: {
        "magic": [code("%matplotlib inline")],
        "svg": [
            code("1", new_output("display_data", {"image/svg+xml": "<svg/>"}))
        ],
    },
    checks.setup_cell: {
        "second setup": [code("1", metadata={"tags": ["setup"]})],
    },
    checks.plain_markdown: {
        "role": [prose("see {cite}`lin`")],
        "directive": [prose("```{note}\nx\n```")],
        "colons": [prose(":::{note}\nx\n:::")],
        "target": [prose("(here)=\n## X")],
    },
    checks.ordered_headings: {
        "second title": [prose("# Again")],
        "level jump": [prose("#### Deep")],
    },
    checks.clean_details: {
        "open": [prose("<details>\n<summary>a</summary>\n\nx\n")],
        "tight": [prose("<details>\n<summary>a</summary>\nx\n\n</details>")],
        "tight end": [
            prose("<details>\n<summary>a</summary>\n\nx\n</details>")
        ],
        "styled summary": [
            prose("<details>\n<summary>*a*</summary>\n\nx\n\n</details>")
        ],
    },
    checks.widgets_with_fallback: {
        "unknown": [widget("none", "\n\nx\n\n")],
        "tight": [widget("nin-live", "\nx\n")],
        "other element": [prose("<div>x</div>")],
    },
    checks.described_figures: {
        "bare picture": [code("1", PICTURE)],
        "two pictures": [code("1", PICTURE, PICTURE, metadata=DESCRIBED)],
        "no alt": [prose("![](x.png)")],
    },
    checks.gpu_or_a_reason: {"pinned": [code('load_data(device="cpu")')]},
}
SOUND = {
    "proven": [ignored("y = 2"), proof("assert y > x", count=4)],
    "proven in a branch": [
        ignored("y = 2"),
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
    "widget": [widget("nin-live", "\n\nx\n\n")],
    "code": [prose("`{cite}` and\n\n```python\n# no title\n```\n")],
    "math": [prose("$x_{i}$ and $$\\sum_{i}$$")],
    "subsection": [prose("### Deeper\n\n## Back")],
}


@pytest.mark.parametrize(
    ("check", "cells"),
    [
        pytest.param(check, cells, id=f"{check.__name__}-{name}")
        for check, broken in BROKEN.items()
        for name, cells in broken.items()
    ],
)
def test_a_rule_sees_what_breaks_it(check, cells, make_chapter):
    assert list(check(make_chapter(*cells)))


@pytest.mark.parametrize("cells", SOUND.values(), ids=SOUND)
def test_the_rules_let_sound_cells_pass(cells, make_chapter):
    chapter = make_chapter(*cells)
    faultless(fault for check in checks.CHECKS for fault in check(chapter))


@pytest.mark.parametrize(
    "metadata",
    [{"widgets": {}}, {"kernelspec": {"name": "c", "display_name": "c"}}],
)
def test_a_rule_sees_widget_state_and_a_foreign_kernel(make_chapter, metadata):
    assert list(checks.normal_form(make_chapter(**metadata)))


@pytest.mark.parametrize("other", ["cell-0", ""])
def test_a_rule_sees_shared_and_missing_ids(make_chapter, other):
    chapter = make_chapter()
    text = chapter.path.read_text("utf-8")
    changed = text.replace('"id": "cell-1"', f'"id": "{other}"')
    chapter.path.write_text(changed, "utf-8")
    assert changed != text and list(checks.normal_form(chapter))


OWN, OTHER = (f"https://github.com/{name}/course" for name in ("own", "other"))


@pytest.mark.parametrize(
    ("published", "source", "sound"),
    [
        (None, f"git+{OTHER}", False),
        (None, f"git+{OTHER}@{40 * 'a'}", False),
        (None, "onebyone", False),
        (None, "", True),
        (OWN, f"git+{OWN}@{40 * 'a'}", True),
        (OWN, f"git+{OTHER}@{40 * 'a'}", False),
        (OWN, f"git+{OWN}@main", False),
        (OWN, f"git+{OWN}", False),
        (OWN, "", False),
    ],
)
def test_a_published_notebook_alone_names_a_repository_its_own_at_a_commit(
    published, source, sound, make_chapter, monkeypatch
):
    monkeypatch.setattr(repository, "configured", lambda: published)
    chapter = make_chapter()
    setup = chapter.code[0]
    setup.source = checks.installing(setup.source, source)
    assert (not list(checks.setup_cell(chapter))) == sound
