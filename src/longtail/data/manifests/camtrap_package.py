"""The files of a camera trap data package: where they lie, which version they are of."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.joined_tables import check_columns
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["CamtrapPackage", "open_package"]

_EXPECTED = "a package of Camtrap DP 1.0"
_NEEDED = {
    "deployments": ("deploymentID",),
    "media": ("mediaID", "deploymentID", "timestamp", "filePath"),
    "observations": ("deploymentID", "mediaID", "eventStart", "eventEnd", "observationLevel", "observationType"),
}
_VERSION = re.compile(r"camtrap-dp/(\d+(?:\.\d+)*[-\w.]*)")


@dataclass(frozen=True)
class CamtrapPackage:
    """The three tables of a package.

    Attributes:
        folder: that paths of media are relative to.
        deployments, media, observations: the tables.
    """

    folder: Path
    deployments: WordTable
    media: WordTable
    observations: WordTable


def open_package(path: Path) -> CamtrapPackage:
    """Read the tables of a package.

    Args:
        path: datapackage.json, its folder, or one of the tables.

    Raises:
        InputError: a table is missing or lies elsewhere, has not the columns of version 1.0, or cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    about = folder / "datapackage.json"
    descriptor: dict[str, Any] = read_json(about, dict[str, Any], expected=_EXPECTED) if about.is_file() else {}
    version = _VERSION.search(str(descriptor.get("profile", "")))
    if version is not None and version[1].startswith("0."):
        raise InputError(
            f"{printable(about)}: is of Camtrap DP {version[1]}. Expected 1.0 or later: export it again, or have a "
            "program such as Agouti or the R package camtrapdp bring it up to date."
        )
    tables = {name: _table(name, folder, descriptor) for name in _NEEDED}
    for name, table in tables.items():
        check_columns(table, _NEEDED[name], f"the table {name} of {_EXPECTED}")
    return CamtrapPackage(folder, **tables)


def _table(name: str, folder: Path, descriptor: dict[str, Any]) -> WordTable:
    resources = descriptor.get("resources", [])
    about = next((one for one in resources if isinstance(one, dict) and one.get("name") == name), {})
    path = about.get("path", f"{name}.csv")
    if isinstance(path, list) and len(path) == 1:
        path = path[0]
    where = printable(folder / "datapackage.json")
    if not isinstance(path, str) or "://" in path:
        raise InputError(f"{where}: the table {name} is {str(path)[:80]!r}. Expected one file beside it: download it.")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise InputError(f"{where}: the table {name} is {path!r}, which leads out of its folder. Put it into that.")
    if not (folder / path).is_file():
        raise InputError(f"{printable(folder / path)}: no such file. Expected the table {name} of {_EXPECTED}.")
    return read_word_table(folder / path)
