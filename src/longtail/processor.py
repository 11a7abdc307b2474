"""What the processor can do."""

from functools import cache
from pathlib import Path

__all__ = ["cpu_has_bfloat16"]


@cache
def cpu_has_bfloat16() -> bool:
    """Return whether the processor has units for bfloat16, which only Linux says; others are several times slower.

    Example:
        >>> cpu_has_bfloat16() in (True, False)
        True
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
