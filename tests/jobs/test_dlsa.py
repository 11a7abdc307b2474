"""DLSA as a user asks for it: fitted, chosen, reported, predicted with; the authors' settings by name."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.comparison.problem import read_linear_head
from longtail.features import open_feature_file, write_features
from longtail.heads import DLSA, load_head
from longtail.heads.dlsa import DLSA_PUBLISHED, published_settings
from longtail.heads.dlsa.facts import group_confusion

COUNTS = [240, 120, 40, 12, 6]


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dlsa") / "feats"
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(5, 8))
    for split, counts in (("train", COUNTS), ("val", [20] * 5), ("test", [30] * 5)):
        labels = np.repeat(np.arange(5), counts)
        write_features(
            folder / f"feature_{split}.h5", centers[labels] + rng.normal(size=(len(labels), 8)) * 0.8, labels
        )
    return folder


QUICK = ["--set", "dlsa.clusters=6", "dlsa.flow_epochs=6", "dlsa.epochs=5", "--device", "cpu", "--quiet"]


@pytest.fixture(scope="module")
def fitted(features):
    out = features.parent / "always"
    words = [
        "fit",
        str(features),
        "--methods",
        "joint,dlsa",
        "--set",
        "dlsa.depth=2",
        "--set",
        "dlsa.choose_depth=false",
        "--out",
        str(out),
    ]
    assert main([*words, *QUICK]) == 0
    return out


def test_results_tell_what_the_blocks_did(fitted):
    entry = json.loads((fitted / "results.json").read_text())["methods"]["dlsa"]
    assert entry["selected_on"] == "val"
    assert entry["params"]["depth"] == 2
    facts = entry["dlsa"]
    first, second = facts["blocks"]
    assert [block["in_use"] for block in facts["blocks"]] == [True, True]
    assert sum(first["reached"].values()) == sum(COUNTS)
    assert sum(first["taken"].values()) == first["rows"] == pytest.approx(0.3 * sum(COUNTS), abs=1)
    left = {group: first["reached"][group] - first["taken"][group] for group in first["taken"]}
    assert second["reached"] == left
    assert sum(sum(first["likelihood"][group]) for group in ("many", "medium", "few")) == sum(COUNTS)
    assert len(facts["choice"]["accuracy"]) == 3
    for shares in facts["confusion"]["dlsa"].values():
        assert sum(shares.values()) == pytest.approx(100, abs=0.3)


def test_the_page_shows_the_blocks(fitted):
    page = (fitted / "report.html").read_text()
    assert "2 blocks are used" in page
    for name in ("dlsa-likelihood", "dlsa-taken", "dlsa-clusters", "dlsa-confusion"):
        assert f'<svg id="{name}"' in page
    svg = page[page.index("<svg", page.index("How likely the training images are")) :]
    ElementTree.fromstring(svg[: svg.index("</svg>") + 6])


def test_the_stored_head_predicts_what_was_reported(fitted, features):
    head = load_head(fitted / "heads" / "dlsa.npz")
    assert isinstance(head, DLSA)
    test = open_feature_file(features / "feature_test.h5")
    reported = np.genfromtxt(fitted / "predictions" / "test.csv", delimiter=",", names=True)["dlsa"]
    np.testing.assert_array_equal(head.predict(test.features), reported)


def test_blocks_that_do_not_help_are_not_used(features, tmp_path, capsys):
    words = ["fit", str(features), "--methods", "joint,dlsa", "--out", str(tmp_path)]
    assert main([*words, *QUICK]) == 0
    facts = json.loads((tmp_path / "results.json").read_text())["methods"]["dlsa"]["dlsa"]
    gain, error = facts["choice"]["gain"], facts["choice"]["standard_error"]
    assert facts["helps"] == (gain > 1.96 * error) == (facts["depth"] > 0)
    assert f"depth = {facts['depth']}" in capsys.readouterr().out
    assert ("The blocks are not used" in (tmp_path / "report.html").read_text()) == (facts["depth"] == 0)


def test_all_means_the_quick_methods(features, tmp_path):
    assert main(["fit", str(features), "--out", str(tmp_path), "--device", "cpu", "--quiet"]) == 0
    assert "dlsa" not in json.loads((tmp_path / "results.json").read_text())["methods"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "dlsa.published=imagenet"], "expected one of imagenet-ce"),
        (["--set", "dlsa.published=imagenet-paco-m2m"], "trains plain balanced softmax"),
        (["--set", "dlsa.published=imagenet-paco-ride"], "NotImplementedError"),
        (["--set", "dlsa.classifier=ride"], "expected one of balanced-softmax, class-balanced, cosine"),
        (["--set", "dlsa.proportion=1"], "expected a number above 0 and below 1"),
    ],
)
def test_mistakes_are_told_in_a_sentence(features, tmp_path, capsys, words, told):
    assert main(["fit", str(features), "--methods", "dlsa", "--out", str(tmp_path), "--quiet", *words]) == 2
    assert told in capsys.readouterr().err


def test_published_settings_are_the_specification_s():
    """Rows of the table of the released configuration files."""
    rows = {
        "imagenet-ce": (1, 1024, 50, 2, 1, 0.02, "balanced-softmax", 1e-2),
        "imagenet-cbs": (1, 1024, 50, 2, 1, 0.02, "balanced-softmax", 1e-2),
        "imagenet-paco": (3, 1024, 50, 2, 1, 0.02, "balanced-softmax", 1e-4),
        "imagenet-paco-cbs": (3, 1024, 50, 2, 1, 0.02, "class-balanced", 1e-4),
        "imagenet-paco-cos": (1, 1024, 50, 2, 1, 0.02, "cosine", 1e-4),
        "imagenet-paco-m2m": (3, 1024, 50, 2, 1, 0.02, "m2m", 1e-4),
        "imagenet-paco-ride": (3, 1024, 50, 2, 1, 0.02, "ride", 1e-4),
        "inat18-paco": (3, 1024, 30, 1, 1, 0.02, "balanced-softmax", 1e-4),
        "places-ce": (1, 512, 60, 1, 2, 0.03, "balanced-softmax", 1e-2),
        "places-ce-cos": (1, 512, 60, 1, 2, 0.03, "cosine", 1e-2),
        "places-ce-ride": (1, 512, 60, 1, 2, 0.03, "ride", 1e-2),
        "places-paco": (1, 512, 60, 1, 2, 0.03, "balanced-softmax", 1e-4),
    }
    assert rows.keys() == DLSA_PUBLISHED.keys()
    names = ("depth", "flow_batch_size", "flow_epochs", "likelihood_weight", "balance_weight", "separation_weight")
    for name, expected in rows.items():
        settings = published_settings(name)
        assert tuple(settings[key] for key in (*names, "classifier", "learning_rate")) == expected
        assert (settings["clusters"], settings["center_scale"], settings["weight_power"]) == (500, 0.05, 2)
        assert (settings["epochs"], settings["batch_size"], settings["proportion"]) == (150, 128, 0.3)


@pytest.mark.parametrize("layout", ["paco", "classifier-balancing"])
def test_the_linear_layer_of_their_checkpoints_is_taken(tmp_path, layout):
    network = create_backbone("resnet20", num_classes=5)
    state = network.state_dict()
    last = next(name for name in state if name.endswith(".weight") and state[name].shape == (5, 64))
    weight, bias = state.pop(last), state.pop(last.replace("weight", "bias"))
    if layout == "paco":
        named = {f"module.encoder_q.{name}": value for name, value in state.items()}
        content = {"epoch": 3, "state_dict": {**named, "module.linear.weight": weight, "module.linear.bias": bias}}
    else:
        parts = {"feat_model": {f"module.{name}": value for name, value in state.items()}}
        parts["classifier"] = {"module.fc.weight": weight, "module.fc.bias": bias}
        content = {"state_dict_best": parts, "state_dict": parts}
    torch.save(content, tmp_path / "theirs.pth")
    found = read_linear_head(tmp_path / "theirs.pth")
    np.testing.assert_array_equal(found.weight, weight.numpy())
    np.testing.assert_array_equal(found.bias, bias.numpy())


def test_confusion_by_group():
    groups = np.array(["many", "medium", "few"])
    found = group_confusion(np.array([0, 0, 2, 2, 2, 2]), np.array([0, 1, 2, 0, 0, 1]), groups)
    assert found == {
        "many": {"right": 50.0, "many": 0.0, "medium": 50.0, "few": 0.0},
        "few": {"right": 25.0, "many": 50.0, "medium": 25.0, "few": 0.0},
    }
