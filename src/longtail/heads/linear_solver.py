"""The linear layer of the largest penalised likelihood: the optimum itself, found from all rows at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor

from longtail.heads.precision import Precision, computing_in
from longtail.heads.rows import Features, chunks, compute_dtype, kept_rows
from longtail.heads.soft_targets import SoftTargets

__all__ = ["Axes", "LinearProblem", "LinearSolution", "maximise_likelihood"]

MEMORY = 10  # steps that L-BFGS remembers
CURVATURE = 0.1  # of the preconditioner: mean p (1 - p) of a class with the share q is about 0.1 sqrt(q) on the way
WIDEST = 4096  # features whose scatter is decomposed: 4096^2 numbers are 128 MiB


@dataclass(frozen=True)
class LinearProblem:
    """What is minimised over a linear layer.

    f(W, b) = sum_i w_y_i (-log softmax(W x_i + b + o)_y_i) / sum_i w_y_i + penalty D / (2 N) ||W||^2

    With soft targets t the mean sum_c t_ic (-log softmax(...)_c) stands in place of the label's. It is strictly convex
    in W where the penalty is above 0.

    Attributes:
        features: x, shape (N, D), memory-mapped or not.
        codes: y, class indices, shape (N,).
        class_weights: w, above 0, float64, shape (C,).
        offset: o, added to the logits, float64, shape (C,).
        penalty: at least 0.
        precision: of the matrix products.
        device: where they are computed.
        targets: t, in place of the labels; w goes by the labels all the same.
    """

    features: Features
    codes: NDArray[np.int64]
    class_weights: Tensor
    offset: Tensor
    penalty: float
    precision: Precision = "float32"
    device: str = "cpu"
    targets: SoftTargets | None = None

    @property
    def decay(self) -> float:
        """What multiplies ||W||^2 / 2: penalty D / N."""
        return self.penalty * self.features.shape[1] / len(self.features)

    @property
    def shares(self) -> Tensor:
        """Part of each class in the loss, of sum 1, shape (C,)."""
        parts = torch.from_numpy(np.bincount(self.codes, minlength=len(self.class_weights))) * self.class_weights
        return parts / parts.sum()

    @property
    def row_weights(self) -> Tensor:
        """Part of a row of each class in the loss, shape (C,)."""
        return self.class_weights / self.class_weights[torch.from_numpy(self.codes)].sum()

    def walk(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Walk over blocks of rows and their class indices, on the device."""
        for rows, block in chunks(self.features, self.device):
            yield block, torch.from_numpy(self.codes[rows]).to(self.device)

    @torch.no_grad()
    def value_and_gradient(self, weight: Tensor, bias: Tensor) -> tuple[float, Tensor, Tensor]:
        """Return f(W, b) and its gradients.

        Args:
            weight: W, float64, shape (C, D).
            bias: b, float64, shape (C,).
        """
        dtype = compute_dtype(self.features)
        weight, bias = weight.to(self.device), bias.to(self.device)
        matrix, shift = weight.to(dtype), (bias + self.offset.to(self.device)).to(dtype)
        row_weights = self.row_weights.to(self.device, dtype)
        of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        # of many classes a block has as many rows that what is done for each block, to (C, D), is little beside them
        for rows, block in chunks(self.features, self.device, least=max(len(weight) // 2, 256)):
            codes = torch.from_numpy(self.codes[rows]).to(self.device)
            weights = row_weights[codes][:, None]
            with computing_in(self.precision, self.device):
                scores = block @ matrix.T
            scores = scores.to(dtype) + shift
            scores -= scores.amax(dim=1, keepdim=True)
            columns, parts = codes[:, None], weights
            if self.targets is not None:
                columns, shares = self.targets.block(rows, scores)
                parts = weights * shares
            reached = scores.gather(1, columns)
            odds = scores.exp_()
            totals = odds.sum(dim=1, keepdim=True)
            loss += (parts * (totals.log() - reached)).sum(dtype=torch.float64)
            # w (p - t), shape (B, C), in the memory of the scores
            error = odds.mul_(weights / totals).scatter_add_(1, columns, -parts)
            with computing_in(self.precision, self.device):
                product = error.T @ block
            of_weight += product
            of_bias += error.sum(dim=0)
        loss += self.decay / 2 * weight.square().sum()
        return float(loss), (of_weight + self.decay * weight).cpu(), of_bias.cpu()

    @torch.no_grad()
    def scatter(self) -> Tensor:
        """Return sum_i w_y_i x_i x_i' / sum_i w_y_i, float64, shape (D, D)."""
        dimension = self.features.shape[1]
        result = torch.zeros(dimension, dimension, dtype=torch.float64, device=self.device)
        roots = self.row_weights.sqrt().to(self.device)
        for block, codes in self.walk():
            weighted = roots[codes, None].to(block) * block
            result += weighted.T @ weighted
        return result

    @torch.no_grad()
    def squares(self) -> Tensor:
        """Return the diagonal of `scatter`, float64, shape (D,)."""
        result = torch.zeros(self.features.shape[1], dtype=torch.float64, device=self.device)
        parts = self.row_weights.to(self.device)
        for block, codes in self.walk():
            result += parts[codes].to(block) @ block.square()
        return result


@dataclass(frozen=True)
class LinearSolution:
    """A linear layer, and how near the optimum it is.

    Attributes:
        weight: shape (C, D).
        bias: shape (C,).
        losses: f after each step.
        converged: whether what a further step is expected to take off f is within the tolerance.
    """

    weight: Tensor
    bias: Tensor
    losses: list[float]
    converged: bool


@dataclass(frozen=True)
class Axes:
    """Directions in which features are uncorrelated, or nearly so: the same for every penalty.

    Attributes:
        values: mean square of the features along each, shape (D,).
        vectors: one a column, shape (D, D); None takes the features themselves.
    """

    values: Tensor
    vectors: Tensor | None

    @classmethod
    def of(cls, problem: LinearProblem) -> "Axes":
        """Decompose the scatter of the rows, or take their squares alone where that would cost more than all steps."""
        num_rows, dimension = problem.features.shape
        if dimension <= WIDEST and dimension**2 <= 16 * num_rows * len(problem.class_weights):
            values, vectors = torch.linalg.eigh(problem.scatter())
            return cls(values.clamp(min=0).cpu(), vectors.cpu())
        return cls(problem.squares().cpu(), None)


def maximise_likelihood(
    problem: LinearProblem,
    *,
    start: tuple[Tensor, Tensor] | None = None,
    axes: Axes | None = None,
    tolerance: float = 3e-4,
    max_steps: int = 200,
) -> LinearSolution:
    """Find the linear layer of the largest penalised likelihood by L-BFGS.

    Steps are taken in coordinates in which the problem is nearly round: the eigenvectors of the features' scatter,
    each divided by the root of its curvature 0.1 sqrt(q_c) s_d + penalty D / N, q_c the part of class c in the loss.
    It ends where half the squared gradient there, about what is left to be won, is below `tolerance` times f. Where
    classes are separable and the penalty is weak, f curves less than is reckoned with and some percent of its value may
    be left, which has hardly any effect on the probabilities of the rows: f is nearly 0 there.

    Args:
        problem: what is minimised.
        start: weight (C, D) and bias (C,), such as the solution for another penalty; None: the classifier that knows
            counts alone.
        axes: of these rows, where they are known.
        tolerance: relative to f.
        max_steps: after which it ends in any case.

    Returns:
        Of the type that the features are computed in, on the CPU.

    Reference:
        Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 1989;
        SciPy's L-BFGS-B. The preconditioner is ours.

    Example:
        >>> features, codes = np.array([[-1.0], [1.0], [2.0]]), np.array([0, 0, 1])
        >>> even = torch.ones(2, dtype=torch.float64)
        >>> found = maximise_likelihood(LinearProblem(features, codes, even, 0 * even, penalty=0.1))
        >>> found.converged, (torch.from_numpy(features) @ found.weight.T + found.bias).argmax(dim=1).tolist()
        (True, [0, 0, 1])
    """
    exact = replace(problem, features=kept_rows(problem.features))
    axes = Axes.of(exact) if axes is None else axes
    problem = (
        exact if problem.precision == "float32" else replace(exact, features=kept_rows(exact.features, "bfloat16"))
    )
    coordinates = _Coordinates.of(problem, axes)
    course = _Course(coordinates, tolerance)
    weight, bias = _knows_counts(problem) if start is None else (part.double() for part in start)
    result = minimize(
        course.value_and_gradient,
        coordinates.inward(weight, bias),
        jac=True,
        method="L-BFGS-B",
        callback=course.look,
        options={"maxcor": MEMORY, "maxiter": max_steps, "maxfun": 2 * max_steps, "ftol": 0.0, "gtol": 0.0},
    )
    dtype = compute_dtype(problem.features)
    weight, bias = coordinates.outward(result.x)
    return LinearSolution(weight.to(dtype), bias.to(dtype), course.losses, course.is_there(result.fun, result.jac))


def _knows_counts(problem: LinearProblem) -> tuple[Tensor, Tensor]:
    """Return the layer whose logits are right on average, whatever the features are."""
    weight = torch.zeros(len(problem.shares), problem.features.shape[1], dtype=torch.float64)
    bias = problem.shares.log() - problem.offset  # less what the loss adds itself
    return weight, bias - bias.mean()


@dataclass(frozen=True)
class _Coordinates:
    """The coordinates in which L-BFGS works: U' W' times `scale`, and b times `bias_scale`."""

    problem: LinearProblem
    vectors: Tensor | None
    scale: Tensor
    bias_scale: Tensor

    @classmethod
    def of(cls, problem: LinearProblem, axes: Axes) -> "_Coordinates":
        curvature = CURVATURE * problem.shares.sqrt()
        least = float(axes.values.mean()) * 1e-6 or 1.0  # of a direction without any rows, where nothing is penalised
        scale = (curvature[:, None] * axes.values + max(problem.decay, 1e-3 * least)).sqrt()
        return cls(problem, axes.vectors, scale, curvature.sqrt())

    def inward(self, weight: Tensor, bias: Tensor) -> NDArray[np.float64]:
        rotated = weight if self.vectors is None else weight @ self.vectors
        return torch.cat([(rotated * self.scale).flatten(), bias * self.bias_scale]).numpy()

    def outward(self, point: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        both = torch.from_numpy(np.asarray(point))
        weight, bias = both[: self.scale.numel()].view_as(self.scale), both[self.scale.numel() :]
        rotated = weight / self.scale
        return (rotated if self.vectors is None else rotated @ self.vectors.T), bias / self.bias_scale

    def gradient_inward(self, weight: Tensor, bias: Tensor) -> NDArray[np.float64]:
        rotated = weight if self.vectors is None else weight @ self.vectors
        return torch.cat([(rotated / self.scale).flatten(), bias / self.bias_scale]).numpy()


@dataclass
class _Course:
    """What L-BFGS asks for at each point, and when it is to end."""

    coordinates: _Coordinates
    tolerance: float
    losses: list[float] = field(default_factory=list)
    gradient: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def value_and_gradient(self, point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, *gradients = self.coordinates.problem.value_and_gradient(*self.coordinates.outward(point))
        self.gradient = self.coordinates.gradient_inward(*gradients)
        return value, self.gradient

    def look(self, intermediate_result: OptimizeResult) -> None:
        self.losses.append(float(intermediate_result.fun))
        # the point that was looked at last is the one that the step ends in
        if self.is_there(intermediate_result.fun, self.gradient):
            raise StopIteration

    def is_there(self, value: Any, gradient: NDArray[np.float64]) -> bool:
        return bool(0.5 * float(gradient @ gradient) <= self.tolerance * float(value))
