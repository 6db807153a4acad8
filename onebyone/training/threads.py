"""Trainings that run at once share the cores of a machine.

Threads that wait for each other keep their cores busy, so two trainings with
as many threads as there are cores slow each other down, by as much as ten
times; RELIABILITY.md has the measurement. Each process that trains on the CPU
therefore writes a file anew twice a second, sees from the files of the others
how many they are, and takes its share of the cores. It hangs on the steps of
PyTorch's optimisers, so that a loop by hand takes part in it, too.
"""

import atexit
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

FOLDER = Path(tempfile.gettempdir()) / "onebyone-trainings"
PAUSE = 0.5  # seconds from one look to the next
FRESH = 20  # seconds after its last step, a process does not train any more


class Share:
    """The threads of this process: all it had, or its share of the cores."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder, self.own = folder, folder / str(os.getpid())
        self.next_look = 0.0
        self.all = self.now = torch.get_num_threads()

    def before_step(self, optimizer: Optimizer, *_: object) -> None:
        """Now and then, before the weights are updated, look at the others."""
        if time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + PAUSE
        groups = optimizer.param_groups  # of which one may be empty
        weights = (weight for group in groups for weight in group["params"])
        if any(weight.device.type == "cpu" for weight in weights):
            self.look()

    def look(self) -> None:
        """Take more or fewer threads if others have come or gone."""
        if torch.get_num_threads() != self.now:  # somebody has set it
            self.all = torch.get_num_threads()
        cores = os.cpu_count() or 1
        fair = min(self.all, max(1, cores // (1 + self.others())))
        if fair < self.all == self.now:
            print(
                f"Another training runs on this machine: this one takes {fair}"
                f" instead of {self.all} threads, so that both are faster."
            )
        if fair != torch.get_num_threads():
            torch.set_num_threads(fair)
        self.now = fair

    def others(self) -> int:
        """Return how many other processes train; say that this one does."""
        own, running = self.own, 0
        with suppress(OSError):  # where no folder can be, each goes alone
            self.folder.mkdir(exist_ok=True)
            own.touch()
            for file in self.folder.iterdir():
                age = time.time() - file.stat().st_mtime
                if file != own and age < FRESH:
                    running += 1
                elif file != own:
                    file.unlink(missing_ok=True)
        return running

    def leave(self) -> None:
        """Say that this process does not train any more."""
        with suppress(OSError):
            self.own.unlink(missing_ok=True)


SHARE = Share()
register_optimizer_step_pre_hook(SHARE.before_step)
atexit.register(SHARE.leave)
