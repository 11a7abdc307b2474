"""Images that a table names by an address: found on the disk by one of the names that they may have there."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.locate import images_below, remote

__all__ = ["names_on_disk"]


def names_on_disk(names: Sequence[Sequence[str]], base: Path) -> list[str]:
    """Return what each image is called on the disk.

    Args:
        names: of each image: its path or address, then other names that a download may have given it, such as its id;
            "" for none.
        base: folder that they are looked for below, where one is named by an address.

    Returns:
        Of each image the file that alone has one of its names, the first of them, without regard to its ending where
        the name has none; a name that several files have stays what it is.
        Where no file has any of them, addresses stay what they are.
    """
    if not any(remote(ways[0]) for ways in names):
        return [ways[0] for ways in names]
    by_name, by_stem = images_below(base)
    result, number = [], 0
    for ways in names:
        if not remote(ways[0]):
            result.append(ways[0])
            continue
        tail = ways[0].partition("://")[2].partition("?")[0]
        found = [(way, _files(way, by_name, by_stem)) for way in (tail, *ways[1:])]
        there = [(len(files) > 1, files[0] if len(files) == 1 else way) for way, files in found if files]
        number += bool(there)
        # a name that several files have is the last resort: the folders in front of it may still tell
        result.append(min(there, key=lambda way: way[0])[1] if there else tail)
    return result if number else [ways[0] for ways in names]


def _files(way: str, by_name: dict[str, list[str]], by_stem: dict[str, list[str]]) -> list[str]:
    name = PurePosixPath(way.replace("\\", "/")).name
    if name in by_name or PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES:
        return by_name.get(name, [])
    return by_stem.get(name, [])
