"""Pieces of work that any number of processes share out among themselves through a folder, and nothing else."""

import json
import os
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from longtail.files.atomic import make_folder

__all__ = ["Claims", "write_once"]

_BEATS = 6  # within the time after which a claim is nobody's


class Claims:
    """Claims on pieces of work: files that one process alone can make, and that it touches as long as it lives.

    A claim that nobody has touched for a while is of a process that was killed: it is taken over. Two processes may
    hold the same one, where one of them was suspended for as long; so the work has to be such that it can be done
    twice, and its result put in place as a whole.

    Args:
        folder: of the claims; seen by all processes.
        patience: seconds after which an untouched claim is nobody's. Times are the file system's, not this machine's.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with Claims(folder, 60).take("a.tar") as mine, Claims(folder, 60).take("a.tar") as theirs:
        ...     mine, theirs
        (True, False)
        >>> list(folder.iterdir())
        []
    """

    def __init__(self, folder: Path, patience: float) -> None:
        self.folder, self.patience = folder, patience
        make_folder(folder)

    @contextmanager
    def take(self, name: str) -> Iterator[bool]:
        """Claim a piece of work while what is inside runs; yield whether this process has it.

        Args:
            name: of the piece, with forward slashes.

        Raises:
            OSError: the folder cannot be written.
        """
        path = self.folder / f"{name.replace('/', '%')}.json"
        token = uuid.uuid4().hex
        if not (_create(path, token) or (self._is_left(path) and _create(path, token))):
            yield False
            return
        over = threading.Event()
        beating = threading.Thread(target=self._beat, args=(path, token, over), daemon=True)
        beating.start()
        try:
            yield True
        finally:
            over.set()
            beating.join()
            if _is_ours(path, token):
                with suppress(OSError):
                    path.unlink()

    def _beat(self, path: Path, token: str, over: threading.Event) -> None:
        while not over.wait(self.patience / _BEATS):
            if not _is_ours(path, token):
                return
            with suppress(OSError):
                os.utime(path)

    def _is_left(self, path: Path) -> bool:
        """Take the claim of a process that was killed away; return whether this process did so."""
        try:
            with path.open("rb") as file:  # opening it makes a network disk look again
                before = os.fstat(file.fileno())
        except OSError:
            return False
        if self._now() - before.st_mtime <= self.patience:
            return False
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            path.rename(aside)
        except OSError:  # another was faster
            return False
        after = aside.stat()
        is_the_same = (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        if not is_the_same:  # another was faster still, and this is its new claim
            with suppress(OSError):
                os.link(aside, path)
        with suppress(OSError):
            aside.unlink()
        return is_the_same

    def _now(self) -> float:
        """Return what time it is where the folder lies."""
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return time.time()


def _create(path: Path, token: str) -> bool:
    facts = {"token": token, "host": platform.node(), "process": os.getpid(), "since": time.strftime("%F %T%z")}
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(facts, file)
    except FileExistsError:
        return False
    return True


def _is_ours(path: Path, token: str) -> bool:
    try:
        return token in path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return False


def write_once(path: Path, text: str) -> bool:
    """Write a file that is not there yet, whole or not at all; of several processes the first one does it.

    Args:
        path: the file; its folder is made where it is missing.
        text: its content.

    Returns:
        Whether this process wrote it.

    Raises:
        OSError: the folder cannot be written.
    """
    make_folder(path.parent)
    if path.exists():
        return False
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        part.write_text(text, encoding="utf-8")
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            if path.exists():
                return False
            part.replace(path)
        return True
    finally:
        part.unlink(missing_ok=True)
