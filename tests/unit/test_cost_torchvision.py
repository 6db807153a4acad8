"""Counts against the figures that torchvision publishes with its weights.

One classification model of each family is counted in `make test`, its larger
and smaller sisters in `make test-long`.
"""

from collections.abc import Iterator

import pytest
import torch
from torchvision import models
from torchvision.models.regnet import BlockParams

from onebyone.cost import layer_table


def published() -> Iterator:
    """Each model with each of its published sizes and counts, once."""
    families = set()
    for name in models.list_models(module=models):
        seen = set()
        family = models.get_model_builder(name).__module__
        marks = [pytest.mark.long] if family in families else []
        families.add(family)
        for weights in models.get_model_weights(name):
            size = weights.transforms.keywords["crop_size"]
            figures = (weights.meta["num_params"], weights.meta["_ops"])
            if (size, figures) not in seen:
                seen.add((size, figures))
                where = f"{name}-{size}"
                yield pytest.param(name, size, figures, id=where, marks=marks)


@pytest.fixture
def plan_regnets_on_the_cpu(monkeypatch):
    """RegNet computes its widths with tensors, so these need data."""
    plan = BlockParams.from_init_params

    def on_the_cpu(**options):
        with torch.device("cpu"):
            return plan(**options)

    monkeypatch.setattr(BlockParams, "from_init_params", on_the_cpu)


def build(name: str, size: int) -> torch.nn.Module:
    """A model without data, as its published counts have it."""
    options = {}
    if name.startswith("vit"):
        options["image_size"] = size
    if name == "googlenet":
        options["aux_logits"] = False
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    with torch.device("meta"):
        return models.get_model(name, weights=None, **options)


@pytest.mark.usefixtures("plan_regnets_on_the_cpu")
@pytest.mark.parametrize(("name", "size", "figures"), [*published()])
def test_counts_are_the_published_ones(name, size, figures):
    table = layer_table(build(name, size), (3, size, size))
    assert (table.parameters, round(table.macs / 1e9, 3)) == figures
