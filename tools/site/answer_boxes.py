"""Answer boxes in the pages: where they stand, and what they judge by.

The right answers, the mistakes and their sentences come from
exercises/answers/, which `make exercises` writes; the solutions from the
notebooks. A page gets them as a script, in base64: not to be read by chance,
and no secret.
"""

import json
import re
from base64 import b64encode
from functools import cache
from html import escape
from typing import Any

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.application import Sphinx

from tools import ROOT
from tools.site import contents

FOLDER = ROOT / "exercises" / "answers"
SCRIPTS = "answers"  # below the static files
PAGES = re.compile(r"exercises/(\w+)")
CHAPTERS = re.compile(r"book/(\w+)")
TASK_TITLE = re.compile(r"## Task (\d+): (.+)")
CALL = re.compile(r"\bcheck\.(\w+)\.(\w+)\(")
LINK = re.compile(r'(?<=href=")(?:\.\./)+(book|exercises)/(\w+)\.ipynb')

Cell = dict[str, Any]


@cache
def read(name: str) -> dict[str, Any]:
    """Return what the checks have written for the pages."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def notebooks() -> list[str]:
    """Return the notebooks of exercises, in the order of the book."""
    matches = (PAGES.fullmatch(page) for page, _ in contents.pages())
    names = [match[1] for match in matches if match]
    return [name for name in names if (FOLDER / f"{name}.json").is_file()]


# --- Exercises -------------------------------------------------------------


def with_boxes(cells: list[Cell], name: str) -> list[Cell]:
    """Return a student notebook's cells with a place above each answer.

    And one above the last cell, for how much is done.
    """
    found: list[Cell] = []
    for cell, following in zip(cells, [*cells[1:], None]):
        call = following and CALL.search(following["source"])
        if call and cell["metadata"].get("nbgrader", {}).get("solution"):
            found.append(place("data-task", call[2]))
        elif following is None:
            found.append(place("data-progress", name))
        found.append(cell)
    return found


def place(attribute: str, value: str) -> Cell:
    """Return a cell with nothing to read, which a script fills."""
    return {
        "cell_type": "markdown",
        "id": f"{attribute}-{value}".replace("_", "-"),
        "metadata": {},
        "source": f'<div {attribute}="{value}"></div>',
    }


def solutions(name: str) -> dict[str, str]:
    """Return the explanation of each task as HTML."""
    path = ROOT / "exercises" / "solutions" / f"{name}.ipynb"
    render = MarkdownIt("commonmark").use(dollarmath_plugin, renderer=as_tex)
    found: dict[str, str] = {}
    task = None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source, is_code = "".join(cell["source"]), cell["cell_type"] == "code"
        explains = "explanation" in cell["metadata"].get("tags", [])
        if is_code and (call := CALL.search(source)) and not explains:
            task = call[2]
        elif explains and task and not is_code:
            html = LINK.sub(r"../\1/\2.html", render.render(source))
            found[task] = found.get(task, "") + html
    return found


def as_tex(content: str, options: dict[str, Any]) -> str:
    """Return maths as MathJax finds it."""
    left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return f"{left}{escape(content)}{right}"


# --- Chapters --------------------------------------------------------------


def add_questions(body: BeautifulSoup, chapter: str) -> None:
    """Put a place for a box below each question that has a task."""
    tasks = read("ready").get(chapter, [])
    numbers = {task["title"]: number for number, task in enumerate(tasks)}
    for summary in body.select("details > summary"):
        number = numbers.get(" ".join(summary.get_text().split()))
        if number is not None and summary.parent:
            place = body.new_tag("div", attrs={"data-task": str(number)})
            summary.parent.insert_after(place)


def add_card(app: Sphinx, pagename: str, body: BeautifulSoup) -> None:
    """List the tasks below a chapter's link to its notebook of exercises."""
    link = body.select_one('#exercises a[href*="exercises/"]')
    page = link and PAGES.search(str(link["href"]))
    if not (link and link.parent and page):
        return
    to = app.builder.get_relative_uri(pagename, page[0])
    anchor = "task-" + page[1].replace("_", "-")  # as docutils writes it
    entries = "".join(
        f'<li><a href="{to}#{anchor}-{number}">{escape(title)}</a></li>'
        for number, title in task_titles(page[1])
    )
    card = f'<ol class="task-card">{entries}</ol>'
    link.parent.insert_after(BeautifulSoup(card, "html.parser"))


def task_titles(name: str) -> list[tuple[str, str]]:
    """Return number and title of each task of a notebook."""
    path = ROOT / "exercises" / f"{name}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first_lines = (
        "".join(cell["source"]).partition("\n")[0] for cell in cells
    )
    matches = map(TASK_TITLE.fullmatch, first_lines)
    return [(match[1], match[2]) for match in matches if match]


# --- Pages and their scripts -----------------------------------------------


def add_boxes(app: Sphinx, pagename: str, body: BeautifulSoup) -> None:
    """Add what the boxes of a page need, and no page without boxes."""
    if chapter := CHAPTERS.fullmatch(pagename):
        add_questions(body, chapter[1])
        add_card(app, pagename, body)
    for place in body.select("[data-progress]"):
        shown = str(place["data-progress"]).split() or notebooks()
        totals = {name: [title(app, name), count(name)] for name in shown}
        place["data-progress"] = json.dumps(totals)
    if body.select_one("[data-task]"):
        own = f"data-{pagename.replace('/', '-')}"
        for script in ("judge", "answers", own):
            app.add_js_file(f"{SCRIPTS}/{script}.js", priority=850)


def add_way_to_exercises(
    app: Sphinx, pagename: str, body: BeautifulSoup
) -> None:
    """End a chapter with the way to its exercises, if its text has none."""
    chapter = CHAPTERS.fullmatch(pagename)
    if not chapter or chapter[1] not in notebooks():
        return
    page = f"exercises/{chapter[1]}"
    address = app.builder.get_relative_uri(pagename, page)
    sections = body.select("section:has(> h2)")
    if sections and not sections[-1].select_one(f'a[href="{address}"]'):
        count = len(read(chapter[1]))
        link = f'<p><a href="{address}">{count} checked exercises →</a></p>'
        sections[-1].append(BeautifulSoup(link, "html.parser"))


def title(app: Sphinx, name: str) -> str:
    return app.env.titles[f"exercises/{name}"].astext().split(": ")[-1]


def count(name: str) -> int:
    """Return how many tasks of a notebook can be answered in its page."""
    return sum(task is not None for task in read(name).values())


def scripts() -> dict[str, str]:
    """Return the data of every page with boxes, by the script's name."""
    return {
        **{
            f"{SCRIPTS}/data-exercises-{name}": script(
                name, read(name), solutions(name)
            )
            for name in notebooks()
        },
        **{
            f"{SCRIPTS}/data-book-{chapter}": script(
                f"ready/{chapter}",
                {str(number): task for number, task in enumerate(tasks)},
                {},  # they stand below the questions
            )
            for chapter, tasks in read("ready").items()
        },
    }


def decode_script() -> str:
    """Return what *Decode my number* searches, as a script."""
    data = {**read("decode"), "remarks": read("remarks")}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"OneByOne.decodeData = {text};\n"


def script(name: str, tasks: dict[str, Any], explained: dict[str, str]) -> str:
    """Return a call that hands a page its data, wrapped."""
    data = {
        "tasks": tasks,
        "solutions": {
            key: explained[key]
            for key, task in tasks.items()
            if task and key in explained
        },
        "remarks": read("remarks"),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    wrapped = b64encode(text.encode()).decode()
    return f'OneByOne.answers("{name}", "{wrapped}");\n'
