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
from longtail.files.result_files import is_part, is_plain_name, parts_of
from longtail.files.text import printable
from longtail.files.unwritable import telling_why

__all__ = ["replacing", "settle"]

_STAGE = ".unfinished-{}"
_COMPLETE = ".complete"  # all files of a new result, on their way to their places
_LIST = ".replaces.json"
_MARKERS = ("config.json", "summary.json", "results.json")


@contextmanager
def replacing(folder: Path, *, stays: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a new folder for the files of a result; they take the places of those before once the block has ended well.

    From one moment to the next all of it is the new result: a process that is killed before leaves the old one as it
    was, and what one that is killed after that has not moved yet is moved by the next call of `settle`.

    Args:
        folder: of the result; it is made where it is missing. All parts of an earlier result go, whether the new one
            has them or not (`parts_of` says which); its other content stays.
        stays: patterns of names of parts of an earlier result that stay all the same.

    Raises:
        InputError: the folder holds something of such a name that no result wrote, or another call was faster.
        UnwritableError: what could not be written; the folder is as it was.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with replacing(folder) as new:
        ...     _ = (new / "results.json").write_text("{}")
        >>> [path.name for path in folder.iterdir()]
        ['results.json']
    """
    with telling_why(), _new_result(folder, stays) as stage:
        yield stage


@contextmanager
def _new_result(folder: Path, stays: Sequence[str]) -> Iterator[Path]:
    settle(folder)
    parts_of(folder, stays)  # refuses what is another's, before any work is done
    markers = [folder / name for name in _MARKERS]
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
        old = sorted(parts_of(folder, stays))
        old.sort(key=_MARKERS.__contains__)  # they go last: they say whose the others are
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

    Raises:
        InputError: what lies there names something that is no part of a result; nothing was moved or removed.
    """
    complete = folder / _COMPLETE
    manifest = complete / _LIST
    if complete.is_symlink() or not complete.is_dir():
        return
    if not manifest.is_file():
        with suppress(OSError):  # there is something in it, and no result put it there
            complete.rmdir()
        return
    old = read_json(manifest, list[str], expected="names of files")
    new = sorted(path.name for path in complete.iterdir() if path.name != _LIST)
    for name in [*old, *new]:
        _check_name(name, folder, manifest)
    for name in old:
        _remove(folder / name)
    for name in new:
        target = folder / name
        if target.is_dir():
            _remove(target)  # a folder takes the place of an empty one alone
        (complete / name).replace(target)
    manifest.unlink()
    complete.rmdir()


def _check_name(name: str, folder: Path, manifest: Path) -> None:
    """Make sure that a name is that of a result's part, or of nothing that is there."""
    is_plain = is_plain_name(name)
    if is_plain and (is_part(name, folder) or not (folder / name).exists()):
        return
    what = "which no result has" if is_plain else "which is no plain name"
    raise InputError(
        f"{printable(manifest)}: names {printable(name)!r}, {what}. Expected names of a result's own parts in "
        f"{printable(folder)}; nothing was moved or removed. Delete {printable(manifest.parent)} where you do not "
        "trust it."
    )


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
