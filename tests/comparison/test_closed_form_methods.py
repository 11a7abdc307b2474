"""ridge, lda, knn, transforms and ensemble as a user types them."""

import json
import time

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison.evidence import answers_of
from longtail.features import open_feature_file, write_features
from longtail.heads import Ensemble, Joint, LinearDiscriminant, Transformed, load_head

COUNTS = np.array([150, 80, 40, 20, 8])


def made_up(rng, counts):
    """The length of a row says nothing, its direction everything: l2 helps."""
    labels = np.repeat(np.arange(len(counts)), counts)
    features = 3 * np.eye(len(counts), 6)[labels] + rng.normal(size=(len(labels), 6))
    return (features * np.exp(rng.normal(size=(len(labels), 1)))).astype("f4"), labels


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for split, counts in (("train", COUNTS), ("val", [30] * 5), ("test", [20] * 5)):
        write_features(tmp_path / f"feature_{split}.h5", *made_up(rng, counts))
    return tmp_path


@pytest.fixture
def val_alone(monkeypatch):
    monkeypatch.setattr("longtail.comparison.protocol.ENOUGH_ROWS", 0)


def fit(folder, *words, out="fit"):
    assert main(["fit", str(folder), "--out", str(folder / out), "--quiet", *words]) == 0
    return json.loads((folder / out / "results.json").read_text())


def test_settings_and_what_was_found_are_in_the_results(folder):
    found = fit(folder, "--methods", "ridge,lda,knn")["methods"]
    assert found["ridge"]["params"].keys() == {"penalty", "gamma"}
    assert found["lda"]["params"]["prior"] == "uniform"
    assert found["knn"]["params"]["neighbours"] >= 1
    for name, parameter in (("ridge", "gamma"), ("lda", "shrinkage"), ("knn", "gamma")):
        curve = found[name]["curve"]
        assert (curve["parameter"], curve["split"]) == (parameter, "val")
        assert curve["chosen"] == found[name]["params"][parameter]
        assert found[name]["selected_on"] == "val"
    words = [
        "--set",
        "ridge.penalty=0.1",
        "--set",
        "ridge.gamma=1",
        "--set",
        "lda.shrinkage=0.5",
        "--set",
        "knn.neighbours=3",
    ]
    given = fit(folder, "--methods", "ridge,lda,knn", *words, "--set", "knn.gamma=0.5", out="given")["methods"]
    assert given["ridge"]["params"] == {"penalty": 0.1, "gamma": 1.0}
    assert given["lda"]["params"]["shrinkage"] == 0.5
    assert (given["knn"]["params"]["neighbours"], given["knn"]["params"]["gamma"]) == (3, 0.5)
    assert given["ridge"]["selected_on"] == "given"


def test_the_time_of_joint_is_that_of_its_training(folder, monkeypatch):
    quick = Joint.fit

    def slow(head, *words, **settings):
        time.sleep(0.3)
        return quick(head, *words, **settings)

    monkeypatch.setattr(Joint, "fit", slow)
    seconds = {name: found["seconds"] for name, found in fit(folder, "--methods", "joint,ncm")["methods"].items()}
    assert seconds["ncm"] < 0.3 <= seconds["joint"]


def test_knn_is_left_out_of_all_where_there_are_many_rows(folder, monkeypatch):
    monkeypatch.setattr("longtail.comparison.method_names.MOST_NEIGHBOURS", 100)
    assert "knn" not in fit(folder, "--methods", "all", "--select-on", "val", "--set", "*.epochs=1")["methods"]
    assert "knn" in fit(folder, "--methods", "knn", out="named")["methods"]


def test_a_transform_is_part_of_the_head_that_is_stored(folder):
    found = fit(folder, "--methods", "lda,ridge", "--feature-transform", "l2")["methods"]
    assert found["lda"]["params"]["feature_transform"] == "l2"
    head = load_head(folder / "fit" / "heads" / "lda.npz")
    assert isinstance(head, Transformed)
    file = open_feature_file(folder / "feature_test.h5")
    stored = np.loadtxt(folder / "fit" / "predictions" / "test.csv", delimiter=",", skiprows=1, dtype=int)
    columns = (folder / "fit" / "predictions" / "test.csv").read_text().splitlines()[0].split(",")
    np.testing.assert_array_equal(head.predict(file.features), stored[:, columns.index("lda")])
    # a shift and a factor of each feature are folded into the layer
    fit(folder, "--methods", "lda", "--feature-transform", "standardise", out="affine")
    layer = load_head(folder / "affine" / "heads" / "lda.npz")
    assert isinstance(layer, LinearDiscriminant)
    rows = np.loadtxt(folder / "affine" / "predictions" / "test.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_array_equal(layer.predict(file.features), rows[:, 2])


def test_a_networks_own_classifier_keeps_its_features(folder):
    rng = np.random.default_rng(1)
    np.savez(folder / "joint_head.npz", weight=rng.normal(size=(5, 6)), bias=np.zeros(5))
    plain = fit(folder, "--methods", "joint,tau", out="plain")["methods"]
    found = fit(folder, "--methods", "joint,tau", "--feature-transform", "l2")["methods"]
    assert found["joint"]["metrics"] == plain["joint"]["metrics"]
    assert found["tau"]["params"]["feature_transform"] == "l2"
    assert found["tau"]["metrics"]["test"]["balanced"] > plain["tau"]["metrics"]["test"]["balanced"]


def test_auto_tries_every_transform_on_val(folder, val_alone):
    found = fit(folder, "--methods", "ncm,lda,mlp,auto", "--feature-transform", "auto")["methods"]
    for name in ("ncm", "lda"):
        transform = found[name]["transform"]
        assert found[name]["params"].get("feature_transform", "none") == transform["chosen"]
        assert transform["scores"][transform["chosen"]] == max(transform["scores"].values())
        assert found[name]["metrics"]["val"]["balanced"] == pytest.approx(transform["scores"][transform["chosen"]])
        assert len(transform["scores"]) == 7
    assert "transform" not in found["mlp"]
    alone = fit(folder, "--methods", "lda", "--feature-transform", "centre-l2", out="alone")["methods"]["lda"]
    assert alone["metrics"]["val"]["balanced"] == pytest.approx(found["lda"]["transform"]["scores"]["centre-l2"])
    # what auto chose is fitted again behind the same transform
    chosen = found["auto"]["choice"]["method"]
    assert found["auto"]["params"] == found[chosen]["params"]


def test_without_val_transforms_and_members_are_chosen_on_train(folder):
    (folder / "feature_val.h5").unlink()
    words = ["--methods", "ncm,lda,ridge,ensemble,auto", "--feature-transform", "auto", "--cv-folds", "2"]
    found = fit(folder, *words)["methods"]
    assert found["ensemble"]["selected_on"] == "train-cv"
    # an ensemble of one is that one: there is nothing to choose between
    several = len(found["ensemble"]["params"]["members"]) > 1
    assert found["auto"]["choice"]["scores"].keys() == {"ncm", "lda", "ridge"} | ({"ensemble"} if several else set())


def test_an_ensemble_is_the_weighted_mean_of_its_members(folder, val_alone):
    entries = fit(folder, "--methods", "ncm,lda,ridge,knn,ensemble,auto")["methods"]
    weights = entries["ensemble"]["params"]["members"]
    assert sum(weights.values()) == pytest.approx(1, abs=0.01)
    head = load_head(folder / "fit" / "heads" / "ensemble.npz")
    assert isinstance(head, Ensemble)
    assert head.members_ == list(weights)
    features = open_feature_file(folder / "feature_test.h5").features
    slow = 0
    for part, weight, scale in zip(head.heads_, head.weights_, head.scales_, strict=True):
        scores = scale * answers_of(part, features).scores
        slow = slow + weight * scores.softmax(dim=1).numpy()
    np.testing.assert_array_equal(head.predict(features), slow.argmax(axis=1))


def test_auto_is_the_ensemble_fitted_again_where_several_decide(folder, val_alone):
    entries = fit(folder, "--methods", "ncm,lda,ridge,knn,auto")["methods"]
    choice = entries["auto"]["choice"]
    several = len(choice["members"]) > 1
    assert ("ensemble" in entries) == several == (choice["method"] == "ensemble")
    if choice["method"] == "ensemble":
        first, last = (load_head(folder / "fit" / "heads" / f"{name}.npz") for name in ("ensemble", "auto"))
        assert first.members_ == last.members_
        np.testing.assert_array_equal(first.weights_, last.weights_)
        assert last.class_counts_.sum() > first.class_counts_.sum()


def test_an_ensemble_of_one_is_left_out_unless_it_was_named(folder, val_alone, monkeypatch):
    monkeypatch.setattr("longtail.comparison.automatic.blend_weights", lambda rows, *_: {next(iter(rows)): 1.0})
    assert "ensemble" not in fit(folder, "--methods", "joint,ncm,auto")["methods"]
    assert "ensemble" in fit(folder, "--methods", "ncm,ensemble", out="named")["methods"]


def test_what_is_expected_of_new_rows_is_near_what_was_seen(folder, val_alone):
    choice = fit(folder, "--methods", "ncm,lda,ridge,knn,auto")["methods"]["auto"]["choice"]
    expected = choice["expected"]
    assert expected["score"] == pytest.approx(choice["scores"][choice["method"]] - expected["optimism"])
    assert abs(expected["optimism"]) < 10
    low, high = expected["interval"]
    assert low < expected["score"] < high


def test_mistakes_are_told(folder, capsys):
    words = ["fit", str(folder), "--out", str(folder / "x"), "--quiet"]
    assert main([*words, "--methods", "ensemble"]) == 2
    assert "it is made of other methods" in capsys.readouterr().err
    assert main([*words, "--methods", "lda", "--set", "lda.shrinkage=2"]) == 2
    assert "lda.shrinkage is 2; expected a number from 0 to 1" in capsys.readouterr().err
    assert main([*words, "--methods", "rigde"]) == 2
    assert "Did you mean ridge?" in capsys.readouterr().err
