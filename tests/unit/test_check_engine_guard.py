"""What a student's code does stays with the check: time, traces, prints."""

import contextlib
import io
import itertools
import linecache
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from contextlib import redirect_stdout, suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import check_examples
from check_examples.hostile import (
    HOSTILE,
    Nasty,
    is_decent,
    quick,
    raises,
    values,
)
from check_examples.samples import both, count, layer, mean, message
from onebyone import check
from onebyone.check.engine import Custom, Number, Shape, guard
from onebyone.check.engine.guard import TimeUp
from onebyone.check.engine.verdicts import CORRECT, NOT_ATTEMPTED, NOT_YET

TASKS = check_examples.all_tasks()

# --- Hostile answers -------------------------------------------------------


def test_no_answer_makes_a_check_raise_or_say_correct():
    for task in TASKS:
        calls = [((value,), {}) for value in HOSTILE]
        calls += [((), {}), ((1, 2, 3, 4, 5, 6, 7), {}), ((), {"zzz": 1})]
        calls += [((value, Nasty(), Nasty()), {}) for value in HOSTILE[:9]]
        for positional, named in calls:
            verdict = task(*positional, **named)
            assert verdict.state in (NOT_ATTEMPTED, NOT_YET), task
            assert is_decent(verdict), task


def test_each_value_of_a_group_may_be_hostile():
    for value in HOSTILE:
        assert not both(a=value, b=value)
        assert not both(value, (3, 2))


@quick
@given(task=st.sampled_from(TASKS), answer=values)
def test_no_made_up_value_makes_a_check_raise(task, answer):
    verdict = task(answer)
    assert is_decent(verdict)
    if isinstance(task, Number | Shape) and verdict:
        assert task.same(task.read(answer), task.right(**task.given))


# --- Time, threads and traces ----------------------------------------------


def hangs(*_):
    while True:
        with suppress(Exception):
            time.sleep(0.01)


class Slow:
    def __repr__(self):
        hangs()


class SlowModule(nn.Module):
    def forward(self, X):
        hangs()


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (mean, hangs),
        (layer, hangs),
        (layer, lambda *_: SlowModule()),
        (count, Slow()),
        (Custom("J", lambda answer: answer()), hangs),
    ],
    ids=lambda value: type(value).__name__,
)
def test_code_that_never_ends_is_stopped(task, answer, monkeypatch):
    monkeypatch.setattr(task, "seconds", 0.2)
    assert "did not finish within 0.2 seconds" in message(task, answer)


def test_the_alarm_is_as_it_was():
    def ring(*_):
        pass

    old = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 60)
        mean(raises)
        assert signal.getsignal(signal.SIGALRM) is ring
        assert 0 < signal.setitimer(signal.ITIMER_REAL, 0)[0] <= 60
        count(3)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_checks_work_in_threads_too():
    verdicts = []

    def work():
        verdicts.append(mean(lambda X: X.mean((2, 3))))
        verdicts.append(count(3))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(v.state for v in verdicts) == [CORRECT] * 3 + [NOT_YET] * 3


@pytest.fixture
def bystander():
    """A handler of somebody else's, which an alarm must not reach."""
    heard = []
    handler = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    yield heard
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, handler)


def alarm_at(moment: int, context) -> bool:
    """Put a guard on and off; let the alarm ring at one of its moments.

    A moment is a line, or in guard.py an operation, that Python runs for
    that. False if there are fewer.
    """
    passed = 0

    def watch(frame, event, argument):
        nonlocal passed
        ours = frame.f_code.co_filename == guard.__file__
        if not ours and frame.f_code.co_filename != contextlib.__file__:
            return None
        frame.f_trace_opcodes = ours
        if event in ("line", "opcode"):
            passed += 1
            if passed == moment:
                signal.raise_signal(signal.SIGALRM)
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        with context:
            pass
    finally:
        sys.settrace(before)
    return passed >= moment


@pytest.mark.parametrize("kind", [guard.time_limit, guard.guarded])
def test_an_alarm_while_a_guard_comes_or_goes_does_no_harm(kind, bystander):
    before = signal.getsignal(signal.SIGALRM), sys.stdout, sys.stderr
    state = torch.random.get_rng_state()
    moments = itertools.count(1, 1 if kind is guard.time_limit else 7)
    while alarm_at(next(moments), kind(60)):
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        after = signal.getsignal(signal.SIGALRM), sys.stdout, sys.stderr
        assert after == before
        assert torch.equal(state, torch.random.get_rng_state())
    assert next(moments) > 50


def test_a_limit_without_time_stops_the_body_and_nothing_else():
    for seconds in (1e-6, 2e-5, 1e-4, 1e-3):
        with pytest.raises(TimeUp), guard.time_limit(seconds):
            hangs()
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


# what student code may change, and how it is read
SETTINGS = {
    "torch's random numbers": (
        lambda: torch.random.get_rng_state().tolist(),
        lambda: torch.manual_seed(1),
    ),
    "Python's random numbers": (random.getstate, lambda: random.seed(1)),
    "NumPy's random numbers": (
        lambda: np.random.get_state()[1].tolist(),
        lambda: np.random.seed(1),
    ),
    "the default dtype": (
        torch.get_default_dtype,
        lambda: torch.set_default_dtype(torch.float16),
    ),
    "the default device": (
        lambda: (torch.get_default_device(), torch.empty(0).device),
        lambda: torch.set_default_device("meta"),
    ),
    "a device that is left on": (
        lambda: torch.empty(0).device,
        lambda: left_on(torch.device("meta")),
    ),
    "gradients": (
        torch.is_grad_enabled,
        lambda: torch.set_grad_enabled(False),
    ),
    "inference that is left on": (
        lambda: (torch.is_inference_mode_enabled(), torch.is_grad_enabled()),
        lambda: left_on(torch.inference_mode()),
    ),
    "autocast that is left on": (
        lambda: (
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            torch.is_autocast_cache_enabled(),
            guard.autocast_depth(),
        ),
        lambda: left_on(
            torch.autocast("cpu", torch.float16, cache_enabled=False)
        ),
    ),
    "threads": (torch.get_num_threads, lambda: torch.set_num_threads(7)),
    "determinism": (
        torch.get_deterministic_debug_mode,
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    ),
    "the precision of matrix products": (
        torch.get_float32_matmul_precision,
        lambda: torch.set_float32_matmul_precision("medium"),
    ),
    "how torch prints": (
        lambda: repr(torch.tensor(1 / 3)),
        lambda: torch.set_printoptions(precision=1),
    ),
    "hooks on all modules": (
        lambda: nn.Identity()(2),
        lambda: nn.modules.module.register_module_forward_hook(
            lambda *_: 3, always_call=True
        ),
    ),
    "NumPy's errors": (np.geterr, lambda: np.seterr(all="raise")),
    "how NumPy prints": (
        lambda: repr(np.array([1 / 3])),
        lambda: np.set_printoptions(precision=1),
    ),
    "warnings": (
        lambda: list(warnings.filters),
        lambda: warnings.simplefilter("error"),
    ),
    "recursion": (
        sys.getrecursionlimit,
        lambda: sys.setrecursionlimit(123_456),
    ),
    "the working folder": (guard.folder, lambda: os.chdir(os.sep)),
    "a working folder that is removed": (
        guard.folder,
        lambda: (os.chdir(folder := tempfile.mkdtemp()), os.rmdir(folder)),
    ),
    "the environment": (
        lambda: dict(os.environ),
        lambda: os.environ.update(HOME="nowhere", NEW="variable"),
    ),
    "the mask of new files": (guard.umask, lambda: os.umask(0o123)),
    "where modules are found": (
        lambda: list(sys.path),
        lambda: sys.path.insert(0, "answers"),
    ),
}
contexts = []


def left_on(context) -> None:
    """Enter a context for good."""
    contexts.append(context)
    context.__enter__()


@pytest.mark.parametrize("name", SETTINGS)
def test_student_code_leaves_no_trace(name):
    read, change = SETTINGS[name]
    inside = []

    def untidy(X):
        inside.append(read())
        change()
        inside.append(read())
        return X.mean((2, 3))

    before = read()
    mean(untidy)
    assert inside[0] != inside[1]  # else this proves nothing
    assert read() == before


def test_a_check_works_where_the_folder_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert count(36_928)


# --- Printing --------------------------------------------------------------


@pytest.mark.parametrize("first_out", [0, 1])
def test_guards_that_overlap_give_the_stream_back(first_out):
    """Two threads, each under a guard; the one or the other leaves first."""
    outputs = [None, None]
    inside = [threading.Event(), threading.Event()]
    leave = [threading.Event(), threading.Event()]

    def work(number):
        with guard.guarded(60) as output:
            outputs[number] = output
            inside[number].set()
            leave[number].wait()
            print(f"from {number}")

    outside = io.StringIO()
    with redirect_stdout(outside):
        threads = [
            threading.Thread(target=work, args=(number,)) for number in (0, 1)
        ]
        for thread, event in zip(threads, inside):
            thread.start()
            event.wait()
        print("in between")
        for number in (first_out, 1 - first_out):
            leave[number].set()
            threads[number].join()
        assert sys.stdout is outside
    assert [output.text for output in outputs] == ["from 0\n", "from 1\n"]
    assert outside.getvalue() == "in between\n"


def test_only_the_thread_under_a_guard_is_kept_quiet():
    def starts_a_thread(X):
        thread = threading.Thread(target=print, args=("from my thread",))
        thread.start()
        thread.join()
        print("from me")
        return X.mean((2, 3))

    outside = io.StringIO()
    with redirect_stdout(outside):
        verdict = mean(starts_a_thread)
    assert "from me" in verdict.message
    assert set(outside.getvalue().split("\n")) == {"from my thread", ""}


def test_a_guard_inside_another_has_its_own_output():
    outside = io.StringIO()
    with redirect_stdout(outside), guard.guarded(60) as outer:
        print("before")
        with guard.guarded(60) as inner:
            print("within")
        with redirect_stdout(io.StringIO()) as own:
            check.explain("one")
            print("own")
        print("after")
    assert (outer.text, inner.text) == ("before\nafter\n", "within\n")
    assert own.getvalue() == "own\n" and outside.getvalue() == ""


def test_a_stream_keeps_its_attributes_for_others_while_a_guard_is_on():
    """As the kernel's own streams, which have more than Python's."""

    class KernelStream(io.StringIO):
        parent_header = None

    stream, seen = KernelStream(), []

    def other_thread():
        sys.stdout.parent_header = "cell 3"
        seen.append((sys.stdout.parent_header, sys.stdout.getvalue()))

    with redirect_stdout(stream), guard.guarded(60):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert not hasattr(sys.stdout, "parent_header")
    assert seen == [("cell 3", "")] and stream.parent_header == "cell 3"


def test_what_student_code_prints_is_kept_and_shown():
    def talks(X):
        print("here I am")
        sys.stderr.write("and here")
        return X.mean((2, 3))

    with redirect_stdout(io.StringIO()) as outside:
        verdict = mean(talks)
    assert verdict and "here I am" in verdict.message
    assert "and here" in verdict.message and not outside.getvalue()


# --- The line where it happened --------------------------------------------


def cell(source: str, filename: str) -> dict:
    """What a notebook's cell defines; kernels note its lines like this."""
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    defined = {"torch": torch}
    exec(compile(source, filename, "exec"), defined)
    return defined


@pytest.mark.parametrize(
    "filename",
    [
        "/tmp/ipykernel_4711/1234567890.py",  # Jupyter
        r"C:\Users\me\AppData\Local\Temp\ipykernel_4711\1234567890.py",
        "<ipython-input-10-0123456789ab>",  # Colab
        "/tmp/ipython-input-1234567890.py",  # Colab today
        "<ipython-input-1-0123456789ab>",  # IPython
        "/home/me/answers.py",
    ],
)
def test_an_error_names_the_line_of_the_student(filename):
    source = "def answer(X):\n    return torch.cat([X, X], dim=9)\n"
    answer = cell(source, filename)["answer"]
    assert "in the line `return torch.cat([X, X], dim=9)`" in message(
        mean, answer
    )
    source = "def answer(X):\n    return torch.nn.Linear(2, 3).double()(X)\n"
    answer = cell(source, filename)["answer"]  # fails deep in PyTorch
    assert "line `return torch.nn.Linear(2, 3).double()(X)`" in message(
        mean, answer
    )


def test_no_line_of_a_library_is_given_for_the_students():
    assert "It happened" not in message(mean, nn.Linear(2, 3).double())
    assert "It happened" not in message(layer, lambda: nn.ReLU())
