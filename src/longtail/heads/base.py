"""What all heads share: checked features, encoded labels, predictions from logits in bounded memory."""

from collections.abc import Iterator
from typing import Any, Literal, Protocol, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from torch import Tensor

from longtail.errors import InputError
from longtail.features import check_finite

__all__ = ["Head", "HeadProtocol", "ImpliedPrior", "RowSource", "chunks", "torch_rows"]

CHUNK_BYTES = (
    2**23
)  # of features that are converted, multiplied or compared at once: blocks that malloc keeps and reuses

# the world in which softmax(logits) would be a probability: where classes are as common as in train, or equally common
ImpliedPrior = Literal["train", "uniform"]


class HeadProtocol(Protocol):
    """The contract of a head: scikit-learn's, plus `logits`."""

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from features X (N, D) and labels y (N,)."""
        ...

    def logits(self, X: ArrayLike) -> NDArray[Any]:
        """Give one score a class, shape (N, C)."""
        ...

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the label of the highest logit, shape (N,)."""
        ...


class RowSource(Protocol):
    """What rows are taken from: an array, a mapped file, or something that puts them together when asked."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""
        ...

    def __getitem__(self, rows: Any) -> Any:
        """Give some rows."""
        ...


class Head(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Turn logits into everything that scikit-learn asks of a classifier.

    A subclass sets `classes_` through `_begin`, learns, and gives `_chunk_logits`: the logits of a few thousand rows.
    Features may be float16, float32 or float64, in memory or memory-mapped; no second copy of them is made.

    Attributes:
        classes_: labels in the order of the logits, shape (C,).
        class_counts_: rows of each class that it was fitted to, shape (C,).
        implied_prior: the world whose probabilities softmax(logits) stands for.
    """

    classes_: NDArray[Any]
    class_counts_: NDArray[np.int64]
    n_features_in_: int

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Say in which world softmax(logits) would be a probability; most heads make all classes equally common."""
        return "uniform"

    def _begin(self, features: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64], torch.dtype]:
        """Check what came, set classes and their counts; give features, class indices and the type to compute in."""
        array = validate_data(self, features, **FEATURES)
        if labels is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        target = column_or_1d(labels, warn=True)
        if len(target) != len(array):
            raise InputError(
                f"{len(array)} rows of features but {len(target)} labels; expected one label a row "
                "(inconsistent numbers of samples)."
            )
        if target.dtype.kind == "f":
            assert_all_finite(target, input_name="y")
        check_classification_targets(target)
        check_finite(array)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"all {len(target)} labels are {self.classes_[0]}: only one class. "
                "Expected at least two classes to tell apart."
            )
        self.class_counts_ = np.bincount(codes)
        return array, codes.astype(np.int64), _compute_dtype(array)

    def _encode(self, labels: ArrayLike) -> NDArray[np.int64]:
        """Give the class indices of labels that all were seen in training."""
        target = np.asarray(labels)
        codes = np.searchsorted(self.classes_, target).clip(max=len(self.classes_) - 1)
        unknown = target[self.classes_[codes] != target]
        if len(unknown):
            raise InputError(f"label {unknown[0]} is not among the {len(self.classes_)} classes of training.")
        return codes.astype(np.int64)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        raise NotImplementedError

    def logits(self, X: ArrayLike) -> NDArray[Any]:
        """Give one score a class.

        Args:
            X: features, shape (N, D).

        Returns:
            Scores in the order of `classes_`, shape (N, C).

        Raises:
            InputError: features that are not finite.
        """
        check_is_fitted(self)
        array = validate_data(self, X, reset=False, **FEATURES)
        check_finite(array)
        return np.concatenate([self._chunk_logits(rows).cpu().numpy() for _, rows in chunks(array, self._device)])

    @property
    def _device(self) -> str:
        return str(getattr(self, "device", "cpu"))

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Give the logits (N, C); of two classes, as scikit-learn has it, the second minus the first (N,)."""
        scores = self.logits(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the label of the highest logit, shape (N,)."""
        check_is_fitted(self)
        array = validate_data(self, X, reset=False, **FEATURES)
        check_finite(array)
        # the logits of a chunk are dropped once their maximum is known: N x C may be larger than the memory
        best = [self._chunk_logits(rows).argmax(dim=1).cpu().numpy() for _, rows in chunks(array, self._device)]
        return self.classes_[np.concatenate(best)]  # type: ignore[no-any-return]

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Give softmax(logits), shape (N, C): scores that sum to 1, not calibrated probabilities."""
        scores = torch.from_numpy(self.logits(X))
        return torch.softmax(scores, dim=1).numpy()


# any float type stays as it is, so that a memory-mapped file is not copied; finiteness is checked in chunks
FEATURES: dict[str, Any] = {
    "dtype": [np.float64, np.float32, np.float16],
    "ensure_all_finite": False,
    "accept_sparse": False,
}


def check_features(features: ArrayLike) -> NDArray[Any]:
    """Check a matrix of features (N, D) outside an estimator's own input."""
    array: NDArray[Any] = check_array(features, **FEATURES)
    check_finite(array)
    return array


def _compute_dtype(features: RowSource) -> torch.dtype:
    return torch.float64 if features.dtype == np.float64 else torch.float32


def torch_rows(features: RowSource, rows: Any, device: str = "cpu") -> Tensor:
    """Give some rows as a tensor of the type that heads compute in: float32, or float64 where it came so."""
    block = np.asarray(features[rows])
    # torch wants memory that could be written to; a mapped file's cannot. It converts float16 faster than numpy, and on
    # the device after a copy of half the size
    return torch.from_numpy(block if block.flags.writeable else block.copy()).to(device).to(_compute_dtype(features))


def chunks(features: NDArray[Any], device: str = "cpu") -> Iterator[tuple[slice, Tensor]]:
    """Walk over features (N, D) in pieces of a few MiB, each as (rows, tensor)."""
    size = max(CHUNK_BYTES // (4 * features.shape[1]), 256)
    for start in range(0, len(features), size):
        rows = slice(start, min(start + size, len(features)))
        yield rows, torch_rows(features, rows, device)
