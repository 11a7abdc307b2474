"""What a stage of the GPU benchmark prints, and how it times."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

__all__ = ["Row", "Size", "peak_flops", "seconds_of", "stage_size"]


@dataclass(frozen=True)
class Size:
    """How large everything is, and where it is computed."""

    device: str
    tiny: bool

    def of(self, full: int, tiny: int) -> int:
        """Return one of two sizes."""
        return tiny if self.tiny else full


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    stage: str
    what: str
    value: float
    unit: str
    note: str = ""

    def tell(self) -> None:
        """Print it where the caller of the stage reads it: what is there counts, though the stage be stopped later."""
        print(json.dumps(asdict(self)), flush=True)


def stage_size(description: str) -> Size:
    """Read the options that every stage has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    return Size(**vars(parser.parse_args()))


def seconds_of(work: Callable[[], object], size: Size, repeat: int = 3) -> float:
    """Return the median of some calls after one that is not counted."""
    seconds = []
    for _ in range(repeat + 1):
        _wait(size)
        started = time.perf_counter()
        work()
        _wait(size)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def peak_flops(dtype: torch.dtype, size: Size) -> float:
    """Return the operations a second of a large square product: what this device really reaches."""
    width = size.of(8192, 256)
    left, right = (torch.randn(width, width, device=size.device).to(dtype) for _ in range(2))
    return 2 * width**3 / seconds_of(lambda: left @ right, size, repeat=10)


def _wait(size: Size) -> None:
    if size.device == "cuda":
        torch.cuda.synchronize()
