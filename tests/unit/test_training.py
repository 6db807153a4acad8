"""Training: compared with plain PyTorch and with d2l on tiny images."""

import copy
import math
import pickle

import pytest
import torch
from d2l import torch as d2l
from torch import nn
from torch.nn import functional as F

from onebyone import training
from onebyone.training import History, Step, evaluate, predict
from quadrants import (
    CLASSES,
    TEST,
    TRAIN,
    Quadrants,
    ResidentQuadrants,
    SmallClassifier,
    dead_net,
    same_weights,
    small_net,
    trainer,
)

pytestmark = pytest.mark.usefixtures("no_progress_bars")


@pytest.mark.parametrize("precision", ["auto", *training.PRECISIONS])
def test_a_network_learns_in_every_precision(precision):
    net, data = small_net(), Quadrants()
    history = trainer(4, precision=precision).fit(net, data)
    assert history.test_accuracy > 0.9
    assert history.train_loss < history.frame["train_loss"][0]
    assert all(p.dtype == torch.float32 for p in net.parameters())


@pytest.mark.parametrize("their_data", [True, False])
@pytest.mark.parametrize("their_trainer", [True, False])
def test_trainers_and_data_pair_freely(their_trainer, their_data):
    data = Quadrants() if their_data else ResidentQuadrants()
    model = SmallClassifier()
    model.board.display = False  # their trainer would draw
    fitter = d2l.Trainer(5) if their_trainer else trainer(5)
    fitter.fit(model, data)
    assert isinstance(fitter, d2l.Trainer)
    assert evaluate(model, data)[1] > 0.9


def test_training_equals_a_bare_loop_bit_for_bit():
    data = Quadrants()
    net = small_net()
    ours = trainer(2, lr=0.05, schedule="constant", seed=3, device="cpu")
    ours.fit(net, data)

    bare = small_net().train()
    sgd = torch.optim.SGD(
        bare.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True
    )
    torch.manual_seed(3)
    for _ in range(2):
        for X, y in data.train_dataloader():
            loss = F.cross_entropy(
                bare(X.to(memory_format=torch.channels_last)), y
            )
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        list(data.val_dataloader())  # a loader draws a seed when it starts
    assert same_weights(net, bare)


@pytest.mark.parametrize("clip", [0, 0.2])
def test_a_classifier_at_constant_rate_follows_d2ls_own_trainer(clip):
    def train(fitter):
        model = SmallClassifier()
        model.board.display = False
        torch.manual_seed(5)
        fitter.fit(model, Quadrants())
        return model.parameters()

    options = {"schedule": "constant", "seed": None, "device": "cpu"}
    ours = train(trainer(2, gradient_clip_val=clip, **options))
    theirs = train(d2l.Trainer(2, gradient_clip_val=clip))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_same_seed_same_weights(precision):
    def trained(seed):
        net = small_net()
        trainer(2, seed=seed, precision=precision).fit(net, Quadrants())
        return net

    assert same_weights(trained(1), trained(1))
    assert not same_weights(trained(1), trained(2))


def test_one_hot_targets_train_like_class_indices():
    indices, one_hot = small_net(), small_net()
    first = trainer().fit(indices, Quadrants())
    second = trainer().fit(one_hot, Quadrants(one_hot=True))
    assert first.test_accuracy == second.test_accuracy
    assert first.train_accuracy == second.train_accuracy
    for a, b in zip(indices.parameters(), one_hot.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_lazy_layers_are_materialised_and_follow_the_seed():
    def trained():
        net = nn.Sequential(
            nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)
        )
        return net, trainer().fit(net, Quadrants())

    (net, history), (again, _) = trained(), trained()
    assert net[0].weight.shape == (8, 1, 3, 3)
    assert math.isfinite(history.train_loss)
    assert same_weights(net, again)


def test_a_trained_network_is_an_ordinary_one_that_can_be_copied():
    net = small_net()
    history = trainer().fit(net, Quadrants())
    assert not net.training
    assert all(p.is_contiguous() for p in net.parameters())
    copy.deepcopy(net)
    assert pickle.loads(pickle.dumps(history)).frame.equals(history.frame)


# --- schedule and steps ---------------------------------------------------


def test_one_cycle_rises_to_the_peak_and_falls_to_zero():
    shares = [training.one_cycle(n / 1000) for n in range(1001)]
    assert max(shares) == shares[300] == 1
    assert shares[0] == 0 and shares[-1] == pytest.approx(0)
    assert shares[:300] == sorted(shares[:300])
    assert shares[300:] == sorted(shares[300:], reverse=True)


def test_max_steps_shortens_the_schedule_and_evaluates_the_partial_epoch():
    most = math.ceil(TRAIN / 16) + 3
    history = trainer(5, max_steps=most).fit(small_net(), Quadrants())
    assert list(history.steps["step"]) == list(range(1, most + 1))
    assert list(history.frame["epoch"]) == [1, 2]
    assert history.frame["test_accuracy"].notna().all()
    assert history.steps["lr"].iloc[-1] < 0.01 < history.steps["lr"].max()
    assert history.stopped is None


@pytest.mark.parametrize(("most", "made"), [(1, 1), (1000, 13)])
def test_a_run_ends_with_its_steps_or_its_epochs(most, made):
    history = trainer(1, max_steps=most).fit(small_net(), Quadrants())
    assert len(history.steps) == made


@pytest.mark.parametrize("precision", training.PRECISIONS)
def test_no_step_is_longer_than_clipping_allows(precision):
    """Whatever the gradients are scaled by on the way."""
    model = SmallClassifier(lr=0.5)
    before = [p.detach().clone() for p in model.parameters()]
    trainer(
        max_steps=1,
        precision=precision,
        schedule="constant",
        gradient_clip_val=0.01,
    ).fit(model, Quadrants())
    pairs = zip(model.cpu().parameters(), before, strict=True)
    moved = math.hypot(*(float((p - old).detach().norm()) for p, old in pairs))
    assert moved == pytest.approx(0.5 * 0.01, rel=1e-3)


def test_a_classifiers_own_rate_is_the_peak():
    history = trainer(4, lr=7.0).fit(SmallClassifier(lr=0.3), Quadrants())
    assert 0.27 < history.steps["lr"].max() <= 0.3


# --- where and how it runs ------------------------------------------------


class Views(nn.Module):
    """Its .view() needs maps in plain layout, in one of its modes or both."""

    def __init__(self, modes=(False, True)):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.linear = nn.Linear(288, CLASSES)
        self.modes = modes
        self.calls = []

    def forward(self, X):
        self.calls.append((self.training, len(X)))
        X = self.norm(self.conv(X)).relu()
        if self.training in self.modes:
            return self.linear(X.view(len(X), -1))
        return self.linear(X.flatten(1))


@pytest.mark.parametrize("modes", [(False, True), (False,), (True,)])
def test_a_network_that_views_its_feature_maps_trains(modes):
    net, data = Views(modes), Quadrants()
    history = trainer(3).fit(net, data)
    assert evaluate(net, data, "float32")[1] == history.test_accuracy > 0.9
    assert len(predict(net, data, "float32")) == TEST


def test_each_batch_runs_once_through_a_network_that_views_its_maps():
    net = Views()
    trainer(1, max_steps=5).fit(net, Quadrants())
    assert net.calls[0] == (False, 2)  # tried out
    assert net.calls[1:6] == [(True, 16)] * 5
    assert [mode for mode, _ in net.calls[6:]] == [False] * 4
    assert net.norm.num_batches_tracked == 5


def test_choosing_the_layout_leaves_no_trace():
    class OwnNorm(nn.Module):
        """Keeps its mean in an attribute that is no buffer."""

        mean = torch.zeros(1)

        def forward(self, X):
            if self.training:
                self.mean = 0.9 * self.mean + 0.1 * X.mean()
            return X - self.mean

    net = small_net()
    net.insert(2, OwnNorm())
    net.append(nn.Dropout(0.5))
    before = copy.deepcopy(net.state_dict())
    random_state = torch.get_rng_state()
    X = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    numerics = training.Numerics("cpu", "float32")
    numerics.choose_layout(net, X, modes=(False, True))
    assert numerics.memory_format == torch.channels_last
    assert torch.equal(torch.get_rng_state(), random_state)
    assert "mean" not in vars(net[2])
    for key, value in net.state_dict().items():
        assert torch.equal(before[key], value)


def test_bfloat16_is_chosen_where_the_cpu_has_instructions(monkeypatch):
    cpu = torch.device("cpu")
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert training.best_precision(cpu) == torch.float32
    monkeypatch.setattr(torch.cpu, name, lambda: True)
    assert training.best_precision(cpu) == torch.bfloat16
    monkeypatch.delattr(torch.cpu, name)
    assert training.best_precision(cpu) == torch.float32


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((7, 5), torch.float16), ((9, 0), torch.bfloat16)],
)
def test_old_cuda_gpus_get_float16_and_apples_float32(
    capability, dtype, monkeypatch
):
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda _: capability
    )
    assert training.best_precision(torch.device("cuda")) == dtype
    assert training.best_precision(torch.device("mps")) == torch.float32


def test_a_progress_bar_can_be_seen_and_hidden(monkeypatch, capsys):
    trainer(progress=True).fit(small_net(), Quadrants())
    assert capsys.readouterr().err == ""  # ONEBYONE_PROGRESS=0
    monkeypatch.delenv("ONEBYONE_PROGRESS")
    trainer(progress=False).fit(small_net(), Quadrants())
    assert capsys.readouterr().err == ""
    trainer().fit(small_net(), Quadrants())
    assert "epoch 1" in capsys.readouterr().err


def test_a_classifiers_board_never_draws_and_is_given_back(monkeypatch):
    drawn = []
    monkeypatch.setattr(d2l.plt, "figure", lambda **_: drawn.append(1))

    class Plots(SmallClassifier):
        def loss(self, Y_hat, Y, averaged=True):
            value = super().loss(Y_hat, Y, averaged)
            self.plot("loss", value.detach(), train=True)
            return value

    model = Plots()
    trainer().fit(model, Quadrants())
    assert not drawn
    assert model.board.display


# --- numbers and the history -----------------------------------------------


def test_test_numbers_are_means_over_images_not_over_batches():
    net, data = small_net().eval(), Quadrants(batch_size=50)
    X, y = data.X[TRAIN:], data.y[TRAIN:]
    with torch.no_grad():
        logits = net(X)
    hits = (logits.argmax(1) == y).float()
    mean_of_batches = torch.stack([p.mean() for p in hits.split(50)]).mean()
    assert mean_of_batches != hits.mean()  # else this proves nothing

    loss, accuracy = evaluate(net, data, "float32")
    assert accuracy == int(hits.sum()) / TEST
    assert loss == pytest.approx(float(F.cross_entropy(logits, y)))


def test_training_numbers_are_means_over_the_images_of_the_epoch():
    net, data = dead_net(), Quadrants()
    history = trainer().fit(net, data)
    first_class = int((data.y[:TRAIN] == 0).sum())
    assert history.train_accuracy == first_class / TRAIN
    assert history.train_loss == pytest.approx(math.log(CLASSES))


@pytest.mark.parametrize("model", [small_net, SmallClassifier])
def test_evaluate_repeats_the_last_row_of_the_history(model):
    model, data = model(), Quadrants()
    history = trainer(precision="auto").fit(model, data)
    loss, accuracy = evaluate(model, data)
    assert accuracy == history.test_accuracy
    assert loss == pytest.approx(history.test_loss, rel=1e-3)


def test_predict_keeps_the_order_of_the_test_images():
    net, data = small_net().eval(), Quadrants()
    logits = predict(net, data, "float32")
    assert logits.shape == (TEST, CLASSES) and not logits.requires_grad
    torch.testing.assert_close(logits, net(data.X[TRAIN:]).detach())


def test_evaluate_takes_batches_and_leaves_the_mode_alone():
    net, data = small_net().train(), Quadrants()
    before = copy.deepcopy(net)
    assert evaluate(net, list(data.val_dataloader())) == evaluate(net, data)
    assert net.training
    assert same_weights(net, before)


def test_evaluate_uses_a_classifiers_loss():
    class Doubled(SmallClassifier):
        def loss(self, Y_hat, Y, averaged=True):
            return 2 * super().loss(Y_hat, Y, averaged)

    data = Quadrants()
    loss, _ = evaluate(Doubled(), data)
    assert loss == pytest.approx(2 * evaluate(SmallClassifier(), data)[0])


def test_evaluate_refuses_an_empty_set():
    with pytest.raises(ValueError, match="no images to evaluate on"):
        evaluate(small_net(), [])


def test_no_test_set_leaves_its_columns_empty():
    data = Quadrants()
    data.val_dataloader = lambda: None
    history = trainer().fit(small_net(), data)
    assert math.isnan(history.test_accuracy)
    assert math.isfinite(history.train_loss)


def test_the_history_is_a_table_with_attributes():
    history = trainer(2).fit(small_net(), Quadrants())
    frame = history.frame
    assert list(frame.columns) == [
        *("epoch", "train_loss", "train_accuracy"),
        *("test_loss", "test_accuracy", "seconds", "images_per_second"),
    ]
    for column in frame.columns:
        assert getattr(history, column) == frame[column].iloc[-1]
        assert column in dir(history)
    assert list(history.steps.columns) == ["step", "loss", "lr"]
    assert (frame["images_per_second"] >= TRAIN / frame["seconds"]).all()
    with pytest.raises(AttributeError, match="no attribute 'accuracy'"):
        history.accuracy  # noqa: B018


def test_the_history_shows_as_text_and_html():
    stopped = trainer(2, lr=1e30).fit(small_net(), Quadrants())
    assert "stopped: non-finite loss" in repr(stopped)
    history = trainer(2).fit(small_net(), Quadrants())
    assert "test accuracy" in repr(history)
    assert f"{history.test_accuracy:.4f}" in history._repr_html_()
    assert len(repr(history).splitlines()) == 3


def test_low_loss_and_high_accuracy_are_not_chance():
    history = History()
    for _ in range(30):
        loss, correct = torch.tensor(math.log(2)), torch.tensor(10)
        history.add_step(Step(loss, correct, 10, 0.1))
    history.read_losses()
    assert not history.stayed_at_chance(2)
