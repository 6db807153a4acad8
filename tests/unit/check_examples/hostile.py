"""Answers that nobody should give, and made-up ones."""

import decimal
import math
import sys
from contextlib import suppress

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import nn

from onebyone import check
from onebyone.check.engine.guard import NotYet, TimeUp


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
    *(raises, recurses, print, type, object, float),
    *(lambda: 1, lambda *a: a[0], lambda *_: Nasty(), lambda *_: NastyClass()),
    *(iter([]), (x for x in ()), check, np.random.default_rng()),
    *(Nameless(), Nameless, NamelessError, NastyText("text"), [Nameless()]),
    *map(raising, (NamelessError(), HidesItsTraceback(), SaysTimeIsUp())),
    *map(raising, (SaysNastyText(), NotYet(NastyText("text")), TimeUp())),
    *map(raising, (StopIteration(), SystemExit(1), KeyboardInterrupt())),
    *(assigns_to_stdout, reaches_into_stdout, prints_nasty_text),
    *(takes_stdout_away, deletes_stdout, limits_recursion),
    lambda *_: sys.stdout.close(),
]


def is_decent(verdict) -> bool:
    """Return whether what a check shows is short and free of HTML."""
    page, text = verdict._repr_html_(), str(verdict)
    return "<script" not in page and len(page) < 4_000 and len(text) < 3_000


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
