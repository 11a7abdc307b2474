"""Read a file of torch without running code that it may hold."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from longtail.errors import InputError

__all__ = ["read_torch_file"]


def read_torch_file(path: Path, *, expected: str) -> Any:
    """Read tensors and plain values onto the CPU.

    Args:
        path: file that `torch.save` wrote.
        expected: what the file should have been, for messages.

    Raises:
        InputError: no such file, truncated, not a file of torch, or a pickle that would run code (never run).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint. Expected {expected}.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: holds more than tensors and plain values, which could run code when it is read; it was not read. "
            f"Expected {expected}. Where the file is your own, save its state dict alone."
        ) from error
    except (RuntimeError, EOFError, zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        reason = str(error).split("\n")[0][:120]
        raise InputError(f"{path}: truncated, or not a checkpoint ({reason}). Expected {expected}.") from error
