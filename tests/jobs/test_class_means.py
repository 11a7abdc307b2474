"""`--classifier cosine` and `class-means` as a user types them: where they begin, and what goes on from them."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from exported_programs import assert_exported
from longtail.backbones import classifier_of, features_of
from longtail.cli import main
from longtail.data import open_data
from longtail.data.decode import write_png
from longtail.features import open_feature_file
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.class_means import spread_rows
from longtail.jobs.stage_one.images import prepare
from longtail.jobs.stage_one.switches import check_switches
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut
from same_training import assert_same_training

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
LAST = "checkpoints/last.pt"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A small network that learnt more images of digits for an epoch."""
    folder = tmp_path_factory.mktemp("start")
    assert main(["train", "digits", "--ratio", "2", "--epochs", "1", "--out", str(folder), *FAST]) == 0
    return folder / LAST


def words(start, *others):
    lift = ["--adapter", "residual", "--classifier", "class-means", "--loss", "logit-adjusted"]
    return ["--init", str(start), *lift, "--epochs", "2", *others, *FAST]


@pytest.fixture(scope="module")
def run(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert main(["run", "digits", *words(start), "--methods", "joint,la", "--out", str(folder)]) == 0
    return folder


def test_it_begins_at_the_means_of_the_features_that_the_network_had(start, tmp_path):
    still = ["--learning-rate", "1e-12", "--weight-decay", "0"]
    assert main(["train", "digits", *words(start), *still, "--epochs", "1", "--out", str(tmp_path)]) == 0
    before, after = open_model(start), open_model(tmp_path / LAST)
    # scaled as in the network's own training, not by the images that are left here
    assert after.preprocessing.mean == before.preprocessing.mean
    train = open_data("digits").train
    images = prepare(train, before.preprocessing, torch.device("cpu"))
    means = np.zeros((10, 64))
    for c in range(10):
        of_class = np.flatnonzero(np.asarray(train.labels) == c)
        chosen = of_class[[n * len(of_class) // min(len(of_class), 100) for n in range(min(len(of_class), 100))]]
        for row in chosen:
            image = images.pixels[row : row + 1].double() / 255
            image = (image - before.preprocessing.mean[0]) / before.preprocessing.std[0]
            means[c] += features_of(before.model.double(), image)[0].detach().numpy() / len(chosen)
    layer = classifier_of(after.model)
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(layer.weight.detach(), expected, atol=2e-5)
    assert layer.bias is None
    # logits are 25 times the cosines
    batch = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        cosines = functional.normalize(features_of(after.model, batch)) @ torch.from_numpy(expected).float().T
        torch.testing.assert_close(after.model(batch), 25 * cosines, rtol=1e-3, atol=1e-3)


def test_rows_are_those_of_each_class_none_twice():
    labels = np.random.default_rng(0).integers(0, 7, 900)
    labels = labels[labels != 3]
    rows = spread_rows(labels, 40)
    assert len(set(rows.tolist())) == len(rows)
    counts = np.bincount(labels, minlength=7)
    np.testing.assert_array_equal(np.bincount(labels[rows], minlength=7), np.minimum(counts, 40))


def test_it_knows_more_at_the_start_than_a_drawn_classifier(start, tmp_path):
    reached = {}
    for name in ("class-means", "cosine"):
        folder = tmp_path / name
        call = [*words(start), "--classifier", name, "--classifier-scale", "20", "--epochs", "1"]
        assert main(["train", "digits", *call, "--learning-rate", "1e-4", "--out", str(folder)]) == 0
        assert classifier_of(open_model(folder / LAST).model).scale == 20
        reached[name] = load_checkpoint(folder / LAST)["state"]["history"][-1]["val_balanced"]
    assert reached["class-means"] > reached["cosine"] + 20


def test_without_power_it_stops_and_goes_on_to_the_same_bits(start, tmp_path, monkeypatch):
    call = ["train", "digits", *words(start), "--save-every", "0"]
    assert main([*call, "--out", str(tmp_path / "whole")]) == 0
    with power_cut(monkeypatch, stop_after=3):
        main([*call, "--out", str(tmp_path / "cut")])
    assert load_checkpoint(tmp_path / "cut" / LAST)["state"]["step"] == 1
    assert main([*call, "--out", str(tmp_path / "cut"), "--resume"]) == 0
    assert_same_training(tmp_path / "whole" / LAST, tmp_path / "cut" / LAST)


@pytest.mark.slow
def test_killed_it_goes_on_to_the_same_bits(forked, start, tmp_path):
    call = ["-m", "longtail", "train", "digits", *words(start), "--epochs", "4", "--save-every", "0"]
    assert forked.run(*call, "--out", tmp_path / "whole").returncode == 0
    last = tmp_path / "cut" / LAST
    forked.killed_at(last, *call, "--out", tmp_path / "cut")
    assert load_checkpoint(last)["state"]["epoch"] < 4
    assert forked.run(*call, "--out", tmp_path / "cut", "--resume").returncode == 0
    assert_same_training(tmp_path / "whole" / LAST, last)


def test_a_run_says_so_and_its_network_is_taken(run, tmp_path):
    assert json.loads((run / "results.json").read_text())["stage1"]["switches"] == {"classifier": "class-means"}
    with np.load(run / "features" / "joint_head.npz") as head:
        assert (head["weight"].shape, str(head["prior"])) == ((10, 64), "uniform")
    balance = ["balance", str(run / "features" / "joint_head.npz"), "--features", str(run / "features")]
    assert main([*balance, "--methods", "tau,lws", "--out", str(tmp_path / "fair"), "--quiet"]) == 0
    assert main(["export", str(run / LAST), "--out", str(tmp_path / "weights.pth")]) == 0
    assert main(["extract", str(run), "--test-views", "12", "--out", str(tmp_path / "views"), *FAST]) == 0
    plain = open_feature_file(run / "features" / "feature_test.h5").features
    views = open_feature_file(tmp_path / "views" / "feature_test.h5").features
    assert plain.shape == views.shape
    assert not np.array_equal(plain, views)


@pytest.mark.slow
def test_it_predicts_and_is_exported_as_a_program(run, tmp_path, capsys):
    write_png(torch.arange(64, dtype=torch.uint8).view(1, 8, 8) * 4, tmp_path / "new.png")
    assert main(["predict", str(run), str(tmp_path / "new.png"), "--out", str(tmp_path / "new"), "--quiet"]) == 0
    assert len((tmp_path / "new" / "predictions.csv").read_text().splitlines()) == 2
    assert_exported(run, "joint", "torch-export", tmp_path, capsys)


def test_another_training_starts_from_it(run, tmp_path):
    call = ["train", "digits", "--init", str(run / LAST), "--epochs", "1", "--out", str(tmp_path), *FAST]
    assert main(call) == 0
    assert classifier_of(open_model(tmp_path / LAST).model).bias is not None


def test_a_dry_run_writes_nothing(start, tmp_path, capsys):
    assert main(["train", "digits", *words(start), "--dry-run", "--out", str(tmp_path / "dry")]) == 0
    assert "trains" in capsys.readouterr().out
    assert not (tmp_path / "dry").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--classifier", "class-means"], "drawn by chance say nothing. Start from weights: --pretrained"),
        (["--classifier-scale", "30"], "--classifier-scale does nothing without --classifier cosine or class-means"),
        (["--classifier", "cosine", "--classifier-scale", "0"], "--classifier-scale 0"),
        (["--classifier", "cosine", "--loss", "ldam"], "--classifier: --loss ldam compares directions itself"),
        (["--classifier", "cosine", "--classifier-radius", "1"], "--classifier-radius: --classifier cosine compares"),
        (["--classifier", "cosine", "--contrast", "paco"], "--classifier: --contrast paco has a classifier of its own"),
        (["--classifier", "cosine", "--experts", "sade"], "--classifier: --experts sade has classifiers of its own"),
    ],
)
def test_what_cannot_be_is_told(tmp_path, capsys, given, told):
    assert main(["train", "digits", *given, "--out", str(tmp_path / "r"), *FAST]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "r").exists()


def test_a_frozen_backbone_learns_no_classifier():
    with pytest.raises(ValueError, match="--frozen trains no backbone, so --classifier does nothing"):
        check_switches(StageOneOptions(frozen=True, classifier="cosine"))
