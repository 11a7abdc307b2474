"""A training whose power goes: it stops between two steps and can write nothing any more."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from longtail.training.batches import ResidentBatches

__all__ = ["PowerCut", "power_cut"]


class PowerCut(BaseException):
    """Nothing catches it."""


@contextmanager
def power_cut(monkeypatch: pytest.MonkeyPatch, stop_after: int) -> Iterator[None]:
    """Expect what stands inside to be cut off after so many steps on resident images, counted over all epochs."""
    original, done = ResidentBatches.steps, 0

    def fragile(self, epoch, first_step):
        nonlocal done
        for step in original(self, epoch, first_step):
            if done == stop_after:
                raise PowerCut
            done += 1
            yield step

    with monkeypatch.context() as patched:
        patched.setattr(ResidentBatches, "steps", fragile)
        with pytest.raises(PowerCut):
            yield
