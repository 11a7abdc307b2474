"""Predictions as a table of images of Wildlife Insights: the columns of its exports and its templates."""

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from longtail.data.manifests.columns import WordTable, read_word_table
from longtail.files.atomic import atomic_path
from longtail.files.text import printable
from longtail.jobs.predicting.formats.about import About, Blocks, ranked

__all__ = ["write_wildlife_insights"]

COLUMNS = (
    *("project_id", "deployment_id", "image_id", "filename", "location", "is_blank", "identified_by", "wi_taxon_id"),
    *("class", "order", "family", "genus", "species", "common_name", "uncertainty", "timestamp", "number_of_objects"),
    *("age", "sex", "animal_recognizable", "individual_id", "individual_animal_notes", "behavior", "highlighted"),
    *("markings", "cv_confidence", "license"),
)
_TAXON = ("wi_taxon_id", "class", "order", "family", "genus", "species", "common_name")
_KEPT = ("project_id", "deployment_id", "image_id", "filename", "location", "timestamp", "license")
_BLANK = ("blank", "empty", "nothing", "no animal")
_NO_ANIMAL = {
    **dict.fromkeys(_TAXON, ""),
    "wi_taxon_id": "f1856211-cfb7-4a5b-9158-c0f72fd09ee6",
    "common_name": "Blank",
}


def write_wildlife_insights(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write a row an image: where it is from, the ranks of its taxon, the model, and its confidence.

    Project, deployment and time are those of the export that was predicted, where it was one. So are the ranks and ids
    of taxa: a class of that export has them, another one its name alone.

    Args:
        path: of the CSV.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs and the model.

    Returns:
        Notes for people.
    """
    rows = about.inputs.rows
    export = _export(about.path)
    by_id = {} if export is None else {cell: row for row, cell in enumerate(export.columns.get("image_id", ()))}
    taxa = {} if export is None else _taxa(export)
    unknown: set[str] = set()
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        row = 0
        for _, probabilities in blocks:
            for (best, *_), (value, *_) in zip(*ranked(probabilities, 1), strict=True):
                name = about.class_names[best]
                taxon, is_known = _taxon(name, taxa)
                unknown |= set() if is_known else {name}
                is_blank = taxon["common_name"] == "Blank"
                writer.writerow(
                    {
                        **_origin(about, row, export, by_id),
                        **taxon,
                        "is_blank": int(is_blank),
                        "identified_by": about.model,
                        "number_of_objects": 0 if is_blank else 1,
                        "cv_confidence": f"{value:.6g}",
                    }
                )
                row += 1
    without = sorted(unknown)
    notes = (
        [f"no ranks are known of {', '.join(without[:5])}{' and others' if len(without) > 5 else ''}"]
        if without
        else []
    )
    if export is None or rows.ids is None:
        notes.append(
            "project, deployment and time are empty: the inputs are no export of Wildlife Insights with image_id"
        )
    return tuple(notes)


def _export(path: Path) -> WordTable | None:
    """Read the export that was predicted; None where it is none."""
    if path.is_dir():
        there = sorted(path.glob("images*.csv"))
        path = there[0] if len(there) == 1 else path
    if path.suffix.lower() != ".csv" or not path.is_file():
        return None
    table = read_word_table(path)
    return table if {"image_id", "wi_taxon_id"} <= set(table.names) else None


def _origin(about: About, row: int, export: WordTable | None, by_id: Mapping[str, int]) -> dict[str, str]:
    rows = about.inputs.rows
    image = printable(rows.images[row])
    name = PurePosixPath(image).name if rows.ids is None else printable(rows.ids[row])
    at = by_id.get(name)
    if export is None or at is None:
        return {"image_id": name, "filename": PurePosixPath(image).name, "location": image}
    return {column: export.columns[column][at] for column in _KEPT if column in export.columns}


def _taxa(export: WordTable) -> dict[str, dict[str, str]]:
    """Return the ranks of each taxon of an export, by all names that a class may have had."""
    result: dict[str, dict[str, str]] = {}
    columns = [export.columns.get(name, [""] * len(export)) for name in _TAXON]
    for cells in dict.fromkeys(zip(*columns, strict=True)):
        taxon = dict(zip(_TAXON, cells, strict=True))
        ranks = [taxon[rank] for rank in _TAXON[1:5] if taxon[rank]]
        binomial = f"{taxon['genus']} {taxon['species']}".strip()
        for name in (
            binomial,
            taxon["common_name"],
            taxon["wi_taxon_id"],
            *(ranks[-1:] if not taxon["species"] else ()),
        ):
            if name:
                result.setdefault(name.lower(), taxon)
    return result


def _taxon(name: str, taxa: Mapping[str, dict[str, str]]) -> tuple[dict[str, str], bool]:
    plain = name.strip().replace("_", " ").lower()
    if plain in taxa or name.lower() in taxa:
        return taxa.get(plain) or taxa[name.lower()], True
    if plain in _BLANK:
        return _NO_ANIMAL, True
    return {**dict.fromkeys(_TAXON, ""), "common_name": name}, False
