"""Servers that misbehave, and processes that can be killed.

Tests of the images, of training and of studies use them.
"""

import gzip
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import torch

TRAIN, TEST = 400, 90  # images of the small stand-in for Fashion-MNIST
FIRST_FILE = "train-images-idx3-ubyte.gz"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def files_under(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def small_files(train=TRAIN, test=TEST):
    """Random images in the official format, unpacked, by name."""
    generator = torch.Generator().manual_seed(1)
    files = {}
    for split, count in (("train", train), ("t10k", test)):
        pixels = torch.randint(
            256, (count, 28, 28), generator=generator, dtype=torch.uint8
        )
        labels = (torch.arange(count) % 10).to(torch.uint8)
        for kind, values in (("images", pixels), ("labels", labels)):
            header = struct.pack(
                f">{1 + values.dim()}I", 0x0800 + values.dim(), *values.shape
            )
            name = f"{split}-{kind}-idx{values.dim()}-ubyte"
            files[name] = header + values.numpy().tobytes()
    return files


def assert_one_clear_sentence(failure):
    message = str(failure.value)
    assert message.startswith("Fashion-MNIST is not available: ")
    assert message.endswith(".") and "\n" not in message
    assert "set ONEBYONE_DATA to" in message
    assert "ONEBYONE_DATASET=letters" in message
    # nothing else is printed above it
    error = failure.value
    assert error.__context__ is None or error.__suppress_context__


# --- damage to a file ----------------------------------------------------


def one_bit_flipped(content):
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 1])
    return content[:middle] + flipped + content[middle + 1 :]


DAMAGE = {
    "cut short": lambda content: content[:-10],
    "one bit flipped": one_bit_flipped,
    "emptied": lambda content: b"",
    "replaced by a page": lambda content: b"<!DOCTYPE html>Log in",
    "exchanged with another": lambda content: gzip.compress(
        small_files()["t10k-images-idx3-ubyte"]
    ),
}


# --- what a server may answer --------------------------------------------


def send(handler, content, announced=None):
    handler.send_response(200)
    if announced is not None:
        handler.send_header("Content-Length", str(announced))
    handler.end_headers()
    handler.wfile.write(content)


def whole(handler, content):
    send(handler, content, announced=len(content))


def sends(damage, announces=len):
    """Answer with a damaged file, and with a length that may be nonsense."""

    def answer(handler, content):
        send(handler, DAMAGE[damage](content), announces(content))

    return answer


def never_ends(handler, content):
    send(handler, content)
    while not handler.server.end_of_test.is_set():
        handler.wfile.write(content)


def breaks_a_chunk(handler, content):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"64\r\n" + content[:100] + b"\r\nno number\r\n")
    handler.close_connection = True


def speaks_no_http(handler, content):
    handler.wfile.write(b"\x00\x01\x02 what?\r\n\r\n")


def not_found(handler, content):
    handler.send_error(404)


def reset(handler, content):
    send(handler, content[:100], announced=len(content))
    hard = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
    handler.wfile.close()
    handler.rfile.close()
    handler.connection.close()


def hang_up(handler, content):
    handler.close_connection = True


def stall(handler, content):
    send(handler, content[:100], announced=len(content))
    handler.server.end_of_test.wait(10)


def stall_at_once(handler, content):
    handler.server.end_of_test.wait(10)


def slow_but_alive(handler, content):
    send(handler, content[:100], announced=len(content))
    for start in range(100, len(content), 1 + len(content) // 4):
        handler.wfile.flush()
        handler.server.end_of_test.wait(0.2)
        handler.wfile.write(content[start : start + 1 + len(content) // 4])


def redirect(target):
    """Send the reader elsewhere; {path} stands for what was asked for."""

    def answer(handler, content):
        if handler.path.startswith("/moved/"):
            return whole(handler, content)
        handler.send_response(302)
        handler.send_header("Location", target.format(path=handler.path))
        handler.end_headers()

    return answer


# --- processes that can be killed ----------------------------------------

LOOP = """
import os
import sys
import traceback

for line in sys.stdin:
    order, *arguments = line.split()
    if order == "start":
        pid = os.fork()
        if pid == 0:
            try:
                task(*arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
    else:
        status = os.waitpid(int(arguments[0]), 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Nursery:
    """A process that forks a child for each start, so imports happen once.

    `setup` is code that defines `task`, which is called in each child with
    the words given to `start`.
    """

    def __init__(self, setup, folder):
        script = Path(folder, "nursery.py")
        script.write_text(textwrap.dedent(setup) + LOOP)
        root = str(Path(__file__).resolve().parents[2])
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def start(self, *words):
        """The process id of a new child."""
        return int(self._order("start", *words))

    def kill(self, child):
        """Kill it, whatever it is doing; whether it was still alive."""
        os.kill(child, signal.SIGKILL)
        return self.wait(child) == -signal.SIGKILL

    def wait(self, child):
        """The exit status of a child."""
        return int(self._order("wait", child))

    def _order(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()
