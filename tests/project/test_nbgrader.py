"""A made-up class, graded by nbgrader along the path that teachers take."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

from onebyone import check
from onebyone.check.teaching.submissions import notebooks_in, verdicts_in
from onebyone.check.teaching.tally import BLANK, RIGHT, tallies_of
from tools import ROOT

EXERCISES = ROOT / "exercises"
# as in exercises/teaching.md: a submission lies in <student>/<assignment>
VARIANT = ".variant(Path.cwd().parent.name)"


class Course:
    """A course folder, set up as exercises/teaching.md says."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copy(EXERCISES / "nbgrader_config.py", folder)
        loader = PyFileConfigLoader("nbgrader_config.py", path=str(folder))
        config = Config(loader.load_config())
        config.CourseDirectory.root = str(folder)
        self.api = NbGraderAPI(config=config)

    def release(self, name: str, source: Path) -> None:
        target = self.folder / "source" / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
        succeed(self.api.generate_assignment(name, create=True))

    def submit(
        self, student: str, name: str, change: Callable | None = None
    ) -> None:
        """The released notebook as a student hands it in."""
        released = self.folder / "release" / name / f"{name}.ipynb"
        target = self.folder / "submitted" / student / name / released.name
        target.parent.mkdir(parents=True)
        notebook = nbformat.read(released, as_version=4)
        for cell in notebook.cells if change else ():
            change(cell)
        nbformat.write(notebook, target)

    def grade(self, student: str, name: str) -> dict[str, float]:
        """The points of each check."""
        succeed(self.api.autograde(name, student))
        succeed(self.api.generate_feedback(name, student))
        with self.api.gradebook as book:
            graded = book.find_submission_notebook(name, name, student)
            return {
                grade.name: grade.auto_score
                for grade in graded.grades
                if grade.cell.cell_type == "code"
            }

    def feedback(self, student: str, name: str) -> str:
        page = self.folder / "feedback" / student / name / f"{name}.html"
        return page.read_text(encoding="utf-8")

    def export(self) -> dict[str, float]:
        """The points of each student."""
        command = [sys.executable, "-m", "nbgrader", "export"]
        subprocess.run(command, cwd=self.folder, check=True)
        with open(self.folder / "grades.csv", encoding="utf-8") as table:
            return {
                row["student_id"]: float(row["score"])
                for row in csv.DictReader(table)
            }


def succeed(result: dict) -> None:
    assert result["success"], result.get("error") or result.get("log")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course; nbgrader's commands find their programs."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin"])
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ONEBYONE_PROGRESS", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return Course(tmp_path)


def grade_id(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def code_marked(kind: str, source: Path) -> dict:
    """The cells of code with a mark; open questions are not autograded."""
    return {
        grade_id(cell): cell
        for cell in nbformat.read(source, as_version=4).cells
        if cell.cell_type == "code"
        and cell.metadata.get("nbgrader", {}).get(kind)
    }


def points(source: Path) -> dict[str, float]:
    """What each check of a solution is worth."""
    checks = code_marked("grade", source).items()
    return {name: cell.metadata.nbgrader.points for name, cell in checks}


def answers(source: Path) -> dict[str, str]:
    marked = code_marked("solution", source).items()
    return {name: cell.source for name, cell in marked}


def filling(given: dict[str, str]) -> Callable:
    """Put answers in their cells, and ruin every check that stands there."""

    def change(cell) -> None:
        if grade_id(cell) in given:
            cell.source = given[grade_id(cell)]
        elif grade_id(cell).startswith("check_"):
            cell.source = "pass  # tampered with"

    return change


def full(worth: dict[str, float], earned: Iterable[str]) -> dict[str, float]:
    """All points for the checks named, none for the others."""
    earned = set(earned)
    return {n: p if n in earned else 0 for n, p in worth.items()}


# --- In short --------------------------------------------------------------


def task_cells(name: str, right: str, hidden: str, shown: str) -> list:
    """An answer and its check, in the notation of the solutions."""
    marks = {"task": False, "schema_version": 3}
    answer = {**marks, "grade_id": name, "solution": True}
    answer |= {"grade": False, "locked": False}
    test = {**marks, "grade_id": f"check_{name}", "solution": False}
    test |= {"grade": True, "locked": True, "points": 3}
    return [
        new_code_cell(
            f"{name} = ...\n### BEGIN SOLUTION\n{name} = {right}\n"
            "### END SOLUTION",
            metadata={"nbgrader": answer},
        ),
        new_code_cell(
            f"### BEGIN HIDDEN TESTS\nverdict = {hidden}\n"
            f"assert verdict, verdict\n### END HIDDEN TESTS\n{shown}",
            metadata={"nbgrader": test},
        ),
    ]


TASKS = {"tuning": '"c"', "last_step": "1_493_423"}


def small_solution(
    folder: Path, tasks: dict[str, str] = TASKS, variant: str = ""
) -> Path:
    """A small assignment in a folder, which is made: tasks and answers."""
    imports = "from pathlib import Path\n\nfrom onebyone import check"
    cells = [new_markdown_cell("# Small"), new_code_cell(imports)]
    for name, right in tasks.items():
        hidden = f"check.nin{variant}.{name}({name})"
        shown = f"check.nin.{name}({name})"
        cells += task_cells(name, right, hidden, shown)
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), folder / "small.ipynb")
    return folder / "small.ipynb"


def test_a_teacher_can_grade_a_class(course, tmp_path):
    """All right, blank and mixed; then the table of grades."""
    source = small_solution(tmp_path)
    course.release("small", source)
    process = tmp_path / "process"
    tell = f"import os\nPath({str(process)!r}).write_text(str(os.getpid()))"
    mixed = {
        "tuning": f"{tell}\ntuning = 'c'",
        "last_step": "last_step = sum([166_991])",  # read from its output
    }
    course.submit("ada", "small", filling(answers(source)))
    course.submit("bob", "small")
    course.submit("cem", "small", filling(mixed))

    assert course.grade("ada", "small") == points(source)
    assert course.grade("bob", "small") == full(points(source), [])
    assert course.grade("cem", "small") == {
        "check_tuning": 3,
        "check_last_step": 0,
    }
    assert "✓ correct" in course.feedback("ada", "small")
    assert "not attempted" in course.feedback("bob", "small")
    page = course.feedback("cem", "small")
    assert "not yet · The paper's last block" in page
    assert "reduces to the classes at once" in page
    assert course.export() == {"ada": 6, "bob": 0, "cem": 3}
    # the grader runs here, and what a student wrote ran somewhere else
    assert int(process.read_text()) != os.getpid()
    # the page of mistakes has the verdicts, too
    graded = notebooks_in(tmp_path / "autograded")
    (tally,) = tallies_of(check.nin.last_step, map(verdicts_in, graded))
    assert tally.outcomes == {RIGHT: 1, BLANK: 1}
    ((mistake, number),) = tally.mistakes.items()
    assert "reduces to the classes at once" in mistake and number == 1


# --- In containers ---------------------------------------------------------

# goes to the folder of the job, without a container
DOCKER = """\
#!/bin/sh -e
for word in "$@"
do
    case "$word" in *:/course) cd "${word%:/course}" ;; esac
done
"""
# runs the command there
GRADE = 'while [ "$1" != grading ]; do shift; done; shift; "$@"'

# looks for a name in every file of the job, grade book and all, but not in
# these lines themselves
SPY = """\
other, own = b"car" + b"la", b"e" + b"ve"
job = Path.cwd().parents[2]
files = [path.read_bytes() for path in job.rglob("*") if path.is_file()]
print("others:", sum(other in file for file in files))
print("itself:", sum(own in file for file in files))
tuning = "c"
"""


@pytest.fixture
def queue(course, tmp_path, monkeypatch):
    """The queue of teaching.md, line by line, and its script."""
    text = (EXERCISES / "teaching.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    (script,) = [block for block in blocks if "docker run" in block]
    (lines,) = [block for block in blocks if "xargs" in block]
    (tmp_path / "grade_one.sh").write_text(script)
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ONEBYONE_DATA", str(tmp_path / "no data needed"))
    return re.sub(r"\bnin\b", "small", lines).splitlines()


def play_docker(folder: Path, job: str) -> None:
    """A container's place is taken by shell commands in the job's folder."""
    docker = folder / "programs" / "docker"
    docker.write_text(DOCKER + job)
    docker.chmod(0o755)


def run(lines: list[str]) -> None:
    for line in lines:
        subprocess.run(["sh", "-e", "-c", line], check=True)


def test_a_job_in_a_container_gets_nobody_elses_grades(queue, tmp_path):
    small_solution(tmp_path / "source" / "small")
    run([line for line in queue if line.startswith("nbgrader generate_a")])
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        book.add_student("carla", first_name="Carla")
    assert b"carla" in (tmp_path / "gradebook.db").read_bytes()
    (tmp_path / "submitted" / "eve" / "small").mkdir(parents=True)
    seen = tmp_path / "seen"
    keep = f"cp -r . '{seen}'; mkdir -p autograded/eve/small"
    play_docker(tmp_path, keep)
    run(["sh grade_one.sh small eve"])

    files = {p.name: p.read_bytes() for p in seen.rglob("*") if p.is_file()}
    assert set(files) == {"nbgrader_config.py", "gradebook.db"}
    assert b"check_tuning" in files["gradebook.db"]
    assert b"carla" not in files["gradebook.db"]


@pytest.mark.parametrize(
    ("left", "comes_back"),
    [("touch", True), ("ln -s /", False), ("mkfifo", False)],
)
def test_only_files_come_back_from_a_container(
    left, comes_back, queue, tmp_path
):
    """A link would be followed outside of it, and a pipe waited for."""
    folder = "autograded/eve/small"
    play_docker(tmp_path, f"mkdir -p {folder}; {left} {folder}/left")
    (tmp_path / "submitted" / "eve" / "small").mkdir(parents=True)
    (tmp_path / "small.db").touch()
    done = subprocess.run(["sh", "grade_one.sh", "small", "eve"])
    assert (done.returncode == 0) == comes_back
    brought = tmp_path / "executed" / "eve" / "small"
    assert brought.exists() == comes_back


def printed(path: Path) -> str:
    """What the code cells of a notebook printed."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [o for cell in cells for o in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.long
def test_containers_give_the_points_of_grading_directly(
    course, queue, tmp_path
):
    """And a notebook that looks for another student's name finds none."""
    source = small_solution(tmp_path / "source" / "small")
    play_docker(tmp_path, GRADE)
    to_jobs = next(n for n, line in enumerate(queue) if "xargs" in line)
    run(queue[:to_jobs])

    course.submit("carla", "small", filling(answers(source)))
    assert course.grade("carla", "small") == points(source)
    shutil.rmtree(tmp_path / "submitted" / "carla")
    course.submit("ada", "small", filling(answers(source)))
    course.submit("eve", "small", filling({"tuning": SPY}))
    run(queue[to_jobs:])

    assert course.export() == {"ada": 6, "carla": 6, "eve": 3}
    seen = printed(tmp_path / "executed" / "eve" / "small" / "small.ipynb")
    assert "others: 0" in seen and "itself: 0" not in seen


@pytest.mark.long
def test_every_student_can_have_numbers_of_their_own(course, tmp_path):
    """The hidden test takes the name from the folder of the submission."""
    task = {"last_step": TASKS["last_step"]}
    source = small_solution(tmp_path, task, VARIANT)
    course.release("small", source)
    task = check.nin.variant("ada").last_step
    own = {"last_step": f"last_step = {task.right(**task.given)}"}
    course.submit("ada", "small", filling(own))
    course.submit("bob", "small", filling(own))
    assert course.grade("ada", "small") == points(source)
    assert course.grade("bob", "small") == full(points(source), [])


# --- A class ---------------------------------------------------------------

HOSTILE = [
    "raise SystemExit",
    "def {}(*_):\n    while True:\n        pass",
    "class Bad:\n    def __repr__(self):\n        1 / 0\n\n{} = Bad()",
    "print('<script>alert(1)</script>' * 100)\n{} = '<script>'",
    "this is no Python",
    "import sys\nsys.stdout.close()\n{} = print",
]


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(EXERCISES.glob("*.ipynb"))]
)
def test_a_class_is_graded(name, course, some_data):
    source = EXERCISES / "solutions" / f"{name}.ipynb"
    right, worth = answers(source), points(source)
    course.release(name, source)
    # a right answer may need an earlier one, so the mixed one has a prefix
    first_half = dict(list(right.items())[: len(right) // 2])
    hostile = {
        answer: HOSTILE[i % len(HOSTILE)].format(answer)
        for i, answer in enumerate(right)
    }
    course.submit("ada", name, filling(right))
    course.submit("bob", name, filling({}))
    course.submit("cem", name, filling(first_half))
    course.submit("dora", name, filling(hostile))
    course.submit("eve", name)

    earned = [f"check_{answer}" for answer in first_half]
    assert course.grade("ada", name) == worth
    assert course.grade("bob", name) == full(worth, [])
    assert course.grade("cem", name) == full(worth, earned)
    assert course.grade("dora", name) == full(worth, [])
    assert course.grade("eve", name) == full(worth, [])
    for student in ("bob", "dora"):
        assert not re.search(r"<script>alert", course.feedback(student, name))
