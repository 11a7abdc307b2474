"""How features are scaled before a peer sees them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.rows import Rows

__all__ = ["SCALES", "Change", "root_unit"]

Features = NDArray[Any]
Change = Callable[[Features], Features]


def raw(rows: Rows) -> Change:
    """Leave them as they are."""
    del rows
    return lambda features: features


def standardised(rows: Rows) -> Change:
    """Bring each column to mean 0 and standard deviation 1 on the given rows; a constant one stays at 0."""
    mean, deviation = rows.features.mean(axis=0), rows.features.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    return lambda features: (features - mean) / deviation


def root_unit(rows: Rows) -> Change:
    """Take sign(x) sqrt(|x|), and divide each row by its length."""
    del rows

    def change(features: Features) -> Features:
        roots = np.sign(features) * np.sqrt(np.abs(features))
        lengths = np.linalg.norm(roots, axis=1, keepdims=True)
        return roots / np.where(lengths > 0, lengths, 1)

    return change


SCALES: dict[str, Callable[[Rows], Change]] = {"root": root_unit, "standardised": standardised, "raw": raw}
