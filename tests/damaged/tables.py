"""The small tables, lists and names that people write by hand."""

import contextlib
import io
import json

import numpy as np
import torch

from damaged.features import CODES
from damaged.kind import Kind, holding
from damaged.ways import damaged_json, damaged_table

NAMES = ["ant", "bee", "cow"]


def predictions_content():
    lines = ["row,label,joint,crt", *(f"{row},{code},{code},0" for row, code in enumerate(CODES))]
    return "\n".join(lines).encode()


def open_predictions(path):
    from longtail.jobs.evaluate import EvaluateConfig, run
    from longtail.jobs.options import OutputOptions

    with contextlib.redirect_stdout(io.StringIO()):
        run(EvaluateConfig(path, train_counts=path.with_name("counts.txt"), runtime=OutputOptions(quiet=True)))


def write_predictions(path):
    path.write_bytes(predictions_content())
    path.with_name("counts.txt").write_text("10\n10\n10\n")


def open_prior(path):
    from longtail.jobs.predicting.prior_file import read_prior

    shares = read_prior(path, NAMES, np.array([30, 20, 10]))
    assert shares.shape == (3,)
    assert abs(shares.sum() - 1) < 1e-9


def open_counts(path):
    from longtail.jobs.evaluate import _read_counts

    _read_counts(path, None)


def open_costs(path):
    from longtail.comparison.costs_file import read_costs

    assert np.isfinite(read_costs(path, 3)).all()


def open_names(path):
    from longtail.data.list_file import read_names

    assert len(set(read_names(path, 3, "the model has 3 outputs"))) == 3


def pseudo_labels_content():
    return "\n".join(["input,pseudo_label,confidence", *(f"held[{n}],ant,0.{n}00000" for n in range(1, 9))]).encode()


def open_pseudo_labels(path):
    from longtail.data.in_memory import ImagesInMemory
    from longtail.jobs.unlabelled_images import _read

    held = ImagesInMemory(torch.zeros(9, 1, 2, 2, dtype=torch.uint8), np.zeros(9, dtype=np.int64), ("ant",), "held")
    _, labels, confidences = _read(path, held, tuple(NAMES), "leave-out")
    assert len(labels) == len(confidences)
    assert ((confidences >= 0) & (confidences <= 1)).all()


def coco_content():
    return json.dumps(
        {
            "images": [{"id": n, "file_name": f"{n}.png"} for n in range(6)],
            "annotations": [{"id": n, "image_id": n, "category_id": n % 2, "bbox": [0, 0, 1, 1]} for n in range(6)],
            "categories": [{"id": n, "name": f"species {n}"} for n in range(2)],
        }
    ).encode()


def open_coco(path):
    from longtail.data.coco_file import read_coco

    paths, labels, names, notes = read_coco(path)
    assert len(paths) == len(labels)
    assert max(labels) < len(names)
    assert "".join([*paths, *names, *notes]).encode()


TABLES = [
    Kind("predictions.csv", write_predictions, damaged_table, open_predictions, cost=2),
    Kind("prior.csv", holding(lambda: b"class,share\nant,0.2\nbee,0.3\ncow,0.5\n"), damaged_table, open_prior),
    Kind("rest.csv", holding(lambda: b"bee;25 %\nant;0,25\nrest;train\n"), damaged_table, open_prior),
    Kind("counts.txt", holding(lambda: b"10\n5\n2\n"), damaged_table, open_counts),
    Kind("costs.csv", holding(lambda: b"0,1,1\n1,0,2.5\n5,1,0\n"), damaged_table, open_costs),
    Kind("names.txt", holding(lambda: "ant\nbee\nBär\n".encode()), damaged_table, open_names),
    Kind("pseudo_labels.csv", holding(pseudo_labels_content), damaged_table, open_pseudo_labels),
    Kind("train2018.json", holding(coco_content), damaged_json, open_coco),
]
