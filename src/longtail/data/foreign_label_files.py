"""Files that other programs keep labels in: recognised by their content, so that nobody has to guess what is wrong."""

import csv
import io
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.other_format import READ_TODAY, OtherFormat
from longtail.files.text import encoding_of

__all__ = ["READ_TODAY", "OtherFormat", "class_column", "formats_in", "label_files", "recognised"]

_PEEK = 2**16  # bytes at both ends
_MOST_OF_A_KIND, _MOST_FILES = 3, 60


@dataclass(frozen=True)
class _Glimpse:
    """The ends of a file: its first row, where it is a table, and the names that stand in it, where it is JSON."""

    name: str
    first: bytes
    text: str
    columns: tuple[str, ...]
    row: tuple[str, ...]
    keys: frozenset[str]

    def has(self, *names: str) -> bool:
        return set(names) <= self._lower()

    def any_of(self, *names: str) -> bool:
        return not set(names).isdisjoint(self._lower())

    def _lower(self) -> set[str]:
        return {name.lower() for name in (*self.columns, *self.keys)}


# format in words, what tells it, what names the images, what names the classes; the first that fits counts
_FORMATS: tuple[tuple[str, Callable[[_Glimpse], bool], str | None, str | None], ...] = (
    (
        "an export of EcoTaxa",
        lambda g: g.has("object_id") and g.any_of("img_file_name", "object_annotation_category"),
        "img_file_name",
        "object_annotation_category",
    ),
    ("a table of Camtrap DP", lambda g: g.has("deploymentid") and g.any_of("mediaid", "latitude"), None, None),
    ("a package of Camtrap DP", lambda g: "camtrap-dp" in g.text and g.has("resources"), None, None),
    ("a data package (Frictionless)", lambda g: g.name == "datapackage.json", None, None),
    ("an export of Wildlife Insights", lambda g: g.has("wi_taxon_id"), None, None),
    ("a table of Snapshot Serengeti", lambda g: _is_serengeti(g), "image_path_rel", "question__species"),
    ("a table of ISIC", lambda g: g.has("image_name", "benign_malignant"), "image_name", None),
    ("the metadata of HAM10000", lambda g: g.has("image_id", "dx"), "image_id", "dx"),
    ("a table of Roboflow with a column for each class", lambda g: g.name == "_classes.csv", None, None),
    ("an export of Label Studio", lambda g: g.any_of("completed_by", "was_cancelled", "lead_time"), None, None),
    ("an export of Zooniverse", lambda g: g.has("subject_data"), None, None),
    ("an export of iNaturalist", lambda g: g.has("quality_grade"), None, None),
    ("a table of a Darwin Core Archive", lambda g: g.any_of("gbifid", "coreid", "basisofrecord"), None, None),
    ("a Darwin Core Archive", lambda g: "rs.tdwg.org" in g.text and "<archive" in g.text, None, None),
    ("an export of VIA", lambda g: g.any_of("region_attributes", "_via_img_metadata"), None, None),
    ("a table of Timelapse", lambda g: g.has("file", "relativepath"), "File", None),
    (
        "metadata of a Hugging Face imagefolder",
        lambda g: (
            g.name.startswith("metadata.") and any(name.lower().endswith("file_name") for name in (*g.columns, *g.keys))
        ),
        "file_name",
        "label",
    ),
    ("results of MegaDetector", lambda g: g.has("detection_categories"), None, None),
    ("results of SpeciesNet", lambda g: g.has("predictions", "filepath"), None, None),
    ("an export of Datumaro or CVAT", lambda g: g.has("items", "categories"), None, None),
    ("annotations of labelme", lambda g: g.has("shapes", "imagepath"), None, None),
    ("annotations of Create ML", lambda g: g.has("annotations", "coordinates"), None, None),
    (
        "a COCO file of iNaturalist",
        lambda g: _is_coco(g) and g.any_of("kingdom", "supercategory") and g.any_of("genus", "image_dir_name"),
        "file_name",
        "category_id",
    ),
    (
        "a file of COCO Camera Traps",
        lambda g: _is_coco(g) and g.any_of("seq_id", "location"),
        "file_name",
        "category_id",
    ),
    ("a COCO file", lambda g: _is_coco(g), "file_name", "category_id"),
    (
        "an index of a data set of Hugging Face",
        lambda g: g.name in ("dataset_info.json", "dataset_dict.json"),
        None,
        None,
    ),
    ("annotations of CVAT", lambda g: "<annotations" in g.text and "<image " in g.text, None, None),
    ("annotations of Pascal VOC", lambda g: "<annotation" in g.text and "<object" in g.text, None, None),
    (
        "a data set of YOLO",
        lambda g: g.name.endswith((".yaml", ".yml")) and bool(re.search(r"^names\s*:", g.text, re.M)),
        None,
        None,
    ),
    ("a one-hot table with a column for each class, as of ISIC", lambda g: _is_one_hot(g), None, None),
)


def recognised(path: Path) -> OtherFormat | None:
    """Return which format of others a file has; None where it is nothing that is known.

    Args:
        path: of a file.
    """
    glimpse = _glimpse(path)
    if glimpse is None:
        return None
    binary = _binary(path, glimpse)
    if binary is not None:
        return OtherFormat(path, binary)
    for name, fits, images, classes in _FORMATS:
        if fits(glimpse):
            return OtherFormat(path, name, _named(glimpse, images), _named(glimpse, classes))
    if _image_column(glimpse) is not None:
        images = _image_column(glimpse)
        return OtherFormat(
            path,
            f"a table of images ({_shown(glimpse.columns)})",
            images,
            class_column(glimpse.columns),
            is_known=False,
        )
    return None


def formats_in(folder: Path) -> list[OtherFormat]:
    """Return the files of other formats in a folder and in those right below it.

    Args:
        folder: where to look.
    """
    files = label_files(path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)) if path.is_file())
    return [file for file in map(recognised, files) if file is not None]


def label_files(files: Iterable[Path]) -> list[Path]:
    """Return which of some files may hold labels, by their endings.

    Args:
        files: in order; of each folder and ending a few are taken, and some dozens of all: where there is one for
            each image, a few tell all.
    """
    some: list[Path] = []
    taken: Counter[tuple[Path, str]] = Counter()
    for path in files:
        kind = path.parent, path.suffix.lower()
        if not _SUFFIXES.fullmatch(kind[1]) or path.name.startswith(".") or taken[kind] == _MOST_OF_A_KIND:
            continue
        taken[kind] += 1
        some.append(path)
        if len(some) == _MOST_FILES:
            break
    return some


def class_column(columns: Iterable[str]) -> str | None:
    """Return which of some columns has the usual name of one that holds classes; None where none has.

    Example:
        >>> class_column(["image", "Scientific Name"])
        'Scientific Name'
    """
    names = {name.lower().replace(" ", "_"): name for name in columns}
    return next((names[usual] for usual in _CLASS_COLUMNS if usual in names), None)


_SUFFIXES = re.compile(
    r"\.(csv|tsv|tab|txt|lst|list|jsonl?|ndjson|xml|ya?ml|parquet|arrow|tar|tfrecords?|mdb|mat|xlsx?|ods|ddb|sqlite3?|db)"
)
# the first of these that is there
_CLASS_COLUMNS = (
    *("object_annotation_category", "question__species", "scientificname", "scientific_name", "species", "dx"),
    *("diagnosis", "label", "labels", "class", "class_name", "classname", "category", "category_name", "target"),
    *("concept", "taxon", "common_name", "y"),
)


def _glimpse(path: Path) -> _Glimpse | None:
    try:
        with path.open("rb") as file:
            first = file.read(_PEEK)
            size = path.stat().st_size
            file.seek(max(size - _PEEK, len(first)))
            last = file.read(_PEEK)
    except (OSError, ValueError):
        return None
    encoding = encoding_of(first)
    text = (first + last).decode(encoding, "replace")
    stripped = text.lstrip()
    if stripped[:1] in ("{", "["):
        return _Glimpse(path.name, first, text, (), (), frozenset(re.findall(r'"([^"\\\n]{1,60})"\s*:', text)))
    columns, row = _first_rows(first.decode(encoding, "replace"), path.suffix.lower())
    return _Glimpse(path.name, first, text, columns, row, frozenset())


def _first_rows(text: str, suffix: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = text.splitlines()[:3]
    # the Dataverse gives HAM10000_metadata without an ending
    if suffix not in (".csv", ".tsv", ".txt", ".tab", "") or not lines:
        return (), ()
    delimiter = max("\t,;", key=lines[0].count)
    if delimiter not in lines[0]:
        return (), ()
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter))
    except csv.Error:
        return (), ()
    strip = [tuple(cell.strip() for cell in row) for row in rows]
    # EcoTaxa puts a row of types, [t] and [f], below the heading
    first = next((row for row in strip[1:] if not all(cell in ("[t]", "[f]") for cell in row)), ())
    return strip[0], first


def _binary(path: Path, glimpse: _Glimpse) -> str | None:
    if glimpse.first.startswith(b"PAR1"):
        is_of_datasets = "huggingface" in glimpse.text
        if glimpse.name == "metadata.parquet" and "file_name" in glimpse.text:
            return "metadata of a Hugging Face imagefolder"
        kind = "a Parquet file (features go to `longtail fit`)"
        return "a Parquet file of Hugging Face datasets" if is_of_datasets else kind
    if glimpse.first.startswith(b"ARROW1") or path.suffix.lower() == ".arrow":
        return "an Arrow file, as Hugging Face datasets keep"
    if path.suffix.lower() in (".tfrecord", ".tfrecords"):
        return "a TFRecord file"
    if path.suffix.lower() == ".mdb":
        return "an LMDB database"
    if glimpse.first[257:262] == b"ustar":
        return "a WebDataset shard" if _is_web_dataset(path) else "an archive (tar), to be unpacked first"
    if path.suffix.lower() in (".xls", ".xlsx", ".ods"):
        return "a spreadsheet"
    if glimpse.first.startswith(b"SQLite format 3"):
        return "a database of SQLite"
    if glimpse.first.startswith(b"PK\x03\x04"):
        if path.suffix.lower() == ".npz":
            return "an array file of NumPy (features go to `longtail fit`)"
        return "a Darwin Core Archive" if _is_darwin_core(path) else "an archive (zip), to be unpacked first"
    if glimpse.first.startswith(b"\x1f\x8b"):
        return "a file compressed by gzip, to be unpacked first"
    if glimpse.first.startswith(b"MATLAB 5.0"):
        return "a file of MATLAB"
    return "an array of NumPy (features go to `longtail fit`)" if glimpse.first.startswith(b"\x93NUMPY") else None


def _is_web_dataset(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:") as archive:
            names = [member.name for _, member in zip(range(20), archive, strict=False)]
    except (tarfile.TarError, OSError, ValueError):
        return False
    return any(name.endswith((".cls", ".json", ".index")) for name in names)


def _is_darwin_core(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("meta.xml") as file:
            return b"rs.tdwg.org" in file.read(_PEEK)
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError):
        return False


def _is_coco(glimpse: _Glimpse) -> bool:
    return (
        glimpse.has("images")
        and glimpse.any_of("annotations", "categories")
        and glimpse.any_of("file_name", "image_id")
    )


def _is_serengeti(glimpse: _Glimpse) -> bool:
    of_lila = glimpse.has("capture_id") and glimpse.any_of("image_path_rel", "question__species")
    return of_lila or (glimpse.has("captureeventid") and glimpse.any_of("species", "url_info"))


def _is_one_hot(glimpse: _Glimpse) -> bool:
    values = glimpse.row[1:]
    return (
        len(values) > 1
        and len(values) == len(glimpse.columns) - 1
        and set(values) <= {"0", "1", "0.0", "1.0"}
        and not glimpse.columns[1].replace(".", "").isdecimal()
    )


def _image_column(glimpse: _Glimpse) -> str | None:
    """Return the column whose first value is the name of an image."""
    for name, value in zip(glimpse.columns, glimpse.row, strict=False):
        if Path(value).suffix.lower() in IMAGE_SUFFIXES:
            return name
    return None


def _named(glimpse: _Glimpse, wanted: str | None) -> str | None:
    names = {name.lower(): name for name in (*glimpse.columns, *glimpse.keys)}
    return None if wanted is None else names.get(wanted.lower())


def _shown(columns: tuple[str, ...]) -> str:
    return ", ".join(columns[:5]) + (", ..." if len(columns) > 5 else "")
