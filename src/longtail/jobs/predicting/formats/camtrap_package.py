"""The data package of Camtrap DP that images come from: which media they are, when and by which camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.errors import InputError
from longtail.files.json_file import read_json
from longtail.files.text import printable

__all__ = ["CamtrapPackage", "Medium"]

_TABLES = ("deployments", "media", "observations")


@dataclass(frozen=True)
class Medium:
    """A medium of a package.

    Attributes:
        id: mediaID.
        deployment: deploymentID.
        timestamp: as it stands.
    """

    id: str
    deployment: str
    timestamp: str


@dataclass(frozen=True)
class CamtrapPackage:
    """A data package of Camtrap DP.

    Attributes:
        folder: of datapackage.json.
        content: of that file.
        media: its table of media.
    """

    folder: Path
    content: dict[str, Any]
    media: WordTable

    @classmethod
    def of(cls, path: Path) -> "CamtrapPackage":
        """Open the package that inputs are of: its folder, or a file in it.

        Raises:
            InputError: there is none, or it has no table of media.
        """
        folder = path if path.is_dir() else path.parent
        file = folder / "datapackage.json"
        if not file.is_file():
            raise InputError(
                f"{printable(path)}: Camtrap DP is written beside a package of it, and {printable(file)} is not there. "
                "Predict the package, its folder or a table in it."
            )
        content = read_json(file, dict[str, Any], expected="the datapackage.json of Camtrap DP")
        package = cls(folder, content, WordTable(file, {}, ()))
        media = package.table("media")
        for name in ("mediaID", "deploymentID", "timestamp", "filePath"):
            media.column(name, "media")
        return cls(folder, content, media)

    def path_of(self, name: str) -> Path:
        """Return the file of one of its tables.

        Raises:
            InputError: no resource of that name with a path in the folder.
        """
        resources = self.content.get("resources")
        for resource in resources if isinstance(resources, list) else ():
            place = resource.get("path") if isinstance(resource, dict) and resource.get("name") == name else None
            place = place[0] if isinstance(place, list) and len(place) == 1 else place
            if isinstance(place, str) and "://" not in place:
                path = PurePosixPath(place)
                if not path.is_absolute() and ".." not in path.parts:
                    return self.folder / path
        raise InputError(
            f"{printable(self.folder / 'datapackage.json')}: names no file {name!r} among its resources, inside of its "
            f"folder. Expected {', '.join(_TABLES)}."
        )

    def table(self, name: str) -> WordTable:
        """Read one of its tables.

        Raises:
            InputError: it is not there, or no table.
        """
        return read_word_table(self.path_of(name), delimiter=",")

    def media_of(self, images: Sequence[str], ids: Sequence[str] | None) -> list[Medium]:
        """Return the medium of each input, by its mediaID, else by its path.

        Args:
            images: paths of the inputs.
            ids: what they are called, or None.

        Raises:
            InputError: an input that is none of the package's media, or whose name several have.
        """
        columns = (self.media.columns[name] for name in ("mediaID", "deploymentID", "timestamp"))
        media = [Medium(*cells) for cells in zip(*columns, strict=True)]
        by_id = {medium.id: medium for medium in media}
        by_path: dict[str, list[Medium]] = {}
        for place, medium in zip(self.media.columns["filePath"], media, strict=True):
            path = place.replace("\\", "/").removeprefix("./")
            for key in {path, PurePosixPath(path).name}:
                by_path.setdefault(key, []).append(medium)
        result = []
        for row, image in enumerate(images):
            known = by_id.get(ids[row]) if ids is not None else None
            ways = by_path.get(image) or by_path.get(PurePosixPath(image).name) or []
            if known is None and len(ways) != 1:
                which = f"{ids[row]!r} ({printable(image)})" if ids is not None else printable(image)
                why = "several media have that name" if ways else "no medium has that mediaID or filePath"
                raise InputError(
                    f"{printable(self.media.path)}: {which} is not known: {why}. Name the column with the mediaID of "
                    "the inputs: `id_column`."
                )
            result.append(ways[0] if known is None else known)
        return result
