"""The toy example and the similar samples: exact counts, what is trained on, and the commands as a user types them."""

import json
import re

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.data import open_data
from longtail.report import render_study
from longtail.studies.similar_samples import mixed_splits
from longtail.studies.tail_curve import change_text, numbers_of, tail_curve
from longtail.studies.toy_example import case_counts

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
SHORT = ["--epochs", "2", "--batch-size", "32", "--schedule", "cosine", "--warmup-epochs", "0", *FAST]


@pytest.mark.parametrize("step", range(50))
def test_the_published_grids_of_counts(step):
    """Case 1: nine classes from 100 to 5000 and a tail of 50; case 2: nine of 5000 and a tail from 5000 down to 100."""
    assert case_counts(1, 100 * (step + 1), 10, 9).tolist() == [100 * (step + 1)] * 9 + [50]
    assert case_counts(2, 5000 - 100 * step, 10, 9).tolist() == [5000] * 9 + [5000 - 100 * step]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    out = tmp_path_factory.mktemp("toy") / "study"
    words = ["study", "toy-example", "digits", "--points", "20,60", "--fixed", "10", "--tail", "3", "--seeds", "2"]
    assert main([*words, "--out", str(out), *SHORT]) == 0
    return out


def test_toy_example_trains_on_these_counts(toy):
    for point in (20, 60):
        results = json.loads((toy / f"at-{point}" / "seed-1" / "results.json").read_text())
        expected = [point] * 10
        expected[3] = 10
        assert results["data"]["train_counts"] == expected
    study = json.loads((toy / "study.json").read_text())
    row = study["tables"][0]["rows"][1]
    runs = [json.loads((toy / "at-60" / f"seed-{seed}" / "results.json").read_text()) for seed in (0, 1)]
    recalls = [found["methods"]["joint"]["metrics"]["test"]["per_class"] for found in runs]
    assert row["name"] == "60"
    assert row["cells"][0]["values"] == [per_class[3] for per_class in recalls]
    assert row["cells"][1]["mean"] == pytest.approx(np.mean([np.delete(per_class, 3).mean() for per_class in recalls]))
    assert len(study["tables"][1]["columns"]) == 10


def test_the_page_is_made_from_the_numbers_alone(toy):
    study = json.loads((toy / "study.json").read_text())
    page = (toy / "report.html").read_text()
    assert page == render_study(study)
    assert len(re.findall(r'id="curve-0-line-[^"]*(?<!-shape)"', page)) == 3
    assert "Unified Perspective" in page


def test_other_counts_are_not_taken_for_these(toy, capsys):
    words = ["study", "toy-example", "digits", "--points", "20", "--fixed", "11", "--tail", "3", "--seeds", "2"]
    assert main([*words, "--out", str(toy), *SHORT]) == 2
    assert "holds a run with other settings" in capsys.readouterr().err


def test_every_point_is_trained_for_as_many_steps(tmp_path):
    """20 images a class are 5 steps of 32 an epoch, 60 are 17: 20 steps are 4 and 2 epochs."""
    words = ["study", "toy-example", "digits", "--points", "20,60", "--fixed", "10", "--tail", "3", "--seeds", "1"]
    assert main([*words, "--steps", "20", "--out", str(tmp_path), *SHORT]) == 0
    epochs = [json.loads((tmp_path / f"at-{p}" / "results.json").read_text())["stage1"]["epochs"] for p in (20, 60)]
    assert epochs == [4, 2]
    study = json.loads((tmp_path / "study.json").read_text())
    assert "2 to 4 epochs, alike in steps" in study["figures"][0]["caption"]
    assert main([*words, "--steps", "0", "--out", str(tmp_path / "none"), *SHORT]) == 2


def test_similar_samples_change_the_head_alone():
    splits = open_data("digits", profile="none")
    plain = mixed_splits(splits, 0.0, 0.8, head=0, tail=9, ratio=1)
    mixed = mixed_splits(splits, 0.5, 0.8, head=0, tail=9, ratio=1)
    np.testing.assert_array_equal(plain.train.labels, mixed.train.labels)
    changed = [row for row in range(len(mixed.train)) if not torch.equal(plain.train.load(row), mixed.train.load(row))]
    assert changed == sorted(mixed.record["replaced"])
    assert (mixed.train.labels[changed] == 0).all()
    assert len(changed) == (plain.train.labels == 0).sum() // 2


@pytest.mark.parametrize("original", [False, True])
def test_any_tail_size(original):
    """Class 0 with 60 images and a ratio of 12: a tail of 5; with a ratio of 1, 60 of each."""
    splits = open_data("digits", profile="none")
    shared = {"head": 0, "tail": 9, "largest": 60, "original_draw": original}
    small = mixed_splits(splits, 0.35, 0.8, ratio=12, **shared)
    counts = np.bincount(small.train.labels)
    assert (counts[0], counts[9]) == (60, 5)
    assert len(small.record["replaced"]) == 21
    even = mixed_splits(splits, 0.35, 0.8, ratio=1, **shared)
    assert np.bincount(even.train.labels).tolist() == [60] * 10


def test_similar_samples_as_a_user_types_it(tmp_path):
    words = ["study", "similar-samples", "digits", "--vary", "tail-share", "--points", "0,1", "--fraction", "0.5"]
    assert main([*words, "--ratio", "10", "--largest", "80", "--seeds", "1", "--out", str(tmp_path), *SHORT]) == 0
    study = json.loads((tmp_path / "study.json").read_text())
    assert [row["name"] for row in study["tables"][0]["rows"]] == ["0", "1"]
    assert study["answers"][0].endswith("one seed.")
    record = json.loads((tmp_path / "at-1" / "splits.json").read_text())
    assert record["tail_share"] == 1.0
    labels = np.array(open_data("digits", profile="none").train.labels)
    assert (labels[record["chosen"]] == 0).sum() == 80
    assert len(record["replaced"]) == 40


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["toy-example", "digits", "--points", "ten"], "expected numbers with commas"),
        (["toy-example", "digits", "--points", "100,inf"], "expected finite numbers"),
        (["toy-example", "digits", "--points", "20.7"], "expected whole numbers of at least 1"),
        (["toy-example", "digits", "--case", "2", "--fixed", "20", "--points", "0,10"], "whole numbers of at least 1"),
        (["toy-example", "digits", "--points", "20", "--fixed", "0"], "--fixed 0; expected at least 1"),
        (["toy-example", "digits", "--points", "20", "--fixed", "9", "--seeds", "0"], "--seeds 0; expected at least 1"),
        (["toy-example", "digits", "--points", "20", "--fixed", "9", "--methods", "jiont"], "Did you mean joint?"),
        (["toy-example", "digits", "--points", "5000"], "the profile wants 5000"),
        (["toy-example", "digits", "--tail", "10"], "expected a class from 0 to 9"),
        (["toy-example", "digits", "--profile", "exp"], "makes its own class counts"),
        (["similar-samples", "digits", "--vary", "lambda"], "expected fraction or tail-share"),
        (["similar-samples", "digits", "--head", "9", "--ratio", "10"], "two different classes"),
        (["similar-samples", "digits", "--points", "2", "--ratio", "10"], "expected 0 to 1"),
        (["similar-samples", "digits", "--ratio", "nan"], "--ratio nan; expected"),
        (["similar-samples", "digits", "--fraction", "0.4"], "Name its values in --points"),
        (["similar-samples", "digits", "--vary", "tail-share", "--tail-share", "1"], "Name its values in --points"),
        (
            ["similar-samples", "digits", "--original-draw", "--split-seed", "1"],
            "Leave --val-fraction and --split-seed",
        ),
        (["similar-samples", "digits", "--original-draw", "--largest", "999"], "the profile wants 999"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, capsys, tmp_path):
    assert main(["study", *words, "--out", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_numbers():
    assert numbers_of(" 1,2.5 ,", "--points") == [1.0, 2.5]


def test_many_classes_get_no_column_each():
    names = [f"class {c}" for c in range(13)]
    run = {
        "data": {"class_names": names},
        "stage1": {"backbone": "resnet20", "epochs": 1},
        "methods": {
            "joint": {"metrics": {"test": {"per_class": [50.0] * 13}}},
            "crt": {"metrics": {"test": {"per_class": [60.0] * 12 + [20.0]}}},
        },
    }
    found = tail_curve({0.0: [run], 1.0: [run]}, tail=12, parameter="p")
    assert len(found["tables"]) == 1
    assert found["tail"]["joint"][0]["mean"] == 50.0
    both = tail_curve({0.0: [run], 1.0: [run]}, tail=12, parameter="p", methods=("joint", "crt"))
    assert both["tables"][0]["columns"][:2] == ["class 12 (tail), joint", "mean of the others, joint"]
    assert [cell["mean"] for cell in both["tables"][0]["rows"][1]["cells"]][3:] == [20.0, 60.0, pytest.approx(740 / 13)]


def test_a_class_without_a_test_image_counts_in_no_mean():
    def run(*per_class):
        return {
            "data": {"class_names": ["a", "b", "c"]},
            "stage1": {"backbone": "resnet20", "epochs": 1},
            "methods": {"joint": {"metrics": {"test": {"per_class": list(per_class)}}}},
        }

    found = tail_curve({0.0: [run(80.0, None, 20.0)], 1.0: [run(80.0, None, 30.0)]}, tail=2, parameter="p")
    assert [[cell["mean"] for cell in row["cells"]] for row in found["tables"][0]["rows"]] == [
        [20, 80, 50],
        [30, 80, 55],
    ]
    assert change_text(found["tail"]) == "joint +10.0, one seed"
    unseen = tail_curve({0.0: [run(80.0, None, 20.0)], 1.0: [run(80.0, None, 30.0)]}, tail=1, parameter="p")
    assert change_text(unseen["tail"]) == "joint not known: no test image"


def test_other_classifiers_are_watched_on_finished_networks(toy, capsys):
    """The networks are not trained again: their features are there."""
    words = ["study", "toy-example", "digits", "--points", "20,60", "--fixed", "10", "--tail", "3", "--seeds", "2"]
    assert main([*words, "--methods", "joint,crt", "--out", str(toy), *SHORT]) == 0
    study = json.loads((toy / "study.json").read_text())
    assert study["tables"][0]["columns"][3] == "3 (tail), crt"
    assert study["answers"][0].count("crt ") == 1
    assert study["tables"][1]["title"].startswith("Recall of each class in percent, crt")
