"""What studies recorded is read as tables, means and differences."""

import math

import pandas as pd
import pytest
from scipy import stats

from onebyone import study as studies
from onebyone.study import Study
from onebyone.study.engine import record


def measure(power, cut, seed):
    return {"value": 0.5 + power}


@pytest.fixture
def tiny(empty_records, monkeypatch):
    configurations = [
        {"power": power, "cut": cut}
        for power in (1, 2)
        for cut in (True, False)
    ]
    study = Study("tiny", "?", configurations, measure, ["value"], ["value"])
    monkeypatch.setitem(studies.STUDIES, "tiny", study)
    return study


def test_loading_gives_numbers_and_truth_values(tiny):
    studies.run(tiny, seeds=2)
    runs = studies.load("tiny")
    assert runs["value"].dtype == float and runs["cut"].dtype == bool
    assert runs["power"].tolist().count(2) == 4


def test_a_study_without_runs_loads_empty(tiny):
    runs = studies.load("tiny")
    assert runs.empty and "value" in runs


def test_a_run_made_here_replaces_the_packaged_one(tiny):
    studies.run(tiny, seeds=2)
    file = record.LOCAL / "tiny.csv"
    header, first, *_ = file.read_text().splitlines()
    studies.publish(tiny)
    file.write_text(f"{header}\n{first}\n")
    runs = studies.load("tiny")
    assert len(runs) == 8 and list(runs["source"]).count("own") == 1


def test_a_loss_that_was_not_finite_is_read_as_missing(tmp_path):
    losses = studies.load("depth", folder=tmp_path)["train_loss"]
    assert losses.dtype == float and losses.isna().any()


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0, 5.0]
    mean, half = studies.interval(values)
    low, high = stats.t.interval(0.95, 3, loc=3, scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_one_value_has_no_interval():
    mean, half = studies.interval([7.0])
    assert mean == 7 and math.isnan(half)
    assert all(map(math.isnan, studies.interval([])))


def test_a_summary_has_one_row_a_group():
    runs = pd.DataFrame({"net": ["a", "a", "b", "b"], "error": [1, 3, 5, 5]})
    table = studies.summary(runs, ["net"], "error")
    assert table["mean"].tolist() == [2, 5]
    assert table["runs"].tolist() == [2, 2]
    assert table["low"][0] < 1 and table["low"][1] == table["high"][1] == 5


def frame(**columns):
    return pd.DataFrame(columns)


def test_a_difference_is_paired_by_seed():
    runs = frame(
        net=["a", "b", "a", "b", "a", "b", "b"],
        seed=[0, 0, 1, 1, 2, 2, 3],  # the last has no partner
        accuracy=[0.9, 0.8, 0.7, 0.61, 0.5, 0.39, 0.1],
    )
    found = studies.difference(runs, "accuracy", {"net": "a"}, {"net": "b"})
    assert found.mean == pytest.approx(0.1)
    pairs = [0.9, 0.7, 0.5], [0.8, 0.61, 0.39]
    low, high = stats.ttest_rel(*pairs).confidence_interval(0.95)
    assert found.half == pytest.approx((high - low) / 2)
    assert found.seeds == 3 and not found.is_null
    assert str(found).startswith("+10.00 ± 2.48 points")


def test_an_ambiguous_setting_is_refused():
    runs = frame(net=["a", "a", "b"], seed=[0, 0, 0], x=[1.0, 2.0, 5.0])
    with pytest.raises(ValueError, match="several runs of one seed"):
        studies.difference(runs, "x", {"net": "a"}, {"net": "b"})
    with pytest.raises(ValueError, match="no run has"):
        studies.difference(runs, "x", {"net": "c"}, {"net": "b"})
