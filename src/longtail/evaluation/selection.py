"""Choose between classifiers by what they predict on data that none of them was fitted to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.arguments import as_array, as_numbers, brief
from longtail.counts import check_groups, class_counts
from longtail.errors import InputError
from longtail.evaluation.likeness import Likeness
from longtail.evaluation.sample_groups import GroupCells, check_sample_groups

__all__ = ["Choice", "Metric", "check_costs", "choose", "class_weights", "image_values"]

MOST_COSTLY = 1e9  # what a mistake may cost: squares of sums are still numbers

Metric = Literal["balanced", "all", "many", "medium", "few", "worst"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        chosen: name of the candidate.
        best: name of the one with the highest score; another than `chosen` only by the one-standard-error rule.
        scores: of each candidate; percent, or minus the mean cost.
        errors: standard error of the best one's lead over each candidate, in the same unit; 0 for itself.
    """

    chosen: str
    best: str
    scores: dict[str, float]
    errors: dict[str, float]


def choose(
    predictions: Mapping[str, ArrayLike],
    labels: ArrayLike,
    num_classes: int,
    *,
    metric: Metric = "balanced",
    groups: NDArray[np.str_] | None = None,
    costs: ArrayLike | None = None,
    sample_groups: ArrayLike | None = None,
    one_standard_error: bool = False,
) -> Choice:
    """Choose the candidate with the best score, or the simplest that is not measurably worse.

    score = sum_c w_c v_c,  v_c = mean value of the images of class c,  value = 100 where right, else 0, or minus a cost

    w_c is 1 / C' over the C' classes that occur (balanced), over those of a group (many, medium, few), or the class's
    share of the images (all); "worst" is the smallest v_c. Candidates are compared on the same images: the standard
    error is that of the mean difference, class by class,

    se^2 = sum_c w_c^2 s_c^2 / n_c,   s_c^2 the variance of the differences within class c.

    Of classes with one image the variance is taken to be the mean of the others' and, as one class more, of the mean
    square of the differences: all there is where every class has one image.

    Of rows that come in groups se^2 is multiplied by the design effect of the differences (`Likeness`); the rows of a
    class that is one group count as one.

    Args:
        predictions: for each candidate its classes, shape (N,) or, repeated on the same images, (R, N); the simplest
            candidate first, and of equals the first is taken.
        labels: class indices, shape (N,).
        num_classes: C.
        metric: what counts.
        groups: "many", "medium" or "few" for each class, shape (C,); needed by those metrics.
        costs: what it costs to take class i (row) for class j (column), at least 0, shape (C, C); instead of counting
            errors.
        sample_groups: a whole number for each row, equal for rows of one site, lesion or sequence, shape (N,). Default:
            rows are independent.
        one_standard_error: take the first candidate whose score is within one standard error of the best.

    Raises:
        InputError: no candidate, an unknown metric, a group without an image, or arrays of other shapes.

    Reference:
        Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984, section 3.4.3 (the rule; here the
        error is that of the paired difference).

    Example:
        >>> labels = np.array([0] * 8 + [1] * 2)
        >>> found = choose({"plain": np.zeros(10, int), "fair": labels * 1}, labels, 2)
        >>> found.chosen, found.scores["plain"]
        ('fair', 50.0)
    """
    if not isinstance(predictions, Mapping):
        raise InputError(f"predictions are {brief(predictions)}; expected those of each candidate by its name.")
    if not predictions:
        raise InputError("there is nothing to choose from: no candidate was fitted.")
    truth = as_array(labels, "labels")
    values = {name: image_values(truth, predicted, costs) for name, predicted in predictions.items()}
    weights = class_weights(truth, num_classes, metric, groups)
    scores = {name: _score(value, truth, weights, metric) for name, value in values.items()}
    # of equal worst classes, the better mean decides
    means = class_weights(truth, num_classes, "balanced", groups)
    best = max(scores, key=lambda name: (scores[name], _score(values[name], truth, means, "balanced")))
    together = check_sample_groups(sample_groups, len(truth))
    errors = {name: _standard_error(values[best] - value, truth, weights, together) for name, value in values.items()}
    chosen = best
    if one_standard_error and metric != "worst":
        chosen = next(name for name in values if scores[best] - scores[name] <= errors[name] + 1e-9)
    return Choice(chosen, best, scores, errors)


def image_values(labels: ArrayLike, predictions: ArrayLike, costs: ArrayLike | None = None) -> Values:
    """Return each image's part in a score: 100 where it is right and 0 where not, or minus its cost.

    Args:
        labels: class indices, shape (N,).
        predictions: shape (N,), or (R, N), over whose rows is averaged.
        costs: shape (C, C), or None.

    Returns:
        Shape (N,).

    Raises:
        InputError: other shapes.

    Example:
        >>> image_values([0, 1], [[0, 0], [0, 1]]).tolist()
        [100.0, 50.0]
    """
    truth, predicted = as_array(labels, "labels"), np.atleast_2d(as_array(predictions, "predictions"))
    if truth.ndim != 1 or predicted.shape[-1] != len(truth):
        raise InputError(f"{predicted.shape[-1]} predictions of {truth.shape} labels; expected one for each.")
    if costs is None:
        return np.asarray(100.0 * (predicted == truth).mean(axis=0))
    matrix = check_costs(costs)
    class_counts(truth, len(matrix))
    class_counts(predicted.ravel(), len(matrix), name="predictions")
    return np.asarray(-matrix[truth[None], predicted].mean(axis=0))


def check_costs(costs: ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """Make sure that these are costs of mistakes.

    Args:
        costs: of taking class i (row) for class j (column), 0 to 10^9, shape (C, C); a right answer may cost something.
        num_classes: C; default: any.

    Returns:
        The costs, shape (C, C).

    Raises:
        InputError: another shape, or a number that is negative, NaN, infinite or beyond 10^9.

    Example:
        >>> check_costs([[0, 1], [5, 0]], 2).tolist()
        [[0.0, 1.0], [5.0, 0.0]]
    """
    matrix = as_numbers(costs, "the costs", finite=False)
    size = len(matrix) if num_classes is None and matrix.ndim else num_classes
    if matrix.ndim != 2 or matrix.shape != (size, size):
        expected = "C x C" if num_classes is None else f"{num_classes} x {num_classes}"
        raise InputError(f"the costs have shape {matrix.shape}; expected {expected}, rows for true classes.")
    bad = np.argwhere(~((matrix >= 0) & (matrix <= MOST_COSTLY)))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"the cost in row {row}, column {column} is {matrix[row, column]:g}; expected 0 to {MOST_COSTLY:g}. What "
            "is gained by a right answer is a cost of the wrong ones."
        )
    return matrix


def class_weights(
    labels: ArrayLike, num_classes: int, metric: Metric, groups: NDArray[np.str_] | None = None
) -> NDArray[np.float64]:
    """Return the weight of each class in a metric.

    Args:
        labels: class indices, shape (N,).
        num_classes: C.
        metric: what counts; "worst" has the weights of "balanced".
        groups: "many", "medium" or "few" for each class, shape (C,).

    Returns:
        Shape (C,), of sum 1; 0 for classes without an image.

    Raises:
        InputError: an unknown metric, no groups, or a group without an image.

    Example:
        >>> class_weights([0, 0, 0, 1], 3, "balanced").tolist(), class_weights([0, 0, 0, 1], 3, "all").tolist()
        ([0.5, 0.5, 0.0], [0.75, 0.25, 0.0])
    """
    if str(metric) not in get_args(Metric):
        raise InputError(f"no metric {brief(metric)} to choose by. Metrics: {', '.join(get_args(Metric))}.")
    counts = class_counts(labels, num_classes)
    if counts.sum() == 0:
        raise InputError("there are no images to choose on.")
    if metric == "all":
        return np.asarray(counts / counts.sum(), dtype=np.float64)
    counted = counts > 0
    if metric not in ("balanced", "worst"):
        if groups is None:
            raise InputError(f"metric {metric!r} needs the group of each class.")
        counted &= check_groups(groups, num_classes) == metric
        if not counted.any():
            raise InputError(f"no class of the group {metric!r} has an image to choose on. Choose by balanced.")
    return np.asarray(counted / counted.sum(), dtype=np.float64)


def _score(values: Values, labels: NDArray[np.int64], weights: NDArray[np.float64], metric: Metric) -> float:
    means = _class_means(values, labels, len(weights))
    return float(means[weights > 0].min()) if metric == "worst" else float(weights @ means)


def _class_means(values: Values, labels: NDArray[np.int64], num_classes: int) -> Values:
    totals = np.bincount(labels, weights=values, minlength=num_classes)
    return totals / np.maximum(np.bincount(labels, minlength=num_classes), 1)


def _standard_error(
    differences: Values,
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    sample_groups: NDArray[np.int64] | None,
) -> float:
    if not differences.any():
        return 0.0
    counts = np.bincount(labels, minlength=len(weights))
    deviations = differences - _class_means(differences, labels, len(weights))[labels]
    squares = np.bincount(labels, weights=deviations**2, minlength=len(weights))
    mean_square = _class_means(differences**2, labels, len(weights))[counts > 0].mean()
    variances = squares / np.maximum(counts - 1, 1)
    variances[counts == 1] = np.append(variances[counts > 1], mean_square).mean()
    if sample_groups is None:
        return float(np.sqrt((weights**2 * variances / np.maximum(counts, 1)).sum()))
    cells = GroupCells.of_rows(differences, labels, sample_groups, len(weights))
    # of a class that is one group as little is known as of one that is one row
    single = np.bincount(cells.label, minlength=len(weights)) == 1
    of_singles = (weights[single] ** 2).sum() * np.append(variances[~single & (counts > 1)], mean_square).mean()
    others = np.where(single, 0.0, weights)
    alone = (others**2 * variances / np.maximum(counts, 1)).sum()
    likeness = Likeness.of_cells(cells, np.sqrt(variances))
    spread = likeness.spread(cells, others / np.maximum(counts, 1), np.sqrt(variances))
    return math.sqrt(float(of_singles + alone * spread.design_effect))
