"""Batches of images: options, order, sizes, held-out images."""

import pytest
import torch
from d2l import torch as d2l
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms.v2.functional import resize as torchvision_resize

from faults import TEST, TRAIN
from onebyone.data import (
    Batches,
    FashionMNIST,
    Letters,
    load_data,
    random_shift,
)

pytestmark = pytest.mark.usefixtures("fresh_machine")


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor any operation returns."""

    elements = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.elements = max(self.elements, result.numel())
        return result


# --- options -------------------------------------------------------------


BAD = {
    "batch_size": [0, 2.5, True],
    "resize": [0, (28, 0), (28, 28, 28), "224"],
    "fraction": [0.0, 1.5, float("nan"), "half"],
    "validation": [-1, 0.1],
}


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, values in BAD.items() for value in values],
)
def test_bad_option_is_named_before_anything_is_read(option, value, mirror):
    with pytest.raises(ValueError, match=f"^{option} must "):
        load_data(**{option: value})
    assert mirror.requests == []


def test_what_the_images_cannot_give_is_refused(folder):
    with pytest.raises(ValueError, match=f"some of the {TRAIN} training"):
        load_data(validation=TRAIN)
    with pytest.raises(ValueError, match="^pixels must "):
        random_shift(1.5)


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


@pytest.mark.parametrize("dataset", [FashionMNIST, Letters])
def test_default_device_of_torch_does_not_matter(dataset, folder, few_letters):
    torch.set_default_device("meta")
    try:
        data = dataset(validation=50, fraction=0.5, device="cpu")
        X, y = concatenated(data.train_dataloader())
        moved = random_shift(1)(X)
    finally:
        torch.set_default_device(None)
    assert X.device.type == y.device.type == moved.device.type == "cpu"
    assert X.any()


def test_validation_batches_keep_their_order(folder):
    data = load_data(batch_size=50, device="cpu")
    assert len(data.val_dataloader()) == 2
    X, y = concatenated(data.val_dataloader())
    assert torch.equal(y, data.test_labels)
    assert torch.equal(X, data.normalise(data.test_images))


def test_normalised_training_images_have_mean_0_and_deviation_1(folder):
    data = load_data(device="cpu")
    before = data.train_images.clone()
    X = data.normalise(data.train_images)
    assert torch.equal(data.train_images, before)
    assert X.mean().item() == pytest.approx(0, abs=1e-5)
    assert X.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    scaled = data.train_images.double() / 255
    assert data.mean == pytest.approx(scaled.mean().item(), abs=1e-12)
    assert data.std == pytest.approx(
        scaled.std(correction=0).item(), abs=1e-12
    )


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
    names = data.text_labels(torch.tensor([9, 0]))
    assert names == ["Ankle boot", "T-shirt/top"]


def test_d2l_trainer_fits_on_our_data(folder):
    data = load_data(batch_size=100, resize=32, device="cpu")
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.1)
    model.board.display = False
    trainer = d2l.Trainer(max_epochs=1)
    trainer.fit(model, data)
    assert isinstance(data, d2l.DataModule)
    assert (trainer.train_batch_idx, trainer.val_batch_idx) == (4, 1)


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
    data = load_data(device="cpu")
    label_of = labels_by_image(data.train_images, data.train_labels)
    data = load_data(validation=70, fraction=0.3, device="cpu")
    kept = labels_by_image(data.train_images, data.train_labels)
    held_out = labels_by_image(data.val_images, data.val_labels)
    assert kept.items() | held_out.items() < label_of.items()


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
