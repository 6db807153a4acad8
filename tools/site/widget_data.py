"""What pages need to show networks live, made without torch.

``script()`` turns the packaged weights into a classic script, which a page
can load from a disk too. Batch norm is folded into the convolution before it,
so that ten convolutions are left. ``depth_script()`` and ``front_script()``
do the same for the records of the studies *degradation* and
*bake-off*.
``python -m tools.site.widget_data`` picks the garments anew that a page
offers, from Fashion-MNIST's test set.
"""

import base64
import csv
import json
import math
import struct
from array import array
from collections.abc import Callable
from pathlib import Path

from tools import ROOT

RECORDED = ROOT / "onebyone" / "recorded"
WEIGHTS = RECORDED / "compact_nin-fashion-mnist.safetensors"
GARMENTS = Path(__file__).with_name("garments.json")
EPSILON = 1e-5  # of nn.BatchNorm2d
LARGEST = 2**15 - 1  # whole number of 16 bits
SOURCE = (
    "Fashion-MNIST, the first test image of each class;"
    " MIT licence, copyright 2017 Zalando SE"
)

Tensor = tuple[list[int], array]  # shape and values


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """Return the float32 tensors of a file by name; others are left out."""
    content = file.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            start, end = (8 + length + at for at in entry["data_offsets"])
            values = array("f")
            values.frombytes(content[start:end])
            tensors[name] = entry["shape"], values
    return tensors


def convolutions(tensors: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return weight and bias of each convolution, batch norm folded in."""
    layers = []
    for name, (shape, weight) in tensors.items():
        if not name.endswith(".weight") or len(shape) != 4:
            continue
        bias = tensors[f"{name[:-7]}.bias"][1]
        norm = behind(name[:-7])
        if f"{norm}.running_var" in tensors:
            weight, bias = fold_batch_norm(tensors, norm, weight, bias)
        layers.append((place(name), (shape, weight), ([shape[0]], bias)))
    return [layer[1:] for layer in sorted(layers, key=lambda x: x[0])]


def place(name: str) -> list[int]:
    return [int(part) for part in name.split(".") if part.isdigit()]


def behind(layer: str) -> str:
    """Return the name of the layer that follows in the same block."""
    block, _, index = layer.rpartition(".")
    return f"{block}.{int(index) + 1}" if block else ""


def fold_batch_norm(
    tensors: dict[str, Tensor], norm: str, weight: array, bias: array
) -> tuple[array, array]:
    """Return weight and bias of a convolution that does its batch norm too."""
    gamma, beta, mean, variance = (
        tensors[f"{norm}.{part}"][1]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = [g / math.sqrt(v + EPSILON) for g, v in zip(gamma, variance)]
    each = len(weight) // len(scale)
    scaled = array("f", (w * scale[i // each] for i, w in enumerate(weight)))
    moved = ((b - m) * s for b, m, s in zip(bias, mean, scale))
    return scaled, array("f", (x + y for x, y in zip(moved, beta)))


def in_sixteen_bits(weight: array, filters: int) -> tuple[array, array]:
    """Return weights as whole numbers, and for each filter what 1 stands for.

    They are half as much to load, and move a score by less than 0.001.
    """
    each = len(weight) // filters
    rows = [weight[i : i + each] for i in range(0, len(weight), each)]
    units = array("f", (max(map(abs, row)) / LARGEST or 1 for row in rows))
    whole = (round(w / unit) for row, unit in zip(rows, units) for w in row)
    return array("h", whole), units


def script() -> str:
    """Return weights, garments and layers as a classic script."""
    layers, weights, units, biases = [], array("h"), array("f"), array("f")
    for (shape, weight), (_, bias) in convolutions(read_safetensors(WEIGHTS)):
        layers.append(shape[:3])  # out, in, kernel size
        whole, unit = in_sixteen_bits(weight, shape[0])
        weights += whole
        units += unit
        biases += bias
    garments = json.loads(GARMENTS.read_text(encoding="utf-8"))
    numbers: dict[str, array] = {
        "weights": weights,
        "units": units,
        "biases": biases,
    }
    data = {
        "layers": layers,
        **{
            name: base64.b64encode(values.tobytes()).decode()
            for name, values in numbers.items()
        },
        **garments,
    }
    return f"OneByOne.ninData = {json.dumps(data)};\n"


DEPTHS = [
    RECORDED / f"{name}.csv" for name in ("degradation", "degradation-starts")
]
MEASURES = ("train_error", "error", "train_loss")
# many numbers in a cell, and the digits that a line of them needs
CURVES = {"error_curve": 2, "loss_curve": 2, "gradients": 2}


def depth_script(records: list[Path] = DEPTHS) -> str | None:
    """Return the runs of the studies of *degradation*; None without any."""
    runs = [run for record in records for run in read_record(record)]
    if not runs:
        return None
    groups: dict[tuple, dict] = {}
    for run in sorted(runs, key=lambda run: int(run["layers"])):
        setting = {
            "network": run["network"],
            "start": run["start"],
            "batch_norm": run["batch_norm"] == "True",
            "layers": int(run["layers"]),
        }
        group = groups.setdefault(
            tuple(setting.values()),
            setting | {name: [] for name in (*MEASURES, *CURVES)},
        )
        for name in MEASURES:
            group[name].append(finite(run[name], digits=4))
        for name, digits in CURVES.items():
            words = run[name].split()
            group[name].append([finite(word, digits) for word in words])
    data = {"runs": len(runs), "groups": list(groups.values())}
    short = json.dumps(data, separators=(",", ":"))
    return f"OneByOne.depthData = {short};\n"


def front_script(record: Path = RECORDED / "bake-off.csv") -> str | None:
    """Return the networks of the study *bake-off* as a script, or None."""
    runs = read_record(record)
    if not runs:
        return None
    networks: dict[tuple, dict] = {}
    for run in runs:
        cost = {
            name: int(run[name]) for name in ("width", "macs", "parameters")
        }
        network = networks.setdefault(
            (run["block"], *cost.values()),
            {"block": run["block"], **cost, "seconds": [], "accuracy": []},
        )
        network["seconds"].append(finite(run["cpu_seconds"]))
        network["accuracy"].append(finite(run["test_accuracy"]))
    data = {"runs": len(runs), "networks": list(networks.values())}
    return f"OneByOne.frontData = {json.dumps(data)};\n"


# widgets that show a record, and what makes their script of it
RECORDS: dict[str, Callable[[], str | None]] = {
    "depth": depth_script,
    "front": front_script,
}


def read_record(record: Path) -> list[dict[str, str]]:
    """Return the runs of a study, one a row; none without a record."""
    if not record.is_file():
        return []
    with record.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def finite(text: str, digits: int = 17) -> float | None:
    """Return a number with so many digits; None if it is not finite."""
    value = float(f"{float(text):.{digits}g}")
    return value if math.isfinite(value) else None


def main() -> None:
    """Write the garments file."""
    from onebyone.data import FashionMNIST

    data = FashionMNIST(batch_size=1, device="cpu")
    labels = data.test_labels.tolist()
    images = [data.test_images[labels.index(k)] for k in range(10)]
    garments = {
        "source": SOURCE,
        "mean": float(data.mean),
        "std": float(data.std),
        "names": list(data.class_names),
        "images": [
            base64.b64encode(bytes(image.flatten().tolist())).decode()
            for image in images
        ],
    }
    text = json.dumps(garments, indent=1) + "\n"
    GARMENTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
