"""The weights of an exported program (.pt2), read and replaced inside its archive: the program is never loaded."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longtail.backbones.torch_file import refuse_pointer
from longtail.errors import InputError

__all__ = ["read_program", "write_program"]

# numbers of torch's export schema
_DTYPES = {6: torch.float16, 7: torch.float32, 8: torch.float64, 13: torch.bfloat16}


def read_program(path: Path) -> dict[str, Tensor]:
    """Read the weights out of the archive, by name; `torch.export.load` could run code that the file holds.

    Args:
        path: file that `torch.export.save` wrote.

    Raises:
        InputError: truncated, of an older version of torch, or of several programs.
    """
    refuse_pointer(path, expected="a program that torch.export.save wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive)
            weights = {}
            for key, (member, about) in entries.items():
                sizes = [size["as_int"] for size in about["tensor_meta"]["sizes"]]
                dtype = _DTYPES.get(about["tensor_meta"]["dtype"])
                if dtype is not None and not about["use_pickle"]:
                    raw = bytearray(archive.read(member))
                    if len(raw) == np.prod(sizes) * dtype.itemsize and raw:
                        weights[key] = torch.frombuffer(raw, dtype=dtype).view(sizes)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
        raise InputError(f"truncated, or not a program that torch.export.save wrote ({error}).") from error
    return weights


def _entries(archive: zipfile.ZipFile) -> dict[str, tuple[str, dict[str, Any]]]:
    lists = [name for name in archive.namelist() if name.endswith("_weights_config.json")]
    if len(lists) != 1:
        raise InputError(
            f"holds {len(lists)} models with weights. Expected one exported program of torch 2.9 or later."
        )
    folder = lists[0].rpartition("/")[0]
    config: dict[str, dict[str, Any]] = json.loads(archive.read(lists[0]))["config"]
    return {key: (f"{folder}/{about['path_name']}", about) for key, about in config.items()}


def write_program(old: Path, path: Path, new: Mapping[str, Tensor]) -> None:
    """Copy an archive with other numbers for some of its weights; all else stays as it is, byte for byte.

    Args:
        old: file that `torch.export.save` wrote.
        path: file to write.
        new: weights by name, of the stored shapes and types.

    Raises:
        InputError: another weight shares the numbers of one of them.
    """
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        entries = _entries(source)
        members = {entries[key][0]: tensor for key, tensor in new.items()}
        shared = [key for key, (member, _) in entries.items() if member in members and key not in new]
        if shared:
            raise InputError(f"{old}: {shared[0]} shares its numbers with the last layer. Expected a layer of its own.")
        for item in source.infolist():
            tensor = members.get(item.filename)
            # numpy knows no bfloat16
            content = source.read(item) if tensor is None else tensor.contiguous().view(torch.uint8).numpy().tobytes()
            target.writestr(item.filename, content)
