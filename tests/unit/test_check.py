"""What checks do with answers that nobody should give, and how they speak."""

import contextlib
import decimal
import fractions
import io
import itertools
import linecache
import math
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import check_examples
from onebyone import check
from onebyone.check.engine import guard
from onebyone.check.engine.code import Array, Function, Module
from onebyone.check.engine.guard import NotYet, TimeUp
from onebyone.check.engine.tasks import (
    Choice,
    Custom,
    Group,
    Mistake,
    Number,
    Shape,
    Task,
    notebook,
)
from onebyone.check.engine.verdicts import CORRECT, NOT_ATTEMPTED, NOT_YET

TASKS = check_examples.all_tasks()

# --- Tasks to try things on ------------------------------------------------

plain_sum = Mistake(lambda n: n + 6, "One less.", "Count again.")
count = Number(
    "Parameters",
    lambda c, k: k * k * c * c + c,
    {"c": 64, "k": 3},
    vary={"c": (32, 48, 96), "k": (3, 5, 7)},
    mistakes=[
        Mistake(lambda c, k: k * k * c * c, "No biases.", "Add them."),
        Mistake(lambda c, k: k * c * c + c, "One row.", "Square it."),
    ],
    hints=["Weights.", "Biases too."],
    when_correct="Well counted.",
)
shape = Shape(
    "A shape",
    lambda n: (2, n, 5, 7),
    {"n": 3},
    axes=("batch", "channels", "height", "width"),
)
mean = Function(
    "Mean over positions",
    lambda X: X.mean(dim=(2, 3)),
    lambda draw: {"X": draw.tensor(2, draw.integer(2, 4), 5, 7)},
    mistakes=[
        Mistake(lambda X: X.mean(dim=(1, 2)), "Axes.", "Which?"),
    ],
    hints=["Two axes.", "The last two."],
)
layer = Module(
    "A layer with ReLU",
    lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU()),
    cases=[((2, 4), (1, 2, 6, 5)), ((3, 2), (2, 3, 4, 7))],
    mistakes=[Mistake(lambda i, o: nn.Conv2d(i, o, 3), "Shrinks.", "Pad.")],
)
array = Array(
    "Doubled",
    lambda X: 2 * X,
    mistakes=[Mistake(lambda X: X**2, "Squared.", "Twice is not squared.")],
)
choice = Choice("Which", right="ac", wrong={"b": "b is wrong. Look again."})
both = Group(
    "Two",
    {
        "a": Number("a", lambda n: n + 7, mistakes=[plain_sum]),
        "b": Shape("b", lambda n: (n, 2)),
    },
    {"n": 3},
    hints=["a", "b"],
)
progress, variant = notebook(__name__)


@pytest.fixture(autouse=True)
def fresh():
    """No verdict outlives its test."""
    for task in (count, shape, mean, layer, array, choice, both):
        task.state = NOT_ATTEMPTED
        task.next_hint = 1


def says(task: Task, *answers: object, **named: object) -> str:
    """The message of a verdict that must be *not yet*."""
    verdict = task(*answers, **named)
    assert verdict.state == NOT_YET, verdict
    return verdict.message


# --- Hostile answers -------------------------------------------------------


class Nasty:
    """Raises whatever is asked of it."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __eq__(self, other):
        raise RuntimeError("no eq")

    def __bool__(self):
        raise RuntimeError("no bool")

    __hash__ = None
    __str__ = __len__ = __iter__ = __float__ = __repr__


class NastyClass:
    @property
    def __class__(self):
        raise RuntimeError("no class")


class NastyError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class NastyModule(nn.Module):
    def forward(self, X):
        raise NastyError


def raises(*_):
    raise NastyError


def exits(*_):
    sys.exit(1)


def interrupts(*_):
    raise KeyboardInterrupt


def recurses(*arguments):
    return recurses(*arguments)


class NamelessType(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")

    def __repr__(cls):
        raise RuntimeError("no repr")


class Nameless(metaclass=NamelessType):
    def __repr__(self):
        raise RuntimeError("no repr")


class NamelessError(Exception, metaclass=NamelessType):
    pass


class HidesItsTraceback(Exception):
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")


class NastyText(str):
    def __str__(self):
        return self

    def __getitem__(self, key):
        raise RuntimeError("no characters")

    def split(self):
        raise RuntimeError("no words")

    __len__ = __format__ = __add__ = __getitem__


class SaysTimeIsUp(Exception):
    def __str__(self):
        raise TimeUp


class SaysNastyText(Exception):
    def __str__(self):
        return NastyText("text")


def raising(error):
    def function(*_):
        raise error

    return function


def assigns_to_stdout(*_):
    sys.stdout.text = None
    print("here I am")


def reaches_into_stdout(*_):
    for name in vars(sys.stdout):
        setattr(sys.stdout, name, None)
    sys.stdout._text = None


def prints_nasty_text(*_):
    sys.stdout.write(NastyText("text"))
    print(NastyText("text"))
    raise ValueError(NastyText("text"))


def closes_stdout(*_):
    sys.stdout.close()
    print("here I am")


def takes_stdout_away(*_):
    sys.stdout = sys.stderr = None
    print("here I am")


def deletes_stdout(*_):
    del sys.stdout
    print("here I am")


def limits_recursion(*_):
    for limit in range(1, 200):
        with suppress(RecursionError):
            sys.setrecursionlimit(limit)
            break


endless = []
endless.append(endless)

HOSTILE = [
    *(..., None, NotImplemented, "1,992,166", "", b"x", "<script>x</script>"),
    *(math.nan, math.inf, -0.6789, 0.1234, True, 1j, 10**5000, "a" * 10**6),
    *(decimal.Decimal("1e999999999"), decimal.Decimal("nan")),
    *(np.float32(3.21), np.array([1, 2]), np.array("a"), np.array(None)),
    *(torch.empty(0), torch.tensor(math.nan), torch.zeros(2, 2).to_sparse()),
    *(torch.empty(3, 4, device="meta"), torch.zeros(1).expand(10**10)),
    *(torch.zeros(2, dtype=torch.complex64), torch.empty((), device="meta")),
    *([], {}, set(), endless, {0: Nasty()}, [Nasty()], (Nasty(),)),
    *(Nasty(), NastyClass(), NastyModule(), NastyModule, Nasty),
    *(nn.Linear, nn.Linear(2, 3), nn.Identity(), nn.Sequential()),
    *(raises, exits, interrupts, recurses, print, type, object, float),
    *(lambda: 1, lambda *a: a[0], lambda *_: Nasty(), lambda *_: NastyClass()),
    *(iter([]), (x for x in ()), check, np.random.default_rng()),
    *(Nameless(), Nameless, NamelessError, NastyText("text"), [Nameless()]),
    *(raising(NamelessError()), raising(HidesItsTraceback())),
    *(raising(SaysTimeIsUp()), raising(SaysNastyText()), raising(TimeUp())),
    *(raising(NotYet(NastyText("text"))), raising(StopIteration())),
    *(assigns_to_stdout, reaches_into_stdout, prints_nasty_text),
    *(closes_stdout, takes_stdout_away, deletes_stdout, limits_recursion),
]


def is_decent(verdict) -> bool:
    page, text = verdict._repr_html_(), str(verdict)
    return "<script" not in page and len(page) < 4_000 and len(text) < 3_000


def test_no_answer_makes_a_check_raise_or_say_correct(capsys):
    tried = 0
    for task in TASKS:
        calls = [((value,), {}) for value in HOSTILE]
        calls += [((), {}), ((1, 2, 3, 4, 5, 6, 7), {}), ((), {"zzz": 1})]
        calls += [((value, Nasty(), Nasty()), {}) for value in HOSTILE[:9]]
        for positional, named in calls:
            verdict = task(*positional, **named)
            assert verdict.state in (NOT_ATTEMPTED, NOT_YET), task
            assert is_decent(verdict), task
            tried += 1
    with capsys.disabled():
        print(f"\n{tried:,} hostile answers to {len(TASKS)} tasks")


def test_several_values_may_be_hostile_each():
    for value in HOSTILE:
        assert not both(a=value, b=value)
        assert not both(value, (3, 2))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.decimals()
    | st.fractions()
    | st.sampled_from([torch.ones(3), torch.tensor(2), nn.ReLU(), len, int])
    | st.integers(-(2**31), 2**31).map(torch.tensor)
    | st.floats(width=32).map(np.float32),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner, inner)
        | st.dictionaries(
            st.sampled_from(["small", "large", 0, 1, 2, 3, "a"]), inner
        )
    ),
    max_leaves=8,
)
quick = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@quick
@given(task=st.sampled_from(TASKS), answer=values)
def test_no_made_up_value_makes_a_check_raise(task, answer):
    verdict = task(answer)
    assert is_decent(verdict)
    if isinstance(task, Number | Shape) and verdict:
        assert task.same(task.read(answer), task.right(**task.given))


@quick
@given(
    number=st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.fractions(),
    c=st.integers(2, 500),
    k=st.sampled_from([3, 5, 7]),
)
def test_a_number_is_correct_only_if_it_is_the_right_one(number, c, k):
    task = count.with_given({"c": c, "k": k})
    right = k * k * c * c + c
    assert bool(task(number)) == (number == right)
    assert task(right) and task(float(right)) and task(torch.tensor(right))
    assert task(np.int64(right)) and task(fractions.Fraction(right))
    assert "No biases." in task(right - c).message


@quick
@given(st.lists(st.integers(0, 9), max_size=6))
def test_a_shape_is_correct_only_if_every_axis_is(sizes):
    assert bool(shape(tuple(sizes))) == (sizes == [2, 3, 5, 7])


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
    started = time.monotonic()
    assert "did not finish within 0.2 seconds" in says(task, answer)
    assert time.monotonic() - started < 3


def test_the_alarm_is_as_it_was():
    def ring(*_):
        pass

    old = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 60)
        mean(raises)
        assert signal.getsignal(signal.SIGALRM) is ring
        assert 50 < signal.setitimer(signal.ITIMER_REAL, 0)[0] <= 60
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
    assert "in the line `return torch.cat([X, X], dim=9)`" in says(
        mean, answer
    )
    source = "def answer(X):\n    return torch.nn.Linear(2, 3).double()(X)\n"
    answer = cell(source, filename)["answer"]  # fails deep in PyTorch
    assert "line `return torch.nn.Linear(2, 3).double()(X)`" in says(
        mean, answer
    )


def test_no_line_of_a_library_is_given_for_the_students():
    assert "It happened" not in says(mean, nn.Linear(2, 3).double())
    assert "It happened" not in says(layer, lambda: nn.ReLU())


# --- How verdicts look -----------------------------------------------------

HTML = "<img src=x onerror=alert(1)>"


class Markup:
    def __repr__(self):
        return HTML


def prints_markup(X):
    print(HTML)
    raise ValueError(HTML)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        *((task, HTML) for task in (count, shape, mean, layer, choice)),
        *((task, Markup()) for task in (count, shape, mean, layer, array)),
        (mean, prints_markup),
        (mean, lambda X: Markup()),
        (layer, lambda *_: Markup()),
        (Custom(HTML, lambda answer: HTML), 1),
        (mean, type(HTML, (), {})),
    ],
)
def test_nothing_shown_can_put_html_on_the_page(task, answer):
    page = task(answer)._repr_html_()
    assert "<img" not in page and "&lt;img" in page


def test_a_note_is_escaped_too():
    task = Custom(HTML, lambda answer: None, hints=[HTML, "b"])
    assert "<img" not in task.hint(1)._repr_html_()
    assert "<img" not in variant(HTML)._repr_html_()


def test_a_verdict_speaks_to_people_and_to_graders():
    right, wrong, blank = count(36_928), count(36_864), count(...)
    assert right and not wrong and not blank
    assert [v.state for v in (right, wrong, blank)] == [
        CORRECT,
        NOT_YET,
        NOT_ATTEMPTED,
    ]
    assert (
        str(right) == repr(right) == "✓ correct · Parameters\n  Well counted."
    )
    assert str(wrong) == (
        "△ not yet · Parameters\n  No biases. Add them."
        " `check.test_check.count.hint()` helps."
    )
    for verdict in (right, wrong, blank):
        page = verdict._repr_html_()
        assert 'role="status"' in page and verdict.state in page
        assert "rgba(" in page  # transparent, for light and dark pages
    assert "<code>check.test_check.count.hint()</code>" in wrong._repr_html_()


def test_long_values_are_cut():
    for value in ("x" * 10**6, 10**4000, ["y"] * 10**5, b"z" * 10**6):
        assert len(says(count, value)) < 500


def test_hints_come_one_by_one():
    assert "Hint 1 of 2" in str(count.hint())
    assert "Biases too." in str(count.hint())
    assert "Hint 2 of 2" in str(count.hint())
    assert "Weights." in str(count.hint(1))
    assert "Biases too." in str(count.hint())
    for number in (0, 3, "x", None, 1.5, Nasty(), 10**50):
        assert str(count.hint(number))


def test_progress_lists_the_last_verdicts():
    count(36_928)
    mean(raises)
    count_line, mean_line = "✓ Parameters: correct", "△ Mean over positions"
    assert "1 of 7 tasks correct" in str(progress())
    assert count_line in str(progress()) and mean_line in str(progress())
    count(3)
    assert "0 of 7 tasks correct" in str(progress())


def test_a_variant_belongs_to_its_name():
    first, again = variant("Ada").count.given, variant("Ada").count.given
    others = {repr(variant(name).count.given) for name in range(40)}
    assert first == again != count.given and len(others) == 9
    c, k = first["c"], first["k"]
    assert variant("Ada").count(k * k * c * c + c)
    assert f"c = {c}, k = {k}" in repr(variant("Ada"))
    with pytest.raises(AttributeError):
        _ = variant("Ada").shape


# --- What the kinds of task say --------------------------------------------


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ("36928", "is text"),
        ((36, 928), "is a tuple"),
        (True, "is no number"),
        ([36928], "is no number"),
        (36928j, "is no real number"),
        (math.nan, "is not finite"),
        (-math.inf, "is not finite"),
        (len, "is a function"),
        (torch.ones(3), "of shape (3,) is not one number"),
        (36.928, "check the unit"),
        (36_928_000, "check the unit"),
        (36_900, "close: is it rounded"),
        (-36_928, "look at its sign"),
        (36_864, "No biases."),
        (99, "99 is not right."),
        (torch.tensor(36_928.0) * 1_000, "check the unit"),
    ],
)
def test_what_is_said_of_numbers(answer, phrase):
    assert phrase in says(count, answer)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ((2, 3, 5), "3 axes and not 4"),
        ((2, 3, 7, 5), "axis 2, height"),
        (torch.ones(2, 3, 5, 7), "Give the shape, not the tensor"),
        ("2357", "is no shape"),
        ((2, 3, 5, 7.5), "cannot be"),
        ((2, 3, 5, -7), "cannot be"),
    ],
)
def test_what_is_said_of_shapes(answer, phrase):
    assert phrase in says(shape, answer)
    assert shape(torch.Size([2, 3, 5, 7])) and shape([2, 3, 5, 7])


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ("b", "b is wrong"),
        ("abc", "b is wrong"),
        ("a", "Something is missing"),
        ("d", "none of the options"),
        (1, "none of the options"),
    ],
)
def test_what_is_said_of_choices(answer, phrase):
    assert phrase in says(choice, answer)
    assert choice("A, C") and choice(["c", "a"]) and choice({"a", "c"})


def test_each_of_group_values_is_judged_for_itself():
    assert both(a=10, b=(3, 2)) and both(10, (3, 2)) and both(10, b=[3, 2])
    assert both(a=..., b=...).state == both().state == NOT_ATTEMPTED
    message = says(both, a=10)
    assert message.startswith("a: correct.\nb: There is no answer yet.")
    assert message.count("helps") == 1
    assert "a: One less. Count again.\nb: (2, 3) is" in says(both, 9, (2, 3))
    assert "Unknown names" in says(both, a=10, c=3)


def changes(X: Tensor) -> Tensor:
    X *= 2
    return X.mean((2, 3)) / 2


def builds_nothing(i: int, o: int) -> None:
    nn.Conv2d(i, o, 3)


def gives_nothing(X: Tensor) -> None:
    X.mean((2, 3))


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (changes, "changes its input `X`"),
        (gives_nothing, "Is there a `return`?"),
        (lambda X: X, "gives the shape (2, 3, 5, 7) instead of (2, 3)"),
        (lambda X: X.mean((1, 2)), "Axes. Which?"),
        (
            lambda X: X.mean((2, 3)).float(),
            "gives a tensor of `torch.float32`",
        ),
        (lambda X: X.mean((2, 3)).to("meta"), "on the device `meta`"),
        (lambda X: X.mean((2, 3)).numpy(), "not a tensor"),
        (lambda X: X.mean((2, 3)) + 1j, "complex"),
        (lambda X: X.sum((2, 3)), "at index (0, 0); 6 of 6 values differ"),
        (lambda X: X.nosuch, "`AttributeError`: 'Tensor' object has no"),
        (lambda: 1, "`TypeError`"),
        (nn.Conv2d, "is a class"),
        (torch.ones(2), "not a function"),
    ],
)
def test_what_is_said_of_functions(answer, phrase):
    assert phrase in says(mean, answer)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda i, o: nn.Conv2d(i, o, 3), "Shrinks. Pad."),
        (lambda i, o: nn.Conv2d(i, o, 3, padding=1), "computes something"),
        (lambda i, o: nn.Conv2d(i, o, 1), "has 12 parameters instead of 76"),
        (lambda i, o: nn.Flatten(), "gives the shape (1, 60)"),
        (lambda i, o: NastyModule(), "`NastyError`"),
        (lambda i, o: nn.Conv2d, "not an `nn.Module`"),
        (builds_nothing, "Is there a `return`?"),
        (lambda i: nn.ReLU(), "Building it with (2, 4) raised `TypeError`"),
        (nn.Conv2d(2, 4, 3), "Pass the class or function"),
    ],
)
def test_what_is_said_of_modules(answer, phrase):
    assert phrase in says(layer, answer)


LARGE = 762_297_353  # not a float32
large = Number("MACs", lambda n: n, {"n": LARGE})


@pytest.mark.parametrize(
    "rounded",
    [
        torch.tensor(float(LARGE)),
        torch.tensor([LARGE]).float(),
        np.float32(LARGE),
        torch.tensor(float(LARGE)).item(),
        int(np.float32(LARGE)),
    ],
    ids=str,
)
def test_what_is_said_of_a_number_that_float32_has_rounded(rounded):
    assert "float32 rounds" in says(large, rounded)
    assert large(LARGE) and large(float(LARGE)) and large(np.int64(LARGE))
    assert "float32" not in says(large, LARGE + 1_000)


identity = Function(
    "Identity",
    lambda X: X.clone(),
    lambda draw: {"X": draw.tensor(2, 3)},
)
every_other = Function(
    "Every other",
    lambda X: X[:, ::2],
    lambda draw: {"X": draw.tensor(2, 3)},
)


def test_a_view_of_the_input_is_named():
    for function in (lambda X: X, lambda X: X.view(2, 3), lambda X: X[:]):
        verdict = identity(function)
        assert verdict and "shares its memory with `X`" in verdict.message
    assert "shares" not in identity(torch.clone).message
    assert "shares" not in every_other(lambda X: X[:, ::2]).message


def test_what_is_said_of_tensors():
    X = torch.tensor([[1.0, 3.0]])
    assert array(2 * X, X) and array((2 * X).numpy(), X)
    assert array([[2.0, 6.0]], X)
    assert "Squared." in says(array, X**2, X)
    assert "shape (2,) instead of (1, 2)" in says(array, torch.ones(2), X)
    assert "at index (0, 1); 1 of 2" in says(array, [[2.0, 5.0]], X)
    assert "`meta`" in says(array, X.to("meta"), X)
    assert "not a tensor" in says(array, 3, X)
    assert "cannot be judged" in says(array, X)


def test_a_function_is_asked_with_the_same_arguments_each_time():
    seen = []

    def spy(X):
        seen.append(X.clone())
        return X.mean((2, 3))

    assert mean(spy) and mean(spy)
    assert len(seen) == 2 * mean.cases
    halves = seen[: mean.cases], seen[mean.cases :]
    assert all(torch.equal(a, b) for a, b in zip(*halves))
    assert all(X.dtype == torch.float64 for X in seen)
