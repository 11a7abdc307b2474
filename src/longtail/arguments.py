"""What people hand in as arrays and numbers, or a sentence that says why it is none."""

from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longtail.errors import InputError

__all__ = [
    "as_array",
    "as_numbers",
    "as_path",
    "brief",
    "check_share",
    "check_whole",
    "one_a_row",
    "plain_value",
    "usual_device",
]


def as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return values as an array of any kind.

    Args:
        values: of any shape.
        name: what they are called in messages.

    Raises:
        InputError: rows of different lengths, or a number beyond 64 bits.

    Example:
        >>> as_array([[1, 2], [3]], "labels")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: labels: expected an array, came rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: expected an array, came rows of different lengths.") from error
    if array.dtype == object:
        raise InputError(f"{name}: expected an array of numbers or names, came {brief(values)}.")
    return array


def one_a_row(values: NDArray[Any], rows: int, what: str, *, origin: str) -> NDArray[Any]:
    """Return an array with a word or number for each row.

    Args:
        values: shape (N,), (N, 1) or (1, N).
        rows: N.
        what: one of them: group, weight.
        origin: the file and the column or array, for messages.

    Raises:
        InputError: another number of them than rows, or neither words nor numbers.

    Example:
        >>> one_a_row(np.array([[1, 2]]), 2, "weight", origin="e.mat: weights").tolist()
        [1, 2]
    """
    array = np.asarray(values)
    array = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
    if array.shape != (rows,):
        raise InputError(f"{origin}: of shape {np.shape(values)}, for {rows:,} rows; expected one {what} a row.")
    if array.dtype.kind not in "biufSU":
        raise InputError(f"{origin}: of type {array.dtype}; expected words or numbers, one {what} a row.")
    return array


def as_numbers(values: ArrayLike, name: str, *, finite: bool = True) -> NDArray[np.float64]:
    """Return values as floating-point numbers.

    Args:
        values: of any shape.
        name: what they are called in messages.
        finite: refuse NaN and infinity.

    Raises:
        InputError: something that is no number, or that is not finite.

    Example:
        >>> as_numbers([1, float("nan")], "logits")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: logits: expected finite numbers, came NaN or infinity.
    """
    array = as_array(values, name)
    if array.dtype.kind not in "biuf" and array.size:
        raise InputError(f"{name}: expected numbers, came {brief(values)}.")
    numbers = array.astype(np.float64)
    if finite and not np.isfinite(numbers).all():
        raise InputError(f"{name}: expected finite numbers, came NaN or infinity.")
    return numbers


def as_path(value: Any, name: str) -> Path:
    """Return a path, of text too.

    Args:
        value: the path.
        name: of the argument.

    Raises:
        InputError: it is none.

    Example:
        >>> as_path(None, "folder")
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: `folder` is None; expected a path.
    """
    if not isinstance(value, str | Path):
        raise InputError(f"`{name}` is {brief(value)}; expected a path.")
    return Path(value)


def check_share(name: str, value: Any, example: float = 0.95) -> None:
    """Make sure that a number is a share above 0 and below 1.

    Args:
        name: of the argument.
        value: the number.
        example: of such a number.

    Raises:
        InputError: it is none.

    Example:
        >>> check_share("alpha", 7, 0.1)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: alpha is 7; expected a share above 0 and below 1, such as 0.1.
    """
    if not isinstance(value, Real) or not 0 < float(value) < 1:
        raise InputError(f"{name} is {brief(value)}; expected a share above 0 and below 1, such as {example:g}.")


def check_whole(name: str, value: Any, least: int = 0) -> None:
    """Make sure that a number is whole and not too small, and fits into 64 bits.

    Args:
        name: of the argument.
        value: the number.
        least: the smallest that it may be.

    Raises:
        InputError: it is none.

    Example:
        >>> check_whole("bins", 2.5, 1)
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: bins is 2.5; expected a whole number of at least 1.
    """
    if not isinstance(value, Integral) or not least <= int(value) < 2**63:
        raise InputError(f"{name} is {brief(value)}; expected a whole number of at least {least}.")


def plain_value(value: Any) -> Any:
    """Return a setting without NumPy's kinds, which JSON cannot hold: numbers, truth values, and lists of them.

    Example:
        >>> plain_value(np.int64(3)), plain_value((np.bool_(True), 2)), plain_value(np.array([0.25, 0.75]))
        (3, (True, 2), [0.25, 0.75])
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(plain_value(one) for one in value)
    return value


def usual_device(device: Any) -> Any:
    """Return a device as it is named, and in the place of "auto" a GPU where there is one, else "cpu"."""
    if not isinstance(device, str) or device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def brief(value: Any) -> str:
    """Return a value as it stands in a sentence: on one line, and no longer than that.

    Example:
        >>> brief(np.zeros((2, 2)))
        'array([[0., 0.], [0., 0.]])'
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
