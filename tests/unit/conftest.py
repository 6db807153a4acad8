"""A small stand-in for Fashion-MNIST, in a folder and behind a server."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torchvision

import faults
from onebyone import data as module


@pytest.fixture
def fresh_machine(tmp_path, monkeypatch):
    """No variables, empty caches, no proxy, no progress bars."""
    for variable in ("ONEBYONE_DATA", "ONEBYONE_DATASET"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ONEBYONE_PROGRESS", "0")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "tmp"))


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
def official(monkeypatch):
    """A small stand-in for the four official files, by name."""
    files = faults.small_files()
    packed = {f"{name}.gz": gzip.compress(raw) for name, raw in files.items()}
    content = {**files, **packed}
    hashes = {name: faults.sha256(content[name]) for name in content}
    monkeypatch.setattr(module, "_SHA256", hashes)
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
    monkeypatch.setattr(module, "_LETTERS_TRAIN", faults.TRAIN)
    monkeypatch.setattr(module, "_LETTERS_TEST", faults.TEST)
