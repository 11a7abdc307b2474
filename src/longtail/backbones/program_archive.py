"""The weights of an exported program (.pt2), read and replaced inside its archive: the program is never loaded."""

import math
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypedDict

import torch
from torch import Tensor

from longtail.backbones.torch_file import refuse_pointer
from longtail.errors import InputError
from longtail.files.json_file import parse_json
from longtail.files.text import printable

__all__ = ["as_bytes", "read_program", "write_program"]

EXPECTED = "one exported program of torch 2.9 or later"
_MOST_COMPRESSED = 1100  # times; zip's own limit is 1032
# numbers of torch's export schema
_DTYPES = {6: torch.float16, 7: torch.float32, 8: torch.float64, 13: torch.bfloat16}


class _Meta(TypedDict):
    dtype: int
    sizes: list[dict[str, Any]]


class _Entry(TypedDict):
    path_name: str
    use_pickle: bool
    tensor_meta: _Meta


class _Config(TypedDict):
    config: dict[str, _Entry]


def read_program(path: Path) -> dict[str, Tensor]:
    """Read the weights out of the archive, by name; `torch.export.load` could run code that the file holds.

    Args:
        path: file that `torch.export.save` wrote.

    Raises:
        InputError: truncated, of an older version of torch, or of several programs.
    """
    refuse_pointer(path, expected=EXPECTED)
    weights = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key, (member, entry) in _entries(archive, path).items():
                meta = entry["tensor_meta"]
                dtype, sizes = _DTYPES.get(meta["dtype"]), [size.get("as_int") for size in meta["sizes"]]
                if (
                    dtype is None
                    or entry["use_pickle"]
                    or not all(isinstance(size, int) and size > 0 for size in sizes)
                ):
                    continue
                info = archive.getinfo(member)
                if info.file_size == math.prod(sizes) * dtype.itemsize and _is_possible(info):  # type: ignore[arg-type]
                    raw = bytearray(archive.read(info))
                    weights[key] = torch.frombuffer(raw, dtype=dtype).view(sizes)  # type: ignore[arg-type]
    except InputError:
        raise
    # in a damaged archive zipfile and zlib stumble in every way there is
    except Exception as error:
        raise InputError(
            f"{printable(path)}: truncated, or not a program that torch.export.save wrote ({error}). Expected "
            f"{EXPECTED}."
        ) from error
    return weights


def write_program(old: Path, stream: IO[bytes], new: Mapping[str, Tensor]) -> None:
    """Copy an archive with other numbers for some of its weights; all else stays as it is, byte for byte.

    Args:
        old: file that `torch.export.save` wrote.
        stream: file to write.
        new: weights by name, of the stored shapes and types.

    Raises:
        InputError: another weight shares the numbers of one of them.
    """
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
        entries = _entries(source, old)
        members = {entries[key][0]: tensor for key, tensor in new.items()}
        shared = [key for key, (member, _) in entries.items() if member in members and key not in new]
        if shared:
            raise InputError(
                f"{printable(old)}: {shared[0]} shares its numbers with the last layer. Expected a layer of its own."
            )
        for item in source.infolist():
            if item.filename in members:
                target.writestr(item.filename, as_bytes(members[item.filename]))
            elif _is_possible(item):
                with source.open(item) as content, target.open(item.filename, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(content, copy)
            else:
                raise InputError(
                    f"{printable(old)}: {item.filename} promises more than there can be. Expected {EXPECTED}."
                )


def as_bytes(tensor: Tensor) -> bytes:
    """Return the numbers of a tensor as they lie in memory; numpy knows not all of torch's types."""
    return tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, tuple[str, _Entry]]:
    lists = [info for info in archive.infolist() if info.filename.endswith("_weights_config.json")]
    if len(lists) != 1:
        raise InputError(f"{printable(path)}: holds {len(lists)} models with weights. Expected {EXPECTED}.")
    if not _is_possible(lists[0]):
        raise InputError(
            f"{printable(path)}: its list of weights promises more than there can be. Expected {EXPECTED}."
        )
    origin = f"{printable(path)}: {lists[0].filename}"
    config = parse_json(archive.read(lists[0]), _Config, origin=origin, expected=EXPECTED)["config"]
    folder = lists[0].filename.rpartition("/")[0]
    return {key: (f"{folder}/{entry['path_name']}", entry) for key, entry in config.items()}


def _is_possible(info: zipfile.ZipInfo) -> bool:
    return info.file_size <= _MOST_COMPRESSED * max(info.compress_size, 1)
