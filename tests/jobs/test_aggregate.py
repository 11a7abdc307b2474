"""`longtail predict --aggregate` as a user types it: heads or experts mixed on images without labels."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import longtail
from longtail.cli import main
from longtail.data.decode import write_png
from longtail.data.source import Subset
from longtail.features import open_feature_file
from longtail.heads import load_head

FAST = ["--device", "cpu", "--precision", "float32"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sade") / "run"
    call = ["run", "digits", "--experts", "sade", "--epochs", "4", "--batch-size", "64", "--warmup-epochs", "1"]
    assert main([*call, "--methods", "joint,crt,lda", "--out", str(folder), *FAST, "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Thirty digits as files."""
    from longtail.data import open_data

    folder, test = tmp_path_factory.mktemp("new"), open_data("digits").test
    for row in range(30):
        write_png(test.load(row * 13), folder / f"{row:02d}.png")
    return folder


def read(path):
    with path.open() as file:
        return np.array(
            [[float(value) for name, value in row.items() if name.isdigit()] for row in csv.DictReader(file)]
        )


def predict(run, images, out, *words):
    return main(["predict", str(run), str(images), "--out", str(out), *FAST, *words])


def test_heads_are_mixed_and_the_weights_told(run, images, tmp_path, capsys):
    assert predict(run, images, tmp_path / "p.csv", "--aggregate", "crt,lda", "--aggregate-epochs", "3") == 0
    out = capsys.readouterr().out
    facts = json.loads((tmp_path / "p.aggregate.json").read_text())
    assert set(facts) == {"weights", "agreement", "agreement_equal", "images"}
    assert (list(facts["weights"]), facts["images"]) == (["crt", "lda"], 30)
    assert sum(facts["weights"].values()) == pytest.approx(1, abs=1e-3)
    assert f"weights   crt {facts['weights']['crt']:.2f}, lda {facts['weights']['lda']:.2f}: by agreement" in out
    assert "30 predictions of a mix of crt, lda in" in out
    # softmax of the weighted sum of the heads' logits on the image as it is
    alone = [tmp_path / f"{name}.csv" for name in facts["weights"]]
    for path in alone:
        assert predict(run, images, path, "--method", path.stem, "--uncalibrated", "--quiet") == 0
    logs = sum(w * np.log(read(path)) for w, path in zip(facts["weights"].values(), alone, strict=True))
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(read(tmp_path / "p.csv"), expected, atol=2e-3)


def test_experts_are_the_parts_of_the_network(run, images, tmp_path, capsys):
    from longtail.jobs.predicting.aggregate import open_members
    from longtail.jobs.stage_one.trained_model import open_model

    checkpoint = run / "checkpoints" / "last.pt"
    _, members = open_members(run, "experts")
    model = open_model(checkpoint).model
    views = torch.randn(5, 1, 8, 8)
    with torch.no_grad():
        features = model.forward_head(model.forward_features(views), pre_logits=True)
        each = model.expert_logits(views)
    for number, head in enumerate(members.values()):
        np.testing.assert_allclose(head.logits(features.numpy()), each[:, number], rtol=1e-4, atol=1e-4)
    assert list(members) == ["expert 1", "expert 2", "expert 3"]
    assert predict(checkpoint, images, tmp_path / "p.csv", "--aggregate", "experts", "--seed", "1") == 0
    assert "weights   expert 1 0." in capsys.readouterr().out
    assert predict(run, images, tmp_path / "again.csv", "--aggregate", "experts", "--seed", "1", "--quiet") == 0
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "p.csv").read_text()


def test_all_heads_and_from_python(run, images):
    predictions = longtail.predict(run, images, aggregate="all", device="cpu", precision="float32")
    assert predictions.probabilities.shape == (30, 10)
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1, atol=1e-5)


def test_large_images_come_from_workers(bees_and_cows):
    from lightning_fabric import Fabric

    from longtail.data import open_unlabelled
    from longtail.jobs.predicting.view_features import view_features
    from longtail.jobs.stage_one.trained_model import open_model

    model = open_model(bees_and_cows / "run" / "checkpoints" / "last.pt")
    large = replace(model, preprocessing=replace(model.preprocessing, resident=False))
    source = Subset(open_unlabelled(bees_and_cows / "photos", channels=model.preprocessing.channels), np.arange(5))
    fabric = Fabric(accelerator="cpu", precision="32-true")
    views, again = (np.concatenate(list(view_features(fabric, large, source, workers=0, seed=2)), axis=1) for _ in "ab")
    assert views.shape == (2, 5, model.dimension)
    np.testing.assert_array_equal(views, again)
    assert not np.allclose(views[0], views[1])


def test_of_very_many_images_some_give_the_weights(run, images, tmp_path, monkeypatch):
    from longtail.jobs.predicting import aggregate

    monkeypatch.setitem(aggregate.aggregated.__globals__, "ENOUGH", 30 * 2 * 10 // 3)
    assert predict(run, images, tmp_path / "p.csv", "--aggregate", "crt,lda", "--quiet") == 0
    assert json.loads((tmp_path / "p.aggregate.json").read_text())["images"] == 10
    assert len(read(tmp_path / "p.csv")) == 30


def test_views_are_in_order_and_all_there(run, images):
    from lightning_fabric import Fabric

    from longtail.data import open_unlabelled
    from longtail.jobs.predicting.view_features import view_features
    from longtail.jobs.stage_one.trained_model import open_model

    model, source = open_model(run / "checkpoints" / "last.pt"), open_unlabelled(images, channels=1)
    fabric = Fabric(accelerator="cpu", precision="32-true")
    first, second = np.concatenate(list(view_features(fabric, model, source, workers=0, seed=0)), axis=1)
    assert first.shape == second.shape == (30, 144)
    plain = open_feature_file(run / "features" / "feature_test.h5").features[::13][:30]
    for view in (first, second):
        far = ((view[:, None] - np.asarray(plain)[None]) ** 2).sum(axis=2)
        assert (far < np.diag(far)[:, None]).sum(axis=1).mean() < 10  # images nearer than its own; 14.5 is chance
    assert not np.allclose(first, second)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--aggregate", "crt,nothing"], "no method 'nothing'"),
        (["--aggregate", "crt"], "one head alone has nothing to be mixed with"),
        (["--aggregate", "crt,lda", "--method", "crt"], "--method names one head, --aggregate mixes several"),
        (["--aggregate", "crt,lda", "--prior", "uniform"], "--prior moves probabilities of a known world"),
        (["--aggregate", "crt,lda", "--sets"], "--sets needs the calibration of one head"),
        (["--aggregate", "crt,lda", "--aggregate-epochs", "0"], "--aggregate-epochs 0"),
        (["--aggregate-epochs", "9"], "--aggregate-epochs does nothing without --aggregate"),
    ],
)
def test_what_does_not_go_together_is_told(run, images, tmp_path, capsys, words, told):
    assert predict(run, images, tmp_path / "p.csv", *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_features_have_no_views_and_networks_of_one_no_experts(run, images, tmp_path, capsys):
    features = run / "features" / "feature_test.h5"
    assert predict(run, features, tmp_path / "p.csv", "--aggregate", "crt,lda") == 2
    assert "looks at two random views of each image" in capsys.readouterr().err
    assert predict(run / "heads" / "crt.npz", images, tmp_path / "p.csv", "--aggregate", "all") == 2
    assert "is one model. Expected the folder of a run" in capsys.readouterr().err
    assert load_head(run / "heads" / "crt.npz").n_features_in_ == 144


@pytest.mark.parametrize("wanted", ["all", "experts", "joint", "joint,tau"])
def test_a_published_model_has_nothing_to_mix(wanted, bees_and_cows, tmp_path, capsys):
    assert main(["publish", str(bees_and_cows / "run"), "--to", str(tmp_path / "shared")]) == 0
    for model in (tmp_path / "shared", "hf://ant/bees"):
        assert predict(model, bees_and_cows / "photos", tmp_path / "p.csv", "--aggregate", wanted) == 2
        assert "is a published model, which has one head" in capsys.readouterr().err


def test_a_network_of_one(tmp_path, bees_and_cows, capsys):
    words = ["predict", bees_and_cows / "run", bees_and_cows / "photos", "--aggregate", "experts"]
    assert main([*map(str, words), "--out", str(tmp_path / "p.csv")]) == 2
    assert "has no experts. Train some" in capsys.readouterr().err
