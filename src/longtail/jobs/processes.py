"""Which processes work together: what torchrun and SLURM say of them in the environment, and those started here."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from longtail.errors import InputError

__all__ = ["Processes", "processes", "start_others"]

# torchrun sets these for each process that it starts; so does `start_others`
_TORCHRUN = {"LOCAL_WORLD_SIZE": 1, "WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": 0, "MASTER_PORT": 1}
_SLURM = {"SLURM_PROCID": 0, "SLURM_LOCALID": 0, "SLURM_NODEID": 0, "SLURM_NTASKS": 1, "SLURM_NNODES": 1}
# Lightning reads these wherever they are set
_ALWAYS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


@dataclass(frozen=True)
class Processes:
    """The processes of a command.

    Attributes:
        started_by: what started this one and the others; "nobody" where this one has to.
        local: how many on each node.
        nodes: how many nodes.
    """

    started_by: Literal["torchrun", "slurm", "nobody"]
    local: int
    nodes: int = 1

    @property
    def number(self) -> int:
        """Processes on all nodes."""
        return self.local * self.nodes


def processes(environment: Mapping[str, str], wanted: int) -> Processes:
    """Return how many processes run on each node, on how many nodes, and what started them.

    Args:
        environment: torchrun and `srun` say in it what they started.
        wanted: processes where neither started this one; at least 1.

    Raises:
        InputError: a variable that is no number, out of range or missing, or processes that are not spread evenly over
            the nodes.

    Example:
        >>> torchrun = {"RANK": "9", "LOCAL_RANK": "1", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}
        >>> processes({**torchrun, "MASTER_PORT": "29500"}, 1)
        Processes(started_by='torchrun', local=8, nodes=2)
        >>> processes({"LOCAL_WORLD_SIZE": "eight"}, 1)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: the environment variable LOCAL_WORLD_SIZE is 'eight'; expected a whole number ...
    """
    for name in _ALWAYS:
        if name in environment:
            _number(environment, name, 0)
    if "LOCAL_WORLD_SIZE" in environment:
        return _of_torchrun(environment)
    # in a shell inside an allocation these are set too, but nothing was started there by srun
    interactive = environment.get("SLURM_JOB_NAME") in ("bash", "interactive")
    if {"SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS"} <= environment.keys() and not interactive:
        return _of_slurm(environment)
    return Processes("nobody", wanted)


def _of_torchrun(environment: Mapping[str, str]) -> Processes:
    result = {name: _number(environment, name, least) for name, least in _TORCHRUN.items()}
    number, local = result["WORLD_SIZE"], result["LOCAL_WORLD_SIZE"]
    if number % local or result["RANK"] >= number or result["LOCAL_RANK"] >= local:
        settings = ", ".join(f"{name} {value}" for name, value in result.items() if name != "MASTER_PORT")
        raise InputError(f"{settings} in the environment; expected ranks below the sizes, and as many on each node.")
    return Processes("torchrun", local, number // local)


def _of_slurm(environment: Mapping[str, str]) -> Processes:
    number = _number(environment, "SLURM_NTASKS", 1)
    if number == 1:
        return Processes("nobody", 1)
    result = {name: _number({"SLURM_NNODES": "1", **environment}, name, least) for name, least in _SLURM.items()}
    nodes = result["SLURM_NNODES"]
    local = _number({"SLURM_NTASKS_PER_NODE": "0", **environment}, "SLURM_NTASKS_PER_NODE", 0)
    if number != nodes * local:
        raise InputError(
            f"SLURM gives {number} tasks on {nodes} nodes, {local or 'an unknown number'} on each; expected as many on "
            "each, with srun --ntasks-per-node GPUS."
        )
    return Processes("slurm", local, nodes)


def _number(environment: Mapping[str, str], name: str, least: int) -> int:
    given = environment.get(name)
    try:
        number = int(given or "", 10)
    except ValueError:
        number = -1
    if not least <= number < 2**31:
        came = "is not set" if given is None else f"is {given!r}"
        raise InputError(
            f"the environment variable {name} {came}; expected a whole number of at least {least}, as torchrun and "
            "SLURM set it. Where neither of them started this, unset it and the others like it."
        )
    return number


def start_others(number: int) -> list["subprocess.Popen[bytes]"]:
    """Start this command again, once for each further process on this machine, and tell all of them their ranks.

    Args:
        number: of processes, this one included; it becomes the first.

    Returns:
        The processes with the ranks 1, 2, ...
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(
        WORLD_SIZE=str(number), LOCAL_WORLD_SIZE=str(number), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    os.environ.update(GROUP_RANK="0", NODE_RANK="0", RANK="0", LOCAL_RANK="0")
    return [
        subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]], env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        )
        for rank in range(1, number)
    ]
