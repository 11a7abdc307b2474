"""Image paths and classes from a COCO-style annotation file, the format of the iNaturalist competitions."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from longtail.class_names import check_names
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["check_file_names", "read_coco"]

Id = int | str
_NOTHING = re.compile(r"\s*(empty|blank|nothing|none|no[ _-]?animal|background|unknown|unclassified)\s*", re.IGNORECASE)


class _Image(TypedDict):
    id: Id
    file_name: str


class _Annotation(TypedDict):
    image_id: Id
    category_id: Id
    bbox: NotRequired[Any]


class _Category(TypedDict):
    id: Id
    name: NotRequired[str]


class _Coco(TypedDict):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_coco(path: Path) -> tuple[list[str], list[int], tuple[str, ...], tuple[str, ...]]:
    """Read a COCO-style file with one class an image.

    Args:
        path: JSON with `images` (id, file_name), `annotations` (image_id, category_id) and `categories` (id, name), in
            any order.

    Returns:
        Paths, labels (the categories in the order of their ids), class names, and notes for people.

    Raises:
        InputError: no JSON, a part is missing or of another kind, an image has no or several annotations, or a category
            is not listed.
    """
    content = read_json(path, _Coco, expected="a COCO file such as train2018.json")
    where, images, annotations = printable(path), content["images"], content["annotations"]
    if not images:
        raise InputError(f"{where}: no image in it. Expected JSON such as train2018.json.")
    numbers, names = _categories(content["categories"], where)
    category_of: dict[Id, Id] = {}
    for annotation in annotations:
        image, category = annotation["image_id"], annotation["category_id"]
        if category not in numbers:
            raise InputError(
                f"{where}: image {image!r} is of category {category!r}, which is not among the categories."
            )
        if image in category_of:
            raise InputError(
                f"{where}: image {image!r} has several annotations; expected one class an image. Keep the images of "
                "one class, in a list file or in a folder for each class."
            )
        category_of[image] = category
    without = [image["file_name"] for image in images if image["id"] not in category_of]
    if without:
        raise InputError(
            f"{where}: {len(without):,} of {len(images):,} images have no annotation, {without[0]} for example. "
            "Expected one class an image; the competition's test file states none."
        )
    check_file_names([image["file_name"] for image in images], where)
    repeated = [name for name, times in Counter(image["file_name"] for image in images).items() if times > 1]
    if repeated:
        raise InputError(
            f"{where}: {len(repeated):,} files stand in it as several images, {repeated[0]} for example. Expected one "
            "image a file."
        )
    labels = [numbers[category_of[image["id"]]] for image in images]
    notes = _notes(path.name, content, numbers, names)
    return [image["file_name"] for image in images], labels, names, notes


def check_file_names(names: list[str], where: str) -> None:
    """Refuse names of files that no file can have.

    Args:
        names: of images.
        where: they stand, for messages.

    Raises:
        InputError: one is no text in Unicode.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            shown = name.encode("utf-8", "backslashreplace").decode()
            raise InputError(f"{where}: the file name '{shown}' is no text in Unicode.") from error


def _categories(categories: list[_Category], where: str) -> tuple[dict[Id, int], tuple[str, ...]]:
    if len({type(category["id"]) for category in categories}) > 1:
        raise InputError(f"{where}: some ids of categories are numbers, others are text. Expected one kind.")
    ordered = sorted(categories, key=lambda category: category["id"])
    numbers = {category["id"]: number for number, category in enumerate(ordered)}
    if len(numbers) != len(ordered):
        raise InputError(f"{where}: two categories have the same id. Expected one of each.")
    names = tuple(category.get("name", str(category["id"])) for category in ordered)
    check_names(names, where)
    return numbers, names


def _notes(file: str, content: _Coco, numbers: dict[Id, int], names: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if list(numbers) != list(range(len(numbers))):
        first, last = next(iter(numbers)), next(reversed(numbers))
        notes.append(f"{file}: its {len(numbers):,} category ids, {first!r} to {last!r}, are numbered from 0 here")
    boxes = sum(bool(annotation.get("bbox")) for annotation in content["annotations"])
    if boxes:
        notes.append(f"{file}: {boxes:,} annotations have boxes, which are not looked at: the whole image is learnt")
    nothing = [name for name in names if _NOTHING.fullmatch(name)]
    if nothing:
        notes.append(f"{file}: {', '.join(map(repr, nothing))} is a class like the others here")
    return tuple(notes)
