"""A task that a small network learns in seconds, and what trains it."""

import torch
from d2l import torch as d2l
from torch import nn
from torch.nn import functional as F

from onebyone.training import Trainer

CLASSES = 4
TRAIN, TEST = 203, 57  # both end in a short batch


class Quadrants(d2l.DataModule):
    """Noisy 8×8 images; the class is the quadrant that is bright."""

    def __init__(self, batch_size=16, one_hot=False, classes=CLASSES):
        super().__init__()
        self.save_hyperparameters()
        generator = torch.Generator().manual_seed(0)
        n = TRAIN + TEST
        self.y = torch.randint(0, classes, (n,), generator=generator)
        self.X = 0.5 * torch.randn(n, 1, 8, 8, generator=generator)
        for image, label in zip(self.X, self.y.tolist(), strict=True):
            row, column = divmod(label % 4, 2)
            image[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 1
        if one_hot:
            self.y = F.one_hot(self.y, classes).float()

    def get_dataloader(self, train):
        part = slice(TRAIN) if train else slice(TRAIN, None)
        return self.get_tensorloader((self.X, self.y), train, part)


class ResidentQuadrants(Quadrants):
    """The same images in the manner of ``onebyone.data``."""

    device = torch.device("cpu")

    @property
    def train_labels(self):
        return self.y[:TRAIN]

    def get_dataloader(self, train):
        part = slice(TRAIN) if train else slice(TRAIN, None)
        X, y = self.X[part], self.y[part]
        size = self.batch_size
        return list(zip(X.split(size), y.split(size), strict=True))


def small_net(classes=CLASSES, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def dead_net():
    """Its last ReLU outputs 0 for every class and every image."""
    net = nn.Sequential(
        nn.Conv2d(1, CLASSES, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    nn.init.constant_(net[0].bias, -100.0)
    return net


class SmallClassifier(d2l.Classifier):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.net = small_net()


def trainer(max_epochs=1, **options):
    return Trainer(max_epochs, **{"seed": 0, "precision": "float32"} | options)


def same_weights(net, other):
    pairs = zip(
        net.state_dict().values(), other.state_dict().values(), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)
