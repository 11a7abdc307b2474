"""What all heads share: checked features, encoded labels, predictions from logits in bounded memory."""

import warnings
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import estimator_html_repr
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
from longtail.heads.learned_state import NUMBERS, STRINGS, Array, Labels, Learned, Plain
from longtail.heads.notebook import head_table
from longtail.heads.parameters import Constraints, Each, check_parameters
from longtail.heads.rows import Features, LazyRows, chunks, compute_dtype
from longtail.priors import check_prior, log_odds_shift, prior_of_counts, uniform_prior

__all__ = ["Head", "HeadProtocol", "ImpliedPrior", "Prior"]

# the world in which softmax(logits) would be a probability: where classes are as common as in train, or equally common
ImpliedPrior = Literal["train", "uniform"]
# the world to predict for: one of those, or the share (or count) of each class
Prior = ImpliedPrior | ArrayLike


class HeadProtocol(Protocol):
    """The contract of a head: scikit-learn's, plus `logits`."""

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from features X (N, D) and labels y (N,)."""
        ...

    def logits(self, X: ArrayLike) -> NDArray[Any]:
        """Return one score a class, shape (N, C)."""
        ...

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the label of the highest logit, shape (N,)."""
        ...


class Head(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Turn logits into everything that scikit-learn asks of a classifier.

    A subclass says in `_parameter_constraints` what each parameter may be, in `_learned` what it learns, and in
    `_predicts_by` which parameters prediction reads. It sets `classes_` through `_begin`, learns, and gives
    `_chunk_logits`: the logits of a few thousand rows. Features may be float16, float32 or float64, in memory
    or memory-mapped; no second copy of them is made.

    Attributes:
        classes_: labels in the order of the logits, shape (C,).
        class_counts_: rows of each class that it was fitted to, shape (C,).
        image_counts_: images of each class, where somebody has set it: further views of them were rows too, shape (C,).
        class_names_: what people call the classes, shape (C,), where somebody has set it; stored with the head.
        feature_names_: what people call the features, shape (D,), the same.
        notes_: sentences about this fit that a person should read beside its results, such as one about an optimum that
            was not reached.
        implied_prior: the world whose probabilities softmax(logits) stands for.
    """

    _parameter_constraints: ClassVar[Constraints]
    _learned: ClassVar[Learned] = {
        "n_features_in_": Plain(Annotated[int, Meta(ge=1, le=2**31 - 1)]),
        "classes_": Labels(),
        "class_counts_": Array(("C",), NUMBERS, least=0, optional=True),
        "image_counts_": Array(("C",), NUMBERS, least=0, optional=True),
        "class_names_": Array(("C",), STRINGS, optional=True),
        "feature_names_": Array(("D",), STRINGS, optional=True),
        "feature_names_in_": Array(("D",), STRINGS, optional=True),
        "selected_on_": Plain(str),
        "notes_": Plain(tuple[str, ...], optional=True),
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ()

    classes_: NDArray[Any]
    class_counts_: NDArray[np.int64]
    class_names_: NDArray[np.str_]
    feature_names_: NDArray[np.str_]
    n_features_in_: int
    selected_on_: str
    notes_: tuple[str, ...] = ()

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability; most heads make all classes equally common."""
        return "uniform"

    def _begin(self, features: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64], torch.dtype]:
        """Check parameters, features and labels, and set classes and their counts.

        Returns:
            Features, class indices and the type to compute in.
        """
        check_parameters(self.get_params(deep=False), self._parameter_constraints)
        self.notes_ = ()
        for name in ("class_names_", "feature_names_", "image_counts_"):  # of what it was fitted to before
            self.__dict__.pop(name, None)
        array: Any
        if isinstance(features, LazyRows):  # whose rows were checked where they came from
            array, self.n_features_in_ = features, features.shape[1]
        else:
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
        with warnings.catch_warnings():  # many classes of few rows are what this is for
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            check_classification_targets(target)
        check_finite(array)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"all {len(target)} labels are {self.classes_[0]}: only one class. "
                "Expected at least two classes to tell apart."
            )
        self.class_counts_ = np.bincount(codes)
        return array, codes.astype(np.int64), compute_dtype(array)

    def _encode(self, labels: ArrayLike) -> NDArray[np.int64]:
        """Return the class indices of labels that all were seen in training."""
        target = np.asarray(labels)
        kinds = {self.classes_.dtype.kind in "US", target.dtype.kind in "US"}
        if len(kinds) > 1 and "O" not in (self.classes_.dtype.kind, target.dtype.kind):
            raise InputError(f"labels are {target.dtype}, and those of training {self.classes_.dtype}; expected alike.")
        codes = np.searchsorted(self.classes_, target).clip(max=len(self.classes_) - 1)
        unknown = target[self.classes_[codes] != target]
        if len(unknown):
            raise InputError(f"label {unknown[0]} is not among the {len(self.classes_)} classes of training.")
        return codes.astype(np.int64)

    def _judged(self, validation: tuple[ArrayLike, ArrayLike] | None) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """Check validation data against those of training; return features and class indices."""
        if validation is None:
            return None
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise InputError(f"validation is {type(validation).__name__}; expected a pair (features, labels).")
        features, codes = check_features(validation[0]), self._encode(validation[1])
        if features.shape[1] != self.n_features_in_ or codes.shape != features.shape[:1]:
            raise InputError(
                f"validation has features {features.shape} and labels {codes.shape}; expected (N, "
                f"{self.n_features_in_}) and (N,), as in training."
            )
        return features, codes

    def _check_learned(self, sizes: dict[str, int]) -> None:
        """Check what `_learned` cannot say, once all that it says is true; `sizes` are the lengths of its axes."""
        if hasattr(self, "class_counts_"):
            prior_of_counts(self.class_counts_)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        raise NotImplementedError

    def logits(self, X: ArrayLike, *, prior: Prior | None = None) -> NDArray[Any]:
        """Return one score a class, moved to a prior where one is asked for.

        logits'_c = logits_c + log prior_c - log source_c, where source is `implied_shares`

        Args:
            X: features, shape (N, D).
            prior: how common the classes are where the images come from: "uniform", "train", or the share of each
                class, shape (C,), in the order of `classes_`; None leaves the logits as they are. A class of share 0
                gets minus infinity and is never predicted.

        Returns:
            Scores in the order of `classes_`, shape (N, C).

        Raises:
            InputError: features that are not finite, an unusable prior, or a head that does not know its class counts.
        """
        check_is_fitted(self)
        array = validate_data(self, X, reset=False, **FEATURES)
        check_finite(array)
        return np.concatenate([scores.cpu().numpy() for scores in self._chunk_scores(array, prior)])

    def prior_shares(self, prior: Prior) -> NDArray[np.float64]:
        """Return the share of each class in a world that is named or given.

        Args:
            prior: "uniform", "train" (by images of `class_counts_`), shares, or whole numbers of images, shape (C,).

        Returns:
            Shape (C,), of sum 1.

        Raises:
            InputError: an unusable prior, or "train" of a head that does not know its class counts.

        Example:
            >>> from longtail.heads import NearestClassMean
            >>> head = NearestClassMean().fit(np.eye(4), [0, 0, 0, 1])
            >>> head.prior_shares("train").tolist(), head.prior_shares([1, 1]).tolist()
            ([0.75, 0.25], [0.5, 0.5])
        """
        num_classes = len(self.classes_)
        if not isinstance(prior, str):
            return check_prior(prior, num_classes)
        if prior == "uniform":
            return uniform_prior(num_classes)
        if prior != "train":
            raise InputError(f"no prior {prior!r}; expected 'uniform', 'train' or the share of each class.")
        if not hasattr(self, "class_counts_"):
            raise InputError(
                "this head does not know how many images of each class it was trained on: it was taken over from "
                "elsewhere, or saved by an older longtail. Set class_counts_, or fit it again."
            )
        return prior_of_counts(getattr(self, "image_counts_", self.class_counts_))

    @property
    def implied_shares(self) -> NDArray[np.float64]:
        """Share of each class in the world whose probabilities softmax(logits) stands for, shape (C,).

        Raises:
            InputError: it is that of train, and the head does not know its class counts.
        """
        shares = self.prior_shares(self.implied_prior)
        return shares if self.implied_prior == "uniform" else prior_of_counts(self.class_counts_)  # of rows, not images

    def _shift_to(self, prior: Prior | None) -> Tensor | None:
        """Return what is added to logits for a prior; None where they stay as they are."""
        if prior is None:
            return None
        if isinstance(prior, str) and prior == self.implied_prior and not hasattr(self, "class_counts_"):
            return None  # its own world, of which it need not know more
        source, target = self.implied_shares, self.prior_shares(prior)
        return None if np.array_equal(source, target) else torch.from_numpy(log_odds_shift(source, target))

    def _chunk_scores(self, features: Features, prior: Prior | None) -> Iterator[Tensor]:
        """Walk over the logits in pieces, each moved to the prior."""
        shift = self._shift_to(prior)
        for _, rows in chunks(features, self._device):
            scores = self._chunk_logits(rows)
            yield scores if shift is None else scores + shift.to(scores)

    def parameters_in_use(self) -> dict[str, Any]:
        """Return the parameters that had a part in this fitted head; in place of "auto" stands what it chose.

        The trained head that it started from, the device and the values that it tried are left out.
        """
        tried = {name for name, allowed in self._parameter_constraints.items() if isinstance(allowed[0], Each)}
        given = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in tried and name not in ("head", "device")
        }
        idle = self.idle_parameters(len(self.classes_), self.n_features_in_)
        return {name: value for name, value in (given | self.chosen_parameters()).items() if name not in idle}

    def idle_parameters(self, num_classes: int, num_features: int) -> dict[str, str]:
        """Return the parameters that have no part beside the others, each with the reason.

        Args:
            num_classes: C of the labels that it is fitted to.
            num_features: D.
        """
        tried_for = {
            name: allowed[0].parameter
            for name, allowed in self._parameter_constraints.items()
            if isinstance(allowed[0], Each) and allowed[0].parameter
        }
        values = {name: getattr(self, parameter) for name, parameter in tried_for.items()}
        return {
            name: f"{tried_for[name]} is {value:g}, not auto"
            for name, value in values.items()
            if not isinstance(value, str)
        }

    def chosen_parameters(self) -> dict[str, Any]:
        """Return the values that this fitted head chose in place of "auto"."""
        return {
            name: getattr(self, f"{name}_")
            for name, value in self.get_params(deep=False).items()
            if isinstance(value, str) and value == "auto" and hasattr(self, f"{name}_")
        }

    @property
    def _device(self) -> str:
        return str(getattr(self, "device", "cpu"))

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the logits (N, C); of two classes, as scikit-learn has it, the second minus the first (N,)."""
        scores = self.logits(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike, *, prior: Prior | None = None) -> NDArray[Any]:
        """Return the label of the highest logit, shape (N,); `prior` as in `logits`."""
        check_is_fitted(self)
        array = validate_data(self, X, reset=False, **FEATURES)
        check_finite(array)
        # the logits of a chunk are dropped once their maximum is known: N x C may be larger than the memory
        best = [scores.argmax(dim=1).cpu().numpy() for scores in self._chunk_scores(array, prior)]
        return np.asarray(self.classes_[np.concatenate(best)])

    def predict_proba(self, X: ArrayLike, *, prior: Prior | None = None) -> NDArray[Any]:
        """Return softmax(logits), shape (N, C): scores that sum to 1, not calibrated; `prior` as in `logits`."""
        scores = torch.from_numpy(self.logits(X, prior=prior))
        return torch.softmax(scores, dim=1).numpy()

    def _repr_html_inner(self) -> str:
        """Return what a notebook shows: a table of a fitted head, scikit-learn's diagram of one that is not."""
        return head_table(self) if hasattr(self, "classes_") else str(estimator_html_repr(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        # notebooks ask for this first; scikit-learn's own would show its diagram
        html = {"text/html": self._repr_html_inner()} if get_config()["display"] == "diagram" else {}
        return {"text/plain": repr(self), **html}


# any float type stays as it is, so that a memory-mapped file is not copied; finiteness is checked in chunks
FEATURES: dict[str, Any] = {
    "dtype": [np.float64, np.float32, np.float16],
    "ensure_all_finite": False,
    "accept_sparse": False,
}


def check_features(features: ArrayLike) -> NDArray[Any]:
    """Check a matrix of features (N, D) outside an estimator's own input."""
    if isinstance(features, LazyRows):  # whose rows were checked where they came from
        return features  # type: ignore[return-value]
    array: NDArray[Any] = check_array(features, **FEATURES)
    check_finite(array)
    return array


def check_same_classes(name: str, part: Head, whole: Head) -> None:
    """Check that a head inside another one knows the same classes in the same order."""
    if not np.array_equal(part.classes_, whole.classes_):
        raise InputError(f"{name} has the classes {part.classes_!r:.80}; expected {whole.classes_!r:.80}")
