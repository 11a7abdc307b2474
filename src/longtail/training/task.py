"""What a training learns by: the loss of a batch, and what is worth watching beside it."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from longtail.errors import InputError

__all__ = ["Measured", "Task", "module_of"]

Measured = tuple[Tensor, dict[str, Tensor]]
"""The loss of a batch, a scalar; what else is worth watching, by name, as means over the batch."""


class Task(Protocol):
    """A `torch.nn.Module` whose call takes a batch and gives its loss and what else is worth watching.

    All that it learns or remembers is in its state dict, so that a checkpoint holds it; its network is its attribute
    `model`. `Classification` is the supervised one, those without labels are in `longtail.pretraining`.
    """

    @property
    def forward(self) -> Callable[..., Measured]:
        """Take what `TrainingBatches` gives for a micro-batch: images and labels, or views of images."""
        ...


def module_of(task: Task) -> nn.Module:
    """Return a task as the module that it is.

    Raises:
        InputError: it is none.

    Example:
        >>> from longtail.training.classification import Classification
        >>> isinstance(module_of(Classification(nn.Linear(3, 2))), nn.Module)
        True
    """
    module: object = task
    if not isinstance(module, nn.Module):
        raise InputError(f"`task` is a {type(task).__name__}; expected a torch.nn.Module that gives (loss, metrics).")
    return module
