"""Cross-validation of several methods on train, as evidence for a choice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.comparison.fitter import Fitter
from longtail.comparison.protocol import Protocol
from longtail.evaluation.selection import choose
from longtail.heads import Ensemble
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind
from longtail.holdout import stratified_folds

__all__ = ["cross_validated", "promising"]

MOST_CANDIDATES = 6  # methods that all folds are fitted with


def cross_validated(
    protocol: Protocol, names: Sequence[str], transforms: Mapping[str, TransformKind], members: Sequence[str]
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Predict rows of train by heads that were not fitted to them.

    Where there are many methods, the first fold sorts those out that are clearly behind; the others fit the rest.

    Args:
        protocol: the problem, folds and settings.
        names: of the methods.
        transforms: of the features, by method; none for those that are not named.
        members: of the ensemble.

    Returns:
        Class indices of each method that is left, shape (repeats, N'), and the labels (N',).
    """
    train, rules = protocol.problem.splits["train"], protocol.rules
    labels = np.asarray(train.labels)
    predictions = {name: np.full((rules.cv_repeats, len(labels)), -1, dtype=np.int64) for name in names}
    for repeat in range(rules.cv_repeats):
        folds = stratified_folds(labels, rules.cv_folds, protocol.seed + repeat)
        for fold in range(rules.cv_folds):
            held_out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            if not len(held_out):
                continue
            fitter = Fitter(protocol.on_train(rest))
            features = np.asarray(train.features[held_out])
            fitted: dict[str, Head] = {}
            for name in _needed(list(predictions), members):
                fitted[name] = fitter.fit(name, transforms.get(name, "none"))
                if name in predictions:
                    predictions[name][repeat, held_out] = fitted[name].predict(features)
            if "ensemble" in predictions:
                together = Ensemble.of({member: fitted[member] for member in members})
                predictions["ensemble"][repeat, held_out] = together.predict(features)
            if not repeat and not fold:
                first = {name: rows[0, held_out] for name, rows in predictions.items()}
                near = promising(first, labels[held_out], len(protocol.groups), protocol.choose_by)
                predictions = {name: predictions[name] for name in near}
    # a class of one image is in every fold's train: nothing can be said about it
    seen = np.all([rows >= 0 for rows in predictions.values()], axis=(0, 1))
    return {name: rows[:, seen] for name, rows in predictions.items()}, labels[seen]


def promising(
    predictions: Mapping[str, ArrayLike], labels: ArrayLike, num_classes: int, choose_by: Mapping[str, Any]
) -> list[str]:
    """Name the methods that are not clearly behind the best one: by two standard errors, and six at most.

    Args:
        predictions: class indices of each method, shape (N,).
        labels: class indices, shape (N,).
        num_classes: C.
        choose_by: what `choose` takes besides.

    Returns:
        Names, in the order given; all where there are six at most.

    Example:
        >>> labels = np.tile([0, 1], 50)
        >>> candidates = {f"poor-{k}": np.zeros(100, dtype=int) for k in range(6)} | {"good": labels}
        >>> promising(candidates, labels, 2, {})
        ['good']
    """
    names = list(predictions)
    if len(names) <= MOST_CANDIDATES:
        return names
    choice = choose(predictions, labels, num_classes, **choose_by)
    lead = {name: choice.scores[choice.best] - choice.scores[name] for name in names}
    near = [name for name in names if lead[name] <= 2 * choice.errors[name] + 1e-9]
    best = sorted(near, key=lambda name: -choice.scores[name])[:MOST_CANDIDATES]
    return [name for name in names if name in best]


def _needed(names: Sequence[str], members: Sequence[str]) -> list[str]:
    """Name the methods that have to be fitted: the ensemble's members too, but not the ensemble."""
    return [name for name in dict.fromkeys([*names, *(members if "ensemble" in names else [])]) if name != "ensemble"]
