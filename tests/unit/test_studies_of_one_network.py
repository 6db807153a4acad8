"""Studies that take a trained network apart measure what they say."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onebyone.models import compact_inception, compact_nin
from onebyone.study import degradation, deletion, lesions, localisation

# --- Lesions ---------------------------------------------------------------


@pytest.fixture
def inception():
    """A compact Inception whose batch norms are not those of the start."""
    torch.manual_seed(0)
    net = compact_inception()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.running_var.uniform_(0.5, 2)
    return net.eval()


X = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def hooked(net, lesion, change):
    """The logits where a branch's output is changed on its way."""
    place, name = lesion
    net = copy.deepcopy(net)
    net[place].branches[name].register_forward_hook(
        lambda branch, inputs, output: change(output)
    )
    return net(X)


def test_three_blocks_have_four_branches_each(inception):
    places = [place for place, _ in lesions.lesions_of(inception)]
    assert places == [1] * 4 + [3] * 4 + [4] * 4


def test_an_intact_network_answers_as_ever(inception):
    assert torch.equal(lesions.run(inception, X), inception(X))


@pytest.mark.parametrize(
    "kind, change",
    [
        ("silenced", torch.zeros_like),
        ("frozen", lambda Y: Y.mean((0, 2, 3), True).expand_as(Y)),
        ("frozen_by_place", lambda Y: Y.mean(0, True).expand_as(Y)),
    ],
)
def test_a_lesion_puts_a_constant_in_place_of_a_branch(
    inception, kind, change
):
    mean = lesions.means(inception, X.split(4))
    for lesion in lesions.lesions_of(inception):
        constant = lesions.constants_of(kind, mean[lesion])
        logits = lesions.run(inception, X, {lesion: constant})
        expected = hooked(inception, lesion, change)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(logits, inception(X), atol=1e-3)


def test_accuracies_are_those_of_lesioned_networks(inception):
    mean = lesions.means(inception, [X])
    y = inception(X).argmax(dim=1)
    found = lesions.accuracies(inception, mean, [(X[:6], y[:6]), (X, y)])
    assert found["intact"] == [1]
    for i, lesion in enumerate(mean):
        right = hooked(inception, lesion, torch.zeros_like).argmax(1) == y
        expected = (right[:6].sum() + right.sum()).item() / 14
        assert found["silenced"][i] == expected
    assert len(found["frozen_everywhere"]) == 4
    together = {
        (place, "5x5"): torch.zeros_like(mean[place, "5x5"])
        for place in (1, 3, 4)
    }
    right = lesions.run(inception, X, together).argmax(1) == y
    expected = (right[:6].sum() + right.sum()).item() / 14
    assert found["silenced_everywhere"][2] == expected


def test_the_last_mass_is_that_of_the_linear_layer(inception):
    nn.init.constant_(inception[-1].weight, 3)
    mass = lesions.channel_masses(inception, 4, scaled=False)
    assert mass.tolist() == [10 * 9] * 160
    norms = [
        branch[-2].weight.square() for branch in inception[4].branches.values()
    ]
    scaled = lesions.channel_masses(inception, 4, scaled=True)
    torch.testing.assert_close(scaled, 90 * torch.cat(norms))
    assert lesions.widths(inception[4]) == [32, 64, 32, 32]


def test_a_mass_counts_all_that_reads_a_channel(inception):
    readers = [
        branch[1] if isinstance(branch[0], nn.MaxPool2d) else branch[0]
        for branch in inception[3].branches.values()
    ]
    for conv in readers:
        nn.init.constant_(conv.weight, 2)
    mass = lesions.channel_masses(inception, 1, scaled=False)
    assert mass.tolist() == [4 * (24 + 24 + 8 + 24)] * 80


def test_a_scaled_mass_does_not_change_where_batch_norm_undoes_a_scale(
    inception,
):
    before = lesions.channel_masses(inception, 1, scaled=True)
    raw = lesions.channel_masses(inception, 1, scaled=False)
    with torch.no_grad():
        conv, norm = inception[3].branches["1x1"][:2]
        conv.weight *= 10
        norm.running_var.mul_(100).add_(99 * norm.eps)
    after = lesions.channel_masses(inception, 1, scaled=True)
    torch.testing.assert_close(after, before)
    assert (lesions.channel_masses(inception, 1, scaled=False) > raw).all()


@pytest.mark.parametrize("place", [1, 3, 4])
def test_contributions_add_up_to_what_the_next_layer_computes(
    inception, place
):
    read = inception[:place](X)
    outputs = [branch(read) for branch in inception[place].branches.values()]
    parts = lesions.contributions(inception, place, outputs)
    if place == 4:
        sums = inception(X) - inception[-1].bias
    else:
        conv = inception[4 if place == 3 else 3].branches["1x1"][0]
        sums = conv(inception[: 4 if place == 3 else 3](X))
        sums = (sums - conv.bias[:, None, None]).flatten(1)
    torch.testing.assert_close(sum(parts), sums, rtol=1e-4, atol=1e-4)


def test_shares_are_those_of_norms():
    parts = [torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.ones(2, 1) * 15]
    assert lesions.shares(parts).tolist() == [[0.25, 0.75], [0, 1]]


def test_shares_of_what_varies_leave_the_constant_part_out(inception):
    found = lesions.shares_by_image(inception, [X], [X])
    assert all(len(each) == 12 for each in found.values())
    with torch.no_grad():  # a constant part that drowns all others
        inception[4].branches["pool"][-2].bias += 1000
    shifted = lesions.shares_by_image(inception, [X], [X])
    assert shifted["share"][-1] > 0.9 > shifted["varying_share"][-1]


def test_correlations_are_of_ranks_and_block_by_block():
    masses = [1, 2, 3, 4, 1, 2, 3, 4]
    lost = [0.1, 0.2, 0.3, 9, 4, 3, 2, 1]
    assert lesions.correlations(masses, lost) == pytest.approx([1, -1])


# --- Deletion --------------------------------------------------------------


@pytest.mark.parametrize("network", ["plain", "residual"])
@pytest.mark.parametrize("layers, deletable", [(8, 1), (20, 7), (38, 16)])
def test_blocks_that_change_the_shape_stay(network, layers, deletable):
    net = degradation.depth_net(network, "Kaiming", True, layers)
    places = deletion.same_shape_blocks(net)
    assert len(places) == deletable
    small = torch.zeros(2, 1, 14, 14)
    assert deletion.without(net, places)(small).shape == (2, 10)


def test_a_block_of_zeros_can_be_deleted_from_a_residual_network():
    torch.manual_seed(0)
    net = degradation.depth_net("residual", "Kaiming", True, 20).eval()
    place = deletion.same_shape_blocks(net)[3]
    nn.init.zeros_(net[place].branch[-1].weight)
    small = torch.randn(4, 1, 14, 14)
    rest = deletion.without(net, [place])
    torch.testing.assert_close(rest(small), net(small))
    assert len(rest) == len(net) - 1


def test_statistics_anew_are_those_of_the_images(monkeypatch):
    monkeypatch.setattr(deletion, "BATCH", 2)
    net = nn.Sequential(nn.BatchNorm2d(1))
    images = torch.tensor([1.0, 3.0, 5.0, 11.0]).reshape(4, 1, 1, 1)
    anew = deletion.recalibrated(net, images)
    assert anew[0].running_mean.item() == 5  # of 2 and 8
    assert anew[0].running_var.item() == 10  # of 2 and 18
    assert net[0].running_mean.item() == 0 and not anew.training


def test_an_error_is_the_share_of_wrong_answers():
    logits = torch.eye(3).repeat(2, 1)
    y = torch.tensor([0, 1, 2, 0, 0, 0])
    assert deletion.error(nn.Identity(), logits, y) == 1 / 3


def test_orders_are_drawn_from_the_seed():
    places = list(range(3, 10))
    orders = deletion.orders_of(places, seed=1)
    assert len(orders) == deletion.ORDERS
    assert all(sorted(order) == places for order in orders)
    assert orders == deletion.orders_of(places, seed=1)
    assert orders != deletion.orders_of(places, seed=2)


def test_deleted_blocks_change_the_error_that_is_reported(monkeypatch):
    def error(net, X, y):  # the fewer layers, the larger
        return 1 - len(net) / 100

    monkeypatch.setattr(deletion, "error", error)
    monkeypatch.setattr(deletion, "recalibrated", lambda net, X: net[:-1])
    net = degradation.depth_net("residual", "Kaiming", True, 20)  # 15 layers
    assert len(net) == 15
    row = deletion.delete(net, X, X, X, seed=0)
    assert row["intact"] == 0.85 and row["intact_recalibrated"] == 0.86
    assert row["one_deleted"] == " ".join(["0.86"] * 7)
    assert row["some_deleted"] == "0.86 0.87 0.88 0.89 0.91"
    assert row["some_deleted_recalibrated"] == "0.87 0.88 0.89 0.9 0.92"


# --- Localisation ----------------------------------------------------------


def test_a_box_surrounds_what_is_true():
    masks = torch.zeros(3, 6, 8, dtype=torch.bool)
    masks[0, 2, 3] = masks[0, 4, 1] = True
    masks[1] = True
    assert localisation.boxes(masks).tolist() == [
        [2, 1, 5, 4],
        [0, 0, 6, 8],
        [0, 0, 0, 0],
    ]


def test_a_map_without_anything_positive_has_no_box():
    maps = torch.full((2, 5, 5), -1.0)
    maps[1, 2, 3], maps[1, 0, 0], maps[1, 4, 4] = 10, 2, 1.9
    found = localisation.box_of_map(maps)
    assert found.tolist() == [[0, 0, 0, 0], [0, 0, 3, 4]]


def test_an_iou_is_what_is_shared_over_what_is_covered():
    found = torch.tensor([[0.0, 0, 2, 2], [0, 0, 0, 0], [1, 1, 3, 3]])
    true = torch.tensor([[0.0, 1, 2, 3], [1, 1, 3, 3], [1, 1, 3, 3]])
    assert localisation.ious(found, true).tolist() == pytest.approx(
        [1 / 3, 0, 1]
    )


def test_boxes_are_rounded_outward_to_steps_of_four():
    box = torch.tensor([[3.0, 4, 9, 12], [7, 1, 8, 2]])
    assert localisation.rounded_outward(box).tolist() == [
        [0, 4, 12, 12],
        [4, 0, 8, 4],
    ]


def test_each_image_lies_on_its_canvas():
    images = torch.randint(1, 256, (20, 1, 28, 28), dtype=torch.uint8)
    canvases = localisation.on_canvases(images, seed=3)
    box = localisation.boxes(canvases[:, 0] > 0)
    assert ((box[:, 2:] - box[:, :2]) == 28).all()
    for canvas, image, (top, left, bottom, right) in zip(
        canvases, images, box.int().tolist(), strict=True
    ):
        assert torch.equal(canvas[:, top:bottom, left:right], image)
    again = localisation.on_canvases(images, seed=3)
    assert torch.equal(canvases, again)
    other = localisation.on_canvases(images, seed=4)
    assert not torch.equal(canvases, other)


def test_class_maps_average_to_the_logits():
    torch.manual_seed(0)
    net = compact_nin().eval()
    maps = localisation.class_maps(net, X)
    assert maps.shape == (8, 10, 7, 7)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), net(X))


def by_hand():
    """Two canvases with a square of 8 pixels, and the maps of them.

    The first has class 0 and is found in full; the second has class 1, but
    the map of class 2 has more evidence. The empty canvas speaks for class
    5 everywhere and for class 7 at one place.
    """
    canvases = torch.zeros(2, 1, 84, 84, dtype=torch.uint8)
    canvases[0, :, 8:16, 40:48] = 200
    canvases[1, :, 0:8, 0:8] = 200
    canvases[1, :, 0, 0] = 30  # below a fifth of 200, yet in the same box
    empty = torch.zeros(1, 10, 21, 21)
    empty[:, 5] = 3
    empty[:, 7, 20, 20] = 50
    evidence = torch.zeros(2, 10, 21, 21)
    evidence[0, 0, 2:4, 10:12] = 1
    evidence[1, 1, 0:2, 0:2] = 1
    evidence[1, 2, 0:2, 0:6] = 0.9
    garments = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    garments[0, :, 4:24, 4:24] = 1  # 20 × 20
    garments[1, :, 0:28, 10:18] = 1  # 28 × 8
    labels = torch.tensor([0, 1])
    return empty + evidence, empty, canvases, labels, garments


def test_what_is_found_is_what_was_worked_out_by_hand():
    row = localisation.localise(*by_hand())
    assert row["hit_given"] == 1 and row["iou_given"] == 1
    # the second box is 8 × 24 pixels where the mean of evidence decides
    assert row["hit_evidence_mean"] == 0.5
    assert row["iou_evidence_mean"] == pytest.approx((1 + 1 / 3) / 2)
    by_class = row["iou_evidence_mean_by_class"].split()
    assert by_class == ["1", "0.3333"] + ["nan"] * 8
    assert row["iou_evidence_max"] == row["hit_evidence_max"] == 1


def test_a_hit_of_the_wrong_class_does_not_count_as_right():
    maps, empty, canvases, labels, garments = by_hand()
    maps[1, 2, 0:2, 2:6] = 0  # as small as the right one, and brighter
    maps[1, 2, 0:2, 0:2] = 1.5
    row = localisation.localise(maps, empty, canvases, labels, garments)
    for name in localisation.PREDICTIONS:
        assert row[f"hit_{name}"] == 1
        assert row[f"right_and_hit_{name}"] == 0.5
        by_class = row[f"right_and_hit_{name}_by_class"].split()
        assert by_class[:3] == ["1", "0", "nan"]


def test_the_readings_of_a_canvas_differ():
    row = localisation.localise(*by_hand())
    assert row["right_by_mean"] == row["right_by_max"] == 0
    assert row["answers_by_mean"] == "0 0 0 0 0 2 0 0 0 0"
    assert row["answers_by_max"] == "0 0 0 0 0 0 0 2 0 0"
    assert row["right_by_evidence_mean"] == 0.5
    assert row["right_by_evidence_max"] == 1


def test_the_answer_to_an_empty_canvas_is_reported():
    row = localisation.localise(*by_hand())
    assert row["empty_class_by_mean"] == 5
    assert row["empty_class_by_max"] == 7
    scores = torch.zeros(10)
    scores[5], scores[7] = 3, 50 / 441
    expected = F.softmax(scores, dim=0)[5].item()
    assert row["empty_probability"] == pytest.approx(expected)
    assert row["empty_peaks"] == "0 0 0 0 0 3 0 50 0 0"


def test_trivial_rules_find_what_they_say():
    row = localisation.localise(*by_hand())
    assert row["iou_above_background"] == row["iou_bright"] == 1
    assert row["iou_whole"] == pytest.approx(64 / 84**2)
    assert row["iou_rounded"] == 1  # both lie on the grid
    _, _, canvases, _, garments = by_hand()
    true = localisation.boxes(canvases[:, 0] > 0)
    boxes = localisation.boxes_by_rules(canvases, true, garments)
    assert boxes["centred"][0].tolist() == [30, 35, 54, 49]  # 24 × 14
    assert row["iou_centred"] == 0
