"""A notebook's tasks: their names, what is done, and variants of them."""

import hashlib
import random
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from onebyone.check.engine import kept, verdicts
from onebyone.check.engine.tasks import Group, Task, Value
from onebyone.check.engine.verdicts import Note


def notebook(module_name: str) -> tuple[Callable, Callable]:
    """Name the tasks of a module and return its `progress` and `variant`.

    It is called at the end of the module, when all its tasks are there.
    """
    tasks = tasks_of(sys.modules[module_name])
    own = module_name.rpartition(".")[2]
    for name, task in tasks.items():
        task.path = f"check.{own}.{name}"

    def progress() -> Note:
        """Return which tasks are done, here and in the other notebooks.

        What was correct once is done, on this machine and in this account.
        """
        note = progress_of(tasks, kept.solved())
        others = kept.summary(but=own)
        return Note(note.title, f"{note.text}\n{others}".strip())

    def variant(name: str) -> Variant:
        """Return the tasks with parameters of your own, drawn from a name."""
        return Variant(str(name), tasks)

    return progress, variant


def progress_of(
    tasks: Mapping[str, Task], before: Collection[str] = ()
) -> Note:
    """Return which tasks are done, with the paths of those done before."""
    done = [t for t in tasks.values() if t.solved or t.path in before]
    states = {
        task.title: verdicts.CORRECT if task in done else task.state
        for task in tasks.values()
    }
    lines = [
        f"{verdicts.LOOK[state][0]} {title}: {state}"
        for title, state in states.items()
    ]
    title = f"{len(done)} of {len(tasks)} tasks correct"
    return Note(title, "\n".join(lines))


def tasks_of(module: object) -> dict[str, Task]:
    """Return the tasks of a check module by name, in the order of its text."""
    found = vars(module).items()
    return {name: task for name, task in found if isinstance(task, Task)}


def title_of(module: object) -> str:
    """Return what the exercises of a check module are called."""
    match = re.search(r"\*(.+?)\*", module.__doc__ or "")
    return match[1] if match else ""


class Variant:
    """Tasks with other parameters, always the same ones for one name.

    Tasks that share their parameters still do: they ask about one thing.
    Only parameters count under which every mistake has its own result.
    `tasks` has them by their names.
    """

    def __init__(self, name: str, tasks: Mapping[str, Task]):
        kinds: dict[str, dict[str, Value | Group]] = {}
        for key, task in tasks.items():
            if isinstance(task, Value | Group) and task.vary:
                kind = repr((task.given, task.vary))
                kinds.setdefault(kind, {})[key] = task
        self.tasks: dict[str, Value | Group] = {}
        lines = []
        for kind, group in kinds.items():
            given = draw_given(f"{kind} {name}", list(group.values()))
            for key, task in group.items():
                twin = task.with_given(given)
                twin.forget()
                twin.is_varied = True
                self.tasks[key] = twin
                setattr(self, key, twin)
                asked = twin.question()
                lines.append(f"**{task.title}** (`{key}`)\n\n{asked}")
        title = f"Tasks with numbers of their own, for {name}"
        self._note = Note(title, "\n\n".join(lines), markdown=True)

    def progress(self) -> Note:
        """Return which of these tasks are done."""
        return progress_of(self.tasks)

    def __repr__(self) -> str:
        return repr(self._note)

    def _repr_markdown_(self) -> str | None:
        return self._note._repr_markdown_()


def draw_given(seed: str, tasks: Sequence[Value | Group]) -> dict[str, object]:
    """Return new parameters, the same for all of the tasks."""
    first = tasks[0]
    generator = random.Random(hashlib.sha256(seed.encode()).digest())
    for _ in range(1_000):
        given = {k: generator.choice(list(v)) for k, v in first.vary.items()}
        given = {**first.given, **given}
        if given != first.given and not any(clash(t, given) for t in tasks):
            return given
    raise ValueError(f"{first.path}: no variant keeps its mistakes apart")


def clash(task: Value | Group, given: Mapping[str, object]) -> bool:
    """Return whether two mistakes have one result, or none is possible."""
    try:
        return bool(task.with_given(given).clashes())
    except (ArithmeticError, ValueError):
        return True  # impossible parameters
