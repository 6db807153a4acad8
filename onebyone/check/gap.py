"""Checks of the exercises *Global average pooling*."""

import math
import operator

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onebyone.check.engine import (
    CORRECT,
    Array,
    Choice,
    Custom,
    Function,
    Group,
    Module,
    Number,
    Results,
    Shape,
    accuracy,
    apply,
    equal_values,
    guard,
    mistakes,
    notebook,
    part,
    require_function,
    symbols,
)
from onebyone.check.engine.networks import plain_copy, plain_images, result_of

c, n, h, w, classes = symbols("c n h w classes")

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
        "flatten": {
            classes * (c * n * n + 1): CORRECT,
            classes * c * n * n: mistakes.forgot_biases.but(
                "A linear layer has one for each output."
            ),
            classes * (c + 1): "You gave the linear layer one input for each"
            " map. Flattening keeps every pixel of every map.",
            classes * (c * n + 1): mistakes.counted_one_row,
            c * n * n * (classes + 1): "You gave every input a bias. The"
            " biases belong to the outputs.",
            c * n * n: "This is the number of inputs. Each of them is"
            " connected to every output.",
        },
        "average": {
            classes * (c + 1): CORRECT,
            classes * c: mistakes.forgot_biases.but(
                "A linear layer has one for each output."
            ),
            classes * (c * n * n + 1): "You connected the linear layer to"
            " every pixel. How many numbers does the average leave of a map?",
            classes * (c + 1) + c * n * n: "You gave the average parameters."
            " Its weights are fixed; nobody trains them.",
            0: "The average has no parameters, but the linear layer does."
            " Count the layer after it.",
        },
    },
    HEAD,
    stated=(c, n, n, classes),
    vary=HEADS,
    hints=[
        "A linear layer has a weight for each pair of an input and an output,"
        " and a bias for each output. Only the inputs differ.",
        "Flattening makes a number out of every pixel of every map; the"
        " average makes one number out of every map. Count the inputs, then"
        " the parameters.",
    ],
)

head_macs = Group(
    "MACs of two orders",
    {
        "average_first": {
            c * classes: CORRECT,
            c * classes * n * n: "You let the linear layer work at every"
            " place. How many places does the average leave?",
            2 * c * classes: mistakes.flops_for_macs,
            (c + 1) * classes: mistakes.counted_biases_as_macs,
            c * n * n + c * classes: "You counted the additions of the"
            " average. Without a multiplication they are not MACs.",
        },
        "average_last": {
            c * classes * n * n: CORRECT,
            c * classes: "You let the 1×1 convolution work at a single place."
            " Here it comes before the average.",
            2 * c * classes * n * n: mistakes.flops_for_macs,
            (c + 1) * classes * n * n: mistakes.counted_biases_as_macs,
            (c + 1) * classes * n * n + classes: "You counted the biases and"
            " the division of the average. Only the convolution multiplies by"
            " weights.",
            c * classes * n: mistakes.counted_one_row,
        },
    },
    HEAD,
    stated=(c, n, n, classes, 1, 1, classes),
    vary=HEADS,
    hints=[
        "Each weight is used once at each place where its layer works.",
        "The two orders have the same weights. After the average there is one"
        " place; how many are there before it?",
    ],
    when_correct="The same function, and the more expensive order shows you"
    " class maps.",
)

# --- Write it --------------------------------------------------------------


def maps_of_any_size(draw):
    channels, height = draw.integer(4, 6), draw.integer(2, 5)
    width = height + draw.integer(2, 3)
    return {"X": draw.tensor(draw.batch(), channels, height, width)}


global_average = Function(
    "Write global average pooling",
    lambda X: X.mean(dim=(2, 3)),
    maps_of_any_size,
    banned=["*pool*", "interpolate"],
    mistakes={
        lambda X: X.amax(dim=(2, 3)): mistakes.took_maximum,
        lambda X: X.sum(dim=(2, 3)): mistakes.took_sum,
        lambda X: X.mean(dim=(2, 3), keepdim=True): "The averages are right,"
        " but height and width are still there, with size one. The result has"
        " the shape (B, C).",
        lambda X: X.mean(dim=1): "You averaged over the channels. The layout"
        " is (B, C, H, W): which axes are the places?",
        lambda X: X.mean(dim=(1, 2)): "You averaged as if the channels came"
        " last. The layout is (B, C, H, W): which axes are the places?",
        lambda X: X.mean(dim=(0, 2, 3)): "You averaged over the images of the"
        " batch too. Each image has its own averages.",
        lambda X: X.mean(): "You averaged over everything. Each map of each"
        " image has its own average.",
        lambda X: X.mean(dim=3): "You averaged each row. A place has two"
        " axes, and both must go.",
        lambda X: F.avg_pool2d(X, 2).flatten(1): "Your window has 2×2 pixels."
        " Global means the whole map, whatever its size.",
        lambda X: X.sum(dim=(2, 3)) / X.shape[2] ** 2: "You divide by the"
        " square of the height. Maps need not be square.",
    },
    hints=[
        "X has the axes (B, C, H, W). Which of them should go?",
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
    mistakes={
        head_of(pool=nn.AdaptiveMaxPool2d): mistakes.took_maximum,
        head_of(pool=SumPool): mistakes.took_sum,
        head_of(behind=[nn.Softmax(dim=1)]): "There is a softmax after the"
        " scores. `CrossEntropyLoss` already contains it and expects logits.",
        head_of(behind=[nn.ReLU()]): mistakes.relu_on_scores,
        head_of(nn.ReLU()): "There is a ReLU before the linear layer. The"
        " task asks for an average and a linear layer, nothing else.",
        head_of(bias=False): "Your linear layer has no bias. The head that it"
        " replaces had a bias for each class.",
    },
    hints=[
        "Three layers: one that averages each map, one that drops the axes of"
        " size one, one that makes the scores.",
        "`nn.AdaptiveAvgPool2d(1)` averages maps of any size. How many numbers"
        " does it pass on for each image?",
    ],
)

# --- A fixed matrix --------------------------------------------------------

matrix_facts = Group(
    "The matrix in numbers",
    {
        "shape": Shape(
            "shape",
            (c, c * h * w),
            axes=("rows", "columns"),
            mistakes={
                (c * h * w, c): mistakes.transposed,
                (c, h * w): "Your columns are the places of one map. The"
                " flattened input holds all maps.",
                (c * h * w, c * h * w): "Your matrix keeps all values. How"
                " many numbers should come out?",
            },
        ),
        "not_zero": {
            c * h * w: CORRECT,
            c * c * h * w: "These are all entries. A map's average does not"
            " look at other maps.",
            h * w: "This is one row. There is a row for each map.",
            c: "You have one entry in each row. How many pixels take part in"
            " one average?",
            c * c * h * w - c * h * w: "These are the zeros. The question is"
            " about the others.",
        },
        "entry": part(
            {
                1 / (h * w): CORRECT,
                1: mistakes.took_sum,
                1 / (c * h * w): "You divided by the pixels of all maps. Each"
                " average is taken over one map.",
                1 / c: "You divided by the number of maps. Over how many"
                " pixels is each average taken?",
                h * w: "This is the number of places. An average divides by"
                " it.",
            },
            tolerance=1e-3,
        ),
    },
    {"c": 10, "h": 3, "w": 4},
    stated=(c, h, w, c, 0),
    vary={"c": (5, 7, 8, 12, 20), "h": (4, 5, 6), "w": (7, 8, 9)},
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
    mistakes={
        lambda *case: averaging(*case).T: mistakes.transposed,
        lambda c, h, w: averaging(c, h, w) * h * w: mistakes.took_sum,
        lambda c, h, w: torch.eye(c).repeat(1, h * w) / (h * w): "Your matrix"
        " takes the channels in turn, as if they were the last axis. A"
        " flattened (C, H, W) has all pixels of the first map first.",
        lambda c, h, w: torch.full((c, c * h * w), 1 / (h * w)): "Each of"
        " your averages looks at all maps. Outside its own map a row holds"
        " zeros.",
        lambda c, h, w: torch.full((c, c * h * w), 1 / (c * h * w)): "Each of"
        " your averages is the average of all maps. Outside its own map a row"
        " holds zeros.",
        lambda c, h, w: averaging(c, h, w) / c: "You divided by the number of"
        " channels too. Each average is taken over one map.",
    },
    hints=[
        "For three maps of two pixels each, write the matrix on paper first.",
        "An identity matrix with each column repeated has the right pattern;"
        " `torch.kron` or `repeat_interleave` makes it.",
    ],
)

# --- Which sizes -----------------------------------------------------------

kernel, stride = symbols("kernel stride")


def needed(last=1, pools=3):
    """Return the smallest image with that many pixels in the last side."""
    for _ in range(pools):
        last = 2 * (last - 1) + 3
    return stride * (last - 1) + kernel


smallest, smallest_double = needed(), needed(last=2)

input_sizes = Group(
    "Which sizes NiN takes",
    {
        "smallest": {
            smallest: CORRECT,
            needed(pools=2): "You went back through two pooling layers. There"
            " are three.",
            smallest + stride: "You took a step for each position of the"
            " first kernel. The first position needs no step.",
            7 * stride + kernel: "You assumed that the pooling layers halve"
            " the maps exactly. Their windows have three pixels and a stride"
            " of two, so each needs a map of three to make one pixel.",
            8 * stride: "You multiplied the strides. The kernels need room"
            " too.",
            kernel: "The first kernel fits, but then its map has a single"
            " pixel. What do the pooling layers need?",
            smallest - 1: "At this size a layer has nothing left to work on."
            " You are one pixel short.",
        },
        "largest_single": {
            smallest_double - 1: CORRECT,
            smallest_double: "Here the last maps are two pixels wide for the"
            " first time. The question is about the last size before that.",
            smallest: "This is the smallest size that runs. Layers round"
            " down, so some larger sizes give the same.",
            smallest + stride - 1: "You looked at the rounding of the first"
            " layer alone. The pooling layers round down as well.",
            smallest_double - stride: "You left out the remainder in the"
            " first layer. It rounds down, so a few more pixels change"
            " nothing.",
        },
    },
    {"kernel": 9, "stride": 3},
    stated=(kernel, kernel, stride, 3, 3, 3, 2),
    vary={"kernel": (5, 6, 7, 8, 10, 12), "stride": (2, 4, 5)},
    hints=[
        "Go backwards. How large must a map be for a 3×3 window to fit once?"
        " And twice, with a stride of two?",
        "One pixel needs three, and three need seven. Go on to the first"
        " layer, where every position but the first takes a step.",
    ],
    when_correct="Between the two sizes GAP has nothing to do.",
)

at_96 = Choice(
    "A comparison at 96×96",
    right="b",
    wrong={
        "a": "The maps would need more than one pixel for that. Compute the"
        " size of the last maps at 96×96.",
        "c": "The fully connected layer is one more layer, with its own"
        " parameters. What does it read at this size?",
        "d": "Whatever the size of the image, the last maps decide. How many"
        " pixels do they have at 96×96?",
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
    shape = draw.batch(), channels, height, height + draw.integer(1, 2)
    return {
        "features": draw.tensor(*shape),
        "weight": draw.tensor(channels + 3, channels),
    }


def maps_of(features, weight):
    return torch.einsum("kc,bchw->bkhw", weight, features)


cam = Function(
    "Write CAM",
    maps_of,
    maps_and_weights,
    mistakes={
        lambda X, weight: X.mean(dim=(2, 3)) @ weight.T: "These are the"
        " scores without their biases. A map keeps its places: do not"
        " average.",
        lambda X, weight: (
            maps_of(X, weight) / weight.shape[1]
        ): "You averaged over the channels. CAM is a weighted sum over them.",
        lambda *case: maps_of(*case).relu(): mistakes.cut_negatives.but(
            "Places that speak against a class belong to its map. (Grad-CAM"
            " as published does cut them off.)"
        ),
        lambda *case: maps_of(*case).softmax(1): mistakes.applied_softmax,
        lambda *case: maps_of(*case).mT: mistakes.swapped_sides,
        lambda X, weight: maps_of(X.relu(), weight): "You cut off the"
        " negative features. The linear layer reads the maps as they are.",
        lambda X, weight: (
            maps_of(X, weight) / X[0, 0].numel()
        ): "You divided by the number of places. The *average* of the map is"
        " the score, so the map itself is not divided.",
    },
    hints=[
        "At each place, CAM applies the linear layer to the channels. Which"
        " convolution does that?",
        "Sum over the channels and keep all other axes: `torch.einsum` with"
        ' "kc" and "bchw", or a 1×1 convolution with `weight[:, :, None,'
        " None]`.",
    ],
)


def until(net, X, count):
    """Return what the first layers give, in evaluation mode."""
    net, X = plain_copy(net), plain_images(X)
    if not isinstance(net, nn.Sequential):
        raise guard.NotYet(
            "The compact NiN is an `nn.Sequential`, and this network is not."
        )
    with torch.no_grad():
        return result_of(net[:count], X)


def without_bias(net, X):
    return until(net, X, -2) - plain_copy(net)[-3].bias[:, None, None]


class_maps = Array(
    "Class maps of the compact NiN",
    lambda net, X: until(net, X, -2),
    mistakes={
        lambda net, X: until(net, X, -1): "The average is already in it:"
        " these maps have one pixel. Stop one layer earlier.",
        lambda net, X: until(net, X, len(net)): "These are the logits. Stop"
        " before the average.",
        lambda net, X: until(net, X, -3): "These are the features that the"
        " last convolution reads. Class maps have one channel for each class.",
        without_bias: "The bias of the last convolution is missing. In a NiN"
        " the maps are already there; nothing has to be computed.",
        lambda net, X: until(net, X, -2).softmax(1): mistakes.applied_softmax,
        lambda net, X: until(net, X, -2).relu(): mistakes.cut_negatives,
    },
    hints=[
        "Print the network. Which of its layers make the maps, and which turn"
        " them into ten numbers?",
        "A slice of an `nn.Sequential` is a network: leave out the last two"
        " layers.",
    ],
)


def pictures(figure):
    """Return the arrays in a figure as they lie there, each with its picture.

    Those that another picture in the same axes covers come apart.
    """
    if not isinstance(getattr(figure, "axes", None), list):
        raise guard.NotYet("Give the figure, as `plt.subplots` returns it.")
    seen, covered = [], []
    for axes in filter(lambda axes: axes.get_visible(), figure.axes):
        images = sorted(axes.get_images(), key=lambda image: image.zorder)
        images = [image for image in images if image.get_visible()]
        for i, image in enumerate(images):
            under = any(overlap(image, other) for other in images[i + 1 :])
            (covered if under else seen).append((as_it_lies(image), image))
    return seen, covered


def overlap(*images):
    left, right, bottom, top = numpy.transpose(
        [i.get_extent() for i in images]
    )
    across, down = numpy.sort([left, right], 0), numpy.sort([bottom, top], 0)
    return all(low.max() < high.min() for low, high in (across, down))


def as_it_lies(image):
    """Return the array of a picture, turned as it is on the page."""
    array = numpy.asarray(image.get_array(), dtype=float)
    left, right, bottom, top = image.get_extent()
    rows = (top, bottom) if image.origin == "upper" else (bottom, top)
    first, last = image.axes.transData.transform([*zip((left, right), rows)])
    array = array if first[1] > last[1] else array[::-1]
    return array if first[0] < last[0] else array[:, ::-1]


def scaled(array, target):
    """Return what an array has in the place of a target's zero.

    That is None if the array is not the target, on whatever scale.
    """
    target = target.numpy()
    array = without_repeats(array, target.shape)
    if array.shape != target.shape:
        return None
    mean, middle = array.mean(), target.mean()
    spread = ((target - middle) ** 2).mean()
    together = ((array - mean) * (target - middle)).mean()
    factor = together / spread if spread else 1.0
    zero = mean - factor * middle
    close = numpy.allclose(
        array, factor * target + zero, rtol=0, atol=0.01 * array.std() + 1e-9
    )
    return zero if close and factor > 0 else None


def without_repeats(array, shape):
    """Return an array whose pixels are each repeated with this shape."""
    if array.ndim != 2 or array.shape == shape:
        return array
    down, across = (max(a // b, 1) for a, b in zip(array.shape, shape))
    small = array[::down, ::across]
    again = small.repeat(down, axis=0).repeat(across, axis=1)
    return small if numpy.array_equal(again, array) else array


def alike(array, target):
    return scaled(array, target) is not None


def grey(array):
    """Return one channel of a picture in colours that are all grey."""
    if array.ndim == 3 and not numpy.ptp(array[..., :3], axis=2).any():
        return array[..., 0]
    return array


TURNED = {
    "stands on its head": lambda array: array[::-1],
    "is mirrored": lambda array: array[:, ::-1],
    "stands on its head, and is mirrored": lambda array: array[::-1, ::-1],
    "has its rows and columns swapped": lambda array: array.swapaxes(0, 1),
}


def is_other(array, shape, images):
    """Return whether an array has more pixels and is none of the images."""
    larger = array.ndim == 2 and all(map(operator.gt, array.shape, shape))
    return larger and not any(alike(array, image) for image in images)


def fault_of_place(what, target, seen, covered):
    """Return why what is drawn is not seen as it is, if that is so."""
    for how, turn in TURNED.items():
        if any(a.ndim == 2 and alike(turn(a), target) for a, _ in seen):
            return f"The {what} {how}. Draw it as it is, its first row on top."
    if any(alike(a, target) for a, _ in covered):
        return (
            f"The {what} lies under another picture. Give each of them axes of"
            " its own."
        )
    return None


def fault_of_drawing(figure, X, maps):
    if guard.is_blank(maps):
        return "The class maps themselves are still missing: make them first."
    X, maps = (class_maps.read(tensor) for tensor in (X, maps))
    if X.ndim != 4 or maps.ndim != 4:
        return (
            "Images and class maps have four axes each: images, channels or"
            f" classes, height and width. Yours are {guard.show(X)} and"
            f" {guard.show(maps)}."
        )
    others, image, maps = X[1:, 0], X[0, 0], maps[0]
    found = pictures(figure)
    seen, _ = found
    if not any(found):
        return "The figure has no picture yet. `imshow` draws an array."
    if not any(alike(grey(a), image) for a, _ in seen):
        if fault := fault_of_place("image", image, *found):
            return fault
        if any(alike(a, other) for a, _ in seen for other in others):
            return "This is another image of the batch. Draw the first one."
        return (
            "The image itself is missing. How will anyone know what the map"
            " shows?"
        )
    winner = maps[maps.mean(dim=(1, 2)).argmax()]
    own = [(a, picture) for a, picture in seen if alike(a, winner)]
    if not own:
        if fault := fault_of_place("map", winner, *found):
            return fault
        if any(alike(a, m) for a, _ in seen for m in maps):
            return (
                "This is the map of a class that the network did not choose."
                " Draw the one with the highest average."
            )
        if any(a.shape == winner.shape for a, _ in seen):
            return "The map that is drawn is none of the class maps."
        if any(is_other(a, winner.shape, X[:, 0]) for a, _ in seen):
            return (
                "What is drawn beside the image has other pixels than a class"
                f" map. Draw the array of shape {tuple(winner.shape)} as it"
                " is: `imshow` makes it as large as its axes."
            )
        return (
            "There is no class map in it. Draw"
            f" an array of shape {tuple(winner.shape)}."
        )
    array, picture = own[0]
    low, high = picture.get_clim()
    middle = float(picture.norm(scaled(array, winner)))
    if not math.isclose(middle, 0.5, abs_tol=1e-3):
        return (
            f"Your colours run from {low:.2g} to {high:.2g}, so a place that"
            " says nothing does not get the colour in the middle. Choose the"
            " two ends, or a norm, so that zero does."
        )
    return None


drawing = Custom(
    "Draw a class map",
    fault_of_drawing,
    hints=[
        "Two axes side by side: the image in one, the map in the other."
        " Which class has the highest average?",
        "`imshow` takes `vmin` and `vmax`, the ends of the scale of colours."
        " Choose them so that zero lies in the middle, and a map of colours"
        " with a neutral middle.",
    ],
)

# --- One step to ten -------------------------------------------------------

common_weights = 9 * c * classes + 2 * classes * classes
paper_weights = 9 * c * c + c * c + c * classes


def macs_of(weights, other):
    return {
        weights * n * n: CORRECT,
        weights: mistakes.weights_for_macs,
        2 * weights * n * n: mistakes.flops_for_macs,
        other * n * n: "This is the other order. In the common order the 3×3"
        " reduces; in the paper's, the last 1×1 does.",
        weights * (n - 2) ** 2: mistakes.maps_shrink,
    }


orders = Group(
    "Two orders",
    {
        "common": macs_of(common_weights, paper_weights),
        "paper": macs_of(paper_weights, common_weights),
        "lost": {
            9 * c - classes: CORRECT,
            c - classes: "You looked at one pixel. A 3×3 convolution sees"
            " more pixels.",
            classes: "This is how many survive. The question is how many do"
            " not.",
            9 * c: "This is all that it sees. Some directions survive.",
            9 * c - c: "This is how many are lost in the paper's order. To"
            " how many numbers does the common 3×3 reduce?",
            (c - classes) * n * n: "You counted the values of whole maps. The"
            " question is about one place: what goes in, what comes out?",
        },
    },
    {"c": 256, "n": 6, "classes": 20},
    stated=(
        c,
        n,
        n,
        classes,
        3,
        3,
        c,
        classes,
        2,
        1,
        1,
        classes,
        classes,
        3,
        3,
        1,
        1,
        c,
        1,
        1,
        classes,
        3,
        3,
        9,
        0,
    ),
    vary={
        "c": (192, 288, 320, 512),
        "n": (4, 7, 8, 9),
        "classes": (12, 37, 47, 62),
    },
    hints=[
        "Write down kernel, input and output channels of the three layers, in"
        " both orders.",
        "MACs are weights times places. For the directions: at one place the"
        " 3×3 reads nine pixels of every map and writes one number for each"
        " of its output channels.",
    ],
)


def last_block(*plan, relus=(1, 1, 0)):
    """Return a builder; the plan has (wide in, wide out, kernel, padding)."""

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


def paper_order(*relus):
    return last_block(SPATIAL, MIDDLE, LAST, relus=relus)


paper_block = Module(
    "The last block in the paper's order",
    paper_order(1, 1, 0),
    cases=[((6, 4), (2, 6, 5, 7)), ((5, 3), (2, 5, 4, 4))],
    mistakes={
        last_block((1, 0, 3, 1), (0, 0, 1, 0), (0, 0, 1, 0)): "Your 3×3"
        " reduces to the classes at once. In the paper's order only the last"
        " layer does.",
        last_block(SPATIAL, LAST, (0, 0, 1, 0)): "Your first 1×1 already"
        " reduces. It keeps the width; only the last layer gives it up.",
        paper_order(1, 1, 1): mistakes.relu_on_scores,
        paper_order(0, 0, 0): mistakes.relu_missing,
        paper_order(1, 0, 0): mistakes.relu_missing,
        paper_order(0, 1, 0): mistakes.relu_missing,
        last_block((1, 1, 3, 0), MIDDLE, LAST): mistakes.maps_shrink,
        last_block((1, 1, 3, 2), MIDDLE, LAST): mistakes.maps_grow,
        last_block(SPATIAL, LAST, relus=(1, 0)): mistakes.layer_missing,
    },
    hints=[
        "Three convolutions. Which of them change the number of channels?",
        "The first two keep it, with a ReLU after each. The last 1×1 goes to"
        " the number of classes and has none.",
    ],
)

# --- Average or maximum ----------------------------------------------------


class Pooling(nn.Module):
    """A layer that pools by a function.

    Attributes:
        averages: for each use, whether it has given the averages.
    """

    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.averages = []

    def forward(self, X):
        Y = self.pool(X)
        self.averages.append(torch.allclose(Y, X.mean(dim=(2, 3)), atol=1e-6))
        return Y[:, :, None, None]


POOLS = {
    "global average pooling": lambda X: X.mean(dim=(2, 3)),
    "global max pooling": lambda X: X.amax(dim=(2, 3)),
    "the minimum": lambda X: X.amin(dim=(2, 3)),
    "the sum": lambda X: X.sum(dim=(2, 3)),
    "the first pixel": lambda X: X[:, :, 0, 0],
    "the average of the first row": lambda X: X[:, :, 0].mean(dim=2),
    "the middle between smallest and largest": lambda X: (
        (X.amin(dim=(2, 3)) + X.amax(dim=(2, 3))) / 2
    ),
    "a tenth more than the average": lambda X: 1.1 * X.mean(dim=(2, 3)),
}


def fault_of_test(test):
    require_function(test)
    for name, function in POOLS.items():
        pool = Pooling(function)
        answer = guard.outcome(test, pool)
        if isinstance(answer, guard.Raised):
            return f"For {name} your test {answer}"
        if isinstance(answer, Tensor) and answer.numel() == 1:
            answer = answer.item()
        if not isinstance(answer, bool | numpy.bool_):
            return (
                f"For {name} your test gives {guard.show(answer)}, which is"
                " neither `True` nor `False`."
            )
        right = name == "global average pooling"
        if answer and not right:
            return f"Your test lets {name} pass. {why_passed(pool)}"
        if right and not answer:
            return (
                "Your test refuses global average pooling itself. Is the"
                " number right, and is the comparison not too strict?"
            )


def why_passed(pool):
    if not pool.averages:
        return "It has not given the layer any map."
    if all(pool.averages):
        return "On your map it agrees with the average; choose another."
    return (
        "What comes out on your map is not the average: compare the number"
        " with it, and closely."
    )


is_average = Custom(
    "A test in one line",
    fault_of_test,
    hints=[
        "Make a small map of two rows whose average, maximum, minimum and sum"
        " are all different.",
        "Feed the map to `pool`, take the one number out with `.item()`, and"
        " compare it with the average that you know.",
    ],
)

gradients = Group(
    "Where the gradient goes",
    {
        "average": {
            classes * n * n: CORRECT,
            n * n: mistakes.counted_one_map.but(
                "Every class has its own map."
            ),
            classes: "These are the places that a maximum reaches. In an"
            " average, every place has its share.",
            classes * n: mistakes.counted_one_row,
        },
        "maximum": {
            classes: CORRECT,
            classes * n * n: "These are all places. Move a pixel that is not"
            " the largest of its map a little: does the maximum change?",
            1: mistakes.counted_one_map.but("Every class has its own map."),
            n * n: "You counted the places of one map. How many of them are"
            " the maximum of a map?",
        },
        "share": part(
            {
                1 / (n * n): CORRECT,
                1: "This is the share of a place under the maximum. How much"
                " does the average grow if one pixel grows by one?",
                1 / n: "You divided by one side of the map. The map has a"
                " height and a width.",
                1 / (classes * n * n): "You divided by the number of classes"
                " too. Each score is the average of one map.",
                n * n: "This is the number of places. How much does the"
                " average grow if one pixel grows by one?",
            },
            tolerance=1e-3,
        ),
    },
    {"n": 7, "classes": 10},
    stated=(classes, n, n, classes, classes * n * n, 2),
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


def other_heads(nets, _):
    """Say if the head with GAP is not the one with fewer parameters."""
    gap, fc = (
        sum(p.numel() for p in nets[kind].parameters()) for kind in KINDS
    )
    if gap >= fc:
        return (
            "The network under the key 'GAP' has no fewer parameters than the"
            " one under 'FC'. Which head does each have?"
        )
    return None


def measured_heads(nets, training, held_out):
    """Take the images of both kinds, each as a pair (X, y)."""
    return {
        kind: (accuracy(net, *training), accuracy(net, *held_out))
        for kind, net in nets.items()
    }


heads = Results(
    "GAP against FC",
    KINDS,
    mixed_up=other_heads,
    measure=measured_heads,
    foretold={
        "training": lambda t: max(t, key=lambda kind: t[kind][0]),
        "held_out": lambda t: max(t, key=lambda kind: t[kind][1]),
    },
    columns=["on the training images", "on the held-out images"],
    column=1,
    least=0.3,
    fault=equal_values(
        "For {} both accuracies are the same. Is one of them on the training"
        " images?"
    ),
    hints=[
        "Build both networks, train each with `train`, and call `accuracy`"
        " twice: with the training images and with the held-out ones.",
        "In a loop over the two kinds: set the seed, build a fresh network,"
        " train it, and evaluate it on the images that it has seen and on"
        " those that it has not.",
    ],
    when_correct="One seed and few images: a sign, not a proof.",
)

(strides,) = symbols("strides")
product = apply(math.prod, strides)
first, last = (apply(operator.itemgetter(i), strides) for i in (0, -1))

still = Number(
    "A shift that changes nothing",
    product,
    {"strides": (4, 2, 2, 2)},
    stated=(first, 3, last),
    vary={
        "strides": (
            (3, 2, 2, 2),
            (5, 2, 2, 2),
            (6, 2, 2, 2),
            (7, 2, 2, 2),
            (4, 3, 3, 3),
            (5, 3, 3, 3),
        )
    },
    mistakes={
        1: "This holds for the average, but not for the trunk. A layer with a"
        " stride samples its input on a grid.",
        apply(sum, strides): "You added the strides. A step of a later layer"
        " is as many steps of the layers before it.",
        first: "This is enough for the first layer. The layers after it have"
        " strides too.",
        product // first: "You left out the first layer. It has a stride too.",
        product // last: "You left out the last pooling layer. It has a"
        " stride too.",
        2 * product: "So large a shift changes nothing, but neither does a"
        " smaller one. By how much must an image move for the last maps to"
        " move by a single pixel?",
    },
    hints=[
        "By how many pixels must the image move for the first map to move by"
        " one whole pixel?",
        "And for the map after the next pooling layer? Go on to the last.",
    ],
)


not_shifted = equal_values(
    "For {} the shift changes nothing at all. Do you evaluate the shifted"
    " images?"
)


def fault_of_shifts(results):
    if fault := not_shifted(results):
        return fault
    for kind, accuracies in results.items():
        if accuracies[0] == 0:
            return (
                f"For {kind} no image is right where none is shifted. Is this"
                " what is lost? Give the accuracy itself."
            )
        if accuracies[0] < accuracies[-1]:
            return (
                f"For {kind} a shift by three pixels is better than none."
                " Is the list in the order of the shifts?"
            )


def moved(X, pixels):
    """Move images to the right; background comes in from the left."""
    images = torch.full_like(X, X.min().item())
    images[..., pixels:] = X[..., : X.shape[-1] - pixels]
    return images


def measured_shifts(nets, X, y):
    return {
        kind: tuple(accuracy(net, moved(X, pixels), y) for pixels in range(4))
        for kind, net in nets.items()
    }


shifts = Results(
    "Tolerance to shifts",
    KINDS,
    mixed_up=other_heads,
    measure=measured_shifts,
    foretold={
        "lost_with_gap": lambda t: t["GAP"][0] - t["GAP"][3],
        "lost_with_fc": lambda t: t["FC"][0] - t["FC"][3],
    },
    columns=[f"shifted by {pixels}" for pixels in range(4)],
    trained=[],
    fault=fault_of_shifts,
    hints=[
        "`accuracy(nets[kind], shift(X_val, pixels), y_val)` is one of the"
        " eight numbers.",
        "A list comprehension over `range(4)` for each of the two kinds.",
    ],
)

progress, variant = notebook(__name__)
