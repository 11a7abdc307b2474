"""The features of many shards as feature files, one a split: checked first, then joined in the order of the shards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.class_names import AlikeNames, settled_names
from longtail.errors import InputError
from longtail.features.feature_file import SPLITS
from longtail.features.feature_writing import FeatureRows, create_feature_file
from longtail.features.labels import Labels, class_order
from longtail.features.shard_file import ShardFacts, read_column, read_shard
from longtail.features.word_columns import Words, append_words
from longtail.files.atomic import atomic_path
from longtail.files.text import printable

__all__ = ["MergedShards", "check_shards", "write_merged"]

_SAME = ("weights", "backbone", "preprocessing", "plan")
_SHOWN = ("weights", "data", "backbone", "preprocessing")


@dataclass(frozen=True)
class MergedShards:
    """Shards that fit together.

    Attributes:
        shards: in their order.
        class_names: C of them, that occur.
        numbers: of each shard the class index of each of its own labels.
        splits: of each shard the split of each row, as number in `SPLITS`.
    """

    shards: tuple[ShardFacts, ...]
    class_names: tuple[str, ...]
    numbers: tuple[NDArray[np.int64], ...]
    splits: tuple[NDArray[np.int8], ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each split that has any."""
        counts = {split: sum(int((one == at).sum()) for one in self.splits) for at, split in enumerate(SPLITS)}
        return {split: count for split, count in counts.items() if count}


def check_shards(
    paths: Mapping[str, Path], *, classes: Sequence[str] = (), alike_names: AlikeNames = "ask"
) -> MergedShards:
    """Make sure that the features of shards are of one network and one data set, all there and none twice.

    Args:
        paths: of each shard's features, by the name of the shard, in the order in which they are joined.
        classes: names in the order that a trained classifier has them; it is kept where they are the same names.
        alike_names: of classes that differ in case, blanks, `_`, `-` or Unicode form only, as of `settled_names`.

    Raises:
        InputError: naming the shard that does not fit, and what to do.
    """
    shards = [_checked(path, name) for name, path in paths.items()]
    for name, one in zip(paths, shards, strict=True):
        _check_same(one, shards[0], name)
    _check_rows(list(paths), shards)
    names, numbers = _classes(shards, classes, alike_names)
    return MergedShards(tuple(shards), names, numbers, tuple(_splits(one) for one in shards))


def _checked(path: Path, name: str) -> ShardFacts:
    facts = read_shard(path)
    wanted = facts.attributes.get("samples", -1) - facts.attributes.get("left_out", 0)
    if facts.attributes.get("shard") != name or len(facts.labels) != wanted:
        raise InputError(
            f"{printable(path)}: holds {len(facts.labels):,} rows of {facts.attributes.get('shard')}; expected "
            f"{wanted:,} of {printable(name)}. Delete it, and extract again: the other shards stay."
        )
    return facts


def _check_same(one: ShardFacts, first: ShardFacts, name: str) -> None:
    what = [fact for fact in _SAME if one.attributes.get(fact) != first.attributes.get(fact)]
    if (one.dimension, one.dtype) != (first.dimension, first.dtype):
        what.append("length or number format of the features")
    if one.stated_classes != first.stated_classes:
        what.append("list of classes")
    if what:
        raise InputError(
            f"{printable(one.path)}: the features of {printable(name)} are others than those in "
            f"{printable(first.path.name)}: another {', another '.join(what)}. Expected shards of one data set, by one "
            "network: delete those that are not, and extract them again."
        )


def _check_rows(names: Sequence[str], shards: Sequence[ShardFacts]) -> None:
    """Refuse a row that is there twice: the same name within its shard, and the same content."""
    marks = np.concatenate([_marks(one.path) for one in shards])
    order = np.lexsort((marks[:, 1], marks[:, 0]))
    again = np.flatnonzero((marks[order][1:] == marks[order][:-1]).all(axis=1))
    if not len(again):
        return
    starts = np.cumsum([0, *(len(one.labels) for one in shards)])
    rows = sorted(order[again[0] : again[0] + 2].tolist())
    where = [int(np.searchsorted(starts, row, side="right")) - 1 for row in rows]
    ids = [
        printable(read_column(shards[at].path, "ids")[row - starts[at]].decode())
        for row, at in zip(rows, where, strict=True)
    ]
    raise InputError(
        f"{ids[0]} and {ids[1]} are the same row, and {len(again) - 1:,} more are there twice (in "
        f"{printable(names[where[0]])} and {printable(names[where[1]])}). Expected each row once: extract into another "
        "folder, and name the shards without those that repeat others."
    )


def _marks(path: Path) -> NDArray[np.uint64]:
    words = read_column(path, "marks")
    try:
        return np.frombuffer(bytes.fromhex(words.tobytes().decode()), dtype=np.uint64).reshape(len(words), 2)
    except ValueError as error:
        raise InputError(f"{printable(path)}: its column marks is damaged. Delete it, and extract again.") from error


def _classes(
    shards: Sequence[ShardFacts], classes: Sequence[str], alike_names: AlikeNames
) -> tuple[tuple[str, ...], tuple[NDArray[np.int64], ...]]:
    used = {name for one in shards for name in one.class_names}
    stated = shards[0].stated_classes
    order: Sequence[str] = stated or class_order(
        [Labels(tuple(one.class_names), np.empty(0, dtype=np.int64)) for one in shards]
    )
    if used == set(classes):
        order = classes
    names, numbers = settled_names([name for name in order if name in used], alike_names, "the shards")
    place = dict(zip([name for name in order if name in used], numbers, strict=True))
    return names, tuple(np.array([place[name] for name in one.class_names], dtype=np.int64) for one in shards)


def _splits(facts: ShardFacts) -> NDArray[np.int8]:
    """Return the split of each row; all are of train where nothing says so."""
    if "splits" not in facts.widths:
        return np.zeros(len(facts.labels), dtype=np.int8)
    words = read_column(facts.path, "splits")
    result = np.zeros(len(words), dtype=np.int8)
    for at, split in enumerate(SPLITS):
        result[words == split.encode()] = at
    return result


def write_merged(merged: MergedShards, folder: Path) -> dict[str, Path]:
    """Write feature_{train,val,test}.h5, each whole or not at all; one shard's features are in memory at a time.

    Args:
        merged: shards that fit together.
        folder: of the files.

    Returns:
        The path of each split that has rows.

    Raises:
        InputError: a shard is damaged.
        UnwritableError: the disk is full, for example.
    """
    paths = {}
    for at, split in enumerate(SPLITS):
        if split not in merged.sizes:
            continue
        paths[split] = folder / f"feature_{split}.h5"
        with atomic_path(paths[split]) as temporary:
            _write(merged, at, temporary)
    return paths


def _write(merged: MergedShards, split: int, path: Path) -> None:
    first = merged.shards[0]
    masks = [rows == split for rows in merged.splits]
    labels = np.concatenate(
        [numbers[one.labels][mask] for one, numbers, mask in zip(merged.shards, merged.numbers, masks, strict=True)]
    )
    columns = {
        name: Words(max(one.widths.get(name, 1) for one in merged.shards), _words(merged, name, masks))
        for name in ("ids", "groups", "events")
        if any(name in one.widths for one in merged.shards)
    }
    images = sha256("".join(str(one.attributes.get("images")) for one in merged.shards).encode()).hexdigest()
    attributes: dict[str, Any] = {name: first.attributes[name] for name in _SHOWN if name in first.attributes}
    attributes |= {"split": SPLITS[split], "class_names": list(merged.class_names), "images": images}
    if "groups" in columns:
        attributes["grouped_by"] = first.attributes.get("grouped_by", "")
    create_feature_file(path, labels, first.dimension, first.dtype, attributes)
    append_words(path, len(labels), columns)
    rows_of_file, start = FeatureRows(path), 0
    for one, mask in zip(merged.shards, masks, strict=True):
        if mask.any():
            features = read_column(one.path, "features", mask)
            rows_of_file.write(start, features)
            start += len(features)


def _words(merged: MergedShards, name: str, masks: Sequence[NDArray[np.bool_]]) -> Iterator[NDArray[np.bytes_]]:
    for one, mask in zip(merged.shards, masks, strict=True):
        if name in one.widths:
            yield read_column(one.path, name, mask)
        else:
            yield np.zeros(int(mask.sum()), dtype="S1")
