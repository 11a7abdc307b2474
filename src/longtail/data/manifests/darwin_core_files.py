"""The files of a Darwin Core archive, by what its meta.xml says of them."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.etree.ElementTree import Element

from longtail.errors import InputError
from longtail.files.long_cells import long_cells
from longtail.files.text import printable
from longtail.files.xml_file import parse_xml

__all__ = ["ArchiveTable", "read_archive"]

_META, _MOST_BYTES = "meta.xml", 2**24
_MEDIA = (
    "http://rs.tdwg.org/ac/terms/multimedia",
    "http://rs.gbif.org/terms/1.0/multimedia",
    "http://rs.gbif.org/terms/1.0/image",
)
_EXPECTED = "a Darwin Core archive: meta.xml, a core and an extension of multimedia"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\\\\": "\\"}


@dataclass(frozen=True)
class ArchiveTable:
    """A table of an archive.

    Attributes:
        origin: its file, for messages.
        ids: of the core's rows that its own belong to, N of them.
        terms: last parts of the terms of all columns.
        columns: by these, of those that were asked for, N words each.
        lines: number of each row's line, N of them.
    """

    origin: str
    ids: list[str]
    terms: tuple[str, ...]
    columns: dict[str, list[str]]
    lines: list[int]

    def place(self, row: int) -> str:
        """Return where a row stands, in words for messages."""
        return f"{self.origin}: line {self.lines[row]}"

    def words(self, term: str) -> Sequence[str]:
        """Return a column, or nothing for each row."""
        return self.columns.get(term) or [""] * len(self.ids)


def read_archive(path: Path, terms: Set[str]) -> tuple[ArchiveTable, ArchiveTable]:
    """Read the core of an archive, and its multimedia.

    Args:
        path: a folder, a .zip, meta.xml, or another file beside it.
        terms: last parts of the terms whose columns are kept: archives have hundreds.

    Raises:
        InputError: no archive, none with multimedia, or files that are not as meta.xml says.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                return _tables(archive, printable(path), terms)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(f"{printable(path)}: cannot be unpacked ({error}). Download it again.") from error
    folder = path if path.is_dir() else path.parent
    return _tables(folder, printable(folder), terms)


def _tables(where: Path | zipfile.ZipFile, origin: str, terms: Set[str]) -> tuple[ArchiveTable, ArchiveTable]:
    with _opened(where, _META, origin) as file:
        meta = parse_xml(file.read(_MOST_BYTES), origin=f"{origin}/{_META}", expected=_EXPECTED)
    core = meta.find("core")
    if core is None:
        raise InputError(f"{origin}/{_META}: names no core. Expected {_EXPECTED}.")
    extensions = {one.get("rowType", "").lower(): one for one in meta.findall("extension")}
    media = next((extensions[kind] for kind in _MEDIA if kind in extensions), None)
    if media is None:
        there = ", ".join(one.get("rowType", "") for one in meta.findall("extension")) or "none"
        raise InputError(
            f"{origin}/{_META}: no extension of it is of multimedia (extensions: {there}). Ask for the archive with "
            "pictures."
        )
    return _table(core, where, origin, terms), _table(media, where, origin, terms)


def _table(element: Element, where: Path | zipfile.ZipFile, origin: str, terms: Set[str]) -> ArchiveTable:
    key = next((element.find(name) for name in ("id", "coreid", "coreId") if element.find(name) is not None), None)
    if key is None:
        raise InputError(f"{origin}/{_META}: <{element.tag}> has no id. Expected {_EXPECTED}.")
    ids = _index(key, origin)
    # header text does not count: columns are told by number
    fields = [
        (field.get("term", "").rstrip("/").rpartition("/")[2].rpartition("#")[2], _index(field, origin), field)
        for field in element.findall("field")
    ]
    names: list[str] = []
    lines: list[int] = []
    asked = [field for field in fields if field[0] in terms]
    columns: dict[str, list[str]] = {name: [] for name, _, _ in asked}
    locations = [location.text or "" for location in element.findall("files/location")]
    if not locations or ids is None:
        raise InputError(f"{origin}/{_META}: <{element.tag}> names no file or no column of ids. Expected {_EXPECTED}.")
    most = max(number for number in (ids, *(index for _, index, _ in fields)) if number is not None)
    for location in locations:
        with _opened(where, location.strip(), origin) as file:
            for line, cells in _rows(element, file, f"{origin}/{location}"):
                if len(cells) <= most:
                    raise InputError(
                        f"{origin}/{location}: line {line} has {len(cells)} values; {_META} speaks of {most + 1}."
                    )
                names.append(cells[ids])
                lines.append(line)
                for name, index, field in asked:
                    default = field.get("default", "")
                    columns[name].append(default if index is None else cells[index] or default)
    if not names:
        raise InputError(f"{origin}/{locations[0]}: holds no row. Expected {_EXPECTED}.")
    return ArchiveTable(f"{origin}/{locations[0]}", names, tuple(name for name, _, _ in fields), columns, lines)


def _index(element: Element, origin: str) -> int | None:
    word = element.get("index")
    if word is None:
        return None
    if not word.isdecimal() or len(word) > 9:
        raise InputError(f"{origin}/{_META}: the index {word!r} of a column is no number. Expected 0, 1, 2, ...")
    return int(word)


def _rows(element: Element, file: IO[bytes], origin: str) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a file below its heading: number of the line, and cells."""
    delimiter, quote = _mark(element, "fieldsTerminatedBy", ","), _mark(element, "fieldsEnclosedBy", '"')
    if len(delimiter) != 1 or len(quote) > 1 or _mark(element, "linesTerminatedBy", "\n") not in ("\n", "\r", "\r\n"):
        raise InputError(f"{origin}: {_META} has marks between cells or lines that are not read. Expected , or tab.")
    dialect: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    heading = element.get("ignoreHeaderLines", "0")
    skipped = int(heading) if heading.isdecimal() and len(heading) <= 9 else 0
    try:
        text = io.TextIOWrapper(file, encoding=element.get("encoding", "utf-8"), newline="")
        with text, long_cells(_MOST_BYTES):
            first = next(text, "").removeprefix("\ufeff")
            reader = csv.reader(islice(chain([first], text), skipped, None), delimiter=delimiter, **dialect)
            for cells in reader:
                if cells:
                    yield reader.line_num + skipped, [cell.strip() for cell in cells]
    except LookupError as error:
        raise InputError(f"{origin}: {_META} names an encoding that there is not ({error}).") from error
    except UnicodeError as error:
        raise InputError(f"{origin}: is no text in the encoding that {_META} says ({error}).") from error
    except csv.Error as error:
        raise InputError(f"{origin}: is none of a table as {_META} describes it: {error}.") from error


def _mark(element: Element, name: str, usual: str) -> str:
    word = element.get(name, usual)
    return _ESCAPES.get(word, word)


@contextmanager
def _opened(where: Path | zipfile.ZipFile, name: str, origin: str) -> Iterator[IO[bytes]]:
    path = PurePosixPath(name)
    if "://" in name or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{origin}/{_META}: the file {printable(name)} is not in the archive. Put it there.")
    try:
        if isinstance(where, zipfile.ZipFile):
            with where.open(path.as_posix()) as member:
                yield member
        else:
            with (where / path).open("rb") as file:
                yield file
    except (KeyError, FileNotFoundError) as error:
        raise InputError(f"{origin}: holds no {printable(name)}. Expected {_EXPECTED}.") from error
    except OSError as error:
        raise InputError(f"{origin}/{name}: cannot be read ({error.strerror}).") from error
