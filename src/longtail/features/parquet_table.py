"""Tables in Parquet, those of Hugging Face's `datasets` among them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import brief
from longtail.errors import InputError
from longtail.features.feature_table import Block
from longtail.files.json_file import parse_json
from longtail.files.text import printable

__all__ = ["ParquetTable"]


class ParquetTable:
    """A table in a Parquet file: columns of numbers, of words, and of lists of equally many numbers.

    Args:
        path: of the file.

    Attributes:
        names: of the columns.
        numeric: names of the columns of numbers.
        lists: names of the columns of lists of numbers, each of which can be all the features.
        nested: names of the columns of lists of lists.

    Raises:
        InputError: pyarrow is not installed, or the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._origin = path, printable(path)
        try:
            import pyarrow
            import pyarrow.parquet as parquet
        except ModuleNotFoundError as error:
            raise InputError(
                f"{self._origin}: Parquet needs pyarrow: pip install longtail[parquet], or write a .csv or .npz."
            ) from error
        self._arrow: Any = pyarrow
        try:
            self._file = parquet.ParquetFile(path)
            schema = self._file.schema_arrow
        except Exception as error:  # pyarrow has a dozen kinds
            raise InputError(f"{self._origin}: damaged, or no Parquet file.") from error
        types = pyarrow.types
        self.names = tuple(str(name) for name in schema.names)
        kinds = {field.name: _plain_type(field.type, types) for field in schema}

        def holds(test: Any) -> frozenset[str]:
            return frozenset(name for name, kind in kinds.items() if test(kind))

        self.numeric = holds(lambda kind: types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
        self.lists = holds(
            lambda kind: (
                (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
                and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))
            )
        )
        self.nested = holds(
            lambda kind: (
                (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
                and types.is_nested(kind.value_type)
            )
        )
        self._words = holds(lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind))
        self.images = holds(lambda kind: types.is_struct(kind) and kind.get_field_index("bytes") >= 0)
        self._label_names = _label_names(schema.metadata or {}, self._origin)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was read."""
        return ()

    def can_be_words(self, name: str) -> bool:
        """Return whether a column can be read as words: of strings, or of numbers."""
        return name in self._words or name in self.numeric

    def blocks(self, numbers: Sequence[str], words: Sequence[str], rows_at_once: int) -> Iterator[Block]:
        """Walk over the rows; one name of `lists` in `numbers` stands for all its values.

        Raises:
            InputError: damaged, lists of unequal length, or a column of another kind.
        """
        first_row = 0
        try:
            for batch in self._file.iter_batches(rows_at_once, columns=list(dict.fromkeys([*numbers, *words]))):
                values = [self._values(batch.column(name), name, first_row) for name in numbers]
                texts = {name: self._texts(batch.column(name), name, first_row) for name in words}
                together = np.concatenate(values, axis=1) if values else np.empty((batch.num_rows, 0), np.float32)
                yield Block(first_row, together, texts)
                first_row += batch.num_rows
        except InputError:
            raise
        except Exception as error:  # as above
            raise InputError(f"{self._origin}: damaged at row {first_row:,} or after.") from error

    def _values(self, column: Any, name: str, first_row: int) -> NDArray[np.float32]:
        if self._arrow.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if name not in self.lists:
            values: NDArray[Any] = column.cast(self._arrow.float64()).to_numpy(zero_copy_only=False)
            with np.errstate(over="ignore"):
                return values.astype(np.float32)[:, None]
        if column.null_count:
            row = first_row + next(at for at, one in enumerate(column) if not one.is_valid)
            raise InputError(f"{self._origin}: row {row} has no {name}. Leave such rows out.")
        flat = column.flatten()
        if len(column) and len(flat) % len(column):
            raise InputError(f"{self._origin}: the lists in {name} are of unequal length. Expected D numbers in each.")
        lengths = {len(one) for one in column} if len(column) else {0}
        if len(lengths) > 1:
            raise InputError(f"{self._origin}: the lists in {name} are of unequal length. Expected D numbers in each.")
        flat_values: NDArray[Any] = flat.to_numpy(zero_copy_only=False)
        return flat_values.astype(np.float32).reshape(len(column), -1)

    def _texts(self, column: Any, name: str, first_row: int) -> NDArray[np.str_]:
        words = []
        for row, one in enumerate(column.to_pylist(), start=first_row):
            if isinstance(one, bytes):
                try:
                    one = one.decode()
                except UnicodeDecodeError as error:
                    raise InputError(f"{self._origin}: row {row}: {name} is no text in UTF-8.") from error
            if isinstance(one, list):
                one = self._of_list(one, name, row)
            if isinstance(one, int) and not isinstance(one, bool) and name in self._label_names:
                known = self._label_names[name]
                if not 0 <= one < len(known):
                    raise InputError(f"{self._origin}: row {row}: {name} {one}; its names are {len(known)}.")
                one = known[one]
            if isinstance(one, float) and one.is_integer():
                one = int(one)
            words.append("" if one is None else str(one))
        return np.array(words)

    def _of_list(self, values: list[Any], name: str, row: int) -> Any:
        """Return the one value of a list, or the place of the one 1 among zeros."""
        if len(values) == 1:
            return values[0]
        ones = [place for place, value in enumerate(values) if value == 1]
        if len(ones) != 1 or any(value not in (0, 1) for value in values):
            raise InputError(
                f"{self._origin}: row {row}: {name} is {brief(values)}; expected one class, or ones and zeros with a "
                "single one. Leave rows of several classes out."
            )
        return ones[0]


def _plain_type(kind: Any, types: Any) -> Any:
    return kind.value_type if types.is_dictionary(kind) else kind


def _label_names(metadata: dict[bytes, bytes], origin: str) -> dict[str, list[str]]:
    """Read the class names that Hugging Face's `datasets` writes beside a column of class numbers."""
    if b"huggingface" not in metadata:
        return {}
    about = parse_json(metadata[b"huggingface"], dict[str, Any], origin=origin, expected="what `datasets` writes")
    features = about.get("info", {}).get("features", {}) if isinstance(about.get("info"), dict) else {}
    return {
        str(name): [str(one) for one in feature["names"]]
        for name, feature in (features.items() if isinstance(features, dict) else ())
        if isinstance(feature, dict) and isinstance(feature.get("names"), list)
    }
