"""From the rows of a table to images with one class each: labels, splits and boxes settled, faults told."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames, settled_names
from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.manifests.crops import Crops
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.features.labels import Labels, class_order
from longtail.files.text import counted, printable
from longtail.grouping import Grouping, grouping_of
from longtail.row_weights import read_weights

__all__ = ["SettledRows", "settle"]

_SPLIT_OF = {word: split for split, words in SPLIT_NAMES.items() for word in words} | {"dev": "val"}


@dataclass(frozen=True)
class SettledRows:
    """Rows that were checked, each with at most one class.

    Attributes:
        rows: as they stand in their file.
        labels: class index of each row, -1 for one without a label, shape (N,).
        class_names: C names.
        splits: "train", "val" or "test" of each row; None where nothing says so.
        groups: what each row belongs to, or None.
        events: which rows are of one event, or None.
        crops: which part of its image each row is, or None.
        notes: sentences for people.
        weights: how many rows each counts for where it is learnt from, shape (N,), or None.
    """

    rows: Rows
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    splits: NDArray[np.str_] | None
    groups: Grouping | None
    events: Grouping | None
    crops: Crops | None
    notes: tuple[str, ...]
    weights: NDArray[np.float64] | None = None


def settle(rows: Rows, choice: ManifestChoice, alike_names: AlikeNames = "ask", *, origin: str) -> SettledRows:
    """Settle what a table leaves open.

    Args:
        rows: as a format's reader reads them.
        choice: what a person said of it.
        alike_names: of classes that differ in case, blanks, `_`, `-` or Unicode form only, as of `settled_names`.
        origin: the file, for messages.

    Raises:
        InputError: rows that say the same twice, several labels of an image, an unknown split, or a box that is none.
    """
    notes = list(rows.notes)
    rows = _without(rows, choice.drop_labels, notes, origin)
    rows = _one_label_each(rows, choice, notes, origin)
    crops = _crops(rows, choice, origin)
    words = list(rows.labels)
    there = sorted(set(words))
    names = [name for name in there if name]
    order = rows.class_names
    if order is None:
        order = class_order([Labels(tuple(names), np.empty(0, dtype=np.int64))])
    unknown = sorted(set(names) - set(order))
    if unknown:
        raise InputError(f"{origin}: the class {unknown[0]!r} stands in no list of its classes.")
    in_use = set(names)
    used = [name for name in order if name in in_use]
    settled, numbers = settled_names(used, alike_names, origin) if used else ((), ())
    place = dict(zip(used, numbers, strict=True)) | {"": -1}
    labels = np.fromiter(map(place.__getitem__, words), dtype=np.int64, count=len(words))
    empty = int((labels < 0).sum())
    if empty and names:
        notes.append(f"{origin}: {counted(empty, 'row')} without a label: unlabelled, learnt from only by `unlabelled`")
    if rows.groups is None and rows.events is not None and choice.group_column != "none" and any(rows.events):
        rows = replace(rows, groups=rows.events, grouped_by="events")  # frames of one event are alike
    groups = None if rows.groups is None else grouping_of(rows.groups, rows.grouped_by)
    if groups is not None and choice.labelled:
        by = rows.grouped_by or "its groups"
        notes.append(f"{origin}: {groups.number:,} groups by {by}: each stays on one side of a split that is made")
    events = None if rows.events is None else grouping_of(rows.events)
    splits = _splits(rows, origin) if choice.labelled else None  # nothing is learnt from what is to be predicted
    weights = _weights(rows, choice.weight_column, origin)
    return SettledRows(rows, labels, settled, splits, groups, events, crops, tuple(notes), weights)


def _weights(rows: Rows, column: str | None, origin: str) -> NDArray[np.float64] | None:
    if column in (None, "none"):
        return None
    if rows.weights is None:
        raise InputError(
            f"{origin}: `weight_column` is of plain tables (.csv, .tsv, .jsonl, .parquet), and this is another format. "
            "`longtail convert` makes a table of it, to which a column of weights can be added."
        )
    return read_weights(np.array(rows.weights), len(rows), origin=f"{origin}: {column}", place=rows.place)


def _without(rows: Rows, labels: Sequence[str], notes: list[str], origin: str) -> Rows:
    if not labels:
        return rows
    there = set(rows.labels)
    unknown = [label for label in labels if label not in there]
    if len(unknown) == len(labels):
        listed = ", ".join(sorted(name for name in there if name)[:8])
        raise InputError(f"{origin}: `drop_labels` {unknown[0]!r} is the label of no row. Labels: {listed}.")
    if unknown:
        notes.append(f"{origin}: no row has the label {', '.join(map(repr, unknown))}, which was to be left out")
    dropped = set(labels)
    keep = [row for row, label in enumerate(rows.labels) if label not in dropped]
    notes.append(f"{origin}: {counted(len(rows) - len(keep), 'row')} of {', '.join(labels)} left out")
    return rows.take(keep)


def _one_label_each(rows: Rows, choice: ManifestChoice, notes: list[str], origin: str) -> Rows:
    """Refuse rows that stand there twice; answer for images that have several labels."""
    boxes = None if rows.boxes is None else [tuple(box) for box in np.nan_to_num(rows.boxes, nan=-1).tolist()]
    keys: Sequence[object] = rows.images if boxes is None else list(zip(rows.images, boxes, strict=True))
    if len(set(keys)) == len(keys):
        return rows
    members: dict[object, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        members[key].append(row)
    if not choice.labelled:
        return rows.take([same[0] for same in members.values()])  # each image is predicted once
    several = [same for same in members.values() if len(same) > 1]
    for same in several:
        seen: dict[str, int] = {}
        for row in same:
            first = seen.setdefault(rows.labels[row], row)
            if first != row:
                raise InputError(
                    f"{origin}: {rows.place(row)} names the image {printable(rows.images[row])} with the same label as "
                    f"{rows.place(first)}. Expected one row an image: take one of them out."
                )
    if choice.several == "refuse":
        same = several[0]
        named = " and ".join(repr(rows.labels[row]) for row in same[:3])
        raise InputError(
            f"{origin}: {printable(rows.images[same[0]])} has {len(same)} labels: {named} ({rows.place(same[0])} and "
            f"{rows.place(same[1])}), and {len(several) - 1:,} more images have several. Say what becomes of them: "
            "`several` rarest (the class with the fewest images), or each (one row for each label)."
        )
    if choice.several == "each":
        notes.append(f"{origin}: {len(several):,} images of several labels are there once for each label")
        return rows
    counts = Counter(rows.labels)
    chosen = {min(same, key=lambda row: (counts[rows.labels[row]], rows.labels[row])) for same in several}
    left_out = {row for same in several for row in same} - chosen
    notes.append(f"{origin}: {len(several):,} images of several labels are taken for the rarest of them")
    return rows.take([row for row in range(len(rows)) if row not in left_out])


def _splits(rows: Rows, origin: str) -> NDArray[np.str_] | None:
    if rows.splits is None or not any(rows.splits):
        return None
    splits = {word: _SPLIT_OF.get(word.strip().lower()) for word in set(rows.splits)}
    if None in splits.values():
        row = next(row for row, word in enumerate(rows.splits) if splits[word] is None)
        word = rows.splits[row]
        what = f"split {word!r}" if word else "no split, as others have"
        raise InputError(
            f"{origin}: {rows.place(row)}: {what}; expected train, val or test. Where that column says something "
            "else: `split_column` none."
        )
    return np.array([splits[word] for word in rows.splits])


def _crops(rows: Rows, choice: ManifestChoice, origin: str) -> Crops | None:
    if choice.padding < 0 or not np.isfinite(choice.padding):
        raise InputError(f"`padding` is {choice.padding}; expected a share of the box's longer side, at least 0.")
    if rows.boxes is None or np.isnan(rows.boxes).all():
        return None
    with np.errstate(invalid="ignore"):
        is_none = np.isnan(rows.boxes).any(axis=1) & ~np.isnan(rows.boxes).all(axis=1)
        wrong = np.flatnonzero(is_none | (rows.boxes[:, 2:] <= 0).any(axis=1) | np.isinf(rows.boxes).any(axis=1))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{origin}: {rows.place(row)}: the box {rows.boxes[row].tolist()} of {printable(rows.images[row])} is none "
            f"({counted(len(wrong), 'such row')}). Expected left edge, upper edge, width and height, the last two "
            "above 0; or nothing for the whole image."
        )
    if rows.box_unit == "shares" and (rows.boxes[~np.isnan(rows.boxes)] > 1.01).any():
        raise InputError(f"{origin}: boxes are shares of the image, and one is above 1. Expected 0 to 1.")
    return Crops(rows.boxes, rows.box_unit, choice.padding, choice.square)
