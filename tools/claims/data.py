"""The test of the test, in the data: other values, other sentences.

For each sentence that a section's proof cell prints: two of its values are
exchanged, a difference is negated, a value is moved by one printed digit, and
two arms of the record behind a difference are exchanged. The sentence must
then come out differently, or the proof must fall.

The cells run here, without a kernel: what stands before the section, as far as
it runs without figures and trainings, then the section's own cells. A proof of
what a training gave or a clock showed is not run.
"""

import ast
import contextlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from onebyone import study
from tools import notebooks
from tools.claims import bound, pages
from tools.claims.proofs import is_compared

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
Names = dict[str, Any]
Change = Callable[[Names], None]


@dataclass(frozen=True)
class Value:
    """What a sentence is made from: a name, or an entry of a container."""

    name: str
    key: Any = None
    is_entry: bool = False

    def get(self, names: Names) -> Any:
        whole = names[self.name]
        return whole[self.key] if self.is_entry else whole

    def put(self, names: Names, value: Any) -> None:
        if self.is_entry:
            whole = names[self.name].copy()
            whole[self.key] = value
            value = whole
        names[self.name] = value

    def __str__(self) -> str:
        return f"{self.name}[{self.key!r}]" if self.is_entry else self.name


@dataclass(frozen=True)
class DataMutation:
    """A sentence, what was done to its data, and whether that was seen."""

    sentence: str
    kind: str
    what: str
    caught: bool

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}: still says: {self.sentence}"


class Section:
    """The code of one section of a notebook, ready to run."""

    def __init__(self, path: Path, title: str) -> None:
        self.path, self.title = path, title
        self.teaching: list[ast.stmt] = []
        self.proof: list[ast.stmt] = []
        for cell in _cells(path)[title]:
            if _is_run(cell):
                kind = self.proof if bound.is_proof(cell) else self.teaching
                kind += _statements(cell)

    def names(self) -> Names:
        """Return what stands when the proof begins."""
        names = dict(_at_starts(self.path)[self.title])
        _run(self.teaching, names)
        return names

    def names_from_records(self) -> Names:
        """Return the same, with every record that the page reads read again.

        What stands before the first of them is not run a second time.
        """
        sections = _cells(self.path)
        reading = (t for t, cells in sections.items() if _reads(cells))
        first = next(reading, self.title)
        names = dict(_at_starts(self.path)[first])
        titles = list(sections)
        for title in titles[titles.index(first) : titles.index(self.title)]:
            _run_section(sections[title], names)
        _run(self.teaching, names)
        return names

    def said(self, names: Names) -> dict[int, str] | None:
        """Run the proof; return what each statement prints.

        None where it falls.
        """
        try:
            return dict(self.sentences(names))
        except Exception:
            return None

    def says_otherwise(
        self, names: Names, place: int, sentence: str, start: int = 0
    ) -> bool:
        """Run the proof from a statement on; return whether it is another.

        It is where it falls, and where the statement ``place`` does not print
        the sentence.
        """
        try:
            printed = self.sentences(names, start)
            return any(
                at == place and text != sentence for at, text in printed
            )
        except Exception:
            return True

    def sentences(
        self, names: Names, start: int = 0
    ) -> Iterator[tuple[int, str]]:
        """Run the proof from a statement on; yield place and text of each."""
        for place, node in enumerate(self.proof[start:], start):
            text = _prove(node, names)
            if text:
                yield place, text.strip()


@cache
def _cells(path: Path) -> dict[str, list]:
    """Return the code cells of each section of a notebook."""
    found: dict[str, list] = {"": []}
    title = ""
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "markdown":
            for piece in pages.split_at_headings(cell.source):
                if heading := pages.HEADING.match(piece):
                    line = piece[heading.end() :].partition("\n")[0]
                    title = line.strip()
                    found.setdefault(title, [])
        elif cell.cell_type == "code":
            found[title].append(cell)
    return found


@cache
def _at_starts(path: Path) -> dict[str, Names]:
    """Run a notebook; return the names that stand where a section begins.

    Left out is what uses the result of a training, since that is not run. A
    proof that falls is left to the test of its own section.
    """
    names: Names = {}
    found = {}
    for title, cells in _cells(path).items():
        found[title] = dict(names)
        _run_section(cells, names)
    return found


def _run_section(cells: list, names: Names) -> None:
    for cell in cells:
        fault = Exception if bound.is_proof(cell) else NameError
        for node in _statements(cell):
            with contextlib.suppress(fault):
                _run([node], names)


def _reads(cells: list) -> bool:
    """Return whether a section reads the record of a study."""
    return any("study.load(" in notebooks.python_of(cell) for cell in cells)


def _statements(cell) -> list[ast.stmt]:
    """Return what is run of a cell; of one that trains, its definitions."""
    body = ast.parse(notebooks.python_of(cell)).body
    if _is_run(cell):
        return body
    return [node for node in body if isinstance(node, DEFINITIONS)]


def _is_run(cell) -> bool:
    tags = cell.metadata.get("tags", [])
    return is_compared(cell) and not {"setup", "figure"} & set(tags)


def _run(body: list[ast.stmt], names: Names) -> str:
    """Execute statements; return what they printed."""
    module = ast.Module(body=body, type_ignores=[])
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(module, "<section>", "exec"), names)
    return printed.getvalue()


def _prove(node: ast.stmt, names: Names) -> str:
    """Run a statement of a proof; return what it printed.

    Passed over is what asks for the result of a training, since that is not
    run, unless a sentence is made of it.
    """
    try:
        return _run([node], names)
    except NameError:
        if _states_something(node):
            raise
        return ""


def _states_something(node: ast.stmt) -> bool:
    return ast.unparse(node).startswith("says(")


def data_mutations(section: Section) -> Iterator[DataMutation]:
    """Change the data of each sentence in every way, and see."""
    recorded: list[tuple[study.Difference, dict, dict, str]] = []

    def recording(runs, value, of, minus, **options):
        found = difference(runs, value, of, minus, **options)
        recorded.append((found, of, minus, value))
        return found

    difference = study.difference
    with mock.patch.object(study, "difference", recording):
        states = _states(section)
    said = section.said(dict(states[0]))
    if said is None:
        raise ValueError("the proof falls as it is")
    if recorded and section.said(section.names_from_records()) != said:
        raise ValueError("the proof says another thing when run again")
    for place, sentence in said.items():
        node = section.proof[place]
        if not _states_something(node):
            continue
        values = _values(node, states[place])
        for kind, what, involved, change in _changes(
            values, states[place], sentence
        ):
            start = max(
                _bound_at(section, value.name, place) for value in involved
            )
            names = dict(states[start])
            change(names)
            caught = section.says_otherwise(names, place, sentence, start)
            yield DataMutation(sentence, kind, what, caught)
        for value in values:
            for found, of, minus, column in recorded:
                if value.get(states[place]) is found:
                    caught = _arms_seen(
                        section, place, sentence, of, minus, column
                    )
                    what = f"{of} with {minus}"
                    yield DataMutation(
                        sentence, "arms exchanged", what, caught
                    )


def _states(section: Section) -> list[Names]:
    """Return the names before each statement of the proof, and at its end."""
    names = section.names()
    states = [dict(names)]
    for node in section.proof:
        _prove(node, names)
        states.append(dict(names))
    return states


def _bound_at(section: Section, name: str, end: int) -> int:
    """Return the statement behind the last to give a name its value.

    Looked at are those before the statement ``end``.
    """
    places = [
        place
        for place, node in enumerate(section.proof[:end], start=1)
        if any(
            isinstance(n, ast.Name)
            and n.id == name
            and isinstance(n.ctx, ast.Store)
            for n in ast.walk(node)
        )
    ]
    return max(places, default=0)


def _values(node: ast.stmt, names: Names) -> list[Value]:
    """Return the named values, and entries of containers, of a sentence."""
    found: dict[Value, None] = {}
    bases = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(
            part.value, ast.Name
        ):
            bases.add(id(part.value))
            key = eval(ast.unparse(part.slice), dict(names))
            found[Value(part.value.id, key, is_entry=True)] = None
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and id(part) not in bases:
            value = names.get(part.id)
            if isinstance(value, str | int | float | np.number) or hasattr(
                value, "half"
            ):
                found[Value(part.id)] = None
    return list(found)


def _changes(
    values: list[Value], names: Names, sentence: str
) -> Iterator[tuple[str, str, list[Value], Change]]:
    for place, one in enumerate(values):
        a = one.get(names)
        for other in values[place + 1 :]:
            b = other.get(names)
            if _alike(a, b) and a != b:
                yield (
                    "values exchanged",
                    f"{one} with {other}",
                    [one, other],
                    _exchange(one, other),
                )
        for kind, changed in _moved(a, sentence):
            yield kind, str(one), [one], _putting(one, changed)


def _alike(a: Any, b: Any) -> bool:
    kinds = [(str,), (int, np.integer), (float, np.floating)]
    return type(a) is type(b) or any(
        isinstance(a, kind) and isinstance(b, kind) for kind in kinds
    )


def _exchange(one: Value, other: Value) -> Change:
    def change(names: Names) -> None:
        a, b = one.get(names), other.get(names)
        one.put(names, b)
        other.put(names, a)

    return change


def _putting(value: Value, changed: Any) -> Change:
    return lambda names: value.put(names, changed)


def _moved(value: Any, sentence: str) -> Iterator[tuple[str, Any]]:
    """Yield a value negated, and moved by the last digit that is printed."""
    if isinstance(value, study.Difference):
        yield "difference negated", value._replace(mean=-value.mean)
        yield "moved by a digit", value._replace(mean=value.mean + 1e-4)
        yield "moved by a digit", value._replace(half=value.half + 1e-4)
    elif isinstance(value, int | np.integer):
        yield "moved by a digit", int(value) + 1
    elif isinstance(value, float | np.floating):
        quantum = _printed_quantum(float(value), sentence)
        if quantum:
            yield "moved by a digit", float(value) + quantum
        else:
            yield "difference negated", -float(value)


def _printed_quantum(value: float, sentence: str) -> float:
    """Return what the last digit of a value is worth where it is printed."""
    for text in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence):
        decimals = len(text.partition(".")[2])
        if abs(float(text.replace(",", "")) - value) <= 0.51 / 10**decimals:
            return 1 / 10**decimals
    return 0.0


def _arms_seen(
    section: Section,
    place: int,
    sentence: str,
    of: dict,
    minus: dict,
    column: str,
) -> bool:
    """Exchange two arms of the record, run the section, see what it says."""
    load = study.load

    def exchanged(name: str, *args: Any, **named: Any):
        runs = load(name, *args, **named)
        if column not in runs or not set(of) <= set(runs):
            return runs
        rows = []
        for setting in (of, minus):
            chosen = np.ones(len(runs), dtype=bool)
            for factor, wanted in setting.items():
                chosen &= (runs[factor] == wanted).to_numpy()
            rows.append(runs[chosen].sort_values("seed").index)
        if len(rows[0]) != len(rows[1]):  # a record that lacks an arm
            return runs
        values = [runs.loc[index, column].to_numpy() for index in rows]
        runs.loc[rows[0], column], runs.loc[rows[1], column] = values[::-1]
        return runs

    with mock.patch.object(study, "load", exchanged):
        names = section.names_from_records()
        return section.says_otherwise(names, place, sentence)
