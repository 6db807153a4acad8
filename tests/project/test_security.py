"""What the course never does: unpickle, phone home, trust an answer."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torchvision
from test_dependencies import imports
from torch import nn

import check_examples
from onebyone import cost
from onebyone.data import fashion_mnist
from tools import ROOT, notebooks

MODULES = [*ROOT.glob("onebyone/**/*.py"), *ROOT.glob("tools/**/*.py")]
NOTEBOOKS = [*ROOT.glob("book/*.ipynb"), *ROOT.glob("exercises/**/*.ipynb")]


def calls(tree):
    """Each call as `name.of.function` with its keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            yield ast.unparse(node.func), options


def everywhere():
    """The syntax trees of all modules and code cells, each with its file."""
    for path in MODULES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        for cell in notebooks.read(path).cells:
            if cell.cell_type == "code":
                yield path, ast.parse(notebooks.python_of(cell))


# --- Nothing is unpickled ------------------------------------------------

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
PICKLES |= {"marshal"}


def opens_a_pickle(call, options):
    name = call.rpartition(".")[2]
    if call in ("torch.load", "torch.jit.load") or name == "read_pickle":
        return options.get("weights_only") != "True"
    if call in ("np.load", "numpy.load"):
        return options.get("allow_pickle") != "False"
    if call == "yaml.load":
        return "Safe" not in options.get("Loader", "")
    return call in ("eval", "exec", "os.system") or "shell" in options


RUNS_CELLS = ROOT / "tools" / "claims" / "data.py"  # of the course's own


def test_nothing_is_unpickled_and_no_text_becomes_code():
    for path, tree in everywhere():
        if path == RUNS_CELLS:
            continue
        assert not PICKLES & set(imports(tree)), path
        found = [call for call in calls(tree) if opens_a_pickle(*call)]
        assert not found, (path, found)


@pytest.mark.parametrize(
    ("source", "opens"),
    [
        ("torch.load(file)", True),
        ("torch.load(file, weights_only=False)", True),
        ("torch.load(file, weights_only=True)", False),
        ("np.load(file)", True),
        ("np.load(file, allow_pickle=True)", True),
        ("np.load(file, allow_pickle=False)", False),
        ("pd.read_pickle(file)", True),
        ("yaml.load(text, Loader=yaml.Loader)", True),
        ("yaml.safe_load(text)", False),
        ("eval(text)", True),
        ("net.eval()", False),
        ("subprocess.run(text, shell=True)", True),
    ],
)
def test_a_pickle_would_be_seen(source, opens):
    (call,) = calls(ast.parse(source))
    assert opens_a_pickle(*call) == opens


def test_packaged_weights_are_safetensors():
    packaged = {path.suffix for path in ROOT.glob("onebyone/recorded/[!.]*.*")}
    assert packaged <= {".csv", ".safetensors"}


# --- Nothing phones home -------------------------------------------------

NETWORK = {"urllib", "http", "socket", "ssl", "ftplib", "smtplib", "asyncio"}
NETWORK |= {"requests", "httpx", "aiohttp", "websocket", "websockets"}
NETWORK |= {"socketserver", "xmlrpc", "telnetlib", "dask", "distributed"}
ALLOWED = {
    # four files, pinned by hash
    "onebyone/data/fashion_mnist.py": {"urllib", "http"},
    "onebyone/study/engine/cluster.py": {"dask"},  # a cluster that one names
    "tools/site/head.py": {"urllib"},
    "tools/site/pages.py": {"urllib"},  # urllib.parse opens nothing
    "tools/site/pdf.py": {"urllib"},
}


def test_only_the_data_and_a_cluster_use_the_network():
    for path, tree in everywhere():
        allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
        assert set(imports(tree)) & NETWORK <= allowed, path


WATCHED = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo",
                 "socket.gethostbyname", "urllib.Request"):
        raise SystemExit(f"{event}: {arguments}")

sys.addaudithook(watch)
import torch
import onebyone, onebyone.check, onebyone.plots, onebyone.study
from onebyone import check, models

assert check.nin.tuning("c")
assert not check.nin.last_step(34_790)
check.nin.progress()
onebyone.cost.parameters(models.nin())
models.compact_nin()(torch.zeros(1, 1, 28, 28))
"""


def test_importing_and_checking_connects_to_nowhere():
    """Python itself tells of every connection and every name looked up."""
    subprocess.run([sys.executable, "-c", WATCHED], cwd=ROOT, check=True)


def test_every_file_that_is_downloaded_has_a_pinned_hash():
    """The official mirror speaks plain HTTP, so the hash must say it all."""
    official = dict(torchvision.datasets.FashionMNIST.resources)
    hashes = fashion_mnist.SHA256
    assert {f"{name}.gz" for name in hashes} == {*official}
    for both in hashes.values():
        assert all(re.fullmatch("[0-9a-f]{64}", h) for h in both)


def test_the_official_files_are_those_of_the_data_sets_authors():
    """Their MD5 is what the authors publish, their SHA-256 what is read."""
    folder = os.environ.get("ONEBYONE_DATA")
    if not folder:
        pytest.skip("ONEBYONE_DATA names no folder with the official files")
    for name, md5 in torchvision.datasets.FashionMNIST.resources:
        content = fashion_mnist._provided_file(Path(folder).expanduser(), name)
        if content.startswith(b"\x1f\x8b"):
            found = hashlib.md5(content, usedforsecurity=False)
            assert found.hexdigest() == md5


def test_no_chapter_downloads_weights():
    """Networks of other libraries are built without their weights.

    But for the photograph of *Global average pooling*, whose cell says so
    where they cannot be fetched.
    """
    fetched = {("gap.ipynb", "trained_on")}
    for path, tree in everywhere():
        for call, options in calls(tree):
            assert options.get("pretrained", "False") == "False", (path, call)
            library = call.startswith(("torchvision.models", "keras.app"))
            if library:
                weights = options.get("weights", "None")
                known = (path.name, weights) in fetched
                assert known or weights == "None", (path, call)


# --- What a student writes stays text -------------------------------------


MARKUP = "<img src=x onerror=alert(1)>"


class Markup:
    def __repr__(self):
        return MARKUP


@pytest.mark.parametrize(
    "task", check_examples.all_tasks(), ids=lambda task: task.path
)
def test_no_repr_of_an_answer_puts_html_on_the_page(task):
    """Every check of the book, asked with objects that show as HTML."""
    for answer in (Markup(), MARKUP, [Markup()], type(MARKUP, (), {})):
        for count in (1, len(getattr(task, "parts", [1]))):
            page = task(*[answer] * count)._repr_html_()
            assert "<img" not in page


def test_names_of_layers_put_no_html_on_the_page():
    net = nn.Sequential(type(MARKUP, (nn.Linear,), {})(4, 2))
    page = cost.layer_table(net, (4,))._repr_html_()
    assert "<img" not in page and "&lt;img" in page
