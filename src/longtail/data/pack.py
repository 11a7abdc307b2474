"""The image pack: all encoded images of a data set in one HDF5 file."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.data.decode import decode_image
from longtail.errors import InputError
from longtail.files.atomic import atomic_path
from longtail.files.hdf5 import create_hdf5

__all__ = ["SPLIT_CODES", "ImagePack", "pack_splits", "write_pack"]

SPLIT_CODES = {"train": 0, "test": 1, "val": 2}
MOST_IN_MEMORY = 2**30


class ImagePack:
    """An image source over a pack; opened anew in each process that reads from it.

    Args:
        path: HDF5 with `bytes`, `offset`, `label`, `class_names` and, perhaps, `split` (0 train, 1 test, 2 val; all
            train where it is missing).

    Raises:
        InputError: no such file, truncated, or not a pack.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self._bytes: Any = None
        self._opened_by = 0  # the process that holds the file open; 0 where the bytes are in memory
        try:
            with h5py.File(path, "r") as file:
                needed = ("bytes", "offset", "label", "class_names")
                missing = [name for name in needed if not isinstance(file.get(name), h5py.Dataset)]
                if missing:
                    raise InputError(
                        f"{path}: no image pack: {', '.join(missing)} missing. Make one with `longtail pack`."
                    )
                if any(file[name].dtype.kind not in "iu" for name in ("bytes", "offset", "label")):
                    raise InputError(f"{path}: bytes, offset and label must hold whole numbers. Make the pack again.")
                self._offsets: NDArray[np.int64] = file["offset"][:].astype(np.int64)
                self._labels: NDArray[np.int64] = file["label"][:].astype(np.int64)
                self.split: NDArray[np.uint8] = (
                    file["split"][:] if "split" in file else np.zeros(len(self._labels), np.uint8)
                )
                self.class_names = tuple(
                    name.decode(errors="replace") if isinstance(name, bytes) else str(name)
                    for name in file["class_names"][:]
                )
                total = file["bytes"].size
        except InputError:
            raise
        except (OSError, TypeError, ValueError) as error:
            raise InputError(f"{path}: truncated, or not an HDF5 file ({error}).") from error
        number, ends = len(self._labels), self._offsets
        if len(ends) != number + 1 or number == 0 or len(self.split) != number:
            raise InputError(
                f"{path}: {number} labels, {len(ends)} offsets, {len(self.split)} split codes; expected one offset "
                "more than labels, and a split code a label. Make the pack again."
            )
        if ends[0] < 0 or ends[-1] > total or (np.diff(ends) < 0).any():
            raise InputError(f"{path}: offsets that do not rise from 0 to {total}, its bytes. Make the pack again.")
        if not np.isin(self.split, list(SPLIT_CODES.values())).all():
            raise InputError(
                f"{path}: split codes {np.unique(self.split).tolist()}; expected "
                f"{', '.join(f'{code} ({name})' for name, code in SPLIT_CODES.items())}. Make the pack again."
            )
        if self._labels.min() < 0 or self._labels.max() >= len(self.class_names):
            raise InputError(f"{path}: labels outside 0 .. {len(self.class_names) - 1}. Make the pack again.")

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def encoded(self, index: int) -> bytes:
        """Give the bytes of one image file."""
        try:
            if self._bytes is None or self._opened_by not in (0, os.getpid()):
                self._open()
            return bytes(self._bytes[self._offsets[index] : self._offsets[index + 1]])
        except OSError as error:
            raise InputError(
                f"{self.identify(index)}: cannot be read: the pack is damaged or gone ({error}). Make it again."
            ) from error

    def load(self, index: int) -> Tensor:
        """Decode one image: uint8, shape (3, H, W)."""
        return decode_image(self.encoded(index), self.identify(index))

    def identify(self, index: int) -> str:
        """Name one image by the pack and its place."""
        return f"{self.path}[{index}]"

    def _open(self) -> None:
        stored = h5py.File(self.path, "r")["bytes"]
        if stored.size <= MOST_IN_MEMORY:
            # compressed chunks would be unpacked again for every image: what fits is read once
            with stored.file:
                self._bytes, self._opened_by = stored[:], 0
        else:
            self._bytes, self._opened_by = stored, os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        # an open HDF5 file belongs to one process: a worker opens its own
        return {**vars(self), "_bytes": None}


def pack_splits(pack: ImagePack) -> dict[str, NDArray[np.int64]]:
    """Give the indices of each split that a pack has."""
    found = {name: np.flatnonzero(pack.split == code) for name, code in SPLIT_CODES.items()}
    return {name: rows for name, rows in found.items() if len(rows)}


def write_pack(
    path: Path,
    images: Iterable[tuple[bytes, int, str]],
    class_names: tuple[str, ...],
    *,
    source: str,
    note: str = "",
) -> int:
    """Write a pack, whole or not at all.

    Args:
        path: the file.
        images: (encoded bytes, class index, "train", "val" or "test") of each.
        class_names: C names.
        source: where the images come from.
        note: anything else worth keeping.

    Returns:
        The number of images.

    Raises:
        InputError: there is none.
        OSError: no space left, for example; nothing is left of the new file, and an old one is as it was.
    """
    labels, codes, offsets = [], [], [0]
    with atomic_path(path) as temporary, create_hdf5(temporary) as (file, output):
        stored = file.create_dataset("bytes", shape=(0,), maxshape=(None,), dtype=np.uint8, chunks=(1 << 20,))
        for encoded, label, split in images:
            stored.resize((offsets[-1] + len(encoded),))
            stored[offsets[-1] :] = np.frombuffer(encoded, dtype=np.uint8)
            offsets.append(offsets[-1] + len(encoded))
            labels.append(label)
            codes.append(SPLIT_CODES[split])
            output.check()
        if not labels:
            raise InputError(f"{path}: no image to pack.")
        file["offset"] = np.array(offsets, dtype=np.int64)
        file["label"] = np.array(labels, dtype=np.int16 if len(class_names) < 2**15 else np.int32)
        file["split"] = np.array(codes, dtype=np.uint8)
        file["class_names"] = np.array([name.encode() for name in class_names])
        file.attrs["source"], file.attrs["note"] = source, note
        file.attrs["split_meaning"] = "0=train 1=test 2=val"
    return len(labels)
