"""The study *localisation*: does a class map show where the garment is?

Question: a NiN is trained with one label an image. How well do its class maps
then find a garment on a canvas of nine times the area, if the label is given
and if it is not? What would trivial rules find, and how much of what is
missing does the grid of the maps explain?

Design: the compact NiN, two epochs at a learning rate of 0.1, five seeds. No
arms are compared, so no search has to be fair to them. 1,000 test images are
put on empty canvases of 84×84 pixels, each at a place that the
seed draws. The *evidence* of a place is its class map less that of an empty
canvas. A box surrounds all places where the map of a class reaches 20 % of
its maximum: of the *given* label, and of the class that is predicted, which
has the largest mean of evidence, or the largest maximum. The true box
surrounds all pixels that are not empty; a box is a hit if its intersection
over union (IoU) with the true one is at least 0.5.

Beside it stand boxes that need no class map: around all pixels above the
background, which is the true box by definition; around the pixels that reach
20 % of the brightest; the whole canvas; a box in the middle, of the mean size
of the training images' garments. The true box rounded outward to the grid of
the maps is the smallest that they can give without cutting the garment.

Each canvas is also classified by the mean and by the maximum of the maps and
of the evidence, and so is the empty canvas.

Limits: one garment a canvas, black around it, at the size of the training
images; one threshold; the empty canvas has to be known.
"""

import torch
import torchvision
from torch import Tensor, nn

from onebyone.models.nin import compact_nin
from onebyone.study.engine import comparison, harness
from onebyone.study.engine.comparison import as_text
from onebyone.study.engine.study import Row, Study
from onebyone.training import Trainer

CANVASES = 1_000
SIDE = 84  # of a canvas, in pixels
IMAGE = 28
CELL = 4  # pixels of the canvas for each step of a map
REACHES = 0.2  # of the maximum
HIT = 0.5  # IoU
BATCH = 50
PREDICTIONS = ("evidence_mean", "evidence_max")
FOUND = ("given", *PREDICTIONS)  # the class whose map gives the box
RULES = ("above_background", "bright", "whole", "centred", "rounded")
READINGS = ("mean", "max", "evidence_mean", "evidence_max")


def on_canvases(images: Tensor, seed: int) -> Tensor:
    """Put each image on an empty canvas, at a place drawn from a seed.

    Shapes: (B, 1, 28, 28) -> (B, 1, 84, 84), both uint8.
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(
        0, SIDE - IMAGE + 1, (len(images), 2), generator=generator
    )
    canvases = images.new_zeros(len(images), 1, SIDE, SIDE)
    for canvas, image, place in zip(canvases, images, places, strict=True):
        top, left = place.tolist()
        canvas[:, top : top + IMAGE, left : left + IMAGE] = image
    return canvases


def boxes(masks: Tensor) -> Tensor:
    """Return the smallest box around what is true in each mask.

    Shapes: (B, H, W) -> (B, 4) float32: top, left, bottom and right, in
    steps of the mask, the last two exclusive; zeros where nothing is true.
    """
    rows, columns = masks.any(dim=2).int(), masks.any(dim=1).int()
    made = torch.stack(
        [
            rows.argmax(dim=1),
            columns.argmax(dim=1),
            rows.shape[1] - rows.flip(1).argmax(dim=1),
            columns.shape[1] - columns.flip(1).argmax(dim=1),
        ],
        dim=1,
    )
    return (made * masks.any(dim=(1, 2))[:, None]).float()


def box_of_map(maps: Tensor) -> Tensor:
    """Return the box around what reaches 20 % of a map's maximum.

    Shapes: (B, H, W) -> (B, 4), see :func:`boxes`; zeros for a map whose
    maximum is not above zero.
    """
    peaks = maps.amax(dim=(1, 2), keepdim=True)
    return boxes((maps >= REACHES * peaks) & (peaks > 0))


def ious(found: Tensor, true: Tensor) -> Tensor:
    """Return the intersection over union of pairs of boxes, (B,)."""
    return torchvision.ops.box_iou(found, true).diagonal()


def rounded_outward(box: Tensor) -> Tensor:
    """Return the smallest boxes on the maps' grid around boxes, (B, 4)."""
    start = (box[:, :2] / CELL).floor()
    return CELL * torch.cat([start, (box[:, 2:] / CELL).ceil()], dim=1)


def boxes_by_rules(
    canvases: Tensor, true: Tensor, garments: Tensor
) -> dict[str, Tensor]:
    """Return the boxes of each of ``RULES``, (B, 4) in pixels.

    Args:
        canvases: uint8 (B, 1, 84, 84).
        true: boxes around the garments, (B, 4).
        garments: training images, uint8 (N, 1, 28, 28), whose mean size the
            box in the middle has.
    """
    pixels = canvases[:, 0]
    around = boxes(garments[:, 0] > 0)
    half = (around[:, 2:] - around[:, :2]).mean(dim=0) / 2
    centred = torch.cat([SIDE / 2 - half, SIDE / 2 + half])
    whole = true.new_tensor([0, 0, SIDE, SIDE])
    return {
        "above_background": boxes(pixels > 0),
        "bright": box_of_map(pixels.float()),
        "whole": whole.expand_as(true),
        "centred": centred.expand_as(true),
        "rounded": rounded_outward(true),
    }


@torch.no_grad()
def class_maps(net: nn.Sequential, X: Tensor) -> Tensor:
    """Return the maps in front of the average, in evaluation mode.

    Shapes: (B, 1, H, W) -> (B, 10, H / 4, W / 4).
    """
    trunk = net.eval()[:-2]
    return torch.cat([trunk(batch) for batch in X.split(BATCH)])


def by_class(values: Tensor, labels: Tensor) -> str:
    """Return the means over the images of each of ten classes, (B,) each."""
    chosen = (values[labels == c] for c in range(10))
    return as_text(each.double().mean().item() for each in chosen)


def readings(maps: Tensor, empty: Tensor) -> dict[str, Tensor]:
    """Return the scores that each of ``READINGS`` gives, (B, 10).

    Args:
        maps: of the canvases, (B, 10, H, W).
        empty: of an empty canvas, (1, 10, H, W).
    """
    evidence = maps - empty
    return {
        "mean": maps.mean(dim=(2, 3)),
        "max": maps.amax(dim=(2, 3)),
        "evidence_mean": evidence.mean(dim=(2, 3)),
        "evidence_max": evidence.amax(dim=(2, 3)),
    }


def localise(
    maps: Tensor,
    empty: Tensor,
    canvases: Tensor,
    labels: Tensor,
    garments: Tensor,
) -> Row:
    """Return what the maps say of the canvases, and what trivial rules do.

    Args:
        maps: of the canvases, (B, 10, 21, 21).
        empty: of an empty canvas, (1, 10, 21, 21).
        canvases: uint8 (B, 1, 84, 84).
        labels: true classes, (B,).
        garments: training images, see :func:`boxes_by_rules`.

    Returns:
        For each of ``READINGS`` the accuracy, "right_by_...", and how often
        each class is the answer, "answers_by_..."; for each of ``FOUND`` and
        of ``RULES`` the mean IoU and the share of hits; "right_and_hit_...",
        the share where the predicted class is right *and* its box is a hit;
        what ends in "_by_class" has ten numbers. The empty canvas has a
        class by the mean and by the maximum of its maps, a probability and
        peaks.
    """
    row: Row = {}
    scores = readings(maps, empty)
    for name, score in scores.items():
        answers = score.argmax(dim=1)
        row[f"right_by_{name}"] = (answers == labels).double().mean().item()
        row[f"answers_by_{name}"] = as_text(answers.bincount(minlength=10))
    true = boxes(canvases[:, 0] > 0)
    evidence, image = maps - empty, torch.arange(len(maps))
    chosen = {"given": labels}
    chosen |= {name: scores[name].argmax(dim=1) for name in PREDICTIONS}
    found = {
        name: CELL * box_of_map(evidence[image, classes])
        for name, classes in chosen.items()
    }
    for name, box in found.items():
        iou = ious(box, true)
        hit = iou >= HIT
        row[f"iou_{name}_by_class"] = by_class(iou, labels)
        row[f"hit_{name}_by_class"] = by_class(hit, labels)
        if name in PREDICTIONS:
            both = hit & (chosen[name] == labels)
            row[f"right_and_hit_{name}"] = both.double().mean().item()
            row[f"right_and_hit_{name}_by_class"] = by_class(both, labels)
    found |= boxes_by_rules(canvases, true, garments)
    row["rounded_by_class"] = by_class(ious(found["rounded"], true), labels)
    for name, box in found.items():
        iou = ious(box, true)
        row[f"iou_{name}"] = iou.double().mean().item()
        row[f"hit_{name}"] = (iou >= HIT).double().mean().item()
    chances = empty.mean(dim=(2, 3)).softmax(dim=1)[0]
    peaks = empty.amax(dim=(2, 3))[0]
    row["empty_class_by_mean"] = chances.argmax().item()
    row["empty_probability"] = chances.max().item()
    row["empty_class_by_max"] = peaks.argmax().item()
    row["empty_peaks"] = as_text(peaks)
    return row


def measure(lr: float, seed: int, epochs: int) -> Row:
    """Train one network and let it find garments; see :func:`localise`.

    Classes are numbered as in the data set. The maps are computed in
    float32.
    """
    data = harness.fashion_mnist()
    torch.manual_seed(seed)
    net = compact_nin().to(data.device)
    trainer = Trainer(epochs, lr=lr, seed=seed)
    measured = comparison.train_and_test(net, data, trainer)
    canvases = on_canvases(data.val_images[:CANVASES], seed)
    labels = data.val_labels[:CANVASES]
    blank = canvases.new_zeros(1, 1, SIDE, SIDE)
    maps = class_maps(net, data.normalise(canvases))
    empty = class_maps(net, data.normalise(blank))
    found = localise(maps, empty, canvases, labels, data.train_images)
    return {**measured, **found}


STUDY = Study(
    name="localisation",
    question="Does a class map show where the garment is?",
    configurations=[{"lr": 0.1}],
    recipe={"epochs": 2},
    measure=measure,
    measurements=[
        *comparison.MEASUREMENTS,
        *[
            f"{what}_by_{name}"
            for name in READINGS
            for what in ("right", "answers")
        ],
        *[
            f"{what}_{name}"
            for name in (*FOUND, *RULES)
            for what in ("iou", "hit")
        ],
        *[
            f"{what}_{name}_by_class"
            for name in FOUND
            for what in ("iou", "hit")
        ],
        "rounded_by_class",
        *[
            f"right_and_hit_{name}{by_class}"
            for name in PREDICTIONS
            for by_class in ("", "_by_class")
        ],
        "empty_class_by_mean",
        "empty_probability",
        "empty_class_by_max",
        "empty_peaks",
    ],
    shown=[
        "right_by_mean",
        "right_by_evidence_mean",
        "hit_given",
        "right_and_hit_evidence_mean",
    ],
    seeds=5,
)
