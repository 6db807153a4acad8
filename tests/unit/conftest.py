"""Fresh surroundings, and a small stand-in for Fashion-MNIST."""

import gzip
import tempfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torchvision
from few_images import few_images
from matplotlib import pyplot as plt

import faults
from onebyone import plots
from onebyone.data import fashion_mnist, letters


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The packaged records alone, whatever was run here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_progress_bars(monkeypatch):
    monkeypatch.setenv("ONEBYONE_PROGRESS", "0")


@pytest.fixture
def fresh_pyplot():
    """The book's style, and no figure open before or after."""
    with plt.rc_context():
        plt.switch_backend("agg")
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture
def fresh_machine(tmp_path, monkeypatch, no_progress_bars):
    """No variables, empty caches, no proxy, no progress bars."""
    for variable in ("ONEBYONE_DATA", "ONEBYONE_DATASET"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "onebyone"


@pytest.fixture
def empty_records(tmp_path, monkeypatch):
    """No study has a record, neither in the package nor here."""
    packaged = tmp_path / "recorded"
    packaged.mkdir()
    monkeypatch.setattr("onebyone.study.engine.record.PACKAGED", packaged)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def on_few_images(monkeypatch):
    """Studies train on a few random images, and never long."""
    studies = "onebyone.study"
    monkeypatch.setattr(f"{studies}.engine.harness.fashion_mnist", few_images)
    small = partial(few_images, resize=14)
    monkeypatch.setattr(f"{studies}.degradation.images", small)
    shares = dict.fromkeys((0.01, 0.1, 1.0), 1)
    monkeypatch.setattr(f"{studies}.head.EPOCHS", shares)


@pytest.fixture
def sizes():
    """How many images the small stand-in has, to train and to test on."""
    return faults.TRAIN, faults.TEST


@pytest.fixture
def official(sizes, monkeypatch):
    """A small stand-in for the four official files, by name."""
    files = faults.small_files(*sizes)
    packed = {
        f"{name}.gz": gzip.compress(raw, compresslevel=1)
        for name, raw in files.items()
    }
    hashes = {
        name: [faults.sha256(raw), faults.sha256(packed[f"{name}.gz"])]
        for name, raw in files.items()
    }
    monkeypatch.setattr(fashion_mnist, "SHA256", hashes)
    dataset = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(dataset, "mirrors", ["http://127.0.0.1:9/"])
    return packed


@pytest.fixture
def folder(official, tmp_path, monkeypatch):
    """A reader's own folder of the official files, in ONEBYONE_DATA."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in official.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("ONEBYONE_DATA", str(folder))
    return folder


@pytest.fixture
def mirror(official, monkeypatch):
    """A real server of the files that a test can make misbehave."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            server.requests.append(name)
            server.answer(self, official[name])

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *client: None  # readers may be killed
    server.answer = faults.whole
    server.requests = []
    server.end_of_test = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(
        torchvision.datasets.FashionMNIST, "mirrors", [server.url]
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.end_of_test.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def few_letters(monkeypatch):
    monkeypatch.setattr(letters, "TRAIN", faults.TRAIN)
    monkeypatch.setattr(letters, "TEST", faults.TEST)
