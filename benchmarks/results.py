"""The results of the benchmarks: files, each with the machine it is of."""

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from onebyone import files
from onebyone.data import best_device
from onebyone.study.engine.machine import commit, cpuinfo, processor
from onebyone.training import best_precision

RESULTS = Path(__file__).parent / "results"
FLAGS = (  # of the processor, that decide how fast a convolution is
    "avx2",
    "avx512f",
    "avx512_bf16",
    "amx_bf16",
    "asimd",
    "bf16",
)


def machine() -> dict[str, object]:
    """Return processor or GPU, threads, memory, and the versions in use."""
    device = best_device()
    flags = cpuinfo("flags", "Features").split()
    described = {
        "processor": processor(),
        "model": cpu_model(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": _memory_gib(),
        "device": device.type,
        "precision": str(best_precision(device)).removeprefix("torch."),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "d2l": version("d2l"),
        "commit": commit(),
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def cpu_model() -> str | None:
    """Return what tells processors of one name apart, where Linux says it."""
    family, model = cpuinfo("cpu family"), cpuinfo("model")
    return f"family {family}, model {model}" if family and model else None


def _memory_gib() -> int | None:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return round(pages / 2**30)


def file(name: str, device: str | None = None) -> Path:
    """Return where the results of a benchmark on a kind of device lie."""
    return RESULTS / f"{name}-{device or best_device().type}.json"


def save(name: str, measured: dict[str, object]) -> Path:
    """Write the results with their machine, whole or not at all."""
    path = file(name)
    text = json.dumps({"machine": machine(), **measured}, indent=1)
    path.parent.mkdir(exist_ok=True)
    files.write(path, text + "\n")
    print(f"saved in {path.name}")
    return path


def options(about: str, **defaults: int) -> argparse.Namespace:
    """Return what a command was given: whole numbers, each with a default."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def of_this_machine(name: str) -> dict[str, object] | None:
    """Return the saved results if they were measured here, else None.

    The commit may be another.
    """
    path = file(name)
    if not path.exists():
        return None
    before = load(path)
    here = plain(machine())
    return (
        before
        if {**before["machine"], "commit": here["commit"]} == here
        else None
    )


def plain(values: object) -> object:
    """Return the values as a file gives them back: tuples become lists."""
    return json.loads(json.dumps(values))


def load(path: Path) -> dict[str, object]:
    """Read the results of a benchmark."""
    return json.loads(path.read_text(encoding="utf-8"))
