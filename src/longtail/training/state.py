"""Where a training stands: kept in its checkpoints, so that it goes on from there."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from msgspec import Meta
from torch import Tensor

from longtail.errors import InputError
from longtail.training.checkpoints import Checkpoint, check_plain

__all__ = ["History", "TrainingState"]

History = list[dict[str, Any]]
"""A row of measurements for each finished epoch."""


class _StoredState(TypedDict):
    epoch: Annotated[int, Meta(ge=0)]
    step: Annotated[int, Meta(ge=0)]
    history: list[dict[str, float | None]]
    best: float
    seconds: float


@dataclass
class TrainingState:
    """Where a run stands: the epoch and step that come next, and what was measured so far.

    Attributes:
        epoch: from 0; equals the number of epochs when the run is finished.
        step: of that epoch, from 0.
        sums: of loss and metrics over the steps of the epoch so far.
        history: a row for each finished epoch.
        best: the best validation value so far.
        seconds: spent training.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    history: History = field(default_factory=list)
    best: float = -math.inf
    seconds: float = 0.0

    @classmethod
    def of(cls, checkpoint: Checkpoint, origin: str) -> "TrainingState":
        """Return where the training of a checkpoint stands.

        Raises:
            InputError: the checkpoint does not say it, or is of a network that was not trained.
        """
        expected = "a checkpoint of a training, such as RUN/checkpoints/last.pt"
        sums = checkpoint["state"].get("sums")
        others = {name: value for name, value in checkpoint["state"].items() if name != "sums"}
        check_plain(others, _StoredState, origin=f"{origin}, state", expected=expected)
        if not isinstance(sums, dict):
            raise InputError(f"{origin}, state: holds no sums. Expected {expected}.")
        for name, total in sums.items():
            if not isinstance(total, Tensor) or total.numel() != 1 or not total.is_floating_point():
                raise InputError(f"{origin}, state: the sum of {name} is no number. Expected {expected}.")
        return cls(sums=dict(sums), **{name: others[name] for name in _StoredState.__annotations__})

    def stored(self) -> dict[str, Any]:
        """Return a copy of it for a checkpoint."""
        return {**vars(self), "sums": dict(self.sums), "history": [dict(row) for row in self.history]}

    def add(self, values: dict[str, Tensor], share: int) -> None:
        """Add loss and metrics of one of `share` equal parts of a step to the sums."""
        for name, value in values.items():
            part = value.detach().float() / share
            self.sums[name] = self.sums[name] + part if name in self.sums else part

    def close_epoch(self, row: dict[str, Any]) -> None:
        """Note down what an epoch measured, and stand at the beginning of the next."""
        self.history.append(row)
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
