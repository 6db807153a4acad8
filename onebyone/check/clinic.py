"""Checks of the exercises *A clinic of broken networks*.

A repair is judged by training with it. What was measured over ten seeds
stands beside each bound, for the notebook's images of Fashion-MNIST: the
accuracy on images held out, or the loss, broken and repaired.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from onebyone.check.engine import (
    Choice,
    Custom,
    Repair,
    Run,
    guard,
    notebook,
    require_function,
    require_images,
)

LEARNS = "The check has trained with it, and the network learns."
STEPS = 150  # 2,000 images in batches of 40, three times

# --- 1: a ReLU behind the scores -------------------------------------------

head_fault = Choice(
    "What ails run 1",
    right="c",
    wrong={
        "a": "A smaller rate saves some starts, and leaves others where this"
        " one is. What makes a score exactly 0, and keeps it there?",
        "b": "Shuffled labels leave the scores alive: the network goes on"
        " guessing, and its loss moves. How many classes does this one still"
        " tell apart?",
        "d": "A softmax too many keeps the loss above 1.46, but it gives no"
        " class a score of exactly zero. What makes zeros?",
    },
    hints=[
        "The last line counts scores. What can turn a score into exactly 0 for"
        " every image?",
        "Read the network's layers from the end: what stands behind the ten"
        " scores?",
    ],
)


def relu_at_the_end(run: Run) -> str | None:
    if run.logits.min() < 0 or not (run.logits == 0).any():
        return None
    dead = int((run.logits == 0).all(dim=0).sum())
    what = (
        f"{dead} of {run.logits.shape[1]} are 0 for every image."
        if dead
        else "none is below 0, and some are exactly 0."
    )
    return f"A ReLU still stands behind the scores: {what}"


BRIGHT, LEAST_SCORE = 30.0, -0.4  # lower than GELU, SiLU and their like go


def of_bright_images(run: Run) -> Tensor:
    """Return the scores of images that are much stronger, or of these."""
    with torch.no_grad():
        scores = guard.outcome(run.net, BRIGHT * run.X)
    return scores if isinstance(scores, Tensor) else run.logits


def kept_from_falling(run: Run) -> str | None:
    """Say if no score of a network that learns can be far below 0."""
    least = float(torch.cat([run.logits, of_bright_images(run)]).min())
    if run.accuracy < LEARNT or least < LEAST_SCORE:
        return None
    return (
        "Something still stands behind the scores that keeps them up: for none"
        f" of the images a score is below {least:.2f}, and not if these are"
        f" {BRIGHT:.0f} times as strong. A score may be any number."
    )


LEARNT = 0.2  # the accuracy; 0.07 broken, 0.55 to 0.70 repaired

head = Repair(
    "Repair run 1",
    least=LEARNT,
    runs=5,  # so small a network may stay at guessing: on letters, often
    steps=400,
    rate=0.1,
    faults=[relu_at_the_end, kept_from_falling],
    useless={
        "longer": "Where all scores are cut off, no gradient is left: no"
        " number of steps brings one back.",
        "slower": "Whether a smaller rate helps is luck: some starts get away,"
        " and others end with scores that are cut off.",
        "other": "What does a ReLU do to the score of a class that an image"
        " does not belong to?",
    },
    hints=[
        "Scores may be negative. Which layer forbids it?",
        "Copy the run, and take the last ReLU out of the last block, for"
        " instance with `[:-1]`. The rate and the number of epochs can stay.",
    ],
    when_correct=LEARNS,
)

# --- 2: softmax twice ------------------------------------------------------

FLOOR = math.log(math.e + 9) - 1  # the least loss of ten probabilities

softmax_fault = Choice(
    "What ails run 2",
    right="a",
    wrong={
        "b": "A larger rate does help, but it cannot be all: the second log is"
        " right about as often as those of runs 3 and 4 after two epochs, and"
        " its loss is far higher.",
        "c": "Dead scores leave the loss at ln 10 and the network with few"
        " classes. Here both get better.",
        "d": "Where evaluation is wrong, the accuracy falls between training"
        " and held-out images. Compare the two columns.",
    },
    hints=[
        "What is the smallest loss that `cross_entropy` can give, if each of"
        " the ten numbers that it gets lies between 0 and 1?",
        "`F.cross_entropy` takes scores and makes probabilities of them. What"
        " does the last layer of this network give?",
    ],
)


def still_probabilities(run: Run) -> str | None:
    sums = run.logits.sum(dim=1)
    if run.logits.min() < 0 or not torch.allclose(
        sums, torch.ones_like(sums), atol=1e-3
    ):
        return None
    return "Your network still gives probabilities, which add up to 1."


def kept_within_one(run: Run) -> str | None:
    if torch.cat([run.logits, of_bright_images(run)]).abs().max() > 1.001:
        return None
    return (
        "Your network gives numbers between −1 and 1, however strong the"
        " images are. A score may be any number."
    )


def cut_off(run: Run) -> str | None:
    if run.logits.min() < 0 or not (run.logits == 0).any():
        return None
    return (
        "Your network gives no score below 0, and some that are exactly 0: a"
        " ReLU stands behind them, as in run 1."
    )


BOUND = (
    f"`cross_entropy` takes a softmax itself. That of ten numbers between 0"
    f" and 1 is nearly flat, and no loss below {FLOOR:.2f} is possible,"
)

softmax = Repair(
    "Repair run 2",
    least=0.55,  # 0.37 to 0.47, 0.66 to 0.72
    most=1.3,  # 2.03 to 2.08, 0.75 to 0.89
    steps=STEPS,
    rate=0.05,
    faults=[still_probabilities, kept_within_one, cut_off],
    useless={
        "longer": f"{BOUND} however long you train.",
        "slower": f"{BOUND} with any learning rate.",
        "other": f"{BOUND} whatever the layers before do.",
    },
    hints=[
        "The loss function wants scores, which may be any numbers.",
        "Take the softmax out of the network. Whoever wants probabilities can"
        " take it when the network is used.",
    ],
    when_correct=LEARNS,
)

# --- 3: one batch norm for three layers ------------------------------------

norm_fault = Choice(
    "What ails run 3",
    right="d",
    wrong={
        "a": "Where a network overfits, it is right about the images it was"
        " trained with. The last line evaluates it on just these.",
        "b": "A rate that is too large shows in the training loss, and that"
        " one falls steadily.",
        "c": "With shuffled labels, nothing would be learnt in training"
        " either. Look at that column.",
    },
    hints=[
        "The same images, once in training and once in `eval()` mode. Which"
        " layer does something else in the two?",
        "In `eval()` a batch norm uses the mean and variance that it has"
        " gathered. Of which layer's output, here?",
    ],
)


def shared_norm(run: Run) -> str | None:
    calls: dict[nn.Module, int] = {}

    def count(module: nn.Module, *_: object) -> None:
        calls[module] = calls.get(module, 0) + 1

    norms = [m for m in run.net.modules() if hasattr(m, "running_mean")]
    hooks = [norm.register_forward_hook(count) for norm in norms]
    with torch.no_grad():
        guard.outcome(run.net, run.X[:2])
    for hook in hooks:
        hook.remove()
    if max(calls.values(), default=0) < 2:
        return None
    return (
        f"One batch norm still serves {max(calls.values())} places, with one"
        " mean and one variance for all of them."
    )


def depends_on_company(run: Run) -> str | None:
    with torch.no_grad():
        alone = guard.outcome(run.net, run.X[:1])
    if isinstance(alone, Tensor) and torch.allclose(
        alone, run.logits[:1], atol=1e-2, rtol=1e-2
    ):
        return None
    return (
        "For one image alone your network gives other scores than for the same"
        " image among others, in `eval()` mode too. A network that is used"
        " must not depend on what else is in the batch."
    )


norm = Repair(
    "Repair run 3",
    least=0.56,  # 0.12 to 0.48, 0.64 to 0.74
    steps=STEPS,
    rate=0.02,
    faults=[shared_norm, depends_on_company],
    useless={
        "longer": "More steps gather more of the same mixture.",
        "slower": "The mixture is the same with any learning rate.",
        "other": "In `eval()` mode each layer needs statistics of its own"
        " output.",
    },
    hints=[
        "An instance that occurs three times in an `nn.Sequential` is one"
        " layer.",
        "Write `nn.BatchNorm2d(16)` behind each convolution, so that three"
        " layers are made. The ReLU may be shared: it keeps nothing.",
    ],
    when_correct=LEARNS,
)

# --- 4: evaluation mode ----------------------------------------------------

mode_fault = Choice(
    "What ails run 4",
    right="b",
    wrong={
        "a": "An overfitted network gives the same answer when it is asked"
        " twice. Compare the two attempts.",
        "c": "The loss fell, and the network is right about most images of a"
        " mixed batch. So it has learnt; what about the evaluation?",
        "d": "Labels that do not belong to their images would spoil the log of"
        " the training as well.",
    },
    hints=[
        "The same network and the same images give two accuracies. Which layer"
        " draws random numbers, and when?",
        "Images of one class alone come out much worse. Which layer looks at"
        " the whole batch, and when?",
    ],
)


class Learner(nn.Sequential):
    """A small network that has both layers for which the mode matters."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.first = nn.Conv2d(channels, 16, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(16, classes, 3, stride=2, padding=1)
        self.dropout = nn.Dropout(0.3)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()


def trained(X: Tensor, y: Tensor, epochs: int = 2) -> Learner:
    """Return a network in training mode that has learnt something."""
    torch.manual_seed(0)
    net = Learner(X.shape[1], int(y.max()) + 1).train()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    with torch.enable_grad():
        for _ in range(epochs):
            for batch in torch.randperm(len(X)).split(40):
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(net(X[batch]), y[batch])
                loss.backward()
                optimiser.step()
    return net


def are_right(net: nn.Module, X: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return net.eval()(X).argmax(dim=1) == y


def right_accuracy(net: nn.Module, X: Tensor, y: Tensor) -> float:
    return are_right(net, X, y).float().mean().item()


def state(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def is_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        value.dtype == other[name].dtype and torch.equal(value, other[name])
        for name, value in one.items()
    )


def fault_of_accuracy(function: Callable, *images: Tensor) -> str | None:
    require_function(function)
    require_images(images)
    X, y, X_val, y_val = images
    net = trained(X, y)
    before, layers, dropped = state(net), str(net), set[bool]()
    net.dropout.register_forward_pre_hook(
        lambda module, _: dropped.add(module.training)
    )
    # the images that it gets wrong are the last of an odd number, so that a
    # mean of the accuracies of batches is another number
    mixed = are_right(net, X_val, y_val).sort(descending=True, stable=True)[1]
    mixed = mixed[1 - len(mixed) % 2 :]
    one_class = y_val == y_val[0]
    sets = {
        "a mixed batch": (X_val[mixed], y_val[mixed]),
        "images of one class": (X_val[one_class], y_val[one_class]),
        "a single image": (X_val[:1], y_val[:1]),
    }
    for mode in (True, False):
        for what, (X, y) in sets.items():
            right = right_accuracy(net, X, y)
            net.train(mode)
            given = X.clone(), y.clone()
            found = guard.outcome(function, net, *given)
            if isinstance(found, guard.Raised):
                return f"For {what} your function {found}"
            try:
                if isinstance(found, str | bytes):
                    raise TypeError
                value = float(found)  # type: ignore[arg-type]
            except (TypeError, ValueError, RuntimeError):
                return (
                    f"Your function gives {guard.show(found)}, not an"
                    " accuracy."
                )
            now = state(net)
            if any(
                "running" in n and not torch.equal(now[n].to(v), v)
                for n, v in before.items()
                if n in now
            ):
                return in_training_mode(function, what)
            if not is_same(now, before):
                return (
                    "Your function changes the network's weights, their type"
                    " or its layers. Whoever evaluates changes nothing."
                )
            if not all(map(torch.equal, given, (X, y))):
                return (
                    "Your function changes the images or labels that it is"
                    " given, which its caller may still need."
                )
            if True in dropped:
                return (
                    f"For {what} dropout still drops features at random, so"
                    " the same question gets other answers. Which mode must it"
                    " be in?"
                )
            if abs(value - 100 * right) < 0.5 and value > 1:
                return "Give the share of right answers, from 0 to 1."
            if not abs(value - right) < 6e-4:  # three digits are enough
                close = abs(value - right) < 0.02
                return (
                    f"For {what} your function gives {value:.4g}, which is not"
                    " the network's accuracy."
                    + " Does each image count once, and is nothing rounded?"
                    * close
                )
            if any(module.training != mode for module in net.modules()):
                return left_in_other_mode(mode)
            if str(net) != layers:
                return (
                    "The accuracy is right, but your function leaves a layer"
                    " of the network changed. Leave all of them as they are."
                )
            if not all(p.requires_grad for p in net.parameters()):
                return (
                    "The accuracy is right, but your function freezes the"
                    " network, which then trains no more."
                )
            if not torch.is_grad_enabled():
                torch.set_grad_enabled(True)
                return (
                    "The accuracy is right, but your function leaves gradients"
                    " switched off for all that follows. `with"
                    " torch.no_grad():` puts them back."
                )
    return None


def in_training_mode(function: Callable, what: str) -> str:
    code = getattr(function, "__code__", None)
    named = set(getattr(code, "co_names", ()))
    if "eval" in named:
        return (
            "The network changes while you evaluate it: its batch norms gather"
            " statistics from these images. `eval()`, called with its"
            " brackets, must come before the images do."
        )
    if named & {"no_grad", "inference_mode"}:
        return (
            "Without gradients the network computes the same: `no_grad` saves"
            " memory, and dropout and batch norm know nothing of it. What"
            " changes their mode?"
        )
    return (
        f"For {what} the network was evaluated in training mode: its batch"
        " norms have gathered statistics from these images, and dropout drops."
    )


def left_in_other_mode(mode: bool) -> str:
    if mode:
        return (
            "The accuracy is right, but the network, or a part of it, stays in"
            " `eval()` mode, and the next epoch would train without dropout."
            " Leave it in the mode in which it came."
        )
    return (
        "The accuracy is right, but your function puts a network into training"
        " mode that came in `eval()` mode. Leave it in the mode in which it"
        " came."
    )


mode = Custom(
    "Repair run 4",
    fault_of_accuracy,
    hints=[
        "Two layers here do one thing in training and another one in use. How"
        " are they told which it is?",
        "Remember `net.training`, call `net.eval()`, count, and put the"
        " network back with `net.train(was_training)`.",
    ],
    when_correct="It was trained anew for this check, and in all three ways it"
    " is asked, your function gives its accuracy.",
)
mode.seconds = 60.0

# --- 5: labels shuffled against their images -------------------------------

labels_fault = Choice(
    "What ails run 5",
    right="d",
    wrong={
        "a": "Dead scores leave the loss at ln 10 to the last digit, for good."
        " Look at the second log.",
        "b": "Too small a rate leads to the same place more slowly. The second"
        " log goes far; which images does the network know in the end?",
        "c": "A softmax too many slows the network down, and yet it learns"
        " something about images that it has not seen.",
    },
    hints=[
        "After many epochs the network knows some of its training images, and"
        " about new ones nothing. What can it have learnt?",
        "What must belong together so that what is learnt from one image helps"
        " with another? Read the two lines before the training.",
    ],
)


def memorised(run: Run) -> str | None:
    if run.accuracy > 0.3:
        return None
    return (
        f"On the images that it was given your network is right in"
        f" {run.seen:.2f} of all cases, on new ones in {run.accuracy:.2f}."
    )


def torn_apart(run: Run) -> str | None:
    if run.paired > 0.95:
        return None
    return (
        f"Your network was trained with {1 - run.paired:.0%} of its images"
        " under the labels of others."
    )


labels = Repair(
    "Repair run 5",
    least=0.5,  # 0.02 to 0.14, 0.76 to 0.81
    steps=STEPS,
    rate=0.05,
    faults=[memorised, torn_apart],
    useless={
        "longer": "If image and label do not belong together, more steps only"
        " make it memorise the pairs.",
        "slower": "If image and label do not belong together, there is nothing"
        " to learn, slowly or fast.",
        "other": "Does the label at each place still belong to the image at"
        " that place?",
    },
    hints=[
        "`torch.randperm` draws a new order each time it is called.",
        "Draw one order, keep it under a name, and index both images and"
        " labels with it.",
    ],
    when_correct=LEARNS,
)

# --- 6: a learning rate ----------------------------------------------------

rate_fault = Choice(
    "What ails run 6",
    right="a",
    wrong={
        "b": "Too small a rate changes little in a step. What happens to the"
        " loss in the first eight, and in the first epoch?",
        "c": "Shuffled labels leave the loss near ln 10 from the beginning."
        " What does it do here?",
        "d": "Images that are not normalised would spoil the other runs, too:"
        " they all get the same ones.",
    },
    hints=[
        "Read the losses of the first steps, one after the other.",
        "A step goes down the slope only as long as it is short. Where has the"
        " fifth one led to?",
    ],
)


GOOD_RATE = 0.56  # the accuracy that a good rate reaches
BROKEN_RATE = 1.0


def rate_too_large(run: Run) -> str | None:
    if run.accuracy >= GOOD_RATE or run.rate < 0.3 or not run.is_watched:
        return None
    return (
        f"With a rate of {run.rate:g} the steps still lead out of the valley."
    )


def rate_as_before(run: Run) -> str | None:
    if not run.is_watched or run.rate < BROKEN_RATE:
        return None
    return (
        f"Your run learns, but its rate is still {run.rate:g}, and something"
        " else has changed: it is the rate that shall be mended."
    )


def too_many_steps(run: Run) -> str | None:
    if run.steps <= STEPS:
        return None
    return (
        f"Your run takes {run.steps} steps, and the task has {STEPS}: it is"
        " the rate that shall be mended."
    )


def rate_too_small(run: Run) -> str | None:
    if run.accuracy >= GOOD_RATE or run.rate > 2e-3:
        return None
    return (
        f"With a rate of {run.rate:g} the loss comes in so few steps no"
        f" further down than to {run.loss:.2f}. Between this rate and the"
        " first one there is room."
    )


rate = Repair(
    "Repair run 6",
    least=GOOD_RATE,  # 0.07 to 0.13; 0.72 to 0.81 with a rate of 0.05
    steps=STEPS,
    rate=BROKEN_RATE,
    faults=[rate_too_large, rate_too_small, rate_as_before, too_many_steps],
    useless={
        "longer": "Each step is as long as before, so more of them do not lead"
        " back.",
        "other": "What decides how long a step is?",
    },
    hints=[
        "Try rates that differ by factors of ten, and read the first losses of"
        " each.",
        "Find the rate at which the loss first leaps, and take one well below"
        " it.",
    ],
    when_correct=LEARNS,
)

# --- 7: a view in the place of a permute -----------------------------------

pixels_fault = Choice(
    "What ails run 7",
    right="b",
    wrong={
        "a": "This log alone cannot tell you. Look at the picture: does the"
        " image that goes into the network show anything?",
        "c": "With dead scores a network names one class. This one still"
        " names several.",
        "d": "Too large a rate shows in the first losses, and these stay where"
        " they are.",
    },
    hints=[
        "The log is nearly that of run 5. So look at what goes in.",
        "`reshape` keeps the numbers in the order in which they lie in memory."
        " Which axis runs fastest in `stored`?",
    ],
)


def on_its_side(run: Run) -> str | None:
    turned = right_accuracy(run.net, run.X.mT, run.y)
    if turned < run.accuracy + 0.1 or turned < 0.5:
        return None
    return (
        "Your network learns, but its images lie on their side: it is right in"
        f" {turned:.2f} of all cases if height and width are exchanged, and in"
        f" {run.accuracy:.2f} if not."
    )


def stored_as_matlab_does(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """In another order, so that the notebook's own images are no help."""
    return X[:, 0].flip(0).permute(1, 2, 0).contiguous(), y.flip(0)


SCRAMBLED = "where neighbours are torn apart, no convolution finds them again"

pixels = Repair(
    "Repair run 7",
    least=0.5,  # 0.05 to 0.14, 0.72 to 0.81
    steps=STEPS,
    rate=0.05,
    faults=[on_its_side],
    given=stored_as_matlab_does,
    useless={
        "longer": f"More steps only memorise: {SCRAMBLED}.",
        "slower": f"The rate plays no part: {SCRAMBLED}.",
        "other": "Draw the first image of what goes into the network. Does it"
        " show what its label says?",
    },
    hints=[
        "`permute` changes the order of the axes and takes the pixels along;"
        " `reshape` only cuts the numbers anew.",
        "First bring the axes (height, width, image) into the order (image,"
        " height, width) with `permute`, and then add an axis for the"
        " channel.",
    ],
    when_correct=LEARNS,
)

progress, variant = notebook(__name__)
