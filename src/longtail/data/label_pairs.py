"""Which image has which label, by a file that another program keeps labels in, as far as it can be told."""

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from longtail.data.foreign_label_files import OtherFormat, class_column
from longtail.errors import InputError
from longtail.files.json_file import parse_json, read_json
from longtail.files.text import encoding_of

__all__ = ["image_keys", "label_pairs", "names_images"]

_MOST_BYTES = 2**26
_MOST_ROWS = 200_000
_SAMPLE = 20
_SHORTEST = 4  # letters of a stem that is no mere number


def image_keys(name: str) -> Iterator[str]:
    """Return the ways to call an image, the most exact one first.

    Args:
        name: its path, from the folder of the data.

    Example:
        >>> list(image_keys("fox/a.jpg"))
        ['fox/a.jpg', 'a.jpg', 'a']
    """
    path = PurePosixPath(name.replace("\\", "/"))
    for number in range(min(len(path.parts), 4), 0, -1):
        yield "/".join(path.parts[-number:])
    yield path.stem


def label_pairs(file: OtherFormat, is_image: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Return images and their labels by a file; nothing where it cannot be told.

    Args:
        file: a table, a list, or a COCO file.
        is_image: whether a word is the name of an image of the data.
    """
    try:
        if file.path.stat().st_size > _MOST_BYTES:
            return iter(())
        suffix = file.path.suffix.lower()
        if suffix == ".json":
            return _pairs_of_coco(file)
        text = _text(file.path)
    except OSError:
        return iter(())
    if suffix in (".jsonl", ".ndjson"):
        return _pairs_of_lines(text, file)
    return _pairs_of_table(text, file, is_image) if suffix in (".csv", ".tsv") else _pairs_of_list(text)


def names_images(path: Path, images: Sequence[str]) -> bool:
    """Return whether a file of text names at least half of some images.

    Args:
        path: of the file.
        images: paths, from the folder of the data.
    """
    try:
        if not images or path.stat().st_size > _MOST_BYTES:
            return False
        text = _text(path)
    except OSError:
        return False
    some = images[:: max(1, len(images) // _SAMPLE)]
    return 2 * sum(_stands_in(text, PurePosixPath(image)) for image in some) >= len(some)


def _stands_in(text: str, image: PurePosixPath) -> bool:
    # "12" and "12.jpg" stand in many files, and of other images
    is_plain = len(image.stem) < _SHORTEST or image.stem.isdecimal()
    return (f"{image.parent.name}/{image.name}" if is_plain else image.stem) in text


def _text(path: Path) -> str:
    raw = path.read_bytes()
    return raw.decode(encoding_of(raw[:4]), "replace")


def _pairs_of_table(text: str, file: OtherFormat, is_image: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    delimiter = max("\t,;", key=text.split("\n", 1)[0].count)
    try:
        rows = list(islice(csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True), _MOST_ROWS))
    except csv.Error:  # a table that is broken says nothing
        return
    columns = [name.strip() for name in rows[0]] if rows else []
    rows = [[cell.strip() for cell in row] for row in rows if len(row) == len(columns)]
    first = next((row for row in rows[1:] if any(map(is_image, row))), None)
    if first is None:
        return
    # the column that is called so may hold other names than the files have
    images = columns.index(str(file.images)) if file.images in columns else -1
    if not is_image(first[images]):
        images = next(place for place, cell in enumerate(first) if is_image(cell))
    body = [row for row in rows[1:] if row[images]]
    usual = file.classes if file.classes in columns else class_column(columns)
    label = None if usual is None else columns.index(usual)
    if label is None and not file.is_known:
        label = _column_of_words(body, images)
    for row in body:
        value = _one_hot(columns, row, images) if label is None else row[label]
        if value not in ("", "[t]"):
            yield row[images], value


def _column_of_words(rows: list[list[str]], images: int) -> int | None:
    """Return the only column of words that several rows share; None where there is no such one."""
    shared = []
    for place, values in enumerate(map(set, zip(*rows, strict=True))):
        words = any(value.strip("-.0123456789") for value in values)
        if place != images and words and len(values) > 1 and 2 * len(values) <= len(rows):
            shared.append(place)
    return shared[0] if len(shared) == 1 else None


def _one_hot(columns: list[str], row: list[str], images: int) -> str:
    """Return the name of the only column of a row that holds a 1 among zeros; "" where that is not so."""
    ones = []
    for place, cell in enumerate(row):
        if place == images:
            continue
        if cell not in ("0", "1", "0.0", "1.0"):
            return ""
        if cell[0] == "1":
            ones.append(columns[place])
    return ones[0] if len(ones) == 1 else ""


def _pairs_of_list(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines()[:_MOST_ROWS]:
        image, *label = line.strip().rsplit(maxsplit=1)[:2] or [""]
        if label:
            yield image, label[0]


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
