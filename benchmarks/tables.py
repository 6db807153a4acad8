"""Writes the recorded results into the pages that show them.

    python -m benchmarks.tables

A page holds blocks such as ``<!-- results: throughput-cpu -->`` …
``<!-- end of results -->``. What stands between is generated from the file
of that name in ``results/``; a test fails when the two disagree.
"""

import re
import statistics
from collections.abc import Iterable
from pathlib import Path

from benchmarks import ladder, record, throughput
from benchmarks.time_to_accuracy import effects
from onebyone.study.reading import interval

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "book" / "speed.md", ROOT / "book" / "using.md")
BLOCK = re.compile(
    r"(<!-- results: ([a-z-]+) -->\n).*?(<!-- end of results -->)", re.S
)
MISSING = "*Not measured yet.*\n"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine_text(results: dict) -> str:
    """On what and with what it was measured, in one sentence."""
    of = results["machine"]
    place = of.get("gpu") or (
        f"{of['processor']}, {of['threads']} threads on {of['cores']} cores "
        f"({', '.join(of['flags'])}), {of['memory_gib']} GiB"
    )
    return (
        f"Measured on: {place}; PyTorch {of['torch']}, d2l {of['d2l']}, "
        f"Python {of['python']}, {of['system']}; our number format: "
        f"{of['precision']}; commit {of['commit']}.\n"
    )


def throughput_tables(results: dict) -> str:
    """A row a way of training, a column a network: rate and ratio."""
    networks = results["networks"]
    names = list(networks)
    rows = []
    for way in throughput.WAYS:
        cells = []
        for name in names:
            rates = networks[name]["images_per_second"]
            rate = statistics.median(rates[way])
            median, _, _ = throughput.ratio(rates, way)
            cells.append(f"{rate:,.0f} ({median:.2f}×)")
        rows.append([way, *cells])
    side = [networks[name]["side"] for name in names]
    head = [
        "images per second (times d2l)",
        *(f"{n}, {s}×{s}" for n, s in zip(names, side, strict=True)),
    ]
    spread = []
    for name in names:
        rates = networks[name]["images_per_second"]
        spread.append(
            [
                name,
                *(
                    f"{m:.2f} ({low:.2f} to {high:.2f})"
                    for m, low, high in (
                        throughput.ratio(rates, throughput.OURS),
                        throughput.ratio(rates, "ours, float32"),
                        throughput.ratio(
                            rates, throughput.OURS, throughput.BY_HAND
                        ),
                    )
                ),
            ]
        )
    ratios = [
        "median ratio (smallest to largest)",
        "ours / d2l",
        "ours in float32 / d2l",
        "ours / by hand",
    ]
    return "\n".join(
        [table(head, rows), table(ratios, spread), machine_text(results)]
    )


def ladder_table(results: dict) -> str:
    """A row a rung: its speed, its gain, and its accuracy where it may."""
    rows, before = [], None
    for rung in results["rungs"]:
        rates = rung["images_per_second"]
        gain = "" if before is None else f"{_median_ratio(rates, before):.2f}×"
        accuracy = lr = ""
        if "accuracies" in rung:
            lr, best = ladder.best_rate(rung["accuracies"])
            accuracy = f"{100 * best:.2f} %"
        speed = f"{statistics.median(rates):,.0f}"
        rows.append([rung["step"], speed, gain, accuracy, lr])
        before = rates
    head = ["step", "images/s", "gain", "accuracy", "learning rate"]
    return table(head, rows) + "\n" + machine_text(results)


def _median_ratio(rates: list[float], before: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(rates, before, strict=True))


def accuracy_table(results: dict) -> str:
    """Both sides of the way to 90.9 %, and the three factors."""
    of = effects(results)
    ours, theirs = results["ours"], results["theirs"]
    accuracies = [100 * run["accuracy"] for run in ours["runs"]]
    mean, half = interval(accuracies)
    seconds = [run["seconds"] for run in ours["runs"]]
    sides = [
        ["parameters", f"{ours['parameters']:,}", f"{theirs['parameters']:,}"],
        ["MACs of an image", f"{ours['macs']:,}", f"{theirs['macs']:,}"],
        ["epochs", str(ours["recipe"]["epochs"]), str(theirs["epochs"])],
        ["training FLOPs", f"{of['flops']:.2e}", f"{of['their_flops']:.2e}"],
        [
            "seconds",
            f"{of['seconds']:.1f} ({min(seconds):.1f} to {max(seconds):.1f})",
            f"{of['their_seconds']:,.0f} (computed)",
        ],
        [
            "test accuracy",
            f"{mean:.2f} ± {half:.2f} % ({len(accuracies)} seeds)",
            f"{100 * results['goal']:.1f} % (reported)",
        ],
    ]
    factors = [
        ["code: d2l's network, trained by us", f"{of['code']:.2f}×"],
        ["network and resolution", f"{of['network']:.0f}×"],
        ["schedule: images seen", f"{of['schedule']:.1f}×"],
        ["all three: less time", f"{of['times_faster']:,.0f}×"],
        ["fewer FLOPs", f"{of['times_fewer_flops']:,.0f}×"],
    ]
    return "\n".join(
        [
            table(["", "this course", "d2l's page"], sides),
            table(["effect", "factor"], factors),
            machine_text(results),
        ]
    )


def long_table(results: dict) -> str:
    """A row a seed, and the mean."""
    rows = [
        [
            str(run["seed"]),
            f"{100 * run['accuracy']:.2f} %",
            f"{run['seconds'] / 60:.1f}",
        ]
        for run in results["runs"]
    ]
    accuracies = [100 * run["accuracy"] for run in results["runs"]]
    mean, half = interval(accuracies)
    minutes = statistics.mean(run["seconds"] for run in results["runs"]) / 60
    rows.append(["mean", f"{mean:.2f} ± {half:.2f} %", f"{minutes:.1f}"])
    head = ["seed", "test accuracy", "minutes"]
    return table(head, rows) + "\n" + machine_text(results)


KINDS = {
    "throughput": throughput_tables,
    "ladder": ladder_table,
    "time-to-accuracy": accuracy_table,
    "long-run": long_table,
}


def block(name: str) -> str:
    """The text for the results of a benchmark on a device: KIND-DEVICE."""
    kind, _, device = name.rpartition("-")
    path = record.file(kind, device)
    if not path.exists():
        return MISSING
    return KINDS[kind](record.load(path))


def filled(text: str) -> str:
    """A page's text, its blocks as the results are now."""
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{block(found[2])}\n{found[3]}", text
    )


def main() -> None:
    """Rewrite every page that shows results."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(filled(text), encoding="utf-8")


if __name__ == "__main__":
    main()
