"""The studies measure what they say, at the cost that they say."""

import pickle
from dataclasses import replace

import pytest
import torch
from few_images import few_images
from torch import nn

from onebyone import models, study, variants
from onebyone.cost import macs, parameters
from onebyone.study import bake_off, head, remove_1x1
from onebyone.study.catalogue import PAPER, STUDIES, find
from onebyone.study.engine import harness
from onebyone.training import Trainer

SEARCHED = [
    "remove-1x1",
    "initialisation",
    "head",
    "inception-branches",
    "bake-off",
]


@pytest.fixture(autouse=True)
def on_few_images(monkeypatch):
    monkeypatch.setattr(harness, "fashion_mnist", few_images)
    monkeypatch.setitem(head.EPOCHS, 0.01, 1)
    monkeypatch.setitem(head.EPOCHS, 0.1, 1)


def assert_measures(declared, configuration):
    """One run of it fills every column, and nothing else."""
    fresh = replace(declared)  # whose fingerprint is of the patched code
    row = study.run_one(fresh, {**configuration, "seed": 0})
    assert row["outcome"] == "ok", row["outcome"]
    assert set(row) == set(declared.columns)


# --- Every configuration runs ----------------------------------------------


def quick_configurations():
    for name in SEARCHED:
        configurations = STUDIES[name].configurations
        if name == "bake-off":  # the narrowest of each kind of budget
            configurations = configurations[:5] + configurations[15:20]
        yield from ((name, configuration) for configuration in configurations)


@pytest.mark.parametrize("name, configuration", list(quick_configurations()))
def test_a_configuration_runs(name, configuration):
    assert_measures(STUDIES[name], configuration)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_runs_the_same_arms_on_held_out_images(name):
    search = STUDIES[f"{name}-search"]
    assert_measures(search, search.configurations[-1])
    arms = {
        tuple(value for key, value in arm.items() if key != "lr")
        for arm in search.configurations
    }
    assert len(search.configurations) == len(harness.RATES) * len(arms)
    assert "test_accuracy" not in search.columns


def gentle(declared):
    """For one epoch on noise, from which some would diverge at their rate."""
    recipe = {**declared.recipe, "epochs": 1}
    if "lr" in recipe:
        recipe["lr"] = 1e-4
    return replace(declared, recipe=recipe)


@pytest.mark.parametrize(
    "name, place",
    [
        pytest.param(name, place, marks=[pytest.mark.long] * (place > 0))
        for name, study in PAPER.items()
        for place in range(len(study.configurations))
    ],
)
def test_a_configuration_of_the_paper_scale_runs(name, place):
    declared = find(name, "paper")
    assert declared.name == f"{name}-paper"
    assert declared.seeds >= 3 and declared.recipe["epochs"] >= 3
    assert_measures(gentle(declared), declared.configurations[place])


def test_a_worker_finds_what_a_study_measures():
    for declared in (*STUDIES.values(), *PAPER.values()):
        sent = pickle.dumps(declared.measure)
        assert pickle.loads(sent) is declared.measure


def test_an_unknown_study_or_scale_is_named():
    with pytest.raises(KeyError, match="no study 'nothing'.*remove-1x1"):
        find("nothing")
    with pytest.raises(KeyError, match="quick, paper"):
        find("degradation", "huge")
    with pytest.raises(KeyError, match="at paper scale"):
        find("degradation-search", "paper")


# --- What the harness promises ---------------------------------------------


def test_the_tested_images_are_read_once_after_training(monkeypatch):
    reads = []
    data = harness.fashion_mnist()
    loader = data.val_dataloader
    monkeypatch.setattr(
        data, "val_dataloader", lambda: reads.append("test") or loader()
    )
    step = Trainer.training_step
    monkeypatch.setattr(
        Trainer,
        "training_step",
        lambda self, batch: reads.append("train") or step(self, batch),
    )
    net = variants.strided_nin()
    harness.train_and_test(net, data, seed=0, lr=0.1, epochs=2)
    assert reads == ["train"] * 4 + ["test"]


def test_the_same_seed_gives_the_same_run():
    arm = {"num_1x1": 1, "batch_norm": True, "equal": "MACs", "lr": 0.1}
    first, second = (
        remove_1x1.measure(**arm, seed=3, epochs=2) for _ in range(2)
    )
    other = remove_1x1.measure(**arm, seed=4, epochs=2)
    assert first["train_loss"] == second["train_loss"]
    assert first["train_loss"] != other["train_loss"]


def test_the_widest_network_is_the_last_within_the_budget():
    def build(width):
        return nn.Linear(width, 1, bias=False)

    assert harness.widest(build, parameters, 37) == 37
    assert harness.widest(build, parameters, 37, least=4, step=4) == 36
    assert harness.widest(build, parameters, 1) == 1
    with pytest.raises(ValueError, match="costs more than 3"):
        harness.widest(build, parameters, 3, least=4)


def test_the_search_for_a_width_draws_no_random_numbers():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    harness.widest(lambda width: nn.Linear(width, 1), parameters, 50)
    assert torch.equal(before, torch.random.get_rng_state())


# --- The packaged records --------------------------------------------------


@pytest.mark.parametrize("name", SEARCHED)
def test_learning_rates_are_those_that_the_search_chose(name, package):
    runs = study.load(f"{name}-search")
    searched = STUDIES[f"{name}-search"].factors[:-1]
    best = runs.loc[runs.groupby(searched)["validation_accuracy"].idxmax()]
    chosen = {tuple(row[searched]): row["lr"] for _, row in best.iterrows()}
    for configuration in STUDIES[name].configurations:
        if name == "bake-off":  # searched at one budget, for all
            middle = {"limited": "MACs", "budget": 2_500_000}
            configuration = configuration | middle
        arm = tuple(configuration[factor] for factor in searched)
        assert configuration["lr"] == chosen[arm], arm


# --- Equal cost is equal ---------------------------------------------------


@pytest.mark.parametrize("equal", ["parameters", "MACs"])
@pytest.mark.parametrize("num_1x1", [0, 1, 3])
def test_wider_networks_cost_as_much_as_two_1x1_layers(num_1x1, equal):
    cost = {"parameters": parameters, "MACs": harness.image_macs}[equal]
    width = remove_1x1.width_at(num_1x1, True, equal)
    ratio = cost(remove_1x1.network(num_1x1, True, width)) / cost(
        remove_1x1.network(2, True)
    )
    assert 0.97 < ratio <= 1
    assert (width > remove_1x1.WIDTH) == (num_1x1 < 2)


def test_networks_of_the_bake_off_use_their_budgets(package):
    runs = study.load("bake-off")
    for limited, column in (("MACs", "macs"), ("parameters", "parameters")):
        chosen = runs[runs["limited"] == limited]
        used = chosen[column] / chosen["budget"]
        assert used.min() > 0.9 and used.max() <= 1


def test_the_naive_network_costs_as_much_as_the_full_one(package):
    runs = study.load("inception-branches").groupby("arm")["macs"].first()
    assert 0.95 < runs["naive"] / runs["full"] <= 1


# --- The variants ----------------------------------------------------------


def test_a_stride_changes_no_parameter():
    strided = variants.strided_nin()
    assert parameters(strided) == parameters(models.compact_nin())
    assert macs(strided, (1, 28, 28)) < macs(models.compact_nin(), (1, 28, 28))


def test_a_last_relu_is_kept_or_dropped():
    X = torch.randn(4, 1, 28, 28)
    kept = variants.strided_nin_to_classes(True, batch_norm=True)
    dropped = variants.strided_nin_to_classes(False, batch_norm=True)
    assert kept(X).min() >= 0 > dropped(X).min()


@pytest.mark.parametrize("name", ["1x1", "3x3", "5x5", "pool"])
def test_a_network_loses_a_branch_everywhere(name):
    net = variants.without_branch(models.compact_inception(), name)
    blocks = [m for m in net if isinstance(m, models.InceptionBlock)]
    assert all(name not in block.branches for block in blocks)
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert parameters(net) < parameters(models.compact_inception())


def test_a_naive_block_passes_the_pooled_channels_on():
    block = variants.naive_block(5, 2, 3, 4)
    assert block(torch.zeros(2, 5, 6, 6)).shape == (2, 2 + 3 + 4 + 5, 6, 6)


def test_heads_read_the_same_trunk():
    sizes = {
        name: parameters(head.network(name))
        for name in ("GAP", "FC", "FC, dropout")
    }
    assert sizes["GAP"] == parameters(variants.strided_nin())
    assert sizes["FC"] == sizes["FC, dropout"]
    assert sizes["FC"] - sizes["GAP"] == 96 * 9 * 256 + 256 + 2570 - 970


# --- A block of one's own --------------------------------------------------


def one_conv(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU()
    )


def test_an_entry_is_as_wide_as_both_limits_allow():
    row = bake_off.enter(one_conv)
    assert row["parameters"] <= bake_off.PARAMETERS
    assert row["macs"] <= bake_off.MACS
    wider = bake_off.skeleton(one_conv, row["width"] + 4, 4)
    assert parameters(wider) > bake_off.PARAMETERS or (
        harness.image_macs(wider) > bake_off.MACS
    )


def test_an_entry_that_costs_too_much_is_refused():
    with pytest.raises(ValueError, match="allowed are 100,000"):
        bake_off.enter(one_conv, width=400)


def test_an_entry_that_changes_the_size_of_the_map_is_refused():
    def shrinking(in_channels, out_channels):
        return nn.Conv2d(in_channels, out_channels, 3)

    with pytest.raises(ValueError, match=r"but makes \(2, 16, 12, 12\)"):
        bake_off.enter(shrinking)
