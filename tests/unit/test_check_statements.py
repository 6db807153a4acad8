"""The numbers of a task: in its statement, and not in its chapter.

Every parameter that a check works with stands in the task's statement, and no
number does that is not known here: change one of them, and the test falls.
"""

import functools
import json
import re
from collections import Counter

import pytest

from check_examples import all_tasks
from onebyone.check.engine.tasks import Group, Value
from tools import ROOT

COMPUTED = [task for task in all_tasks() if isinstance(task, Value | Group)]
by_path = pytest.mark.parametrize("task", COMPUTED, ids=lambda t: t.path)
NAMES = (
    "zero two three four five six seven eight nine ten eleven twelve twenty"
)
WORDS = dict(zip(NAMES.split(), (0, *range(2, 13), 20)))
# numbers of a statement besides each parameter once: sizes of kernels that
# are said again, strides of one, and what belongs to the story
BESIDES = {
    "counting.output_size": "1 11",
    "counting.unread": "1 299 9",
    "counting.same_padding": "1 1 7",
    "counting.layer_costs": "2 4 5",
    "counting.shared_weights": "2 2 2 24 24 24 4 5 5 5",
    "counting.grouped_costs": "1 14 48 5 6 96",
    "counting.doubling": "1 1 1 14 2 3 3 6",
    "counting.step_macs": "20 3 7",
    "counting.training_memory": "2 20 3 7",
    "counting.wider": "14 14 2 28 28 3 3 3 9",
    "one_by_one.pixel_rows": "16 3 64",
    "one_by_one.bottleneck": "1 1 2 20 3 3 3 320 4",
    "one_by_one.added_parameters": "1 1 1 1 112 112 20 4",
    "one_by_one.middle": "2 24 5",
    "one_by_one.composed_side": "1 1 4 5 6",
    "one_by_one.freedom": "2 2 4 6 7 7 7 7 7 7",
    "one_by_one.receptive_field": "1 1 1 1 1 3 3 5 5 7",
    "batch_norm.by_hand": "1 4 4",
    "batch_norm.running": "1 2",
    "batch_norm.counts": "14 3 48",
    "batch_norm.scale": "6",
    "nin.block_parameters": "1 1 2 20 5",
    "nin.block_macs": "1 1 2 20 5",
    "nin.block_memory": "1 1 2 20 5",
    "nin.nin_costs": "12 2 224 224 224 26 5 54",
    "nin.nin_memory": "2 224 224 224 3 8",
    "nin.nin_3x3": "1 1 1 1 10 224 3 3 3 3 3",
    "nin.last_step": "1 1 1 1 1 1 2 3 3 3 3 384 4 47 47 47 47",
    "nin.fewer_parameters": "1 1 1 1 224 6",
    "nin.mean_loss": "10 3 8",
    "gap.head_parameters": "1 6",
    "gap.head_macs": "1 1 1 47 6",
    "gap.matrix_facts": "0 10 3",
    "gap.input_sizes": "2 3 3 3 4 9",
    "gap.orders": "0 1 1 1 1 1 1 2 20 20 20 20 20 256 256 3 3 3 3 3 3 6 6 9",
    "gap.gradients": "10 2 490 7 7",
    "gap.still": "3 9",
    "inception.joined_shape": "1 2 4",
    "inception.flat_features": "1 128 14 1408 16 18 2 24 28 28 "
    "4 40 40 48 5 5 5 5 64 8 96",
    "inception.reduction": "1 1 2 3 3 3 3 3 3 5 5 5 5",
    "inception.bottleneck": "1 1 1 1 12 128 128 192 192 2 256 "
    "3 3 3 3 3 3 3 32 5 5 64 96",
    "inception.channel_rank": "1 1 1 1 1 1 10 3 5 5 5",
    "inception.behind": "1 1 1 1 3 5 5 5 5",
    "inception.smallest_image": "2 2 224 224 3 3 3 4 7 7 7",
    "residual.block_cost": "1 1 1 14 14 2 2 28 3 3 3 3",
    "residual.bottleneck": "1 1 1 1 192 192 2 2 3 3 3 3 32",
    "residual.joins": "1 1 7",
    "residual.paths": "20 38 5 8 8",
}


def numbers(text: str) -> Counter[str]:
    """Return the numbers of a text, in digits or in words."""
    text = re.sub(r"## Task \d+:|\*\*[a-d]\)", "", text.lower())
    found = re.findall(
        rf"(?<!\w)\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(WORDS)})\b", text
    )
    return Counter(
        str(WORDS.get(number, number)).replace(",", "") for number in found
    )


def cells_of(path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def statement(task: Value | Group) -> str:
    """Return the text in front of a task, with that of the whole task."""
    _, notebook, name = task.path.split(".")
    path = ROOT / f"exercises/{notebook}.ipynb"
    cells = [(c, "".join(c["source"])) for c in cells_of(path)]
    ids = [cell["id"] for cell, _ in cells]
    before = cells[: ids.index("check-" + name.replace("_", "-"))]
    texts: list[str] = []
    for cell, text in reversed(before):
        if cell["cell_type"] == "markdown":
            if not texts:
                texts.append(text)
            elif text.startswith("## Task"):
                texts.append(text.partition("**a)")[0])
            if text.startswith("## Task"):
                break
    return " ".join(texts)


@by_path
def test_a_statement_has_the_parameters_of_its_check(task):
    given = Counter()
    for value in task.given.values():
        given.update(map(str, value if isinstance(value, tuple) else [value]))
    stated = numbers(statement(task))
    name = task.path.removeprefix("check.")
    if name not in IN_CODE:
        assert set(given) <= set(stated)
    assert sorted((stated - given).elements()) == BESIDES.get(name, "").split()


IN_CODE = ("counting.step_macs", "counting.training_memory")


@functools.cache
def text_of_chapter(name: str) -> str:
    texts = []
    for cell in cells_of(ROOT / f"book/{name}.ipynb"):
        texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            plain = output.get("data", {}).get("text/plain", "")
            texts.append("".join(output.get("text", plain)))
    return re.sub(r"(?<=\d)[,_{}]+(?=\d{3})", "", "\n".join(texts))


# whose numbers also stand in their chapter, and are still to be changed
STILL_THERE = {
    "check.counting.grouped_costs",
    "check.one_by_one.middle",
    "check.inception.bottleneck",
    "check.residual.joins",
    "check.residual.paths",
}


@by_path
def test_its_chapter_does_not_give_the_answer_away(task):
    text = text_of_chapter(task.path.split(".")[1])
    parts = task.parts.values() if isinstance(task, Group) else [task]
    right = [part.right(**part.given) for part in parts]
    given_away = [
        value
        for value in right
        if isinstance(value, int)
        and value >= 1_000
        and re.search(rf"(?<![\d.]){value}(?!\d)", text)
    ]
    assert bool(given_away) == (task.path in STILL_THERE), given_away
