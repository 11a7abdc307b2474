"""A published model: the folder that `longtail publish` writes, which is read as a run is."""

from pathlib import Path
from typing import Any, Literal, TypedDict

from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["FORMAT", "MODEL_WEIGHTS", "PUBLISHED", "Layout", "Published", "is_published", "read_published"]

FORMAT = 1
PUBLISHED = "longtail.json"
MODEL_WEIGHTS = "model.safetensors"
# whose names the weights have, and who reads them from the folder
Layout = Literal["timm", "transformers", "longtail"]


class Published(TypedDict):
    """What longtail.json holds.

    Attributes:
        format: of this file.
        name: what the model is called.
        layout: of the weights; None where there is no network, or a balanced one, which its own files describe.
        network: what a checkpoint would say of it; None likewise.
        settings: of the run, as far as predictions depend on them.
    """

    format: int
    name: str
    layout: Layout | None
    network: dict[str, Any] | None
    settings: dict[str, Any]


def is_published(folder: Path) -> bool:
    """Return whether a folder is a published model."""
    return (folder / PUBLISHED).is_file()


def read_published(folder: Path) -> Published:
    """Read longtail.json of a published model.

    Raises:
        InputError: it is missing, damaged or of another format.
    """
    path = folder / PUBLISHED
    content: Any = read_json(path, dict[str, Any], expected="what `longtail publish` wrote")
    if content.get("format") != FORMAT:
        raise InputError(
            f"{printable(path)}: is of format {content.get('format')!r:.40}; this longtail reads format {FORMAT}. Use "
            "the version that published it, or a newer one."
        )
    return read_json(path, Published, expected="what `longtail publish` wrote")
