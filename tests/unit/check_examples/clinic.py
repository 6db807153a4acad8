"""Answers to the exercises *A clinic of broken networks*.

The images are gratings in ten directions under noise: quickly made, and as
quickly learnt.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from check_examples import Examples, answer
from onebyone.check.engine import guard

SIDE = 14


def gratings(count, seed):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(10, (count,), generator=generator)
    along = torch.arange(SIDE) - (SIDE - 1) / 2
    angle = torch.pi * y / 10
    down = along[None, :, None] * angle.sin()[:, None, None]
    across = along[None, None, :] * angle.cos()[:, None, None]
    phase = 1.5 * torch.rand(count, 1, 1, generator=generator)
    noise = torch.randn(count, SIDE, SIDE, generator=generator)
    X = 1.4 * (0.9 * (down + across) + phase).sin() + 0.7 * noise
    return X[:, None], y


GRATINGS = gratings(1_000, seed=0)
IMAGES = (*GRATINGS, *gratings(300, seed=1))


def train(net, X, y, epochs=6, rate=0.05, **options):
    options = {"momentum": 0.9} | options
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, **options)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(40):
            optimiser.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimiser.step()
    return net


def with_adam(net, X, y):
    optimiser = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(6):
        for batch in torch.randperm(len(X)).split(40):
            optimiser.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimiser.step()
    return net


def by_hand(X, y, rate=3.0):
    """Trains without an optimiser, so that nobody knows its rate."""
    net = plain()
    for batch in torch.randperm(len(X)).split(40):
        net.zero_grad()
        F.cross_entropy(net(X[batch]), y[batch]).backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= rate * parameter.grad
    return net


def plain(*end):
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(10),
        *end,
    )


def normed(make, *end):
    """Return a network whose batch norms come from a function."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        make(),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        make(),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(10),
        *end,
    )


def own():
    return nn.BatchNorm2d(16)


def shared(**options):
    norm = nn.BatchNorm2d(16, **options)
    return lambda: norm


def run(*end, make=plain, **how):
    return to_check(lambda X, y: train(make(*end), X, y, **how))


def to_check(function):
    return answer(function, *IMAGES)


class Probable(nn.Module):
    """Gives the logarithms of probabilities, which are scores too."""

    def __init__(self):
        super().__init__()
        self.net = plain()

    def forward(self, X):
        return self.net(X).log_softmax(dim=1)


def paired(X, y):
    order = torch.randperm(len(X))
    return train(plain(), X[order], y[order])


def together(X, y):
    both = list(zip(X, y))
    both = both[::-1]
    X, y = (torch.stack(part) for part in zip(*both))
    return train(plain(), X, y)


def torn(which="both", **how):
    def function(X, y):
        if which in ("both", "images"):
            X = X[torch.randperm(len(X))]
        if which in ("both", "labels"):
            y = y[torch.randperm(len(y))]
        return train(plain(), X, y, **how)

    return to_check(function)


def half_torn(X, y):
    """Shuffles half of the labels among each other."""
    half = len(y) // 2
    y[:half] = y[torch.randperm(half)]
    return train(plain(), X, y)


def seeded(**how):
    def function(X, y):
        torch.manual_seed(0)
        return train(plain(), X, y, **how)

    return to_check(function)


class Remembering(nn.Module):
    """Keeps what it gave, so that PyTorch cannot copy it."""

    def __init__(self):
        super().__init__()
        self.net = plain()

    def forward(self, X):
        self.scores = self.net(X)
        return self.scores


def seen_as(change, **how):
    return to_check(lambda S, y: train(plain(), change(S), y, **how))


def cut(S):
    return S.reshape(-1, 1, SIDE, SIDE)


def lying(S):
    return S.permute(2, 1, 0)[:, None]


def stacked(S):
    images = [S[:, :, n] for n in range(S.shape[2])]
    return torch.stack(images).unsqueeze(1)


# --- An accuracy -----------------------------------------------------------


def share(net, X, y):
    return (net(X).argmax(dim=1) == y).float().mean().item()


def careful(net, X, y):
    mode = net.training
    net.eval()
    found = share(net, X, y)
    net.train(mode)
    return found


def by_copy(net, X, y):
    import copy

    return share(copy.deepcopy(net).eval(), X, y)


@torch.no_grad()
def layer_by_layer(net, X, y):
    modes = {module: module.training for module in net.modules()}
    for module in modes:
        module.training = False
    right = sum(int(net(x[None]).argmax()) == int(k) for x, k in zip(X, y))
    for module, mode in modes.items():
        module.training = mode
    return torch.tensor(right / len(y))


def evaluated(net, X, y):
    return share(net.eval(), X, y)


def freezing(net, X, y):
    net.requires_grad_(False)
    return careful(net, X, y)


def switching_off(net, X, y):
    torch.set_grad_enabled(False)
    was_training = net.training
    right = (net.eval()(X).argmax(dim=1) == y).float().mean().item()
    net.train(was_training)
    return right


def without_gradients(net, X, y):
    with torch.no_grad():
        return share(net, X, y)


def always_back(net, X, y):
    found = share(net.eval(), X, y)
    net.train()
    return found


def too_late(net, X, y):
    found = share(net, X, y)
    net.eval()
    return found


def without_dropout_only(net, X, y):
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return share(net, X, y)


def only_norms(net, X, y):
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.eval()
    found = share(net, X, y)
    for norm in norms:
        norm.train(net.training)
    return found


def in_parts(net, X, y):
    """Turns two layers off and never on again."""
    net.norm.eval(), net.dropout.eval()
    return share(net, X, y)


def without_a_layer(net, X, y):
    net.dropout = nn.Identity()
    return careful(net, X, y)


def by_batches(net, X, y):
    """Averages the accuracies of batches, of which the last is smaller."""
    mode = net.training
    net.eval()
    found = [share(net, *b) for b in zip(X.split(64), y.split(64))]
    net.train(mode)
    return sum(found) / len(found)


def but_the_last(net, X, y):
    return careful(net, X[:-1], y[:-1])


def blackening(net, X, y):
    found = careful(net, X, y)
    X.zero_()
    return found


def doubling(net, X, y):
    found = careful(net, X, y)
    net.double()
    return found


def counting(net, X, y):
    net.register_buffer("seen", torch.tensor(len(X)))
    return careful(net, X, y)


def raising(X, y):
    raise RuntimeError("no data")


def on_held_out(X, y):
    return train(plain(), *IMAGES[2:])


def trained_before(X, y):
    return train(copy.deepcopy(READY), *GRATINGS, epochs=1)


with guard.guarded(60), torch.enable_grad():
    READY = train(plain(), *GRATINGS)
ANY = [3, "net", nn.Linear(2, 2)]
MALFORMED = [
    (answer(lambda X, y: print(), *IMAGES), "return the trained network"),
    (answer(lambda X, y: 0.7, *IMAGES), "return the trained network"),
    (run(epochs=0), "Does it train?"),
    (answer(raising, *IMAGES), "raised"),
    (paired, "Call the check with the images too"),
    (answer(paired, *IMAGES[::2], *IMAGES[1::2]), "their labels"),
    (
        to_check(lambda X, y: train(plain(), *GRATINGS)[:3]),
        "a score for each image and class",
    ),
]


def of_run(right, mutants):
    return Examples(
        right=right,
        blank=[answer(..., *IMAGES), lambda X, y: ...],
        mutants=[
            *mutants,
            (to_check(on_held_out), "by other names than"),
            (to_check(trained_before), "by other names than"),
        ],
        malformed=MALFORMED,
        unrelated=[*ANY, answer(nn.ReLU, *IMAGES), lambda: 1],
    )


EXAMPLES = {
    "head": of_run(
        [
            run(),
            run(nn.LeakyReLU(0.1)),
            to_check(lambda X, y: with_adam(plain(), X, y)),
            run(make=lambda: normed(own)),
            seeded(),
        ],
        [
            (run(nn.Softplus()), "keeps them up"),
            (run(nn.Sigmoid()), "keeps them up"),
            (run(nn.GELU()), "keeps them up"),
            (run(make=Remembering), "cannot be copied"),
            (seeded(epochs=1, rate=1e-4), "sets the seed"),
            (run(nn.ReLU()), "A ReLU still stands behind the scores"),
            (run(nn.ReLU(), epochs=25, rate=0.1), "no number of steps"),
            (run(nn.ReLU(), rate=0.02), "helps is luck"),
            (run(nn.ReLU(), rate=0.1), "What does a ReLU do"),
        ],
    ),
    "softmax": of_run(
        [
            run(),
            run(make=Probable),
            run(nn.LogSoftmax(dim=1)),
            run(make=lambda: normed(own)),
        ],
        [
            (run(nn.Softmax(dim=1)), "still gives probabilities"),
            (run(nn.Softmax(dim=1), epochs=10), "however long"),
            (run(nn.Tanh()), "between −1 and 1"),
            (run(nn.Sigmoid()), "between −1 and 1"),
            (run(nn.Softmax(dim=1), rate=0.01), "with any learning rate"),
            (run(nn.ReLU()), "as in run 1"),
            (run(nn.Softmax(dim=1), rate=0.5), "whatever the layers before"),
        ],
    ),
    "norm": of_run(
        [
            run(make=lambda: normed(own)),
            run(make=plain),
            run(make=lambda: normed(lambda: nn.GroupNorm(4, 16))),
            run(make=lambda: normed(lambda: nn.BatchNorm2d(16, momentum=0.3))),
        ],
        [
            (run(make=lambda: normed(shared())), "One batch norm still"),
            (
                run(make=lambda: normed(shared()), epochs=10),
                "More steps gather more",
            ),
            (
                run(make=lambda: normed(shared()), rate=0.005),
                "with any learning rate",
            ),
            (
                run(
                    make=lambda: normed(
                        lambda: nn.BatchNorm2d(16, track_running_stats=False)
                    )
                ),
                "must not depend on what else is in the batch",
            ),
            (
                run(make=lambda: normed(shared(track_running_stats=False))),
                "One batch norm still",
            ),
        ],
    ),
    "mode": Examples(
        right=[
            answer(function, *IMAGES)
            for function in (careful, by_copy, layer_by_layer)
        ]
        + [answer(lambda *case: careful(*case), *IMAGES)],
        blank=[answer(..., *IMAGES), lambda net, X, y: ...],
        mutants=[
            (answer(share, *IMAGES), "evaluated in training mode"),
            (answer(without_gradients, *IMAGES), "`no_grad` saves memory"),
            (answer(evaluated, *IMAGES), "stays in `eval()` mode"),
            (answer(always_back, *IMAGES), "into training mode"),
            (answer(freezing, *IMAGES), "freezes the network"),
            (answer(switching_off, *IMAGES), "leaves gradients switched off"),
            (answer(too_late, *IMAGES), "must come before"),
            (answer(without_dropout_only, *IMAGES), "must come before"),
            (answer(only_norms, *IMAGES), "dropout still drops"),
            (answer(in_parts, *IMAGES), "or a part of it, stays in `eval()`"),
            (answer(without_a_layer, *IMAGES), "leaves a layer"),
            (answer(by_batches, *IMAGES), "not the network's accuracy"),
            (answer(but_the_last, *IMAGES), "Does each image count once"),
            (answer(blackening, *IMAGES), "changes the images"),
            (answer(doubling, *IMAGES), "changes the network's weights"),
            (answer(counting, *IMAGES), "changes the network's weights"),
            (
                answer(lambda *case: f"{careful(*case):.4f}", *IMAGES),
                "not an accuracy",
            ),
            (
                answer(lambda *case: careful(*case) / 2, *IMAGES),
                "not the network's accuracy",
            ),
            (
                answer(lambda *case: 100 * careful(*case), *IMAGES),
                "from 0 to 1",
            ),
            (answer(lambda *case: print(), *IMAGES), "not an accuracy"),
            (answer(lambda X, y: 1, *IMAGES), "raised"),
        ],
        unrelated=[*ANY, answer(nn.ReLU, *IMAGES), lambda: 1],
    ),
    "labels": of_run(
        [
            to_check(paired),
            to_check(together),
            run(),
            to_check(lambda X, y: with_adam(plain(), X, y)),
        ],
        [
            (torn(), "Does the label at each place"),
            (torn("images"), "Does the label at each place"),
            (torn("labels"), "Does the label at each place"),
            (to_check(half_torn), "under the labels of others"),
            (torn(epochs=10), "only make it memorise"),
            (torn(rate=0.01), "slowly or fast"),
        ],
    ),
    "rate": of_run(
        [
            run(rate=0.05),
            run(rate=0.02),
            run(rate=0.1),
            to_check(lambda X, y: with_adam(plain(), X, y)),
        ],
        [
            (run(rate=3.0), "lead out of the valley"),
            (run(rate=3.0, epochs=10), "do not lead back"),
            (run(rate=0.05, epochs=10), "and the task has 150"),
            (
                run(rate=1.0, momentum=0, make=lambda: normed(own)),
                "its rate is still 1",
            ),
            (run(rate=1e-5), "no further down than to 2.3"),
            (run(rate=0.0), "no further down than to 2.3"),
            (to_check(by_hand), "your network has an accuracy"),
            (run(rate=1e-4, momentum=0), "there is room"),
        ],
    ),
    "pixels": of_run(
        [
            seen_as(stacked),
            seen_as(lambda S: S.permute(2, 0, 1)[:, None]),
            seen_as(lambda S: S.movedim(2, 0).unsqueeze(1)),
            seen_as(lambda S: torch.einsum("hwn->nhw", S)[:, None]),
        ],
        [
            (seen_as(cut), "Draw the first image"),
            (seen_as(cut, epochs=10), "only memorise"),
            (seen_as(cut, rate=0.01), "The rate plays no part"),
            (seen_as(lying), "lie on their side"),
            (
                to_check(lambda S, y: train(plain(), GRATINGS[0], y)),
                "Does it show what its label says",
            ),
            (seen_as(lambda S: S.permute(2, 0, 1)), "raised"),
        ],
    ),
}
