"""The layers of the largest penalised likelihood of some rows, each found from the one before."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.linear_solver import Axes, LinearProblem, LinearSolution, maximise_likelihood
from longtail.heads.precision import Precision, settled_precision
from longtail.heads.rows import Features
from longtail.heads.soft_targets import SoftTargets
from longtail.heads.standardisation import AutoOrNot, Standardisation, feature_moments

__all__ = ["LikelihoodPath", "Weighting"]

Weighting = Literal["rows", "classes"]
MOST_COPIED = 2**24  # numbers, 64 MiB of float32: above it rows are centred again whenever they are read
MOST_STEPS = 500


@dataclass(frozen=True)
class LikelihoodPath:
    """The same rows under any penalty and either weighting.

    f(W, b) = sum_i w_y_i (-log softmax(W x_i + b)_y_i) / sum_i w_y_i + penalty v / 2 ||W||^2

    With soft targets t, sum_c t_ic (-log softmax(W x_i + b)_c) stands in place of the label's.
    v is the mean variance of a feature, so that features times a number give the same logits, and rows that all stand
    there twice the same layer. W is learnt on (x - mean) / sqrt(v), which changes nothing but the number of steps; on
    features of deviation 1 where they are standardised.
    Fewer rows than features are turned into the basis of their own span first, in which the optimum lies.

    Attributes:
        rows: as they are learnt from, shape (N, D'), D' the smaller of N and D.
        codes: class indices, shape (N,).
        scaling: what is subtracted and divided by.
        basis: of the span, shape (D, D'); None: the features themselves.
        axes: of the rows, by weighting, once they were needed.
        device: where to compute.
        targets: t, in place of the labels.
        precision: of the products that lead to an optimum.
    """

    rows: Features
    codes: NDArray[np.int64]
    scaling: Standardisation
    basis: Tensor | None
    axes: dict[Weighting, Axes]
    device: str
    targets: SoftTargets | None = None
    precision: Precision = "float32"

    @classmethod
    def of(
        cls,
        features: Features,
        codes: NDArray[np.int64],
        *,
        standardise: AutoOrNot = "auto",
        device: str = "cpu",
        targets: SoftTargets | None = None,
    ) -> "LikelihoodPath":
        """Measure features.

        Args:
            features: shape (N, D), memory-mapped or not.
            codes: their class indices, shape (N,).
            standardise: "auto": where the deviation of one is more than 10 times the median.
            device: where to compute.
            targets: probabilities in place of the labels.
        """
        moments = feature_moments(features, device=device)
        size = float(moments.deviation.square().mean().sqrt()) or 1.0
        each = moments.is_unlike if standardise == "auto" else standardise
        scaling = Standardisation(moments.mean, moments.divisor if each else torch.full_like(moments.mean, size))
        rows, basis = scaling.rows(features), None
        if features.shape[0] * features.shape[1] <= MOST_COPIED:
            rows = np.asarray(rows)
            if rows.shape[0] < rows.shape[1]:
                basis, upper = torch.linalg.qr(torch.from_numpy(rows).T)
                rows = np.ascontiguousarray(upper.T.numpy())
        return cls(rows, codes, scaling, basis, {}, device, targets)

    def on_the_way(self) -> Self:
        """Return the same path for trials, of which one is solved again: products are rounded where that saves much."""
        products = len(self.codes) * self.rows.shape[1] * (int(self.codes.max()) + 1)
        return replace(self, precision=settled_precision("auto", products, self.device))

    def nearby(self, penalty: float, weighting: Weighting, tolerance: float) -> tuple[Tensor, Tensor] | None:
        """Return a layer near an optimum, to go on from, where rounded products lead to it sooner."""
        rough = self.on_the_way()
        if rough.precision == self.precision:
            return None
        solution = rough.solve(penalty, weighting, tolerance=tolerance)
        return solution.weight, solution.bias

    def solve(
        self,
        penalty: float,
        weighting: Weighting,
        *,
        start: tuple[Tensor, Tensor] | None = None,
        tolerance: float,
    ) -> LinearSolution:
        """Find the optimum.

        Args:
            penalty: above 0.
            weighting: "rows" count alike, w_c = 1, or "classes" do, w_c = 1 / n_c.
            start: weight and bias of a layer on the features as they are, from which to go.
            tolerance: as in `maximise_likelihood`.

        Returns:
            A layer on the features as they are: weight (C, D), bias (C,).
        """
        counts = torch.from_numpy(np.bincount(self.codes)).double()
        weights = torch.ones_like(counts) if weighting == "rows" else counts.min() / counts
        # a `LinearProblem` multiplies its penalty by D / N
        relative = penalty * self.rows.shape[0] / self.rows.shape[1]
        shared: dict[str, Any] = {"device": self.device, "targets": self.targets, "precision": self.precision}
        problem = LinearProblem(self.rows, self.codes, weights, torch.zeros_like(counts), relative, **shared)
        if weighting not in self.axes:
            self.axes[weighting] = Axes.of(problem)
        solution = maximise_likelihood(
            problem,
            start=None if start is None else self._inward(*start),
            axes=self.axes[weighting],
            tolerance=tolerance,
            max_steps=MOST_STEPS,
        )
        weight = solution.weight if self.basis is None else solution.weight @ self.basis.T
        layer = self.scaling.folded(weight, solution.bias)
        return LinearSolution(*layer, solution.losses, solution.converged)

    def _inward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        weight, bias = self.scaling.unfolded(weight, bias)
        return (weight if self.basis is None else weight @ self.basis), bias
