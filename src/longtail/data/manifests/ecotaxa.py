"""Exports of EcoTaxa: a line an image of an object, in one table or in one a sample."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.data.manifests.rows import ManifestChoice, Rows
from longtail.data.manifests.several_files import files_of, joined
from longtail.errors import InputError
from longtail.files.text import counted, printable

__all__ = ["read_ecotaxa"]

_KIND, _TYPES = ("an export of EcoTaxa",), {"[t]", "[f]"}
_EXPECTED = "tables of EcoTaxa (.tsv) with the columns object_id and object_annotation_category"
_ABOVE = ("sample_id", "acq_id")  # what the objects were taken from


def read_ecotaxa(path: Path, choice: ManifestChoice) -> Rows:
    """Read an export of EcoTaxa: a backup, annotations alone, a general one, or one for a DOI.

    Args:
        path: a table, or a folder with tables at any depth.
        choice: `label_status` says whose labels count; `group_column` is object_id where it says nothing.

    Raises:
        InputError: no table, a column that is not there, or no image named.
    """
    tables = [_without_types(read_word_table(file)) for file in files_of(path, _KIND, (".tsv", ".txt"), _EXPECTED)]
    root = path if path.is_dir() else path.parent
    names = [printable(table.path.relative_to(root)) for table in tables]
    rows = joined([_rows(table, choice) for table in tables], names, root)
    labels, notes = _of_status(rows, tables, choice, printable(path))
    is_named = [bool(image) for image in rows.images]
    rows = replace(rows, labels=labels)
    if not all(is_named):
        notes.append(f"{printable(path)}: {counted(is_named.count(False), 'row')} without an image left out")
        rows = rows.take([row for row, named in enumerate(is_named) if named])
    if rows.groups is not None and choice.group_column is None and len(set(rows.groups)) == len(rows):
        notes += _perhaps_grouped(tables, printable(path))
        rows = replace(rows, groups=None, grouped_by="")
    if rows.events is not None and choice.event_column is None and len(set(rows.events)) == len(rows):
        rows = replace(rows, events=None)
    return replace(rows, notes=(*dict.fromkeys(rows.notes), *notes))


def _without_types(table: WordTable) -> WordTable:
    """Leave out the line of types below the heading: some exports have it, others have not."""
    has_types = all(cells[0] in _TYPES for cells in table.columns.values())
    if has_types and len(table) == 1:
        raise InputError(f"{printable(table.path)}: holds no object, only a heading and its line of types.")
    return table.keep(range(1, len(table))) if has_types else table


def _rows(table: WordTable, choice: ManifestChoice) -> Rows:
    image = choice.image_column or ("img_file_name" if "img_file_name" in table.columns else "object_id")
    group, event = choice.group_column or "object_id", choice.event_column or "object_id"
    note = f"{table.path.name}: names no images (img_file_name): they are looked for by object_id"
    return Rows(
        images=table.column(image, "image_column"),
        labels=_names(table) if choice.label_column is None else table.column(choice.label_column, "label_column"),
        root=table.path.parent,
        lines=table.lines,
        groups=None if group == "none" else table.column(group, "group_column"),
        grouped_by="object" if choice.group_column is None else group,
        events=None if event == "none" else table.column(event, "event_column"),
        splits=None if choice.split_column in (None, "none") else table.column(choice.split_column, "split_column"),
        ids=table.column("object_id", "image_column"),
        notes=(note,) if image == "object_id" and choice.image_column is None else (),
    )


def _names(table: WordTable) -> list[str]:
    """Return the name of each row's taxon; that of its place in the tree where two have one name."""
    names = table.column("object_annotation_category", "label_column")
    places = next(
        (
            table.columns[name]
            for name in ("object_annotation_hierarchy", "object_annotation_category_id")
            if name in table.columns
        ),
        None,
    )
    if places is None:
        return names
    taxa = Counter(name for name, _ in set(zip(names, places, strict=True)) if name)
    return [
        name if taxa[name] <= 1 or not place else f"{name} ({place})" for name, place in zip(names, places, strict=True)
    ]


def _of_status(
    rows: Rows, tables: Sequence[WordTable], choice: ManifestChoice, origin: str
) -> tuple[list[str], list[str]]:
    """Return labels without those of other states, and notes."""
    if not all("object_annotation_status" in table.columns for table in tables):
        return list(rows.labels), [f"{origin}: no object_annotation_status: all its labels count"]
    states = [state for table in tables for state in table.columns["object_annotation_status"]]
    counts = Counter(state for state, label in zip(states, rows.labels, strict=True) if label)
    unknown = [state for state in choice.label_status if state not in counts]
    if choice.label_status != ("validated",) and unknown:
        there = ", ".join(sorted(state for state in counts if state))
        raise InputError(f"{origin}: `label_status` {unknown[0]!r} is the state of no label. States: {there}.")
    others = {state: number for state, number in counts.items() if state not in choice.label_status}
    labels = [label if state in choice.label_status else "" for label, state in zip(rows.labels, states, strict=True)]
    if not others:
        return labels, []
    listed = ", ".join(f"{number:,} {state or 'of no state'}" for state, number in sorted(others.items()))
    taken, all_of_them = " and ".join(choice.label_status), " ".join((*choice.label_status, *filter(None, others)))
    way = f": `label_status` {all_of_them} takes them too" if any(others) else ""
    return labels, [f"{origin}: only labels that are {taken} count, {listed} do not{way}"]


def _perhaps_grouped(tables: Sequence[WordTable], origin: str) -> list[str]:
    for name in _ABOVE:
        cells = [cell for table in tables for cell in table.columns.get(name, ())]
        if 1 < len(set(cells)) < len(cells):
            return [
                f"{origin}: each object has one image, and {len(set(cells)):,} {name} hold them: `group_column` {name} "
                "keeps what belongs to one on one side of every split"
            ]
    return []
