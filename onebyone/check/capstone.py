"""Checks of the exercises *ResNet-34 from your own blocks*.

Each milestone is judged by itself: where one builds on another, the check
brings the course's own block, or takes whatever network it is given.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

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
from onebyone.models import ResidualBlock

classes = symbols("classes")[0]
Fault = str | None


def plain_copy(net: object) -> nn.Module:
    """Return a copy on the CPU, in eval mode; raise NotYet for no network."""
    if guard.is_blank(net):
        raise guard.NotAttempted("There is no network to look at yet.")
    if not isinstance(net, nn.Module):
        raise guard.NotYet(f"This is {guard.show(net)}, not a network.")
    return copy.deepcopy(net).cpu().eval()


def require_builder(function: object) -> None:
    """Raise NotYet unless this is a function, and no network."""
    if isinstance(function, nn.Module):
        raise guard.NotYet(
            "This is a network. Pass the function that builds it, without"
            " brackets behind its name."
        )
    if not (isinstance(function, type) and issubclass(function, nn.Module)):
        require_function(function)  # a class of modules builds one, too


def result_of(net: Any, X: Tensor) -> Tensor:
    """Return what a network gives for images; raise NotYet if no tensor."""
    Y: Any = guard.outcome(net, X.clone())
    shape = tuple(X.shape)
    if isinstance(Y, guard.Raised):
        raise guard.NotYet(f"For images of shape {shape} your network {Y}")
    if not isinstance(Y, Tensor):
        raise guard.NotYet(
            f"For images of shape {shape} your network gives"
            f" {guard.show(Y)}, not a tensor."
        )
    return Y


def scores_of(net: Any, X: Tensor, count: int) -> Tensor:
    Y = result_of(net, X)
    if Y.shape != (len(X), count):
        raise guard.NotYet(
            f"For {len(X)} images and {count} classes your network gives"
            f" {guard.show(Y)}. There should be a score for each image and"
            " class."
        )
    return Y


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return one.shape == other.shape and torch.allclose(
        one.to(other.dtype), other, rtol=tolerance, atol=tolerance
    )


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

STAGES = (3, 4, 6, 3)
WIDTH, CLASSES = 8, 7  # what the check builds, thin and quick


def stem(
    width: int,
    pool: nn.Module | None = None,
    relu: bool = True,
) -> list[nn.Module]:
    layers = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
    ]
    layers += [nn.ReLU()] if relu else []
    return [*layers, nn.MaxPool2d(3, 2, 1) if pool is None else pool]


def built(
    block: Callable,
    classes: int,
    width: int,
    average: nn.Module | None = None,
    end: Sequence[nn.Module] = (),
    **changed: Any,
) -> nn.Sequential:
    """Return ResNet-34, maybe with one thing changed."""
    layers = stem(width, **changed)
    channels = width
    for stage, count in enumerate(STAGES):
        for i in range(count):
            stride = 2 if stage and not i else 1
            layers.append(block(channels, width * 2**stage, stride))
            channels = width * 2**stage
    return nn.Sequential(
        *layers,
        average or nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, classes),
        *end,
    )


# what a network computes that differs in one thing, and what to say of it
ALTERED: list[tuple[dict, str]] = [
    (
        {"relu": False},
        "There is no ReLU between the first batch norm and the pooling. Each"
        " convolution outside the shortcuts has one behind its batch norm.",
    ),
    (
        {"pool": nn.MaxPool2d(2)},
        "Your max pooling looks at windows of 2×2 pixels. In ResNet they are"
        " larger and overlap.",
    ),
    (
        {"pool": nn.AvgPool2d(3, 2, 1)},
        "You average in the stem. There ResNet takes the maximum; the average"
        " comes at the end.",
    ),
    (
        {"average": nn.AdaptiveMaxPool2d(1)},
        "You take the maximum of each map at the end. What does the head of"
        " ResNet read?",
    ),
    ({"end": [nn.ReLU()]}, str(mistakes.relu_on_scores)),
    (
        {"end": [nn.Softmax(dim=1)]},
        "Your network ends with a softmax. The loss takes one itself; give it"
        " scores.",
    ),
]


class Watched(ResidualBlock):
    """The course's block, which remembers how it was made and where used."""

    def __init__(
        self, log: list["Watched"], in_channels: int, channels: int, stride=1
    ):
        super().__init__(in_channels, channels, stride)
        self.made = in_channels, channels, stride
        self.side = 0  # of the maps that it has read
        log.append(self)


def fault_of_network(function: Any) -> Fault:
    require_builder(function)
    made: list[Watched] = []

    class block(Watched):  # a class, as the task says
        def __init__(self, in_channels, channels, stride=1):
            super().__init__(made, in_channels, channels, stride)

    torch.manual_seed(0)
    net: Any = guard.outcome(function, block, CLASSES, WIDTH)
    if isinstance(net, guard.Raised):
        return f"Building it {net}"
    if net is None:
        return "Nothing (`None`) was built. Is there a `return`?"
    if not isinstance(net, nn.Module):
        return f"This is {guard.show(net)}, not a network."
    if not made:
        return (
            "Your function does not use the block that it is given. Call"
            " `block(in_channels, channels, stride)` for each one."
        )
    net = net.double().eval()
    X = Draw(1).tensor(2, 3, 64, 64)
    used = order_of_use(net, made, X)
    if isinstance(used, str):
        return used
    fault = fault_of_plan([one.made for one in used])
    return fault or fault_of_rest(net, used) or compared(net, used, X)


def order_of_use(
    net: nn.Module, made: list[Watched], X: Tensor
) -> list[Watched] | str:
    """Return the blocks in the order in which images pass them, or a fault."""
    used: list[Watched] = []

    def note(one: Any, given: tuple) -> None:
        one.side = given[0].shape[-1]
        used.append(one)

    hooks = [one.register_forward_pre_hook(note) for one in made]
    with torch.no_grad():
        found = guard.outcome(scores_of, net, X, CLASSES)
    for hook in hooks:
        hook.remove()
    if isinstance(found, guard.Raised):
        if isinstance(found.error, guard.NotYet):
            return str(found.error)
        return f"Your network {found}"
    if len(set(used)) < len(used):
        return (
            "A block occurs at more than one place, so these places share"
            " their weights. Make a new block for each."
        )
    if left := len(made) - len(used):
        return (
            f"{left} of your {len(made)} blocks are made and never used. Does"
            " each one get the result of the one before?"
        )
    return used


def fault_of_plan(plan: list[tuple]) -> Fault:
    """Return what is wrong with the blocks' channels, strides and number."""
    right = [
        (WIDTH * 2 ** max(stage - (not i), 0), WIDTH * 2**stage, i)
        for stage, count in enumerate(STAGES)
        for i in range(count)
    ]
    counts = [
        sum(c == WIDTH * 2**stage for _, c, _ in plan) for stage in range(4)
    ]
    if counts == [2, 2, 2, 2]:
        return (
            "Two blocks in each stage make ResNet-18. Which numbers make 34"
            " layers with weights, the first and the last included?"
        )
    if sum(counts) != len(plan):
        return (
            "There are blocks with other channels than those of the four"
            " stages, which double from one to the next."
        )
    if counts != list(STAGES):
        return (
            f"Your stages have {counts} blocks. In ResNet-34 these are other"
            " numbers."
        )
    strides = [stride for *_, stride in plan]
    if set(strides) == {1}:
        return (
            "None of your stages halves its maps. All but the first do, with"
            " a stride of 2 in one block."
        )
    if strides[0] != 1:
        return (
            "Your first stage halves the maps too. The max pooling in front"
            " of it has just done so."
        )
    if sum(stride == 2 for stride in strides) > 3:
        return (
            "Too many of your blocks have a stride of 2, and the maps get too"
            " small. How many does a stage need?"
        )
    for stride, (*_, i), stage in zip(strides, right, stages_of(right)):
        if (stride == 2) != (stage > 0 and i == 0):
            return (
                "The stride of 2 stands in another block of a stage than the"
                " first, which is also the one that changes the channels."
            )
    return None


def stages_of(plan: list[tuple]) -> list[int]:
    return [(c // WIDTH).bit_length() - 1 for _, c, _ in plan]


def rest_of(net: nn.Module, used: Sequence[nn.Module]) -> list[nn.Module]:
    """Return the layers with parameters that are not in a block."""
    inner = {module for one in used for module in one.modules()}
    return [
        module
        for module in net.modules()
        if module not in inner and [*module.parameters(recurse=False)]
    ]


def fault_of_rest(net: nn.Module, used: list[Watched]) -> Fault:
    rest = rest_of(net, used)
    kinds = [type(module).__name__ for module in rest]
    if sorted(kinds) != ["BatchNorm2d", "Conv2d", "Linear"]:
        return (
            f"Outside its blocks your network has {', '.join(kinds) or 'no'}"
            " layers with weights. ResNet-34 has a convolution, a batch norm"
            " and a linear layer there."
        )
    found: dict[str, Any] = dict(zip(kinds, rest))
    conv, linear = found["Conv2d"], found["Linear"]
    if tuple(conv.weight.shape) != (WIDTH, 3, 7, 7):
        return (
            "Your first convolution has weights of shape"
            f" {tuple(conv.weight.shape)} for a width of {WIDTH}. How large is"
            " ResNet's first kernel?"
        )
    if conv.bias is not None:
        return (
            "Your first convolution has biases. The batch norm behind it has"
            " a shift, which does the same."
        )
    if linear.bias is None:
        return "Your head has no biases. A linear layer has them by itself."
    if used[0].side != 16:
        return (
            "Images of 64×64 pixels come to your first block as"
            f" {used[0].side}×{used[0].side} maps. Convolution and max pooling"
            " halve them once each, and pad so that no row is lost."
        )
    return None


def compared(net: nn.Module, used: list[Watched], X: Tensor) -> Fault:
    """Return where a network differs from ResNet-34 with its weights."""
    right = twin(net, used)
    with torch.no_grad():
        mine = net(X.clone())
        if not close(mine, right(X)):
            for changed, message in ALTERED:
                if close(mine, twin(net, used, **changed)(X)):
                    return message
            return (
                "It has ResNet-34's layers, but computes something else: look"
                " at what stands between them."
            )
        for images, what in (
            (30 * X, "for small values and not for large ones"),
            (X[:1], "for several images and not for a single one"),
            (X[..., :48], "for square images and not for others"),
        ):
            Y = guard.outcome(net, images.clone())
            if not isinstance(Y, Tensor) or not close(Y, right(images)):
                return f"It is right {what}."
        given = X.clone()
        net(given)
        if not torch.equal(given, X):
            return (
                "It changes its input, which its caller may still need. Work"
                " on a new tensor."
            )
    for model in (net, right):
        model.train().zero_grad()
        torch.manual_seed(0)
        model(X).square().sum().backward()
    pairs = zip(ordered(net, used), ordered(right))
    for own, other in ((a, b) for x, z in pairs for a, b in both(x, z)):
        if own.grad is None or not close(own.grad, other.grad, 1e-6):
            return (
                "It is right when it is used, but not while it trains: a"
                " parameter gets no gradient, or a wrong one. Is something"
                " frozen, or added that works in `train()` mode alone?"
            )
    return None


def both(one: nn.Module, other: nn.Module):
    return zip(one.parameters(), other.parameters())


def ordered(
    net: nn.Module, used: Sequence[nn.Module] | None = None
) -> list[nn.Module]:
    """Return the layers outside the blocks by kind, then the blocks."""
    if used is None:
        used = [m for m in net.modules() if isinstance(m, ResidualBlock)]
    rest = sorted(rest_of(net, used), key=lambda m: type(m).__name__)
    return [*rest, *used]


def twin(net: nn.Module, used: list[Watched], **changed: Any) -> nn.Module:
    """Return ResNet-34, maybe altered, with the weights of a network."""
    other = built(ResidualBlock, CLASSES, WIDTH, **changed).double()
    for own, theirs in zip(ordered(net, used), ordered(other)):
        theirs.load_state_dict(own.state_dict())
    return other.eval()


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

TOLERANCE = 1e-5
STATISTICS = ("running_mean", "running_var", "weight", "bias")
# exchanged layers of one shape: what is exchanged, and what to say of it
SWAPS: list[tuple[list[tuple[str, str]], str]] = [
    (
        [("conv1", "conv2"), ("bn1", "bn2")],
        "Inside the blocks, the first and the second convolution are"
        " exchanged, and their batch norms with them. Where both have one"
        " shape, only the outputs tell.",
    ),
    (
        [("conv1", "conv2")],
        "Inside the blocks, the first and the second convolution are"
        " exchanged. Where both have one shape, only the outputs tell.",
    ),
    (
        [("bn1", "bn2")],
        "Inside the blocks, the two batch norms are exchanged. Which of them"
        " stands behind which convolution?",
    ),
    (
        [("running_mean", "running_var")],
        "Running means and running variances are exchanged. They have one"
        " shape, and different meanings.",
    ),
    (
        [
            (f"{norm}.weight", f"{norm}.bias")
            for norm in ("bn1", "bn2", "downsample.1")
        ],
        "Scales and shifts of the batch norms are exchanged. `weight` is the"
        " scale, `bias` the shift.",
    ),
    (
        [(f"layer{n}.1.", f"layer{n}.2.") for n in range(1, 5)],
        "The second and the third block of a stage are exchanged. torchvision"
        " counts the blocks of a stage from 0.",
    ),
]


def shared_weights() -> nn.Module:
    """Return torchvision's ResNet-34 with random weights and statistics.

    The scores for images of normally distributed pixels are about 1.
    """
    torch.manual_seed(0)
    net = torchvision.models.resnet34(weights=None).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                tensors = module.state_dict()
                tensors["weight"].uniform_(0.5, 1.0)
                tensors["running_var"].uniform_(0.5, 1.5)
                tensors["bias"].normal_(std=0.1)
                tensors["running_mean"].normal_(std=0.1)
        scale = net(torch.randn(4, 3, 64, 64)).std()
        net.fc.weight /= scale
    return net


def fault_of_names(function: Any, net: Any = ...) -> Fault:
    require_function(function)
    net = plain_copy(net).float()
    if type(net).__module__.startswith("torchvision"):
        return (
            "This network is torchvision's own. Take yours, or the course's,"
            " whose names differ from torchvision's."
        )
    with torch.device("meta"):
        shapes = torchvision.models.resnet34(weights=None).state_dict()
    found: dict[str, Any] = {}
    for name in [n for n in shapes if "num_batches" not in n]:
        own = guard.outcome(function, name)
        if isinstance(own, guard.Raised):
            return f"For `{name}` your function {own}"
        found[name] = own
    if fault := fault_of_pairs(found, shapes, net.state_dict()):
        return fault
    theirs = shared_weights()
    state = theirs.state_dict()
    # two sizes, one of them odd, so that strides and padding show
    images = [torch.randn(2, 3, 64, 64), torch.randn(1, 3, 75, 97)]
    with torch.no_grad():
        expected = [theirs(X) for X in images]

        def agrees(renamed: Mapping[str, str]) -> bool:
            net.load_state_dict(
                {renamed[name]: state[name] for name in found}, strict=False
            )
            return all(
                close(result_of(net, X), Y, TOLERANCE)
                for X, Y in zip(images, expected)
            )

        if agrees(found):
            return None
        for pairs, message in SWAPS:
            again = {name: found[swapped(name, pairs)] for name in found}
            fits = all(
                state[name].shape == state[swapped(name, pairs)].shape
                for name in found
            )
            if fits and agrees(again):
                return message
    return (
        "All names and shapes fit, and yet the outputs differ. Either two"
        " tensors of one shape are exchanged (of two layers, or a mean and a"
        " variance, or a scale and a shift), or your network computes"
        " something else than ResNet-34: task 2 has a check of it."
    )


def swapped(name: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return a name with parts of it exchanged: of a block, or a layer."""
    for one, other in pairs:
        for a, b in ((one, other), (other, one)):
            inside = name.startswith("layer")
            within_a_layer = a.rpartition(".")[2] in STATISTICS
            if a in name and (inside or within_a_layer):
                swap = name.replace(a, b)
                # where shapes differ, the student cannot have exchanged them
                return swap if within_a_layer or can_swap(name) else name
    return name


def can_swap(name: str) -> bool:
    """Return whether the layer has the shape of its neighbour's.

    The first block of the stages 2 to 4 reads fewer channels.
    """
    stage, number = name.split(".")[:2]
    return stage == "layer1" or number != "0" or "bn" in name


def fault_of_pairs(
    found: Mapping[str, Any],
    theirs: Mapping[str, Tensor],
    mine: Mapping[str, Tensor],
) -> Fault:
    for name, own in found.items():
        if own is None:
            return (
                f"For `{name}` your function gives nothing (`None`). Every"
                " name of theirs has one of yours."
            )
        if not isinstance(own, str):
            return (
                f"For `{name}` your function gives {guard.show(own)}, not a"
                " name."
            )
    if all(name == own for name, own in found.items()) and not (
        found.keys() <= mine.keys()
    ):
        return (
            "Your function gives every name back as it is. Print both lists of"
            " names: `net.state_dict()` has yours."
        )
    for name, own in found.items():
        if own not in mine:
            return (
                f"For `{name}` your function gives {guard.show(own)}, which is"
                " no name in your network."
            )
    seen: dict[str, str] = {}
    for name, own in found.items():
        if own in seen:
            return (
                f"`{seen[own]}` and `{name}` both become `{own}`. One of the"
                " tensors would be lost."
            )
        seen[own] = name
    for name, own in found.items():
        if theirs[name].shape != mine[own].shape:
            return (
                f"`{name}` has the shape {tuple(theirs[name].shape)}, and"
                f" `{own}` the shape {tuple(mine[own].shape)}. They cannot be"
                " the same layer."
            )
    left = [
        n for n in mine if n not in seen and not n.endswith("batches_tracked")
    ]
    if left:
        return (
            f"`{left[0]}` of your network gets no weights. Which of"
            " torchvision's layers is it?"
        )
    return None


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
    with torch.no_grad():
        features = read_by_last_linear(old, X)
    if features is None:
        return "The network that it gets has no linear layer at its end."
    for count in (37, 3):
        new: Any = guard.outcome(function, copy.deepcopy(old), count)
        if isinstance(new, guard.Raised):
            return f"Your function {new}"
        if not isinstance(new, nn.Module):
            return (
                f"Your function gives {guard.show(new)}. Return the network."
            )
        new = copy.deepcopy(new)
        with torch.no_grad():
            fault = fault_of_new(new.eval(), X, features, count)
        if fault := fault or fault_of_freezing(new):
            return fault
    return None


def read_by_last_linear(net: nn.Module, X: Tensor) -> Tensor | None:
    """Return what the last linear layer reads, in the order of calls."""
    read: list[Tensor] = []
    hooks = [
        module.register_forward_pre_hook(
            lambda _, given: read.append(given[0].detach().clone())
        )
        for module in net.modules()
        if isinstance(module, nn.Linear)
    ]
    result_of(net, X)
    for hook in hooks:
        hook.remove()
    return read[-1] if read else None


def fault_of_new(
    new: nn.Module, X: Tensor, features: Tensor, count: int
) -> Fault:
    Y = result_of(new, X)
    if Y.shape == (len(X), OLD_CLASSES):
        return (
            f"For {count} classes the network still gives {OLD_CLASSES:,}"
            " scores. Did the new head get to where the old one is?"
        )
    Y = scores_of(new, X, count)
    linear = last_linear(new)
    if linear is None:
        return "There is no linear layer in it any more."
    read = read_by_last_linear(new, X)
    if read is not None and read.shape != features.shape:
        return (
            f"Your head reads {read.shape[-1]:,} numbers, and the old one read"
            f" {features.shape[-1]:,}. It should read the features and stand"
            " in the old head's place."
        )
    if read is None or not close(read, features):
        return (
            "The features are no longer those of the old network. The body"
            " should stay as it is, weights and all."
        )
    if linear.bias is None:
        return "Your head has no biases. A linear layer has them by itself."
    if not close(Y, linear(features)):
        return (
            "Something stands behind the new head. What the network gives"
            " should be its scores."
        )
    return None


def last_linear(net: nn.Module) -> nn.Linear | None:
    found = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return found[-1] if found else None


def fault_of_freezing(new: nn.Module) -> Fault:
    head = [*last_linear(new).parameters()]  # type: ignore[union-attr]
    body = [p for p in new.parameters() if all(p is not h for h in head)]
    open_ = sum(p.requires_grad for p in body)
    if not all(p.requires_grad for p in head):
        return (
            "The new head is frozen as well, so nothing would train. Which"
            " comes first, freezing or the new layer?"
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


class Sums(TorchFunctionMode):
    """Counts the sums of two batches of maps of one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, arguments=(), named=None):
        if getattr(function, "__name__", "").strip("_") in ("add", "iadd"):
            maps = [a for a in arguments[:2] if getattr(a, "ndim", 0) == 4]
            two = len(maps) == 2 and maps[0] is not maps[1]
            self.count += two and maps[0].shape == maps[1].shape
        return function(*arguments, **(named or {}))


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
    with torch.no_grad(), Sums() as sums:
        scores_of(net, X[:2], int(y.max()) + 1)
    if fault := fault_of_budget(net, (1, *X.shape[1:]), sums.count):
        return fault
    with torch.enable_grad():
        result = guard.outcome(trained, net, X, y)
    if isinstance(result, guard.Raised):
        return f"In training, your network {result}"
    with torch.no_grad():
        logits = net(X_val)
    return fault_of_scores(logits, accuracy(net, X_val, y_val))


def fault_of_budget(
    net: nn.Module, shape: tuple[int, ...], sums: int
) -> Fault:
    parameters, macs = cost.parameters(net), cost.macs(net, shape)
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
    if sums < LEAST_SUMS:
        return (
            f"In your network {sums} sums of two different maps were found,"
            f" and there should be {LEAST_SUMS} residual blocks or more. Is"
            " what a block reads kept until the sum?"
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


def read(net: Any, X: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features of a network's last maps, and its head.

    Raises NotYet where no maps have an average that the head reads.
    """
    net = plain_copy(net)
    if not isinstance(X, Tensor):
        raise guard.NotYet("Call the check with the images too.")
    X = X.detach().cpu()
    return parts_of(net, X)


def parts_of(net: nn.Module, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    found: list[Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda *call: (
                found.append(call[-1].detach().clone())
                if isinstance(call[-1], Tensor) and call[-1].ndim == 4
                else None
            )
        )
        for module in net.modules()
    ]
    with torch.no_grad():
        features = read_by_last_linear(net, X)
        logits = result_of(net, X)
    for hook in hooks:
        hook.remove()
    linear = last_linear(net)
    if features is None or linear is None:  # the maps are there already
        features = logits
        weight, bias = torch.eye(logits.shape[1]), torch.zeros(1)
    else:
        weight = linear.weight.detach()
        bias = torch.zeros(1) if linear.bias is None else linear.bias.detach()
    fitting = [
        maps
        for maps in found
        if maps.shape[:2] == features.shape
        and close(maps.mean(dim=(2, 3)), features, 1e-4)
    ]
    if not fitting:
        raise guard.NotYet(
            "No module of this network was found whose maps, averaged, are"
            " what the last linear layer reads. If your last maps come from a"
            " function such as `F.relu`, let an `nn.ReLU` make them. Without"
            " global average pooling in front of a single linear layer there"
            " are no class maps."
        )
    return max(fitting, key=lambda maps: maps[0].numel()), weight, bias


def weighed(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    maps = torch.einsum("kc,nchw->nkhw", weight, features)
    return maps + bias[:, None, None]


def right_maps(net: Any, X: Any) -> Tensor:
    return weighed(*read(net, X))


def without_bias(net: Any, X: Any) -> Tensor:
    features, weight, bias = read(net, X)
    return weighed(features, weight, 0 * bias)


def maps_in_training(net: Any, X: Any) -> Tensor:
    """Return the maps of a network that was left in training mode."""
    return weighed(*parts_of(plain_copy(net).train(), X.detach().cpu()))


def shares(net: Any, X: Any) -> Tensor:
    maps = right_maps(net, X)
    return maps / maps[0, 0].numel()


def of_winner(net: Any, X: Any) -> Tensor:
    maps = right_maps(net, X)
    return maps[range(len(maps)), maps.mean(dim=(2, 3)).argmax(dim=1)]


maps = Array(
    "Class maps of your network",
    right_maps,
    mistakes={
        without_bias: "The biases of the head are missing. Without them the"
        " average of a map is not the score.",
        lambda net, X: read(net, X)[0]: "These are the features that the head"
        " reads. Weigh them at each pixel, as the head weighs their average.",
        lambda net, X: right_maps(net, X).relu(): mistakes.cut_negatives,
        lambda net, X: right_maps(net, X).softmax(
            dim=1
        ): mistakes.applied_softmax,
        shares: "You have divided by the number of pixels, so that a map adds"
        " up to its score. Here its average should be the score.",
        lambda net, X: right_maps(net, X).mean(dim=(2, 3)): "These are the"
        " scores. Stop before the average.",
        of_winner: "This is one map for each image. Give one for each class.",
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
