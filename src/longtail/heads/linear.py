"""Linear heads: logits = features W^T + b."""

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.errors import InputError
from longtail.heads.base import Head, Prior
from longtail.heads.learned_state import Array, Learned
from longtail.heads.linear_fit import TrainedLayer
from longtail.priors import log_odds_shift, prior_of_counts

__all__ = ["LinearHead", "LinearParameters", "check_linear"]

LinearParameters = tuple[ArrayLike, ArrayLike]


class LinearHead(Head):
    """A head whose logits are features W^T + b.

    Attributes:
        weight_: W, shape (C, D).
        bias_: b, shape (C,).
    """

    _learned: ClassVar[Learned] = {**Head._learned, "weight_": Array(("C", "D")), "bias_": Array(("C",))}

    weight_: NDArray[Any]
    bias_: NDArray[Any]
    selected_on_: str

    def take(
        self,
        weight: NDArray[Any],
        bias: NDArray[Any],
        classes: ArrayLike | None = None,
        class_counts: ArrayLike | None = None,
    ) -> Self:
        """Take over a classifier that was trained elsewhere, as if it had been fitted here.

        Args:
            weight: shape (C, D).
            bias: shape (C,).
            classes: labels in the order of the logits, shape (C,); default 0 .. C-1.
            class_counts: images of each class that it was trained on, shape (C,); needed to predict for another prior.

        Raises:
            InputError: other shapes, numbers that are not finite, or labels or counts that are none.
        """
        shape = np.shape(weight)
        if len(shape) != 2:
            raise InputError(f"weight has shape {shape}; expected a row for each class, (C, D).")
        self.weight_, self.bias_ = check_linear((weight, bias), *shape)
        self.classes_ = np.arange(shape[0]) if classes is None else np.asarray(classes)
        if self.classes_.shape != shape[:1] or len(np.unique(self.classes_)) != shape[0]:
            raise InputError(f"classes have shape {self.classes_.shape}; expected {shape[0]} different labels.")
        if class_counts is not None:
            prior_of_counts(class_counts)  # checks them
            self.class_counts_ = np.asarray(class_counts)
            if self.class_counts_.shape != shape[:1]:
                raise InputError(f"class_counts have shape {self.class_counts_.shape}; expected ({shape[0]},).")
        self.n_features_in_ = shape[1]
        self.selected_on_ = "not selected"
        return self

    def _set_linear(self, weight: Tensor, bias: Tensor) -> None:
        arrays = (np.ascontiguousarray(part.detach().cpu().numpy()) for part in (weight, bias))
        self.weight_, self.bias_ = (_finite(part) for part in arrays)

    def _take_layer(self, layer: TrainedLayer) -> None:
        self._set_linear(layer.weight, layer.bias)
        self.losses_, self.converged_ = layer.losses, layer.converged
        self.notes_ = (*self.notes_, *layer.notes)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        weight = torch.from_numpy(self.weight_).to(features)
        return torch.addmm(torch.from_numpy(self.bias_).to(features), features, weight.T)

    def bias_for(self, prior: Prior) -> NDArray[Any]:
        """Return the bias with which the layer itself says what the head says in another world.

        b'_c = b_c + log prior_c - log source_c, where source is `implied_shares`

        Args:
            prior: as in `logits`.

        Returns:
            Shape (C,).

        Raises:
            InputError: an unusable prior, or one in which a class has the share 0, which no finite bias can say.

        Example:
            >>> from longtail.heads import Joint
            >>> head = Joint().take(np.eye(2), np.zeros(2), class_counts=[30, 10])
            >>> head.bias_for("uniform").round(2).tolist()  # log(1/2) - log(3/4), log(1/2) - log(1/4)
            [-0.41, 0.69]
        """
        shares = self.prior_shares(prior)
        if not shares.all():
            raise InputError(
                f"prior: class {self.classes_[np.flatnonzero(shares == 0)[0]]} has the share 0, which no bias can say. "
                "Give it a small share."
            )
        shift = log_odds_shift(self.implied_shares, shares)
        return (self.bias_ + shift).astype(self.bias_.dtype)

    @property
    def weight_norms_(self) -> NDArray[Any]:
        """Length of each class's weight vector, shape (C,)."""
        norms: NDArray[Any] = np.linalg.norm(self.weight_, axis=1)
        return norms


def check_linear(head: LinearParameters, num_classes: int, dimension: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Check a trained linear head that was handed in.

    Args:
        head: weight (C, D) and bias (C,).
        num_classes: C of the labels.
        dimension: D of the features.

    Returns:
        Weight and bias as arrays of their own: float32, or float64 where they are no floats of at most 32 bits.

    Raises:
        InputError: not two arrays of numbers, other shapes than (C, D) and (C,), or numbers that are not finite.

    Example:
        >>> check_linear((np.ones((2, 3)), ["a", "b"]), 2, 3)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: the head's bias holds strings; expected real numbers.
    """
    if not isinstance(head, tuple | list) or len(head) != 2:
        raise InputError(f"head is {type(head).__name__}; expected a pair (weight C x D, bias C).")
    weight, bias = (_copied_floats(part, name) for part, name in zip(head, ("weight", "bias"), strict=True))
    if weight.shape != (num_classes, dimension) or bias.shape != (num_classes,):
        raise InputError(
            f"head has weight {weight.shape} and bias {bias.shape}; expected ({num_classes}, {dimension}) and "
            f"({num_classes},) for {num_classes} classes and {dimension} features. Use the head of the network that "
            "made the features."
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputError("head holds NaN or infinity; expected finite weights.")
    return weight, bias


KINDS = {"c": "complex numbers", "b": "booleans", "S": "bytes", "U": "strings", "M": "dates", "m": "spans of time"}


def _copied_floats(values: ArrayLike, name: str) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
    try:
        result = np.array(values)
    except ValueError as error:
        raise InputError(f"the head's {name} has rows of different lengths; expected real numbers.") from error
    if result.dtype.kind not in "iuf":
        held = KINDS.get(result.dtype.kind, "Python objects" if result.dtype.kind == "O" else "records")
        raise InputError(f"the head's {name} holds {held}; expected real numbers.")
    kind = np.float32 if result.dtype in (np.float16, np.float32) else np.float64
    return np.ascontiguousarray(result, dtype=kind)  # in this machine's order, rows one after another


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(array).all():
        raise InputError("the weights became infinite or NaN: a parameter is far too large, or the features are.")
    return array
