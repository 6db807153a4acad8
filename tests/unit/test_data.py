"""Finding, verifying, downloading, drawing and batching the images."""

import gzip
import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch
import torchvision
from d2l import torch as d2l
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms.v2.functional import resize as torchvision_resize

from faults import (
    DAMAGE,
    FIRST_FILE,
    TEST,
    TRAIN,
    announces_less,
    announces_less_than_nothing,
    announces_nonsense,
    assert_one_clear_sentence,
    breaks_a_chunk,
    corrupted,
    files_under,
    hang_up,
    never_ends,
    not_found,
    nothing,
    redirect,
    reset,
    slow_but_alive,
    speaks_no_http,
    stall,
    stall_at_once,
    truncated,
    truncated_without_length,
    web_page,
    whole,
)
from onebyone import data as module
from onebyone.data import (
    Batches,
    DataUnavailable,
    FashionMNIST,
    Letters,
    load_data,
    random_shift,
)

REAL_DATA = os.environ.get("ONEBYONE_DATA")
pytestmark = pytest.mark.usefixtures("fresh_machine")


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor any operation returns."""

    elements = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.elements = max(self.elements, result.numel())
        return result


# --- the reader's own folder ---------------------------------------------


def test_own_folder_is_used_and_nothing_is_cached(folder, cache):
    data = load_data(device="cpu")
    assert isinstance(data, FashionMNIST)
    assert len(data.train_images) == TRAIN
    assert len(data.test_images) == TEST
    assert not cache.exists()


@pytest.mark.parametrize("unpack", [False, True])
def test_torchvision_folder_is_used(folder, unpack):
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in folder.glob("*.gz"):
        path.rename(raw / path.name)
    if unpack:
        for path in raw.glob("*.gz"):
            path.with_suffix("").write_bytes(
                gzip.decompress(path.read_bytes())
            )
            path.unlink()
    assert len(load_data(device="cpu").train_labels) == TRAIN


def test_images_and_labels_are_those_of_the_files(folder, official):
    data = load_data(device="cpu")
    pixels = gzip.decompress(official[FIRST_FILE])[16:]
    assert data.train_images.numpy().tobytes() == pixels
    assert data.train_labels[:12].tolist() == [*range(10), 0, 1]
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64


def test_file_missing_in_own_folder_is_named(folder, mirror):
    (folder / FIRST_FILE).unlink()
    with pytest.raises(DataUnavailable, match=FIRST_FILE) as failure:
        load_data()
    assert str(folder) in str(failure.value)
    assert_one_clear_sentence(failure)
    assert mirror.requests == []


def test_own_folder_that_does_not_exist_is_named(official, monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATA", "/no/such/folder")
    with pytest.raises(DataUnavailable, match="/no/such/folder") as failure:
        load_data()
    assert_one_clear_sentence(failure)


@pytest.mark.parametrize("damage", DAMAGE)
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


def swap_splits(folder):
    """Training images under the name of the test images, and back."""
    train, test = folder / FIRST_FILE, folder / "t10k-images-idx3-ubyte.gz"
    train.rename(folder / "kept")
    test.rename(train)
    (folder / "kept").rename(test)


def test_swapped_files_in_own_folder_are_named(folder):
    swap_splits(folder)
    with pytest.raises(DataUnavailable, match="is damaged") as failure:
        load_data()
    assert_one_clear_sentence(failure)


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
        (truncated, "broke off after"),
        (truncated_without_length, "arrived damaged"),
        (corrupted, "arrived damaged"),
        (web_page, "no gzip file"),
        (nothing, "arrived damaged"),
        (not_found, "HTTP status 404"),
        (reset, "reset"),
        (hang_up, "closed connection"),
        (stall, "no answer for 0.3 seconds"),
        (stall_at_once, "no answer for 0.3 seconds"),
        (announces_less, "arrived damaged"),
        (announces_nonsense, "arrived damaged"),
        (announces_less_than_nothing, "arrived damaged"),
        (never_ends, "more than 2,000,000 bytes"),
        (breaks_a_chunk, "IncompleteRead"),
        (speaks_no_http, "what\\?"),
        (redirect("{path}"), "HTTP status 302"),
        (redirect("file:///etc/hostname"), "HTTP status 302"),
        (redirect("http://[nowhere"), "Invalid IPv6 URL"),
        (redirect("http://127.0.0.1:port/"), "nonnumeric port"),
    ],
)
def test_failed_download_is_explained(
    answer, cause, mirror, cache, monkeypatch
):
    patience = 0.3 if cause.startswith("no answer") else 10.0
    monkeypatch.setattr(module, "_DOWNLOAD_TIMEOUT", patience)
    monkeypatch.setattr(module, "_LARGEST", 2_000_000)
    mirror.answer = answer
    with pytest.raises(DataUnavailable, match=cause) as failure:
        load_data()
    assert mirror.url + FIRST_FILE in str(failure.value)
    assert_one_clear_sentence(failure)
    assert files_under(cache.parent) == []


@pytest.mark.parametrize("answer", [redirect("/moved{path}"), slow_but_alive])
def test_unusual_but_honest_answer_is_accepted(answer, mirror, monkeypatch):
    monkeypatch.setattr(module, "_DOWNLOAD_TIMEOUT", 0.7)
    mirror.answer = answer
    assert len(load_data(device="cpu").train_images) == TRAIN


def test_no_server_at_all_is_explained(official, monkeypatch):
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        monkeypatch.setattr(
            torchvision.datasets.FashionMNIST, "mirrors", [url]
        )
        with pytest.raises(DataUnavailable, match="refused") as failure:
            load_data()
    assert_one_clear_sentence(failure)


def test_second_mirror_is_asked_when_the_first_fails(mirror, monkeypatch):
    monkeypatch.setattr(
        torchvision.datasets.FashionMNIST,
        "mirrors",
        ["http://127.0.0.1:9/", mirror.url],
    )
    assert len(load_data(device="cpu").train_images) == TRAIN


def test_interrupted_download_goes_on_with_the_missing_files(
    mirror, official, cache
):
    last = list(official)[-1]

    def fail_last(handler, content):
        (not_found if handler.path == f"/{last}" else whole)(handler, content)

    mirror.answer = fail_last
    with pytest.raises(DataUnavailable, match=last):
        load_data()
    assert files_under(cache) == sorted(official.keys() - {last})
    mirror.answer = whole
    mirror.requests.clear()
    load_data(device="cpu")
    assert mirror.requests == [last]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_in_cache_is_named_and_replaced(
    damage, mirror, official, cache
):
    load_data(device="cpu")
    path = cache / FIRST_FILE
    path.write_bytes(damage(path.read_bytes()))
    mirror.requests.clear()
    with pytest.warns(UserWarning, match=f"{FIRST_FILE} is damaged"):
        load_data(device="cpu")
    assert mirror.requests == [FIRST_FILE]
    assert path.read_bytes() == official[FIRST_FILE]


def test_swapped_files_in_cache_are_replaced(mirror, official, cache):
    load_data(device="cpu")
    swap_splits(cache)
    with pytest.warns(UserWarning, match="is damaged"):
        load_data(device="cpu")
    for name, content in official.items():
        assert (cache / name).read_bytes() == content


def test_damaged_file_in_cache_is_not_used_without_a_network(mirror, cache):
    load_data(device="cpu")
    (cache / FIRST_FILE).write_bytes(b"")
    mirror.answer = hang_up
    with (
        pytest.warns(UserWarning, match=f"{FIRST_FILE} is damaged"),
        pytest.raises(DataUnavailable, match="closed connection") as failure,
    ):
        load_data()
    assert_one_clear_sentence(failure)


def test_interrupted_write_leaves_nothing_behind(mirror, cache, monkeypatch):
    def interrupt(source, destination):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_data()
    assert files_under(cache) == []


def test_full_disk_costs_the_copy_not_the_data(mirror, tmp_path, monkeypatch):
    def no_space(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.warns(UserWarning, match="No space left on device"):
        data = load_data(device="cpu")
    assert len(data.train_images) == TRAIN
    assert files_under(tmp_path) == []


def test_unwritable_home_falls_back_to_a_temporary_folder(
    mirror, official, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.write_text("a file, in which no folder can be made")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    load_data(device="cpu")
    assert files_under(tmp_path / "tmp") == sorted(official)
    load_data(device="cpu")
    assert mirror.requests == list(official)


def test_missing_home_falls_back_to_a_temporary_folder(
    mirror, official, tmp_path, monkeypatch
):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    load_data(device="cpu")
    assert files_under(tmp_path / "tmp") == sorted(official)


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


def test_progress_bars_show_and_can_be_hidden(mirror, monkeypatch, capfd):
    load_data(device="cpu")
    assert capfd.readouterr().err == ""
    for path in module._cache_folders()[0].iterdir():
        path.unlink()
    monkeypatch.delenv("ONEBYONE_PROGRESS")
    load_data(device="cpu")
    assert f"downloading {FIRST_FILE}" in capfd.readouterr().err


# --- options -------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
        {"resize": 0},
        {"resize": (28, 0)},
        {"resize": (28, 28, 28)},
        {"resize": "224"},
        {"fraction": 0.0},
        {"fraction": 1.5},
        {"fraction": float("nan")},
        {"fraction": "half"},
        {"validation": -1},
        {"validation": 0.1},
    ],
    ids=str,
)
def test_bad_option_is_named_before_anything_is_read(options, mirror):
    option, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"^{option} must "):
        load_data(**options)
    assert mirror.requests == []


@pytest.mark.parametrize("validation", [TRAIN, TRAIN + 1])
def test_validation_must_leave_training_images(validation, folder):
    with pytest.raises(ValueError, match=f"some of the {TRAIN} training"):
        load_data(validation=validation)


def test_unknown_dataset_is_refused(monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATASET", "mnist")
    with pytest.raises(ValueError, match="'mnist', but must be fashion-mnist"):
        load_data()


@pytest.mark.parametrize("pixels", [0, -1, 1.5])
def test_random_shift_refuses_other_than_whole_pixels(pixels):
    with pytest.raises(ValueError, match="^pixels must "):
        random_shift(pixels)


# --- batches -------------------------------------------------------------


def concatenated(loader):
    images, labels = zip(*loader, strict=True)
    return torch.cat(images), torch.cat(labels)


def labels_by_image(images, labels):
    return {
        image.numpy().tobytes(): int(label)
        for image, label in zip(images, labels, strict=True)
    }


def test_batches_have_the_promised_shapes_and_types(folder):
    data = load_data(batch_size=128, device="cpu")
    loader = data.train_dataloader()
    batches = list(loader)
    assert isinstance(loader, Batches)
    assert len(loader) == len(batches) == 4
    assert [len(y) for _, y in batches] == [128, 128, 128, TRAIN - 3 * 128]
    for X, y in batches:
        assert X.shape == (len(y), 1, 28, 28)
        assert X.dtype == torch.float32 and y.dtype == torch.int64


def test_an_epoch_shows_every_image_once_with_its_label(folder):
    data = load_data(batch_size=64, device="cpu")
    X, y = concatenated(data.train_dataloader())
    label_of = labels_by_image(
        data.normalise(data.train_images), data.train_labels
    )
    assert len(label_of) == len(X) == TRAIN
    assert labels_by_image(X, y) == label_of


def test_manual_seed_repeats_the_order_and_epochs_differ(folder):
    loader = load_data(batch_size=TRAIN, device="cpu").train_dataloader()
    torch.manual_seed(3)
    (first, _), (second, _) = next(iter(loader)), next(iter(loader))
    torch.manual_seed(3)
    again, _ = next(iter(loader))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_default_device_of_torch_does_not_matter(folder):
    torch.set_default_device("meta")
    try:
        data = load_data(validation=50, fraction=0.5, device="cpu")
        X, y = concatenated(data.train_dataloader())
        moved = random_shift(1)(X)
    finally:
        torch.set_default_device(None)
    assert X.device.type == y.device.type == moved.device.type == "cpu"


def test_validation_batches_keep_their_order(folder):
    data = load_data(batch_size=50, device="cpu")
    assert len(data.val_dataloader()) == 2
    X, y = concatenated(data.val_dataloader())
    assert torch.equal(y, data.test_labels)
    assert torch.equal(X, data.normalise(data.test_images))


def test_normalised_training_images_have_mean_0_and_deviation_1(folder):
    data = load_data(device="cpu")
    X = data.normalise(data.train_images)
    assert X.mean().item() == pytest.approx(0, abs=1e-5)
    assert X.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    scaled = data.train_images.double() / 255
    assert data.mean == pytest.approx(scaled.mean().item(), abs=1e-12)
    assert data.std == pytest.approx(
        scaled.std(correction=0).item(), abs=1e-12
    )


def test_normalise_leaves_its_argument_alone(folder):
    data = load_data(device="cpu")
    before = data.train_images.clone()
    data.normalise(data.train_images)
    assert torch.equal(data.train_images, before)


@pytest.mark.parametrize(
    ("resize", "size"), [(224, (224, 224)), ((14, 40), (14, 40)), (9, (9, 9))]
)
def test_resize_is_that_of_torchvision(resize, size, folder):
    data = load_data(batch_size=5, resize=resize, device="cpu")
    X, _ = next(iter(data.val_dataloader()))
    small = (data.test_images[:5] / 255 - data.mean) / data.std
    expected = torchvision_resize(small, list(size), antialias=True)
    assert data.resize == size
    torch.testing.assert_close(X, expected, atol=1e-5, rtol=1e-5)


def test_only_one_batch_is_ever_enlarged(folder):
    with LargestTensor() as largest:
        data = load_data(batch_size=4, resize=224, device="cpu")
        for _ in data.train_dataloader():
            pass
    assert data.train_images.shape == (TRAIN, 1, 28, 28)
    assert largest.elements <= max(4 * 224 * 224, TRAIN * 28 * 28)


def test_text_labels_name_the_classes(folder):
    data = load_data(device="cpu")
    assert data.num_classes == len(data.class_names) == 10
    assert data.text_labels(torch.tensor([9, 0])) == [
        "Ankle boot",
        "T-shirt/top",
    ]


@pytest.mark.parametrize("resize", [None, 32])
def test_d2l_trainer_fits_on_our_data(resize, folder):
    data = load_data(batch_size=100, resize=resize, device="cpu")
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.1)
    model.board.display = False
    trainer = d2l.Trainer(max_epochs=1)
    trainer.fit(model, data)
    assert isinstance(data, d2l.DataModule)
    assert trainer.train_batch_idx == 4
    assert trainer.val_batch_idx == 1


# --- held-out images, fractions, augmentation ----------------------------


def images_of(tensor):
    return {image.numpy().tobytes() for image in tensor}


def test_validation_images_are_held_out(folder):
    everything = load_data(device="cpu")
    data = load_data(validation=100, device="cpu")
    held_out = images_of(data.val_images)
    assert len(held_out) == 100
    assert held_out.isdisjoint(images_of(data.train_images))
    assert held_out | images_of(data.train_images) == images_of(
        everything.train_images
    )
    X, y = next(iter(data.val_dataloader()))
    assert torch.equal(X, data.normalise(data.val_images))
    assert torch.equal(y, data.val_labels)
    assert torch.equal(data.test_images, everything.test_images)


def test_held_out_images_depend_on_neither_seed_nor_fraction(folder):
    torch.manual_seed(1)
    one = load_data(validation=100, device="cpu")
    torch.manual_seed(2)
    other = load_data(validation=100, fraction=0.5, device="cpu")
    assert torch.equal(one.val_images, other.val_images)
    assert (one.mean, one.std) == (other.mean, other.std)
    assert images_of(other.train_images) < images_of(one.train_images)


@pytest.mark.parametrize(
    ("fraction", "per_class"), [(1.0, 40), (0.5, 20), (0.1, 4), (0.001, 1)]
)
def test_fraction_keeps_the_classes_balanced(fraction, per_class, folder):
    data = load_data(fraction=fraction, device="cpu")
    assert data.train_labels.bincount().tolist() == [per_class] * 10
    assert len(data.test_images) == TEST


def test_labels_stay_with_their_images(folder):
    everything = load_data(device="cpu")
    label_of = labels_by_image(
        everything.train_images, everything.train_labels
    )
    data = load_data(validation=70, fraction=0.3, device="cpu")
    kept = labels_by_image(data.train_images, data.train_labels)
    held_out = labels_by_image(data.val_images, data.val_labels)
    assert kept.items() < label_of.items()
    assert held_out.items() < label_of.items()


def test_only_training_batches_are_augmented(folder):
    def blank(X):
        return torch.zeros_like(X)

    data = load_data(augment=blank, device="cpu")
    assert all(not X.any() for X, _ in data.train_dataloader())
    assert all(X.any() for X, _ in data.val_dataloader())


def test_random_shift_moves_each_image_by_up_to_its_pixels():
    X = torch.full((500, 3, 9, 11), -0.5)
    X[:, :, 4, 5] = 2.0
    torch.manual_seed(0)
    moved = random_shift(2)(X)
    assert moved.shape == X.shape
    image, channel, row, column = (moved == 2.0).nonzero(as_tuple=True)
    assert len(image) == 500 * 3 and (moved == -0.5).sum() == X.numel() - 1500
    places = {
        (int(r) - 4, int(c) - 5) for r, c in zip(row, column, strict=True)
    }
    assert places == {(r, c) for r in range(-2, 3) for c in range(-2, 3)}
    # the channels of an image move together
    assert torch.equal(row.view(500, 3), row.view(500, 3)[:, :1].expand(-1, 3))


def test_random_shift_fills_with_black_and_obeys_the_seed():
    X = torch.rand(50, 1, 8, 8)
    X[0, 0, 0, 0] = -1.0
    torch.manual_seed(4)
    first = random_shift(8)(X)
    torch.manual_seed(4)
    assert torch.equal(first, random_shift(8)(X))
    assert first.min() == -1.0


# --- letters -------------------------------------------------------------


def test_letters_come_only_on_request(few_letters, monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATASET", "letters")
    data = load_data(batch_size=64, device="cpu")
    assert isinstance(data, Letters) and data.name == "letters"
    assert data.class_names == list("ABCDEFGHIJ")
    X, y = next(iter(data.train_dataloader()))
    assert X.shape == (64, 1, 28, 28) and y.shape == (64,)


def test_letters_are_the_same_every_time(few_letters, cache):
    torch.manual_seed(1)
    first = Letters(device="cpu")
    (cache / "letters-10-v1.npz").unlink()
    torch.manual_seed(2)
    second = Letters(device="cpu")
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(first, part), getattr(second, part))


def test_drawing_letters_leaves_the_global_generator_alone(few_letters):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Letters(device="cpu")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("num_classes", [10, 62])
def test_letters_are_balanced_and_different(num_classes, few_letters):
    data = Letters(num_classes=num_classes, device="cpu")
    assert data.num_classes == len(set(data.class_names)) == num_classes
    counts = data.train_labels.bincount(minlength=num_classes)
    assert counts.max() - counts.min() <= 1
    assert len(images_of(data.train_images)) == TRAIN
    assert images_of(data.train_images).isdisjoint(images_of(data.test_images))
    assert data.train_labels[:20].tolist() != sorted(data.train_labels[:20])


def test_letters_do_not_depend_on_the_default_device(few_letters):
    torch.set_default_device("meta")
    try:
        data = Letters(device="cpu")
    finally:
        torch.set_default_device(None)
    assert data.train_images.any()


def test_62_letters_are_digits_and_both_cases():
    assert module._ALPHANUMERIC == (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    )
    with pytest.raises(ValueError, match="num_classes must be 10 or 62"):
        Letters(num_classes=26)


def test_every_glyph_is_drawn_whole_in_every_font():
    glyphs = module._glyphs(list(module._ALPHANUMERIC))
    classes, fonts = glyphs.shape[:2]
    assert classes == 62 and fonts >= 20
    ink = glyphs.flatten(2).sum(dim=2, dtype=torch.int64)
    assert ink.min() > 0
    inner = glyphs[..., 1:-1, 1:-1].flatten(2).sum(dim=2, dtype=torch.int64)
    assert torch.equal(ink, inner)


def test_cached_letters_are_used(few_letters, cache, monkeypatch):
    first = Letters(device="cpu")
    assert files_under(cache) == ["letters-10-v1.npz"]

    def refuse(class_names):
        raise AssertionError("drawn although they are in the cache")

    monkeypatch.setattr(module, "_draw_letters", refuse)
    second = Letters(device="cpu")
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_labels, second.test_labels)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_letters_are_named_and_drawn_again(damage, few_letters, cache):
    first = Letters(device="cpu")
    path = cache / "letters-10-v1.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="letters-10-v1.npz is damaged"):
        second = Letters(device="cpu")
    assert torch.equal(first.train_images, second.train_images)
    assert module._read_letters(path) is not None


def test_cached_letters_of_another_size_are_drawn_again(
    few_letters, monkeypatch
):
    Letters(device="cpu")
    monkeypatch.setattr(module, "_LETTERS_TEST", TEST + 1)
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(Letters(device="cpu").test_images) == TEST + 1


def test_letters_need_no_writable_cache(few_letters, tmp_path, monkeypatch):
    obstacle = tmp_path / "file"
    obstacle.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(obstacle))
    monkeypatch.setattr(module.tempfile, "tempdir", str(obstacle))
    with pytest.warns(UserWarning, match="letters-10-v1.npz could not be"):
        assert len(Letters(device="cpu").train_images) == TRAIN


@pytest.mark.long
def test_the_whole_set_of_letters_has_the_sizes_of_fashion_mnist():
    data = Letters(device="cpu")
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels.bincount().tolist() == [6_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10


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
    assert data.text_labels(data.train_labels[:2]) == [
        "Ankle boot",
        "T-shirt/top",
    ]
