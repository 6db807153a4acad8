"""Image data for the course, found, verified and kept on the device.

:func:`load_data` gives Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017,
arXiv 1708.07747) or, on request, letters drawn on this machine. Either is a
``d2l.DataModule`` whose images stay on the training device as uint8; every
batch is normalised, resized and augmented there.

Three environment variables steer it:

``ONEBYONE_DATA``
    a folder with the four official files, or one with ``FashionMNIST/raw``
``ONEBYONE_DATASET``
    ``fashion-mnist`` (the default) or ``letters``
``ONEBYONE_PROGRESS``
    ``0`` hides the progress bars
"""

import gzip
import hashlib
import io
import math
import os
import string
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from numbers import Integral, Real
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torchvision
from d2l import torch as d2l
from fontTools.agl import toUnicode
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2
from tqdm import tqdm

# train images, train labels, test images, test labels
Splits = tuple[Tensor, Tensor, Tensor, Tensor]


class DataUnavailable(RuntimeError):
    """Fashion-MNIST can be had neither here nor from the mirrors."""


def load_data(
    batch_size: int = 128,
    resize: int | tuple[int, int] | None = None,
    device: torch.device | str | None = None,
    *,
    augment: Callable[[Tensor], Tensor] | None = None,
    validation: int = 0,
    fraction: float = 1.0,
) -> "ImageData":
    """Return Fashion-MNIST, or the letters that ONEBYONE_DATASET asks for.

    The options are those of :class:`ImageData`. Raises
    :class:`DataUnavailable` where Fashion-MNIST cannot be had, and
    ``ValueError`` for an unknown ONEBYONE_DATASET or a bad option.
    """
    choice = os.environ.get("ONEBYONE_DATASET") or FashionMNIST.name
    datasets = {kind.name: kind for kind in (FashionMNIST, Letters)}
    if choice not in datasets:
        known = " or ".join(datasets)
        raise ValueError(
            f"ONEBYONE_DATASET is {choice!r}, but must be {known}"
        )
    return datasets[choice](
        batch_size,
        resize,
        device,
        augment=augment,
        validation=validation,
        fraction=fraction,
    )


# --- the data modules ----------------------------------------------------


class ImageData(d2l.DataModule):
    """Grey images of 28×28 pixels in classes, living on one device.

    Arguments:
        batch_size: images a batch; the last batch may be shorter.
        resize: side, or (height, width), in pixels to which each batch is
            enlarged or reduced; None leaves 28×28.
        device: where the images live; None takes cuda, mps or else cpu.
        augment: called on every normalised training batch (B, 1, H, W), for
            example :func:`random_shift`.
        validation: number of training images to hold out; `val_dataloader`
            then serves these instead of the test set. The same images are
            held out every time.
        fraction: share of the (remaining) training images of each class to
            keep, at least one image a class.

    Attributes:
        train_images, val_images, test_images: uint8 (N, 1, 28, 28)
        train_labels, val_labels, test_labels: int64 (N,)
        mean, std: of all pixels of the whole training set scaled to [0, 1],
            the same whatever `validation` and `fraction` are
        name, class_names, num_classes: what the classes are called

    Raises ValueError for an option outside its range. A subclass names the
    data set and its classes and says how to `read` them.
    """

    name: str
    class_names: list[str]

    def __init__(
        self,
        batch_size: int = 128,
        resize: int | tuple[int, int] | None = None,
        device: torch.device | str | None = None,
        *,
        augment: Callable[[Tensor], Tensor] | None = None,
        validation: int = 0,
        fraction: float = 1.0,
    ) -> None:
        batch_size = _whole("batch_size", batch_size, at_least=1)
        validation = _whole("validation", validation, at_least=0)
        resize = _height_and_width(resize)
        _check_fraction(fraction)
        super().__init__()
        self.save_hyperparameters()
        self.device = best_device() if device is None else torch.device(device)
        self.num_classes = len(self.class_names)

        with torch.device("cpu"):  # whatever torch.set_default_device says
            images, labels, test_images, test_labels = self.read()
            self.mean, self.std = _pixel_statistics(images)
            train, held_out = _split(labels, validation, fraction)
        self.train_images = images[train].to(self.device)
        self.train_labels = labels[train].to(self.device)
        self.test_images = test_images.to(self.device)
        self.test_labels = test_labels.to(self.device)
        if validation:
            self.val_images = images[held_out].to(self.device)
            self.val_labels = labels[held_out].to(self.device)
        else:
            self.val_images = self.test_images
            self.val_labels = self.test_labels

    def read(self) -> Splits:
        """Return the splits: images uint8 (N, 1, 28, 28), labels int64."""
        raise NotImplementedError

    def get_dataloader(self, train: bool) -> "Batches":
        """Return the batches of the training or the validation images."""
        if train:
            return Batches(
                self, self.train_images, self.train_labels, training=True
            )
        return Batches(self, self.val_images, self.val_labels, training=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn uint8 (B, 1, 28, 28) into float32 (B, 1, H, W) on the device.

        Pixels get mean 0 and standard deviation 1 over the training set,
        then the batch is resized bilinearly, with antialiasing where it
        shrinks, as torchvision does it.
        """
        X = images.to(self.device, torch.float32)
        X = X.sub(255 * self.mean).div_(255 * self.std)
        if self.resize is None:
            return X
        shrinks = any(
            new < old
            for new, old in zip(self.resize, X.shape[-2:], strict=True)
        )
        return F.interpolate(
            X, size=self.resize, mode="bilinear", antialias=shrinks
        )

    def text_labels(self, indices: Tensor | list[int]) -> list[str]:
        """Return the class names of a sequence of class indices."""
        return [self.class_names[int(index)] for index in indices]


class FashionMNIST(ImageData):
    """Fashion-MNIST: 60,000 and 10,000 images of ten kinds of clothing.

    Raises :class:`DataUnavailable` where it cannot be had.
    """

    name = "fashion-mnist"
    class_names = torchvision.datasets.FashionMNIST.classes

    def read(self) -> Splits:
        """Find, verify and unpack the four official files."""
        return tuple(
            _unpack(_official_file(f"{name}.gz")) for name in _OFFICIAL_FILES
        )


class Letters(ImageData):
    """Letters drawn from matplotlib's fonts and distorted: 60,000 and 10,000.

    The ten classes A–J or, with `num_classes=62`, 0–9, a–z and A–Z. The
    fonts of training and test images are the same, the distortions are
    independent. Drawn once, then kept in the user's cache.
    """

    name = "letters"

    def __init__(
        self,
        batch_size: int = 128,
        resize: int | tuple[int, int] | None = None,
        device: torch.device | str | None = None,
        *,
        num_classes: int = 10,
        **options,
    ) -> None:
        alphabets = {10: "ABCDEFGHIJ", 62: _ALPHANUMERIC}
        if num_classes not in alphabets:
            raise ValueError(
                f"num_classes must be 10 or 62, not {num_classes}"
            )
        self.class_names = list(alphabets[num_classes])
        super().__init__(batch_size, resize, device, **options)

    def read(self) -> Splits:
        """Take the letters from the cache, or draw them."""
        return _cached_letters(self.class_names)


class Batches:
    """Batches of images, gathered and normalised on the data's device.

    Iterating yields X float32 (B, 1, H, W) and y int64 (B,), any number of
    times. Training batches come in a new order each time, taken from torch's
    global CPU generator (`torch.manual_seed` repeats it), and are augmented.
    """

    def __init__(
        self,
        data: ImageData,
        images: Tensor,
        labels: Tensor,
        training: bool,
    ) -> None:
        self.data = data
        self.images = images
        self.labels = labels
        self.training = training

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.data.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.labels)
        if self.training:
            order = torch.randperm(count, device="cpu")
        else:
            order = torch.arange(count)
        order = order.to(self.labels.device)
        for chosen in order.split(self.data.batch_size):
            X = self.data.normalise(self.images.index_select(0, chosen))
            if self.training and self.data.augment is not None:
                X = self.data.augment(X)
            yield X, self.labels.index_select(0, chosen)


def random_shift(pixels: int) -> Callable[[Tensor], Tensor]:
    """Return an augmentation that moves each image by up to `pixels`.

    Down or up and right or left, independently; what comes in from outside
    is as dark as the darkest pixel of the batch (B, C, H, W). The moves come
    from torch's global CPU generator.
    """
    pixels = _whole("pixels", pixels, at_least=1)

    def shift(X: Tensor) -> Tensor:
        count, _, height, width = X.shape
        down, right = torch.randint(
            0, 2 * pixels + 1, (2, count, 1), device="cpu"
        ).to(X.device)
        rows = down + torch.arange(height, device=X.device)  # (B, H)
        columns = right + torch.arange(width, device=X.device)  # (B, W)
        black = X.amin()
        padded = F.pad(X - black, [pixels] * 4) + black
        image = torch.arange(count, device=X.device)[:, None, None]
        moved = padded.permute(0, 2, 3, 1)[
            image, rows[:, :, None], columns[:, None, :]
        ]
        return moved.permute(0, 3, 1, 2)

    return shift


def best_device() -> torch.device:
    """Return cuda or mps where there is one, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _whole(option: str, value: object, at_least: int) -> int:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < at_least:
        raise ValueError(
            f"{option} must be a whole number of at least {at_least}, "
            f"not {value!r}"
        )
    return int(value)


def _check_fraction(fraction: object) -> None:
    if not isinstance(fraction, Real) or not 0 < fraction <= 1:
        raise ValueError(
            f"fraction must lie above 0 and at most at 1, not {fraction!r}"
        )


def _height_and_width(resize: object) -> tuple[int, int] | None:
    if resize is None:
        return None
    size = resize if isinstance(resize, tuple | list) else (resize, resize)
    if len(size) != 2:
        raise ValueError(
            f"resize must be a side or (height, width), not {resize!r}"
        )
    height, width = (_whole("resize", side, at_least=1) for side in size)
    return height, width


def _pixel_statistics(images: Tensor) -> tuple[float, float]:
    """Return mean and standard deviation of uint8 pixels scaled to [0, 1]."""
    # whole numbers add up alike on every machine; chunks bound the memory
    counts = torch.zeros(256, dtype=torch.int64)
    for chunk in images.split(10_000):
        counts += torch.bincount(chunk.flatten(), minlength=256)
    level = torch.arange(256, dtype=torch.float64) / 255
    share = counts / counts.sum(dtype=torch.float64)
    mean = (share * level).sum()
    variance = (share * (level - mean) ** 2).sum()
    return mean.item(), variance.sqrt().item()


def _split(
    labels: Tensor, validation: int, fraction: float
) -> tuple[Tensor, Tensor]:
    """Return the indices of the training and of the held-out images."""
    count = len(labels)
    if validation >= count:
        raise ValueError(
            f"validation must leave some of the {count} training images, "
            f"not hold out {validation}"
        )
    always_the_same = torch.Generator().manual_seed(0)
    order = torch.randperm(count, generator=always_the_same)
    train, held_out = order[: count - validation], order[count - validation :]
    if fraction < 1:
        classes = [train[labels[train] == c] for c in labels.unique()]
        train = torch.cat(
            [of[: max(1, round(fraction * len(of)))] for of in classes]
        )
    return train.sort().values, held_out.sort().values


# --- Fashion-MNIST: found, verified, downloaded --------------------------

_DOWNLOAD_TIMEOUT = 20.0  # seconds without a byte
_LARGEST = 64 * 2**20  # bytes; the largest official file has 26,421,880
_GZIP_MAGIC = b"\x1f\x8b"

_OFFICIAL_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# of the files with the authors' MD5s, gzipped and as torchvision unpacks them
_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
    "train-images-idx3-ubyte": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}


def _official_file(name: str) -> bytes:
    """Return the verified content of one official file, gzipped or not."""
    folder = os.environ.get("ONEBYONE_DATA")
    if folder:
        return _provided_file(Path(os.path.expanduser(folder)), name)
    cached = _cached_file(name)
    if cached is not None:
        return cached
    content = _download(name)
    _store(name, content)
    return content


def _provided_file(folder: Path, name: str) -> bytes:
    """Return a file of the reader's own folder, which is never changed."""
    for place in (folder, folder / "FashionMNIST" / "raw"):
        for file in (name, name.removesuffix(".gz")):
            path = place / file
            if not os.path.isfile(path):
                continue
            try:
                content = path.read_bytes()
            except OSError as error:
                raise _unavailable(
                    f"{path} cannot be read ({error.strerror})"
                ) from None
            damage = _mismatch(content, file)
            if damage:
                raise _unavailable(f"{path} is damaged ({damage})")
            return content
    raise _unavailable(f"the folder in ONEBYONE_DATA, {folder}, lacks {name}")


def _cached_file(name: str) -> bytes | None:
    for folder in _cache_folders():
        path = folder / name
        try:
            content = path.read_bytes()
        except OSError:
            continue
        damage = _mismatch(content, name)
        if not damage:
            return content
        warnings.warn(
            f"{path} is damaged ({damage}) and will be replaced",
            stacklevel=2,
        )
    return None


def _download(name: str) -> bytes:
    failures = []
    for mirror in torchvision.datasets.FashionMNIST.mirrors:
        try:
            content = _fetch(mirror + name, name)
            damage = _mismatch(content, name)
            if damage:
                raise OSError(f"it arrived damaged, {damage}")
            return content
        # ValueError: a redirection to an address that cannot be parsed
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"{mirror}{name} ({_reason(error)})")
    raise _unavailable("cannot download " + " or ".join(failures))


def _fetch(url: str, name: str) -> bytes:
    """Return what a mirror sends, if it is a whole gzip file."""
    request = urllib.request.Request(url, headers={"User-Agent": "onebyone"})
    content = bytearray()
    with (
        urllib.request.urlopen(request, timeout=_DOWNLOAD_TIMEOUT) as response,
        _progress(response.length, f"downloading {name}", "B") as bar,
    ):
        expected = response.length
        while chunk := response.read(1 << 16):
            content += chunk
            bar.update(len(chunk))
            if not content.startswith(_GZIP_MAGIC):
                raise OSError(
                    "the answer is no gzip file but perhaps the page of a "
                    "proxy or a log-in"
                )
            if len(content) > _LARGEST:
                raise OSError(f"it sends more than {_LARGEST:,} bytes")
    if expected is not None and len(content) < expected:
        raise OSError(
            f"it broke off after {len(content):,} of {expected:,} bytes"
        )
    return bytes(content)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"no answer for {_DOWNLOAD_TIMEOUT:g} seconds"
    text = getattr(cause, "strerror", None) or str(cause)
    return " ".join(text.split())[:200]  # a server may have had a say in it


def _unavailable(cause: str) -> DataUnavailable:
    return DataUnavailable(
        f"Fashion-MNIST is not available: {cause}; set ONEBYONE_DATA to a "
        "folder that holds its four .gz files, or ONEBYONE_DATASET=letters "
        "to work on letters drawn on this machine."
    )


def _unpack(content: bytes) -> Tensor:
    """Return images uint8 (N, 1, 28, 28) or labels int64 (N,) of IDX data."""
    if content.startswith(_GZIP_MAGIC):
        content = gzip.decompress(content)
    # after two zeros and the type: number of axes, then a word for each
    axes = content[3]
    values = torch.frombuffer(
        bytearray(content), dtype=torch.uint8, offset=4 + 4 * axes
    )
    return values.long() if axes == 1 else values.view(-1, 1, 28, 28)


def _mismatch(content: bytes, name: str) -> str:
    """Say how content differs from the official file, or return ""."""
    found = hashlib.sha256(content).hexdigest()
    expected = _SHA256[name]
    if found == expected:
        return ""
    return f"SHA-256 {found} instead of {expected}"


def _progress(total: int | None, description: str, unit: str) -> tqdm:
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        unit_scale=True,
        leave=False,
        disable=os.environ.get("ONEBYONE_PROGRESS") == "0",
    )


# --- the cache -----------------------------------------------------------

_ABANDONED = 24 * 3600  # seconds, after which nobody writes any more


def _cache_folders() -> list[Path]:
    """Return the user's cache, then a stand-in where it cannot be written."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folders = [Path(tempfile.gettempdir(), f"onebyone-{user}")]
    if _belongs_to_somebody_else(folders[0]):
        folders = []
    with suppress(RuntimeError):  # there is no home folder
        folders.insert(0, _user_cache() / "onebyone")
    return folders


def _belongs_to_somebody_else(folder: Path) -> bool:
    """Whether another user made it, in a folder that all may write to."""
    try:
        made = os.lstat(folder)
    except OSError:
        return False
    return hasattr(os, "getuid") and made.st_uid != os.getuid()


def _user_cache() -> Path:
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"


def _store(name: str, content: bytes) -> None:
    """Keep a file in the first cache folder that takes it."""
    obstacle = "there is no folder for it"
    for folder in _cache_folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(folder)
            _write(folder / name, content)
        except OSError as error:
            obstacle = error
        else:
            return
    warnings.warn(f"{name} could not be kept: {obstacle}", stacklevel=2)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left half written."""
    for part in folder.glob("*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()


def _write(path: Path, content: bytes) -> None:
    """Write under a temporary name, then rename: all of it or nothing."""
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=path.name, suffix=".part"
    )
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


# --- letters: drawn, distorted, cached -----------------------------------

_ALPHANUMERIC = string.digits + string.ascii_letters
_LETTERS_VERSION = 1  # to be raised with every change of the drawing
_LETTERS_SEED = 20131216
_LETTERS_TRAIN, _LETTERS_TEST = 60_000, 10_000
_CANVAS = 56  # pixels: drawn at twice the final size
_TOGETHER = 16  # images that share one random distortion


def _cached_letters(class_names: list[str]) -> Splits:
    name = f"letters-{len(class_names)}-v{_LETTERS_VERSION}.npz"
    for folder in _cache_folders():
        path = folder / name
        if not os.path.isfile(path):
            continue
        splits = _read_letters(path)
        if splits is not None:
            return splits
        warnings.warn(
            f"{path} is damaged and will be drawn again", stacklevel=2
        )
    splits = _draw_letters(class_names)
    archive = io.BytesIO()
    np.savez(archive, *(split.numpy() for split in splits))
    _store(name, archive.getvalue())
    return splits


def _read_letters(path: Path) -> Splits | None:
    """Return cached letters, or None where a checksum or a shape is wrong."""
    counts = (_LETTERS_TRAIN, _LETTERS_TEST)
    expected = [
        layout
        for count in counts
        for layout in (((count, 1, 28, 28), np.uint8), ((count,), np.int64))
    ]
    try:
        # the zip archive keeps a CRC-32 of each array, checked on reading
        with np.load(path, allow_pickle=False) as archive:
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


def _draw_letters(class_names: list[str]) -> Splits:
    """Draw the training and the test letters, the same ones every time."""
    glyphs = _glyphs(class_names)
    with (
        torch.random.fork_rng(devices=[]),
        _progress(
            2 * (_LETTERS_TRAIN + _LETTERS_TEST),
            "drawing letters",
            " distortions",
        ) as bar,
    ):
        torch.default_generator.manual_seed(_LETTERS_SEED)
        return tuple(
            part
            for count in (_LETTERS_TRAIN, _LETTERS_TEST)
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
    X = _in_groups(lambda X: F.avg_pool2d(tilt(X / 255), 2), X, bar)
    X = _in_groups(lambda X: hide(wobble(X)), X, bar)
    X = X * torch.empty(count, 1, 1, 1).uniform_(0.6, 1.0)
    X = X + 0.08 * torch.randn_like(X)
    return (255 * X.clamp(0, 1)).round().to(torch.uint8), labels


def _in_groups(
    transform: Callable[[Tensor], Tensor], X: Tensor, bar: tqdm
) -> Tensor:
    """Distort random groups of images, each group in its own way."""
    result = torch.empty(len(X), 1, 28, 28)
    for group in torch.randperm(len(X)).split(_TOGETHER):
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
    drawn = [[_glyph(name, font) for font in fonts] for name in class_names]
    return torch.from_numpy(np.array(drawn)).unsqueeze(2)


def _glyph(letter: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    image = Image.new("L", (_CANVAS, _CANVAS))
    foot = (_CANVAS / 2, 0.73 * _CANVAS)  # middle of the base line
    ImageDraw.Draw(image).text(foot, letter, fill=255, font=font, anchor="ms")
    return np.asarray(image)


def _has_letters(path: Path) -> bool:
    """Whether a font draws each letter and digit as itself.

    Symbol fonts put other signs in their places, and tell by their names.
    """
    glyph_names = TTFont(path, lazy=True).getBestCmap()
    return all(
        toUnicode(glyph_names.get(ord(letter), "")) == letter
        for letter in _ALPHANUMERIC
    )
