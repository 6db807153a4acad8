"""A study's fingerprint changes with whatever decides its results."""

import dis
import importlib
import itertools
import sys
import textwrap
import types
from dataclasses import replace
from pathlib import Path

import pytest
from few_images import FewImages

import onebyone
from onebyone.data import FashionMNIST
from onebyone.study import StudyError, degradation, packaged_record
from onebyone.study.catalogue import PAPER, STUDIES
from onebyone.study.engine import fingerprint, harness, runner
from onebyone.training import threads

PACKAGE = str(Path(onebyone.__file__).parent)
DECLARED = {
    study.name: study for study in (*STUDIES.values(), *PAPER.values())
}


def version(study):
    return replace(study).code_version


def reached(study):
    walk = fingerprint._Walk(study.measure)
    walk.essences(study.recipe)
    return walk.reached


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_packaged_record_is_whole_and_of_this_code(study):
    runs = packaged_record(study).rows()
    assert {run["code"] for run in runs} <= {version(study)}
    wanted = runner.declared(study, study.seeds)
    assert {*map(study.key, runs)} >= {*map(study.key, wanted)}


# --- Nothing that is read is forgotten -------------------------------------


@pytest.fixture
def few_images(monkeypatch):
    """Random images instead of Fashion-MNIST, read in the usual way."""
    monkeypatch.setattr(FashionMNIST, "read", FewImages.read)
    for read_once in (harness.fashion_mnist, degradation.images):
        read_once.cache_clear()
    yield
    for read_once in (harness.fashion_mnist, degradation.images):
        read_once.cache_clear()


def executed(study):
    """The package's code that a run executes, with its globals.

    How many threads a run takes is no part of it: each row names them.
    """
    ran = {}

    def watch(frame, event, argument):
        code = frame.f_code
        own = code.co_filename.startswith(PACKAGE)
        if event == "call" and own and code.co_filename != threads.__file__:
            ran[code] = frame.f_globals

    recipe = dict(study.recipe)
    recipe |= {"epochs": 1} if "epochs" in recipe else {}
    recipe |= {"validation": 10} if "validation" in recipe else {}
    sys.setprofile(watch)
    try:
        study.measure(**study.configurations[-1], seed=0, **recipe)
    finally:
        sys.setprofile(None)
    return ran


def home(part):
    """The module of a part, and what holds it there."""
    if isinstance(part, type):
        return part.__module__, part.__name__
    name = part.__code__.co_qualname.partition(".")[0]
    return part.__globals__["__name__"], name


def constants(ran):
    """The constants that the code reads, as (its module's globals, name)."""
    for code, namespace in ran.items():
        for step in dis.get_instructions(code):
            known = step.opname == "LOAD_GLOBAL" and step.argval in namespace
            value = namespace[step.argval] if known else None
            plain = not callable(value)
            if known and plain and not isinstance(value, types.ModuleType):
                yield namespace, step.argval


OFTEN = [name for name in STUDIES if not name.endswith("-search")]


def all_but(often):
    """Every study; the others than these in the long tests."""
    return [
        pytest.param(name, marks=[pytest.mark.long] * (name not in often))
        for name in DECLARED
    ]


@pytest.mark.parametrize("name", all_but(OFTEN))
def test_whatever_a_run_executes_and_reads_is_in_its_fingerprint(
    name, few_images, monkeypatch
):
    study = DECLARED[name]
    before = version(study)
    ran = executed(study)
    followed = {home(part) for part in reached(study)}
    assert {
        (namespace["__name__"], code.co_qualname.partition(".")[0])
        for code, namespace in ran.items()
    } <= followed
    for namespace, constant in constants(ran):
        with monkeypatch.context() as patch:
            patch.setitem(namespace, constant, "other")
            assert version(study) != before, constant


@pytest.mark.parametrize("name", all_but(["degradation"]))
def test_each_function_and_class_that_is_followed_counts(name, monkeypatch):
    study = DECLARED[name]
    before = version(study)
    read = fingerprint._source
    for changed in reached(study):
        monkeypatch.setattr(
            fingerprint,
            "_source",
            lambda part, changed=changed: (
                read(part).rstrip() + "\n    extra = 1\n" * (part is changed)
            ),
        )
        assert version(study) != before, changed


def test_the_recipe_counts():
    study = DECLARED["degradation"]
    other = replace(study, recipe={**study.recipe, "epochs": 4})
    assert version(other) != version(study)


# --- What does not count ---------------------------------------------------

fresh = itertools.count()


@pytest.fixture
def of(tmp_path, monkeypatch):
    """The fingerprint of `measure` in a package of the given modules."""

    def written(**modules):
        package = f"written{next(fresh)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for name, text in modules.items():
            text = textwrap.dedent(text).replace("PACKAGE", package)
            (tmp_path / package / f"{name}.py").write_text(text)
        study = importlib.import_module(f"{package}.study")
        return fingerprint.fingerprint(study.measure, {"epochs": 1})

    monkeypatch.syspath_prepend(tmp_path)
    return written


STUDY = """
    import math

    RATES = {"slow": 0.1, "fast": 0.3}

    class Net:
        scale: int = 2

        def __call__(self, x):
            if x < 0:
                raise ValueError("no negative numbers")
            return self.scale * x

        def __repr__(self):
            return "a net"

    def train(net, rate):
        print("training")
        return net(math.exp(rate))

    def measure(seed, epochs):
        return {"loss": train(Net(), RATES["slow"]) / epochs}
"""


def changed(old, new):
    assert STUDY.count(old) == 1
    return STUDY.replace(old, new)


DEF = "train(net, rate):"
LOOKS = {
    "a docstring": (DEF, f'{DEF}\n        """D."""'),
    "a comment": ("RATES = {", "# by search\n    RATES = {"),
    "an annotation": (DEF, "train(net, rate: float) -> float:"),
    "an annotation less": ("scale: int = 2", "scale = 2"),
    "layout": ("RATES = {", "\n\n\n    RATES = \\\n    {"),
    "the text of an error": ("no negative numbers", "x must not be negative"),
    "what is printed": ('print("training")', 'print("training", net)'),
    "what an object looks like": ('return "a net"', 'return "a small net"'),
    "a module's other name": ("import math", "import math as m\n    math = m"),
}


@pytest.mark.parametrize("old, new", LOOKS.values(), ids=LOOKS)
def test_looks_do_not_count(old, new, of):
    assert of(study=changed(old, new)) == of(study=STUDY)


DEEDS = {
    "a value in a dictionary": ("0.1", "0.2"),
    "an attribute of a class": ("scale: int = 2", "scale: int = 3"),
    "a condition": ("x < 0", "x <= 0"),
    "another function of a library": ("math.exp", "math.sqrt"),
    "another library": ("import math", "import cmath as math"),
    "an argument": ('RATES["slow"]', 'RATES["fast"]'),
    "a statement less": ("raise ValueError(", "print("),
}


@pytest.mark.parametrize("old, new", DEEDS.values(), ids=DEEDS)
def test_deeds_count(old, new, of):
    assert of(study=changed(old, new)) != of(study=STUDY)


def test_a_move_to_other_modules_does_not_count(of):
    net, _, rest = STUDY.partition("    def train")
    train, _, measure = rest.partition("    def measure")
    names = "from PACKAGE.parts import RATES, Net\n"
    training = f"    {names}    import math\n    def train{train}"
    through = measure.replace("train(Net(), RATES", "t.train(t.Net(), t.RATES")
    for study in (
        f"    {names}    from PACKAGE.training import train\n"
        f"    def measure{measure}",
        f"    from PACKAGE import training as t\n    def measure{through}",
    ):
        moved = of(parts=net, training=training, study=study)
        assert moved == of(study=STUDY)


def test_a_library_may_be_reached_through_another_module(of):
    text = """
        from math import exp

        def measure(seed, epochs):
            return {"value": exp(seed)}
    """
    through = text.replace("from math import exp", "from PACKAGE import parts")
    through = through.replace("exp(seed)", "parts.exp(seed)")
    parts = "from math import exp"
    assert of(study=text) == of(study=through, parts=parts)


def test_another_name_for_a_function_or_constant_does_not_count(of):
    renamed = STUDY.replace("train(", "fit(").replace("RATES", "SPEEDS")
    assert of(study=renamed) == of(study=STUDY)


def test_functions_that_call_each_other_are_followed_once(of):
    text = """
        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != 0 and even(n - 1)

        def measure(seed, epochs):
            return {"even": even(seed)}
    """
    assert of(study=text) == of(study=text)
    assert of(study=text) != of(study=text.replace("n != 0", "n > 0"))


def test_code_behind_a_decorator_counts(of):
    text = """
        from functools import cache

        @cache
        def data():
            return 3

        def measure(seed, epochs):
            return {"value": data()}
    """
    assert of(study=text) != of(study=text.replace("return 3", "return 4"))


# --- What cannot be followed is refused ------------------------------------

HIDDEN = {
    "a module as a value": (
        """
        from PACKAGE import parts

        def measure(seed, epochs):
            return {"value": getattr(parts, "x")}
        """,
        "depend on parts, a module, which has no fingerprint",
    ),
    "an object": (
        """
        from pathlib import Path

        FILE = Path("numbers.txt")

        def measure(seed, epochs):
            return {"value": float(FILE.read_text())}
        """,
        "depend on FILE, a PosixPath, which has no fingerprint",
    ),
    "an import inside": (
        """
        def measure(seed, epochs):
            from PACKAGE.parts import x

            return {"value": x}
        """,
        "import it at the top of the module",
    ),
}


@pytest.mark.parametrize("text, message", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_followed_is_refused_in_a_sentence(text, message, of):
    with pytest.raises(StudyError, match=message):
        of(study=text, parts="x = 1")
