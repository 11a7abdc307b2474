"""The one reader of NumPy's files: no pickle, no header that promises more than the file holds, plain numbers out."""

import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.pickled_arrays import NamesCodeError, load_arrays
from longtail.files.text import printable

__all__ = ["plain_array", "read_npy", "read_npz", "words_of_objects"]

_MOST_COMPRESSED = 1100  # times; zip's own limit is 1032
_KINDS = "biufSU"
_PIECE = 2**22  # bytes


def read_npz(path: Path, *, expected: str, words: bool = False) -> dict[str, NDArray[Any]]:
    """Read all arrays of an .npz file.

    Args:
        path: of the file.
        expected: what it should have been, for messages.
        words: whether arrays of Python's objects are read too, where they are words or numbers; no code is run.

    Returns:
        Arrays of booleans, numbers or strings by name, in the byte order of this machine; bfloat16 comes as float32.

    Raises:
        InputError: no such file, damaged, objects in it, or an array whose header does not fit what follows it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.npz"
        >>> np.savez(path, labels=np.array([0, 1], dtype=">i4"))
        >>> read_npz(path, expected="labels")
        {'labels': array([0, 1], dtype=int32)}
    """
    arrays = {}
    with _open(path, expected) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                for member in archive.infolist():
                    name = member.filename.removesuffix(".npy")
                    if member.file_size > _MOST_COMPRESSED * max(member.compress_size, 1):
                        raise InputError(f"{name} promises {member.file_size:,} bytes, more than there can be")
                    with archive.open(member) as content:
                        arrays[name] = _read(content, member.file_size, name, words=words)
        except InputError as error:
            raise InputError(f"{printable(path)}: {error}. Expected {expected}.") from error
        # in a damaged file zipfile, zlib and numpy stumble in every way there is
        except Exception as error:
            raise InputError(f"{printable(path)}: damaged, or no .npz file. Expected {expected}.") from error
    return arrays


def read_npy(path: Path, *, expected: str, words: bool = False) -> NDArray[Any]:
    """Map an .npy file into memory.

    Args:
        path: of the file.
        expected: what it should have been, for messages.
        words: as of `read_npz`.

    Returns:
        The array, read as it is needed where it is of numbers in this machine's byte order.

    Raises:
        InputError: as `read_npz`.
    """
    with _open(path, expected) as stream:
        try:
            size = path.stat().st_size
            shape, in_columns, dtype = _header(stream)
            start = stream.tell()
            if not (words and dtype.hasobject):
                _check(shape, dtype, size - start, path.name)
            if 0 in shape or dtype.kind not in "biuf" or not dtype.isnative:
                stream.seek(0)
                return _read(stream, size, path.name, words=words)
            return np.memmap(path, dtype, "r", start, shape, "F" if in_columns else "C")
        except InputError as error:
            raise InputError(f"{printable(path)}: {error}. Expected {expected}.") from error
        except Exception as error:  # as above
            raise InputError(f"{printable(path)}: damaged, or no .npy file. Expected {expected}.") from error


def plain_array(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array in this machine's byte order, bfloat16 as float32.

    Args:
        array: as a file gave it.
        name: of the array, for messages.

    Raises:
        InputError: neither booleans nor numbers nor strings.

    Example:
        >>> plain_array(np.array([16256, 16320], dtype=np.uint16).view("V2"), "features").tolist()
        [1.0, 1.5]
    """
    if array.dtype == np.dtype("V2") or array.dtype.name == "bfloat16":
        # numpy has no bfloat16: the upper half of a float32
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind not in _KINDS or array.dtype.names is not None:
        what = "Python objects" if array.dtype.kind == "O" else f"values of type {array.dtype}"
        raise InputError(f"{name} holds {what}; expected numbers or strings")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def words_of_objects(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array of Python's objects as one of words, or of numbers where all are numbers.

    Args:
        array: of str, bytes, numbers, and None or NaN for what is not there, which becomes an empty word.
        name: of the array, for messages.

    Raises:
        InputError: anything else in it.

    Example:
        >>> words_of_objects(np.array(["ant", None, b"bee"], dtype=object), "labels")
        array(['ant', '', 'bee'], dtype='<U3')
    """
    items = array.ravel().tolist()
    items = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in items]
    strange = next((place for place, item in enumerate(items) if not isinstance(item, str | int | float | None)), None)
    if strange is not None:
        raise InputError(
            f"{name} holds Python objects, a {type(items[strange]).__name__} in place {strange}; expected numbers or "
            "strings"
        )
    if not any(isinstance(item, str) or item is None for item in items):
        return np.array(items).reshape(array.shape)
    return np.array(["" if item is None or item != item else str(item) for item in items]).reshape(array.shape)


def _open(path: Path, expected: str) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"{printable(path)}: no such file. Expected {expected}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{printable(path)}: cannot be read ({reason}). Expected {expected}.") from error


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that Python 2 wrote
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)


def _check(shape: tuple[int, ...], dtype: np.dtype[Any], size: int, name: str) -> None:
    if dtype.hasobject:
        raise InputError(f"{name} holds Python objects; expected numbers or strings (of words: astype(str))")
    number = 1
    for length in shape:
        if length < 0:
            raise InputError(f"{name} has the shape {shape}")
        number *= length
    if number * dtype.itemsize != size:
        raise InputError(f"{name} of shape {shape} and type {dtype} does not fit the {size:,} bytes that are there")


def _read(stream: IO[bytes], size: int, name: str, *, words: bool) -> NDArray[Any]:
    before = stream.tell()
    shape, in_columns, dtype = _header(stream)
    if words and dtype == np.dtype("O"):
        return _objects(stream, shape, name)
    _check(shape, dtype, size - (stream.tell() - before), name)
    raw = np.empty(size - (stream.tell() - before), dtype=np.uint8)
    view, done = memoryview(raw.data), 0
    while done < len(raw):
        # piece by piece: zipfile reads what it is asked for into a second place
        count = stream.readinto(view[done : done + _PIECE])  # type: ignore[attr-defined]
        if not count:
            raise InputError(f"{name} ends too early")
        done += count
    array = raw.view(dtype) if dtype.itemsize else np.zeros(int(np.prod(shape)), dtype)
    return plain_array(array.reshape(shape, order="F" if in_columns else "C"), name)


def _objects(stream: IO[bytes], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    try:
        array = load_arrays(stream)
    except NamesCodeError as error:
        raise InputError(f"{name} holds Python objects, {error} among them; expected numbers or strings") from error
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise InputError(f"{name} holds another array than its header says")
    return words_of_objects(array, name)
