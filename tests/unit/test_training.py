"""Training: compared with plain PyTorch and with d2l on tiny images."""

import copy
import math
import pickle
import random
import signal
import threading
import time
import warnings

import matplotlib
import pytest
import torch
from d2l import torch as d2l
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from faults import Nursery
from onebyone import plots, training
from onebyone.training import History, Step, Trainer, evaluate, predict

matplotlib.use("Agg")

CLASSES = 4
TRAIN, TEST = 203, 57  # both end in a short batch


@pytest.fixture(autouse=True)
def no_progress_bars(monkeypatch):
    monkeypatch.setenv("ONEBYONE_PROGRESS", "0")


class Quadrants(d2l.DataModule):
    """Noisy 8×8 images; the class is the quadrant that is bright."""

    def __init__(self, batch_size=16, one_hot=False, classes=CLASSES):
        super().__init__()
        self.save_hyperparameters()
        generator = torch.Generator().manual_seed(0)
        n = TRAIN + TEST
        self.y = torch.randint(0, classes, (n,), generator=generator)
        self.X = 0.5 * torch.randn(n, 1, 8, 8, generator=generator)
        for image, label in zip(self.X, self.y.tolist(), strict=True):
            row, column = divmod(label % 4, 2)
            image[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 1
        if one_hot:
            self.y = F.one_hot(self.y, classes).float()

    def get_dataloader(self, train):
        part = slice(TRAIN) if train else slice(TRAIN, None)
        return self.get_tensorloader((self.X, self.y), train, part)


class Batches:
    """Re-iterable batches that are no DataLoader."""

    def __init__(self, X, y, batch_size):
        self.parts = list(
            zip(X.split(batch_size), y.split(batch_size), strict=True)
        )

    def __len__(self):
        return len(self.parts)

    def __iter__(self):
        return iter(self.parts)


class ResidentQuadrants(Quadrants):
    """The same images in the manner of ``onebyone.data``."""

    device = torch.device("cpu")

    @property
    def train_labels(self):
        return self.y[:TRAIN]

    def get_dataloader(self, train):
        part = slice(TRAIN) if train else slice(TRAIN, None)
        return Batches(self.X[part], self.y[part], self.batch_size)


def small_net(classes=CLASSES, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def dead_net():
    """Its last ReLU outputs 0 for every class and every image."""
    net = nn.Sequential(
        nn.Conv2d(1, CLASSES, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    nn.init.constant_(net[0].bias, -100.0)
    return net


class SmallClassifier(d2l.Classifier):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.net = small_net()


def trainer(max_epochs=1, **options):
    return Trainer(max_epochs, **{"seed": 0, "precision": "float32"} | options)


def same_weights(net, other):
    pairs = zip(
        net.state_dict().values(), other.state_dict().values(), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)


# what is learned


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


def test_a_classifier_at_constant_rate_follows_d2ls_own_trainer():
    data, ours, theirs = Quadrants(), SmallClassifier(), SmallClassifier()
    theirs.board.display = False
    trainer(2, schedule="constant", seed=5, device="cpu").fit(ours, data)
    torch.manual_seed(5)
    d2l.Trainer(2).fit(theirs, data)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


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


def test_the_network_comes_back_in_evaluation_mode_and_plain_layout():
    net = small_net()
    trainer().fit(net, Quadrants())
    assert not net.training
    assert all(p.is_contiguous() for p in net.parameters())


def test_a_trained_network_and_its_history_can_be_copied():
    net = small_net()
    history = trainer().fit(net, Quadrants())
    copy.deepcopy(net)
    again = pickle.loads(pickle.dumps(history))
    assert again.frame.equals(history.frame)


# schedule and steps


def test_one_cycle_rises_to_the_peak_and_falls_to_zero():
    shares = [training.one_cycle(n / 1000) for n in range(1001)]
    peak = shares.index(max(shares))
    assert max(shares) == shares[300] == 1
    assert shares[0] == 0 and shares[-1] == pytest.approx(0)
    assert shares[:peak] == sorted(shares[:peak])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)


def test_max_steps_shortens_the_schedule_and_evaluates_the_partial_epoch():
    steps_per_epoch = math.ceil(TRAIN / 16)
    history = trainer(5, max_steps=steps_per_epoch + 3).fit(
        small_net(), Quadrants()
    )
    assert len(history.steps) == steps_per_epoch + 3
    assert list(history.steps["step"]) == list(
        range(1, len(history.steps) + 1)
    )
    assert list(history.frame["epoch"]) == [1, 2]
    assert history.frame["test_accuracy"].notna().all()
    assert history.steps["lr"].iloc[-1] < 0.01 < history.steps["lr"].max()
    assert history.stopped is None


def test_epochs_count_where_they_are_fewer():
    history = trainer(1, max_steps=1000).fit(small_net(), Quadrants())
    assert len(history.steps) == math.ceil(TRAIN / 16)


def test_a_single_step_is_a_run():
    history = trainer(max_steps=1).fit(small_net(), Quadrants())
    assert len(history.steps) == 1


@pytest.mark.parametrize(
    "name", ["training_step", "validation_step", "accuracy"]
)
def test_a_method_that_would_not_be_called_is_refused_by_name(name):
    def method(self, *arguments):
        raise AssertionError("never called")

    own = type("Own", (SmallClassifier,), {name: method})
    words = f"Own has a {name} of its own, which this Trainer does not call"
    with pytest.raises(ValueError, match=words):
        trainer().fit(own(), Quadrants())
    model = SmallClassifier()
    setattr(model, name, method)
    with pytest.raises(ValueError, match=f"SmallClassifier has a {name}"):
        trainer().fit(model, Quadrants())


def test_clipped_gradients_follow_d2ls_own_trainer():
    def trained(fitter):
        torch.manual_seed(5)
        model = SmallClassifier()
        model.board.display = False
        torch.manual_seed(6)
        fitter.fit(model, Quadrants())
        return model

    options = {"schedule": "constant", "seed": None, "device": "cpu"}
    ours = trained(trainer(2, gradient_clip_val=0.2, **options))
    theirs = trained(d2l.Trainer(2, gradient_clip_val=0.2))
    free = trained(trainer(2, **options))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(ours.net[0].weight, free.net[0].weight)


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


# exact numbers


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
    before = copy.deepcopy(net.state_dict())
    assert evaluate(net, batches) == evaluate(net, data)
    assert net.training
    assert all(
        torch.equal(before[key], value)
        for key, value in net.state_dict().items()
    )


def test_evaluate_uses_a_classifiers_loss():
    class Doubled(SmallClassifier):
        def loss(self, Y_hat, Y, averaged=True):
            return 2 * super().loss(Y_hat, Y, averaged)

    data = Quadrants()
    loss, _ = evaluate(Doubled(), data)
    assert loss == pytest.approx(2 * evaluate(SmallClassifier(), data)[0])


def test_no_test_set_leaves_its_columns_empty():
    data = Quadrants()
    data.val_dataloader = lambda: None
    history = trainer().fit(small_net(), data)
    assert math.isnan(history.test_accuracy)
    assert math.isfinite(history.train_loss)


# early ends


class InterruptedQuadrants(Quadrants):
    """Somebody presses Ctrl-C instead of the n-th training batch."""

    n = 5

    def train_dataloader(self):
        loader = super().train_dataloader()
        batches = list(loader)

        class Interrupted:
            looks = 0

            def __len__(self):
                return len(batches)

            def __iter__(inner):
                inner.looks += 1
                for number, batch in enumerate(batches, start=1):
                    if inner.looks > 1 and number == self.n:
                        raise KeyboardInterrupt
                    yield batch

        return Interrupted()


def test_ctrl_c_returns_what_was_learned_so_far(capsys):
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    history = trainer(3).fit(net, InterruptedQuadrants())
    assert history.stopped == "interrupted"
    assert len(history.steps) == 4
    assert len(history.frame) == 1
    assert math.isfinite(history.train_loss)
    assert math.isnan(history.test_accuracy)
    assert not net.training
    assert not torch.equal(before["0.weight"], net[0].weight.cpu())
    assert "Interrupted after step 4 of 39" in capsys.readouterr().out


def test_ctrl_c_before_the_first_step_returns_an_empty_history():
    data = InterruptedQuadrants()
    data.n = 1
    history = trainer().fit(small_net(), data)
    assert history.stopped == "interrupted"
    assert len(history.frame) == len(history.steps) == 0
    assert math.isnan(history.test_accuracy)


def test_ctrl_c_during_the_evaluation_keeps_the_training_numbers():
    class Interrupted(SmallClassifier):
        def loss(self, Y_hat, Y, averaged=True):
            if not Y_hat.requires_grad:
                raise KeyboardInterrupt
            return super().loss(Y_hat, Y, averaged)

    history = trainer(2).fit(Interrupted(), Quadrants())
    assert history.stopped == "interrupted"
    assert list(history.frame["epoch"]) == [1]
    assert math.isnan(history.test_loss)


def test_a_loss_that_is_not_finite_stops_and_is_explained_once(capsys):
    history = trainer(2, lr=1e30).fit(small_net(), Quadrants())
    bad = len(history.steps)
    assert history.stopped == f"non-finite loss at step {bad}"
    assert not math.isfinite(history.steps["loss"].iloc[-1])
    assert history.steps["loss"].iloc[:-1].map(math.isfinite).all()
    assert len(history.frame) == 0
    out, err = capsys.readouterr()
    assert out == history.message + "\n" and err == ""
    assert f"Stopped at step {bad} of 26" in out
    assert "lr=1e+29 instead of 1e+30" in out


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_image_that_is_not_finite_stops_and_is_explained(bad, capsys):
    data = Quadrants()
    data.X[0, 0, 0, 0] = bad
    history = trainer(2).fit(small_net(), data)
    assert history.stopped.startswith("non-finite loss at step ")
    assert "infinite values" in capsys.readouterr().out


def test_weights_that_are_not_finite_stop_at_once(capsys):
    net = small_net()
    nn.init.constant_(net[0].bias, math.nan)
    history = trainer(2).fit(net, Quadrants())
    assert history.stopped == "non-finite loss at step 1"
    assert "Stopped at step 1 of 26" in capsys.readouterr().out


@pytest.fixture
def ctrl_c():
    """Python's own answer to SIGINT; a job in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_at_any_moment_leaves_a_network_to_go_on_with(ctrl_c):
    """A real signal, at ten moments of short runs, one after the other."""
    data = Quadrants(batch_size=4)
    net = small_net()
    chance = random.Random(0)
    interrupted = 0
    for _ in range(10):
        alarm = threading.Timer(
            chance.uniform(0.01, 0.3), signal.raise_signal, [signal.SIGINT]
        )
        alarm.start()
        try:
            while alarm.is_alive():
                # no run is long: a signal may come in a destructor, where
                # Python drops every exception, and then the run goes on
                history = trainer(4).fit(net, data)
                assert history.stopped in ("interrupted", None)
                interrupted += history.stopped == "interrupted"
            time.sleep(0.01)
        except KeyboardInterrupt:  # before the first step or after the last
            pass
        alarm.join()
        assert evaluate(net, data)[1] >= 0
        assert all(p.isfinite().all() for p in net.parameters())
    assert interrupted > 0


def test_a_dead_network_draws_a_warning_that_says_why(capsys):
    history = trainer(2).fit(dead_net(), Quadrants())
    assert history.stopped is None
    out, err = capsys.readouterr()
    assert out == history.message + "\n" and err == ""
    assert "stayed at ln 4 = 1.3863" in out
    assert "4 of its 4 outputs are 0 for every image" in out
    assert "no ReLU before the global average pooling" in out


def test_a_network_that_learns_draws_no_warning(capsys):
    history = trainer(2).fit(small_net(), Quadrants())
    assert history.message == "" == capsys.readouterr().out


def test_a_few_steps_are_not_judged(capsys):
    trainer(max_steps=5).fit(dead_net(), Quadrants())
    assert capsys.readouterr().out == ""


def test_low_loss_and_high_accuracy_are_not_chance():
    history = History(steps_per_epoch=30)
    for correct in [10] * 30:
        loss = torch.tensor(math.log(2))
        history.add_step(Step(loss, torch.tensor(correct), 10, 0.1))
    history.read_losses()
    assert not history.stayed_at_chance(2)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_names_a_batch_that_fits(error):
    """There is room for six images: halves of 16 are tried, 8 and then 4."""

    class Hungry(SmallClassifier):
        def forward(self, X):
            if self.training and len(X) > 6:
                raise error
            return super().forward(X)

    with pytest.raises(RuntimeError, match="batch size 16: try 4,") as caught:
        trainer().fit(Hungry(), Quadrants())
    assert caught.value.__context__ is None


def test_a_batch_that_was_named_trains():
    net = small_net()
    room = 6

    def forward(X):
        if net.training and len(X) > room:
            raise MemoryError
        return nn.Sequential.forward(net, X)

    net.forward = forward
    with pytest.raises(RuntimeError, match="try 4,"):
        trainer().fit(net, Quadrants())
    assert trainer().fit(net, Quadrants(batch_size=4)).stopped is None


def test_looking_for_a_batch_that_fits_leaves_the_network_alone():
    net = small_net()
    before = copy.deepcopy(net.state_dict())

    def forward(X):
        if net.training and len(X) > 6:
            raise MemoryError
        return nn.Sequential.forward(net, X)

    net.forward = forward
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer().fit(net, Quadrants())
    assert not net.training
    assert all(p.grad is None for p in net.parameters())
    for key, value in net.state_dict().items():
        assert torch.equal(before[key], value.cpu())


@pytest.mark.parametrize("room", [0, 2])
def test_a_network_too_large_for_any_batch_is_told_so(room):
    """For two images without gradients there may be room or not."""

    class Huge(SmallClassifier):
        def forward(self, X):
            if self.training or len(X) > room:
                raise MemoryError
            return super().forward(X)

    with pytest.raises(RuntimeError, match="take a smaller network") as caught:
        trainer().fit(Huge(), Quadrants())
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__


def test_memory_that_really_runs_out_is_explained(tmp_path):
    """The system refuses more memory to a process of its own."""
    setup = """
        import resource

        import torch
        from torch import nn

        from onebyone.training import Trainer

        class Data:
            device = torch.device("cpu")

            def __init__(self, batch_size):
                X = torch.zeros(batch_size, 1, 8, 8)
                y = torch.arange(batch_size) % 4
                self.batches = [(X, y)]

            def train_dataloader(self):
                return self.batches

            def val_dataloader(self):
                return None

        def fit(batch_size):
            net = nn.Sequential(
                nn.Upsample(scale_factor=64),
                nn.Conv2d(1, 2, 1),  # 2 MiB for each image
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(2, 4),
            )
            Trainer(1, precision="float32", progress=False).fit(
                net, Data(batch_size)
            )

        def task():
            torch.set_num_threads(1)
            fit(2)  # what PyTorch itself needs
            with open("/proc/self/statm") as file:
                now = int(file.read().split()[0]) * resource.getpagesize()
            limit = now + 500 * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            try:
                fit(512)
            except RuntimeError as error:
                words = str(error).split()
            assert words[:6] == "out of memory at batch size".split(), words
            assert words[6:8] == ["512:", "try"], words
            fit(int(words[8].rstrip(",")))
    """
    with Nursery(setup, tmp_path) as nursery:
        assert nursery.wait(nursery.start()) == 0


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError])
def test_other_errors_of_the_network_stay_what_they_are(kind):
    class Broken(SmallClassifier):
        def forward(self, X):
            if self.training:
                raise kind("my own mistake")
            return super().forward(X)

    with pytest.raises(kind, match="^'?my own mistake'?$"):
        trainer().fit(Broken(), Quadrants())


@pytest.mark.parametrize("kind", [RuntimeError, torch.OutOfMemoryError])
def test_a_step_that_fails_is_not_tried_again(kind):
    class FailsLater(SmallClassifier):
        calls = 0

        def forward(self, X):
            self.calls += len(X) == 16 and self.training
            if self.calls == 3:
                raise kind("out of luck")
            return super().forward(X)

    model = FailsLater()
    with pytest.raises(kind, match="out of luck"):
        trainer().fit(model, Quadrants())
    assert model.calls == 3


# what cannot be trained


def without(loader_name):
    data = Quadrants()
    setattr(data, loader_name, lambda: [])
    return data


def with_labels(y):
    data = Quadrants()
    data.y = y
    return data


N = TRAIN + TEST


@pytest.mark.parametrize(
    ("net", "data", "message"),
    [
        (nn.Flatten(), Quadrants(), "no parameters to train"),
        (small_net(), without("train_dataloader"), "training set has no im"),
        (small_net(), without("val_dataloader"), "test set has no images"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(10, 4)),
            Quadrants(),
            r"cannot take images of shape \(1, 8, 8\).*mat1 and mat2",
        ),
        (nn.Conv2d(1, 4, 8), Quadrants(), r"but returns \(2, 4, 1, 1\)"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(64, 1)),
            Quadrants(),
            r"but returns \(2, 1\)",
        ),
        (
            small_net(classes=3),
            Quadrants(),
            "labels run from 0 to 3, but a network with 3 outputs",
        ),
        (small_net(), with_labels(torch.full((N,), -1)), "from -1 to -1"),
        (
            small_net(classes=3),
            ResidentQuadrants(),
            "labels run from 0 to 3",
        ),
        (
            small_net(classes=5),
            Quadrants(one_hot=True),
            r"one-hot, \(B, 5\).*are \(203, 4\)",
        ),
        (small_net(), with_labels(torch.zeros(N)), "must be one-hot"),
        (
            small_net(),
            with_labels(torch.zeros(N, 1, dtype=torch.int64)),
            r"class indices must be \(B,\)",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(net, data, message):
    with pytest.raises(ValueError, match=message):
        trainer().fit(net, data)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (16, torch.full((16,), 9), IndexError, "Target 9 is out of bounds"),
        (16, torch.zeros(15).long(), ValueError, r"\(16\) .* \(15\)"),
    ],
)
def test_a_bad_batch_that_no_look_ahead_sees_is_named(X, y, error, message):
    """The loader shows its first batch alone; PyTorch names the fault."""
    good = (torch.rand(16, 1, 8, 8), torch.zeros(16).long())
    data = Quadrants()
    data.train_dataloader = lambda: [good, (torch.rand(X, 1, 8, 8), y)]
    net = small_net()
    with pytest.raises(error, match=message):
        trainer().fit(net, data)
    assert not net.training


def test_frozen_parameters_are_no_parameters_to_train():
    net = small_net().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters to train"):
        trainer().fit(net, Quadrants())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "half"}, "one of auto, float32, bfloat16, float16"),
        ({"schedule": "cosine"}, "one of one-cycle, constant"),
        ({"max_epochs": 0}, "at least 1"),
        ({"max_steps": 0}, "at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Trainer(**options)


def test_evaluate_refuses_an_empty_set():
    with pytest.raises(ValueError, match="no images to evaluate on"):
        evaluate(small_net(), [])


# what is shown


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


@pytest.mark.parametrize("lr", [0.1, 1e30])
def test_the_history_plots_loss_and_accuracy(lr):
    figure = trainer(2, lr=lr).fit(small_net(), Quadrants()).plot()
    assert isinstance(figure, Figure)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["loss", "accuracy"]
    matplotlib.pyplot.close(figure)


def test_the_history_plots_in_the_books_style_without_a_warning():
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.use_style()
        figure = trainer().fit(small_net(), Quadrants()).plot()
        figure.canvas.draw()
    matplotlib.pyplot.close(figure)


# where and how it runs


def test_bfloat16_is_chosen_where_the_cpu_has_instructions(monkeypatch):
    cpu = torch.device("cpu")
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert training.best_precision(cpu) == torch.float32
    monkeypatch.setattr(torch.cpu, name, lambda: True)
    assert training.best_precision(cpu) == torch.bfloat16
    monkeypatch.delattr(torch.cpu, name)
    assert training.best_precision(cpu) == torch.float32


def test_old_cuda_gpus_get_float16_and_apples_float32(monkeypatch):
    cuda = torch.device("cuda")
    for capability, dtype in (
        ((7, 5), torch.float16),
        ((9, 0), torch.bfloat16),
    ):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, c=capability: c
        )
        assert training.best_precision(cuda) == dtype
    assert training.best_precision(torch.device("mps")) == torch.float32
