"""Whether a network is ResNet-34: its plan, what it computes, its names.

For the exercises *ResNet-34 from your own blocks*, in `capstone`.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from onebyone.check.engine import Draw, guard, mistakes, require_function
from onebyone.check.engine.modules import without_ones
from onebyone.check.engine.networks import (
    close,
    plain_copy,
    require_builder,
    require_scores,
    result_of,
    scores_of,
)
from onebyone.models import ResidualBlock

Fault = str | None

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


def resnet34(
    block: Callable,
    classes: int = 1000,
    width: int = 64,
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
    if isinstance(found, Tensor):
        with torch.no_grad():
            found = guard.outcome(require_scores, net, X, CLASSES)
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


def kinds_of(rest: Sequence[nn.Module]) -> list[str]:
    """Return of which kind layers are; a head may be a 1×1 convolution."""
    kinds = [type(module).__name__ for module in rest]
    if "Linear" not in kinds and kinds.count("Conv2d") == 2:
        sides = [getattr(module, "kernel_size", None) for module in rest]
        if sides.count((1, 1)) == 1:
            kinds[sides.index((1, 1))] = "Linear"
    return kinds


def fault_of_rest(net: nn.Module, used: list[Watched]) -> Fault:
    rest = rest_of(net, used)
    kinds = kinds_of(rest)
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
    if (reads := linear.weight.shape[1]) != 8 * WIDTH:
        return (
            f"Your head reads {reads:,} numbers, and the average leaves one"
            " for each channel of the last maps. Does it stand in front?"
        )
    if linear.bias is None:
        return "Your head has no biases. A linear layer has them by itself."
    if found["BatchNorm2d"].running_mean is None:
        return (
            "Your first batch norm keeps no running statistics. Evaluation"
            " uses them."
        )
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
            (X[..., :32], "for square images and not for others"),
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
    if not any(p.requires_grad for p in net.parameters()):
        return "It is right when it is used, but all of it is frozen."
    for model in (net, right):
        model.train().zero_grad()
        torch.manual_seed(0)
        model(X).square().sum().backward()
    pairs = [*zip(ordered(net, used), ordered(right))]
    for x, z in pairs:
        gathered, wanted = x.state_dict(), z.state_dict()
        if not all(
            close(value, wanted[name], 1e-6)
            for name, value in gathered.items()
            if "running" in name
        ):
            return (
                "Its batch norms gather other statistics than PyTorch's do"
                " from their own settings. Evaluation uses them."
            )
    for own, other in ((a, b) for x, z in pairs for a, b in both(x, z)):
        G = other.grad
        if own.grad is None or not close(own.grad.reshape(G.shape), G, 1e-6):
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
    rest = rest_of(net, used)
    by_kind = sorted(zip(kinds_of(rest), rest), key=operator.itemgetter(0))
    return [*(module for _, module in by_kind), *used]


def twin(net: nn.Module, used: list[Watched], **changed: Any) -> nn.Module:
    """Return ResNet-34, maybe altered, with the weights of a network."""
    other = resnet34(ResidualBlock, CLASSES, WIDTH, **changed).double()
    for own, theirs in zip(ordered(net, used), ordered(other)):
        theirs.load_state_dict(shaped(own.state_dict(), theirs.state_dict()))
    return other.eval()


def shaped(
    state: Mapping[str, Tensor], as_in: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return tensors with the shapes of others, which may be of 1×1s."""
    return {
        name: value.reshape(as_in[name].shape) for name, value in state.items()
    }


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
    for name in [n for n in shapes if "num_batches" in n]:
        own = guard.outcome(function, name)
        if isinstance(own, guard.Raised):
            return f"For `{name}` your function {own}"
        if own not in net.state_dict():
            return f"For `{name}` your function gives no name of yours."
    theirs = shared_weights()
    state = theirs.state_dict()
    # two sizes, one of them odd, so that strides and padding show
    images = [torch.randn(2, 3, 64, 64), torch.randn(1, 3, 75, 97)]
    with torch.no_grad():
        expected = [theirs(X) for X in images]

        def agrees(renamed: Mapping[str, str]) -> bool:
            loaded = {renamed[name]: state[name] for name in found}
            net.load_state_dict(shaped(loaded, net.state_dict()), strict=False)
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
        if without_ones(theirs[name]) != without_ones(mine[own]):
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
