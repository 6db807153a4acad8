"""Checks of the exercises *Backward by hand*.

What is right is what autograd finds; what a student writes may not use it.
"""

from collections.abc import Callable

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
    guard,
    mistakes,
    notebook,
    require_function,
    symbols,
)

b, c_in, c_out, h, w = symbols("b c_in c_out h w")

AUTOGRAD = (
    "grad",
    "backward",
    "requires_grad*",
    "jac*",
    "vjp",
    "jvp",
    "*make_dual",
    "*unpack_dual",
    "*dual_level",
)
READY_MADE = ("*conv*", "linear", "bilinear")


def gradient(forward: Callable, of: Tensor, G: Tensor) -> Tensor:
    """Return the gradient of the sum of G·forward(of), by autograd."""
    with torch.enable_grad():
        of = of.detach().requires_grad_()
        return torch.autograd.grad(forward(of), of, G)[0]


def conv1x1(X: Tensor, W: Tensor) -> Tensor:
    return F.conv2d(X, W[:, :, None, None])


# --- How much is summed ----------------------------------------------------

positions = h * w

terms = Group(
    "What is summed",
    {
        "weight": {
            b * positions: CORRECT,
            positions: "You counted one image. The loss is that of the whole"
            " batch, and each image uses the weight.",
            b: "You counted the images. Within an image, at how many places is"
            " the weight used?",
            c_in * b * positions: "You multiplied by the input channels. One"
            " weight reads one of them.",
            c_in * c_out: "These are the weights. The question is how often"
            " *one* of them is used.",
            1: "Each weight is used many times. A gradient is the sum over all"
            " uses.",
        },
        "bias": {
            b * positions: CORRECT,
            positions: "You counted one image. The loss is that of the whole"
            " batch, and each image uses the bias.",
            b: "You counted the images. Within an image, at how many places is"
            " the bias added?",
            b * c_out * positions: "You counted all maps. A bias is added to"
            " one of them.",
            1: "The *factor* is one at each place. How many places are there?",
        },
        "pixel": {
            c_out: CORRECT,
            c_in: "These are the channels that the layer reads. One number of"
            " the input is used by each channel that it *writes*.",
            c_in * c_out: "These are the weights. One number of the input is"
            " multiplied by those of one column.",
            c_out * positions: "You counted all positions. A 1×1 uses a pixel"
            " at its own position only.",
            b * c_out: "You counted all images. An image's pixel is used in"
            " that image only.",
            1: "The pixel is read by more than one output channel. By how"
            " many?",
        },
    },
    {"b": 8, "c_in": 48, "c_out": 20, "h": 6, "w": 9},
    stated=(1, 1, c_in, c_out, b, h, w),
    vary={
        "b": (4, 5, 12, 16),
        "c_in": (24, 40, 64, 80),
        "c_out": (10, 14, 28, 36),
        "h": (5, 7, 11),
        "w": (8, 10, 13),
    },
    hints=[
        "Write the layer as a sum, with all its indices. In which terms does"
        " the number occur whose gradient you want?",
        "A gradient sums over every index that the number itself does not"
        " have. Cross these out in `Y[n, o, y, x] = sum over i of W[o, i]"
        " X[n, i, y, x] + b[o]`.",
    ],
)

# --- A gradient check ------------------------------------------------------


def cube(X: Tensor) -> Tensor:
    return (X**3).sum() + (X.flatten()[:-1] * X.flatten()[1:]).sum()


def wave(X: Tensor) -> Tensor:
    return (X.sin() * X.exp()).mean()


def difference_quotients(X: Tensor, function: Callable) -> dict[str, Tensor]:
    """Return what usual slips make of a numerical gradient."""
    right = gradient(function, X, torch.ones((), dtype=X.dtype))
    return {
        "It is twice the gradient. The two points of a central difference"
        " lie two steps apart.": 2 * right,
        "It is half the gradient. Divide by the distance of the two points,"
        " which is one step if one of them is X itself.": right / 2,
        "Its sign is turned. The value at the larger X comes first.": -right,
        "It is the sum of all entries' gradients in each place. Move one"
        " entry at a time, from a fresh copy.": right.sum().expand_as(right),
    }


def fault_of_numerical(numerical: Callable) -> str | None:
    require_function(numerical)
    for function in (cube, wave):
        X = Draw(3).tensor(2, 3, 2)
        given = X.clone()
        result = guard.outcome(numerical, function, given)
        if isinstance(result, guard.Raised):
            return f"For X of shape {tuple(X.shape)} your function {result}"
        if result is None or not isinstance(result, Tensor):
            return f"Your function gives {guard.show(result)}, not a tensor."
        if not torch.equal(given, X):
            return (
                "Your function changes X, which its caller still needs. Move"
                " the entries of a copy."
            )
        if result.dtype not in (torch.float32, torch.float64):
            return (
                f"Your function gives a tensor of `{result.dtype}`. Make it"
                " one of floats, such as `torch.float32`."
            )
        if result.shape != X.shape:
            return (
                f"Your function gives {guard.show(result)}. A gradient has the"
                " shape of what it belongs to."
            )
        right = gradient(function, X, torch.ones((), dtype=X.dtype))
        if fault := fault_of_quotients(result.detach().double(), right, X):
            return fault
        if fault := fault_of_points(numerical, X):
            return fault
    return None


def fault_of_quotients(result: Tensor, right: Tensor, X: Tensor) -> str | None:
    off = (result - right).abs().max().item()
    if off <= 1e-5:
        return None
    for function in (cube, wave):
        for message, wrong in difference_quotients(X, function).items():
            if torch.allclose(result, wrong, atol=1e-3, rtol=1e-3):
                return message
    if off <= 0.05:
        return (
            f"The numbers are near, but up to {off:.1g} off. A one-sided"
            " difference is off by the step, a central one by its square only;"
            " a tiny step loses digits to rounding; and X in float32 has too"
            " few digits."
        )
    index = tuple((result - right).abs().argmax(keepdim=True).tolist())
    value = result.flatten()[index].item()
    return f"Your function gives {value:.4g} in one place, which is not right."


USES_AUTOGRAD = (
    "The result is right, but your function uses autograd. The point of this"
    " check is that it knows nothing of it."
)


def fault_of_points(numerical: Callable, X: Tensor) -> str | None:
    """Say if it asks for gradients, or moves X to one side only."""
    points, asks = [], []
    # all points of a `vmap` at once; PyTorch 2.4 has no such function
    unwrapped = getattr(torch.func, "debug_unwrap", lambda point: point)

    def watched(moved: Tensor) -> Tensor:
        points.append(unwrapped(moved).detach().clone())
        asks.append(moved.requires_grad)
        return cube(moved)

    guard.outcome(numerical, watched, X.clone())
    if any(asks):
        return USES_AUTOGRAD
    steps = [
        (point - X).reshape(-1, *X.shape)
        for point in points
        if point.shape[-X.ndim :] == X.shape
    ]
    if not steps:
        return None
    moves = torch.cat(steps)
    if not moves.any():
        return USES_AUTOGRAD
    if moves.is_complex():
        return (
            "The result is right here, but your step is imaginary. The central"
            " difference takes the loss on both sides of X, as far from it."
        )
    if moves.sum(0).abs().max() > moves.abs().max() / 2:
        return (
            "The result is right here, but your difference is one-sided. The"
            " central one takes the loss on both sides of X, as far from it."
        )
    return None


numerical = Custom(
    "A gradient check",
    fault_of_numerical,
    hints=[
        "Take one entry after the other. How does the loss change if this one"
        " becomes a little larger, and how if it becomes a little smaller?",
        "Make two copies of X, add 1e-5 to entry i of one and take it from the"
        " other (`copy.view(-1)[i]`); the difference of the losses, divided by"
        " what lies between the copies, belongs into place i of the result.",
    ],
    when_correct="Now you can check every gradient below before you ask the"
    " check.",
)

# --- The 1×1 convolution ---------------------------------------------------


def sizes(draw: Draw) -> tuple[int, int, int, int, int]:
    """B, C_in, C_out, H, W; in some cases as many channels out as in."""
    channels = draw.integer(2, 4)
    height = draw.integer(2, 4)
    return (
        draw.batch(),
        channels,
        channels + draw.integer(0, 1),
        height,
        height + draw.integer(1, 2),
    )


def map_and_gradient(draw: Draw) -> dict[str, Tensor]:
    batch, c_in, c_out, *side = sizes(draw)
    return {
        "X": draw.tensor(batch, c_in, *side),
        "G": draw.tensor(batch, c_out, *side),
    }


def weight_and_gradient(draw: Draw) -> dict[str, Tensor]:
    batch, c_in, c_out, *side = sizes(draw)
    return {
        "W": draw.tensor(c_out, c_in),
        "G": draw.tensor(batch, c_out, *side),
    }


def of_weight(X: Tensor, G: Tensor) -> Tensor:
    W = X.new_zeros(G.shape[1], X.shape[1])
    return gradient(lambda W: conv1x1(X, W), W, G)


def summed(pattern: str) -> Callable[..., Tensor]:
    return lambda *tensors: torch.einsum(pattern, *tensors)


grad_weight = Function(
    "The gradient of the weight",
    of_weight,
    map_and_gradient,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE),
    mistakes={
        summed("bihw,bohw->io"): mistakes.transposed.but(
            "The gradient has the shape of the weight, (C_out, C_in)."
        ),
        summed("bihw,bohw->boi"): mistakes.batch_not_summed,
        summed("bihw,bohw->bio"): mistakes.batch_not_summed,
        lambda X, G: of_weight(X, G) / len(X): mistakes.averaged_batch,
        lambda X, G: of_weight(X, G) / X[0, 0].numel(): mistakes.averaged_map,
        lambda X, G: (
            of_weight(X, G) / X[:, 0].numel()
        ): "You averaged over batch and positions. Each use of"
        " the weight adds to the loss, so the gradient is their sum.",
        lambda X, G: of_weight(X[:1], G[:1]): "You took the first image alone."
        " Every image of the batch uses the weight.",
        lambda X, G: torch.einsum(
            "bihw,bohw->oi",
            X.mean((2, 3), keepdim=True).expand_as(X),
            G,
        ): "You averaged the input over the map first. At each position the"
        " gradient meets the input of *that* position.",
        lambda X, G: of_weight(X, G)[
            :, :, None, None
        ]: "The numbers are right,"
        " but W is a matrix here. Return one of shape (C_out, C_in).",
    },
    hints=[
        "In `Y[n, o, y, x] = sum over i of W[o, i] X[n, i, y, x]`, by what is"
        " W[o, i] multiplied? That, times the gradient of Y, summed over all"
        " places where it happens.",
        "As matrices: put all pixels of all images into rows, (B·H·W, C),"
        " for X and for G. One of them, transposed, times the other is the"
        " answer: the shape says which.",
    ],
)


def of_bias(G: Tensor) -> Tensor:
    bias = G.new_zeros(G.shape[1])
    return gradient(lambda b: b[:, None, None].expand(G.shape), bias, G)


grad_bias = Function(
    "The gradient of the bias",
    of_bias,
    lambda draw: {"G": weight_and_gradient(draw)["G"]},
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE),
    mistakes={
        lambda G: G.sum((2, 3)): mistakes.batch_not_summed,
        lambda G: G.sum((2, 3)).mean(0): mistakes.averaged_batch,
        lambda G: G.sum(0).mean((1, 2)): mistakes.averaged_map,
        lambda G: G.mean((0, 2, 3)): "You averaged over batch and positions."
        " The bias is added at each of them, so its gradient is their sum.",
        lambda G: G.sum(
            0
        ): "You summed over the batch alone. The bias is added"
        " at every position of the map as well.",
        lambda G: torch.ones_like(G[0, :, 0, 0]): "You gave the derivative of"
        " the output by the bias, which is one. Multiply it by the gradient"
        " that arrives, and sum.",
        lambda G: G.sum(): "You summed over the channels too. Each channel has"
        " a bias of its own.",
        lambda G: G.sum(1): "You summed over the channels. The channel is the"
        " one index that the bias has.",
    },
    hints=[
        "The bias is added, so its factor is 1. At how many places?",
        "Sum over every axis of G but one. Which axis does a bias have?",
    ],
)


def of_input(W: Tensor, G: Tensor) -> Tensor:
    X = G.new_zeros(len(G), W.shape[1], *G.shape[2:])
    return gradient(lambda X: conv1x1(X, W), X, G)


grad_input = Function(
    "The gradient of the input",
    of_input,
    weight_and_gradient,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE),
    mistakes={
        summed("oi,bihw->bohw"): "You applied W as it is, as in the forward"
        " pass. Backwards the sum runs over the channels that the layer has"
        " *written*.",
        summed("oi,bohw->bhwi"): mistakes.channels_last,
        summed("oi,bohw->ihw"): "You summed over the batch. Each image's input"
        " has a gradient of its own.",
        lambda W, G: (
            of_input(W, G).sum((2, 3), keepdim=True).expand_as(of_input(W, G))
        ): "You summed over the positions. A 1×1 uses"
        " a pixel at its own position only.",
        lambda W, G: of_input(W, G) / len(W): "You averaged over the output"
        " channels. Each of them reads the pixel, and their gradients add up.",
        lambda W, G: of_input(W, G) / len(G): mistakes.averaged_batch.but(
            "Each image's input has a gradient of its own."
        ),
        lambda W, G: torch.einsum(
            "oi,bohw->bihw", W, torch.ones_like(G)
        ): "You summed the weights alone. Where is the gradient that arrives,"
        " `G`?",
    },
    hints=[
        "The number X[n, i, y, x] goes into all output channels o at its own"
        " place. By which weight each time?",
        "Forwards, a pixel is multiplied by W. Backwards, the gradient of that"
        " pixel is multiplied by the same matrix with rows and columns"
        " exchanged, and the channels must end up on axis 1.",
    ],
)

# --- Global average pooling ------------------------------------------------


def pooled_gradient(draw: Draw) -> dict[str, object]:
    batch, channels, _, height, width = sizes(draw)
    return {
        "G": draw.tensor(batch, channels),
        "height": height,
        "width": width,
    }


def of_pooled(G: Tensor, height: int, width: int) -> Tensor:
    X = G.new_zeros(*G.shape, height, width)
    return gradient(lambda X: X.mean((2, 3)), X, G)


def spread(factor: Callable) -> Callable[..., Tensor]:
    """Return what gives every pixel the gradient times a factor."""

    def function(G: Tensor, height: int, width: int) -> Tensor:
        each = G * factor(G, height, width)
        return each[:, :, None, None].expand(-1, -1, height, width).clone()

    return function


def one_pixel(G: Tensor, height: int, width: int) -> Tensor:
    X = G.new_zeros(*G.shape, height, width)
    X[:, :, 0, 0] = G
    return X


grad_average = Function(
    "The gradient of global average pooling",
    of_pooled,
    pooled_gradient,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE, "*pool*"),
    mistakes={
        spread(lambda G, h, w: 1): "The factor of the average is missing. By"
        " what does an average multiply each pixel?",
        spread(lambda G, h, w: 1 / h): "You divided by the height alone. An"
        " average is over height and width.",
        spread(lambda G, h, w: 1 / w): "You divided by the width alone. An"
        " average is over height and width.",
        spread(
            lambda G, h, w: 1 / (h * w * len(G))
        ): mistakes.averaged_batch.but(
            "The average is over the pixels of one image."
        ),
        spread(lambda G, h, w: 1 / (h * w * G.shape[1])): "You divided by the"
        " number of channels too. Each channel has an average of its own.",
        spread(
            lambda G, h, w: h * w
        ): "You multiplied by the number of pixels."
        " An average *divides* by it.",
        one_pixel: "You gave the whole gradient to one pixel, as a maximum"
        " would. In an average every pixel has its share.",
        lambda G, height, width: (G / (height * width))[
            :, :, None, None
        ]: "Each pixel's share is right, but the result still has maps of one"
        " pixel. Every pixel of the input gets that share.",
        lambda G, h, w: of_pooled(G, h, w).mT: mistakes.swapped_sides,
    },
    hints=[
        "An average is a sum in which all pixels have the same factor: which?",
        "Every pixel of a map gets the same number: the gradient of its"
        " channel times that factor. `expand` makes maps of it, once there are"
        " two axes of length one.",
    ],
)

larger_map = Choice(
    "What a larger map changes",
    right="b",
    wrong={
        "a": "For one pixel this is so, but there are as many more pixels as"
        " the factor is smaller. Sum over a map.",
        "c": "The factor 1/(H·W) depends on the size. For which of the two, a"
        " pixel or a map, does it cancel?",
        "d": "Each channel has an average of its own, and the number of"
        " channels occurs nowhere. What does occur in the factor?",
    },
    hints=[
        "Compare two numbers for 7×7 and 14×14 pixels: what one pixel gets,"
        " and what all pixels of a map get together.",
        "A quarter, times four times as many.",
    ],
)

# --- The residual sum ------------------------------------------------------


def square_layer(draw: Draw) -> dict[str, Tensor]:
    batch, channels, _, *side = sizes(draw)
    return {
        "W": draw.tensor(channels, channels),
        "G": draw.tensor(batch, channels, *side),
    }


def of_sum(W: Tensor, G: Tensor) -> Tensor:
    X = torch.zeros_like(G)
    return gradient(lambda X: conv1x1(X, W) + X, X, G)


plus_one_missing = (
    "The gradient of the shortcut is missing. X reaches the sum on two ways,"
    " and the gradients of both add up."
)
branch_missing = (
    "The gradient of the branch is missing. X reaches the sum on two ways, and"
    " the gradients of both add up."
)
forward_weight = (
    "You applied W as it is, as in the forward pass. Backwards the sum runs"
    " over the channels that the layer has *written*."
)

grad_sum = Function(
    "The gradient of a residual sum",
    of_sum,
    square_layer,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE),
    mistakes={
        of_input: plus_one_missing,
        lambda W, G: G.clone(): branch_missing,
        lambda W, G: G + conv1x1(G, W): forward_weight,
        lambda W, G: 1 + of_input(W, G): "You added the number 1. The"
        " derivative of the shortcut is 1, and it is multiplied by the"
        " gradient that arrives.",
        lambda W, G: (of_sum(W, G)) / 2: "You averaged the two ways. Gradients"
        " of the same X add up.",
        lambda W, G: of_input(W, G) - G: "You took the shortcut's gradient"
        " away. It is added, as the shortcut is.",
    },
    hints=[
        "X occurs twice in the sum. Take each by itself, as if the other were"
        " constant.",
        "One way gives what task 3c has found. The other one is the identity:"
        " what does it make of G?",
    ],
)


def block_case(draw: Draw) -> dict[str, Tensor]:
    case = square_layer(draw)
    return {"X": draw.tensor(*case["G"].shape), **case}


def of_block(X: Tensor, W: Tensor, G: Tensor) -> Tensor:
    return gradient(lambda X: F.relu(conv1x1(X, W) + X), X, G)


def is_open(X: Tensor, W: Tensor) -> Tensor:
    return (conv1x1(X, W) + X > 0).to(X.dtype)


grad_block = Function(
    "Through the last ReLU",
    of_block,
    block_case,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE),
    mistakes={
        lambda X, W, G: of_sum(W, G): "The last ReLU is missing. Where it is"
        " closed, nothing passes.",
        lambda X, W, G: of_input(W, is_open(X, W) * G): plus_one_missing,
        lambda X, W, G: is_open(X, W) * G: branch_missing,
        lambda X, W, G: of_input(W, is_open(X, W) * G) + G: "Your shortcut"
        " escapes the last ReLU. The ReLU takes the sum, so it closes both"
        " ways at once.",
        lambda X, W, G: of_input(W, G) + is_open(X, W) * G: "Your branch"
        " escapes the last ReLU. The ReLU takes the sum, so it closes both"
        " ways at once.",
        lambda X, W, G: is_open(X, W) * of_sum(W, G): "You closed the gradient"
        " behind the layer, at its *input*. The ReLU stands at the output, so"
        " its mask works on G before anything else does.",
        lambda X, W, G: of_sum(W, G * (X > 0)): "Your mask is that of X. The"
        " ReLU is open where its own input, the sum, is positive.",
        lambda X, W, G: of_sum(W, G * (conv1x1(X, W) > 0)): "Your mask is that"
        " of the branch. The ReLU is open where its own input, the sum, is"
        " positive.",
        lambda X, W, G: (
            is_open(X, W) * G + conv1x1(is_open(X, W) * G, W)
        ): forward_weight,
    },
    hints=[
        "Go through the block from its end. What does the ReLU do to the"
        " gradient that arrives, and where is it open?",
        "Compute the sum once more, as in the forward pass; set G to zero"
        " where it is not positive; and do with the rest what you did for the"
        " sum.",
    ],
)

# --- The whole head --------------------------------------------------------


def one_hot(draw: Draw, batch: int, classes: int) -> Tensor:
    labels = draw.tensor(batch, classes).argmax(dim=1)
    return F.one_hot(labels, classes).double()


def scores_and_labels(draw: Draw) -> dict[str, Tensor]:
    batch, classes = draw.batch() + 1, draw.integer(3, 5)
    return {
        "Z": draw.tensor(batch, classes),
        "T": one_hot(draw, batch, classes),
    }


def of_loss(Z: Tensor, T: Tensor) -> Tensor:
    one = torch.ones((), dtype=Z.dtype)
    return gradient(lambda Z: F.cross_entropy(Z, T), Z, one)


grad_loss = Function(
    "The gradient of cross-entropy",
    of_loss,
    scores_and_labels,
    in_float64=True,
    banned=(*AUTOGRAD, "cross_entropy", "nll_loss"),
    mistakes={
        lambda Z, T: of_loss(Z, T) * len(Z): "You left out the mean over the"
        " batch. The loss is an average over the images.",
        lambda Z, T: of_loss(Z, T) * len(Z) / Z.shape[1]: "You divided by the"
        " number of classes. The loss is an average over the *images*.",
        lambda Z, T: of_loss(Z, T) / Z.shape[1]: "You divided by the number of"
        " classes too. The loss is an average over the images alone.",
        lambda Z, T: Z.softmax(1) / len(Z): "These are the probabilities. At"
        " the right class something is taken away.",
        lambda Z, T: -T / len(Z): "You took the score of the right"
        " class alone. The softmax divides by the sum over all classes, which"
        " has a gradient too.",
        lambda Z, T: (Z - T) / len(Z): "You took the scores"
        " themselves. What cross-entropy compares with the labels are"
        " probabilities.",
        lambda Z, T: (Z.softmax(0) - T) / len(Z): "Your softmax"
        " runs over the batch. Each image has probabilities of its own, over"
        " the classes.",
    },
    hints=[
        "For one image the loss is log(sum of exp(Z)) minus the score of the"
        " right class. Differentiate the two by one score each.",
        "The first part gives the softmax, the second a one at the right class"
        " and zeros elsewhere; and the loss of a batch is a mean.",
    ],
)


def head_case(draw: Draw) -> dict[str, Tensor]:
    batch, c_in, classes, *side = sizes(draw)
    classes += 1
    return {
        "X": draw.tensor(batch + 1, c_in, *side),
        "W": draw.tensor(classes, c_in),
        "T": one_hot(draw, batch + 1, classes),
    }


def of_head(X: Tensor, W: Tensor, T: Tensor) -> Tensor:
    one = torch.ones((), dtype=X.dtype)

    def loss(W: Tensor) -> Tensor:
        return F.cross_entropy(conv1x1(X, W).mean((2, 3)), T)

    return gradient(loss, W, one)


def pixels(X: Tensor) -> int:
    return X[0, 0].numel()


grad_head = Function(
    "The gradient of a whole head",
    of_head,
    head_case,
    in_float64=True,
    banned=(*AUTOGRAD, *READY_MADE, "cross_entropy", "nll_loss"),
    mistakes={
        lambda X, W, T: of_head(X, W, T) * pixels(X): "The factor of the"
        " average is missing. By what does an average multiply each pixel?",
        lambda X, W, T: of_head(X, W, T) * len(X): "You left out the mean over"
        " the batch. The loss is an average over the images.",
        lambda X, W, T: of_head(X, W, T) / len(X): "You divided by the batch"
        " twice. The mean of the loss has done it already.",
        lambda X, W, T: of_head(X, W, T) / pixels(X): "You divided by the"
        " number of pixels twice. The average takes place once.",
        lambda X, W, T: of_head(X, W, T).T: mistakes.transposed.but(
            "The gradient has the shape of the weight, (classes, C_in)."
        ),
    },
    hints=[
        "Go backwards, one layer after the other, and hand on what you get:"
        " loss, average, 1×1. You have written all three.",
        "There is a shorter way: average and 1×1 can be exchanged, so the"
        " scores are W times the averages of X. Then the gradient is one"
        " matrix product, of (classes, B) and (B, C_in).",
    ],
)

# --- What must be kept -----------------------------------------------------

kept = Choice(
    "What a layer must keep",
    right="ac",
    wrong={
        "b": "The gradient of an average is G divided by the number of pixels."
        " Does a value of the input occur in it?",
        "d": "The gradient of a sum is G, on both ways. Does a value of the"
        " input occur in it?",
        "e": "A bias has the factor 1, so its gradient is a sum over G. Does a"
        " value of the input occur in it?",
    },
    missing="There is one more: whose gradient contains values of the forward"
    " pass?",
    hints=[
        "Look at the arguments of your functions: which of them needed `X`?",
        "For the ReLU ask what you had to know in order to write its mask, and"
        " for the 1×1 convolution think of its weight.",
    ],
)

progress, variant = notebook(__name__)
