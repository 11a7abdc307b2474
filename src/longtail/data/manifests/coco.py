"""COCO-style files as tables of images: of iNaturalist, of camera traps, of any detector's training data."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from longtail.class_names import check_names
from longtail.data.coco_file import check_file_names
from longtail.data.manifests.coco_boxes import CocoBox, box_of, boxes_of_rows, size_of
from longtail.data.manifests.coco_files import CocoPart, coco_parts, folder_of_images, root_of
from longtail.data.manifests.one_image import distinct_labels, note_of_nothing
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError, did_you_mean
from longtail.files.json_file import read_json
from longtail.files.text import counted, printable

__all__ = ["read_coco_rows"]

Id = int | str
_PLACES, _SEQUENCES = ("location",), ("seq_id", "sequence_id")


class _Image(TypedDict):
    id: Id
    file_name: str


class _Annotation(TypedDict):
    image_id: Id
    category_id: NotRequired[Id | None]
    bbox: NotRequired[list[float] | None]
    bbox_relative: NotRequired[list[float] | None]


class _Category(TypedDict):
    id: Id


class _Coco(TypedDict):
    images: list[_Image]
    annotations: NotRequired[list[_Annotation]]
    categories: NotRequired[list[_Category]]


@dataclass
class _Columns:
    """Rows as they are gathered from the files."""

    images: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    boxes: list[CocoBox | None] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    facts: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)


def read_coco_rows(path: Path, choice: ManifestChoice) -> Rows:
    """Read COCO-style JSON: `images` (id, file_name), `annotations` (image_id, category_id), `categories` (id, name).

    Rows are annotations, and images that have none. What belongs together is the `location`, or the sequence `seq_id`
    where no image has a location.

    Args:
        path: a file, whose val and test are read with it where it is of train; or a folder with such files.
        choice: `label_column` is a field of the categories, `group_column` and `event_column` of images or annotations;
            `split_column` "none" reads one file alone.

    Raises:
        InputError: no such JSON, an annotation of an image or category that is not listed, two of one id, or a box that
            is none.
    """
    origin, parts = printable(path), coco_parts(path, alone=choice.split_column == "none")
    base = choice.root or root_of(path)
    contents = [(part, read_json(part.path, _Coco, expected="a COCO file")) for part in parts]
    names, order, ids = _classes(contents, choice.label_column)
    columns = _Columns()
    for part, content in contents:
        folder = folder_of_images(base, part, _file_names(content, part))
        _gather(columns, part, content, names, folder, is_new=not choice.labelled)
    boxes, unit = boxes_of_rows(columns.boxes, origin)
    groups, grouped_by = _of_fields(columns, choice.group_column, (_PLACES, _SEQUENCES), "group_column", origin)
    events, _ = _of_fields(columns, choice.event_column, (_SEQUENCES,), "event_column", origin)
    splits = columns.splits if any(columns.splits) else None
    if choice.split_column not in (None, "none"):
        splits, _ = _of_fields(columns, choice.split_column, (), "split_column", origin)
    return Rows(
        columns.images,
        columns.labels,
        base,
        splits=splits,
        groups=groups,
        grouped_by={"location": "location", "seq_id": "sequence"}.get(grouped_by, grouped_by),
        events=events,
        boxes=boxes,
        box_unit=unit,
        ids=columns.ids,
        class_names=order,
        class_ids=ids,
        notes=_notes(columns, parts, origin),
    )


def _file_names(content: _Coco, part: CocoPart) -> list[str]:
    names = [image["file_name"] for image in content["images"]]
    origin = printable(part.path)
    if not names:
        raise InputError(f"{origin}: no image in it. Expected a COCO file with some.")
    check_file_names(names, origin)
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(
            f"{origin}: {len(repeated):,} files stand in it as several images, {printable(repeated[0])} for example. "
            "Expected one image a file: put their annotations together."
        )
    return names


def _classes(
    contents: Iterable[tuple[CocoPart, _Coco]], label_field: str | None
) -> tuple[dict[Id, str], tuple[str, ...], tuple[str, ...] | None]:
    """Return the label of each category, the classes in the order of the ids, and the ids where they are the same."""
    categories: dict[Id, dict[str, Any]] = {}
    for part, content in contents:
        origin, seen = printable(part.path), set[Id]()
        for category in content.get("categories", []):
            number, about = category["id"], dict[str, Any](category)
            if number in seen:
                raise InputError(f"{origin}: two categories have the id {number!r}. Expected one of each.")
            seen.add(number)
            if categories.setdefault(number, about).get("name") != about.get("name"):
                raise InputError(
                    f"{origin}: category {number!r} is {about.get('name')!r}, and {categories[number].get('name')!r} "
                    "in another of its files. Take files of one release."
                )
    if len({type(number) for number in categories}) > 1:
        raise InputError(f"{origin}: some ids of categories are numbers, others are text. Expected one kind.")
    known = {name for category in categories.values() for name in category}
    if label_field is not None and label_field not in known:
        raise InputError(
            f"{origin}: its categories have no field {label_field!r} (`label_column`)."
            f"{did_you_mean(label_field, known)} Fields: {', '.join(sorted(known))}."
        )
    ordered = sorted(categories, key=lambda number: (isinstance(number, str), number))
    names = {number: _word(categories[number].get(label_field or "name", number)) for number in ordered}
    if label_field is None:
        check_names(tuple(names.values()), origin)
        twice = [name for name, times in Counter(names.values()).items() if times > 1]
        if twice:
            same = " and ".join(str(number) for number, name in names.items() if name == twice[0])
            raise InputError(
                f"{origin}: the categories {same} are both called {twice[0]!r}. Say `label_column` id, which keeps "
                "them apart, or give them names of their own."
            )
    order = tuple(dict.fromkeys(name for name in names.values() if name))
    return names, order, tuple(map(str, ordered)) if len(order) == len(ordered) else None


def _gather(
    columns: _Columns, part: CocoPart, content: _Coco, names: dict[Id, str], folder: str, *, is_new: bool
) -> None:
    """Take the rows of a file in; `is_new`: they are to be predicted, and need no category."""
    origin = printable(part.path)
    of_image: dict[Id, list[_Annotation]] = defaultdict(list)
    known = {image["id"] for image in content["images"]}
    if len(known) < len(content["images"]):
        twice = next(number for number, times in Counter(i["id"] for i in content["images"]).items() if times > 1)
        raise InputError(f"{origin}: two images have the id {twice!r}. Expected one of each.")
    for place, annotation in enumerate(content.get("annotations", [])):
        image_id, category_id = annotation["image_id"], annotation.get("category_id")
        if category_id is None and not is_new:
            raise InputError(
                f"{origin}: entry {place + 1} of the annotations has no `category_id`. Say the class there, or take "
                "the annotation out."
            )
        for what, number, there in (("image", image_id, known), ("category", category_id, {None, *names})):
            if number not in there:
                raise InputError(
                    f"{origin}: entry {place + 1} of the annotations is of {what} {number!r}, which is not listed. "
                    f"List that {what}, or take the annotation out."
                )
        of_image[annotation["image_id"]].append(annotation)
    for image in content["images"]:
        about: dict[str, Any] = image  # type: ignore[assignment]  # as above
        if about.get("corrupt") is True:
            columns.told["images that are marked as corrupt"] += 1
            continue
        size = size_of(about)
        own = of_image.get(image["id"], [])
        usable: list[tuple[dict[str, Any], CocoBox | None]] = []
        for annotation in own:
            facts: dict[str, Any] = annotation  # type: ignore[assignment]  # with fields that no type names
            box = box_of(facts, size, origin)
            if isinstance(box, str):
                columns.told[box] += 1
            else:
                usable.append((facts, box))
        if own and not usable:
            continue
        usable = usable or [({}, None)]
        labels = [names[facts["category_id"]] if facts.get("category_id") is not None else "" for facts, _ in usable]
        kept = distinct_labels(labels, [None if box is None else box.edges for _, box in usable])
        columns.told["annotations that say the same of an image again"] += len(labels) - len(kept)
        for place in kept:
            facts, box = usable[place]
            columns.images.append(folder + image["file_name"].replace("\\", "/"))
            columns.labels.append(labels[place])
            columns.boxes.append(box)
            columns.splits.append(part.split)
            columns.ids.append(str(image["id"] if box is None else facts.get("id", image["id"])))
            columns.facts.append((about, facts))


def _of_fields(
    columns: _Columns, given: str | None, usual: tuple[tuple[str, ...], ...], argument: str, origin: str
) -> tuple[list[str] | None, str]:
    """Return what stands in a field of the images, or of the annotations: the one given, or the first usual one."""
    if given == "none":
        return None, ""
    known = {name for pair in columns.facts for facts in pair for name in facts}
    if given is not None:
        if given not in known:
            raise InputError(
                f"{origin}: its images and annotations have no field {given!r} (`{argument}`)."
                f"{did_you_mean(given, known)} Fields: {', '.join(sorted(known))}."
            )
        return [_word(image.get(given, annotation.get(given))) for image, annotation in columns.facts], given
    for names in usual:
        words = [next((_word(image[name]) for name in names if name in image), "") for image, _ in columns.facts]
        if any(words):
            return words, names[0]
    return None, ""


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _notes(columns: _Columns, parts: tuple[CocoPart, ...], origin: str) -> tuple[str, ...]:
    notes = []
    if len(parts) > 1:
        listed = ", ".join(f"{printable(part.path.name)} ({part.split})" for part in parts)
        notes.append(f"{origin}: read together: {listed}; `split_column` none reads one file alone")
    notes += [f"{origin}: {number:,} {what}: left out" for what, number in columns.told.items() if number]
    copied = sum(bool(annotation.get("sequence_level_annotation")) for _, annotation in columns.facts)
    if copied:
        notes.append(
            f"{origin}: {counted(copied, 'label')} of whole sequences, given to each image of them: some show nothing"
        )
    return (*notes, *note_of_nothing(columns.labels, origin))
