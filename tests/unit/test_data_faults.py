"""Killed, twice at once, on a full disk: right images or one sentence."""

import json
import random
import resource
import subprocess
import tempfile
import time
from contextlib import contextmanager

import pytest

from faults import Nursery, files_under, sha256
from onebyone.data import Letters, fashion_mnist, letters, load_data

pytestmark = pytest.mark.usefixtures("fresh_machine")

# A reader in a process of its own: exit status 0 means that the images were
# right and that nothing was damaged in the cache.
READER = """
    import hashlib, json, os, tempfile, warnings

    import torchvision

    from onebyone.data import fashion_mnist, letters, load_data

    with open("expected.json") as file:
        expected = json.load(file)
    torchvision.datasets.FashionMNIST.mirrors = [expected["mirror"]]
    fashion_mnist.SHA256 = expected["hashes"]
    letters.TRAIN, letters.TEST = expected["sizes"]

    def task(name, cache):
        warnings.simplefilter("error")
        os.environ.update(XDG_CACHE_HOME=cache, ONEBYONE_DATASET=name)
        tempfile.tempdir = cache
        images = load_data(device="cpu").train_images.numpy()
        found = hashlib.sha256(images.tobytes()).hexdigest()
        assert found == expected[name], found
"""


@pytest.fixture
def sizes():
    """Enough images that downloading and unpacking take their time."""
    return 6000, 1000


@pytest.fixture
def readers(mirror, few_letters, tmp_path, monkeypatch):
    """Starts processes that read the images, and tells how they end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "first"))
    expected = {
        data.name: sha256(data.train_images.numpy().tobytes())
        for data in (load_data(device="cpu"), Letters(device="cpu"))
    }
    expected |= {"mirror": mirror.url, "hashes": fashion_mnist.SHA256}
    expected["sizes"] = [letters.TRAIN, letters.TEST]
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    with Nursery(READER, tmp_path) as nursery:
        yield nursery


def assert_nothing_bad_is_cached(folder, official):
    for path in folder.rglob("*"):
        if path.name in official:
            assert path.read_bytes() == official[path.name]
        elif path.suffix == ".npz":
            assert letters._unpack(path.read_bytes()) is not None
        else:
            assert path.is_dir() or path.suffix == ".part"


@pytest.mark.parametrize(
    ("moments", "name"),
    [
        (4, "fashion-mnist"),
        pytest.param(50, "fashion-mnist", marks=pytest.mark.long),
        pytest.param(50, "letters", marks=pytest.mark.long),
    ],
)
def test_a_reader_killed_at_any_moment_leaves_no_bad_cache(
    moments, name, readers, official, tmp_path
):
    started = time.monotonic()
    assert readers.wait(readers.start(name, tmp_path / "whole")) == 0
    latest = time.monotonic() - started
    chance = random.Random(moments)
    killed = tried = 0
    while killed < moments:
        cache = tmp_path / f"cache-{tried}"
        tried += 1
        reader = readers.start(name, cache)
        time.sleep(chance.uniform(0, latest))
        if readers.kill(reader):
            killed += 1
        else:  # it was done: the machine is less busy than before
            latest *= 0.8
        assert_nothing_bad_is_cached(cache, official)
        assert readers.wait(readers.start(name, cache)) == 0


@pytest.mark.parametrize("name", ["fashion-mnist", "letters"])
def test_two_readers_at_once_do_not_disturb_each_other(
    name, readers, official, tmp_path
):
    cache = tmp_path / "shared"
    both = [readers.start(name, cache) for _ in range(2)]
    assert [readers.wait(reader) for reader in both] == [0, 0]
    kept = {
        "fashion-mnist": sorted(official),
        "letters": ["letters-10-v1.npz"],
    }
    assert files_under(cache) == kept[name]
    assert_nothing_bad_is_cached(cache, official)


# --- a full disk ---------------------------------------------------------


@contextmanager
def small_disk(folder):
    """A disk of 64 KiB on the folder; an error where none may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield "No space left on device"
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def small_files_only(folder):
    """The system refuses to write more than 64 KiB into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        yield "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=[small_disk, small_files_only])
def full_disk(request, tmp_path, monkeypatch):
    """A cache that takes 64 KiB and no more, and what the system then says.

    Where no disk may be mounted, a limit on the size of files stands in.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    try:
        with request.param(folder) as complaint:
            yield complaint
    except (OSError, subprocess.CalledProcessError):
        with small_files_only(folder) as complaint:
            yield complaint


def test_a_full_disk_costs_the_copies_not_the_images(
    mirror, official, full_disk, tmp_path
):
    with pytest.warns(UserWarning, match="could not be kept") as warned:
        data = load_data(device="cpu")
    assert len(data.train_images) == 6000
    assert all(full_disk in str(warning.message) for warning in warned)
    # the labels are small enough to be kept, and of the rest nothing is left
    kept = files_under(tmp_path / "disk")
    assert kept and all("labels" in name for name in kept)
    assert_nothing_bad_is_cached(tmp_path / "disk", official)


def test_letters_do_without_room_on_the_disk(few_letters, full_disk, tmp_path):
    message = f"letters-10-v1.npz could not be kept: .*{full_disk}"
    with pytest.warns(UserWarning, match=message):
        assert len(Letters(device="cpu").train_images) == 400
    assert files_under(tmp_path / "disk") == []
