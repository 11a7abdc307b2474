"""A head behind a feature transform, as one head."""

import inspect
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.base import Head, ImpliedPrior, check_same_classes
from longtail.heads.feature_transform import FeatureTransform, TransformKind
from longtail.heads.learned_state import Learned, Part
from longtail.heads.linear import LinearHead
from longtail.heads.nearest_class_mean import NearestClassMean
from longtail.heads.parameters import Constraints, words

__all__ = ["Transformed", "folded"]


class Transformed(Head):
    """Transform the features, then let a head classify them.

    logits = head(t(x))

    scikit-learn's pipeline does the same; this is a head itself: it is stored without pickle, chooses on `validation`
    where its head does, and `folded` makes one linear layer of it where that is possible.

    Args:
        head: an unfitted head of this package; None takes `NearestClassMean`.
        feature_transform: a kind of `FeatureTransform`, or an unfitted one.

    Attributes:
        head_: fitted to the transformed features.
        feature_transform_: fitted to the features.
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: of the head.

    Raises:
        InputError: unusable features or labels, or no such kind.

    Example:
        >>> features, labels = [[1.0, 0.1], [0.2, 0.1], [0.1, 1.0]], ["right", "right", "up"]
        >>> Transformed(feature_transform="l2").fit(features, labels).predict([[0.1, 0.2]])
        array(['up'], dtype='<U5')
    """

    _parameter_constraints: ClassVar[Constraints] = {"feature_transform": [words(TransformKind), FeatureTransform]}

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "feature_transform_": Part(FeatureTransform),
        "head_": Part(Head),
    }

    def __init__(self, head: Head | None = None, feature_transform: TransformKind | FeatureTransform = "l2") -> None:
        self.head = head
        self.feature_transform = feature_transform

    @classmethod
    def of(cls, feature_transform: FeatureTransform, head: Head) -> Self:
        """Put together a fitted transform and a head that was fitted to what it gives."""
        result = cls(clone(head), clone(feature_transform))
        result._take(feature_transform, head)
        return result

    @property
    def implied_prior(self) -> ImpliedPrior:
        """Return the world where softmax(logits) is a probability: that of the head."""
        inner: Any = getattr(self, "head_", self.head)
        prior: ImpliedPrior = "uniform" if inner is None else inner.implied_prior
        return prior

    @property
    def implied_shares(self) -> NDArray[np.float64]:
        """Share of each class in the world whose probabilities softmax(logits) stands for: that of the head."""
        return self.head_.implied_shares

    def parameters_in_use(self) -> dict[str, Any]:
        """Return those of the head behind the transform, and which transform that is."""
        return {**self.head_.parameters_in_use(), "feature_transform": self.feature_transform_.kind}

    def chosen_parameters(self) -> dict[str, Any]:
        """Return what the head behind the transform chose."""
        return self.head_.chosen_parameters()

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Fit the transform, then the head to what it gives.

        Args:
            X: features of the training images, shape (N, D).
            y: labels, shape (N,).
            validation: features and labels on which the head chooses, where it does.
        """
        array, codes, _ = self._begin(X, y)
        judged = self._judged(validation)
        kind = self.feature_transform
        transform = clone(kind) if isinstance(kind, FeatureTransform) else FeatureTransform(kind)
        if not (self.head is None or isinstance(self.head, Head)):
            raise InputError(f"head is {type(self.head).__name__}; expected a head of longtail.")
        head: Head = NearestClassMean() if self.head is None else clone(self.head)
        settings: dict[str, Any] = {}
        transform.fit(array)
        if judged is not None and "validation" in inspect.signature(head.fit).parameters:
            settings["validation"] = transform.rows(judged[0]), self.classes_[judged[1]]
        self._take(transform, head.fit(transform.rows(array), self.classes_[codes], **settings))
        return self

    def _take(self, feature_transform: FeatureTransform, head: Head) -> None:
        self.feature_transform_, self.head_ = feature_transform, head
        self.classes_, self.class_counts_ = head.classes_, head.class_counts_
        if hasattr(head, "image_counts_"):
            self.image_counts_ = head.image_counts_
        self.n_features_in_, self.selected_on_ = head.n_features_in_, head.selected_on_
        self.notes_ = head.notes_

    def _check_learned(self, sizes: dict[str, int]) -> None:
        super()._check_learned(sizes)
        check_same_classes("head_", self.head_, self)

    @property
    def _device(self) -> str:
        return self.head_._device

    def _chunk_logits(self, features: Tensor) -> Tensor:
        return self.head_._chunk_logits(self.feature_transform_.apply(features))


def folded(head: Head) -> Head:
    """Make one linear layer of a linear head behind an affine transform; give any other head back as it is.

    Args:
        head: fitted.

    Returns:
        A head with the same logits.

    Example:
        >>> from longtail.heads import WeightedRidge
        >>> features, labels = np.random.default_rng(0).normal(size=(40, 3)) + 5, np.arange(40) % 2
        >>> head = Transformed(WeightedRidge(), "standardise").fit(features, labels)
        >>> type(folded(head)).__name__, np.allclose(folded(head).logits(features), head.logits(features))
        ('WeightedRidge', True)
    """
    if not isinstance(head, Transformed) or not isinstance(head.head_, LinearHead):
        return head
    if not head.feature_transform_.is_affine:
        return head
    inner = head.head_
    plain: LinearHead = clone(inner)
    for name, value in vars(inner).items():
        if name.endswith("_"):
            setattr(plain, name, value)
    plain.weight_, plain.bias_ = head.feature_transform_.folded(inner.weight_, inner.bias_)
    return plain
