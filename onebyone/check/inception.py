"""Checks of the exercises *Inception*."""

import copy
import functools
import math

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from onebyone import cost, models
from onebyone.check.engine import (
    CORRECT,
    Choice,
    Custom,
    Draw,
    Function,
    Group,
    Module,
    Number,
    Results,
    Shape,
    apply,
    guard,
    held_out_accuracy,
    mistakes,
    notebook,
    part,
    symbols,
)
from onebyone.check.engine.guard import Raised, outcome, show
from onebyone.check.engine.networks import (
    fault_of_head,
    plain_copy,
    require_steady,
)
from onebyone.check.engine.results import as_list
from onebyone.check.engine.tasks import number
from onebyone.models.inception import InceptionBlock, conv_relu

batch, made, reduced, side, h, w = symbols("batch made reduced side h w")
c_in, c_out, c, r, m, o, k = symbols("c_in c_out c r m o k")

# --- Joining branches ------------------------------------------------------

joined = apply(sum, made)

joined_shape = Shape(
    "The shape of four branches, joined",
    (batch, joined, h, w),
    {
        "batch": 8,
        "c_in": 128,
        "made": (48, 96, 24, 40),
        "reduced": (64, 16),
        "h": 14,
        "w": 18,
    },
    stated=(batch, c_in, h, w, 4, made, 2, reduced),
    vary={
        "batch": (2, 4, 6, 16),
        "made": ((32, 64, 16, 48), (64, 80, 24, 16), (56, 72, 32, 40)),
        "h": (13, 15, 17, 21),
        "w": (19, 22, 25),
    },
    axes=("batch", "channels", "height", "width"),
    mistakes={
        (batch, c_in, h, w): "You kept the channels of the input. The block"
        " passes on what its branches make.",
        (batch, apply(max, made), h, w): "You took the channels of the widest"
        " branch alone. No branch is picked: all of them are passed on.",
        (batch, c_in + joined, h, w): "You passed on the input as well as the"
        " branches. The projection after the pooling has read it; only what"
        " the branches end with is joined.",
        (batch, joined + apply(sum, reduced), h, w): "You counted the"
        " channels between the layers of a branch too. Only what comes at the"
        " end of a branch is joined.",
        (4 * batch, joined, h, w): "You let the batch grow. The branches are"
        " four views of the same images, joined along the channels.",
        (batch, joined, h - 4, w - 4): mistakes.maps_shrink,
        (batch, joined, w, h): mistakes.swapped_sides,
        (batch, h, w, joined): mistakes.channels_last,
    },
    hints=[
        "Concatenating along the channels stacks the maps: what grows, and"
        " what stays?",
        "Only one of the four axes grows, and it becomes the sum of what the"
        " four branches end with.",
    ],
)

must_match = Choice(
    "What must match",
    right="acd",
    wrong={
        "b": "Channels add up, so each branch may make as many as it likes."
        " Which axes do *not* add up?",
        "e": "The join sees maps, not what has made them. Which axes of the"
        " maps must agree?",
        "f": "A branch may be one layer or ten, as long as its maps fit."
        " Which axes of the maps must agree?",
    },
    missing="What you chose must match, and something else must too.",
    hints=[
        "Imagine the maps of one image as cards, and the branches as decks.",
        "`torch.cat(…, dim=1)` joins along axis 1. All other axes must be"
        " equal.",
    ],
)


def flat(side, shrink=4, pools=2):
    """Return how many pixels of each map are flattened."""
    for _ in range(2):
        side -= shrink
        if pools:
            side //= 2
    return side**2


flat_features = Number(
    "How many features are flattened",
    joined * flat(side),
    {"side": 40, "made": (16, 24, 32, 24)},
    stated=(1408, 28, 28, 5, 5, 5, 5, side, side, made),
    vary={
        "side": (36, 44, 48, 52, 56, 60),
        "made": ((16, 24, 24, 32), (8, 24, 24, 16), (24, 32, 32, 24)),
    },
    mistakes={
        88 * flat(28): "This is the chapter's number. Here the images are"
        " larger and the branches wider.",
        joined * flat(28): "This is the count for 28×28 images. Follow a"
        " larger image through the layers: what arrives at the last module?",
        joined * flat(side, shrink=0): "You kept the size in the two 5×5"
        " convolutions. They have no padding: how many pixels does each take"
        " off?",
        joined * flat(side, shrink=2): "You took off two pixels in each 5×5"
        " convolution. A 5×5 loses as many on *each* side of the map.",
        joined * flat(side, pools=0): "You left out the two poolings. Each of"
        " them halves the side of the map.",
        joined * apply(math.isqrt, flat(side)): mistakes.counted_one_row,
        joined: "These are the channels. Flattening keeps every pixel of"
        " every channel.",
        20 * flat(side): "You flattened what goes *into* the last module. The"
        " module makes other channels of it.",
    },
    hints=[
        "Channels times pixels. The channels are those that the last module"
        " passes on.",
        "Write down the side after each of these: 5×5 without padding,"
        " pooling, module, 5×5 without padding, pooling, module.",
    ],
)

# --- Reduce first ----------------------------------------------------------

c1, r3, c3, r5, c5, p = symbols("c1 r3 c3 r5 c5 p")
kernels = 9 * r3 * c3 + 25 * r5 * c5  # the weights of the 3×3 and the 5×5
row_kernels = 3 * r3 * c3 + 5 * r5 * c5  # if they had a single row
widths = c1 + r3 + c3 + r5 + c5 + p
naive_weights = c * (c1 + 9 * c3 + 25 * c5)
reduced_weights = c * (c1 + r3 + r5 + p) + kernels

reduction = Group(
    "A block, naive and reduced",
    {
        "naive": {
            naive_weights: CORRECT,
            c * (c1 + 3 * c3 + 5 * c5): mistakes.forgot_to_square,
            naive_weights + c * p: mistakes.counted_projection,
            naive_weights + 9 * c * c: "You gave the pooling weights. It"
            " takes the largest of nine values and learns nothing.",
            c * c1 + kernels: "Your 3×3 and 5×5 read reduced channels. In the"
            " naive form they read the block's input.",
            naive_weights + c1 + c3 + c5: mistakes.counted_biases,
        },
        "reduced": {
            reduced_weights: CORRECT,
            c * (c1 + p) + kernels: mistakes.forgot_1x1s,
            reduced_weights - c * p: "You left out the projection. How many"
            " layers of the block read its input?",
            naive_weights + c * (r3 + r5 + p): mistakes.reads_first_input,
            reduced_weights - kernels + row_kernels: mistakes.forgot_to_square,
            reduced_weights + widths: mistakes.counted_biases,
        },
        "maps": {
            c + c1 + c3 + c5: CORRECT,
            c1 + c3 + c5: "You left out what the pooling passes on. It has no"
            " weights, but it has channels.",
            c1 + c3 + c5 + p: "That is what the *reduced* block passes on."
            " Without a projection, how many channels leave the pooling?",
            c + c1 + c3 + c5 + p: mistakes.counted_projection,
            c: "You kept the channels of the input. They leave through the"
            " pooling; what do the others add?",
        },
    },
    {"c": 256, "c1": 128, "r3": 128, "c3": 192, "r5": 32, "c5": 96, "p": 64},
    stated=(3, 3, c, 1, 1, c1, 3, 3, r3, c3, 5, 5, r5, c5, p, 3, 3, 5, 5),
    vary={
        "c": (320, 480, 512, 528),
        "c1": (112, 144, 160, 192),
        "r3": (80, 96, 104, 176),
        "c3": (208, 224, 240, 288),
        "r5": (16, 24, 40, 48),
        "p": (32, 56, 72),
    },
    hints=[
        "Go through the branches one by one: which channels does each layer"
        " read, which does it make, and how many positions does its kernel"
        " have?",
        "Naive: three convolutions read the input, and the pooling passes it"
        " on whole. Reduced: four 1×1 convolutions read the input, a 3×3 reads"
        " r3 channels and a 5×5 reads r5.",
    ],
)

neck_after = c * r + k * k * r * c_out

bottleneck = Group(
    "What a bottleneck saves",
    {
        "before": {
            k * k * c * c_out: CORRECT,
            c * c_out: "You counted a 1×1 kernel. How many positions does a"
            " 3×3 have?",
            k * c * c_out: mistakes.forgot_to_square,
            (k * k * c + 1) * c_out: mistakes.counted_biases,
        },
        "after": {
            neck_after: CORRECT,
            k * k * r * c_out: mistakes.forgot_1x1,
            c * r: mistakes.counted_1x1_alone,
            c * r + k * k * c * c_out: mistakes.reads_first_input,
            neck_after + r + c_out: mistakes.counted_biases,
        },
        "factor": part(
            {
                k * k * c * c_out / neck_after: CORRECT,
                c / r: mistakes.forgot_1x1,
                neck_after / (k * k * c * c_out): mistakes.turned_around,
                1 - neck_after / (k * k * c * c_out): "This is the share that"
                " is saved. How many times cheaper is it?",
                k * k * c_out / r: mistakes.counted_1x1_alone,
                k * k: "This compares the kernels. How many channels do the"
                " layers read and write?",
            },
            tolerance=6e-3,
            decimals=1,
        ),
    },
    {"c": 240, "r": 20, "c_out": 96, "k": 3},
    stated=(r, c, 12, k, k, c, c_out, 1, 1, k, k),
    vary={"c": (160, 256, 320, 384), "r": (16, 24, 32), "c_out": (48, 64, 80)},
    hints=[
        "Two layers replace one. Count the weights of both.",
        "before: k·k·C_in·C_out. after: the 1×1 goes from C_in to r, and the"
        " 3×3 from r to C_out. factor: before / after.",
    ],
)

# --- Folding ---------------------------------------------------------------


def kernel(W1, W5):
    return torch.einsum("omij,mc->ocij", W5, W1[:, :, 0, 0])


def bias(b1, W5, b5):
    return b5 + torch.einsum("omij,m->o", W5, b1)


def centre(W):
    return W[:, :, W.shape[2] // 2, W.shape[3] // 2]


def fold_inputs(draw: Draw):
    c, m = draw.integer(5, 7), draw.integer(2, 4)
    o, k = draw.integer(8, 10), 3 + 2 * draw.integer(0, 1)
    return {
        "W1": draw.tensor(m, c, 1, 1),
        "b1": draw.tensor(m),
        "W5": draw.tensor(o, m, k, k),
        "b5": draw.tensor(o),
    }


fold = Function(
    "Fold a 1×1 and a 5×5 into one kernel",
    lambda W1, b1, W5, b5: (kernel(W1, W5), bias(b1, W5, b5)),
    fold_inputs,
    mistakes={
        lambda W1, b1, W5, b5: (kernel(W1, W5), b5): "You left out the bias"
        " of the 1×1. It is there at each position that the second kernel"
        " reads.",
        lambda W1, b1, W5, b5: (kernel(W1, W5), b5 + centre(W5) @ b1): "You"
        " let the bias of the 1×1 through only in the middle of the second"
        " kernel. It is there at each position that the kernel reads.",
        lambda W1, b1, W5, b5: (kernel(W1, W5), bias(b1, W5, 0)): "You left"
        " out the bias of the second layer. It is added last, as always.",
        lambda W1, b1, W5, b5: (
            kernel(W1, W5).flip(2, 3),
            bias(b1, W5, b5),
        ): "Your kernel is upside down. A 1×1 has no neighbours, so the"
        " positions of the second kernel stay where they are.",
        lambda W1, b1, W5, b5: (
            kernel(W1, W5).transpose(0, 1),
            bias(b1, W5, b5),
        ): mistakes.swapped_channels,
        lambda W1, b1, W5, b5: kernel(W1, W5): "You returned only a kernel."
        " Return the bias as well.",
    },
    hints=[
        "An output channel reaches an input channel through each of the"
        " channels m between them. What happens to m?",
        "Multiply the weights along each path and sum over m:"
        " `torch.einsum` with W5 as `omij` and the 1×1 as `mc`. For the bias,"
        " feed the constant b1 into the second layer: it meets every"
        " position (i, j).",
    ],
    when_correct="A ReLU between the two layers would forbid this.",
)

channel_rank = Number(
    "The rank of the folded kernel",
    apply(min, c, m, o * k * k),
    {"c": 24, "m": 10, "o": 48, "k": 5},
    stated=(1, 1, c, m, k, k, m, o),
    vary={"c": (20, 28, 32), "m": (6, 8, 12), "o": (40, 56, 64)},
    mistakes={
        apply(min, c, o * k * k): "This is the rank of a 5×5 that was not"
        " folded. Everything passes through the layer in the middle.",
        o: "These are the output channels. How many numbers are left of a"
        " pixel in the middle?",
        k * k: "These are the positions of the kernel. How many numbers are"
        " left of a pixel in the middle?",
        m * k * k: "You multiplied by the positions of the kernel. The matrix"
        " has a row for each *input channel*, so its rank cannot be larger"
        " than their number.",
        1: "A rank of 1 would mean that there is one channel in the middle."
        " How many do?",
    },
    hints=[
        "The matrix has a row for each input channel, and a column for each"
        " output channel and position.",
        "It is a product: inputs to middle, and middle to the rest. What"
        " bounds the rank of a product?",
    ],
)

fold_border = Choice(
    "Where the fold is exact",
    right="bd",
    wrong={
        "a": "The pair pads the output of the 1×1, where its bias is missing,"
        " and the folded bias assumes that it is there. Where does a kernel"
        " read padding?",
        "c": "Both are linear, so inside the map the two agree up to"
        " rounding. Where is there a difference at all?",
        "e": "The second bias is added at the end, whatever is in the padding."
        " Which bias is missing in the padding?",
    },
    missing="That is true, and so is one more: which bias makes the"
    " difference, and where?",
    hints=[
        "What does a zero in the padding stand for: the pixel, or what the"
        " 1×1 makes of it?",
        "A 1×1 maps a pixel of zeros to its bias, but the padding after it"
        " holds zeros. How far from the border does a 5×5 notice, and what if"
        " that bias is zero?",
    ],
)

# --- A block for a budget --------------------------------------------------

INPUT, OUTPUT, SIDE, BUDGET, LEAST = 192, 256, 28, 64e6, 32
BRANCHES = ("1×1", "3×3", "5×5", "pooling")


def branch_weights(c, c1, c3, c5, pool):
    return (
        c * c1,
        c * c3[0] + 9 * c3[0] * c3[1],
        c * c5[0] + 25 * c5[0] * c5[1],
        c * pool,
    )


def is_width(x):
    """Return whether it is a whole number above zero, of any type."""
    return number(x).denominator == 1 and number(x) > 0


def fault_of_widths(widths):
    if isinstance(widths, tuple | list) and len(widths) == 4:
        widths = dict(zip(("c1", "c3", "c5", "pool"), widths))
    names = {"c1", "c3", "c5", "pool"}
    if not isinstance(widths, dict) or set(widths) != names:
        return "Give a dictionary with the keys c1, c3, c5 and pool."
    widths = {name: as_list(width) for name, width in widths.items()}
    for name, width in widths.items():
        each = width if isinstance(width, tuple | list) else [width]
        if any(map(guard.is_blank, each)):
            return f"A width is missing: {name}."
    c1, c3, c5, pool = (widths[n] for n in ("c1", "c3", "c5", "pool"))
    for name, pair in (("c3", c3), ("c5", c5)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return f"{name} is a pair: its 1×1, and its larger kernel."
    if not all(map(is_width, (c1, *c3, *c5, pool))):
        return "All widths are whole numbers above zero."
    c1, pool = int(number(c1)), int(number(pool))
    c3, c5 = ([int(number(x)) for x in pair] for pair in (c3, c5))
    made = (c1, c3[1], c5[1], pool)
    for name, (first, last) in (("c3", c3), ("c5", c5)):
        if sum(made) - last + first == OUTPUT != sum(made):
            return (
                f"The pair {name} is the wrong way round. What the 1×1"
                " makes comes first."
            )
    if c1 + sum(c3) + sum(c5) + pool == OUTPUT:
        return (
            "You counted the reductions among the channels of the block. Only"
            " what comes at the end of a branch is passed on."
        )
    if sum(made) + INPUT == OUTPUT:
        return (
            "You passed on the input as well. It is read, and only what the"
            " branches make is joined."
        )
    if sum(made) != OUTPUT:
        return f"Your block passes on {sum(made):,} channels, not {OUTPUT}."
    for name, width in zip(BRANCHES, made):
        if width < LEAST:
            return (
                f"Your {name} branch makes {width} channels; each should"
                f" make at least {LEAST}."
            )
    for name, (first, _) in (("3×3", c3), ("5×5", c5)):
        if first < 8:
            return f"The 1×1 before the {name} makes fewer than 8 channels."
        if first >= INPUT:
            return (
                f"The 1×1 before the {name} does not reduce anything. It reads"
                f" {INPUT} channels."
            )
    macs = [SIDE**2 * w for w in branch_weights(INPUT, c1, c3, c5, pool)]
    name = BRANCHES[macs.index(max(macs))]
    text = f"Your block takes {sum(macs) / 1e6:.1f} million MACs"
    if sum(macs) > BUDGET:
        share = max(macs) / sum(macs)
        return (
            f"{text}, which is too expensive; {share:.0%} of them are in the"
            f" {name} branch. What makes a branch cheaper without taking"
            " channels from its end?"
        )
    if sum(macs) < 0.9 * BUDGET:
        return (
            f"{text} and leaves more than a tenth of the budget unused. Which"
            " reduction may be wider?"
        )


budget = Custom(
    "A block for a budget",
    fault_of_widths,
    hints=[
        "Write a function that counts the MACs for given widths, and play"
        " with them. Which branch is the most expensive one?",
        "Begin with block 3a, which makes the right number of channels and"
        " takes twice the budget. Then halve what is *inside* the branches,"
        " and see where you are.",
    ],
    when_correct="There are many such blocks; the budget does not say which of"
    " them learns best.",
)

# --- Variants --------------------------------------------------------------


class Branches(nn.Module):
    """An Inception block made of any branches."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*b) for b in branches)

    def forward(self, X):
        return torch.cat([branch(X) for branch in self.branches], dim=1)


def block_with(third, pool=nn.MaxPool2d, order=(0, 1, 2, 3)):
    """Return a builder of blocks; `third` makes the third branch's end."""

    def build(in_channels, c1, c3, c5, p):
        branches = [
            conv_relu(in_channels, c1, 1),
            conv_relu(in_channels, c3[0], 1) + conv_relu(*c3, 3),
            conv_relu(in_channels, c5[0], 1) + third(*c5),
            [pool(3, 1, 1), *conv_relu(in_channels, p, 1)],
        ]
        return Branches(*(branches[i] for i in order))

    return build


def two_3x3(r, c, middle=None):
    middle = middle or c
    return conv_relu(r, middle, 3) + conv_relu(middle, c, 3)


def without_relu(layers):
    first, _, *rest = layers
    return [first, *rest]


def without_reduction_relu(*arguments):
    block = block_with(two_3x3)(*arguments)
    for i in (1, 2):
        block.branches[i] = nn.Sequential(*without_relu(block.branches[i]))
    return block


factored_block = Module(
    "Two 3×3 in place of the 5×5",
    block_with(two_3x3),
    cases=[
        ((6, 2, (3, 4), (5, 7), 8), (2, 6, 9, 8)),
        ((4, 5, (2, 6), (3, 8), 7), (1, 4, 7, 10)),
    ],
    mistakes={
        block_with(lambda r, c: conv_relu(r, c, 5)): "The 5×5 is still there."
        " Two 3×3 convolutions should take its place.",
        block_with(lambda r, c: conv_relu(r, c, 3)): "One 3×3 has replaced"
        " the 5×5, and sees no more than the branch beside it. How many 3×3"
        " convolutions see as far as a 5×5?",
        block_with(
            lambda r, c: without_relu(two_3x3(r, c))
        ): mistakes.relu_missing,
        block_with(lambda r, c: two_3x3(r, c, r)): "Your second 3×3 widens"
        " the branch. Here the first one should do it.",
        block_with(two_3x3, pool=nn.AvgPool2d): "Your pooling takes the"
        " average. GoogLeNet's block takes the largest value.",
        without_reduction_relu: mistakes.relu_missing,
        block_with(two_3x3, order=(3, 0, 1, 2)): "Your branches are joined in"
        " another order. Keep the order of the arguments: 1×1, 3×3, 5×5,"
        " pooling.",
    },
    hints=[
        "Take the chapter's `InceptionBlock` and change one branch.",
        "The third branch is a 1×1 from in_channels to c5[0], a 3×3 from"
        " there to c5[1], and one more 3×3; `conv_relu` gives each its"
        " padding and its ReLU.",
    ],
)


def front(c, m, c_out, k):
    return c * m + k * k * m * c_out


behind = Number(
    "The 1×1 after the 5×5",
    k * k * c * m + m * c_out,
    {"c": 192, "m": 16, "c_out": 32, "k": 5},
    stated=(1, 1, k, k, k, k, c, 3, m, 1, 1, c_out),
    vary={"c": (160, 256, 480), "m": (20, 24, 28), "c_out": (48, 64, 96)},
    mistakes={
        front: "This is the count with the 1×1 first. How many channels does"
        " the 5×5 read now?",
        k * k * c * c_out + c_out * c_out: "Your 5×5 makes all the channels"
        " itself. It makes those in the middle, and the 1×1 makes the rest.",
        k * k * c * m: mistakes.forgot_1x1,
        k * k * c * m + c * c_out: mistakes.reads_first_input,
        k * k * c * m + m * c_out + m + c_out: mistakes.counted_biases,
    },
    hints=[
        "Which layer reads the many channels of the input now?",
        "The 5×5 goes from the input's channels to those in the middle, the"
        " 1×1 from there to the output.",
    ],
)

# --- Predecessors ----------------------------------------------------------


@functools.cache
def network_costs(in_channels=3, classes=1000):
    """Return parameters and MACs of four networks for 224×224 images."""
    with torch.device("meta"):
        nets = {
            "AlexNet": torchvision.models.alexnet(),
            "VGG-16": torchvision.models.vgg16(),
            "NiN": models.nin(in_channels, classes),
            "GoogLeNet": models.inception.googlenet(in_channels, classes),
        }
    sizes = {"NiN": in_channels, "GoogLeNet": in_channels}
    return {
        name: (
            cost.parameters(net),
            cost.macs(net, (sizes.get(name, 3), 224, 224)),
        )
        for name, net in nets.items()
    }


@functools.cache
def theirs(auxiliary):
    """Return how many parameters torchvision's GoogLeNet has."""
    with torch.device("meta"):
        net = torchvision.models.googlenet(
            aux_logits=auxiliary, init_weights=False
        )
    return cost.parameters(net)


def fault_of_costs(costs):
    if not isinstance(costs, dict):
        return "Collect the costs in a dictionary, by the names."
    right = network_costs()
    if missing := [name for name in right if name not in costs]:
        return f"{missing[0]} is missing."
    for name, (parameters, macs) in right.items():
        pair = as_list(costs[name])
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return f"{name}: give a pair, parameters and MACs."
        own = tuple(number(x) for x in pair)
        if own == (parameters, macs):
            continue
        if own == (macs, parameters):
            return f"{name}: the parameters come first, then the MACs."
        if min(own) < 1e5:  # the smallest of all has seven million
            return f"{name}: give whole counts, not thousands or millions."
        if own == (parameters, 2 * macs):
            return f"{name}: these are FLOPs. One MAC is two FLOPs."
        if name in ("NiN", "GoogLeNet"):
            if own[0] == network_costs(1, 10)[name][0]:
                return (
                    f"{name}: this one is for grey images and ten classes."
                    " The others are for colour images and 1,000 classes, so"
                    " it cannot be compared with them."
                )
            if own[0] == network_costs(3, 10)[name][0]:
                return (
                    f"{name}: this one has ten classes. The others have a"
                    " thousand, so it cannot be compared with them."
                )
        if name == "GoogLeNet" and own[0] in (theirs(True), theirs(False)):
            return (
                "GoogLeNet: this is torchvision's, which is not the paper's."
                " Take `googlenet` from `onebyone.models.inception`."
            )
        which = "parameters" if own[0] != parameters else "MACs"
        return f"{name}: the {which} are not right."


costs = Custom(
    "Four networks, counted",
    fault_of_costs,
    hints=[
        "`onebyone.parameters(net)` and `onebyone.macs(net, (3, 224, 224))`"
        " count.",
        "Loop over `nets`, and store the pair (parameters, MACs) under each"
        " name. The networks are there already, for colour images and a"
        " thousand classes.",
    ],
    when_correct="Parameters and compute are two things: now compare both.",
)

compared = Choice(
    "GoogLeNet among its predecessors",
    right="acd",
    wrong={
        "b": "It is smaller than AlexNet, and takes more MACs. Compare the"
        " second numbers of your pairs.",
        "e": "Most of VGG's weights sit in its fully connected layers, which"
        " use each of them once. Divide MACs by parameters.",
        "f": "It has no reductions, but look at its parameters again. What do"
        " AlexNet and VGG have that NiN and GoogLeNet do without?",
    },
    missing="What you chose is true; there is more.",
    hints=[
        "Sort the four networks by their parameters, then by their MACs, then"
        " by MACs divided by parameters.",
        "MACs divided by parameters tell how often a parameter is used. The"
        " largest of the four quotients belongs to the network that is"
        " convolution almost throughout, on large maps.",
    ],
)

# --- Small images ----------------------------------------------------------


def sides(side, up=True, conv=True, poolings=4):
    """Return the sides of maps after GoogLeNet's 7×7 and its poolings."""
    found = [(side - 1) // 2 + 1 if conv else side]
    for _ in range(poolings):
        found.append((found[-1] - 3 + (1 if up else 0)) // 2 + 1)
    return found


def smallest(**how):
    return next(n for n in range(1, 300) if min(sides(n, **how)) > 0)


smallest_image = Number(
    "The smallest image",
    smallest,
    stated=(224, 224, 7, 7, 2, 3, 4, 3, 3, 2),
    mistakes={
        2**5: "You halved five times down to one pixel. An odd side is"
        " rounded up, so a little less will do.",
        smallest(up=False): "You rounded down in the poolings. With"
        " `ceil_mode=True` a remainder makes one more position.",
        smallest(conv=False): "You left out the stride of the first"
        " convolution. It halves the side before any pooling does.",
        smallest(poolings=3): "You stopped before the last pooling. The"
        " network has four poolings with stride 2.",
        7: "This is the side of the first kernel. What must be left for the"
        " poolings after it?",
    },
    hints=[
        "Only the first convolution and the four poolings with stride 2"
        " change the size. Go backwards: what must arrive at the last"
        " pooling?",
        "A 3×3 pooling with stride 2 that rounds up needs two pixels to make"
        " one. What does it need to make two, and so on to the front? You may"
        " also let `onebyone.layer_table` or a loop try.",
    ],
)


def fault_of_small(net):
    if isinstance(net, type) or not isinstance(net, nn.Module):
        return f"This is {show(net)}, not a network."
    blocks = [m for m in net.modules() if isinstance(m, InceptionBlock)]
    if len(blocks) < 3:
        plural = "" if len(blocks) == 1 else "s"
        return (
            f"Your network has {len(blocks)} Inception block{plural}, not"
            " three."
        )
    net = plain_copy(net).float()
    blocks = [m for m in net.modules() if isinstance(m, InceptionBlock)]
    seen, convs = [], []
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda m, _: convs.append(m))
    for block in blocks:
        block.register_forward_pre_hook(
            lambda _, X: seen.append(X[0].shape[2])
        )
    X = Draw(1).tensor(2, 1, 28, 28).float()
    given = X.clone()
    with torch.no_grad():
        Y = outcome(net, given)
    if convs and convs[0].in_channels != 1:
        return (
            f"Your first convolution reads {convs[0].in_channels} channels."
            " The images are grey."
        )
    if isinstance(Y, Raised):
        return f"For a batch of two images your network {Y}"
    if not isinstance(Y, torch.Tensor):
        return f"Your network gives {show(Y)}, not a tensor."
    if tuple(Y.shape) != (2, 10):
        return (
            f"For two images your network gives {tuple(Y.shape)}, not ten"
            " scores for each."
        )
    if not torch.equal(given, X):
        return (
            "Your network changes the images that it gets. Work on new ones."
        )
    with torch.no_grad():
        require_steady(net, X, Y)
    if len(seen) < 3:
        return f"Only {len(seen)} of your Inception blocks are used."
    if seen[0] < 14:
        return (
            f"Your first block sees maps of side {seen[0]}, but it should"
            " begin at 14. Which layer before it takes too much away?"
        )
    if seen[-1] < 7:
        return (
            f"Your last block sees maps of side {seen[-1]}, which leaves the"
            " global average pooling little to do. How many poolings can you"
            " afford?"
        )
    if fault := fault_of_training(net, X) or fault_of_scores(net, X, Y):
        return fault
    if fault := fault_of_one_image(net, X[:1]):
        return fault
    macs = cost.macs(net, (1, 28, 28))
    if macs > 20e6:
        return (
            f"Your network takes {macs / 1e6:.1f} million MACs, which is more"
            " than 20. Fewer channels, or smaller maps where the channels"
            " are many?"
        )
    return None


def fault_of_one_image(net, X):
    """Return what goes wrong in evaluation where a batch has one image."""
    with torch.no_grad():
        Y = outcome(net.eval(), X)
    if isinstance(Y, Raised):
        return f"For a single image your network {Y}"
    if tuple(Y.shape) != (1, 10):
        return (
            f"For a single image your network gives {tuple(Y.shape)}, not"
            " (1, 10). Is there a `squeeze`, which takes the axis of the batch"
            " away, too?"
        )
    return None


def fault_of_scores(net, X, Y):
    """Return what is wrong with the scores, or with what makes them."""
    fault = fault_of_head(net, X)
    if not fault:
        return None
    if (Y >= 0).all():
        return (
            "None of your scores is negative. Is there a ReLU or a softmax"
            " after the linear layer, or no such layer? `nn.CrossEntropyLoss`"
            " takes scores."
        )
    *_, last = (m for m in net.modules() if isinstance(m, InceptionBlock))
    wide = sum(conv.out_channels for conv in last_convs(last))
    for layer in net.modules():
        if isinstance(layer, nn.Linear) and layer.in_features > wide:
            return (
                f"Your linear layer reads {layer.in_features:,} numbers, so"
                " the maps are flattened. End with global average pooling."
            )
    return fault


def fault_of_training(net, X):
    """Return why a network would not train, if it would not."""
    with torch.enable_grad():
        scores = outcome(net.train(), X)
        net.eval()
        if isinstance(scores, Raised):
            return f"While it trains your network {scores}"
        if not isinstance(scores, torch.Tensor):
            return f"While it trains your network gives {show(scores)}."
        if not scores.requires_grad:
            return "No gradient comes back. Is there a `no_grad` or `detach`?"
        backward = outcome(scores.logsumexp(dim=1).sum().backward)
    if isinstance(backward, Raised):
        return f"On the way back through your network PyTorch {backward}"
    if any(p.grad is None for p in net.parameters()):
        return (
            "A layer gets no gradient, so it would not train. Is it frozen,"
            " or not used?"
        )


def last_convs(block):
    for branch in block.branches.values():
        yield [m for m in branch.modules() if isinstance(m, nn.Conv2d)][-1]


small = Custom(
    "A GoogLeNet for small images",
    fault_of_small,
    hints=[
        "28 pixels allow two halvings, to 14 and to 7. Where do you want"
        " them?",
        "A convolution that halves the image, a block, a pooling that halves"
        " again, two more blocks, global average pooling, flatten, a linear"
        " layer. Each block reads as many channels as the one before makes.",
    ],
    when_correct="Train it, if you like: `onebyone.Trainer` takes it as it"
    " is.",
)

# --- Nobody picks ----------------------------------------------------------


def sizes(joined, weight, widths):
    pieces = zip(joined.split(widths, dim=1), weight.split(widths, dim=1))
    sums = [F.conv2d(Y, W) for Y, W in pieces]
    return torch.stack([Y.flatten(1).norm(dim=1) for Y in sums], dim=1)


def unweighted(joined, weight, widths):
    parts = joined.split(widths, dim=1)
    return torch.stack([Y.flatten(1).norm(dim=1) for Y in parts], dim=1)


def parts_of_one(size, dim=1):
    return size / size.sum(dim=dim, keepdim=True)


def right_shares(*case):
    return parts_of_one(sizes(*case))


def picked(joined, weight, widths):
    winner = right_shares(joined, weight, widths).argmax(dim=1)
    return F.one_hot(winner, len(widths)).to(joined.dtype)


def shares_inputs(draw: Draw):
    widths = [draw.integer(1, 4) for _ in range(draw.integer(3, 5))]
    batch, c = draw.batch(), sum(widths)
    return {
        "joined": draw.tensor(batch, c, draw.integer(3, 5), 6),
        "weight": draw.tensor(draw.integer(2, 6), c, 1, 1),
        "widths": widths,
    }


shares = Function(
    "How loud each branch is",
    right_shares,
    shares_inputs,
    mistakes={
        lambda *case: parts_of_one(unweighted(*case)): "You measured the"
        " branches before the next layer has weighted them. Multiply each by"
        " its own piece of the weights first.",
        lambda *case: parts_of_one(sizes(*case), dim=0): "You divided by the"
        " sum over the images. For each image the shares of its *branches*"
        " add up to one.",
        sizes: "These are sizes. A share is a size divided by the sum of all"
        " the sizes.",
        picked: "You let the loudest branch take it all. The next layer adds"
        " the contributions and picks none.",
        lambda *case: right_shares(*case).mean(dim=0): "You averaged over the"
        " images. The question is about each image on its own.",
        lambda *case: parts_of_one(sizes(*case) ** 2): "You compared squares."
        " The norm is the square root of a sum of squares.",
    },
    hints=[
        "Cut both `joined` and `weight` along axis 1 into pieces of the given"
        " widths; `split` does it.",
        "For each pair of pieces: `F.conv2d`, then the norm of what comes out"
        " for each image (`flatten(1).norm(dim=1)`). Stack the norms as"
        " columns, and divide each row by its sum.",
    ],
    when_correct="The shares of an image add up to one; the layer hears all"
    " its branches.",
)

NAMES = ("1x1", "3x3", "5x5", "pool")


def fault_of_lesions(accuracies):
    silenced = [accuracies[name] for name in NAMES]
    if set(silenced) == {accuracies["none"]}:
        return (
            "Silencing has changed nothing. Is the branch silent while you"
            " evaluate?"
        )
    if len(set(silenced)) == 1:
        return (
            "All four branches cost the same. Is another one silent each"
            " time, and the one before awake again?"
        )
    if accuracies["retrained"] == min(silenced):
        return (
            "The last network is no better than the one silenced after"
            " training. Train a fresh one whose branch is silent from the"
            " start."
        )


def silenced(net, name):
    """Return a copy in which a branch of each block says only zeros."""
    net = copy.deepcopy(net)
    for block in net.modules():
        if isinstance(block, InceptionBlock):
            block.branches[name].register_forward_hook(
                lambda _, X, Y: torch.zeros_like(Y)
            )
    return net


def measured_lesions(nets, data):
    trained = nets["none"]
    return {
        "none": held_out_accuracy(trained, data),
        **{
            name: held_out_accuracy(silenced(trained, name), data)
            for name in NAMES
        },
        "retrained": held_out_accuracy(nets["retrained"], data),
    }


def silent_branches(net):
    """Return the branches that say nothing but zeros in every block."""
    said = {name: [] for name in NAMES}
    hooks = [
        block.branches[name].register_forward_hook(
            lambda _, X, Y, name=name: said[name].append(bool(Y.any()))
        )
        for block in net.modules()
        if isinstance(block, InceptionBlock)
        for name in NAMES
    ]
    channels = next(iter(net.parameters())).shape[1]
    with torch.no_grad():
        outcome(net, Draw(1).tensor(8, channels, 28, 28).float())
    for hook in hooks:
        hook.remove()
    return [name for name in NAMES if said[name] and not any(said[name])]


def otherwise_silent(nets, table):
    """Say if other branches are silent than the keys tell."""
    if silent := silent_branches(nets["none"]):
        return (
            f"In the network under the key 'none' the {silent[0]} branch is"
            " silent. Take a copy before you silence a branch, since `silent`"
            " changes the network that it gets."
        )
    silent = silent_branches(nets["retrained"])
    if not silent:
        return (
            "In the network under the key 'retrained' no branch is silent in"
            " all its blocks. Silence one with `silent` before you train it."
        )
    least = min(table[name] for name in NAMES)
    if len(silent) > 1 or table[silent[0]] > least:
        return (
            "In the network under the key 'retrained' other branches are"
            f" silent ({', '.join(silent)}) than the one that was missed most."
        )
    return None


lesions = Results(
    "Without a branch",
    ("none", *NAMES, "retrained"),
    networks=("none", "retrained"),
    foretold={
        "worst": lambda t: min(NAMES, key=lambda name: t[name]),
        "loses": lambda t: t["none"] - min(t[name] for name in NAMES),
        "won_back": lambda t: t["retrained"] - min(t[name] for name in NAMES),
    },
    measure=measured_lesions,
    mixed_up=otherwise_silent,
    trained=["none", "retrained"],
    least=0.25,
    fault=fault_of_lesions,
    hints=[
        "`silent(net, name)` silences a branch in every block, and gives the"
        " network back. It stays silent: take a copy (`copy.deepcopy`) for"
        " each branch.",
        "Train one network and evaluate it; evaluate four silenced copies;"
        " then make a fresh network, silence the branch that was missed most,"
        " and train that.",
    ],
    when_correct="Two trained networks are few; which of these differences"
    " would survive another seed?",
)

# --- Concatenate or add ----------------------------------------------------

add_or_join = Choice(
    "Concatenate or add",
    right="abc",
    wrong={
        "d": "A sum forgets its terms: many pairs of maps have the same one."
        " Which of the two keeps everything?",
        "e": "All its branches end in a convolution with a ReLU, the pooling"
        " one as well. Where could the input come through unchanged?",
        "f": "Concatenation makes the channels grow. Which of the two leaves"
        " them as they are?",
    },
    missing="What you chose is true; there is more.",
    hints=[
        "Write both as functions of two maps A and B, followed by a 1×1"
        " convolution.",
        "A 1×1 after the joined maps has a weight for each channel of A and"
        " one for each of B. After the sum it has one for both. Which of them"
        " can imitate the other?",
    ],
)

progress, variant = notebook(__name__)
