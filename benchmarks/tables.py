"""Write the results into the pages that show them.

    python -m benchmarks.tables

A page holds blocks such as ``<!-- results: throughput-cpu -->`` …
``<!-- end of results -->``. What stands between is generated from the file
of that name in ``results/``; a test fails when the two disagree.
"""

import math
import re
import statistics
from collections.abc import Iterable

from benchmarks import board, ladder, results, screening, throughput
from benchmarks.recipes import Recipe
from benchmarks.time_to_accuracy import effects, mean_of
from onebyone import macs, parameters
from onebyone.study.reading import interval
from tools import ROOT

PAGES = (ROOT / "book" / "speed.md", ROOT / "book" / "using.md")
BLOCK = re.compile(
    r"(<!-- results: ([a-z-]+) -->\n).*?(<!-- end of results -->)", re.S
)
TEST_IMAGES = 10_000
MISSING = "*Not measured yet.*\n"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table of a column of text and columns of numbers."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def unbroken(text: str) -> str:
    """Return the text so that a narrow cell keeps it on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def machine_text(measured: dict) -> str:
    """Say in one sentence on what and with what it was measured."""
    of = measured["machine"]
    threads = "1 thread" if of["threads"] == 1 else f"{of['threads']} threads"
    model = f" ({of['model']})" if of.get("model") else ""
    place = of.get("gpu") or (
        f"{of['processor']}{model}, {threads} on {of['cores']} cores "
        f"({', '.join(of['flags'])}), {of['memory_gib']} GiB"
    )
    commits = commits_in(measured) or {of["commit"]}
    code = " and ".join(sorted(commits))
    if "+" in code:
        code += " (+: with changes that have no commit of their own)"
    return (
        f"Measured on: {place}; PyTorch {of['torch']}, d2l {of['d2l']}, "
        f"Python {of['python']}, {of['system']}; our number format: "
        f"{of['precision']}; code: {code}.\n"
    )


def commits_in(value: object) -> set[str]:
    """Return the commits of all runs in the results, however they nest."""
    if isinstance(value, list):
        return set().union(*map(commits_in, value))
    if not isinstance(value, dict) or "processor" in value:
        return set()  # the machine's own commit is that of the last run
    own = {value["commit"]} if "commit" in value else set()
    return own.union(*map(commits_in, value.values()))


def throughput_tables(measured: dict) -> str:
    """Return the rates of all ways of training, and the ratios that matter."""
    networks = measured["networks"]
    return (
        f"{rates_table(networks)}\n{ratios_table(networks)}\n"
        f"{rounds_text(networks)}"
    )


def rounds_text(networks: dict) -> str:
    """Say how many rounds there were, and how many batches were timed."""
    rounds = {
        len(rates)
        for of in networks.values()
        for rates in of["images_per_second"].values()
    }
    batches = ", ".join(f"{of['batches']}" for of in networks.values())
    return (
        f"Rounds: {max(rounds)}. Batches timed in each, network by network:"
        f" {batches}.\n"
    )


def rates_table(networks: dict) -> str:
    """Return a table with a row a way of training, a column a network."""
    head = ["images per second"] + [
        f"{name}, {of['side']}×{of['side']}" for name, of in networks.items()
    ]
    rows = [
        [way]
        + [
            f"{statistics.median(of['images_per_second'][way]):,.0f}"
            for of in networks.values()
        ]
        for way in throughput.WAYS
    ]
    return table(head, rows)


RATIOS = {  # how many times as fast the first is as the second
    "ours to d2l": (throughput.OURS, throughput.REFERENCE),
    "ours in float32 to d2l": (throughput.FLOAT32, throughput.REFERENCE),
    "our data to d2l's, its trainer": (
        throughput.OUR_DATA,
        throughput.REFERENCE,
    ),
    "our data to d2l's, our trainer": (throughput.OURS, throughput.THEIR_DATA),
    "ours to the loop by hand": (throughput.OURS, throughput.BY_HAND),
}


def ratios_table(networks: dict) -> str:
    """Return medians over the rounds, with the smallest and the largest."""
    rows = []
    for label, (way, reference) in RATIOS.items():
        cells = []
        for of in networks.values():
            median, low, high = throughput.ratio(
                of["images_per_second"], way, reference
            )
            spread = f"({low:.2f} to {high:.2f})"
            cells.append(f"{median:.2f} {unbroken(spread)}")
        rows.append([label, *cells])
    return table(["ratio (smallest to largest)", *networks], rows)


def ladder_table(measured: dict) -> str:
    """Return a row a rung: speed, gain, and accuracy where it can change."""
    rows, before = [], None
    for rung in measured["rungs"]:
        speed = gain = accuracy = lr = ""
        if rung["step"] not in ladder.NOT_TIMED:
            rates = rung["images_per_second"]
            speed = f"{statistics.median(rates):,.0f}"
            if before is not None:
                gain = f"{_median_ratio(rates, before):.2f}×"
            before = rates
        if "accuracies" in rung:
            lr, best = ladder.best_rate(rung["accuracies"])
            accuracy = f"{100 * best:.2f} %"
        rows.append([rung["step"], speed, gain, accuracy, lr])
    head = ["step", "images/s", "gain", "accuracy", "learning rate"]
    return table(head, rows)


def _median_ratio(rates: list[float], before: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(rates, before, strict=True))


def accuracy_table(measured: dict) -> str:
    """Return all sides of the way to 90.9 %, and the three factors.

    What is computed from a few steps has three digits.
    """
    ours, theirs = measured["ours"], measured["theirs"]
    of = {reader: effects(measured, reader) for reader in theirs}
    seconds = [run["seconds"] for run in ours["runs"]]
    our_own = next(iter(of.values()))
    rows = {
        "network": network_of(ours["recipe"]),
        "images": "28×28",
        "parameters": f"{ours['parameters']:,}",
        "MACs of an image": f"{ours['macs']:,}",
        "epochs": str(ours["recipe"]["epochs"]),
        "training FLOPs": power_of_ten(our_own["flops"]),
        "seconds": f"{our_own['seconds']:.1f} "
        + unbroken(f"({min(seconds):.1f} to {max(seconds):.1f})"),
        "test accuracy": unbroken(mean_accuracy(ours["runs"]))
        + f" ({len(ours['runs'])} seeds)",
    }
    others = [
        [
            side["network"],
            f"{side['side']}×{side['side']}",
            f"{side['parameters']:,}",
            f"{side['macs']:,}",
            str(side["epochs"]),
            power_of_ten(of[reader]["their_flops"]),
            f"{three_digits(of[reader]['their_seconds'])} (computed)",
            f"{100 * side['accuracy']:.1f} % (reported)",
        ]
        for reader, side in theirs.items()
    ]
    sides = [
        [*row, *cells]
        for row, cells in zip(
            rows.items(), zip(*others, strict=True), strict=True
        )
    ]
    factors = {
        "code: their network, trained by us": "code",
        "network and resolution": "network",
        "images seen": "images",
        "all three: less time": "times_faster",
        "fewer FLOPs for an image": "times_fewer_flops_an_image",
        "fewer FLOPs in all": "times_fewer_flops",
    }
    compared = [
        [name, *(f"{three_digits(values[key])}×" for values in of.values())]
        for name, key in factors.items()
    ]
    return (
        table(["", "this course", *theirs], sides)
        + "\n"
        + table(["against", *theirs], compared)
    )


def three_digits(value: float) -> str:
    """Return a number such as 2.55, 14.3, 241 or 1,520."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def network_of(recipe: dict) -> str:
    """Return what a recipe trains, in words."""
    if recipe["net"] == "small":
        block, width = recipe["arguments"]
        return f"{block}, {width} channels"
    width, *blocks = recipe["arguments"]
    added = ", with residual blocks" if any(blocks) else ""
    return f"{recipe['net']}, {width} channels{added}"


def search_table(measured: dict) -> str:
    """Return a row a recipe that was tried, the best first."""
    rows = []
    for tried in sorted(
        measured["tried"], key=lambda tried: -mean_of(tried, "accuracy")
    ):
        recipe = Recipe.saved(tried["recipe"])
        net = recipe.build()
        erased = ", a square erased" if "erase" in recipe.augmentation else ""
        rows.append(
            [
                network_of(tried["recipe"]) + erased,
                f"{100 * mean_of(tried, 'accuracy'):.2f} %",
                str(recipe.epochs),
                f"{mean_of(tried, 'seconds'):.0f}",
                f"{parameters(net):,}",
                f"{macs(net, (1, 28, 28)):,}",
            ]
        )
    head = ["tried", "accuracy", "epochs", "seconds", "parameters", "MACs"]
    return table(head, rows)


def power_of_ten(value: float) -> str:
    """Return a number with three digits, such as 4.51×10¹²."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    raised = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
    return f"{mantissa}×10{str(int(exponent)).translate(raised)}"


def long_table(measured: dict) -> str:
    """Return a row a seed, the mean, and what other images would change.

    The last is the 95 % interval of one network's accuracy, as a binomial.
    """
    runs, epochs = measured["runs"], str(measured["recipe"]["epochs"])
    rows = [
        [
            str(run["seed"]),
            epochs,
            f"{100 * run['accuracy']:.2f} %",
            f"{run['seconds'] / 60:.1f}",
        ]
        for run in runs
    ]
    minutes = mean_of(measured, "seconds") / 60
    rows.append(["mean", epochs, mean_accuracy(runs), f"{minutes:.1f}"])
    mean = mean_of(measured, "accuracy")
    half = 196 * math.sqrt(mean * (1 - mean) / TEST_IMAGES)
    rows.append(["other test images", "", f"± {half:.2f} %", ""])
    return table(["seed", "epochs", "test accuracy", "minutes"], rows)


def mean_accuracy(runs: list[dict]) -> str:
    """Return the mean over the runs in per cent, with its interval."""
    mean, half = interval([100 * run["accuracy"] for run in runs])
    return f"{mean:.2f} ± {half:.2f} %"


def screening_table(measured: dict) -> str:
    """Return a row a candidate: accuracy, gain, and what its network costs.

    The seconds are not shown, since trainings may have run side by side.
    Beside the interval of 95 % for each stands the one after Bonferroni, in
    which all together have 95 %.
    """
    runs = measured["runs"]
    level = 1 - 0.05 / (len(runs) - 1)
    rows = []
    for name in sorted(
        runs, key=lambda name: -statistics.mean(screening.gains(runs, name))
    ):
        accuracy, _ = interval([100 * run["accuracy"] for run in runs[name]])
        gain, half = interval([100 * g for g in screening.gains(runs, name)])
        net = Recipe.saved(measured["recipes"][name]).build()
        _, wide = interval(
            [100 * g for g in screening.gains(runs, name)], level
        )
        base = name == "none"
        ahead = "" if base else f"{gain:+.2f} ± {half:.2f}"
        rows.append(
            [
                name,
                f"{accuracy:.2f} %",
                unbroken(ahead.replace("-", "\N{MINUS SIGN}")),
                "" if base else unbroken(f"± {wide:.2f}"),
                f"{parameters(net):,}",
                f"{macs(net, (1, 28, 28)):,}",
            ]
        )
    head = [
        "change",
        "accuracy",
        "gain in points",
        "for all seven",
        "parameters",
        "MACs",
    ]
    return table(head, rows)


def board_table(measured: dict) -> str:
    """Return a row a recipe, the best first."""
    rows = []
    for name, entry in board.ranked(measured["entries"]):
        seconds = [run["seconds"] for run in entry["runs"]]
        rows.append(
            [
                f"`{name}`",
                unbroken(mean_accuracy(entry["runs"])),
                unbroken(f"{min(seconds):.0f} to {max(seconds):.0f}"),
                f"{entry['runs'][0]['parameters']:,}",
            ]
        )
    return table(["recipe", "test accuracy", "seconds", "parameters"], rows)


KINDS = {
    "throughput": throughput_tables,
    "throughput-other": throughput_tables,
    "ladder": ladder_table,
    "time-to-accuracy": accuracy_table,
    "long-run": long_table,
    "long-run-float32": long_table,
    "screening": screening_table,
    "search-long": search_table,
    "board": board_table,
}


def block(name: str) -> str:
    """Return the text for a benchmark on a device, named KIND-DEVICE."""
    kind, _, device = name.rpartition("-")
    path = results.file(kind, device)
    if not path.exists():
        return MISSING
    measured = results.load(path)
    return KINDS[kind](measured) + "\n" + machine_text(measured)


def fill(text: str) -> str:
    """Return a page's text with its blocks as the results are now."""
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{block(found[2])}\n{found[3]}", text
    )


def main() -> None:
    """Rewrite every page that shows results."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(fill(text), encoding="utf-8")


if __name__ == "__main__":
    main()
