"""Where the features of each class point: running means, begun anew each epoch and used from the epoch before on."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.losses.directional_contrast import concentrations_of
from longtail.ranges import Range

__all__ = ["ClassDirections"]

START = 0.9  # length of a mean of which no feature was seen


class ClassDirections(nn.Module):
    """Running mean of unit features for each class.

    mean_c <- (N_c mean_c + sum of the batch's features of c) / (N_c + n_c),   N_c <- N_c + n_c

    Two of them run: `means` with all features since the epoch before began, and one of this epoch alone, which takes
    its place when the next begins. A class of which nothing was seen has a random direction and length 0.9.

    All is in the state dict, the number of the epoch too: what goes on in the midst of one does not begin it again.

    Args:
        num_classes: C.
        dimension: D, at least 2.

    Attributes:
        means: shape (C, D).
        sizes: N_c, shape (C,).

    Raises:
        InputError: a number out of its range.

    Example:
        >>> directions = ClassDirections(2, 2)
        >>> directions.take_in(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([1, 1]))
        >>> directions.means[1].tolist()
        [0.5, 0.5]
    """

    means: Tensor
    sizes: Tensor
    new_means: Tensor
    new_sizes: Tensor
    epoch: Tensor

    def __init__(self, num_classes: int, dimension: int) -> None:
        super().__init__()
        Range(1).check(num_classes, "num_classes", whole=True)
        Range(2).check(dimension, "dimension", whole=True)
        for name in ("means", "new_means"):
            self.register_buffer(name, _unseen(num_classes, dimension))
        for name in ("sizes", "new_sizes"):
            self.register_buffer(name, torch.zeros(num_classes))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))

    @property
    def concentrations(self) -> Tensor:
        """Of a von Mises-Fisher of each class, shape (C,)."""
        return concentrations_of(self.means)

    @torch.no_grad()
    def take_in(self, features: Tensor, labels: Tensor) -> None:
        """Add unit features (B, D) with labels (B,): those of all processes, in the same order on each."""
        # a product, not index_add_, whose order of summation changes from call to call on a GPU
        members = functional.one_hot(labels, len(self.sizes)).T.to(self.means.dtype)
        sums, sizes = members @ features.to(self.means.dtype), members.sum(dim=1)
        for means, total in ((self.means, self.sizes), (self.new_means, self.new_sizes)):
            share = sizes / (total + sizes).clamp(min=1)
            means.lerp_(sums / sizes.clamp(min=1)[:, None], share[:, None])
            total.add_(sizes)

    @torch.no_grad()
    def begin_epoch(self, epoch: int) -> None:
        """Go on from what the epoch before saw, unless this one has begun already.

        Args:
            epoch: its number, from 0.
        """
        if epoch == int(self.epoch):
            return
        self.means.copy_(self.new_means)
        self.sizes.copy_(self.new_sizes)
        # drawn on the CPU from its number, so that all processes and devices have the same
        generator = torch.Generator().manual_seed(epoch)
        self.new_means.copy_(_unseen(len(self.sizes), self.means.shape[1], generator))
        self.new_sizes.zero_()
        self.epoch.fill_(epoch)


def _unseen(num_classes: int, dimension: int, generator: torch.Generator | None = None) -> Tensor:
    return START * functional.normalize(torch.randn(num_classes, dimension, generator=generator), dim=1)
