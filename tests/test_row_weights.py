"""Weights of rows: a row of weight w is learnt from as if it stood there w times, and is measured once."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longtail.cli import main
from longtail.comparison import Protocol, open_problem
from longtail.comparison.fitter import fit_method, fitted_joint
from longtail.comparison.learnt_rows import as_learnt
from longtail.data.manifests import ManifestChoice, read_manifest
from longtail.data.open import open_data
from longtail.data.source import weights_of
from longtail.errors import InputError
from longtail.features import open_feature_file, open_features, write_features
from longtail.features.columns import ColumnChoice
from longtail.features.splits import Reading
from longtail.heads import load_head
from longtail.row_weights import check_weighted, copies_by_weight, read_weights

MANY = st.integers(1, 60)


@given(st.data())
def test_whole_weights_leave_nothing_to_chance(data):
    size, seed = data.draw(MANY), data.draw(st.integers(0, 99))
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size)))
    weights = np.array(data.draw(st.lists(st.integers(0, 5), min_size=size, max_size=size)), dtype=np.float64)
    np.testing.assert_array_equal(
        copies_by_weight(weights, labels, seed), np.repeat(np.arange(size), weights.astype(int))
    )


@given(st.data())
def test_each_row_comes_as_often_as_it_counts_and_no_class_goes(data):
    size, seed = data.draw(MANY), data.draw(st.integers(0, 99))
    labels = np.array(data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size)))
    weights = np.array(data.draw(st.lists(st.floats(0, 6), min_size=size, max_size=size)))
    times = np.bincount(copies_by_weight(weights, labels, seed), minlength=size)
    assert (np.abs(times - weights) < 1 + 1e-9).all()
    for label in np.unique(labels):
        of_class, total = times[labels == label].sum(), weights[labels == label].sum()
        assert of_class >= (total > 0)
        assert abs(of_class - total) < 1 + 1e-9


def test_on_average_a_row_comes_as_often_as_its_weight_says():
    weights, labels = np.array([0.3, 1.7, 0.5, 2.25, 0.9]), np.array([0, 0, 1, 1, 1])
    times = [np.bincount(copies_by_weight(weights, labels, seed), minlength=5) for seed in range(4000)]
    np.testing.assert_allclose(np.mean(times, axis=0), weights, atol=0.03)


def test_a_million_whole_weights_stay_whole():
    rng = np.random.default_rng(0)
    weights, labels = rng.integers(0, 4, 10**6).astype(np.float64), rng.integers(0, 3, 10**6)
    assert len(copies_by_weight(weights, labels, 1)) == weights.sum()


@pytest.mark.parametrize(
    ("cell", "told"), [("", "''"), ("heavy", "'heavy'"), ("-1", "'-1'"), ("nan", "'nan'"), ("inf", "'inf'")]
)
def test_what_is_no_weight_is_told_with_its_row(cell, told):
    with pytest.raises(InputError, match=rf"w: line 3: {told} is no weight \(1 such rows\)\. Expected a number"):
        read_weights(np.array(["1", cell]), 2, origin="w", place=lambda row: f"line {row + 2}")


def test_weights_that_are_no_numbers_of_rows_are_refused():
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(InputError, match=r"sum to 0\.12; .* Multiply them by 33"):
        check_weighted(np.full(4, 0.03), labels, origin="e.csv")
    with pytest.raises(InputError, match="all 4 training rows are 0"):
        check_weighted(np.zeros(4), labels, origin="e.csv")
    with pytest.raises(InputError, match="all training rows of class 1 have weight 0"):
        check_weighted(np.array([1.0, 1, 0, 0]), labels, origin="e.csv")
    with pytest.raises(InputError, match="one weight a row"):
        read_weights(np.ones(3), 4, origin="e.npz: weights", place=str)


def _table(path, rng, weights, *, repeated):
    """Write rows with weights, or each as often as its weight; val and test alike in both."""
    labels = np.tile([0, 0, 0, 0, 1, 1, 2], 20)
    values = rng.normal(size=(140, 4)) + 2 * np.eye(3, 4)[labels]
    splits = np.repeat(["train", "val", "test"], [100, 20, 20])
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", "split", "w", "a", "b", "c", "d"])
        for row in range(140):
            is_train = splits[row] == "train"
            for _ in range(int(weights[row]) if repeated and is_train else 1):
                table.writerow(["xyz"[labels[row]], splits[row], weights[row], *values[row].tolist()])


@pytest.mark.parametrize("method", ["ncm", "la", "bsm", "lda", "ridge", "knn", "logistic"])
def test_a_head_learns_as_if_each_row_stood_there_as_often_as_it_counts(tmp_path, method):
    weights = np.random.default_rng(1).integers(1, 4, 140)
    heads = []
    for name, said in (("weighted", ["--weight-column", "w"]), ("repeated", ["--drop-columns", "w"])):
        path = tmp_path / f"{name}.csv"
        _table(path, np.random.default_rng(0), weights, repeated=name == "repeated")
        words = [str(path), *said, "--methods", method, "--out", str(tmp_path / name), "--quiet"]
        assert main(["fit", *words]) == 0
        heads.append(load_head(tmp_path / name / "heads" / f"{method}.npz"))
    rows = np.random.default_rng(2).normal(size=(50, 4))
    np.testing.assert_array_equal(heads[0].logits(rows), heads[1].logits(rows))
    np.testing.assert_array_equal(heads[0].class_counts_, heads[1].class_counts_)


def test_copies_of_a_row_are_of_one_group_where_a_head_chooses_within_train(tmp_path):
    """On pure noise a head that judged copies of rows it was fitted to would look excellent."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], 60)
    np.savez(tmp_path / "noise.npz", features=rng.normal(size=(120, 8)), labels=labels, weights=np.full(120, 5.0))
    opened = open_features(tmp_path / "noise.npz")
    part = as_learnt(opened.splits["train"], 0)
    assert len(part.labels) == 5 * len(np.unique(part.groups))
    words = ["--val-fraction", "0", "--methods", "knn", "--out", str(tmp_path / "o"), "--quiet"]
    assert main(["fit", str(tmp_path / "noise.npz"), *words]) == 0
    curve = load_head(tmp_path / "o" / "heads" / "knn.npz").curve_
    assert max(curve["balanced"]) < 80
    assert sum(curve["totals"]) < len(part.labels) / 5  # each counts once where it is chosen on


def test_the_column_is_no_feature_and_found_faults_are_told(tmp_path, capsys):
    _table(tmp_path / "e.csv", np.random.default_rng(0), np.ones(140), repeated=False)
    opened = open_features(tmp_path / "e.csv", Reading(columns=ColumnChoice(weight_column="w")))
    assert opened.splits["train"].feature_names == ("a", "b", "c", "d")
    assert opened.splits["train"].weights.tolist() == [1.0] * 100
    assert main(["fit", str(tmp_path / "e.csv"), "--weight-column", "v", "--out", str(tmp_path / "o")]) == 2
    assert "--weight-column v: there is no such column." in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "e.csv"), "--weight-column", "split", "--split-column", "split"]) == 2
    assert "--weight-column and --split-column both name split" in capsys.readouterr().err


def test_an_array_of_another_length_is_a_layers(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "e.npz", features=rng.normal(size=(40, 4)), labels=np.arange(40) % 2, weights=np.ones((2, 4)))
    assert open_features(tmp_path / "e.npz").splits["train"].weights is None
    with pytest.raises(InputError, match="one weight a row"):
        open_features(tmp_path / "e.npz", Reading(columns=ColumnChoice(weight_column="weights")))
    np.savez(tmp_path / "f.npz", features=rng.normal(size=(40, 4)), labels=np.arange(40) % 2, weights=np.ones(39))
    with pytest.raises(InputError, match="one weight a row"):  # nearly one a row is a mistake
        open_features(tmp_path / "f.npz")
    assert open_features(tmp_path / "f.npz", Reading(columns=ColumnChoice(weight_column="none"))).splits["train"]


@pytest.mark.parametrize(
    "words", [["joint,ensemble"], ["auto"], ["joint,tau,la,knn", "--val-fraction", "0", "--seed", "1"]]
)
def test_a_class_of_one_row_that_counts_stays_in_every_fold(tmp_path, words):
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 20, 6])
    features, weights = rng.normal(size=(66, 5)) + 2 * np.eye(3, 5)[labels], np.ones(66)
    weights[np.flatnonzero(labels == 2)[1:]] = 0
    np.savez(tmp_path / "w.npz", features=features, labels=labels, weights=weights)
    typed = ["fit", str(tmp_path / "w.npz"), "--test-fraction", "0", "--methods", *words, "--out", str(tmp_path / "o")]
    assert main([*typed, "--quiet"]) == 0


def test_priors_and_choices_are_those_of_the_weighted_rows(tmp_path):
    """Rows are balanced, weights are not: what chooses reads the same class counts as what is fitted."""
    labels = np.tile([0, 1, 2], 60)
    features = np.random.default_rng(0).normal(size=(180, 4)) + np.eye(3, 4)[labels]
    weights = np.where(labels == 0, 12.0, 1.0)
    for split, rows in (("train", slice(0, 120)), ("val", slice(120, 180))):
        write_features(tmp_path / f"feature_{split}.h5", features[rows], labels[rows], weights=weights[rows])
    problem = open_problem(tmp_path)
    assert problem.train_counts.tolist() == [480, 40, 40]
    assert problem.splits["val"].weights is None
    assert problem.of_train(np.arange(30)).train_counts.tolist() == [120, 10, 10]
    assert fit_method("la", Protocol(problem), fitted_joint(Protocol(problem))).class_counts_.tolist() == [480, 40, 40]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixty small images of two classes, and a table in which the first of train counts for three."""
    folder = tmp_path_factory.mktemp("photos")
    rng, lines = np.random.default_rng(0), ["file,species,split,times"]
    for row in range(60):
        kind, split = row % 3 // 2, ("train", "train", "val", "test")[row // 3 % 4]
        pixels = rng.integers(0, 120, (8, 8, 3)) + 100 * np.eye(3)[kind]
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
        lines.append(f"{row}.png,{['ant', 'bee'][kind]},{split},{3 if row == 0 else 1}")
    (folder / "t.csv").write_text("\n".join(lines))
    return folder


def test_stage_one_learns_from_an_image_as_often_as_it_counts(photos):
    splits = open_data(str(photos / "t.csv"), table=ManifestChoice(weight_column="times"))
    assert len(splits.train) == 30
    assert len(splits.learnt) == 32
    assert [splits.learnt.identity(row) for row in range(4)] == ["0.png", "0.png", "0.png", "1.png"]
    assert len(open_data(str(photos / "t.csv")).learnt) == 30


def test_a_run_on_a_table_hands_weights_from_images_to_heads(photos, tmp_path, capsys):
    words = ["run", "folder", "--data", str(photos / "t.csv"), "--weight-column", "times", "--epochs", "1"]
    words += ["--image-size", "8", "--backbone", "digits_cnn", "--methods", "ncm,la", "--out", str(tmp_path / "r")]
    assert main(words) == 0
    assert "30 rows count for 32 in what is learnt" in " ".join(capsys.readouterr().err.split())
    stored = open_feature_file(tmp_path / "r" / "features" / "feature_train.h5")
    assert stored.weights.sum() == 32
    assert open_feature_file(tmp_path / "r" / "features" / "feature_val.h5").weights.sum() == 15
    assert load_head(tmp_path / "r" / "heads" / "ncm.npz").class_counts_.sum() == 32
    assert main(["fit", str(tmp_path / "r" / "features"), "--methods", "ncm", "--out", str(tmp_path / "f")]) == 0
    assert load_head(tmp_path / "f" / "heads" / "ncm.npz").class_counts_.sum() == 32


def test_weights_stay_in_tables_that_are_written_and_are_refused_elsewhere(photos, tmp_path, capsys):
    words = ["convert", str(photos / "t.csv"), str(tmp_path / "o.jsonl"), "--weight-column", "times", "--quiet"]
    assert main(words) == 0
    assert read_manifest(tmp_path / "o.jsonl", ManifestChoice(weight_column="weight")).settled.weights[0] == 3
    words[2] = str(tmp_path / "o.h5")
    assert main(words) == 2
    assert "A pack holds no weights of rows." in capsys.readouterr().err
    coco = '{"images": [{"id": 1, "file_name": "0.png"}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1}], '
    (photos / "c.json").write_text(coco + '"categories": [{"id": 1, "name": "ant"}]}')
    with pytest.raises(InputError, match="`weight_column` is of plain tables"):
        read_manifest(photos / "c.json", ManifestChoice(weight_column="times"))


def test_a_source_of_none_has_none(photos):
    assert weights_of(open_data("digits").train) is None
