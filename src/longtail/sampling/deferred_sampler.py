"""Sampling that changes once: as the data are first, then rebalanced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longtail.sampling.sampler import Sampler

__all__ = ["DeferredSampler"]


@dataclass(frozen=True)
class DeferredSampler:
    """Give the epochs of one sampler, and from some epoch on those of another.

    Attributes:
        before: draws the first epochs.
        after: draws the others, as many indices an epoch.
        first_epoch: of the second, from 0.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss", NeurIPS 2019, arXiv
        1906.07413, section 3.3 (there for weights).

    Example:
        >>> labels = [0] * 90 + [1] * 10
        >>> sampler = DeferredSampler(Sampler(labels), Sampler(labels, strategy="class"), first_epoch=2)
        >>> [np.bincount(np.array(labels)[sampler.epoch_indices(epoch)]).tolist() for epoch in (1, 2)]
        [[90, 10], [50, 50]]
    """

    before: Sampler
    after: Sampler
    first_epoch: int

    @property
    def num_samples(self) -> int:
        """Draws of an epoch."""
        return self.before.num_samples

    def epoch_indices(self, epoch: int) -> NDArray[np.int64]:
        """Return the whole stream of an epoch, shape (num_samples,)."""
        return (self.before if epoch < self.first_epoch else self.after).epoch_indices(epoch)
