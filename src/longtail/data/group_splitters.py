"""Grouped splits and folds by the splitter interface of scikit-learn: `cross_val_score(..., cv=..., groups=...)`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from longtail.data.grouped_split import grouped_split
from longtail.errors import InputError
from longtail.whole_groups import grouped_folds

__all__ = ["LongTailGroupKFold", "LongTailGroupShuffleSplit"]

IntArray = NDArray[np.int64]


class _GroupSplitter(BaseCrossValidator):  # type: ignore[misc]
    """What both splitters share; not abstract for scikit-learn, as `split` is their own."""

    # groups are asked for where metadata is routed, as scikit-learn's splitters by group do
    __metadata_request__split = {"groups": True}  # noqa: RUF012

    n_splits: int

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""
        return self.n_splits


class LongTailGroupKFold(_GroupSplitter):
    """Folds that keep groups whole and can be measured on rare classes: `grouped_folds` for scikit-learn.

    A class of one group is in no test part, as nothing of it would be left to learn from; from two groups on it is in
    some test part, and in every training part.

    Args:
        n_splits: number of folds, at least 2.
        random_state: seed.

    Example:
        >>> import numpy as np
        >>> labels, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 3, 4])
        >>> for train, test in LongTailGroupKFold(2).split(labels[:, None], labels, groups):
        ...     print(len(set(groups[train]) & set(groups[test])), sorted(set(labels[train].tolist())))
        0 [0, 1]
        0 [0, 1]
    """

    def __init__(self, n_splits: int = 5, *, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield rows to learn from and rows to measure on, once for each fold.

        Args:
            X: not looked at.
            y: class of each row, numbers or strings, shape (N,).
            groups: group of each row, numbers or strings, shape (N,).

        Raises:
            InputError: no classes, no groups, or fewer groups than folds.
        """
        labels = _codes(y, groups, type(self).__name__)
        folds = grouped_folds(labels, groups, self.n_splits, _seed(check_random_state(self.random_state)))
        num_folds = len(np.unique(folds[folds >= 0]))
        if num_folds < self.n_splits:
            raise InputError(
                f"`n_splits` is {self.n_splits}, but whole groups fill {num_folds} folds, where one that holds a class "
                "of one group is always learnt from; expected more groups or fewer folds."
            )
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


class LongTailGroupShuffleSplit(_GroupSplitter):
    """Splits, each drawn anew, that keep groups whole and rare classes in: `grouped_split` for scikit-learn.

    Args:
        n_splits: how many are drawn.
        test_size: wished share of the rows, and of each class, to measure on.
        random_state: seed.

    Example:
        >>> import numpy as np
        >>> labels, groups = np.repeat([0, 1], [8, 2]), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5])
        >>> for train, test in LongTailGroupShuffleSplit(2, test_size=0.25).split(labels, labels, groups):
        ...     print(np.bincount(labels[train]), np.bincount(labels[test]))
        [6 1] [2 1]
        [6 1] [2 1]
    """

    def __init__(self, n_splits: int = 5, *, test_size: float = 0.2, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield rows to learn from and rows to measure on, once for each split.

        Args:
            X: not looked at.
            y: class of each row, numbers or strings, shape (N,).
            groups: group of each row, numbers or strings, shape (N,).

        Raises:
            InputError: no classes or no groups, or a share that is none.
        """
        labels = _codes(y, groups, type(self).__name__)
        if not 0 < self.test_size < 1:
            raise InputError(f"`test_size` is {self.test_size}; expected above 0 and below 1.")
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            rows = grouped_split(labels, groups, {"test": self.test_size}, _seed(rng)).rows
            if not len(rows["test"]):
                raise InputError(
                    "nothing can be measured on: each class has one group, or groups that such classes need; expected "
                    "a class of two groups."
                )
            yield rows["train"], rows["test"]


def _codes(y: Any, groups: Any, name: str) -> IntArray:
    """Number the classes."""
    for argument, value in (("y", y), ("groups", groups)):
        if value is None:
            raise InputError(f"{name} needs `{argument}`; expected one for each row.")
    return np.unique(np.asarray(y), return_inverse=True)[1]


def _seed(rng: Any) -> int:
    return int(rng.randint(2**31 - 1))
