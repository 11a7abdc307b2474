"""Which rows these are: by name or content, so that data that are opened again are matched with what was fitted."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.arrays import read_npz
from longtail.files.atomic import atomic_file

__all__ = [
    "Changes",
    "RowIdentity",
    "hash_content",
    "identify_rows",
    "match_rows",
    "read_identities",
    "write_identities",
]

Keys = NDArray[np.uint64]
NAMED = 3  # rows that a message names


@dataclass(frozen=True)
class RowIdentity:
    """What tells the rows of a split from all others.

    Attributes:
        keys: hash of each row's name or, without names, of its content and how often it came before, shape (N,).
        contents: hash of each row's content, shape (N,).
        names: for people, as bytes in UTF-8, shape (N,); None where rows have no names.
    """

    keys: Keys
    contents: Keys
    names: NDArray[np.bytes_] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[Any]) -> "RowIdentity":
        """Return the identity of some rows."""
        return RowIdentity(self.keys[rows], self.contents[rows], None if self.names is None else self.names[rows])


@dataclass(frozen=True)
class Changes:
    """How data differ from what they were.

    Attributes:
        added: rows that are new, as places in the data of now.
        missing: rows that are gone, as split and place in it.
        changed: rows of the same name whose content is another, as split and place in it.
    """

    added: NDArray[np.int64]
    missing: dict[str, NDArray[np.int64]]
    changed: dict[str, NDArray[np.int64]]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Rows that were added, are missing, and have changed."""
        return len(self.added), sum(map(len, self.missing.values())), sum(map(len, self.changed.values()))

    def __bool__(self) -> bool:
        return any(self.counts)

    def describe(self, known: Mapping[str, RowIdentity], now: RowIdentity, thing: str = "row") -> str:
        """Return in words what has changed, with the first names.

        Args:
            known: what `match_rows` was given.
            now: what it was given.
            thing: what a row is, in the singular.
        """
        added, missing, changed = self.counts
        parts = []
        if added:
            parts.append(f"{_counted(added, thing)} new{_first(now, self.added)}")
        for number, rows, what in ((missing, self.missing, "gone"), (changed, self.changed, "another than it was")):
            if number:
                split = next(name for name in rows if len(rows[name]))
                word = what if number == 1 or what == "gone" else "others than they were"
                parts.append(f"{_counted(number, thing)} {word}{_first(known[split], rows[split])}")
        return "; ".join(parts)


def hash_content(content: bytes) -> int:
    """Return a number of 64 bits that equal contents share, and others all but surely do not."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def identify_rows(
    contents: Sequence[bytes] | Keys,
    names: Sequence[str] | NDArray[np.str_] | None = None,
    *,
    known_by: Keys | None = None,
) -> RowIdentity:
    """Return the identity of rows.

    Args:
        contents: what each row holds, as bytes or hashed already, N of them.
        names: of the rows, each another, or None.
        known_by: of rows without names, the hash of what they are known by, shape (N,); default: their contents.

    Example:
        >>> rows = identify_rows([b"1 2", b"3 4", b"1 2"])
        >>> len(set(rows.keys.tolist())), len(set(rows.contents.tolist()))
        (3, 2)
    """
    hashed = (
        contents if isinstance(contents, np.ndarray) else np.array([hash_content(c) for c in contents], dtype=np.uint64)
    )
    if names is not None:
        plain = [name.encode("utf-8", "surrogateescape") for name in np.asarray(names).tolist()]
        keys = np.array([hash_content(name) for name in plain], dtype=np.uint64)
        return RowIdentity(keys, hashed, np.array(plain or [b""])[: len(plain)])
    known_by = hashed if known_by is None else known_by
    # of equal rows the first is told from the second by its turn alone
    order = np.argsort(known_by, kind="stable")
    ordered = known_by[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    turn = np.empty(len(hashed), dtype=np.uint64)
    turn[order] = np.arange(len(hashed)) - np.repeat(begins, np.diff(np.r_[begins, len(hashed)]))
    return RowIdentity(known_by + turn * np.uint64(0x9E3779B97F4A7C15), hashed)


def match_rows(known: Mapping[str, RowIdentity], now: RowIdentity) -> tuple[dict[str, NDArray[np.int64]], Changes]:
    """Find the rows of each split again, wherever they stand now.

    Args:
        known: the rows of each split as they were.
        now: all rows as they are.

    Returns:
        For each split the place now of each of its rows, -1 where it is gone, and what has changed.

    Example:
        >>> known = {"train": identify_rows([b"1", b"2"], ["a", "b"]), "test": identify_rows([b"3"], ["c"])}
        >>> places, changes = match_rows(known, identify_rows([b"0", b"3", b"2", b"9"], ["new", "c", "b", "a"]))
        >>> {split: rows.tolist() for split, rows in places.items()}, changes.counts
        ({'train': [3, 2], 'test': [1]}, (1, 0, 1))
    """
    order = np.argsort(now.keys, kind="stable")
    ordered = now.keys[order]
    places, missing, changed = {}, {}, {}
    for split, rows in known.items():
        at = np.searchsorted(ordered, rows.keys)
        result = at < len(ordered)
        result[result] = ordered[at[result]] == rows.keys[result]
        place = np.full(len(rows), -1, dtype=np.int64)
        place[result] = order[at[result]]
        differs = result.copy()
        differs[result] = now.contents[place[result]] != rows.contents[result]
        places[split], missing[split], changed[split] = place, np.flatnonzero(~result), np.flatnonzero(differs)
    all_known = np.concatenate([rows.keys for rows in known.values()])
    added = np.flatnonzero(~np.isin(now.keys, all_known))
    return places, Changes(added, missing, changed)


def write_identities(path: Path, splits: Mapping[str, RowIdentity]) -> None:
    """Write the rows of each split to an .npz file, whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {}
    for split, rows in splits.items():
        arrays |= {f"{split}_keys": rows.keys, f"{split}_contents": rows.contents}
        if rows.names is not None:
            arrays[f"{split}_names"] = rows.names
    with atomic_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_identities(path: Path) -> dict[str, RowIdentity]:
    """Read what `write_identities` wrote.

    Raises:
        InputError: no such file, damaged, or of another kind.
    """
    expected = "the rows that a run was made of"
    arrays = read_npz(path, expected=expected)
    splits = {}
    for split in (name.removesuffix("_keys") for name in arrays if name.endswith("_keys")):
        keys, contents, names = (arrays.get(f"{split}_{part}") for part in ("keys", "contents", "names"))
        if keys is None or contents is None or not keys.dtype == contents.dtype == np.uint64:
            raise InputError(f"{path}: is damaged. Expected {expected}.")
        if keys.ndim != 1 or contents.shape != keys.shape or (names is not None and names.shape != keys.shape):
            raise InputError(f"{path}: is damaged. Expected {expected}.")
        splits[split] = RowIdentity(keys, contents, None if names is None else names.astype(np.bytes_))
    if "train" not in splits:
        raise InputError(f"{path}: names no training rows. Expected {expected}.")
    return splits


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing} is" if number == 1 else f"{number:,} {thing}s are"


def _first(rows: RowIdentity, places: NDArray[np.int64]) -> str:
    if rows.names is None:
        return ""
    names = [rows.names[place].decode("utf-8", "backslashreplace") for place in places[:NAMED]]
    return f" ({', '.join(names)}{', ...' if len(places) > NAMED else ''})"
