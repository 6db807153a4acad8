"""Letters: drawn the same every time, kept, and drawn again."""

import string

import pytest
import torch

from faults import DAMAGE, TEST, TRAIN, files_under
from onebyone.data import Letters, letters, load_data

pytestmark = pytest.mark.usefixtures("fresh_machine")


def test_letters_come_only_on_request(few_letters, monkeypatch):
    monkeypatch.setenv("ONEBYONE_DATASET", "letters")
    data = load_data(batch_size=64, device="cpu")
    assert isinstance(data, Letters) and data.name == "letters"
    assert data.class_names == list("ABCDEFGHIJ")
    X, y = next(iter(data.train_dataloader()))
    assert X.shape == (64, 1, 28, 28) and y.shape == (64,)


def test_letters_are_the_same_and_leave_the_generator_alone(
    few_letters, cache
):
    torch.manual_seed(1)
    first = Letters(device="cpu")
    (cache / "letters-10-v1.npz").unlink()
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    second = Letters(device="cpu")
    assert torch.equal(torch.rand(3), expected)
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(first, part), getattr(second, part))


@pytest.mark.parametrize("num_classes", [10, 62])
def test_letters_are_balanced_and_different(num_classes, few_letters):
    data = Letters(num_classes=num_classes, device="cpu")
    assert data.num_classes == len(set(data.class_names)) == num_classes
    counts = data.train_labels.bincount(minlength=num_classes)
    assert counts.max() - counts.min() <= 1
    both = torch.cat([data.train_images, data.test_images])
    assert len(both.unique(dim=0)) == TRAIN + TEST
    assert data.train_labels[:20].tolist() != sorted(data.train_labels[:20])


def test_62_letters_are_digits_and_both_cases(few_letters):
    names = Letters(num_classes=62, device="cpu").class_names
    assert "".join(names) == string.digits + string.ascii_letters
    with pytest.raises(ValueError, match="num_classes must be 10 or 62"):
        Letters(num_classes=26)


def test_every_glyph_is_drawn_whole_in_every_font():
    glyphs = letters._glyphs(list(letters.ALPHANUMERIC))
    classes, fonts = glyphs.shape[:2]
    assert classes == 62 and fonts >= 20
    ink = glyphs.flatten(2).sum(dim=2, dtype=torch.int64)
    assert ink.min() > 0
    inner = glyphs[..., 1:-1, 1:-1].flatten(2).sum(dim=2, dtype=torch.int64)
    assert torch.equal(ink, inner)


def test_cached_letters_are_used(few_letters, cache, monkeypatch):
    first = Letters(device="cpu")
    assert files_under(cache) == ["letters-10-v1.npz"]
    monkeypatch.delattr(letters, "_draw")
    second = Letters(device="cpu")
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_labels, second.test_labels)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_letters_are_named_and_drawn_again(damage, few_letters, cache):
    first = Letters(device="cpu")
    path = cache / "letters-10-v1.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match="letters-10-v1.npz is damaged"):
        second = Letters(device="cpu")
    assert torch.equal(first.train_images, second.train_images)
    assert letters._unpack(path.read_bytes()) is not None


def test_cached_letters_of_another_size_are_drawn_again(
    few_letters, monkeypatch
):
    Letters(device="cpu")
    monkeypatch.setattr(letters, "TEST", TEST + 1)
    with pytest.warns(UserWarning, match="is damaged"):
        assert len(Letters(device="cpu").test_images) == TEST + 1


@pytest.mark.long
def test_the_whole_set_of_letters_has_the_sizes_of_fashion_mnist():
    data = Letters(device="cpu")
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels.bincount().tolist() == [6_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10
