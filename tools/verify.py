"""The whole proof of the course, step by step: ``make test``.

    python -m tools.verify            everything
    python -m tools.verify --quick    what takes two minutes: ``make quick``

Runs every step even after a failure, and ends with one summary, with the
time of each step and, where make started it, of installing what it needs.
Without Fashion-MNIST it says so and proves the same notebooks on generated
letters.

Tests and notebooks run two at a time where there are two cores or more, each
with its share of the cores: two trainings side by side are done sooner than
one after the other, since small networks gain little from a second thread.
"""

import argparse
import os
import subprocess
import sys
import time

from tools import ROOT

NBVAL = [
    "-ptools.kernels",
    "--nbval",
    "--nbval-current-env",
    "--nbval-cell-timeout=900",
    "--override-ini=python_files=",
]

# A long file that starts late is done by one worker alone at the end. These
# train, or start browsers, kernels or other processes; the others are short.
LONGEST_FIRST = (
    "tests/notebooks/test_claims",
    "book/nin",
    "book/gap",
    "book/bake_off",
    "book/residual",
    "book/inception",
    "tests/site/",
    "tests/unit/test_stud",
    "tests/unit/test_data",
    "tests/project/test_nbgrader",
    "tests/project/test_recipes",
    "tests/notebooks/test_exercises",
    "tests/unit/test_training",
    "tests/unit/test_check",
    "tests/unit/test_cost",
)

# Unit tests that train, start other processes or try hundreds of answers:
# the loop of two minutes leaves them to the whole proof.
SLOW = (
    "tests/unit/test_stud",
    "tests/unit/test_data",
    "tests/unit/test_training",
    "tests/unit/test_check_engine",
    "tests/unit/test_check_decode",
    "tests/unit/test_cost_torchvision",
)


def longest_first(*patterns: str) -> list[str]:
    """Return the files of these patterns, relative to the root."""

    def place(file: str) -> int:
        known = (n for n, s in enumerate(LONGEST_FIRST) if file.startswith(s))
        return next(known, len(LONGEST_FIRST))

    files = [f for pattern in patterns for f in sorted(ROOT.glob(pattern))]
    return sorted((f.relative_to(ROOT).as_posix() for f in files), key=place)


def notebooks() -> list[str]:
    """Return every notebook whose outputs are proven, relative to the root."""
    return longest_first("book/*.ipynb", "exercises/solutions/*.ipynb")


def tests() -> list[str]:
    """Return every file of tests, relative to the root."""
    return longest_first("tests/**/test_*.py")


def side_by_side() -> list[str]:
    """Return pytest's options for two workers, if there are two cores."""
    two = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return two if cores() > 1 else []


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_cores() -> None:
    """Give each of two workers half of the cores, unless told otherwise."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // 2)))


PYTHON = [sys.executable, "-m"]


def static_checks() -> dict[str, list[str]]:
    """Return the commands that run nothing of the course, by name."""
    return {
        "format": [*PYTHON, "ruff", "format", "--check", "."],
        "lint": [*PYTHON, "ruff", "check", "."],
        "types": [*PYTHON, "mypy"],
    }


def steps() -> dict[str, list[str]]:
    """Return the commands of the whole proof, by name."""
    pytest = [*PYTHON, "pytest", "-q", *side_by_side()]
    return {
        **static_checks(),
        "book": [*PYTHON, "tools.book"],  # before the tests that look at it
        "tests": [*pytest, *tests()],
        "notebooks": [*pytest, *NBVAL, *notebooks()],
    }


def quick_steps() -> dict[str, list[str]]:
    """Return the commands of two minutes: changed pages, and fast tests."""
    pytest = [*PYTHON, "pytest", "-q", *side_by_side()]
    commands = {**static_checks(), "tests": [*pytest, *fast_tests()]}
    if pages := changed_pages():
        commands["claims"] = [*PYTHON, "tools.claims", *pages]
    if chapters := [page for page in pages if page.endswith(".ipynb")]:
        structure = "tests/notebooks/test_structure.py"
        named = " or ".join(chapters)
        commands["structure"] = [*pytest, structure, "-k", named]
    return commands


def fast_tests() -> list[str]:
    """Return the files of unit tests that are not slow."""
    files = longest_first("tests/unit/test_*.py")
    return [file for file in files if not file.startswith(SLOW)]


def changed_pages() -> list[str]:
    """Return the pages with claims that differ from those on `main`.

    Where git cannot tell, these are all.
    """
    texts = longest_first("book/*.md", "exercises/*.md", "README.md")
    pages = [*notebooks(), *texts]
    try:
        base = git("merge-base", "HEAD", "main")
        changed = {*git("diff", "--name-only", *base), *git(*UNTRACKED)}
    except (OSError, subprocess.CalledProcessError):
        return pages
    return [path for path in pages if path in changed]


UNTRACKED = ("ls-files", "--others", "--exclude-standard")


def git(*arguments: str) -> list[str]:
    """Return the lines that git prints."""
    command = ["git", *arguments]
    return subprocess.check_output(
        command, stderr=subprocess.DEVNULL, text=True
    ).splitlines()


def choose_data() -> None:
    """Set ONEBYONE_DATASET=letters where Fashion-MNIST cannot be had."""
    from onebyone.data import DataUnavailable, load_data

    try:
        data = load_data(device="cpu")
        print(f"Data: {data.name}", flush=True)
    except DataUnavailable as error:
        print(f"{error}\nData: proving the book on letters", flush=True)
        os.environ["ONEBYONE_DATASET"] = "letters"


def run(command: list[str]) -> int:
    """Run a command; return its exit status, 127 where it cannot start."""
    try:
        return subprocess.run(command).returncode
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", flush=True)
        return 127


def main(arguments: list[str] | None = None) -> int:
    """Run the steps; exit status 0 only if all of them passed."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    started = float(os.environ.get("MAKE_STARTED") or time.time())
    installing = time.time() - started
    os.chdir(ROOT)
    share_cores()
    choose_data()
    results = {}
    commands = quick_steps() if options.quick else steps()
    for name, command in commands.items():
        print(f"\n=== {name}", flush=True)
        before = time.monotonic()
        results[name] = (run(command), time.monotonic() - before)

    print("\n=== summary")
    if "MAKE_STARTED" in os.environ:
        print(f"{'':7} {'install':10} {installing:6.0f} s")
    for name, (code, seconds) in results.items():
        print(f"{'failed' if code else 'passed':7} {name:10} {seconds:6.0f} s")
    failed = sum(code != 0 for code, _ in results.values())
    print(f"{'':7} {'all':10} {time.time() - started:6.0f} s")
    print(f"steps: {len(results) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
