"""The things to touch: what they compute, and how they are used."""

import base64
import json
import math

import looks
import pandas as pd
import pytest
import torch
from playwright.sync_api import expect
from rendered import SITE, page_with, pages
from test_pages import faultless, unsound
from torch import nn

import onebyone
from onebyone import study
from onebyone.models import InceptionBlock, googlenet, load_compact_nin
from tools.site import widget_data

# what a widget loads when it is used is no part of the page's weight
IN_USE = [rule for rule in looks.RULES if rule is not looks.light_enough]


def sound_and_accessible(seen, within: str = "html") -> None:
    faultless(unsound(seen, IN_USE) + looks.accessible(seen, within))


def widgets_in_use() -> list[str]:
    folder = SITE / "_static" / "widgets"
    names = {file.stem for file in folder.glob("*.js")}
    text = "".join((SITE / page).read_text("utf-8") for page in pages())
    return sorted(n for n in names if f'data-widget="{n}"' in text)


@pytest.mark.parametrize("widget", widgets_in_use())
def test_the_fallback_gives_way_on_screen_and_returns_on_paper(
    widget, open_widget
):
    seen, place = open_widget(widget)
    expect(place.locator(".widget-live")).to_be_visible()
    expect(place.locator(".widget-fallback")).to_be_hidden()
    assert place.locator(".widget-fallback").text_content().strip()
    seen.page.emulate_media(media="print")
    expect(place.locator(".widget-live")).to_be_hidden()
    expect(place.locator(".widget-fallback")).to_be_visible()


@pytest.mark.parametrize("widget", widgets_in_use())
def test_without_scripts_the_fallback_is_shown(widget, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{SITE.as_uri()}/{page_with(widget)}")
    place = page.locator(f'[data-widget="{widget}"]')
    expect(place).to_be_visible()
    assert place.inner_text().strip()
    context.close()


# --- NiN live --------------------------------------------------------------


GARMENTS = json.loads(widget_data.GARMENTS.read_text(encoding="utf-8"))


def many_inputs() -> torch.Tensor:
    """Blank, full, noise, stripes and the garments, as whole numbers."""
    torch.manual_seed(0)
    garments = map(list, map(base64.b64decode, GARMENTS["images"]))
    noise = torch.randint(0, 256, (20, 784))
    sparse = noise * (torch.rand(20, 784) < 0.1)
    ramps = [torch.arange(784).mul(k).remainder(256) for k in range(1, 11)]
    plain = [torch.full((784,), grey) for grey in (0, 1, 128, 255)]
    return torch.stack(
        [*map(torch.tensor, garments), *noise, *sparse, *ramps, *plain]
    )


def begun(place) -> None:
    place.get_by_role("button", name="Load the network").press("Enter")
    expect(place.locator(".class-maps li")).to_have_count(10)


RUN = """(place, inputs) => {
  const net = place.querySelector(".widget-live").net;
  return inputs.map(pixels => {
    const {maps, logits} = net.run(pixels);
    return [...logits, ...maps];
  });
}"""


def test_the_page_computes_what_pytorch_computes(open_widget):
    _, place = open_widget("nin-live")
    begun(place)
    inputs = many_inputs()
    in_page = torch.tensor(place.evaluate(RUN, inputs.tolist()))

    X = inputs.float().reshape(-1, 1, 28, 28) / 255
    X = (X - GARMENTS["mean"]) / GARMENTS["std"]
    net = load_compact_nin()
    with torch.no_grad():
        maps, logits = net[:-2](X), net(X)

    assert len(inputs) == 64
    # the page has its weights in 16 bits
    assert (in_page[:, :10] - logits).abs().max() < 1e-3
    assert (in_page[:, 10:] - maps.flatten(1)).abs().max() < 1e-2


def test_the_network_is_loaded_on_demand_only(base, open_widget):
    seen, place = open_widget("nin-live", base=base)
    assert not [url for url in seen.requests if "nin-data" in url]
    begun(place)
    assert [url for url in seen.requests if "nin-data" in url]


def test_garments_are_picked_and_the_board_is_cleared(open_widget):
    _, place = open_widget("nin-live")
    begun(place)
    verdict = place.locator(".verdict")
    expect(verdict).to_contain_text("Ankle boot")
    place.get_by_role("button", name="Trouser").press("Enter")
    expect(verdict).to_contain_text("Trouser")
    before = place.locator(".class-maps").text_content()
    place.get_by_role("button", name="Clear").click()
    expect(place.locator(".class-maps")).not_to_have_text(before)


def test_drawing_updates_the_maps(open_widget):
    seen, place = open_widget("nin-live")
    begun(place)
    place.get_by_role("button", name="Clear").click()
    seen.next_frame()
    before = place.locator(".class-maps").text_content()
    place.locator(".board").scroll_into_view_if_needed()
    frame, mouse = place.locator(".board").bounding_box(), seen.page.mouse
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + 20
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + frame["height"] - 40, steps=20)
    mouse.up()
    expect(place.locator(".class-maps")).not_to_have_text(before)


def test_the_board_is_drawn_on_by_keyboard(open_widget):
    seen, place = open_widget("nin-live")
    begun(place)
    place.get_by_role("button", name="Clear").click()
    place.locator(".board").focus()
    for key in ["ArrowRight", "Space", "ArrowDown", "Space", "Space"]:
        seen.page.keyboard.press(key)
    lit = "b => b.getContext('2d').getImageData(15, 15, 1, 1).data[0]"
    seen.next_frame()
    assert place.locator(".board").evaluate(lit) == 230


@pytest.mark.parametrize("width, scheme", [(1440, "light"), (390, "dark")])
def test_nin_live_is_sound_and_accessible(width, scheme, open_widget):
    seen, place = open_widget("nin-live", width, scheme)
    begun(place)
    sound_and_accessible(seen)


# --- Convolution explorer --------------------------------------------------

LAYERS = [  # image, kernel, stride, padding, in, out, groups, bias
    (224, 11, 4, 0, 1, 96, 1, True),
    (224, 11, 4, 2, 3, 64, 1, True),
    (224, 7, 2, 3, 3, 64, 1, False),
    (28, 1, 1, 0, 64, 64, 1, True),
    (28, 3, 1, 1, 64, 64, 64, True),
    (14, 2, 3, 0, 1, 1, 1, True),
    (13, 3, 5, 1, 4, 8, 4, False),
    (9, 9, 1, 0, 2, 6, 2, True),
]


def measured(n, k, s, p, inputs, outputs, groups, bias) -> dict:
    """The same layer in PyTorch; what no window reads has no gradient."""
    options = {"groups": groups, "bias": bias}
    layer = nn.Conv2d(inputs, outputs, k, s, p, **options)
    X = torch.zeros(1, inputs, n, n, requires_grad=True)
    nn.init.ones_(layer.weight)
    Y = layer(X)
    Y.sum().backward()
    unread = (X.grad[0, 0].amax(dim=1) == 0).nonzero().flatten().tolist()
    return {
        "side": Y.shape[2],
        "parameters": onebyone.parameters(layer),
        "macs": onebyone.macs(layer, (inputs, n, n)),
        "unread": unread,
    }


def test_the_explorer_counts_as_pytorch_does(open_widget):
    seen, _ = open_widget("convolution-explorer")
    names = ("n", "k", "s", "p", "inputs", "outputs", "groups", "bias")
    for setting in LAYERS:
        asked = dict(zip(names, setting, strict=True))
        found = seen.page.evaluate("s => OneByOne.convolution(s)", asked)
        assert found == measured(*setting), asked


def answer(place, key: str) -> str:
    return place.locator(f'[data-answer="{key}"]').inner_text()


def test_the_explorer_follows_its_fields(open_widget):
    _, place = open_widget("convolution-explorer")
    assert answer(place, "shape") == "96×54×54"
    assert answer(place, "macs") == "33,872,256"
    assert answer(place, "unread") == "1 (row 223)"
    place.get_by_label("padding", exact=True).fill("2")
    assert answer(place, "shape") == "96×55×55"
    assert answer(place, "unread") == "none"
    place.get_by_label("kernel side, slider").press("ArrowLeft")
    assert place.get_by_label("kernel side", exact=True).input_value() == "10"
    place.get_by_label("image side", exact=True).fill("3")
    assert "does not fit" in answer(place, "shape")
    place.get_by_role("button", name="One kernel a channel").press("Enter")
    assert answer(place, "parameters") == "640"


def test_the_window_slides_by_keyboard(open_widget):
    _, place = open_widget("convolution-explorer")
    place.get_by_label("slide the window").press("ArrowRight")
    told = place.locator("svg.window-picture").get_attribute("aria-label")
    assert "output row 0, column 1 covers" in told
    assert "columns 4 to 14" in told


# --- Inception budget ------------------------------------------------------


def test_the_budget_counts_as_pytorch_does(open_widget):
    _, place = open_widget("inception-budget")
    preset = place.get_by_label("Block of GoogLeNet")
    blocks = [m for m in googlenet() if isinstance(m, InceptionBlock)]
    names = preset.locator("option").all_inner_texts()[:-1]
    assert len(names) == len(blocks) == 9
    for name, block in zip(names, blocks, strict=True):
        preset.select_option(name)
        inputs = block.branches["1x1"][0].in_channels
        side = int(place.get_by_label("map side", exact=True).input_value())
        rows = place.locator("tbody tr")
        for i, branch in enumerate([*block.branches.values(), block]):
            cells = rows.nth(i).locator("td").all_inner_texts()
            cost = onebyone.layer_table(branch, (inputs, side, side))
            assert cells[0] == f"{cost.parameters:,}"
            assert cells[2] == f"{cost.macs:,}"


def test_the_naive_form_is_counted_without_reductions(open_widget):
    _, place = open_widget("inception-budget")
    cells = place.locator("tbody tr").last.locator("td").all_inner_texts()
    biases = 64 + 128 + 32
    assert cells[1] == f"{387_072 + biases:,}"  # as the chapter counts it
    assert cells[3] == f"{387_072 * 28**2:,}"
    told = place.locator(".told").inner_text()
    assert "2.4 times" in told and "416 channels instead of 256" in told


def test_the_budget_follows_its_fields(open_widget):
    _, place = open_widget("inception-budget")
    place.get_by_label("before 5×5", exact=True).fill("32")
    branch = place.locator("tbody tr").nth(2)
    cost = 192 * 32 + 32 + 32 * 32 * 25 + 32
    assert branch.locator("td").first.inner_text() == f"{cost:,}"
    assert place.get_by_label("Block of GoogLeNet").input_value() == "own"


# --- 1×1 mixer -------------------------------------------------------------

CANVAS = "c => [...c.getContext('2d').getImageData(0, 0, 96, 96).data]"


def planes(place) -> list[torch.Tensor]:
    """The pictures of the mixer: colours, three channels, and the output."""
    canvases = place.locator("canvas").all()
    pixels = [torch.tensor(c.evaluate(CANVAS)) for c in canvases]
    return [p.reshape(96, 96, 4)[:, :, :3].float() / 255 for p in pixels]


def test_the_mixer_shows_a_convolution(open_widget):
    _, place = open_widget("mixer")
    for example, weights, bias in [
        ("grey, as on television", [0.3, 0.59, 0.11], 0),
        ("red minus blue", [1, 0, -1], 0),
        ("negative", [-0.33, -0.33, -0.33], 1),
    ]:
        place.get_by_role("button", name=example).press("Enter")
        colours, *channels, output = planes(place)
        for c, channel in enumerate(channels):
            assert torch.equal(channel[:, :, 0], colours[:, :, c])
        X = colours.permute(2, 0, 1)[None]
        W = torch.tensor(weights, dtype=torch.float32).reshape(1, 3, 1, 1)
        Y = nn.functional.conv2d(X, W) + bias
        assert (output[:, :, 0] - Y[0, 0].clamp(0, 1)).abs().max() < 1 / 255


def test_the_mixer_tells_the_sum_at_a_pixel(open_widget):
    _, place = open_widget("mixer")
    place.get_by_role("button", name="red alone").click()
    place.get_by_label("green weight").press("End")
    place.get_by_label("bias").press("Home")
    place.get_by_label("pixel row").press("Home")
    place.get_by_label("pixel column").press("Home")
    red, green, blue = (round(x, 2) for x in planes(place)[0][0, 0].tolist())
    told = place.locator(".mixer-sum").inner_text().replace("−", "-")
    assert told == (
        f"Pixel at row 0, column 0: 1.00·{red:.2f} + 2.00·{green:.2f}"
        f" + 0.00·{blue:.2f} + -2.00 = {red + 2 * green - 2:.2f}"
    )


def test_what_the_mixer_tells_closes_by_the_digits_that_it_shows(open_widget):
    _, place = open_widget("mixer")
    line = place.locator(".mixer-sum").inner_text().replace("−", "-")
    terms, total = line.partition(": ")[2].split(" = ")
    *products, bias = terms.split(" + ")
    summed = float(bias) + sum(
        float(weight) * float(value)
        for weight, value in (term.split("·") for term in products)
    )
    assert abs(summed - float(total)) <= 0.0051


# --- Depth -----------------------------------------------------------------


SETTINGS = {
    "with batch norm": "batch_norm",
    "without": "not batch_norm and start == 'Kaiming'",
    "without, PyTorch's start": "not batch_norm and start == 'default'",
}


@pytest.fixture
def depth_runs(tmp_path):  # an empty folder: the packaged runs alone
    names = [record.stem for record in widget_data.DEPTHS]
    return pd.concat([study.load(n, folder=tmp_path) for n in names])


def test_depth_shows_the_runs_of_the_records_and_their_means(
    open_widget, depth_runs
):
    _, place = open_widget("depth")
    assert str(len(depth_runs)) in place.locator(".credit").inner_text()
    dots = place.locator(".widget-chart circle").count()
    assert dots == len(depth_runs.query(SETTINGS["with batch norm"]))
    chosen = {b: depth_runs.query(query) for b, query in SETTINGS.items()}
    chosen = {button: own for button, own in chosen.items() if len(own)}
    for button, own in chosen.items():
        if len(chosen) > 1:
            place.get_by_role("button", name=button, exact=True).press("Enter")
        for measure in widget_data.MEASURES:
            place.get_by_label("Show").select_option(measure)
            shown = place.locator("tbody tr").all()
            assert len(shown) == own.network.nunique()
            for row in shown:
                network = row.locator("th").inner_text()
                cells = row.locator("td").all_inner_texts()
                numbers = own[own.network == network].astype({measure: float})
                groups = [g[measure] for _, g in numbers.groupby("layers")]
                for cell, values in zip(cells, groups, strict=True):
                    assert agrees(cell, values), (network, measure, cell)


def agrees(cell: str, values) -> bool:
    lost = len(values) - sum(map(math.isfinite, values))
    if lost:
        return cell == f"{lost} of {len(values)} runs broke off"
    mean, half = study.interval(values)
    shown = [float(part) for part in cell.split(" ± ")]
    return shown == pytest.approx([mean, half], rel=0.006, abs=0.0006)


@pytest.mark.parametrize("curve", widget_data.CURVES)
def test_depth_draws_a_line_for_every_run(curve, open_widget, depth_runs):
    _, place = open_widget("depth")
    place.get_by_label("Show").select_option(curve)
    place.get_by_label("Layers", exact=True).select_option("20")
    shown = depth_runs.query("batch_norm and layers == 20")
    assert place.locator(".widget-chart path.run").count() == len(shown)
    for row in place.locator("tbody tr").all():
        network = row.locator("th").inner_text()
        digits = widget_data.CURVES[curve]
        own = [
            [widget_data.finite(word, digits) for word in text.split()]
            for text in shown[shown.network == network][curve]
        ]
        mean = [sum(values) / len(values) for values in zip(*own)]
        places = 0, (len(mean) - 1) // 2, len(mean) - 1
        cells = map(float, row.locator("td").all_inner_texts())
        expected = [mean[i] for i in places]
        assert list(cells) == pytest.approx(expected, rel=0.006, abs=0.0006)


# --- The front --------------------------------------------------------------

COSTS = {
    "MACs": "macs",
    "parameters": "parameters",
    "seconds": "cpu_seconds",
}


def front_of(networks, cost: str) -> set:
    """Names of the networks that are better than all that cost no more."""
    ordered = networks.sort_values(cost)
    before = ordered.test_accuracy.cummax().shift(fill_value=0)
    return set(ordered[ordered.test_accuracy > before].index)


@pytest.mark.parametrize("name, cost", COSTS.items())
def test_the_front_shows_what_every_network_costs_and_reaches(
    name, cost, open_widget, tmp_path
):
    _, place = open_widget("front")
    runs = study.load("bake-off", folder=tmp_path)
    assert str(len(runs)) in place.locator(".credit").inner_text()
    groups = runs.groupby(["block", "width"])
    means = groups[[*COSTS.values(), "test_accuracy"]].mean()
    place.get_by_role("button", name=name).press("Enter")
    place.get_by_text("All numbers").click()
    best, costs = set(), []
    for row in place.locator("tbody tr").all():
        cells = row.locator("td").all_inner_texts()
        network = row.locator("th").inner_text(), int(cells[0])
        shown = [float(cell.replace(",", "")) for cell in cells[1:4]]
        own = means.loc[network]
        assert shown == pytest.approx(list(own[:3]), abs=0.051)
        interval = study.interval(groups.get_group(network).test_accuracy)
        expected = [100 * part for part in interval]
        accuracy = [float(part) for part in cells[4].split(" ± ")]
        assert accuracy == pytest.approx(expected, abs=0.0051)
        costs.append(own[cost])
        best |= {network} if cells[5] == "yes" else set()
    assert len(costs) == len(means) and costs == sorted(costs)
    assert best == front_of(means, cost)


def test_the_front_is_that_of_the_blocks_that_are_shown(open_widget, tmp_path):
    _, place = open_widget("front")
    runs = study.load("bake-off", folder=tmp_path)
    rest = runs[runs.block != "Inception"].groupby(["block", "width"])
    means = rest[["macs", "test_accuracy"]].mean()
    place.get_by_role("button", name="Inception").press("Enter")
    expect(place.get_by_role("button", name="Inception")).to_have_attribute(
        "aria-pressed", "false"
    )
    assert place.locator(".widget-chart g").count() == len(means)
    place.get_by_text("All numbers").click()
    on_it = place.locator("tbody tr", has_text="yes")
    assert on_it.count() == len(front_of(means, "macs"))
    for block in ("VGG-like", "NiN", "residual", "bottleneck"):
        place.get_by_role("button", name=block).press("Enter")
    assert place.locator(".widget-chart g").count() == 6  # one block stays


def test_the_networks_of_the_front_are_read_by_keyboard(open_widget):
    seen, place = open_widget("front")
    told = place.locator(".front-detail")
    place.locator(".widget-chart g[tabindex='0']").focus()
    seen.page.keyboard.press("Home")
    assert told.inner_text().startswith("NiN, width 29: 1,162,325 MACs")
    seen.page.keyboard.press("ArrowRight")
    assert told.inner_text().startswith("bottleneck, width 80")
    focused = place.locator(".widget-chart g:focus")
    assert f"{focused.get_attribute('aria-label')}." == told.inner_text()
    assert place.locator(".widget-chart g[tabindex='0']").count() == 1


def test_the_networks_of_the_front_are_read_by_pointer(open_widget):
    _, place = open_widget("front")
    place.locator(".widget-chart g").first.hover()
    told = place.locator(".front-detail")
    assert told.inner_text().startswith("NiN, width 29")


@pytest.mark.parametrize("width, scheme", [(1440, "dark"), (390, "light")])
@pytest.mark.parametrize("widget", widgets_in_use())
def test_a_widget_is_sound_and_accessible_in_the_other_views(
    widget, width, scheme, open_widget
):
    """Those in which its page is not tested as a whole."""
    seen, _ = open_widget(widget, width, scheme)
    sound_and_accessible(seen, f'[data-widget="{widget}"]')
