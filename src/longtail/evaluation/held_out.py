"""What a classifier that has not seen a row says of it: linear discriminants, one for each fold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["HeldOutDiscriminants"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TEMPERATURES = tuple(2.0 ** (step / 4) for step in range(25))
BLOCK_BYTES = 2**23  # of scores that are held at once


@dataclass(frozen=True)
class HeldOutDiscriminants:
    """For each fold a linear discriminant that was fitted without it.

    p(c | x) = softmax_c((mu_c' S^-1 x - mu_c' S^-1 mu_c / 2) / T),  S = (1 - s) S_w + s tr(S_w) / D I

    mu_c are the class means, S_w the covariance within classes, all classes equally probable before. Closed form: about
    N D^2 operations in all, so that it serves where a trained classifier would take too long; in memory for a few class
    means and covariances a fold, and a block of scores.

    Attributes:
        features: shape (N, D), memory-mapped or not.
        folds: number of each row's fold, -1 for rows that are always learned from, shape (N,).
        origin: taken off every row, shape (D,).
        weight: shape (folds, C, D).
        bias: minus infinity for a class without rows in the other folds, shape (folds, C).
        temperature: T.

    Reference:
        Friedman, "Regularized Discriminant Analysis", JASA 84, 1989, equation 18 (for one covariance).

    Example:
        >>> rows = np.array([[0.0], [1.0], [0.5], [9.0], [8.0], [8.5]])
        >>> folds = np.array([0, 1, 2, 0, 1, 2])
        >>> discriminants = HeldOutDiscriminants.fit(rows, np.array([0, 0, 0, 1, 1, 1]), folds)
        >>> np.concatenate([p.argmax(axis=1) for _, p in discriminants.blocks()]).tolist()
        [0, 0, 0, 1, 1, 1]
    """

    features: NDArray[Any]
    folds: IntArray
    origin: FloatArray
    weight: FloatArray
    bias: FloatArray
    temperature: float = 1.0

    @classmethod
    def fit(
        cls,
        features: NDArray[Any],
        labels: IntArray,
        folds: IntArray,
        *,
        shrinkage: float = 0.1,
        temperature: float | None = None,
    ) -> Self:
        """Fit a discriminant for each fold.

        Args:
            features: shape (N, D).
            labels: class indices, shape (N,).
            folds: number of each row's fold, -1 for rows that are always learned from, shape (N,).
            shrinkage: s, 0 to 1.
            temperature: T; None takes the smallest, from 1 to 64, at which the mean of the highest probabilities is no
                more than the share of rows that are right: where features are many, the discriminant is too sure of
                itself.
        """
        num_classes, num_folds, dimension = int(labels.max()) + 1, int(folds.max()) + 1, features.shape[1]
        origin = sum(block.sum(axis=0) for _, block in _blocks(features, num_classes)) / len(features)
        # of each fold, and in the last place of the rows that are in none
        counts = np.zeros((num_folds + 1, num_classes))
        np.add.at(counts, (folds, labels), 1)
        sums = np.zeros((num_folds + 1, num_classes, dimension))
        moments = np.zeros((num_folds + 1, dimension, dimension))
        for rows, block in _blocks(features, num_classes):
            block -= origin
            np.add.at(sums, (folds[rows], labels[rows]), block)
            for fold in np.unique(folds[rows]):
                fold_rows = block[folds[rows] == fold]
                moments[fold] += fold_rows.T @ fold_rows
        weight, bias = np.empty((num_folds, num_classes, dimension)), np.empty((num_folds, num_classes))
        for fold in range(num_folds):
            left = counts.sum(axis=0) - counts[fold]
            means = (sums.sum(axis=0) - sums[fold]) / np.maximum(left, 1)[:, None]
            scatter = moments.sum(axis=0) - moments[fold] - (means * left[:, None]).T @ means
            covariance = scatter / left.sum()
            level = float(np.trace(covariance)) / dimension
            covariance = (1 - shrinkage) * covariance + (shrinkage * level + 1e-12) * np.eye(dimension)
            weight[fold] = np.linalg.solve(covariance, means.T).T
            bias[fold] = np.where(left > 0, -(weight[fold] * means).sum(axis=1) / 2, -np.inf)
        plain = cls(features, folds, np.asarray(origin), weight, bias)
        chosen = plain._temperature(labels) if temperature is None else temperature
        return cls(features, folds, plain.origin, weight, bias, chosen)

    def blocks(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """Walk over the rows that are in a fold.

        Yields:
            Row numbers, rising, and their class probabilities (rows, C).
        """
        for rows, scores in self._scores():
            yield rows, _softmax(scores / self.temperature)

    def _scores(self) -> Iterator[tuple[IntArray, FloatArray]]:
        for block_rows, block in _blocks(self.features, self.bias.shape[1]):
            folds = self.folds[block_rows]
            block -= self.origin
            scores = np.empty((len(block), self.bias.shape[1]))
            for fold in np.unique(folds[folds >= 0]):
                in_fold = folds == fold
                scores[in_fold] = block[in_fold] @ self.weight[fold].T + self.bias[fold]
            judged = folds >= 0
            if judged.any():
                yield block_rows.start + np.flatnonzero(judged), scores[judged]

    def _temperature(self, labels: IntArray) -> float:
        right, judged, surest = 0, 0, np.zeros(len(TEMPERATURES))
        for rows, scores in self._scores():
            right += int((scores.argmax(axis=1) == labels[rows]).sum())
            judged += len(rows)
            scores -= scores.max(axis=1, keepdims=True)
            # the highest probability is one over the sum of the odds
            surest += [(1 / np.exp(scores / t).sum(axis=1)).sum() for t in TEMPERATURES]
        fitting = np.flatnonzero(surest <= right) if judged else np.array([0])
        return float(TEMPERATURES[int(fitting[0]) if len(fitting) else -1])


def _blocks(features: NDArray[Any], num_classes: int) -> Iterator[tuple[slice, FloatArray]]:
    size = max(BLOCK_BYTES // (8 * max(num_classes, features.shape[1])), 64)
    for start in range(0, len(features), size):
        rows = slice(start, min(start + size, len(features)))
        yield rows, np.array(features[rows], dtype=np.float64)


def _softmax(scores: FloatArray) -> FloatArray:
    odds: FloatArray = np.exp(scores - scores.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds
