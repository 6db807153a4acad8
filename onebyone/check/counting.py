"""Checks of the exercises *What a network costs*."""

import torch
from torch import Tensor
from torch.nn import functional as F

from onebyone.check.engine import (
    CORRECT,
    Choice,
    Custom,
    Draw,
    Function,
    Group,
    Number,
    Results,
    apply,
    best_of,
    each_on_held_out,
    guard,
    lead_of_best,
    mistakes,
    notebook,
    part,
    symbols,
)

c_in, c, k, s, p, n, h, w, g = symbols("c_in c k s p n h w g")

# --- Output size -----------------------------------------------------------


def positions(n, k, s, p):
    return (n + 2 * p - k) // s + 1


def along(side):
    """Return one side of the map, with the mistakes about it."""
    return {
        positions(side, k, s, p): CORRECT,
        (side + 2 * p - k) / s + 1: mistakes.did_not_round,
        1 - (k - side - 2 * p) // s: mistakes.rounded_up,
        (side + p - k) // s + 1: mistakes.padded_one_side,
        positions(side, k, s, 0): mistakes.forgot_padding,
        positions(side, k, s, p) - 1: mistakes.counted_steps,
    }


output_size = Group(
    "Output size",
    {"height": along(h), "width": along(w)},
    {"h": 150, "w": 214, "k": 11, "s": 2, "p": 5},
    stated=(k, k, s, p, h, w),
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

left_over = (n + 2 * p - k) % s

unread = Number(
    "Rows that nobody reads",
    apply(max, 0, left_over - p),
    {"n": 299, "k": 9, "s": 8, "p": 2},
    stated=(k, k, s, p, n, n),
    vary={"n": (202, 219, 234, 235, 242, 250, 251, 259, 266)},
    mistakes={
        left_over: "You counted rows of padding too. Of the rows left over,"
        " the last ones are zeros, not image.",
        (n - k) % s: mistakes.forgot_padding,
        left_over / s: "This is the part of a step that the rounding cuts"
        " off. How many rows is that?",
        0: "Rows of the image are lost here. Where does the last window that"
        " fits end?",
    },
    hints=[
        "The remainder of the division says how many rows are left over.",
        "The rows left over are at the bottom of the padded image. Which of"
        " them are padding?",
    ],
)

same_padding = Number(
    "Padding that keeps the size",
    (k - 1) // 2,
    {"k": 7},
    stated=(k, k, 1),
    vary={"k": (9, 11, 13, 15)},
    mistakes={
        k - 1: "This is the total padding. PyTorch adds its padding on each"
        " side.",
        (k + 1) // 2: "With this the map grows. This is the padding for a"
        " kernel two pixels wider.",
        0: "Without padding the map shrinks. By how many pixels, and how are"
        " they shared between the two sides?",
        k / 2: "A padding is a whole number. The pixel in the middle of the"
        " kernel needs no padding.",
    },
    hints=[
        "Set n + 2p − k + 1 equal to n.",
        "A kernel of k pixels has a middle pixel and equally many on either"
        " side of it.",
    ],
)

# --- One layer -------------------------------------------------------------

weights = k * k * c_in * c
parameters = c * (k * k * c_in + 1)
area = positions(h, k, s, p) * positions(w, k, s, p)
macs = weights * area
activations = c * area

ONE_BIAS_FOR_EACH_INPUT = (
    "You took one bias for each input channel. A bias is added to a sum. How"
    " many sums are there at each position?"
)

layer_costs = Group(
    "The four costs of a layer",
    {
        "parameters": {
            parameters: CORRECT,
            weights: mistakes.forgot_biases,
            activations: mistakes.activations_for_parameters,
            parameters * area: mistakes.multiplied_by_positions,
            weights + c_in: ONE_BIAS_FOR_EACH_INPUT,
            c_in * c * (k * k + 1): "You took a bias for each kernel. An"
            " output channel sums over its kernels, and adds one bias.",
            c * (k * k + 1): mistakes.forgot_input_channels,
        },
        "macs": {
            macs: CORRECT,
            2 * macs: mistakes.flops_for_macs,
            k**2 * c**2 * area: mistakes.counted_depth_twice,
            weights * activations: mistakes.counted_depth_twice,
            weights * h * w: mistakes.took_input_positions,
            parameters * area: mistakes.counted_biases_as_macs,
            weights: mistakes.weights_for_macs,
            k**2 * c * area: mistakes.forgot_input_channels,
            k**2 * c_in * area: mistakes.forgot_output_channels,
        },
        "flops": {
            2 * macs: CORRECT,
            macs: mistakes.macs_for_flops,
            4 * macs: "You doubled twice. Start from the MACs.",
            2 * parameters * area: mistakes.counted_biases_as_macs,
            macs / 2: "You divided where you should multiply. Which of the"
            " two is the larger unit?",
        },
        "activations": {
            activations: CORRECT,
            4 * activations: mistakes.bytes_for_numbers,
            area: mistakes.counted_one_map,
            c_in * h * w: mistakes.input_for_activations,
            c * h * w: "You left out the stride. At how many positions does"
            " the kernel stand?",
        },
    },
    {"c_in": 24, "c": 40, "k": 5, "s": 3, "p": 2, "h": 30, "w": 50},
    stated=(k, k, c_in, c, s, p, h, w),
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


def costs(parameters=parameters, macs=macs, activations=activations):
    """Return a function like the student's, maybe with formulas changed."""

    def count(c_in, c_out, k, s, p, h, w):
        layer = {"c_in": c_in, "c": c_out, "k": k, "s": s, "p": p}
        counts = parameters, macs, activations
        return tuple(count(**layer, h=h, w=w) for count in counts)

    return count


def sized(side):
    """Return such a function, for maps of another size."""
    area = side(h) * side(w)
    return costs(macs=weights * area, activations=c * area)


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
    costs(),
    layer_arguments,
    cases=8,
    mistakes={
        sized(lambda n: (n + 2 * p - k) / s + 1): mistakes.did_not_round.but(
            "The operator `//` divides and rounds down."
        ),
        sized(lambda n: 1 - (k - n - 2 * p) // s): mistakes.rounded_up,
        sized(lambda n: (n + 2 * p - k) // s): mistakes.counted_steps,
        sized(lambda n: (n + p - k) // s + 1): mistakes.padded_one_side,
        sized(lambda n: positions(n, k, s, 0)): mistakes.forgot_padding,
        sized(lambda n: n): "You took the size of the input for that of the"
        " output. Work out the height and the width of the output first.",
        sized(lambda n: positions(h, k, s, p)): "Your function works for"
        " square images only. Height and width each have a size of their own.",
        costs(parameters=weights): mistakes.forgot_biases,
        costs(parameters=weights + c_in): ONE_BIAS_FOR_EACH_INPUT,
        costs(parameters=k * c_in * c + c): mistakes.forgot_to_square,
        costs(macs=parameters * area): mistakes.counted_biases_as_macs,
        costs(macs=2 * macs): mistakes.flops_for_macs,
        costs(macs=c * c * k * k * area): mistakes.counted_depth_twice,
        costs(activations=4 * activations): mistakes.bytes_for_numbers,
        costs(activations=c_in * h * w): mistakes.input_for_activations,
        costs(activations=area): mistakes.counted_one_map,
    },
    hints=[
        "Start with two lines for the height and the width of the output.",
        "Do what you did in the task before, with letters for the numbers, and"
        " return parameters, MACs and activations in this order.",
    ],
)

# --- Shared weights --------------------------------------------------------

shared_weights = Group(
    "Without sharing",
    {
        "unshared": {
            n * n * parameters: CORRECT,
            parameters: "This is the layer that shares its weights. Here"
            " every position has its own kernels.",
            n * n * weights: mistakes.forgot_biases.but(
                "They are not shared either."
            ),
            n * n * weights + c: "Your biases are still shared. Every"
            " position has its own biases.",
            n * n * (k * k * c_in + 1): mistakes.forgot_output_channels,
        },
        "full": {
            (c_in * n * n + 1) * c * n * n: CORRECT,
            c_in * n * n * c * n * n: mistakes.forgot_biases.but(
                "There is one for each output."
            ),
            (c_in * n * n + 1) * c: "Your layer makes one number for each"
            " channel. It should make as many numbers as the maps have.",
            (c_in * n * n + 1) * n * n: "Your layer makes a single map. How"
            " many maps does the convolution make?",
            (n * n + 1) * c * n * n: "Your layer reads one input channel. It"
            " should read the whole image.",
        },
        "macs_factor": {
            1: CORRECT,
            n * n: "This is how much the weights grow. How many products does"
            " one output value take, with and without sharing?",
            1 / (n * n): "You turned the ratio of the weights around. How"
            " many products does one output value take, with and without"
            " sharing?",
            n * n / (k * k): "This compares a fully connected layer with a"
            " convolution. The unshared layer still looks at k×k pixels.",
        },
    },
    {"c_in": 3, "c": 8, "k": 5, "n": 24},
    stated=(k, k, k // 2, c_in, n, n, c, n, n, 2, k, k, 2),
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
        " products. Count what happens, not what is stored.",
        "c": "You mixed up the two costs. Which is stored, and which is done"
        " anew in each call?",
        "d": "Each call has its own input, and the backward pass needs every"
        " one of them. What can three calls have in common?",
    },
    hints=[
        "What do the three calls have in common, and what differs?",
        "The weights are the same tensor. The maps are not.",
    ],
)

# --- Grouped convolution ---------------------------------------------------


group_weights = k * k * (c_in // g) * c

grouped_costs = Group(
    "What groups save",
    {
        "parameters": {
            group_weights + c: CORRECT,
            c * (k * k * c_in + 1): mistakes.forgot_groups,
            k * k * (c_in // g) * (c // g) + c: mistakes.counted_one_group,
            c * (k * k * c_in + 1) / g: "You divided the biases too. There is"
            " still one for each output channel.",
            group_weights: mistakes.forgot_biases,
            c * (k * k * g + 1): "You took the number of groups for the"
            " channels of one. How many input channels are in a group?",
        },
        "macs": {
            group_weights * n * n: CORRECT,
            k * k * c_in * c * n * n: mistakes.forgot_groups,
            2 * (group_weights * n * n): mistakes.flops_for_macs,
            group_weights // g * n * n: mistakes.counted_one_group,
            (group_weights + c) * n * n: mistakes.counted_biases_as_macs,
        },
        "activations": {
            c * n * n: CORRECT,
            c // g * n * n: mistakes.counted_one_group,
            c_in * n * n: mistakes.input_for_activations,
            4 * (c * n * n): mistakes.bytes_for_numbers,
        },
    },
    {"c_in": 48, "c": 96, "k": 3, "g": 6, "n": 17},
    stated=(c_in, c, k, 1, g, c_in, g, c, n, n),
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


def in_groups(X: Tensor, W: Tensor, b: Tensor | None, groups: int) -> Tensor:
    return F.conv2d(X, W, b, groups=groups)


def interleaved(X, W, b, groups):
    parts = [X[:, g::groups] for g in range(groups)]
    return in_groups(torch.cat(parts, dim=1), W, b, groups)


def chunks(*case):
    return in_groups(*case).chunk(case[-1], dim=1)


def group_arguments(draw: Draw) -> dict:
    groups, c_in, c_out = (draw.integer(2, 4) for _ in range(3))
    k = draw.integer(1, 3)
    return {
        "X": draw.tensor(draw.batch(), groups * c_in, 6, 5),
        "W": draw.tensor(groups * c_out, c_in, k, k),
        "b": draw.tensor(groups * c_out),
        "groups": groups,
    }


grouped_conv = Function(
    "Groups by hand",
    in_groups,
    group_arguments,
    banned=["conv*(groups=…)"],
    mistakes={
        lambda X, W, b, g: in_groups(X, W, None, g): mistakes.forgot_biases,
        interleaved: "The channels of your groups are not neighbours. A group"
        " is a run of neighbouring channels.",
        lambda *case: torch.stack(chunks(*case), dim=2).flatten(
            1, 2
        ): "Your output channels are mixed. The outputs of the groups follow"
        " one another.",
        lambda *case: sum(chunks(*case)): "You added up the outputs of the"
        " groups. Each group makes its own output channels.",
        lambda *case: torch.stack(chunks(*case)): "Your groups are on an axis"
        " of their own. Which function joins tensors along an axis that they"
        " already have?",
        lambda *case: torch.cat(chunks(*case)): "You joined the groups along"
        " the batch axis. Which axis holds the channels?",
    },
    hints=[
        "`X.chunk(groups, dim=1)` cuts the channels into groups. What else"
        " must be cut?",
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
        "e": "A larger kernel sees more pixels, but no more channels. What"
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

NOT_ONE_SIDE = (
    " There is a weight for each pair of an input and an output channel."
)

doubling = Group(
    "Twice as much of everything",
    {
        "channels_weights": {
            4: CORRECT,
            2: "You doubled one side only." + NOT_ONE_SIDE,
            1: "The weights do depend on the channels." + NOT_ONE_SIDE,
            8: "You doubled once too often." + NOT_ONE_SIDE,
        },
        "channels_activations": {
            2: CORRECT,
            4: "A layer does not write its input channels. Activations are"
            " counted at the output.",
            1: "The layer writes more maps than before. How many more?",
        },
        "sides_weights": {
            1: CORRECT,
            4: "You let the weights grow with the map. Are there weights for"
            " each position?",
            2: "You let the weights grow with a side of the map. Are there"
            " weights for each position?",
        },
        "sides_macs": {
            4: CORRECT,
            2: "You doubled one side only. Height and width both grow.",
            1: mistakes.weights_for_macs,
            16: "You let the weights grow with the map. Only the number of"
            " positions changes.",
        },
        "padding_macs": part(
            {
                (n + 2) ** 2 / n**2: CORRECT,
                1: "The output is larger than before. At how many positions"
                " does the kernel stand now?",
                4: "You doubled the map. By how many pixels does a side grow"
                " if the padding goes from one pixel to two?",
                2: "The padding doubles, but the work does not. At how many"
                " positions does the kernel stand now?",
                (n + 2) / n: "You let one axis grow. Padding is added to rows"
                " and to columns.",
                (n + 1) ** 2 / n**2: mistakes.padded_one_side,
                (n + 4) ** 2 / n**2: "You compared the padded input with the"
                " map. MACs go with the size of the output.",
            },
            tolerance=1e-3,
            decimals=2,
        ),
    },
    {"n": 14},
    stated=(3, 3, 1, 1, n, n, 1, 2),
    vary={"n": (7, 8, 10, 12, 16)},
    hints=[
        "Write the cost as a product, and see how often the doubled quantity"
        " appears in it.",
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

a, b, classes = symbols("a b classes")
first = 9 * a * n * n
second = 9 * a * b * (n * n // 4)
third = b * (n * n // 4) * classes
forward = first + second + third
step = 3 * forward - first
biases = a + b + classes
net_parameters = 9 * a + 9 * a * b + b * n * n // 4 * classes + biases

step_macs = Number(
    "MACs of a training step",
    step,
    NET,
    stated=(3, n, n, classes, 2, 3, 3, a, b, 2),
    vary=NETS,
    mistakes={
        forward: "This is the forward pass. A training step runs backwards as"
        " well.",
        3 * forward: "You computed a gradient of the image. Which gradient"
        " does nobody need in the first layer?",
        2 * forward: "You counted one gradient for each layer. On the way"
        " back, a layer computes the gradient of its weights and that of its"
        " input.",
        step - forward: "This is the backward pass alone. A step has a"
        " forward pass too.",
        2 * step: mistakes.flops_for_macs,
        3 * forward - third: "You left out a gradient of the last layer. The"
        " layer before it needs the gradient of its input.",
    },
    hints=[
        "Count the forward pass of each of the three layers. Then ask which"
        " gradients each must compute.",
        "Each gradient, of the weights or of the input, costs as much as the"
        " forward pass of its layer. One layer's input is the image.",
    ],
)

worst_moment = apply(max, n * n * (1 + a), n * n * a + b * n * n // 4)
kept = n * n * (1 + a) + b * n * n // 4
adam_state = 16 * net_parameters


def batch(state, per_image):
    return state // per_image + 1


training_memory = Group(
    "Memory of inference and training",
    {
        "inference": {
            4 * worst_moment: CORRECT,
            worst_moment: mistakes.numbers_for_bytes,
            4 * a * n * n: mistakes.counted_one_stack,
            4 * (1 + a) * n * n: mistakes.took_another_moment,
            4 * kept: mistakes.kept_everything,
            4 * net_parameters: mistakes.parameters_for_maps,
        },
        "training": {
            4 * kept: CORRECT,
            kept: mistakes.numbers_for_bytes,
            4 * (kept - n**2): mistakes.forgot_to_keep_input,
            4 * (2 * kept - n**2): mistakes.kept_before_relus,
            4 * (kept + b * n**2 // 4): "You counted what the second ReLU"
            " writes twice. Flattened, it is the input of the linear layer,"
            " in the same memory.",
            4 * (kept + classes): "You kept the scores too. No layer needs"
            " its own scores again.",
        },
        "adam": {
            adam_state: CORRECT,
            4 * net_parameters: "This is four bytes for each parameter, and"
            " training keeps more. Which numbers does it keep for each"
            " parameter, and how many bytes does each take?",
            8 * net_parameters: "You left out what Adam keeps. It has two"
            " running means for each parameter.",
            12 * net_parameters: "One number for each parameter is missing."
            " There are the parameter, its gradient and two running means.",
            adam_state - 16 * biases: mistakes.forgot_biases.but(
                "Biases are parameters too."
            ),
        },
        "batch": {
            batch(adam_state, 4 * kept): CORRECT,
            batch(adam_state, 4 * kept) - 1: "With this batch the activations"
            " still take less. The quotient lies between two whole numbers.",
            adam_state / (4 * kept): "A batch has a whole number of images."
            " Which is the first number that is large enough?",
            batch(4 * net_parameters, 4 * kept): "You compared with the"
            " parameters alone. Their gradients and Adam's numbers count too.",
            batch(adam_state, kept): "You compared bytes with numbers. How"
            " many bytes do the activations of one image take?",
        },
    },
    NET,
    stated=(3, n, n, classes, 2, 3, 3, a, b, 2, 2),
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
    "b": 2 * macs,
    "c": macs + activations,
    "d": 2 * macs + activations,
    "e": parameters,
}
REPORTS = {"A": "b", "B": "c", "C": "a", "D": "d"}


def fault_of_units(units):
    if not isinstance(units, dict):
        return "Give a dictionary with the keys A, B, C and D."
    chosen = {}
    for tool in REPORTS:
        if guard.is_blank(letter := units.get(tool)):
            return f"{tool}: there is no letter yet."
        read = letter.strip(" ().").lower() if isinstance(letter, str) else ""
        if read not in UNITS:
            given = guard.show(letter)
            return f"{tool}: {given} is not one of the letters a to e."
        chosen[tool] = read
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
        "Work out by hand how many MACs this layer takes, and compare the"
        " reports with that.",
        "One report equals your MACs, and one is twice that. The other two are"
        " larger by the same amount. What does the layer have that many of?",
    ],
    when_correct="A count without its unit is not a count.",
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


(width,) = symbols("width")

wider = Number(
    "Smaller maps, more channels",
    same_macs,
    {"width": 12},
    stated=(3, 3, 3, 2, 28, 28, 14, 14, width),
    vary={"width": (8, 10, 14, 16, 18, 20)},
    mistakes={
        4 * width: "You let the MACs grow with the width. If input and output"
        " channels double, how many weights does a layer have?",
        width: "This is the width that the network had. On smaller maps it"
        " takes fewer MACs.",
        apply(round, width * 2**0.5): "You removed half of the positions."
        " Both sides are halved.",
        width // 2: "You made the network narrower. On smaller maps there are"
        " MACs to spare.",
    },
    hints=[
        "What share of the positions is left? So how many times as many"
        " weights may there be?",
        "Nearly all weights are in layers whose input and output channels"
        " both grow with the width.",
    ],
)


def same_width(nets, _):
    """Say if the network named after its channels does not have more."""
    large_maps, many_channels = (
        sum(p.numel() for p in nets[key].parameters())
        for key in ("large maps", "many channels")
    )
    if many_channels <= large_maps:
        return (
            "The network under the key 'many channels' has no more parameters"
            " than the other. Which `width` does each have, and which is"
            " which?"
        )
    return None


runs = Results(
    "Two networks, one budget",
    ("large maps", "many channels"),
    mixed_up=same_width,
    measure=each_on_held_out,
    foretold={"best": best_of, "by": lead_of_best},
    hints=[
        "`conv_net(width, halve)` builds both networks. Train each of them"
        " from scratch.",
        "For each: set the seed, build, make a `Trainer` with `max_steps`,"
        " fit, and keep the history's `test_accuracy` under its key.",
    ],
    when_correct="One run each. Which differences would survive another seed?",
)

progress, variant = notebook(__name__)
