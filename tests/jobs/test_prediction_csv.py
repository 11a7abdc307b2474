"""The rows of predictions.csv, block by block, are those of a loop over rows and numbers."""

import csv
from itertools import pairwise

import numpy as np
import pytest

from longtail.jobs.predicting.prediction_csv import PredictionReport, write_predicted


def row_by_row(identity, row, names, top):
    if top is None:
        return [identity, names[int(row.argmax())], *(f"{p:.6g}" for p in row)]
    best = np.argsort(-row, kind="stable")[:top]
    return [identity, *(text for c in best for text in (names[c], f"{row[c]:.6g}"))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("top", [None, 1, 3, 9])
def test_rows_are_those_of_a_loop(tmp_path, top, dtype):
    probabilities = np.random.default_rng(0).dirichlet(np.full(9, 0.2), size=60).astype(dtype)
    probabilities[::4] = np.round(probabilities[::4], 1)  # ties
    names = tuple(f'class "{c}", rare' for c in range(9))
    identities = [f"new.h5[{row}]" for row in range(60)]
    blocks = ((identities[a:b], probabilities[a:b]) for a, b in pairwise((0, 7, 7, 60)))
    write_predicted(tmp_path / "p.csv", blocks, names, PredictionReport(sets=False, reject=False), top)
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [
        row_by_row(identity, row, names, top) for identity, row in zip(identities, probabilities, strict=True)
    ]
