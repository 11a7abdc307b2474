"""What the processor can do."""

from pathlib import Path

__all__ = ["cpu_has_bfloat16"]


def cpu_has_bfloat16() -> bool:
    """Say whether the processor has units for bfloat16; without them it is several times slower than float32."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = cpuinfo.read_text(encoding="utf-8", errors="replace")
    return "amx_bf16" in flags or "avx512_bf16" in flags
