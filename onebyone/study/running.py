"""Making the runs of a study, here or on a Dask cluster."""

import io
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from onebyone.data import DataUnavailable, best_device
from onebyone.study.declaration import Row, Study, StudyError
from onebyone.study.record import OWN, own_record, packaged_record

SECONDS_TO_CONNECT = 20  # to a Dask scheduler


def run(
    study: Study,
    seeds: int | None = None,
    folder: Path = OWN,
    scheduler: str | None = None,
) -> int:
    """Make the runs that no record has yet; how many these were.

    Args:
        study: what to run.
        seeds: how many of them each configuration gets, if not as declared.
        folder: where the record of one's own runs is.
        scheduler: address of a Dask scheduler whose workers make the runs.

    Raises:
        StudyError: a record was made by other code, or the cluster cannot
            make the runs.
        DataUnavailable: the study's images cannot be had.
    """
    record = own_record(study, folder)
    recorded = [*packaged_record(study).rows(), *record.rows()]
    _refuse_other_code(study, recorded)
    done = {study.key(row) for row in recorded}
    wanted = declared(study, seeds or study.seeds)
    todo = [row for row in wanted if study.key(row) not in done]
    if scheduler is None:
        rows = (run_one(study, configuration) for configuration in todo)
    else:
        rows = _rows_from_cluster(study, todo, scheduler)
    start = time.monotonic()
    made = 0
    for made, row in enumerate(rows, start=1):
        record.append(row)
        left = (time.monotonic() - start) / made * (len(todo) - made)
        print(
            f"{made}/{len(todo)} {_describe(study, row)}: "
            f"{row['outcome']}, {row['seconds']} s, {left / 60:.0f} min left",
            flush=True,
        )
    return made


def declared(study: Study, seeds: int) -> Iterator[Row]:
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
    return {
        **configuration,
        "outcome": "ok",
        **{name: _cell(value) for name, value in measured.items()},
        "torch": torch.__version__,
        "device": device_name(),
        "threads": torch.get_num_threads(),
        "seconds": f"{seconds:.1f}",
        "commit": commit(),
        "code": study.code_version,
    }


def _cell(value: object) -> object:
    """What the record holds of it: six digits, and no line break."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    return value


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


def _rows_from_cluster(
    study: Study, todo: list[Row], address: str
) -> Iterator[Row]:
    """The rows of the runs, as the workers finish them.

    A run whose worker dies goes to another worker. One that took several
    workers with it is given up and stays to be made.
    """
    try:
        from dask.distributed import Client, KilledWorker, as_completed
    except ModuleNotFoundError:
        raise StudyError(
            "--scheduler needs Dask: pip install dask distributed"
        ) from None
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"no Dask scheduler answers at {address} ({error}): start one "
            "with `dask scheduler`, and workers with `dask worker ADDRESS "
            "--nthreads 1`"
        ) from None
    with client:
        _check_workers(client)
        fresh = replace(study)  # each worker looks at its own code
        futures = client.map(
            run_one, [fresh] * len(todo), todo, pure=False, retries=0
        )
        lost = 0
        try:
            for future in as_completed(futures):
                try:
                    row = future.result()
                except KilledWorker:
                    lost += 1
                    continue
                _refuse_other_code(study, [row])
                yield row
        finally:
            client.cancel(futures)
    if lost:
        raise StudyError(
            f"runs given up: {lost}, since each took several workers with "
            "it (out of memory?); the same command tries them again"
        )


def _check_workers(client: object) -> None:
    """Runs in one process would share PyTorch's random numbers."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise StudyError(
            "the Dask scheduler has no workers: start some with "
            "`dask worker ADDRESS --nthreads 1`"
        )
    threads = max(worker["nthreads"] for worker in workers.values())
    if threads > 1:
        raise StudyError(
            f"a Dask worker has {threads} threads, and runs side by side in "
            "one process would share PyTorch's random numbers: start the "
            "workers with --nthreads 1"
        )


def _describe(study: Study, row: Row) -> str:
    names = [*study.factors, "seed"]
    return ", ".join(f"{name} {row[name]}" for name in names)


def device_name() -> str:
    """Return the name of the GPU, or the kind and model of the CPU."""
    device = best_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({processor()}, {platform.machine()})"


@cache
def processor() -> str:
    """Return the model of the processor as the system calls it."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip() or platform.processor()
    return cpuinfo("model name") or platform.processor() or platform.machine()


def cpuinfo(*fields: str) -> str:
    """Return the first value of one of the fields in Linux's list, or ""."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in fields:
            return value.strip()
    return ""


@cache
def commit() -> str:
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
