"""What torch draws from its global generators: by a seed, and as if it had not been drawn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["drawn_by"]

_TURN = threading.RLock()  # there is one generator a device for all threads


@contextmanager
def drawn_by(seed: int, device: str = "cpu") -> Iterator[None]:
    """Let what draws from torch's generator of a device draw by a seed; afterwards it is as it was.

    One thread waits for the other. For what takes no generator of its own.

    Args:
        seed: at least 0.
        device: such as "cpu" or "cuda".

    Example:
        >>> before = torch.random.get_rng_state()
        >>> with drawn_by(0):
        ...     _ = torch.rand(3)
        >>> bool((torch.random.get_rng_state() == before).all())
        True
    """
    kind = torch.device(device).type
    with _TURN, torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        if kind == "cpu":
            torch.default_generator.manual_seed(seed)  # of this processor alone: fork_rng brings back no other
        else:
            torch.manual_seed(seed)
        yield
