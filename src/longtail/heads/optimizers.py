"""The optimizer steps that heads are trained by, bit for bit those of torch, without the compiler that torch loads."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

__all__ = ["SGD", "AdamW"]

# Constructing any class of torch.optim imports torch._dynamo, and with it torch._inductor and sympy: seconds, for a
# head that is trained in tenths of a second. The functions beneath those classes are the same kernels without it.


class _Optimizer:
    """Hold what is trained."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters:
            parameter.grad = None

    def _with_gradient(self, among: Iterable[int] | None = None) -> tuple[list[int], list[Tensor], list[Tensor]]:
        """Return the positions, parameters and gradients of what the last loss depends on, among some or all."""
        numbers = range(len(self.parameters)) if among is None else among
        positions = [number for number in numbers if self.parameters[number].grad is not None]
        parameters = [self.parameters[number] for number in positions]
        return positions, parameters, [parameter.grad for parameter in parameters if parameter.grad is not None]


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum, as `torch.optim.SGD(..., fused=True)`.

    v = momentum v + gradient + weight_decay p;  p = p - learning_rate v

    Args:
        parameters: what is trained, in place.
        momentum: 0 to below 1.
        weight_decay: at least 0.
        rates: of each parameter, times the learning rate of the step; none: 1.

    Example:
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = SGD([weight], momentum=0.9)
        >>> weight.sum().backward()
        >>> optimizer.step(0.25)
        >>> weight.tolist()
        [0.75]
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        momentum: float,
        weight_decay: float = 0.0,
        rates: Sequence[float] = (),
    ) -> None:
        super().__init__(parameters)
        self.momentum, self.weight_decay = momentum, weight_decay
        self.rates = tuple(rates) or (1.0,) * len(self.parameters)
        self._velocity: list[Tensor | None] = [None] * len(self.parameters)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move the parameters once, against their gradients.

        Args:
            learning_rate: of this step.
        """
        for rate in dict.fromkeys(self.rates):
            self._step([number for number, own in enumerate(self.rates) if own == rate], rate * learning_rate)

    def _step(self, among: list[int], learning_rate: float) -> None:
        positions, parameters, gradients = self._with_gradient(among)
        velocity = [self._velocity[number] for number in positions]
        sgd(
            parameters,
            gradients,
            velocity,
            fused=True,  # one pass over weights, gradient and momentum instead of one for each term
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        for number, buffer in zip(positions, velocity, strict=True):
            self._velocity[number] = buffer


class AdamW(_Optimizer):
    """Adam with decoupled weight decay, as `torch.optim.AdamW(..., fused=True)`.

    Args:
        parameters: what is trained, in place.
        weight_decay: at least 0.

    Example:
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimizer = AdamW([weight], weight_decay=0.0)
        >>> weight.sum().backward()
        >>> optimizer.step(0.25, beta1=0.9)
        >>> weight.tolist()
        [0.75]
    """

    def __init__(self, parameters: Iterable[Tensor], *, weight_decay: float) -> None:
        super().__init__(parameters)
        self.weight_decay = weight_decay
        self._means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self._steps = [torch.zeros((), dtype=torch.float32, device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, *, beta1: float) -> None:
        """Move the parameters once, against the running mean of their gradients.

        Args:
            learning_rate: of this step.
            beta1: decay of the mean of the gradients, 0 to below 1; that of their squares is 0.999.
        """
        positions, parameters, gradients = self._with_gradient()
        means, squares, steps = (
            [state[number] for number in positions] for state in (self._means, self._squares, self._steps)
        )
        adamw(
            parameters,
            gradients,
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=beta1,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
