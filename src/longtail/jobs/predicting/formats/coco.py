"""Predictions in COCO's formats: a data set with annotations that have scores, and a list of results."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longtail.files.atomic import atomic_path
from longtail.jobs.predicting.formats.about import About, Blocks, ranked
from longtail.jobs.predicting.formats.coco_ids import CocoIds
from longtail.jobs.predicting.formats.json_parts import plain, write_list
from longtail.jobs.predicting.input_rows import box_in_pixels

__all__ = ["write_coco"]


def write_coco(path: Path, blocks: Blocks, about: About) -> tuple[str, ...]:
    """Write a data set of COCO and, beside it, its list of results (NAME.results.json).

    Images and categories have the ids of the file that they come from. The box of a whole image is all of it.

    Args:
        path: of the data set; .json.
        blocks: what inputs are called, and their probabilities (B, C).
        about: the inputs and the model.

    Returns:
        Notes for people.

    Raises:
        InputError: an image that the file of the inputs does not know, or whose size is not known.
    """
    ids = CocoIds.of(about)
    results = path.with_name(f"{path.stem}.results.json")
    info = {"description": f"predictions of {about.model}", "date_created": about.when.isoformat(timespec="seconds")}

    def annotations(listed: Any) -> Iterator[dict[str, Any]]:
        row = 0
        for _, probabilities in blocks:
            for (best, *_), (value, *_) in zip(*ranked(probabilities, 1), strict=True):
                box = box_in_pixels(about.inputs, row, ids.size_of)
                bbox = [0, 0, *ids.size_of(row)] if box is None else box.tolist()
                result = {
                    "image_id": ids.images[row],
                    "category_id": ids.categories[best],
                    "bbox": bbox,
                    "score": value,
                }
                listed.write(("," if row else "") + "\n" + plain(result))
                area = round(bbox[2] * bbox[3], 3)
                yield {"id": row + 1, **result, "area": area, "iscrowd": 0, "model": about.model}
                row += 1

    with (
        atomic_path(path) as temporary,
        atomic_path(results) as of_results,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
        of_results.open("w", encoding="utf-8", newline="\n") as listed,
    ):
        listed.write("[")
        file.write(f'{{\n"info": {plain(info)},\n"annotations": ')
        write_list(file, annotations(listed))
        file.write(f',\n"categories": {plain(ids.listed_categories(about.class_names))},\n"images": ')
        write_list(file, ids.listed_images())
        file.write("\n}\n")
        listed.write("\n]\n")
    return (f"the results alone are in {results.name}",)
