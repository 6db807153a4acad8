"""What every page must be in the browser: one function for each rule.

A rule takes a visit and yields a sentence for each fault.
"""

import gzip
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

MAX_WEIGHT = 490_000  # bytes, compressed, without pictures
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp"}


def no_complaints(visit) -> Iterator[str]:
    yield from visit.complaints


def no_foreign_requests(visit) -> Iterator[str]:
    for url in visit.requests:
        parts = urlsplit(url)
        own = parts.scheme in ("file", "data", "blob")
        if not own and parts.hostname != "127.0.0.1":
            yield f"asks another host: {url}"


def no_sideways_scroll(visit) -> Iterator[str]:
    wide, seen = visit.page.evaluate(
        "[document.documentElement.scrollWidth, innerWidth]"
    )
    if wide > seen:
        yield f"is {wide} pixels wide in a window of {seen}"


TRAIL = """() => {
  const [end, icons] = [".trail li:last-child", ".header-article-items__end"]
    .map(part => document.querySelector(part)?.getBoundingClientRect());
  return end?.right > icons?.left;
}"""


def trail_clear_of_icons(visit) -> Iterator[str]:
    if visit.page.evaluate(TRAIL):
        yield "the trail runs into the icons beside it"


MATHS = """() => {
  const faults = [];
  for (const math of document.querySelectorAll(".bd-article .math"))
    if (!math.querySelector("mjx-container"))
      faults.push("not rendered: " + math.textContent.slice(0, 80));
  for (const error of document.querySelectorAll("mjx-merror"))
    faults.push("MathJax: " + (error.dataset.mjxError || error.textContent));
  return faults;
}"""


def maths_rendered(visit) -> Iterator[str]:
    yield from visit.page.evaluate(MATHS)


IMAGES = """async () => {
  const faults = [];
  for (const image of document.images) {
    image.loading = "eager";
    const name = image.getAttribute("src");
    await image.decode().catch(() => {});
    if (!image.naturalWidth) faults.push("does not load: " + name);
    if (!image.closest(".bd-article")) continue;
    if (!image.alt.trim()) faults.push("no alt text: " + name);
    if (!image.clientWidth) continue;
    const shown = image.clientWidth / image.clientHeight;
    const drawn = image.naturalWidth / image.naturalHeight;
    if (Math.abs(shown / drawn - 1) > 0.03)
      faults.push(`distorted by ${(shown / drawn).toFixed(2)}: ${name}`);
    if (!(image.width && image.height)) faults.push("no size: " + name);
  }
  return faults;
}"""


def images_sound(visit) -> Iterator[str]:
    yield from visit.page.evaluate(IMAGES)


HEADINGS = """() => [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")]
  .filter(h => h.checkVisibility() && h.closest("main"))
  .map(h => [Number(h.tagName[1]), h.textContent])"""


def headings_in_order(visit) -> Iterator[str]:
    previous, titles = 0, 0
    for level, text in visit.page.evaluate(HEADINGS):
        if level > previous + 1:
            yield f"heading {text!r} of level {level} under {previous}"
        previous = level
        titles += level == 1
    if titles != 1:
        yield f"{titles} titles, not one"


def light_enough(visit) -> Iterator[str]:
    """All that the page asks for, compressed as a server would."""
    weight = 0
    for url in set(visit.requests):
        parts = urlsplit(url)
        file = Path(unquote(parts.path))
        if parts.scheme == "file" and file.suffix not in PICTURES:
            weight += compressed(file)
    if weight > MAX_WEIGHT:
        yield f"weighs {weight:,} bytes"


@cache
def compressed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes()))


RULES = [
    no_complaints,
    no_foreign_requests,
    no_sideways_scroll,
    trail_clear_of_icons,
    maths_rendered,
    images_sound,
    headings_in_order,
    light_enough,
]


# --- axe-core --------------------------------------------------------------

# A page has thousands of pieces of code and few colours for them. One piece in
# each colour is left as it is: axe would spend most of its time on the others.
CODE_OF_EACH_COLOUR = """() => {
  const colours = new Set([""]);
  for (const token of document.querySelectorAll(".highlight pre span"))
    if (colours.has(token.className) || !token.textContent.trim() ||
        token.closest("details:not([open])"))  // folded: not seen by axe
      token.replaceWith(...token.childNodes);
    else colours.add(token.className);
}"""

# preload: axe would fetch the style sheets anew, which a file may not
AXE = """async within => {
  const found = await axe.run({include: [within]}, {
    resultTypes: ["violations"], preload: false,
  });
  return found.violations.map(v =>
    v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map(
      n => n.target + " " + n.html.slice(0, 150)).join(" | "));
}"""


@cache
def axe() -> str:
    package = resources.files("axe_playwright_python")
    return (package / "axe.min.js").read_text(encoding="utf-8")


def accessible(visit, within: str = "html") -> list[str]:
    """What axe-core finds fault with, in one place of the page or in all.

    The page's code loses most of its colours by it: look at it last. A
    colour that still changes, as after a change of theme, is first changed.
    """
    visit.page.evaluate(
        "document.getAnimations().forEach((animation) => {"
        " if (animation.effect.getComputedTiming().endTime < Infinity)"
        " animation.finish(); })"
    )
    visit.page.evaluate(CODE_OF_EACH_COLOUR)
    visit.page.evaluate(axe())
    return visit.page.evaluate(AXE, within)
