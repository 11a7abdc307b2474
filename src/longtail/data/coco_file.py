"""Image paths and classes from a COCO-style annotation file, the format of the iNaturalist competitions."""

import json
from pathlib import Path
from typing import Any

from longtail.errors import InputError

__all__ = ["read_coco"]


def read_coco(path: Path) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Read a COCO-style file with one class an image.

    Args:
        path: JSON with `images` (id, file_name), `annotations` (image_id, category_id) and `categories` (id, name).

    Returns:
        Paths, labels (the categories in the order of their ids), and class names.

    Raises:
        InputError: no JSON, a part is missing, or an image has no or several annotations.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        numbers, names = _categories(content["categories"])
        category = {annotation["image_id"]: annotation["category_id"] for annotation in content["annotations"]}
        if len(category) != len(content["annotations"]):
            raise InputError(f"{path}: an image has several annotations; expected one class an image.")
        images = [(image["file_name"], numbers[category[image["id"]]]) for image in content["images"]]
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is no COCO file ({error}). Expected JSON such as train2018.json.") from error
    except KeyError as error:
        raise InputError(
            f"{path}: {error} is not there. Expected images, annotations and categories that refer to each other."
        ) from error
    return [name for name, _ in images], [label for _, label in images], names


def _categories(found: list[dict[str, Any]]) -> tuple[dict[int, int], tuple[str, ...]]:
    ordered = sorted(found, key=lambda category: category["id"])
    numbers = {category["id"]: number for number, category in enumerate(ordered)}
    return numbers, tuple(str(category.get("name", category["id"])) for category in ordered)
