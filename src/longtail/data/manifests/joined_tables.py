"""Tables that speak of each other's rows by ids."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from longtail.data.manifests.columns import WordTable
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

__all__ = ["check_columns", "column_of_joined", "places_of", "refuse_columns", "rows_by"]


def check_columns(table: WordTable, needed: Sequence[str], expected: str) -> None:
    """Make sure that a table has the columns of its format.

    Args:
        table: as it was read.
        needed: names of columns.
        expected: what the table should have been, for messages.

    Raises:
        InputError: one is missing.
    """
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InputError(
            f"{printable(table.path)}: has no column {', '.join(missing)}. Expected {expected}. Columns: "
            f"{', '.join(table.names)}."
        )


def rows_by(table: WordTable, column: str) -> dict[str, list[int]]:
    """Return the rows of each word of a column; those where nothing stands are left out."""
    result: dict[str, list[int]] = defaultdict(list)
    for row, word in enumerate(table.columns[column]):
        if word:
            result[word].append(row)
    return dict(result)


def places_of(table: WordTable, column: str, other: WordTable, key: str) -> list[int]:
    """Return which row of another table each row speaks of.

    Args:
        table: with ids of the other's rows.
        column: that holds them; an empty one speaks of no row.
        other: the table of these rows.
        key: its column of ids.

    Returns:
        Places, -1 for no row.

    Raises:
        InputError: an id that is not there, or stands there twice.
    """
    place: dict[str, int] = {}
    for row, word in enumerate(other.columns[key]):
        first = place.setdefault(word, row)
        if first != row:
            raise InputError(
                f"{printable(other.path)}: line {other.lines[row]} has the same {key} {word!r} as line "
                f"{other.lines[first]}. Expected one row each: take one of them out."
            )
    result = []
    for row, word in enumerate(table.columns[column]):
        if word and word not in place:
            raise InputError(
                f"{printable(table.path)}: line {table.lines[row]}: the {column} {word!r} is not in "
                f"{printable(Path(other.path.name))}. List it there, or take the line out."
            )
        result.append(place[word] if word else -1)
    return result


def column_of_joined(tables: Sequence[tuple[WordTable, Sequence[int]]], name: str, argument: str) -> list[str]:
    """Return a column that stands in one of several tables, for joined rows.

    Args:
        tables: each with its row for each joined row, -1 for none.
        name: of the column; the first table that has it counts.
        argument: that named it, for messages.

    Raises:
        InputError: none has it.
    """
    for table, rows in tables:
        if name in table.columns:
            column = table.columns[name]
            return [column[row] if row >= 0 else "" for row in rows]
    known = [column for table, _ in tables for column in table.names]
    listed = "; ".join(f"{table.path.name}: {', '.join(table.names)}" for table, _ in tables)
    raise InputError(
        f"{printable(tables[0][0].path.parent)}: no table has a column {name!r} (`{argument}`)."
        f"{did_you_mean(name, known)} Columns: {listed}."
    )


def refuse_columns(choice: object, arguments: Sequence[str], origin: str, title: str) -> None:
    """Refuse columns that a person names where the format has its own.

    Args:
        choice: what the person said.
        arguments: names of what may not be said.
        origin: the file, for messages.
        title: of the format.

    Raises:
        InputError: one of them was said.
    """
    for argument in arguments:
        value = getattr(choice, argument)
        if value and value != "none":
            raise InputError(f"{origin}: {title} has its own columns for that. Leave `{argument}` out.")
