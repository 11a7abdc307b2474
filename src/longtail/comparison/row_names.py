"""What a person calls a row of features."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longtail.comparison.sealed import SealedFeatures
    from longtail.features import FeatureFile

__all__ = ["row_id", "row_name", "row_number"]


def row_name(file: "FeatureFile | SealedFeatures", row: int) -> str:
    """Return the id or path of a row where the person's file has one, else its number there.

    Args:
        file: of the split.
        row: place in the split.
    """
    return row_id(file, row) or f"row {row_number(file, row)}"


def row_id(file: "FeatureFile | SealedFeatures", row: int) -> str:
    """Return the id or path of a row, or nothing where the person's file has none."""
    return "" if file.ids is None else str(file.ids[row])


def row_number(file: "FeatureFile | SealedFeatures", row: int) -> int:
    """Return the number of a row in the person's own file, which may hold all splits; else its place in the split."""
    numbers = file.rows
    return row if numbers is None else int(numbers[row])
