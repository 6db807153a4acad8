"""Studies that tune each arm: every arm runs, and its rate was searched."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch
from few_images import few_images

from onebyone import study
from onebyone.cost import macs, parameters
from onebyone.models import compact_inception
from onebyone.study import degradation, mlpconv, reductions, starts
from onebyone.study.catalogue import STUDIES
from onebyone.study.engine import comparison, harness

TUNED = [
    "starts",
    "degradation",
    "degradation-starts",
    "degradation-updates",
    "mlpconv",
    "heads",
    "reductions",
]
MORE = ["degradation-long", "mlpconv-equal-rate"]
# The module of the study says at which rate such an arm is run, and why.
NEVER_LEARNED = {"starts": [("default", True, False)]}


@pytest.fixture(autouse=True)
def on_few_images(monkeypatch):
    monkeypatch.setattr(harness, "fashion_mnist", few_images)
    small = partial(few_images, resize=14)
    monkeypatch.setattr(degradation, "images", small)


def run_once(declared, configuration):
    """Run it for one epoch or two steps; return its row."""
    recipe = declared.recipe
    if "epochs" in recipe:
        recipe = {**recipe, "epochs": 1}
    if "steps" in configuration:
        configuration = {**configuration, "steps": 2}
    configuration = {**configuration, "lr": 1e-4}  # from noise, none diverges
    fresh = replace(declared, recipe=recipe)  # its code is the patched one
    return study.run_one(fresh, {**configuration, "seed": 0})


def every_configuration():
    for name in [*TUNED, *MORE]:
        for configuration in STUDIES[name].configurations:
            deep = configuration.get("layers", 0) > 20
            marks = [pytest.mark.long] * deep
            yield pytest.param(name, configuration, marks=marks)


@pytest.mark.parametrize("name, configuration", list(every_configuration()))
def test_a_configuration_fills_every_column(name, configuration):
    row = run_once(STUDIES[name], configuration)
    assert row["outcome"] == "ok", row["outcome"]
    assert set(row) == set(STUDIES[name].columns)


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
    row = run_once(search, search.configurations[0])
    assert row["outcome"] == "ok", row["outcome"]


def recorded_searches():
    for name in TUNED:
        search = STUDIES[f"{name}-search"]
        runs = len(study.packaged_record(search).rows())
        if runs == search.seeds * len(search.configurations):
            yield name


@pytest.mark.parametrize("name", list(recorded_searches()))
def test_each_arm_has_the_rate_that_did_best_in_the_search(name, package):
    runs = study.load(f"{name}-search")
    arms = [f for f in STUDIES[name].factors if f != "lr"]
    found = comparison.best_rates(runs, arms)
    for arm in NEVER_LEARNED.get(name, ()):  # no rate did best: none learned
        del found[arm]
        of_arm = (runs[arms] == list(arm)).all(axis=1)
        assert runs.loc[of_arm, "accuracy"].max() < 0.15
    for configuration in STUDIES[name].configurations:
        arm = tuple(configuration[factor] for factor in arms)
        assert configuration["lr"] == found.get(arm, configuration["lr"]), arm


# --- What the studies measure ----------------------------------------------


def test_a_network_at_the_default_start_dies_in_the_look_of_training_mode():
    torch.manual_seed(0)
    X = torch.rand(64, 1, 28, 28)
    plain, normed = (
        starts.look(starts.network("default", True, batch_norm), X)
        for batch_norm in (False, True)
    )
    signal = study.numbers(plain["signal"])
    assert len(signal) == starts.HIDDEN_LAYERS and signal[0] > signal[-1]
    assert normed["live"] == 10 >= plain["live"]
    assert min(study.numbers(normed["signal"])) > 0.3


def test_a_look_leaves_a_network_as_it_was():
    net = starts.network("default", True, batch_norm=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    starts.look(net, torch.rand(8, 1, 28, 28))
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_gradients_agree_along_a_tiny_step_and_less_along_a_long_one():
    torch.manual_seed(0)
    net = degradation.depth_net("residual", "Kaiming", True, 8).double()
    net.train()
    X, y = torch.rand(10, 1, 14, 14).double(), torch.arange(10)
    weights = [p.clone() for p in net.parameters()]
    close, far = (degradation.agreement(net, X, y, s) for s in (1e-7, 0.1))
    assert close > 0.9999 > far
    for weight, before in zip(net.parameters(), weights, strict=True):
        assert torch.allclose(weight, before)


@pytest.mark.parametrize("start", ["default", "Kaiming"])
def test_branches_that_begin_as_zero_let_the_input_through(start):
    net = degradation.depth_net("zero start", start, False, 20)
    X = torch.rand(2, 16, 14, 14)
    block = next(m for m in net if hasattr(m, "branch"))
    assert torch.equal(block(X), X)


def test_plain_and_residual_networks_have_equally_many_parameters():
    plain, residual = (
        parameters(degradation.depth_net(kind, "Kaiming", True, 20))
        for kind in ("plain", "residual")
    )
    assert plain == residual


def test_updates_per_layer_move_every_layer_by_the_same_share():
    data = degradation.images()
    torch.manual_seed(0)
    net = degradation.depth_net("plain", "Kaiming", True, 8)
    before = [p.detach().clone() for p in net.parameters()]
    trainer = degradation.trainer_for(
        "per layer", max_epochs=1, max_steps=1, lr=0.1, schedule="constant"
    )
    trainer.fit(net, harness.TrainingPart(data))
    shares = [
        ((after - old).norm() / old.norm()).item()
        for after, old in zip(net.parameters(), before, strict=True)
        if old.ndim > 1
    ]
    # Nesterov's first step is 1.9 gradients; weight decay hardly counts
    expected = 0.1 * 1.9 * degradation.LAYER_STEP
    assert shares == pytest.approx([expected] * len(shares), rel=0.02)


def test_the_whole_network_of_reductions_is_the_compact_inception():
    whole, taught = reductions.network(True, True), compact_inception()
    assert parameters(whole) == parameters(taught)
    assert macs(whole, (1, 28, 28)) == macs(taught, (1, 28, 28))


@pytest.mark.parametrize("reduce, project", [(1, 0), (0, 1), (0, 0)])
def test_a_network_without_reductions_is_narrowed_to_equal_cost(
    reduce, project
):
    width = reductions.width_at(reduce, project, "MACs")
    cost = harness.image_macs(reductions.network(reduce, project, width))
    assert 0.95 < cost / harness.image_macs(compact_inception()) <= 1


def test_channels_pile_up_where_nothing_projects_the_pooled():
    block = reductions.block(5, 2, (1, 3), (1, 4), 9, True, project=False)
    assert block(torch.zeros(2, 5, 6, 6)).shape == (2, 2 + 3 + 4 + 5, 6, 6)


def test_networks_at_one_rate_are_those_of_the_study():
    arms = [
        {k: v for k, v in arm.items() if k != "lr"}
        for arm in mlpconv.EQUAL_RATE.configurations
    ]
    assert arms == mlpconv.AS_THEY_ARE


def test_the_rate_of_an_arm_is_the_best_mean_over_its_seeds():
    runs = pd.DataFrame(
        {
            "arm": ["a"] * 4 + ["b"] * 4,
            "lr": [0.1, 0.1, 0.3, 0.3] * 2,
            "accuracy": [0.5, 0.7, 0.9, 0.2, 0.1, 0.1, 0.2, 0.3],
        }
    )
    assert comparison.best_rates(runs, ["arm"]) == {("a",): 0.1, ("b",): 0.3}


def test_where_the_question_is_how_well_networks_train_the_loss_decides():
    runs = pd.DataFrame(
        {
            "arm": ["a"] * 2,
            "lr": [0.1, 0.3],
            "error": [0.2, 0.1],
            "train_error": [0.0, 0.0],
            "train_loss": [0.01, 0.02],
        }
    )
    assert comparison.best_rates(runs, ["arm"]) == {("a",): 0.1}
