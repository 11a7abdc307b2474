"""Rows of features as tensors, a block at a time, wherever they lie and whatever is done to them on the way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longtail.heads.precision import Precision

__all__ = [
    "Features",
    "LazyRows",
    "RoundedRows",
    "RowSource",
    "SomeRows",
    "TransformedRows",
    "chunks",
    "compute_dtype",
    "kept_rows",
    "row_reader",
    "torch_rows",
]

# of features that are converted, multiplied or compared at once: blocks that malloc keeps and reuses
CHUNK_BYTES = 2**23
# of rows that are kept as products need them, where they are read again and again: a second copy of few features; of
# more where they are rounded to bfloat16, which a person asks for where speed counts
MOST_KEPT_BYTES, MOST_ROUNDED_BYTES = 2**27, 2**29
TORCH_TYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


class RowSource(Protocol):
    """What rows are taken from: an array, a mapped file, or something that puts them together when asked."""

    @property
    def dtype(self) -> Any:
        """Type of the numbers."""
        ...

    def __getitem__(self, rows: Any) -> Any:
        """Return some rows."""
        ...


class LazyRows(ABC):
    """Features (N, D) that are made of others when they are asked for, so that no second copy of them is needed."""

    @property
    @abstractmethod
    def dtype(self) -> Any:
        """Type of the numbers."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""

    @abstractmethod
    def tensor(self, rows: Any, device: str = "cpu") -> Tensor:
        """Return some rows on a device."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        return np.asarray(self.tensor(rows).numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows, a copy, filled block by block."""
        result = np.empty(self.shape, dtype=dtype or self.dtype)
        for rows, block in chunks(self):
            result[rows] = block.numpy()
        return result


Features = NDArray[Any] | LazyRows


class TransformedRows(LazyRows):
    """Rows to which something is done.

    Args:
        features: shape (N, D), memory-mapped or not.
        apply: maps a block of them, a tensor (B, D) on any device, to one of (B, D').
        width: D'; default: D.

    Example:
        >>> rows = TransformedRows(np.eye(3), lambda block: 2 * block)
        >>> rows[1:].tolist(), rows.shape
        ([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]], (3, 3))
    """

    def __init__(self, features: Features, apply: Callable[[Tensor], Tensor], *, width: int | None = None) -> None:
        self.features, self.apply = features, apply
        self.width = features.shape[1] if width is None else width

    @property
    def dtype(self) -> Any:
        """float64 where the features are, else float32."""
        return np.dtype(np.float64 if self.features.dtype == np.float64 else np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D')."""
        return len(self.features), self.width

    def tensor(self, rows: Any, device: str = "cpu") -> Tensor:
        """Return some rows on a device, transformed there."""
        return self.apply(torch_rows(self.features, rows, device))


class SomeRows(LazyRows):
    """A part of the rows.

    Args:
        features: shape (N, D), memory-mapped or not.
        chosen: row numbers, shape (n,).

    Example:
        >>> SomeRows(np.eye(3), np.array([2, 0]))[:].tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, features: Features, chosen: NDArray[np.int64]) -> None:
        self.features, self.chosen = features, chosen

    @property
    def dtype(self) -> Any:
        """That of the features."""
        return self.features.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, D)."""
        return len(self.chosen), self.features.shape[1]

    def tensor(self, rows: Any, device: str = "cpu") -> Tensor:
        """Return some of the rows on a device."""
        return torch_rows(self.features, self.chosen[rows], device)


class RoundedRows(LazyRows):
    """Rows that are kept in bfloat16, for products that round them anyway.

    Args:
        features: shape (N, D), memory-mapped or not.

    Example:
        >>> rows = RoundedRows(np.full((2, 1), 1.001, dtype=np.float32))
        >>> rows.tensor(slice(1)), rows.dtype
        (tensor([[1.]], dtype=torch.bfloat16), dtype('float32'))
    """

    def __init__(self, features: Features) -> None:
        self.kept = torch.empty(features.shape, dtype=torch.bfloat16)
        for rows, block in chunks(features):
            self.kept[rows] = block

    @property
    def dtype(self) -> Any:
        """float32: the type that what is made of them is computed in."""
        return np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        return tuple(self.kept.shape)

    def tensor(self, rows: Any, device: str = "cpu") -> Tensor:
        """Return some rows on a device, in bfloat16."""
        return self.kept[rows].to(device)


def compute_dtype(features: RowSource) -> torch.dtype:
    """Return the type that heads compute in: float32, or float64 where the features came so."""
    return torch.float64 if features.dtype == np.float64 else torch.float32


def torch_rows(features: RowSource, rows: Any, device: str = "cpu") -> Tensor:
    """Return some rows as a tensor of the type that heads compute in."""
    if isinstance(features, LazyRows):
        return features.tensor(rows, device)
    block = np.asarray(features[rows])
    # torch wants memory that could be written to, which a mapped file's cannot, and rows and columns that run forwards
    if not block.flags.writeable or min(block.strides, default=0) < 0:
        block = block.copy()
    # torch converts float16 faster than numpy, and on the device after a copy of half the size
    return torch.from_numpy(block).to(device).to(compute_dtype(features))


def chunks(features: Features, device: str = "cpu", *, least: int = 256) -> Iterator[tuple[slice, Tensor]]:
    """Walk over features (N, D) in pieces of a few MiB, or of the least number of rows, each as (rows, tensor)."""
    size = max(CHUNK_BYTES // (4 * features.shape[1]), least)
    for start in range(0, len(features), size):
        rows = slice(start, min(start + size, len(features)))
        yield rows, torch_rows(features, rows, device)


def row_reader(
    features: RowSource, num_rows: int, *, readings: int, dtype: torch.dtype | None = None, device: str = "cpu"
) -> Callable[[NDArray[np.int64]], Tensor]:
    """Return a function that gives some rows on a device, kept there as they are needed where they are few.

    Args:
        features: shape (N, D), memory-mapped or not.
        num_rows: N.
        readings: how often each row is read; once read is not worth keeping.
        dtype: that they are wanted in; None: that heads compute in.
        device: where they are wanted.

    Example:
        >>> row_reader(np.eye(2, dtype=np.float16), 2, readings=9)(np.array([1, 0])).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    first = torch_rows(features, np.arange(1), device)
    dtype = first.dtype if dtype is None else dtype
    is_as_needed = isinstance(features, np.ndarray) and TORCH_TYPES.get(features.dtype) == dtype and device == "cpu"
    most = MOST_ROUNDED_BYTES if dtype == torch.bfloat16 else MOST_KEPT_BYTES
    is_large = num_rows * first.shape[1] * dtype.itemsize > most
    if readings < 2 or is_as_needed or is_large:
        return lambda rows: torch_rows(features, rows, device).to(dtype)
    kept = torch.empty(num_rows, first.shape[1], dtype=dtype, device=device)
    size = max(CHUNK_BYTES // (4 * first.shape[1]), 256)
    for start in range(0, num_rows, size):
        rows = np.arange(start, min(start + size, num_rows))
        kept[start : start + size] = torch_rows(features, rows, device)
    return lambda rows: kept.index_select(0, torch.from_numpy(rows).to(device))


def kept_rows(features: Features, precision: Precision = "float32") -> Features:
    """Return features (N, D) as an array of the type that heads compute in where they are few, else as they are.

    With the precision "bfloat16" few features of float32 are kept rounded.

    Example:
        >>> kept_rows(TransformedRows(np.eye(2, dtype=np.float16), lambda block: 2 * block))
        array([[2., 0.],
               [0., 2.]], dtype=float32)
    """
    kind = np.dtype(np.float64 if features.dtype == np.float64 else np.float32)
    numbers = features.shape[0] * features.shape[1]
    if precision == "bfloat16" and kind == np.float32 and numbers * 2 <= MOST_ROUNDED_BYTES:
        return RoundedRows(features)
    is_as_needed = isinstance(features, np.ndarray) and features.dtype == kind
    if is_as_needed or numbers * kind.itemsize > MOST_KEPT_BYTES:
        return features
    return np.asarray(features, dtype=kind)
