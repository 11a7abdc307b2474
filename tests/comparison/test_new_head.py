"""A head is added by its own file, its name in `longtail.heads` and its row; everything else follows."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import longtail.heads
from longtail.cli import main
from longtail.comparison import METHODS, Method, Part, compare, wanted_methods
from longtail.heads import load_head

ClassMedians = runpy.run_path(str(Path(__file__).with_name("class_medians.py")))["ClassMedians"]
ROW = Method(ClassMedians, "the nearest class median", cost="one pass", part=Part(0.1, "power-l2"))
SPLITS = {"train": (50, 25, 10), "val": (15, 15, 15), "test": (20, 20, 20)}


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """Do what the two lines in `heads/__init__` and `comparison/methods` would do."""
    monkeypatch.setattr(longtail.heads, "ClassMedians", ClassMedians, raising=False)
    monkeypatch.setattr(longtail.heads, "__all__", [*longtail.heads.__all__, "ClassMedians"])
    monkeypatch.setitem(METHODS, "medians", ROW)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for split, counts in SPLITS.items():
        labels = np.repeat([0, 1, 2], counts)
        features = 2 * np.eye(3, 6)[labels] + rng.normal(size=(len(labels), 6))
        np.savez(tmp_path / f"{split}.npz", features=features.astype(np.float32), labels=labels)
    return tmp_path


def fit(folder, *words):
    assert main(["fit", str(folder), "--out", str(folder / "r"), "--quiet", *words]) == 0
    return json.loads((folder / "r" / "results.json").read_text())


def test_it_is_one_of_all():
    assert "medians" in wanted_methods("all")
    assert "medians" in wanted_methods("auto")


def test_without_a_part_auto_alone_leaves_it_out(monkeypatch):
    monkeypatch.setitem(METHODS, "medians", replace(ROW, part=None))
    assert "medians" in wanted_methods("all")
    assert "medians" not in wanted_methods("auto")


def test_its_part_in_auto_is_behind_its_transform(folder):
    results = fit(folder, "--methods", "auto")
    assert results["methods"]["auto"]["choice"]["members"]["medians"] > 0.01
    assert type(load_head(folder / "r" / "heads" / "medians.npz")).__name__ == "Transformed"


def test_it_is_chosen_fitted_again_saved_and_shown(folder):
    results = fit(folder, "--methods", "joint,medians,auto", "--set", "medians.strength=0.5")
    assert results["methods"]["medians"]["params"] == {"strength": 0.5}
    assert "medians" in results["methods"]["auto"]["choice"]["scores"]
    head = load_head(folder / "r" / "heads" / "medians.npz")
    assert isinstance(head, ClassMedians)
    assert "<dd>the nearest class median</dd>" in (folder / "r" / "report.html").read_text()


def test_every_transform_is_tried_before_it(folder):
    results = fit(folder, "--methods", "medians,auto", "--feature-transform", "auto")
    assert len(results["methods"]["medians"]["transform"]["scores"]) == 7


def test_it_is_predicted_with(folder):
    fit(folder, "--methods", "medians")
    words = ["predict", str(folder / "r"), str(folder / "test.npz"), "--out", str(folder / "p.csv"), "--quiet"]
    assert main(words) == 0
    assert len((folder / "p.csv").read_text().splitlines()) == 61


def test_its_settings_are_listed_and_checked(folder, capsys):
    assert main(["methods", "medians"]) == 0
    assert "medians.strength=1.0" in capsys.readouterr().out
    assert main(["fit", str(folder), "--set", "medians.strength=-1"]) == 2
    assert "medians.strength is -1; expected a number above 0" in capsys.readouterr().err


def test_a_model_gets_it_as_its_last_layer(folder, tmp_path):
    torch.manual_seed(0)
    layer = nn.Linear(6, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3, 6))
        layer.bias.zero_()
    torch.save({"fc.weight": layer.weight.detach(), "fc.bias": layer.bias.detach()}, tmp_path / "net.pth")
    words = ["balance", str(tmp_path / "net.pth"), "--features", str(folder), "--methods", "medians"]
    assert main([*words, "--out", str(tmp_path / "fair"), "--quiet"]) == 0
    written = torch.load(tmp_path / "fair" / "net.pth", weights_only=True)
    expected = compare(folder, "medians").heads["medians"]
    np.testing.assert_allclose(written["fc.weight"].numpy(), expected.weight_, rtol=1e-5)
