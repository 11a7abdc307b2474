"""SIGTERM and Ctrl-C: told alike, nothing half-written, and the same words go on."""

import io
import os
import signal
import time

import pytest
import torch

from longtail.cli import main
from longtail.signals import Terminated, stop_signals
from longtail.training.checkpoints import load_checkpoint

WORDS = ["train", "digits", "--backbone", "digits_cnn", "--batch-size", "8", "--device", "cpu", "--save-every", "0"]


@pytest.mark.parametrize(
    ("number", "kind", "status"), [(signal.SIGTERM, Terminated, 143), (signal.SIGINT, KeyboardInterrupt, 130)]
)
def test_the_command_says_how_it_was_stopped(number, kind, status, monkeypatch, capsys):
    def work(config):
        os.kill(os.getpid(), number)
        time.sleep(10)

    monkeypatch.setattr("longtail.jobs.report.run", work)
    before = signal.getsignal(number)
    assert main(["report", "x"]) == status
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("longtail: stopped. What was written is whole;")
    assert signal.getsignal(number) is before


def test_a_library_that_fails_to_end_when_it_is_stopped_was_stopped(monkeypatch, capsys):
    """torch.save cannot close a file that was broken off, and says so in place of what broke it off."""

    class Disk(io.BytesIO):
        def write(self, block):
            if self.tell() > 500:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            return super().write(block)

    def work(config):
        torch.save({str(number): torch.ones(1000) for number in range(9)}, Disk())

    monkeypatch.setattr("longtail.jobs.report.run", work)
    assert main(["report", "x"]) == 143
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("longtail: stopped. What was written is whole;")


def test_a_fault_without_a_stop_is_a_fault(monkeypatch, capsys):
    def work(config):
        try:
            raise ValueError
        finally:
            raise RuntimeError("ours")

    monkeypatch.setattr("longtail.jobs.report.run", work)
    assert main(["report", "x"]) == 70
    assert "stopped by a fault of longtail" in capsys.readouterr().err


def test_errors_that_lead_in_a_circle(monkeypatch, capsys):
    """Python does not mind an error that is raised from itself."""

    def work(config):
        error = RuntimeError("ours")
        raise error from error

    monkeypatch.setattr("longtail.jobs.report.run", work)
    assert main(["report", "x"]) == 70
    assert "stopped by a fault of longtail" in capsys.readouterr().err


def test_who_asks_twice_does_not_wait():
    with stop_signals():
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_was_written_is_whole_and_goes_on(forked, tmp_path):
    words = [*WORDS, "--quiet", "--out", str(tmp_path), "--epochs", "3"]
    process = forked.start("-m", "longtail", *words)
    last = tmp_path / "checkpoints" / "last.pt"
    while not last.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    status, told = process.wait(), process.told().splitlines()
    assert (status, len(told)) == (143, 1)
    assert told[0].startswith("longtail: stopped.")
    assert not list(tmp_path.rglob("*.part"))
    stopped = load_checkpoint(last)["state"]
    assert main([*words, "--resume"]) == 0
    finished = load_checkpoint(last)["state"]
    assert (finished["epoch"], finished["step"]) == (3, 0)
    assert (stopped["epoch"], stopped["step"]) < (3, 0)
