"""A table out of named columns, matched by their names alone."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.array_table import FEATURES, LOGITS
from longtail.features.column_values import check_features
from longtail.features.columns import (
    ColumnChoice,
    Columns,
    left_out_note,
    likely_group_note,
    quoted,
    sort_columns,
)
from longtail.features.feature_table import ColumnTable, Kind, Table
from longtail.features.groups import read_groups
from longtail.features.labels import read_labels
from longtail.features.parquet_table import ParquetTable
from longtail.features.words_beside import check_words, telling_columns
from longtail.files.text import printable
from longtail.row_weights import read_weights

__all__ = ["ROWS_AT_ONCE", "columns_of", "table_of_columns"]

ROWS_AT_ONCE = 8192
ROLES = ("label", "split", "id", "group", "event", "weight")  # of columns that are no features
_IMAGE = re.compile(r"\.(jpe?g|png|tiff?|bmp|gif|webp)\s*$", re.IGNORECASE)
GROWTH = 1.25  # of the values, where there are more rows than there is room for


def columns_of(
    source: ColumnTable, choice: ColumnChoice, features: Sequence[str] | None, *, labelled: bool
) -> tuple[Columns, Kind]:
    """Return which column is what; known features are found by their names, whatever stands beside them.

    Args:
        source: the opened file.
        choice: what a person said of its columns.
        features: names of the features, in this order, where they are known.
        labelled: whether a label is needed.

    Returns:
        The columns, and whether the features are logits.

    Raises:
        InputError: columns that are missing, ambiguous or of another kind.
    """
    origin = printable(source.path)
    if features is not None or not labelled:
        choice = choice.present_in(source.names, labelled=labelled)
    if isinstance(source, ParquetTable) and (features is None or set(features) <= source.lists):
        listed = _columns_beside_a_list(source, choice, origin, labelled=labelled)
        if listed is not None:
            return listed
    columns = sort_columns(source.names, source.numeric, choice, origin=origin, labelled=labelled)
    if features is None:
        return columns, "features"
    absent = [name for name in features if name not in source.names]
    if absent:
        more = f", nor are {len(absent) - 1} others" if len(absent) > 1 else ""
        raise InputError(
            f"{origin}: the column {absent[0]!r} is not there{more}; the {len(features)} features are matched by the "
            f"names of their columns. It has {', '.join(source.names[:8])}{', ...' if len(source.names) > 8 else ''}."
        )
    words = [name for name in features if name not in source.numeric]
    if words:
        raise InputError(f"{origin}: the column {words[0]!r} is one of the features, and holds no numbers here.")
    left_out = {name: why for name, why in columns.left_out.items() if name not in features}
    left_out |= {name: "not among the known features" for name in columns.features if name not in features}
    roles = {name: getattr(columns, name) for name in ROLES}
    apart = {role: None if name in features else name for role, name in roles.items()}
    return Columns(**apart, features=tuple(features), left_out=left_out), "features"


def _columns_beside_a_list(
    source: ParquetTable, choice: ColumnChoice, origin: str, *, labelled: bool
) -> tuple[Columns, Kind] | None:
    small = {name.lower(): name for name in source.lists}
    taken = next((small[name] for name in (*FEATURES, *LOGITS) if name in small), None)
    tokens = next((name for name in source.nested if name.lower() in (*FEATURES, *LOGITS)), None)
    if taken is None and tokens is not None:
        raise InputError(
            f"{origin}: the column {tokens} holds lists of lists: several vectors an image, of tokens or places; "
            "expected one list of D numbers. Pool them first: the class token, or their mean."
        )
    if taken is None and source.images:
        raise InputError(
            f"{origin}: holds images ({', '.join(sorted(source.images))}), as Hugging Face's `datasets` writes them, "
            "and no features. Expected columns of numbers, or a column of lists named features; write the images as "
            "files, a folder a class, for `longtail run folder`."
        )
    if taken is None:
        return None
    columns = sort_columns(source.names, {*source.numeric, taken}, choice, origin=origin, labelled=labelled)
    beside = dict.fromkeys((name for name in columns.features if name != taken), f"beside the lists in {taken}")
    kind: Kind = "logits" if taken.lower() in LOGITS else "features"
    return replace(columns, features=(taken,), left_out={**columns.left_out, **beside}), kind


def table_of_columns(
    source: ColumnTable, choice: ColumnChoice, features: Sequence[str] | None, *, labelled: bool
) -> Table:
    """Read the columns of a table, as `columns_of` sorts them.

    Raises:
        InputError: as `columns_of`; a cell that is no number, a column that says which row or class it is, or an id
            that stands twice.
    """
    path, origin = source.path, printable(source.path)
    columns, kind = columns_of(source, choice, features, labelled=labelled)
    roles = {role: getattr(columns, role) for role in ROLES}
    roles["label"] = columns.label if labelled else None
    telling = telling_columns(columns, choice) if labelled and features is None else ()
    words = list(dict.fromkeys([*(name for name in roles.values() if name is not None), *telling]))
    values = np.empty((0, 0), dtype=np.float32)
    rows, texts = 0, {name: list[NDArray[np.str_]]() for name in words}
    for block in source.blocks(columns.features, words, ROWS_AT_ONCE):
        if rows + len(block.values) > len(values):
            # grown in place: a second copy of a large table would not fit
            values.resize((max(int(GROWTH * len(values)), rows + ROWS_AT_ONCE), block.values.shape[1]), refcheck=False)
        if block.values.shape[1] != values.shape[1]:
            raise InputError(
                f"{origin}: row {block.first_row} has {block.values.shape[1]} features, not {values.shape[1]}."
            )
        values[rows : rows + len(block.values)] = block.values
        rows += len(block.values)
        for name in words:
            texts[name].append(block.words[name])
    values.resize((rows, values.shape[1]), refcheck=False)
    if not rows:
        raise InputError(f"{origin}: holds no row.")
    together = {role: None if name is None else np.concatenate(texts[name]) for role, name in roles.items()}
    labels, notes = (None, ()) if together["label"] is None else read_labels(together["label"], rows, origin=origin)
    names: tuple[str, ...] | None = columns.features if len(columns.features) == values.shape[1] else None
    left_out = dict(columns.left_out)
    if labels is not None:
        beside = {name: np.concatenate(texts[name]) for name in telling}
        check_words(beside, labels.codes, columns, origin=origin)
    if labels is not None and features is None and names is not None:
        counters = check_features(values, names, labels, origin=origin, keep=choice.keep_columns)
        left_out |= dict.fromkeys(counters, "the number of the row")
        stay = [place for place, name in enumerate(names) if name not in counters]
        if not stay:
            raise InputError(f"{origin}: has no column of numbers but {', '.join(counters)}, which count the rows.")
        if counters:
            values, names = np.ascontiguousarray(values[:, stay]), tuple(names[place] for place in stay)
    _check_side_information(origin, names, columns, together["id"], choice)
    split, ids = together["split"], None if together["id"] is None else np.strings.strip(together["id"])
    if ids is not None and labelled:
        _check_ids(origin, str(columns.id), ids, given=choice.id_column is not None)
    about = {} if names is None else {"feature_names": json.dumps(list(names))}
    all_notes = (*source.notes, *notes, *left_out_note(origin, left_out), *likely_group_note(origin, columns, choice))
    groups, group_names = _groups(together["group"], columns.group, origin)
    events, event_names = _groups(together["event"], columns.event, origin)
    weights, cells = None, together["weight"]
    if cells is not None:
        name = f"{origin}: the column {quoted(str(columns.weight))}"
        weights = read_weights(cells, rows, origin=name, place="row {}".format)
    return Table(
        path,
        values,
        labels,
        kind,
        split,
        ids,
        feature_names=names,
        attributes=about,
        notes=all_notes,
        groups=groups,
        group_names=group_names,
        events=events,
        event_names=event_names,
        weights=weights,
    )


def _groups(
    words: NDArray[np.str_] | None, name: str | None, origin: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...] | None]:
    if words is None:
        return None, None
    return read_groups(words, len(words), origin=f"{origin}: the column {quoted(str(name))}")


def _check_side_information(
    origin: str, names: tuple[str, ...] | None, columns: Columns, ids: NDArray[np.str_] | None, choice: ColumnChoice
) -> None:
    """Refuse a list of images whose only number beside the label is an age, or a size: no network saw these images."""
    if names is None or len(names) > 1 or ids is None or names[0] in choice.keep_columns:
        return
    if names[0][-1:].isdecimal():  # f0, dim_1: numbered as features are
        return
    if all(_IMAGE.search(name) for name in ids[:100].tolist()):
        raise InputError(
            f"{origin}: lists images ({columns.id}), and {names[0]} is the only column of numbers. Features are what a "
            f"network makes of images: `longtail run folder`. If {names[0]} is one: `keep_columns` {names[0]}."
        )


def _check_ids(origin: str, column: str, ids: NDArray[np.str_], *, given: bool) -> None:
    there, counts = np.unique(ids, return_counts=True)
    if (counts == 1).all():
        return
    first = there[counts > 1][0]
    rows = np.flatnonzero(ids == first).tolist()
    instead = "" if given else f", or leave the rows without names (`id_column` none, `drop_columns` {column})"
    places = ", ".join(map(str, rows[:3])) + (" and others" if len(rows) > 3 else "")
    raise InputError(
        f"{origin}: the column {column!r} is read as the name of each row, but {str(first)!r} stands in rows {places}. "
        "Expected each once: what is learnt from and measured on makes the result too good. Name another column "
        f"(`id_column` NAME){instead}; several objects of one picture should stay in one split."
    )
