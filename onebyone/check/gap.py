"""Checks of the exercises *Global average pooling*."""

import math

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.check.engine import guard
from onebyone.check.engine.code import Array, Function, Module
from onebyone.check.engine.tasks import (
    Choice,
    Custom,
    Group,
    Mistake,
    Number,
    Shape,
    notebook,
)

# --- Two heads -------------------------------------------------------------

HEAD = {"c": 128, "n": 6, "classes": 47}
HEADS = {
    "c": (64, 96, 160, 192, 256),
    "n": (4, 5, 7, 8, 9),
    "classes": (10, 20, 37, 62, 100),
}

head_parameters = Group(
    "Parameters of two heads",
    {
        "flatten": Number(
            "flatten",
            lambda c, n, classes: classes * (c * n * n + 1),
            mistakes=[
                Mistake(
                    lambda c, n, classes: classes * c * n * n,
                    "You left out the biases.",
                    "A linear layer has one for each output.",
                ),
                Mistake(
                    lambda c, n, classes: classes * (c + 1),
                    "You gave the linear layer one input for each map.",
                    "Flattening keeps every pixel of every map.",
                ),
                Mistake(
                    lambda c, n, classes: classes * (c * n + 1),
                    "You counted one side of the maps.",
                    "They have a height and a width.",
                ),
                Mistake(
                    lambda c, n, classes: c * n * n * (classes + 1),
                    "You gave every input a bias.",
                    "The biases belong to the outputs.",
                ),
                Mistake(
                    lambda c, n, classes: c * n * n,
                    "This is the number of inputs.",
                    "Each of them is connected to every output.",
                ),
            ],
        ),
        "average": Number(
            "average",
            lambda c, n, classes: classes * (c + 1),
            mistakes=[
                Mistake(
                    lambda c, n, classes: classes * c,
                    "You left out the biases.",
                    "A linear layer has one for each output.",
                ),
                Mistake(
                    lambda c, n, classes: classes * (c * n * n + 1),
                    "You connected the linear layer to every pixel.",
                    "How many numbers does a map leave behind the average?",
                ),
                Mistake(
                    lambda c, n, classes: classes * (c + 1) + c * n * n,
                    "You gave the average parameters of its own.",
                    "Its weights are fixed; nobody trains them.",
                ),
                Mistake(
                    lambda c, n, classes: 0,
                    "The average has no parameters, the linear layer has.",
                    "Count the layer behind it.",
                ),
            ],
        ),
    },
    HEAD,
    vary=HEADS,
    hints=[
        "A linear layer has a weight for each pair of an input and an output,"
        " and a bias for each output. Only the inputs differ.",
        "Flattening makes a number of every pixel of every map, the average"
        " one number of every map. Count the inputs, then the parameters.",
    ],
)

head_macs = Group(
    "MACs of two orders",
    {
        "average_first": Number(
            "average_first",
            lambda c, n, classes: c * classes,
            mistakes=[
                Mistake(
                    lambda c, n, classes: c * classes * n * n,
                    "You let the linear layer work at every place.",
                    "How many places are left behind the average?",
                ),
                Mistake(
                    lambda c, n, classes: 2 * c * classes,
                    "These are FLOPs.",
                    "A multiply-accumulate is two of them.",
                ),
                Mistake(
                    lambda c, n, classes: (c + 1) * classes,
                    "You counted the biases.",
                    "By convention, adding a bias is no MAC.",
                ),
                Mistake(
                    lambda c, n, classes: c * n * n + c * classes,
                    "You counted the additions of the average.",
                    "Without a multiplication they are no MACs.",
                ),
            ],
        ),
        "average_last": Number(
            "average_last",
            lambda c, n, classes: c * classes * n * n,
            mistakes=[
                Mistake(
                    lambda c, n, classes: c * classes,
                    "You let the 1×1 convolution work at a single place.",
                    "Now it stands in front of the average.",
                ),
                Mistake(
                    lambda c, n, classes: 2 * c * classes * n * n,
                    "These are FLOPs.",
                    "A multiply-accumulate is two of them.",
                ),
                Mistake(
                    lambda c, n, classes: (c + 1) * classes * n * n,
                    "You counted the biases.",
                    "By convention, adding a bias is no MAC.",
                ),
                Mistake(
                    lambda c, n, classes: (c + 1) * classes * n * n + classes,
                    "You counted biases and the division of the average.",
                    "Only the convolution multiplies by weights.",
                ),
                Mistake(
                    lambda c, n, classes: c * classes * n,
                    "You counted one row of places.",
                    "The maps have a height and a width.",
                ),
            ],
        ),
    },
    HEAD,
    vary=HEADS,
    hints=[
        "Each weight is used once at each place where its layer works.",
        "The two orders have the same weights. Behind the average there is"
        " one place; how many are there in front of it?",
    ],
    when_correct="The same function, and the dearer order shows you class"
    " maps.",
)

# --- Write it --------------------------------------------------------------


def maps_of_any_size(draw):
    channels, height = draw.integer(4, 6), draw.integer(2, 5)
    width = height + draw.integer(2, 3)
    return {"X": draw.tensor(draw.integer(2, 3), channels, height, width)}


global_average = Function(
    "Write global average pooling",
    lambda X: X.mean(dim=(2, 3)),
    maps_of_any_size,
    mistakes=[
        Mistake(
            lambda X: X.amax(dim=(2, 3)),
            "This is global max pooling.",
            "Every pixel has its share in an average.",
        ),
        Mistake(
            lambda X: X.sum(dim=(2, 3)),
            "This is the sum of each map.",
            "By what must it be divided?",
        ),
        Mistake(
            lambda X: X.mean(dim=(2, 3), keepdim=True),
            "The averages are right, but height and width are still there,"
            " with size one.",
            "The result has the shape (B, C).",
        ),
        Mistake(
            lambda X: X.mean(dim=1),
            "You averaged over the channels.",
            "The layout is (B, C, H, W): which axes are the places?",
        ),
        Mistake(
            lambda X: X.mean(dim=(1, 2)),
            "You averaged as if the channels came last.",
            "The layout is (B, C, H, W): which axes are the places?",
        ),
        Mistake(
            lambda X: X.mean(dim=(0, 2, 3)),
            "You averaged over the images of the batch as well.",
            "Each image has averages of its own.",
        ),
        Mistake(
            lambda X: X.mean(),
            "You averaged over everything.",
            "Each map of each image has an average of its own.",
        ),
        Mistake(
            lambda X: X.mean(dim=3),
            "You averaged the rows, one by one.",
            "A place has two axes, and both must go.",
        ),
        Mistake(
            lambda X: F.avg_pool2d(X, 2).flatten(1),
            "Your window has 2×2 pixels.",
            "Global means the whole map, whatever its size.",
        ),
        Mistake(
            lambda X: X.sum(dim=(2, 3)) / X.shape[2] ** 2,
            "You divide by the square of the height.",
            "Maps need not be square.",
        ),
    ],
    hints=[
        "X has the axes (B, C, H, W). Which of them shall go?",
        "`Tensor.mean` takes a tuple of axes as `dim`.",
    ],
)


def head_of(*between, pool=nn.AdaptiveAvgPool2d, bias=True, behind=()):
    def build(channels, num_classes):
        linear = nn.Linear(channels, num_classes, bias=bias)
        return nn.Sequential(pool(1), nn.Flatten(), *between, linear, *behind)

    return build


class SumPool(nn.Module):
    def __init__(self, *_):
        super().__init__()

    def forward(self, X):
        return X.sum(dim=(2, 3), keepdim=True)


gap_head = Module(
    "A head with global average pooling",
    head_of(),
    cases=[((6, 4), (3, 6, 5, 7)), ((3, 5), (2, 3, 4, 4))],
    mistakes=[
        Mistake(
            head_of(pool=nn.AdaptiveMaxPool2d),
            "This is global max pooling.",
            "Shapes and parameters are the same; the numbers are not.",
        ),
        Mistake(
            head_of(pool=SumPool),
            "You summed over the places.",
            "An average divides by their number.",
        ),
        Mistake(
            head_of(behind=[nn.Softmax(dim=1)]),
            "There is a softmax behind the scores.",
            "`CrossEntropyLoss` already contains it and expects logits.",
        ),
        Mistake(
            head_of(behind=[nn.ReLU()]),
            "There is a ReLU behind the scores.",
            "A logit may be negative, and a class whose score is cut off gets"
            " no gradient.",
        ),
        Mistake(
            head_of(nn.ReLU()),
            "There is a ReLU in front of the linear layer.",
            "The task asks for an average and a linear layer, nothing else.",
        ),
        Mistake(
            head_of(bias=False),
            "Your linear layer has no bias.",
            "The head that it replaces had one for each class.",
        ),
    ],
    hints=[
        "Three layers: one that averages each map, one that drops the axes of"
        " size one, one that makes the scores.",
        "`nn.AdaptiveAvgPool2d(1)` averages maps of any size. How many"
        " numbers does it hand on for each image?",
    ],
)

# --- A fixed matrix --------------------------------------------------------

MATRIX = {"c": 10, "h": 3, "w": 4}
MATRICES = {"c": (5, 7, 8, 12, 20), "h": (4, 5, 6), "w": (7, 8, 9)}

matrix_facts = Group(
    "The matrix in numbers",
    {
        "shape": Shape(
            "shape",
            lambda c, h, w: (c, c * h * w),
            axes=("rows", "columns"),
            mistakes=[
                Mistake(
                    lambda c, h, w: (c * h * w, c),
                    "This is the transpose.",
                    "A matrix has a row for each output and a column for each"
                    " input.",
                ),
                Mistake(
                    lambda c, h, w: (c, h * w),
                    "Your columns are the places of one map.",
                    "The flattened input holds all maps.",
                ),
                Mistake(
                    lambda c, h, w: (c * h * w, c * h * w),
                    "Your matrix keeps all values.",
                    "How many numbers shall come out?",
                ),
            ],
        ),
        "not_zero": Number(
            "not_zero",
            lambda c, h, w: c * h * w,
            mistakes=[
                Mistake(
                    lambda c, h, w: c * c * h * w,
                    "These are all entries.",
                    "A map's average does not look at other maps.",
                ),
                Mistake(
                    lambda c, h, w: h * w,
                    "This is one row.",
                    "There is a row for each map.",
                ),
                Mistake(
                    lambda c, h, w: c,
                    "You have one entry in each row.",
                    "How many pixels take part in one average?",
                ),
                Mistake(
                    lambda c, h, w: c * c * h * w - c * h * w,
                    "These are the zeros.",
                    "The question is about the others.",
                ),
            ],
        ),
        "entry": Number(
            "entry",
            lambda c, h, w: 1 / (h * w),
            tolerance=1e-3,
            mistakes=[
                Mistake(
                    lambda c, h, w: 1,
                    "With ones the matrix makes sums.",
                    "An average divides by the number of what it adds.",
                ),
                Mistake(
                    lambda c, h, w: 1 / (c * h * w),
                    "You divided by the pixels of all maps.",
                    "Each average is taken over one map.",
                ),
                Mistake(
                    lambda c, h, w: 1 / c,
                    "You divided by the number of maps.",
                    "Over how many pixels is each average taken?",
                ),
                Mistake(
                    lambda c, h, w: h * w,
                    "This is the number of places.",
                    "An average divides by it.",
                ),
            ],
        ),
    },
    MATRIX,
    vary=MATRICES,
    hints=[
        "Write down the first row: which columns belong to the first map?",
        "There is a row for each average and a column for each pixel. In a"
        " row, the columns of one map alone are not zero.",
    ],
)


def averaging(channels, height, width):
    places = height * width
    return torch.eye(channels).repeat_interleave(places, dim=1) / places


averaging_matrix = Function(
    "Build the matrix",
    averaging,
    lambda draw: {
        "channels": draw.integer(3, 5),
        "height": draw.integer(2, 3),
        "width": draw.integer(4, 6),
    },
    tolerance=1e-6,
    mistakes=[
        Mistake(
            lambda c, h, w: averaging(c, h, w).T,
            "This is the transpose.",
            "One row for each average, one column for each pixel.",
        ),
        Mistake(
            lambda c, h, w: averaging(c, h, w) * h * w,
            "Your matrix makes sums.",
            "By what does an average divide?",
        ),
        Mistake(
            lambda c, h, w: torch.eye(c).repeat(1, h * w) / (h * w),
            "Your matrix takes the channels in turn, as if they were the last"
            " axis.",
            "A flattened (C, H, W) has all pixels of the first map first.",
        ),
        Mistake(
            lambda c, h, w: torch.full((c, c * h * w), 1 / (h * w)),
            "Each of your averages looks at all maps.",
            "Outside its own map a row holds zeros.",
        ),
        Mistake(
            lambda c, h, w: torch.full((c, c * h * w), 1 / (c * h * w)),
            "Each of your averages is the average of all maps.",
            "Outside its own map a row holds zeros.",
        ),
        Mistake(
            lambda c, h, w: averaging(c, h, w) / c,
            "You divided by the number of channels too.",
            "Each average is taken over one map.",
        ),
    ],
    hints=[
        "For three maps of two pixels each, write the matrix on paper first.",
        "An identity matrix with each column repeated has the right pattern;"
        " `torch.kron` or `repeat_interleave` makes it.",
    ],
)

# --- Which sizes -----------------------------------------------------------

FIRST = {"kernel": 11, "stride": 4}
FIRSTS = {"kernel": (5, 6, 7, 9, 10, 12), "stride": (2, 3, 5)}


def needed(kernel, stride, last=1, pools=3):
    """The smallest image with that many pixels in the last map's side."""
    for _ in range(pools):
        last = 2 * (last - 1) + 3
    return stride * (last - 1) + kernel


input_sizes = Group(
    "Which sizes NiN takes",
    {
        "smallest": Number(
            "smallest",
            needed,
            mistakes=[
                Mistake(
                    lambda kernel, stride: needed(kernel, stride, pools=2),
                    "You went back through two pooling layers.",
                    "There are three.",
                ),
                Mistake(
                    lambda kernel, stride: needed(kernel, stride) + stride,
                    "You took a step for each position of the first kernel.",
                    "The first position needs no step.",
                ),
                Mistake(
                    lambda kernel, stride: stride * (2**3 - 1) + kernel,
                    "You took the pooling layers to halve the maps exactly.",
                    "Their windows have three pixels and a stride of two, so"
                    " each needs a map of three to make one pixel.",
                ),
                Mistake(
                    lambda kernel, stride: 2**3 * stride,
                    "You multiplied the strides.",
                    "The kernels need room too.",
                ),
                Mistake(
                    lambda kernel, stride: kernel,
                    "The first kernel fits, but then its map has one pixel.",
                    "What do the pooling layers need?",
                ),
                Mistake(
                    lambda kernel, stride: needed(kernel, stride) - 1,
                    "At this size a layer has nothing left to do.",
                    "You are one pixel short.",
                ),
            ],
        ),
        "largest_single": Number(
            "largest_single",
            lambda kernel, stride: needed(kernel, stride, last=2) - 1,
            mistakes=[
                Mistake(
                    lambda kernel, stride: needed(kernel, stride, last=2),
                    "Here the last maps have two pixels a side for the first"
                    " time.",
                    "The question is about the last size before that.",
                ),
                Mistake(
                    needed,
                    "This is the smallest size that runs.",
                    "Layers round down, so some larger sizes give the same.",
                ),
                Mistake(
                    lambda kernel, stride: needed(kernel, stride) + stride - 1,
                    "You looked at the rounding of the first layer alone.",
                    "The pooling layers round down as well.",
                ),
                Mistake(
                    lambda kernel, stride: (
                        needed(kernel, stride, last=2) - stride
                    ),
                    "You left out the remainder in the first layer.",
                    "It rounds down, so a few more pixels change nothing.",
                ),
            ],
        ),
    },
    FIRST,
    vary=FIRSTS,
    hints=[
        "Go backwards. How large must a map be for a 3×3 window to fit once?"
        " And twice, with a stride of two?",
        "One pixel needs three, and these need seven. Go on to the first"
        " layer: so many positions are one start and the rest steps.",
    ],
    when_correct="Between the two sizes GAP has nothing to do.",
)

at_96 = Choice(
    "A comparison at 96×96",
    right="b",
    wrong={
        "a": "The maps would need more than one pixel for that. Compute the"
        " size of the last maps at 96×96.",
        "c": "The fully connected layer is a layer more, with parameters of"
        " its own. What does it read at this size?",
        "d": "Whatever the size of the image, the last maps decide. How many"
        " pixels have they at 96×96?",
    },
    hints=[
        "How large are the last maps of NiN at 96×96?",
        "What is the average of a single number? And how many numbers does"
        " the fully connected layer read then?",
    ],
)

# --- Class maps ------------------------------------------------------------


def maps_and_weights(draw):
    channels, height = draw.integer(4, 6), draw.integer(2, 4)
    shape = 2, channels, height, height + draw.integer(1, 2)
    return {
        "features": draw.tensor(*shape),
        "weight": draw.tensor(channels + 3, channels),
    }


def activation_maps(features, weight):
    return torch.einsum("kc,bchw->bkhw", weight, features)


cam = Function(
    "Write CAM",
    activation_maps,
    maps_and_weights,
    mistakes=[
        Mistake(
            lambda features, weight: features.mean(dim=(2, 3)) @ weight.T,
            "These are the scores without their biases.",
            "A map keeps its places: do not average.",
        ),
        Mistake(
            lambda features, weight: (
                activation_maps(features, weight) / weight.shape[1]
            ),
            "You averaged over the channels.",
            "CAM is a weighted sum over them.",
        ),
        Mistake(
            lambda features, weight: activation_maps(features, weight).relu(),
            "You cut off the negative values.",
            "Places that speak against a class belong to its map. (Grad-CAM"
            " as published does cut them off.)",
        ),
        Mistake(
            lambda features, weight: activation_maps(features, weight).softmax(
                dim=1
            ),
            "There is a softmax over the classes in it.",
            "The average of a map plus the bias shall be the logit.",
        ),
        Mistake(
            lambda features, weight: activation_maps(
                features, weight
            ).transpose(2, 3),
            "Height and width are exchanged.",
            "The layout is (B, C, H, W).",
        ),
        Mistake(
            lambda features, weight: activation_maps(features.relu(), weight),
            "You cut off the negative features.",
            "The linear layer reads the maps as they are.",
        ),
        Mistake(
            lambda features, weight: (
                activation_maps(features, weight)
                / (features.shape[2] * features.shape[3])
            ),
            "You divided by the number of places.",
            "Its *average* is the score, so the map itself is not divided.",
        ),
    ],
    hints=[
        "At each place, CAM applies the linear layer to the channels. Which"
        " convolution does that?",
        "Sum over the channels and keep all other axes: `torch.einsum` with"
        ' "kc" and "bchw", or a 1×1 convolution with `weight[:, :, None,'
        " None]`.",
    ],
)


def until(net, X, count):
    with torch.no_grad():
        return net[:count](X)


def without_bias(net, X):
    last = net[-3]
    return until(net, X, -2) - last.bias.detach()[:, None, None]


class_maps = Array(
    "Class maps of the compact NiN",
    lambda net, X: until(net, X, -2),
    mistakes=[
        Mistake(
            lambda net, X: until(net, X, -1),
            "The average is in it: these maps have one pixel.",
            "Stop one layer earlier.",
        ),
        Mistake(
            lambda net, X: until(net, X, len(net)),
            "These are the logits.",
            "Stop in front of the average.",
        ),
        Mistake(
            lambda net, X: until(net, X, -3),
            "These are the features that the last convolution reads.",
            "Class maps have one channel for each class.",
        ),
        Mistake(
            without_bias,
            "The bias of the last convolution is missing.",
            "In a NiN the maps are there already; nothing is to be computed.",
        ),
        Mistake(
            lambda net, X: until(net, X, -2).softmax(dim=1),
            "There is a softmax over the classes in it.",
            "The averages of the maps are the logits themselves.",
        ),
        Mistake(
            lambda net, X: until(net, X, -2).relu(),
            "You cut off the negative values.",
            "Places that speak against a class belong to its map.",
        ),
    ],
    hints=[
        "Print the network. Which of its layers make the maps, and which turn"
        " them into ten numbers?",
        "A slice of an `nn.Sequential` is a network: leave out the last two"
        " layers.",
    ],
)


def pictures(figure):
    """Arrays and colour ranges of the images in a figure."""
    if not hasattr(figure, "axes") or not hasattr(figure, "savefig"):
        raise guard.NotYet("Give the figure, as `plt.subplots` returns it.")
    return [
        (numpy.asarray(image.get_array(), dtype=float).squeeze(), image)
        for axes in figure.axes
        for image in axes.get_images()
    ]


def alike(array, target):
    return array.shape == tuple(target.shape) and numpy.allclose(
        array, target.numpy(), atol=1e-3
    )


def fault_of_drawing(figure, X, maps):
    if guard.is_blank(maps):
        return "The class maps themselves are still missing: make them first."
    image, maps = X[0, 0].detach().cpu(), maps[0].detach().cpu()
    found = pictures(figure)
    if not found:
        return "The figure has no picture yet. `imshow` draws an array."
    if not any(a.shape == tuple(image.shape) for a, _ in found):
        return (
            "The image itself is missing. Who shall know what the map is of?"
        )
    small = [(a, picture) for a, picture in found if a.shape == maps.shape[1:]]
    if not small:
        return (
            "There is no class map in it. Draw"
            f" an array of shape {tuple(maps.shape[1:])}."
        )
    winner = maps.mean(dim=(1, 2)).argmax()
    own = [picture for a, picture in small if alike(a, maps[winner])]
    if not own:
        if any(alike(a, maps[winner].T) for a, _ in small):
            return "Rows and columns of the map are exchanged. Draw it as is."
        if any(alike(a, m) for a, _ in small for m in maps):
            return (
                "This is the map of a class that the network did not choose."
                " Draw the one with the highest average."
            )
        return "The map that is drawn is none of the class maps."
    low, high = own[0].get_clim()
    if not math.isclose(low, -high, rel_tol=1e-3):
        return (
            f"Your colours run from {low:.2g} to {high:.2g}, so a place that"
            " says nothing does not get the colour in the middle. Give the"
            " scale ends of the same size."
        )


drawing = Custom(
    "Draw a class map",
    fault_of_drawing,
    hints=[
        "Two axes side by side: the image in one, the map in the other."
        " Which class has the highest average?",
        'For the map: `imshow(map, cmap="RdBu_r", vmin=-scale, vmax=scale)`'
        " with the largest absolute value as `scale`.",
    ],
)

# --- One step to ten -------------------------------------------------------

STEP = {"c": 384, "n": 5, "classes": 10}
STEPS = {
    "c": (192, 256, 320, 512),
    "n": (4, 6, 7, 8),
    "classes": (20, 37, 47, 62),
}


def common_weights(c, n, classes):
    return 9 * c * classes + 2 * classes * classes


def paper_weights(c, n, classes):
    return 9 * c * c + c * c + c * classes


def macs_of(weights, name):
    other = paper_weights if weights is common_weights else common_weights
    return Number(
        name,
        lambda c, n, classes: weights(c, n, classes) * n * n,
        mistakes=[
            Mistake(
                weights,
                "These are the weights.",
                "Each is used once at every place.",
            ),
            Mistake(
                lambda c, n, classes: 2 * weights(c, n, classes) * n * n,
                "These are FLOPs.",
                "A multiply-accumulate is two of them.",
            ),
            Mistake(
                lambda c, n, classes: other(c, n, classes) * n * n,
                "This is the other order.",
                "In the common one the 3×3 reduces, in the paper's the last"
                " 1×1.",
            ),
            Mistake(
                lambda c, n, classes: weights(c, n, classes) * (n - 2) ** 2,
                "You let the maps shrink.",
                "With a padding of 1, a 3×3 keeps their size.",
            ),
        ],
    )


orders = Group(
    "Two orders",
    {
        "common": macs_of(common_weights, "common"),
        "paper": macs_of(paper_weights, "paper"),
        "lost": Number(
            "lost",
            lambda c, n, classes: 9 * c - classes,
            mistakes=[
                Mistake(
                    lambda c, n, classes: c - classes,
                    "You looked at one pixel.",
                    "A 3×3 convolution sees more of them.",
                ),
                Mistake(
                    lambda c, n, classes: classes,
                    "So many survive.",
                    "The question is how many do not.",
                ),
                Mistake(
                    lambda c, n, classes: 9 * c,
                    "This is all that it sees.",
                    "Some directions survive.",
                ),
                Mistake(
                    lambda c, n, classes: 9 * c - c,
                    "So many are lost in the paper's order.",
                    "To how many numbers does the common 3×3 reduce?",
                ),
                Mistake(
                    lambda c, n, classes: (c - classes) * n * n,
                    "You counted the values of whole maps.",
                    "The question is about one place: what goes in, what"
                    " comes out?",
                ),
            ],
        ),
    },
    STEP,
    vary=STEPS,
    hints=[
        "Write down kernel, input and output channels of the three layers, in"
        " both orders.",
        "MACs are weights times places. For the directions: at one place the"
        " 3×3 reads nine pixels of every map and writes one number for each"
        " of its output channels.",
    ],
)


def last_block(*plan, relus=(True, True, False)):
    """A builder; the plan has (wide in, wide out, kernel, padding)."""

    def build(in_channels, num_classes):
        def width(wide):
            return in_channels if wide else num_classes

        layers = []
        for (wide_in, wide_out, k, p), relu in zip(plan, relus):
            layers.append(
                nn.Conv2d(width(wide_in), width(wide_out), k, padding=p)
            )
            if relu:
                layers.append(nn.ReLU())
        return nn.Sequential(*layers)

    return build


SPATIAL, MIDDLE, LAST = (1, 1, 3, 1), (1, 1, 1, 0), (1, 0, 1, 0)

paper_block = Module(
    "The last block in the paper's order",
    last_block(SPATIAL, MIDDLE, LAST),
    cases=[((6, 4), (2, 6, 5, 7)), ((5, 3), (2, 5, 4, 4))],
    mistakes=[
        Mistake(
            last_block((1, 0, 3, 1), (0, 0, 1, 0), (0, 0, 1, 0)),
            "Your 3×3 reduces to the classes at once.",
            "In the paper's order only the last layer does.",
        ),
        Mistake(
            last_block(SPATIAL, LAST, (0, 0, 1, 0)),
            "Your first 1×1 reduces already.",
            "It keeps the width; only the last layer gives it up.",
        ),
        Mistake(
            last_block(SPATIAL, MIDDLE, LAST, relus=(True, True, True)),
            "There is a ReLU behind the class maps.",
            "A class map may be negative, and one that is zero everywhere"
            " gets no gradient.",
        ),
        Mistake(
            last_block(SPATIAL, MIDDLE, LAST, relus=(False,) * 3),
            "There is no ReLU between your layers.",
            "Linear layers in a row are one linear layer.",
        ),
        Mistake(
            last_block(SPATIAL, MIDDLE, LAST, relus=(True, False, False)),
            "There is no ReLU between the two 1×1 convolutions.",
            "Without one, the two are a single 1×1.",
        ),
        Mistake(
            last_block((1, 1, 3, 0), MIDDLE, LAST),
            "Your maps shrink.",
            "Which padding keeps the size under a 3×3?",
        ),
        Mistake(
            last_block((1, 1, 3, 2), MIDDLE, LAST),
            "Your maps grow.",
            "A padding of (k − 1)/2 on each side keeps the size.",
        ),
        Mistake(
            last_block(SPATIAL, LAST, relus=(True, False)),
            "A 1×1 convolution is missing.",
            "The block has three convolutions.",
        ),
    ],
    hints=[
        "Three convolutions. Which of them change the number of channels?",
        "The first two keep it, with a ReLU behind each. The last 1×1 goes to"
        " the number of classes and has none.",
    ],
)

# --- Average or maximum ----------------------------------------------------


def keep(pool):
    return lambda X: pool(X)[:, :, None, None]


POOLS = {
    "global average pooling": keep(lambda X: X.mean(dim=(2, 3))),
    "global max pooling": keep(lambda X: X.amax(dim=(2, 3))),
    "the minimum": keep(lambda X: X.amin(dim=(2, 3))),
    "the sum": keep(lambda X: X.sum(dim=(2, 3))),
    "the first pixel": keep(lambda X: X[:, :, 0, 0]),
}


def fault_of_test(test):
    if guard.is_stub(test):
        raise guard.NotAttempted("The function has no body yet.")
    if not callable(test) or isinstance(test, type):
        return "Pass the function itself, without brackets behind its name."
    for name, pool in POOLS.items():
        answer = guard.outcome(test, pool)
        if isinstance(answer, guard.Raised):
            return f"For {name} your test {answer}"
        if isinstance(answer, Tensor) and answer.numel() == 1:
            answer = answer.item()
        if not isinstance(answer, bool | numpy.bool_):
            return (
                f"For {name} your test gives {guard.shown(answer)}, which is"
                " neither `True` nor `False`."
            )
        right = name == "global average pooling"
        if answer and not right:
            far_off = guard.outcome(test, lambda X, pool=pool: pool(X) + 1e6)
            return f"Your test lets {name} pass. " + (
                "Look at the values that come out, and not only at their"
                " shape."
                if far_off is True
                else "On your map it agrees with the average; choose another."
            )
        if right and not answer:
            return (
                "Your test refuses global average pooling itself. Is the"
                " number right, and is the comparison not too strict?"
            )


is_average = Custom(
    "A test in one line",
    fault_of_test,
    hints=[
        "Make a small map whose average, maximum, minimum and sum are all"
        " different.",
        "Feed the map to `pool`, take the one number out with `.item()`, and"
        " compare it with the average that you know.",
    ],
)

GRADIENT = {"n": 7, "classes": 10}

gradients = Group(
    "Where the gradient goes",
    {
        "average": Number(
            "average",
            lambda n, classes: classes * n * n,
            mistakes=[
                Mistake(
                    lambda n, classes: n * n,
                    "You counted one map.",
                    "Every class has a map of its own.",
                ),
                Mistake(
                    lambda n, classes: classes,
                    "These are the places that a maximum reaches.",
                    "Every place has its share in an average.",
                ),
                Mistake(
                    lambda n, classes: classes * n,
                    "You counted one row of each map.",
                    "Every place has its share in an average.",
                ),
            ],
        ),
        "maximum": Number(
            "maximum",
            lambda n, classes: classes,
            mistakes=[
                Mistake(
                    lambda n, classes: classes * n * n,
                    "These are all places.",
                    "Move a pixel that is not the largest of its map a"
                    " little: does the maximum change?",
                ),
                Mistake(
                    lambda n, classes: 1,
                    "You counted one map.",
                    "Every class has a map of its own.",
                ),
                Mistake(
                    lambda n, classes: n * n,
                    "You counted the places of one map.",
                    "How many of them is the maximum of a map?",
                ),
            ],
        ),
        "share": Number(
            "share",
            lambda n, classes: 1 / (n * n),
            tolerance=1e-3,
            mistakes=[
                Mistake(
                    lambda n, classes: 1,
                    "The share of a place under the maximum is this.",
                    "How much does the average grow if one pixel grows by"
                    " one?",
                ),
                Mistake(
                    lambda n, classes: 1 / n,
                    "You divided by one side of the map.",
                    "The map has a height and a width.",
                ),
                Mistake(
                    lambda n, classes: 1 / (classes * n * n),
                    "You divided by the number of classes too.",
                    "Each score is the average of one map.",
                ),
                Mistake(
                    lambda n, classes: n * n,
                    "This is the number of places.",
                    "How much does the average grow if one pixel grows by"
                    " one?",
                ),
            ],
        ),
    },
    GRADIENT,
    vary={"n": (5, 6, 8, 9, 12, 13), "classes": (17, 20, 37, 47, 62)},
    hints=[
        "Let one pixel grow by a little. Which scores change, and by how"
        " much?",
        "Under the average each pixel of a map changes the score of its"
        " class; under the maximum only one pixel of each map does.",
    ],
)

# --- The experiment --------------------------------------------------------

KINDS = ("GAP", "FC")


def faulty_accuracy(value, what):
    value = float(value)
    if not 0 <= value <= 1:
        return (
            f"An accuracy lies between 0 and 1; {what} you have"
            f" {value:.3g}. Is it a percentage, or a loss?"
        )


def no_results(results):
    if not isinstance(results, dict):
        return "Collect the results in a dictionary with the keys GAP and FC."
    for kind in KINDS:
        if kind not in results or guard.is_blank(results[kind]):
            return f"There is no result for {kind} yet."


def fault_of_heads(results):
    if fault := no_results(results):
        return fault
    for kind in KINDS:
        pair = results[kind]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return (
                f"For {kind}, give two accuracies: on the training images and"
                " on the held-out ones."
            )
        for value in pair:
            if fault := faulty_accuracy(value, f"for {kind}"):
                return fault
        if float(pair[1]) < 0.3:
            return (
                f"The network with the head {kind} has hardly learnt anything"
                f" ({float(pair[1]):.2f}). Did you train it?"
            )
        if float(pair[0]) == float(pair[1]):
            return (
                f"For {kind} both accuracies are the same. Is one of them on"
                " the training images?"
            )
    if list(map(float, results["GAP"])) == list(map(float, results["FC"])):
        return (
            "Both networks have the same accuracies. Did you build a head of"
            " each kind?"
        )


heads = Custom(
    "GAP against FC",
    fault_of_heads,
    hints=[
        "Build both networks, train each with `train`, and call `accuracy`"
        " twice: with the training images and with the held-out ones.",
        "`results[kind] = accuracy(net, X_train, y_train), accuracy(net,"
        " X_val, y_val)` in a loop over the two kinds, with a fresh network"
        " each time.",
    ],
    when_correct="One seed and few images: a sign, and no proof.",
)

STRIDES = {"strides": (4, 2, 2, 2)}

still = Number(
    "A shift that changes nothing",
    lambda strides: math.prod(strides),
    STRIDES,
    vary={
        "strides": (
            (3, 2, 2, 2),
            (4, 3, 2),
            (5, 2, 2, 2),
            (5, 3, 2),
            (7, 2, 2),
            (3, 3, 2),
            (5, 2, 3),
        )
    },
    mistakes=[
        Mistake(
            lambda strides: 1,
            "This holds for the average, and not for the trunk.",
            "A layer with a stride samples its input on a grid.",
        ),
        Mistake(
            lambda strides: sum(strides),
            "You added the strides.",
            "A step of a later layer is as many steps of the layers in front"
            " of it.",
        ),
        Mistake(
            lambda strides: strides[0],
            "This is enough for the first layer.",
            "The layers behind it have strides too.",
        ),
        Mistake(
            lambda strides: math.prod(strides[1:]),
            "You left out the first layer.",
            "It has a stride too.",
        ),
        Mistake(
            lambda strides: math.prod(strides[:-1]),
            "You left out the last pooling layer.",
            "It has a stride too.",
        ),
        Mistake(
            lambda strides: 2 * math.prod(strides),
            "So large a shift changes nothing, but a smaller one does not"
            " either.",
            "By how much must an image move for the last maps to move by a"
            " single pixel?",
        ),
    ],
    hints=[
        "By how many pixels must the image move for the first map to move by"
        " one whole pixel?",
        "And for the map behind the next pooling layer? Go on to the last.",
    ],
)


def fault_of_shifts(results):
    if fault := no_results(results):
        return fault
    for kind in KINDS:
        values = results[kind]
        if not isinstance(values, tuple | list) or len(values) != 4:
            return (
                f"For {kind}, give a list of four accuracies, for shifts by"
                " 0, 1, 2 and 3 pixels."
            )
        for value in values:
            if fault := faulty_accuracy(value, f"for {kind}"):
                return fault
        values = list(map(float, values))
        if len(set(values)) == 1:
            return (
                f"For {kind} the shift changes nothing at all. Do you"
                " evaluate the shifted images?"
            )
        if values[0] < values[-1]:
            return (
                f"For {kind} the shift by three pixels is better than none."
                " Is the list in the order of the shifts?"
            )
    if list(map(float, results["GAP"])) == list(map(float, results["FC"])):
        return (
            "Both networks have the same accuracies. Is each evaluated with"
            " its own head?"
        )


shifts = Custom(
    "Tolerance to shifts",
    fault_of_shifts,
    hints=[
        "`accuracy(nets[kind], shift(X_val, pixels), y_val)` is one of the"
        " eight numbers.",
        "A list comprehension over `range(4)` for each of the two kinds.",
    ],
)

progress, variant = notebook(__name__)
