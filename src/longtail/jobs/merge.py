"""`longtail merge`: the features of many shards, checked and joined into feature files."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from longtail.class_names import AlikeNames
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["MergeConfig", "run"]


@dataclass(frozen=True)
class MergeConfig:
    """Join what `extract --shards` has written, in the order of its shards."""

    folder: tyro.conf.Positional[Path]
    """Folder that `extract --shards` wrote into."""
    out: Path
    """Folder for feature_{train,val,test}.h5."""
    alike_names: AlikeNames = "ask"
    """Classes alike but for case, blanks or marks."""
    quiet: bool = False
    """Print errors only."""


def run(config: MergeConfig) -> Path:
    """Write the feature files, and the classifier of the network where it has the same classes."""
    from longtail.features.merging import check_shards, write_merged
    from longtail.jobs.sharding.plan import features_of_shard, read_plan

    plan = read_plan(config.folder)
    paths = {name: features_of_shard(config.folder, name) for name in plan["shards"]}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise InputError(
            f"{printable(config.folder)}: {counted(len(missing), 'shard')} of {len(paths):,} "
            f"{'is' if len(missing) == 1 else 'are'} missing, the first {printable(missing[0])}. Extract again, with "
            "the same words: only what is missing is done."
        )
    merged = check_shards(paths, classes=plan["classes"], alike_names=config.alike_names)
    for name, facts in zip(paths, merged.shards, strict=True):
        _check_unchanged(Path(plan["place"]) / name, facts.attributes.get("bytes"), facts.path)
    if not merged.sizes:
        raise InputError(f"{printable(config.folder)}: no row of any shard has a label. Expected some to learn from.")
    write_merged(merged, config.out)
    head = config.folder / "joint_head.npz"
    if head.is_file() and tuple(plan["classes"]) == merged.class_names:
        shutil.copyfile(head, config.out / head.name)
    elif head.is_file() and not config.quiet:
        print(
            f"the network's own classifier was left out: it knows {_some(plan['classes'])}; the shards hold "
            f"{_some(merged.class_names)}.",
            file=sys.stderr,
        )
    if not config.quiet:
        sizes = ", ".join(f"{count:,} {split}" for split, count in merged.sizes.items())
        print(f"{sizes} rows of {len(merged.class_names)} classes, from {counted(len(paths), 'shard')}")
        print(config.out)
    return config.out


def _some(names: Sequence[str]) -> str:
    return f"{len(names)} classes ({', '.join(map(printable, names[:3]))}, ...)"


def _check_unchanged(shard: Path, size: object, features: Path) -> None:
    """Refuse features of a shard that is another now, where it lies on a disk that is seen from here."""
    if shard.is_file() and shard.stat().st_size != size:
        raise InputError(
            f"{printable(shard)}: has {shard.stat().st_size:,} bytes, and had {size:,} when its features were taken. "
            f"Delete {printable(features)}, and extract again: the other shards stay."
        )
