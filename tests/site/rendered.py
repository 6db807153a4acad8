"""The rendered book: its files, its pages, and a visit to one of them."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page

from tools import ROOT

SITE = ROOT / "_build" / "html"
REQUIRED = os.environ.get("ONEBYONE_BROWSER") == "required"


def missing(reason: str) -> None:
    """Skip the test; where a browser is required, fail it."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


def pages() -> list[str]:
    """Every page of the site, as an address relative to its root."""
    found = sorted(SITE.rglob("*.html"))
    return [
        file.relative_to(SITE).as_posix()
        for file in found
        if "_static" not in file.parts and file != SITE / "index.html"
    ]


def notebooks() -> list[str]:
    """Those pages that are made from notebooks."""
    return [
        page
        for page in pages()
        if (ROOT / page).with_suffix(".ipynb").is_file()
    ]


def page_with(widget: str) -> str:
    """The first chapter that holds a widget; the landing page has tests of
    its own."""
    mark = f'data-widget="{widget}"'
    for page in pages():
        if page != "book/index.html" and mark in (SITE / page).read_text(
            encoding="utf-8"
        ):
            return page
    pytest.skip(f"no page holds the widget {widget}")


def shares_store(page: Page) -> bool:
    """Whether what a page stores can be read in the tab beside it."""
    beside, probe = page.context.pages[0], str(time.monotonic_ns())
    page.evaluate("probe => localStorage.setItem('probe', probe)", probe)
    for _ in range(20):
        if beside.evaluate("localStorage.getItem('probe')") == probe:
            return True
        page.wait_for_timeout(50)
    return False


def with_store(page: Page) -> None:
    """Load a page of the disk again until it shares its store.

    Chromium 156 cuts a page of the disk off from the common store, unseen,
    where the page asks for it in its head, as the theme does, before the
    browser's own process knows whose page that is. On a busy machine that
    were 10 of 400 loads, and none of 400 where the page asked 0.15 s later.
    """
    if not page.url.startswith("file:"):
        return
    for _ in range(9):
        if shares_store(page):
            return
        page.reload()
    pytest.fail("the page never came to share its store with others")


def let_store(page: Page) -> None:
    """Wait, before a page is left, until what it has stored is written."""
    if page.url.startswith("file:"):
        assert shares_store(page)  # what it stored before has come, too
    else:
        page.wait_for_timeout(1000)


@dataclass
class Visit:
    """A page in the browser, and what happened while it loaded."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> "Visit":
        for event, heard in self._listeners().items():
            self.page.on(event, heard)
        return self

    def open(self, address: str) -> "Visit":
        self.listen()
        self.page.goto(address)
        # a page's policy lets evaluate() pass, but not wait_for_function()
        self.page.evaluate("window.MathJax?.startup?.promise.then(() => 0)")
        return self

    def leave(self) -> None:
        """Leave nothing behind for the next visit in the same tab."""
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.context.pages[0].evaluate("localStorage.clear()")
        self.page.mouse.move(0, 0)
        self.page.goto("about:blank")
        for event, heard in self._listeners().items():
            self.page.remove_listener(event, heard)

    def next_frame(self) -> None:
        """Wait until the page has drawn what is planned for a frame."""
        self.page.evaluate(
            "new Promise(d => requestAnimationFrame(() => setTimeout(d)))"
        )

    def _listeners(self) -> dict[str, Callable]:
        return {
            "request": self._asked,
            "requestfailed": self._failed,
            "response": self._answered,
            "pageerror": self._broken,
            "console": self._spoken,
        }

    def _asked(self, request) -> None:
        self.requests.append(request.url)

    def _broken(self, error) -> None:
        self.complaints.append(str(error))

    def _failed(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # left before it was done
            self.complaints.append(f"failed: {request.url}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def _spoken(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")
