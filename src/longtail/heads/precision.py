"""The precision of matrix products."""

from functools import cache
from pathlib import Path
from typing import Literal

import torch

__all__ = ["Precision", "computing_in", "cpu_has_bfloat16"]

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


@cache
def cpu_has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 faster than float32; only Linux says so."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
