"""Where a run was made: the processor or GPU, and the commit of the code."""

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

from onebyone.data import best_device
from onebyone.study.engine.errors import StudyError

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
    try:
        git(PACKAGE, "ls-files", "--error-unmatch", "__init__.py")
        code = [".", ":(exclude)recorded"]
        changed = git(PACKAGE, "status", "--porcelain", *code)
        head = git(PACKAGE, "rev-parse", "--short", "HEAD")
    except StudyError:
        return "none"
    return f"{head}+" if changed else head


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints in a folder.

    Raises:
        StudyError: git is missing or has failed.
    """
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise StudyError("git was not found: install it") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason"]
        raise StudyError(f"git {arguments[0]} failed: {said[-1]}")
    return done.stdout.rstrip()
