"""Which tasks were solved, kept from one notebook and session to the next.

A small file in the user's cache, beside the data sets, and nowhere else.
``ONEBYONE_PROGRESS=0`` keeps nothing, and so does a class that is graded:
``ONEBYONE_GRADED=1``.
"""

import json
import os
import warnings

FILE = "solved.json"


def is_graded() -> bool:
    return os.environ.get("ONEBYONE_GRADED") == "1"


def is_kept() -> bool:
    return os.environ.get("ONEBYONE_PROGRESS") != "0" and not is_graded()


def solved() -> set[str]:
    """Return the paths of the tasks that were solved, ever."""
    if not is_kept():
        return set()
    from onebyone.data import cache  # imports d2l

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged file counts as none
        return cache.find(FILE, paths_in) or set()


def paths_in(content: bytes) -> set[str] | None:
    try:
        paths = json.loads(content)
        return {path for path in paths if isinstance(path, str)}
    except (ValueError, TypeError):
        return None


def keep(path: str) -> None:
    """Add a task to those that were solved."""
    if path and is_kept():
        write(solved() | {path})


def forget() -> None:
    """Forget which tasks were solved in earlier sessions."""
    write(set())


def write(paths: set[str]) -> None:
    from onebyone.data import cache  # imports d2l

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a folder nothing is kept
        cache.store(FILE, json.dumps(sorted(paths)).encode())


def summary(but: str) -> str:
    """Return how much is done in the other notebooks, if anything is."""
    from onebyone import check  # which imports the notebooks' modules
    from onebyone.check.engine.notebook import tasks_of

    done = [path.split(".")[1] for path in solved()]
    lines = [
        f"{name}: {done.count(name)} of {len(tasks_of(getattr(check, name)))}"
        for name in check.NOTEBOOKS
        if name != but and name in done
    ]
    return f"In other notebooks: {', '.join(lines)}" if lines else ""
