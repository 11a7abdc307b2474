"""Probabilities in the place of logits: new ones are taken as `fit` took those of train."""

import json

import numpy as np
import pytest

import longtail
from longtail.cli import main


def probabilities(rows, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    scores = np.exp(2 * np.eye(3)[labels] + rng.normal(size=(rows, 3)))
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), labels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probabilities")
    features, labels = probabilities(600, 0)
    np.savez(folder / "train.npz", features=features, labels=labels)
    call = ["fit", str(folder / "train.npz"), "--logits", "--methods", "ncm", "--out", str(folder / "run"), "--quiet"]
    assert main(call) == 0
    return folder / "run"


def predicted(run, folder, features):
    np.savez(folder / "new.npz", features=features)
    return longtail.predict(run, folder / "new.npz", method="ncm").probabilities


def test_the_run_says_that_they_are(run):
    assert json.loads((run / "results.json").read_text())["data"]["values"] == "probabilities"


def test_a_row_that_sums_to_less_changes_no_other(run, tmp_path):
    features = probabilities(10000, 1)[0]
    before = predicted(run, tmp_path, features)
    for row in (0, 9000):  # the first rows are no exception
        odd = features.copy()
        odd[row] *= 0.9
        after = predicted(run, tmp_path, odd)
        np.testing.assert_array_equal(np.delete(after, row, axis=0), np.delete(before, row, axis=0))


def test_numbers_that_are_none_are_told(run, tmp_path):
    features = probabilities(50, 1)[0]
    features[7, 1] = -0.25
    with pytest.raises(longtail.InputError, match="below 0 or above 1"):
        predicted(run, tmp_path, features)
