"""NCM: the class whose mean feature is nearest."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longtail.heads.base import Head
from longtail.heads.learned_state import Array, Learned
from longtail.heads.parameters import DEVICE, Constraints, words
from longtail.heads.rows import chunks
from longtail.heads.standardisation import scale_note

__all__ = ["NearestClassMean"]

Transform = Literal["un", "l2n", "cl2n"]
Metric = Literal["l2", "cosine", "dot"]


class _ParameterOnly:
    """A constructor argument that is no attribute: scikit-learn takes whatever has `transform` for a transformer."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(f"{self.name} is a parameter; read it with get_params()['{self.name}'].")

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.name] = value


class NearestClassMean(Head):
    """Nearest class mean (NCM): assign an image to the class whose mean feature is nearest; nothing is trained.

    With g the transformed feature and m_c the mean of g over class c:

    - l2: logit_c = -||g - m_c||^2
    - cosine: logit_c = g . m_c / (||g|| ||m_c||)
    - dot: logit_c = g . m_c / D, which the released code calls cosine; the means' lengths stay in it

    Args:
        transform: "un" leaves features as they are, "l2n" divides by their length, "cl2n" subtracts the mean of all
            training features before. As in the released code, that mean is over images, so common classes weigh more,
            and class means are not normalised again.
        metric: "l2", "cosine" or "dot".
        device: where to compute, such as "cpu" or "cuda".

    Attributes:
        means_: m_c, shape (C, D).
        center_: what is subtracted first, shape (D,); 0 unless "cl2n".
        classes_: labels in the order of the logits, shape (C,).
        selected_on_: "not selected".

    Raises:
        InputError: unusable features or labels, or an unknown transform or metric.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, arXiv
        1910.09217, section 4.1.

    Example:
        >>> features = np.array([[0.0, 1.0], [0.2, 1.0], [1.0, 0.0]])
        >>> NearestClassMean().fit(features, ["up", "up", "right"]).predict([[2.0, 0.1]])
        array(['right'], dtype='<U5')
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "transform": [words(Transform)],
        "metric": [words(Metric)],
        "device": [DEVICE],
    }

    _learned: ClassVar[Learned] = {
        **Head._learned,
        "center_": Array(("D",)),
        "means_": Array(("C", "D")),
    }
    _predicts_by: ClassVar[tuple[str, ...]] = ("transform", "metric")

    transform = _ParameterOnly()

    def __init__(
        self,
        *,
        transform: Transform = "cl2n",
        metric: Metric = "l2",
        device: str = "cpu",
    ) -> None:
        self.transform = transform
        self.metric = metric
        self.device = device

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"device": self.device, "metric": self.metric, "transform": self._transform}

    @property
    def _transform(self) -> Any:
        return vars(self)["transform"]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Average the features X (N, D) of each class of labels y (N,)."""
        array, codes, dtype = self._begin(X, y)
        self.center_: NDArray[Any] = np.zeros(array.shape[1], dtype=np.float64)
        if self._transform == "cl2n":
            total = sum(rows.sum(dim=0, dtype=torch.float64).cpu() for _, rows in chunks(array, self.device))
            self.center_ = (total / len(array)).numpy()  # type: ignore[union-attr]
        sums = torch.zeros(
            len(self.classes_), array.shape[1], dtype=torch.float64, device=self.device
        )  # float64: a class mean may be over thousands of rows
        for rows, block in chunks(array, self.device):
            index = torch.from_numpy(codes[rows]).to(self.device)
            sums.index_add_(0, index, self._transformed(block).double())
        counts = torch.from_numpy(np.bincount(codes)).to(self.device)
        self.means_ = (sums / counts[:, None]).to(dtype).cpu().numpy()
        self.selected_on_ = "not selected"
        self.notes_ = scale_note(array, device=self.device)
        return self

    def _transformed(self, features: Tensor) -> Tensor:
        if self._transform == "un":
            return features
        if self._transform == "cl2n":
            features = features - torch.from_numpy(self.center_).to(features)
        # a zero feature has no direction: it stays zero instead of becoming NaN
        return torch.nn.functional.normalize(features, dim=1, eps=torch.finfo(features.dtype).tiny)

    def _chunk_logits(self, features: Tensor) -> Tensor:
        queries = self._transformed(features)
        means = torch.from_numpy(self.means_).to(features)
        if self.metric == "dot":
            return queries @ means.T / means.shape[1]
        if self.metric == "cosine":
            eps = torch.finfo(features.dtype).tiny
            directions = torch.nn.functional.normalize(means, dim=1, eps=eps)
            return torch.nn.functional.normalize(queries, dim=1, eps=eps) @ directions.T
        # -(|q|^2 + |m|^2 - 2 q.m) in one matrix of scores: with thousands of classes each further one would be large
        scores = torch.addmm(-means.square().sum(dim=1), queries, means.T, alpha=2)
        return scores.sub_(queries.square().sum(dim=1, keepdim=True))
