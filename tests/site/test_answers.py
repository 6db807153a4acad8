"""Answers in the page: judged as the package does, kept, and cleared."""

import random
from pathlib import Path
from urllib.parse import urlsplit

import answers_to_try
import pytest
from answers_to_try import Unread
from playwright.sync_api import Locator, Page, expect
from rendered import SITE, let_store, with_store
from test_widgets import sound_and_accessible

from onebyone import check
from onebyone.check import decode
from onebyone.check.engine.declared import declared
from onebyone.check.engine.guard import NotYet, cut
from onebyone.check.engine.notebook import tasks_of
from onebyone.check.engine.tasks import Group, Shape, Task
from onebyone.check.ready import QUESTIONS

# --- Page and package ------------------------------------------------------

TASKS = {
    f"exercises/{name}.html": {
        key: task
        for key, task in tasks_of(getattr(check, name)).items()
        if declared(task)
    }
    for name in check.NOTEBOOKS
} | {
    f"book/{chapter}.html": dict(zip("0123456789", questions))
    for chapter, questions in QUESTIONS.items()
}
SAMPLE = 150  # answers for each page
JUDGE = """tried => tried.map(([task, typed]) => {
  const {state, message} = OneByOne.judgeTask(task, typed);
  return [state, message];
})"""


def in_the_package(task: Task, answer: object) -> list[str]:
    """State and message, in a page's words.

    Those leave out where a notebook has its hints, and of what cannot be
    read they say how to write it in a page.
    """
    verdict = task(**answer) if isinstance(task, Group) else task(answer)
    message = verdict.message.removesuffix(task.pointer() or "\0").strip()
    parts = task.parts if isinstance(task, Group) else {"": task}
    answers = answer if isinstance(answer, dict) else {"": answer}
    for name, text in answers.items():
        if isinstance(text, Unread):
            message = message.replace(*sentences(parts[name], text))
    return [verdict.state, message]


def sentences(task: Task, text: str) -> tuple[str, str]:
    """What a notebook and a page say of a text that is no answer."""
    form = "a number such as `1000`, `1,000`, `2.5`, `2·10^6`, `2e6` or `1/3`"
    if isinstance(task, Shape):
        form = "a shape such as `(2, 3)`"
    with pytest.raises(NotYet) as raised:
        task.read(text)
    return str(raised.value), f"“{cut(text)}” cannot be read. Write {form}."


def all_tries(page: str) -> list[tuple]:
    return [
        (name, typed, answer)
        for name, task in TASKS[page].items()
        for typed, answer in answers_to_try.of(task)
    ]


def compare(page: Page, tasks: dict[str, Task], tries: list[tuple]) -> None:
    asked = [[name, typed] for name, typed, _ in tries]
    for (name, typed, answer), judged in zip(
        tries, page.evaluate(JUDGE, asked), strict=True
    ):
        assert judged == in_the_package(tasks[name], answer), (name, typed)


@pytest.fixture
def unhurried(monkeypatch):
    """On a busy machine, a check may take its time."""
    monkeypatch.setattr(Task, "seconds", 300.0)


@pytest.mark.parametrize("page", TASKS)
def test_the_page_judges_a_sample_as_the_package_does(page, visit, unhurried):
    tries = all_tries(page)
    tries = random.Random(page).sample(tries, min(SAMPLE, len(tries)))
    compare(visit(page).page, TASKS[page], tries)


@pytest.mark.long
@pytest.mark.parametrize("page", TASKS)
def test_the_page_judges_all_as_the_package_does(page, visit, unhurried):
    compare(visit(page).page, TASKS[page], all_tries(page))


def test_thousands_of_answers_are_compared_and_of_every_kind():
    tries = [one for page in TASKS for one in all_tries(page)]
    assert len(tries) > 10_000
    assert sum(min(SAMPLE, len(all_tries(page))) for page in TASKS) > 1_000
    assert any(answer is ... for *_, answer in tries)
    assert any(isinstance(answer, Unread) for *_, answer in tries)


# --- The boxes -------------------------------------------------------------

PAGE = "exercises/counting.html"


@pytest.fixture
def page(base, visit) -> Page:
    """The exercises *What a network costs*, on the disk and on a server."""
    return visit(PAGE, base=base).page


def box(page: Page, task: str) -> Locator:
    return page.locator(f'[data-task="{task}"]')


def answer(place: Locator, **typed: str) -> None:
    for name, text in typed.items():
        place.get_by_role("textbox", name=name.replace("_", " ")).fill(text)
    place.get_by_role("button", name="Check").click()


def button(place: Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name)


@pytest.mark.parametrize("address", [p for p in TASKS if "exercises" in p])
def test_every_task_has_its_box_or_says_where_it_is_answered(address, visit):
    page = visit(address).page
    name = address.removeprefix("exercises/").removesuffix(".html")
    tasks = tasks_of(getattr(check, name))
    places = page.locator("[data-task]")
    assert places.evaluate_all("all => all.map(p => p.dataset.task)") == [
        *tasks
    ]
    for key in tasks:
        in_page = key in TASKS[address]
        expect(box(page, key).locator("form")).to_have_count(int(in_page))
        if not in_page:
            expect(box(page, key)).to_contain_text("in the notebook")
    folded = page.locator("details.in-notebook")
    expect(folded).to_have_count(len(TASKS[address]))
    expect(page.locator(".in-notebook .cell")).to_have_count(
        2 * len(TASKS[address])
    )


def test_a_task_is_answered_by_keyboard_and_the_verdict_is_announced(page):
    place = box(page, "output_size")
    field = place.get_by_role("textbox", name="height")
    field.focus()
    page.keyboard.type("75")
    page.keyboard.press("Tab")
    page.keyboard.type("108")
    page.keyboard.press("Enter")
    verdict = place.get_by_role("status").first
    expect(verdict).to_contain_text("not yet")
    expect(verdict).to_contain_text("height: correct.")
    expect(verdict).to_contain_text("width: You rounded up.")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("214/2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on the button
    expect(verdict).to_contain_text("✓ correct")
    expect(verdict).to_contain_text("PyTorch pads each side by p")


def test_letters_are_chosen_by_keyboard(page):
    place = box(page, "groups_meet")
    place.get_by_label("a", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(place.get_by_role("status").first).to_contain_text("a: With the")
    expect(box(page, "tied_layer").get_by_role("radio")).to_have_count(4)


def test_hints_come_one_by_one(page):
    place = box(page, "unread")
    hints = place.locator(".answer-hints p")
    button(place, "Hint").press("Enter")
    expect(hints).to_have_count(1)
    expect(hints).to_contain_text("Hint 1 of 2")
    button(place, "Hint").press("Enter")
    expect(hints).to_have_count(2)
    expect(button(place, "Hint")).to_be_hidden()
    expect(button(place, "Check")).to_be_focused()


def test_the_solution_can_be_seen_after_three_different_tries(page):
    place = box(page, "same_padding")
    for number in ("1", "2", "2", "abc"):
        expect(button(place, "Solution")).to_be_hidden()
        answer(place, Your_number=number)
    button(place, "Solution").press("Enter")
    solution = place.locator(".answer-solution")
    expect(solution).to_contain_text("Solution 3")
    expect(solution).to_contain_text("a pixel in the middle")


def test_the_solution_can_be_seen_once_the_answer_is_correct(page):
    place = box(page, "step_macs")
    answer(place, Your_number="1,593,600")
    button(place, "Solution").click()
    solution = place.locator(".answer-solution")
    expect(solution.locator("mjx-container")).to_have_count(3)
    expect(solution).to_contain_text("PyTorch's counter agrees")


def test_what_is_typed_is_never_markup(page):
    place = box(page, "unread")
    answer(place, Your_number="<img src=x>")
    expect(place.get_by_role("status").first).to_contain_text("<img src=x>")
    expect(place.locator("img")).to_have_count(0)


DONE = ".bd-sidebar-primary .tasks-done"


def test_answers_are_kept_and_counted_until_they_are_cleared(page, base):
    with_store(page)
    answer(box(page, "unread"), Your_number="4")
    answer(box(page, "same_padding"), Your_number="6")
    expect(page.locator(DONE)).to_contain_text("1/12")
    let_store(page)
    page.reload()
    with_store(page)
    kept = box(page, "same_padding")
    expect(kept.get_by_role("textbox")).to_have_value("6")
    expect(kept.get_by_role("status").first).to_contain_text("total padding")
    expect(box(page, "unread")).to_contain_text("✓ correct")
    answer(box(page, "unread"), Your_number="5")  # it stays done
    expect(page.locator("article .tasks-table")).to_contain_text("1 of 12")

    let_store(page)
    page.goto(f"{base}/exercises/index.html")
    with_store(page)
    expect(page.locator(DONE)).to_contain_text("1 of 12 answered")
    table = page.locator("article .tasks-table")
    expect(table.locator("li")).to_have_count(len(check.NOTEBOOKS))
    expect(table).to_contain_text("What a network costs: 1 of 12")
    page.get_by_role("button", name="Clear my answers").press("Enter")
    expect(table).to_contain_text("What a network costs: 1 of 12")
    page.get_by_role("button", name="Press once more").press("Enter")
    expect(table).to_contain_text("What a network costs: 0 of 12")
    expect(page.locator(DONE)).to_have_count(0)
    let_store(page)
    page.goto(f"{base}/{PAGE}")
    with_store(page)
    expect(box(page, "unread").get_by_role("textbox")).to_have_value("")


def test_clearing_empties_the_boxes_of_the_page(page):
    place = box(page, "same_padding")
    answer(place, Your_number="3")
    button(place, "Hint").click()
    button(place, "Solution").click()
    for _ in range(2):
        page.locator("article .tasks-table button").press("Enter")
    expect(place.get_by_role("textbox")).to_have_value("")
    expect(place.locator("[role=status] p")).to_have_count(0)
    expect(button(place, "Hint")).to_be_visible()
    expect(button(place, "Solution")).to_be_hidden()


BLOCKED = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("blocked", "SecurityError"); },
});"""


def test_a_browser_that_keeps_nothing_still_judges(browser):
    with browser.new_context() as context:
        context.add_init_script(BLOCKED)
        page = context.new_page()
        page.goto(f"{SITE.as_uri()}/{PAGE}")
        answer(box(page, "unread"), Your_number="4")
        expect(box(page, "unread")).to_contain_text("✓ correct")
        expect(page.locator(DONE)).to_contain_text("1/12")


def test_without_scripts_the_page_is_the_notebook(browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{SITE.as_uri()}/{PAGE}")
        assert not "".join(page.locator("[data-task]").all_inner_texts())
        cells = page.locator('.cell:has-text("check.counting.")')
        besides = 2  # a prediction, and how far one is
        assert cells.count() == len(tasks_of(check.counting)) + besides
        for cell in cells.all():
            expect(cell).to_be_visible()


def test_on_paper_the_boxes_are_gone_and_the_cells_are_there(page):
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(box(page, "unread").locator("form")).to_be_hidden()
    expect(page.get_by_text("In the notebook").first).to_be_hidden()
    expect(page.get_by_text("check.counting.unread(unread)")).to_be_visible()


@pytest.mark.parametrize("address", TASKS)
def test_no_answer_stands_in_plain_text(address, visit):
    seen = visit(address)
    scripts = [
        Path(urlsplit(url).path).read_text(encoding="utf-8")
        for url in seen.requests
        if "/answers/data-" in url
    ]
    (script,) = scripts
    source = (SITE / address).read_text(encoding="utf-8")
    for task in TASKS[address].values():
        told = declared(task)
        parts = told["parts"].values() if "parts" in told else [told]
        for right in (str(part["right"]) for part in parts):
            assert len(right) < 5 or right not in script
            if right.isdigit() and len(right) > 4 and "book" not in address:
                assert f"{int(right):,}" not in source and right not in source


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_box_is_sound_and_accessible_in_every_state(width, scheme, visit):
    seen = visit(PAGE, width, scheme)
    wrong, right = box(seen.page, "layer_costs"), box(seen.page, "step_macs")
    answer(wrong, parameters="24,000", macs="x" * 60)
    button(wrong, "Hint").click()
    answer(right, Your_number="1593600")
    button(right, "Solution").click()
    expect(right.locator("mjx-container")).to_have_count(3)
    answer(box(seen.page, "groups_meet"))
    sound_and_accessible(seen, "article")


# --- Are you ready? --------------------------------------------------------


@pytest.mark.parametrize("chapter", QUESTIONS)
def test_a_question_of_a_chapter_has_its_box_below_it(chapter, visit):
    page = visit(f"book/{chapter}.html").page
    for number, task in enumerate(QUESTIONS[chapter]):
        place = box(page, str(number))
        question = place.locator("xpath=preceding-sibling::*[1]/summary")
        expect(question).to_have_text(task.title)
        button(place, "Check").press("Enter")
        expect(place.get_by_role("status").first).to_contain_text("no answer")


def test_a_question_is_judged(visit):
    place = box(visit("book/counting.html").page, "0")
    answer(place, Your_number="53")
    expect(place).to_contain_text("You counted the steps.")
    answer(place, Your_number="54")
    expect(place).to_contain_text("✓ correct")
    expect(button(place, "Hint")).to_be_hidden()


# --- Decode my number ------------------------------------------------------

EXPLAIN = """async asked => {
  const lists = await OneByOne.decoder();
  return asked.map(([typed, network]) => {
    const {title, text} = OneByOne.explain(lists, typed, network);
    return [title, text];
  });
}"""


def numbers_to_decode() -> list[tuple[float, int | None]]:
    """What the book's networks lead to, chance, and rounded numbers."""
    draw = random.Random(0)
    values, found = decode.DECODER.known
    some = draw.sample(values, 150)
    asked: list[tuple] = [(value, None) for value in some]
    asked += [(value, found[value][0].network) for value in some[:50]]
    asked += [(value, draw.randrange(20)) for value in some[50:100]]
    asked += [(float(f"{n:.{k}e}"), None) for n in some[:25] for k in range(5)]
    lengths = [10**n for n in range(2, 12) for _ in range(10)]
    asked += [(draw.randrange(n, 10 * n), None) for n in lengths]
    odd = [0, -5, 1.5, 1e-3, 1e300, 2e6, 2.469e10, 10**30, 2_000_000]
    return asked + [(number, None) for number in odd]


def test_the_page_decodes_as_the_package_does(visit):
    names = [network.name for network in decode.NETWORKS]
    asked = numbers_to_decode()
    page = visit("book/decode.html").page
    told = page.evaluate(EXPLAIN, [[repr(n), only] for n, only in asked])
    for (number, only), page_says in zip(asked, told, strict=True):
        note = check.explain(number, None if only is None else names[only])
        assert page_says == [note.title, note.text], (number, only)


def readable(place: Locator) -> bool:
    """Whether a button's text differs from its ground, mouse upon it."""
    place.hover()
    look = "getComputedStyle(b)"
    return place.evaluate(f"b => {look}.color !== {look}.backgroundColor")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_button_can_be_read_under_the_mouse(scheme, visit):
    page = visit("book/decode.html", scheme=scheme).page
    assert readable(page.get_by_role("button", name="Decode", exact=True))
    page = visit("book/nin.html", scheme=scheme).page
    assert readable(page.get_by_role("button", name="Load the network"))
    assert readable(button(box(page, "0"), "Check"))


def test_a_number_is_decoded_in_a_network(base, visit):
    seen = visit("book/decode.html", base=base)
    assert not [url for url in seen.requests if "decode-data" in url]
    place = seen.page.locator('[data-widget="decode"]')
    place.get_by_label("Your number").fill("1,995,284")
    seen.page.keyboard.press("Enter")
    told = place.get_by_role("status")
    expect(told).to_contain_text("386 stands for 384. (+4,610)")
    place.get_by_label("counted in").select_option("ResNet-18")
    button(place, "Decode").press("Enter")
    expect(told).to_contain_text("This is no count of ResNet-18")
    sound_and_accessible(seen, '[data-widget="decode"]')
