"""The keys of the last batches, each with its class."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.errors import InputError
from longtail.pretraining.momentum import replace_oldest
from longtail.ranges import Range

__all__ = ["LabelledQueue"]


class LabelledQueue(nn.Module):
    """A ring of K unit vectors and their classes; new ones take the places of the oldest.

    It begins with random directions of no class (-1): something to be kept away from. Its position is in the state
    dict.

    Args:
        length: K.
        dimension: of a key.

    Attributes:
        keys: shape (K, D).
        labels: int64, shape (K,).
        position: of the oldest key, a scalar.

    Raises:
        InputError: a number below 1.

    Example:
        >>> queue = LabelledQueue(4, 2)
        >>> queue.put(torch.eye(2), torch.tensor([7, 5]))
        >>> queue.labels.tolist(), int(queue.position)
        ([7, 5, -1, -1], 2)
    """

    keys: Tensor
    labels: Tensor
    position: Tensor

    def __init__(self, length: int, dimension: int) -> None:
        super().__init__()
        Range(1).check(length, "queue", whole=True)
        Range(1).check(dimension, "dimension", whole=True)
        self.register_buffer("keys", functional.normalize(torch.randn(length, dimension), dim=1))
        self.register_buffer("labels", torch.full((length,), -1))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))

    def joined(self, samples: Sequence[Tensor], labels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return samples (B, D) and labels (B,) of several views, and behind them what the queue holds now."""
        return torch.cat([*samples, self.keys]), torch.cat([*labels, self.labels])

    def put(self, keys: Tensor, labels: Tensor) -> None:
        """Take in keys (B, D) and labels (B,): those of all processes, in the same order on each.

        Raises:
            InputError: more keys than the queue is long.
        """
        if len(keys) > len(self.keys):
            raise InputError(
                f"a queue of {len(self.keys)} keys cannot take the {len(keys)} of a step; expected a queue at least as "
                "long as a batch over all processes."
            )
        replace_oldest(self.keys, self.position, keys)
        replace_oldest(self.labels, self.position, labels)
        self.position.add_(len(keys)).remainder_(len(self.keys))
