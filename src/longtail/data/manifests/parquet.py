"""Parquet files, by a library that only those need who have some."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["open_parquet", "telling_damage"]


def open_parquet(path: Path) -> Any:
    """Open a Parquet file: a `pyarrow.parquet.ParquetFile`.

    Raises:
        InputError: pyarrow is not installed, no such file, or none of Parquet.
    """
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError as error:
        raise InputError(
            f"{printable(path)}: Parquet needs pyarrow, which is not installed: pip install 'longtail[parquet]'."
        ) from error
    if not path.is_file():
        raise InputError(f"{printable(path)}: no such file. Expected a Parquet file.")
    try:
        return pq.ParquetFile(path)
    except (ArrowException, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(f"{printable(path)}: cannot be read as Parquet ({reason}).") from error


@contextmanager
def telling_damage(path: Path, what: str = "it") -> Iterator[None]:
    """Let what is damaged inside of a Parquet file be told as other files' damage is.

    Args:
        path: of the file.
        what: cannot be read.

    Raises:
        InputError: naming both.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # all errors of Arrow are one of these
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise InputError(f"{printable(path)}: damaged: {what} cannot be read ({reason}).") from error
