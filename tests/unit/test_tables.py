"""Tables show numbers as a reader compares them."""

import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

import onebyone


def cells(styler):
    """The rows of a table as texts, the head first."""
    page = BeautifulSoup(styler.to_html(), "html.parser")
    return [
        [cell.get_text().strip() for cell in row(["th", "td"])]
        for row in page("tr")
    ]


NETWORKS = pd.DataFrame(
    {
        "parameters": [1_992_166, 61_706],
        "accuracy": [0.9066, np.nan],
        "seconds": [-1.5, 2.25],
    },
    index=["NiN", "LeNet"],
)


def test_numbers_have_separators_decimals_and_units():
    shown = onebyone.table(NETWORKS, percent=["accuracy"], digits=4)
    assert cells(shown) == [
        ["", "parameters", "accuracy", "seconds"],
        ["NiN", "1,992,166", "90.66 %", "−1.5000"],
        ["LeNet", "61,706", "–", "2.2500"],
    ]


def test_digits_may_differ_by_column():
    shown = onebyone.table(NETWORKS, digits={"seconds": 1})
    assert cells(shown)[1][2:] == ["0.907", "−1.5"]


def test_mean_and_ends_become_one_column():
    summary = pd.DataFrame(
        {"arm": ["full"], "mean": [0.8977], "low": [0.8945], "high": [0.9008]}
    )
    shown = onebyone.table(summary, percent=["mean"], digits=4)
    assert cells(shown) == [
        ["arm", "mean"],
        ["full", "89.77 % [89.45, 90.08]"],
    ]


def test_the_best_value_is_bold():
    html = onebyone.table(NETWORKS, lowest=["parameters"]).to_html()
    rule = html.partition("font-weight: bold")[0].rpartition("}")[2]
    assert "_row1_col0" in rule and "_row0" not in rule


def test_numbers_stand_on_the_right_and_words_on_the_left():
    frame = pd.DataFrame({"net": ["NiN"], "parameters": [1_992_166]})
    html = onebyone.table(frame).to_html()
    assert re.search(r"\.col0 \{\s*text-align: left", html)
    assert re.search(r"\.col1 \{\s*text-align: right", html)


def test_the_best_value_of_each_row_is_bold():
    rates = pd.DataFrame([[0.1, 0.3], [0.4, 0.2]], columns=[0.03, 0.1])
    html = onebyone.table(rates, best_in_row="highest").to_html()
    rule = html.partition("font-weight: bold")[0].rpartition("}")[2]
    assert "_row0_col1" in rule and "_row1_col0" in rule
    assert "_row0_col0" not in rule


def test_numbers_of_an_index_are_written_as_those_of_the_table():
    index = pd.MultiIndex.from_tuples([(True, 2_500_000), (False, 3)])
    rates = pd.DataFrame({0.03: [1, 2]}, index=index)
    first, second, third = cells(onebyone.table(rates))
    assert first[-1] == "0.03"
    assert second[:2] == ["True", "2,500,000"] and third[1] == "3"


def test_the_same_table_has_the_same_html():
    first, second = (onebyone.table(NETWORKS).to_html() for _ in range(2))
    other = onebyone.table(NETWORKS, caption="Networks").to_html()
    assert first == second != other and "Networks" in other


def test_a_table_can_be_read_as_plain_text():
    frame = pd.DataFrame({"net": ["NiN"], "parameters": [1_992_166]})
    lines = repr(onebyone.table(frame)).splitlines()
    assert lines[0].split() == ["net", "parameters"]
    assert lines[1].split() == ["NiN", "1,992,166"]
    assert "LeNet" in repr(onebyone.table(NETWORKS))


def test_a_series_is_a_table_of_one_column():
    shown = onebyone.table(pd.Series({"NiN": 4.5}, name="times"), digits=1)
    assert cells(shown) == [["", "times"], ["NiN", "4.5"]]


def test_an_unknown_column_is_named():
    with pytest.raises(KeyError, match="no column acuracy in the table"):
        onebyone.table(NETWORKS, percent=["acuracy"])
