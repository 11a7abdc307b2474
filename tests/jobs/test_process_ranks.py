"""Several processes of a command end as one: one fails, is killed, or stands still."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from longtail.data.decode import write_png
from longtail.jobs import process_ranks as ranks
from longtail.jobs.process_ranks import Watch
from longtail.sampling import Sampler

ENDLESS = ["train", "digits", "--epochs", "100000", "--device", "cpu", "--quiet", "--devices", "2"]


class Started:
    """A command on two processes, which is ended whatever happens to the test; it starts the second by itself."""

    def __init__(self, forked, words):
        self.process = forked.start("-m", "longtail", *words)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (*self.others(), self.process.pid):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def others(self):
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [int(line) for line in listed.stdout.split()]

    def wait_for(self, path):
        deadline = time.monotonic() + 240
        while not path.exists():
            assert time.monotonic() < deadline, "it does not begin"
            assert self.process.poll() is None, self.process.told()
            time.sleep(0.05)

    def end(self):
        """Give status and the lines that were told."""
        return self.process.wait(), self.process.told().splitlines()


def stopped(forked, tmp_path, number, rank, *words):
    with Started(forked, [*ENDLESS, "--out", tmp_path, *words]) as started:
        started.wait_for(tmp_path / "checkpoints" / "last.pt")
        (other,) = started.others()
        os.kill(other if rank else started.process.pid, number)
        result = started.end()
        assert not started.others()
        assert not list(tmp_path.rglob("*.part"))
        return result


@pytest.mark.distributed
def test_a_damaged_image_that_one_process_meets_is_one_sentence(forked, tmp_path):
    for name, number in itertools.product("ab", range(16)):
        image = torch.full((3, 66, 66), 10 * number, dtype=torch.uint8)
        for split in ("train", "val", "test"):
            write_png(image, tmp_path / "photos" / split / name / f"{number:02}.png")
    # the second process takes the second draw
    drawn = Sampler(np.repeat([0, 1], 16), seed=0).epoch_indices(0)[1]
    damaged = tmp_path / "photos" / "train" / "ab"[drawn // 16] / f"{drawn % 16:02}.png"
    damaged.write_bytes(damaged.read_bytes()[:70])
    words = ["train", tmp_path / "photos", "--backbone", "digits_cnn", "--image-size", "66", "--batch-size", "4"]
    words += ["--device", "cpu", "--workers", "1", "--epochs", "2", "--quiet", "--out", tmp_path / "run"]
    both = forked.start_ranks(2, "-m", "longtail", *words)
    assert [process.wait() for process in both] == [2, 2]
    told = [line for process in both for line in process.told().splitlines()]
    assert len(told) == 1, told
    assert told[0].startswith(f"longtail: {damaged}: cannot be read as an image")


@pytest.mark.distributed
def test_a_killed_process_is_told(forked, tmp_path):
    status, told = stopped(forked, tmp_path, signal.SIGKILL, rank=1)
    assert (status, len(told)) == (2, 1), told
    assert told[0].startswith("longtail: process 1 of the 2 (counted from 0) is gone: killed")


@pytest.mark.distributed
@pytest.mark.slow
def test_that_the_first_was_killed_is_told_by_the_other(forked, tmp_path):
    status, told = stopped(forked, tmp_path, signal.SIGKILL, rank=0)
    assert (status, len(told)) == (-signal.SIGKILL, 1), told
    assert told[0].startswith("longtail: process 0 of the 2 (counted from 0) is gone")


@pytest.mark.distributed
@pytest.mark.slow
def test_a_process_that_stands_still_is_given_up(forked, tmp_path):
    status, told = stopped(forked, tmp_path, signal.SIGSTOP, 1, "--timeout", "0.1")
    assert (status, len(told)) == (2, 1), told
    assert "process 1 of the 2 (counted from 0) has given no sign of life for 0.1 minutes (--timeout)" in told[0]


@pytest.mark.distributed
@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_sigterm_to_one_stops_all(forked, tmp_path, rank):
    status, told = stopped(forked, tmp_path, signal.SIGTERM, rank)
    assert (status, len(told)) == (143, 1), told
    assert told[0].startswith("longtail: stopped.")


@pytest.mark.distributed
@pytest.mark.slow
def test_long_work_of_one_process_keeps_the_others_waiting(tmp_path):
    """Three times as long as a process may be without a sign of life: it gives one while it works."""
    script = tmp_path / "script.py"
    script.write_text(
        "import time, torch\n"
        "from longtail.jobs.launch import launch, together\n"
        "from longtail.jobs.options import RuntimeOptions\n"
        "with together():\n"
        "    fabric = launch(RuntimeOptions(device='cpu', devices=2, timeout=0.05))\n"
        "    if fabric.is_global_zero:\n"
        "        time.sleep(9)\n"
        "    fabric.barrier()\n"
        "    print(f'process {fabric.global_rank}\\n', end='', flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240)
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, ["process 0", "process 1"]), done.stderr


@pytest.fixture
def quick(monkeypatch):
    """Two watches over one store, with seconds of 20 milliseconds; what they tell and how they leave, in a list.

    A busy machine may keep a thread waiting for some of these seconds: there are a hundred before one is missed.
    """
    monkeypatch.setattr(ranks, "TICK", 0.02)
    left = []
    monkeypatch.setattr(Watch, "_leave", lambda self, status: (left.append((self.rank, status)), self._over.set()))
    store = torch.distributed.HashStore()
    watches = [Watch(store, rank, 2, patience=100 * 0.02 / 60) for rank in range(2)]
    yield watches, left
    for watch in watches:
        watch._over.set()


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_first_that_fails_says_why(quick):
    (first, second), _left = quick
    first.start(), second.start()
    assert second.announce(2)
    wait_until(lambda: first.status == 2)
    assert not first.announce(1)
    assert first.status == 2


def test_two_that_fail_at_once_are_told_once(quick):
    (first, second), _ = quick
    firsts = []
    failing = [threading.Thread(target=lambda w=w: firsts.append(w.announce(2))) for w in (first, second)]
    for thread in failing:
        thread.start()
    for thread in failing:
        thread.join()
    assert sorted(firsts) == [False, True]


def test_a_silent_process_is_missed_and_given_up(quick, capsys):
    (first, _second), left = quick
    first.patience /= 10
    first.start()  # and not the second
    assert first.missing() == [1]
    wait_until(lambda: left)
    assert left == [(0, 2)]
    assert "process 1 of the 2 (counted from 0) has given no sign of life" in capsys.readouterr().err


def test_who_cannot_end_by_itself_is_ended(quick):
    """Its main thread waits in a collective, where no exception reaches it."""
    (first, second), left = quick
    first.start(), second.start()
    second.announce(143)
    wait_until(lambda: left)
    assert left == [(0, 143)]


def test_a_process_that_has_ended_well_is_not_missed(quick):
    (first, second), left = quick
    first.start(), second.start()
    second.farewell()
    wait_until(lambda: first._ended)
    since = first._ticks
    wait_until(lambda: first._ticks > since + 120)
    assert not left
    first.farewell()
