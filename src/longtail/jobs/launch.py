"""Start Lightning Fabric from the runtime settings, and let all processes of a command end as one."""

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from longtail.errors import InputError, LongtailError
from longtail.jobs.process_ranks import Watch, joining
from longtail.jobs.processes import Processes, processes, start_others
from longtail.processor import cpu_has_bfloat16
from longtail.signals import ignore_stops

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.jobs.options import RuntimeOptions

__all__ = [
    "has_chosen_precision",
    "launch",
    "launch_alone",
    "resolve_device",
    "resolve_precision",
    "restored_threads",
    "together",
]

_FLAGS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
_ALONE = Processes("nobody", 1)
_with_chosen_precision: "WeakSet[Fabric]" = WeakSet()
_watches: list[Watch] = []  # of this process: one, where it works with others


def launch(runtime: "RuntimeOptions") -> "Fabric":
    """Start the processes, or join those that torchrun or SLURM started, and place this one on its device.

    Raises:
        InputError: a device that is not there, float16 on a CPU, or an environment that does not fit together.
        LongtailError: the processes do not find each other.
    """
    from longtail.jobs.pace import ask_for_threads

    ask_for_threads(runtime.threads)
    result = processes(os.environ, runtime.devices)
    kind = _fabric_class()
    device = resolve_device(runtime.device)
    precision = resolve_precision(runtime.precision, device)
    flag: Any = _FLAGS[precision]
    if device == "cuda":
        import torch

        if result.local > torch.cuda.device_count():
            raise InputError(f"--devices {result.local}: there are {torch.cuda.device_count()} GPUs here.")
    if result.number == 1:
        fabric: Fabric = kind(accelerator=device, devices=1, precision=flag, plugins=_environment(result))
        fabric.launch()
    else:
        fabric = _launch_several(result, device, flag, runtime.timeout)
    if runtime.precision == "auto":
        _with_chosen_precision.add(fabric)
    return fabric


def launch_alone(runtime: "RuntimeOptions") -> "Fabric":
    """Place this process on its device, whatever others torchrun or SLURM have started: it will not hear of them.

    Raises:
        InputError: as `launch`.
    """
    import torch

    from longtail.jobs.pace import ask_for_threads

    ask_for_threads(runtime.threads)
    processes(os.environ, runtime.devices)  # refuses numbers that are none, before Lightning stumbles over them
    kind = _fabric_class()
    device = resolve_device(runtime.device)
    precision = resolve_precision(runtime.precision, device)
    local = int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))
    devices: Any = [local % torch.cuda.device_count()] if device == "cuda" else 1
    alone = _environment(_ALONE)
    fabric: Fabric = kind(accelerator=device, devices=devices, precision=_FLAGS[precision], plugins=alone)
    fabric.launch()
    if runtime.precision == "auto":
        _with_chosen_precision.add(fabric)
    return fabric


def has_chosen_precision(fabric: "Fabric") -> bool:
    """Return whether nobody named the precision that a launch computes in."""
    return fabric in _with_chosen_precision


def _fabric_class() -> Any:
    import logging
    import warnings

    from longtail.quick_imports import load_late

    load_late("torchmetrics")  # Fabric looks for its version alone, which loads torchvision and transformers
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces what was asked for
    return Fabric


def _environment(world: Processes) -> Any:
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if world.started_by == "slurm":
        return SLURMEnvironment(auto_requeue=False)
    return TorchElasticEnvironment() if world.number > 1 else LightningEnvironment()


def _launch_several(world: Processes, device: str, precision: Any, patience: float) -> "Fabric":
    import torch.distributed as dist
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy
    from torch.distributed.distributed_c10d import _get_default_store

    started = start_others(world.local) if world.started_by == "nobody" else []
    asked = os.environ.get("OMP_NUM_THREADS")
    fabric = Fabric(
        accelerator=device,
        devices=world.local,
        num_nodes=world.nodes,
        strategy=DDPStrategy(timeout=timedelta(minutes=max(patience, 1))),
        precision=precision,
        plugins=_environment(world),
    )
    try:
        with joining(started):
            fabric.launch()
            # by the first long work of one process alone the others may have waited for hours: `Watch` knows better
            _set_timeout(timedelta(days=365))
            watch = Watch(_get_default_store().clone(), fabric.global_rank, fabric.world_size, patience, started)
            dist.barrier()
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise LongtailError(
            f"the {world.number} processes do not find each other at {place} within {patience:g} minutes (--timeout): "
            f"{str(error).splitlines()[0][:200]}"
        ) from error
    if asked is None:
        os.environ.pop("OMP_NUM_THREADS", None)  # Lightning has set it, as if somebody had asked for it
    watch.start()
    _watches.append(watch)
    # else the interpreter's end may take torch's threads down while they run, and a finished job aborts
    atexit.register(_part)
    return fabric


def _part() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def restored_threads() -> Iterator[None]:
    """Let the number of threads that a command computes with end with it."""
    torch, asked = sys.modules.get("torch"), os.environ.get("OMP_NUM_THREADS")
    usual = None if torch is None else torch.get_num_threads()
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(usual)
        os.environ.pop("OMP_NUM_THREADS", None)
        if asked is not None:
            os.environ["OMP_NUM_THREADS"] = asked


@contextmanager
def together() -> Iterator[None]:
    """Let what is inside end in all processes as it ends in the first that fails: one of them says why.

    Errors of torch about lost processes and missing memory become errors of ours.

    Raises:
        SystemExit: another process has said why the work ends, or is going to.
        LongtailError: a process was lost.
    """
    try:
        with restored_threads():
            yield
            for watch in _watches:
                watch.farewell()
    except BaseException as error:
        from longtail.training.failures import LostConnection, explain

        if _watches:
            ignore_stops()  # torchrun sends SIGTERM to the others as soon as one has ended
        failure: BaseException = explain(error) or error
        for watch in _watches:
            lost: list[int] = []
            if isinstance(failure, LostConnection):
                lost = watch.missing()
                failure = LongtailError(watch.is_gone(lost))
            is_first = watch.announce(_status(failure), lost)
            watch.reap()
            if not is_first:
                raise SystemExit(watch.status) from None
        if failure is error:
            raise
        raise failure from error
    finally:
        _watches.clear()


def _status(failure: BaseException) -> int:
    if isinstance(failure, KeyboardInterrupt):
        return int(getattr(failure, "status", 130))
    if isinstance(failure, SystemExit) and isinstance(failure.code, int):
        return failure.code
    return 2 if isinstance(failure, LongtailError | OSError) else 1


def resolve_device(device: str) -> str:
    """Return which device "auto" means, and make sure that a named one is there.

    Raises:
        InputError: torch finds no such device.
    """
    import torch

    from longtail.arguments import usual_device

    if device == "auto":
        return str(usual_device(device))
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here. Use --device cpu.")
    if device == "mps" and not torch.backends.mps.is_available():
        raise InputError("--device mps: torch finds no Apple GPU here. Use --device cpu.")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Return which arithmetic "auto" means on a device.

    Raises:
        InputError: float16 on a CPU, which has no fast float16 and no use for loss scaling.
    """
    import torch

    if precision == "auto":
        if device == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        # a processor without these instructions computes bfloat16 several times slower than float32
        return "bfloat16" if device == "cpu" and cpu_has_bfloat16() else "float32"
    if precision == "float16" and device == "cpu":
        raise InputError("--precision float16 needs a GPU. On a CPU use bfloat16 or float32.")
    return precision


def _set_timeout(timeout: timedelta) -> None:
    """Let collectives of the whole group wait so long; torch 2.11 has this under a name of its own."""
    import torch.distributed as dist

    if hasattr(dist, "set_timeout"):
        dist.set_timeout(timeout)
    else:
        dist.distributed_c10d._set_pg_timeout(timeout)
