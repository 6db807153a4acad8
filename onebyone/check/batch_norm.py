"""Checks of the exercises *Batch norm*."""

import math
from collections.abc import Callable

from torch import Tensor

from onebyone.check.engine import (
    CORRECT,
    Choice,
    Draw,
    Function,
    Group,
    apply,
    notebook,
    part,
    symbols,
)

a, b, c, d, gamma, beta = symbols("a b c d gamma beta")
old_mean, old_var, momentum, n, m, v = symbols(
    "old_mean old_var momentum n m v"
)
channels, images, side, k = symbols("channels images side k")

# --- Four numbers ----------------------------------------------------------

mean = (a + b + c + d) / 4
squares = (a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + (d - mean) ** 2
variance = squares / 4
std = apply(math.sqrt, variance)

by_hand = Group(
    "Four numbers",
    {
        "mean": {
            mean: CORRECT,
            a + b + c + d: "This is the sum. How many numbers are there?",
            (a + d) / 2: "You took the mean of the first and the last. All"
            " four count.",
        },
        "variance": {
            variance: CORRECT,
            squares / 3: "You divided by one less than their number. So the"
            " layer does for what it stores; how does it normalise?",
            squares: "This is the sum of the squares. The variance is their"
            " mean.",
            std: "This is the standard deviation. The variance is its square.",
            (a**2 + b**2 + c**2 + d**2) / 4: "You squared the numbers"
            " themselves. From what are the deviations taken?",
        },
        "second": part(
            {
                gamma * (b - mean) / std + beta: CORRECT,
                (b - mean) / std: "This is the number before scale and shift."
                " What do gamma and beta do to it?",
                gamma * (b - mean) / std: "You left out the shift. What is"
                " added at the end?",
                gamma * ((b - mean) / std + beta): "You shifted before you"
                " scaled. Which of the two comes first?",
                gamma * (b - mean) / variance + beta: "You divided by the"
                " variance. Which power of it has the unit of the numbers?",
                gamma * (b - mean) / apply(math.sqrt, squares / 3)
                + beta: "You took the variance with one less than their"
                " number. By how many does the layer divide to normalise?",
                gamma * b / std + beta: "You did not subtract the mean. What"
                " does the layer do first?",
            },
            decimals=2,
            tolerance=1e-6,
        ),
    },
    {"a": 28, "b": 20, "c": 26, "d": 26, "gamma": 6, "beta": 3},
    stated=(4, a, b, c, d, gamma, beta),
    vary={"gamma": (5, 7, 9), "beta": (2, 4, 13)},
    hints=[
        "First the mean, then the deviations from it, then the mean of their"
        " squares.",
        "Divide the second deviation by the root of the variance, multiply by"
        " gamma, and add beta.",
    ],
    when_correct="All that is left of the four numbers is their pattern; size"
    " and place come from gamma and beta.",
)

# --- Running statistics ----------------------------------------------------

unbiased = v * n / (n - 1)

running = Group(
    "Running statistics",
    {
        "running_mean": part(
            {
                (1 - momentum) * old_mean + momentum * m: CORRECT,
                momentum * old_mean + (1 - momentum) * m: "You gave the old"
                " value the share of the new one. Whose share is PyTorch's"
                " momentum?",
                m: "This is the mean of the batch. The running mean only moves"
                " towards it.",
                momentum * m: "You began at zero. From where does this layer"
                " begin?",
                old_mean + momentum * m: "You added a share of the batch and"
                " took nothing away. The two shares add up to one.",
            },
            decimals=2,
            tolerance=1e-6,
        ),
        "running_var": part(
            {
                (1 - momentum) * old_var + momentum * unbiased: CORRECT,
                (1 - momentum) * old_var + momentum * v: "You stored the"
                " variance that normalises the batch. By how many does PyTorch"
                " divide what it stores?",
                momentum * old_var + (1 - momentum) * unbiased: "You gave the"
                " old value the share of the new one. Whose share is PyTorch's"
                " momentum?",
                momentum * old_var + (1 - momentum) * v: "The momentum is"
                " turned round, and the variance is the one that normalises."
                " Which does PyTorch store?",
                unbiased: "This is the variance of the batch. The running"
                " variance only moves towards it.",
            },
            decimals=2,
            tolerance=1e-6,
        ),
    },
    {"old_mean": 4, "old_var": 9, "momentum": 0.2, "n": 6, "m": 14, "v": 20},
    stated=(1, momentum, old_mean, old_var, n, m, v),
    vary={"old_mean": (3, 5, 7), "m": (17, 19, 23), "v": (25, 30, 40)},
    hints=[
        "The new value is a share of the old one and a share of the batch's;"
        " `momentum` is one of the two shares.",
        "For the variance, turn the mean of the squares into their sum, and"
        " divide it by one less than the number of values.",
    ],
    when_correct="With a whole feature map in place of six values, the two"
    " variances would hardly differ.",
)

# --- What a layer has ------------------------------------------------------

group = images * side * side

counts = Group(
    "What a layer has",
    {
        "learned": {
            2 * channels: CORRECT,
            channels: "You counted the scales or the shifts. There are both.",
            4 * channels: "You counted the running statistics too. Are they"
            " learned?",
            2 * channels * side * side: "You gave each position numbers of its"
            " own. What do the positions of a channel share?",
        },
        "group": {
            group: CORRECT,
            side * side: "You counted one image. Over which axes is the mean"
            " taken?",
            images: "You counted one position. Over which axes is the mean"
            " taken?",
            group * channels: "You counted all channels. Which numbers does"
            " one mean belong to?",
            images * channels: "You averaged over images and channels. Which"
            " axis keeps a mean of its own?",
        },
        "saved": {
            channels: CORRECT,
            0: "You left the biases in. How many has the convolution?",
            2 * channels: "This is what batch norm learns. How many biases has"
            " the convolution?",
            channels * side * side: "You took a bias for each position. A"
            " convolution shares its biases over the positions.",
        },
    },
    {"channels": 48, "images": 20, "side": 14},
    stated=(channels, channels, images, side, side),
    vary={"channels": (40, 56, 72), "images": (24, 28), "side": (9, 11, 13)},
    hints=[
        "Write the shape (B, C, H, W) down, and cross out the axes that are"
        " averaged away.",
        "Scale and shift are one number for each channel, and so is a bias."
        " The mean goes over the other three axes.",
    ],
    when_correct="Of the two that batch norm learns, the shift does the work"
    " of the bias.",
)

# --- The bias in front -----------------------------------------------------

bias = Choice(
    "The bias in front",
    right="bc",
    wrong={
        "a": "In training mode the layer subtracts the mean of this very"
        " batch. What happens to that mean when the bias grows?",
        "d": "The shift of batch norm is added at the end. What is then the"
        " mean of its output?",
        "e": "A ReLU between them cuts at zero, and the bias moves the values"
        " across it. Does the mean take that away, too?",
    },
    missing="One more of these is true. Ask of each which mean is subtracted,"
    " the batch's or a stored one.",
    hints=[
        "In training the mean is taken of what comes in now, in evaluation it"
        " is a constant.",
        "Two of them are true, one about training and one about evaluation.",
    ],
    when_correct="So a bias that is changed by hand, or folded wrongly, is"
    " seen only in evaluation.",
)

# --- In Python -------------------------------------------------------------

Norm = Callable[..., Tensor]


def of_maps(
    axes: tuple[int, ...] = (0, 2, 3),
    correction: int = 0,
    eps: float = 1e-5,
    training: bool | None = None,
) -> Norm:
    """Return batch norm, or a wrong one.

    Args:
        axes: over which the batch's statistics are taken.
        correction: what the number of values is lessened by.
        eps: what is added to the variance.
        training: the mode, whatever the argument says; None heeds it.
    """
    mode = training

    def norm(X, running_mean, running_var, gamma, beta, training):
        if training if mode is None else mode:
            mean = X.mean(dim=axes, keepdim=True)
            var = X.var(dim=axes, correction=correction, keepdim=True)
        else:
            mean = running_mean[:, None, None]
            var = running_var[:, None, None]
        normed = (X - mean) / (var + eps).sqrt()
        return gamma[:, None, None] * normed + beta[:, None, None]

    return norm


def without_root(X, running_mean, running_var, gamma, beta, training):
    normed = of_maps()(X, running_mean, running_var, gamma, 0 * beta, training)
    var = X.var(dim=(0, 2, 3), correction=0) if training else running_var
    root = (var + 1e-5).sqrt()
    return normed / root[:, None, None] + beta[:, None, None]


def without_shift(X, running_mean, running_var, gamma, beta, training):
    return of_maps()(X, running_mean, running_var, gamma, 0 * beta, training)


def unscaled(X, running_mean, running_var, gamma, beta, training):
    ones = gamma / gamma
    return of_maps()(X, running_mean, running_var, ones, 0 * beta, training)


def norm_arguments(draw: Draw) -> dict[str, object]:
    channels = draw.integer(2, 4)
    X = draw.tensor(draw.batch(), channels, draw.integer(3, 5), 4)
    running_var = draw.tensor(channels).square() + 0.1
    X[:, 0] *= 0.003  # one channel hardly varies, so that eps counts
    running_var[0] = 1e-5
    return {
        "X": X,
        "running_mean": draw.tensor(channels),
        "running_var": running_var,
        "gamma": draw.tensor(channels),
        "beta": draw.tensor(channels),
        "training": draw.integer(0, 1) == 1,
    }


in_python = Function(
    "Both modes in Python",
    of_maps(),
    norm_arguments,
    cases=8,
    banned=["*batch_norm*", "instance_norm"],
    mistakes={
        of_maps(training=True): "You take the statistics of the batch in"
        " evaluation, too. Which does the layer take when `training` is"
        " false?",
        of_maps(training=False): "You take the running statistics in"
        " training, too. Which does the layer take when `training` is true?",
        of_maps(correction=1): "Your variance divides by one less than the"
        " number of values. How does the layer normalise?",
        of_maps(eps=0.0): "You left out `eps`. It is added to the variance"
        " before the root.",
        of_maps(axes=(0,)): "You average over the images alone. What do the"
        " positions of a channel share?",
        of_maps(axes=(2, 3)): "You average over the positions alone, image by"
        " image. Which axis is left out?",
        of_maps(axes=(0, 1, 2, 3)): "You take one mean for all channels."
        " Which axis keeps a mean of its own?",
        without_root: "You divide by the variance. What is the standard"
        " deviation?",
        without_shift: "You left out `beta`. What is added at the end?",
        unscaled: "You left out `gamma` and `beta`. What happens to the"
        " normalised values?",
    },
    hints=[
        "Choose mean and variance by `training` first; all else is the same"
        " in both modes.",
        "Numbers for each channel, of shape (C,), need two more axes to meet"
        " maps of shape (B, C, H, W): `gamma[:, None, None]`.",
    ],
    when_correct="The only thing missing for `nn.BatchNorm2d` is that it"
    " moves its running statistics.",
)

# --- Weights whose size does not matter ------------------------------------

unchanged, inverse, inverse_square = k / k, 1 / k, 1 / k**2

scale = Group(
    "Larger weights",
    {
        "output": {
            unchanged: CORRECT,
            k: "So it is without batch norm. What does the division by the"
            " standard deviation do to a common factor?",
            inverse: "The deviations grow, and so does what they are divided"
            " by. What is left of the factor?",
        },
        "gradient": part(
            {
                inverse: CORRECT,
                unchanged: "The output does not change, but its slope does."
                " How far must larger weights be moved for the same effect?",
                k: "You turned it round. How far must larger weights be moved"
                " for the same effect?",
                inverse_square: "This is the square of it. Change the weights"
                " by a given share first, then ask how far that is.",
            },
            tolerance=1e-6,
            decimals=3,
        ),
        "share": part(
            {
                inverse_square: CORRECT,
                inverse: "This is the step itself. What share of the weights"
                " is it, now that they are larger?",
                unchanged: "Both the step and the weights have changed. Divide"
                " one by the other.",
                k**2: "You turned it round. Divide the step by the weights.",
            },
            tolerance=1e-6,
            decimals=4,
        ),
    },
    {"k": 4},
    stated=(k,),
    vary={"k": (3, 5, 6, 7, 8)},
    hints=[
        "If the output does not depend on the size of the weights, only their"
        " direction matters.",
        "To turn longer weights by the same angle they must be moved farther;"
        " so the slope is lower by the same factor. The share is step over"
        " weights.",
    ],
    when_correct="The last of them is why the learning rate over the squared"
    " size of the weights is called the effective one.",
)

progress, variant = notebook(__name__)
