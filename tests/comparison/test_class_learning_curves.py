"""`longtail fit --learning-curve`: which classes gain from more images, measured without a look at test."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.features import write_features

COUNTS = [160, 80, 40, 16, 8, 1]


def made_up(rng, counts, noise):
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = 2.0 * np.eye(len(counts), 24)
    return (centres[labels] + noise * rng.normal(size=(len(labels), 24))).astype("f4"), labels


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for split, counts in (("train", COUNTS), ("val", [20] * 6), ("test", [10] * 6)):
        write_features(tmp_path / f"feature_{split}.h5", *made_up(rng, counts, 1.0))
    return tmp_path


def fit(folder, *words, out="fit"):
    assert main(["fit", str(folder), "--out", str(folder / out), "--quiet", *words]) == 0
    return json.loads((folder / out / "results.json").read_text())


def test_rare_classes_gain_and_the_report_says_it(folder):
    found = fit(folder, "--methods", "joint,ncm,auto", "--learning-curve", "--curve-draws", "3")
    curve = found["learning_curve"]
    assert curve["method"] == found["methods"]["auto"]["choice"]["method"]
    assert (curve["measured_on"], curve["draws"], len(curve["classes"])) == ("val", 3, 6)
    rows = curve["classes"]
    assert [row["train_count"] for row in rows] == COUNTS
    assert all(row["measured_images"] == 20 for row in rows)
    assert rows[4]["doubling"] > rows[0]["doubling"]
    for row in rows:
        assert row["interval"][0] <= row["doubling"] <= row["interval"][1]
        assert row["doubling"] <= 100 - row["recall"] + 1e-9
        assert (row["verdict"] == "gains") <= (row["interval"][0] > 0)
    # a class of one image cannot have less
    assert rows[5]["verdict"] == "cannot say"
    assert rows[5]["own_share"] == 0
    page = (folder / "fit" / "report.html").read_text()
    assert "Which classes to collect next" in page


def test_without_val_a_part_of_train_is_held_out_by_turns(folder):
    (folder / "feature_val.h5").unlink()
    found = fit(folder, "--methods", "ncm", "--learning-curve", "--curve-draws", "2")["learning_curve"]
    assert found["measured_on"] == "train-cv"
    assert [row["measured_images"] for row in found["classes"]] == COUNTS
    assert found["classes"][5]["recall"] is None


def test_test_labels_have_no_part_in_it(folder):
    before = fit(folder, "--methods", "ncm", "--learning-curve", "--curve-draws", "2")
    rng = np.random.default_rng(1)
    features, labels = made_up(rng, [10] * 6, 1.0)
    (folder / "feature_test.h5").unlink()
    write_features(folder / "feature_test.h5", features, 5 - labels)
    after = fit(folder, "--methods", "ncm", "--learning-curve", "--curve-draws", "2", out="other")
    assert after["learning_curve"]["classes"] == before["learning_curve"]["classes"]


def test_it_is_not_made_unless_asked_for_and_bad_words_are_told(folder, capsys):
    assert fit(folder, "--methods", "ncm")["learning_curve"] is None
    assert main(["fit", str(folder), "--methods", "ncm", "--learning-curve", "--curve-draws", "1", "--quiet"]) == 2
    assert "--curve-draws 1; expected at least 2" in capsys.readouterr().err
