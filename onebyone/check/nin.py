"""Checks of the exercises *Network in network*."""

import itertools
import math
import numbers

import torch
from torch import nn

from onebyone import cost, models
from onebyone.check.engine import (
    CORRECT,
    Choice,
    Custom,
    Group,
    Module,
    Number,
    Results,
    apply,
    best_of,
    each_on_held_out,
    guard,
    lead_of_best,
    mistakes,
    notebook,
    symbols,
)
from onebyone.check.engine.networks import (
    close,
    look_into,
    plain_copy,
    result_of,
)
from onebyone.check.engine.results import as_list

c_in, c, k, n, classes = symbols("c_in c k n classes")

# --- One block -------------------------------------------------------------

BLOCK = {"c_in": 64, "c": 160, "k": 5, "n": 20}
BLOCKS = {
    "c_in": (16, 32, 48, 64, 80),
    "c": (96, 128, 144, 192, 224),
    "k": (3, 5, 7),
    "n": (14, 18, 24, 30),
}

first_weights = k * k * c_in * c
weights = first_weights + 2 * c * c
block_count = weights + 3 * c
macs_of_block = weights * n * n
macs_with_biases = block_count * n * n
without_1x1_biases = weights + c

block_parameters = Number(
    "Parameters of a block",
    block_count,
    BLOCK,
    stated=(c_in, c, k, k, 1, k // 2, n, n),
    vary=BLOCKS,
    mistakes={
        without_1x1_biases: mistakes.forgot_1x1_biases,
        weights: mistakes.forgot_biases,
        first_weights + c: mistakes.counted_first_alone,
        first_weights + c + c * (c + 1): mistakes.counted_one_1x1,
        first_weights + c + 2 * c * (c_in + 1): mistakes.reads_first_input,
        first_weights + c + 2 * c * (k * k * c + 1): mistakes.enlarged_1x1,
        3 * c * n * n: mistakes.activations_for_parameters,
        macs_with_biases: mistakes.multiplied_by_positions,
    },
    hints=[
        "A block is three convolutions. Count each on its own.",
        "A k×k convolution has k·k·C_in weights and one bias for each output"
        " channel. What are k and C_in in the second and third layer?",
    ],
)

block_macs = Number(
    "MACs of the same block",
    macs_of_block,
    BLOCK,
    stated=(c_in, c, k, k, 1, k // 2, n, n),
    vary=BLOCKS,
    mistakes={
        2 * macs_of_block: mistakes.flops_for_macs,
        n * n * (k * k * c + 2 * c**3): mistakes.counted_depth_twice,
        n * n * (first_weights + 2 * c**3): mistakes.counted_depth_twice,
        macs_with_biases: mistakes.counted_biases_as_macs,
        weights: mistakes.weights_for_macs,
        first_weights * n * n: mistakes.counted_first_alone,
        weights * n: mistakes.counted_one_row,
        weights * (n - k + 1) ** 2: mistakes.maps_shrink,
    },
    hints=[
        "Each weight is used once at each position. How many positions are"
        " there?",
        "MACs are weights times positions. You have the weights already, apart"
        " from what the biases added.",
    ],
)

most_at_once = 4 * n * n * apply(max, c_in + c, 2 * c)

block_memory = Group(
    "Memory of the same block",
    {
        "inference": {
            most_at_once: CORRECT,
            most_at_once // 4: mistakes.numbers_for_bytes,
            4 * c * n * n: mistakes.counted_one_stack,
            4 * (c_in + c) * n * n: mistakes.took_another_moment,
            12 * c * n * n: mistakes.kept_everything,
            4 * block_count: mistakes.parameters_for_maps,
        },
        "training": {
            4 * (c_in + 3 * c) * n * n: CORRECT,
            (c_in + 3 * c) * n * n: mistakes.numbers_for_bytes,
            12 * c * n * n: mistakes.forgot_to_keep_input,
            4 * (c_in + 6 * c) * n * n: mistakes.kept_before_relus,
            most_at_once: mistakes.inference_for_training,
            4 * (c_in + 2 * c) * n * n: "You left out what the last ReLU"
            " writes. A ReLU needs to know where it was positive.",
        },
    },
    BLOCK,
    stated=(c_in, c, k, k, 1, k // 2, n, n),
    vary=BLOCKS,
    hints=[
        "Inference keeps what the layer at work reads and writes. Training"
        " keeps each convolution's input and each ReLU's output.",
        "The output of a ReLU and the input of the next convolution are the"
        " same memory: count it once. Then four bytes for each number.",
    ],
)

# --- The whole network -----------------------------------------------------

NIN = {"c_in": 6, "classes": 100}
NINS = {"c_in": (7, 8, 10, 12, 13), "classes": (20, 37, 47, 62, 101, 200)}


def total(count, c_in=c_in, classes=classes):
    """Return a count of the network, as the sum over its four blocks."""
    blocks = (
        {"c_in": c_in, "c": 96, "k": 11, "n": 54},
        {"c_in": 96, "c": 256, "k": 5, "n": 26},
        {"c_in": 256, "c": 384, "k": 3, "n": 12},
        {"c_in": 384, "c": classes, "k": 3, "n": 5},
    )
    return sum(count(**block) for block in blocks)


def of_paper(count):
    """Return a count of the chapter's network, for grey images."""
    return total(count, c_in=1, classes=10)


CHAPTERS_OWN = (
    "This is the chapter's own network, for grey images and ten classes. What"
    " do more channels in the image change, and what do more classes?"
)

nin_costs = Group(
    "NiN for colour images and more classes",
    {
        "parameters": {
            total(block_count): CORRECT,
            of_paper(block_count): CHAPTERS_OWN,
            total(block_count, c_in=1): mistakes.took_grey_image,
            total(block_count, classes=10): "Your network still has ten"
            " classes. Which layers depend on the number of classes?",
            total(block_count, classes=10)
            + (classes - 10) * (9 * 384 + 1): "In the last block you changed"
            " the 3×3 alone. Its 1×1 convolutions have as many channels as"
            " there are classes.",
            total(without_1x1_biases): mistakes.forgot_1x1_biases,
            total(weights): mistakes.forgot_biases,
        },
        "macs": {
            total(macs_of_block): CORRECT,
            of_paper(macs_of_block): CHAPTERS_OWN,
            2 * total(macs_of_block): mistakes.flops_for_macs,
            total(macs_with_biases): mistakes.counted_biases_as_macs,
            total(first_weights * n * n): mistakes.forgot_1x1s,
            total(macs_of_block, c_in=1): mistakes.took_grey_image,
            total(macs_of_block)
            + (121 * c_in * 96 + 2 * 96 * 96) * (55**2 - 54**2): "Your first"
            " maps are a pixel too large. A division that leaves a remainder"
            " is rounded down.",
        },
    },
    NIN,
    stated=(224, 224, 224, c_in, classes, 54, 26, 12, 5),
    vary=NINS,
    hints=[
        "Only the first and the last block change. What do you know about"
        " the two in the middle?",
        "The maps keep their sizes. In the first block the spatial layer"
        " reads more channels; in the last one all three layers change.",
    ],
)

IMAGE_SIDE = 224
POOLED = 96 * 26**2 + 256 * 12**2 + 384 * 5**2  # what the poolings write


def kept(image=1, relus=1, pooled=1, index=8):
    """Return what training keeps, in bytes; arguments say what counts."""
    written = relus * total(3 * c * n * n)
    numbers = image * c_in * IMAGE_SIDE**2 + written + pooled * POOLED
    return 4 * numbers + index * POOLED


FIRST_MAPS = 96 * 54**2
largest_moment = 4 * (
    FIRST_MAPS + apply(max, c_in * IMAGE_SIDE**2, FIRST_MAPS)
)

nin_memory = Group(
    "Memory of the same network",
    {
        "inference": {
            largest_moment: CORRECT,
            largest_moment // 4: mistakes.numbers_for_bytes,
            8 * FIRST_MAPS: mistakes.took_another_moment,
            4 * FIRST_MAPS: mistakes.counted_one_stack,
            kept(index=0): mistakes.kept_everything,
            4 * total(block_count): mistakes.parameters_for_maps,
            4 * (FIRST_MAPS + 96 * 26**2): mistakes.took_another_moment,
        },
        "training": {
            kept(): CORRECT,
            kept(index=0): "You left out the indices. A pooling must remember"
            " which value was the largest.",
            kept(pooled=0): "You counted eight bytes for each number that a"
            " pooling writes. There are the number itself and its index.",
            kept(image=0): mistakes.forgot_to_keep_input,
            kept(relus=2): mistakes.kept_before_relus,
            largest_moment: mistakes.inference_for_training,
        },
    },
    NIN,
    stated=(224, 224, 224, c_in, classes, 3, 8),
    vary=NINS,
    hints=[
        "Inference: write down for each layer what it reads and what it"
        " writes. The maps are largest at the beginning.",
        "Training: the image, three stacks of maps for each block, and what"
        " each of the three poolings writes, four bytes a number; then eight"
        " more bytes for each number that a pooling writes.",
    ],
    when_correct="The maps grow with the batch; the weights do not.",
)


# --- 3×3 in place of 1×1 ---------------------------------------------------


def block_of(*others, relus=True):
    """Return a builder of blocks, which have `others` after the first."""

    def build(in_channels, out_channels, kernel_size, stride, padding):
        first = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding
        )
        layers = [first, nn.ReLU()]
        for k, p in others:
            layers.append(nn.Conv2d(out_channels, out_channels, k, padding=p))
            if relus:
                layers.append(nn.ReLU())
        return nn.Sequential(*layers)

    return build


def without_last_relu(*arguments):
    return block_of((3, 1), (3, 1))(*arguments)[:-1]


def shared_layer(*arguments):
    block = block_of((3, 1))(*arguments)
    return nn.Sequential(*block, *block[2:])


def same_stride(in_channels, out_channels, kernel_size, stride, padding):
    block = block_of((3, 1), (3, 1))(
        in_channels, out_channels, kernel_size, stride, padding
    )
    for layer in (block[2], block[4]):
        layer.stride = (stride, stride)
    return block


wide_block = Module(
    "A block with 3×3 in place of 1×1",
    block_of((3, 1), (3, 1)),
    cases=[
        ((2, 4, 5, 1, 2), (2, 2, 9, 8)),
        ((3, 5, 3, 2, 1), (1, 3, 11, 9)),
        ((4, 3, 7, 1, 0), (1, 4, 12, 12)),
    ],
    mistakes={
        block_of((3, 0), (3, 0)): mistakes.maps_shrink,
        block_of((3, 2), (3, 2)): mistakes.maps_grow,
        block_of((1, 0), (1, 0)): "These are still 1×1 convolutions. Change"
        " the kernel of the two layers after the first.",
        block_of((3, 1)): mistakes.layer_missing,
        block_of((3, 1), (3, 1), relus=False): mistakes.relu_missing,
        without_last_relu: "The ReLU after the last convolution is missing."
        " Every convolution of the block has one.",
        shared_layer: "You used the same layer twice. Two layers that share"
        " their weights are one layer; make each of them anew.",
        same_stride: "You gave the stride to all three convolutions. It"
        " belongs to the first one.",
    },
    hints=[
        "Start from `nin_block` of the chapter. Only the line with the 1×1"
        " convolutions changes.",
        "A 3×3 needs a padding to keep the size of the map, and a stride of"
        " one whatever the first layer's is.",
    ],
)


def of_grey(count):
    """Return a count of that network, with as many classes as are given."""
    return total(count, c_in=1)


weights_3x3 = first_weights + 18 * c * c
one_3x3 = first_weights + 10 * c * c

nin_3x3 = Group(
    "What the 3×3 convolutions cost",
    {
        "parameters": {
            of_paper(weights_3x3 + 3 * c): CORRECT,
            of_paper(weights_3x3): mistakes.forgot_biases.but(
                "Their number does not change, but they are still there."
            ),
            of_paper(one_3x3 + 3 * c): "You replaced one 1×1 convolution of"
            " each block. Replace both.",
            9 * of_paper(block_count): "You multiplied the whole network by"
            " nine. Which of its layers had a 1×1 kernel?",
            of_paper(weights_3x3 + 19 * c): "You multiplied the biases too. A"
            " larger kernel has no more biases than a small one.",
        },
        "macs": {
            of_paper(weights_3x3 * n * n): CORRECT,
            2 * of_paper(weights_3x3 * n * n): mistakes.flops_for_macs,
            of_paper(one_3x3 * n * n): "You replaced one 1×1 convolution of"
            " each block. Replace both.",
            9 * of_paper(macs_of_block): "You multiplied the whole network by"
            " nine. Which of its layers had a 1×1 kernel?",
            of_paper(n * n * (weights_3x3 + 3 * c)): (
                mistakes.counted_biases_as_macs
            ),
        },
    },
    stated=(1, 1, 3, 3, 224, 10),
    hints=[
        "Each 1×1 layer gets nine times as many weights; nothing else"
        " changes.",
        "Take NiN's count, and add eight times the weights of its 1×1"
        " layers; for the MACs, times the positions of their maps.",
    ],
)

# --- The last step and the first layer -------------------------------------

reduced_at_once = block_count(c_in=c_in, c=classes, k=3)
not_reduced = block_count(c_in=c_in, c=c_in, k=3)

last_step = Number(
    "The paper's last block",
    10 * c_in * c_in + c_in * classes + 2 * c_in + classes,
    {"c_in": 384, "classes": 47},
    stated=(
        classes,
        c_in,
        classes,
        3,
        3,
        2,
        1,
        1,
        classes,
        classes,
        3,
        3,
        c_in,
        1,
        1,
        1,
        1,
        classes,
    ),
    vary={"c_in": (192, 256, 320, 512), "classes": (20, 37, 62, 100)},
    mistakes={
        reduced_at_once: "This is the block that reduces to the classes at"
        " once. In the paper's order the 3×3 keeps all channels, and the last"
        " 1×1 makes the class maps.",
        10 * c_in * c_in + c_in * classes: mistakes.forgot_biases,
        not_reduced: "Your last layer still makes all the channels. It makes"
        " one map for each class.",
        9 * c_in * c_in + c_in + classes * (c_in + 1): mistakes.layer_missing,
    },
    hints=[
        "Write down input and output channels of the three convolutions.",
        "The 3×3 and the first 1×1 keep the number of channels; the last 1×1"
        " goes from there to the number of classes.",
    ],
)

IMAGE, SIDE = 224, 56


def fault_of_first_layer(answer):
    if isinstance(answer, nn.Conv2d):
        sizes = (answer.kernel_size, answer.stride, answer.padding)
        if answer.dilation != (1, 1) or any(
            len({*size}) != 1 or isinstance(size, str) for size in sizes
        ):
            return (
                "Your layer is dilated, or has one size in height and another"
                " in width. Three whole numbers are asked for."
            )
        answer = [size[0] for size in sizes]
    answer = as_list(answer)
    if isinstance(answer, tuple | list):
        answer = [as_list(x) for x in answer]
    if not isinstance(answer, list) or len(answer) != 3:
        return "Give three whole numbers: kernel size, stride, padding."
    if not all(
        isinstance(x, numbers.Integral) and not isinstance(x, bool)
        for x in answer
    ):
        return "Kernel size, stride and padding are whole numbers."
    k, s, p = map(int, answer)
    if k < 1 or s < 1 or p < 0:
        return (
            "Kernel and stride are at least 1, and the padding is at least 0."
        )
    if k < 7:
        return f"A kernel of {k} is smaller than the task allows."
    if p >= k:
        return "So much padding makes windows that see nothing but zeros."
    walk = IMAGE + 2 * p - k
    if walk < 0:
        return "The kernel does not fit into the image."
    side, left = walk // s + 1, walk % s
    if side == SIDE:
        if max(0, left - p) == 0:
            return None
        return (
            f"The maps have the right side, but the last {left - p} rows of"
            " the image are never read."
        )
    if -(-walk // s) + 1 == SIDE:
        return (
            f"Your maps have side {side}: the division leaves a remainder,"
            " and it is rounded down."
        )
    if (walk - p * 1) // s + 1 == SIDE and p:
        return (
            f"Your maps have side {side}. PyTorch's padding is added on each"
            " side, so it counts twice."
        )
    if walk // s == SIDE:
        return (
            f"Your maps have side {side}. The first position counts too, so"
            " there is one more than there are steps."
        )
    return f"Your maps have side {side}."


first_layer = Custom(
    "A first layer that reads everything",
    fault_of_first_layer,
    hints=[
        "The side is (224 + 2·padding − kernel)//stride + 1. Which stride"
        " takes 224 to about a quarter?",
        "With a stride of 4 the kernel must walk 55 steps, so 224 + 2·padding"
        " − kernel lies between 220 and 223. Choose a kernel, then the"
        " padding.",
    ],
)

# --- Taking layers out -----------------------------------------------------

fewer_parameters = Number(
    "How many parameters go",
    of_grey(c * (c + 1)),
    {"classes": 100},
    stated=(1, 1, 224, classes),
    vary={"classes": (20, 37, 47, 62, 200)},
    mistakes={
        of_paper(c * (c + 1)): "This is the chapter's network, with ten"
        " classes. What does the number of classes change?",
        of_grey(c * c): mistakes.forgot_biases.but(
            "A layer that goes takes its biases with it."
        ),
        2 * of_grey(c * (c + 1)): "You took out both 1×1 layers. One stays"
        " in each block.",
        of_grey(c * (c + 1))
        - classes * (classes + 1): "You left out the last block. It is"
        " a NiN block like the others.",
        of_grey(weights - c * c + 2 * c): "This is what the smaller network"
        " still has. The question is how many fewer parameters it has.",
        0: "A layer with parameters is gone. So the network has fewer of"
        " them.",
    },
    hints=[
        "One 1×1 layer goes from each of the four blocks.",
        "A 1×1 layer from c to c channels has c·c weights and c biases. Which"
        " c do the four blocks have?",
    ],
)


def record_of_removal():
    from onebyone import study  # imports d2l

    two, none = (
        {"num_1x1": n, "batch_norm": True, "equal": "depth"} for n in (2, 0)
    )
    runs = study.load("mlpconv")
    lead = study.difference(runs, "accuracy", two, none)
    return (
        "In the recorded study, trained to the end with several seeds, two"
        f" 1×1 layers are {100 * lead.mean:.1f} ± {100 * lead.half:.1f} points"
        " ahead of none."
    )


def other_depths(nets, _):
    """Say if the networks do not have 0, 1, 2 and 3 1×1 layers a block."""
    found = {
        n: sum(
            isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)
            for m in net.modules()
        )
        for n, net in nets.items()
    }
    for n, count in found.items():
        if count - found[0] != n * max(1, found[1] - found[0]):
            return (
                f"Under the key {n} is a network with {count} 1×1"
                f" convolutions, under the keys 0 and 1 are some with"
                f" {found[0]} and {found[1]}. Each key is the number of 1×1"
                " layers in a block."
            )
    return None


runs = Results(
    "Take out, put in, run",
    (0, 1, 2, 3),
    least=0.2,
    mixed_up=other_depths,
    measure=each_on_held_out,
    foretold={"best": best_of, "by": lead_of_best},
    recorded=record_of_removal,
    hints=[
        "`compact_nin(num_1x1=n)` builds the network; train a fresh one for"
        " each n.",
        "In a loop over n: set the seed, make a `Trainer` with `max_steps`,"
        " fit, and store the history's `test_accuracy` under the key n.",
    ],
    when_correct="One run each. Which differences would survive another seed?",
)

why_two = Choice(
    "Why two 1×1 in a block",
    right="ae",
    wrong={
        "b": "Without a nonlinearity between them, two 1×1 convolutions are"
        " one: a matrix times a matrix is a matrix. What is there between"
        " NiN's?",
        "c": "A 1×1 reads one pixel, however many of them you stack. Which"
        " layer of the block looks around?",
        "d": "A 1×1 from c to c channels adds c·c weights and removes none."
        " Which part of NiN saves parameters?",
    },
    missing="What you chose is true, and one more is.",
    hints=[
        "At one pixel a block is a small network of fully connected layers."
        " How many layers does it have, with two 1×1 convolutions, with one,"
        " with none?",
        "Count the nonlinearities. What can a network with a hidden layer do"
        " that one without cannot, and which layers of the block are its"
        " hidden ones?",
    ],
)

# --- A family --------------------------------------------------------------


def fault_of_family(family):
    if not isinstance(family, dict):
        return "Give a dictionary with the keys small, middle and large."
    base = cost.parameters(models.compact_nin())
    aims = {"small": base / 4, "middle": base, "large": 4 * base}
    for name, aim in aims.items():
        net = family.get(name)
        if not isinstance(net, nn.Module):
            return f"There is no network under the key {name}."
        net, image = plain_copy(net).float(), torch.zeros(1, 1, 28, 28)
        with torch.no_grad():  # lazy layers get their sizes
            passed = guard.outcome(net, image)
        if isinstance(passed, guard.Raised):
            return (
                f"The {name} network does not take grey images of 28×28: it"
                f" {passed}"
            )
        count = cost.parameters(net)
        if not 0.8 * aim <= count <= 1.2 * aim:
            ratio = count / aim
            more = (
                " Parameters grow with the square of the widths."
                if 1.8 < ratio < 4.5 or 0.2 < ratio < 0.6
                else ""
            )
            return (
                f"The {name} network has {count:,} parameters, {ratio:.2f}"
                f" times what it should have.{more}"
            )
        if getattr(passed, "shape", None) != (1, 10):
            return f"The {name} network does not give ten scores."
        if any(isinstance(m, nn.Linear) for m in net.modules()):
            return f"The {name} network has a linear layer; a NiN has none."
        if fault := fault_of_nin(net):
            return f"The {name} network {fault}"
    if len({id(family[name]) for name in aims}) < len(aims):
        return "Two of the three are the same network. Build each anew."


def fault_of_nin(net):
    """Return what keeps a network from being a NiN, if something does."""
    kernels = [
        (m.kernel_size, m.in_channels)
        for m in net.modules()
        if isinstance(m, nn.Conv2d)
    ]
    ones = [c_in for size, c_in in kernels if size == (1, 1) and c_in > 1]
    if len(ones) < 3 or len(ones) == len(kernels):
        return (
            "has no NiN blocks: a convolution that looks around, and 1×1"
            " convolutions after it."
        )
    X, Z = torch.randn(2, 2, 1, 28, 28)
    scores, seen = look_into(net, X)
    maps = [Y for Y in seen.maps if Y.shape[1] == 10 and Y[0, 0].numel() > 1]
    with torch.no_grad():
        four = result_of(net, torch.cat([X, Z, X + Z, 0 * X]))
        at_x, at_z, at_sum, at_zero = four.double().chunk(4)
    if not maps:
        return "does not make ten class maps before it averages."
    if not any(close(scores, Y.mean(dim=(2, 3)), 1e-4) for Y in maps):
        return (
            "does not end with the average of its last maps, as logits. Is"
            " there a maximum, or a softmax?"
        )
    bend = (at_x + at_z - at_sum - at_zero).abs().max()
    if bend < 1e-3 * (at_x - at_zero).abs().max():
        return (
            "has no nonlinearity, so that it is no more than one convolution."
            " Which layer follows each convolution of a NiN block?"
        )
    if not bends_before_1x1(net, X):
        return (
            "has no nonlinearity between a convolution and the 1×1 behind it."
            " Which layer follows each convolution of a NiN block?"
        )
    return None


def bends_before_1x1(net, X):
    """Return whether no 1×1 reads just what a convolution has written.

    A batch norm between the two changes nothing about that: channel by
    channel, all that is read lies on a straight line over what was written.
    What is written is made large, since some functions bend far from zero.
    """
    calls = []

    def note(layer, inputs, output):
        large = 100 * output / output.std().clamp(min=1e-12)
        calls.append((layer, inputs[0].clone(), large.clone()))
        return large

    handles = [
        m.register_forward_hook(note)
        for m in net.modules()
        if isinstance(m, nn.Conv2d)
    ]
    with torch.no_grad():
        result_of(net, X)
    for handle in handles:
        handle.remove()
    return not any(
        layer.kernel_size == (1, 1)
        and read.shape == written.shape
        and is_straight(read, written)
        for (_, _, written), (layer, read, _) in itertools.pairwise(calls)
    )


def is_straight(read, written):
    """Return whether each channel of one is a line over that of the other."""
    one, other = (
        (channels - channels.mean(dim=1, keepdim=True)).double()
        for channels in (Y.movedim(1, 0).flatten(1) for Y in (read, written))
    )
    product = (one * other).sum(dim=1).abs()
    return bool(
        (product > (1 - 1e-6) * one.norm(dim=1) * other.norm(dim=1)).all()
    )


family = Custom(
    "A family of three",
    fault_of_family,
    hints=[
        "The weights of a convolution are proportional to its input channels"
        " and to its output channels.",
        "Multiply all widths by one factor; what does that do to the"
        " parameters? Mind the first layer and the last, and count.",
    ],
)

tuning = Choice(
    "Tuning without cheating",
    right="c",
    wrong={
        "a": "The network has seen these images, so the largest network and"
        " the longest training look best. Choose by images that it has not"
        " trained on.",
        "b": "Choosing by the test set fits the choice to it, and its accuracy"
        " is no longer an honest estimate. Keep it out of the search.",
        "d": "The mean of a dishonest estimate and an honest one is not"
        " honest. Keep the test set out of the search.",
    },
    hints=[
        "What is the test set for? When may you look at it?",
        "Three sets: one to learn the weights, one to choose among networks,"
        " one to tell the world how good the chosen one is.",
    ],
)

# --- Reading a log ---------------------------------------------------------

summed, images, batch = symbols("total images batch")

mean_loss = Number(
    "The mean loss",
    summed / apply(math.ceil, images / batch),
    {"total": 1036.49, "images": 60_000, "batch": 128},
    stated=(10, summed, images, batch, 3),
    vary={
        "total": (871.2, 918.6, 1104.5, 1187.3),
        "images": (50_000, 55_000),
        "batch": (64, 112, 224, 256),
    },
    tolerance=2e-4,
    decimals=3,
    mistakes={
        summed: "This is still the sum. How many batches have been added up?",
        summed / images: "You divided by the number of images. Each term of"
        " the sum is already the mean of a batch.",
        summed / batch: "You divided by the size of a batch. How many batches"
        " have been added up?",
        summed / (images // batch): "You left out the last batch. It is"
        " smaller than the others, but it has a loss too.",
        summed * batch / images: "Your number of batches is not a whole"
        " number. What happens to the images that do not fill a batch?",
    },
    hints=[
        "The log adds up one number for each batch.",
        "Divide by the number of batches; the last one is not full.",
    ],
    when_correct="Guessing among ten classes costs ln 10 on average; compare.",
)

softmax = Choice(
    "Where the softmax is",
    right="b",
    wrong={
        "a": "With one more softmax in the network the loss would apply it"
        " twice. Read what `nn.CrossEntropyLoss` expects.",
        "c": "An average of scores is a score: it may be above one, or below"
        " zero. Where do scores become probabilities?",
        "d": "For choosing a class that is enough, but training needs"
        " probabilities. Who makes them?",
    },
    hints=[
        "What does `nn.CrossEntropyLoss` take: scores or probabilities?",
        "Compute the loss of one image by hand, once with a softmax and once"
        " without, and compare with what PyTorch gives.",
    ],
)

progress, variant = notebook(__name__)
