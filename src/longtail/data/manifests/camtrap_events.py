"""Which observations of a camera trap data package are of which medium: of itself, or of the event that it is of."""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from longtail.data.manifests.camtrap_package import CamtrapPackage
from longtail.data.manifests.columns import WordTable
from longtail.data.manifests.joined_tables import places_of
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["SeenMedia", "seen_media"]


@dataclass(frozen=True)
class SeenMedia:
    """What was observed in each medium.

    Attributes:
        observations: rows of the observations of each medium.
        events: of each medium; "" where none is known.
        by_event: number of media whose observations are those of their event.
    """

    observations: list[list[int]]
    events: list[str]
    by_event: int


def seen_media(package: CamtrapPackage) -> SeenMedia:
    """Find the observations of each medium.

    An observation of an event is of all media of its deployment from `eventStart` to `eventEnd`; it counts where nobody
    classified the medium itself.

    Args:
        package: with its tables.

    Raises:
        InputError: an observation of a medium that is not listed or of no level, or a time that is none.
    """
    media, table = package.media, package.observations
    levels = table.columns["observationLevel"]
    places = places_of(table, "mediaID", media, "mediaID")
    own: list[list[int]] = [[] for _ in range(len(media))]
    of_events: dict[str, list[int]] = defaultdict(list)
    for row, level in enumerate(levels):
        where = f"{printable(table.path)}: line {table.lines[row]}"
        if level == "event":
            of_events[table.columns["deploymentID"][row]].append(row)
        elif level != "media":
            raise InputError(f"{where}: the observationLevel {level!r} is none. Expected media or event.")
        elif places[row] < 0:
            raise InputError(f"{where}: an observation of a medium names no mediaID. Expected one of media.csv.")
        else:
            own[places[row]].append(row)
    around = _around(media, table, of_events)
    types = table.columns["observationType"]
    ids = table.columns.get("eventID", [""] * len(table))
    observations, events, by_event = [], [], 0
    for mine, event in zip(own, around, strict=True):
        is_classified = any(types[row] != "unclassified" for row in mine)
        by_event += not is_classified and bool(event)
        observations.append(mine if is_classified or not event else event)
        events.append(next((ids[row] for row in mine if ids[row]), "") or _name(event, table, ids))
    return SeenMedia(observations, events, by_event)


def _name(event: list[int], table: WordTable, ids: list[str]) -> str:
    if not event:
        return ""
    row = event[0]
    return ids[row] or f"{table.columns['deploymentID'][row]} {table.columns['eventStart'][row]}"


def _around(media: WordTable, table: WordTable, of_events: dict[str, list[int]]) -> list[list[int]]:
    """Return the observations of events that each medium lies within, by deployment and time."""
    result: list[list[int]] = [[] for _ in range(len(media))]
    spans = {}
    for deployment, rows in of_events.items():
        times = sorted((_time(table, "eventStart", row), _time(table, "eventEnd", row), row) for row in rows)
        # how late events reach that began before or at each: none before it need be looked at
        spans[deployment] = times, list(accumulate((end for _, end, _ in times), max))
    for medium, deployment in enumerate(media.columns["deploymentID"]):
        if deployment not in spans:
            continue
        times, latest = spans[deployment]
        moment = _time(media, "timestamp", medium)
        at = bisect_right(times, moment, key=lambda span: span[0]) - 1
        while at >= 0 and latest[at] >= moment:
            if times[at][1] >= moment:
                result[medium].append(times[at][2])
            at -= 1
        result[medium].reverse()
    return result


def _time(table: WordTable, column: str, row: int) -> datetime:
    text = table.columns[column][row]
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{printable(table.path)}: line {table.lines[row]}: the {column} {text[:40]!r} is no time. Expected one "
            "such as 2020-03-24T11:21:46Z."
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
