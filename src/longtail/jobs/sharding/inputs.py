"""The shards that a command names: files, folders, patterns and addresses."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from longtail.data.manifests.shards import braces_expanded, is_pattern, shard_files
from longtail.errors import InputError
from longtail.files.remote import is_remote, remote_files
from longtail.files.text import printable

__all__ = ["Shard", "named_shards"]

_SUFFIXES = (".tar", ".parquet")


@dataclass(frozen=True)
class Shard:
    """A part of a data set.

    Attributes:
        address: its path, or where it can be fetched.
        name: its path below the folder of all shards, the same on every machine.
    """

    address: str
    name: str


def named_shards(words: Sequence[str]) -> tuple[Shard, ...]:
    """Return the shards that a command names, in the order in which it does.

    Args:
        words: paths of files and folders, patterns with braces or `*`, or addresses.

    Raises:
        InputError: there is none, one is named twice, or a file that is no shard.
    """
    addresses = [address for word in words for address in _addresses(word)]
    other = next((one for one in addresses if not one.lower().endswith(_SUFFIXES)), None)
    if other is not None:
        raise InputError(f"--shards {printable(other)}: expected files that end in {' or '.join(_SUFFIXES)}.")
    twice = next((one for one, count in Counter(addresses).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"--shards: {printable(twice)} is named twice. Name each shard once.")
    try:
        top = os.path.commonpath([str(PurePosixPath(one).parent) for one in addresses])
    except ValueError as error:
        raise InputError("--shards names files and addresses. Expected all of them in one place.") from error
    return tuple(Shard(one, PurePosixPath(one).relative_to(top).as_posix()) for one in addresses)


def _addresses(word: str) -> list[str]:
    if is_remote(word):
        return [address for name in braces_expanded(word) for address in remote_files(name)]
    path = Path(os.path.normpath(Path(word).absolute()))  # not what a link leads to: that has other names
    if not path.is_dir() and not is_pattern(word) and not path.is_file():
        raise InputError(f"--shards {printable(word)}: no such file or folder.")
    if not path.is_dir():
        return [file.as_posix() for file in shard_files(path, path.suffix)]
    kinds = [
        suffix for suffix in _SUFFIXES if any(True for below in ("*", "*/*") for _ in path.glob(f"{below}{suffix}"))
    ]
    if len(kinds) != 1:
        raise InputError(
            f"--shards {printable(word)}: holds {' and '.join(kinds) or 'no shard'}. Expected files that end in "
            f"{' or '.join(_SUFFIXES)}, of one kind: name them by a pattern, such as 'DIR/*.tar'."
        )
    return [file.as_posix() for file in shard_files(path, kinds[0])]
