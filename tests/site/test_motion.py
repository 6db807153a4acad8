"""The moving pictures: what they compute, and how they are played."""

import re
from pathlib import Path

import looks
import pytest
import torch
from playwright.sync_api import expect

from tools import ROOT
from tools.site.pages import MOVING

STATIC = ROOT / "book" / "_static"
PAGE = """<!doctype html><html lang="en" data-theme="{scheme}"><head>
<meta charset="utf-8"><title>Motion</title>{links}{scripts}</head><body><main>
<h1>Motion</h1><article class="bd-article">
<div class="widget" data-widget="{name}"><p>A still.</p></div>
</article></main></body></html>"""


@pytest.fixture
def open_motion(tmp_path, visit):
    """A page with one of the pictures, since no chapter need hold it."""

    def open_one(
        name: str, width: int = 1440, scheme: str = "light", **options
    ):
        def script(file: str) -> str:
            return f'<script src="{(STATIC / file).as_uri()}"></script>'

        names = ["onebyone", "widgets/widgets", "widgets/motion"]
        sheets = [
            ROOT / "_build/html/_static/styles/pydata-sphinx-theme.css",
            STATIC / "onebyone.css",
            STATIC / "widgets/widgets.css",
        ]
        text = PAGE.format(
            name=name,
            scheme=scheme,
            scripts="".join(
                script(f"{n}.js") for n in [*names, f"widgets/{name}"]
            ),
            links="".join(
                f'<link rel="stylesheet" href="{s.as_uri()}">' for s in sheets
            ),
        )
        page = Path(tmp_path) / f"{name}.html"
        page.write_text(text, encoding="utf-8")
        base = Path(tmp_path).as_uri()
        seen = visit(page.name, width, scheme, base, **options)
        return seen, seen.page.locator(".widget-live")

    return open_one


def test_the_sliding_window_is_a_convolution(open_motion):
    seen, _ = open_motion("sliding-window")
    data = seen.page.evaluate("OneByOne.slidingWindow")
    image, kernel = (torch.tensor(data[k]) for k in ("IMAGE", "KERNEL"))
    Y = torch.conv2d(image[None, None].float(), kernel[None, None].float())
    assert Y[0, 0].tolist() == data["OUTPUT"]


def test_the_dot_products_are_a_1x1_convolution(open_motion):
    seen, _ = open_motion("per-pixel")
    data = seen.page.evaluate("OneByOne.perPixel")
    maps = torch.tensor(data["MAPS"]).float()
    weight = torch.tensor(data["WEIGHTS"]).float().reshape(1, 3, 1, 1)
    assert torch.conv2d(maps[None], weight)[0, 0].tolist() == data["OUTPUT"]


@pytest.mark.parametrize("skip", [0, 1])
def test_the_gradient_is_that_of_autograd(skip, open_motion):
    seen, _ = open_motion("gradient-flow")
    slopes = seen.page.evaluate("OneByOne.gradientFlow.SLOPES")
    shown = seen.page.evaluate(
        f"OneByOne.gradientFlow.SLOPES.map((_, i) =>"
        f" OneByOne.gradientFlow.after(i + 1, {skip}))"
    )
    for layers, value in enumerate(shown, 1):
        x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        y = x
        for slope in slopes[:layers]:
            y = slope * y + skip * y
        y.backward()
        assert x.grad.item() == pytest.approx(value)


def test_concatenation_has_the_channels_of_the_first_inception_block(
    open_motion,
):
    from onebyone.models import googlenet

    seen, _ = open_motion("concatenation")
    total = seen.page.evaluate("OneByOne.concatenation.total(4)")
    kinds = (
        m for m in googlenet().modules() if "Inception" in type(m).__name__
    )
    block = next(kinds)
    assert block(torch.zeros(1, 192, 7, 7)).shape[1] == total == 256


@pytest.mark.parametrize("name", MOVING)
def test_it_begins_with_a_still_and_steps_by_keyboard(name, open_motion):
    _, place = open_motion(name)
    picture, text = place.get_by_role("img"), place.get_by_role("status")
    last = picture.get_attribute("aria-label")
    step, of = re.search(r"step (\d+) of (\d+)", last).groups()
    assert step == of
    told = text.inner_text()
    place.get_by_role("button", name="Step").press("Enter")
    expect(picture).to_have_attribute("aria-label", re.compile("step 0 of"))
    expect(text).not_to_have_text(told)
    place.get_by_role("slider").press("End")
    expect(picture).to_have_attribute("aria-label", last)


@pytest.mark.parametrize("name", MOVING)
def test_it_plays_to_its_end_and_can_be_stopped(name, open_motion):
    _, place = open_motion(name)
    place.get_by_role("button", name="Play").press("Enter")
    expect(place.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("step 1 of"), timeout=30_000
    )
    place.get_by_role("button", name="Pause").press("Enter")
    expect(place.get_by_role("button", name="Play")).to_be_visible()


@pytest.mark.parametrize("name", MOVING)
def test_nothing_plays_for_those_who_ask_for_less_motion(name, open_motion):
    _, place = open_motion(name, reduced_motion="reduce")
    expect(place.get_by_role("button", name="Step")).to_be_visible()
    expect(place.get_by_role("button", name="Play")).to_be_hidden()


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1440, "dark")])
def test_it_is_accessible_and_fits(name, width, scheme, open_motion):
    seen, _ = open_motion(name, width, scheme)
    assert not list(looks.no_sideways_scroll(seen))
    assert not looks.accessible(seen, ".widget-live")


EDGES = """svg => {
  const {left, right, width} = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].map(text => {
    const place = text.getBoundingClientRect();
    return Math.min(place.left - left, right - place.right) / width;
  });
}"""


@pytest.mark.parametrize("name", MOVING)
def test_no_label_reaches_the_edge_of_a_narrow_screen(name, open_motion):
    """Faces of other machines may be a little wider than those here."""
    _, place = open_motion(name, 320)
    assert min(place.locator("svg").first.evaluate(EDGES)) > 0.01
