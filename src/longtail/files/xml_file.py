"""The one reader of XML: no declarations, so that no entity grows or reads a file, and of bounded size."""

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["parse_xml", "read_xml"]

_MOST_BYTES = 2**30


def read_xml(path: Path, *, expected: str) -> Element:
    """Read an XML file.

    Args:
        path: of the file.
        expected: what it should have been, for messages.

    Raises:
        InputError: no such file, above 1 GiB, no XML, or one that declares its own entities.
    """
    origin = printable(path)
    try:
        size = path.stat().st_size
        content = b"" if size > _MOST_BYTES else path.read_bytes()
    except OSError as error:
        raise InputError(f"{origin}: cannot be read ({error.strerror}). Expected {expected}.") from error
    if size > _MOST_BYTES:
        raise InputError(f"{origin}: has {size / 2**30:.1f} GiB; XML is read up to 1 GiB. Export it in parts.")
    return parse_xml(content, origin=origin, expected=expected)


def parse_xml(content: bytes, *, origin: str, expected: str) -> Element:
    """Read XML that stands inside something else; names of elements are without their namespaces' prefix.

    Args:
        content: XML, in any encoding that it declares.
        origin: where it stands, for messages.
        expected: what it should have been, for messages.

    Raises:
        InputError: no XML, or one that declares its own entities.

    Example:
        >>> parse_xml(b"<a><b c='1'/></a>", origin="x", expected="a").find("b").get("c")
        '1'
    """

    def refuse(*_: object) -> NoReturn:
        raise InputError(f"{origin}: has a DOCTYPE, which could read other files. Take it out. Expected {expected}.")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: builder.start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: builder.end(name.rpartition(":")[2])
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"{origin}: line {line} is no XML ({error}). Expected {expected}.") from error
    return builder.close()
