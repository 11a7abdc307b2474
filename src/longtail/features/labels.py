"""Labels as they stand in a file: names, numbers of any start and size, a column of ones and zeros a class."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError

__all__ = ["Labels", "class_order", "read_labels"]

NAMED = 5
_WRITTEN = re.compile(r"\d{1,18}(\.0*)?", re.ASCII)


@dataclass(frozen=True)
class Labels:
    """The label of each row, by name.

    Attributes:
        names: that occur, each once.
        codes: place of each row's label among them, shape (N,).
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[Any]) -> "Labels":
        """Return the labels of some rows."""
        codes = self.codes[rows]
        there = np.unique(codes)
        return Labels(tuple(self.names[code] for code in there), np.searchsorted(there, codes))

    def renamed(self, called: Mapping[str, str]) -> "Labels":
        """Return the labels under other names, several of which may become one.

        Example:
            >>> Labels(("ANT", "ant", "bee"), np.array([0, 1, 2])).renamed({"ANT": "ant", "ant": "ant", "bee": "bee"})
            Labels(names=('ant', 'bee'), codes=array([0, 0, 1]))
        """
        names = sorted({called[name] for name in self.names})
        return Labels(tuple(names), np.array([names.index(called[name]) for name in self.names])[self.codes])

    def numbered(self, classes: Sequence[str], *, origin: str, known_from: str) -> NDArray[np.int64]:
        """Number the rows by the names of their classes.

        Args:
            classes: names in the order of their numbers.
            origin: the file of these labels, for messages.
            known_from: in words, where the classes come from.

        Returns:
            Class indices, shape (N,).

        Raises:
            InputError: a label that is none of the classes.

        Example:
            >>> Labels(("bee", "ant"), np.array([0, 1, 1])).numbered(["ant", "bee"], origin="", known_from="").tolist()
            [1, 0, 0]
        """
        place = {name: number for number, name in enumerate(classes)}
        unknown = [name for name in self.names if name not in place]
        if unknown:
            rows = int(np.isin(self.codes, [self.names.index(name) for name in unknown]).sum())
            listed, known = (", ".join(map(repr, names[:NAMED])) for names in (unknown, list(classes)))
            raise InputError(
                f"{origin}: {rows:,} rows are of {listed}{_more(unknown)}, which {known_from} does not know. It knows "
                f"{known}{_more(classes)}. Leave those rows out, or name their class as there."
            )
        return np.array([place[name] for name in self.names], dtype=np.int64)[self.codes]


def read_labels(
    labels: NDArray[Any], rows: int, names: Sequence[str] | None = None, *, origin: str
) -> tuple[Labels, tuple[str, ...]]:
    """Read the labels that stand in a file.

    Args:
        labels: names, whole numbers (as floats too), or ones and zeros, a column a class; shape (N,), (N, 1), (1, N) or
            (N, C).
        rows: N.
        names: of the classes that the numbers 0, 1, ... stand for; None where numbers are their own names.
        origin: the file, for messages.

    Returns:
        The labels, without blanks around them, and notes for people.

    Raises:
        InputError: another shape, a label that is missing, no whole number, or one beyond the names.

    Example:
        >>> labels, notes = read_labels(np.array([[0, 1], [1, 0], [1, 0]]), 3, ["ant", "bee"], origin="e.npz")
        >>> labels.names, labels.codes.tolist()
        (('ant', 'bee'), [1, 0, 0])
        >>> read_labels(np.array([3.0, 1.0]), 2, origin="e.npz")[0].names
        ('1', '3')
    """
    labels, notes = np.asarray(labels), []
    if labels.ndim == 2 and rows in labels.shape and 1 in labels.shape:
        labels = labels.reshape(-1)
    elif labels.ndim == 2 and labels.shape[0] == rows:
        labels = _from_columns(labels, origin)
        notes.append(f"{origin}: labels are ones and zeros, a column a class")
    if labels.shape != (rows,):
        raise InputError(f"{origin}: {rows:,} rows but labels of shape {labels.shape}; expected one label a row.")
    if labels.dtype.kind in "SU":
        return _of_words(labels, origin, notes)
    if labels.dtype.kind == "f":
        labels = _whole(labels, origin)
    if labels.dtype.kind not in "biu":
        raise InputError(f"{origin}: labels of type {labels.dtype}; expected names, or whole class numbers.")
    there, codes = np.unique(labels.astype(np.int64) if labels.dtype.kind == "b" else labels, return_inverse=True)
    if there[0] < 0:
        _refuse_negative(str(there[0]), codes == 0, origin)
    if names is None:
        return Labels(tuple(str(number) for number in there.tolist()), codes.astype(np.int64)), tuple(notes)
    beyond = [number for number in there.tolist() if not 0 <= number < len(names)]
    if beyond:
        row = int(np.flatnonzero(labels == beyond[0])[0])
        raise InputError(
            f"{origin}: label {beyond[0]} of row {row} is out of range ({int(np.isin(labels, beyond).sum()):,} such "
            f"rows): the file names {len(names)} classes, so expected 0 to {len(names) - 1}."
        )
    return Labels(tuple(names[number] for number in there.tolist()), codes.astype(np.int64)), tuple(notes)


def class_order(parts: Iterable[Labels]) -> tuple[str, ...]:
    """Return the classes in the order of their numbers: whole numbers by size, names by character.

    Example:
        >>> class_order([Labels(("10", "9"), np.array([0, 1]))]), class_order([Labels(("1", "b", "001"), np.array([]))])
        (('9', '10'), ('001', '1', 'b'))
    """
    there = sorted({name for part in parts for name in part.names})
    return tuple(sorted(there, key=int) if all(map(_is_plain_number, there)) else there)


def _of_words(labels: NDArray[Any], origin: str, notes: list[str]) -> tuple[Labels, tuple[str, ...]]:
    there, codes = np.unique(labels, return_inverse=True)
    try:
        raw = [word.decode() if isinstance(word, bytes) else word for word in there.tolist()]
    except UnicodeDecodeError as error:
        raise InputError(f"{origin}: labels that are no text in UTF-8 ({error.reason}). Write them so.") from error
    names = [word.strip() for word in raw]
    if "" in names:
        empty = np.flatnonzero(np.isin(codes, [number for number, name in enumerate(names) if not name]))
        raise InputError(
            f"{origin}: row {empty[0]} has no label ({len(empty):,} such rows). Expected one for each row; leave "
            "unlabelled rows out."
        )
    if all(map(_is_plain_number, names)) and (below := [name for name in names if name.startswith("-")]):
        _refuse_negative(below[0], codes == names.index(below[0]), origin)
    for name in names:
        if not name.isprintable():
            raise InputError(f"{origin}: the label {name!r} holds signs that cannot be written. Rename the class.")
    _refuse_several(names, codes, origin)
    _refuse_measured(names, codes, origin)
    numbers: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        if _WRITTEN.fullmatch(name):
            numbers.setdefault(int(name.partition(".")[0]), []).append(name)
    several = [group for group in numbers.values() if len(group) > 1]
    if several:
        listed = "; ".join(", ".join(map(repr, group)) for group in several[:NAMED])
        notes.append(f"{origin}: one number in several ways, each a class of its own: {listed}")
    different = sorted(set(names))
    if len(different) < len(names):
        notes.append(f"{origin}: {len(names)} labels are {len(different)} without the blanks around them")
    place = {name: number for number, name in enumerate(different)}
    return Labels(tuple(different), np.array([place[name] for name in names])[codes]), tuple(notes)


def _refuse_several(names: Sequence[str], codes: NDArray[np.int64], origin: str) -> None:
    """Refuse labels that name several classes: "ant;bee" where ant and bee are classes."""
    single = set(names)
    for number, name in enumerate(names):
        parts = [part.strip(" []()\"'") for part in re.split(r"[;,|+/&]|' '", name)]
        if len(parts) > 1 and all(part in single for part in parts):
            rows = np.flatnonzero(codes == number)
            raise InputError(
                f"{origin}: the label {name!r} of row {rows[0]} names {len(parts)} classes that other rows have one by "
                "one. Several classes of one row cannot be learnt here: leave such rows out, or rename the class."
            )


def _refuse_measured(names: Sequence[str], codes: NDArray[np.int64], origin: str) -> None:
    """Refuse labels that are numbers and no whole ones: a measurement is no class."""
    try:
        values = [float(name) for name in names]
    except ValueError:
        return
    broken = [place for place, value in enumerate(values) if np.isfinite(value) and value != np.floor(value)]
    if broken and all(map(np.isfinite, values)):
        row = int(np.flatnonzero(codes == broken[0])[0])
        raise InputError(
            f"{origin}: labels such as {names[broken[0]]} (row {row}) are measured numbers; expected names, or whole "
            "class numbers."
        )


def _refuse_negative(name: str, rows: NDArray[np.bool_], origin: str) -> None:
    raise InputError(
        f"{origin}: label {name} of row {np.flatnonzero(rows)[0]} ({int(rows.sum()):,} such rows): a number below 0 "
        "stands for no class, in most programs for none at all. Leave those rows out, or give the class a name."
    )


def _from_columns(labels: NDArray[Any], origin: str) -> NDArray[np.int64]:
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise InputError(
            f"{origin}: labels of shape {labels.shape}; expected one a row, or a column of ones and zeros a class."
        )
    ones = labels.sum(axis=1)
    wrong = np.flatnonzero(ones != 1)
    if len(wrong):
        raise InputError(
            f"{origin}: row {wrong[0]} is of {int(ones[wrong[0]])} classes ({len(wrong):,} such rows). Expected one "
            "class a row: leave those rows out."
        )
    result: NDArray[np.int64] = labels.argmax(axis=1).astype(np.int64)
    return result


def _whole(labels: NDArray[Any], origin: str) -> NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        broken = np.flatnonzero(~(np.abs(labels) < np.float64(2**63)) | (labels != np.floor(labels)))
    if len(broken):
        raise InputError(
            f"{origin}: labels such as {labels[broken[0]]} (row {broken[0]}); expected names, or whole class numbers."
        )
    return labels.astype(np.int64)


def _is_plain_number(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(digits) < 4000 and str(int(digits)) == digits


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
