"""Training rows as heads learn from them: each as often as its weight says, and with the further views of its image."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from longtail.comparison.sealed import SealedFeatures
from longtail.features import FeatureFile
from longtail.features.views import rows_with_views
from longtail.heads.base import Head
from longtail.row_weights import copies_by_weight, weighted_counts

__all__ = ["as_learnt", "knowing_images"]

AnyHead = TypeVar("AnyHead", bound=Head)


def as_learnt(rows: FeatureFile | SealedFeatures, seed: int) -> FeatureFile | SealedFeatures:
    """Return rows as often as they count, and behind them further views; those without either as they are.

    Copies of a row, and views of its image, are of one group, so that no choice within a head judges an image that it
    was fitted to.

    Args:
        rows: of a split, or some of them.
        seed: of what weights that are not whole leave to chance.

    Example:
        >>> from pathlib import Path
        >>> from longtail.features.views import Views
        >>> rows = FeatureFile(Path("e.h5"), np.eye(3), np.array([0, 0, 1]), {}, weights=np.array([1.0, 0.0, 2.0]))
        >>> as_learnt(rows, 0).labels.tolist(), as_learnt(rows, 0).groups.tolist()
        ([0, 1, 1], [0, 2, 2])
        >>> views = Views(np.ones((1, 3)), images=np.array([2]))
        >>> rows = FeatureFile(Path("e.h5"), np.eye(3), np.array([0, 0, 1]), {}, views=views)
        >>> as_learnt(rows, 0).labels.tolist(), as_learnt(rows, 0).groups.tolist()
        ([0, 0, 1, 1], [0, 1, 2, 2])
    """
    if rows.weights is not None:
        copies = copies_by_weight(rows.weights, np.asarray(rows.labels), seed)
        groups = copies if rows.groups is None else rows.groups[copies]
        rows = replace(rows.take(copies), groups=groups, weights=None)
    if rows.views is None:
        return rows
    features, labels, images = rows_with_views(rows.features, np.asarray(rows.labels), rows.views)
    groups = images if rows.groups is None else rows.groups[images]
    return FeatureFile(rows.path, features, labels, rows.attributes, groups=groups)


def knowing_images(head: AnyHead, splits: Iterable[FeatureFile | SealedFeatures]) -> AnyHead:
    """Tell a head of how many images the rows are that it was fitted to, where some are further views of them.

    Without it, classes would be as common in its world of "train" as rows are.

    Args:
        head: fitted to `as_learnt` of these splits.
        splits: that it learnt from.
    """
    parts = list(splits)
    if any(part.views is not None for part in parts):
        number = len(head.classes_)
        head.image_counts_ = sum(weighted_counts(np.asarray(part.labels), part.weights, number) for part in parts)
    return head
