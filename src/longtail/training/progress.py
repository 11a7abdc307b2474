"""Progress for a person: a bar with rate and time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

__all__ = ["ProgressBar", "display", "progress_bar"]

LINE_EVERY = 30.0  # seconds, where there is no terminal


class ProgressBar:
    """Count finished images; `advance` moves on, `say` writes a line about the last stretch.

    Where there is no terminal, a line comes every half a minute of itself.

    Args:
        bar: rich's progress display, or None where lines are written instead.
        label: what is being done.
        total: images in all.
        quiet: show nothing.
    """

    def __init__(self, bar: Progress | None, label: str, total: int, *, quiet: bool) -> None:
        self._bar, self._label, self._total, self._quiet = bar, label, total, quiet
        self._done = self._counted = 0
        self._started = self._last_line = time.monotonic()
        self._task = bar.add_task(label, total=total, rate="") if bar else None

    def skip(self, images: int) -> None:
        """Count images that an earlier call finished; they say nothing about the rate."""
        self._done += images
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def advance(self, images: int) -> None:
        """Count images that were finished now."""
        self._done += images
        self._counted += images
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=images, rate=f"{self.rate:,.0f} images/s")
        elif time.monotonic() - self._last_line >= LINE_EVERY:
            self._line(f"{self._done / max(self._total, 1):.0%}")

    @property
    def rate(self) -> float:
        """Images a second since the start."""
        return self._counted / max(time.monotonic() - self._started, 1e-9)

    def say(self, text: str) -> None:
        """Write one line; on a terminal the bar already shows rate and time left."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=f"{self._label}  {text}")
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        if self._quiet:
            return
        left = (self._total - self._done) / max(self.rate, 1e-9)
        clock = f"{int(left) // 3600}:{int(left) // 60 % 60:02d}:{int(left) % 60:02d}"
        print(f"{self._label}  {text}  {self.rate:,.0f} images/s  {clock} left", file=sys.stderr, flush=True)


def display(console: Console) -> Progress:
    """Return a bar of which a narrow terminal cuts off words, and never the time that is left."""

    def whole() -> Column:
        return Column(no_wrap=True)

    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(bar_width=None, table_column=Column(max_width=12)),
        TaskProgressColumn(table_column=whole()),
        TextColumn("{task.fields[rate]}", table_column=whole()),
        TimeRemainingColumn(table_column=whole()),
    )
    return Progress(*columns, console=console, expand=True)


@contextmanager
def progress_bar(label: str, total: int, *, quiet: bool = False) -> Iterator[ProgressBar]:
    """Show how far a job is, on standard error, so that standard output stays clean.

    Args:
        label: what is being done.
        total: images in all.
        quiet: show nothing.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield ProgressBar(None, label, total, quiet=quiet)
        return
    with display(console) as bar:
        yield ProgressBar(bar, label, total, quiet=quiet)
