"""The features of one shard: read where it lies or from a copy, computed, and put in place as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.files.text import printable
from longtail.jobs.options import DataOptions
from longtail.jobs.sharding.inputs import Shard

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longtail.data.manifests import Manifest
    from longtail.data.manifests.images import ManifestImages
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["ShardWork", "write_shard"]


@dataclass(frozen=True)
class ShardWork:
    """What is done with each shard.

    Attributes:
        fabric: of this process alone.
        model: the network.
        features_of: maps images (B, channels, H, W) to features (B, D).
        data: how shards are read.
        attributes: plain values that say where features come from, the same for all shards.
        dtype: of the stored features.
        workers: processes that load images.
    """

    fabric: "Fabric"
    model: "TrainedModel"
    features_of: Callable[[Any], Any]
    data: DataOptions
    attributes: dict[str, Any]
    dtype: str
    workers: int


def write_shard(shard: Shard, path: Path, work: ShardWork) -> int:
    """Write the features of a shard, whole or not at all.

    Args:
        shard: which one.
        path: of the file.
        work: what is done with it.

    Returns:
        The number of rows.

    Raises:
        InputError: it cannot be fetched or read, or an image of it.
        OSError: the disk is full.
    """
    from longtail.data.manifests import read_manifest
    from longtail.files.remote import local_copy

    with local_copy(shard.address, beside=("classes.txt",)) as file:
        manifest = read_manifest(file, work.data.table, alike_names=work.data.alike_names, bits=work.data.bits)
        return _write(shard, manifest, path, work, file.stat().st_size)


def _write(shard: Shard, manifest: "Manifest", path: Path, work: ShardWork, size: int) -> int:
    import torch

    from longtail.features.shard_file import create_shard_file
    from longtail.files.atomic import atomic_path
    from longtail.jobs.stage_one.images import prepare
    from longtail.training.passes import in_passes

    rows = _rows(manifest, skip_bad=work.data.skip_bad)
    source = manifest.source(rows)
    names = [f"{shard.name}/{_inside(source.identity(row))}" for row in range(len(rows))]
    marks = _marks(source, manifest, rows)
    columns = {"ids": names, "marks": marks, **_columns(shard, manifest, rows, work.data.split_column)}
    stated = manifest.settled.rows.class_names
    attributes = work.attributes | {
        "shard": shard.name,
        "bytes": size,
        "samples": len(manifest.settled.rows),
        "left_out": len(manifest.settled.rows) - len(rows),
        "class_names": list(manifest.settled.class_names),
        "stated_classes": list(stated or ()),
        "images": sha256("".join(marks).encode()).hexdigest(),
    }
    groups = manifest.settled.groups
    if groups is not None:
        attributes["grouped_by"] = groups.by
    with atomic_path(path) as temporary:
        labels = manifest.settled.labels[rows]
        rows_of_file = create_shard_file(temporary, labels, work.model.dimension, work.dtype, attributes, columns)
        if rows_of_file is not None:
            images = prepare(source, work.model.preprocessing, work.fabric.device)
            batches = images.batches(work.fabric, work.model.preprocessing, workers=work.workers)
            with torch.inference_mode(), work.fabric.autocast():
                for batch, pixels in batches:
                    rows_of_file.write(batch.start, in_passes(work.features_of, pixels).float().cpu().numpy())
    return len(rows)


def _rows(manifest: "Manifest", *, skip_bad: bool) -> NDArray[np.int64]:
    """Return the rows that have a label and, where that is wished, an image that can be read."""
    from longtail.data.readable import find_unreadable

    rows = np.flatnonzero(manifest.settled.labels >= 0)
    if skip_bad:
        rows = np.delete(rows, [row for row, _ in find_unreadable(manifest.source(rows))])
    return rows


def _inside(identity: str) -> str:
    """Return what an image is called in its shard."""
    return identity.partition("/")[2] or identity


def _marks(source: "ManifestImages", manifest: "Manifest", rows: NDArray[np.int64]) -> list[str]:
    """Return of each row 32 digits of what it is called in its shard, its label and its content."""
    settled = manifest.settled
    ids = settled.rows.ids
    result = []
    for at, row in enumerate(rows.tolist()):
        name = _inside(source.identity(at)) if ids is None else ids[row]
        label = settled.class_names[settled.labels[row]]
        fact = f"{name}\0{label}\0".encode("utf-8", "surrogateescape") + source.fingerprint(at)
        result.append(blake2b(fact, digest_size=16).hexdigest())
    return result


def _columns(
    shard: Shard, manifest: "Manifest", rows: NDArray[np.int64], split_column: str | None
) -> dict[str, list[str]]:
    """Return groups, events and splits, where anything says so: the rows themselves, or the name of the shard."""
    from longtail.data.manifests.shards import split_of_name

    columns = {}
    settled = manifest.settled
    for name, grouping in (("groups", settled.groups), ("events", settled.events)):
        if grouping is not None:
            columns[name] = [printable(grouping.names[grouping.codes[row]]) for row in rows]
    split = None if split_column == "none" else split_of_name(shard.name)
    if settled.splits is not None:
        columns["splits"] = [str(settled.splits[row]) for row in rows]
    elif split is not None:
        columns["splits"] = [split] * len(rows)
    return columns
