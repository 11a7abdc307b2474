"""`longtail calibrate` and what `longtail predict` makes of it, as a person types them."""

import csv
import json

import numpy as np
import pytest
from scipy.special import softmax

from longtail.cli import main
from longtail.comparison.problem import check_problem
from longtail.evaluation.calibration import expected_calibration_error, image_scores
from longtail.evaluation.probability_report import probability_summary
from longtail.evaluation.scaling import fit_calibrator
from longtail.features import open_feature_file, write_features
from longtail.heads import (
    Ensemble,
    Joint,
    LogitAdjusted,
    NearestClassMean,
    Transformed,
    load_head,
    save_head,
)
from longtail.heads.feature_transform import FeatureTransform
from longtail.holdout import stratified_folds
from longtail.jobs.calibrate import CalibrateConfig
from longtail.jobs.calibrating.file import read_calibration
from longtail.jobs.calibrating.scores import unseen_scores

COUNTS = {"train": [400, 200, 60, 15], "val": [120, 80, 40, 6], "test": [200, 150, 80, 20]}


def made_up(rng, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return (1.6 * np.eye(len(counts), 6)[labels] + rng.normal(size=(len(labels), 6))).astype("f4"), labels


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run of joint and la, whose scores were made much too sure of themselves."""
    folder = tmp_path_factory.mktemp("calibrate")
    rng = np.random.default_rng(0)
    for split, counts in COUNTS.items():
        write_features(folder / f"feature_{split}.h5", *made_up(rng, counts))
    assert main(["fit", str(folder), "--methods", "joint,la", "--out", str(folder / "run"), "--quiet"]) == 0
    for name in ("joint", "la"):
        path = folder / "run" / "heads" / f"{name}.npz"
        with np.load(path) as file:
            stored = dict(file)
        np.savez(path, **{**stored, "weight_": 4 * stored["weight_"], "bias_": 4 * stored["bias_"]})
    return folder


@pytest.fixture(autouse=True)
def no_page(request, monkeypatch):
    """Draw no figures but where the page is what is tested."""
    if "page" not in request.node.name:
        monkeypatch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")


def calibrate(folder, *words):
    assert main(["calibrate", str(folder / "run"), *words]) == 0
    return json.loads((folder / "run" / "calibration" / "calibration.json").read_text())["heads"]


def predictions(folder, *words):
    out = folder / "predictions.csv"
    assert main(["predict", str(folder / "run"), str(folder / "feature_test.h5"), "--out", str(out), *words]) == 0
    with out.open() as file:
        return list(csv.DictReader(file))


def test_a_head_that_is_too_sure_is_mended(fitted, capsys):
    entry = calibrate(fitted, "--heads", "la", "--method", "temperature", "--accept-accuracy", "0.7")["la"]
    told = capsys.readouterr().out
    assert entry["probabilities"]["before"]["all"]["ece"] > 10
    assert entry["probabilities"]["after"]["all"]["ece"] < 5
    assert entry["probabilities"]["after"]["few"]["images"] == 20
    assert entry["decisions"]["changed"] == 0
    assert 0.15 < entry["factors"]["many"] < 0.5
    assert "la: one temperature, fitted on 246 images, val" in told
    assert "la claimed to be right in" in told
    assert entry["doubts"] == []


def test_measures_are_those_of_what_is_stored(fitted):
    entry = calibrate(fitted, "--heads", "joint", "--sets", "class", "--quiet")["joint"]
    stored = read_calibration(fitted / "run" / "heads" / "joint.npz")
    head, test = load_head(fitted / "run" / "heads" / "joint.npz"), open_feature_file(fitted / "feature_test.h5")
    probabilities = stored.calibrator.probabilities(head.logits(test.features))
    right = probabilities.argmax(axis=1) == test.labels
    assert entry["probabilities"]["after"]["all"]["ece"] == pytest.approx(
        expected_calibration_error(probabilities.max(axis=1), right)
    )
    inside = stored.sets.contains(probabilities)[np.arange(len(right)), test.labels]
    assert stored.sets.kind == "class"
    assert entry["sets"]["class"]["all"]["coverage"] == pytest.approx(100 * inside.mean())
    # the rarest class has 6 images on val, 9 are needed
    assert entry["sets"]["class"]["images_missing"] == [0, 0, 0, 3]
    assert entry["sets"]["class"]["few"]["coverage"] == 100.0
    assert any("For 1 of 4 classes there are too few images" in line for line in entry["sentences"])


def test_predict_writes_what_was_promised(fitted, capsys):
    calibrate(fitted, "--heads", "joint,la", "--method", "temperature", "--accept-accuracy", "0.7", "--quiet")
    raw = predictions(fitted, "--method", "la", "--uncalibrated")
    rows = predictions(fitted, "--method", "la", "--sets", "--reject")
    told = capsys.readouterr().out
    assert "probabilities calibrated on val, for the mix of classes there; set: group sets of 90 %" in told
    assert "not calibrated" in told
    names = ["0", "1", "2", "3"]
    found, before = (np.array([[float(row[name]) for name in names] for row in table]) for table in (rows, raw))
    head, test = load_head(fitted / "run" / "heads" / "la.npz"), open_feature_file(fitted / "feature_test.h5")
    stored = read_calibration(fitted / "run" / "heads" / "la.npz")
    np.testing.assert_allclose(before, softmax(head.logits(test.features), axis=1), atol=1e-5)
    np.testing.assert_allclose(found, stored.calibrator.probabilities(head.logits(test.features)), atol=1e-5)
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in raw]
    sets = [row["set"].split(" | ") for row in rows]
    assert all(row["prediction"] == own[0] for row, own in zip(rows, sets, strict=True))
    covered = np.mean([str(label) in own for label, own in zip(test.labels, sets, strict=True)])
    assert covered > 0.85
    accepted = np.array([row["accepted"] == "yes" for row in rows])
    np.testing.assert_array_equal(accepted, found.max(axis=1) >= stored.rule.threshold)
    assert 0 < accepted.mean() < 1
    top = predictions(fitted, "--method", "la", "--sets", "--top", "2")
    assert list(top[0]) == ["input", "set", "class_1", "probability_1", "class_2", "probability_2"]


def test_a_prior_moves_probabilities_into_its_world(fitted, tmp_path):
    uniform = calibrate(fitted, "--heads", "joint", "--prior", "uniform", "--quiet")["joint"]
    assert uniform["asked_for"] == "uniform"
    assert "keep to the mix of classes in val" in uniform["doubts"][0]
    assert uniform["under_prior"]["after"]["log_loss"] < uniform["under_prior"]["before"]["log_loss"]
    assert uniform["decisions"]["balanced"]["after"] > uniform["decisions"]["balanced"]["before"]
    (tmp_path / "shares.csv").write_text("0,0.1\n1,0.1\n2,0.1\n3,0.7\n")
    given = calibrate(fitted, "--heads", "joint", "--prior", str(tmp_path / "shares.csv"), "--quiet")["joint"]
    stored = read_calibration(fitted / "run" / "heads" / "joint.npz")
    np.testing.assert_allclose(stored.calibrator.prior, [0.1, 0.1, 0.1, 0.7])
    assert stored.calibrator.bias[3] > 1
    assert given["calibrated_on"] == f"val, for the shares of {tmp_path / 'shares.csv'}"


def test_of_many_scores_auto_tries_what_takes_no_minutes(fitted, monkeypatch):
    everything = calibrate(fitted, "--heads", "la", "--quiet")["la"]["choice"]["log_loss"]
    monkeypatch.setattr("longtail.jobs.calibrating.measures.MOST_TRIED", 4 * sum(COUNTS["val"]) - 1)
    some = calibrate(fitted, "--heads", "la", "--quiet")["la"]["choice"]["log_loss"]
    assert list(everything) == ["none", "temperature", "group", "bias", "vector"]
    assert list(some) == ["none", "temperature", "group"]


def test_labels_of_test_change_nothing_that_is_kept(fitted):
    kept = fitted / "run" / "calibration" / "la.json"
    calibrate(fitted, "--heads", "la", "--quiet")
    before, original = kept.read_text(), open_feature_file(fitted / "feature_test.h5")
    features, labels = np.array(original.features), original.labels
    write_features(fitted / "feature_test.h5", features, 3 - labels)
    calibrate(fitted, "--heads", "la", "--changed", "use", "--quiet")
    assert kept.read_text() == before
    write_features(fitted / "feature_test.h5", features, labels)


def test_what_was_measured_of_other_heads_stays(fitted):
    calibrate(fitted, "--heads", "la", "--quiet")
    assert set(calibrate(fitted, "--heads", "joint", "--quiet")) == {"joint", "la"}
    assert main(["calibrate", str(fitted / "run" / "heads" / "la.npz"), "--quiet"]) == 0


def test_a_head_that_was_fitted_again_is_not_calibrated_by_the_old_one(fitted, capsys):
    calibrate(fitted, "--heads", "la", "--quiet")
    path = fitted / "run" / "heads" / "la.npz"
    original = path.read_bytes()
    with np.load(path) as file:
        stored = dict(file)
    np.savez(path, **{**stored, "bias_": stored["bias_"] + 1})
    words = ["predict", str(path), str(fitted / "feature_test.h5"), "--out", str(fitted / "p.csv")]
    assert main(words) == 2
    assert "the head was fitted again since" in capsys.readouterr().err
    assert main([*words, "--uncalibrated"]) == 0
    path.write_bytes(original)


def test_without_val_a_part_of_train_serves_and_the_doubt_is_said(fitted, tmp_path, capsys):
    for split in ("train", "test"):
        file = open_feature_file(fitted / f"feature_{split}.h5")
        write_features(tmp_path / f"feature_{split}.h5", file.features, file.labels)
    assert main(["fit", str(tmp_path), "--methods", "joint,la", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert main(["calibrate", str(tmp_path / "run")]) == 2
    assert "no validation split" in capsys.readouterr().err
    assert not (tmp_path / "run" / "calibration").exists()
    for name in ("joint", "la"):
        entry = calibrate(tmp_path, "--heads", name, "--split-val", "0.3", "--quiet")[name]
        assert entry["images"] == pytest.approx(0.3 * sum(COUNTS["train"]), abs=3)
        assert "a second head of the same settings" in entry["doubts"][0]
        assert entry["measured_on"] == "test"


def test_a_head_that_has_seen_val_is_calibrated_by_some_that_have_not(fitted, capsys):
    words = ["fit", str(fitted), "--methods", "la,auto", "--out", str(fitted / "auto"), "--quiet"]
    assert main(words) == 0
    choice = json.loads((fitted / "auto" / "results.json").read_text())["methods"]["auto"]["choice"]
    assert (choice["method"], choice["fitted_on"]) == ("la", ["train", "val"])
    assert main(["calibrate", str(fitted / "auto"), "--method", "temperature"]) == 0
    told = capsys.readouterr().out
    assert "5 heads of the same settings, each fitted without a part of val" in told
    train, val = (open_feature_file(fitted / f"feature_{split}.h5") for split in ("train", "val"))
    tau = load_head(fitted / "auto" / "heads" / "auto.npz").tau_
    folds, logits = stratified_folds(val.labels, 5, 0), np.empty((len(val.labels), 4))
    for fold in range(5):
        rest = folds != fold
        features = np.concatenate([train.features, val.features[rest]])
        labels = np.concatenate([train.labels, val.labels[rest]])
        joint = Joint(random_state=0).fit(features, labels)
        second = LogitAdjusted(tau, (joint.weight_, joint.bias_)).fit(features, labels)
        logits[~rest] = second.logits(val.features[~rest])
    kept = read_calibration(fitted / "auto" / "heads" / "auto.npz")
    np.testing.assert_allclose(kept.calibrator.scale, fit_calibrator(logits, val.labels).scale, rtol=1e-3)


def test_another_mix_of_classes_on_test_is_said(fitted, tmp_path, capsys):
    for split in ("train", "val"):
        file = open_feature_file(fitted / f"feature_{split}.h5")
        write_features(tmp_path / f"feature_{split}.h5", file.features, file.labels)
    write_features(tmp_path / "feature_test.h5", *made_up(np.random.default_rng(5), [100] * 4))
    assert main(["fit", str(tmp_path), "--methods", "joint", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    shares = np.array(COUNTS["val"]) / sum(COUNTS["val"])
    entry = calibrate(tmp_path, "--method", "temperature")["joint"]
    assert entry["under_prior"]["distance"] == pytest.approx(50 * np.abs(shares - 0.25).sum())
    assert entry["under_prior"]["after"]["log_loss"] < entry["probabilities"]["after"]["all"]["log_loss"]
    assert "Classes are mixed otherwise on test" in capsys.readouterr().out
    calibrate(tmp_path, "--prior", "uniform")
    assert "Classes are mixed otherwise on test" not in capsys.readouterr().out


def test_without_test_it_is_measured_out_of_fold(fitted, tmp_path):
    for split in ("train", "val"):
        file = open_feature_file(fitted / f"feature_{split}.h5")
        write_features(tmp_path / f"feature_{split}.h5", file.features, file.labels)
    assert main(["fit", str(tmp_path), "--methods", "joint,la", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    entry = calibrate(tmp_path, "--heads", "la", "--quiet")["la"]
    assert entry["measured_on"] == "val, out of fold"
    assert entry["probabilities"]["after"]["all"]["images"] == sum(COUNTS["val"])
    assert "no test split" in entry["doubts"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--heads", "lws"], "no method 'lws' in"),
        (["--alpha", "1.5"], "--alpha 1.5; expected"),
        (["--accept-accuracy", "95"], "--accept-accuracy 95.0; expected"),
        (["--prior", "nowhere.txt"], "no such file, and none of uniform, train. A file holds"),
        (["--features", "nowhere"], "Say where they are: --features"),
        (["--split-val", "2"], "--split-val 2.0; expected"),
    ],
)
def test_what_cannot_be_used_is_said(fitted, words, message, capsys):
    assert main(["calibrate", str(fitted / "run"), *words]) == 2
    assert message in capsys.readouterr().err


def test_what_is_not_a_run_is_said(tmp_path, capsys):
    assert main(["calibrate", str(tmp_path)]) == 2
    assert "no results.json" in capsys.readouterr().err


def test_sets_without_a_calibration_are_refused(fitted, capsys):
    path = fitted / "run" / "heads" / "joint.npz"
    (fitted / "run" / "calibration" / "joint.json").unlink(missing_ok=True)
    assert main(["predict", str(path), str(fitted / "feature_test.h5"), "--sets"]) == 2
    assert f"First: longtail calibrate {path}" in capsys.readouterr().err
    assert CalibrateConfig(path).method == "auto"


def test_every_method_has_its_calibration_in_the_results(fitted, tmp_path, monkeypatch):
    words = ["fit", str(fitted), "--methods", "joint,ncm,la,auto", "--out", str(tmp_path / "run"), "--quiet"]
    monkeypatch.setattr("longtail.comparison.probabilities.BLOCK", 4 * 100)  # in blocks of 256 rows
    assert main(words) == 0
    methods = json.loads((tmp_path / "run" / "results.json").read_text())["methods"]
    for name in ("joint", "ncm", "la", "auto"):
        head, test = (
            load_head(tmp_path / "run" / "heads" / f"{name}.npz"),
            open_feature_file(fitted / "feature_test.h5"),
        )
        expected = probability_summary(image_scores(head.predict_proba(test.features), test.labels))
        assert methods[name]["metrics"]["test"]["calibration"] == pytest.approx(expected, rel=1e-4)
    of_val = {name: entry["metrics"]["val"]["calibration"] for name, entry in methods.items()}
    assert of_val["auto"] == of_val[methods["auto"]["choice"]["method"]]


def test_the_page_says_what_was_found(fitted):
    calibrate(fitted, "--heads", "la", "--quiet")
    page = (fitted / "run" / "report.html").read_text()
    assert "Can the probabilities be trusted?" in page
    assert "la claimed to be right in" in page
    assert 'id="reliability-after"' in page


def composed(kind, features, labels):
    """A transform before nearest means, or two such heads that vote, put together by hand."""
    transform = FeatureTransform("power-l2", keep_length=True).fit(features)
    moved = Transformed.of(transform, NearestClassMean().fit(transform.transform(features), labels))
    plain = NearestClassMean(transform="un").fit(features, labels)
    return moved if kind == "transformed" else Ensemble.of({"ncm": plain, "moved": moved}, average="log")


@pytest.mark.parametrize("kind", ["transformed", "ensemble"])
def test_heads_of_several_parts_are_fitted_again_part_by_part(fitted, tmp_path, kind):
    """`auto` may be one of them; as they come from the file, not as they were built."""
    train, val = (open_feature_file(fitted / f"feature_{split}.h5") for split in ("train", "val"))
    both = np.concatenate([train.features, val.features]), np.concatenate([train.labels, val.labels])
    save_head(composed(kind, *both), tmp_path / "heads" / "auto.npz")
    problem = check_problem({"train": train, "val": val})
    facts = {"choice": {"method": kind, "fitted_on": ["train", "val"]}}
    images = unseen_scores(tmp_path / "heads" / "auto.npz", problem, facts, split_val=None, seed=0, quiet=True)[1]
    folds, logits = stratified_folds(val.labels, 5, 0), np.empty((len(val.labels), 4))
    for fold in range(5):
        rest = folds != fold
        features = np.concatenate([train.features, val.features[rest]])
        labels = np.concatenate([train.labels, val.labels[rest]])
        logits[~rest] = composed(kind, features, labels).logits(val.features[~rest])
    np.testing.assert_allclose(images.logits, logits, rtol=1e-5, atol=1e-5)
