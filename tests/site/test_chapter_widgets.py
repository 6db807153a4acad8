"""The things to touch that GAP, Keras and the page on speed have."""

import base64
import math

import pytest
import torch
import torchvision
from playwright.sync_api import expect
from test_widgets import GARMENTS, sound_and_accessible
from torch.nn import functional as F

from onebyone.models import load_compact_nin

# --- Localise: a garment on a canvas ---------------------------------------

TROUSER = 1  # its place among the garments
SLOW = 30_000  # milliseconds for two passes over 84×84 pixels


def canvas(garment: int, left: int, top: int) -> torch.Tensor:
    pixels = base64_pixels(GARMENTS["images"][garment])
    empty = torch.zeros(1, 1, 84, 84)
    empty[0, 0, top : top + 28, left : left + 28] = pixels.reshape(28, 28)
    return empty


def base64_pixels(code: str) -> torch.Tensor:
    return torch.tensor(list(base64.b64decode(code))).float()


def evidence(canvas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network says of a canvas beyond an empty one, and its answer;
    (10, 21, 21) and (10,)."""
    net = load_compact_nin()
    pair = torch.cat([canvas, torch.zeros_like(canvas)]) / 255
    with torch.no_grad():
        maps = net[:-2]((pair - GARMENTS["mean"]) / GARMENTS["std"])
    found = maps[0] - maps[1]
    return found - found.mean(0), maps[0].mean((1, 2))


def box(mask: torch.Tensor) -> list[int]:
    (corners,) = torchvision.ops.masks_to_boxes(mask[None]).int().tolist()
    x0, y0, x1, y1 = corners
    return [y0, x0, y1 + 1, x1 + 1]


RESTED = """([left, top]) => {
  const { at } = document.querySelector(
    "[data-widget=localise] .widget-live").seen;
  return at[0] === left && at[1] === top;
}"""


def seen_in(place) -> dict:
    return place.locator(".widget-live").evaluate("place => place.seen")


@pytest.fixture
def open_canvas(open_widget):
    def open_one(*view):
        seen, place = open_widget("localise", *view)
        place.get_by_role("button", name="Load the network").press("Enter")
        told = place.locator(".told").last
        expect(told).to_contain_text("overlap", timeout=SLOW)
        return seen, place

    return open_one


def test_a_garment_is_found_as_pytorch_finds_it(open_canvas):
    _, place = open_canvas()
    told = place.locator(".told").last
    expect(told).to_contain_text("Sandal")
    place.get_by_role("button", name="Trouser").press("Enter")
    expect(told).to_contain_text("garment is: Trouser", timeout=SLOW)
    garment, top = TROUSER, 28
    for left in (28, 31):
        found = seen_in(place)
        drawn = canvas(garment, left, top)
        maps, logits = evidence(drawn)
        in_page = torch.tensor(found["logits"])
        assert (in_page - logits).abs().max() < 1e-3
        own = F.interpolate(
            maps[None, garment, None], scale_factor=4, mode="bilinear"
        )[0, 0]
        assert found["at"] == [left, top]
        assert found["found"] == box(own >= 0.2 * own.max())
        assert found["truth"] == box(drawn[0, 0] > 0)
        corners = torch.tensor([found["found"], found["truth"]])
        iou = torchvision.ops.box_iou(corners[:1], corners[1:])
        assert math.isclose(found["overlap"], iou.item(), rel_tol=1e-5)
        place.locator("canvas.canvas").focus()
        for _ in range(3):
            place.page.keyboard.press("ArrowRight")
        place.page.wait_for_function(RESTED, arg=[left + 3, top], timeout=SLOW)


def test_a_garment_is_dragged_and_stays_on_the_canvas(open_canvas):
    _, place = open_canvas()
    board = place.locator("canvas.canvas")
    board.scroll_into_view_if_needed()
    frame, mouse = board.bounding_box(), place.page.mouse
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - frame["width"], y, steps=8)
    mouse.up()
    place.page.wait_for_function(RESTED, arg=[0, 28], timeout=SLOW)
    assert seen_in(place)["at"] == [0, 28]


@pytest.mark.parametrize("width, scheme", [(1440, "light"), (390, "dark")])
def test_localise_is_sound_and_accessible(width, scheme, open_canvas):
    seen, place = open_canvas(width, scheme)
    place.get_by_role("button", name="the network's answer").click()
    sound_and_accessible(seen)


# --- Windows: padding and stride -------------------------------------------


def first_pixels(n: int, k: int, s: int, front: int, behind: int) -> list[int]:
    """Where the windows of a convolution begin, as PyTorch makes them."""
    columns = torch.arange(-front, n + behind).float().reshape(1, 1, -1)
    first = torch.eye(k)[:1].reshape(1, 1, k)
    return F.conv1d(columns, first, stride=s).flatten().int().tolist()


def test_windows_lie_where_the_frameworks_put_them(open_widget, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    seen, _ = open_widget("windows")
    for n, k, s, p in [(8, 3, 2, 1), (7, 3, 2, 1), (8, 1, 2, 0), (9, 5, 3, 2)]:
        found = seen.page.evaluate(f"OneByOne.windows({n}, {k}, {s}, {p})")
        assert found["pytorch"]["starts"] == first_pixels(n, k, s, p, p)
        own = found["keras"]
        starts = first_pixels(n, k, s, own["before"], own["behind"])
        assert own["starts"] == starts
        middle = torch.eye(k)[k // 2].reshape(k, 1, 1)
        columns = torch.arange(float(n)).reshape(1, n, 1)
        centres = keras.ops.conv(columns, middle, s, padding="same")
        centres = keras.ops.convert_to_numpy(centres).ravel()
        for start, centre in zip(starts, centres, strict=True):
            if 0 <= start + k // 2 < n:
                assert start + k // 2 == centre


def test_windows_follow_their_fields(open_widget):
    _, place = open_widget("windows")
    told = place.locator(".told")
    expect(told).to_contain_text("The windows are not the same.")
    place.get_by_label("pixels", exact=True).fill("7")
    expect(told).to_contain_text("The windows are the same.")
    place.get_by_label("kernel, slider").press("End")
    place.get_by_label("pixels", exact=True).fill("2")
    expect(told).to_contain_text("no window fits")


# --- Bars: a table to look at ----------------------------------------------


def test_bars_are_as_long_as_their_numbers(open_widget):
    _, place = open_widget("bars")
    table = place.locator("xpath=following::table").first
    rows = table.locator("tbody tr")
    place.get_by_role("button").nth(1).press("Enter")
    values = [
        float(text.replace(",", ""))
        for text in rows.locator("td:nth-child(3)").all_inner_texts()
    ]
    widths = [
        bar.bounding_box()["width"] for bar in place.locator(".bar").all()
    ]
    assert len(values) == len(widths) == rows.count() == 6
    for value, width in zip(values, widths, strict=True):
        share = width / max(widths)
        assert math.isclose(share, value / max(values), abs_tol=0.01)


@pytest.mark.parametrize("name", ["windows", "bars"])
@pytest.mark.parametrize("width, scheme", [(1440, "dark"), (390, "light")])
def test_small_ones_are_sound_and_accessible(name, width, scheme, open_widget):
    seen, _ = open_widget(name, width, scheme)
    sound_and_accessible(seen)
