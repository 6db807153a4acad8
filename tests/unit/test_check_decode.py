"""*Decode my number*: planted mistakes are found, and chance finds little."""

import random

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from check_examples.hostile import HOSTILE, is_decent, values
from onebyone import check, cost
from onebyone.check import decode
from onebyone.check.engine import decoder
from onebyone.check.engine.verdicts import Note

FIRST = decode.NETWORKS[0]
NIN = decoder.layers_of(decoder.make_on_meta(FIRST), FIRST.shape)
ALL = pytest.mark.parametrize(
    "network", decode.NETWORKS, ids=lambda network: network.name
)


def says(number) -> str:
    note = check.explain(number)
    assert isinstance(note, Note) and is_decent(note)
    return note.text


def total(count, layers=NIN) -> int:
    return sum(map(count, layers))


@ALL
def test_layers_count_as_onebyone_cost_does(network):
    net = decoder.make_on_meta(network)
    layers = decoder.layers_of(decoder.make_on_meta(network), network.shape)
    assert total(decode.parameters, layers) == cost.parameters(net)
    assert total(decode.macs, layers) == cost.macs(net, network.shape)


@ALL
def test_right_counts_are_recognised(network):
    layers = decoder.layers_of(decoder.make_on_meta(network), network.shape)
    for quantity in decode.QUANTITIES:
        value = quantity.factor * total(quantity.count, layers)
        found = decode.DECODER.known[1][value]
        assert not found[0].steps
        name = decode.QUANTITIES[found[0].quantity].name
        assert f"number of {name}" in says(value)


@pytest.mark.parametrize(
    "number, words",
    [
        (
            1_995_284,
            "parameters of NiN, with two mistakes|1×1 layers are forgotten"
            "|(−1,492)|3×3 layer 256→384|386 stands for 384|(+4,610)"
            "|Right is 1,992,166",
        ),
        (2.469e10, "MACs of NiN,|once more|Right is 762,297,352|is rounded"),
        (279_936, "activations of the 1×1 layer 96→96 on 54×54|no param"),
        (2_240_895_048, "MACs of NiN,|taken for 3×3"),
        (5_549_094, "parameters of NiN,|taken for 3×3"),
        (2_215_220, "parameters of NiN with three 1×1 layers"),
        (1_524_594_704, "FLOPs of NiN"),
        (387_072, "weights of the Inception block 3a|reduce|163,328"),
        (69_632, "weights of the bottleneck block 256-64-256"),
        (6_998_552, "parameters of GoogLeNet"),
        (56_147_978, "head like AlexNet's"),
        (26_214_400, "AlexNet in d2l"),
    ],
)
def test_famous_numbers(number, words):
    text = says(number)
    assert all(word in text for word in words.split("|")), text


def planted() -> list[tuple[str, int]]:
    """Each known mistake, made in the first network that shows it."""
    cases = {}
    for network in decode.NETWORKS:
        right = decoder.layers_of(decoder.make_on_meta(network), network.shape)
        made = [(m.says, m.apply(right)) for m in decode.ON_LAYERS]
        if len(right) <= decoder.SMALL_NETWORK:
            made += list(broken(network))
        for text, wrong in made:
            for quantity in decode.QUANTITIES[:1] + decode.QUANTITIES[2:3]:
                value = total(quantity.count, wrong)
                if value != total(quantity.count, right) and value >= 10**4:
                    cases.setdefault(text, value)
        for change in decode.ON_COUNTS:
            value = total(change.apply, right)
            if value != total(change.of, right) and value >= 10**4:
                cases.setdefault(change.says, value)
    return list(cases.items())


def broken(network):
    for change in decode.ON_NETWORKS:
        net = decoder.make_on_meta(network)
        try:
            change.apply(net)
            yield change.says, decoder.layers_of(net, network.shape)
        except (RuntimeError, StopIteration):
            continue


def test_each_mistake_is_found_where_it_is_made():
    cases = planted()
    known = decode.ON_LAYERS + decode.ON_NETWORKS + decode.ON_COUNTS
    assert {text for text, _ in cases} == {m.says for m in known}
    for text, value in cases:
        found = decode.DECODER.known[1][value]
        simplest = not found[0].steps  # as another network's right count
        assert simplest or any(
            str(step) == text for one in found for step, _ in one.steps
        ), (text, value)


def test_a_slip_of_the_pen_is_found():
    layer = NIN[3]
    twin = layer._replace(c_out=layer.c_out + 2)
    value = total(decode.parameters) - decode.parameters(layer)
    text = says(value + decode.parameters(twin))
    assert "258 stands for 256" in text and "one mistake" in text


@pytest.mark.parametrize("network", ["nin", ["NiN"], numpy.array(["NiN", 2])])
def test_what_names_no_network_is_told_their_names(network):
    text = check.explain(1_992_166, network).text
    assert "is none of the networks: NiN, " in text


def test_where_nothing_fits_it_says_so_and_what_is_near():
    assert says(1_234_567).startswith("Nothing fits.")
    near = says(total(decode.parameters) + 4)
    assert near.startswith("Nothing fits.")
    assert "nearest right count is 1,992,166, the number of param" in near
    assert "nearest" not in says(10**15 + 1)


def test_random_numbers_fit_nearly_never():
    draw, found = random.Random(0), decode.DECODER.known[1]
    for digits, most in ((5, 0.04), (6, 0.01), (7, 0.003), (8, 0.001)):
        numbers = [
            draw.randrange(10 ** (digits - 1), 10**digits)
            for _ in range(20_000)
        ]
        assert sum(n in found for n in numbers) / 20_000 < most


def test_the_table_takes_few_runs_of_networks_and_few_numbers(monkeypatch):
    """They are what a reader waits for at the first question."""
    runs = []
    layers_of = decoder.layers_of
    monkeypatch.setattr(
        decoder, "layers_of", lambda *a: runs.append(1) or layers_of(*a)
    )
    assert sum(1 for _ in decode.DECODER.explanations()) < 80_000
    assert len(runs) < 200


def test_numbers_come_in_any_form_and_others_are_explained():
    right = total(decode.parameters)
    for number in (float(right), torch.tensor(right), torch.tensor([right])):
        assert "parameters of NiN" in says(number)
    assert "is text" in says("1,995,284") and "tuple" in says((1, 995, 284))
    assert "Give a number" in says(None) and "Give a number" in says(...)
    assert "not positive" in says(-5) and "not positive" in says(0)
    assert "not a whole number" in says(0.5) and "rounded too" in says(2e10)
    assert "not finite" in says(float("nan"))


def test_no_hostile_value_makes_it_raise():
    for value in HOSTILE:
        says(value)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(values | st.integers(1, 10**12) | st.floats(1e3, 1e12))
def test_no_made_up_value_makes_it_raise(value):
    says(value)
