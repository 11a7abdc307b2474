"""Likeness of classes by hand, what it explains, and the two-Gaussian model against its simulation."""

import json
import re

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from longtail.cli import main
from longtail.features import write_features
from longtail.report import render_study
from longtail.studies.similarity import category_similarity, explained
from longtail.studies.two_gaussians import boundary_variance, predicted_recall, predicted_shift, simulate


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [40, 20, 9, 2, 1])
    return rng.normal(size=(72, 3)) + rng.normal(size=(5, 3))[labels], labels


def test_overlap_against_a_loop_that_leaves_each_row_out(rows):
    features, labels = rows
    found = category_similarity(features, labels, 5)
    lost, nearest = np.zeros(5), [[] for _ in range(5)]
    for index, (row, own) in enumerate(zip(features, labels, strict=True)):
        distances = []
        for c in range(5):
            members = (labels == c) & (np.arange(72) != index)
            distances.append(np.linalg.norm(row - features[members].mean(axis=0)) if members.any() else np.inf)
        if int(np.argmin(distances)) != own:
            lost[own] += 1
            nearest[own].append(int(np.argmin(distances)))
    np.testing.assert_allclose(found["overlap"][:4], (lost / np.bincount(labels))[:4])
    assert np.isnan(found["overlap"][4])
    for c in range(4):
        votes = np.bincount(nearest[c], minlength=5)
        assert found["nearest"][c] == (votes.argmax() if nearest[c] else -1)


def test_cosines_of_class_means(rows):
    features, labels = rows
    means = np.stack([features[labels == c].mean(axis=0) for c in range(5)])
    means -= means.mean(axis=0)
    cosines = [
        max(means[a] @ means[b] / np.linalg.norm(means[a]) / np.linalg.norm(means[b]) for b in range(5) if b != a)
        for a in range(5)
    ]
    np.testing.assert_allclose(category_similarity(features, labels, 5)["cosine"], cosines)


def test_permuting_classes_permutes_the_measures(rows):
    features, labels = rows
    renamed = np.array([3, 0, 4, 2, 1])
    before, after = category_similarity(features, labels, 5), category_similarity(features, renamed[labels], 5)
    for name in ("overlap", "cosine"):
        np.testing.assert_allclose(before[name], after[name][renamed])


def test_explained_against_scikit_learn():
    rng = np.random.default_rng(0)
    count, likeness = rng.integers(5, 2000, 60).astype(float), rng.uniform(size=60)
    recall = 10 * np.log(count) - 30 * likeness + rng.normal(size=60) * 5
    found = explained(recall, count, likeness)

    def r2(*columns):
        matrix = np.column_stack(columns)
        return LinearRegression().fit(matrix, recall).score(matrix, recall)

    both, number, similar = r2(np.log(count), likeness), r2(np.log(count)), r2(likeness)
    assert found["r2"] == pytest.approx(both)
    assert found["number"] == pytest.approx((number + both - similar) / 2)
    assert found["number"] + found["similarity"] == pytest.approx(both)
    assert found["slope_number"] > 0 > found["slope_similarity"]


def test_what_does_not_vary_explains_nothing():
    found = explained(np.array([1.0, 2.0, 4.0]), np.array([7.0, 7.0, 7.0]), np.array([0.1, 0.2, 0.4]))
    assert found["number"] == pytest.approx(0)
    assert found["r2"] == pytest.approx(1)


def test_similarity_as_a_user_types_it(tmp_path, rows):
    features, labels = rows
    for split in ("train", "test"):
        write_features(tmp_path / "feats" / f"feature_{split}.h5", features, labels)
    words = ["study", "similarity", str(tmp_path / "feats"), "--device", "cpu", "--quiet", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert study["question"].startswith("Over 4 classes")
    assert study["tables"][1]["rows"][0]["cells"][0]["mean"] >= study["tables"][1]["rows"][1]["cells"][0]["mean"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page == render_study(study)
    assert len(re.findall(r'id="scatter-0-points-[^"]*(?<!-shape)"', page)) == 2
    measured = category_similarity(features, labels, 5)
    assert [row["train_count"] for row in study["classes"]] == [40, 20, 9, 2, 1]
    assert [row["cosine"] for row in study["classes"]] == pytest.approx(measured["cosine"].tolist(), abs=1e-5)
    assert [row["overlap"] for row in study["classes"][:4]] == pytest.approx((100 * measured["overlap"][:4]).tolist())
    assert study["classes"][4]["overlap"] is None
    assert "explain 67 % of the variance between so many classes by chance" in study["notes"][0]


def test_measures_that_say_nothing_explain_two_of_c_less_one_parts():
    rng = np.random.default_rng(0)
    found = [explained(rng.normal(size=9), rng.integers(5, 500, 9), rng.normal(size=9))["r2"] for _ in range(2000)]
    assert np.mean(found) == pytest.approx(2 / 8, abs=0.015)


def test_three_classes_are_too_few(tmp_path, rows, capsys):
    features, labels = rows
    few = labels < 3
    for split in ("train", "test"):
        write_features(tmp_path / "feats" / f"feature_{split}.h5", features[few], labels[few])
    words = ["study", "similarity", str(tmp_path / "feats"), "--device", "cpu", "--quiet", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 2
    assert "3 classes have a recall" in capsys.readouterr().err


@pytest.mark.parametrize(("head_count", "fraction"), [(50, 0.5), (2000, 0.5), (2000, 0.2)])
def test_the_boundary_moves_as_the_model_says_whatever_the_number(head_count, fraction):
    shape = {"tail_share": 0.7, "distance": 2.5}
    shifts, recalls = simulate(fraction, head_count, 40, 3000, np.random.default_rng(0), **shape)
    error = shifts.std() / np.sqrt(3000)
    assert shifts.mean() == pytest.approx(predicted_shift(fraction, **shape), abs=4 * error)
    assert recalls.mean() == pytest.approx(predicted_recall(fraction, head_count, 40, **shape), abs=0.006)
    # of 3000 draws the variance is known to 2.6 %
    assert shifts.var() == pytest.approx(boundary_variance(fraction, head_count, 40, tail_share=0.7), rel=0.1)


def test_without_similar_samples_the_boundary_stays():
    assert predicted_shift(0.0, tail_share=0.8, distance=2.0) == 0
    assert predicted_shift(0.5, tail_share=0.0, distance=2.0) == 0


def test_two_gaussians_as_a_user_types_it(tmp_path):
    words = ["study", "two-gaussians", "--repeats", "20", "--fractions", "0.5,0,0.5", "--quiet", "--out", str(tmp_path)]
    assert main([*words, "--head-counts", "10,20,50,100,200,500"]) == 0
    study = json.loads((tmp_path / "study.json").read_text())
    assert [row["name"] for row in study["tables"][0]["rows"]] == ["0", "0.5"]
    assert "predicted: 0.40" in study["answers"][0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["two-gaussians", "--fractions", "0,2"], "expected 0 to 1"),
        (["two-gaussians", "--head-counts", "0"], "whole numbers of at least 1"),
        (["two-gaussians", "--distance", "nan"], "--distance nan; expected"),
        (["two-gaussians", "--tail-count", "0"], "--tail-count 0; expected at least 1"),
        (["similarity", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, capsys, tmp_path):
    assert main(["study", *words, "--out", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err
