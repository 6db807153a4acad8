"""Where a run was made: the processor or GPU, and the commit of the code."""

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

from onebyone.data import best_device

PACKAGE = Path(__file__).resolve().parents[2]


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
    """Return the package's commit, with + if its code has changed since.

    It is "none" where git does not know the package.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", ".", ":(exclude)recorded")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "none"
