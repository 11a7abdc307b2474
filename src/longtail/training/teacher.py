"""A network that says what another is to learn beside its labels."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longtail.losses.distillation import distillation
from longtail.ranges import Range

__all__ = ["Teacher"]


@dataclass(frozen=True)
class Teacher:
    """A network as it is, and how much its answers count: `distillation`, with a weight, is added to a loss.

    Args:
        network: in evaluation mode, on the device of the training; maps the images that its pupil sees to logits
            (B, C).
        weight: of what is learnt from it, at least 0.
        temperature: of both networks' probabilities, above 0.

    Raises:
        InputError: a number out of its range.

    Example:
        >>> teacher = Teacher(nn.Linear(3, 2), weight=0.5, temperature=2.0)
        >>> images = torch.ones(4, 3)
        >>> teacher.loss(images, teacher.network(images)).item()
        0.0
    """

    network: nn.Module
    weight: float = 1.0
    temperature: float = 1.5

    def __post_init__(self) -> None:
        Range(0).check(self.weight, "weight")
        Range(above=0).check(self.temperature, "temperature")

    def loss(self, images: Tensor, logits: Tensor) -> Tensor:
        """Return the weighted distance of a pupil's logits (B, C) from what the teacher says of its images."""
        with torch.no_grad():
            answers = self.network(images)
        return self.weight * distillation(logits.float(), answers.float(), self.temperature)
