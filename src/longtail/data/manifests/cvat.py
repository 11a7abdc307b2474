"""Exports of CVAT: tags or boxes of "CVAT for images 1.1", and the folders of "ImageNet 1.0"."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from longtail.data.folder_names import is_unlabelled
from longtail.data.folder_walk import sub_folders, walk
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.files.text import counted, printable
from longtail.files.xml_file import read_xml

__all__ = ["read_cvat"]

_EXPECTED = "annotations.xml of CVAT for images 1.1, or the folders of ImageNet 1.0"
_SPLIT = {"train": "train", "val": "val", "validation": "val", "test": "test"}


def read_cvat(path: Path, choice: ManifestChoice) -> Rows:
    """Read an export of CVAT.

    Tags are the classes of images; where no image has a tag, boxes are crops, those of one image in one group.

    Args:
        path: annotations.xml, or the folder of an export.
        choice: of groups none but "none" may be said: CVAT has no field for them.

    Raises:
        InputError: no export, one of a video, or one without tags and boxes.
    """
    if path.is_dir():
        file = path / "annotations.xml"
        return _of_xml(file, choice) if file.is_file() else _of_folders(path)
    return _of_xml(path, choice)


def _of_xml(path: Path, choice: ManifestChoice) -> Rows:
    root, origin = read_xml(path, expected=_EXPECTED), printable(path)
    if root.tag != "annotations" or root.find("track") is not None:
        kind = "tracks of a video" if root.find("track") is not None else f"<{root.tag}>"
        raise InputError(f"{origin}: holds {kind}. Expected CVAT for images 1.1: export the task so.")
    images = root.findall("image")
    parts = Counter(part.tag for image in images for part in image)
    if not parts["tag"] and not parts["box"]:
        there = ", ".join(sorted(parts)) or "nothing"
        raise InputError(f"{origin}: its images have {there}, and neither tags nor boxes. Expected {_EXPECTED}.")
    kind = "tag" if parts["tag"] else "box"
    rows = [(image, part) for image in images for part in _parts(image, kind)]
    names = [_attribute(image, "name", origin) for image, _ in rows]
    subsets = [_SPLIT.get(image.get("subset", "").lower(), "") for image, _ in rows]
    is_split = "train" in subsets and all(subsets)
    passed_over = {name: number for name, number in parts.items() if name != kind}
    listed = ", ".join(f"{number:,} {name}" for name, number in sorted(passed_over.items()))
    boxes = np.array([_box(image, part, origin) for image, part in rows]) if kind == "box" else None
    folder = path.parent / "images"
    return Rows(
        images=names,
        labels=["" if part is None else _attribute(part, "label", origin) for _, part in rows],
        root=folder if folder.is_dir() else path.parent,
        splits=subsets if is_split and choice.split_column != "none" else None,
        groups=names if kind == "box" and choice.group_column != "none" else None,
        grouped_by="image" if kind == "box" else "",
        boxes=boxes,
        ids=[image.get("id", "") for image, _ in rows],
        notes=(f"{origin}: each {kind} is a label; {listed} passed over",) if passed_over else (),
    )


def _parts(image: Element, kind: str) -> Iterator[Element | None]:
    """Return the tags of an image, or its boxes; None for one that nobody gave a tag."""
    parts = image.findall(kind)
    yield from parts
    if not parts and kind == "tag":
        yield None


def _attribute(element: Element, name: str, origin: str) -> str:
    value = element.get(name)
    if value is None:
        raise InputError(f"{origin}: a <{element.tag}> has no {name!r}. Expected {_EXPECTED}.")
    return value


def _box(image: Element, part: Element | None, origin: str) -> tuple[float, float, float, float]:
    """Return a box as shares of its image."""
    if part is None:
        return (np.nan,) * 4
    names = ("xtl", "ytl", "xbr", "ybr")
    words = [_attribute(image, side, origin) for side in ("width", "height")]
    words += [_attribute(part, name, origin) for name in names]
    try:
        width, height, left, top, right, bottom = map(float, words)
        return left / width, top / height, (right - left) / width, (bottom - top) / height
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"{origin}: a box of {printable(image.get('name', ''))} has the sizes and edges {', '.join(words)}. "
            "Expected numbers, the first two above 0."
        ) from None


def _of_folders(folder: Path) -> Rows:
    """Read the folders of ImageNet 1.0: an image of several tags lies in several, one without any in no_label."""
    first: dict[tuple[str, int], list[Path]] = {}
    rows: list[tuple[str, str]] = []
    for child in sub_folders(folder):
        for image in walk(child).images:
            same = first.setdefault((image.relative_to(child).as_posix(), image.stat().st_size), [])
            copy = next((other for other in same if other.read_bytes() == image.read_bytes()), None)
            same += [image] if copy is None else []
            label = "" if is_unlabelled(child.name) else child.name
            rows.append(((copy or image).relative_to(folder).as_posix(), label))
    if not rows:
        raise InputError(f"{printable(folder)}: no image in any sub-folder. Expected {_EXPECTED}.")
    copies = len(rows) - sum(map(len, first.values()))
    note = f"{printable(folder)}: {counted(copies, 'image')} lie in the folders of several tags"
    return Rows([image for image, _ in rows], [label for _, label in rows], folder, notes=(note,) if copies else ())
