"""Whether inputs are images, or features of them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from longtail.data.foreign_label_files import recognised
from longtail.data.manifests import ManifestChoice, format_of
from longtail.features import SUFFIXES, is_number
from longtail.files.hdf5 import open_hdf5
from longtail.files.text import encoding_of
from longtail.files.zarr_file import is_zarr

__all__ = ["are_features"]

_PEEK = 2**20


def are_features(
    path: Path, table: ManifestChoice, feature_names: Sequence[str] | None = None, dimension: int = 1
) -> bool:
    """Return whether a path holds features, and not images.

    A table may be one of either: it is one of images where somebody said so, or where it names images and has not the
    columns that the head looks at.

    Args:
        path: of the inputs.
        table: what a person said of a table of images.
        feature_names: of the columns that the head was fitted on, or None.
        dimension: D of the head.

    Raises:
        InputError: an HDF5 file that cannot be read.
    """
    suffix = path.suffix.lower()
    if (
        suffix not in SUFFIXES
        or (path.is_dir() and not is_zarr(path))
        or table.format is not None
        or table.image_column is not None
    ):
        return False
    if suffix in (".h5", ".hdf5"):
        with open_hdf5(path, expected="images, a folder of them, a pack, or features") as file:
            return "bytes" not in file  # an image pack
    if suffix not in (".csv", ".tsv", ".parquet") or recognised(path) is None or format_of(path) is None:
        return True
    names, numbers = _of_parquet(path) if suffix == ".parquet" else _of_text(path)
    if feature_names is not None and set(feature_names) <= set(names):
        return True
    return numbers >= dimension


def _of_text(path: Path) -> tuple[list[str], int]:
    """Return the names of the columns of a table of text, and how many hold numbers in its first row."""
    with path.open("rb") as file:
        first = file.read(_PEEK)
    lines = first.decode(encoding_of(first), "replace").splitlines()[:2]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=(lines or [""])[0].count)
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return [], 1
    names = [name.strip() for name in rows[0]] if rows else []
    return names, sum(is_number(cell.strip()) for cell in rows[1]) if len(rows) > 1 else 0


def _of_parquet(path: Path) -> tuple[list[str], int]:
    """Return the names of the columns of a Parquet file, and how many numbers a row has."""
    import pyarrow as pa

    from longtail.data.manifests.parquet import open_parquet

    schema = open_parquet(path).schema_arrow
    numbers = 0
    for field in schema:
        kind = field.type
        if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return schema.names, 2**62  # rows of lists are features
        numbers += pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return schema.names, numbers
