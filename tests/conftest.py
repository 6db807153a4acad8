"""What tests of several folders use."""

import pytest

from onebyone.data import DataUnavailable, load_data


@pytest.fixture
def some_data(monkeypatch):
    """Fashion-MNIST or, where there is none, letters."""
    monkeypatch.setenv("ONEBYONE_PROGRESS", "0")
    try:
        load_data(device="cpu")
    except DataUnavailable:
        monkeypatch.setenv("ONEBYONE_DATASET", "letters")
