"""A notebook's tasks as a question bank, in Moodle's XML.

A task that asks for numbers or a shape gives a question for each of its
variants; one that asks for letters gives one question. Each has the right
answer and the known mistakes, with the check's words for feedback. The
elements are those that Moodle's importer reads:
https://docs.moodle.org/en/Moodle_XML_format
"""

import re
from fractions import Fraction
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from onebyone import check
from onebyone.check.engine import questions
from onebyone.check.engine.choices import Choice
from onebyone.check.engine.notebook import tasks_of, title_of
from onebyone.check.engine.tasks import Group, Number, Value

DRAWS = 10  # for each variant that is wanted, since some come up twice
# what only the notebook shows
ELSEWHERE = re.compile(r"\bcell\b|\byour functions\b")
OPTION = re.compile(r"(?m)^- \*\*([a-z])\*\* (.+)\n?")
# how letters are typed, which nobody has to do here
TYPED = re.compile(r" ?\bGive (?:all|both) (?:the )?letters[^.]*\.")
FORMULA = re.compile(r"\$([^$\n]+)\$")


class Bank(NamedTuple):
    """A question bank: its text, how many questions, and what is missing."""

    xml: str
    questions: int
    remarks: list[str]


def question_bank(
    notebook: str, variants: int, seed: str = "0", numerical: bool = False
) -> Bank:
    """Return the questions of a notebook's tasks.

    Args:
        notebook: whose tasks, by the name of its checks, such as "nin".
        variants: how many of each task, if it has so many.
        seed: the same one gives the same questions.
        numerical: whether numbers are typed; shapes are always chosen.
    """
    quiz = Element("quiz")
    remarks = []
    for name, twins in draw(notebook, variants, seed).items():
        if ELSEWHERE.search(twins[0].question()):
            remarks.append(f"{name} is left out: it asks about a cell.")
            continue
        if len(twins) < variants:
            remarks.append(f"{name} has no more than {len(twins)} variants.")
        parts = twins[0].parts if isinstance(twins[0], Group) else [""]
        for part in parts:
            add_category(quiz, notebook, twins[0].title, part)
            for number, twin in enumerate(twins, 1):
                add_question(quiz, twin, part, number, numerical)
    for name, task in tasks_of(getattr(check, notebook)).items():
        if not isinstance(task, Choice):
            continue
        if ELSEWHERE.search(text_of(task)):
            remarks.append(f"{name} is left out: it asks about the notebook.")
            continue
        add_category(quiz, notebook, task.title, "")
        add_choice(quiz, task)
    count = len(quiz.findall("question/questiontext"))
    ElementTree.indent(quiz)
    text = ElementTree.tostring(quiz, encoding="unicode")
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Bank(f"{declaration}{text}\n", count, remarks)


def draw(
    notebook: str, count: int, seed: str
) -> dict[str, list[Value | Group]]:
    """Return so many different variants of each task, or all that came."""
    found: dict[str, list[Value | Group]] = {}
    for number in range(DRAWS * count):
        variant = getattr(check, notebook).variant(f"{seed}-{number}")
        for name, twin in variant.tasks.items():
            twins = found.setdefault(name, [])
            known = [other.given for other in twins]
            if len(twins) < count and twin.given not in known:
                twins.append(twin)
        if all(len(twins) == count for twins in found.values()):
            break
    return found


def add_category(quiz: Element, notebook: str, title: str, part: str) -> None:
    """Begin a category, from which a quiz draws one variant at random."""
    folders = ["One by One", title_of(getattr(check, notebook)), title, part]
    path = [name.replace("/", "//") for name in folders if name]
    category = SubElement(quiz, "question", type="category")
    add_text(category, "category", "/".join(["$course$", "top", *path]))


def add_question(
    quiz: Element, task: Value | Group, part: str, number: int, numerical: bool
) -> None:
    asked = task.parts[part] if isinstance(task, Group) else task
    typed = numerical and isinstance(asked, Number)
    text = task.question()
    if part:
        text += f"\n\nWhat is `{part}`?"
    title = f"{task.title}: {part}" if part else task.title
    question = begun(
        quiz,
        "numerical" if typed else "multichoice",
        f"{title} ({number})",
        text,
    )
    if not typed:
        add_manner(question, single=True)
    for value, says in answers_of(asked):
        fraction = "0" if says else "100"
        answer = SubElement(question, "answer", fraction=fraction)
        if typed and isinstance(asked, Number):
            SubElement(answer, "text").text = str(exact(value))
            spread = SubElement(answer, "tolerance")
            spread.text = f"{tolerance(asked, value):g}"
        else:
            answer.set("format", "plain_text")
            SubElement(answer, "text").text = shown(value)
        if says := says or task.when_correct:
            add_text(answer, "feedback", says, "markdown")
    add_hints(question, task)


def add_choice(quiz: Element, task: Choice) -> None:
    """Add a task that asks for letters; several may be right."""
    options, single = options_of(task), len(task.right) == 1
    text = without_options(text_of(task))
    question = begun(quiz, "multichoice", task.title, text)
    add_manner(question, single)
    if not single:
        add_text(
            question, "partiallycorrectfeedback", task.missing, "markdown"
        )
    wrong = 0.0 if single else -100 / len(task.wrong)
    for letter, option in options.items():
        right = letter in task.right
        share = 100 / len(task.right) if right else wrong
        # Moodle knows thirds and the like with five digits
        answer = SubElement(question, "answer", fraction=f"{share:.7g}")
        answer.set("format", "markdown")
        SubElement(answer, "text").text = with_formulas(option)
        if says := task.when_correct if right else task.wrong[letter]:
            add_text(answer, "feedback", says, "markdown")
    add_hints(question, task)


def text_of(task: Choice) -> str:
    """Return a question with all that stands before it in its task."""
    own = questions.texts_of(task.path)
    code = f"```python\n{own['code']}\n```" if "code" in own else ""
    parts = [own["introduction"], code, own["question"]]
    return "\n\n".join(part for part in parts if part)


def options_of(task: Choice) -> dict[str, str]:
    """Return what stands behind each letter of a question."""
    return dict(OPTION.findall(questions.texts_of(task.path)["question"]))


def without_options(text: str) -> str:
    return TYPED.sub("", OPTION.sub("", text)).strip()


def with_formulas(text: str) -> str:
    """Return Markdown whose formulas stand as Moodle's filter finds them."""
    return FORMULA.sub(r"\\\\(\1\\\\)", text)


def begun(quiz: Element, kind: str, name: str, text: str) -> Element:
    """Add a question that has a name and a text, and return it."""
    question = SubElement(quiz, "question", type=kind)
    add_text(question, "name", name)
    add_text(question, "questiontext", with_formulas(text), "markdown")
    return question


def add_manner(question: Element, single: bool) -> None:
    SubElement(question, "single").text = str(single).lower()
    SubElement(question, "shuffleanswers").text = "true"
    SubElement(question, "answernumbering").text = "abc"


def add_hints(question: Element, task: Any) -> None:
    for hint in task.hints:
        add_text(question, "hint", hint, "markdown")


def answers_of(task: Value) -> list[tuple[Fraction | tuple, str]]:
    """Return the right answer, without a word, and those of mistakes.

    They are in the order of their values, and no two look alike.
    """
    found = {shown(right := task.right(**task.given)): (right, "")}
    for mistake in task.known:
        wrong = mistake.wrong(**task.given)
        found.setdefault(shown(wrong), (wrong, mistake.message))
    return sorted(found.values(), key=lambda answer: answer[0])


def shown(value: Any) -> str:
    """Return a number or a shape as a question offers it."""
    if isinstance(value, tuple | list):
        return str(tuple(value))
    if Fraction(value).denominator == 1:
        return f"{int(value):,}"
    if abs(value) < 1:
        return f"{float(value):.6g}"
    return f"{float(value):,.4f}".rstrip("0")


def exact(value: Any) -> int | float:
    return int(value) if Fraction(value).denominator == 1 else float(value)


def tolerance(task: Number, value: Any) -> float:
    """Return how far from a value an answer may be, as the check has it.

    A fraction that has no end may be off in its tenth digit.
    """
    places = 0.0 if task.decimals is None else 0.5 * 10**-task.decimals
    whole = Fraction(value).denominator == 1
    relative = max(task.tolerance, 0.0 if whole else 1e-9)
    return max(places, relative * float(abs(value)))


def add_text(
    parent: Element, name: str, text: str, written: str | None = None
) -> None:
    """Add an element with a text, maybe with the format it is written in."""
    attributes = {"format": written} if written else {}
    element = SubElement(parent, name, attributes)
    SubElement(element, "text").text = text
