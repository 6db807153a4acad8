"""What teachers get: the page of a class's mistakes, and Moodle's questions.

The submissions are the book's own student notebooks, filled in.
"""

import json
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import check_examples
from onebyone import check
from onebyone.check.__main__ import main
from onebyone.check.engine.choices import Choice
from onebyone.check.engine.tasks import Group, Shape, Value
from onebyone.check.engine.verdicts import CORRECT, NOT_YET
from onebyone.check.teaching import TeachingError, moodle, tally
from onebyone.check.teaching.submissions import verdicts_in
from tools import ROOT

EXERCISES = ROOT / "exercises"
UNREAD = "check.counting.unread"  # a task whose answer is a number


# --- What a class hands in -------------------------------------------------


def hand_in(folder: Path, student: str, name: str, answers: dict) -> Path:
    """A student notebook of the book as nbgrader collects it."""
    notebook = nbformat.read(EXERCISES / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        own = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(own, cell.source)
    path = folder / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def solutions(name: str) -> dict[str, str]:
    source = EXERCISES / "solutions" / f"{name}.ipynb"
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in nbformat.read(source, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def asked(folder: Path, *sources: str) -> Path:
    """A notebook of these cells."""
    path = folder / "own.ipynb"
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells), path)
    return path


class Rows(HTMLParser):
    """The tables of a page: by caption, each row's words with its count."""

    def __init__(self, page: str):
        super().__init__()
        self.tables: dict[str, dict[str, str]] = {}
        self.text, self.row = "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag in ("caption", "th", "td"):
            self.text = ""
        elif tag == "tr":
            self.row = []

    def handle_data(self, data):
        self.text += data

    def handle_endtag(self, tag):
        if tag == "caption":
            self.table = self.tables.setdefault(self.text, {})
        elif tag in ("th", "td"):
            self.row.append(self.text)
        elif tag == "tr" and self.row[-1] != "notebooks":
            self.table[self.row[0]] = self.row[-1]


MISTAKEN = {
    "unread": "unread = (299 + 2 * 2 - 9) % 8",
    "layer_costs": "parameters = 24 * 40 * 5**2\nmacs = flops = ...\n"
    "activations = 7",
    "tied_layer": "tied_layer = 'a'",
}


@pytest.fixture
def submitted(tmp_path):
    """Six students: one right, three with mistakes, two blank or broken."""
    folder = tmp_path / "submitted"
    hand_in(folder, "ada_lovelace", "counting", solutions("counting"))
    hand_in(folder, "ada_lovelace", "nin", solutions("nin"))
    for student in ("bob_marley", "cem_karaca"):
        hand_in(folder, student, "counting", MISTAKEN)
    trained = {"unread": "unread = torch.tensor(3)", "tied_layer": "a b"}
    hand_in(folder, "dora_maar", "counting", MISTAKEN | trained)
    hand_in(folder, "eve_arnold", "counting", {})
    (folder / "eve_arnold" / "notes.ipynb").write_text("{ broken")
    return folder


def test_a_page_says_which_mistake_how_many_made(submitted, tmp_path, capsys):
    output = tmp_path / "class.html"
    assert main(["mistakes", str(submitted), "--output", str(output)]) == 0
    page = output.read_text(encoding="utf-8")
    tables = Rows(page).tables

    padding = check.counting.unread.known[0].message
    assert tables["Rows that nobody reads"] == {
        tally.RIGHT: "1 of 5",
        padding: "2 of 5",
        tally.BLANK: "1 of 5",
        tally.UNREAD: "1 of 5",
    }
    no_bias = "You left out the biases. There is one for each output channel."
    assert tables["The four costs of a layer: parameters"] == {
        tally.RIGHT: "1 of 5",
        no_bias: "3 of 5",
        tally.BLANK: "1 of 5",
    }
    assert tables["The four costs of a layer: activations"] == {
        tally.RIGHT: "1 of 5",
        tally.OTHER: "3 of 5",
        tally.BLANK: "1 of 5",
    }
    assert tables["One layer, used three times"][tally.UNREAD] == "1 of 5"
    assert tables["Parameters of a block"] == {tally.RIGHT: "1 of 1"}
    rows = tables["The four costs of a layer: parameters"].items()
    caption = "The four costs of a layer: parameters"
    assert taught(caption) == " ".join([caption, *map(" ".join, rows)])
    # the most common one first
    assert list(tables["The most common mistakes"])[:2] == [no_bias, padding]
    assert "Notebooks: 6." in page
    assert "no notebook of this course: 1." in page
    assert "notes.ipynb is not a notebook" in capsys.readouterr().err


def test_what_nbgrader_gives_out_is_no_submission(tmp_path, capsys):
    """A whole course folder, as nbgrader fills it step by step."""
    course = tmp_path / "course"
    hand_in(course / "source", "", "counting", solutions("counting"))
    hand_in(course / "release", "", "counting", {})
    hand_in(course / "submitted", "ada", "counting", MISTAKEN)
    hand_in(course / "submitted", "release", "counting", MISTAKEN)
    hand_in(course / "autograded", "ada", "counting", MISTAKEN)
    archive = course / "downloaded" / "counting" / "archive"
    hand_in(archive, "ada", "counting", MISTAKEN)
    output = tmp_path / "class.html"

    def rows(folder) -> dict[str, str]:
        assert main(["mistakes", str(folder), "--output", str(output)]) == 0
        page = output.read_text(encoding="utf-8")
        return Rows(page).tables["Rows that nobody reads"]

    padding = check.counting.unread.known[0].message
    both = {tally.RIGHT: "0 of 2", padding: "2 of 2"}
    assert rows(course) == rows(course / "submitted") == both
    assert rows(course / "autograded")[padding] == "1 of 1"
    capsys.readouterr()
    for folder in ("source", "release"):
        assert main(["mistakes", str(course / folder)]) == 1
        assert "that you give out" in one_line_error(capsys)


def taught(beginning: str) -> str:
    """The example that the page for teachers begins so, on one line."""
    text = (EXERCISES / "teaching.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"```text\n({beginning}.*?)```", text, re.DOTALL)
    return " ".join(found.split())


def test_the_page_names_nobody_and_loads_nothing(submitted, tmp_path):
    output = tmp_path / "class.html"
    main(["mistakes", str(submitted), "--output", str(output)])
    page = output.read_text(encoding="utf-8")
    for name in ("lovelace", "marley", "karaca", ".ipynb", str(tmp_path)):
        assert name not in page.lower()
    assert not re.search(r"<(script|img|link|iframe)|https?:|url\(", page)
    assert "default-src 'none'" in page


def test_nothing_of_a_submission_is_run(tmp_path):
    ran = tmp_path / "ran"
    path = asked(
        tmp_path,
        f"open({str(ran)!r}, 'w')\nunread = 4",
        f"class Number(int):\n    open({str(ran)!r}, 'w')\n"
        "check.counting.unread(Number(unread))\ncheck.counting.unread(unread)",
    )
    assert verdicts_in(path)[UNREAD] is not None
    assert not ran.exists()


def test_reading_keeps_no_progress(tmp_path):
    tuning = check.nin.tuning
    before = tuning.solved, tuning.tries  # other tests may have answered it
    verdicts = verdicts_in(hand_in(tmp_path, "a", "nin", solutions("nin")))
    assert verdicts["check.nin.tuning"].state == CORRECT
    assert (tuning.solved, tuning.tries) == before


# --- Which answers can be read ---------------------------------------------

READABLE = {
    "unread = 4": 4,
    "unread = -(2 - 6) * 10 // 10": 4,
    "unread: int = int(4.2)": 4,
    "n = 3\nunread = n\nunread += 1": 4,
    "rows, unread = 1, 4": 4,
    "pair = [0, 4]\n_, unread = pair": 4,
    "%matplotlib inline\n!ls\nunread = 4": 4,
    "unread = max(1, 4)\nprint(unread)": 4,
    "def other():\n    unread = 5\nunread = 4": 4,
}
UNREADABLE = [
    "unread = torch.tensor(4)",
    "unread = 4\nfor unread in range(3): pass",
    "unread = 4\nif True:\n    unread = 5",
    "unread = 4\nimport numpy as unread",
    "unread = 4\ndef unread(): return 5",
    "unread = [4]\nunread.append(5)",
    "unread = [4]\nunread[0] = 5",
    "unread = {**{}}",
    "unread = 4 + 'a'",
    "unread = 1 / 0",
    "def int(x): return 5\nunread = int(4)",
    "unread = (4",
]
HOSTILE = [
    "unread = 9**9**9**9",
    "unread = 10**64**2",
    "unread = 0x" + "f" * 10**5,
    "unread = " + "-" * 10**5 + "4",
    "unread = " + "(" * 150 + "4" + ")" * 150 + "**9999999",
    "a = [1, 1]\n" + "a = [a, a]\n" * 60 + "unread = a",
    "unread = 'a' * 10**12",
    "unread = 4 << 10**12",
    "unread = 4\x00",
    "unread = '\ud800'(",
]
ASK = "check.counting.unread(unread)"


@pytest.mark.parametrize("source", READABLE)
def test_an_answer_is_read_without_running_it(source, tmp_path):
    verdict = verdicts_in(asked(tmp_path, source, ASK))[UNREAD]
    assert str(verdict) == str(check.counting.unread(READABLE[source]))


@pytest.mark.parametrize("source", UNREADABLE + HOSTILE)
def test_an_answer_that_only_a_kernel_knows_is_not_guessed(source, tmp_path):
    path = tmp_path / "own.ipynb"
    cells = [{"cell_type": "code", "source": s} for s in (source, ASK)]
    path.write_text(json.dumps({"cells": cells}))
    assert verdicts_in(path)[UNREAD] is None


def test_verdicts_of_a_notebook_that_was_run_are_taken_from_its_outputs():
    """Functions, networks and experiments too: nothing is left unread."""
    verdicts = verdicts_in(EXERCISES / "solutions" / "counting.ipynb")
    states = {
        path: verdict and verdict.state for path, verdict in verdicts.items()
    }
    assert states == dict.fromkeys(states, CORRECT)
    assert "check.counting.runs" in states


def test_a_graded_notebook_tells_mistakes_by_its_failed_test(tmp_path):
    """As nbgrader leaves it: the hidden test has raised the verdict."""
    task = check.counting.conv_costs
    verdict = task(lambda c_in, c_out, k, s, p, h, w: (0, 0, 0))
    known = task.known[0].message
    text = f"△ not yet · {task.title}\n  {known} `x.hint()` helps."
    outputs = [{"output_type": "error", "evalue": text}]
    cell = {"cell_type": "code", "outputs": outputs}
    cell["source"] = "check.counting.variant(x).conv_costs(conv_costs)"
    path = tmp_path / "own.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    (found,) = tally.tallies_of(task, [verdicts_in(path)])
    assert found.mistakes == {known: 1}
    assert verdict.state == NOT_YET


def computed() -> list:
    tasks = check_examples.all_tasks()
    return [task for task in tasks if isinstance(task, Value | Group)]


@pytest.mark.parametrize("task", computed(), ids=lambda task: task.path)
def test_each_known_mistake_is_counted_by_its_own_words(task, tmp_path):
    parts = task.parts if isinstance(task, Group) else {"": task}
    rights = {n: f"{n}={p.right(**p.given)!r}" for n, p in parts.items()}
    for place, (name, part) in enumerate(parts.items()):
        for mistake in part.known:
            wrong = f"{name}={mistake.wrong(**part.given)!r}"
            answers = [{**rights, name: wrong}[n].lstrip("=") for n in parts]
            call = f"{task.path}({', '.join(answers)})"
            given = verdicts_in(asked(tmp_path, call))
            found = tally.tallies_of(task, [given])[place]
            assert found.mistakes == Counter([mistake.message]), call


# --- Bad input -------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is not a notebook"),
        ("[1, 2]", "is not a notebook"),
        ('{"cells": [{"cell_type": "code"}]}', "is not a notebook"),
        ('{"cells": [7]}', "is not a notebook"),
        ('{"cells": []}', "has no check of this course"),
        ("[" * 10**5, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_notebook_is_named(content, reason, tmp_path):
    path = tmp_path / "own.ipynb"
    path.write_text(content)
    with pytest.raises(TeachingError, match=reason):
        verdicts_in(path)


def test_what_only_looks_like_a_notebook_is_passed_over(submitted, tmp_path):
    """A folder, and a pipe that would be waited for."""
    (submitted / "folder.ipynb").mkdir()
    os.mkfifo(submitted / "pipe.ipynb")
    checkpoints = submitted / "eve_arnold" / ".ipynb_checkpoints"
    hand_in(checkpoints, "eve_arnold", "counting", {})
    output = tmp_path / "class.html"
    main(["mistakes", str(submitted), "--output", str(output)])
    assert "Notebooks: 6." in output.read_text(encoding="utf-8")


def one_line_error(capsys) -> str:
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "Traceback" not in told
    return told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["mistakes", "nowhere"], "is not a folder"),
        (["mistakes", "."], "There is no submitted notebook"),
        (["moodle", "nin", "--output", "no/such.xml"], "was not written: No"),
        (["moodle", "nin", "--output", "."], ". is a folder"),
    ],
)
def test_a_command_that_fails_says_why_and_writes_nothing(
    arguments, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "moodle":
        arguments = [*arguments, "--variants", "1"]
    assert main(arguments) == 1
    assert reason in one_line_error(capsys)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_notebook_of_the_course(tmp_path, capsys):
    (tmp_path / "a.ipynb").write_text("{}")
    output = tmp_path / "class.html"
    assert main(["mistakes", str(tmp_path), "--output", str(output)]) == 1
    assert "is one of this course" in capsys.readouterr().err
    assert not output.exists()


# --- Moodle ----------------------------------------------------------------

# what import_headers, import_multichoice, import_numerical, import_answer and
# import_hint of Moodle's question/format/xml/format.php read, as far as it is
# written here, and the values that they know
READ = {
    "quiz": {"question"},
    "question": {"name", "questiontext", "single", "shuffleanswers"}
    | {"answernumbering", "answer", "hint", "category"}
    | {"partiallycorrectfeedback"},
    "answer": {"text", "tolerance", "feedback"},
    **dict.fromkeys(
        ["name", "questiontext", "feedback", "hint", "category"]
        + ["partiallycorrectfeedback"],
        {"text"},
    ),
}
# the shares that question/engine/bank.php knows, which an import may not miss
# by a hundred-thousandth
SHARES = [100, 90, 500 / 6, 80, 75, 70, 200 / 3, 60, 50, 40, 100 / 3, 30, 25]
SHARES += [20, 100 / 6, 100 / 7, 12.5, 100 / 9, 10, 5, 0]
FORMATS = {"html", "moodle_auto_format", "plain_text", "markdown"}


def imported(xml: str) -> list[dict]:
    """The questions of a bank, read as Moodle's importer reads them."""
    quiz = ElementTree.fromstring(xml.encode())
    assert quiz.tag == "quiz"
    found, folder = [], ""
    for element in quiz.iter():
        known = READ.get(element.tag, set())
        assert {e.tag for e in element} <= known
        assert element.get("format", "html") in FORMATS
        assert known or (element.text or "").strip()
    for question in quiz:
        if question.get("type") == "category":
            folder = question.findtext("category/text")
            assert folder.startswith("$course$/top/")
            continue
        answers = question.findall("answer")
        found.append(
            {
                "type": question.get("type"),
                "folder": folder,
                "name": question.findtext("name/text").strip(),
                "text": question.findtext("questiontext/text").strip(),
                "single": question.findtext("single"),
                "missing": question.findtext("partiallycorrectfeedback/text"),
                "fractions": [answer.get("fraction") for answer in answers],
                "answers": [a.findtext("text").strip() for a in answers],
                "feedback": [a.findtext("feedback/text") for a in answers],
                "spread": [a.findtext("tolerance") for a in answers],
            }
        )
    return found


def asked_in(notebook: str, variants: int) -> list[tuple]:
    """The variants that a bank asks for: what asks, and the answer asked."""
    return [
        (twin, part, twin.parts[part] if part else twin)
        for twins in moodle.draw(notebook, variants, "0").values()
        if not moodle.ELSEWHERE.search(twins[0].question())
        for part in (twins[0].parts if isinstance(twins[0], Group) else [""])
        for twin in twins
    ]


@pytest.mark.parametrize("numerical", [False, True])
@pytest.mark.parametrize("notebook", check.NOTEBOOKS)
def test_moodle_reads_each_variant_with_its_known_mistakes(
    notebook, numerical
):
    bank = moodle.question_bank(notebook, 3, "0", numerical)
    questions, tasks = imported(bank.xml), asked_in(notebook, 3)
    assert len(questions) == bank.questions
    questions = [q for q in questions if re.search(r" \(\d\)$", q["name"])]
    assert len(questions) == len(tasks)
    for question, (twin, part, task) in zip(questions, tasks):
        typed = numerical and not isinstance(task, Shape)
        assert question["type"] == ("numerical" if typed else "multichoice")
        assert twin.question() in question["text"]
        assert part in question["text"] and len(question["name"]) < 255
        assert Counter(question["fractions"])["100"] == 1
        assert set(question["fractions"]) == {"100", "0"}
        assert len(set(question["answers"])) == len(question["answers"]) >= 3
        causes = [(m.message, m.wrong(**task.given)) for m in task.known]
        causes.append((None, task.right(**task.given)))
        for fraction, written, feedback in zip(
            question["fractions"], question["answers"], question["feedback"]
        ):
            answer = value_of(written)
            cause = None if fraction == "100" else feedback
            # a number that is chosen is shown with four decimals
            near = pytest.approx(answer, rel=1e-5, abs=5e-5)
            assert (cause, near) in causes, question
            if typed:
                verdict = task.judged((answer,), {})
                assert verdict if cause is None else cause in verdict.message


CHOICES = [
    task
    for task in check_examples.all_tasks()
    if isinstance(task, Choice)
    and not moodle.ELSEWHERE.search(moodle.text_of(task))
]


@pytest.mark.parametrize("task", CHOICES, ids=lambda task: task.path)
def test_moodle_asks_for_letters_with_each_wrong_one_a_mistake(task):
    bank = moodle.question_bank(task.path.split(".")[1], 1)
    (question,) = [q for q in imported(bank.xml) if q["name"] == task.title]
    options = moodle.options_of(task)
    assert sorted(options) == sorted({*task.right, *task.wrong})
    assert len(question["answers"]) == len(options) >= 4
    assert question["type"] == "multichoice"
    assert question["single"] == ("true" if len(task.right) == 1 else "false")
    assert question["missing"] == (
        None if len(task.right) == 1 else task.missing
    )
    said = dict(zip(options, question["feedback"]))
    assert {letter: said[letter] for letter in task.wrong} == task.wrong
    shares = dict(zip(options, map(float, question["fractions"])))
    for letter, share in shares.items():
        assert (share > 0) == (letter in task.right)
        near = min(abs(abs(share) - known) for known in SHARES)
        assert near < 1e-3  # per cent
    assert round(sum(s for s in shares.values() if s > 0), 2) == 100
    # the options are no part of the question, nor is the typing of letters
    assert "\n- **" not in question["text"]
    assert not re.search(r"\*\*[a-z]\*\*|letters?\b.*`|\$", question["text"])
    assert question["text"].count("```") % 2 == 0


def test_a_question_for_moodle_has_the_code_that_it_asks_about():
    (asked,) = [
        question["text"]
        for question in imported(moodle.question_bank("clinic", 1).xml)
        if question["name"] == "What ails run 7"
    ]
    assert asked.startswith("Some collections of images are stored as MATLAB")
    assert "X = stored.reshape(-1, 1, 14, 14)" in asked
    assert "7 of 10 classes are named" in asked


def test_each_notebook_has_a_question_for_moodle():
    assert {task.path.split(".")[1] for task in CHOICES} == {*check.NOTEBOOKS}


def value_of(written: str) -> object:
    """A number or a shape, as a student would copy it."""
    if written.startswith("("):
        return tuple(map(int, written.strip("()").split(",")))
    number = float(written.replace(",", ""))
    return int(number) if number.is_integer() else number


def test_typed_answers_may_be_as_far_off_as_the_checks_allow():
    bank = moodle.question_bank("one_by_one", 2, "0", numerical=True)
    for question in imported(bank.xml):
        for answer, spread in zip(question["answers"], question["spread"]):
            near = 0.0499 if "factor" in question["name"] else 0
            assert (float(spread or 0) > near) == bool(near), answer


def test_the_same_seed_makes_the_same_bank():
    first, again, other = (
        moodle.question_bank("nin", 2, seed).xml for seed in ("a", "a", "b")
    )
    assert first == again != other


def test_the_page_for_teachers_shows_a_question_of_the_bank():
    bank = moodle.question_bank("counting", 10)
    (shown,) = [
        question
        for question in imported(bank.xml)
        if question["name"].startswith("Output size: height")
        and "9×9" in question["text"]
        and "padding of 4 " in question["text"]
        and "120 pixels high" in question["text"]
        and "202 pixels wide" in question["text"]
    ]
    lines = map(" ".join, zip(shown["answers"], shown["feedback"]))
    question = " ".join(shown["text"].replace("`", "").split())
    assert taught("A 9×9") == " ".join([question, *lines])


def test_the_page_for_teachers_shows_a_question_with_options():
    (shown,) = [
        question
        for question in imported(moodle.question_bank("capstone", 1).xml)
        if question["name"] == check.capstone.frozen.title
    ]
    told = zip(shown["answers"], [text or "" for text in shown["feedback"]])
    text = " ".join([shown["text"], *map(" ".join, told)])
    assert taught("A trained") == " ".join(text.split())


def test_what_a_bank_leaves_out_is_said():
    bank = moodle.question_bank("counting", 12)
    assert "same_padding has no more than 4 variants." in bank.remarks
    assert "wider is left out: it asks about a cell." in bank.remarks
    names = [question["name"] for question in imported(bank.xml)]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.startswith("Width")]


def test_a_variant_has_the_article_of_its_numbers():
    asked = {
        twin.question()
        for twin in moodle.draw("counting", 8, "0")["output_size"]
    }
    assert {text[:5] for text in asked} == {"A 9×9", "An 11"}


def test_the_command_writes_a_bank(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["moodle", "backward", "--variants", "2"]) == 0
    bank = imported((tmp_path / "backward.xml").read_text(encoding="utf-8"))
    assert len(bank) == 7
    told = capsys.readouterr().out
    assert "7 questions: backward.xml" in told
    assert "kept is left out: it asks about the notebook." in told
