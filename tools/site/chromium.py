"""The browser of this machine, for the browser tests and the PDF.

Playwright drives the Chromium or Chrome that is installed; its own downloads
are not used.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = [
    "--no-sandbox",  # containers have none to offer
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """Return where the browser is: what CHROMIUM names, or what PATH finds."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launch() -> Iterator[Browser]:
    """Start a headless browser; RuntimeError where none is installed."""
    path = executable()
    if path is None:
        raise RuntimeError(
            "no Chromium here: install it (apt-get install chromium) or set"
            " CHROMIUM to its path"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=QUIET, timeout=60_000
        )
        yield browser
        browser.close()
