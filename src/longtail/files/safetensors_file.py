"""Safetensors as arrays: mapped into memory, bfloat16 included, which NumPy has no type for."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.stored import StoredArray
from longtail.files.text import printable

__all__ = ["read_safetensors"]

LONGEST_HEADER = 100_000_000  # bytes, as the format says
_TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2"},
}


def read_safetensors(path: Path) -> tuple[dict[str, NDArray[Any] | StoredArray], dict[str, str]]:
    """Map the tensors of a file: 8 bytes with the length of a header in JSON, the header, the numbers.

    Args:
        path: of the file.

    Returns:
        Arrays by name, mapped into memory, and the plain words that stand beside them; bfloat16 is read block by block
        as float32.

    Raises:
        InputError: no such file, damaged, or a type that no array here can have.

    Reference:
        "Format" in the README of huggingface/safetensors, of version 0.8.

    Example:
        >>> import tempfile
        >>> from safetensors.numpy import save_file
        >>> path = Path(tempfile.mkdtemp()) / "e.safetensors"
        >>> save_file({"labels": np.array([0, 1])}, path)
        >>> read_safetensors(path)[0]["labels"].tolist()
        [0, 1]
    """
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if length > LONGEST_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            header = json.loads(file.read(length))
        words = {str(name): str(word) for name, word in (header.pop("__metadata__", None) or {}).items()}
        size = path.stat().st_size - 8 - length
        return {name: _mapped(path, name, about, 8 + length, size) for name, about in header.items()}, words
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{printable(path)}: no such file. Expected safetensors.") from error
    # whatever a damaged header holds in place of what it should
    except Exception as error:
        reason = str(error).split("\n")[0][:120]
        raise InputError(f"{printable(path)}: damaged, or no safetensors ({reason}). Write the file again.") from error


def _mapped(path: Path, name: str, about: dict[str, Any], start: int, size: int) -> NDArray[Any] | StoredArray:
    kind, shape, (first, last) = about["dtype"], tuple(about["shape"]), about["data_offsets"]
    if kind not in _TYPES:
        raise InputError(
            f"{printable(path)}: {name} is of type {kind}; expected one of {', '.join(sorted(_TYPES))}. Write it as "
            "float32, float16 or bfloat16."
        )
    dtype = np.dtype(_TYPES[kind])
    number = 1
    for axis in shape:
        if not isinstance(axis, int) or axis < 0:
            raise ValueError(f"{name} of shape {shape}")
        number *= axis
    if not 0 <= first <= last <= size or last - first != number * dtype.itemsize:
        raise ValueError(f"{name} of shape {shape} does not fit the bytes {first} to {last} of {size:,}")
    if number == 0:
        return np.empty(shape, dtype)
    array = np.memmap(path, dtype, "r", start + first, shape).astype(dtype.newbyteorder("="), copy=False)
    if kind != "BF16":
        return array

    def read(part: tuple[slice, ...]) -> NDArray[Any]:
        # bfloat16 is the upper half of a float32
        return (array[part].astype(np.uint32) << 16).view(np.float32)

    return StoredArray(shape, np.dtype(np.float32), shape, read) if shape else read(())
