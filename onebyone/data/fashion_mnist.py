"""Fashion-MNIST: find it, verify it, or download it."""

import gzip
import hashlib
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

import torch
import torchvision
from torch import Tensor

from onebyone.data import cache
from onebyone.data.images import ImageData, Splits
from onebyone.progress import progress_bar

DOWNLOAD_TIMEOUT = 20.0  # seconds without a byte
MAX_DOWNLOAD = 64 * 2**20  # bytes; the largest official file has 26,421,880
GZIP_MAGIC = b"\x1f\x8b"

# of the files with the authors' MD5s, gzipped and as torchvision unpacks them
SHA256 = {
    "train-images-idx3-ubyte": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


class DataUnavailable(RuntimeError):
    """Fashion-MNIST was found neither locally nor on any mirror."""


class FashionMNIST(ImageData):
    """Fashion-MNIST: 60,000 and 10,000 images of ten kinds of clothing.

    Raises :class:`DataUnavailable` where it cannot be found or downloaded.
    """

    name = "fashion-mnist"
    class_names = torchvision.datasets.FashionMNIST.classes

    def read(self) -> Splits:
        """Find, verify and unpack the four official files."""
        return tuple(_unpack(_official_file(f"{name}.gz")) for name in SHA256)


def _official_file(name: str) -> bytes:
    """Return the verified content of one official file, gzipped or not."""
    folder = os.environ.get("ONEBYONE_DATA")
    if folder:
        return _provided_file(Path(os.path.expanduser(folder)), name)
    content = cache.find(
        name, lambda found: found if _is_official(found, name) else None
    )
    if content is None:
        content = _download(name)
        cache.store(name, content)
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
            if not _is_official(content, file):
                raise _unavailable(f"{path} is damaged (its SHA-256 is wrong)")
            return content
    raise _unavailable(f"the folder in ONEBYONE_DATA, {folder}, lacks {name}")


def _download(name: str) -> bytes:
    """Return an official file from the first mirror that has it."""
    failures = []
    for mirror in torchvision.datasets.FashionMNIST.mirrors:
        try:
            content = _fetch(mirror + name, name)
            if not _is_official(content, name):
                raise OSError("it arrived damaged: its SHA-256 is wrong")
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
        urllib.request.urlopen(request, timeout=DOWNLOAD_TIMEOUT) as response,
        progress_bar(
            total=response.length,
            desc=f"downloading {name}",
            unit="B",
            unit_scale=True,
        ) as bar,
    ):
        expected = response.length
        while chunk := response.read(1 << 16):
            content += chunk
            bar.update(len(chunk))
            if not content.startswith(GZIP_MAGIC):
                raise OSError(
                    "the answer is not a gzip file, perhaps the page of a "
                    "proxy or a log-in"
                )
            if len(content) > MAX_DOWNLOAD:
                raise OSError(f"it sends more than {MAX_DOWNLOAD:,} bytes")
    if expected is not None and len(content) < expected:
        raise OSError(
            f"it broke off after {len(content):,} of {expected:,} bytes"
        )
    return bytes(content)


def _reason(error: Exception) -> str:
    """Return in a few words why a mirror gave nothing."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"no answer for {DOWNLOAD_TIMEOUT:g} seconds"
    text = getattr(cause, "strerror", None) or str(cause)
    return " ".join(text.split())[:200]  # a server may have written it


def _unavailable(cause: str) -> DataUnavailable:
    return DataUnavailable(
        f"Fashion-MNIST is not available: {cause}; set ONEBYONE_DATA to a "
        "folder that holds its four .gz files, or ONEBYONE_DATASET=letters "
        "to work on letters drawn on this machine."
    )


def _unpack(content: bytes) -> Tensor:
    """Return images uint8 (N, 1, 28, 28) or labels int64 (N,) of IDX data."""
    if content.startswith(GZIP_MAGIC):
        content = gzip.decompress(content)
    # after two zeros and the type: number of axes, then a word for each
    axes = content[3]
    values = torch.frombuffer(
        bytearray(content), dtype=torch.uint8, offset=4 + 4 * axes
    )
    return values.long() if axes == 1 else values.view(-1, 1, 28, 28)


def _is_official(content: bytes, name: str) -> bool:
    found = hashlib.sha256(content).hexdigest()
    return found in SHA256[name.removesuffix(".gz")]
