"""The sentences of a proof follow its values: other values, other words."""

import ast
from collections import Counter
from pathlib import Path

import checks
import matplotlib.pyplot as plt
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import notebooks
from tools.claims import data, holds, pages


@pytest.fixture(autouse=True)
def no_style_left_behind():
    """A page that runs here sets the book's style for its own test alone."""
    with plt.rc_context():
        yield


def sections_with_a_proof():
    for path in checks.chapters():
        page = pages.read_page(path)
        for number in holds.bound_sections(page):
            section = data.Section(path, page.titles[number])
            if section.proof:
                yield path, page.titles[number]


BOUND = list(sections_with_a_proof())


@pytest.mark.parametrize(("path", "title"), BOUND, ids=lambda x: str(x)[-24:])
def test_a_proof_run_anew_prints_what_the_notebook_holds(path, title):
    section = data.Section(path, title)
    page = pages.read_page(path)
    (number,) = [n for n, known in page.titles.items() if known == title]
    said = section.said(section.names())
    assert said is not None
    lines = "\n".join(said.values()).splitlines()
    assert lines == [s for s in page.printed[number] if s in lines]


@pytest.mark.parametrize(("path", "title"), BOUND, ids=lambda x: str(x)[-24:])
def test_other_values_make_other_sentences(path, title, capsys):
    section = data.Section(path, title)
    seen, missed = Counter(), []
    for mutation in data.data_mutations(section):
        seen[mutation.kind, mutation.caught] += 1
        missed += [] if mutation.caught else [str(mutation)]
    with capsys.disabled():
        print("\n" + checks.shown(seen))
    only_formulas = not any("says(" in ast.unparse(n) for n in section.proof)
    assert seen or only_formulas
    assert not missed, "\n" + "\n".join(missed)


# --- The test of that test, on pages made for it ---------------------------


def section_of(tmp_path: Path, *cells: str, proof: str) -> data.Section:
    """Write a page, a section a cell; return the one with the proof."""
    page = [new_markdown_cell("# Start"), new_code_cell(BEGIN)]
    for number, source in enumerate(cells):
        page += [new_markdown_cell(f"## {number}"), new_code_cell(source)]
    page += [new_markdown_cell("## Proof"), new_code_cell(proof)]
    page[-1].metadata["tags"] = ["proof"]
    path = tmp_path / "page.ipynb"
    notebook = notebooks.normalise(new_notebook(cells=page))
    path.write_text(notebooks.dumps(notebook), encoding="utf-8")
    return data.Section(path, "Proof")


BEGIN = """
from onebyone import study
from onebyone.statements import either, points, says
ran = []
"""

FOLLOWS = {
    "a, b = 3, 5\nsays('{} maps, and {}', a, b)": True,
    "a = 3\nsays('{} maps', either(a > 0, 'some', 'no'))": False,
    "a, b = 3, 5\nsays('{} maps', a)\nassert a < b": True,
    "a, b = 3, 5\nassert a < b\nsays('{} maps', a * b)": True,
}


@pytest.mark.parametrize("proof", FOLLOWS)
def test_a_sentence_that_does_not_follow_its_values_is_found(tmp_path, proof):
    section = section_of(tmp_path, proof=proof)
    mutations = list(data.data_mutations(section))
    assert mutations
    assert all(mutation.caught for mutation in mutations) == FOLLOWS[proof]


READ = """
ran.append("read")
runs = study.load("heads")
runs = runs[(runs["fraction"] == 1) & (runs["steps"] == 938)]
"""
LEAD = """
lead = study.difference(
    runs, "accuracy", of={"head": "GAP"}, minus={"head": "FC"}
)
"""


def test_arms_are_exchanged_where_the_record_is_read(tmp_path):
    before, behind = "ran.append('before')", "ran.append('behind')"
    proof = LEAD + "says('{} points', points(lead))"
    section = section_of(tmp_path, before, READ, behind, proof=proof)
    ran = section.names()["ran"]
    del ran[:]
    mutations = list(data.data_mutations(section))
    exchanged = [m for m in mutations if m.kind == "arms exchanged"]
    assert exchanged and all(m.caught for m in exchanged)
    # once to see that it says the same again, and once for the exchange
    assert ran == ["read", "behind"] * (1 + len(exchanged))


def test_a_proof_that_says_another_thing_each_time_is_refused(tmp_path):
    proof = (
        LEAD + "ran.append(1)\nn = len(ran)\nsays('{} by {}', n, points(lead))"
    )
    section = section_of(tmp_path, READ, proof=proof)
    with pytest.raises(ValueError, match="another thing when run again"):
        list(data.data_mutations(section))
