"""Images that come in pairs, by the names of their files: a photograph and its mask are no two photographs."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from longtail.data.folder_names import Suspicion, base_name

__all__ = ["look_of_files"]

_FEWEST = 8  # images that tell something
_PAIRED = 0.9  # of a folder's images that have a partner in the other
_WITHIN = 0.2  # of all images that were drawn over another beside it


def look_of_files(images: Mapping[str, Iterable[Path]]) -> Suspicion | None:
    """Return why folders are no classes, by the names of their images; None where they may be.

    Two folders that share names such as ISIC_0024306 hold one set of images and what was drawn over it; that 1, 2, 3
    stand in both says nothing. In one folder a.png and a_mask.png tell the same.

    Args:
        images: of each folder.

    Example:
        >>> names = ["2007_000032", "2007_000121", *(f"2008_{7 * k}" for k in range(7))]
        >>> pairs = {"a": [Path(f"{name}.jpg") for name in names], "b": [Path(f"{name}_mask.png") for name in names]}
        >>> look_of_files(pairs).looks_like
        'the same images twice: 2007_000032 stands in each of them'
        >>> look_of_files({name: [Path(f"{k}.png") for k in range(9)] for name in ("ant", "bee")})
    """
    stems = {name: [path.stem for path in paths] for name, paths in images.items()}
    drawn = [(name, stem) for name, folder_stems in stems.items() for stem in _drawn(folder_stems)]
    if len(drawn) > _WITHIN * sum(map(len, stems.values())):
        folder, stem = drawn[0]
        return Suspicion(
            f"images with what was drawn over them in between: {folder}/ holds {stem} beside {base_name(stem)}",
            f"Take those files ({len(drawn):,} of them) away.",
        )
    bases = {name: {base_name(stem) for stem in folder_stems} for name, folder_stems in stems.items()}
    running = _running(set().union(*bases.values()))
    telling = [folder_bases - running for folder_bases in bases.values()]
    largest = max(telling, key=len, default=set())
    shared = largest.intersection(*telling)
    if len(telling) < 2 or min(map(len, telling)) < _FEWEST:
        return None
    if any(len(folder_bases & largest) < _PAIRED * len(folder_bases) for folder_bases in telling) or not shared:
        return None
    return Suspicion(
        f"the same images twice: {min(shared)} stands in each of them",
        "Give one of them, with a folder for every class in it.",
    )


def _drawn(stems: Iterable[str]) -> list[str]:
    there = set(stems)
    return [stem for stem in sorted(there) if (base := base_name(stem)) != stem and base in there]


def _running(stems: Iterable[str]) -> set[str]:
    """Return which names are running numbers, such as any folder has."""
    by_prefix: dict[str, list[tuple[int, str]]] = {}
    for stem in stems:
        parts = re.fullmatch(r"(.*?)\(?(\d{1,18})\)?", stem)
        if parts is not None:
            by_prefix.setdefault(parts[1], []).append((int(parts[2]), stem))
    runs = (run for run in by_prefix.values() if max(run)[0] - min(run)[0] < 2 * len(run))
    return {stem for run in runs if len(run) > 1 for _, stem in run}
