"""What PaCo and GPaCo share: class centres, samples and a queue of them in one softmax."""

from collections.abc import Sequence

from numpy.typing import ArrayLike
from torch import Tensor, nn

from longtail.contrast.labelled_queue import LabelledQueue
from longtail.contrast.projection import full_precision
from longtail.losses import LogitAdjusted, parametric_contrast
from longtail.ranges import Range

__all__ = ["CentresAndSamples"]


class CentresAndSamples(nn.Module):
    """A task that ends in `parametric_contrast`, and remembers the last keys with their classes.

    Args:
        class_counts: n_c of train, shape (C,).
        queue: K, at least the images of a step over all processes.
        dimension: of what is compared.
        temperature: T.
        sample_weight: alpha, of each sample of the own class where its centre weighs 1.

    Raises:
        InputError: a setting out of its range.
    """

    # every process puts the same keys into its queue: torch need not send it around at each step
    _ddp_params_and_buffers_to_ignore = ("queue.keys", "queue.labels", "queue.position")

    def __init__(
        self,
        class_counts: Tensor | ArrayLike,
        *,
        queue: int,
        dimension: int,
        temperature: float,
        sample_weight: float,
    ) -> None:
        super().__init__()
        Range(above=0).check(temperature, "temperature")
        Range(0).check(sample_weight, "sample_weight")
        self.temperature, self.sample_weight = temperature, sample_weight
        self.queue = LabelledQueue(queue, dimension)
        self.adjusted = LogitAdjusted(class_counts)

    def compared(self, logits: Tensor, samples: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Return the loss of class scores and samples, with those of the queue.

        Args:
            logits: of the queries, shape (Q, C).
            samples: of each view in turn, the queries first, shape (B, D) or (2 B, D), of length 1.
            labels: of an image, shape (B,).
        """
        joined, classes = self.queue.joined(samples, [labels, labels])
        with full_precision(joined.device):
            return parametric_contrast(
                logits + self.adjusted.offset,
                joined,
                classes,
                temperature=self.temperature,
                sample_weight=self.sample_weight,
            )
