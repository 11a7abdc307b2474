"""The formats that tables of images come in: how each is recognised and read. The one table of this room."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longtail.data.foreign_label_files import OtherFormat, formats_in, recognised
from longtail.data.manifests.columns import TABLE_SUFFIXES
from longtail.data.manifests.hugging_face_parquet import read_hugging_face_parquet
from longtail.data.manifests.image_folder import read_image_folder
from longtail.data.manifests.plain_table import read_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.shards import is_pattern, shard_files
from longtail.data.manifests.web_dataset import read_web_dataset
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

__all__ = ["FORMATS", "Format", "format_in_folder", "format_of"]


@dataclass(frozen=True)
class Format:
    """A format that is read.

    Attributes:
        title: in words, with its version where that matters.
        read: rows of a file, or of a folder, and of what a person said of it.
        kinds: what `recognised` calls its files; empty where only a person can say so.
        in_folders: whether a folder with such a file is all of the data.
        source: where the layout is written down.
    """

    title: str
    read: Callable[[Path, ManifestChoice], Rows]
    kinds: tuple[str, ...] = ()
    in_folders: bool = False
    source: str = ""


FORMATS: dict[str, Format] = {
    "table": Format(
        "a table of images",
        read_table,
        (
            "a table of images",
            "a Parquet file",
            "a table of Roboflow with a column for each class",
            "a one-hot table with a column for each class, as of ISIC",
            "the metadata of HAM10000",
        ),
        source="docs/how-to/your-data.md",
    ),
    "imagefolder": Format(
        "an imagefolder of Hugging Face datasets with metadata",
        read_image_folder,
        ("metadata of a Hugging Face imagefolder",),
        in_folders=True,
        source="https://huggingface.co/docs/datasets/image_dataset",
    ),
    "hf-parquet": Format(
        "Parquet files of Hugging Face datasets with images inside",
        read_hugging_face_parquet,
        ("a Parquet file of Hugging Face datasets",),
        in_folders=True,
        source="https://huggingface.co/docs/hub/datasets-image",
    ),
    "webdataset": Format(
        "shards of WebDataset",
        read_web_dataset,
        ("a WebDataset shard",),
        in_folders=True,
        source="https://huggingface.co/docs/hub/datasets-webdataset",
    ),
}


def format_of(path: Path, name: str | None = None) -> Format | None:
    """Return the format of a file or folder; None where it is none of these.

    Args:
        path: of the file or folder.
        name: key of `FORMATS`, where a person says it.

    Raises:
        InputError: no format of that name, or a folder with files of several.
    """
    if name is not None:
        if name not in FORMATS:
            raise InputError(
                f"`format` {name!r} is no format.{did_you_mean(name, tuple(FORMATS))} Formats: {', '.join(FORMATS)}."
            )
        return FORMATS[name]
    if path.is_dir():
        return format_in_folder(path)
    if is_pattern(str(path)) and not path.is_file():
        path = shard_files(path, path.suffix)[0]
    kind = recognised(path)
    by_kind = _by_kind(None if kind is None else kind.name)
    if by_kind is None and path.suffix.lower() in TABLE_SUFFIXES and (kind is None or not kind.is_known):
        return FORMATS["table"]
    return by_kind


def format_in_folder(folder: Path) -> Format | None:
    """Return the format of the files in a folder that say of all of it what it holds; None where none do.

    Raises:
        InputError: files of several formats.
    """
    there: dict[str, tuple[OtherFormat, Format]] = {}
    for file in formats_in(folder):
        result = _by_kind(file.name)
        if result is not None and result.in_folders:
            there.setdefault(result.title, (file, result))
    if len(there) > 1:
        listed = ", ".join(f"{printable(file.path)} ({title})" for title, (file, _) in there.items())
        raise InputError(f"{printable(folder)}: holds {listed}. Name the file that is meant, or say `format`.")
    return next((result for _, result in there.values()), None)


def _by_kind(kind: str | None) -> Format | None:
    if kind is None:
        return None
    return next(
        (one for one in FORMATS.values() if any(kind == name or kind.startswith(f"{name} (") for name in one.kinds)),
        None,
    )
