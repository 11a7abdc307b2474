"""What the columns of a table of features are, as it is typed."""

from dataclasses import dataclass

from longtail.class_names import AlikeNames
from longtail.features.columns import ColumnChoice, Orientation

__all__ = ["ColumnOptions"]


@dataclass(frozen=True)
class ColumnOptions:
    """What the columns of a table (.csv, .tsv, .parquet), or the arrays of a file, are."""

    label_column: str | None = None
    """Column with the class; default: label, class, ..., or y."""
    id_column: str | None = None
    """Column that names rows, or none; default: id or path."""
    split_column: str | None = None
    """Column of train, val, test, or none; default: split."""
    drop_columns: tuple[str, ...] = ()
    """Columns of numbers that are no features."""
    keep_columns: tuple[str, ...] = ()
    """Columns that are features, though they look like ids, counters or codes."""
    alike_names: AlikeNames = "ask"
    """Labels alike but for case, blanks or marks."""
    group_column: str | None = None
    """Column, or array, of what stays together in splits, such as site, or none; default: an array groups."""
    event_column: str | None = None
    """Column, or array, of what was taken together, such as a sequence, or none; default: an array events."""
    weight_column: str | None = None
    """Column, or array, of how many rows each counts for in training, or none; default: an array weights."""
    orientation: Orientation | None = None
    """Whether rows or columns of square MATLAB features are images; default: ask."""

    @property
    def choice(self) -> ColumnChoice:
        """The same as the readers of tables take it."""
        return ColumnChoice(**vars(self))
