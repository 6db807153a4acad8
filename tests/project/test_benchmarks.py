"""The benchmarks measure what they say; none of this depends on speed."""

import json
from dataclasses import asdict

import pytest
import torch
from d2l import torch as d2l
from torch import nn

from benchmarks import ladder, long_run, results, tables, throughput, timing
from benchmarks.recipes import LONG, SHORT, random_flip, training_flops
from benchmarks.time_to_accuracy import (
    REPORTS,
    changed_nin,
    effects,
    mean_of,
)
from onebyone import macs, parameters

CPU = torch.device("cpu")


class SameOrder(d2l.DataModule):
    """Six batches of four random images, in the same order each time."""

    batch_size = 4
    device = CPU

    def train_dataloader(self):
        torch.manual_seed(1)
        images = torch.randn(24, 1, 28, 28).split(4)
        labels = torch.randint(0, 10, (24,)).split(4)
        return list(zip(images, labels, strict=True))


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
    )


@pytest.mark.parametrize("way", throughput.WAYS)
def test_every_way_of_training_does_the_same_work(way, monkeypatch):
    monkeypatch.setattr(throughput, "best_precision", lambda _: torch.float32)
    monkeypatch.setattr(
        "onebyone.training.numerics.best_precision", lambda _: torch.float32
    )
    data = SameOrder()
    torch.manual_seed(0)
    model = timing.Classifier(small_net())
    torch.manual_seed(0)
    expected = small_net()
    optimiser = torch.optim.SGD(expected.parameters(), lr=model.lr)
    for X, y in data.train_dataloader():
        optimiser.zero_grad()
        nn.functional.cross_entropy(expected(X), y).backward()
        optimiser.step()

    timed = timing.TimedData(data, batches=6, warm_up=1)
    throughput.WAYS[way][0](model, timed)

    assert timed.images_per_second > 0
    for trained, wanted in zip(
        model.net.parameters(), expected.parameters(), strict=True
    ):
        torch.testing.assert_close(trained, wanted, rtol=1e-4, atol=1e-5)


def test_d2l_reads_the_images_that_we_serve(some_data):
    ours = throughput.load_data(4, device="cpu")
    theirs = timing.d2l_data(ours, 4, 28)
    assert len(theirs.train) == len(ours.train_labels)
    assert torch.equal(theirs.train.data, ours.train_images.squeeze(1))
    assert torch.equal(theirs.train.targets, ours.train_labels)
    assert torch.equal(theirs.val.data, ours.test_images.squeeze(1))
    assert torch.equal(theirs.val.targets, ours.test_labels)


def test_a_rate_counts_the_images_between_warm_up_and_last_batch(monkeypatch):
    clock = iter([10.0, 16.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    timed = timing.TimedData(SameOrder(), batches=6, warm_up=2)
    assert len(list(timed.train_dataloader())) == 6
    # the steps on the batches 2, 3 and 4, of four images each
    assert timed.images_per_second == 3 * 4 / 6


def test_a_stopwatch_needs_two_batches_to_time():
    with pytest.raises(ValueError, match="two batches"):
        timing.Stopwatch(range(9), batches=3, warm_up=2, device=CPU)


def test_a_ratio_is_taken_within_a_round():
    rates = {"fast": [4.0, 30.0, 6.0], "slow": [2.0, 10.0, 1.0]}
    assert throughput.ratio(rates, "fast", "slow") == (3, 2, 6)


def test_each_rung_changes_one_thing():
    for before, rung in zip(ladder.rungs(), ladder.rungs()[1:], strict=False):
        names = {"step", "learns_otherwise"}
        old, new = asdict(before), asdict(rung)
        changed = {n for n in old if n not in names and old[n] != new[n]}
        assert len(changed) == 1, f"{rung.step}: {changed}"


def test_training_costs_about_three_times_the_forward_pass():
    net = SHORT.build()
    forward = 2 * macs(net, (1, 28, 28))
    # the first convolution needs no gradient with respect to the image
    assert 2.8 < training_flops(net, (1, 28, 28)) / forward < 3


def test_a_flip_mirrors_whole_images():
    torch.manual_seed(0)
    X = torch.randn(64, 1, 3, 4)
    Y = random_flip(X)
    same = (Y == X).flatten(1).all(1)
    mirrored = (X.flip(3) == Y).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_the_long_run_goes_on_only_on_the_same_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert long_run.earlier_runs() == []
    runs = [{"seed": 0, "accuracy": 0.5}]
    results.save("long-run", {"recipe": vars(LONG), "runs": runs})
    assert long_run.earlier_runs() == runs
    here = results.machine()
    monkeypatch.setattr(results, "machine", lambda: {**here, "threads": 64})
    assert long_run.earlier_runs() == []


# --- saved results ------------------------------------------------------

SAVED = sorted(results.RESULTS.glob("*.json"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_result_says_on_what_it_was_measured(path):
    of = results.load(path)["machine"]
    assert of["commit"] not in ("none", "")
    assert all(of[name] for name in ("processor", "threads", "torch", "d2l"))
    assert "/" not in json.dumps(of), "a path of that machine"


def test_the_pages_show_the_saved_results():
    for page in tables.PAGES:
        text = page.read_text(encoding="utf-8")
        assert tables.fill(text) == text, f"{page.name}: make tables"


def test_a_benchmark_that_never_ran_is_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    text = "<!-- results: ladder-cuda -->\nold\n<!-- end of results -->"
    assert "old" not in tables.fill(text)
    assert "Not measured yet" in tables.fill(text)


def test_results_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    path = results.save("x", {"rate": 1.5})
    with pytest.raises(TypeError):
        results.save("x", {"rate": object()})
    assert results.load(path)["rate"] == 1.5
    assert list(tmp_path.iterdir()) == [path]


def accuracy_results() -> dict:
    return results.load(results.RESULTS / "time-to-accuracy-cpu.json")


@pytest.mark.parametrize("reader", REPORTS)
def test_the_three_effects_multiply_to_the_whole(reader):
    of = effects(accuracy_results(), reader)
    product = of["code"] * of["network"] * of["schedule"]
    assert product == pytest.approx(of["times_faster"])


def test_the_network_of_the_reader_has_the_parameters_reported():
    assert parameters(changed_nin()) == 1_380_504


def test_the_saved_recipes_are_those_of_the_code():
    long = results.load(results.RESULTS / "long-run-cpu.json")
    ours = accuracy_results()["ours"]
    assert ours["recipe"] == results.plain(vars(SHORT))
    assert long["recipe"] == results.plain(vars(LONG))
    runs = ours["runs"] + long["runs"]
    assert all(run["outcome"] == "ok" for run in runs)
    assert len(ours["runs"]) >= 5


@pytest.mark.parametrize("which, chosen", [("short", SHORT), ("long", LONG)])
def test_a_recipe_is_the_one_that_the_search_found_best(which, chosen):
    search = results.load(results.RESULTS / f"search-{which}-cpu.json")
    best = max(search["tried"], key=lambda of: mean_of(of, "accuracy"))
    recipe = results.plain(vars(chosen))
    if which == "long":  # its candidates had fewer epochs
        recipe["epochs"] = best["recipe"]["epochs"]
    assert recipe == best["recipe"]
