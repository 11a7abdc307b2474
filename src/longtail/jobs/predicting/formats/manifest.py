"""Predictions as a table of images, which `longtail` reads again as one: with boxes, groups and events."""

import csv
from pathlib import Path

from longtail.data.manifests.box_columns import OUR_BOXES
from longtail.files.atomic import atomic_path
from longtail.files.text import printable
from longtail.grouping import Grouping
from longtail.jobs.predicting.formats.about import About, Blocks, ranked
from longtail.jobs.predicting.input_rows import box_in_shares

__all__ = ["write_manifest"]


def write_manifest(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write file, id, label, probability, box, group, event, model, and the most likely classes of each input.

    Args:
        path: of the CSV.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs and the model.

    Returns:
        Notes for people.
    """
    inputs, rows = about.inputs, about.inputs.rows
    beside = {"id": rows.ids, "group": rows.groups, "event": _words(inputs.events)}
    columns = {name: words for name, words in beside.items() if words is not None}
    further = [f"{what}_{k + 1}" for k in range(1, about.top) for what in ("class", "probability")]
    boxes = OUR_BOXES if rows.boxes is not None else ()
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "label", "probability", *boxes, *columns, "model", *further])
        row = 0
        for _, probabilities in blocks:
            for classes, values in zip(*ranked(probabilities, about.top), strict=True):
                box = box_in_shares(inputs, row) if boxes else None
                place = ["" if box is None else f"{edge:.6g}" for edge in ([0.0] * 4 if box is None else box)]
                pairs = zip(classes[1:], values[1:], strict=True)
                writer.writerow(
                    [
                        printable(rows.images[row]),
                        about.class_names[classes[0]],
                        f"{values[0]:.6g}",
                        *(place if boxes else ()),
                        *(printable(words[row]) for words in columns.values()),
                        about.model,
                        *(text for c, p in pairs for text in (about.class_names[c], f"{p:.6g}")),
                    ]
                )
                row += 1
    return ()


def _words(events: Grouping | None) -> list[str] | None:
    return None if events is None else [events.names[code] for code in events.codes.tolist()]
