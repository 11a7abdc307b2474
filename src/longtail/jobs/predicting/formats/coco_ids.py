"""The ids that images and categories have in the COCO file that they come from; new ones where there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable
from longtail.jobs.predicting.formats.about import About

__all__ = ["CocoIds"]


@dataclass(frozen=True)
class CocoIds:
    """Ids of the images and categories of predictions.

    Attributes:
        about: the inputs.
        images: id of each input's image, N of them.
        categories: id of each class, C of them.
        entries: what the file says of images, by id; empty where there is none.
        listed: what it says of categories.
    """

    about: About
    images: list[Any]
    categories: list[Any]
    entries: dict[Any, dict[str, Any]]
    listed: list[dict[str, Any]]

    @classmethod
    def of(cls, about: About) -> "CocoIds":
        """Find the ids in the file that was predicted, or in the columns of a table.

        Raises:
            InputError: an image that the file does not know.
        """
        entries, listed = _of_file(about.path)
        rows = about.inputs.rows
        known = {str(one.get("name", one["id"])): one["id"] for one in listed}
        if not known:
            known = dict(zip(rows.class_names or (), _alike(rows.class_ids or ()), strict=False))
        categories = _with_new(known, about.class_names)
        if entries:
            images = _ids_of_paths(entries, rows.images, about.path)
        elif rows.ids is not None and rows.boxes is None:
            images = _alike(rows.ids)
        else:  # ids of boxes are none of images
            places: dict[str, int] = {}
            images = [places.setdefault(name, len(places) + 1) for name in rows.images]
        return cls(about, images, categories, entries, listed)

    def size_of(self, row: int) -> tuple[int, int]:
        """Return width and height of an input's image, as the file or the image itself says."""
        entry = self.entries.get(self.images[row], {})
        if isinstance(entry.get("width"), int) and isinstance(entry.get("height"), int):
            return entry["width"], entry["height"]
        return self.about.inputs.size_of(row)

    def listed_images(self) -> Iterator[dict[str, Any]]:
        """Yield an entry for each image."""
        seen = set()
        for row, number in enumerate(self.images):
            if number in seen:
                continue
            seen.add(number)
            width, height = self.size_of(row)
            known = self.entries.get(number, {"id": number, "file_name": printable(self.about.inputs.rows.images[row])})
            yield {**known, "width": width, "height": height}

    def listed_categories(self, class_names: Sequence[str]) -> list[dict[str, Any]]:
        """Return all categories: those of the file as they stand, and those of classes that it does not know."""
        there = {one["id"] for one in self.listed}
        new = [
            {"id": number, "name": name}
            for number, name in zip(self.categories, class_names, strict=True)
            if number not in there
        ]
        return [*self.listed, *new]


def _of_file(path: Path) -> tuple[dict[Any, dict[str, Any]], list[dict[str, Any]]]:
    if path.suffix.lower() != ".json" or not path.is_file():
        return {}, []
    content = read_json(path, dict[str, Any], expected="a COCO file")
    images, categories = content.get("images"), content.get("categories")
    if not isinstance(images, list) or not isinstance(categories, list):
        return {}, []
    entries = {one["id"]: one for one in images if isinstance(one, dict) and "id" in one and "file_name" in one}
    return entries, [one for one in categories if isinstance(one, dict) and "id" in one]


def _ids_of_paths(entries: dict[Any, dict[str, Any]], images: Sequence[str], path: Path) -> list[Any]:
    by_path: dict[str, list[Any]] = {}
    for number, entry in entries.items():
        name = str(entry["file_name"]).replace("\\", "/")
        for key in {name, PurePosixPath(name).name}:
            by_path.setdefault(key, []).append(number)
    result = []
    for image in images:
        ways = by_path.get(image.replace("\\", "/")) or by_path.get(PurePosixPath(image).name) or []
        if len(ways) != 1:
            why = "several of its images have that name" if ways else "it is none of its images"
            raise InputError(f"{printable(path)}: {printable(image)} has no id in it: {why}.")
        result.append(ways[0])
    return result


def _alike(words: Sequence[str]) -> list[Any]:
    """Return ids as the numbers that they are, where all are whole numbers as JSON writes them."""
    numbers = all(word.isascii() and word.isdecimal() and str(int(word)) == word for word in words)
    return [int(word) for word in words] if numbers else list(words)


def _with_new(known: dict[str, Any], class_names: Sequence[str]) -> list[Any]:
    """Return the id of each class; one that has none gets a number that no other has."""
    highest = max((number for number in known.values() if isinstance(number, int)), default=0)
    new = {name: highest + 1 + at for at, name in enumerate(name for name in class_names if name not in known)}
    return [known[name] if name in known else new[name] for name in class_names]
