"""A head as somebody would add one: the file that would lie in `longtail/heads/`."""

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike

from longtail.heads.linear import LinearHead
from longtail.heads.parameters import Constraints, real


class ClassMedians(LinearHead):
    """The nearest class median.

    logit_c = m_c . x - ||m_c||^2 / 2, m_c = strength * median of the rows of class c
    """

    _parameter_constraints: ClassVar[Constraints] = {"strength": [real(above=0)]}

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Take the median of every feature over the rows of each class."""
        array, codes, dtype = self._begin(X, y)
        medians: Any = np.stack([np.median(array[codes == c], axis=0) for c in range(len(self.classes_))])
        weight = torch.from_numpy(self.strength * medians).to(dtype)
        self._set_linear(weight, -weight.square().sum(dim=1) / 2)
        self.selected_on_ = "not selected"
        return self
