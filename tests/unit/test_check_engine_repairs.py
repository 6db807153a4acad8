"""A repair is judged by training with it, and leaves nothing behind."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import optimizer

from onebyone.check.engine import Repair
from onebyone.check.engine.repairs import Watched

USELESS = {"longer": "LONGER", "slower": "SLOWER", "other": "OTHER"}


@pytest.fixture
def images():
    """Two classes that one number tells apart."""
    X = torch.tensor([[-1.0], [1.0]]).repeat(20, 1)
    y = torch.tensor([0, 1]).repeat(20)
    return X, y, X.clone(), y.clone()


@pytest.fixture
def task():
    return Repair("A run", least=0.9, steps=10, rate=0.5, useless=USELESS)


def trained(steps=10, rate=0.5, turned=False):
    """Return a run, which learns unless its labels are turned around."""

    def run(X, y):
        net = nn.Linear(1, 2)
        optimiser = torch.optim.SGD(net.parameters(), lr=rate)
        for _ in range(steps):
            optimiser.zero_grad()
            F.cross_entropy(net(X), 1 - y if turned else y).backward()
            optimiser.step()
        return net

    return run


def test_a_run_that_learns_is_correct(task, images):
    assert task(trained(), *images)


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (trained(turned=True), "OTHER"),
        (trained(turned=True, steps=30), "LONGER"),
        (trained(turned=True, rate=0.05), "SLOWER"),
        (trained(turned=True, steps=30, rate=0.05), "SLOWER"),
    ],
)
def test_what_was_changed_in_vain_is_named(task, images, run, why):
    message = task(run, *images).message
    assert why in message
    assert not any(word in message for word in {*USELESS.values()} - {why})


def test_steps_and_rates_of_any_optimiser_are_seen(images):
    X, y = images[:2]
    with Watched() as watched:
        trained(steps=4, rate=0.25)(X, y)
        weight = nn.Parameter(torch.ones(1))
        adam = torch.optim.Adam([weight], lr=0.125)
        weight.sum().backward()
        adam.step()
    assert watched.steps == 5 and watched.rates == {0.25, 0.125}


def test_no_hook_stays_behind(task, images):
    def failing(X, y):
        trained()(X, y)
        raise RuntimeError

    before = len(optimizer._global_optimizer_post_hooks)
    task(trained(), *images), task(failing, *images)
    assert len(optimizer._global_optimizer_post_hooks) == before


def test_a_run_may_overwrite_its_images(task, images):
    def greedy(X, y):
        net = trained()(X, y)
        X.zero_(), y.zero_()
        return net

    kept = [tensor.clone() for tensor in images]
    assert task(greedy, *images)
    assert all(map(torch.equal, images, kept))


def test_the_log_of_a_run_is_not_repeated(task, images):
    def talking(X, y):
        print("epoch 1")
        return trained()(X, y)

    assert "epoch 1" not in str(task(talking, *images))
