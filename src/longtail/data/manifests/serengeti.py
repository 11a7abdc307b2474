"""Snapshot Serengeti and its sisters: a table of captures with their species, and one of the images of each."""

from itertools import takewhile
from pathlib import Path

from longtail.data.foreign_label_files import label_files
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.joined_tables import refuse_columns, rows_by
from longtail.data.manifests.one_image import distinct_labels, note_of_nothing
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_serengeti"]

# of LILA (version 2.1), and of Dryad (2015): the capture, its species, the path of an image, the site
_LILA = ("capture_id", "question__species", "image_path_rel", "site")
_DRYAD = ("CaptureEventID", "Species", "URL_Info", "SiteID")


def read_serengeti(path: Path, choice: ManifestChoice) -> Rows:
    """Read Snapshot Serengeti, or another project of Snapshot Safari.

    Each image of a capture has all species of it. What belongs together is the site, an event is the capture.

    Args:
        path: one of the two tables, annotations or images, the other beside it; or their folder. Of Dryad:
            consensus_data.csv or gold_standard_data.csv with all_images.csv.
        choice: `label_column`, `group_column` and `event_column` are columns of either table.

    Raises:
        InputError: a table is missing, several may be meant, a column is missing, or they have no capture in common.
    """
    origin = printable(path)
    refuse_columns(choice, ("image_column", "split_column", "box_columns"), origin, "Snapshot Serengeti")
    images, species, names = _tables(path)
    capture, label, image, site = names
    words = species.column(choice.label_column, "label_column") if choice.label_column else species.columns[label]
    of_capture = rows_by(species, capture)
    taken: list[tuple[int, int]] = []
    labels: list[str] = []
    doubled = 0
    for row, event in enumerate(images.columns[capture]):
        rows = of_capture.get(event, [-1])
        its_labels = ["" if at < 0 else words[at] for at in rows]
        kept = distinct_labels(its_labels, [None] * len(rows))
        doubled += len(rows) - len(kept)
        taken += [(row, rows[place]) for place in kept]
        labels += [its_labels[place] for place in kept]
    if not any(labels):
        raise InputError(
            f"{printable(species.path)}: has no capture of {printable(images.path)}. Take both of one season."
        )
    there = set(images.columns[capture])
    absent = sum(event not in there for event in of_capture)
    notes = [f"{origin}: each image of a capture has its labels: on some of them is nothing"]
    if absent:
        notes.append(
            f"{origin}: {counted(absent, 'capture')} without an image in {printable(images.path.name)} left out"
        )
    if doubled:
        notes.append(f"{origin}: {doubled:,} rows that say the same of a capture again: left out")
    groups, grouped_by = _column(choice.group_column, site, images, species, taken)
    if groups is None and choice.group_column is None:
        groups, grouped_by = _sites(images.columns[capture], images.columns[image], taken), "site"
    events, _ = _column(choice.event_column, capture, images, species, taken)
    return Rows(
        [images.columns[image][row].replace("\\", "/") for row, _ in taken],
        labels,
        choice.root or images.path.parent,
        lines=[images.lines[row] for row, _ in taken] if path == images.path else None,
        groups=groups,
        grouped_by="" if groups is None else grouped_by,
        events=events,
        ids=[images.columns[image][row] for row, _ in taken],
        notes=(*notes, *note_of_nothing(labels, origin)),
    )


def _tables(path: Path) -> tuple[WordTable, WordTable, tuple[str, str, str, str]]:
    """Return the table of images, that of species, and what their columns are called."""
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else []
    files += [file for file in label_files(sorted(folder.glob("*.csv"))) if file != path]
    heads = {file: _heading(file) for file in files}
    for names in (_LILA, _DRYAD):
        capture, label, image, _ = names
        images = [file for file, head in heads.items() if capture in head and image in head]
        species = [file for file, head in heads.items() if capture in head and label in head and image not in head]
        if path.is_file() and path not in (*images, *species):
            continue
        images, species = _meant(path, images, species), _meant(path, species, images)
        if len(images) == len(species) == 1:
            return read_word_table(images[0]), read_word_table(species[0]), names
        if images or species:
            listed = ", ".join(printable(file.name) for file in (*images, *species))
            raise InputError(
                f"{printable(folder)}: holds {listed}. Expected one table of images ({capture}, {image}) and one of "
                f"species ({capture}, {label}): name one of the two, with the other beside it."
            )
    raise InputError(
        f"{printable(path)}: holds no tables of Snapshot Serengeti. Expected the columns {', '.join(_LILA[:3])}, or "
        f"{', '.join(_DRYAD[:3])}, in two tables side by side."
    )


def _meant(path: Path, files: list[Path], others: list[Path]) -> list[Path]:
    """Return the one file that is meant: the one given, or the one that is named most like it."""
    if path in files:
        return [path]
    if path.is_dir() or len(files) <= 1 or path not in others:
        return files
    alike = [_same_letters(file.name, path.name) for file in files]
    return [file for file, number in zip(files, alike, strict=True) if number == max(alike)]


def _same_letters(first: str, second: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _heading(path: Path) -> set[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return {name.strip().strip('"') for name in file.readline(2**16).rstrip("\r\n").split(",")}
    except OSError:
        return set()


def _column(
    given: str | None, usual: str, images: WordTable, species: WordTable, taken: list[tuple[int, int]]
) -> tuple[list[str] | None, str]:
    if given == "none":
        return None, ""
    name = given or usual
    if name in images.columns:
        return [images.columns[name][row] for row, _ in taken], name
    if name in species.columns and (given or all(row >= 0 for _, row in taken)):
        return ["" if row < 0 else species.columns[name][row] for _, row in taken], name
    if given:
        species.column(given, "group_column" if usual in ("site", "SiteID") else "event_column")
    return None, ""


def _sites(captures: list[str], paths: list[str], taken: list[tuple[int, int]]) -> list[str]:
    """Return the site of each row: SER_S1#B04#1#1 and S1/B04/B04_R1/S1_B04_R1_PICT0001.JPG are of B04."""
    result = []
    for row, _ in taken:
        steps = captures[row].split("#") if "#" in captures[row] else paths[row].replace("\\", "/").split("/")
        result.append(steps[1] if len(steps) > 2 else "")
    return result if any(result) else [captures[row] for row, _ in taken]
