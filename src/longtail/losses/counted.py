"""Class counts as the losses take them: tensors, arrays or lists of numbers."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longtail.counts import check_class_counts
from longtail.errors import InputError

__all__ = ["counts_tensor"]


def counts_tensor(class_counts: Tensor | ArrayLike) -> Tensor:
    """Return class counts as a tensor, a tensor as it is.

    Args:
        class_counts: n_c, shape (C,), C at least 1: what `longtail.class_counts` gives, a list, or a tensor.

    Returns:
        Shape (C,); whole numbers stay whole, others have torch's usual type.

    Raises:
        InputError: no list of numbers, no class, or a number that is negative, NaN or infinite.

    Example:
        >>> counts_tensor([30, 10])
        tensor([30, 10])
    """
    try:
        if isinstance(class_counts, Tensor):
            check_class_counts(class_counts.detach().to("cpu", torch.float64).numpy())
            return class_counts
        values = check_class_counts(class_counts)
    except InputError as error:
        raise InputError(f"{error} `longtail.class_counts(labels)` counts the images of each class.") from error
    if values.dtype.kind == "f":
        return torch.from_numpy(values.astype(np.float64)).to(torch.get_default_dtype())
    return torch.from_numpy(values.astype(np.int64))
