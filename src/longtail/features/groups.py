"""Rows that belong together, such as those of one site, lesion or sequence: by name, whatever file they stand in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.arguments import one_a_row
from longtail.errors import InputError
from longtail.features.labels import Labels, class_order

__all__ = ["Groups", "group_words", "numbered_alike", "read_groups", "shared_groups_note"]

Groups = tuple[NDArray[np.int64], tuple[str, ...]]  # the number of each row's group, and the names of the groups


def read_groups(values: NDArray[Any], rows: int, names: Sequence[str] | None = None, *, origin: str) -> Groups:
    """Return the group of each row, by what stands there: text or numbers, so that "001" is not "1".

    Args:
        values: words or numbers, shape (N,), (N, 1) or (1, N); an empty word, or NaN, is a group of its own.
        rows: N.
        names: that the numbers 0, 1, ... stand for; None where numbers are their own names.
        origin: the file and the column or array, for messages.

    Returns:
        A number for each row, shape (N,), and the names in the order of these numbers; groups of rows that name none
        have an empty one, and come last.

    Raises:
        InputError: another number of them than rows, neither words nor numbers, or a number beyond the names.

    Example:
        >>> numbers, names = read_groups(np.array(["north", "", "001", "north", ""]), 5, origin="e.csv: site")
        >>> numbers.tolist(), names
        ([1, 2, 0, 1, 3], ('001', 'north', '', ''))
        >>> read_groups(np.array([10.0, 9.0]), 2, origin="e.mat: groups")[1]
        ('9', '10')
    """
    array = one_a_row(values, rows, "group", origin=origin)
    there, codes = np.unique(array, return_inverse=True, equal_nan=True)
    words = [_word(item, origin) for item in there.tolist()]
    if names is not None:
        words = _named(words, names, origin)
    # blanks around a name may have made two of one
    different = _ordered(words)
    place = {name: number for number, name in enumerate(different)}
    numbers = np.array([place.get(word, -1) for word in words], dtype=np.int64)[codes]
    alone = np.flatnonzero(numbers < 0)
    numbers[alone] = len(different) + np.arange(len(alone))
    return numbers, (*different, *[""] * len(alone))


def group_words(numbers: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.str_]:
    """Return the name of each row's group, empty for one of its own: what `read_groups` was given.

    Example:
        >>> group_words(np.array([1, 2, 0]), ("001", "north", "")).tolist()
        ['north', '', '001']
    """
    return np.array(names, dtype=np.str_)[numbers]


def numbered_alike(parts: Mapping[str, Groups]) -> dict[str, Groups]:
    """Number the groups of several splits alike: one name is one group wherever it stands.

    Args:
        parts: by split.

    Returns:
        The same, numbered by names that all share.

    Example:
        >>> first, second = (np.array([0, 1]), ("a", "b")), (np.array([0, 1]), ("b", ""))
        >>> {split: one.tolist() for split, (one, _) in numbered_alike({"train": first, "test": second}).items()}
        {'train': [0, 1], 'test': [1, 2]}
    """
    known = _ordered(name for _, names in parts.values() for name in names)
    place = {name: number for number, name in enumerate(known)}
    total, numbered = len(known), {}
    for split, (numbers, names) in parts.items():
        called = np.array([place.get(name, -1) for name in names], dtype=np.int64)
        alone = np.intersect1d(np.flatnonzero(called < 0), numbers)
        called[alone] = total + np.arange(len(alone))
        total += len(alone)
        numbered[split] = called[numbers]
    all_names = (*known, *[""] * (total - len(known)))
    return {split: (numbers, all_names) for split, numbers in numbered.items()}


def shared_groups_note(groups: Mapping[str, NDArray[np.int64]]) -> str | None:
    """Return a warning of groups that lie in more than one split; None where none does.

    Args:
        groups: by split, numbered alike.

    Example:
        >>> shared_groups_note({"train": np.array([0, 1, 1]), "test": np.array([1, 2])})
        '1 of 3 groups lies in more than one of train, test (3 of 5 rows): what is measured there is too good for new \
groups; leave the split out to have whole groups held out'
    """
    there = {split: np.unique(numbers) for split, numbers in groups.items()}
    known, splits = np.unique(np.concatenate(list(there.values())), return_counts=True)
    shared = known[splits > 1]
    if not len(shared):
        return None
    rows = sum(int(np.isin(numbers, shared).sum()) for numbers in groups.values())
    total = sum(map(len, groups.values()))
    return (
        f"{len(shared):,} of {len(known):,} groups {'lies' if len(shared) == 1 else 'lie'} in more than one of "
        f"{', '.join(groups)} ({rows:,} of {total:,} rows): what is measured there is too good for new groups; leave "
        "the split out to have whole groups held out"
    )


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are there, each once: whole numbers by size, words by character."""
    return class_order([Labels(tuple(set(words) - {""}), np.empty(0, dtype=np.int64))])


def _word(item: Any, origin: str) -> str:
    if isinstance(item, bytes):
        try:
            return item.decode().strip()
        except UnicodeDecodeError as error:
            raise InputError(f"{origin}: is no text in UTF-8 ({error.reason}). Write it so.") from error
    if isinstance(item, float) and not np.isfinite(item):
        return ""
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item).strip()


def _named(words: Sequence[str], names: Sequence[str], origin: str) -> list[str]:
    beyond = next((word for word in words if not (word.isdecimal() and int(word) < len(names))), None)
    if beyond is not None:
        raise InputError(
            f"{origin}: holds {beyond!r}, but the file names {len(names)} of them; expected 0 to {len(names) - 1}."
        )
    return [names[int(word)] for word in words]
