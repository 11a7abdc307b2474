"""Test labels that nobody reads before everything is chosen."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import LongtailError
from longtail.features import FeatureFile
from longtail.features.views import Views

__all__ = ["SealedFeatures", "SealedLabelsError"]


class SealedLabelsError(LongtailError):
    """The labels of the test split were asked for while choices were still being made."""


class SealedFeatures:
    """A feature file whose labels cannot be read until it is opened.

    Args:
        file: the test split.

    Example:
        >>> file = FeatureFile(Path("feature_test.h5"), np.eye(2), np.array([0, 1]), {})
        >>> sealed = SealedFeatures(file)
        >>> sealed.labels
        Traceback (most recent call last):
        ...
        longtail...SealedLabelsError: feature_test.h5: its labels are sealed until everything is chosen.
        >>> sealed.unseal()
        >>> sealed.labels
        array([0, 1])
    """

    def __init__(self, file: FeatureFile) -> None:
        self._file = file
        self._sealed = True

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._file.path

    @property
    def features(self) -> NDArray[Any]:
        """Shape (N, D)."""
        return self._file.features

    @property
    def attributes(self) -> dict[str, Any]:
        """From which weights, data and transform the features came."""
        return self._file.attributes

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names in the order of the labels, where they have any."""
        return self._file.class_names

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the columns, where they have any."""
        return self._file.feature_names

    @property
    def ids(self) -> NDArray[np.str_] | None:
        """Words that name the rows, shape (N,), or None."""
        return self._file.ids

    @property
    def rows(self) -> NDArray[np.int64] | None:
        """Numbers of the rows in the person's file, shape (N,); None where they are 0 .. N - 1."""
        return self._file.rows

    @property
    def groups(self) -> NDArray[np.int64] | None:
        """Number of each row's group, shape (N,), or None."""
        return self._file.groups

    @property
    def group_names(self) -> tuple[str, ...] | None:
        """Names of the groups in the order of their numbers, or None."""
        return self._file.group_names

    @property
    def events(self) -> NDArray[np.int64] | None:
        """Number of each row's event, shape (N,), or None."""
        return self._file.events

    @property
    def event_names(self) -> tuple[str, ...] | None:
        """Names of the events in the order of their numbers, or None."""
        return self._file.event_names

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """How many rows each counts for, shape (N,), or None."""
        return self._file.weights

    @property
    def views(self) -> Views | None:
        """Further views of the images, or None."""
        return self._file.views

    def row_name(self, row: int) -> str:
        """Return what a person knows a row by."""
        return self._file.row_name(row)

    def take(self, rows: NDArray[Any]) -> FeatureFile:
        """Return some of the rows, once it is unsealed."""
        if self._sealed:
            raise SealedLabelsError(f"{self.path}: its labels are sealed until everything is chosen.")
        return self._file.take(rows)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,), once it is unsealed."""
        if self._sealed:
            raise SealedLabelsError(f"{self.path}: its labels are sealed until everything is chosen.")
        return self._file.labels

    def sealed(self) -> "SealedFeatures":
        """Return the same features, sealed."""
        return SealedFeatures(self._file)

    def unseal(self) -> None:
        """Let the labels be read: nothing is chosen any more."""
        self._sealed = False
