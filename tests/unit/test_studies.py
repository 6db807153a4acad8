"""The studies measure what they say, at the cost that they say."""

import pickle
from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import nn

from onebyone import models, study, variants
from onebyone.cost import macs, parameters
from onebyone.study import bake_off, head, remove_1x1
from onebyone.study.catalogue import PAPER, STUDIES, find
from onebyone.study.engine import comparison, harness
from onebyone.training import Trainer

SEARCHED = [
    "remove-1x1",
    "initialisation",
    "head",
    "inception-branches",
    "bake-off",
]
TUNED = [  # as a `comparison`, by several seeds of each arm
    "starts",
    "degradation",
    "degradation-starts",
    "degradation-updates",
    "mlpconv",
    "heads",
    "reductions",
]
# The module of the study says at which rate such an arm is run, and why.
NEVER_LEARNED = {"starts": [("default", True, False)]}

pytestmark = pytest.mark.usefixtures("on_few_images")


# --- Every configuration runs ----------------------------------------------


def every_configuration():
    """The arms of each study; of a search, whose arms they are, the last."""
    for declared in (*STUDIES.values(), *PAPER.values()):
        name, arms = declared.name, declared.configurations
        if name.endswith("-search"):
            arms = arms[-1:]
        elif name == "bake-off":  # the narrowest of each kind of budget
            arms = arms[:5] + arms[15:20]
        often = arms
        if name.startswith("degradation") and len(arms) > 1:
            often = [arm for arm in arms if arm["layers"] <= 20]
        elif name.endswith("-paper"):
            often = arms[:1]
        for place, arm in enumerate(arms):
            marks = [] if arm in often else [pytest.mark.long]
            yield pytest.param(
                declared, arm, id=f"{name}-{place}", marks=marks
            )


@pytest.mark.parametrize("declared, arm", list(every_configuration()))
def test_a_configuration_fills_every_column(declared, arm):
    short = {"epochs": 1, "steps": 2, "lr": 1e-4}  # from noise, none diverges
    recipe, setting = (
        {name: short.get(name, value) for name, value in settings.items()}
        for settings in (declared.recipe, arm)
    )
    fresh = replace(declared, recipe=recipe)  # its code is the patched one
    row = study.run_one(fresh, {**setting, "seed": 0})
    assert row["outcome"] == "ok", row["outcome"]
    assert set(row) == set(declared.columns) >= set(declared.shown)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_runs_the_same_arms_on_held_out_images(name):
    search = STUDIES[f"{name}-search"]
    arms = {
        tuple(value for key, value in arm.items() if key != "lr")
        for arm in search.configurations
    }
    assert len(search.configurations) == len(harness.RATES) * len(arms)
    assert "test_accuracy" not in search.columns


@pytest.mark.parametrize("name", TUNED)
def test_a_search_tries_every_arm_at_every_rate_on_held_out_images(name):
    search = STUDIES[f"{name}-search"]
    declared = pd.DataFrame(STUDIES[name].configurations)
    tried = pd.DataFrame(search.configurations)
    arms = list(declared.columns.drop("lr"))
    groups = tried.groupby(arms)["lr"]
    grid = set.intersection(*(set(rates) for _, rates in groups))
    assert len(grid) >= 4 and search.seeds >= 2
    assert search.recipe["validation"] >= 3_000
    for arm, rates in groups:
        assert rates.is_unique, arm
        # some are tried beyond the grid, where its edge is the best
        beyond = set(rates) - grid
        assert not any(min(grid) < rate < max(grid) for rate in beyond), arm
    assert set(tried.groupby(arms).groups) == set(
        declared.groupby(arms).groups
    )


@pytest.mark.parametrize("name", PAPER)
def test_a_study_of_the_paper_scale_is_found_and_trains_for_longer(name):
    declared = find(name, "paper")
    assert declared.name == f"{name}-paper"
    assert declared.seeds >= 3 and declared.recipe["epochs"] >= 3


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


@pytest.mark.parametrize(
    "name", ["remove-1x1", "lesions", "localisation", "deletion"]
)
def test_the_same_seed_gives_the_same_numbers(name):
    arm = {**STUDIES[name].configurations[0], "epochs": 1}
    first, second, other = (
        STUDIES[name].measure(**arm, seed=seed) for seed in (1, 1, 2)
    )
    del first["cpu_seconds"], second["cpu_seconds"]
    # as text, for nan is not equal to itself
    assert str(first) == str(second)
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


@pytest.mark.parametrize("name", [*SEARCHED, *TUNED])
def test_each_arm_has_the_rate_that_did_best_in_the_search(name, package):
    runs = study.load(f"{name}-search")
    runs = runs.rename(columns={"validation_accuracy": "accuracy"})
    factors = [f for f in STUDIES[name].factors if f != "lr"]
    found = comparison.best_rates(runs, factors)
    for configuration in STUDIES[name].configurations:
        if name == "bake-off":  # searched at one budget, for all
            middle = {"limited": "MACs", "budget": 2_500_000}
            configuration = configuration | middle
        arm = tuple(configuration[factor] for factor in factors)
        if arm in NEVER_LEARNED.get(name, ()):  # so no rate did best
            of_arm = (runs[factors] == list(arm)).all(axis=1)
            assert runs.loc[of_arm, "accuracy"].max() < 0.15
        else:
            assert configuration["lr"] == found[arm], arm


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
