"""Tasks as data: exact, complete, and only those that a page can judge."""

import json
from fractions import Fraction

from check_examples.samples import both, choice, count, mean, shape
from onebyone.check import decode
from onebyone.check.engine.declared import declared, declared_decoder
from onebyone.check.engine.tasks import Number
from tools import answers


def test_a_number_is_declared_with_its_mistakes():
    told = declared(count)
    assert told["right"] == "36928" and told["kind"] == "number"
    assert told["mistakes"][0] == ["36864", "No biases. Add them."]
    assert told["hints"] == ["Weights.", "Biases too."]
    assert told["when_correct"] == "Well counted."


def test_what_is_no_whole_number_stays_exact():
    told = declared(Number("A third", 1 / 3, tolerance=1e-3))
    assert Fraction(told["right"]) == Fraction(1 / 3)
    assert Fraction(told["tolerance"]) == Fraction(1e-3)


def test_shapes_groups_and_choices_are_declared():
    assert declared(shape)["right"] == [2, 3, 5, 7]
    assert declared(shape)["axes"][1] == "channels"
    assert declared(both)["parts"]["a"]["mistakes"][0][0] == "9"
    assert declared(both)["parts"]["b"]["kind"] == "shape"
    told = declared(choice)
    assert told["right"] == "ac" and list(told["wrong"]) == ["b"]


def test_what_takes_code_is_not_declared():
    assert declared(mean) is None


def test_the_lists_of_the_decoder_lead_to_its_right_counts():
    told = declared_decoder(decode.DECODER)
    for (name, _, _), ways in zip(decode.NETWORKS, told["ways"], strict=True):
        before, mistake, totals, *_ = ways[0]
        assert before == -1 and mistake == ""
        for quantity, factor, _, kind in told["quantities"]:
            found = decode.DECODER.known[1][factor * totals[kind]]
            assert any(not one.steps for one in found), (name, quantity)


def test_a_file_of_answers_is_json_with_a_line_for_each_task():
    text = answers.as_text({"a": {"b": [1], "c": {"d": "é"}}, "e": []})
    assert json.loads(text) == {"a": {"b": [1], "c": {"d": "é"}}, "e": []}
    assert '\n "c": {"d": "é"}' in text
