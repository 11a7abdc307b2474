"""What Label Studio calls an image, and what its file is called on a disk."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

__all__ = ["files_of_tasks"]

_LOCAL, _UPLOAD = "/data/local-files/?d=", "/data/"
_PREFIX = re.compile(r"[0-9a-f]{8}-")


def files_of_tasks(words: Sequence[str], root: Path) -> list[str]:
    """Return the paths of images, as they lie below a folder.

    Label Studio puts eight digits before the name of a file that was uploaded; the person who uploaded it may have it
    under its own name. That is taken where only it is there.

    Args:
        words: what tasks call their images.
        root: folder with the images.

    Example:
        >>> files_of_tasks(["/data/local-files/?d=lake/a%20b.jpg", "/data/upload/3/1a2b3c4d-fox.jpg"], Path("nowhere"))
        ['lake/a b.jpg', 'upload/3/1a2b3c4d-fox.jpg']
    """
    paths = [_path(word) for word in words]
    if not any(_PREFIX.match(path.rpartition("/")[2]) for path in paths):
        return paths
    there = {file for _, _, files in os.walk(root) for file in files}
    return [_as_it_lies(path, there) for path in paths]


def _path(word: str) -> str:
    if _LOCAL in word:
        return unquote(word.partition(_LOCAL)[2])
    return unquote(word.removeprefix(_UPLOAD)) if word.startswith(_UPLOAD) else word


def _as_it_lies(path: str, there: set[str]) -> str:
    name = path.rpartition("/")[2]
    own = _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name
    return own if name not in there and own in there else path
