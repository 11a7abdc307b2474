"""What a table of images says, whatever its format: columns of equal length, one row an image or a crop of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from longtail.data.manifests.contents import Contents

__all__ = ["ManifestChoice", "Rows", "SeveralLabels"]

SeveralLabels = Literal["refuse", "rarest", "each"]


@dataclass(frozen=True)
class ManifestChoice:
    """What a person said of a table of images.

    Attributes:
        format: key of `longtail.data.manifests.FORMATS`; None: by what the file holds.
        root: folder that paths are relative to; None: the table's own, or what its format says.
        image_column: names the images; None looks for one by its name.
        label_column: holds the class; None looks for one by its name, or for a column of ones and zeros a class, "none"
            takes none.
        split_column: of train, val and test; None looks for one called so, "none" takes none.
        group_column: what belongs together; None takes what the format says of it, "none" takes none.
        event_column: which rows are of one event, whose predictions may be pooled; as `group_column`.
        weight_column: how many rows each counts for where it is learnt from; None or "none" weigh all alike. Of plain
            tables alone.
        id_column: what the rows are called in other tables; None looks for one by its name, "none" takes none.
        box_columns: left edge, upper edge, width and height of crops; four names, or ("none",) for whole images. Empty
            takes x, y, width and height where these are shares of the image.
        several: labels of one image: "refuse" them, take the "rarest", or a row for "each".
        drop_labels: rows of these labels are left out: what is no class, such as blank or unknown.
        label_status: rows of these states have a label, the others none: of EcoTaxa validated, predicted, dubious.
        box_file: results of a detector, MegaDetector's or SpeciesNet's, whose boxes are cut out of the images.
        box_confidence: detections below it are no boxes, 0 to 1.
        padding: added around each box, as a share of its longer side, at least 0.
        square: make boxes square, by adding to the shorter side.
        labelled: whether there has to be a class: of images that are to be predicted there need not.
    """

    format: str | None = None
    root: Path | None = None
    image_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    event_column: str | None = None
    weight_column: str | None = None
    id_column: str | None = None
    box_columns: tuple[str, ...] = ()
    several: SeveralLabels = "refuse"
    drop_labels: tuple[str, ...] = ()
    label_status: tuple[str, ...] = ("validated",)
    box_file: Path | None = None
    box_confidence: float = 0.2
    padding: float = 0.0
    square: bool = False
    labelled: bool = True


@dataclass(frozen=True)
class Rows:
    """The rows of a table of images.

    Attributes:
        images: what each row's image is called: its path from `root`, with forward slashes; N of them.
        labels: class of each row, as it stands; "" where it has none.
        root: folder that the paths are relative to.
        lines: where each row stands in its file: number of the line, or of the entry; None where there are none.
        files: name of the file that each row stands in, where there are several.
        splits: "train", "val", "test", or another word for one of them, of each row; None where nothing says so.
        groups: what each row belongs to; "" for a group of its own; None where nothing says so.
        grouped_by: what the groups are, in words: "location".
        events: as groups.
        weights: how many rows each counts for where it is learnt from, as it stands; or None.
        boxes: left edge, upper edge, width, height of each row's crop; NaN for the whole image; shape (N, 4); or None.
        box_unit: "pixels" of the upright image, or "shares" of its width and height.
        ids: what each row is called in its own file, to write results beside it; or None.
        class_names: all classes in the order of the file, where it has one.
        class_ids: what the file calls each of `class_names`, where that is something else.
        contents: the images, by `images`, where they are no files of their own.
        notes: sentences for people.
    """

    images: Sequence[str]
    labels: Sequence[str]
    root: Path
    lines: Sequence[int] | None = None
    splits: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    grouped_by: str = ""
    events: Sequence[str] | None = None
    boxes: NDArray[np.float64] | None = None
    box_unit: Literal["pixels", "shares"] = "shares"
    ids: Sequence[str] | None = None
    class_names: tuple[str, ...] | None = None
    class_ids: tuple[str, ...] | None = None
    contents: Contents | None = None
    notes: tuple[str, ...] = field(default=())
    files: Sequence[str] | None = None
    weights: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def place(self, row: int) -> str:
        """Return where a row stands, in words for messages."""
        place = f"entry {row + 1}" if self.lines is None else f"line {self.lines[row]}"
        return place if self.files is None else f"{place} of {self.files[row]}"

    def take(self, rows: Sequence[int]) -> Self:
        """Return some of the rows, in the order asked for."""

        def some(column: Sequence[str] | None) -> list[str] | None:
            return None if column is None else [column[row] for row in rows]

        return replace(
            self,
            images=[self.images[row] for row in rows],
            labels=[self.labels[row] for row in rows],
            lines=None if self.lines is None else [self.lines[row] for row in rows],
            splits=some(self.splits),
            groups=some(self.groups),
            events=some(self.events),
            boxes=None if self.boxes is None else self.boxes[np.asarray(rows, dtype=np.int64)],
            ids=some(self.ids),
            files=some(self.files),
            weights=some(self.weights),
        )
