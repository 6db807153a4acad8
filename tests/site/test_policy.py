"""The content security policy: what a page may load, run and send."""

import http.server
import queue
import re
import threading
from collections.abc import Callable, Iterator

import pytest
from bs4 import BeautifulSoup
from rendered import SITE, Visit, pages

LOADS = ["script", "link", "style", "img"]


def policy(page: str) -> str:
    tree = BeautifulSoup((SITE / page).read_text("utf-8"), "html.parser")
    (tag,) = tree.select('meta[http-equiv="Content-Security-Policy"]')
    assert not tag.find_all_previous(LOADS), "stands behind what it governs"
    return tag["content"]


@pytest.mark.parametrize("page", ["index.html", *pages()])
def test_every_page_has_a_policy_before_all_that_it_loads(page):
    rules = dict(rule.split(maxsplit=1) for rule in policy(page).split("; "))
    assert rules["default-src"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    named = {word for rule in rules.values() for word in rule.split()}
    hosts = {word for word in named if not word.startswith("'sha256-")}
    assert hosts <= {"'none'", "'self'", "'unsafe-inline'", "file:", "data:"}


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another host: it serves a script and remembers what was asked."""

    def do_GET(self) -> None:
        self.server.asked.put(self.path.rstrip("?"))
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(b"ran.push('foreign script');")

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[http.server.HTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.asked = queue.Queue()
    server.address = "http://127.0.0.1:{1}".format(*server.server_address)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


# what a page could be made to hold, and the rule that refuses it
PIECES = {
    "<script>ran.push('script')</script>": "script-src-elem",
    "<img src=none.png onerror=\"ran.push('event')\">": "script-src-attr",
    "<script src=HOST/script></script>": "script-src-elem",
    "<link rel=stylesheet href=HOST/styles>": "style-src-elem",
    "<style>body {background: url(HOST/back)}</style>": "img-src",
    "<img src=HOST/image>": "img-src",
    "<iframe src=HOST/frame></iframe>": "frame-src",
    "<object data=HOST/object></object>": "object-src",
    "<form action=HOST/form target=_blank id=send></form>": "form-action",
}
INJECT = """([code, host, count]) => {
  window.ran = [];
  window.refused = new Promise(done => {
    const seen = new Set();
    addEventListener("securitypolicyviolation", event => {
      seen.add(event.effectiveDirective + " " + event.blockedURI);
      if (seen.size === count) done([...seen]);
    });
    setTimeout(() => done([...seen]), 20000);
  });
  const pieces = document.createRange().createContextualFragment(code);
  document.body.append(pieces);
  document.querySelector("#send").submit();
  fetch(host + "/fetch").catch(() => {});
}"""


@pytest.fixture
def inject(base, visit, elsewhere) -> Callable[..., Visit]:
    """Put all the pieces into a page."""

    def inject_all(**options) -> Visit:
        seen = visit("search.html", base=base, **options)
        host = elsewhere.address
        code = "".join(PIECES).replace("HOST", host)
        seen.page.evaluate(INJECT, [code, host, len(PIECES) + 1])
        return seen

    return inject_all


def test_nothing_foreign_is_loaded_and_nothing_injected_runs(
    inject, elsewhere
):
    seen = inject()
    refused = [told.split()[0] for told in seen.page.evaluate("refused")]
    assert sorted(refused) == sorted([*PIECES.values(), "connect-src"])
    assert not seen.page.evaluate("ran")
    assert elsewhere.asked.empty()
    seen.complaints.clear()  # they are what was asked for


def test_without_a_policy_all_of_it_would(inject, elsewhere):
    page = inject(bypass_csp=True).page
    foreign = re.findall(r"HOST(/\w+)", "".join(PIECES))
    expected = {"/fetch", *foreign}
    while expected:
        expected.discard(elsewhere.asked.get(timeout=20))
    page.wait_for_function("ran.length === 3")
