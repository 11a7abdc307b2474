"""A result of several files in one folder: replaced as a whole, or left as it was."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from longtail.errors import InputError
from longtail.files.atomic import is_alive, make_folder
from longtail.files.json_file import read_json
from longtail.files.text import printable
from longtail.files.unwritable import telling_why

__all__ = ["replacing", "settle"]

_STAGE = ".unfinished-{}"
_COMPLETE = ".complete"  # all files of a new result, on their way to their places
_LIST = ".replaces.json"


@contextmanager
def replacing(folder: Path, owned: Sequence[str], *, marker: str | tuple[str, ...]) -> Iterator[Path]:
    """Yield a new folder for the files of a result; they take the places of those before once the block has ended well.

    From one moment to the next all of it is the new result: a process that is killed before leaves the old one as it
    was, and what one that is killed after that has not moved yet is moved by the next call of `settle`.

    Args:
        folder: of the result; it is made where it is missing, and its other content stays.
        owned: patterns of names in it that are parts of a result; those that the new one does not have are removed.
        marker: name of a file that every such result has, or names of which it has one. Without it nothing in the
            folder was written by an earlier result, and nothing of it is removed or replaced.

    Raises:
        InputError: the folder holds something of such a name that no result wrote, or another call was faster.
        UnwritableError: what could not be written; the folder is as it was.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with replacing(folder, ["heads", "r.json"], marker="r.json") as new:
        ...     _ = (new / "r.json").write_text("1")
        >>> [path.name for path in folder.iterdir()]
        ['r.json']
    """
    markers = [folder / name for name in ((marker,) if isinstance(marker, str) else marker)]
    with telling_why(), _new_result(folder, owned, markers) as stage:
        yield stage


@contextmanager
def _new_result(folder: Path, owned: Sequence[str], markers: list[Path]) -> Iterator[Path]:
    settle(folder)
    is_new = not folder.exists()
    make_folder(folder)
    _clear(folder)
    stage = folder / _STAGE.format(os.getpid())
    stage.mkdir()
    before = [_version(path) for path in markers]
    try:
        yield stage
        if [_version(path) for path in markers] != before:
            raise InputError(
                f"{printable(folder)}: another call has written its result there meanwhile, and it stays. Expected a "
                "folder of its own for each: choose another, and call again."
            )
        new = sorted(path.name for path in stage.iterdir())
        is_ours = any(path.exists() for path in markers)
        old = sorted({path.name for pattern in owned for path in folder.glob(pattern)} if is_ours else set())
        foreign = [name for name in new if (folder / name).exists() and name not in old]
        if foreign:
            raise InputError(
                f"{printable(folder)}: holds {foreign[0]} already, which no earlier result wrote. Expected a folder of "
                "its own for each result: choose another."
            )
        (stage / _LIST).write_text(json.dumps([name for name in old if name not in new]), encoding="utf-8")
        _to_disk(stage)
        stage.replace(folder / _COMPLETE)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # there is something in it
                folder.rmdir()
    settle(folder)


def _version(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from one that took its place; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def settle(folder: Path) -> None:
    """Bring to its end what a process that was killed had begun to put in its place; most often there is nothing.

    Args:
        folder: of a result.
    """
    complete = folder / _COMPLETE
    if not complete.is_dir():
        return
    manifest = complete / _LIST
    if manifest.exists():
        for name in read_json(manifest, list[str], expected="names of files"):
            _remove(folder / Path(name).name)
    for path in sorted(complete.iterdir()):
        if path.name != _LIST:
            target = folder / path.name
            if target.is_dir():
                _remove(target)  # a folder takes the place of an empty one alone
            path.replace(target)
    shutil.rmtree(complete)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove what killed processes left unfinished."""
    for path in folder.glob(_STAGE.format("*")):
        process = path.name.rpartition("-")[2]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _to_disk(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file, suppress(OSError):
                os.fsync(file.fileno())
