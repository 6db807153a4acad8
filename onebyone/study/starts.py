"""The study *starts*: from which first weights does a NiN learn?

Question: the network that everyone copies ends in a block with a channel for
each class and a ReLU, and may not learn. Is it the first weights, the
missing batch norm, or that last ReLU?

Design: a small NiN that ends in this way, 12 arms: PyTorch's own weights,
Xavier's or Kaiming's × with or without batch norm × with or without the last
ReLU. Each arm has its own search over six learning rates with two seeds, on
10,000 held-out training images, then five seeds at the rate found. (PyTorch's
start without batch norm but with the last ReLU learned at none of the six; it
is run at the rate of the same network without that ReLU.) Before and
after the training a run looks at 512 training images, in training mode (batch
norm uses their statistics): how many class outputs are ever above zero, which
share of each hidden layer's channels is zero everywhere, how large the signal
is behind each ReLU; at the start also how large the gradient is in each
convolution.

Limits: one small network, one data set, one optimiser and one schedule; what
is not learned in these epochs may be learned in more.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import arms, as_text
from onebyone.study.engine.study import Row
from onebyone.study.initialisation import network
from onebyone.training import Trainer

LOOKED_AT = 512  # training images, before and after the training
HIDDEN_LAYERS = 8  # of nine convolutions; the last makes the class outputs


@torch.no_grad()
def look(net: nn.Module, X: Tensor) -> Row:
    """Return the state of a network on some images, in training mode.

    Args:
        net: (B, 1, 28, 28) -> (B, 10) logits; its own state is left alone.
        X: images, (B, 1, 28, 28).

    Returns:
        "live", the class outputs that are not zero for every image; and, a
        number for each hidden ReLU, "dead", the share of its channels that
        are zero everywhere, and "signal", the mean square of its output.
    """
    net = copy.deepcopy(net).train()
    outputs: list[Tensor] = []
    for layer in net.modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(
                lambda layer, inputs, output: outputs.append(output)
            )
    logits = net(X)
    hidden = outputs[:HIDDEN_LAYERS]  # without that of the class outputs
    return {
        "live": int((logits != 0).any(dim=0).sum()),
        "dead": as_text(
            (Y == 0).all(dim=(0, 2, 3)).float().mean().item() for Y in hidden
        ),
        "signal": as_text(Y.square().mean().item() for Y in hidden),
    }


def gradient_norms(net: nn.Module, X: Tensor, y: Tensor) -> list[float]:
    """Return the gradient's norm in each convolution, first to last.

    X is (B, 1, 28, 28), y is (B,). Batch norm uses the batch's statistics.
    """
    net = copy.deepcopy(net).train()
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    loss = F.cross_entropy(net(X), y)
    gradients = torch.autograd.grad(loss, weights)
    return [gradient.norm().item() for gradient in gradients]


def measure(
    init: str,
    final_relu: bool,
    batch_norm: bool,
    lr: float,
    seed: int,
    epochs: int,
    validation: int = 0,
) -> Row:
    """Train one network, and look at it before and after.

    A run "trains" if its accuracy is more than twice that of guessing.
    """
    data = harness.fashion_mnist(validation=validation)
    torch.manual_seed(seed)
    net = network(init, final_relu, batch_norm).to(data.device)
    X = data.normalise(data.train_images[:LOOKED_AT])
    y = data.train_labels[:LOOKED_AT]
    start, norms = look(net, X), gradient_norms(net, X, y)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    return {
        **measured,
        "trains": measured["accuracy"] > 0.2,
        **{f"{name}_at_start": value for name, value in start.items()},
        "gradients_at_start": as_text(norms),
        **{f"{name}_at_end": value for name, value in look(net, X).items()},
    }


SEARCH, STUDY = comparison.tuned(
    name="starts",
    question="Which start lets a NiN learn, with and without a last ReLU?",
    rates={
        0.1: [
            *arms(
                init=["default"],
                final_relu=[True, False],
                batch_norm=[False, True],
            ),
            *arms(init=["kaiming"], final_relu=[True], batch_norm=[False]),
        ],
        0.03: [
            *arms(
                init=["xavier"], final_relu=[True, False], batch_norm=[False]
            ),
            *arms(init=["kaiming"], final_relu=[False], batch_norm=[False]),
        ],
        0.3: arms(
            init=["xavier", "kaiming"],
            final_relu=[True, False],
            batch_norm=[True],
        ),
    },
    grid=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    measure=measure,
    recipe={"epochs": 5},
    search_recipe={"epochs": 2},
    validation=10_000,
    measurements=[
        *comparison.MEASUREMENTS,
        "trains",
        "live_at_start",
        "dead_at_start",
        "signal_at_start",
        "gradients_at_start",
        "live_at_end",
        "dead_at_end",
        "signal_at_end",
    ],
    shown=["trains", "live_at_start", "live_at_end", "accuracy"],
    seeds=5,
)
