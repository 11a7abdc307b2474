"""Which paths of two tables are of the same file, though each was written from another folder."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["same_files"]

_EXACT = 10**6
_ASKED = 200  # names, and files of each, that tell which folders stand in front


def same_files(names: Sequence[str], files: Sequence[str], *, origin: str) -> list[int]:
    """Find the files of one table in another.

    Paths that are equal are the same file, also behind a folder that nearly all of one table have in front. Else of
    those with the same name the one is that has the most folders in common with it, counted from the name upwards; and
    where several names would be one file, it is the nearest of them.

    Args:
        names: paths, without their endings perhaps; all different.
        files: paths in the other table; all different.
        origin: the other table, for messages.

    Returns:
        Of each name the place among `files`, or -1.

    Raises:
        InputError: two are equally near.

    Example:
        >>> same_files(["a/1.jpg", "b/1.jpg", "c/2.jpg"], ["/disk/b/1.jpg", "/disk/a/1.jpg"], origin="boxes.json")
        [1, 0, -1]
    """
    parts = [_parts(file) for file in files]
    by_name: dict[str, list[int]] = defaultdict(list)
    by_stem: dict[str, list[int]] = defaultdict(list)
    for place, (name, *_) in enumerate(parts):
        by_name[name].append(place)
        by_stem[name.rpartition(".")[0]].append(place)
    result, likeness = [], []
    place_of = {tuple(steps): place for place, steps in enumerate(parts)}
    ours, theirs = _folders_in_front(names, by_name, parts)
    for name in names:
        steps = _parts(name)
        # what is below our folder lies below theirs
        moved = steps[: len(steps) - len(ours)] + theirs if steps[len(steps) - len(ours) :] == ours else steps
        exact = place_of.get(tuple(steps), place_of.get(tuple(moved)))
        if exact is not None:
            result.append(exact)
            likeness.append(_EXACT)
            continue
        ways = by_name.get(steps[0], [])
        if not ways and f".{steps[0].rpartition('.')[2].lower()}" not in IMAGE_SUFFIXES:
            ways = by_stem.get(steps[0], [])
        nearest, shared = _nearest(steps, ways, parts)
        if len(nearest) > 1:
            listed = ", ".join(printable(files[way]) for way in nearest[:3])
            raise InputError(
                f"{origin}: {printable(name)} may be any of {len(nearest)} files in it: {listed}. Write paths with "
                "their folders into both."
            )
        result.append(nearest[0] if nearest else -1)
        likeness.append(shared)
    return _one_each(names, files, result, likeness, origin)


def _one_each(
    names: Sequence[str], files: Sequence[str], places: list[int], likeness: list[int], origin: str
) -> list[int]:
    """Leave each file to the name that is nearest to it."""
    claimed = Counter(place for place in places if place >= 0)
    claims: dict[int, list[int]] = defaultdict(list)
    for row, place in enumerate(places):
        if claimed[place] > 1 and place >= 0:
            claims[place].append(row)
    for place, rows in claims.items():
        best = max(likeness[row] for row in rows)
        nearest = [row for row in rows if likeness[row] == best]
        if len(nearest) > 1:
            listed = ", ".join(printable(names[row]) for row in nearest[:3])
            raise InputError(
                f"{origin}: {printable(files[place])} may be any of {len(nearest)} images: {listed}. Write paths with "
                "their folders into both."
            )
        for row in set(rows) - set(nearest):
            places[row] = -1
    return places


def _nearest(steps: list[str], ways: list[int], parts: list[list[str]]) -> tuple[list[int], int]:
    """Return the nearest of some files, and how near they are."""
    shared = [_shared(parts[way], steps) for way in ways]
    most = max(shared, default=0)
    return [way for way, near in zip(ways, shared, strict=True) if near == most], most


def _folders_in_front(
    names: Sequence[str], by_name: dict[str, list[int]], parts: list[list[str]]
) -> tuple[list[str], list[str]]:
    """Return the folders that stand in front of the names, and of the files, where they are the same files."""
    votes: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    for name in names[:_ASKED]:
        steps = _parts(name)
        for way in by_name.get(steps[0], [])[:_ASKED]:
            same = 1 + _shared(parts[way], steps)
            votes[tuple(steps[same:]), tuple(parts[way][same:])] += 1
    best = [*votes.most_common(2), (((), ()), 0)]
    if best[0][1] < 2 or best[0][1] == best[1][1]:  # nothing that they agree on
        return [], []
    ours, theirs = best[0][0]
    return list(ours), list(theirs)


def _parts(path: str) -> list[str]:
    """Return the steps of a path, its name first."""
    steps = [step for step in path.replace("\\", "/").split("/") if step not in ("", ".")]
    return steps[::-1] or [""]


def _shared(first: list[str], second: list[str]) -> int:
    number = 0
    for one, other in zip(first[1:], second[1:], strict=False):
        if one != other:
            break
        number += 1
    return number
