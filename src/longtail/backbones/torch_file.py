"""Read a file of tensors without running code that it may hold."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from longtail.errors import InputError

__all__ = ["is_left_out", "read_torch_file", "refuse_pointer"]

# What training scripts put beside the weights: settings, scores, logs. None of it is of use here.
_BESIDE_WEIGHTS = (
    "argparse.Namespace",
    "builtins.getattr",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.PosixPath",
    "__builtin__.getattr",
)
_POINTER = b"version https://git-lfs"
_CODE = re.compile(r"GLOBAL (\S+)|reduce for unrecognized function|Can only (?:create|build)")


class _Inert:
    """Stands in the place of such an object: takes what it is given and does nothing with it."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def read_torch_file(path: Path, *, expected: str) -> Any:
    """Read tensors and plain values onto the CPU.

    Numpy scalars, argparse settings and training logs that stand beside the weights are replaced by empty objects.

    Args:
        path: file that `torch.save` wrote, or one that ends in .safetensors.
        expected: what the file should have been, for messages.

    Raises:
        InputError: no such file, truncated, not a file of torch, or a pickle that would run code (never run).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint. Expected {expected}.")
    refuse_pointer(path, expected=expected)
    try:
        return _read(path)
    except PermissionError:
        raise
    # whatever a damaged file makes its reader stumble over: torch raises a dozen kinds
    except Exception as error:
        if code := _CODE.search(str(error)):
            raise InputError(
                f"{path}: holds more than tensors and plain values ({code[1] or 'objects'}), which could run code when "
                f"it is read; it was not read. Expected {expected}. Where the file is your own, save its state dict "
                "alone."
            ) from error
        reason = str(error).split("\n")[0].split(". ")[0].removesuffix(".")[:120] or "it ends too early"
        if "Weights only load failed" in reason:
            reason = "no pickle of torch"
        raise InputError(f"{path}: truncated, or not a checkpoint ({reason}). Expected {expected}.") from error


def refuse_pointer(path: Path, *, expected: str) -> None:
    """Refuse a file that Git LFS left in the place of the real one.

    Raises:
        InputError: says how to get the real one.
    """
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise InputError(
                f"{path}: is a pointer of Git LFS, not the file itself. Fetch it (git lfs pull). Expected {expected}."
            )


def is_left_out(content: Any) -> bool:
    """Say whether something in it is no plain value, and was replaced by an empty object when it was read."""
    if isinstance(content, Mapping):
        return any(is_left_out(value) for value in content.values())
    if isinstance(content, list | tuple):
        return any(is_left_out(value) for value in content)
    return isinstance(content, _Inert) or content is _Inert


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    inert: list[Any] = [(_Inert, name) for name in _BESIDE_WEIGHTS]
    with torch.serialization.safe_globals(inert), warnings.catch_warnings():
        # that a file looks like TorchScript is told by the error that follows
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)
