"""Results of a detector as a table of their own: images to predict, a row a box."""

from pathlib import Path

import numpy as np

from longtail.data.image_kinds import is_video
from longtail.data.manifests.boxes import notes_on_detections
from longtail.data.manifests.detector_results import read_detections
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.taxon_columns import name_of_ranks
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_detector", "taxon_name"]


def read_detector(path: Path, choice: ManifestChoice) -> Rows:
    """Read the results of MegaDetector or SpeciesNet: a row a box, or one for an image without any; no labels.

    Args:
        path: JSON, as of `read_detections`.
        choice: `box_confidence`; `label_column` "prediction" takes the class that SpeciesNet settled on for the label,
            of the box, or of the image where none stands at its boxes.

    Raises:
        InputError: other columns, or results that cannot be read.
    """
    origin = printable(path)
    for argument in ("image_column", "split_column", "group_column", "event_column"):
        if getattr(choice, argument) not in (None, "none"):
            raise InputError(f"{origin}: results of a detector have no columns; leave `{argument}` out.")
    if choice.label_column not in (None, "prediction"):
        raise InputError(
            f"{origin}: results of a detector have no field {choice.label_column!r} to learn from (`label_column`); "
            "`prediction` takes what SpeciesNet settled on. Labels of people: give their table, and this as `box_file`."
        )
    results = read_detections(path, choice.box_confidence)
    images = [image for image in results if not is_video(image.file)]
    if not images:
        raise InputError(f"{origin}: holds videos only. Expected results for images: take frames out of the videos.")
    names: list[str] = []
    labels: list[str] = []
    ids: list[str] = []
    boxes: list[tuple[float, ...]] = []
    for image in images:
        own = image.of_animals()
        names += [image.file.replace("\\", "/")] * max(len(own), 1)
        boxes += [one.box for one in own] or [(np.nan,) * 4]
        ids += [f"{image.entry}/detections/{one.place}" for one in own] or [image.entry]
        labels += [one.label or image.label for one in own] or [image.label]
    if choice.label_column is None:
        labels = [""] * len(labels)
    elif not any(labels):
        raise InputError(f"{origin}: states no prediction (`label_column`). Expected results of SpeciesNet's ensemble.")
    notes = notes_on_detections(images, choice.box_confidence, origin)
    if len(images) < len(results):
        notes = (*notes, f"{origin}: {counted(len(results) - len(images), 'video')} left out")
    return Rows(
        names,
        [taxon_name(label) for label in labels],
        path.parent,
        boxes=np.array(boxes),
        box_unit="shares",
        ids=ids,
        notes=notes,
    )


def taxon_name(label: str) -> str:
    """Return the name of a class of SpeciesNet: of the lowest rank that it states; "" where it has no result.

    Args:
        label: guid;class;order;family;genus;species;common name.

    Example:
        >>> taxon_name("5c7ce479;mammalia;carnivora;canidae;vulpes;vulpes;red fox"), taxon_name("f1856211;;;;;;blank")
        ('vulpes vulpes', 'blank')
    """
    fields = [field.strip() for field in label.split(";")]
    if len(fields) != 7:
        return label
    return name_of_ranks(tuple(fields[1:6]), fields[6])
