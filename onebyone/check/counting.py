"""Checks of the exercises *What a network costs*."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from onebyone.check.engine.code import Draw, Function
from onebyone.check.engine.guard import shown
from onebyone.check.engine.tasks import (
    Choice,
    Custom,
    Group,
    Mistake,
    Number,
    notebook,
)

# --- Output size -----------------------------------------------------------


def positions(n, k, s, p):
    return (n + 2 * p - k) // s + 1


def size_mistakes(axis):
    """Mistakes about one side of the map, height `h` or width `w`."""
    return [
        Mistake(
            lambda k, s, p, **sides: (sides[axis] + 2 * p - k) / s + 1,
            "You did not round.",
            "Half a step is no position; the formula rounds the division"
            " down.",
        ),
        Mistake(
            lambda k, s, p, **sides: (
                math.ceil((sides[axis] + 2 * p - k) / s) + 1
            ),
            "You rounded up.",
            "A window that does not fit as a whole is left out.",
        ),
        Mistake(
            lambda k, s, p, **sides: positions(sides[axis], k, s, p / 2),
            "You added the padding once.",
            "PyTorch's padding stands on each side; some books give the"
            " total.",
        ),
        Mistake(
            lambda k, s, p, **sides: positions(sides[axis], k, s, 0),
            "You left out the padding.",
            "The kernel walks over the padded map.",
        ),
        Mistake(
            lambda k, s, p, **sides: positions(sides[axis], k, s, p) - 1,
            "You counted the steps.",
            "Before the first step the kernel stood somewhere too.",
        ),
    ]


output_size = Group(
    "Output size",
    {
        "height": Number(
            "height",
            lambda h, w, k, s, p: positions(h, k, s, p),
            mistakes=size_mistakes("h"),
        ),
        "width": Number(
            "width",
            lambda h, w, k, s, p: positions(w, k, s, p),
            mistakes=size_mistakes("w"),
        ),
    },
    {"h": 150, "w": 214, "k": 11, "s": 2, "p": 5},
    vary={
        "h": (120, 132, 144, 156),
        "w": (180, 196, 202, 220),
        "k": (9, 11),
        "p": (4, 5),
    },
    hints=[
        "Pad the side on both ends, let the kernel walk, and count where it"
        " stands.",
        "The kernel stands once before it walks. After that there are"
        " n + 2p − k pixels left, taken in whole steps of the stride.",
    ],
    when_correct="PyTorch pads each side by p; some books call 2p the"
    " padding.",
)


def left_over(n, k, s, p):
    return (n + 2 * p - k) % s


unread = Number(
    "Rows that nobody reads",
    lambda n, k, s, p: max(0, left_over(n, k, s, p) - p),
    {"n": 299, "k": 9, "s": 8, "p": 2},
    vary={"n": (202, 219, 234, 235, 242, 250, 251, 259, 266)},
    mistakes=[
        Mistake(
            left_over,
            "You counted rows of padding too.",
            "Of the rows left over, the last ones are zeros and not image.",
        ),
        Mistake(
            lambda n, k, s, p: left_over(n, k, s, 0),
            "You left out the padding.",
            "The kernel walks over the padded image; the padding at the"
            " start moves every window.",
        ),
        Mistake(
            lambda n, k, s, p: left_over(n, k, s, p) / s,
            "This is the part of a step that the rounding cuts off.",
            "How many rows is that?",
        ),
        Mistake(
            lambda n, k, s, p: 0,
            "Rows of the image are lost here.",
            "Where does the last window that fits end?",
        ),
    ],
    hints=[
        "The remainder of the division says how many rows are left over.",
        "Left over are rows at the bottom of the padded image. Which of"
        " these are padding?",
    ],
)

same_padding = Number(
    "Padding that keeps the size",
    lambda k: (k - 1) // 2,
    {"k": 7},
    vary={"k": (9, 11, 13, 15)},
    mistakes=[
        Mistake(
            lambda k: k - 1,
            "This is the total padding.",
            "PyTorch adds its padding on each side.",
        ),
        Mistake(
            lambda k: (k + 1) // 2,
            "With this the map grows.",
            "It is the padding for a kernel two pixels wider.",
        ),
        Mistake(
            lambda k: 0,
            "Without padding the map shrinks.",
            "By how many pixels does it, and how are these shared out?",
        ),
        Mistake(
            lambda k: k / 2,
            "A padding is a whole number.",
            "The pixel in the middle of the kernel needs no padding.",
        ),
    ],
    hints=[
        "Set n + 2p − k + 1 equal to n.",
        "A kernel of k pixels has its middle pixel, and equally many on both"
        " sides of it.",
    ],
)

# --- One layer -------------------------------------------------------------

LAYER = {"c_in": 24, "c": 40, "k": 5, "s": 3, "p": 2, "h": 30, "w": 50}


def weights(c_in, c, k, **_):
    return k * k * c_in * c


def parameters(c_in, c, k, **_):
    return c * (k * k * c_in + 1)


def area(k, s, p, h, w, **_):
    return positions(h, k, s, p) * positions(w, k, s, p)


def macs(**g):
    return weights(**g) * area(**g)


def activations(**g):
    return g["c"] * area(**g)


layer_costs = Group(
    "The four costs of a layer",
    {
        "parameters": Number(
            "parameters",
            parameters,
            mistakes=[
                Mistake(
                    weights,
                    "You left out the biases.",
                    "There is one for each output channel.",
                ),
                Mistake(
                    activations,
                    "You counted activations.",
                    "Parameters are shared over all positions, so the size of"
                    " the map plays no part.",
                ),
                Mistake(
                    lambda **g: parameters(**g) * area(**g),
                    "You multiplied by the number of positions.",
                    "Every position uses the same weights.",
                ),
                Mistake(
                    lambda **g: weights(**g) + g["c_in"],
                    "You took one bias for each input channel.",
                    "A bias is added to a sum. How many sums are there at a"
                    " position?",
                ),
                Mistake(
                    lambda c_in, c, k, **_: c_in * c * (k * k + 1),
                    "You took a bias for each kernel.",
                    "An output channel sums over its kernels, and adds one"
                    " bias.",
                ),
                Mistake(
                    lambda c, k, **_: c * (k * k + 1),
                    "You left out the input channels.",
                    "Each output channel has a kernel for each of them.",
                ),
            ],
        ),
        "macs": Number(
            "macs",
            macs,
            mistakes=[
                Mistake(
                    lambda **g: 2 * macs(**g),
                    "These are FLOPs.",
                    "One MAC is two of them.",
                ),
                Mistake(
                    lambda **g: g["k"] ** 2 * g["c"] ** 2 * area(**g),
                    "You multiplied by the number of output channels once too"
                    " often, and left out the input channels.",
                    "The size of the output already contains its channels;"
                    " each of its values sums over the kernel and the input"
                    " channels.",
                ),
                Mistake(
                    lambda **g: weights(**g) * activations(**g),
                    "You multiplied by the number of output channels once too"
                    " often.",
                    "The weights contain the output channels already; each"
                    " works once at each position.",
                ),
                Mistake(
                    lambda **g: weights(**g) * g["h"] * g["w"],
                    "You took the positions of the input.",
                    "The weights work once at each position of the output.",
                ),
                Mistake(
                    lambda **g: parameters(**g) * area(**g),
                    "You counted the biases too.",
                    "Adding a bias is no multiplication; by convention it is"
                    " not counted.",
                ),
                Mistake(
                    weights,
                    "These are the weights.",
                    "Each weight is used once at each position.",
                ),
                Mistake(
                    lambda **g: g["k"] ** 2 * g["c"] * area(**g),
                    "You left out the input channels.",
                    "Each output value sums over all of them.",
                ),
                Mistake(
                    lambda **g: g["k"] ** 2 * g["c_in"] * area(**g),
                    "You counted one output channel.",
                    "The layer makes several.",
                ),
            ],
        ),
        "flops": Number(
            "flops",
            lambda **g: 2 * macs(**g),
            mistakes=[
                Mistake(
                    macs,
                    "These are MACs.",
                    "Each of them is a multiplication and an addition.",
                ),
                Mistake(
                    lambda **g: 4 * macs(**g),
                    "You doubled twice.",
                    "Start from the MACs.",
                ),
                Mistake(
                    lambda **g: 2 * parameters(**g) * area(**g),
                    "You counted the biases as if they were multiplied.",
                    "Start from the MACs, in which they do not count.",
                ),
                Mistake(
                    lambda **g: macs(**g) / 2,
                    "You divided where you should multiply.",
                    "Which of the two is the larger unit?",
                ),
            ],
        ),
        "activations": Number(
            "activations",
            activations,
            mistakes=[
                Mistake(
                    lambda **g: 4 * activations(**g),
                    "These are bytes.",
                    "The question is how many numbers the layer puts out.",
                ),
                Mistake(
                    area,
                    "You counted the positions of one map.",
                    "There is a map for each output channel.",
                ),
                Mistake(
                    lambda **g: g["c_in"] * g["h"] * g["w"],
                    "This is the input of the layer.",
                    "Activations are what it puts out.",
                ),
                Mistake(
                    lambda **g: g["c"] * g["h"] * g["w"],
                    "You left out the stride.",
                    "At how many positions does the kernel stand?",
                ),
            ],
        ),
    },
    LAYER,
    vary={
        "c_in": (16, 20, 28, 36),
        "c": (32, 48, 56),
        "h": (24, 27, 33, 36),
        "w": (42, 45, 56, 60),
    },
    hints=[
        "First the height and width of the output. Then look at one output"
        " channel, and at one position of it.",
        "Parameters: a kernel for each pair of channels, a bias for each"
        " output channel. MACs: weights times positions. FLOPs and"
        " activations follow.",
    ],
)


def cost_function(size=positions, cost=lambda **g: None):
    """A function like the student's, with one thing done differently."""

    def costs(c_in, c_out, k, s, p, h, w):
        height, width = size(h, k, s, p), size(w, k, s, p)
        values = {
            "parameters": c_out * (k * k * c_in + 1),
            "macs": c_out * k * k * c_in * height * width,
            "activations": c_out * height * width,
        }
        g = {"c_in": c_in, "c": c_out, "k": k, "area": height * width}
        values |= cost(**g) or {}
        return tuple(values.values())

    return costs


def square(c_in, c_out, k, s, p, h, w):
    return cost_function()(c_in, c_out, k, s, p, h, h)


def layer_arguments(draw: Draw) -> dict:
    return {
        "c_in": draw.integer(2, 9),
        "c_out": draw.integer(10, 20),
        "k": draw.integer(2, 7),
        "s": draw.integer(2, 4),
        "p": draw.integer(1, 3),
        "h": draw.integer(10, 19),
        "w": draw.integer(20, 40),
    }


conv_costs = Function(
    "The same in Python",
    cost_function(),
    layer_arguments,
    cases=8,
    mistakes=[
        Mistake(
            cost_function(lambda n, k, s, p: (n + 2 * p - k) / s + 1),
            "You do not round.",
            "The operator `//` divides and rounds down.",
        ),
        Mistake(
            cost_function(
                lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1
            ),
            "You round up.",
            "A window that does not fit as a whole is left out.",
        ),
        Mistake(
            cost_function(lambda n, k, s, p: positions(n, k, s, p) - 1),
            "You count the steps of the kernel.",
            "Before the first step it stood somewhere too.",
        ),
        Mistake(
            cost_function(lambda n, k, s, p: (n + p - k) // s + 1),
            "You add the padding once.",
            "It stands on each side.",
        ),
        Mistake(
            cost_function(lambda n, k, s, p: n),
            "You take the size of the input for that of the output.",
            "Work out height and width of the output first.",
        ),
        Mistake(
            square,
            "Your function works for square images only.",
            "Height and width each have a size of their own.",
        ),
        Mistake(
            cost_function(
                cost=lambda c_in, c, k, area: {"parameters": c * k * k * c_in}
            ),
            "You left out the biases.",
            "There is one for each output channel.",
        ),
        Mistake(
            cost_function(
                cost=lambda c_in, c, k, area: {
                    "macs": c * (k * k * c_in + 1) * area
                }
            ),
            "Your MACs contain the biases.",
            "Adding a bias is no multiplication.",
        ),
        Mistake(
            cost_function(
                cost=lambda c_in, c, k, area: {
                    "macs": 2 * c * k * k * c_in * area
                }
            ),
            "You count FLOPs.",
            "One MAC is two of them.",
        ),
        Mistake(
            cost_function(
                cost=lambda c_in, c, k, area: {"macs": c * c * k * k * area}
            ),
            "Your MACs have the output channels twice and the input channels"
            " not at all.",
            "Each output value sums over the kernel and the input channels.",
        ),
        Mistake(
            cost_function(
                cost=lambda c_in, c, k, area: {"activations": 4 * c * area}
            ),
            "You count bytes of activations.",
            "The question is how many numbers there are.",
        ),
    ],
    hints=[
        "Start with two lines for the height and the width of the output.",
        "All you did in the task before, with letters for the numbers:"
        " return parameters, MACs and activations, in this order.",
    ],
)

# --- Shared weights --------------------------------------------------------

MAPS = {"c_in": 3, "c": 8, "k": 5, "n": 24}

shared_weights = Group(
    "Without sharing",
    {
        "unshared": Number(
            "unshared",
            lambda c_in, c, k, n: n * n * c * (k * k * c_in + 1),
            mistakes=[
                Mistake(
                    lambda c_in, c, k, n: c * (k * k * c_in + 1),
                    "This is the layer that shares its weights.",
                    "Here every position has kernels of its own.",
                ),
                Mistake(
                    lambda c_in, c, k, n: n * n * c * k * k * c_in,
                    "You left out the biases.",
                    "They are not shared either.",
                ),
                Mistake(
                    lambda c_in, c, k, n: n * n * c * k * k * c_in + c,
                    "Your biases are still shared.",
                    "Every position has biases of its own.",
                ),
                Mistake(
                    lambda c_in, c, k, n: n * n * (k * k * c_in + 1),
                    "You counted one output channel.",
                    "Each of them has its own weights.",
                ),
            ],
        ),
        "full": Number(
            "full",
            lambda c_in, c, k, n: (c_in * n * n + 1) * c * n * n,
            mistakes=[
                Mistake(
                    lambda c_in, c, k, n: c_in * n * n * c * n * n,
                    "You left out the biases.",
                    "Each output has one.",
                ),
                Mistake(
                    lambda c_in, c, k, n: (c_in * n * n + 1) * c,
                    "Your layer makes one number for each channel.",
                    "It is to make as many numbers as the maps have.",
                ),
                Mistake(
                    lambda c_in, c, k, n: (c_in * n * n + 1) * n * n,
                    "Your layer makes a single map.",
                    "How many maps does the convolution make?",
                ),
                Mistake(
                    lambda c_in, c, k, n: (n * n + 1) * c * n * n,
                    "Your layer reads one input channel.",
                    "It is to read all of the image.",
                ),
            ],
        ),
        "macs_factor": Number(
            "macs_factor",
            lambda c_in, c, k, n: 1,
            mistakes=[
                Mistake(
                    lambda c_in, c, k, n: n * n,
                    "That is by how much the weights grow.",
                    "How many products does one output value take, with and"
                    " without sharing?",
                ),
                Mistake(
                    lambda c_in, c, k, n: 1 / (n * n),
                    "You turned the ratio of the weights around.",
                    "How many products does one output value take, with and"
                    " without sharing?",
                ),
                Mistake(
                    lambda c_in, c, k, n: n * n / (k * k),
                    "That compares a fully connected layer with a"
                    " convolution.",
                    "The unshared layer still looks at k×k pixels.",
                ),
            ],
        ),
    },
    MAPS,
    vary={
        "c_in": (2, 4, 5),
        "c": (6, 7, 10, 12),
        "k": (3, 7),
        "n": (16, 18, 22, 28),
    },
    hints=[
        "Unshared: as many sets of kernels and biases as there are positions."
        " Fully connected: each output reads each input.",
        "For the MACs take a single output value. Of how many products is it"
        " the sum, in either layer?",
    ],
    when_correct="Sharing saves parameters and not one MAC.",
)

tied_layer = Choice(
    "One layer, used three times",
    right="b",
    wrong={
        "a": "The MACs are not saved, since each call does all of its"
        " products. Count what happens and not what is stored.",
        "c": "You took the two costs for one another. Which is stored, and"
        " which is done anew in each call?",
        "d": "Each call has an input of its own, and the backward pass needs"
        " every one of them. What can three calls have in common?",
    },
    hints=[
        "What do the three calls have in common, and what differs?",
        "The weights are the same tensor. The maps are not.",
    ],
)

# --- Grouped convolution ---------------------------------------------------


def group_weights(c_in, c, k, g, n):
    return k * k * (c_in // g) * c


grouped_costs = Group(
    "What groups save",
    {
        "parameters": Number(
            "parameters",
            lambda c_in, c, k, g, n: group_weights(c_in, c, k, g, n) + c,
            mistakes=[
                Mistake(
                    lambda c_in, c, k, g, n: c * (k * k * c_in + 1),
                    "This is the layer without groups.",
                    "How many input channels does an output channel read?",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: (
                        k * k * (c_in // g) * (c // g) + c
                    ),
                    "You counted the weights of one group.",
                    "There are several groups, each with its own kernels.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: c * (k * k * c_in + 1) / g,
                    "You divided the biases too.",
                    "Each output channel still has its own.",
                ),
                Mistake(
                    group_weights,
                    "You left out the biases.",
                    "Each output channel has one.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: c * (k * k * g + 1),
                    "You took the number of groups for the channels in one.",
                    "How many input channels are in a group?",
                ),
            ],
        ),
        "macs": Number(
            "macs",
            lambda c_in, c, k, g, n: group_weights(c_in, c, k, g, n) * n * n,
            mistakes=[
                Mistake(
                    lambda c_in, c, k, g, n: k * k * c_in * c * n * n,
                    "This is the layer without groups.",
                    "How many input channels does an output channel read?",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: (
                        2 * group_weights(c_in, c, k, g, n) * n * n
                    ),
                    "These are FLOPs.",
                    "One MAC is two of them.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: (
                        k * k * (c_in // g) * (c // g) * n * n
                    ),
                    "You counted one group.",
                    "All of them work.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: (
                        (group_weights(c_in, c, k, g, n) + c) * n * n
                    ),
                    "You counted the biases too.",
                    "By convention they are not counted.",
                ),
            ],
        ),
        "activations": Number(
            "activations",
            lambda c_in, c, k, g, n: c * n * n,
            mistakes=[
                Mistake(
                    lambda c_in, c, k, g, n: c // g * n * n,
                    "You counted what one group puts out.",
                    "All groups together make the output.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: c_in * n * n,
                    "This is the input of the layer.",
                    "Activations are what it puts out.",
                ),
                Mistake(
                    lambda c_in, c, k, g, n: 4 * c * n * n,
                    "These are bytes.",
                    "The question is how many numbers the layer puts out.",
                ),
            ],
        ),
    },
    {"c_in": 48, "c": 96, "k": 3, "g": 6, "n": 14},
    vary={
        "c_in": (24, 48, 72),
        "c": (96, 120, 144),
        "g": (3, 4, 6, 8),
        "n": (10, 12, 16, 20),
    },
    hints=[
        "Look at one output channel: how many input channels does it read?",
        "Each output channel reads a share of the input channels, and there"
        " are as many output channels, biases and positions as before.",
    ],
)


def in_groups(X: Tensor, W: Tensor, b: Tensor, groups: int) -> Tensor:
    return F.conv2d(X, W, b, groups=groups)


def interleaved(X, W, b, groups):
    parts = [X[:, g::groups] for g in range(groups)]
    return in_groups(torch.cat(parts, dim=1), W, b, groups)


def interleaved_outputs(X, W, b, groups):
    Y = in_groups(X, W, b, groups)
    parts = Y.chunk(groups, dim=1)
    return torch.stack(parts, dim=2).flatten(1, 2)


def added_up(X, W, b, groups):
    return sum(in_groups(X, W, b, groups).chunk(groups, dim=1))


def group_arguments(draw: Draw) -> dict:
    groups, c_in, c_out = (draw.integer(2, 4) for _ in range(3))
    k = draw.integer(1, 3)
    return {
        "X": draw.tensor(2, groups * c_in, 6, 5),
        "W": draw.tensor(groups * c_out, c_in, k, k),
        "b": draw.tensor(groups * c_out),
        "groups": groups,
    }


grouped_conv = Function(
    "Groups by hand",
    in_groups,
    group_arguments,
    mistakes=[
        Mistake(
            lambda X, W, b, groups: in_groups(X, W, None, groups),
            "You left out the bias.",
            "Each group adds the biases of its own output channels.",
        ),
        Mistake(
            interleaved,
            "The channels of your groups lie apart.",
            "A group is a run of neighbouring channels.",
        ),
        Mistake(
            interleaved_outputs,
            "Your output channels are mixed.",
            "The outputs of the groups stand one behind the other.",
        ),
        Mistake(
            added_up,
            "You added the groups' outputs.",
            "Each group makes output channels of its own.",
        ),
        Mistake(
            lambda X, W, b, groups: torch.stack(
                in_groups(X, W, b, groups).chunk(groups, dim=1)
            ),
            "Your groups stand on an axis of their own.",
            "Which function joins tensors along an axis that they have?",
        ),
        Mistake(
            lambda X, W, b, groups: torch.cat(
                in_groups(X, W, b, groups).chunk(groups, dim=1)
            ),
            "You joined the groups along the batch axis.",
            "Which axis holds the channels?",
        ),
    ],
    hints=[
        "`X.chunk(groups, dim=1)` cuts the channels into groups. What must be"
        " cut besides?",
        "Cut W and b along their axis 0, convolve group by group with"
        " `F.conv2d`, and join the results along the channels.",
    ],
)

groups_meet = Choice(
    "How groups learn of each other",
    right="bd",
    wrong={
        "a": "With the same groups, the channels of one group never meet"
        " those of another, however many such layers you stack. What would"
        " have to change between them?",
        "c": "A ReLU looks at each value alone. Which layer mixes channels?",
        "e": "A larger kernel sees more pixels, and no more channels. What"
        " decides which channels an output reads?",
    },
    missing="One more of these does it. Follow one input channel through the"
    " two layers: which outputs can depend on it?",
    hints=[
        "Follow one input channel: which outputs depend on it after the first"
        " layer, and which after the second?",
        "There are two ways: mix all channels, or deal the channels out to"
        " other groups.",
    ],
)

# --- Doubling --------------------------------------------------------------

NOT_ONE_SIDE = "A weight stands for a pair of an input and an output channel."

doubling = Group(
    "Twice as much of everything",
    {
        "channels_weights": Number(
            "channels_weights",
            lambda n: 4,
            mistakes=[
                Mistake(
                    lambda n: 2,
                    "You doubled one side only.",
                    NOT_ONE_SIDE,
                ),
                Mistake(
                    lambda n: 1,
                    "The weights do depend on the channels.",
                    NOT_ONE_SIDE,
                ),
                Mistake(
                    lambda n: 8,
                    "You doubled once too often.",
                    NOT_ONE_SIDE,
                ),
            ],
        ),
        "channels_activations": Number(
            "channels_activations",
            lambda n: 2,
            mistakes=[
                Mistake(
                    lambda n: 4,
                    "The layer puts out no input channels.",
                    "Activations are counted at the output.",
                ),
                Mistake(
                    lambda n: 1,
                    "The layer puts out more maps than before.",
                    "How many more?",
                ),
            ],
        ),
        "sides_weights": Number(
            "sides_weights",
            lambda n: 1,
            mistakes=[
                Mistake(
                    lambda n: 4,
                    "You let the weights grow with the map.",
                    "Are there weights for each position?",
                ),
                Mistake(
                    lambda n: 2,
                    "You let the weights grow with a side of the map.",
                    "Are there weights for each position?",
                ),
            ],
        ),
        "sides_macs": Number(
            "sides_macs",
            lambda n: 4,
            mistakes=[
                Mistake(
                    lambda n: 2,
                    "You doubled one side only.",
                    "Height and width both grow.",
                ),
                Mistake(
                    lambda n: 1,
                    "You took the weights for the MACs.",
                    "The weights are used at each position.",
                ),
                Mistake(
                    lambda n: 16,
                    "You let the weights grow with the map.",
                    "Only the number of positions changes.",
                ),
            ],
        ),
        "padding_macs": Number(
            "padding_macs",
            lambda n: (n + 2) ** 2 / n**2,
            tolerance=1e-3,
            mistakes=[
                Mistake(
                    lambda n: 1,
                    "The output is larger than before.",
                    "At how many positions does the kernel stand now?",
                ),
                Mistake(
                    lambda n: 4,
                    "You doubled the map.",
                    "By how many pixels does a side grow if the padding goes"
                    " from one pixel to two?",
                ),
                Mistake(
                    lambda n: 2,
                    "The padding doubles, and not the work.",
                    "At how many positions does the kernel stand now?",
                ),
                Mistake(
                    lambda n: (n + 2) / n,
                    "You let one axis grow.",
                    "Padding is added to rows and to columns.",
                ),
                Mistake(
                    lambda n: (n + 1) ** 2 / n**2,
                    "You added the padding once.",
                    "It is added on each side.",
                ),
                Mistake(
                    lambda n: (n + 4) ** 2 / n**2,
                    "You compared the padded input with the map.",
                    "The MACs go with the size of the output.",
                ),
            ],
        ),
    },
    {"n": 14},
    vary={"n": (7, 8, 10, 12, 16)},
    hints=[
        "Write the cost as a product, and see how often the doubled quantity"
        " stands in it.",
        "Weights: k·k·C_in·C_out. MACs: times the positions of the output."
        " For the padding, work out the side of the output before and"
        " after.",
    ],
)

# --- A training step -------------------------------------------------------

NET = {"a": 16, "b": 32, "n": 20, "classes": 10}
NETS = {
    "a": (8, 12, 20, 24),
    "b": (24, 40, 48),
    "n": (12, 16, 24, 28),
    "classes": (5, 12, 26),
}


def layer_macs(a, b, n, classes):
    half = n * n // 4
    return [9 * a * n * n, 9 * a * b * half, b * half * classes]


def net_parameters(a, b, n, classes):
    linear = classes * (b * n * n // 4 + 1)
    return 10 * a + b * (9 * a + 1) + linear


def biases(a, b, n, classes):
    return a + b + classes


def step(a, b, n, classes):
    first, *rest = layer_macs(a, b, n, classes)
    return 2 * first + 3 * sum(rest)


step_macs = Number(
    "MACs of a training step",
    step,
    NET,
    vary=NETS,
    mistakes=[
        Mistake(
            lambda **g: sum(layer_macs(**g)),
            "This is the forward pass.",
            "A training step runs backwards as well.",
        ),
        Mistake(
            lambda **g: 3 * sum(layer_macs(**g)),
            "You computed a gradient of the image.",
            "Which gradient does nobody need in the first layer?",
        ),
        Mistake(
            lambda **g: 2 * sum(layer_macs(**g)),
            "You counted one gradient for each layer.",
            "Backwards, a layer gives the gradient of its weights and that"
            " of its input.",
        ),
        Mistake(
            lambda **g: step(**g) - sum(layer_macs(**g)),
            "This is the backward pass alone.",
            "A step has a forward pass too.",
        ),
        Mistake(
            lambda **g: 2 * step(**g),
            "These are FLOPs.",
            "One MAC is two of them.",
        ),
        Mistake(
            lambda **g: 3 * sum(layer_macs(**g)) - layer_macs(**g)[2],
            "You left out a gradient of the last layer.",
            "The layer before it needs the gradient of its input.",
        ),
    ],
    hints=[
        "Count the forward pass of each of the three layers. Then ask which"
        " gradients each must give.",
        "Each gradient, of the weights or of the input, costs as much as the"
        " forward pass of its layer. One layer's input is the image.",
    ],
)


def worst_moment(a, b, n, classes):
    return n * n * max(1 + a, a + b / 4)


def kept(a, b, n, classes):
    return n * n * (1 + a) + b * n * n // 4


def adam_state(**g):
    return 16 * net_parameters(**g)


def batch(state, per_image):
    return math.floor(state / per_image) + 1


training_memory = Group(
    "Memory of inference and training",
    {
        "inference": Number(
            "inference",
            lambda **g: int(4 * worst_moment(**g)),
            mistakes=[
                Mistake(
                    lambda **g: int(worst_moment(**g)),
                    "These are numbers, not bytes.",
                    "How many bytes has a float32?",
                ),
                Mistake(
                    lambda a, b, n, classes: 4 * a * n * n,
                    "That is the largest stack of maps alone.",
                    "While a layer works, what it reads and what it writes"
                    " must both be there.",
                ),
                Mistake(
                    lambda a, b, n, classes: 4 * (1 + a) * n * n,
                    "That is the first layer's moment.",
                    "Is there a worse one?",
                ),
                Mistake(
                    lambda **g: 4 * kept(**g),
                    "You kept everything.",
                    "In inference, what lies further back is thrown away.",
                ),
                Mistake(
                    lambda **g: 4 * net_parameters(**g),
                    "These are the bytes of the parameters.",
                    "The question is about what passes through.",
                ),
            ],
        ),
        "training": Number(
            "training",
            lambda **g: 4 * kept(**g),
            mistakes=[
                Mistake(
                    kept,
                    "These are numbers, not bytes.",
                    "How many bytes has a float32?",
                ),
                Mistake(
                    lambda **g: 4 * (kept(**g) - g["n"] ** 2),
                    "You left out the image.",
                    "What does the gradient of the first layer's weights"
                    " need?",
                ),
                Mistake(
                    lambda **g: 4 * (2 * kept(**g) - g["n"] ** 2),
                    "You kept what each convolution writes besides what each"
                    " ReLU writes.",
                    "Which of the two does the backward pass never look at?",
                ),
                Mistake(
                    lambda **g: 4 * (kept(**g) + g["b"] * g["n"] ** 2 // 4),
                    "You counted what the second ReLU writes twice.",
                    "Flattened it is the input of the linear layer, and lies"
                    " in the same memory.",
                ),
                Mistake(
                    lambda **g: 4 * (kept(**g) + g["classes"]),
                    "You kept the scores too.",
                    "No layer of the network needs its own scores again.",
                ),
            ],
        ),
        "adam": Number(
            "adam",
            adam_state,
            mistakes=[
                Mistake(
                    lambda **g: 4 * net_parameters(**g),
                    "These are the parameters alone, or else four numbers for"
                    " each without their bytes.",
                    "Count all numbers that training keeps for a parameter,"
                    " and four bytes for each of them.",
                ),
                Mistake(
                    lambda **g: 8 * net_parameters(**g),
                    "You left out what Adam keeps.",
                    "It has two running means for each parameter.",
                ),
                Mistake(
                    lambda **g: 12 * net_parameters(**g),
                    "One number for each parameter is missing.",
                    "The parameter, its gradient, and two running means.",
                ),
                Mistake(
                    lambda **g: adam_state(**g) - 16 * biases(**g),
                    "You left out the biases.",
                    "They are parameters like any others.",
                ),
            ],
        ),
        "batch": Number(
            "batch",
            lambda **g: batch(adam_state(**g), 4 * kept(**g)),
            mistakes=[
                Mistake(
                    lambda **g: batch(adam_state(**g), 4 * kept(**g)) - 1,
                    "With this batch the activations still take less.",
                    "The quotient lies between two whole numbers.",
                ),
                Mistake(
                    lambda **g: adam_state(**g) / (4 * kept(**g)),
                    "A batch has a whole number of images.",
                    "Which is the first that is large enough?",
                ),
                Mistake(
                    lambda **g: batch(4 * net_parameters(**g), 4 * kept(**g)),
                    "You compared with the parameters alone.",
                    "Their gradients and Adam's numbers count too.",
                ),
                Mistake(
                    lambda **g: batch(adam_state(**g), kept(**g)),
                    "You compared bytes with numbers.",
                    "How many bytes take the activations of one image?",
                ),
            ],
        ),
    },
    NET,
    vary=NETS,
    hints=[
        "Inference keeps what the layer at work reads and writes. Training"
        " keeps the input of each convolution and linear layer, and the"
        " output of each ReLU; these are often the same memory.",
        "With Adam each parameter has company: a gradient and two running"
        " means. The batch is the first whole number above a quotient.",
    ],
)

# --- What a tool counts ----------------------------------------------------

# the layer of the task: 16 to 32 channels, 3×3, stride 2, 24×40 pixels
TOOL_LAYER = {"c_in": 16, "c": 32, "k": 3, "s": 2, "p": 1, "h": 24, "w": 40}
UNITS = {
    "a": macs,
    "b": lambda **g: 2 * macs(**g),
    "c": lambda **g: macs(**g) + activations(**g),
    "d": lambda **g: 2 * macs(**g) + activations(**g),
    "e": parameters,
}
REPORTS = {"A": "b", "B": "c", "C": "a", "D": "d"}


def report(tool):
    return UNITS[REPORTS[tool]](**TOOL_LAYER)


def fault_of_units(units):
    if not isinstance(units, dict):
        return "Give a dictionary with the keys A, B, C and D."
    chosen = {}
    for tool in REPORTS:
        letter = units.get(tool)
        if not isinstance(letter, str) or letter.strip().lower() not in UNITS:
            return f"{tool}: {shown(letter)} is none of the letters a to e."
        chosen[tool] = letter.strip().lower()
    for tool, letter in chosen.items():
        if letter != REPORTS[tool]:
            return f"{tool}: {wrong_unit(letter, REPORTS[tool])}"


def wrong_unit(letter, right):
    value, other = UNITS[letter](**TOOL_LAYER), UNITS[right](**TOOL_LAYER)
    if letter == "e":
        return (
            "A count of parameters does not depend on the image. Is the"
            " number that small?"
        )
    if {letter, right} == {"a", "b"}:
        return (
            "You took MACs for FLOPs or FLOPs for MACs. Which of them is"
            " twice the other?"
        )
    if abs(value - other) == activations(**TOOL_LAYER):
        return (
            "You overlooked the biases, or saw some where there are none."
            " Each is used once at each position."
        )
    return (
        "Both the factor of two and the biases are wrong. Work out the MACs"
        " first."
    )


tool_units = Custom(
    "What does the tool count?",
    fault_of_units,
    hints=[
        "Work out by hand how many MACs this layer takes, and put the reports"
        " beside it.",
        "One report equals your MACs, and one is twice that. The two others"
        " are larger by one and the same number. What does the layer have as"
        " many of?",
    ],
    when_correct="A count without its unit is no count.",
)

# --- The same MACs, spent in two ways --------------------------------------


def three_layers(width, area):
    return area * (9 * width + 18 * width * width)


def same_macs(width):
    aim = three_layers(width, 14 * 14)
    return min(
        range(1, 8 * width),
        key=lambda wide: abs(three_layers(wide, 7 * 7) - aim),
    )


wider = Number(
    "Smaller maps, more channels",
    same_macs,
    {"width": 12},
    vary={"width": (8, 10, 14, 16, 18, 20)},
    mistakes=[
        Mistake(
            lambda width: 4 * width,
            "You let the MACs grow with the width.",
            "With input and output channels doubled, how many weights has a"
            " layer?",
        ),
        Mistake(
            lambda width: width,
            "This is the width that the network had.",
            "On smaller maps it does fewer MACs.",
        ),
        Mistake(
            lambda width: round(width * 2**0.5),
            "You let half of the positions go.",
            "Both sides are halved.",
        ),
        Mistake(
            lambda width: width // 2,
            "You made the network narrower.",
            "On smaller maps there are MACs to spare.",
        ),
    ],
    hints=[
        "What share of the positions is left? So how many times more weights"
        " may there be?",
        "Nearly all weights are in layers whose input and output channels"
        " both grow with the width.",
    ],
)

SPENT = ("large maps", "many channels")


def fault_of_runs(runs):
    if not isinstance(runs, dict):
        return "Collect the two accuracies in a dictionary."
    for name in SPENT:
        if name not in runs:
            return f"No accuracy under the key {name!r} yet."
        accuracy = float(runs[name])
        if not 0 <= accuracy <= 1:
            return (
                f"An accuracy lies between 0 and 1; for {name} you have"
                f" {accuracy:.3g}. Is it a percentage, or a loss?"
            )
        if accuracy < 0.15:
            return (
                f"The network for {name} has hardly learnt anything"
                f" ({accuracy:.2f}). Did you train it?"
            )
    if float(runs[SPENT[0]]) == float(runs[SPENT[1]]):
        return "Both accuracies are the same. Did you build two networks?"


runs = Custom(
    "Two networks, one budget",
    fault_of_runs,
    hints=[
        "`conv_net(width, halve)` builds both networks. Train each of them"
        " from scratch.",
        "For each: set the seed, build, make a `Trainer` with `max_steps`,"
        " fit, and keep the history's `test_accuracy` under its key.",
    ],
    when_correct="One run each. Which differences would survive another seed?",
)

progress, variant = notebook(__name__)
