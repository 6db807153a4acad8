"""Studies that tune each arm measure what they say."""

import pandas as pd
import pytest
import torch

from onebyone import study
from onebyone.cost import macs, parameters
from onebyone.models import compact_inception
from onebyone.study import degradation, mlpconv, reductions, starts
from onebyone.study.engine import comparison, harness

pytestmark = pytest.mark.usefixtures("on_few_images")


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
