"""The rendered book in a real browser.

The tests need the book (`make book`) and a Chromium or Chrome. Where one of
them is missing they are skipped, unless ONEBYONE_BROWSER=required is set, as
it is on the servers that prove every change.
"""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from rendered import SITE, Visit, missing, page_with

from tools.site import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for each module: its event loop must not outlive the tests
    of the site, or others could not run theirs."""
    if not (SITE / "index.html").is_file():
        missing("the book is not rendered: run make book first")
    if chromium.executable() is None:
        missing("no Chromium or Chrome on this machine")
    with chromium.launch() as browser:
        yield browser


@pytest.fixture(scope="module")
def tabs(browser) -> dict[str, Page]:
    """Tabs that wait for a visit, by the options of their context: to open
    a page in one of them costs half as much as in a new one."""
    return {}


def new_tab(browser: Browser, **options) -> Page:
    """A tab in a context of its own, beside one that stays open and shares
    its store: it asks for that late (see rendered.with_store)."""
    context = browser.new_context(**options)
    context.set_default_navigation_timeout(120_000)  # on a busy machine
    beside = context.new_page()
    beside.goto(f"{SITE.as_uri()}/_static/onebyone.css")
    beside.evaluate("localStorage.length")
    return context.new_page()


@pytest.fixture
def visit(browser, tabs) -> Iterator[Callable[..., Visit]]:
    """Open a page of the site from the disk, or below another base.

    Whatever a test does there, the page's own policy must not stand in its
    way.
    """
    visits = []

    def open_page(
        page: str,
        width: int = 1440,
        scheme: str = "light",
        base: str = SITE.as_uri(),
        **options,
    ) -> Visit:
        kind = repr(sorted(options.items()))
        tab = tabs.pop(kind, None) or new_tab(browser, **options)
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=scheme, media="null")
        seen = Visit(tab)
        visits.append((kind, seen))
        return seen.open(f"{base}/{page}")

    yield open_page
    told = [text for _, seen in visits for text in seen.complaints]
    for kind, seen in visits:
        seen.leave()
        tabs[kind] = seen.page
    assert not [text for text in told if "Content Security Policy" in text]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The site over HTTP, as on the web."""
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


@pytest.fixture(params=["disk", "http"])
def base(request, server) -> str:
    """Where the site is: on the disk, then on a server."""
    return server if request.param == "http" else SITE.as_uri()


@pytest.fixture
def open_widget(visit):
    """The page with a widget, and the widget in it."""

    def open_one(name: str, *view, **options):
        seen = visit(page_with(name), *view, **options)
        return seen, seen.page.locator(f'[data-widget="{name}"]')

    return open_one
