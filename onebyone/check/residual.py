"""Checks of the exercises *Residual connections*."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from onebyone.check.engine import (
    CORRECT,
    Array,
    Choice,
    Custom,
    Function,
    Group,
    Module,
    Results,
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
from onebyone.models import ResidualBlock
from onebyone.models.residual import PreActivationBlock

c, c_in, k, m, n = symbols("c c_in k m n")

# --- A block with a projection ---------------------------------------------

branch_weights = 9 * c_in * c + 9 * c * c
block_weights = branch_weights + c_in * c
places = (n // 2) ** 2

block_cost = Group(
    "Cost of a block with a projection",
    {
        "weights": {
            block_weights: CORRECT,
            branch_weights: mistakes.forgot_projection,
            18 * c_in * c + c_in * c: mistakes.reads_first_input,
            branch_weights + 9 * c_in * c: mistakes.projected_with_3x3,
            branch_weights + c * c: "Your projection reads the output of the"
            " branch. The shortcut starts at the input of the block.",
            block_weights + 3 * c: mistakes.counted_biases.but(
                "With batch norm after them, these convolutions have none."
            ),
        },
        "parameters": {
            block_weights + 6 * c: CORRECT,
            block_weights: "You left out batch norm. It learns a scale and a"
            " shift for each channel.",
            block_weights + 4 * c: "You counted the batch norms of the branch"
            " alone. The projection has one too.",
            block_weights + 3 * c: "You gave each batch norm one number per"
            " channel. It learns a scale *and* a shift.",
            block_weights + 12 * c: "You counted the running mean and"
            " variance too. They are kept, but not learnt.",
            block_weights + 9 * c: "You gave the convolutions biases as well"
            " as batch norm. Its shift does what a bias would do.",
        },
        "macs": {
            block_weights * places: CORRECT,
            block_weights * n * n: mistakes.took_input_positions,
            9 * c_in * c * n * n + (9 * c * c + c_in * c) * places: "Your"
            " first convolution works at every pixel of its input. It has a"
            " stride of two: count the positions of its output.",
            2 * block_weights * places: mistakes.flops_for_macs,
            branch_weights * places: mistakes.forgot_projection,
        },
    },
    {"c_in": 48, "c": 80, "n": 28},
    stated=(c_in, n, n, c, n // 2, n // 2, 3, 3, 2, 3, 3, 1, 1, 2),
    vary={
        "c_in": (16, 24, 32, 64, 96),
        "c": (40, 56, 72, 112, 128),
        "n": (12, 16, 20, 32, 56),
    },
    hints=[
        "There are three convolutions: two 3×3 and a 1×1. Write down the"
        " channels that each reads and writes.",
        "A batch norm with two numbers per channel follows each of the three,"
        " and all three write maps of half the side.",
    ],
)


def conv_norm(c_in, c, kernel=3, stride=1, padding=1, norm=True):
    conv = nn.Conv2d(c_in, c, kernel, stride, padding, bias=False)
    return [conv, nn.BatchNorm2d(c)] if norm else [conv]


class Parts(nn.Module):
    """A branch and a shortcut, joined by a function of both results."""

    def __init__(self, branch, shortcut, join):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.shortcut = nn.Sequential(*shortcut)
        self.join = join

    def forward(self, X):
        return self.join(self.branch(X), self.shortcut(X))


def relu_of_sum(Y, X):
    return F.relu(Y + X)


def block_like(
    join=relu_of_sum, middle=True, last_norm=True, always=False, shortcut=None
):
    """Return a builder of residual blocks with one thing changed."""
    shortcut = shortcut or {"kernel": 1, "padding": 0}

    def build(in_channels, channels, stride):
        branch = conv_norm(in_channels, channels, stride=stride)
        branch += [nn.ReLU()] if middle else []
        branch += conv_norm(channels, channels, norm=last_norm)
        same = stride == 1 and in_channels == channels
        way = conv_norm(in_channels, channels, stride=stride, **shortcut)
        return Parts(branch, [] if same and not always else way, join)

    return build


residual_block = Module(
    "Write a residual block",
    ResidualBlock,
    cases=[
        ((4, 6, 2), (2, 4, 9, 8)),
        ((5, 5, 1), (2, 5, 6, 7)),
        ((3, 5, 1), (2, 3, 6, 7)),
        ((4, 4, 2), (2, 4, 6, 6)),
        ((3, 4, 3), (2, 3, 10, 7)),
    ],
    mistakes={
        block_like(join=lambda Y, X: F.relu(Y) + X): mistakes.relu_before_sum,
        block_like(join=lambda Y, X: Y + X): mistakes.relu_after_sum_missing,
        block_like(join=lambda Y, X: F.relu(Y)): mistakes.shortcut_missing,
        block_like(middle=False): mistakes.relu_missing,
        block_like(last_norm=False): "The batch norm after the second"
        " convolution is missing. Every convolution of the block has one.",
        block_like(shortcut={"kernel": 1, "padding": 0, "norm": False}): "Your"
        " projection has no batch norm. It is a convolution like the others"
        " of the block.",
        block_like(always=True): "You project although the shapes agree."
        " Where nothing changes, the shortcut is the identity.",
        block_like(
            shortcut={"kernel": 3, "padding": 1}
        ): mistakes.projected_with_3x3,
    },
    hints=[
        "The branch is convolution, batch norm, ReLU, convolution, batch norm."
        " What is on the shortcut, and when?",
        "Make the shortcut an `nn.Identity()` if stride and channels change"
        " nothing, else a 1×1 with the stride and a batch norm. The last ReLU"
        " takes the sum.",
    ],
)

# --- The bottleneck --------------------------------------------------------

neck = 2 * c * m + 9 * m * m

bottleneck = Group(
    "Bottleneck arithmetic",
    {
        "wide": {
            18 * c * c: CORRECT,
            9 * c * c: "You counted one 3×3 convolution. The block has two.",
            18 * c * c + 2 * c: mistakes.counted_biases.but(
                "With batch norm after them, these convolutions have none."
            ),
            18 * c: mistakes.forgot_output_channels,
            2 * c * c: "These are two 1×1 convolutions. A 3×3 has nine"
            " weights for each pair of channels.",
        },
        "narrow": {
            neck: CORRECT,
            9 * m * m: mistakes.forgot_1x1s,
            c * m + 9 * m * m: mistakes.counted_one_1x1,
            2 * c * m + 9 * c * m: mistakes.reads_first_input,
            neck + 2 * m + c: mistakes.counted_biases.but(
                "With batch norm after them, these convolutions have none."
            ),
            2 * c * m + 18 * m * m: "You kept two 3×3 convolutions. A"
            " bottleneck has one.",
        },
        "ratio": part(
            {
                18 * c * c / neck: CORRECT,
                2 * (c / m) ** 2: mistakes.forgot_1x1s,
                (c / m) ** 2: "You compared a 3×3 with a 3×3. Compare the"
                " blocks: how many layers does each have?",
                18 * c * c / (c * m + 9 * m * m): mistakes.counted_one_1x1,
                neck / (18 * c * c): mistakes.turned_around,
                c / m: "This is the ratio of the channels. The question is"
                " about weights.",
            },
            tolerance=1e-3,
            decimals=1,
        ),
    },
    {"c": 288, "m": 48},
    stated=(2, 3, 3, c, c, m, 1, 1, 3, 3, m, c, 1, 1),
    vary={"c": (128, 224, 320, 384, 512), "m": (24, 32, 40, 80, 96)},
    hints=[
        "Weights of a convolution: kernel area times input channels times"
        " output channels. Do it for all five layers.",
        "The bottleneck has a 1×1 in, a 3×3 between the few channels, and a"
        " 1×1 out. Add the three before you divide.",
    ],
)

# --- The Jacobian ----------------------------------------------------------


def masks(W1, W2, x):
    """D, J_F and the identity."""
    inner = torch.diag((W1 @ x > 0).to(x.dtype))
    y = W2 @ (W1 @ x).relu() + x
    outer = torch.diag((y > 0).to(x.dtype))
    return outer, W2 @ inner @ W1, torch.eye(len(x), dtype=x.dtype)


def of_masks(formula):
    return lambda W1, W2, x: formula(*masks(W1, W2, x))


def small_block(draw):
    n = draw.integer(3, 5)
    m = n + draw.integer(1, 2)
    # near a kink no difference quotient is right, and the matrices are
    size = (1.0, 1e-9)[draw.integer(0, 1)]
    return {
        "W1": draw.tensor(m, n),
        "W2": draw.tensor(n, m),
        "x": size * draw.tensor(n),
    }


def without_inner(W1, W2, x):
    outer, _, one = masks(W1, W2, x)
    return outer @ (one + W2 @ W1)


block_jacobian = Function(
    "The Jacobian of a block",
    of_masks(lambda D, J_F, one: D @ (one + J_F)),
    small_block,
    banned=[
        "grad",
        "backward",
        "requires_grad_",
        "jac*",
        "vjp",
        "jvp",
        "*dual*",
    ],
    mistakes={
        of_masks(lambda D, J_F, one: one + J_F): "You left out the mask of"
        " the last ReLU. Where it is closed, neither branch nor shortcut"
        " passes.",
        of_masks(lambda D, J_F, one: D @ J_F): mistakes.shortcut_missing.but(
            "What is the derivative of x itself?"
        ),
        of_masks(lambda D, J_F, one: D @ J_F + one): "Your identity escapes"
        " the last ReLU. The ReLU takes the sum, so it closes both ways at"
        " once.",
        of_masks(lambda D, J_F, one: D + J_F): "You masked the shortcut but"
        " not the branch. The ReLU takes the sum, so it closes both ways at"
        " once.",
        without_inner: "You left out the ReLU inside the branch. It has a"
        " mask of its own, between the two matrices.",
        of_masks(lambda D, J_F, one: (one + J_F) @ D): "Your last mask works"
        " on the columns. It closes outputs, which are the rows.",
        of_masks(lambda D, J_F, one: (D @ (one + J_F)).T): mistakes.transposed,
    },
    hints=[
        "Work from outside to inside: the last ReLU, then the sum, then the"
        " branch with a ReLU of its own.",
        "Two diagonal matrices hold 1 where a ReLU is open and 0 elsewhere:"
        " one stands to the left of everything, one between `W2` and `W1`.",
    ],
)

INVERSE = torch.tensor([[0.0, 1.0], [0.25, 0.0]])  # of ((0, 4), (1, 0))

cancelling = Array(
    "A branch that cancels its shortcut",
    lambda: -INVERSE,
    mistakes={
        lambda: -torch.eye(2): "This would do if W1 were the identity. What"
        " does this W1 make of x?",
        lambda: -INVERSE.T: mistakes.transposed,
        lambda: torch.zeros(2, 2): "With zeros the branch adds nothing, and"
        " the shortcut passes everything on. Nothing should be left of the"
        " sum.",
        lambda: INVERSE: "With this branch the signal doubles. Nothing"
        " should be left of the sum.",
        lambda: -2 * INVERSE: "The sum is then −x: a last ReLU would"
        " close, but the sum itself still carries everything. Without that"
        " ReLU, what must F(x) be?",
        lambda: -torch.linalg.inv(INVERSE): "You took W1 itself with its sign"
        " turned. W2 must first undo what W1 does.",
    },
    hints=[
        "For positive x the ReLU within the branch changes nothing. So what is"
        " F(x), as a product?",
        "F(x) + x = (W2·W1 + I)·x should be zero for every x.",
    ],
    when_correct="Nothing in training forbids this, so the +1 is no"
    " guarantee.",
)

plus_one = Choice(
    "What the +1 gives",
    right="cd",
    wrong={
        "a": "A closed ReLU and a branch near −I both take the 1 away. Look"
        " at the whole of D·(I + J_F).",
        "b": "After many blocks a product of matrices I + J_F can grow without"
        " bound. What happens if each block doubles the signal?",
        "e": "They do with PyTorch's own weights and without batch norm. But"
        " Kaiming's weights, or batch norm, keep the gradients of plain"
        " networks at a healthy size.",
    },
    missing="One more of them is true.",
    hints=[
        "Two of the statements are true. Which follow from D·(I + J_F)?",
        "Ask of each statement: what if a ReLU is closed, what if J_F is"
        " small, what if it is −I, what if it is large?",
    ],
)

# --- The same-shape rule ---------------------------------------------------

addable = Choice(
    "What can be added",
    right="abdf",
    wrong={
        "c": "8 channels against 16: neither is one, so nothing is"
        " stretched. Only axes of length one are.",
        "e": "28 rows against 14 do not fit. Pooling or a stride would have"
        " to make them equal; the sum does not.",
        "g": "Axes are compared from the last one on, and 16 meets 14. PyTorch"
        " knows nothing of channels that come last.",
    },
    missing="There are more: an axis of length one, or a missing one in front,"
    " is stretched silently.",
    hints=[
        "PyTorch lines up the axes from the last one on.",
        "Two lengths fit if they are equal or if one of them is 1; axes that"
        " are missing in front count as 1.",
    ],
    when_correct="Three of the four sums are most likely not intended.",
)

MAPS, CUBE = (2, 3, 4, 5), (4, 4, 4, 4)
SUMS = [  # shapes of Y and X, and what is wrong
    (MAPS, (2, 1, 4, 5), "one channel is stretched to all"),
    (MAPS, (1, 3, 4, 5), "one image is added to all"),
    (MAPS, (2, 3, 1, 1), "one pixel is stretched to the whole map"),
    (MAPS, (2, 3, 1, 5), "one row is stretched to the whole map"),
    (MAPS, (3, 4, 5), "the batch axis is missing"),
    (MAPS, (2, 3, 5, 4), "height and width are swapped"),
    (MAPS, (2, 3, 4, 6), "one map is wider"),
    (CUBE, (4, 4, 4), "the batch axis is missing"),
    ((4, 4, 4), CUBE, "the batch axis is missing"),
    ((2, 1, 4, 5), MAPS, "one channel is stretched to all"),
    ((3, 4, 5), MAPS, "the batch axis is missing"),
    ((1, 3, 4, 5), (3, 4, 5), "the batch axis is missing"),
    ((3, 4, 5), (1, 3, 4, 5), "the batch axis is missing"),
    ((2, 1, 4, 5), (1, 2, 4, 5), "one channel and one image are stretched"),
]


def fault_of_add(add):
    require_function(add)
    Y = torch.arange(120.0).reshape(MAPS)
    X = Y.flip(0).sqrt()
    first, second = Y.clone(), X.clone()
    total = guard.outcome(add, first, second)
    if isinstance(total, guard.Raised):
        return f"For two tensors of the same shape your function {total}"
    if total is None:
        return "Your function gives nothing (`None`). Is there a `return`?"
    if not isinstance(total, torch.Tensor) or total.shape != Y.shape:
        return f"Your function gives {guard.show(total)} as the sum."
    if not torch.allclose(total.detach().to(Y), Y + X, rtol=1e-2):
        return "What comes out is not the sum of the two tensors."
    if not torch.equal(first, Y) or not torch.equal(second, X):
        return (
            "Your function changes one of its inputs, which its caller may"
            " still need: `+=` works in place."
        )
    leaves = first.requires_grad_(), second.requires_grad_()
    total = guard.outcome(add, *leaves)
    if isinstance(total, guard.Raised):
        return f"For tensors that need gradients your function {total}"
    if total.dtype != Y.dtype:
        return f"The sum of two tensors of {Y.dtype} is one of {total.dtype}."
    if not total.requires_grad:
        return "No gradient passes through your sum: it is cut off."
    total.sum().backward()
    if any(leaf.grad is None or (leaf.grad != 1).any() for leaf in leaves):
        return "Your sum gives one of its tensors no gradient, or a wrong one."
    for shape in ((5,), (3, 4, 5), ()):
        total = guard.outcome(add, torch.ones(shape), torch.zeros(shape))
        if isinstance(total, guard.Raised):
            return (
                f"For two tensors of the shape {shape} your function {total}"
            )
    for one, other, what in SUMS:
        result = guard.outcome(add, torch.ones(one), torch.zeros(other))
        about = f"{one} and {other}"
        if not isinstance(result, guard.Raised):
            return f"Your function adds {about}: {what}. It must refuse."
        if not isinstance(result.error, ValueError):
            return (
                f"For {about} your function {result}\nIt should refuse with a"
                " `ValueError`, so that its caller can tell what happened."
            )


careful_add = Custom(
    "A sum that does not stretch",
    fault_of_add,
    hints=[
        "Compare the two shapes as a whole before you add.",
        "A `shape` is a tuple, and two of them are equal only if they have as"
        " many axes and the same sizes. Otherwise `raise` the error, with both"
        " shapes in its text.",
    ],
)

# --- How a block starts ----------------------------------------------------


def filled_block(*arguments):
    block = ResidualBlock(*arguments)
    with torch.no_grad():
        for tensor in block.state_dict().values():
            if tensor.is_floating_point():  # statistics too, as if trained
                tensor.uniform_(0.5, 1.5)
    return block


def fault_of_start(start):
    require_function(start)
    # a block by itself, one in a part, and one in a part of a part
    inner = nn.Sequential(
        filled_block(5, 5), nn.Sequential(filled_block(5, 5))
    )
    head = nn.Sequential(  # no block, though as long as a branch
        nn.Conv2d(5, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Conv2d(5, 5, 3),
        nn.BatchNorm2d(5),
    )
    net = nn.Sequential(filled_block(3, 3), filled_block(3, 5, 2), inner, head)
    layers = str(net)
    before = {name: v.detach().clone() for name, v in net.state_dict().items()}
    result = guard.outcome(start, net)
    if isinstance(result, guard.Raised):
        return f"For a network of residual blocks your function {result}"
    now = {name: v.detach() for name, v in net.state_dict().items()}
    forms, others = (
        {n: (v.shape, v.dtype) for n, v in values.items()}
        for values in (now, before)
    )
    if forms != others or str(net) != layers:
        return "Your function changes layers. It changes one scale a block."
    changed = {
        name for name in now if not torch.equal(now[name], before[name])
    }
    if not changed:
        return "Your function leaves the network as it was. It works in place."
    if any(".shortcut." in name for name in changed):
        return (
            "You changed a projection as well. If the shortcut is zero, what"
            " does the block pass on?"
        )
    if any(name.endswith("branch.1.weight") for name in changed):
        return (
            "You changed the first batch norm of the branch too. Then no"
            " gradient reaches the branch, and it stays as it is: the last"
            " layer alone must begin at zero."
        )
    convolutions = ("branch.0.weight", "branch.3.weight")
    if any(name.endswith(convolutions) for name in changed):
        return (
            "You changed convolutions. The batch norm after them then divides"
            " zero by nearly zero: change its scale instead."
        )
    scales = {n: v for n, v in now.items() if n.endswith("branch.4.weight")}
    shifts = {n: v for n, v in now.items() if n.endswith("branch.4.bias")}
    moved = changed & shifts.keys()  # to zero it may be, beside the scale
    if any(now[n].any() for n in moved) or moved and not changed - moved:
        return (
            "You changed the shift of the last batch norm. What multiplies"
            " the branch is its scale, `weight`."
        )
    if any(scale.any() for scale in scales.values()):
        return (
            "Not every block's last scale is zero: go through all blocks, also"
            " those in a part of a part of the network."
        )
    if changed - scales.keys() - shifts.keys():
        return "Your function changes more than the last scale of each block."
    if not all(p.requires_grad for p in net.parameters()):
        return (
            "Your function freezes parameters. They begin at zero, but they"
            " must still learn."
        )
    if not all(module.training for module in net.modules()):
        return (
            "Your function puts the network in another mode. It should touch"
            " nothing but the scales."
        )
    if result is not net:
        return "The branches begin as zero. Return the network as well."
    alone = filled_block(4, 4)
    guard.outcome(start, alone)
    if alone.branch[-1].weight.any():
        return (
            "Your function misses a block that is the whole network:"
            " `net.modules()` begins with the network itself."
        )


start = Custom(
    "Start as the identity",
    fault_of_start,
    hints=[
        "Which layer is the last one of the branch, and by what does it"
        " multiply?",
        "Go through `net.modules()`, pick the residual blocks, and set the"
        " `weight` of `block.branch[-1]` to zero, under `torch.no_grad()`.",
    ],
)


def pre_like(order="nrcnrc", join=lambda Y, X: Y + X):
    """Return a builder; n is batch norm, r is ReLU, c a convolution."""
    make = {
        "n": lambda c: nn.BatchNorm2d(c),
        "r": lambda c: nn.ReLU(),
        "c": lambda c: nn.Conv2d(c, c, 3, 1, 1, bias=False),
    }

    def build(channels):
        return Parts([make[kind](channels) for kind in order], [], join)

    return build


pre_activation = Module(
    "A pre-activation block",
    PreActivationBlock,
    cases=[((4,), (2, 4, 6, 7)), ((3,), (3, 3, 5, 4))],
    mistakes={
        pre_like(join=relu_of_sum): "A ReLU still follows the sum. In this"
        " block nothing may interrupt the shortcut.",
        pre_like("cnrcn", relu_of_sum): "This is the block with the"
        " activation last. Batch norm and ReLU come before each convolution.",
        pre_like("cnrcn"): "You only left out the last ReLU. Batch norm and"
        " ReLU come before each convolution.",
        pre_like("rncrnc"): "Your ReLU comes before batch norm. Normalise"
        " first, then activate, then convolve.",
        pre_like("nrcnc"): "There is no ReLU before the second convolution."
        " Batch norm and ReLU come before each convolution.",
        pre_like("nrcnrc", lambda Y, X: Y): mistakes.shortcut_missing,
        pre_like("nrcrc"): "There is no batch norm before the second"
        " convolution. Batch norm and ReLU come before each convolution.",
    },
    hints=[
        "Write the order of the six layers of the branch first. With which"
        " does it begin?",
        "Batch norm, ReLU, convolution, and the same again. The sum is"
        " returned as it is.",
    ],
)

# --- Find the bug ----------------------------------------------------------

BUGS = {1: "d", 2: "a", 3: "e", 4: "c", 5: "b"}
SYMPTOMS = {
    "a": "If the ReLU stood before the sum, the output could be negative"
    " wherever the shortcut is.",
    "b": "If a layer were used twice, the block would have fewer parameters"
    " than it should.",
    "c": "If the padding were missing, the branch would make smaller maps"
    " than the shortcut.",
    "d": "If the channels came last, an axis would change its meaning in"
    " `forward`.",
    "e": "If the maximum replaced the average, no average would be left in the"
    " shortcut.",
    "f": "If the stride were missing, the maps would keep their size.",
}


def fault_of_bugs(bugs):
    if not isinstance(bugs, dict):
        return "Give a dictionary: the number of a block, and a letter."
    letters = {}
    for number in BUGS:
        letter = bugs.get(number)
        if guard.is_blank(letter) and number not in bugs:
            return (
                f"There is no letter for block {number} yet: its key is the"
                f" number {number}."
            )
        if guard.is_blank(letter):
            return f"There is no letter for block {number} yet."
        if isinstance(letter, str):
            letter = letter.strip(" ().,;\n").lower()
        if not isinstance(letter, str) or letter not in SYMPTOMS:
            return (
                f"Block {number}: {guard.show(bugs[number])} is not one of the"
                f" letters {', '.join(SYMPTOMS)}."
            )
        letters[number] = letter
    for number, letter in letters.items():
        if letter != BUGS[number]:
            return (
                f"Block {number} has another bug. {SYMPTOMS[letter]} Look for"
                " that in its code, or test it."
            )


bugs = Custom(
    "Find the bugs",
    fault_of_bugs,
    hints=[
        "All five run on the input above, because its sizes were chosen to"
        " hide the bugs. Try maps of 10×12 pixels, count parameters, look at"
        " the signs of what comes out.",
        "Compare each class with the description, line by line: the kernel"
        " with its padding, each layer's name, the shortcut's pooling, the"
        " brackets of the last line.",
    ],
)


def halving(
    join=relu_of_sum, pool=nn.AvgPool2d, padding=1, shared=False, stride=2
):
    def build(in_channels, channels):
        def conv(c_in, s):
            return nn.Conv2d(c_in, channels, 3, s, padding, bias=False)

        first = nn.BatchNorm2d(channels)
        second = first if shared else nn.BatchNorm2d(channels)
        branch = [conv(in_channels, stride), first, nn.ReLU()]
        branch += [conv(channels, 1), second]
        way = [pool(2), nn.Conv2d(in_channels, channels, 1, bias=False)]
        return Parts(branch, way, join)

    return build


class Exchanged(nn.Module):
    """Turns (B, C, H, W) to (B, H, W, C)."""

    def forward(self, X):
        return X.permute(0, 2, 3, 1)


def channels_last(in_channels, channels):
    block = halving()(in_channels, channels)
    linear = nn.Linear(in_channels, channels, bias=False)
    block.shortcut = nn.Sequential(nn.AvgPool2d(2), Exchanged(), linear)
    return block


def channels_last_conv(in_channels, channels):
    block = halving()(in_channels, channels)
    block.shortcut.append(Exchanged())
    return block


mended = Module(
    "Mend the block",
    halving(),
    cases=[
        ((8, 4), (2, 8, 8, 8)),
        ((3, 5), (2, 3, 6, 10)),
        ((4, 4), (2, 4, 8, 6)),
    ],
    mistakes={
        channels_last: mistakes.channels_last,
        channels_last_conv: mistakes.channels_last,
        halving(join=lambda Y, X: F.relu(Y) + X): mistakes.relu_before_sum,
        halving(pool=nn.MaxPool2d): mistakes.took_maximum,
        halving(padding=0): "The padding of your 3×3 convolutions is missing."
        " Where the branch leaves one pixel, the sum silently stretches it"
        " over the whole map.",
        halving(shared=True): "One batch norm follows both convolutions. An"
        " instance that appears twice is one layer; make two.",
        halving(join=lambda Y, X: Y + X): mistakes.relu_after_sum_missing,
    },
    hints=[
        "Take any of the five and undo its bug; the other four show you that"
        " the rest is right.",
        "The branch: 3×3 with stride 2 and padding 1, batch norm, ReLU, 3×3"
        " with padding 1, a batch norm of its own. The shortcut: average"
        " pooling, then a 1×1 convolution.",
    ],
)

# --- Inception and residual ------------------------------------------------

joins = Group(
    "Join by sum or by concatenation",
    {
        "after_sum": {
            c: CORRECT,
            2 * c: "This is a concatenation. A sum is taken entry by entry.",
            c * c: "You multiplied. A sum is taken entry by entry.",
            1: "A sum over the channels would leave one. Here two tensors are"
            " added, entry by entry.",
        },
        "after_concatenation": {
            2 * c: CORRECT,
            c: "This is a sum, or just one of the two. A concatenation keeps"
            " all channels of both.",
            c * c: "You multiplied. The channels are put side by side.",
            4 * c: "You counted four branches. Here there are two.",
        },
        "mixing_weights": {
            2 * c * c: CORRECT,
            c * c: "Your 1×1 reads one of the two tensors. It reads all"
            " channels of the concatenation.",
            4 * c * c: "Your 1×1 keeps all channels. It brings them back to"
            " as many as the sum has.",
            2 * c: "You counted only the weights that are not zero in a sum."
            " A learnt 1×1 has a weight for each pair of channels.",
            2 * c * c + c: mistakes.counted_biases.but(
                "The task asks for a convolution without them."
            ),
            18 * c * c: mistakes.enlarged_1x1,
        },
    },
    {"c": 88},
    stated=(c, 1, 1),
    vary={"c": (48, 64, 80, 128, 160, 192)},
    hints=[
        "What happens to the channel axis in `Y + X`, and what in"
        " `torch.cat([Y, X], dim=1)`?",
        "The 1×1 reads what the concatenation has made, and writes as many"
        " channels as the sum has.",
    ],
)


def pair(channels, first=1.0, second=1.0):
    one = torch.eye(channels)
    return torch.cat([first * one, second * one], dim=1)[:, :, None, None]


def neighbours(channels):
    return torch.eye(channels).repeat_interleave(2, dim=1)[:, :, None, None]


mixing = Function(
    "A sum as a concatenation",
    pair,
    lambda draw: {"channels": draw.integer(3, 7)},
    tolerance=1e-6,
    mistakes={
        lambda channels: pair(channels, 0.5, 0.5): "This makes the mean of"
        " the two. Both are added with their full weight.",
        lambda channels: pair(channels, 1, 0): "This takes the branch and"
        " forgets the shortcut. Both halves of the channels take part.",
        lambda channels: pair(channels, 0, 1): "This takes the shortcut and"
        " forgets the branch. Both halves of the channels take part.",
        neighbours: "Your weights add neighbouring channels. A concatenation"
        " has all channels of Y first, then those of X.",
        lambda channels: pair(channels)[:, :, 0, 0]: "The matrix is right,"
        " but a convolution's weight has four axes. What are the last two of"
        " a 1×1 kernel?",
        lambda c: pair(c).transpose(0, 1): mistakes.swapped_channels,
        lambda channels: torch.ones(channels, 2 * channels, 1, 1): "Each of"
        " your outputs sums over all channels. Output k needs only two"
        " inputs.",
    },
    hints=[
        "Output channel k should be channel k of Y plus channel k of X. Where"
        " in the concatenation are these?",
        "Two identity matrices side by side, and two axes of size one after"
        " them.",
    ],
)

join_claims = Choice(
    "What the joins do",
    right="d",
    wrong={
        "a": "It concatenates all branches, and the next layer weighs them."
        " Nothing is picked, for no image.",
        "b": "The identity costs neither parameters nor MACs. What costs is"
        " what a concatenation hands to the next layer.",
        "c": "Only axes of length one are stretched, and that is hardly ever"
        " meant. A projection changes the channels.",
    },
    hints=[
        "What does the next layer read after a sum, and what after a"
        " concatenation?",
        "Which of the two joins forces its parts to have equally many"
        " channels?",
    ],
)

# --- Why not simply deeper -------------------------------------------------


def change(runs, value="train_error", deep=56, shallow=8):
    """Return how depth changes the mean, for plain and residual networks."""
    means = runs.groupby(["network", "layers"])[value].mean()
    return torch.tensor(
        [
            means[network, deep] - means[network, shallow]
            for network in ("plain", "residual")
        ],
        dtype=torch.float64,
    )


deeper = Array(
    "Read the study",
    change,
    tolerance=6e-4,
    mistakes={
        lambda runs: change(runs, "error"): "These are test errors."
        " Degradation is about the error on the training images.",
        lambda runs: -change(runs): "Your sign says what changes when layers"
        " are taken away. Subtract the error of the shallower networks.",
        lambda runs: change(runs, shallow=20): "You started from 20 layers."
        " The question is about the step from the shallowest networks.",
        lambda runs: change(runs, deep=38): "You stopped at 38 layers. The"
        " question is about the step to the deepest networks.",
        lambda runs: 100 * change(runs): "These are percentage points. The"
        " record holds fractions; leave the errors as they are.",
        lambda runs: change(runs).flip(0): "Plain and residual are swapped."
        " Give the plain networks first.",
        lambda runs: change(runs, "train_loss"): "These are losses. The"
        " question is about the error, the share of wrong answers.",
    },
    hints=[
        "Group the rows by network and layers, and take the mean of"
        " `train_error`.",
        "`groupby` takes a list of columns, and the mean of a group is one of"
        " eight numbers; you need four of them, and two differences.",
    ],
)

degradation = Choice(
    "What degradation is",
    right="c",
    wrong={
        "a": "A loss that rises during training is instability. Look at what"
        " training has reached in the end.",
        "b": "That gap is overfitting, and it needs a *low* error on the"
        " training images. Look at that one.",
        "d": "A gradient may be small in a network that learns well. The word"
        " is about an error, but about which one?",
    },
    hints=[
        "Which error is compared, and between which networks?",
        "A deeper network could always do what a shallower one does. On which"
        " images does it then show that training has failed?",
    ],
)


def up_to(n, k):
    return sum(math.comb(n, i) for i in range(k + 1))


paths = Group(
    "Count the paths",
    {
        "total": {
            2**n: CORRECT,
            2 * n: "You added the choices. Every choice can be combined with"
            " every other.",
            n * n: "You took the square. Each further block doubles the"
            " number of paths.",
            2**n - 1: "You left out a path. There is one that goes around"
            " every block.",
            n + 1: "You counted the lengths that a path can have. Many paths"
            " have the same length.",
            apply(math.factorial, n): "You counted orders. The order of the"
            " blocks is fixed; only the choices vary.",
        },
        "without_one": {
            2 ** (n - 1): CORRECT,
            2**n - 1: "You took away one path. Every path that goes through"
            " the block is gone.",
            2**n: "You left the number as it was. At a deleted block there is"
            " no choice any more.",
            n - 1: "You counted blocks. The question is about paths.",
            0: "In a plain network all of them would be gone. Here the"
            " shortcut leads around the missing block.",
        },
        "of_length_k": {
            apply(math.comb, n, k): CORRECT,
            apply(math.perm, n, k): "You counted each choice of blocks in"
            " every order. The order of the blocks is fixed.",
            n**k: "Your paths can use the same branch again. Each block is"
            " passed once, through the branch or around it.",
            2**k: "These are the paths through only so many blocks. Which of"
            " all the blocks have their branch on the path?",
            apply(up_to, n, k): "You counted the shorter paths too. The"
            " question is about one length.",
            n * k: "You multiplied. In how many ways can the branches be"
            " chosen?",
        },
    },
    {"n": 18, "k": 3},
    stated=(n, k),
    vary={"n": (8, 9, 10, 11, 13, 15), "k": (4, 5)},
    hints=[
        "At each block a path goes through the branch or around it. With one"
        " block there are two paths; how many with two, with three?",
        "A path of a given length chooses which blocks it goes through. For"
        " that, `math.comb` counts the ways.",
    ],
)

# --- The experiment --------------------------------------------------------


PLACES = (3, 4, 5, 7, 8, 10, 11)  # blocks that can be deleted
PAIRS = (3, 4, 7, 10)  # blocks that can be exchanged with the next one


def without(modules, place):
    return [*modules[:place], *modules[place + 1 :]]


def exchanged(modules, place):
    one, other = modules[place : place + 2]
    return [*modules[:place], other, one, *modules[place + 2 :]]


def measured_lesions(nets, X, y):
    def mean_error(nets):
        errors = [1 - accuracy(net, X, y) for net in nets]
        return sum(errors) / len(errors)

    def damaged(net, damage, places):
        return [nn.Sequential(*damage([*net], place)) for place in places]

    return {
        network: (
            mean_error([net]),
            mean_error(damaged(net, without, PLACES)),
            mean_error(damaged(net, exchanged, PAIRS)),
        )
        for network, net in nets.items()
    }


def other_networks(nets, _):
    """Say if shortcuts are not where, and only where, the keys name them."""
    for key, net in nets.items():
        shortcuts = any(hasattr(m, "shortcut") for m in net.modules())
        if shortcuts != (key == "residual"):
            with_or_without = "with" if shortcuts else "without"
            return (
                f"Under the key {key!r} is a network {with_or_without}"
                f" shortcuts. `train({key!r})` makes the one that belongs"
                " there."
            )
    return None


def worse_damage(table):
    """Return by which damage the network that loses more loses more."""
    _, deleted, exchanged = max(table.values(), key=lambda row: max(row[1:]))
    return "deleted" if deleted > exchanged else "exchanged"


lesions = Results(
    "Delete and exchange",
    ("plain", "residual"),
    mixed_up=other_networks,
    measure=measured_lesions,
    columns=["whole", "deleted", "exchanged"],
    named=True,
    what="error",
    least=0.8,
    fault=equal_values(
        "Deleting and swapping blocks changes nothing in the {} network. Do"
        " you evaluate the changed networks?"
    ),
    foretold={
        "network": lambda t: max(t, key=lambda net: max(t[net][1:])),
        "damage": worse_damage,
    },
    hints=[
        "Write a function that gives the network without the module at one"
        " place, and one that gives it with two neighbours swapped; both make"
        " an `nn.Sequential` of the same modules.",
        "For each network: the error of the whole, the mean error over"
        " `PLACES` with one deleted, and the mean over `PAIRS` with the place"
        " and the next one swapped.",
    ],
    when_correct="One seed and a short training, but the difference is large"
    " enough to see.",
)

progress, variant = notebook(__name__)
