"""Start Lightning Fabric from the runtime settings."""

import atexit
from collections.abc import Mapping
from typing import TYPE_CHECKING

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["launch", "processes", "resolve_device", "resolve_precision"]


def launch(runtime: RuntimeOptions) -> "Fabric":
    """Start the processes, or join those that torchrun or SLURM started, and place this one on its device.

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
    devices, nodes = processes(os.environ, runtime.devices)
    if device == "cuda":
        import torch

        if devices > torch.cuda.device_count():
            raise InputError(f"--devices {devices}: there are {torch.cuda.device_count()} GPUs here.")
    fabric = Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=flag,  # type: ignore[arg-type]
    )
    fabric.launch()
    if fabric.world_size > 1:
        # else the interpreter's end may take torch's threads down while they run, and a finished job aborts
        atexit.register(_part)
    return fabric


def _part() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def processes(environment: Mapping[str, str], wanted: int) -> tuple[int, int]:
    """Say how many processes run on each node, and on how many nodes.

    Args:
        environment: torchrun and `srun` say in it what they started.
        wanted: processes where neither started this one.

    Returns:
        Processes a node, nodes.

    Raises:
        InputError: fewer than one process, or SLURM's tasks are not spread evenly over its nodes.

    Example:
        >>> processes({"WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}, 1)
        (8, 2)
        >>> processes({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_NNODES": "2"}, 1)
        (4, 2)
    """
    if "LOCAL_WORLD_SIZE" in environment:  # torchrun
        local = int(environment["LOCAL_WORLD_SIZE"])
        return local, max(int(environment.get("WORLD_SIZE", local)) // local, 1)
    # in a shell inside an allocation these are set too, but nothing was started there by srun
    interactive = environment.get("SLURM_JOB_NAME") in ("bash", "interactive")
    if {"SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS"} <= environment.keys() and not interactive:
        tasks, nodes = int(environment["SLURM_NTASKS"]), int(environment.get("SLURM_NNODES", "1"))
        if tasks % nodes:
            raise InputError(
                f"SLURM gives {tasks} tasks on {nodes} nodes; expected as many on each: --ntasks-per-node GPUS."
            )
        return tasks // nodes, nodes
    if wanted < 1:
        raise InputError(f"--devices {wanted}; expected at least 1.")
    return wanted, 1


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
