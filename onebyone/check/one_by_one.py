"""Checks of the exercises *1×1 convolution*."""

import torch
from torch import Tensor, nn
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
    Shape,
    apply,
    guard,
    held_out_accuracy,
    mistakes,
    notebook,
    part,
    require_function,
    symbols,
)

a, b, c, c_in, r, k, s, n, h, w = symbols("a b c c_in r k s n h w")

# --- Grey ------------------------------------------------------------------


def to_grey_right(X: Tensor, weights: Tensor) -> Tensor:
    return F.conv2d(X, weights.reshape(1, 3, 1, 1))


def grey_of_last_axis(X, weights):
    return (X[..., :3] * weights).sum(dim=-1, keepdim=True)


def grey_of_rows(X, weights):
    return (X[:, :, :3] * weights[:, None]).sum(dim=2, keepdim=True)


to_grey = Function(
    "Colour to grey",
    to_grey_right,
    lambda draw: {
        "X": draw.tensor(draw.batch(), 3, 3, draw.integer(4, 7)),
        "weights": draw.tensor(3),
    },
    mistakes={
        lambda X, weights: X.mean(dim=1, keepdim=True): "You took the mean of"
        " the three channels. Each channel counts with its own weight.",
        lambda X, weights: to_grey_right(X, weights)[:, 0]: "The channel axis"
        " is gone. A batch of grey images still has four axes, and its"
        " channel axis has length one.",
        lambda X, weights: to_grey_right(X, weights.flip(0)): "Red and blue"
        " are swapped. The first weight belongs to the first channel.",
        lambda X, weights: X * weights.reshape(1, 3, 1, 1): "You weighted the"
        " channels but did not add them up. How many channels does a grey"
        " image have?",
        lambda X, w: to_grey_right(X, w) / w.sum(): "You divided by the sum"
        " of the weights. The weights may be used as they are.",
        grey_of_last_axis: "You summed over the last axis, which is the"
        " width. The layout is (B, C, H, W).",
        grey_of_rows: "You summed over the rows of the image. The layout is"
        " (B, C, H, W).",
        lambda *case: to_grey_right(*case).mT: mistakes.swapped_sides,
    },
    hints=[
        "This is a 1×1 convolution with three inputs and one output. Which"
        " shape does `F.conv2d` want for its weights?",
        "Either reshape the weights so that `F.conv2d` takes them, or multiply"
        " and sum over the channel axis, which must stay, with length one.",
    ],
)

# --- A matrix product ------------------------------------------------------


def as_conv2d(X: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    return F.conv2d(X, W[:, :, None, None], b)


def rows_reshaped(X, W, b):
    """Lines up memory and not pixels."""
    (B, C, H, V), out = X.shape, len(W)
    return (X.reshape(B * H * V, C) @ W.T + b).reshape(B, out, H, V)


def reshaped_back(X, W, b):
    """Right up to the last step."""
    Y = X.permute(0, 2, 3, 1) @ W.T + b
    return Y.reshape(len(X), len(W), *X.shape[2:])


def batch_behind(X, W, b):
    (B, C, H, V), out = X.shape, len(W)
    Y = W @ X.transpose(0, 1).reshape(C, -1) + b[:, None]
    return Y.reshape(B, out, H, V)


def pixels_and_matrix(draw: Draw) -> dict:
    c_in, c_out = draw.integer(2, 4), draw.integer(5, 7)
    return {
        "X": draw.tensor(draw.batch(), c_in, draw.integer(4, 6), 3),
        "W": draw.tensor(c_out, c_in),
        "b": draw.tensor(c_out),
    }


conv1x1 = Function(
    "A 1×1 convolution as a matrix product",
    as_conv2d,
    pixels_and_matrix,
    banned=["conv[123]d", "conv_*", "convolution", "*linear", "*fold"],
    mistakes={
        lambda X, W, b: as_conv2d(X, W, None): mistakes.forgot_biases,
        rows_reshaped: "Your rows are not pixels. `reshape` takes the numbers"
        " as they lie in memory. The channels must come first or last before"
        " you line up pixels.",
        reshaped_back: "Your product is right, but the way back is not. Axes"
        " that `permute` has moved must be moved back; `reshape` moves"
        " nothing.",
        batch_behind: "The images of the batch are mixed. After the product"
        " the channels come before the batch. `reshape` does not swap them.",
        lambda *case: as_conv2d(*case).movedim(1, 3): mistakes.channels_last,
        lambda *case: as_conv2d(*case).mT: mistakes.swapped_sides,
        lambda X, W, b: as_conv2d(X, W, b).flatten(2): "Your pixels are still"
        " in one line. Give the map its height and width back.",
    },
    hints=[
        "Line the pixels up: `X.flatten(2)` has the shape (B, C_in, H·W). On"
        " which side of it is W?",
        "`W @ X.flatten(2)` is a product for each image. Then the bias, as a"
        " column, and the shape of a map.",
    ],
    when_correct="On a GPU this is how a library computes it, too.",
)

# --- A linear layer at every pixel -----------------------------------------


pixel_rows = Shape(
    "What `nn.Linear` wants",
    (b, h, w, c),
    {"b": 8, "c": 64, "h": 20, "w": 30},
    stated=(b, c, h, w, c, 16),
    vary={
        "b": (4, 16, 32),
        "c": (48, 96, 128),
        "h": (10, 14, 24),
        "w": (12, 18, 28),
    },
    mistakes={
        (b, w, h, c): mistakes.swapped_sides.but(
            "The tensor is (B, C, H, W), and its other axes keep their order."
        ),
        (b, c, h, w): "This is the tensor as it was. `nn.Linear` works on the"
        " last axis. Which axis should be there?",
        (b, c * h * w): "This is a flattened image. The layer should see one"
        " pixel at a time.",
        (c, b, h, w): "You put the channels first. `nn.Linear` works on the"
        " last axis.",
    },
    axes=("batch", "height", "width", "channels"),
    hints=[
        "`nn.Linear(in, out)` takes the last axis as the features.",
        "The features of a pixel are its channels. The other axes keep their"
        " order.",
    ],
)


def fault_of_copy(as_conv):
    require_function(as_conv)
    for c_in, c_out in ((3, 5), (4, 2)):
        linear = nn.Linear(c_in, c_out, dtype=torch.float64)
        before = [p.detach().clone() for p in linear.parameters()]
        conv = guard.outcome(as_conv, linear)
        if isinstance(conv, guard.Raised):
            return f"For nn.Linear({c_in}, {c_out}) your function {conv}"
        if not isinstance(conv, nn.Conv2d):
            return f"It returns {guard.show(conv)}, not an `nn.Conv2d`."
        if any(map(differ, before, linear.parameters())):
            return "Your function changes the linear layer that it is given."
        if not all(p.requires_grad for p in linear.parameters()):
            return "Your function freezes the linear layer that it is given."
        if (conv.in_channels, conv.out_channels) != (c_in, c_out):
            return (
                f"For {c_in} inputs and {c_out} outputs your convolution has"
                f" {conv.in_channels} and {conv.out_channels}."
            )
        if conv.kernel_size != (1, 1):
            return f"Its kernel has the size {conv.kernel_size}."
        if conv.weight.is_meta:
            return (
                "Its weights are on the device `meta`, where they have no"
                " values."
            )
        if conv.weight.dtype not in (torch.float32, torch.float64):
            return (
                f"Its weights are of {conv.weight.dtype}, with fewer digits"
                " than those of the linear layer."
            )
        if fault := fault_of_values(conv.double(), linear):
            return fault


def differ(one, other):
    return one.shape != other.shape or not torch.equal(one, other)


def fault_of_values(conv, linear):
    if conv.weight.shape != (*linear.weight.shape, 1, 1):
        return (
            f"Its weight is {guard.show(conv.weight.detach())}, with which it"
            " cannot run. A 1×1 kernel has a height and a width, too."
        )
    X = torch.randn(2, linear.in_features, 4, 5, dtype=torch.float64)
    wanted = linear(X.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    Y = guard.outcome(conv, X)
    if isinstance(Y, guard.Raised):
        return f"The convolution {Y}"
    if not isinstance(Y, Tensor) or Y.shape != wanted.shape:
        return (
            "Its maps have another size. A 1×1 needs neither padding nor"
            " stride."
        )
    if torch.allclose(Y, wanted, atol=1e-5):
        trained = [conv.weight, conv.bias]
        if all(getattr(p, "requires_grad", False) for p in trained):
            return None
        return "It is right, but it would not train: it is frozen."
    if conv.bias is None:
        return "Your convolution has no bias, but the linear layer has one."
    weight = torch.allclose(conv.weight.flatten(1), linear.weight, atol=1e-5)
    bias = torch.allclose(conv.bias, linear.bias, atol=1e-5)
    if weight and not bias:
        return "You copied the weights but not the bias."
    if bias and not weight:
        return (
            "You copied the bias, but the weights are not those of the linear"
            " layer, or they are in another order."
        )
    if weight and bias:
        return (
            "Weights and biases are copied, but something else changes what"
            " the convolution gives, such as a hook."
        )
    return (
        "Neither its weights nor its biases are those of the linear layer."
        " Copy both, as they are."
    )


as_conv = Custom(
    "A linear layer made a convolution",
    fault_of_copy,
    hints=[
        "A linear layer's weight has the shape (C_out, C_in). What is the"
        " shape of a 1×1 convolution's?",
        "Make the convolution with the linear layer's `in_features` and"
        " `out_features`; then, under `torch.no_grad()`, `copy_` the weight,"
        " with two more axes, and the bias.",
    ],
    when_correct="This is how a trained classifier is slid over a larger"
    " image.",
)

# --- What it costs ---------------------------------------------------------

wide = k * k * c_in * c
narrow = c_in * r + k * k * r * c

bottleneck = Group(
    "The bottleneck",
    {
        "weights": {
            narrow: CORRECT,
            k * k * r * c: mistakes.forgot_1x1,
            c_in * r: mistakes.counted_1x1_alone,
            k * k * r * (c_in + c): mistakes.enlarged_1x1,
            c_in * r + k * k * c_in * c: mistakes.reads_first_input,
            narrow + r + c: mistakes.counted_biases,
        },
        "macs": {
            narrow * n**2: CORRECT,
            2 * narrow * n**2: mistakes.flops_for_macs,
            k * k * r * c * n * n: mistakes.forgot_1x1,
            n * n * (c_in * r * r + k * k * r * c * c): (
                mistakes.counted_depth_twice
            ),
            wide * n**2: "These are the MACs without the bottleneck. Add up"
            " the two layers that replace it.",
            narrow * n: mistakes.counted_one_row,
        },
        "factor": part(
            {
                wide / narrow: CORRECT,
                k * k: "This compares the kernels. How many channels do the"
                " layers read and write?",
                c_in / r: mistakes.forgot_1x1,
                narrow / wide: mistakes.turned_around,
                k * k * c / r: mistakes.counted_1x1_alone,
                c_in * c / (r * (c_in + c)): mistakes.enlarged_1x1,
            },
            tolerance=1e-3,
            decimals=1,
        ),
    },
    {"c_in": 320, "r": 32, "c": 160, "k": 3, "n": 20},
    stated=(k, k, c_in, c, n, n, 1, 1, c_in, r, 2, k, k),
    vary={
        "c_in": (240, 256, 352, 480),
        "r": (16, 24, 40),
        "c": (64, 80, 128),
        "k": (3, 5),
        "n": (14, 16, 28),
    },
    hints=[
        "Two layers: the 1×1 makes few channels, and the large kernel reads"
        " them. Count each on its own.",
        "Weights are kernel positions times input channels times output"
        " channels. Divide the count of the single layer by the sum of the"
        " two.",
    ],
)

added_parameters = Number(
    "One layer more",
    c * (c + 1),
    {"c": 112, "n": 20},
    stated=(1, 1, 1, 1, c, c, c, n, n),
    vary={"c": (48, 80, 144, 160), "n": (10, 16, 24, 30)},
    mistakes={
        -c * (c + 1): "An additional layer does not take parameters away."
        " What saves parameters is what a narrow layer makes possible after"
        " it.",
        0: "A layer with weights adds parameters. How large is the matrix"
        " that it applies at every pixel?",
        c * c: mistakes.forgot_biases,
        c * n * n: mistakes.activations_for_parameters,
        2 * c: "You gave each channel a weight and a bias. A 1×1 convolution"
        " mixes every channel with every other.",
        c * (9 * c + 1): mistakes.enlarged_1x1,
    },
    hints=[
        "Is the layer free, does it save something, or does it cost"
        " something?",
        "At each pixel it is one matrix from all channels to all channels,"
        " and a bias for each; every pixel has the same.",
    ],
)

# --- Two in a row ----------------------------------------------------------


def folded(W1, b1, W2, b2):
    return W2 @ W1, W2 @ b1 + b2


def layers_to_fold(draw: Draw) -> dict:
    """Sometimes all of one size, where wrong products are possible too."""
    c_in, m, c_out = (draw.integer(2, 5) for _ in range(3))
    if draw.integer(0, 1):
        m = c_out = c_in
    return {
        "W1": draw.tensor(m, c_in),
        "b1": draw.tensor(m),
        "W2": draw.tensor(c_out, m),
        "b2": draw.tensor(c_out),
    }


fold = Function(
    "Fold two layers into one",
    folded,
    layers_to_fold,
    cases=10,
    mistakes={
        lambda W1, b1, W2, b2: (W1 @ W2, W2 @ b1 + b2): "Your matrices are in"
        " the wrong order. Which of them meets the pixel first?",
        lambda W1, b1, W2, b2: (W1 @ W2, W1 @ b2 + b1): "You applied the"
        " second layer first. The layer that meets the pixel first is on the"
        " right.",
        lambda W1, b1, W2, b2: (W1 @ W2, b1 + b2): "Your matrices are in the"
        " wrong order, and biases do not simply add up. Which layer meets the"
        " pixel first, and what does the other do with its bias?",
        lambda W1, b1, W2, b2: (W2 @ W1, b1 + b2): "You added the biases. The"
        " second layer multiplies whatever comes out of the first, its bias"
        " too.",
        lambda W1, b1, W2, b2: (W2 @ W1, b2): "The bias of the first layer is"
        " lost. What does the second layer do with it?",
        lambda W1, b1, W2, b2: (W2 @ W1, W2 @ b1): "The bias of the second"
        " layer is lost. It is added last, as it is.",
        lambda W1, b1, W2, b2: ((W2 @ W1).T, W2 @ b1 + b2): "Your weight"
        " matrix is transposed. It has a row for each output channel.",
        lambda W1, b1, W2, b2: (W2 + W1, b2 + b1): "You added the layers. One"
        " follows the other; they are not side by side.",
    },
    hints=[
        "Write the second layer's formula, and put the first layer's in the"
        " place of its input.",
        "Multiply out W2·(W1·x + b1) + b2, and collect what multiplies x and"
        " what does not depend on x.",
    ],
)

between = Choice(
    "When folding is possible",
    right="adf",
    wrong={
        "b": "A ReLU is not a linear map, so the pair is not a single matrix."
        " Which of these are linear?",
        "c": "The largest of several values does not depend on them linearly."
        " Which of these are linear?",
        "e": "In training, mean and standard deviation come from the batch,"
        " so one pixel's output depends on other pixels and other images."
        " What would have to be constant?",
    },
    missing="Folding is possible with more of these. For each: is it a fixed"
    " linear map at every pixel, for every input?",
    hints=[
        "Two layers fold if what is between them is, at each pixel, a fixed"
        " matrix and a fixed bias.",
        "Ask of each: are its numbers constants when the network runs, and"
        " does it obey f(x + y) = f(x) + f(y), up to a constant?",
    ],
)

middle = Group(
    "Through a narrow middle",
    {
        "pair": {
            r * (c_in + c): CORRECT,
            r * (c_in + c) + r + c: mistakes.counted_biases,
            c_in * c: "These are the weights of the folded layer. Count the"
            " two layers before they are folded.",
            c_in * r * r * c: mistakes.multiplied_layers,
        },
        "single": {
            c_in * c: CORRECT,
            r * (c_in + c): "These are the weights of the pair. The folded"
            " layer is one matrix. What is its shape?",
            c * (c_in + 1): mistakes.counted_biases,
            c_in * r * c: "The channels in the middle still count in your"
            " layer. After folding, what are its inputs and outputs?",
        },
        "rank": {
            apply(min, c_in, r, c): CORRECT,
            c_in: "You let all input channels through. Through how many"
            " channels does everything pass?",
            c: "The rank of a matrix is at most its smaller side. And through"
            " how many channels does everything pass?",
            2 * r: "You added the ranks of the two matrices. Through how many"
            " channels does everything pass?",
        },
    },
    {"c_in": 64, "r": 24, "c": 112},
    stated=(c_in, r, r, c),
    vary={
        "c_in": (48, 56, 72, 80),
        "r": (12, 16, 18, 20),
        "c": (88, 104, 120, 128),
    },
    hints=[
        "Write down the shapes of the two matrices and of their product.",
        "The rank of a product is at most the smallest number of channels on"
        " the way.",
    ],
)

# --- Composing larger kernels ----------------------------------------------

first, second, third = symbols("first second third")

composed_side = Number(
    "The size of composed kernels",
    first + second + third - 2,
    {"first": 5, "second": 4, "third": 1},
    stated=(first, first, second, second, third, third, 1),
    vary={"first": (5, 6, 7, 9), "second": (3, 4, 5)},
    mistakes={
        first + second + third: "You added the sizes. Two kernels in a row"
        " share a pixel.",
        first + second + third - 1: "You took off one pixel for three"
        " kernels. How many pixels does each kernel add to the first?",
        first * second * third: "You multiplied the sizes. By how many pixels"
        " does each further kernel widen the view?",
        apply(max, first, second, third): mistakes.took_largest_kernel,
        (first + second + third - 2) ** 2: "This is the area. The question is"
        " about the side.",
    },
    hints=[
        "Begin with one output pixel, and go backwards: how many pixels does"
        " it read, and how many do these read?",
        "A kernel of k pixels adds k − 1 to what is seen. What does the last"
        " of the three add?",
    ],
)


def composed(first: Tensor, second: Tensor) -> Tensor:
    k = len(second)
    return F.conv2d(
        first[None, None], second.flip(0, 1)[None, None], padding=k - 1
    )[0, 0]


def same_size(first, second):
    """The larger padding left out: the middle of the composed kernel."""
    return F.conv2d(first[None, None], second[None, None])[0, 0]


compose = Function(
    "Compose two kernels",
    composed,
    lambda draw: {
        "first": draw.tensor(*[draw.integer(3, 5)] * 2),
        "second": draw.tensor(*[draw.integer(2, 3)] * 2),
    },
    mistakes={
        lambda first, second: composed(
            first, second.flip(0, 1)
        ): "One of your kernels is not flipped. A convolution layer does not"
        " flip its kernel. Try kernels that are zero except for one pixel:"
        " where is the product?",
        same_size: "Your composed kernel is smaller than the first one. It"
        " must see what both see together. Which padding does that take?",
        lambda first, second: same_size(first, second.flip(0, 1)): "You cut"
        " off the border of the composed kernel. It must see what both see"
        " together. Which padding does that take?",
        lambda first, second: composed(first, second).flip(0, 1): "Your"
        " composed kernel is upside down. Which of your kernels did you flip"
        " once too often?",
        lambda first, second: composed(first, second).T: "Rows and columns"
        " are swapped. Which axis of a kernel is its height?",
        lambda first, second: composed(first, second)[None, None]: "You left"
        " two axes of length one in front. A kernel here has two axes, rows"
        " and columns.",
    },
    hints=[
        "A pixel of the first kernel and one of the second together shift by"
        " the sum of both shifts. So every product first[i, j]·second[u, v]"
        " is added to one place of the composed kernel.",
        "Start with zeros of the right size and add, for each (u, v),"
        " second[u, v]·first to a window of it. Where does that window begin?",
    ],
)

freedom = Group(
    "Two small kernels against a large one",
    {
        "weights": {
            2 * k * k: CORRECT,
            k * k: mistakes.counted_one_kernel,
            k**4: mistakes.multiplied_layers,
            (2 * k - 1) ** 2: "These are the weights of the large kernel."
            " Count the two small ones.",
        },
        "freedom": {
            2 * k * k - 1: CORRECT,
            2 * k * k: "You took the weights for degrees of freedom. What"
            " happens if you double the first kernel and halve the second?",
            2 * k * k - 2: "You took off one for each kernel. How many"
            " factors can be moved between the two without a change?",
            (2 * k - 1) ** 2: "Two small kernels cannot make every large one."
            " They have fewer numbers to choose than it has weights.",
            k * k: mistakes.counted_one_kernel,
        },
        "needed": {
            (2 * k - 1) ** 2: CORRECT,
            4 * k * k: "Your large kernel is a pixel too large. Two kernels"
            " in a row share a pixel.",
            2 * k - 1: "This is its side. It has as many weights as it has"
            " pixels.",
            2 * k * k: "These are the weights of the two small kernels. Count"
            " those of the single one.",
        },
    },
    {"k": 4},
    stated=(
        2,
        k,
        k,
        2 * k - 1,
        2 * k - 1,
        2 * k - 1,
        2 * k - 1,
        2,
        2 * k - 1,
        2 * k - 1,
    ),
    vary={"k": (3, 5, 6, 7)},
    hints=[
        "Count the weights of both, and those of the kernel that they"
        " compose.",
        "Multiply the first kernel by a number and divide the second by it:"
        " what changes? So how many of the weights make no difference?",
    ],
)

# --- What it cannot do -----------------------------------------------------

can_do = Choice(
    "What a single 1×1 convolution can do",
    right="adf",
    wrong={
        "b": "A shift takes a value from a neighbour, and a 1×1 sees none."
        " Which of these look at one pixel alone?",
        "c": "A blur mixes neighbours, and a 1×1 sees none. Which of these"
        " look at one pixel alone?",
        "e": "It sees one pixel alone, and that is enough here; but exclusive"
        " or is not linear. What would there have to be between two layers?",
    },
    missing="There is more that it can do. For each: does it look at one"
    " pixel alone, and is it linear there, up to a bias?",
    hints=[
        "Two questions for each: does a pixel's output depend on this pixel"
        " alone, and is it a weighted sum of the channels plus a constant?",
        "Write the matrix and the bias for those that seem possible.",
    ],
)

field = a + b - 1 + s * (c - 1)

receptive_field = Number(
    "How far it sees",
    field,
    {"a": 3, "b": 3, "c": 5, "s": 3},
    stated=(5, a, a, 1, 1, b, b, s, 1, 1, c, c, 1),
    vary={"a": (3, 5, 7), "b": (3, 5), "c": (3, 5, 7), "s": (3, 4)},
    mistakes={
        a + b + c + 2: "You added up the kernels. The first gives its size."
        " By how much does each of the others widen the view, and the 1×1"
        " among them?",
        a + b + c - 2: "You left out the stride. After it, neighbouring"
        " pixels of the map are farther apart in the image.",
        a + s * (b - 1) + s * (c - 1): "You let the stride act in its own"
        " layer. It widens the steps of later layers only.",
        field + 2: "Your 1×1 convolutions widen the view. How many neighbours"
        " does a 1×1 see?",
        apply(max, a, b, c): mistakes.took_largest_kernel,
        field**2: "This is the area. The question is about the side.",
    },
    hints=[
        "Begin with one output pixel and go backwards, layer by layer. How"
        " many pixels on one axis does it read?",
        "Each kernel adds k − 1 pixels, measured in steps of all strides"
        " before it. A 1×1 adds k − 1 too.",
    ],
)

# --- The experiment --------------------------------------------------------


def fault_of_runs(runs):
    if abs(runs["1×1"] - runs["1×1 shuffled"]) > 0.1:
        return (
            "Your two networks of 1×1 convolutions differ a lot. Do both start"
            " from the same seed, and are the held-out images shuffled like"
            " the training images?"
        )
    if runs["5×5"] == runs["5×5 shuffled"]:
        return (
            "Both accuracies with a 5×5 are the same. Did the second network"
            " get the shuffled images?"
        )


def measured_runs(nets, data, shuffled):
    return {
        key: held_out_accuracy(net, shuffled if "shuffled" in key else data)
        for key, net in nets.items()
    }


def other_kernels(nets, _):
    """Say if a first kernel is not the one that its key names."""
    for key, net in nets.items():
        convs = (m for m in net.modules() if isinstance(m, nn.Conv2d))
        if (first := next(convs, None)) is None:
            return f"The network under the key {key!r} has no convolution."
        if (first.kernel_size == (1, 1)) != key.startswith("1"):
            return (
                f"The network under the key {key!r} begins with a kernel of"
                f" the size {first.kernel_size}."
            )
    return None


runs = Results(
    "Shuffled pixels",
    ("1×1", "1×1 shuffled", "5×5", "5×5 shuffled"),
    mixed_up=other_kernels,
    trained=["5×5"],
    fault=fault_of_runs,
    measure=measured_runs,
    foretold={
        "lost_with_1x1": lambda t: t["1×1"] - t["1×1 shuffled"],
        "lost_with_5x5": lambda t: t["5×5"] - t["5×5 shuffled"],
    },
    hints=[
        "Four runs: two networks, each on the images as they are and on the"
        " shuffled ones. Train a fresh network in each.",
        "In a loop over first kernels and data sets: set the seed, build"
        " `pixel_net(first_kernel)`, make a `Trainer` with `max_steps`, fit,"
        " and keep the history's `test_accuracy`.",
    ],
    when_correct="A network of 1×1 convolutions and global pooling sees a bag"
    " of pixels.",
)

progress, variant = notebook(__name__)
