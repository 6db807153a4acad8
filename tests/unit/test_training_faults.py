"""What goes wrong in training: refused, stopped or survived, with a reason."""

import copy
import math
import random
import signal
import threading
import time

import pytest
import torch
from torch import nn

from faults import Nursery
from onebyone.training import Trainer, evaluate
from quadrants import (
    TEST,
    TRAIN,
    Quadrants,
    ResidentQuadrants,
    SmallClassifier,
    dead_net,
    small_net,
    trainer,
)

pytestmark = pytest.mark.usefixtures("no_progress_bars")


# --- early ends -----------------------------------------------------------


class Interrupted(SmallClassifier):
    """Somebody presses Ctrl-C after so many steps, or in an evaluation."""

    steps = 10**6

    def loss(self, Y_hat, Y, averaged=True):
        if not Y_hat.requires_grad or self.steps == 0:
            raise KeyboardInterrupt
        self.steps -= 1
        return super().loss(Y_hat, Y, averaged)


@pytest.mark.parametrize(
    ("steps", "epochs"), [(0, []), (4, [1]), (10**6, [1])]
)
def test_ctrl_c_in_a_step_or_the_evaluation_returns_what_was_learned(
    steps, epochs, capsys
):
    model = Interrupted()
    model.steps = steps
    history = trainer(3).fit(model, Quadrants())
    made = min(steps, 13)
    assert history.stopped == "interrupted"
    assert len(history.steps) == made
    assert list(history.frame["epoch"]) == epochs
    assert math.isfinite(history.train_loss) == (made > 0)
    assert math.isnan(history.test_accuracy)
    assert not model.training
    assert f"Interrupted after step {made} of 39" in capsys.readouterr().out


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
def test_an_image_or_weight_that_is_not_finite_stops_and_is_explained(
    bad, capsys
):
    data = Quadrants()
    data.X[0, 0, 0, 0] = bad
    history = trainer(2).fit(small_net(), data)
    assert history.stopped.startswith("non-finite loss at step ")
    assert "infinite values" in capsys.readouterr().out
    net = small_net()
    nn.init.constant_(net[0].bias, bad)
    history = trainer(2).fit(net, Quadrants())
    assert history.stopped == "non-finite loss at step 1"
    assert "Stopped at step 1 of 26" in capsys.readouterr().out


def test_a_dead_network_draws_a_warning_that_says_why(capsys):
    history = trainer(2).fit(dead_net(), Quadrants())
    assert history.stopped is None
    out, err = capsys.readouterr()
    assert out == history.message + "\n" and err == ""
    assert "stayed at ln 4 = 1.3863" in out
    assert "4 of its 4 outputs are 0 for every image" in out
    assert "no ReLU before the global average pooling" in out


@pytest.mark.parametrize(("build", "steps"), [(small_net, 26), (dead_net, 5)])
def test_a_network_that_learns_or_has_hardly_begun_draws_no_warning(
    build, steps, capsys
):
    history = trainer(2, max_steps=steps).fit(build(), Quadrants())
    assert history.message == "" == capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", [RuntimeError, ValueError, KeyError, torch.OutOfMemoryError]
)
def test_another_error_stays_what_it_is_and_its_step_is_not_repeated(kind):
    class FailsLater(SmallClassifier):
        calls = 0

        def forward(self, X):
            self.calls += len(X) == 16 and self.training
            if self.calls == 3:
                raise kind("my own mistake")
            return super().forward(X)

    model = FailsLater()
    with pytest.raises(kind, match="^'?my own mistake'?$"):
        trainer().fit(model, Quadrants())
    assert model.calls == 3


# --- out of memory --------------------------------------------------------


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
    net = small_net()
    before = copy.deepcopy(net.state_dict())

    def forward(X):
        if net.training and len(X) > 6:
            raise error
        return nn.Sequential.forward(net, X)

    net.forward = forward
    message = "batch size 16: a batch of 4 fits"
    with pytest.raises(RuntimeError, match=message) as caught:
        trainer().fit(net, Quadrants())
    assert caught.value.__context__ is None
    # the search has left the network alone
    assert not net.training
    assert all(p.grad is None for p in net.parameters())
    for key, value in net.state_dict().items():
        assert torch.equal(before[key], value.cpu())
    assert trainer().fit(net, Quadrants(batch_size=4)).stopped is None


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
    setup = r"""
        import re
        import resource

        import torch
        from torch import nn

        from onebyone.training import Trainer

        class Data:
            device = torch.device("cpu")
            val_dataloader = lambda self: None

            def __init__(self, batch_size):
                X = torch.zeros(batch_size, 1, 8, 8)
                self.batches = [(X, torch.arange(batch_size) % 4)]

            def train_dataloader(self):
                return self.batches

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
            # 128 images need less than 700 MiB, 256 more than 1,200
            limit = now + 900 * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            try:
                fit(512)
            except RuntimeError as error:
                message = str(error)
            form = r"out of memory at batch size 512: a batch of (\d+) fits"
            found = re.match(form, message)
            assert found, message
            fit(int(found[1]))
    """
    with Nursery(setup, tmp_path) as nursery:
        assert nursery.wait(nursery.start()) == 0


# --- what cannot be trained -----------------------------------------------


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


def having(**attributes):
    data = Quadrants()
    vars(data).update(attributes)
    return data


def flat(inputs, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, outputs))


N = TRAIN + TEST
FROZEN = small_net().requires_grad_(False)


@pytest.mark.parametrize(
    ("net", "data", "message"),
    [
        (nn.Flatten(), Quadrants(), "no parameters to train"),
        (FROZEN, Quadrants(), "no parameters to train"),
        (small_net(), having(train_dataloader=list), "training set has no im"),
        (small_net(), having(val_dataloader=list), "test set has no images"),
        (flat(10, 4), Quadrants(), r"images of shape \(1, 8, 8\).*mat1 and"),
        (flat(64, 1), Quadrants(), r"but returns \(2, 1\)"),
        (nn.Conv2d(1, 4, 8), Quadrants(), r"but returns \(2, 4, 1, 1\)"),
        (small_net(3), Quadrants(), "from 0 to 3, but .* with 3 outputs"),
        (small_net(3), ResidentQuadrants(), "labels run from 0 to 3"),
        (small_net(), having(y=torch.full((N,), -1)), "from -1 to -1"),
        (small_net(), having(y=torch.zeros(N)), "must be one-hot"),
        (small_net(5), Quadrants(one_hot=True), r"\(B, 5\).*are \(203, 4\)"),
        (small_net(), having(y=torch.zeros(N, 1).long()), "indices must be"),
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
