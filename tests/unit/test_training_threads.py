"""Trainings at once: each takes its share of the cores."""

import os
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from onebyone.training import threads


@pytest.fixture
def share(tmp_path, monkeypatch):
    """One process on four cores, in a folder that nobody else uses."""
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    torch.set_num_threads(4)
    yield threads.Share(tmp_path / "trainings")
    torch.set_num_threads(before)


def other(share: threads.Share, name: str, seconds_ago: float = 0):
    file = share.folder / name
    file.touch()
    then = time.time() - seconds_ago
    os.utime(file, (then, then))
    return file


def test_alone_it_keeps_its_threads(share, capsys):
    share.look()
    assert torch.get_num_threads() == 4
    assert [file.name for file in share.folder.iterdir()] == [f"{os.getpid()}"]
    assert not capsys.readouterr().out


def test_it_shares_the_cores_and_takes_them_back(share, capsys):
    share.look()
    first = other(share, "1")
    share.look()
    share.look()
    assert torch.get_num_threads() == 2
    told = capsys.readouterr().out
    assert told.count("Another training runs on this machine") == 1
    assert "takes 2 instead of 4 threads" in told
    for name in "2345":
        other(share, name)
    share.look()
    assert torch.get_num_threads() == 1
    for file in share.folder.iterdir():
        other(share, file.name, seconds_ago=threads.FRESH + 1)
    share.look()
    assert torch.get_num_threads() == 4
    assert not first.exists()


def test_who_leaves_is_not_counted(share):
    share.look()
    share.leave()
    assert not list(share.folder.iterdir())
    (share.folder / "elsewhere").mkdir()
    share.own = share.folder / "elsewhere"  # which cannot be unlinked
    share.leave()


def test_fewer_threads_that_somebody_has_set_stay(share):
    share.look()
    torch.set_num_threads(1)
    other(share, "1")
    share.look()
    share.look()
    assert torch.get_num_threads() == 1
    assert share.all == 1


def test_where_no_folder_can_be_it_goes_alone(share, tmp_path):
    (tmp_path / "trainings").write_text("a file is in the way")
    share.look()
    assert torch.get_num_threads() == 4


def test_it_looks_now_and_then_only(share, monkeypatch):
    looks = []
    monkeypatch.setattr(share, "look", lambda: looks.append(1))
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    for _ in range(100):
        share.before_step(optimizer)
    assert len(looks) == 1
    share.next_look = 0
    share.before_step(optimizer)
    assert len(looks) == 2


LOOP = """
import time, torch, onebyone
net = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(1, 2)).sum().backward()
print("ready", flush=True)
while True:
    optimizer.step()
    time.sleep(0.05)
"""


def test_a_loop_by_hand_in_another_process_is_seen(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        share = threads.Share(tmp_path / "onebyone-trainings")
        end = time.monotonic() + 30
        while not share.others() and time.monotonic() < end:
            time.sleep(0.1)
        assert share.others() == 1
    finally:
        process.kill()
        process.wait()
