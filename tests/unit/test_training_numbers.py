"""Exact means of a test set, and the history of a run."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from onebyone.training import History, Step, evaluate, predict
from quadrants import (
    CLASSES,
    TEST,
    TRAIN,
    Quadrants,
    SmallClassifier,
    dead_net,
    same_weights,
    small_net,
    trainer,
)

pytestmark = pytest.mark.usefixtures("no_progress_bars")


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
    batches = list(data.val_dataloader())
    before = copy.deepcopy(net)
    assert evaluate(net, batches) == evaluate(net, data)
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
        "epoch",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "seconds",
        "images_per_second",
    ]
    for column in frame.columns:
        assert getattr(history, column) == frame[column].iloc[-1]
        assert column in dir(history)
    assert list(history.steps.columns) == ["step", "loss", "lr"]
    assert (frame["images_per_second"] >= TRAIN / frame["seconds"]).all()
    with pytest.raises(AttributeError, match="no attribute 'accuracy'"):
        history.accuracy  # noqa: B018


def test_the_history_shows_as_text_and_html():
    history = trainer(2, lr=1e30).fit(small_net(), Quadrants())
    assert "stopped: non-finite loss" in repr(history)
    history = trainer(2).fit(small_net(), Quadrants())
    assert "test accuracy" in repr(history)
    assert f"{history.test_accuracy:.4f}" in history._repr_html_()
    assert len(repr(history).splitlines()) == 3


def test_low_loss_and_high_accuracy_are_not_chance():
    history = History()
    for correct in [10] * 30:
        loss = torch.tensor(math.log(2))
        history.add_step(Step(loss, torch.tensor(correct), 10, 0.1))
    history.read_losses()
    assert not history.stayed_at_chance(2)
