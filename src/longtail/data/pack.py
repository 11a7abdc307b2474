"""The image pack: all encoded images of a data set in one HDF5 file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.atomic import atomic_path
from longtail.data.decode import decode_image
from longtail.errors import InputError

__all__ = ["SPLIT_CODES", "ImagePack", "pack_splits", "write_pack"]

SPLIT_CODES = {"train": 0, "test": 1, "val": 2}
MOST_IN_MEMORY = 2**30


class ImagePack:
    """An image source over a pack; opened anew in each process that reads from it.

    Args:
        path: HDF5 with `bytes`, `offset`, `label`, `class_names` and, perhaps, `split`.

    Raises:
        InputError: no such file, truncated, or not a pack.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self._bytes: Any = None
        try:
            with h5py.File(path, "r") as file:
                missing = {"bytes", "offset", "label", "class_names"} - set(file)
                if missing:
                    raise InputError(
                        f"{path}: no image pack: {', '.join(sorted(missing))} missing. Make one with `longtail pack`."
                    )
                self._offsets: NDArray[np.int64] = file["offset"][:]
                self._labels: NDArray[np.int64] = file["label"][:].astype(np.int64)
                self.split: NDArray[np.uint8] = (
                    file["split"][:] if "split" in file else np.zeros(len(self._labels), np.uint8)
                )
                names = [name.decode() if isinstance(name, bytes) else str(name) for name in file["class_names"][:]]
                self.class_names = tuple(names)
                total = file["bytes"].shape[0]
        except OSError as error:
            raise InputError(f"{path}: truncated, or not an HDF5 file ({error}).") from error
        if len(self._offsets) != len(self._labels) + 1 or len(self._labels) == 0 or self._offsets[-1] > total:
            raise InputError(
                f"{path}: {len(self._labels)} labels, {len(self._offsets)} offsets, {total} bytes; expected one offset "
                "more than labels, none behind the end. Make the pack again."
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
        if self._bytes is None:
            stored = h5py.File(self.path, "r")["bytes"]
            # compressed chunks would be unpacked again for every image: what fits is read once
            self._bytes = stored[:] if stored.shape[0] <= MOST_IN_MEMORY else stored
        return self._bytes[self._offsets[index] : self._offsets[index + 1]].tobytes()  # type: ignore[no-any-return]

    def load(self, index: int) -> Tensor:
        """Decode one image: uint8, shape (3, H, W)."""
        return decode_image(self.encoded(index), self.identify(index))

    def identify(self, index: int) -> str:
        """Name one image by the pack and its place."""
        return f"{self.path}[{index}]"

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
    """
    labels, codes, offsets = [], [], [0]
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        stored = file.create_dataset("bytes", shape=(0,), maxshape=(None,), dtype=np.uint8, chunks=(1 << 20,))
        for encoded, label, split in images:
            stored.resize((offsets[-1] + len(encoded),))
            stored[offsets[-1] :] = np.frombuffer(encoded, dtype=np.uint8)
            offsets.append(offsets[-1] + len(encoded))
            labels.append(label)
            codes.append(SPLIT_CODES[split])
        if not labels:
            raise InputError(f"{path}: no image to pack.")
        file["offset"] = np.array(offsets, dtype=np.int64)
        file["label"] = np.array(labels, dtype=np.int16 if len(class_names) < 2**15 else np.int32)
        file["split"] = np.array(codes, dtype=np.uint8)
        file["class_names"] = np.array([name.encode() for name in class_names])
        file.attrs["source"], file.attrs["note"] = source, note
        file.attrs["split_meaning"] = "0=train 1=test 2=val"
    return len(labels)
