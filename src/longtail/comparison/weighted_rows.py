"""Training rows as heads learn from them, each as often as its weight says."""

from dataclasses import replace

import numpy as np

from longtail.comparison.sealed import SealedFeatures
from longtail.features import FeatureFile
from longtail.row_weights import copies_by_weight

__all__ = ["as_weighted"]


def as_weighted(rows: FeatureFile | SealedFeatures, seed: int) -> FeatureFile | SealedFeatures:
    """Return rows as often as they count; those without weights as they are.

    Copies of a row are of one group, so that no choice within a head judges a row that it was fitted to.

    Args:
        rows: of a split, or some of them.
        seed: of what weights that are not whole leave to chance.

    Example:
        >>> from pathlib import Path
        >>> rows = FeatureFile(Path("e.h5"), np.eye(3), np.array([0, 0, 1]), {}, weights=np.array([1.0, 0.0, 2.0]))
        >>> as_weighted(rows, 0).labels.tolist(), as_weighted(rows, 0).groups.tolist()
        ([0, 1, 1], [0, 2, 2])
    """
    if rows.weights is None:
        return rows
    copies = copies_by_weight(rows.weights, np.asarray(rows.labels), seed)
    groups = copies if rows.groups is None else rows.groups[copies]
    return replace(rows.take(copies), groups=groups, weights=None)
