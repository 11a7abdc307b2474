"""Cross-validation of several methods on train, as evidence for a choice."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.evaluation.selection import choose
from longtail.heads import Ensemble
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind
from longtail.holdout import stratified_folds
from longtail.jobs.fitting.fitter import Fitter
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.problem import FeatureProblem

__all__ = ["cross_validated", "promising"]

MOST_CANDIDATES = 6  # methods that all folds are fitted with


def cross_validated(
    problem: FeatureProblem,
    options: HeadOptions,
    names: list[str],
    settings: Mapping[str, Any],
    transforms: Mapping[str, TransformKind],
    members: list[str],
    seed: int,
    device: str,
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Predict rows of train by heads that were not fitted to them.

    Where there are many methods, the first fold sorts those out that are clearly behind; the others fit the rest.

    Args:
        problem: checked features.
        options: folds, and settings of the methods.
        names: of the methods.
        settings: what `choose` takes besides: metric, groups, costs.
        transforms: of the features, by method; none for those that are not named.
        members: of the ensemble.
        seed: of folds and fits.
        device: where to compute.

    Returns:
        Class indices of each method that is left, shape (repeats, N'), and the labels (N',).
    """
    train = problem.splits["train"]
    labels = np.asarray(train.labels)
    found = {name: np.full((options.choice.cv_repeats, len(labels)), -1, dtype=np.int64) for name in names}
    for repeat in range(options.choice.cv_repeats):
        folds = stratified_folds(labels, options.choice.cv_folds, seed + repeat)
        for fold in range(options.choice.cv_folds):
            held_out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            if not len(held_out):
                continue
            fitter = Fitter(problem.of_train(rest), options, "train", seed, device)
            rows = np.asarray(train.features[held_out])
            fitted: dict[str, Head] = {}
            for name in _needed(names, members):
                fitted[name] = fitter.fit(name, transforms.get(name, "none"))
                if name in names:
                    found[name][repeat, held_out] = fitted[name].predict(rows)
            if "ensemble" in names:
                together = Ensemble.of({member: fitted[member] for member in members})
                found["ensemble"][repeat, held_out] = together.predict(rows)
            if not repeat and not fold:
                first = {name: predicted[0, held_out] for name, predicted in found.items()}
                names = promising(first, labels[held_out], len(problem.train_counts), settings)
                found = {name: found[name] for name in names}
    # a class of one image is in every fold's train: nothing can be said about it
    seen = np.all([predicted >= 0 for predicted in found.values()], axis=(0, 1))
    return {name: predicted[:, seen] for name, predicted in found.items()}, labels[seen]


def promising(
    predictions: Mapping[str, ArrayLike], labels: ArrayLike, num_classes: int, settings: Mapping[str, Any]
) -> list[str]:
    """Name the methods that are not clearly behind the best one: by two standard errors, and six at most.

    Args:
        predictions: class indices of each method, shape (N,).
        labels: class indices, shape (N,).
        num_classes: C.
        settings: what `choose` takes besides.

    Returns:
        Names, in the order given; all where there are six at most.

    Example:
        >>> labels = np.tile([0, 1], 50)
        >>> found = {f"poor-{k}": np.zeros(100, dtype=int) for k in range(6)} | {"good": labels}
        >>> promising(found, labels, 2, {})
        ['good']
    """
    names = list(predictions)
    if len(names) <= MOST_CANDIDATES:
        return names
    found = choose(predictions, labels, num_classes, **settings)
    near = [name for name in names if found.scores[found.best] - found.scores[name] <= 2 * found.errors[name] + 1e-9]
    best = sorted(near, key=lambda name: -found.scores[name])[:MOST_CANDIDATES]
    return [name for name in names if name in best]


def _needed(names: list[str], members: list[str]) -> list[str]:
    """Name the methods that have to be fitted: the ensemble's members too, but not the ensemble."""
    return [name for name in dict.fromkeys([*names, *(members if "ensemble" in names else [])]) if name != "ensemble"]
