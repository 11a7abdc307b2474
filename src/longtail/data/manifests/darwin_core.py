"""Darwin Core archives: meta.xml says which columns hold what; pictures stand in an extension, joined by id."""

from dataclasses import replace
from pathlib import Path

from longtail.data.manifests.darwin_core_files import ArchiveTable, read_archive
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError, did_you_mean
from longtail.files.text import counted, printable

__all__ = ["read_darwin_core"]

_USUAL = {"scientificName", "identifier", "accessURI", "type", "format"}
_OTHER_MEDIA = ("sound", "movingimage", "video", "audio")


def read_darwin_core(path: Path, choice: ManifestChoice) -> Rows:
    """Read a Darwin Core archive with pictures; those of one occurrence are a group, and an event.

    Args:
        path: meta.xml, another file of the archive, its folder or its .zip.
        choice: `label_column` is the last part of a term, such as species, and scientificName where nothing is said;
            so are `group_column`, `event_column` and `image_column`, which is identifier or accessURI.

    Raises:
        InputError: no such archive, without pictures or names, or a picture of an occurrence that is not there.
    """
    asked = (choice.image_column, choice.label_column, choice.group_column, choice.event_column, choice.split_column)
    core, media = read_archive(path, _USUAL | set(filter(None, asked)))
    place = {name: row for row, name in enumerate(core.ids)}
    of_core: list[int] = []
    for row, name in enumerate(media.ids):
        if name not in place:
            raise InputError(
                f"{media.place(row)}: the id {name!r} is none of {core.origin}. Take the line out, or add the "
                "occurrence."
            )
        of_core.append(place[name])

    def column(term: str, argument: str) -> list[str]:
        if term in media.columns:
            return media.columns[term]
        if term in core.columns:
            return [core.columns[term][row] for row in of_core]
        there = (*core.terms, *media.terms)
        raise InputError(
            f"{core.origin}: has no term {term!r} (`{argument}`).{did_you_mean(term, there)} Terms: {', '.join(there)}."
        )

    def belonging(term: str | None, argument: str) -> list[str] | None:
        return None if term == "none" else list(media.ids) if term is None else column(term, argument)

    image = choice.image_column or next(filter(media.columns.__contains__, ("accessURI", "identifier")), "identifier")
    rows = Rows(
        images=column(image, "image_column"),
        labels=column(choice.label_column or "scientificName", "label_column"),
        root=path if path.is_dir() else path.parent,
        lines=media.lines,
        groups=belonging(choice.group_column, "group_column"),
        grouped_by=choice.group_column or "occurrence",
        events=belonging(choice.event_column, "event_column"),
        splits=None if choice.split_column in (None, "none") else column(choice.split_column, "split_column"),
        ids=list(media.ids),
    )
    return _pictures(rows, media, printable(path))


def _pictures(rows: Rows, media: ArchiveTable, origin: str) -> Rows:
    """Leave out sounds, films, and what names no file."""
    kinds = [f"{kind} {form}".lower() for kind, form in zip(*map(media.words, ("type", "format")), strict=True)]
    is_other = [any(other in kind for other in _OTHER_MEDIA) for kind in kinds]
    keep = [row for row, image in enumerate(rows.images) if image and not is_other[row]]
    if not keep:
        raise InputError(f"{media.origin}: names no picture. Expected the identifier or accessURI of still images.")
    if len(keep) == len(rows):
        return rows
    note = f"{origin}: {counted(len(rows) - len(keep), 'line')} of sounds, films or without a file left out"
    return replace(rows.take(keep), notes=(note,))
