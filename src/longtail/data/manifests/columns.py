"""Tables as columns of words: .csv, .tsv, .jsonl and .parquet, every cell as it stands."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from longtail.errors import InputError, did_you_mean
from longtail.files.long_cells import long_cells
from longtail.files.text import encoding_of, printable, read_text

__all__ = ["TABLE_SUFFIXES", "WordTable", "read_word_table"]

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
_LINES, _LARGEST_CELL, _AT_ONCE = (".jsonl", ".ndjson"), 2**24, 2**12


@dataclass(frozen=True)
class WordTable:
    """A table whose cells are words as they stand: "001", "NA" and "3.0" are neither numbers nor gaps.

    Attributes:
        path: of the file.
        columns: by name, in the order of the file, each with N words; "" where nothing stands.
        lines: number of the line of each row, shape (N,).
    """

    path: Path
    columns: dict[str, list[str]]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self.columns)

    def column(self, name: str, argument: str) -> list[str]:
        """Return a column that a person named.

        Args:
            name: of it.
            argument: that named it, for messages.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.columns:
            raise InputError(
                f"{printable(self.path)}: has no column {name!r} (`{argument}`).{did_you_mean(name, self.names)} "
                f"Columns: {', '.join(self.names)}."
            )
        return self.columns[name]

    def first_of(self, *usual: str) -> str | None:
        """Return the first of some usual names that a column has, in capitals or not, blanks as `_`; None if none."""
        there = {name.strip().lower().replace(" ", "_"): name for name in reversed(self.names)}
        return next((there[name] for name in usual if name in there), None)

    def keep(self, rows: Sequence[int]) -> "WordTable":
        """Return some of the rows."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return WordTable(self.path, columns, [self.lines[row] for row in rows])


def read_word_table(path: Path, *, delimiter: str | None = None, strip: bool = True) -> WordTable:
    r"""Read a table of words.

    Args:
        path: .csv, .tsv, .jsonl (an object a line) or .parquet; anything else is read as text with a heading.
        delimiter: between cells of text; None finds out.
        strip: take blanks off around names and cells.

    Raises:
        InputError: no such file, no table, a row of another length, a second heading, or no row.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "birds.csv"
        >>> _ = path.write_text("file,species\na.jpg,NA\nb.jpg,001\n")
        >>> read_word_table(path).columns
        {'file': ['a.jpg', 'b.jpg'], 'species': ['NA', '001']}
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _of_parquet(path)
    if suffix in _LINES:
        return _of_lines(path)
    names, columns, lines = _cells(path, delimiter, strip)
    return WordTable(path, dict(zip(names, columns, strict=True)), lines)


def _cells(path: Path, delimiter: str | None, strip: bool) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the names of the columns, the cells of each, and the number of each row's line."""
    origin, expected = printable(path), "a table: a line with the names of the columns, then a row a line"
    reader: Any = None
    columns: list[list[str]] = []
    lines: list[int] = []
    try:
        with path.open("rb") as raw:
            encoding = encoding_of(raw.read(4))
        with path.open(encoding=encoding, newline="") as file, long_cells(_LARGEST_CELL):
            heading = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter or _delimiter(path, heading), strict=True)
            names = [name.strip() if strip else name for name in next(reader, [])]
            columns = [[] for _ in names]
            rows = _rows(reader, len(names), lines, origin)
            # some thousand rows at once become columns: a list for each of a million rows would take half a gigabyte
            while some := list(islice(rows, _AT_ONCE)):
                for column, cells in zip(columns, zip(*some, strict=True), strict=True):
                    column.extend(map(str.strip, cells) if strip else cells)
    except UnicodeError as error:
        raise InputError(f"{origin}: is no text in UTF-8 ({error}). Save it as UTF-8. Expected {expected}.") from error
    except csv.Error as error:
        line = 0 if reader is None else reader.line_num
        raise InputError(f"{origin}: line {line} is none of a table: {str(error).split(' - ')[0]}.") from error
    except FileNotFoundError as error:
        raise InputError(f"{origin}: no such file. Expected {expected}.") from error
    except OSError as error:
        raise InputError(f"{origin}: cannot be read ({error.strerror}). Expected {expected}.") from error
    if not lines:
        raise InputError(f"{origin}: holds no row. Expected {expected}.")
    _check_names(names, origin)
    for row, cell in enumerate(columns[0]):
        if cell == names[0] and all(column[row] == name for column, name in zip(columns, names, strict=True)):
            raise InputError(
                f"{origin}: line {lines[row]} repeats the names of the columns, as where two files were put together. "
                "Take that line out."
            )
    return names, columns, lines


def _rows(reader: Any, width: int, lines: list[int], origin: str) -> Iterator[list[str]]:
    """Read the rows below the heading, without empty ones; each one's line goes to `lines`."""
    for cells in reader:
        if len(cells) != width:
            if not any(map(str.strip, cells)):
                continue
            raise InputError(
                f"{origin}: line {reader.line_num} has {len(cells)} values; expected {width}, as the first line has "
                "names."
            )
        if not any(cells):  # spreadsheets leave rows of commas below a table
            continue
        lines.append(reader.line_num)
        yield cells


def _check_names(names: Sequence[str], origin: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            raise InputError(f"{origin}: two columns are called {name!r}. Rename or remove one.")
        seen.add(name)


def _delimiter(path: Path, heading: str) -> str:
    if path.suffix.lower() in (".tsv", ".tab"):
        return "\t"
    plain = "".join(heading.split('"')[::2])  # names may hold commas
    return max(",;\t", key=plain.count)


def _of_lines(path: Path) -> WordTable:
    origin, expected = printable(path), "an object of JSON a line"
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    for number, line in enumerate(read_text(path, expected=expected).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            # numbers as they stand: 007 is no JSON, but 3.0 and 3 are two words
            row = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{origin}: line {number} is no JSON. Expected {expected}.") from error
        if not isinstance(row, dict):
            raise InputError(f"{origin}: line {number} is no object. Expected {expected}.")
        for name in row:
            columns.setdefault(name, [""] * len(lines))
        for name, cells in columns.items():
            cells.append(_word(row.get(name)))
        lines.append(number)
    if not lines:
        raise InputError(f"{origin}: holds no row. Expected {expected}.")
    return WordTable(path, columns, lines)


def _of_parquet(path: Path) -> WordTable:
    from longtail.data.manifests.parquet import open_parquet

    table = open_parquet(path).read()
    columns = {
        name: [_word(value) for value in table.column(name).to_pylist()]
        for name in table.column_names
        if not _is_nested(table.schema.field(name).type)
    }
    if not table.num_rows:
        raise InputError(f"{printable(path)}: holds no row.")
    return WordTable(path, columns, range(1, table.num_rows + 1))


def _is_nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)
