"""`longtail run`, killed as by `kill -9` and called again: the same bits, and no row of a log twice."""

import csv
import json

import numpy as np
import pytest

from longtail.features import open_feature_file
from same_training import assert_same_training

SMALL = ["--methods", "joint,lda", "--label-check", "none", "--device", "cpu", "--precision", "float32", "--quiet"]


def slow(mark):
    return pytest.param(mark, marks=pytest.mark.slow)


def assert_same_run(one, other):
    """Features, heads, what was measured and what was logged are the same; what it took in time is not looked at."""
    for split in ("train", "val", "test"):
        files = [open_feature_file(out / f"features/feature_{split}.h5") for out in (one, other)]
        for of in ("features", "labels", "view_of"):
            np.testing.assert_array_equal(*(np.asarray(getattr(file, of, 0)) for file in files))
    methods = [json.loads((out / "results.json").read_text())["methods"] for out in (one, other)]
    for name, entry in methods[0].items():
        assert entry["metrics"] == methods[1][name]["metrics"]
        with np.load(one / f"heads/{name}.npz") as head, np.load(other / f"heads/{name}.npz") as again:
            assert head.files == again.files
            for key in head.files:
                np.testing.assert_array_equal(head[key], again[key], err_msg=f"{name} {key}")
    assert logged(one) == logged(other)


def logged(out):
    """The rows of all logs but what is told of time; a network as it is has no curves."""
    curves, table = ((out / f"logs/csv/{name}.csv").read_text().splitlines() for name in ("curves", "results"))
    measured = [{**row, "seconds": 0} for row in csv.DictReader(table)]
    assert len(measured) == len({(row["method"], row["split"]) for row in measured}) > 0
    return [line for line in curves if "second" not in line], measured


@pytest.mark.parametrize(
    "mark", ["logs/csv/curves.csv", slow("checkpoints/last.pt"), slow("features/feature_train.h5")]
)
def test_a_run_with_a_log(mark, forked, tmp_path):
    words = ["run", "digits", "--epochs", "3", "--logger", "csv", *SMALL]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert forked.run("-m", "longtail", *words, "--out", whole).returncode == 0
    forked.killed_at(cut / mark, "-m", "longtail", *words, "--out", cut)
    assert forked.run("-m", "longtail", *words, "--out", cut).returncode == 0
    assert_same_training(whole / "checkpoints/last.pt", cut / "checkpoints/last.pt")
    assert_same_run(whole, cut)
    assert forked.run("-m", "longtail", *words, "--out", cut).returncode == 0  # and what is done is not logged again
    assert_same_run(whole, cut)


@pytest.mark.parametrize("mark", ["features/feature_train.h5", slow("checkpoints/last.pt")])
def test_a_run_of_views_of_a_network_as_it_is(mark, forked, photos, tmp_path):
    words = ["run", "folder", "--data", photos / "data", "--frozen", "--backbone", "resnet20", "--image-size", "16"]
    words += ["--weights", photos / "weights.pth", "--views", "4", "--test-views", "4", "--logger", "csv", *SMALL]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert forked.run("-m", "longtail", *words, "--out", whole).returncode == 0
    forked.killed_at(cut / mark, "-m", "longtail", *words, "--out", cut)
    assert forked.run("-m", "longtail", *words, "--out", cut).returncode == 0
    assert_same_run(whole, cut)
