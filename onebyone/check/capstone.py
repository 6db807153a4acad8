"""Checks of the exercises *ResNet-34 from your own blocks*.

Each milestone is judged by itself: where one builds on another, the check
brings the course's own block, or takes whatever network it is given.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone import cost
from onebyone.check import gap, residual
from onebyone.check.engine import (
    CORRECT,
    Array,
    Choice,
    Custom,
    Draw,
    Group,
    Module,
    accuracy,
    guard,
    mistakes,
    notebook,
    require_function,
    require_images,
    symbols,
)
from onebyone.check.engine.networks import (
    close,
    look_into,
    plain_copy,
    plain_images,
    require_builder,
    require_scores,
    residual_blocks,
)
from onebyone.check.engine.networks import (
    fault_of_head as fault_of_averages,
)
from onebyone.check.engine.resnet34 import (
    TOLERANCE,
    Fault,
    fault_of_names,
    fault_of_network,
)
from onebyone.models import ResidualBlock

classes = symbols("classes")[0]

# --- 1: the block ----------------------------------------------------------

block = Module(
    "Your own block",
    ResidualBlock,
    cases=residual.residual_block.cases,
    mistakes=residual.residual_block.mistakes,
    hints=[
        "It has two 3×3 convolutions without biases, each with a batch norm."
        " Which of the two has the stride?",
        "The shortcut is the identity, or a 1×1 with the stride and a batch"
        " norm where the shape changes. The last ReLU takes the sum.",
    ],
)

# --- 2: the network --------------------------------------------------------

network = Custom(
    "Build ResNet-34",
    fault_of_network,
    hints=[
        "Stem, four stages, head. Each stage has twice as many channels as"
        " the one before, and only its first block can change them.",
        "The stem is a 7×7 convolution with stride 2 and padding 3, a batch"
        " norm, a ReLU and a 3×3 max pooling with stride 2 and padding 1."
        " Four numbers of blocks, 2 convolutions a block: their sum and the"
        " two layers outside must be 34.",
        "Walk through the stages in one loop that remembers how many channels"
        " the next block reads.",
    ],
    when_correct="With its own weights, it gives the scores of ours.",
)
network.seconds = 60.0

# --- 3: torchvision's names ------------------------------------------------

renamed = Custom(
    "torchvision's names",
    fault_of_names,
    hints=[
        "Print both lists of names, side by side, and look for the rule: stem,"
        " stage, number in the stage, layer of the block, head.",
        "torchvision counts blocks within a stage, `layer3.5`. If yours stand"
        " in one row, the blocks of the stages before have to be added.",
        "Split a name at its points. The last part, such as `running_mean`,"
        " is the same in both; `downsample` is the shortcut.",
    ],
    when_correct=f"With shared random weights, both networks give the same"
    f" scores, within {TOLERANCE:.0e}.",
)
renamed.seconds = 60.0

# --- 4: another head -------------------------------------------------------

FEATURES, OLD_CLASSES, ALL = 512, 1_000, 21_797_672
old_head = FEATURES * OLD_CLASSES + OLD_CLASSES

head_size = Group(
    "What a new head costs",
    {
        "new": {
            FEATURES * classes + classes: CORRECT,
            FEATURES * classes: "You left out the biases. There is one for"
            " each class.",
            FEATURES * classes + FEATURES: "You gave each feature a bias."
            " There is one for each class.",
            old_head + OLD_CLASSES * classes + classes: "You have put a layer"
            " behind the old head. The new one takes its place.",
            OLD_CLASSES * classes + classes: "Your head reads the scores of"
            " the old one. It reads the features.",
            49 * FEATURES * classes + classes: "Your head reads maps of 7×7"
            " pixels. How many numbers are left of a map after the average?",
        },
        "kept": {
            ALL - old_head + 0 * classes: CORRECT,
            ALL + 0 * classes: "This is the whole old network. Its head goes.",
            ALL - FEATURES * OLD_CLASSES + 0 * classes: "You kept the biases"
            " of the old head. They go with it.",
            ALL - old_head + FEATURES * classes + classes: "This is the whole"
            " new network, its head included. How many came from the old one?",
            ALL - FEATURES * classes - classes: "You took the new head away"
            " from the old network. Which head was in it?",
        },
    },
    {"classes": 37},
    stated=(34, ALL, FEATURES, OLD_CLASSES, classes),
    vary={"classes": (23, 43, 67, 102, 120, 196)},
    hints=[
        "A linear layer has a weight for each pair of feature and class, and"
        " a bias for each class.",
        "What goes is the old head, with all its weights and biases.",
    ],
)


def fault_of_head(function: Any, net: Any = ...) -> Fault:
    require_function(function)
    old = plain_copy(net).float()
    X = Draw(1).tensor(3, 3, 64, 64).float()
    if look_into(old, X)[1].linear is None:
        return "The network that it gets has no linear layer at its end."
    for count in (37, 3):
        new: Any = guard.outcome(function, copy.deepcopy(old), count)
        if isinstance(new, guard.Raised):
            return f"Your function {new}"
        if not isinstance(new, nn.Module):
            return (
                f"Your function gives {guard.show(new)}. Return the network."
            )
        new = guard.copied(new)
        fault = fault_of_new(new.eval(), old, X, count)
        if fault := fault or fault_of_freezing(new, X):
            return fault
    return None


def fault_of_new(
    new: nn.Module, old: nn.Module, X: Tensor, count: int
) -> Fault:
    _, was = look_into(old, X)
    Y, now = look_into(new, X)
    if Y.shape == (len(X), OLD_CLASSES):
        return (
            f"For {count} classes the network still gives {OLD_CLASSES:,}"
            " scores. Did the new head get to where the old one is?"
        )
    Y = require_scores(new, X, count)
    if now.linear is None:
        return "There is no linear layer in it any more."
    features, (read, weight, bias) = was.linear[0], now.linear
    if read.shape != features.shape:
        return (
            f"Your head reads {read.shape[-1]:,} numbers, and the old one read"
            f" {features.shape[-1]:,}. It should read the features and stand"
            " in the old head's place."
        )
    if not close(read, features):
        return (
            "The features are no longer those of the old network. The body"
            " should stay as it is, weights and all."
        )
    if bias is None:
        return "Your head has no biases. A linear layer has them by itself."
    if not close(Y, F.linear(read, weight.flatten(1), bias)):
        return (
            "Something stands behind the new head. What the network gives"
            " should be its scores."
        )
    trained = []
    for net in (old, new):
        torch.manual_seed(0)  # a dropout of the body drops the same
        trained.append(look_into(copy.deepcopy(net).train(), X))
    (_, was), (Y, now) = trained
    read, weight, bias = now.linear
    if not close(read, was.linear[0]) or not close(
        Y, F.linear(read, weight.flatten(1), bias)
    ):
        return (
            "It is right when it is used, but while it trains, in `train()`"
            " mode, something else stands around the new head, such as a"
            " dropout. Put one linear layer in the old one's place."
        )
    return None


def fault_of_freezing(new: nn.Module, X: Tensor) -> Fault:
    _, weight, bias = look_into(new, X)[1].linear
    head = [weight, bias]
    body = [p for p in new.parameters() if all(p is not h for h in head)]
    open_ = sum(p.requires_grad for p in body)
    learns = [p.requires_grad for p in head]
    if not any(learns):
        return (
            "The new head is frozen as well, so nothing would train. Which"
            " comes first, freezing or the new layer?"
        )
    if not all(learns):
        left = "biases" if weight.requires_grad else "weights"
        return (
            f"The {left} of the new head are frozen. Both, its weights and its"
            " biases, are to be trained."
        )
    if open_ == len(body):
        return (
            "The head is right, but the whole body would train with it."
            " `requires_grad_(False)` freezes a parameter."
        )
    if open_:
        return (
            f"{open_} parameters of the body would still train. Freeze all"
            " but the head's."
        )
    return None


head = Custom(
    "Put another head on it",
    fault_of_head,
    hints=[
        "Which attribute, or which place in the `nn.Sequential`, holds the"
        " last linear layer? A new layer can be assigned there.",
        "Freeze all parameters first, with `requires_grad_(False)`, then put"
        " the new `nn.Linear` in: a new layer is open by itself.",
    ],
    when_correct="Only the head would train, on the features that the old one"
    " read.",
)
head.seconds = 60.0

frozen = Choice(
    "What still moves in a frozen body",
    right="c",
    wrong={
        "a": "The weights stay, but a network keeps more than its parameters."
        " Compare the two lists: `net.parameters()` and `net.state_dict()`.",
        "b": "Weight decay shrinks what an optimiser steps on, and a frozen"
        " parameter, whose `.grad` is `None`, is passed over. What is kept in"
        " a network without being a parameter?",
        "d": "A ReLU has nothing that could change. Which layers of the body"
        " keep something from one batch to the next?",
    },
    hints=[
        "`requires_grad_(False)` is about gradients. What changes without any"
        " gradient?",
        "Which layer does something else in `train()` mode than in `eval()`"
        " mode?",
    ],
)

# --- 5: a compact version --------------------------------------------------

MOST_PARAMETERS, MOST_MACS, LEAST_SUMS = 40_000, 3_000_000, 3
EPOCHS, BATCH, RATE = 5, 40, 0.1
LEAST = 0.75


def trained(net: nn.Module, X: Tensor, y: Tensor) -> nn.Module:
    """Train a network as the check does, and return it in eval mode.

    Five epochs of SGD with momentum in batches of 40; the learning rate
    falls from 0.1 in a straight line.
    """
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9)
    steps = EPOCHS * -(-len(X) // BATCH)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(X)).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimiser.step()
            falling.step()
    return net.eval()


def fault_of_compact(function: Any, *images: Tensor) -> Fault:
    require_builder(function)
    require_images(images)
    X, y, X_val, y_val = images
    torch.manual_seed(0)
    net: Any = guard.outcome(function)
    if isinstance(net, guard.Raised):
        return f"Building it {net}"
    if not isinstance(net, nn.Module):
        return f"Your function gives {guard.show(net)}. Return the network."
    net = net.eval()
    with torch.no_grad():
        require_scores(net, X[:2], int(y.max()) + 1)
    if fault := fault_of_budget(net, X[:2]):
        return fault
    if (known := accuracy(net, X_val, y_val)) > LEAST / 2:
        return (
            f"Before the check trains it your network is right about"
            f" {known:.2f} of the images held out: somebody has trained it."
            " Build a new one within your function."
        )
    with torch.enable_grad():
        result = guard.outcome(trained, net, X, y)
    if isinstance(result, guard.Raised):
        return f"In training, your network {result}"
    with torch.no_grad():
        logits = net(X_val)
    if fault := fault_of_scores(logits, accuracy(net, X_val, y_val)):
        return fault
    again: Any = guard.outcome(function)
    if isinstance(again, nn.Module) and any(
        p is q for p in net.parameters() for q in again.parameters()
    ):
        return (
            "Your function gives the same network each time. Build a new one"
            " within it."
        )
    sums = residual_blocks(net, X_val[:20], live=True)
    if sums < LEAST_SUMS:
        return (
            "In some of your residual blocks one of the two maps that are"
            " added stays zero, or the same for all images. Is it multiplied"
            " by zero?"
        )
    return fault_of_averages(net, X_val[:2])


def fault_of_budget(net: nn.Module, X: Tensor) -> Fault:
    parameters, macs = cost.parameters(net), cost.macs(net, X[:1].shape)
    if parameters > MOST_PARAMETERS:
        return (
            f"Your network has {parameters:,} parameters, and the budget is"
            f" {MOST_PARAMETERS:,}. In a 3×3 convolution they grow with the"
            " product of its channels: which blocks are the widest?"
        )
    if macs > MOST_MACS:
        return (
            f"Your network needs {macs:,} MACs for an image, and the budget is"
            f" {MOST_MACS:,}. They grow with the size of the maps: how soon"
            " are these halved?"
        )
    sums = residual_blocks(net, X)
    if sums < LEAST_SUMS:
        return (
            f"In your network {sums} sums of two different maps were found in"
            " which one is what a block reads, or a 1×1 convolution of it,"
            " and the other what its layers make of it; there should be"
            f" {LEAST_SUMS} residual blocks or more. Is what a block reads"
            " kept until the sum?"
        )
    return None


def fault_of_scores(logits: Tensor, reached: float) -> Fault:
    if reached >= LEAST:
        return None
    told = (
        f"After the training that every network gets here it is right about"
        f" {reached:.2f} of the images held out, and {LEAST} are asked for."
    )
    if (logits >= 0).all():
        if close(logits.sum(dim=1), torch.ones(len(logits)), 1e-3):
            why = "Your network ends with a softmax, which the loss has too."
        else:
            why = str(mistakes.relu_on_scores)
    elif reached < 0.25:
        why = (
            "That is hardly more than guessing: is there a batch norm behind"
            " each convolution, and is nothing frozen?"
        )
    else:
        why = (
            "It learns, but too little. Does each shortcut carry what the"
            " block has read? Is the head an average and one linear layer? Is"
            " there budget left for more channels?"
        )
    return f"{told} {why}"


compact = Custom(
    "A compact version",
    fault_of_compact,
    hints=[
        "`cost.layer_table(compact(), (1, 1, 28, 28))` shows what each layer"
        " costs. Begin with a stem that halves the maps and few channels.",
        "Three blocks can do: one that keeps maps and channels, one that"
        " halves the maps and doubles the channels, one that keeps both.",
    ],
    when_correct="The check has trained it, and it stays within the budget.",
)
compact.seconds = 120.0

# --- 6: class maps ---------------------------------------------------------


Sides = tuple[int, ...]


def read(net: Any, X: Any, sides: Sides = ()) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features of a network's last maps, and its head."""
    return parts_of(plain_copy(net), plain_images(X), sides)


def parts_of(
    net: nn.Module, X: Tensor, sides: Sides
) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps whose averages a network's head reads, and the head.

    Maps of several sizes may have these averages: those of the given sides
    come first. Raises NotYet where there are none.
    """
    scores, seen = look_into(net, X)
    heads = [(scores, torch.eye(scores.shape[-1]), None)]  # it has averaged
    if seen.linear:
        heads.insert(0, seen.linear)
    for features, weight, bias in heads:
        fitting = [
            Y
            for Y in seen.maps
            if Y[0, 0].numel() > 1
            and close(Y.mean(dim=(2, 3)), features, 1e-4)
        ]
        if fitting:
            bias = torch.zeros(1) if bias is None else bias.detach()
            return (
                max(fitting, key=lambda Y: (Y.shape[2:] == sides, Y.numel())),
                weight.detach().flatten(1),
                bias,
            )
    raise guard.NotYet(
        "No maps were found in this network whose averages are what its last"
        " linear layer reads. Without global average pooling in front of a"
        " single linear layer there are no class maps."
    )


def weighed(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    maps = torch.einsum("kc,nchw->nkhw", weight, features)
    return maps + bias[:, None, None]


def right_maps(net: Any, X: Any, sides: Sides = ()) -> Tensor:
    return weighed(*read(net, X, sides))


def without_bias(net: Any, X: Any, sides: Sides = ()) -> Tensor:
    features, weight, bias = read(net, X, sides)
    return weighed(features, weight, 0 * bias)


def maps_in_training(net: Any, X: Any, sides: Sides = ()) -> Tensor:
    """Return the maps of a network that was left in training mode."""
    return weighed(*parts_of(plain_copy(net).train(), plain_images(X), sides))


def changed(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return what makes something else of the right maps."""
    return lambda *case: change(right_maps(*case))


def of_winner(maps: Tensor) -> Tensor:
    return maps[range(len(maps)), maps.mean(dim=(2, 3)).argmax(dim=1)]


class ClassMaps(Array):
    """Class maps, of any size that a network's last maps have."""

    def fault(self, mine: Tensor, other: Callable, *case: Any) -> Fault:
        return super().fault(mine, other, *case, mine.shape[-2:])


maps = ClassMaps(
    "Class maps of your network",
    right_maps,
    mistakes={
        without_bias: "The biases of the head are missing. Without them the"
        " average of a map is not the score.",
        lambda *case: read(*case)[0]: "These are the features that the head"
        " reads. Weigh them at each pixel, as the head weighs their average.",
        changed(Tensor.relu): mistakes.cut_negatives,
        changed(lambda maps: maps.softmax(dim=1)): mistakes.applied_softmax,
        changed(lambda maps: maps / maps[0, 0].numel()): "You have divided by"
        " the number of pixels, so that a map adds up to its score. Here its"
        " average should be the score.",
        changed(lambda maps: maps.mean(dim=(2, 3))): "These are the scores."
        " Stop before the average.",
        changed(of_winner): "This is one map for each image. Give one for each"
        " class.",
        maps_in_training: "These maps come from a network in training mode, in"
        " which batch norm looks at the whole batch. `eval()` comes before"
        " the images.",
    },
    hints=[
        "What does the network do behind its last maps? An average and a"
        " linear layer, and the two can change places.",
        "Get the features with a slice of the `nn.Sequential`, or a hook, and"
        " apply the head's weights at each pixel: a 1×1 convolution.",
    ],
)
maps.seconds = 60.0

drawing = Custom(
    "Draw a class map",
    gap.fault_of_drawing,
    hints=[
        "Two axes side by side: the first image in one, the map of the class"
        " with the highest average in the other.",
        "Let the colours run from −m to m, with m the largest absolute value"
        " of the map, so that zero has the colour in the middle.",
    ],
)

progress, variant = notebook(__name__)
