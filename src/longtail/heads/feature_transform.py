"""What is done to features before a head sees them: centred, brought to length 1, rooted, standardised."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from longtail.errors import InputError
from longtail.features import check_finite
from longtail.heads.base import FEATURES
from longtail.heads.learned_state import POSITIVE, STRINGS, Array, Learned, Plain
from longtail.heads.parameters import Constraints, check_parameters, words
from longtail.heads.rows import Features, LazyRows, TransformedRows, chunks
from longtail.heads.standardisation import feature_moments

__all__ = ["TRANSFORMS", "FeatureTransform", "TransformKind", "signed_root", "unit_length"]

TransformKind = Literal["none", "centre", "l2", "centre-l2", "power", "power-l2", "standardise"]
TRANSFORMS: tuple[TransformKind, ...] = get_args(TransformKind)
CENTRED = ("centre", "centre-l2", "standardise")


def unit_length(features: Tensor) -> Tensor:
    """Divide each row by its length.

    x / ||x||

    Args:
        features: shape (N, D).

    Returns:
        Shape (N, D); a row of zeros stays one.

    Example:
        >>> unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return torch.nn.functional.normalize(features, dim=1, eps=torch.finfo(features.dtype).tiny)


def signed_root(features: Tensor) -> Tensor:
    """Take the square root of each feature's size and keep its sign: large features of a few rows count less.

    sign(x) sqrt(|x|)

    Args:
        features: shape (N, D).

    Returns:
        Shape (N, D).

    Reference:
        Perronnin, Sánchez, Mensink, "Improving the Fisher Kernel for Large-Scale Image Classification", ECCV 2010,
        section 3.2 (followed there by l2).

    Example:
        >>> signed_root(torch.tensor([[4.0, -9.0]])).tolist()
        [[2.0, -3.0]]
    """
    return features.abs().sqrt_().mul_(features.sign())


class FeatureTransform(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One of a few transforms that help heads on frozen features, as a scikit-learn transformer.

    none: x;  centre: x - m;  l2: x / ||x||;  centre-l2: (x - m) / ||x - m||
    power: sign(x) sqrt(|x|);  power-l2: the same of length 1;  standardise: (x - m) / s, feature by feature

    m and s are mean and deviation over the training rows. A feature that never changes is left undivided.

    Args:
        kind: "none", "centre", "l2", "centre-l2", "power", "power-l2" or "standardise".
        keep_length: multiply the rows of the kinds that end in l2 by the root mean square length of the training rows:
            what is trained by gradient descent with a fixed learning rate then sees numbers of the size that it saw
            before.

    Attributes:
        mean_: m, shape (D,); None where it is not needed.
        deviation_: s, shape (D,); None where it is not needed.
        length_: what rows of length 1 are multiplied by.
        n_features_in_: D.

    Raises:
        InputError: unusable features, or no such kind.

    Example:
        >>> FeatureTransform("centre").fit_transform(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """

    n_features_in_: int

    _parameter_constraints: ClassVar[Constraints] = {"kind": [words(TransformKind)], "keep_length": ["boolean"]}

    _learned: ClassVar[Learned] = {
        "n_features_in_": Plain(Annotated[int, Meta(ge=1, le=2**31 - 1)]),
        "feature_names_in_": Array(("D",), STRINGS, optional=True),
        "mean_": Array(("D",), or_none=True),
        "deviation_": Array(("D",), above=0, or_none=True),
        "length_": POSITIVE,
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("kind",)

    def __init__(self, kind: TransformKind = "l2", *, keep_length: bool = False) -> None:
        self.kind = kind
        self.keep_length = keep_length

    def _check_learned(self, sizes: dict[str, int]) -> None:
        """Check that what its kind needs is there, and nothing else."""
        needs = {"mean_": self.kind in CENTRED, "deviation_": self.kind == "standardise"}
        for name, is_needed in needs.items():
            if (getattr(self, name) is not None) != is_needed:
                raise InputError(f"{name} is {'None' if is_needed else 'an array'}, which {self.kind!r} cannot use")

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Measure mean and deviation of features X (N, D), where they are needed."""
        check_parameters(self.get_params(deep=False), self._parameter_constraints)
        array = self._checked(X, reset=True)
        self.mean_: NDArray[np.float64] | None = None
        self.deviation_: NDArray[np.float64] | None = None
        self.length_ = 1.0
        if self.kind in CENTRED:
            moments = feature_moments(array)
            self.mean_ = moments.mean.numpy()
            self.deviation_ = moments.divisor.numpy() if self.kind == "standardise" else None
        if self.keep_length and self.kind.endswith("l2"):
            squares_of_all = sum(float(block.double().square().sum()) for _, block in chunks(array))
            self.length_ = float(np.sqrt(squares_of_all / len(array))) or 1.0
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Transform features.

        Args:
            X: features, shape (N, D).

        Returns:
            Shape (N, D), float64 where they came so, else float32.

        Raises:
            InputError: features that are not finite.
        """
        return np.asarray(self.rows(X))

    def rows(self, X: ArrayLike) -> TransformedRows:
        """Return features X (N, D) that are transformed block by block when they are asked for, with no copy of all.

        Raises:
            InputError: features that are not finite.
        """
        check_is_fitted(self)
        return TransformedRows(self._checked(X, reset=False), self.apply)

    def _checked(self, features: ArrayLike, *, reset: bool) -> Features:
        if isinstance(features, LazyRows):  # whose rows were checked where they came from
            if not reset and features.shape[1] != self.n_features_in_:
                raise InputError(f"rows have {features.shape[1]} features; expected {self.n_features_in_}.")
            self.n_features_in_ = features.shape[1]
            return features
        array: NDArray[Any] = validate_data(self, features, reset=reset, **FEATURES)
        check_finite(array)
        return array

    def apply(self, features: Tensor) -> Tensor:
        """Transform a tensor of features, shape (N, D)."""
        if self.kind.startswith("power"):
            features = signed_root(features)
        if self.mean_ is not None:
            features = features - torch.from_numpy(self.mean_).to(features)
        if self.deviation_ is not None:
            features = features / torch.from_numpy(self.deviation_).to(features)
        return unit_length(features) * self.length_ if self.kind.endswith("l2") else features

    @property
    def is_affine(self) -> bool:
        """Return whether it is a shift and a factor a feature, so that a linear head can take it over."""
        return self.kind in ("none", "centre", "standardise")

    def folded(self, weight: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the linear head on plain features that is the given one on transformed ones.

        W ((x - m) / s) + b = (W / s) x + b - (W / s) m

        Args:
            weight: W, shape (C, D).
            bias: b, shape (C,).

        Returns:
            Weight and bias of the same shapes and types.

        Raises:
            InputError: a kind that is not affine.
        """
        if not self.is_affine:
            raise InputError(
                f"{self.kind} is no shift and factor of each feature; expected none, centre or standardise."
            )
        scaled = weight.astype(np.float64)
        if self.deviation_ is not None:
            scaled = scaled / self.deviation_
        shift = 0.0 if self.mean_ is None else scaled @ self.mean_
        return scaled.astype(weight.dtype), (bias - shift).astype(bias.dtype)
