"""Two streams of batches side by side: the images of a step, and as many others to mix them with."""

from collections.abc import Iterator

from torch import Tensor

from longtail.errors import InputError
from longtail.training.batches import TrainingBatches

__all__ = ["PairedBatches"]


class PairedBatches:
    """Give each batch with one of a second stream behind it, of as many images.

    Args:
        first: says how many steps an epoch has.
        second: drawn and augmented by its own seed, with as many steps of as many images.

    Raises:
        InputError: the two differ in steps or images.
    """

    def __init__(self, first: TrainingBatches, second: TrainingBatches) -> None:
        for name in ("steps_per_epoch", "images_per_step", "smallest_part"):
            ours, theirs = getattr(first, name), getattr(second, name)
            if ours != theirs:
                raise InputError(f"paired batches differ: {name} is {ours} and {theirs}; expected the same.")
        self._first, self._second = first, second
        self.steps_per_epoch = first.steps_per_epoch
        self.images_per_step = first.images_per_step
        self.smallest_part = first.smallest_part

    def steps(self, epoch: int, first_step: int) -> Iterator[list[tuple[Tensor, ...]]]:
        """Return the steps of an epoch from `first_step` on."""
        both = zip(self._first.steps(epoch, first_step), self._second.steps(epoch, first_step), strict=True)
        for ours, theirs in both:
            yield [(*batch, *other) for batch, other in zip(ours, theirs, strict=True)]
