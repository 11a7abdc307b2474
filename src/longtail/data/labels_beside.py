"""Whether a file of labels beside a folder says the same as the folder's sub-folders."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from longtail.data.other_formats import OtherFormat
from longtail.errors import InputError
from longtail.files.json_file import parse_json, read_json
from longtail.files.text import encoding_of, printable

__all__ = ["disagreement"]

_MOST_BYTES = 2**26
_MOST_ROWS = 200_000


def disagreement(
    files: Iterable[OtherFormat], folders: Mapping[str, Iterable[Path]], root: Path
) -> tuple[OtherFormat, str] | None:
    """Return which file of labels contradicts that each sub-folder is a class, and how; None where none does.

    Most of the sub-folders that a file speaks of must hold one class each by it, and not all the same few.

    Args:
        files: of other formats, beside the folder or in it.
        folders: of each sub-folder the images.
        root: of the folders.
    """
    telling = [file for file in files if file.images is not None and file.classes is not None]
    place = _places(folders, root) if telling else {}
    found: dict[str, set[str]] = {}
    spoken: list[OtherFormat] = []
    for file in telling:
        before = sum(map(len, found.values()))
        for image, label in _pairs(file):
            folder = next((place[key] for key in _keys(image) if place.get(key)), None)
            if folder is not None:
                found.setdefault(folder, set()).add(label)
        if sum(map(len, found.values())) > before:
            spoken.append(file)
    mixed = [folder for folder, labels in found.items() if len(labels) > 1]
    distinct = set().union(*found.values())
    if not found or (2 * len(mixed) < len(found) and 2 * len(distinct) > len(found)):
        return None
    folder = mixed[0] if mixed else next(iter(found))
    held = sorted(label.encode("utf-8", "backslashreplace").decode() for label in found[folder])
    shown = ", ".join(held[:3]) + (", ..." if len(held) > 3 else "")
    file = spoken[0]
    return (
        file,
        f"{printable(file.path.name)} ({file.name}) has other classes: {printable(folder)}/ holds {shown} by it",
    )


def _places(folders: Mapping[str, Iterable[Path]], root: Path) -> dict[str, str]:
    """Map what an image may be called in a file to its sub-folder; "" where it could be in several."""
    place: dict[str, str] = {}
    for folder, images in folders.items():
        for path in images:
            for key in _keys(path.relative_to(root).as_posix()):
                place[key] = folder if place.get(key, folder) == folder else ""
    return place


def _keys(name: str) -> Iterator[str]:
    """Return the ways to call an image, the most exact one first."""
    path = PurePosixPath(name.replace("\\", "/"))
    for number in range(min(len(path.parts), 4), 0, -1):
        yield "/".join(path.parts[-number:])
    yield path.stem


def _pairs(file: OtherFormat) -> Iterator[tuple[str, str]]:
    try:
        if file.path.stat().st_size > _MOST_BYTES:
            return iter(())
        if file.path.suffix.lower() == ".json":
            return _pairs_of_coco(file)
        return _pairs_of_table(file)
    except OSError:
        return iter(())


def _pairs_of_table(file: OtherFormat) -> Iterator[tuple[str, str]]:
    raw = file.path.read_bytes()
    text = raw.decode(encoding_of(raw[:4]), "replace")
    if file.path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _pairs_of_lines(text, file)
        return
    delimiter = max("\t,;", key=text.split("\n", 1)[0].count)
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in islice(rows, _MOST_ROWS):
            image, label = row.get(str(file.images)), row.get(str(file.classes))
            if isinstance(image, str) and isinstance(label, str) and label not in ("", "[t]"):
                yield image.strip(), label.strip()
    except csv.Error:  # a table that is broken says nothing
        return


def _pairs_of_lines(text: str, file: OtherFormat) -> Iterator[tuple[str, str]]:
    for line in text.splitlines()[:_MOST_ROWS]:
        try:
            row = parse_json(line, dict[str, Any], origin=file.path.name, expected="an object a line")
            yield str(row[str(file.images)]), str(row[str(file.classes)])
        except (InputError, KeyError):  # a line that is broken says nothing
            continue


def _pairs_of_coco(file: OtherFormat) -> Iterator[tuple[str, str]]:
    try:
        content = read_json(file.path, dict[str, Any], expected="a COCO file")
        names = {image["id"]: image["file_name"] for image in content["images"]}
        classes = {category["id"]: str(category.get("name", category["id"])) for category in content["categories"]}
        for annotation in content["annotations"]:
            image = names.get(annotation["image_id"])
            if isinstance(image, str):
                yield image, classes.get(annotation["category_id"], "")
    except (InputError, KeyError, TypeError):  # a file that is broken says nothing
        return
