"""Image paths and classes from a COCO-style annotation file, the format of the iNaturalist competitions."""

import json
from pathlib import Path
from typing import Any

from longtail.errors import InputError

__all__ = ["read_coco"]


def read_coco(path: Path) -> tuple[list[str], list[int], tuple[str, ...], tuple[str, ...]]:
    """Read a COCO-style file with one class an image.

    Args:
        path: JSON with `images` (id, file_name), `annotations` (image_id, category_id) and `categories` (id, name), in
            any order.

    Returns:
        Paths, labels (the categories in the order of their ids), class names, and notes for people.

    Raises:
        InputError: no JSON, a part is missing, an image has no or several annotations, or a category is not listed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        images = [(image["id"], image["file_name"]) for image in content["images"]]
        annotations = [(annotation["image_id"], annotation["category_id"]) for annotation in content["annotations"]]
        numbers, names = _categories(content["categories"])
        category_of = dict(annotations)
        without = [name for number, name in images if number not in category_of]
        unlisted = next(((number, c) for number, c in annotations if c not in numbers), None)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no COCO file ({error}). Expected JSON such as train2018.json.") from error
    except KeyError as error:
        raise InputError(
            f"{path}: {error} is not there. Expected images, annotations and categories that refer to each other."
        ) from error
    if not images:
        raise InputError(f"{path}: no image in it. Expected JSON such as train2018.json.")
    if len(category_of) != len(annotations):
        raise InputError(f"{path}: an image has several annotations; expected one class an image.")
    if without:
        raise InputError(
            f"{path}: {len(without):,} of {len(images):,} images have no annotation, {without[0]} for example. "
            "Expected one class an image; the competition's test file states none."
        )
    if unlisted is not None:
        raise InputError(
            f"{path}: image {unlisted[0]!r} is of category {unlisted[1]!r}, which is not among the categories."
        )
    other = next((name for _, name in images if not isinstance(name, str)), None)
    if other is not None:
        raise InputError(f"{path}: the file name {other!r} is no text. Expected a path that is relative to --data.")
    notes: tuple[str, ...] = ()
    if list(numbers) != list(range(len(numbers))):
        first, last = next(iter(numbers)), next(reversed(numbers))
        notes = (f"{path.name}: its {len(numbers):,} category ids, {first!r} to {last!r}, are numbered from 0 here",)
    return [name for _, name in images], [numbers[category_of[number]] for number, _ in images], names, notes


def _categories(found: list[dict[str, Any]]) -> tuple[dict[Any, int], tuple[str, ...]]:
    ordered = sorted(found, key=lambda category: category["id"])
    numbers = {category["id"]: number for number, category in enumerate(ordered)}
    if len(numbers) != len(ordered):
        raise ValueError("two categories have the same id")
    return numbers, tuple(str(category.get("name", category["id"])) for category in ordered)
