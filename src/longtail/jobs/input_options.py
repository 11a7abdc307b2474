"""What a table of images holds that are to be predicted, as it is typed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtail.jobs.table_options import RowOptions, TableFormat

if TYPE_CHECKING:
    from longtail.data.manifests.rows import ManifestChoice

__all__ = ["InputOptions"]


@dataclass(frozen=True)
class InputOptions(RowOptions):
    """What a table of inputs holds, and which inputs are of one event."""

    input_format: TableFormat | None = None
    """Format of a table of inputs; default: by what it holds."""
    id_column: str | None = None
    """Column with what the rows are called where they came from, or none; default: id, or what the format has."""
    event_by: str | None = None
    """Event of an input by its name: a pattern, folder:1 (-1: the last), or a table of input and event."""

    @property
    def table(self) -> "ManifestChoice":
        """The same as the readers of tables take it."""
        return self.choice(format=self.input_format, id_column=self.id_column)
