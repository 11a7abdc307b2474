"""`--methods auto`: chosen where nothing was fitted, fitted again, never by a look at test."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.comparison.costs_file import read_costs
from longtail.errors import InputError
from longtail.features import open_feature_file, write_features
from longtail.heads import TauNormalized, load_head
from longtail.holdout import stratified_folds

COUNTS = np.array([200, 120, 60, 25, 8])


def made_up(rng, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = 4 * np.eye(len(counts), 6)
    return (centres[labels] + rng.normal(size=(len(labels), 6))).astype("f4"), labels


@pytest.fixture
def folder(tmp_path):
    """Features of three splits; test labels say the opposite of what train and val say."""
    rng = np.random.default_rng(0)
    for split, counts in (("train", COUNTS), ("val", [20] * 5), ("test", [20] * 5)):
        features, labels = made_up(rng, counts)
        write_features(tmp_path / f"feature_{split}.h5", features, labels if split != "test" else 4 - labels)
    return tmp_path


def fit(folder, *words, out="fit"):
    assert main(["fit", str(folder), "--out", str(folder / out), "--quiet", *words]) == 0
    return json.loads((folder / out / "results.json").read_text())


@pytest.fixture
def val_alone(monkeypatch):
    """Look at val alone, however small it is."""
    monkeypatch.setattr("longtail.comparison.protocol.ENOUGH_ROWS", 0)


def test_they_decide_together_and_are_fitted_on_both(folder, val_alone, capsys):
    found = fit(folder, "--methods", "joint,ncm,tau,auto")
    entry, choice = found["methods"]["auto"], found["methods"]["auto"]["choice"]
    names = ("joint", "ncm", "tau", "ensemble")
    scores = {name: found["methods"][name]["metrics"]["val"]["balanced"] for name in names}
    assert choice["scores"] == pytest.approx(scores)
    assert choice["method"] == "ensemble"
    assert sum(choice["members"].values()) == pytest.approx(1)
    assert choice["fitted_on"] == ["train", "val"]
    assert entry["selected_on"] == "val"
    assert found["verdict"]["best"] == "auto"
    assert found["verdict"]["choice"].startswith("auto is the mean of ")
    assert "weighed by how probable it makes the classes of val (balanced accuracy there" in found["verdict"]["choice"]
    # val is measured with the heads that had not seen it
    assert entry["metrics"]["val"] == found["methods"]["ensemble"]["metrics"]["val"]
    assert "= ensemble" in capsys.readouterr().out


def test_the_refit_has_the_settings_that_were_found(folder):
    found = fit(folder, "--methods", "tau,auto")
    head = load_head(folder / "fit" / "heads" / "auto.npz")
    assert isinstance(head, TauNormalized)
    assert head.tau == found["methods"]["tau"]["params"]["tau"]
    assert head.selected_on_ == "given"
    once = load_head(folder / "fit" / "heads" / "tau.npz")
    assert not np.allclose(head.weight_, once.weight_)  # another joint, of more rows
    left = fit(folder, "--methods", "tau,auto", "--no-refit", out="left")
    assert left["methods"]["auto"]["choice"]["fitted_on"] == ["train"]
    same = load_head(folder / "left" / "heads" / "auto.npz")
    np.testing.assert_array_equal(same.weight_, once.weight_)


def test_test_labels_change_nothing_but_their_own_metrics(folder):
    """The same features with other test labels: the same choice, the same heads, the same predictions."""
    before = fit(folder, "--methods", "auto", "--set", "mlp.epochs=5")
    file = open_feature_file(folder / "feature_test.h5")
    write_features(folder / "feature_test.h5", np.array(file.features), 4 - np.array(file.labels))
    after = fit(folder, "--methods", "auto", "--set", "mlp.epochs=5", out="again")
    assert before["methods"]["auto"]["choice"] == after["methods"]["auto"]["choice"]
    rows = [
        np.loadtxt(folder / out / "predictions" / "test.csv", delimiter=",", skiprows=1) for out in ("fit", "again")
    ]
    np.testing.assert_array_equal(rows[0][:, 2:], rows[1][:, 2:])
    assert before["methods"]["auto"]["metrics"]["test"]["all"] < 40 < after["methods"]["auto"]["metrics"]["test"]["all"]


def test_a_look_at_test_labels_is_an_error(folder, monkeypatch, capsys):
    def peeking(decision, candidates, evidence, protocol):
        return protocol.problem.splits["test"].labels

    monkeypatch.setattr("longtail.comparison.fit_methods.fitted_on_all", peeking)
    assert main(["fit", str(folder), "--methods", "ncm,auto", "--out", str(folder / "fit"), "--quiet"]) == 2
    assert "feature_test.h5: its labels are sealed until everything is chosen" in capsys.readouterr().err
    assert not (folder / "fit" / "results.json").exists()


def test_a_small_val_is_helped_by_cross_validation_of_train(folder):
    found = fit(folder, "--methods", "joint,ncm,auto", "--cv-folds", "3")
    entry, choice = found["methods"]["auto"], found["methods"]["auto"]["choice"]
    assert choice["on"] == "val and 2 of 3 folds of train"  # which is enough
    assert (entry["selected_on"], choice["fitted_on"]) == ("val+cv", ["train", "val"])
    # the score is over all of both: between what val says and what train says
    (folder / "feature_val.h5").rename(folder / "hidden.h5")
    train = fit(folder, "--methods", "joint,ncm,auto", "--cv-folds", "3", out="train")["methods"]["auto"]["choice"]
    rows = np.array([COUNTS, [20] * 5])
    assert rows.sum() == 513
    for name in ("joint", "ncm"):
        on_val = found["methods"][name]["metrics"]["val"]["balanced"]
        assert min(on_val, train["scores"][name]) - 8 < choice["scores"][name] < max(on_val, train["scores"][name]) + 8
    # where the network's own classifier is known, its training images are not asked
    (folder / "hidden.h5").rename(folder / "feature_val.h5")
    np.savez(folder / "joint_head.npz", weight=np.ones((5, 6)), bias=np.zeros(5))
    assert fit(folder, "--methods", "joint,ncm,auto", out="own")["methods"]["auto"]["choice"]["on"] == "val"


def test_without_val_by_cross_validation(folder):
    (folder / "feature_val.h5").unlink()
    found = fit(folder, "--methods", "joint,ncm,auto", "--cv-folds", "3", "--cv-repeats", "2")
    choice = found["methods"]["auto"]["choice"]
    assert choice["on"] == "3-fold cross-validation of train"
    assert choice["fitted_on"] == ["train"]
    assert choice["doubt"] is None
    assert found["methods"]["auto"]["selected_on"] == "train-cv"
    assert 50 < choice["scores"]["ncm"] <= 100


def test_the_features_of_the_networks_own_training_images_are_doubted(folder):
    (folder / "feature_val.h5").unlink()
    rng = np.random.default_rng(1)
    np.savez(folder / "joint_head.npz", weight=rng.normal(size=(5, 6)), bias=np.zeros(5))
    found = fit(folder, "--methods", "joint,ncm,auto", "--cv-folds", "2")
    assert "too hopeful" in found["methods"]["auto"]["choice"]["doubt"]
    assert "too hopeful" in found["verdict"]["choice"]


def test_the_rule_and_the_metric_are_options(folder, val_alone):
    found = fit(folder, "--methods", "joint,ncm,lws,auto", "--one-standard-error", "--metric", "few")
    choice = found["methods"]["auto"]["choice"]
    assert (choice["rule"], choice["metric"]) == ("simplest within one standard error", "few")
    assert choice["scores"]["joint"] == pytest.approx(found["methods"]["joint"]["metrics"]["val"]["few"])


def test_costs_decide(folder, val_alone, capsys):
    """To miss class 4 costs a hundred times as much as anything else: the head that finds it is chosen."""
    costs = np.ones((5, 5)) - np.eye(5)
    costs[4] *= 100
    np.savetxt(folder / "costs.csv", costs, delimiter=",")
    words = ["--methods", "joint,ncm,auto", "--costs", str(folder / "costs.csv")]
    found = fit(folder, *words)
    val = open_feature_file(folder / "feature_val.h5").labels
    rows = np.loadtxt(folder / "fit" / "predictions" / "val.csv", delimiter=",", skiprows=1, dtype=int)
    slow = {
        name: -np.mean([costs[val[val == c], rows[val == c, at]].mean() for c in range(5)])
        for name, at in (("joint", 2), ("ncm", 3))
    }
    assert found["methods"]["auto"]["choice"]["scores"] == pytest.approx(slow)
    assert " by balanced cost (" in found["verdict"]["choice"]
    np.savetxt(folder / "costs.csv", costs[:3], delimiter=",")
    assert main(["fit", str(folder), *words, "--out", str(folder / "x"), "--quiet"]) == 2
    assert "holds 3 lines of numbers. Expected a CSV of 5 x 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds 0 lines of numbers. Expected a CSV of 2 x 2"),
        ("0,1\n1,x\n", "line 2: 'x' is no finite number"),
        ("0,nan\n1,0\n", "line 1: 'nan' is no finite number"),
        ("0,1_0\n1,0\n", "line 1: '1_0' is no finite number"),
        ("0,1,2\n1,0\n", "line 1: holds 3 values"),
        ("0,-1\n1,0\n", "row 0, column 1 is -1; expected 0 to"),
    ],
)
def test_costs_that_are_none(tmp_path, content, told):
    (tmp_path / "costs.csv").write_text(content)
    with pytest.raises(InputError) as caught:
        read_costs(tmp_path / "costs.csv", 2)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"`costs` {tmp_path / 'costs.csv'}")


def test_predict_takes_the_chosen_head(folder, tmp_path):
    fit(folder, "--methods", "joint,ncm,auto")
    words = ["predict", str(folder / "fit"), str(folder / "feature_test.h5"), "--out", str(tmp_path / "p.csv")]
    assert main([*words, "--quiet"]) == 0
    rows = (tmp_path / "p.csv").read_text().splitlines()[1:]
    stored = np.loadtxt(folder / "fit" / "predictions" / "test.csv", delimiter=",", skiprows=1, dtype=int)
    assert [int(row.split(",")[1]) for row in rows] == stored[:, -1].tolist()


@pytest.mark.parametrize("num_folds", [2, 5])
def test_folds_are_even_and_leave_every_class_something(num_folds):
    labels = np.repeat(np.arange(6), [50, 23, 7, 3, 2, 1])
    folds = stratified_folds(labels, num_folds, seed=1)
    assert (folds[labels == 5] == -1).all()
    sizes = np.bincount(folds[folds >= 0], minlength=num_folds)
    assert sizes.max() - sizes.min() <= 1
    for c in range(5):
        within = np.bincount(folds[labels == c], minlength=num_folds)
        assert within.max() - within.min() <= 1
        assert within.max() < (labels == c).sum()
    assert not np.array_equal(folds, stratified_folds(labels, num_folds, seed=2))
