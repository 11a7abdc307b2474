"""The formats that tables of images come in: how each is recognised and read. The one table of this room."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longtail.data.foreign_label_files import OtherFormat, formats_in, recognised
from longtail.data.manifests.camtrap_dp import read_camtrap_dp
from longtail.data.manifests.coco import read_coco_rows
from longtail.data.manifests.coco_files import COCO_KINDS
from longtail.data.manifests.columns import TABLE_SUFFIXES
from longtail.data.manifests.cvat import read_cvat
from longtail.data.manifests.darwin_core import read_darwin_core
from longtail.data.manifests.detector_tables import read_detector
from longtail.data.manifests.ecotaxa import read_ecotaxa
from longtail.data.manifests.hugging_face_parquet import read_hugging_face_parquet
from longtail.data.manifests.image_folder import read_image_folder
from longtail.data.manifests.isic import ISIC_KINDS, read_isic
from longtail.data.manifests.label_studio import LABEL_STUDIO_KINDS, read_label_studio
from longtail.data.manifests.plain_table import read_table
from longtail.data.manifests.roboflow import ROBOFLOW_KIND, read_roboflow
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.serengeti import read_serengeti
from longtail.data.manifests.shards import is_pattern, shard_files
from longtail.data.manifests.web_dataset import read_web_dataset
from longtail.data.manifests.wildlife_insights import read_wildlife_insights
from longtail.errors import InputError, did_you_mean
from longtail.files.text import printable

__all__ = ["FORMATS", "Format", "format_in_folder", "format_of", "format_of_file"]


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
        ("a table of images", "a Parquet file"),
        source="docs/how-to/your-data.md",
    ),
    "roboflow": Format(
        "a classification export of Roboflow",
        read_roboflow,
        (ROBOFLOW_KIND,),
        in_folders=True,
        source="https://docs.roboflow.com",
    ),
    "isic": Format(
        "a table of ISIC or HAM10000",
        read_isic,
        ISIC_KINDS,
        in_folders=True,
        source="https://challenge.isic-archive.com/data",
    ),
    "ecotaxa": Format(
        "an export of EcoTaxa",
        read_ecotaxa,
        ("an export of EcoTaxa",),
        in_folders=True,
        source="https://github.com/ecotaxa/ecotaxa_back",
    ),
    "darwin-core": Format(
        "a Darwin Core archive",
        read_darwin_core,
        ("a Darwin Core Archive", "a table of a Darwin Core Archive"),
        in_folders=True,
        source="https://dwc.tdwg.org/text/",
    ),
    "label-studio": Format(
        "an export of Label Studio",
        read_label_studio,
        LABEL_STUDIO_KINDS,
        in_folders=True,
        source="https://labelstud.io/guide/export",
    ),
    "cvat": Format(
        "an export of CVAT",
        read_cvat,
        ("annotations of CVAT",),
        in_folders=True,
        source="https://docs.cvat.ai/docs/manual/advanced/xml_format/",
    ),
    "coco": Format(
        "a COCO-style file (COCO, COCO Camera Traps, iNaturalist 2017 to 2021)",
        read_coco_rows,
        COCO_KINDS,
        in_folders=True,
        source="https://lila.science/coco-camera-traps, https://github.com/visipedia/inat_comp",
    ),
    "camtrap-dp": Format(
        "a package of Camtrap DP 1.0",
        read_camtrap_dp,
        ("a package of Camtrap DP", "a table of Camtrap DP"),
        in_folders=True,
        source="https://camtrap-dp.tdwg.org",
    ),
    "wildlife-insights": Format(
        "a download of Wildlife Insights",
        read_wildlife_insights,
        ("an export of Wildlife Insights",),
        in_folders=True,
        source="https://www.wildlifeinsights.org",
    ),
    "snapshot-serengeti": Format(
        "the tables of Snapshot Serengeti (LILA 2.1, Dryad 2015)",
        read_serengeti,
        ("a table of Snapshot Serengeti",),
        in_folders=True,
        source="https://lila.science/datasets/snapshot-serengeti, https://doi.org/10.5061/dryad.5pt92",
    ),
    "megadetector": Format(
        "results of MegaDetector (output format up to 1.6)",
        read_detector,
        ("results of MegaDetector",),
        source="https://lila.science/megadetector-output-format",
    ),
    "speciesnet": Format(
        "results of SpeciesNet (also of format 20261015)",
        read_detector,
        ("results of SpeciesNet",),
        source="https://github.com/google/cameratrapai",
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
    return format_of_file(recognised(path) or OtherFormat(path, "a file", is_known=False))


def format_of_file(file: OtherFormat) -> Format | None:
    """Return the format of a file that was looked at; None where it is none of these.

    Args:
        file: as `recognised` names it; one that is not known is a plain table where it ends like one.
    """
    by_kind = _by_kind(file.name)
    is_table = not file.is_known and file.path.suffix.lower() in TABLE_SUFFIXES
    return FORMATS["table"] if by_kind is None and is_table else by_kind


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


def _by_kind(kind: str) -> Format | None:
    return next(
        (one for one in FORMATS.values() if any(kind == name or kind.startswith(f"{name} (") for name in one.kinds)),
        None,
    )
