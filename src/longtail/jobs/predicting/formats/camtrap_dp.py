"""Predictions as the observations of a Camtrap DP package, version 1.0."""

import csv
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.files.atomic import atomic_path, write_json
from longtail.files.text import printable
from longtail.grouping import grouping_of
from longtail.jobs.predicting.formats.about import About, Blocks, ranked
from longtail.jobs.predicting.formats.camtrap_package import CamtrapPackage, Medium
from longtail.jobs.predicting.input_rows import box_in_shares
from longtail.jobs.predicting.units import pooled_units

__all__ = ["OBSERVATIONS", "write_camtrap_dp"]

OBSERVATIONS = (
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel"),
    *("observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior"),
    *("individualID", "individualPositionRadius", "individualPositionAngle", "individualSpeed"),
    *("bboxX", "bboxY", "bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy"),
    *("classificationTimestamp", "classificationProbability", "observationTags", "observationComments"),
)
# classes that are no taxa, by the type of observation that they are
_TYPES = {
    **dict.fromkeys(("blank", "empty", "nothing", "none", "no animal", "background"), "blank"),
    **dict.fromkeys(("human", "person", "people", "homo sapiens"), "human"),
    "vehicle": "vehicle",
    "unknown": "unknown",
    "unclassified": "unclassified",
}


def write_camtrap_dp(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write observations of media or, by event, of events: of machine, with model, time and probability.

    Args:
        path: a .csv, for the table alone; or a folder, for a package whose observations are the predictions.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs, which are of a package, and the model.

    Returns:
        Notes for people.

    Raises:
        InputError: the inputs are of no package, or one of them is none of its media.
    """
    package = CamtrapPackage.of(about.path)
    media = package.media_of(about.inputs.rows.images, about.inputs.rows.ids)
    rows = (_by_event if about.by_event else _by_medium)(blocks, about, media)
    if path.suffix.lower() == ".csv":
        _write_table(path, rows)
        return ()
    if path.resolve() == package.folder.resolve():
        raise InputError(
            f"`out` {printable(path)}: is the package that is predicted. Choose another folder, or a .csv."
        )
    taxa = _write_table(path / "observations.csv", rows)
    for name in ("deployments", "media"):
        with atomic_path(path / f"{name}.csv") as temporary:
            shutil.copyfile(package.path_of(name), temporary)
    write_json(path / "datapackage.json", _content(package.content, taxa, about))
    return (f"the images stay where they are: filePath is relative to {printable(package.folder)}",)


def _write_table(path: Path, rows: Iterator[dict[str, Any]]) -> list[str]:
    """Write observations; the scientific names among them."""
    taxa: dict[str, None] = {}
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, OBSERVATIONS, restval="", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            if row["scientificName"]:
                taxa[row["scientificName"]] = None
    return list(taxa)


def _by_medium(blocks: Blocks, about: About, media: list[Medium]) -> Iterator[dict[str, Any]]:
    inputs, row = about.inputs, 0
    spans = _spans(media, None if inputs.events is None else inputs.events.codes)
    for _, probabilities in blocks:
        for one in probabilities:
            medium, box = media[row], box_in_shares(inputs, row)
            place = {} if box is None else dict(zip(OBSERVATIONS[18:22], box, strict=True))
            event = "" if inputs.events is None else inputs.events.names[inputs.events.codes[row]]
            yield {
                "observationID": _id(about, "media", f"{medium.id}/{row}"),
                "deploymentID": medium.deployment,
                "mediaID": medium.id,
                "eventID": event,
                "eventStart": spans[row][0],
                "eventEnd": spans[row][1],
                "observationLevel": "media",
                **place,
                **_classification(about, one),
            }
            row += 1


def _by_event(blocks: Blocks, about: About, media: list[Medium]) -> Iterator[dict[str, Any]]:
    words = about.inputs.event_words()
    # an event is one of a camera: the same name at another one is another event
    codes = grouping_of([f"{medium.deployment}\n{word}" for medium, word in zip(media, words, strict=True)]).codes
    spans = _spans(media, codes)
    for members, probabilities in pooled_units(blocks, codes):
        first = int(members[0])
        yield {
            "observationID": _id(about, "event", f"{media[first].deployment}/{words[first]}"),
            "deploymentID": media[first].deployment,
            "eventID": words[first],
            "eventStart": spans[first][0],
            "eventEnd": spans[first][1],
            "observationLevel": "event",
            **_classification(about, probabilities),
        }


def _spans(media: list[Medium], codes: NDArray[np.int64] | None) -> list[tuple[str, str]]:
    """Return the first and the last time stamp of the event of each row; times of one camera are written alike."""
    if codes is None:
        return [(medium.timestamp, medium.timestamp) for medium in media]
    spans: dict[int, tuple[str, str]] = {}
    for code, medium in zip(codes.tolist(), media, strict=True):
        start, end = spans.get(code, (medium.timestamp, medium.timestamp))
        spans[code] = min(start, medium.timestamp), max(end, medium.timestamp)
    return [spans[code] for code in codes.tolist()]


def _classification(about: About, probabilities: NDArray[Any]) -> dict[str, Any]:
    (best,), (values,) = ranked(probabilities[None], 1)
    name = about.class_names[best[0]]
    kind = _TYPES.get(name.strip().lower().replace("_", " "), "animal")
    has_taxon = kind == "animal" or name.lower() == "homo sapiens"
    return {
        "observationType": kind,
        "scientificName": name if has_taxon else "",
        "classificationMethod": "machine",
        "classifiedBy": about.model,
        "classificationTimestamp": about.when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "classificationProbability": f"{values[0]:.6g}",
    }


def _id(about: About, level: str, name: str) -> str:
    """Return an id that no other observation has, of this package or another, now or later."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{about.model} {about.when.isoformat()} {level} {name}"))


def _content(content: dict[str, Any], taxa: list[str], about: About) -> dict[str, Any]:
    """Return datapackage.json with its tables beside it, and all taxa that are predicted."""
    tables = ("deployments", "media", "observations")
    resources = [
        {**resource, "path": f"{resource['name']}.csv"} if resource["name"] in tables else resource
        for resource in content["resources"]
        if isinstance(resource, dict) and (resource.get("name") in tables or "data" in resource)
    ]
    listed = content.get("taxonomic")
    known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    names = {one.get("scientificName") for one in known}
    taxonomic = [*known, *({"scientificName": name} for name in taxa if name not in names)]
    return {
        **content,
        "resources": resources,
        "created": about.when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({"taxonomic": taxonomic} if taxonomic else {}),
    }
