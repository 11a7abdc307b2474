"""What a table of images holds, and what of the images belongs together, as it is typed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from longtail.ranges import Factor, Range

if TYPE_CHECKING:
    from longtail.data.manifests.rows import ManifestChoice

__all__ = ["RowOptions", "TableFormat", "TableOptions"]

TableFormat = Literal[
    "table",
    "coco",
    "camtrap-dp",
    "wildlife-insights",
    "snapshot-serengeti",
    "megadetector",
    "speciesnet",
    "roboflow",
    "isic",
    "ecotaxa",
    "darwin-core",
    "label-studio",
    "cvat",
    "imagefolder",
    "hf-parquet",
    "webdataset",
]


@dataclass(frozen=True)
class RowOptions:
    """What the rows of a table of images say, be they learnt from or predicted."""

    root: Path | None = None
    """Folder that the paths of a table or list are relative to; default: its own."""
    image_column: str | None = None
    """Column of the images; default: file, image, path, ..."""
    group_column: str | None = None
    """Column of what belongs together, or none; default: group, or what the format has."""
    event_column: str | None = None
    """Column of the event that an image is of, or none; default: event, or what the format has."""
    box_columns: tuple[str, ...] = ()
    """Columns left, top, width, height of crops, or none."""
    box_file: Path | None = None
    """Boxes of MegaDetector or SpeciesNet to cut out."""
    box_confidence: Annotated[float, Range(0, most=1)] = 0.2
    """Confidence below which a detection is no box."""
    box_padding: Factor = 0.0
    """Share of a box's longer side added at each edge."""
    box_square: bool = False
    """Make crops square."""

    def choice(self, **others: Any) -> "ManifestChoice":
        """Return the same as the readers of tables take it, with what else was said."""
        from longtail.data.manifests.rows import ManifestChoice

        return ManifestChoice(
            root=self.root,
            image_column=self.image_column,
            group_column=self.group_column,
            event_column=self.event_column,
            box_columns=self.box_columns,
            box_file=self.box_file,
            box_confidence=self.box_confidence,
            padding=self.box_padding,
            square=self.box_square,
            **others,
        )


@dataclass(frozen=True)
class TableOptions(RowOptions):
    """What a table of images holds, and what of the images belongs together."""

    format: TableFormat | None = None
    """Format of a table; default: by what it holds."""
    label_column: str | None = None
    """Column with the class; default: label, species, ..., or ones and zeros a class."""
    split_column: str | None = None
    """Column of train, val, test, or none; default: split."""
    weight_column: str | None = None
    """Column of a plain table: how many rows each counts for in training, or none."""
    group_by: str | None = None
    """What belongs together: a pattern on paths, folder:1 (-1: the last), time:10, or a table of image and group."""
    several_labels: Literal["refuse", "rarest", "each"] = "refuse"
    """Several labels of an image: refuse, take the rarest, or a row for each."""
    drop_labels: tuple[str, ...] = ()
    """Labels that are no classes, such as blank: left out."""
    label_status: tuple[str, ...] = ("validated",)
    """States of EcoTaxa whose labels count, such as validated predicted."""

    @property
    def table(self) -> "ManifestChoice":
        """The same as the readers of tables take it."""
        return self.choice(
            format=self.format,
            label_column=self.label_column,
            split_column=self.split_column,
            weight_column=self.weight_column,
            several=self.several_labels,
            drop_labels=self.drop_labels,
            label_status=self.label_status,
        )
