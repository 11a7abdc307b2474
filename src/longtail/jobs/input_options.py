"""What a table of images holds that are to be predicted, as it is typed."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from longtail.jobs.table_options import TableFormat
from longtail.ranges import Factor, Range

if TYPE_CHECKING:
    from longtail.data.manifests.rows import ManifestChoice

__all__ = ["InputOptions"]


@dataclass(frozen=True)
class InputOptions:
    """What a table of inputs holds, and which inputs are of one event."""

    input_format: TableFormat | None = None
    """Format of a table of inputs; default: by what it holds."""
    root: Path | None = None
    """Folder that the paths of a table are relative to; default: its own."""
    image_column: str | None = None
    """Column that names the images; default: file, image, path, ..."""
    id_column: str | None = None
    """Column with what the rows are called where they came from, or none; default: id, or what the format has."""
    group_column: str | None = None
    """Column of what belongs together, or none; default: group, or what the format has."""
    event_column: str | None = None
    """Column of the event that an image is of, or none; default: event, or what the format has."""
    event_by: str | None = None
    """Event of an input by its name: a pattern, folder:1 (-1: the last), or a table of input and event."""
    box_columns: tuple[str, ...] = ()
    """Columns of left edge, upper edge, width, height of crops, or none."""
    box_file: Path | None = None
    """A detector's boxes to cut out: results of MegaDetector or SpeciesNet."""
    box_confidence: Annotated[float, Range(0, most=1)] = 0.2
    """Confidence below which a detection is no box."""
    box_padding: Factor = 0.0
    """Share of a box's longer side added at each edge."""
    box_square: bool = False
    """Make crops square."""

    @property
    def table(self) -> "ManifestChoice":
        """The same as the readers of tables take it."""
        from longtail.data.manifests.rows import ManifestChoice

        return ManifestChoice(
            format=self.input_format,
            root=self.root,
            image_column=self.image_column,
            group_column=self.group_column,
            event_column=self.event_column,
            id_column=self.id_column,
            box_columns=self.box_columns,
            box_file=self.box_file,
            box_confidence=self.box_confidence,
            padding=self.box_padding,
            square=self.box_square,
        )
