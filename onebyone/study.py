"""Studies: configurations × seeds, recorded run by run.

    python -m onebyone.study list
    python -m onebyone.study run NAME [--seeds N]   go on where it stopped
    python -m onebyone.study status NAME
    python -m onebyone.study table NAME
    python -m onebyone.study publish NAME           into the package

Each finished run is one line of ``./studies/NAME.csv``, appended at once
with what produced it, so a study that is killed goes on where it was. A run
that fails is a line too. :func:`load` joins the record that the package
carries with the runs made here.
"""

import argparse
import ast
import copy
import csv
import hashlib
import inspect
import io
import os
import platform
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone import variants
from onebyone.data import DataUnavailable, FashionMNIST, ImageData, best_device
from onebyone.models import residual
from onebyone.training import Trainer, evaluate

try:
    from fcntl import LOCK_EX, flock
except ModuleNotFoundError:  # Windows: start one process at a time
    LOCK_EX = 0

    def flock(descriptor: int, operation: int) -> None:
        pass


OWN = Path("studies")
PACKAGED = Path(__file__).parent / "recorded"
PROVENANCE = ["torch", "device", "threads", "seconds", "commit", "code"]

Row = dict[str, object]


@dataclass(frozen=True)
class Study:
    """What is run and what is recorded.

    Attributes:
        name: of the study and of its CSV.
        question: that it answers, in one line.
        configurations: what is compared; all have the same keys.
        recipe: what all of them share.
        measure: called with a configuration, a seed and the recipe as
            keyword arguments; returns the measurements, and an "outcome"
            if that is not "ok".
        measurements: the names of what ``measure`` returns.
        shown: the measurements that the table shows.
        seeds: how many seeds a configuration gets unless told otherwise.
        code: functions, classes and modules that decide the results.
    """

    name: str
    question: str
    configurations: list[Row]
    measure: Callable[..., Row]
    measurements: list[str]
    shown: list[str]
    recipe: Row = field(default_factory=dict)
    seeds: int = 5
    code: tuple = ()

    @property
    def factors(self) -> list[str]:
        """The names of what a configuration sets."""
        return list(self.configurations[0])

    @property
    def columns(self) -> list[str]:
        """The columns of the study's CSV."""
        measured = [*self.measurements, "outcome"]
        return [*self.factors, "seed", *measured, *PROVENANCE]

    def key(self, row: Row) -> tuple[str, ...]:
        """What tells one run from another, as text."""
        return tuple(str(row[name]) for name in [*self.factors, "seed"])

    @cached_property
    def code_version(self) -> str:
        """Fingerprint of the code and the recipe that decide the results.

        Comments, docstrings, annotations and layout do not count. It is
        taken once, so files may change while a study runs.
        """
        parts = [_essence(part) for part in (self.measure, *self.code)]
        text = "\n".join([*parts, repr(self.recipe)])
        return hashlib.sha256(text.encode()).hexdigest()[:10]


class StudyError(RuntimeError):
    """A record that must not be continued; the message says what to do."""


# --- The record ------------------------------------------------------------


class Record:
    """The CSV of a study. A line counts once it is whole.

    Several processes on one machine may append to it.
    """

    def __init__(self, study: Study, file: Path) -> None:
        self.study = study
        self.file = file

    def rows(self) -> list[dict[str, str]]:
        """The recorded runs; a torn last line is not one."""
        if not self.file.exists():
            return []
        content = self.file.read_bytes()
        return self._parse(content[: self._whole(content)])

    def append(self, row: Row) -> bool:
        """Add a run in one write, unless it is there: whether it was not."""
        with self._locked() as descriptor:
            content = self.file.read_bytes()
            whole = self._whole(content)
            if whole < len(content):
                os.ftruncate(descriptor, whole)
            rows = self._parse(content[:whole])
            if self.study.key(row) in map(self.study.key, rows):
                return False
            text = self._text([row], header=whole == 0).encode()
            if os.write(descriptor, text) < len(text):
                os.ftruncate(descriptor, whole)
                raise OSError(f"no room to write to {self.file}")
            os.fsync(descriptor)
            return True

    def move_to(self, other: "Record") -> int:
        """Replace or add these runs in ``other``, then forget them here."""
        if not self.file.exists():
            return 0
        with self._locked() as descriptor:
            own = self.rows()
            runs = {self.study.key(row): row for row in [*other.rows(), *own]}
            partial = other.file.with_suffix(".partial")
            text = self._text(list(runs.values()), header=True)
            with open(partial, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, other.file)
            os.ftruncate(descriptor, 0)
        return len(own)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.file, flags, 0o644)
        try:
            flock(descriptor, LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _whole(self, content: bytes) -> int:
        """How many bytes the whole lines take."""
        end = content.rfind(b"\n") + 1
        last = content[content.rfind(b"\n", 0, max(end - 1, 0)) + 1 : end]
        fields = next(csv.reader([last.decode(errors="replace")]), [])
        if end and len(fields) != len(self.study.columns):
            end -= len(last)
        return end

    def _parse(self, content: bytes) -> list[dict[str, str]]:
        rows = list(csv.reader(content.decode().splitlines()))
        if not rows:
            return []
        header, *runs = rows
        if header != self.study.columns:
            raise StudyError(
                f"{self.file} has other columns than the study "
                f"{self.study.name} now: move it away to start afresh"
            )
        return [dict(zip(header, run, strict=True)) for run in runs]

    def _text(self, rows: list[Row], header: bool) -> str:
        stream = io.StringIO()
        columns = self.study.columns
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()


def own_record(study: Study, folder: Path = OWN) -> Record:
    """The runs made here."""
    return Record(study, folder / f"{study.name}.csv")


def packaged_record(study: Study) -> Record:
    """The runs that the package carries."""
    return Record(study, PACKAGED / f"{study.name}.csv")


# --- Running ---------------------------------------------------------------


def run(study: Study, seeds: int | None = None, folder: Path = OWN) -> int:
    """Make the runs that no record has yet; how many these were.

    Raises:
        StudyError: a record was made by other code.
        DataUnavailable: the study's images cannot be had.
    """
    record = own_record(study, folder)
    recorded = [*packaged_record(study).rows(), *record.rows()]
    _refuse_other_code(study, recorded)
    done = {study.key(row) for row in recorded}
    declared = _declared(study, seeds or study.seeds)
    todo = [row for row in declared if study.key(row) not in done]
    start = time.monotonic()
    for number, configuration in enumerate(todo, start=1):
        row = run_one(study, configuration)
        record.append(row)
        left = (time.monotonic() - start) / number * (len(todo) - number)
        print(
            f"{number}/{len(todo)} {_describe(configuration)}: "
            f"{row['outcome']}, {row['seconds']} s, {left / 60:.0f} min left",
            flush=True,
        )
    return len(todo)


def _declared(study: Study, seeds: int) -> Iterator[Row]:
    """Seed by seed, so that a stopped study is complete in some seeds."""
    for seed in range(seeds):
        for configuration in study.configurations:
            yield {**configuration, "seed": seed}


def run_one(study: Study, configuration: Row) -> Row:
    """Make one run; its row, also when it fails."""
    start = time.monotonic()
    try:
        with redirect_stdout(io.StringIO()):  # the outcome says it all
            measured = study.measure(**configuration, **study.recipe)
    except DataUnavailable:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        measured = {"outcome": f"{type(error).__name__}: {reason}"}
    seconds = time.monotonic() - start
    measured = {
        name: f"{value:.6g}" if isinstance(value, float) else value
        for name, value in measured.items()
    }
    return {
        **configuration,
        "outcome": "ok",
        **measured,
        "torch": torch.__version__,
        "device": _device_name(),
        "threads": torch.get_num_threads(),
        "seconds": f"{seconds:.1f}",
        "commit": _commit(),
        "code": study.code_version,
    }


def publish(study: Study, folder: Path = OWN) -> int:
    """Move the runs made here into the package's record; how many."""
    record, packaged = own_record(study, folder), packaged_record(study)
    _refuse_other_code(study, [*packaged.rows(), *record.rows()])
    return record.move_to(packaged)


def _refuse_other_code(study: Study, rows: list[dict[str, str]]) -> None:
    others = {row["code"] for row in rows} - {study.code_version}
    if others:
        raise StudyError(
            f"runs of {study.name} were recorded by other code "
            f"({', '.join(sorted(others))}) than there is now "
            f"({study.code_version}): move that record away, or go back to "
            "that code; the two must not be mixed"
        )


def _describe(configuration: Row) -> str:
    return ", ".join(f"{name} {v}" for name, v in configuration.items())


def _device_name() -> str:
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


@cache
def _commit() -> str:
    """Of the package, with a + if files have changed since; or none."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", ".")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _essence(part: object) -> str:
    """Source code without comments, docstrings, annotations, layout."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if documented and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


# --- Reading ---------------------------------------------------------------


def load(name: str, folder: Path = OWN) -> pd.DataFrame:
    """All recorded runs of a study, one a row.

    A run made here replaces the packaged run of the same configuration and
    seed. The column "source" says which it is, "packaged" or "own".

    Raises:
        KeyError: there is no such study.
    """
    study = STUDIES[name]
    sources = {
        "packaged": packaged_record(study),
        "own": own_record(study, folder),
    }
    runs = {
        study.key(row): {**row, "source": source}
        for source, record in sources.items()
        for row in record.rows()
    }
    columns = [*study.columns, "source"]
    text = pd.DataFrame(runs.values(), columns=columns).to_csv(index=False)
    missing = ["", "nan"]  # and no other word: "none" may be a setting
    return pd.read_csv(
        io.StringIO(text), keep_default_na=False, na_values=missing
    )


def interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Mean, and half the width of the t-interval around it.

    The half width is nan for fewer than two values.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return values.mean() if n else np.nan, np.nan
    quantile = stats.t.ppf((1 + level) / 2, df=n - 1)
    return values.mean(), quantile * values.std(ddof=1) / np.sqrt(n)


def summary(runs: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Runs, mean, and the ends of the 95 % t-interval of each group."""
    rows = []
    for group, members in runs.groupby(by):
        mean, half = interval(members[value])
        ends = mean - half, mean + half
        rows.append([*group, len(members), mean, *ends])
    return pd.DataFrame(rows, columns=[*by, "runs", "mean", "low", "high"])


def table(study: Study, folder: Path = OWN) -> pd.DataFrame:
    """Means with 95 % t-intervals over the seeds, as text."""
    runs = load(study.name, folder)
    rows = []
    for group, members in runs.groupby(study.factors, sort=False):
        values = [interval(members[name].dropna()) for name in study.shown]
        texts = [
            f"{mean:.4g}" + ("" if np.isnan(half) else f" ± {half:.2g}")
            for mean, half in values
        ]
        failed = int((members["outcome"] != "ok").sum())
        rows.append([*group, len(members), failed, *texts])
    columns = [*study.factors, "runs", "not ok", *study.shown]
    return pd.DataFrame(rows, columns=columns)


def status(study: Study, folder: Path = OWN) -> str:
    """How many runs there are and how many are missing, in two lines."""
    runs = load(study.name, folder)
    own = int((runs["source"] == "own").sum())
    bad = int((runs["outcome"] != "ok").sum())
    done = {study.key(row) for row in runs.to_dict("records")}
    declared = list(_declared(study, study.seeds))
    missing = sum(study.key(row) not in done for row in declared)
    return (
        f"{study.name}: {len(runs)} runs recorded, {own} of them here, "
        f"{bad} not ok\n{missing} of {len(declared)} declared are missing"
    )


# --- The studies -----------------------------------------------------------


def depth_net(network: str, batch_norm: bool, layers: int) -> nn.Module:
    """One of the networks that the study *depth* compares.

    Shortcuts have no parameters, so plain and residual have equally many.

    Args:
        network: "plain", "residual", or "zero start", which is residual
            with branches that begin as zero.
        batch_norm: whether there is any.
        layers: 8, 14, 20 and so on, in steps of six.
    """
    net = residual.compact_resnet(
        blocks=(layers - 2) // 6, shortcut=residual.ZeroPadding
    )
    if not batch_norm:
        variants.without_batch_norm(net)
    variants.kaiming(net)
    if network == "zero start":
        residual.start_as_identity(net)
    if network == "plain":
        variants.plain(net)
    return net


def gradient_norms(net: nn.Module, X: Tensor, y: Tensor) -> list[float]:
    """Norm of the loss's gradient in each convolution, first to last.

    X is (B, C, H, W), y is (B,). Batch norm uses the batch's statistics.
    """
    net.train()
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    loss = F.cross_entropy(net(X), y)
    gradients = torch.autograd.grad(loss, weights)
    return [gradient.norm().item() for gradient in gradients]


def measure_depth(
    network: str,
    batch_norm: bool,
    layers: int,
    seed: int,
    lr: float,
    epochs: int,
    data: ImageData | None = None,
) -> Row:
    """Train one network; errors between 0 and 1, and gradients at the start.

    "loss_curve" holds the means of the loss over twenty equal parts of the
    training, "gradients" the norm of the gradient in each convolution; both
    are numbers in one text, see :func:`numbers`.

    Args:
        network, batch_norm, layers: see :func:`depth_net`.
        seed: draws the weights and the order of the images.
        lr: peak of the one-cycle schedule.
        epochs: passes over the training images.
        data: the study's own Fashion-MNIST unless given.
    """
    data = data or depth_data()
    torch.manual_seed(seed)
    net = depth_net(network, batch_norm, layers).to(data.device)
    X = data.normalise(data.train_images[:100])
    norms = gradient_norms(copy.deepcopy(net), X, data.train_labels[:100])
    trainer = Trainer(epochs, lr=lr, precision="float32", seed=seed)
    history = trainer.fit(net, data)
    seen = data.get_dataloader(train=True)
    train_loss, train_accuracy = evaluate(net, seen, precision="float32")
    return {
        "outcome": history.stopped or "ok",
        "train_loss": train_loss,
        "train_error": 1 - train_accuracy,
        "test_error": 1 - evaluate(net, data, precision="float32")[1],
        "first_gradient": norms[0],
        "last_gradient": norms[-1],
        "steps": len(history.steps),
        "loss_curve": _as_text(_parts(history.steps["loss"], count=20)),
        "gradients": _as_text(norms),
    }


def _parts(values: pd.Series, count: int) -> list[float]:
    """Means over so many parts of nearly equal length; empty ones go."""
    parts = np.array_split(values.to_numpy(), count)
    return [part.mean() for part in parts if len(part)]


def _as_text(values: list[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def numbers(text: str) -> list[float]:
    """The numbers that a cell of a record holds, such as a loss curve."""
    return [float(word) for word in text.split()]


@cache
def depth_data(**options: int) -> FashionMNIST:
    """3,000 of the training images, balanced, at 14×14 pixels."""
    return FashionMNIST(batch_size=32, resize=14, fraction=0.05, **options)


def measure_depth_search(validation: int, **setting: object) -> Row:
    """As :func:`measure_depth`, tested on held-out training images."""
    data = depth_data(validation=validation)
    measured = measure_depth(**setting, data=data)
    measured["validation_error"] = measured.pop("test_error")
    return measured


DEPTH_NETWORKS = [
    {"network": network, "batch_norm": batch_norm}
    for network, batch_norm in (
        ("plain", True),
        ("residual", True),
        ("plain", False),
        ("residual", False),
        ("zero start", False),
    )
]
DEPTH_MEASUREMENTS = [
    "train_loss",
    "train_error",
    "first_gradient",
    "last_gradient",
    "steps",
    "loss_curve",
    "gradients",
]
DEPTH_CODE = (
    _as_text,
    _parts,
    depth_net,
    depth_data,
    gradient_norms,
    residual.compact_resnet,
    residual.ResidualBlock,
    residual.ZeroPadding,
    residual.start_as_identity,
    variants.kaiming,
    variants.plain,
    variants.without_batch_norm,
)
DEPTH_SEARCH = Study(
    name="depth-search",
    question="Which learning rate serves the networks of depth best?",
    configurations=[
        {**network, "lr": lr}
        for lr in (0.01, 0.03, 0.1)
        for network in DEPTH_NETWORKS
    ],
    recipe={"layers": 20, "epochs": 3, "validation": 3_000},
    seeds=1,
    measure=measure_depth_search,
    measurements=["validation_error", *DEPTH_MEASUREMENTS],
    shown=["train_error", "validation_error"],
    code=(measure_depth, *DEPTH_CODE),
)
DEPTH = Study(
    name="depth",
    question="Does a deeper network train worse, with and without shortcuts?",
    configurations=[
        {**network, "layers": layers}
        for layers in (8, 20, 38)
        for network in DEPTH_NETWORKS
    ],
    recipe={"lr": 0.01, "epochs": 3},
    measure=measure_depth,
    measurements=["test_error", *DEPTH_MEASUREMENTS],
    shown=["train_error", "test_error", "first_gradient", "last_gradient"],
    code=DEPTH_CODE,
)

STUDIES = {study.name: study for study in (DEPTH_SEARCH, DEPTH)}


# --- The command line ------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; 0 if all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m onebyone.study",
        description="Run studies and show what they recorded.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the studies there are")
    for command, text in {
        "run": "make the runs that are missing; stop it whenever you like",
        "status": "how much is recorded",
        "table": "means with 95 %% t-intervals over the seeds",
        "publish": "move the runs made here into the package",
    }.items():
        subparser = commands.add_parser(command, help=text)
        subparser.add_argument("name", choices=STUDIES)
        if command == "run":
            subparser.add_argument("--seeds", type=_whole, metavar="N")
    options = parser.parse_args(arguments)
    if options.command == "list":
        for study in STUDIES.values():
            print(f"{study.name}: {study.question}")
        return 0
    study = STUDIES[options.name]
    try:
        if options.command == "run":
            print(f"runs made: {run(study, options.seeds)}")
        elif options.command == "publish":
            print(f"runs moved into the package: {publish(study)}")
        elif options.command == "table":
            print(table(study).to_string(index=False))
        else:
            print(status(study))
    except (StudyError, DataUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.")
        return 130
    return 0


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
