"""What the package says of its tasks: a part of ``make exercises``.

Questions, answers and explanations, as the solutions have them: a file for
each notebook, in the package, so that a check can show them anywhere.
"""

import re
from pathlib import Path
from typing import Any

from onebyone import check
from onebyone.check.engine import Choice
from onebyone.check.engine.notebook import tasks_of
from tools import ROOT, notebooks

FOLDER = ROOT / "onebyone" / "check" / "texts"
SOLUTIONS = ROOT / "exercises" / "solutions"
CALL = re.compile(r"\bcheck\.(\w+)\.(\w+)\(")
MARK = re.compile(r"(?m)^ *### (?:BEGIN|END) SOLUTION\n?")
PLACEHOLDER = re.compile(r"(?m)^\w+(?:, \w+)* = \.\.\.(?:, \.\.\.)*\n")
TITLE = re.compile(r"\A## .*\n*")
LETTER = re.compile(r"\*\*[a-z]\)[ ]?(.*?)\*\* ?")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Return the texts of all tasks, by notebook and task."""
    return {path.stem: texts_of(path) for path in SOLUTIONS.glob("*.ipynb")}


def texts_of(path: Path) -> dict[str, dict[str, str]]:
    """Return the texts of one notebook's tasks, in its order."""
    found: dict[str, dict[str, str]] = {}
    introduction = question = task = ""
    answers: list[str] = []
    code: list[str] = []  # of a task's cells that are there to be read
    choices = choices_of(path.stem)
    for cell in notebooks.read(path).cells:
        text, mark = cell.source, cell.metadata.get("nbgrader", {})
        if "explanation" in cell.metadata.get("tags", []):
            if task and cell.cell_type == "markdown":
                own = found[task]
                linkless = LINK.sub(r"\1", text)
                whole = f"{own['explanation']}\n\n{linkless}"
                own["explanation"] = whole.strip()
        elif cell.cell_type == "markdown":
            if text.startswith("## "):
                code = []
                introduction, _, rest = TITLE.sub("", text).partition("**a)")
                text = f"**a){rest}" if rest else ""
            question, answers, task = text, [], ""
        elif mark.get("solution") and ".predict(" not in text:
            answers.append(as_answer(text))
        elif mark.get("grade") and (call := CALL.search(text)):
            task = call[2]
            found[task] = {
                "introduction": plain(introduction) if question else "",
                "question": plain(question or introduction),
                "answer": "\n\n".join(answers),
                "explanation": "",
            }
            if task in choices and code:
                found[task]["code"] = "\n\n\n".join(code)
        elif not mark and not cell.metadata.get("tags"):
            code.append(text)
    return found


def choices_of(name: str) -> list[str]:
    """Return the tasks whose question may be asked away from the notebook."""
    tasks = tasks_of(getattr(check, name)) if name in check.NOTEBOOKS else {}
    return [key for key, task in tasks.items() if isinstance(task, Choice)]


def as_answer(text: str) -> str:
    """Return the code of an answer, without marks and placeholders."""
    return PLACEHOLDER.sub("", MARK.sub("", text)).strip("\n")


def plain(text: str) -> str:
    """Return Markdown without the letter of a part and without links."""
    unlettered = LETTER.sub(lambda m: f"{m[1]} " if m[1] else "", text)
    return LINK.sub(r"\1", unlettered).strip()


def files() -> dict[Path, Any]:
    """Return the content of each file."""
    return {FOLDER / f"{name}.json": own for name, own in texts().items()}
