"""Handing the runs of a study to the workers of a Dask cluster."""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING

from onebyone.study.engine.study import Row, Study, StudyError

if TYPE_CHECKING:
    from dask.distributed import Client

SECONDS_TO_CONNECT = 20


def run_on_cluster(
    run_one: Callable[[Study, Row], Row],
    study: Study,
    todo: list[Row],
    address: str,
) -> Generator[Row, None, None]:
    """Yield the rows of the runs as the workers finish them.

    A run whose worker dies goes to another worker. One that has taken
    several workers with it is given up and stays to be made.

    Args:
        run_one: makes one run, in a worker.
        study: whose runs they are.
        todo: a configuration and seed for each run.
        address: of the Dask scheduler.

    Raises:
        StudyError: Dask or its scheduler or its workers are missing, a
            worker has several threads, or runs were given up.
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
            "and its workers with the commands in Using this book, *Several "
            "runs at a time*, which keep them to this machine"
        ) from None
    with client:
        _check_workers(client)
        unread = replace(study)  # each worker fingerprints its own code
        futures = client.map(
            run_one, [unread] * len(todo), todo, pure=False, retries=0
        )
        lost = 0
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except KilledWorker:
                    lost += 1
        finally:
            client.cancel(futures)
    if lost:
        raise StudyError(
            f"runs given up: {lost}, since each took several workers with "
            "it (out of memory?); the same command tries them again"
        )


def _check_workers(client: "Client") -> None:
    """Refuse a cluster in which runs would share a process."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise StudyError(
            "the Dask scheduler has no workers: start some, on "
            "one machine with the command in Using this book, *Several runs "
            "at a time*"
        )
    threads = max(worker["nthreads"] for worker in workers.values())
    if threads > 1:
        raise StudyError(
            f"a Dask worker has {threads} threads, and runs side by side in "
            "one process would share PyTorch's random numbers: start the "
            "workers with --nthreads 1"
        )
