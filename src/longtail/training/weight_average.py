"""A moving average of a network's weights, beside the weights that learn."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from longtail.errors import InputError
from longtail.ranges import Range

__all__ = ["WeightAverage"]

NETWORK = "model."  # what a task's network is called in its state dict


class WeightAverage:
    """Exponential moving average of the network of a task, its batch-norm statistics included.

    a <- m_t a + (1 - m_t) w,   m_t = min(m, (1 + t) / (10 + t)) at step t = 0, 1, ...

    The first steps count less, so that what was drawn by chance is soon forgotten. Statistics are averaged with the
    weights that they belong to; whole numbers, such as how many batches were seen, are those of the present. What a
    task has beside its network is not averaged.

    Args:
        task: a module whose network is its attribute `model`; its tensors are only ever changed in place.
        decay: m, 0 to below 1.

    Raises:
        InputError: decay out of its range, or a task without a network.

    Reference:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; Tarvainen and Valpola, "Mean
        Teachers are Better Role Models", NeurIPS 2017, arXiv 1703.01780, section 2; the warm-up is TensorFlow's.

    Example:
        >>> task = nn.Module()
        >>> task.model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(task.model.weight, 0.0)
        >>> average = WeightAverage(task, 0.999)
        >>> _ = nn.init.constant_(task.model.weight, 1.0)
        >>> average.update(0)
        >>> with average.in_place():
        ...     round(task.model.weight.item(), 4)
        0.9
        >>> task.model.weight.item()
        1.0
    """

    def __init__(self, task: nn.Module, decay: float) -> None:
        Range(0, below=1).check(decay, "decay")
        self._decay = decay
        self._live = {name: tensor for name, tensor in task.state_dict().items() if name.startswith(NETWORK)}
        if not self._live:
            raise InputError("the task has no network to average: expected one as its attribute `model`.")
        self._average = {name: tensor.clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the present weights.

        Args:
            step: t, how often it was updated before.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        is_real = {name: tensor.is_floating_point() for name, tensor in self._live.items()}
        averages = [tensor for name, tensor in self._average.items() if is_real[name]]
        torch._foreach_lerp_(averages, [tensor for name, tensor in self._live.items() if is_real[name]], 1 - decay)
        for name, tensor in self._average.items():
            if not is_real[name]:
                tensor.copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the task have the average while the context lasts."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, tensor in self._live.items():
            kept = tensor.clone()
            tensor.copy_(self._average[name])
            self._average[name].copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """Return the averages by their names in the task's state dict."""
        return dict(self._average)

    def learning(self) -> dict[str, Tensor]:
        """Return the weights that learn by their names in the task's state dict."""
        return dict(self._live)

    @torch.no_grad()
    def load(self, averages: Mapping[str, Tensor]) -> None:
        """Go on from averages that were stored.

        Args:
            averages: by name, as `state` gives them; others are left alone.
        """
        for name, tensor in self._average.items():
            tensor.copy_(averages[name])
