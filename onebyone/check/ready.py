"""Answers to *Are you ready?*, the questions at the beginning of a chapter.

The pages of the book judge them; a notebook does not. A task has the question
itself for a title. Questions that ask for words, a formula or a call have no
task.
"""

import math

from onebyone.check.engine import CORRECT, Group, Number, Shape, mistakes
from onebyone.check.engine.tasks import Task


def same_scores(classes: int, question: str) -> Number:
    """Return the question for the loss of equal scores."""
    return Number(
        question,
        math.log(classes),
        tolerance=1e-3,
        decimals=2,
        mistakes={
            math.log10(classes): "You took the logarithm to the base 10."
            " Cross-entropy takes the natural one.",
            math.log2(classes): "You took the logarithm to the base 2."
            " Cross-entropy takes the natural one.",
            -math.log(classes): "You left out the minus sign. The loss is"
            " minus the logarithm of the right class's probability.",
            1 / classes: "This is the probability of each class. What does"
            " the loss make of it?",
            classes: "This is the number of classes. What is the probability"
            " of each, and what does the loss make of it?",
        },
    )


QUESTIONS: dict[str, list[Task]] = {
    "counting": [
        Number(
            "You walk along a wall of 213 metres in steps of 4 metres. On how"
            " many spots do you stand, the first included?",
            213 // 4 + 1,
            mistakes={
                213 // 4: "You counted the steps. You stood somewhere before"
                " the first one, too.",
                213 / 4: mistakes.did_not_round.but(
                    "How many whole steps fit?"
                ),
                213 / 4 + 1: mistakes.did_not_round.but(
                    "How many whole steps fit?"
                ),
                213 // 4 + 2: "You rounded up. A step that does not fit is"
                " not taken.",
            },
        ),
        Number(
            "A float32 number takes 4 bytes. How many megabytes do a million"
            " weights take?",
            4,
            mistakes={
                1: mistakes.numbers_for_bytes,
                32: "These are megabits. A byte is eight bits.",
                4e6: "These are bytes. How many of them are a megabyte?",
                4e6 / 2**20: "You divided by 2²⁰. In this book a megabyte is"
                " a million bytes.",
            },
        ),
    ],
    "one_by_one": [
        Group(
            "A convolution layer turns 3 channels into 8 with 5×5 kernels. How"
            " many weights and how many biases does it have?",
            {
                "weights": {
                    8 * 3 * 25: CORRECT,
                    8 * 3 * 25 + 8: mistakes.counted_biases,
                    8 * 3 * 5: mistakes.forgot_to_square,
                    8 * 25: mistakes.forgot_input_channels,
                    3 * 25: mistakes.forgot_output_channels,
                },
                "biases": {
                    8: CORRECT,
                    3: "You took one for each input channel. A bias is added"
                    " to what comes out.",
                    24: "You took one for each kernel. An output channel sums"
                    " over its kernels, and adds one bias.",
                    1: "You took one for the layer. Each output channel has"
                    " its own.",
                },
            },
        ),
        Shape(
            "A 2×3 matrix is multiplied by a 3×9 matrix. What is the shape of"
            " the product?",
            (2, 9),
            axes=("rows", "columns"),
            mistakes={
                (9, 2): mistakes.transposed.but(
                    "The rows are those of the first matrix."
                ),
                (3, 3): "This is the inner size, which is summed away. What"
                " is left of each matrix?",
                (2, 3, 9): "The inner size is summed away. What is left of"
                " each matrix?",
            },
        ),
    ],
    "nin": [
        Number(
            "How many parameters does a 1×1 convolution from 256 to 256"
            " channels have?",
            256 * 256 + 256,
            mistakes={
                256 * 256: mistakes.forgot_biases,
                2 * 256: mistakes.forgot_input_channels,
                9 * 256 * 256 + 256: mistakes.enlarged_1x1,
                256 * 256 + 2 * 256: "You counted two biases for each channel."
                " There is one for each output channel.",
            },
        ),
        Number(
            "An 11×11 convolution with stride 4 and no padding slides over 224"
            " pixels. How many positions does it take?",
            (224 - 11) // 4 + 1,
            mistakes={
                (224 - 11) // 4: mistakes.counted_steps,
                (224 - 11) / 4 + 1: mistakes.did_not_round,
                (224 - 11) // 4 + 2: mistakes.rounded_up,
                224 // 4: "You left out the size of the kernel. It must fit"
                " at the last position, too.",
            },
        ),
        same_scores(
            10,
            "A classifier for ten classes gives every class the same score."
            " What is its cross-entropy loss?",
        ),
    ],
    "gap": [
        Number(
            "Ten maps of 5×5 pixels are flattened and connected to ten"
            " outputs. How many parameters does that take?",
            250 * 10 + 10,
            mistakes={
                250 * 10: mistakes.forgot_biases.but(
                    "There is one for each output."
                ),
                250 + 10: "You connected each input to one output. Each of"
                " them is connected to all ten.",
                25 * 10 + 10: "You flattened one map. There are ten.",
                10 * 10 + 10: "You took one input for each map. Flattened,"
                " each of its pixels is one.",
            },
        ),
        Number(
            "The pixels of a map have the mean 4. Each is multiplied by 3, and"
            " then 1 is added. What is the mean now?",
            13,
            mistakes={
                12: "You left out the 1 that is added. It is added to every"
                " pixel, and so to the mean.",
                15: "You added first. Each pixel is multiplied, and then 1 is"
                " added.",
                4: "You left the mean as it was. What happens to every pixel"
                " happens to it.",
            },
        ),
        Shape(
            "A network has two pooling layers that halve the maps, and its"
            " other layers keep the size. The image has 28×28 pixels. How"
            " large are the last maps?",
            (7, 7),
            axes=("rows", "columns"),
            mistakes={
                (14, 14): "You halved once. There are two pooling layers.",
                (28, 28): "You did not halve. Each pooling layer does.",
                (3, 3): "You halved three times. There are two pooling"
                " layers.",
            },
        ),
    ],
    "inception": [
        Number(
            "A 1×1 convolution goes from 192 to 16 channels, a 5×5 behind it"
            " from 16 to 32. How many weights do the two have together?",
            192 * 16 + 16 * 32 * 25,
            mistakes={
                16 * 32 * 25: mistakes.forgot_1x1,
                192 * 16: mistakes.counted_1x1_alone,
                192 * 16 + 16 * 32 * 25 + 16 + 32: mistakes.counted_biases,
                192 * 16 + 192 * 32 * 25: mistakes.reads_first_input,
                192 * 16 + 16 * 32 * 5: mistakes.forgot_to_square,
            },
        ),
        Group(
            "How much zero padding keeps the size of a map under a 3×3 kernel"
            " with stride 1, and how much under a 5×5?",
            {
                "under_3x3": {
                    1: CORRECT,
                    2: "This is the total padding. PyTorch adds its padding"
                    " on each side.",
                    0: mistakes.maps_shrink.but(
                        "How many pixels does the map lose on each side?"
                    ),
                },
                "under_5x5": {
                    2: CORRECT,
                    4: "This is the total padding. PyTorch adds its padding"
                    " on each side.",
                    1: "This is the padding for a 3×3. How many pixels does"
                    " a 5×5 have on each side of its middle?",
                    0: mistakes.maps_shrink.but(
                        "How many pixels does the map lose on each side?"
                    ),
                },
            },
        ),
        Number(
            "A 1×1 convolution goes from 20 to 16 channels, a second one from"
            " 16 to 24, with nothing between them. Which rank can the folded"
            " 24×20 matrix have at most?",
            16,
            mistakes={
                20: "This is what a 24×20 matrix can have at most. But"
                " everything passes through the channels in the middle.",
                24: "This is the number of outputs. Everything passes through"
                " the channels in the middle.",
                20 * 16 * 24: "You multiplied the channels. A rank is at most"
                " the smallest number that everything passes through.",
            },
        ),
    ],
    "batch_norm": [
        Number(
            "What is the variance of the numbers 2, 4, 4 and 6, if you divide"
            " by how many they are?",
            (2**2 + 2**2) / 4,
            mistakes={
                (2**2 + 2**2) / 3: "You divided by one less. That estimates"
                " the variance of what the numbers were drawn from.",
                2**2 + 2**2: "This is the sum of the squares. The variance is"
                " their mean.",
                math.sqrt(2): "This is the standard deviation. Its square is"
                " asked for.",
                (2**2 + 4**2 + 4**2 + 6**2) / 4: "This is the mean square of"
                " the numbers themselves. From what are the deviations taken?",
                4: "This is the mean. How far are the numbers from it?",
            },
        ),
        Shape(
            "X has the shape (8, 3, 5, 5). Which shape has"
            " X.mean(dim=(0, 2, 3), keepdim=True)?",
            (1, 3, 1, 1),
            axes=("images", "channels", "height", "width"),
            mistakes={
                (3,): "So it would be without `keepdim`. With it the averaged"
                " axes stay.",
                (8, 3, 1, 1): "These are means over the positions alone. Axis"
                " 0 is named, too.",
                (8, 1, 5, 5): "You averaged the channels. Axis 1 is the one"
                " that is not named.",
                (8, 3, 5, 5): "This is the shape of X. An averaged axis has"
                " one entry left.",
            },
        ),
    ],
    "residual": [
        Shape(
            "A 3×3 convolution with stride 2 and padding 1 reads 64 maps of"
            " 56×56 pixels and makes 128 maps. What is the shape of its"
            " output?",
            (128, 28, 28),
            axes=("channels", "height", "width"),
            mistakes={
                (64, 28, 28): "These are as many maps as it reads. How many"
                " does it make?",
                (128, 56, 56): "You left out the stride. The kernel stands at"
                " every second position only.",
                (128, 27, 27): mistakes.forgot_padding,
                (128, 29, 29): mistakes.rounded_up,
                (28, 28, 128): mistakes.channels_last.but(
                    "In PyTorch they come first."
                ),
            },
        ),
    ],
    "memory_and_time": [
        Number(
            "How many MACs does a 3×3 convolution from 64 to 64 channels take"
            " on a 32×32 map that keeps its size?",
            64 * 64 * 9 * 32 * 32,
            mistakes={
                2 * 64 * 64 * 9 * 32 * 32: mistakes.flops_for_macs,
                64 * 64 * 9: mistakes.weights_for_macs,
                (64 * 64 * 9 + 64) * 32 * 32: mistakes.counted_biases_as_macs,
                64 * 9 * 32 * 32: mistakes.forgot_input_channels,
                64 * 64 * 9 * 32: mistakes.counted_one_row,
            },
        ),
        Number(
            "How many FLOPs is that?",
            2 * 64 * 64 * 9 * 32 * 32,
            mistakes={
                64 * 64 * 9 * 32 * 32: mistakes.macs_for_flops,
                4 * 64 * 64 * 9 * 32 * 32: "You doubled twice. Start from the"
                " MACs.",
                64 * 64 * 9 * 32 * 32 / 2: "You divided where you should"
                " multiply. Which of the two is the larger unit?",
            },
        ),
        Number(
            "A map of 96×54×54 numbers in single precision: how many bytes?",
            4 * 96 * 54 * 54,
            mistakes={
                96 * 54 * 54: mistakes.numbers_for_bytes,
                32 * 96 * 54 * 54: "These are bits. A byte is eight bits.",
                2 * 96 * 54 * 54: "You took two bytes for a number, as float16"
                " does. How many does a float32 take?",
                4 * 54 * 54: mistakes.counted_one_map,
            },
        ),
    ],
    "keras": [
        Shape(
            "What shape have the weights of a PyTorch convolution from 96 to"
            " 256 channels with 5×5 kernels?",
            (256, 96, 5, 5),
            axes=("output channels", "input channels", "height", "width"),
            mistakes={
                (96, 256, 5, 5): mistakes.swapped_channels,
                (5, 5, 96, 256): "This is how Keras keeps them. In PyTorch"
                " the channels come first.",
                (256, 96, 25): "You flattened the kernels. A kernel has a"
                " height and a width.",
            },
        ),
        same_scores(
            62,
            "A classifier for 62 classes gives every class the same score."
            " What is its cross-entropy loss?",
        ),
    ],
}
