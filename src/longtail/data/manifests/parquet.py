"""Parquet files, by a library that only those need who have some."""

from pathlib import Path
from typing import Any

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["open_parquet"]


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
