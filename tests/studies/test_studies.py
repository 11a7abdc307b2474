"""The papers' analyses as a user types them, on the digits; and their sums, by hand."""

import json
import re

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from longtail.cli import main
from longtail.report import render_study
from longtail.studies.retrained_parts import compare_parts
from longtail.studies.side_by_side import side_by_side
from longtail.studies.weight_norms import norms_by_group
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut

OF_HEADS = ["--device", "cpu", "--quiet"]
FAST = [*OF_HEADS, "--precision", "float32"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "representations"
    words = ["study", "representations", "digits", "--representations", "instance,class", "--epochs", "2"]
    assert main([*words, "--seeds", "2", "--methods", "joint,ncm", "--out", str(folder), *FAST]) == 0
    return folder


def test_representations_are_the_runs_side_by_side(study, capsys):
    found = json.loads((study / "study.json").read_text())
    table = next(table for table in found["tables"] if table["title"] == "balanced")
    assert table["columns"] == ["joint", "ncm"]
    for row in table["rows"]:
        for method, cell in zip(table["columns"], row["cells"], strict=True):
            values = [
                json.loads((study / row["name"] / f"seed-{seed}" / "results.json").read_text())["methods"][method][
                    "metrics"
                ]["test"]["balanced"]
                for seed in (0, 1)
            ]
            assert cell["mean"] == pytest.approx(np.mean(values))
            assert cell["values"] == values
    train = json.loads((study / "class" / "seed-1" / "train.json").read_text())
    assert train["stage"]["representation"] == "class"
    assert "joint, balanced accuracy: instance" in (study / "study.md").read_text()


def test_a_second_call_trains_nothing(study, capsys):
    before = {path: path.stat().st_mtime_ns for path in study.rglob("last.pt")}
    words = ["study", "representations", "digits", "--representations", "instance,class", "--epochs", "2"]
    assert main([*words, "--seeds", "2", "--methods", "joint,ncm", "--out", str(study), *FAST]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in study.rglob("last.pt")}


def test_the_page_is_made_from_the_numbers_alone(study):
    found = json.loads((study / "study.json").read_text())
    page = (study / "report.html").read_text()
    assert page == render_study(found)
    assert "<script" not in page
    assert len(re.findall(r'id="points-0-series-0-[^"]*(?<!-shape)"', page)) == len(found["figures"][0]["panels"])


def test_weight_norms(study, tmp_path, capsys):
    source = study / "instance" / "seed-0"
    words = ["study", "weight-norms", str(source), "--methods", "joint,crt,tau", "--set", "crt.epochs=2"]
    assert main([*words, "--set", "tau.tau=1", "--out", str(tmp_path), *OF_HEADS]) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    rows = {row["name"]: row["cells"] for row in found["tables"][0]["rows"]}
    weight = np.load(source / "features" / "joint_head.npz")["weight"]
    norms, counts = np.linalg.norm(weight, axis=1), found["data"]["train_counts"]
    assert rows["joint"][0]["mean"] == pytest.approx(spearmanr(norms, counts).statistic)
    groups = np.array(found["data"]["group_of_class"])
    assert rows["joint"][1]["mean"] == pytest.approx(norms[groups == "many"].mean() / norms.mean())
    # tau = 1 makes all weights equally long
    assert [cell["mean"] for cell in rows["tau"][1:]] == pytest.approx([1, 1, 1], abs=1e-5)
    assert rows["tau"][0] is None
    assert "tau -" in found["answers"][0]
    assert main(["study", "weight-norms", str(source), "--methods", "ncm", "--out", str(tmp_path), *OF_HEADS]) == 2
    assert "no method here has a weight vector" in capsys.readouterr().err


def test_weight_norms_of_equally_common_classes_have_no_trend():
    data = {"name": "d", "train_counts": [50, 50, 50], "group_of_class": ["medium"] * 3, "class_names": ["a", "b", "c"]}
    run = {"data": data, "methods": {"joint": {"weight_norms": [1.0, 2.0, 4.0]}}}
    found = norms_by_group([run, run])
    assert found["tables"][0]["rows"][0]["cells"][0] is None
    assert "are alike" in found["notes"][0]


def test_features_are_found_where_a_fit_read_them(study, tmp_path):
    features = study / "instance" / "seed-0" / "features"
    assert main(["fit", str(features), "--methods", "joint,la", "--out", str(tmp_path / "fit"), *OF_HEADS]) == 0
    tables = []
    for source in (features, tmp_path / "fit"):
        words = ["study", "weight-norms", str(source), "--methods", "joint,la", "--set", "tau.tau=1"]
        assert main([*words, "--out", str(tmp_path / "study"), *OF_HEADS]) == 0
        tables.append(json.loads((tmp_path / "study" / "study.json").read_text())["tables"])
    assert tables[0] == tables[1]


def test_retrained_parts(tmp_path):
    words = [
        "study",
        "retrained-parts",
        "digits",
        "--parts",
        "classifier,all:0.1",
        "--epochs",
        "2",
        "--set",
        "crt.epochs=1",
    ]
    assert main([*words, "--out", str(tmp_path), *FAST]) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    assert [row["name"] for row in found["tables"][0]["rows"]] == ["joint (not retrained)", "classifier", "all:0.1"]
    assert len(found["answers"]) == 1
    kept = {path.parent.name for path in (tmp_path / "checkpoints").rglob("last.pt")}
    assert kept == {"checkpoints", "retrained-classifier", "retrained-all-0.1"}


def test_rebalancing_and_architectures(tmp_path):
    shared = ["--epochs", "2", "--methods", "joint,crt", "--set", "crt.epochs=1", *FAST]
    words = ["study", "rebalancing", "digits", "--rules", "ce,rs,ldam-drw", "--out", str(tmp_path / "rules")]
    assert main([*words, *shared]) == 0
    found = json.loads((tmp_path / "rules" / "study.json").read_text())
    assert [row["name"] for row in found["tables"][0]["rows"]] == ["ce", "rs", "ldam-drw"]
    assert found["answers"][0].startswith("joint, balanced accuracy: ce")
    stage = json.loads((tmp_path / "rules" / "ldam-drw" / "train.json").read_text())["stage"]
    assert (stage["loss"], stage["reweight"], stage["rebalance_from"]) == ("ldam", True, 0.8)
    words = ["study", "architectures", "digits", "--backbones", "digits_cnn,resnet20", "--out", str(tmp_path / "nets")]
    assert main([*words, *shared]) == 0
    found = json.loads((tmp_path / "nets" / "study.json").read_text())
    assert [row["name"] for row in found["tables"][0]["rows"]] == ["digits_cnn", "resnet20"]
    assert "digits_cnn, 2 epochs, resnet20, 2 epochs" in found["notes"][0]


def test_rebalancing_after_pre_training(tmp_path):
    """Each seed starts from weights that were pre-trained with that seed; a second call trains nothing."""
    words = ["study", "rebalancing", "digits", "--rules", "ce,rs", "--pretraining", "none,rotation", "--seeds", "2"]
    words += ["--pretrain-epochs", "1", "--epochs", "1", "--methods", "joint,ncm", "--out", str(tmp_path), *FAST]
    assert main(words) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    assert [row["name"] for row in found["tables"][0]["rows"]] == ["ce", "rs", "ce+rotation", "rs+rotation"]
    assert found["answers"][-1].startswith("Points that rotation pre-training adds, joint, balanced accuracy: ce ")
    weights = []
    for seed in (0, 1):
        pretrained = tmp_path / "pretrained" / "rotation" / f"seed-{seed}" / "checkpoints" / "last.pt"
        settings = json.loads((tmp_path / "ce+rotation" / f"seed-{seed}" / "train.json").read_text())
        assert settings["stage"]["init"] == str(pretrained)
        weights.append(pretrained.read_bytes())
    assert weights[0] != weights[1]
    assert main(words) == 0
    assert [
        (tmp_path / "pretrained" / "rotation" / f"seed-{seed}" / "checkpoints" / "last.pt").read_bytes()
        for seed in (0, 1)
    ] == weights


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_study_stopped_in_pre_training_or_after_it_ends_with_the_same_bits(tmp_path, monkeypatch, stop_after):
    """Two epochs of MoCo are a step each, its queue is one batch; then two of two steps with labels."""
    words = ["study", "rebalancing", "digits", "--rules", "ce", "--pretraining", "moco", "--pretrain-epochs", "2"]
    words += ["--epochs", "2", "--batch-size", "128", "--methods", "joint", *FAST, "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    with power_cut(monkeypatch, stop_after):
        main([*words, str(tmp_path / "cut")])
    assert not (tmp_path / "cut" / "study.json").exists()
    assert main([*words, str(tmp_path / "cut")]) == 0
    for place in ("pretrained/moco/seed-0", "ce+moco"):
        whole, cut = (
            load_checkpoint(tmp_path / name / place / "checkpoints" / "last.pt")["task"] for name in ("whole", "cut")
        )
        assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items()), place
    whole, cut = (json.loads((tmp_path / name / "study.json").read_text()) for name in ("whole", "cut"))
    assert whole["tables"] == cut["tables"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["study", "tableaux"], "no study 'tableaux'"),
        (["study", "weight-norm", "x"], "Did you mean weight-norms?"),
        (["study", "representations", "digit"], "Did you mean digits?"),
        (["study", "representations", "digits", "--representations", "squared"], "no sampling 'squared'"),
        (["study", "retrained-parts", "digits", "--parts", "head"], "no part 'head'"),
        (["study", "rebalancing", "digits", "--rules", "ce,smote"], "no rule 'smote'"),
        (["study", "rebalancing", "digits", "--loss", "focal"], "set by the --rules here"),
        (["study", "rebalancing", "digits", "--pretraining", "jigsaw"], "no pre-training 'jigsaw'"),
        (["study", "rebalancing", "digits", "--pretraining", "moco", "--init", "x.pt"], "Leave one of them out"),
        (["study", "rebalancing", "digits", "--focal-gamma", "3"], "the rule focal has 1"),
        (["study", "rebalancing", "digits", "--pretrain-epochs", "0"], "--pretrain-epochs 0; expected at least 1"),
        (["study", "architectures", "digits", "--backbones", ","], "--backbones is empty"),
        (["study", "architectures", "digits", "--backbones", "digits_cnn,resnet33"], "no backbone 'resnet33'"),
        (["study", "similarity", "x", "--methods", "crt"], "say with --method"),
        (["study", "weight-norms", "x", "--seeds", "0"], "--seeds 0; expected at least 1"),
        (["study", "retrained-parts", "digits", "--parts", "all:x"], "'x' is no number"),
        (["study", "retrained-parts", "digits", "--parts", "all:nan"], "a finite rate"),
        (["study", "retrained-parts", "digits", "--parts", "last-block"], "blocks"),
        (["study", "representations", "digits", "--representation", "class"], "Name them in --representations"),
        (["study", "retrained-parts", "digits", "--crt-part", "all"], "--crt-part all does nothing in this study"),
        (["run", "digits", "--crt-part", "all"], "needs --crt-from images"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, capsys):
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_an_empty_group_stays_empty():
    metrics = {"many": 50.0, "medium": None, "few": 10.0, "all": 40.0, "balanced": 30.0}
    data = {"name": "d", "train_counts": [200, 3], "group_of_class": ["many", "few"], "class_names": ["a", "b"]}
    entry = {"metrics": {"test": metrics}, "weight_norms": [1.0, 2.0]}
    run = {
        "title": "d",
        "seed": 0,
        "data": data,
        "stage1": {"backbone": "resnet20", "epochs": 1},
        "methods": {"joint": entry},
    }
    words = {"title": "t", "question": "q", "source": "decoupling"}
    found = side_by_side({"instance": [run], "class": [run]}, base="instance", words=words)
    assert [table["title"] for table in found["tables"]] == ["all", "balanced", "many", "few"]
    parts = compare_parts({"joint (not retrained)": [metrics], "classifier": [metrics]}, run, 1)
    assert parts["tables"][0]["rows"][0]["cells"][3] is None
    assert norms_by_group([run])["tables"][0]["columns"] == ["correlation", "many", "few"]
