"""Downloads of Wildlife Insights as tables of images: of projects by image, and of those by sequence."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from longtail.data.image_kinds import is_video
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.joined_tables import check_columns, column_of_joined, places_of, refuse_columns, rows_by
from longtail.data.manifests.kept_elsewhere import names_on_disk
from longtail.data.manifests.one_image import distinct_labels, note_of_nothing
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.taxon_columns import name_of_ranks
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_wildlife_insights"]

_RANKS = ("class", "order", "family", "genus", "species")
_TAXON = (*_RANKS, "common_name")
_EXPECTED = "images.csv of a download of Wildlife Insights"


def read_wildlife_insights(path: Path, choice: ManifestChoice) -> Rows:
    """Read a download of Wildlife Insights.

    The label is genus and species, or the lowest rank above them that is stated; blank images are "blank"; "No CV
    Result" is no label. Images of a sequence project have the labels that sequences.csv gives their sequence.

    Args:
        path: images.csv (images_<project>.csv), or the folder of one project's download.
        choice: `label_column` is of the identifications: common_name, family, ...; `group_column` and `event_column`
            are of the images or of deployments.csv.

    Raises:
        InputError: no such file, a column that is missing, or a sequence or deployment that is not listed.
    """
    images = read_word_table(_file(path, "images"))
    origin = printable(images.path)
    refuse_columns(choice, ("image_column", "split_column", "box_columns"), origin, "Wildlife Insights")
    check_columns(images, ("deployment_id", "image_id", "location"), _EXPECTED)
    labels, by_sequence = _labels(images, choice)
    taken, words, told = _rows(images, labels)
    deployments = _table_beside(images.path, "deployments")
    joined: list[tuple[WordTable, Sequence[int]]] = [(images, taken)]
    if deployments is not None and choice.group_column != "none":
        check_columns(deployments, ("deployment_id",), "deployments.csv of a download of Wildlife Insights")
        places = places_of(images, "deployment_id", deployments, "deployment_id")
        joined.append((deployments, [places[row] for row in taken]))
    groups, events = None, None
    if choice.group_column != "none":
        groups = column_of_joined(joined, choice.group_column or "deployment_id", "group_column")
    if choice.event_column not in (None, "none") or (choice.event_column is None and "sequence_id" in images.columns):
        events = column_of_joined(joined, choice.event_column or "sequence_id", "event_column")
    base = choice.root or images.path.parent
    columns = images.columns
    files = columns.get("filename", [""] * len(images))
    names = names_on_disk(list(zip(columns["location"], columns["image_id"], files, strict=True)), base)
    notes = [f"{origin}: {number:,} {what} left out" for what, number in told.items() if number]
    if by_sequence:
        notes.append(f"{origin}: {counted(by_sequence, 'image')} labelled by the sequence: some show nothing")
    return Rows(
        [names[row] for row in taken],
        words,
        base,
        lines=[images.lines[row] for row in taken],
        groups=groups,
        grouped_by="" if groups is None else choice.group_column or "deployment",
        events=events,
        ids=[columns["image_id"][row] for row in taken],
        notes=(*notes, *note_of_nothing(words, origin)),
    )


def _file(path: Path, name: str) -> Path:
    """Return the file of a download that a person means by any of its files, or by its folder."""
    if path.is_file() and not path.name.lower().startswith(("sequences", "deployments", "projects", "cameras")):
        return path
    folder = path if path.is_dir() else path.parent
    files = sorted(file for pattern in (f"{name}*.csv", f"*/{name}*.csv") for file in folder.glob(pattern))
    if len(files) != 1:
        listed = f"holds {', '.join(printable(file) for file in files[:4])}" if files else f"holds no {name}*.csv"
        raise InputError(f"{printable(folder)}: {listed}. Name the one {_EXPECTED} that is meant.")
    return files[0]


def _table_beside(images: Path, name: str) -> WordTable | None:
    files = sorted(images.parent.glob(f"{name}*.csv"))
    own = [file for file in files if file.stem.removeprefix(name) == images.stem.removeprefix("images")]
    file = next(iter(own or files[:1]), None) if own or len(files) == 1 else None
    return None if file is None else read_word_table(file)


def _labels(images: WordTable, choice: ManifestChoice) -> tuple[list[list[str]], int]:
    """Return the labels of each row of the images, and how many rows have those of their sequence."""
    sequences = _table_beside(images.path, "sequences")
    if "sequence_id" not in images.columns or sequences is None:
        return [[label] for label in _identified(images, choice)], 0
    check_columns(sequences, ("sequence_id",), "sequences.csv of a download of Wildlife Insights")
    of_sequence = rows_by(sequences, "sequence_id")
    words = _identified(sequences, choice)
    own = _identified(images, choice) if set(_TAXON) <= set(images.names) else [""] * len(images)
    result, number = [], 0
    for row, (label, sequence) in enumerate(zip(own, images.columns["sequence_id"], strict=True)):
        if sequence and sequence not in of_sequence:
            raise InputError(
                f"{printable(images.path)}: line {images.lines[row]}: the sequence_id {sequence!r} is not in "
                f"{printable(sequences.path.name)}. Take both of one download."
            )
        use = not label and bool(sequence)
        number += use
        result.append([words[at] for at in of_sequence[sequence]] if use else [label])
    return result, number


def _identified(table: WordTable, choice: ManifestChoice) -> list[str]:
    """Return the label that each row of a table of identifications states."""
    check_columns(table, _TAXON, "the columns of ranks of a download of Wildlife Insights")
    blanks = table.columns.get("is_blank", [""] * len(table))
    rows = zip(*(table.columns[name] for name in _RANKS), strict=True)
    names = [
        name_of_ranks(ranks, "" if common.lower() == "blank" else common)
        for ranks, common in zip(rows, table.columns["common_name"], strict=True)
    ]
    is_blank = [
        not name and (blank.lower() in ("1", "1.0", "true") or common.lower() == "blank")
        for name, blank, common in zip(names, blanks, table.columns["common_name"], strict=True)
    ]
    if choice.label_column is not None:
        names = table.column(choice.label_column, "label_column")
    return ["blank" if nothing else name for nothing, name in zip(is_blank, names, strict=True)]


def _rows(images: WordTable, labels: list[list[str]]) -> tuple[list[int], list[str], Counter[str]]:
    """Return the row of each image and label, the label, and what was left out."""
    told: Counter[str] = Counter()
    of_image: dict[str, list[tuple[int, str]]] = {}
    for row, (image, its_labels) in enumerate(zip(images.columns["image_id"], labels, strict=True)):
        if is_video(images.columns["location"][row]):
            told["videos"] += 1
            continue
        of_image.setdefault(image or f"line {row}", []).extend((row, label) for label in its_labels)
    taken, words = [], []
    for pairs in of_image.values():
        kept = distinct_labels([label for _, label in pairs], [None] * len(pairs))
        told["identifications that say the same of an image again:"] += len(pairs) - len(kept)
        taken += [pairs[place][0] for place in kept]
        words += [pairs[place][1] for place in kept]
    if not taken:
        raise InputError(f"{printable(images.path)}: holds no image, but {counted(told['videos'], 'video')}.")
    return taken, words, told
