"""The precision of matrix products."""

from typing import Literal

import torch

from longtail.processor import cpu_has_bfloat16

__all__ = ["AutoPrecision", "Precision", "computing_in", "fast_precision", "settled_precision"]

Precision = Literal["float32", "bfloat16"]
AutoPrecision = Literal["auto", "float32", "bfloat16"]

WORTH_IT = 2**30  # multiplications of one pass over all rows, from which on rounding saves more than tenths of a second


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


def fast_precision(device: str = "cpu") -> Precision:
    """Return "bfloat16" where a device has units for its products, else "float32"."""
    kind = torch.device(device).type
    if kind == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if kind == "cpu" and cpu_has_bfloat16() else "float32"


def settled_precision(wanted: AutoPrecision, products: int, device: str = "cpu") -> Precision:
    """Return what "auto" means: "bfloat16" where there is much to multiply and a device has units for it.

    Args:
        wanted: as it was asked for.
        products: multiplications of one pass over all rows.
        device: that they are computed on.

    Example:
        >>> settled_precision("auto", 1000), settled_precision("bfloat16", 1000)
        ('float32', 'bfloat16')
    """
    if wanted != "auto":
        return wanted
    return fast_precision(device) if products > WORTH_IT else "float32"
