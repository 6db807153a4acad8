"""How many made which mistake, over the notebooks of a class."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from onebyone.check.engine.choices import Choice
from onebyone.check.engine.remarks import remark
from onebyone.check.engine.tasks import Compared, Group, Task
from onebyone.check.engine.verdicts import CORRECT, NOT_ATTEMPTED, Verdict
from onebyone.check.teaching.submissions import Verdicts

RIGHT = "right"
OTHER = "not right, and no known mistake"
BLANK = "not answered"
UNREAD = "not readable without running the notebook"
FEWEST = 2  # who must share a remark of a check that lists no mistakes


@dataclass
class Tally:
    """What came of one answer, which may be one of several of a task.

    `outcomes` counts RIGHT and its like, `mistakes` by the check's words.
    """

    title: str
    outcomes: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.outcomes.total() + self.mistakes.total()


def tallies_of(task: Task, given: Iterable[Verdicts]) -> list[Tally]:
    """Return what came of a task: a tally for each of its answers."""
    parts = task.parts if isinstance(task, Group) else {"": task}
    verdicts = [found[task.path] for found in given if task.path in found]
    tallies = []
    for name, part in parts.items():
        tally = Tally(f"{task.title}: {name}" if name else task.title)
        said = [said_of(name, verdict) for verdict in verdicts]
        words = known_of(task, name, part)
        for text in said:
            count(text.replace(task.pointer(), "").strip(), words, tally)
        for text, number in [*tally.mistakes.items()]:
            if not words and number < FEWEST:
                tally.outcomes[OTHER] += tally.mistakes.pop(text)
        tallies.append(tally)
    return tallies


def count(said: str, words: list[str], tally: Tally) -> None:
    """Add what was said of an answer, where `words` are known mistakes."""
    if said in (RIGHT, BLANK, UNREAD):
        tally.outcomes[said] += 1
    elif not words:
        tally.mistakes[said.partition("\nYour code printed")[0]] += 1
    elif named := [mistake for mistake in words if mistake in said]:
        tally.mistakes[max(named, key=len)] += 1
    else:
        tally.outcomes[OTHER] += 1


def said_of(part: str, verdict: Verdict | None) -> str:
    """Return what a verdict says of an answer, or the result."""
    if verdict is None:
        return UNREAD
    if verdict.state in (CORRECT, NOT_ATTEMPTED):
        return RIGHT if verdict else BLANK
    if not part:
        return verdict.message
    for line in verdict.message.splitlines():
        name, _, says = line.partition(": ")
        if name == part:
            short = {remark("part correct"): RIGHT, remark("blank"): BLANK}
            return short.get(says, says)
    return verdict.message


def known_of(task: Task, name: str, part: Task) -> list[str]:
    """Return what the check says of the known mistakes in an answer."""
    if isinstance(part, Choice):
        return [
            *(f"{letter}: {says}" for letter, says in part.wrong.items()),
            part.missing,
        ]
    known = (
        [m.message for m in part.known] if isinstance(part, Compared) else []
    )
    if isinstance(task, Group):
        others = [other for other in task.parts if other != name]
        known += [remark("exchanged", name=other) for other in others]
    return known
