"""Tables of skin lesions: ISIC's with a column for each class, HAM10000's; what is known of a lesion stands beside."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from longtail.data.folder_names import SPLIT_NAMES
from longtail.data.image_kinds import IMAGE_SUFFIXES
from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.plain_table import rows_of_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.several_files import files_of, joined
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["ISIC_KINDS", "read_isic"]

ISIC_KINDS = (
    "the metadata of HAM10000",
    "a table of ISIC",
    "a one-hot table with a column for each class, as of ISIC",
)
_SUFFIXES = (".csv", ".tab", "")
_IMAGE_NAMES = ("image", "image_name", "image_id", "isic_id")
_SAME = ("patient_id", "lesion_id")  # the first that is there: a patient has several lesions
_UNSEEN = "UNK"


def read_isic(path: Path, choice: ManifestChoice) -> Rows:
    """Read a ground truth of ISIC or the metadata of HAM10000; images of one lesion or patient are a group.

    Args:
        path: the table, or a folder that holds it, with training, validation or test in its name where there are
            several.
        choice: `group_column` may stand in another table of the same folder.

    Raises:
        InputError: no such table, or a column that is not there.
    """
    files = files_of(path, ISIC_KINDS, _SUFFIXES, "a ground truth of ISIC or the metadata of HAM10000")
    splits = [_split_of(file.stem) for file in files]
    if len(files) > 1 and (None in splits or len(set(splits)) < len(splits) or "train" not in splits):
        listed = ", ".join(file.name for file in files[:3])
        raise InputError(f"{printable(path)}: holds several tables of labels ({listed}). Name the one that is meant.")
    parts = []
    for file, split in zip(files, splits, strict=True):
        part = _rows(file, choice)
        parts.append(part if len(files) == 1 else replace(part, splits=[split or ""] * len(part)))
    root = path if path.is_dir() else path.parent
    rows = joined(parts, [file.name for file in files], root)
    return _without_unseen(replace(rows, root=root), printable(path))


def _rows(file: Path, choice: ManifestChoice) -> Rows:
    table = read_word_table(file)
    image = choice.image_column or table.first_of(*_IMAGE_NAMES)
    given = choice.group_column
    is_elsewhere = given not in (None, "none") and given not in table.columns
    asked = replace(choice, image_column=image, group_column="none" if given is None or is_elsewhere else given)
    rows = rows_of_table(table, asked)
    rows = replace(rows, ids=rows.images)
    if given is not None and not is_elsewhere:
        return rows
    for beside in (table, *_tables_beside(file)):
        name = beside.first_of(*_SAME) if given is None else given if given in beside.columns else None
        of_image = beside.first_of(*_IMAGE_NAMES)
        if name is None or of_image is None:
            continue
        same = dict(zip(map(_stem, beside.columns[of_image]), beside.columns[name], strict=True))
        groups = [same.get(_stem(word), "") for word in rows.images]
        if any(groups):
            note = () if beside is table else (f"{file.name}: {name} of its images from {beside.path.name}",)
            return replace(rows, groups=groups, grouped_by=name, notes=(*rows.notes, *note))
    if given is not None:
        table.column(given, "group_column")
    return replace(rows, notes=(*rows.notes, f"{file.name}: nothing beside it says which images are of one lesion"))


def _tables_beside(file: Path) -> Iterator[WordTable]:
    for beside in sorted(file.parent.iterdir()):
        if beside != file and beside.suffix.lower() in (".csv", ".tab") and beside.is_file():
            try:
                yield read_word_table(beside)
            except InputError:  # no table of images: nothing is asked of it
                continue


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name


def _split_of(stem: str) -> str | None:
    words = stem.lower().replace("-", "_").split("_")
    return next((split for split, usual in SPLIT_NAMES.items() if not set(usual).isdisjoint(words)), None)


def _without_unseen(rows: Rows, origin: str) -> Rows:
    """Leave out images of none of the classes that there is to learn: UNK, which stands in the test set alone."""
    splits: Sequence[str] = rows.splits or ["train"] * len(rows)
    unseen = [label == _UNSEEN for label in rows.labels]
    if not any(unseen) or any(new and split == "train" for new, split in zip(unseen, splits, strict=True)):
        return rows
    kept = rows.take([row for row, new in enumerate(unseen) if not new])
    note = f"{origin}: {counted(sum(unseen), 'row')} of {_UNSEEN} left out: no training image is of it"
    return replace(kept, notes=(*kept.notes, note))
