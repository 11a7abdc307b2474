"""Read a file of tensors without running code that it may hold."""

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import torch

from longtail.backbones.foreign_models import refuse_other_format
from longtail.backbones.inert import Inert, filled, stand_ins
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["could_run_code", "read_torch_file", "refuse_pointer"]

_POINTER = b"version https://git-lfs"
_CODE = re.compile(r"GLOBAL (\S+)|reduce for unrecognized function|Can only (?:create|build|append|SETITEM)")


def read_torch_file(path: Path, *, expected: str) -> Any:
    """Read tensors and plain values onto the CPU.

    Objects that stand beside the weights (settings, scores, logs) are replaced by empty stand-ins, which
    `foreign_object` finds; nothing of them runs.

    Args:
        path: file that `torch.save` wrote, or one that ends in .safetensors.
        expected: what the file should have been, for messages.

    Raises:
        InputError: no such file, truncated, not a file of torch, or a pickle that would run code (never run).
    """
    if not path.is_file():
        raise InputError(f"{printable(path)}: no such checkpoint. Expected {expected}.")
    refuse_pointer(path, expected=expected)
    refuse_other_format(path, expected=expected)
    try:
        content = _read(path, expected)
    except (PermissionError, InputError):
        raise
    # whatever a damaged file makes its reader stumble over: torch raises a dozen kinds
    except Exception as error:
        if code := _CODE.search(str(error)):
            raise could_run_code(path, code[1] or "objects", expected) from error
        reason = str(error).split("\n")[0].split(". ")[0].removesuffix(".")[:120] or "it ends too early"
        if "Weights only load failed" in reason:
            reason = "no pickle of torch"
        raise InputError(
            f"{printable(path)}: truncated, or not a checkpoint ({reason}). Expected {expected}."
        ) from error
    if isinstance(content, Inert):
        raise could_run_code(path, content.origin, expected)
    return content


def could_run_code(path: Path, name: str, expected: str) -> InputError:
    """Return the error of a file that holds objects in the place of weights.

    Args:
        path: of the file.
        name: of the class or function.
        expected: what the file should have been.
    """
    remedy = "save its state dict alone"
    if name.startswith("fastai."):
        remedy = 'save its state dict alone: torch.save(learn.model.state_dict(), "weights.pth")'
    return InputError(
        f"{printable(path)}: holds more than tensors and plain values ({name}), which could run code when it is read; "
        f"it was not read. Expected {expected}. Where the file is your own, {remedy}."
    )


def refuse_pointer(path: Path, *, expected: str) -> None:
    """Refuse a file that Git LFS left in the place of the real one.

    Raises:
        InputError: says how to get the real one.
    """
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise InputError(
                f"{printable(path)}: is a pointer of Git LFS, not the file itself. Fetch it (git lfs pull). Expected "
                f"{expected}."
            )


def _read(path: Path, expected: str) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    # of a class that is named in a pickle it shows only when it is filled whether it is a kind of dict or of list
    like_dict: list[str] = ["collections.defaultdict"]
    like_list: list[str] = ["collections.deque"]
    while True:
        pairs, refused = stand_ins(path, like_dict, like_list)
        if refused:
            raise could_run_code(path, refused[0], expected)
        try:
            with torch.serialization.safe_globals(list(pairs)), warnings.catch_warnings():
                # that a file looks like TorchScript is told by the error that follows
                warnings.simplefilter("ignore")
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            name = filled(str(error))
            if name is None or name in like_dict or name in like_list:
                raise
            (like_list if "append" in str(error) else like_dict).append(name)
