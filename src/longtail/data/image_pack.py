"""The image pack: all encoded images of a data set in one HDF5 file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from longtail.class_names import check_names
from longtail.data.decode import decode_image
from longtail.data.fingerprint import Marks, fingerprint_of_ends
from longtail.errors import InputError
from longtail.files.atomic import atomic_path
from longtail.files.hdf5 import check_dataset, create_hdf5, open_hdf5, read_dataset
from longtail.files.text import printable
from longtail.grouping import Grouping

__all__ = ["PACK_SUFFIXES", "SPLIT_CODES", "ImagePack", "pack_splits", "write_pack"]

PACK_SUFFIXES = (".h5", ".hdf5")
BELONGING = ("groups", "events")
SPLIT_CODES = {"train": 0, "test": 1, "val": 2}
MOST_IN_MEMORY = 2**30
_NEEDED = ("bytes", "offset", "label", "class_names")


class ImagePack:
    """An image source over a pack; opened anew in each process that reads from it.

    Args:
        path: HDF5 with `bytes`, `offset`, `label`, `class_names` and, perhaps, `split` (0 train, 1 test, 2 val; all
            train where it is missing); and, perhaps, `groups` and `events`: the number of each image's among
            `group_names` and `event_names`.
        bits: of grey images of more than 8 bits, as of `decode_image`.

    Raises:
        InputError: no such file, truncated, not a pack, or one whose parts do not fit together.
    """

    def __init__(self, path: Path, *, bits: int | None = None) -> None:
        self.path = path
        self.name = printable(path.stem)
        self.bits = bits
        self._bytes: Any = None
        self._opened_by = 0  # the process that holds the file open; 0 where the bytes are in memory
        with open_hdf5(path, expected="an image pack, as `longtail pack` makes them") as file:
            missing = [name for name in _NEEDED if name not in file]
            if missing:
                holds_features = "It holds features, which go to `longtail fit`."
                advice = holds_features if "features" in file else "Make one with `longtail pack`."
                raise InputError(f"no image pack: {', '.join(missing)} missing. {advice}")
            stored = check_dataset(file["bytes"], "bytes")
            if stored.dtype != np.uint8 or stored.ndim != 1:
                raise InputError(
                    f"bytes is of shape {stored.shape} and type {stored.dtype}; expected one row of uint8. {_AGAIN}"
                )
            self._offsets = _whole_numbers(file, "offset")
            self._labels = _whole_numbers(file, "label")
            self.split = _whole_numbers(file, "split") if "split" in file else np.zeros_like(self._labels)
            self.class_names = _names(file, "class_names")
            _check_parts(self._offsets, self._labels, self.split, stored.size)
            self.groups, self.events = (_grouping(file, what, len(self._labels)) for what in BELONGING)
        number = len(self.class_names)
        if self._labels.min() < 0 or self._labels.max() >= number:
            raise InputError(f"{printable(path)}: labels outside 0 .. {number - 1}. {_AGAIN}")
        check_names(self.class_names, printable(path))
        self._marks = Marks(len(self._labels))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, shape (N,)."""
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one image file."""
        return self._read(index, int(self._offsets[index]), int(self._offsets[index + 1]))

    def load(self, index: int, *, least: int | None = None) -> Tensor:
        """Decode one image: uint8, shape (3, H, W); `least` as of `decode_image`."""
        return decode_image(self.encoded(index), self.identify(index), bits=self.bits, least=least)

    def identify(self, index: int) -> str:
        """Name one image by the pack and its place."""
        return f"{printable(self.path)}[{index}]"

    def identity(self, index: int) -> str:
        """Name one image by the pack's name and its place."""
        return f"{self.name}[{index}]"

    def fingerprint(self, index: int) -> bytes:
        """Return 16 bytes that say what the image holds: those of the file that it was."""
        start, stop = int(self._offsets[index]), int(self._offsets[index + 1])

        def read(first: int, last: int) -> bytes:
            return self._read(index, start + first, start + last)

        return self._marks.get(index, lambda: fingerprint_of_ends(stop - start, read))

    def status(self, index: int) -> None:
        """Return None: there is no file of one image."""
        return

    def _read(self, index: int, start: int, stop: int) -> bytes:
        try:
            if self._bytes is None or self._opened_by not in (0, os.getpid()):
                self._open()
            return bytes(self._bytes[start:stop])
        except OSError as error:
            raise InputError(
                f"{self.identify(index)}: cannot be read: the pack is damaged or gone ({error}). Make it again."
            ) from error

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


_AGAIN = "Make the pack again."


def _whole_numbers(file: h5py.File, name: str) -> NDArray[np.int64]:
    values = read_dataset(file, name)
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise InputError(
            f"{name} is of shape {values.shape} and type {values.dtype}; expected a row of whole numbers. {_AGAIN}"
        )
    return values.astype(np.int64)


def _names(file: h5py.File, name: str) -> tuple[str, ...]:
    stored = check_dataset(file[name], name)
    if h5py.check_string_dtype(stored.dtype) is None or stored.ndim != 1:
        raise InputError(f"{name} is of shape {stored.shape} and type {stored.dtype}; expected a row of text. {_AGAIN}")
    # names of variable length are not counted among what the file holds
    if stored.size > max(stored.id.get_storage_size(), 1):
        raise InputError(f"{name} promises {stored.size:,} names, more than the file holds. {_AGAIN}")
    try:
        return tuple(stored.asstr("utf-8")[()].tolist())
    except UnicodeDecodeError as error:
        raise InputError(f"{name} holds a name that is no text in UTF-8. {_AGAIN}") from error


def _grouping(file: h5py.File, what: str, images: int) -> Grouping | None:
    names = f"{what.removesuffix('s')}_names"
    if what not in file:
        return None
    if names not in file:
        raise InputError(f"{what} without {names}, which say what the numbers mean. {_AGAIN}")
    codes, words = _whole_numbers(file, what), _names(file, names)
    if len(codes) != images or codes.min() < 0 or codes.max() >= len(words):
        raise InputError(f"{what} are no numbers from 0 to {len(words) - 1}, one for each of {images} images. {_AGAIN}")
    return Grouping(words, codes, what)


def _check_parts(offsets: NDArray[np.int64], labels: NDArray[np.int64], split: NDArray[np.int64], total: int) -> None:
    number = len(labels)
    if len(offsets) != number + 1 or number == 0 or len(split) != number:
        raise InputError(
            f"{number} labels, {len(offsets)} offsets, {len(split)} split codes; expected one offset more than labels, "
            f"and a split code a label. {_AGAIN}"
        )
    if offsets[0] < 0 or offsets[-1] > total or (np.diff(offsets) < 0).any():
        raise InputError(f"offsets that do not rise from 0 to {total}, its bytes. {_AGAIN}")
    if not np.isin(split, list(SPLIT_CODES.values())).all():
        raise InputError(
            f"split codes {np.unique(split).tolist()[:10]}; expected "
            f"{', '.join(f'{code} ({name})' for name, code in SPLIT_CODES.items())}. {_AGAIN}"
        )


def pack_splits(pack: ImagePack) -> dict[str, NDArray[np.int64]]:
    """Return the indices of each split that a pack has."""
    rows = {name: np.flatnonzero(pack.split == code) for name, code in SPLIT_CODES.items()}
    return {name: indices for name, indices in rows.items() if len(indices)}


def write_pack(
    path: Path,
    images: Iterable[tuple[bytes, int, str]],
    class_names: tuple[str, ...],
    *,
    source: str,
    note: str = "",
    belonging: Mapping[str, Grouping | None] | None = None,
) -> int:
    """Write a pack, whole or not at all.

    Args:
        path: the file.
        images: (encoded bytes, class index, "train", "val" or "test") of each.
        class_names: C names.
        source: where the images come from.
        note: anything else worth keeping.
        belonging: "groups" and "events" of the images, where there are any.

    Returns:
        The number of images.

    Raises:
        InputError: there is none, or a class name that is no text in UTF-8.
        OSError: no space left, for example; nothing is left of the new file, and an old one is as it was.
    """
    check_names(class_names, printable(path))
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
            raise InputError(f"{printable(path)}: no image to pack.")
        file["offset"] = np.array(offsets, dtype=np.int64)
        file["label"] = np.array(labels, dtype=np.int16 if len(class_names) < 2**15 else np.int32)
        file["split"] = np.array(codes, dtype=np.uint8)
        file["class_names"] = np.array([name.encode() for name in class_names])
        for what, grouping in (belonging or {}).items():
            if grouping is not None:
                used, codes_of = np.unique(grouping.codes, return_inverse=True)
                file[what] = codes_of.reshape(-1).astype(np.int32)
                file[f"{what.removesuffix('s')}_names"] = np.array(
                    [printable(grouping.names[code]).encode() for code in used.tolist()]
                )
        file.attrs["source"], file.attrs["note"] = printable(source), printable(note)
        file.attrs["split_meaning"] = "0=train 1=test 2=val"
    return len(labels)
