"""The precision of matrix products."""

from typing import Literal

import torch

__all__ = ["Precision", "computing_in"]

Precision = Literal["float32", "bfloat16"]


def computing_in(precision: Precision, device: str = "cpu") -> torch.autocast:
    """Return a context in which matrix products of float32 are computed in a precision.

    Args:
        precision: "float32" leaves everything as it is; "bfloat16" rounds the factors of each product and its result
            to 8 significant bits. Tensors of float64 stay what they are.
        device: of the tensors.

    Example:
        >>> with computing_in("bfloat16"):
        ...     (torch.ones(2, 3) @ torch.ones(3)).dtype
        torch.bfloat16
    """
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")
