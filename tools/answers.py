"""What the pages need to judge answers: a part of ``make exercises``.

A JSON file for each module of checks, one for the questions *Are you ready?*,
one for *Decode my number*, and one with the remarks that all of them share,
all made by the checks themselves. `make book`, which does without torch, puts
them into the pages as they are.
"""

import json
from pathlib import Path
from typing import Any

from tools import ROOT

FOLDER = ROOT / "exercises" / "answers"


def texts() -> dict[Path, str]:
    """Return the files, each with the text that it should have."""
    return {
        FOLDER / f"{name}.json": as_text(content)
        for name, content in contents().items()
    }


def contents() -> dict[str, Any]:
    """Return what each file holds; None for a task that no page judges."""
    from onebyone import check  # which needs torch
    from onebyone.check.decode import DECODER
    from onebyone.check.engine.declared import declared, declared_decoder
    from onebyone.check.engine.notebook import tasks_of
    from onebyone.check.engine.remarks import REMARKS
    from onebyone.check.ready import QUESTIONS

    tasks = {name: tasks_of(getattr(check, name)) for name in check.NOTEBOOKS}
    return {
        **{
            name: {key: declared(task) for key, task in own.items()}
            for name, own in tasks.items()
        },
        "ready": {
            chapter: [declared(question) for question in questions]
            for chapter, questions in QUESTIONS.items()
        },
        "decode": declared_decoder(DECODER),
        "remarks": REMARKS,
    }


def as_text(content: dict) -> str:
    """Return JSON with a line for each entry of its first two levels."""
    entries = [
        f"{line(key)}: {lines(value)}" for key, value in content.items()
    ]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def lines(value: Any) -> str:
    if isinstance(value, dict):
        inner = [f"{line(key)}: {line(entry)}" for key, entry in value.items()]
        return "{\n " + ",\n ".join(inner) + "}"
    if isinstance(value, list):
        return "[\n " + ",\n ".join(map(line, value)) + "]"
    return line(value)


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
