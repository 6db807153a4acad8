"""Find, verify and download Fashion-MNIST, and keep it."""

import gzip
import os
import time
from pathlib import Path

import pytest
import torch
import torchvision

import faults
from faults import FIRST_FILE, TRAIN, assert_one_clear_sentence, files_under
from onebyone.data import (
    DataUnavailable,
    FashionMNIST,
    fashion_mnist,
    load_data,
)

REAL_DATA = os.environ.get("ONEBYONE_DATA")
pytestmark = pytest.mark.usefixtures("fresh_machine")


# --- the reader's own folder ---------------------------------------------


def test_own_folder_is_used_and_nothing_is_cached(folder, official, cache):
    data = load_data(device="cpu")
    assert isinstance(data, FashionMNIST)
    pixels = gzip.decompress(official[FIRST_FILE])[16:]
    assert data.train_images.numpy().tobytes() == pixels
    assert data.train_labels[:12].tolist() == [*range(10), 0, 1]
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64
    assert not cache.exists()


@pytest.mark.parametrize("unpack", [False, True])
def test_torchvision_folder_is_used(folder, unpack):
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in folder.glob("*.gz"):
        path.rename(raw / path.name)
        if unpack:
            content = gzip.decompress((raw / path.name).read_bytes())
            (raw / path.stem).write_bytes(content)
            (raw / path.name).unlink()
    assert len(load_data(device="cpu").train_labels) == TRAIN


@pytest.mark.parametrize("there_is_one", [True, False])
def test_own_folder_without_a_file_is_named(
    there_is_one, folder, mirror, monkeypatch
):
    (folder / FIRST_FILE).unlink()
    place = folder if there_is_one else folder / "missing"
    monkeypatch.setenv("ONEBYONE_DATA", str(place))
    message = f"{place}, lacks {FIRST_FILE}"
    with pytest.raises(DataUnavailable, match=message) as failure:
        load_data()
    assert_one_clear_sentence(failure)
    assert mirror.requests == []


@pytest.mark.parametrize("damage", faults.DAMAGE.values(), ids=faults.DAMAGE)
def test_damaged_file_in_own_folder_is_named_and_left_alone(
    damage, folder, mirror
):
    path = folder / FIRST_FILE
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(DataUnavailable, match="is damaged") as failure:
        load_data()
    assert str(path) in str(failure.value)
    assert_one_clear_sentence(failure)
    assert path.read_bytes() == damaged
    assert mirror.requests == []


def test_unreadable_file_in_own_folder_is_named(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataUnavailable, match="Permission denied") as failure:
        load_data()
    assert FIRST_FILE in str(failure.value)
    assert_one_clear_sentence(failure)


# --- downloads and the cache ---------------------------------------------


def test_download_is_cached_and_not_repeated(mirror, official, cache):
    first = load_data(device="cpu")
    assert mirror.requests == list(official)
    assert files_under(cache) == sorted(official)
    second = load_data(device="cpu")
    assert mirror.requests == list(official)
    assert torch.equal(first.train_images, second.train_images)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (faults.sends("cut short"), "broke off after"),
        (faults.sends("cut short", lambda _: None), "arrived damaged"),
        (faults.sends("cut short", lambda _: "many"), "arrived damaged"),
        (faults.sends("cut short", lambda _: -1), "arrived damaged"),
        (faults.sends("cut short", lambda c: len(c) - 20), "arrived damaged"),
        (faults.sends("one bit flipped"), "arrived damaged"),
        (faults.sends("replaced by a page"), "not a gzip file"),
        (faults.sends("emptied", lambda _: 0), "arrived damaged"),
        (faults.not_found, "HTTP status 404"),
        (faults.reset, "reset"),
        (faults.hang_up, "closed connection"),
        (faults.stall, "no answer for 0.3 seconds"),
        (faults.stall_at_once, "no answer for 0.3 seconds"),
        (faults.never_ends, "more than 2,000,000 bytes"),
        (faults.breaks_a_chunk, "IncompleteRead"),
        (faults.speaks_no_http, "what\\?"),
        (faults.redirect("{path}"), "HTTP status 302"),
        (faults.redirect("file:///etc/hostname"), "HTTP status 302"),
        (faults.redirect("http://[nowhere"), "Invalid IPv6 URL"),
        (faults.redirect("http://127.0.0.1:port/"), "nonnumeric port"),
    ],
)
def test_failed_download_is_explained(
    answer, cause, mirror, cache, monkeypatch
):
    patience = 0.3 if cause.startswith("no answer") else 10.0
    monkeypatch.setattr(fashion_mnist, "DOWNLOAD_TIMEOUT", patience)
    monkeypatch.setattr(fashion_mnist, "MAX_DOWNLOAD", 2_000_000)
    mirror.answer = answer
    with pytest.raises(DataUnavailable, match=cause) as failure:
        load_data()
    assert mirror.url + FIRST_FILE in str(failure.value)
    assert_one_clear_sentence(failure)
    assert files_under(cache.parent) == []


@pytest.mark.parametrize(
    "answer", [faults.redirect("/moved{path}"), faults.slow_but_alive]
)
def test_unusual_but_honest_answer_is_accepted(answer, mirror, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DOWNLOAD_TIMEOUT", 0.7)
    mirror.answer = answer
    assert len(load_data(device="cpu").train_images) == TRAIN


def test_second_mirror_is_asked_when_nobody_answers_at_the_first(
    mirror, monkeypatch
):
    mirrors = ["http://127.0.0.1:9/", "http://127.0.0.1:9/other/"]
    dataset = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(dataset, "mirrors", mirrors)
    with pytest.raises(
        DataUnavailable, match="refused.* or .*refused"
    ) as failure:
        load_data()
    assert_one_clear_sentence(failure)
    monkeypatch.setattr(dataset, "mirrors", [*mirrors, mirror.url])
    assert len(load_data(device="cpu").train_images) == TRAIN


def test_interrupted_download_goes_on_with_the_missing_files(
    mirror, official, cache
):
    last = list(official)[-1]

    def fail_last(handler, content):
        is_last = handler.path == f"/{last}"
        (faults.not_found if is_last else faults.whole)(handler, content)

    mirror.answer = fail_last
    with pytest.raises(DataUnavailable, match=last):
        load_data()
    assert files_under(cache) == sorted(official.keys() - {last})
    mirror.answer = faults.whole
    mirror.requests.clear()
    load_data(device="cpu")
    assert mirror.requests == [last]


@pytest.mark.parametrize("damage", faults.DAMAGE.values(), ids=faults.DAMAGE)
def test_damaged_file_in_cache_is_named_and_replaced(
    damage, mirror, official, cache
):
    load_data(device="cpu")
    path = cache / FIRST_FILE
    path.write_bytes(damage(path.read_bytes()))
    mirror.requests.clear()
    mirror.answer = faults.hang_up
    warning = f"{FIRST_FILE} is damaged"
    with (
        pytest.warns(UserWarning, match=warning),
        pytest.raises(DataUnavailable, match="closed connection"),
    ):
        load_data()
    mirror.answer = faults.whole
    with pytest.warns(UserWarning, match=warning):
        load_data(device="cpu")
    assert mirror.requests == [FIRST_FILE, FIRST_FILE]
    assert path.read_bytes() == official[FIRST_FILE]


@pytest.mark.parametrize("there_is_one", [True, False])
def test_without_a_home_to_write_to_the_temporary_folder_is_used(
    there_is_one, mirror, official, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.write_text("a file, in which no folder can be made")

    def find_home():
        if there_is_one:
            return home
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", find_home)
    load_data(device="cpu")
    assert files_under(tmp_path / "tmp") == sorted(official)
    load_data(device="cpu")
    assert mirror.requests == list(official)


def test_half_written_files_of_killed_processes_are_swept(
    mirror, official, cache
):
    cache.mkdir(parents=True)
    for name, age in (("old.part", 2 * 86_400), ("new.part", 60)):
        (cache / name).write_text("half")
        moment = time.time() - age
        os.utime(cache / name, (moment, moment))
    load_data(device="cpu")
    assert files_under(cache) == sorted([*official, "new.part"])


def test_temporary_folder_of_another_user_is_not_used(
    mirror, tmp_path, monkeypatch
):
    obstacle = tmp_path / "file"
    obstacle.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(obstacle))
    another = os.getuid() + 1
    (tmp_path / "tmp" / f"onebyone-{another}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: another)
    with pytest.warns(UserWarning, match="could not be kept"):
        load_data(device="cpu")
    assert files_under(tmp_path / "tmp") == []


def test_progress_bars_show_and_can_be_hidden(
    mirror, cache, monkeypatch, capfd
):
    load_data(device="cpu")
    assert capfd.readouterr().err == ""
    (cache / FIRST_FILE).unlink()
    monkeypatch.delenv("ONEBYONE_PROGRESS")
    load_data(device="cpu")
    assert f"downloading {FIRST_FILE}" in capfd.readouterr().err


def test_unknown_dataset_is_refused(monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATASET", "mnist")
    with pytest.raises(ValueError, match="'mnist', but must be fashion-mnist"):
        load_data()


# --- the real thing ------------------------------------------------------


@pytest.mark.skipif(not REAL_DATA, reason="ONEBYONE_DATA is not set")
def test_real_fashion_mnist_is_what_it_is_known_to_be(monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATA", REAL_DATA)
    data = load_data(device="cpu")
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels.bincount().tolist() == [6_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10
    assert round(data.mean, 4) == 0.2860 and round(data.std, 4) == 0.3530
    names = data.text_labels(data.train_labels[:2])
    assert names == ["Ankle boot", "T-shirt/top"]
