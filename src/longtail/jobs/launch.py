"""Start Lightning Fabric from the runtime settings."""

from typing import TYPE_CHECKING

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["launch", "resolve_device", "resolve_precision"]


def launch(runtime: RuntimeOptions) -> "Fabric":
    """Start the processes and place this one on its device.

    Raises:
        InputError: a device that is not there, or float16 on a CPU.
    """
    import logging
    import os
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        from lightning.fabric import Fabric

    for name in ("lightning.fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they announce what was asked for
    device = resolve_device(runtime.device)
    precision = resolve_precision(runtime.precision, device)
    flag = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}[precision]
    from_launcher = int(os.environ.get("WORLD_SIZE", "1"))  # torchrun
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", runtime.devices))
    nodes = max(from_launcher // devices, 1) if from_launcher > 1 else 1
    many = devices * nodes > 1
    fabric = Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if many else "auto",
        precision=flag,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def resolve_device(device: str) -> str:
    """Say which device "auto" means, and make sure that a named one is there.

    Raises:
        InputError: torch finds no such device.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here. Use --device cpu.")
    if device == "mps" and not torch.backends.mps.is_available():
        raise InputError("--device mps: torch finds no Apple GPU here. Use --device cpu.")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Say which arithmetic "auto" means on a device.

    Raises:
        InputError: float16 on a CPU, which has no fast float16 and no use for loss scaling.
    """
    import torch

    if precision == "auto":
        if device == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        # a processor without these instructions computes bfloat16 several times slower than float32
        return "bfloat16" if device == "cpu" and _cpu_has_bfloat16() else "float32"
    if precision == "float16" and device == "cpu":
        raise InputError("--precision float16 needs a GPU. On a CPU use bfloat16 or float32.")
    return precision


def _cpu_has_bfloat16() -> bool:
    from pathlib import Path

    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = cpuinfo.read_text(encoding="utf-8", errors="replace")
    return "amx_bf16" in flags or "avx512_bf16" in flags
