"""Counts against the figures that torchvision publishes with its weights.

Every classification model of torchvision is here; none is left out.
"""

from collections.abc import Iterator

import pytest
import torch
from torchvision import models
from torchvision.models.regnet import BlockParams

from onebyone.cost import layer_table


def published() -> Iterator:
    """Each model with each of its published sizes and counts, once."""
    for name in models.list_models(module=models):
        seen = set()
        for weights in models.get_model_weights(name):
            size = weights.transforms.keywords["crop_size"]
            figures = (weights.meta["num_params"], weights.meta["_ops"])
            if (size, figures) not in seen:
                seen.add((size, figures))
                yield pytest.param(name, size, figures, id=f"{name}-{size}")


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


def test_the_list_of_models_is_whole():
    names = {param.values[0] for param in published()}
    assert len(names) >= 80
    assert names == set(models.list_models(module=models))
