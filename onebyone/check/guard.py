"""Everything that touches what a student wrote.

An answer may raise, hang, print, or have a `repr` that does. `guarded` holds
all of that off: it limits the time, keeps the output, and leaves the
student's random numbers as they were.

The limits of the time limit: it interrupts Python code only, not a single
long call into C such as a huge matrix product; it needs Unix and the main
thread, elsewhere there is none; and a loop that catches every exception can
hold out against it. It is a help to students, no protection: their code can
do what any Python code can.
"""

import contextlib
import dis
import io
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
import torch

LONGEST = 120  # characters of a value or an error that are shown
MOST_OUTPUT = 2_000  # characters of printed output that are kept
# what the body of a function that holds nothing but `...` compiles to
STUB = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


class NotAttempted(Exception):
    """There is no answer yet; the text says what to do."""


class NotYet(Exception):
    """The answer is not right; the text says why."""


class TimeUp(BaseException):
    """No Exception, so that `except Exception` does not swallow it."""


class Output(io.TextIOBase):
    """Keeps the beginning of what is printed."""

    def __init__(self):
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: max(0, MOST_OUTPUT - len(self.text))]
        return len(text)


@contextlib.contextmanager
def guarded(seconds: float) -> Iterator[Output]:
    """Run student code: for a limited time, quietly, leaving no trace."""
    output = Output()
    states = random.getstate(), numpy.random.get_state()
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        stack.callback(random.setstate, states[0])
        stack.callback(numpy.random.set_state, states[1])
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.device("cpu"))
        stack.enter_context(contextlib.redirect_stdout(output))
        stack.enter_context(contextlib.redirect_stderr(output))
        stack.enter_context(time_limit(seconds))
        yield output


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeUp in the body, again and again, once the time is over."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise TimeUp

    started = time.monotonic()
    old_handler = signal.signal(signal.SIGALRM, stop)
    old_timer = signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old_handler)
        if old_timer[0]:
            left = old_timer[0] - (time.monotonic() - started)
            signal.setitimer(
                signal.ITIMER_REAL, max(left, 0.001), old_timer[1]
            )


@dataclass(frozen=True)
class Raised:
    """What a student's code raised, in place of a result."""

    error: BaseException

    def __str__(self) -> str:
        return f"raised {shown_error(self.error)}"


def outcome(function: Callable, *arguments: object) -> object:
    """What student code returns, or Raised."""
    try:
        return function(*arguments)
    except TimeUp:
        raise
    except BaseException as error:
        return Raised(error)


def is_stub(function: object) -> bool:
    """Whether a function's body is still the `...` of the exercise."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    names = {instruction.opname for instruction in dis.get_instructions(code)}
    returned = [c for c in code.co_consts if c is not None and c is not ...]
    documented = returned == [getattr(function, "__doc__", None)]
    return names <= STUB and (not returned or documented)


def is_blank(answer: object) -> bool:
    """Whether an answer, or everything in it, is still a placeholder."""
    if type(answer) in (tuple, list):
        return len(answer) > 0 and all(map(is_blank, answer))
    if type(answer) is dict:
        return len(answer) > 0 and all(map(is_blank, answer.values()))
    return any(answer is blank for blank in (..., None, NotImplemented))


def cut(text: str) -> str:
    """A text on one line, at a sane length."""
    line = " ".join(text[: 4 * LONGEST].split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def type_name(value: object) -> str:
    return cut(str(type(value).__name__))


def shown(value: object) -> str:
    """A student's value in a few words, whatever its `repr` does."""
    if isinstance(value, torch.Tensor | numpy.ndarray) and value.ndim:
        kind = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{kind} of shape {tuple(value.shape)}"
    try:
        if type(value) is int:
            return cut(f"{value:,}")
        if isinstance(value, str | bytes):
            value = value[: 2 * LONGEST]
        return cut(repr(value))
    except TimeUp:
        raise
    except BaseException:
        return f"an object of type {type_name(value)}"


def shown_error(error: BaseException) -> str:
    """An exception with its text and the line of the student's code."""
    try:
        text = cut(str(error))
    except TimeUp:
        raise
    except BaseException:
        text = ""
    text = f"`{type_name(error)}`" + (f": {text}" if text else "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "ipykernel" in f.filename]
    if own and own[-1].line:
        text += f"\nIt happened in the line `{cut(own[-1].line)}`."
    return text
