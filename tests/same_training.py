"""Two trainings that ended alike: weights, momentum and what each epoch measured, to the bit."""

from pathlib import Path

import torch

from longtail.training.checkpoints import load_checkpoint

__all__ = ["assert_same_training"]


def assert_same_training(first: Path, second: Path) -> None:
    """Compare two checkpoint files; the seconds that epochs took may differ."""
    ours, theirs = load_checkpoint(first), load_checkpoint(second)
    assert ours["task"].keys() == theirs["task"].keys()
    for name, tensor in ours["task"].items():
        assert torch.equal(tensor, theirs["task"][name]), name
    for one, other in zip(ours["optimizer"]["state"].values(), theirs["optimizer"]["state"].values(), strict=True):
        assert torch.equal(one["momentum_buffer"], other["momentum_buffer"])
    for one, other in zip(ours["state"]["history"], theirs["state"]["history"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
