"""Making the runs of a study, one after the other or on a Dask cluster."""

import io
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from pathlib import Path
from threading import RLock

import torch

from onebyone.data import DataUnavailable
from onebyone.study.engine.cluster import run_on_cluster
from onebyone.study.engine.machine import commit, device_name
from onebyone.study.engine.record import LOCAL, local_record, packaged_record
from onebyone.study.engine.study import Row, Study, StudyError

# Runs of one process share PyTorch's random numbers and the output, so they
# wait for each other.
ONE_AT_A_TIME = RLock()


def run(
    study: Study,
    seeds: int | None = None,
    folder: Path = LOCAL,
    scheduler: str | None = None,
) -> int:
    """Run whatever is not yet recorded; return the count.

    Args:
        study: what to run.
        seeds: how many each configuration gets, if not as declared.
        folder: where the record of the runs made here is.
        scheduler: address of a Dask scheduler whose workers make the runs.

    Raises:
        StudyError: a record was made by other code, or the cluster cannot
            make the runs.
        DataUnavailable: the study's images are not available.
    """
    record = local_record(study, folder)
    recorded = [*packaged_record(study).rows(), *record.rows()]
    _refuse_other_code(study, recorded)
    done = {study.key(row) for row in recorded}
    wanted = declared(study, seeds or study.seeds)
    todo = [row for row in wanted if study.key(row) not in done]
    if scheduler is None:
        rows = (run_one(study, configuration) for configuration in todo)
    else:
        rows = run_on_cluster(run_one, study, todo, scheduler)
    start = time.monotonic()
    made = 0
    with closing(rows):
        for made, row in enumerate(rows, start=1):
            _refuse_other_code(study, [row])  # that of a worker, say
            record.append(row)
            left = (time.monotonic() - start) / made * (len(todo) - made)
            print(
                f"{made}/{len(todo)} {_describe(study, row)}: "
                f"{row['outcome']}, {row['seconds']} s, "
                f"{left / 60:.0f} min left",
                flush=True,
            )
    return made


def declared(study: Study, seeds: int) -> Iterator[Row]:
    """Yield seed by seed, so that a stopped study is whole in some seeds."""
    for seed in range(seeds):
        for configuration in study.configurations:
            yield {**configuration, "seed": seed}


def run_one(study: Study, configuration: Row) -> Row:
    """Make one run and return its row, also when the run fails."""
    start = time.monotonic()
    try:
        # what is printed meanwhile is in the outcome
        with ONE_AT_A_TIME, redirect_stdout(io.StringIO()):
            measured = study.measure(**configuration, **study.recipe)
    except DataUnavailable:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        measured = {"outcome": f"{type(error).__name__}: {reason}"}
    seconds = time.monotonic() - start
    return {
        "outcome": "ok",
        **{name: _cell(value) for name, value in measured.items()},
        **configuration,
        "torch": torch.__version__,
        "device": device_name(),
        "threads": torch.get_num_threads(),
        "seconds": f"{seconds:.1f}",
        "commit": commit(),
        "code": study.code_version,
    }


def _cell(value: object) -> object:
    """Return what the record holds of it: six digits, and no line break."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    return value


def publish(study: Study, folder: Path = LOCAL) -> int:
    """Move the runs made here into the package; return the count."""
    record, packaged = local_record(study, folder), packaged_record(study)
    _refuse_other_code(study, [*packaged.rows(), *record.rows()])
    return record.move_to(packaged)


def _refuse_other_code(study: Study, rows: list[Row]) -> None:
    others = {row["code"] for row in rows} - {study.code_version}
    if others:
        raise StudyError(
            f"runs of {study.name} were recorded by other code "
            f"({', '.join(sorted(others))}) than there is now "
            f"({study.code_version}): move that record away, or go back to "
            "that code; the two must not be mixed"
        )


def _describe(study: Study, row: Row) -> str:
    names = [*study.factors, "seed"]
    return ", ".join(f"{name} {row[name]}" for name in names)
