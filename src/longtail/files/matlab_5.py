"""MATLAB's files of version 5 to 7, element by element: SciPy 1.17 ends the process over a damaged one."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Variable", "variables_of"]

_MOST_COMPRESSED = 1100  # times; zlib's own limit is 1032
_DEEPEST = 3  # of cells in cells
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    17: "u2",
    18: "u4",
}
_UTF_8 = 16
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_CELL, _CHARACTERS = 1, 4
_OTHERS = {2: "struct", 3: "struct", 5: "sparse"}
_IS_COMPLEX = 0x800


@dataclass(frozen=True)
class Variable:
    """Something that MATLAB saved.

    Attributes:
        name: of the variable.
        kind: "number", "char", "cell", "struct", "sparse", "complex" or "opaque".
        value: numbers; words, one a line of characters; or the variables of a cell; None of other kinds.
    """

    name: str
    kind: str
    value: NDArray[Any] | None


def variables_of(path: Path) -> Iterator[Variable]:
    """Walk over what a file holds; numbers that are not compressed stay mapped.

    Args:
        path: of the file.

    Raises:
        ValueError: damaged; or any other error of the reader below, over damage that it does not expect.

    Reference:
        "MAT-File Format", MathWorks, chapter 1: level 5.
    """
    content = np.memmap(path, dtype=np.uint8, mode="r").data
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:128]))
    if len(content) < 136 or order is None:
        raise ValueError("no header of version 5 to 7")
    for kind, part in _elements(content[128:], order):
        if kind == _COMPRESSED:
            kind, part = next(_elements(_unpacked(part, order), order))
        if kind != _MATRIX:
            raise ValueError(f"an element of type {kind}")
        yield _variable(part, order)


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    place = 0
    while place + 8 <= len(content):
        kind, length = (int(number) for number in np.frombuffer(content[place : place + 8], f"{order}u4"))
        start = place + 8
        if kind >> 16:  # four bytes or less stand in the tag itself
            kind, length, start = kind & 0xFFFF, kind >> 16, place + 4
            place += 8
            if length > 4:
                raise ValueError(f"a small element of {length} bytes")
        else:
            place = start + (length if kind == _COMPRESSED else -(-length // 8) * 8)
        if start + length > len(content):
            raise ValueError(f"an element of {length:,} bytes, of which {len(content) - start:,} are there")
        yield kind, content[start : start + length]


def _unpacked(part: memoryview, order: str) -> memoryview:
    stream = zlib.decompressobj()
    head = stream.decompress(part, 8)
    length = int(np.frombuffer(head, f"{order}u4")[1])
    if length > _MOST_COMPRESSED * len(part):
        raise ValueError(f"{length:,} bytes, more than can be packed into {len(part):,}")
    return memoryview(head + stream.decompress(stream.unconsumed_tail, length))


def _variable(content: memoryview, order: str, depth: int = 0) -> Variable:
    elements = _elements(content, order)
    flags = int(_numbers(next(elements), order)[0])
    what = flags & 0xFF
    if what not in (_CELL, _CHARACTERS, *_NUMBERS, *_OTHERS):  # without a shape: objects that only MATLAB reads
        return Variable(bytes(next(elements)[1]).decode("utf-8", "replace"), "opaque", None)
    shape = tuple(_numbers(next(elements), order).tolist())
    name = bytes(next(elements)[1]).decode("utf-8", "replace")
    if any(axis < 0 for axis in shape):
        raise ValueError(f"{name} of shape {shape}")
    if what in _OTHERS:
        return Variable(name, _OTHERS[what], None)
    if flags & _IS_COMPLEX:
        return Variable(name, "complex", None)
    if what == _CELL:
        if depth == _DEEPEST:
            raise ValueError(f"{name}: cells in cells in cells")
        # MATLAB writes an element of no bytes for an empty place
        inside = [
            _variable(part, order, depth + 1) if len(part) else Variable("", "char", None) for _, part in elements
        ]
        cells = np.empty(len(inside), dtype=object)
        cells[:] = inside
        return Variable(name, "cell", cells.reshape(shape, order="F"))
    element = next(elements)
    if what == _CHARACTERS:
        return Variable(name, "char", _lines(element, shape, order))
    values = _numbers(element, order)
    # whole numbers that fit are kept in fewer bytes than they have in MATLAB
    return Variable(name, "number", values.astype(_NUMBERS[what], copy=False).reshape(shape, order="F"))


def _numbers(element: tuple[int, memoryview], order: str) -> NDArray[Any]:
    kind, part = element
    if kind not in _TYPES:
        raise ValueError(f"numbers of type {kind}")
    values: NDArray[Any] = np.frombuffer(part, f"{order}{_TYPES[kind]}")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _lines(element: tuple[int, memoryview], shape: tuple[int, ...], order: str) -> NDArray[np.str_]:
    kind, part = element
    letters = list(map(ord, bytes(part).decode())) if kind == _UTF_8 else _numbers(element, order)
    codes = np.asarray(letters, dtype=np.uint32)
    if codes.max(initial=0) > 0x10FFFF:
        raise ValueError("characters beyond Unicode")
    if 0 in shape:
        return np.array([""])
    grid = np.ascontiguousarray(codes.reshape(shape, order="F").reshape(shape[0], -1))
    lines: NDArray[np.str_] = grid.view(f"U{grid.shape[1]}")[:, 0]
    return np.strings.rstrip(lines)  # lines are filled up with blanks
