"""What studies recorded is read as tables, means and differences."""

import math

import numpy as np
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
    losses = studies.load("degradation-starts-search", folder=tmp_path)[
        "train_loss"
    ]
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


# --- Paired or not ---------------------------------------------------------


def runs_of(**arms):
    """Runs of arms with a value for each of the seeds 0, 1, 2, ..."""
    rows = [
        (arm, seed, x) for arm, xs in arms.items() for seed, x in enumerate(xs)
    ]
    return pd.DataFrame(rows, columns=["net", "seed", "x"])


def ahead(runs, paired, of="a", minus="b"):
    return studies.difference(
        runs, "x", {"net": of}, {"net": minus}, paired=paired
    )


# four arms that differ by what the seed does to all, and by next to nothing
SEED = np.array([0.0, 3.0, 1.0, 4.0, 2.0])
NUDGE = np.array([0.1, -0.1, 0.0, 0.1, -0.1])
ALIKE = {
    "a": SEED + 1 + NUDGE,
    "b": SEED - NUDGE,
    "c": SEED + NUDGE[::-1],
    "d": SEED,
}
# seeds that do nothing: each arm has the same values in another order
APART = {
    "a": [1.0, 2.0, 3.0, 4.0, 5.0],
    "b": [3.0, 1.0, 5.0, 2.0, 4.0],
    "c": [3.0, 2.0, 5.0, 4.0, 1.0],
    "d": [2.0, 5.0, 4.0, 1.0, 3.0],
}


def test_a_difference_that_is_not_paired_is_welchs():
    first, second = [1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0]
    found = ahead(runs_of(a=first, b=second), paired=False)
    test = stats.ttest_ind(first, second, equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert found.mean == pytest.approx(-3) and found.seeds == 3
    assert found.half == pytest.approx((high - low) / 2)
    assert found.p == pytest.approx(test.pvalue)
    # the squared errors are 1/3 and 5/3, so there are 4 · 54 / 53 degrees
    by_hand = stats.t.ppf(0.975, 4 * 54 / 53) * math.sqrt(2)
    assert found.half == pytest.approx(by_hand)
    assert found.how == "Not paired (Welch's interval), as the call says."


def test_a_paired_difference_has_the_p_of_the_paired_test():
    found = ahead(runs_of(**APART), paired=True)
    test = stats.ttest_rel(APART["a"], APART["b"])
    assert found.p == pytest.approx(test.pvalue)
    assert found.how == "Paired by seed, as the call says."


def test_runs_are_paired_where_arms_correlate_over_the_seeds():
    found = ahead(runs_of(**ALIKE), paired=None)
    assert found == ahead(runs_of(**ALIKE), True)._replace(how=found.how)
    assert found.half < ahead(runs_of(**ALIKE), paired=False).half
    assert found.correlation > 0.9
    assert "correlate by 1.00 on average, and from 0.31 on" in found.how


def test_runs_are_not_paired_where_arms_do_not_correlate():
    found = ahead(runs_of(**APART), paired=None)
    assert found == ahead(runs_of(**APART), False)._replace(how=found.how)
    pairs = ["ac", "ad", "bc", "bd", "cd"]
    correlations = [np.corrcoef(APART[i], APART[j])[0, 1] for i, j in pairs]
    assert found.correlation == pytest.approx(np.mean(correlations))
    assert "and below 0.31 pairing widens an interval of 5" in found.how


@pytest.mark.parametrize("arms", [ALIKE, APART])
def test_two_arms_alone_do_not_decide_how_they_are_compared(arms):
    """A rule that saw their correlation would take the narrower interval."""
    found = ahead(runs_of(a=arms["a"], b=arms["b"]), paired=None)
    assert found.paired and math.isnan(found.correlation)
    assert "no other arms tell" in found.how


def test_runs_that_correlate_negatively_are_paired():
    up = np.array([1.0, 2.0, 3.0, 4.0])
    runs = runs_of(a=[1.0, 3.0, 2.0, 4.0], b=[1.0, 3.0, 2.0, 4.1], c=-up)
    found = ahead(runs, paired=None)
    assert found.paired and found.correlation == pytest.approx(-0.8, abs=0.01)
    assert "would be too narrow" in found.how


def test_a_difference_without_pairs_is_not_paired():
    runs = runs_of(a=[1.0, 2.0, 3.0], b=[1.0, 2.0, 4.0])
    runs["seed"] = range(6)
    assert not ahead(runs, paired=None).paired
    with pytest.raises(ValueError, match="no seed has runs of both"):
        ahead(runs, paired=True)


def test_a_difference_of_one_seed_has_no_interval():
    for paired in (True, False):
        found = ahead(runs_of(a=[2.0], b=[1.0]), paired)
        assert found.mean == 1 and found.is_null
        assert math.isnan(found.half) and math.isnan(found.p)


@pytest.mark.parametrize("paired", [True, False])
def test_seeds_that_all_agree_leave_no_doubt(paired):
    same = ahead(runs_of(a=[2.0, 2.0], b=[2.0, 2.0]), paired)
    assert (same.mean, same.half, same.p) == (0, 0, 1) and same.is_null
    other = ahead(runs_of(a=[3.0, 3.0], b=[2.0, 2.0]), paired)
    assert (other.mean, other.half, other.p) == (1, 0, 0)


def test_an_arm_without_a_value_is_named():
    runs = runs_of(a=[np.nan, np.nan], b=[2.0, 3.0])
    with pytest.raises(ValueError, match="'a'.*has a value"):
        ahead(runs, paired=None)


# --- All pairs -------------------------------------------------------------


def test_holms_correction():
    # sorted 0.005 · 4, 0.01 · 3, 0.03 · 2, and 0.04 is not less than these
    corrected = studies.holm([0.01, 0.04, 0.03, 0.005])
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert studies.holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert studies.holm([]).size == 0


def test_a_test_without_p_is_not_counted():
    corrected = studies.holm([np.nan, 0.01, 0.04])
    assert math.isnan(corrected[0])
    assert corrected[1:] == pytest.approx([0.02, 0.04])


def test_all_pairs_are_compared_the_larger_mean_first():
    runs = runs_of(**ALIKE)
    table = studies.compare_all(runs, "x", ["net"], paired=False)
    assert table["pair"].tolist() == [
        *("a − b", "a − c", "a − d", "b − c", "b − d", "c − d")
    ]
    for _, row in table.iterrows():
        of, minus = row["pair"].split(" − ")
        found = ahead(runs, False, of, minus)
        assert row["mean"] == pytest.approx(found.mean)
        assert row["high"] - row["low"] == pytest.approx(2 * found.half)
        assert row["p"] == pytest.approx(found.p)
        assert not row["paired"] and row["how"] == found.how
    assert table["p_holm"].tolist() == studies.holm(table["p"]).tolist()


@pytest.mark.parametrize("arms", [ALIKE, APART])
def test_all_pairs_are_decided_as_each_alone(arms):
    runs = runs_of(**arms)
    table = studies.compare_all(runs, "x", ["net"])
    for _, row in table.iterrows():
        found = ahead(runs, None, *row["pair"].split(" − "))
        assert (row["paired"], row["how"]) == (found.paired, found.how)
    assert set(table["paired"]) == {arms is ALIKE}


def budgets(**arms):
    """Runs at two budgets, whose second is ten better for every arm."""
    low = runs_of(**arms)
    high = low.assign(x=low["x"] + 10)
    return pd.concat([low.assign(budget=1), high.assign(budget=2)])


def test_each_seed_is_averaged_over_what_is_left_open():
    runs = budgets(**APART)
    table = studies.compare_all(runs, "x", ["net"], over=["budget"])
    plain = studies.compare_all(runs_of(**APART), "x", ["net"])
    pd.testing.assert_frame_equal(table, plain)


def test_a_seed_counts_only_with_all_that_it_is_averaged_over():
    runs = budgets(a=[1.0, 2.0, 4.0], b=[1.0, 1.0, 3.0])
    runs = runs[~((runs.net == "b") & (runs.seed == 2) & (runs.budget == 2))]
    table = studies.compare_all(runs, "x", ["net"], ["budget"], paired=True)
    assert table["seeds"].tolist() == [2]
    assert table["mean"].tolist() == pytest.approx([0.5])


def test_only_combinations_that_exist_are_averaged_over():
    runs = budgets(a=[1.0, 2.0], b=[1.0, 1.0])
    runs["limited"] = runs["budget"].map({1: "MACs", 2: "parameters"})
    over = ["limited", "budget"]
    table = studies.compare_all(runs, "x", ["net"], over, paired=True)
    assert table["seeds"].tolist() == [2]


def test_an_arm_may_be_of_several_factors():
    runs = runs_of(**ALIKE).assign(batch_norm=True)
    table = studies.compare_all(runs, "x", ["net", "batch_norm"])
    assert table["pair"][0] == "a, True − b, True"


def test_a_comparison_that_leaves_something_open_is_refused():
    with pytest.raises(ValueError, match="same net: .*`over`"):
        studies.compare_all(budgets(**APART), "x", ["net"])
    with pytest.raises(ValueError, match="no two arms of net"):
        studies.compare_all(runs_of(a=[1.0, 2.0]), "x", ["net"])


# --- Several numbers in one cell -------------------------------------------


def test_cells_of_several_numbers_are_drawn_out():
    runs = frame(
        net=["a", "a", "b"], seed=[0, 1, 0], loss=["3 1", "5 2", np.nan]
    )
    long = studies.curves(runs, "loss", ["net"])
    assert long.to_dict("split")["data"] == [
        ["a", 0, 1, 3.0],
        ["a", 0, 2, 1.0],
        ["a", 1, 1, 5.0],
        ["a", 1, 2, 2.0],
    ]
    assert [*long] == ["net", "seed", "position", "loss"]
    means = studies.summary(long, ["net", "position"], "loss")
    assert means["mean"].tolist() == [4, 1.5]
    _, half = studies.interval([3, 5])
    assert means["high"][0] == pytest.approx(4 + half)


def test_a_cell_of_one_number_is_a_curve_too():
    runs = frame(net=["a"], seed=[0], loss=[0.25])
    assert studies.curves(runs, "loss", ["net"])["loss"].tolist() == [0.25]


def test_curves_of_a_packaged_study_have_a_number_for_each_layer(tmp_path):
    runs = studies.load("degradation", folder=tmp_path)
    by = ["network", "layers"]
    long = studies.curves(runs, "gradients", by)
    counts = long.groupby([*by, "seed"])["position"].max()
    layers = counts.index.get_level_values("layers")
    assert (counts == layers - 1).all()  # the last is no convolution


def test_curves_of_several_runs_of_one_seed_are_refused():
    runs = frame(net=["a", "a"], seed=[0, 0], loss=["1 2", "1 2"])
    with pytest.raises(ValueError, match="same net: .*`by`"):
        studies.curves(runs, "loss", ["net"])
