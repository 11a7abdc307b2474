"""Which columns of a feature file are of which layer."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from longtail.errors import InputError
from longtail.files.json_file import parse_json

__all__ = ["FeaturePart", "read_parts", "written_parts"]

_Stored = list[tuple[str, Annotated[int, Meta(ge=1)]]]


class FeaturePart(NamedTuple):
    """Columns that lie side by side.

    Attributes:
        name: of the layer, and how it was pooled, such as "layer3.0:mean"; "last": the features before the classifier.
        start: first column.
        stop: the one behind the last.
    """

    name: str
    start: int
    stop: int


def written_parts(parts: Iterable[tuple[str, int]]) -> str:
    """Return the attribute of a feature file that says which layers its columns are of.

    Args:
        parts: name and number of columns of each, from the first column on.
    """
    return json.dumps([list(part) for part in parts])


def read_parts(stored: Any, num_columns: int, origin: str) -> tuple[FeaturePart, ...]:
    """Return the parts that an attribute tells of.

    Args:
        stored: as `written_parts` gives it; None: nothing is told.
        num_columns: D.
        origin: where it stands, for messages.

    Raises:
        InputError: something else, or other widths than the columns have.

    Example:
        >>> read_parts(written_parts([("layer3:mean", 2), ("last", 3)]), 5, "a.h5")
        (FeaturePart(name='layer3:mean', start=0, stop=2), FeaturePart(name='last', start=2, stop=5))
    """
    if stored is None:
        return ()
    read: _Stored = parse_json(str(stored), _Stored, origin=origin, expected="names and widths of the layers")
    parts: list[FeaturePart] = []
    for name, width in read:
        start = parts[-1].stop if parts else 0
        parts.append(FeaturePart(name, start, start + width))
    if not parts or parts[-1].stop != num_columns:
        raise InputError(
            f"{origin}: its parts have {parts[-1].stop if parts else 0} columns together, and the features "
            f"{num_columns}. Extract them again."
        )
    return tuple(parts)
