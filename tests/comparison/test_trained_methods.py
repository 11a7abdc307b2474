"""The trained heads by the names that a user types."""

import json

import numpy as np
import pytest

from longtail.cli import main
from longtail.features import open_feature_file, write_features
from longtail.heads import load_head
from longtail.heads.linear import LinearHead

NAMES = ("bsm", "cb", "ldam", "cosine", "maxnorm", "marc", "disalign")


@pytest.fixture
def features(tailed, tmp_path):
    (train, labels), (test, truth) = tailed
    write_features(tmp_path / "f" / "feature_train.h5", train, labels)
    write_features(tmp_path / "f" / "feature_val.h5", test[::2], truth[::2])
    write_features(tmp_path / "f" / "feature_test.h5", test[1::2], truth[1::2])
    return tmp_path / "f"


def fit(features, *words):
    out = features.parent / "r"
    assert main(["fit", str(features), "--device", "cpu", "--quiet", "--out", str(out), *map(str, words)]) == 0
    return json.loads((out / "results.json").read_text())["methods"], out


def test_each_name_fits_a_head_and_says_how(features):
    methods, out = fit(features, "--methods", ",".join(("joint", *NAMES)))
    params = {name: methods[name]["params"] for name in NAMES}
    assert params["bsm"]["loss"] == "balanced-softmax"
    assert params["bsm"]["sampling"] == params["cb"]["sampling"] == params["ldam"]["sampling"] == "instance"
    assert params["cb"]["reweight"] is True
    assert (params["ldam"]["loss"], params["ldam"]["rebalance_from"]) == ("ldam", 0.8)
    assert params["cosine"]["scale"] == 25.0
    assert params["maxnorm"]["weight_decay"] in (5e-3, 2e-2)
    heads = {name: load_head(out / "heads" / f"{name}.npz") for name in NAMES}
    assert heads["maxnorm"].weight_norms_.max() <= params["maxnorm"]["radius"] * (1 + 1e-6)
    for name in ("marc", "disalign"):
        assert params[name]["rho"] in (1.0, 1.5, 2.0, 2.5)
        assert methods[name]["selected_on"] == "val"
    # what `balance` writes into a model must be one linear layer
    assert {name for name in NAMES if isinstance(heads[name], LinearHead)} == {"bsm", "cb", "ldam", "maxnorm", "marc"}
    rows = open_feature_file(features / "feature_test.h5").features
    for head in heads.values():
        assert np.isfinite(head.logits(rows)).all()


def test_options_reach_the_heads(features):
    words = ["--set", "marc,disalign.rho=0.5", "cosine.scale=9", "maxnorm.radius=0.4"]
    words += ["--set", "bsm,cb.penalty=0.01", "--set", "ldam.epochs=3"]
    methods, _ = fit(features, "--methods", ",".join(NAMES), *words)
    assert methods["marc"]["params"]["rho"] == methods["disalign"]["params"]["rho"] == 0.5
    assert methods["marc"]["selected_on"] == "given"
    assert methods["cosine"]["params"]["scale"] == 9
    assert methods["maxnorm"]["params"]["radius"] == 0.4
    assert methods["bsm"]["params"]["penalty"] == methods["cb"]["params"]["penalty"] == 0.01
    assert methods["ldam"]["params"]["epochs"] == 3


def test_auto_fits_those_that_decide_again_with_what_they_found(features):
    methods, out = fit(features, "--methods", "maxnorm,marc,disalign,auto")
    choice = methods["auto"]["choice"]
    assert choice["fitted_on"] == ["train", "val"]
    head = load_head(out / "heads" / "auto.npz")
    members = dict(zip(head.members_, head.heads_, strict=True)) if choice["method"] == "ensemble" else {}
    members = members or {choice["method"]: head}
    assert set(members) == set(choice["members"])
    for name, member in members.items():
        parameter = "radius" if name == "maxnorm" else "rho"
        assert getattr(member, f"{parameter}_") == pytest.approx(methods[name]["params"][parameter])
    counts = np.bincount(open_feature_file(features / "feature_train.h5").labels)
    assert head.class_counts_.sum() > counts.sum()


def test_without_validation_the_choice_is_made_on_train(features):
    (features / "feature_val.h5").unlink()
    methods, _ = fit(features, "--methods", "joint,marc,maxnorm")
    assert methods["marc"]["selected_on"] == methods["maxnorm"]["selected_on"] == "train-cv"


def test_logits_are_enough(tailed, tmp_path):
    (train, labels), _ = tailed
    weight = np.random.default_rng(0).normal(size=(6, 8))
    np.savez(tmp_path / "logits.npz", logits=train @ weight.T, labels=labels)
    out = tmp_path / "r"
    words = ["--methods", "joint,marc,disalign,maxnorm,cosine", "--device", "cpu", "--quiet", "--out", str(out)]
    assert main(["fit", str(tmp_path / "logits.npz"), *words]) == 0
    assert set(json.loads((out / "results.json").read_text())["methods"]) == {
        "joint",
        "marc",
        "disalign",
        "maxnorm",
        "cosine",
    }
