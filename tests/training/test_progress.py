"""What a person sees while something is done: on a narrow terminal, and where there is none."""

import io

import pytest
from rich.console import Console

from longtail.training import progress
from longtail.training.progress import ProgressBar, display, progress_bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_a_narrow_terminal_cuts_words_and_not_the_time_left(width, clock):
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=True, color_system=None, get_time=lambda: clock.now)
    shown = display(console)
    shown.get_time = lambda: clock.now
    bar = ProgressBar(shown, "train", 4000, quiet=False)
    bar.say("epoch 1/4  loss 2.426  val balanced 16.9 %")
    bar.advance(1000)
    clock.now = 10.0
    bar.advance(1000)
    console.print(shown.get_renderable())
    (line,) = written.getvalue().splitlines()
    assert len(line) <= width
    assert line.endswith("0:00:20")
    assert "50%" in line
    assert "200 images/s" in line
    assert line.startswith("train")


def test_without_a_terminal_a_line_comes_every_half_a_minute(clock, capsys):
    with progress_bar("feature_train", 1000) as bar:
        bar.skip(100)
        for _ in range(9):
            clock.now += 10
            bar.advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "feature_train  40%  10 images/s  0:01:00 left",
        "feature_train  70%  10 images/s  0:00:30 left",
        "feature_train  100%  10 images/s  0:00:00 left",
    ]


def test_a_line_of_its_own_comes_half_a_minute_after_the_last(clock, capsys):
    with progress_bar("train", 100) as bar:
        clock.now = 29
        bar.say("epoch 1/2")
        clock.now = 31
        bar.advance(10)
        clock.now = 59
        bar.advance(10)
    assert [line.split("  ")[1] for line in capsys.readouterr().err.splitlines()] == ["epoch 1/2", "20%"]


def test_quiet_is_quiet(clock, capsys):
    with progress_bar("train", 100, quiet=True) as bar:
        clock.now = 100
        bar.advance(10)
        bar.say("epoch 1/2")
    assert capsys.readouterr().err == ""
