"""How many images a second a step takes."""

import time
from collections.abc import Callable

import torch

__all__ = ["rate_of"]


def rate_of(step: Callable[[], None], steps: int, images: int, device: torch.device) -> float:
    """Call a step some times; give images a second."""
    waits = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(2):
        step()  # the first steps choose kernels
    waits()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    waits()
    return steps * images / (time.perf_counter() - started)
