"""Tables as text: commas, semicolons or tabs, in any of the encodings that spreadsheets write."""

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.feature_table import Block
from longtail.files.text import encoding_of, printable

__all__ = ["CsvTable", "is_number"]

# what programs write in the place of a number that is not there
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "."})
FIRST_ROWS = 1000  # that say which columns hold numbers


class CsvTable:
    """A table in a text file, whose first line names the columns.

    Args:
        path: .csv or .tsv; semicolons in place of commas, and then decimal commas, are recognised.

    Attributes:
        names: of the columns, without blanks around them.
        numeric: names of the columns of numbers.

    Raises:
        InputError: no such file, no text, a first line of numbers, or no row.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._origin = path, printable(path)
        self._delimiter, self._decimal_comma = ",", False
        lines = self._lines()
        first = next(lines, (0, []))[1]
        self.names = tuple(name.strip() for name in first)
        if self.names and all(is_number(name) for name in self.names):
            raise InputError(
                f"{self._origin}: begins with numbers; expected a line with the names of the columns first."
            )
        rows = [cells for _, cells in itertools.islice(lines, FIRST_ROWS)]
        if not rows:
            raise InputError(f"{self._origin}: holds no row. Expected the names of the columns, then a row a line.")
        columns = list(zip(*rows, strict=True))
        if self._delimiter == ";":
            commas = [any(re.fullmatch(r"[+-]?\d*,\d+", cell.strip()) for cell in column) for column in columns]
            self._decimal_comma = any(commas)
        self.numeric = frozenset(
            name for name, column in zip(self.names, columns, strict=True) if self._holds_numbers(name, column)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was read."""
        return (f"{self._origin}: decimal commas are read as points",) if self._decimal_comma else ()

    def blocks(self, numbers: Sequence[str], words: Sequence[str], rows_at_once: int) -> Iterator[Block]:
        """Walk over the rows.

        Args:
            numbers: names of the columns of numbers that are wanted.
            words: names of the columns that are wanted as they stand.
            rows_at_once: rows of a block.

        Raises:
            InputError: naming row, line and column of a cell that is no number, or a row of another length.
        """
        place = {name: at for at, name in enumerate(self.names)}
        at_numbers, at_words = [place[name] for name in numbers], [place[name] for name in words]
        lines = self._lines()
        next(lines)
        first_row = 0
        while chunk := list(itertools.islice(lines, rows_at_once)):
            values = np.empty((len(chunk), len(numbers)), dtype=np.float32)
            for column, at in enumerate(at_numbers):
                values[:, column] = self._numbers([cells[at] for _, cells in chunk], chunk, first_row, numbers[column])
            texts = {
                name: np.array([cells[at] for _, cells in chunk]) for name, at in zip(words, at_words, strict=True)
            }
            yield Block(first_row, values, texts)
            first_row += len(chunk)

    def _numbers(
        self, cells: list[str], chunk: list[tuple[int, list[str]]], first_row: int, name: str
    ) -> NDArray[np.float32]:
        if self._decimal_comma:
            cells = [cell.replace(",", ".") for cell in cells]
        try:
            with np.errstate(over="ignore"):  # a number beyond float32 is told as infinite
                return np.array(cells, dtype=np.str_).astype(np.float64).astype(np.float32)
        except ValueError:
            values = np.empty(len(cells), dtype=np.float32)
            for row, cell in enumerate(cells):
                if cell.strip().lower() in MISSING:
                    values[row] = np.nan
                elif is_number(cell):
                    values[row] = float(cell)
                else:
                    raise InputError(
                        f"{self._origin}: row {first_row + row} (line {chunk[row][0]}): {cell[:40]!r} in the column "
                        f"{name!r} is no number, as the others there are. Mend it, or leave the column out "
                        f"(`drop_columns` {name})."
                    ) from None
            return values

    def _holds_numbers(self, name: str, cells: Sequence[str]) -> bool:
        if self._decimal_comma:
            cells = [cell.replace(",", ".") for cell in cells]
        there = [cell for cell in cells if cell.strip().lower() not in MISSING]
        return bool(there) and all(map(is_number, there[:20])) and sum(map(is_number, there)) > len(there) / 2

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Walk over the lines that are not empty, each with the number of the line in the file."""
        row, reader = -2, None
        try:
            with self.path.open("rb") as raw:
                start = raw.read(2**16)
            encoding = encoding_of(start[:4])
            # a lone carriage return ends a line in files of old Macs alone; elsewhere it is a slip inside a cell
            newline = "\r" if b"\r" in start and b"\n" not in start else "\n"
            with self.path.open(encoding=encoding, newline=newline) as file:
                self._delimiter = "\t" if self.path.suffix.lower() == ".tsv" else _delimiter(file.readline())
                file.seek(0)
                reader = csv.reader(file, delimiter=self._delimiter, strict=True)
                names: list[str] = []
                for cells in filter(None, reader):
                    row, names = row + 1, names or cells
                    if len(cells) != len(names):
                        raise InputError(
                            f"{self._origin}: row {row} (line {reader.line_num}) has {len(cells)} values; expected "
                            f"{len(names)}, as the first line has names. Write a name for each column"
                            + (", the row names of R too." if len(cells) == len(names) + 1 else ".")
                        )
                    yield reader.line_num, cells
        except UnicodeDecodeError as error:
            raise InputError(f"{self._origin}: is no text in UTF-8 ({error.reason}). Save it as UTF-8.") from error
        except UnicodeError as error:
            raise InputError(f"{self._origin}: is no text that can be read ({error}). Save it as UTF-8.") from error
        except csv.Error as error:
            line = 0 if reader is None else reader.line_num
            reason = str(error).split(" - ")[0]  # what follows is for programmers
            raise InputError(f"{self._origin}: row {row + 1} (line {line}) is none of a table: {reason}.") from error
        except OSError as error:
            raise InputError(f"{self._origin}: cannot be read ({error.strerror}).") from error


def is_number(text: str) -> bool:
    """Return whether a cell of a table is a number; the names of its columns are none.

    Example:
        >>> is_number(" -1.5e3"), is_number("²"), is_number("1_000"), is_number("--3")
        (True, False, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _delimiter(heading: str) -> str:
    """Return what stands between the names of the first line most often, a comma where nothing does."""
    plain = re.sub(r'"[^"]*"', "", heading)
    return max(",;\t", key=plain.count)
