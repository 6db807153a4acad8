"""Every number in the prose is proven, and the proof sees a changed digit."""

import ast
from collections import Counter
from fractions import Fraction
from pathlib import Path

import checks
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from tools import ROOT, notebooks
from tools.claims import bound, holds, pages
from tools.claims.__main__ import faults, main
from tools.claims.arithmetic import equations
from tools.claims.citations import citations
from tools.claims.mutation import DIGITS, in_bound_section, mutations
from tools.claims.plain import plain
from tools.claims.proofs import constant
from tools.claims.prose import claims
from tools.claims.quoted import (
    Quoted,
    quoted_figures,
    quoted_number,
    quoted_proofs,
)

# of each kind of falsehood that is planted in a bound section
CAUGHT, CAUGHT_DIGITS = 0.95, 0.99


@pytest.fixture(params=pages.all_pages(), ids=checks.short_path)
def page(request) -> pages.Page:
    return pages.read_page(request.param)


def test_what_a_page_says_is_proven(page):
    found = faults(page)
    assert not found, "\n" + "\n".join(found)


def test_the_table_of_what_nothing_holds_names_pages_that_exist():
    gone = [name for name in holds.committed() if not (ROOT / name).exists()]
    assert not gone, "python -m tools.claims --write-table"


@pytest.mark.parametrize("path", pages.scripts(), ids=checks.short_path)
def test_the_numbers_of_a_script_that_nothing_holds_only_become_fewer(path):
    assert not list(holds.more_open(pages.read_script(path)))


def test_one_number_more_that_nothing_holds_is_seen(monkeypatch):
    page = pages.read_page(ROOT / "book" / "notation.md")
    assert not list(holds.more_open(page))
    known = {page.name: holds.unheld(page) - 0.1}
    monkeypatch.setattr(holds, "committed", lambda: known)
    assert list(holds.more_open(page))


def test_a_falsehood_in_a_bound_section_is_caught(capsys):
    seen = Counter()
    missed = []
    for path in checks.chapters():
        page = pages.read_page(path)
        sections = holds.bound_sections(page)
        for mutation in mutations(page):
            inside = mutation.text.section in sections
            if not inside or not in_bound_section(mutation):
                continue
            caught = mutation.caught()
            seen[mutation.kind, caught] += 1
            missed += [] if caught else [str(mutation)]
    table = checks.shown(seen)
    with capsys.disabled():
        print("\n" + table)
    listed = "\n".join([table, *missed])
    digits = Counter()
    for (kind, caught), count in seen.items():
        if kind in DIGITS:
            digits[caught] += count
    for kind in {kind for kind, _ in seen}:
        assert share(seen[kind, True], seen[kind, False]) >= CAUGHT, listed
    assert share(digits[True], digits[False]) >= CAUGHT_DIGITS, listed


def share(caught: int, missed: int) -> float:
    return caught / (caught + missed)


# --- Quoted figures --------------------------------------------------------


def test_every_quoted_figure_says_what_it_is_and_whence():
    for entry in quoted_figures():
        assert entry.what, f"{entry.value}: what is it?"
        assert bool(entry.source) != bool(entry.notebook), (
            f"{entry.value}: either a source or a notebook"
        )


def test_no_figure_is_quoted_twice():
    known = Counter(
        proof.value
        for entry in quoted_figures()
        for proof in list(quoted_proofs(entry))[:1]
    )
    twice = [float(value) for value, count in known.items() if count > 1]
    assert not twice, f"quoted twice: {twice}"


def test_every_quoted_figure_is_used():
    read = map(pages.read_page, pages.all_pages())
    used = set().union(*map(pages.used_entries, read))
    unused = [e.value for e in quoted_figures() if e.value not in used]
    assert not unused, f"quoted, but on no page: {unused}"


def test_a_figure_quoted_from_a_chapter_is_proven_there():
    for entry in quoted_figures():
        if entry.notebook:
            path = ROOT / "book" / entry.notebook
            own = pages.read_page(path, entries=()).proofs
            number = quoted_number(entry)
            assert own.matching(number), f"{path.name}: no {entry.value}"


# --- What is a claim -------------------------------------------------------

CLAIMS = {
    # four digits or more
    "NiN has 1,992,166 parameters": ["1,992,166"],
    "it has $1{,}992{,}166$ of them": ["1{,}992{,}166"],
    "a vector of 4096 numbers": ["4096"],
    "1,492 fewer, −1,492, or 0,492": ["1,492", "1,492", "0,492"],
    "26M, or 48K": ["26M", "48K"],
    "1.5 million of them": ["1.5 million"],
    "from 10 to 20 million": ["10", "20 million"],
    "2.469×10¹⁰ MACs": ["2.469×10¹⁰"],
    r"$2.469 \times 10^{10}$": [r"2.469 \times 10^{10}"],
    "7e-5 and 1.3·10⁻⁶": ["7e-5", "1.3·10⁻⁶"],
    # decimals
    "a loss of 2.303": ["2.303"],
    "between .55 and .58": [".55", ".58"],
    r"$\approx2.3$": ["2.3"],
    "1.525 GFLOP and 7.68 MB": ["1.525 GFLOP", "7.68 MB"],
    "version of 3.5 pages": ["3.5"],
    # percentages
    "5 % of 95.96%": ["5 %", "95.96%"],
    r"$95.96\,\%$": [r"95.96\,\%"],
    "88.7/88.8 %": ["88.7", "88.8 %"],
    "2 percentage points": ["2 percentage points"],
    # ratios
    "9× cheaper": ["9"],
    r"$9\times$ cheaper": ["9"],
    "12 times as many": ["12"],
    # integers with a unit
    "3 channels": ["3"],
    "16 output channels": ["16"],
    "$C = 3$ channels": ["3"],
    "a 3-channel image": ["3"],
    "the 16 $1\\times1$ filters": ["16"],
    "**3 channels** and *7 layers*": ["3", "7"],
    "3 to 6 dead class channels": ["3", "6"],
    "2, 4 and 8 epochs": ["2", "4", "8"],
    "8 of 10 classes": ["8", "10"],
    "90 s or 250 ms": ["90", "250"],
    "300 images of 28×28 pixels": ["300"],
    "2000 images in 2015": ["2000"],
    # results of calculations
    "16·5·5·120 = 480": ["480"],
    "$(224-11)/4+1 = 54$": ["54"],
    "0 − 18 = −18": ["18"],
    "110,592/12,288 = 9": ["110,592", "12,288", "9"],
    "2 × 762,297,352": ["762,297,352"],
    # prose in HTML, links and directives
    '<b id="x-1234">7.5</b>': ["7.5"],
    "[4.5 of them](page-5.5.html)": ["4.5"],
    "![a 4.5](5.5.png)": ["4.5"],
    '<img src="5.5.png" alt="a 4.5">': ["4.5"],
    "```{note}\nIt is 4.5.\n```": ["4.5"],
    ":::{figure} 5.5.png\n:alt: a 4.5\n:width: 6.5\nand 7.5\n:::": [
        "4.5",
        "7.5",
    ],
    # no claims
    "a 1×1 on 96×54×54, in 224 by 224 pixels": [],
    "k×k, 3 × C, 3×$C$ and 28x28": [],
    "blocks of 32-64-96 channels": [],
    "$x_{10}$, $W^{3}$, $54^2$ and 10⁻³": [],
    "CIFAR-10, ResNet-18 layers, 4c and 3D pictures": [],
    "`lr=0.1` and ``5.5`` and {cite}`lin2013`": [],
    "```python\nx = 4.5\n```\n~~~\n5.5\n~~~": [],
    "```{code-block} python\nx = 4.5\n```": [],
    "[text](https://example.org/1234/5.5) https://example.org/9999": [],
    "<https://example.org/5.5> <!-- 4.5 --> <br id='5.5'/>": [],
    "[a]: https://example.org/5.5\n\n(target-4.5)=": [],
    "in 2014 two networks (2015), Lin et al., 2013.": [],
    "arXiv 1312.4400, arXiv:1409.4842": [],
    "Python 3.11, 3.12 and 3.13; d2l 1.0.3; CC BY 4.0": [],
    "Section 3.2, Table 2, layer 3 weights, seeds 0 and 1": [],
    "## Task 1\n\n1. First, the 5th.": [],
    "d2l-en#662": [],
    "ten channels, $C=16$, a batch of 128": [],
}


@pytest.mark.parametrize("text", CLAIMS)
def test_what_is_a_claim(text):
    assert [claim.text for claim in claims(text)] == CLAIMS[text]


def test_positions_of_claims_are_those_of_the_text():
    text = "`code 1.5`, [a](b_2.5) and **4.5**"
    (claim,) = claims(text)
    assert text[claim.start : claim.end] == "4.5"


# --- What proves it --------------------------------------------------------


def printing(text: str, *tags: str, source="1"):
    output = new_output("stream", name="stdout", text=text)
    metadata = {"tags": list(tags)}
    return new_code_cell(source, outputs=[output], metadata=metadata)


def page_of(tmp_path: Path, prose: str, *cells, quoted=()) -> pages.Page:
    cells = [new_markdown_cell(prose), *cells]
    notebook = notebooks.normalise(new_notebook(cells=cells))
    path = tmp_path / "page.ipynb"
    path.write_text(notebooks.dumps(notebook), encoding="utf-8")
    return pages.read_page(path, quoted)


def unproven(tmp_path: Path, prose: str, *cells, quoted=()) -> list[str]:
    page = page_of(tmp_path, prose, *cells, quoted=quoted)
    return [failure.claim.text for failure in holds.unproven(page)]


PROVEN = [
    ("1,992,166 weights", "1992166"),
    ("1,992,166 weights", "1,992,166"),
    ("26M weights", "26214400"),
    ("2 million weights", "1,992,166"),
    ("95.96 %", "0.95959"),
    ("95.96 %", "95.96"),
    ("5 %", "5 %"),
    ("1.525 GFLOP", "1,524,594,704"),
    ("1.525 GFLOP", "1.525"),
    ("2.303", "tensor(2.3026)"),
    ("54.3 or 54.2", "54.25"),
    ("2.469×10¹⁰", "24690000000"),
    ("1.3e-6", "1.3e-06"),
    ("96 channels", "torch.Size([1, 96, 54, 54])"),
    ("1,492 fewer", "-1492"),
    ("9.0×", "9.0"),
    ("0.1", "0.1"),
]
NOT_PROVEN = [
    ("1,992,167 weights", "1992166"),
    ("27M weights", "26214400"),
    ("26,000,000 weights", "26M"),
    ("95.97 %", "0.95959"),
    ("5 %", "5"),
    ("26M weights", "26"),
    ("2.304", "2.3026"),
    ("9× cheaper", "9.02"),
    ("0.1", "0.098"),
    ("2 channels", "Conv2d"),
    ("7.68 MiB", "7680000"),
    ("2.300", "2.3"),
    ("0,492 and 09 channels", "492 9"),
]


@pytest.mark.parametrize(("prose", "output"), PROVEN)
def test_an_output_proves_a_claim(tmp_path, prose, output):
    assert not unproven(tmp_path, prose, printing(output))


@pytest.mark.parametrize(("prose", "output"), NOT_PROVEN)
def test_another_number_does_not_prove_it(tmp_path, prose, output):
    assert unproven(tmp_path, prose, printing(output))


def test_outputs_that_nbval_ignores_prove_nothing(tmp_path):
    prose, found = "a loss of 4.25", ["4.25"]
    ignored = printing("4.25", "nbval-ignore-output")
    skipped = printing("", "nbval-skip", source="assert x == 4.25")
    marked = printing("4.25", source="# NBVAL_IGNORE_OUTPUT\n1")
    assert unproven(tmp_path, prose, ignored, skipped, marked) == found


def test_tables_prove_and_their_styles_do_not(tmp_path):
    html = "<style>.x {width: 5.5px}</style><td>1,234</td>"
    table = new_output("display_data", {"text/html": html})
    cell = new_code_cell("1", outputs=[table])
    assert unproven(tmp_path, "1,234 and 5.5", cell) == ["5.5"]


@pytest.mark.parametrize(
    ("prose", "source"),
    [
        ("1,524,594,704", "assert macs(net) * 2 == 2 * 762_297_352"),
        ("95 %", "assert x < 1 - 0.05"),
        ("2.303", "assert abs(loss - math.log(10)) < 1e-6"),
        ("0.89", "if x:\n    assert 0.89 < x"),
        ("9.0×", "assert 110_592 / 12_288 == ratio"),
    ],
)
def test_an_assert_proves_a_claim(tmp_path, prose, source):
    cell = printing("", "nbval-ignore-output", source=source)
    assert not unproven(tmp_path, prose, cell)


@pytest.mark.parametrize(
    "source",
    [
        "x = 4.25",
        "assert x, 4.25",
        "assert x, '4.25'",
        "# assert x == 4.25",
        "def f():\n    assert x == 4.25",
        "assert x == '4.25'",
    ],
)
def test_other_code_does_not_prove_it(tmp_path, source):
    assert unproven(tmp_path, "4.25", printing("", source=source))


def test_magics_do_not_disturb(tmp_path):
    source = "if x:\n    %pip install y\n!ls\nassert x == 4.25"
    assert not unproven(tmp_path, "4.25", printing("", source=source))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("-3", Fraction(-3)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("7 // 2 * 2 ** -1", Fraction(3, 2)),
        ("10 % 4", Fraction(2)),
        ("10 ** 10 ** 10", None),
        ("1 / 0", None),
        ("True", None),
        ("'5'", None),
        ("x + 1", None),
    ],
)
def test_constants_are_exact_and_safe(expression, value):
    assert constant(ast.parse(expression, mode="eval").body) == value


def test_a_quoted_figure_proves_a_claim(tmp_path):
    error = Quoted("10.41 %", "test error", source="a paper")
    seeds = Quoted("3 seeds", "runs", source="a record")
    prose = "10.41 %, in a table 10.41, from 3 seeds, not 3 layers"
    assert unproven(tmp_path, prose, quoted=[error, seeds]) == ["3"]


def test_a_page_is_proven_by_quoted_figures_alone(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("---\nx: 5.5\n---\nFrom 4.25 to 8.5.", encoding="utf-8")
    page = pages.read_page(path, [Quoted("4.25", "x", source="y")])
    assert [found.claim.text for found in holds.unproven(page)] == ["8.5"]
    assert pages.used_entries(page) == {"4.25"}


def test_a_block_of_recorded_results_proves_claims_of_its_page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "# One\n3.25 times as fast, 4.75 with more threads, for 7 images.\n"
        "# Two\n<!-- results: speed-cpu -->\n| ours | 3.25× | 7 |\n"
        "<!-- end of results -->\n",
        encoding="utf-8",
    )
    page = pages.read_page(path, ())
    found = [f.claim.text for f in holds.unproven(page)]
    assert found == ["4.75", "7"]  # the 7 is short, and stands elsewhere


def test_captions_and_alt_texts_are_prose(tmp_path):
    figure = {"image": {"alt": "a 4.25"}, "figure": {"caption": "an 8.5"}}
    cell = new_code_cell("1", metadata={"mystnb": figure})
    assert unproven(tmp_path, "none", cell) == ["4.25", "8.5"]


def test_a_message_names_the_page_the_cell_and_the_words(tmp_path, capsys):
    unproven(tmp_path, "# T\n\nThe loss falls to 4.25 in the end.")
    assert main([str(tmp_path / "page.ipynb")]) == 1
    said = capsys.readouterr().out
    for piece in ("page.ipynb", "cell 1", "'4.25'", "The loss falls to"):
        assert piece in said


def test_a_short_claim_is_proven_in_its_own_section(tmp_path, capsys):
    cells = [
        printing("64 channels, 1,234 weights"),
        new_markdown_cell("Still here: 64.0.\n\n### Next\n\n64 channels."),
        printing("# no heading"),
        new_markdown_cell("64 maps\n\n```\n# no heading\n```\n1,234"),
        printing("32"),
        new_markdown_cell("32 maps"),
    ]
    prose = "# Title\n\n64 channels"
    assert unproven(tmp_path, prose, *cells) == ["64", "64"]
    main([str(tmp_path / "page.ipynb")])
    assert "'64' is short and not proven in its" in capsys.readouterr().out


# --- Bound sentences -------------------------------------------------------


@pytest.mark.parametrize(
    ("prose", "sentence"),
    [
        ("So *two* are **0.62 ± 0.19** ahead.", "two are 0.62 ± 0.19 ahead"),
        ("as [the\n  paper](https://x.org/2) has it", "as the paper has it"),
        ("It has `k` of `1×1`", "it has k of 1×1"),
        ("with −0.02 points, says {numref}`fig-x`", "with -0.02 points"),
        ("<summary>It has 3 maps</summary>", "It has 3 maps"),
        ("takes $k^2\\, C_\\text{in}$ of them", "$k^2\\, C_\\text{in}$"),
        ("| one | 4.5 |", "one 4.5"),
    ],
)
def test_a_sentence_is_found_whatever_its_markup(prose, sentence):
    ((start, end),) = plain(prose).find(sentence)
    assert 0 <= start < end <= len(prose)


@pytest.mark.parametrize(
    ("prose", "sentence"),
    [
        ("two are 0.621 ahead", "two are 0.62"),
        ("it is 1,234", "it is 1"),
        ("one is 10.5 ahead", "0.5 ahead"),
        ("two are behind", "two are ahead"),
        ("with −0.02 points", "with 0.02 points"),
        ("Two Are ahead", "two are ahead"),
    ],
)
def test_another_sentence_is_not_found(prose, sentence):
    assert not plain(prose).find(sentence)


def proof_cell(source: str, printed: str = ""):
    return printing(printed, "proof", source=source)


IMPORT = "from onebyone.statements import ahead, number_word, says\n"


@pytest.mark.parametrize(
    "source",
    [
        'says("the {} of ResNet-18 has {} 1×1 layers", name, n)',
        'says("it is {} the other", ahead(lead))',
        'says("it is {} and {}", *(ahead(lead), lead))',
        'says("it has {:,} of them", sizes["parameters"])',
    ],
)
def test_a_template_with_fields_is_allowed(source):
    assert not list(bound.template_faults(proof_cell(IMPORT + source)))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('says("it has 3 of {}", x)', "number 3"),
        ('says("it has 4.5 of {}", x)', "number 4.5"),
        ('says("a 3×5 of {}", x)', "number 3×5"),
        ('says("two are {} points", x)', "'two'"),
        ('says("is ahead by {}", x)', "'ahead'"),
        ('a = "Xavier"\nsays("Xavier has {}", x)', "'Xavier'"),
        ('says("it is {}", "larger")', "written out"),
        ('says("it has {} maps", number_word(2))', "written out"),
        ('says("it is {}", gain(a, b))', "give the result a name"),
        ('for x in y:\n    says("it is {}", x)', "stands by itself"),
        ("says(template, x)", "written out"),
        ('print("it is so")', "only says"),
    ],
)
def test_a_template_that_says_it_itself_is_refused(source, complaint):
    found = list(bound.template_faults(proof_cell(IMPORT + source)))
    assert any(complaint in fault for fault in found), found


def bound_page(tmp_path: Path, prose: str, *cells) -> pages.Page:
    return page_of(tmp_path, f"# T\n\n{prose}", *cells)


def test_what_a_proof_printed_must_stand_in_its_own_section(tmp_path):
    proof = proof_cell("says(x)", "it has 4.5 maps\n")
    page = bound_page(tmp_path, "So it has *4.5 maps*.", proof)
    assert not list(holds.faults(page))
    elsewhere = new_markdown_cell("# U\n\nit has 4.5 maps")
    page = bound_page(tmp_path, "Nothing.", proof, elsewhere)
    (fault,) = holds.faults(page)
    assert "the prose does not say: it has 4.5 maps" in fault


HELD = [
    ("so it has 4.5 maps", [holds.BOUND]),
    ("2·3 = 6", [holds.ARITHMETIC] * 3),
    ("ResNet", []),
    ("a 3×3 kernel", [holds.NAME] * 2),
    ("on 8×28×28 maps", [holds.OUTPUT] * 3),
    ("on 8×28×29 maps", [holds.NOTHING] * 3),
    ("1,992,166 of them", [holds.OUTPUT]),
    ("7 of them", [holds.NOTHING]),
    ("by [Lin, Chen and Yan (2013)](https://arxiv.org/abs/1312.4400)",
     [holds.NAME]),
    ("by [Lin, Chen and Yan (2012)](https://arxiv.org/abs/1312.4400)",
     [holds.NOTHING]),
]  # fmt: skip


@pytest.mark.parametrize(("prose", "kinds"), HELD)
def test_what_holds_a_number_of_a_bound_section(tmp_path, prose, kinds):
    proof = proof_cell("says(x)", "it has 4.5 maps\n")
    output = printing("7 torch.Size([8, 28, 28]) 1,992,166")
    page = bound_page(tmp_path, prose, output, proof)
    found = [
        token.held_by
        for text in page.texts
        for token in holds.text_tokens(page, text, strict=True)
    ]
    assert found == kinds


@pytest.mark.parametrize(
    ("maths", "found"),
    [("$m$", 0), ("$C_\\text{in}$", 0), ("$k^2$", 1), ("$a + b$", 1)],
)
def test_a_formula_of_a_bound_section_stands_beside_a_function(
    tmp_path, maths, found
):
    page = bound_page(tmp_path, f"The {maths} of it.")
    faults = [f for f in holds.unbound(page, 1) if "no function" in f]
    assert len(faults) == found


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("256·64 + 9·64·64 = 53,248", [True]),
        ("256·64 + 9·64·64 = 53,249", [False]),
        ("it is 153,600/15,872 ≈ 9.7 here", [True]),
        ("it is 153,600/15,872 ≈ 9.6 here", [False]),
        ("192·16 + 4 = 3,072 + 4 = 3,076", [True, True]),
        ("(224 − 11)/4 + 1 = 54.25, so 54", [True]),
        (r"$\frac{1}{4} = 0.25$", [True]),
        ("$k = 3$ and x = 4 and 5 = 5", []),
        ("2k + 1 = 7", []),
    ],
)
def test_arithmetic_in_prose_is_evaluated(text, right):
    assert [e.holds for e in equations(text)] == right


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Szegedy et al. (2013)", "of that year"),
        ("Lin, Chen and Yan, 2014", "of that year"),
        ("**NiN** (2014)", "of that year"),
        ("[He et al., 2015](https://arxiv.org/abs/1603.05027)", "another"),
        ("arXiv 1312.4401", "not in references"),
    ],
)
def test_a_wrong_year_or_work_is_refused(text, complaint):
    assert any(complaint in c.fault for c in citations(text))


def test_sources_of_quoted_figures_agree_with_the_references():
    for entry in quoted_figures():
        for citation in citations(entry.source):
            assert not citation.fault, f"{entry.value}: {citation}"


def test_a_report_names_what_holds_each_number(tmp_path, capsys):
    bound_page(tmp_path, "2·3 = 6, and 17 more")
    assert main(["--report", str(tmp_path / "page.ipynb")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[2] for line in lines] == [
        *["arithmetic"] * 3,
        "nothing",
    ]
