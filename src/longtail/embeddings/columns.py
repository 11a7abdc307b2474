"""What the columns of a table are: the label, an id, a split, features, and numbers that only look like features."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["ColumnChoice", "Columns", "check_features", "sort_columns"]

# names in small letters; more than one of the first line, or one of the second beside another name of a class, is a
# question
LABELS = ("label", "labels", "target", "targets")
PERHAPS_LABELS = ("class", "y")
RANKS = (
    *("kingdom", "phylum", "order", "family", "genus", "species", "subspecies", "specific_epithet"),
    *("scientific_name", "scientificname", "common_name", "taxon", "taxon_name", "category"),
)
SPLITS = ("split", "splits", "subset")
IDS = (
    *("id", "ids", "path", "paths", "file", "files", "file_path", "filepath", "filename", "file_name"),
    *("image", "images", "image_id", "image_path", "image_name", "img_file_name", "name"),
)
# what programs put in front of a table that they write: the number of the row
INDEX = re.compile(r"|unnamed: ?\d+|__index_level_\d+__|index|level_\d+|row_?names?|row(_?(number|nr|no|id))?|rownum")
# a number that says which one, and not how much
WHICH = frozenset(
    (
        *("id", "ids", "idx", "index", "key", "uid", "uuid", "guid", "nr", "no", "number", "patient", "subject"),
        *("case", "person", "participant", "animal", "individual", "specimen", "lesion", "site", "plot"),
        *("location", "station", "camera", "cam", "deployment", "sequence", "seq", "event", "burst", "frame"),
        *("fold", "group", "batch", "cluster", "cruise", "haul", "dive", "transect", "plate", "slide", "well"),
        *("donor", "study", "series", "visit", "barcode", "accession", "code"),
    )
)
JOINED = re.compile(
    r"(gbif|taxon|tax|image|img|object|obj|label|class|species|patient|subject|sample|record|event|media|capture|file)id"
)
LARGEST_EXACT = 2**24  # whole numbers beyond it are not all told apart in float32: no measurement is that exact
UNLIKELY = 1e-6
NAMED = 8


@dataclass(frozen=True)
class ColumnChoice:
    """What a person said of a table's columns.

    Attributes:
        label_column: holds the label; None looks for one by its name.
        id_column: names the rows; None looks for one by its name, "none" takes none.
        split_column: says where a row belongs; None looks for one by its name, "none" takes none.
        drop_columns: no features.
        keep_columns: features, even if they look like numbers of something.
    """

    label_column: str | None = None
    id_column: str | None = None
    split_column: str | None = None
    drop_columns: tuple[str, ...] = ()
    keep_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are.

    Attributes:
        label: name, or None.
        split: name, or None.
        id: name, or None.
        features: names, D of them.
        left_out: why each other column is no feature, by name.
    """

    label: str | None
    split: str | None
    id: str | None
    features: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def sort_columns(
    names: Sequence[str], numeric: Iterable[str], choice: ColumnChoice, *, origin: str, labelled: bool = True
) -> Columns:
    """Say what each column is, by its name and by whether it holds numbers.

    Args:
        names: of all columns, in order.
        numeric: those of them that hold numbers.
        choice: what a person said.
        origin: the file, for messages.
        labelled: whether a label is needed; else there may be one, which is no feature.

    Raises:
        InputError: a name twice, none that is a label, several that could be, a choice that is not there, or no
            features.

    Example:
        >>> sort_columns(["", "id", "label", "area"], ["", "area"], ColumnChoice(), origin="e.csv")
        Columns(label='label', split=None, id='id', features=('area',), left_out={'': 'the number of the row'})
    """
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{origin}: two columns are called {_quoted(twice)}. Expected another name for each.")
    for argument in ("label_column", "id_column", "split_column", "drop_columns", "keep_columns"):
        given = getattr(choice, argument)
        for name in (given,) if isinstance(given, str) else given or ():
            if name not in names and not (name == "none" and argument in ("id_column", "split_column")):
                close = difflib.get_close_matches(name, names, n=1)
                perhaps = f" Did you mean {close[0]}?" if close else ""
                shown = name if name.isprintable() else repr(name)
                raise InputError(
                    f"{origin}: `{argument}` {shown}: there is no such column.{perhaps} Columns: {_listed(names)}."
                )
    numbers = set(numeric)
    free = [name for name in names if name not in (*choice.drop_columns, *choice.keep_columns)]
    label = choice.label_column or _label(free, numbers, origin, labelled=labelled)
    free = [name for name in free if name != label]
    split = _named(choice.split_column, free, SPLITS)
    row_id = _named(choice.id_column, [name for name in free if name != split], IDS)
    left_out = dict.fromkeys(choice.drop_columns, "as asked")
    features = []
    for name in names:
        if name in (label, split, row_id) or name in left_out:
            continue
        if name not in numbers:
            if name in choice.keep_columns:
                raise InputError(f"{origin}: `keep_columns` {name}: holds no numbers. Leave it out of that option.")
            left_out[name] = "no numbers"
        elif name not in choice.keep_columns and INDEX.fullmatch(name.lower()):
            left_out[name] = "the number of the row"
        else:
            features.append(name)
    if not features:
        raise InputError(
            f"{origin}: has no column of numbers that could be a feature. It holds {_listed(names)}; "
            f"{_listed([f'{_quoted(name)} is {why}' for name, why in left_out.items()]) or 'nothing else'}."
        )
    return Columns(label, split, row_id, tuple(features), left_out)


def check_features(
    values: NDArray[np.floating],
    names: Sequence[str] | None,
    labels: NDArray[np.int64],
    *,
    origin: str,
    keep: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Refuse columns that say which row, patient or class it is; pure noise with them looks like a result.

    Args:
        values: shape (N, D).
        names: of the columns, D of them; None where columns have no names, which are then only compared with the
            numbers of the rows.
        labels: class indices, shape (N,).
        origin: the file, for messages.
        keep: names that are features all the same.

    Returns:
        Names of the columns that merely count the rows: they are to be left out.

    Raises:
        InputError: naming such a column, why it looks like one, and how to leave it out or keep it.
    """
    counters = []
    for column in np.flatnonzero(_are_whole(values)).tolist():
        name = f"column {column}" if names is None else names[column]
        if name in keep:
            continue
        one = np.asarray(values[:, column], dtype=np.float64)
        if not (one == np.floor(one)).all():
            continue
        if len(one) > 2 and abs(one[1] - one[0]) == 1 and (np.diff(one) == one[1] - one[0]).all():
            if names is None:
                raise InputError(
                    f"{origin}: column {column} of the features counts the rows ({one[0]:g}, {one[1]:g}, ...): it says "
                    "where a row stands and nothing of it. Write the features without it."
                )
            counters.append(name)
        elif names is not None and (reason := _which_one(name, one, labels)):
            raise InputError(
                f"{origin}: the column {_quoted(name)} {reason}: it seems to say which one it is, which no feature "
                f"does. Leave it out (`drop_columns` {_quoted(name)}), or keep it (`keep_columns` {_quoted(name)})."
            )
    return tuple(counters)


def _which_one(name: str, one: NDArray[np.float64], labels: NDArray[np.int64]) -> str | None:
    """Say why a column of whole numbers looks like an id; None where it does not."""
    # the last word says what it is: patient_age is an age, patient and patient_nr are patients
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rstrip("_0123456789")).lower())
    if words[-1] in WHICH or JOINED.fullmatch(words[-1]):
        return "holds whole numbers under such a name"
    distinct, code, counts = np.unique(one, return_inverse=True, return_counts=True)
    number, rows, classes = len(distinct), len(one), len(np.unique(labels))
    if number > 2 and np.abs(distinct).max() >= LARGEST_EXACT:
        return f"holds whole numbers up to {np.abs(distinct).max():,.0f}"
    if number == rows and rows > 9 and rows**2 / (2 * (distinct[-1] - distinct[0] + 1)) > -np.log(UNLIKELY):
        return f"holds {rows:,} whole numbers, no two alike"
    if number > 9 and (np.diff(one) >= 0).all():
        return "rises from row to row"
    shares = np.bincount(labels) / rows
    # the label of each value's first row, with which its other rows agree or not
    first = np.zeros(number, dtype=np.int64)
    first[code[::-1]] = labels[::-1]
    if not (labels == first[code]).all():
        return None
    if number == classes and rows > 2 * classes:
        return "is another writing of the label: each of its values belongs to one class, and each class to one value"
    by_chance = np.sum((counts - 1) * np.log(np.sum(shares**2)))
    if number >= 2 * classes and by_chance < np.log(UNLIKELY):
        return f"holds {number:,} whole numbers in {rows:,} rows, and all rows of a number are of one class"
    return None


def _are_whole(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    some = np.asarray(values[:256], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        whole: NDArray[np.bool_] = (np.isfinite(some) & (some == np.floor(some))).all(axis=0)
    return whole


def _label(names: Sequence[str], numbers: set[str], origin: str, *, labelled: bool) -> str | None:
    small = {name.lower(): name for name in names}
    sure = [small[name] for name in LABELS if name in small]
    perhaps = [small[name] for name in PERHAPS_LABELS if name in small]
    # x and y are places, and class is a rank among others
    perhaps = [name for name in perhaps if not (name.lower() == "y" and "x" in small and name in numbers)]
    ranks = [small[name] for name in RANKS if name in small and small[name] not in numbers]
    if len(sure) == 1 or (not labelled and sure):
        return sure[0]
    candidates = sure or [*perhaps, *ranks]
    if not sure and len(perhaps) == 1 and not ranks:
        return perhaps[0]
    if not labelled:
        return None
    if candidates:
        which = "could each be the label" if len(candidates) > 1 else "may be the label"
        raise InputError(
            f"{origin}: {_listed([_quoted(name) for name in candidates])} {which}. Say which one is: `label_column` "
            f"{_quoted(candidates[-1])}, for example."
        )
    texts = [name for name in names if name not in numbers and name.lower() not in (*SPLITS, *IDS)]
    hint = f" If {_quoted(texts[0])} is it: `label_column` {_quoted(texts[0])}." if texts else ""
    raise InputError(
        f"{origin}: no column is called label. It has the columns {_listed(names)}. Say which one holds the class: "
        f"`label_column`.{hint}"
    )


def _named(given: str | None, names: Sequence[str], usual: Sequence[str]) -> str | None:
    if given is not None:
        return None if given == "none" and "none" not in names else given
    small = {name.lower(): name for name in names}
    return next((small[name] for name in usual if name in small), None)


def left_out_note(origin: str, left_out: Mapping[str, str]) -> tuple[str, ...]:
    """Return a note that names the columns that are no features, and why; nothing where there are none."""
    whys = dict.fromkeys(left_out.values())
    parts = [
        f"{_listed([_quoted(name) for name, reason in left_out.items() if reason == why])} ({why})" for why in whys
    ]
    return (f"{origin}: no features: {'; '.join(parts)}",) if parts else ()


def _quoted(name: str) -> str:
    return f"'{name}'" if not name or not name.isascii() or " " in name else name


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
