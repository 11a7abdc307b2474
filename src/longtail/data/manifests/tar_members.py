"""What lies where in an archive (tar): found in one pass over its headers, read afterwards in any order."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["TarMember", "tar_members"]


@dataclass(frozen=True)
class TarMember:
    """A file in an archive.

    Attributes:
        name: its path there.
        offset: of its first byte in the archive.
        size: in bytes.
    """

    name: str
    offset: int
    size: int


def tar_members(path: Path) -> Iterator[TarMember]:
    """Return the files of an archive in their order; folders, links and the like are passed over.

    Args:
        path: of the archive, which is not compressed: else nothing in it can be read without all before it.

    Raises:
        InputError: no such file, compressed, damaged or truncated.
    """
    where, expected = printable(path), "an archive (.tar), whole and not compressed"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            _refuse_compressed(file.read(6), where)
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # else all headers stay in memory
                if not member.isreg() or member.issparse():
                    continue
                if member.offset_data + member.size > size:
                    raise tarfile.ReadError("unexpected end of data")
                yield TarMember(member.name, member.offset_data, member.size)
    except FileNotFoundError as error:
        raise InputError(f"{where}: no such file. Expected {expected}.") from error
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{where}: damaged, truncated, or no archive that can be read ({reason}). Expected {expected}."
        ) from error


def _refuse_compressed(first: bytes, where: str) -> None:
    for start, program in (
        (b"\x1f\x8b", "gunzip"),
        (b"BZh", "bunzip2"),
        (b"\xfd7zXZ", "unxz"),
        (b"(\xb5/\xfd", "unzstd"),
    ):
        if first.startswith(start):
            raise InputError(
                f"{where}: is compressed as a whole, and images in it are read in any order. Unpack the outer layer "
                f"({program}): images hardly get smaller by it."
            )
