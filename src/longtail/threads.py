"""How many threads compute the steps of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_for"]

# up to here two threads save a quarter of a step, less than a millisecond, on an idle machine; on a busy one, where
# they wait for each other at each product, a step takes tens of times as long (benchmarks/speed/threads.py)
SMALL_STEP = 2**23


@contextmanager
def threads_for(multiplications: int) -> Iterator[None]:
    """Let one thread compute inside where each step is small, else as many as before.

    Args:
        multiplications: of a typical product in a step, such as rows of a batch times weights of a layer.

    Example:
        >>> with threads_for(multiplications=1000):
        ...     torch.get_num_threads()
        1
    """
    usual = torch.get_num_threads()
    if multiplications > SMALL_STEP or usual == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
