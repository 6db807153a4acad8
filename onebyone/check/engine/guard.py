"""Everything that touches what a student wrote.

An answer may raise, hang, print, or have a `repr` that does. `guarded` holds
all of that off: it limits the time, keeps the output, and leaves the random
numbers and the settings of PyTorch, NumPy and Python as they were.

The limits of the time limit: it interrupts Python code only, not a single
long call into C such as a huge matrix product; it needs Unix and the main
thread, elsewhere there is none; and a loop that catches every exception can
hold out against it. It is a help to students, no protection: their code can
do what any Python code can.
"""

import contextlib
import copy
import dis
import io
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy
import torch
from torch import nn, overrides

MAX_TEXT = 120  # characters of a value or an error that are shown
MAX_OUTPUT = 2_000  # characters of printed output that are kept
# what the body of a function that holds nothing but `...` compiles to
STUB = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


class NotAttempted(Exception):
    """There is no answer yet; the text says what to do."""


class NotYet(Exception):
    """The answer is not right; the text says why."""


PATIENCE = 3  # times the limit, for code that waits


class TimeUp(BaseException):
    """No Exception, so that `except Exception` does not swallow it."""


class Output(io.TextIOBase):
    """Keeps the beginning of what is printed."""

    def __init__(self):
        self._text = ""

    @property
    def text(self) -> str:
        return self._text

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        room = max(0, MAX_OUTPUT - len(self._text))
        self._text += str.__getitem__(text, slice(room))
        return len(text)


# --- Printing --------------------------------------------------------------

_output: ContextVar[Output | None] = ContextVar("output", default=None)
_installing = threading.Lock()


class Switch:
    """Stands in for sys.stdout or sys.stderr while a guard is on.

    What runs under a guard gets that guard's Output. Everybody else gets the
    stream itself, with all its attributes: the other threads, among them
    those that a student's code starts.
    """

    def __init__(self, stream: object):
        vars(self).update(_stream=stream, _guards=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(_output.get() or self._stream, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_output.get() or self._stream, name, value)

    def count(self, change: int) -> int:
        """Add to the number of guards that rely on it; return the sum."""
        vars(self)["_guards"] += change
        return self._guards


@contextlib.contextmanager
def capture(name: str, output: Output) -> Iterator[None]:
    """Keep what is printed to sys.stdout, or sys.stderr, in this thread."""
    with _installing:
        switch = getattr(sys, name)
        if not isinstance(switch, Switch):
            switch = Switch(switch)
            setattr(sys, name, switch)
        switch.count(1)
    token = _output.set(output)
    try:
        yield
    finally:
        _output.reset(token)
        with _installing:
            still_on = switch.count(-1)
            setattr(sys, name, switch if still_on else switch._stream)


# --- Traces ----------------------------------------------------------------


def autocast_depth() -> int:
    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def leave_autocast(depth: int) -> None:
    while autocast_depth() > depth:
        torch.autocast_decrement_nesting()


def set_function_modes(modes: list[overrides.TorchFunctionMode]) -> None:
    while overrides._get_current_function_mode_stack():
        overrides._pop_mode()
    for mode in modes:
        overrides._push_mode(mode)


def folder() -> str | None:
    """Return the working folder, or None where it is gone."""
    with contextlib.suppress(FileNotFoundError):
        return os.getcwd()
    return None


def set_folder(path: str | None) -> None:
    if path is not None:
        os.chdir(path)


def umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def module_hooks() -> dict[str, dict]:
    """Return PyTorch's hooks on all modules, whose registers are private."""
    registers = vars(nn.modules.module).items()
    return {
        name: dict(register)
        for name, register in registers
        if name.startswith("_global_") and isinstance(register, dict)
    }


def set_module_hooks(hooks: dict[str, dict]) -> None:
    for name, register in hooks.items():
        refill(getattr(nn.modules.module, name), register)


def refill(mapping: MutableMapping, values: Mapping) -> None:
    mapping.clear()
    mapping.update(values)


def set_sys_path(path: list[str]) -> None:
    sys.path[:] = path


def set_warning_filters(filters: list[tuple]) -> None:
    warnings.resetwarnings()
    own: Any = warnings.filters  # a list, typed as less
    own[:] = filters


# what student code may change for everything that runs later: how to read
# it, and how to set it to what was read
STATE: list[tuple[Callable, Callable]] = [
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: list(sys.path), set_sys_path),
    (folder, set_folder),
    (umask, os.umask),
    (lambda: list(warnings.filters), set_warning_filters),
    (lambda: dict(os.environ), lambda old: refill(os.environ, old)),
    (numpy.geterr, lambda old: numpy.seterr(**old)),
    (numpy.get_printoptions, lambda old: numpy.set_printoptions(**old)),
    (
        torch._tensor_str.get_printoptions,
        lambda old: torch.set_printoptions(**old),
    ),
    (torch.get_default_dtype, torch.set_default_dtype),
    (
        lambda: getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None),
        lambda old: setattr(
            torch._GLOBAL_DEVICE_CONTEXT, "device_context", old
        ),
    ),
    (overrides._get_current_function_mode_stack, set_function_modes),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (autocast_depth, leave_autocast),
    (module_hooks, set_module_hooks),
]


@contextlib.contextmanager
def keep(read: Callable, restore: Callable) -> Iterator[None]:
    """Restore a state if it was changed, and only then."""
    old = read()
    try:
        yield
    finally:
        if read() != old:
            restore(old)


class guarded:
    """Run student code: for a limited time, quietly, leaving no trace.

    A context manager, which gives the Output.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __enter__(self) -> Output:
        output = Output()
        random_states = random.getstate(), numpy.random.get_state()
        with contextlib.ExitStack() as stack:
            stack.callback(random.setstate, random_states[0])
            stack.callback(numpy.random.set_state, random_states[1])
            stack.enter_context(torch.random.fork_rng(devices=[]))
            # these also put the modes back that the code leaves on
            stack.enter_context(torch.inference_mode(False))
            for device in ("cpu", "cuda"):
                stack.enter_context(torch.autocast(device, enabled=False))
            stack.enter_context(torch.device("cpu"))
            for read, restore in STATE:
                stack.enter_context(keep(read, restore))
            stack.enter_context(capture("stdout", output))
            stack.enter_context(capture("stderr", output))
            stack.enter_context(time_limit(self.seconds))
            self._undo = stack.pop_all()
        return output

    def __exit__(self, *error: Any) -> bool | None:
        return self._undo.__exit__(*error)


# --- Time ------------------------------------------------------------------


class time_limit:
    """Raise TimeUp in the body, again and again, once the time is over.

    It is time that the processor has spent, so that a busy machine cuts no
    right answer short; for what only waits, a longer time passes.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __enter__(self) -> None:
        self.works = threading.current_thread() is threading.main_thread()
        self.works = self.works and hasattr(signal, "setitimer")
        if self.works:
            self.old_timer = signal.setitimer(signal.ITIMER_REAL, 0)
            self.started, self.spent = time.monotonic(), time.process_time()
            self.old_handler = signal.signal(signal.SIGALRM, self.answer)
            signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.1)

    def answer(self, _: int, frame: FrameType | None) -> None:
        waited = time.monotonic() - self.started
        spent = time.process_time() - self.spent
        if spent >= self.seconds or waited >= PATIENCE * self.seconds:
            raise_time_up(frame)

    def __exit__(self, *error: object) -> None:
        if not self.works:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.old_handler)
        left, interval = self.old_timer
        if left:
            left -= time.monotonic() - self.started
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)


def raise_time_up(frame: FrameType | None) -> None:
    """Answer the alarm, unless a guard is just being put on or taken off.

    There, an error would leave it half done; the next alarm is near.
    """
    while frame:
        if frame.f_code in OF_GUARDS:
            return
        frame = frame.f_back
    raise TimeUp


OF_GUARDS = {
    method.__code__
    for kind in (guarded, time_limit)
    for method in (kind.__enter__, kind.__exit__)
}


# --- Results ---------------------------------------------------------------


@dataclass(frozen=True)
class Raised:
    """What a student's code raised, in place of a result."""

    error: BaseException

    def __str__(self) -> str:
        return f"raised {show_error(self.error)}"


def outcome(function: Callable, *arguments: object) -> object:
    """Return what student code returns, or Raised."""
    try:
        return function(*arguments)
    except TimeUp:
        raise
    except BaseException as error:
        return Raised(error)


def copied(module: nn.Module, name: str = "network") -> nn.Module:
    """Return a copy of a student's module; raise NotYet if there is none."""
    found: Any = outcome(copy.deepcopy, module)
    if isinstance(found, Raised):
        raise NotYet(f"Your {name} cannot be copied: copying it {found}")
    return found


def is_stub(function: object) -> bool:
    """Return whether a function's body is still the `...` of the exercise."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    names = {instruction.opname for instruction in dis.get_instructions(code)}
    returned = [c for c in code.co_consts if c is not None and c is not ...]
    documented = returned == [getattr(function, "__doc__", None)]
    return names <= STUB and (not returned or documented)


def is_blank(answer: Any) -> bool:
    """Return whether an answer, or everything in it, is a placeholder."""
    if type(answer) in (tuple, list):
        return len(answer) > 0 and all(map(is_blank, answer))
    if type(answer) is dict:
        return len(answer) > 0 and all(map(is_blank, answer.values()))
    return any(answer is blank for blank in (..., None, NotImplemented))


def cut(text: str) -> str:
    """Return a text on one line, at a sane length."""
    line = " ".join(text[: 4 * MAX_TEXT].split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def type_name(value: object) -> str:
    """Return the name of a type, whatever its metaclass says it is."""
    return cut(str.__str__(type.__dict__["__name__"].__get__(type(value))))


def show(value: object) -> str:
    """Return a student's value in a few words, whatever its `repr` does."""
    if isinstance(value, torch.Tensor | numpy.ndarray) and value.ndim:
        kind = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{kind} of shape {tuple(value.shape)}"
    try:
        if type(value) is int:
            return cut(f"{value:,}")
        if isinstance(value, str | bytes):
            value = value[: 2 * MAX_TEXT]
        return cut(repr(value))
    except TimeUp:
        raise
    except BaseException:
        return f"an object of type {type_name(value)}"


def show_error(error: BaseException) -> str:
    """Return an exception's text and the line of the student's code."""
    text, line = (attempt(of, error) for of in (str, student_line))
    shown_text = f"`{type_name(error)}`" + (f": {cut(text)}" if text else "")
    return shown_text + (
        f"\nIt happened in the line `{cut(line)}`." * bool(line)
    )


def attempt(function: Callable[..., str], error: BaseException) -> str:
    """Return a text about an error, or "" where the error prevents it."""
    try:
        return str.__str__(function(error))
    except TimeUp:
        raise
    except BaseException:
        return ""


# the standard library, the installed packages and this one; the names of
# cells differ from one notebook to the other, but none lies here
LIBRARIES = (
    Path(os.__file__).parent,
    Path(torch.__file__).parents[1],
    Path(numpy.__file__).parents[1],
    Path(__file__).parents[2],
)


def student_line(error: BaseException) -> str:
    """Return the last line of code that is no library's, or ""."""
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(map(Path(frame.filename).is_relative_to, LIBRARIES))
    ]
    return next(filter(None, reversed(lines)), "")
