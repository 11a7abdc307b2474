"""Camera trap data packages (Camtrap DP 1.0) as tables of images."""

from collections import Counter
from pathlib import Path

import numpy as np

from longtail.data.image_kinds import is_video
from longtail.data.manifests.camtrap_events import SeenMedia, seen_media
from longtail.data.manifests.camtrap_package import CamtrapPackage, open_package
from longtail.data.manifests.columns import WordTable
from longtail.data.manifests.joined_tables import column_of_joined, places_of, refuse_columns
from longtail.data.manifests.kept_elsewhere import names_on_disk
from longtail.data.manifests.one_image import Box, distinct_labels, note_of_nothing
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_camtrap_dp"]

_BOX = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")


def read_camtrap_dp(path: Path, choice: ManifestChoice) -> Rows:
    """Read a camera trap data package.

    The label is `scientificName` of an animal ("animal" where it has none), else the `observationType`: blank, human,
    vehicle, unknown; what is unclassified has none. Observations of events are those of each image within their time
    that nobody classified itself.

    Args:
        path: datapackage.json, its folder, or one of its tables.
        choice: `label_column` is a column of the observations; `group_column` and `event_column` are of the media, the
            deployments or the observations.

    Raises:
        InputError: no such package, a version before 1.0, a column that is missing, an observation of a medium or
            deployment that is not listed, or a box that is none.
    """
    package = open_package(path)
    origin, media = printable(package.folder), package.media
    refuse_columns(choice, ("image_column", "split_column", "box_columns"), origin, "Camtrap DP")
    places = places_of(media, "deploymentID", package.deployments, "deploymentID")
    places_of(package.observations, "deploymentID", package.deployments, "deploymentID")
    seen = seen_media(package)
    taken, labels, boxes, told = _rows(package, seen, choice)
    if not taken:
        raise InputError(
            f"{printable(media.path)}: holds no image, but {told['videos and sounds']:,} videos and sounds."
        )
    rows = [medium for medium, _ in taken]
    joined = (
        (media, rows),
        (package.deployments, [places[medium] for medium in rows]),
        (package.observations, [observation for _, observation in taken]),
    )
    groups, events = None, None
    if choice.group_column != "none":
        groups = column_of_joined(joined, choice.group_column or "deploymentID", "group_column")
    if choice.event_column is None:
        events = [seen.events[medium] for medium in rows]
    elif choice.event_column != "none":
        events = column_of_joined(joined, choice.event_column, "event_column")
    base = choice.root or package.folder
    names = _names(media, base)
    notes = [f"{origin}: {number:,} {what} left out" for what, number in told.items() if number]
    if seen.by_event:
        notes.append(f"{origin}: {counted(seen.by_event, 'image')} labelled by the event: some show nothing")
    if choice.group_column is None:
        notes += _note_on_locations(package, origin)
    return Rows(
        [names[medium] for medium in rows],
        labels,
        base,
        groups=groups,
        grouped_by="" if groups is None else choice.group_column or "deployment",
        events=events if events is not None and any(events) else None,
        boxes=np.array([box or (np.nan,) * 4 for box in boxes]) if any(boxes) else None,
        ids=[media.columns["mediaID"][medium] for medium in rows],
        notes=(*notes, *note_of_nothing(labels, origin)),
    )


def _rows(
    package: CamtrapPackage, seen: SeenMedia, choice: ManifestChoice
) -> tuple[list[tuple[int, int]], list[str], list[Box | None], Counter[str]]:
    """Return the medium and the observation (or -1) of each row, its label, its box, and what was left out."""
    words = _labels(package.observations, choice)
    edges = _boxes(package.observations)
    kinds = package.media.columns.get("fileMediatype", [""] * len(package.media))
    taken: list[tuple[int, int]] = []
    labels: list[str] = []
    boxes: list[Box | None] = []
    told: Counter[str] = Counter()
    for medium, observations in enumerate(seen.observations):
        if kinds[medium].startswith(("video", "audio")) or is_video(package.media.columns["filePath"][medium]):
            told["videos and sounds"] += 1
            continue
        rows = observations or [-1]
        its_labels = ["" if row < 0 else words[row] for row in rows]
        its_boxes = [None if row < 0 else edges[row] for row in rows]
        kept = distinct_labels(its_labels, its_boxes)
        told["observations that say the same of an image again:"] += len(rows) - len(kept)
        taken += [(medium, rows[place]) for place in kept]
        labels += [its_labels[place] for place in kept]
        boxes += [its_boxes[place] for place in kept]
    return taken, labels, boxes, told


def _labels(observations: WordTable, choice: ManifestChoice) -> list[str]:
    if choice.label_column is not None:
        return observations.column(choice.label_column, "label_column")
    types = observations.columns["observationType"]
    names = observations.columns.get("scientificName", [""] * len(observations))
    return [
        "" if kind == "unclassified" else (name or kind) if kind == "animal" else kind
        for kind, name in zip(types, names, strict=True)
    ]


def _boxes(observations: WordTable) -> list[Box | None]:
    """Return the box of each observation, shares of the image; None where it has none."""
    if not all(name in observations.columns for name in _BOX):
        return [None] * len(observations)
    result: list[Box | None] = []
    for row, cells in enumerate(zip(*(observations.columns[name] for name in _BOX), strict=True)):
        if not any(cells):
            result.append(None)
            continue
        try:
            left, top, wide, high = map(float, cells)
            fits = 0 <= left <= 1 and 0 <= top <= 1 and 0 < wide <= 1 and 0 < high <= 1
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"{printable(observations.path)}: line {observations.lines[row]}: the box {', '.join(cells)} is none. "
                f"Expected {', '.join(_BOX)} as shares of the image, 0 to 1."
            )
        result.append((left, top, wide, high))
    return result


def _names(media: WordTable, base: Path) -> list[str]:
    """Return the path of each medium; of one that lies on the web a name that it may have on this disk."""
    columns = media.columns
    nothing = [""] * len(media)
    files = columns.get("fileName", nothing)
    is_one = {name: number == 1 for name, number in Counter(files).items()}
    ways = zip(columns["filePath"], files, columns["deploymentID"], columns["mediaID"], strict=True)
    # cameras call their files alike: those of a deployment perhaps lie in its folder
    names = [
        (path, file if is_one[file] or not file else f"{deployment}/{file}", medium)
        for path, file, deployment, medium in ways
    ]
    return names_on_disk(names, base)


def _note_on_locations(package: CamtrapPackage, origin: str) -> tuple[str, ...]:
    locations = [word for word in package.deployments.columns.get("locationID", []) if word]
    if len(set(locations)) == len(locations):
        return ()
    return (
        f"{origin}: {len(package.deployments):,} deployments at {len(set(locations)):,} locations: `group_column` "
        "locationID keeps those of a location on one side",
    )
