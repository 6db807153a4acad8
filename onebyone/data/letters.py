"""Letters from matplotlib's fonts: draw them, distort them, keep them."""

import io
import string
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
from fontTools.agl import toUnicode
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from onebyone.data import cache
from onebyone.data.images import ImageData, Splits
from onebyone.progress import progress_bar, tqdm

ALPHANUMERIC = string.digits + string.ascii_letters
VERSION = 1  # to be raised with every change of the drawing
SEED = 20131216
TRAIN, TEST = 60_000, 10_000
CANVAS = 56  # pixels: drawn at twice the final size
DISTORTION_GROUP = 16  # images that share one random distortion


class Letters(ImageData):
    """Letters drawn from matplotlib's fonts and distorted: 60,000 and 10,000.

    The ten classes A–J or, with `num_classes=62`, 0–9, a–z and A–Z. The
    fonts of training and test images are the same, the distortions are
    independent. Drawn once, then kept in the user's cache.
    The other options are those of :class:`ImageData`.
    """

    name = "letters"

    def __init__(self, *arguments, num_classes: int = 10, **options) -> None:
        alphabets = {10: "ABCDEFGHIJ", 62: ALPHANUMERIC}
        if num_classes not in alphabets:
            raise ValueError(
                f"num_classes must be 10 or 62, not {num_classes}"
            )
        self.class_names = list(alphabets[num_classes])
        super().__init__(*arguments, **options)

    def read(self) -> Splits:
        """Take the letters from the cache, or draw them."""
        name = f"letters-{self.num_classes}-v{VERSION}.npz"
        splits = cache.find(name, _unpack)
        if splits is None:
            splits = _draw(self.class_names)
            cache.store(name, _pack(splits))
        return splits


def _unpack(content: bytes) -> Splits | None:
    """Return cached letters, or None where a checksum or a shape is wrong."""
    expected = [
        layout
        for count in (TRAIN, TEST)
        for layout in (((count, 1, 28, 28), np.uint8), ((count,), np.int64))
    ]
    try:
        # the zip archive keeps a CRC-32 of each array, checked on reading
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = [archive[f"arr_{index}"] for index in range(4)]
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None
    if [(array.shape, array.dtype) for array in arrays] != expected:
        return None
    return tuple(torch.from_numpy(array) for array in arrays)


def _pack(splits: Splits) -> bytes:
    archive = io.BytesIO()
    np.savez(archive, *(split.numpy() for split in splits))
    return archive.getvalue()


def _draw(class_names: list[str]) -> Splits:
    """Draw the training and the test letters, the same ones every time."""
    glyphs = _glyphs(class_names)
    with (
        torch.random.fork_rng(devices=[]),
        progress_bar(
            total=2 * (TRAIN + TEST),
            desc="drawing letters",
            unit=" distortions",
            unit_scale=True,
        ) as bar,
    ):
        torch.default_generator.manual_seed(SEED)
        return tuple(
            part
            for count in (TRAIN, TEST)
            for part in _draw_split(glyphs, count, bar)
        )


def _draw_split(
    glyphs: Tensor, count: int, bar: tqdm
) -> tuple[Tensor, Tensor]:
    """Return `count` distorted letters and labels, the classes balanced."""
    classes, fonts = glyphs.shape[:2]
    labels = (torch.arange(count) % classes)[torch.randperm(count)]
    X = glyphs[labels, torch.randint(fonts, (count,))]
    tilt = v2.RandomAffine(
        degrees=15,
        translate=(0.06, 0.06),
        scale=(0.8, 1.3),
        shear=(-12, 12, -12, 12),
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    wobble = v2.ElasticTransform(alpha=30.0, sigma=3.0)
    hide = v2.RandomErasing(p=0.35, scale=(0.1, 0.35))
    X = _distort(lambda X: F.avg_pool2d(tilt(X / 255), 2), X, bar)
    X = _distort(lambda X: hide(wobble(X)), X, bar)
    X = X * torch.empty(count, 1, 1, 1).uniform_(0.6, 1.0)
    X = X + 0.08 * torch.randn_like(X)
    return (255 * X.clamp(0, 1)).round().to(torch.uint8), labels


def _distort(
    transform: Callable[[Tensor], Tensor], X: Tensor, bar: tqdm
) -> Tensor:
    """Distort random groups of images, each group in its own way."""
    result = torch.empty(len(X), 1, 28, 28)
    for group in torch.randperm(len(X)).split(DISTORTION_GROUP):
        result[group] = transform(X[group])
        bar.update(len(group))
    return result


def _glyphs(class_names: list[str]) -> Tensor:
    """Draw each class in each font: uint8 (classes, fonts, 1, H, W)."""
    fonts = [
        ImageFont.truetype(path, size=42)
        for path in sorted(Path(matplotlib.get_data_path()).rglob("*.ttf"))
        if _has_letters(path)
    ]
    glyphs = [[_glyph(name, font) for font in fonts] for name in class_names]
    return torch.from_numpy(np.array(glyphs)).unsqueeze(2)


def _glyph(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    image = Image.new("L", (CANVAS, CANVAS))
    foot = (CANVAS / 2, 0.73 * CANVAS)  # middle of the base line
    ImageDraw.Draw(image).text(foot, letter, fill=255, font=font, anchor="ms")
    return np.asarray(image)


def _has_letters(path: Path) -> bool:
    """Return whether a font draws each letter and digit as itself.

    Symbol fonts put other signs in their places, and tell by their names.
    """
    glyph_names = TTFont(path, lazy=True).getBestCmap()
    return all(
        toUnicode(glyph_names.get(ord(letter), "")) == letter
        for letter in ALPHANUMERIC
    )
