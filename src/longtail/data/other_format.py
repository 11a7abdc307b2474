"""A file of another program, in words: what it is, and how its labels are taken."""

from dataclasses import dataclass
from pathlib import Path

from longtail.files.text import printable

__all__ = ["READ_TODAY", "OtherFormat"]

READ_TODAY = (
    "What is read: a folder with a sub-folder for each class, a table of images (.csv, .tsv, .jsonl, .parquet), an "
    "export of a program that docs/how-to/your-data.md names, a list file (.txt, `path number` a line), or an image "
    "pack (.h5, as `longtail pack` makes them)."
)


@dataclass(frozen=True)
class OtherFormat:
    """A file that a program other than this one keeps labels in, or images with labels.

    Attributes:
        path: of the file.
        name: of its format, in words.
        images: column or key that names the images, where that is known.
        classes: column or key that names their classes, where that is known.
        is_known: a program or data set is known by it; else any table of images.
    """

    path: Path
    name: str
    images: str | None = None
    classes: str | None = None
    is_known: bool = True

    @property
    def are_results(self) -> bool:
        """Whether a model wrote it, and no person: its answers need not be those of the folders."""
        return self.name.startswith("results of ")

    def heading(self) -> str:
        """Return the name of the file and of its format."""
        return f"{printable(self.path.name)} ({self.name})"

    @property
    def is_read(self) -> bool:
        """Whether it can be opened as data itself."""
        from longtail.data.manifests.formats import format_of_file  # which knows formats by the names of this module

        return format_of_file(self) is not None

    def sentence(self) -> str:
        """Return what the file is, and how to make of it what is read."""
        state = "" if self.is_read else ", and not read as data"
        return f"{printable(self.path)}: {self.name}{state}. {self.remedy()}"

    def remedy(self) -> str:
        """Return how to open this file as data; or what is read, and how to make that of this file."""
        if self.is_read:
            return (
                f"To take the labels from it, give it as the data: `dataset` {printable(self.path)}, "
                "and as `root` the folder that its paths are relative to, where that is not its own."
            )
        where = (
            f" Make a list of it: the images stand in `{self.images}`, the classes in `{self.classes}`; number the "
            "classes from 0, and put their names into classes.txt beside the list."
            if self.images and self.classes
            else ""
        )
        return f"{READ_TODAY}{where}"
