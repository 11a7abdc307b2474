"""Columns of numbers that say which row, patient or class it is: pure noise with them looks like a result."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.features.columns import quoted, says_which, words_of
from longtail.features.labels import Labels

__all__ = ["check_features"]

LARGEST_EXACT = 2**24  # whole numbers beyond it are not all told apart in float32: no measurement is that exact
UNLIKELY = 1e-6
FIRST_ROWS = 256  # that say which columns are worth a look at all rows
# a number under such a name is the answer, or that of another model
ANSWERS = frozenset(("label", "labels", "target", "targets", "class", "classes", "truth", "gt", "annotation"))
PREDICTIONS = frozenset(
    ("pred", "preds", "predicted", "prediction", "predictions", "prob", "probs", "probability", "proba", "confidence")
)
SPLITS = frozenset(
    ("train", "training", "test", "testing", "val", "validation", "valid", "split", "holdout", "heldout")
)


def check_features(
    values: NDArray[np.floating],
    names: Sequence[str] | None,
    labels: Labels,
    *,
    origin: str,
    keep: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Refuse columns that say which row, patient or class it is; pure noise with them looks like a result.

    Args:
        values: shape (N, D).
        names: of the columns, D of them; None where columns have no names, which are then only compared with the
            numbers of the rows.
        labels: of the rows.
        origin: the file, for messages.
        keep: names that are features all the same.

    Returns:
        Names of the columns that merely count the rows: they are to be left out.

    Raises:
        InputError: naming such a column, why it looks like one, and how to leave it out or keep it.
    """
    counters = []
    whole = _are_whole(values)
    classes = len(np.unique(labels.codes))
    spread: dict[int, str] = {}  # by class, the column that is one where it is
    for column in range(values.shape[1]):
        name = f"column {column}" if names is None else names[column]
        few = names is not None or whole[column] or len(np.unique(values[:FIRST_ROWS, column])) <= classes
        if name in keep or not few:
            continue
        with np.errstate(invalid="ignore"):  # of NaN as some machines write it
            one = np.asarray(values[:, column], dtype=np.float64)
        if whole[column] and _counts_up(one):
            if names is None:
                raise InputError(
                    f"{origin}: column {column} of the features counts the rows ({one[0]:g}, {one[1]:g}, ...): it says "
                    "where a row stands and nothing of it. Write the features without it."
                )
            counters.append(name)
        elif names is not None and (reason := _why_not(name, one, labels, names)):
            raise InputError(
                f"{origin}: the column {quoted(name)} {reason}, which no feature does. Leave it out (`drop_columns` "
                f"{quoted(name)}), or keep it (`keep_columns` {quoted(name)})."
            )
        elif (marked := _marked_class(one, labels)) is not None:
            spread.setdefault(marked, name)
        elif names is None and _writes_the_label(one, labels) and _tell_more(values, [column]):
            raise InputError(
                f"{origin}: column {column} of the features is another writing of the label: each of its values "
                "belongs to one class, and each class to one value. Write the features without it."
            )
    if spread and (names is not None or _tell_more(values, [int(name.split()[-1]) for name in spread.values()])):
        _check_spread(spread, labels, origin, is_named=names is not None)
    return tuple(counters)


def _marked_class(one: NDArray[np.float64], labels: Labels) -> int | None:
    """Return the class that a column of two values tells from all others; None where it is no such column."""
    first = one[:FIRST_ROWS]
    if len(np.unique(first)) > 2:
        return None
    low, high = one.min(), one.max()
    if not low < high or not ((one == low) | (one == high)).all():
        return None
    for upper in (one == high, one == low):
        known = int(labels.codes[int(np.argmax(upper))])
        if (upper == (labels.codes == known)).all():
            return known
    return None


def _writes_the_label(one: NDArray[np.float64], labels: Labels) -> bool:
    classes = len(np.unique(labels.codes))
    if len(np.unique(one[:FIRST_ROWS])) > classes or 2 * classes >= len(one) or not np.isfinite(one).all():
        return False
    distinct, code = np.unique(one, return_inverse=True)
    return _is_writing_of(one, labels.codes, distinct, code)


def _tell_more(values: NDArray[np.floating], columns: list[int]) -> bool:
    """Return whether other columns vary too; where none does, features are made up, not measured beside a label."""
    return bool((np.delete(values, columns, axis=1) != np.delete(values[:1], columns, axis=1)).any())


def _check_spread(spread: dict[int, str], labels: Labels, origin: str, *, is_named: bool) -> None:
    """Refuse columns that together hold the label, one for each class; one of them alone may be a feature."""
    classes = len(np.unique(labels.codes))
    if len(spread) < max(classes - 1, 1) or 2 * classes >= len(labels.codes):
        return
    names = [spread[known] for known in sorted(spread)]
    shown = f"{', '.join(quoted(name) for name in names[:3])}{', ...' if len(names) > 3 else ''}"
    answer = (
        f"Leave them out (`drop_columns` {' '.join(quoted(name) for name in names)}), or keep them (`keep_columns`)."
        if is_named
        else "Write the features without them."
    )
    raise InputError(f"{origin}: {shown} hold the label, a column for each class. {answer}")


def _why_not(name: str, one: NDArray[np.float64], labels: Labels, names: Sequence[str]) -> str | None:
    """Return why a column is probably no feature; None where it may be one."""
    words = words_of(name)
    if words[-1] in ANSWERS or words[:2] == ["y", "true"]:
        return "is called as a label is: it seems to give the class away"
    if PREDICTIONS & set(words):
        # a column a class is a whole answer of a model, which may be learnt from
        number = sum(bool(PREDICTIONS & set(words_of(other))) for other in names)
        if number < len(labels.names):
            return "is called as an answer of a model is: it seems to give the class away"
    # most columns of real networks end here: sorting all their rows would take longer than what comes after
    is_whole = (one[:FIRST_ROWS] == np.floor(one[:FIRST_ROWS])).all()
    if not is_whole and 2 * len(np.unique(one[:FIRST_ROWS])) > len(one[:FIRST_ROWS]):
        return None
    if not np.isfinite(one).all():
        return None
    distinct, code, counts = np.unique(one, return_inverse=True, return_counts=True)
    if set(distinct.tolist()) == {0.0, 1.0}:
        if SPLITS & set(words):
            return "holds 0 and 1, and is called as a split is: it seems to say what is learnt from"
        which = _class_of(name, one, labels)
        return None if which is None else f"holds 1 where the label is {which!r}: it seems to give the class away"
    if (one == np.floor(one)).all():
        reason = _which_one(name, one, labels.codes, distinct, code, counts)
        return None if reason is None else f"{reason}: it seems to say which one it is"
    shared = len(distinct) == len(labels.names) < len(one) / 2
    if shared and _is_writing_of(one, labels.codes, distinct, code):
        return "is another writing of the label: it seems to give the class away"
    if _is_of_one_class(labels.codes, code, len(distinct)) and _is_unlikely(labels.codes, counts):
        # a measurement that parts the classes has them one after the other; places and patients have them mixed
        first = labels.codes[np.unique(one, return_index=True)[1]]
        if np.count_nonzero(np.diff(first)) > 2 * len(labels.names):
            return f"holds {len(distinct):,} numbers in {len(one):,} rows, and all rows of a number are of one class"
    return None


def _counts_up(one: NDArray[np.float64]) -> bool:
    if len(one) < 3 or abs(one[1] - one[0]) != 1:
        return False
    return bool((one == np.floor(one)).all() and (np.diff(one) == one[1] - one[0]).all())


def _which_one(
    name: str,
    one: NDArray[np.float64],
    labels: NDArray[np.int64],
    distinct: NDArray[np.float64],
    code: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> str | None:
    """Return why a column of whole numbers looks like an id; None where it does not."""
    # the last word says what it is: patient_age is an age, patient and patient_nr are patients
    if says_which(name):
        return "holds whole numbers under such a name"
    number, rows, classes = len(distinct), len(one), len(np.unique(labels))
    if number > 2 and np.abs(distinct).max() >= LARGEST_EXACT:
        return f"holds whole numbers up to {np.abs(distinct).max():,.0f}"
    if number == rows and rows > 9 and rows**2 / (2 * (distinct[-1] - distinct[0] + 1)) > -np.log(UNLIKELY):
        return f"holds {rows:,} whole numbers, no two alike"
    if number > 9 and (np.diff(one) >= 0).all():
        return "rises from row to row"
    if rows > 9 and number > 9 and (np.diff(one) == 1).mean() > 0.8:
        return "counts from row to row, and begins anew"
    if not _is_of_one_class(labels, code, number):
        return None
    if _is_writing_of(one, labels, distinct, code) and rows > 2 * classes:
        return "is another writing of the label: each of its values belongs to one class, and each class to one value"
    if _is_unlikely(labels, counts):
        return f"holds {number:,} whole numbers in {rows:,} rows, and all rows of a number are of one class"
    return None


def _is_of_one_class(labels: NDArray[np.int64], code: NDArray[np.int64], number: int) -> bool:
    # the label of each value's first row, with which its other rows agree or not
    first = np.zeros(number, dtype=np.int64)
    first[code[::-1]] = labels[::-1]
    return bool((labels == first[code]).all())


def _is_unlikely(labels: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """Return whether chance would hardly give each value of a column rows of one class, so many values there are."""
    shares = np.bincount(labels) / len(labels)
    by_chance = np.sum((counts - 1) * np.log(np.sum(shares**2)))
    return bool(len(counts) >= 2 * np.count_nonzero(shares) and by_chance < np.log(UNLIKELY))


def _is_writing_of(
    one: NDArray[np.float64], labels: NDArray[np.int64], distinct: NDArray[np.float64], code: NDArray[np.int64]
) -> bool:
    return len(distinct) == len(np.unique(labels)) and _is_of_one_class(labels, code, len(distinct))


def _class_of(name: str, one: NDArray[np.float64], labels: Labels) -> str | None:
    """Return the class that a column is called by and is 1 for alone: is_ant, label_ant, ant."""
    plain = _letters(name)
    for number, known in enumerate(labels.names):
        word = _letters(known)
        if word and re.fullmatch(rf"(.* )?{re.escape(word)}", plain) and ((labels.codes == number) == one).all():
            return known
    return None


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.lower()).strip()


def _are_whole(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        some = np.asarray(values[:FIRST_ROWS], dtype=np.float64)
        whole: NDArray[np.bool_] = (np.isfinite(some) & (some == np.floor(some))).all(axis=0)
    return whole
