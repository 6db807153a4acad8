"""The benchmarks measure what they say; none of this depends on speed."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from d2l import torch as d2l
from torch import nn

from benchmarks import (
    board,
    ladder,
    long_run,
    results,
    screening,
    tables,
    throughput,
    timing,
    tricks,
)
from benchmarks.recipes import (
    LONG,
    SHORT,
    Recipe,
    Trained,
    pooled_net,
    training_flops,
)
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


def test_the_long_run_goes_on_only_on_the_same_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert long_run.earlier_runs("long-run", LONG) == []
    runs = [{"seed": 0, "accuracy": 0.5}]
    results.save("long-run", {"recipe": vars(LONG), "runs": runs})
    assert long_run.earlier_runs("long-run", LONG) == runs
    assert long_run.earlier_runs("long-run", SHORT) == []
    here = results.machine()
    monkeypatch.setattr(results, "machine", lambda: {**here, "threads": 64})
    assert long_run.earlier_runs("long-run", LONG) == []


# --- tricks -------------------------------------------------------------


def test_a_flip_mirrors_whole_images():
    torch.manual_seed(0)
    X = torch.randn(64, 1, 3, 4)
    Y = tricks.random_flip(X)
    same = (Y == X).flatten(1).all(1)
    mirrored = (X.flip(3) == Y).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_erasing_blanks_one_square_anywhere_in_each_image():
    torch.manual_seed(0)
    X = torch.ones(200, 2, 9, 7)
    Y = tricks.random_erase(3)(X)
    blank = Y.eq(0)
    assert (blank[:, 0] == blank[:, 1]).all()  # in all channels alike
    assert (blank[:, 0].flatten(1).sum(1) == 9).all()
    rows, columns = blank[:, 0].any(2), blank[:, 0].any(1)
    assert (rows.sum(1) == 3).all() and (columns.sum(1) == 3).all()
    assert rows.any(0).all() and columns.any(0).all()
    assert (X == 1).all()


def test_augmentations_follow_their_names_in_order():
    torch.manual_seed(0)
    X = torch.ones(64, 1, 28, 28)
    Y = tricks.augmentation("alternating flip and crop and erase")(X)
    assert (Y.eq(0).flatten(1).sum(1) == 64).all()
    assert tricks.augmentation("none") is None
    assert tricks.augmentation(tricks.ALTERNATING) is None
    with pytest.raises(KeyError, match="twist"):
        tricks.augmentation("flip and twist")


def test_alternating_flips_mirror_each_image_in_every_second_epoch(some_data):
    data = throughput.load_data(50, device="cpu")
    data.train_images = data.train_images[:400]
    data.train_labels = torch.arange(400)  # to know the images by
    torch.manual_seed(0)
    loader = tricks.AlternatingFlips(data).train_dataloader()
    assert len(loader) == 8

    def mirrored() -> torch.Tensor:
        X, y = (torch.cat(part) for part in zip(*loader, strict=True))
        plain = data.normalise(data.train_images[y])
        turned = (plain.flip(3) == X).flatten(1).all(1)
        assert (turned | (plain == X).flatten(1).all(1)).all()
        return turned[y.argsort()]

    first, second, third = mirrored(), mirrored(), mirrored()
    assert (first ^ second).float().mean() > 0.95  # but for symmetric ones
    assert torch.equal(first, third)
    assert 100 < first.sum() < 300


def test_a_recipe_smooths_labels_and_averages_weights():
    data, seen = timing.TimedData(SameOrder(), 6, 1), []

    class Watched(tricks.RecipeTrainer):
        def training_step(self, batch):
            super().training_step(batch)
            seen.append([p.detach().clone() for p in net.parameters()])

    torch.manual_seed(0)
    net = small_net()
    trainer = Watched(1, smoothing=0.2, averaging=0.75, progress=False)
    trainer.fit(net, data)
    logits, y = torch.randn(4, 10), torch.tensor([1, 2, 3, 4])
    given = torch.full((4, 10), 0.02)
    given[range(4), y] += 0.8
    wanted = -(given * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(trainer.loss(logits, y), wanted)
    average = seen[0]  # the first step sets it
    for weights in seen[1:]:
        average = [
            0.75 * old + 0.25 * new
            for old, new in zip(average, weights, strict=True)
        ]
    for mine, of in zip(trainer.average.parameters(), average, strict=True):
        torch.testing.assert_close(mine, of)
    assert not torch.equal(average[0], next(net.parameters()))


def test_both_ways_a_mirrored_image_gets_the_same_scores():
    net = tricks.BothWays(small_net())
    X = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(net(X), net(X.flip(3)))


def test_a_pooled_network_is_leaner_than_the_residual_one():
    shape = (1, 28, 28)
    assert pooled_net(16)(torch.zeros(2, *shape)).shape == (2, 10)
    leaner = screening.CANDIDATES["a leaner pooled network"]
    assert (
        0.5
        < macs(leaner.build(), shape) / macs(screening.BASE.build(), shape)
        < 1.2
    )


# --- screening ----------------------------------------------------------


@pytest.fixture
def no_training(monkeypatch, tmp_path):
    """Trainings that take no time, and the list of them."""
    trained = []

    def train(recipe, seed, data):
        trained.append((recipe, seed))
        return Trained(nn.Identity(), nn.Identity(), 1.0, "ok")

    def accuracy(recipe, trained, data):
        return 0.9 + 0.01 * recipe.flipped_test - 0.01 * recipe.smoothing

    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(Recipe, "train", train)
    monkeypatch.setattr(Recipe, "accuracy", accuracy)
    monkeypatch.setattr(Recipe, "data", lambda *_: None)
    return trained


def test_candidates_that_differ_in_the_test_share_a_training(no_training):
    runs = {}
    screening.run(screening.CANDIDATES, 2, runs)
    assert {name: len(of) for name, of in runs.items()} == dict.fromkeys(
        screening.CANDIDATES, 2
    )
    assert len(no_training) == len(set(no_training))
    assert len(no_training) == 2 * (len(screening.CANDIDATES) - 2)


def test_a_screening_goes_on_where_it_was_stopped(no_training):
    screening.run(screening.CANDIDATES, 1, {})
    no_training.clear()
    runs = screening.earlier_runs()
    screening.run(screening.CANDIDATES, 1, runs)
    assert no_training == []
    screening.run(screening.CANDIDATES, 2, runs)
    assert {seed for _, seed in no_training} == {1}


def test_all_that_gained_is_tried_together(no_training):
    runs = {}
    screening.run(screening.CANDIDATES, 2, runs)
    recipe = screening.together(runs)
    assert recipe == Recipe(**{**vars(screening.BASE), "flipped_test": True})
    screening.run({screening.TOGETHER: recipe}, 2, runs)
    gain = screening.gains(runs, screening.TOGETHER)
    assert gain == pytest.approx([0.01, 0.01])


# --- the board ----------------------------------------------------------

RECIPE = """
from torch import nn

def train(data, seed):
    assert len(data.train_labels) and data.val_dataloader() is None
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch, some_data):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(RECIPE)
    return path


def test_a_recipe_gets_its_place_on_the_board(recipe, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["board", str(recipe)])
    board.main()
    assert "1. " in capsys.readouterr().out.splitlines()[-1]
    runs = board.entries()["mine"]["runs"]
    assert [run["seed"] for run in runs] == list(range(board.SEEDS))
    assert {run["parameters"] for run in runs} == {7850}
    board.main()
    assert board.entries()["mine"]["runs"] == runs  # none was made again
    recipe.write_text(RECIPE + "# changed\n")
    board.main()
    assert board.entries()["mine"]["runs"] != runs


def test_a_recipe_that_takes_too_long_is_not_on_the_board(
    recipe, monkeypatch, capsys
):
    monkeypatch.setattr(board, "LIMIT", 0)
    assert not board.enter(recipe, throughput.load_data(), board.SEEDS)
    assert "not on the board" in capsys.readouterr().out
    assert board.entries() == {}


@pytest.mark.parametrize(
    "text, message",
    [
        ("x = 1", "has no function train"),
        ("def train(data, seed): return 3", "must return a network, not int"),
        (
            "def train(data, seed): return data.test_images",
            "hold out some of train_images",
        ),
    ],
)
def test_a_recipe_against_the_rules_is_told_so(recipe, text, message):
    recipe.write_text(text)
    with pytest.raises((SystemExit, AttributeError), match=message):
        board.enter(recipe, throughput.load_data(), 1)
    assert board.entries() == {}


def test_a_recipe_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SystemExit, match="There is no file .*none.py"):
        board.recipe_of(tmp_path / "none.py")


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
    product = of["code"] * of["network"] * of["images"]
    assert product == pytest.approx(of["times_faster"])


def test_the_network_of_the_reader_has_the_parameters_reported():
    assert parameters(changed_nin()) == 1_380_504


def test_the_saved_recipes_are_those_of_the_code():
    long = results.load(results.RESULTS / "long-run-cpu.json")
    ours = accuracy_results()["ours"]
    assert Recipe.saved(ours["recipe"]) == SHORT
    assert Recipe.saved(long["recipe"]) == LONG
    runs = ours["runs"] + long["runs"]
    assert all(run["outcome"] == "ok" for run in runs)
    assert len(ours["runs"]) >= 5


@pytest.mark.parametrize("which, chosen", [("short", SHORT), ("long", LONG)])
def test_a_recipe_is_the_one_that_the_search_found_best(which, chosen):
    search = results.load(results.RESULTS / f"search-{which}-cpu.json")
    best = max(search["tried"], key=lambda of: mean_of(of, "accuracy"))
    found = Recipe.saved(best["recipe"])
    if which == "long":  # its candidates had fewer epochs
        found = replace(found, epochs=chosen.epochs)
    assert chosen == found
