"""`longtail route` as a user types it: what it writes and prints, and what takes its checkpoint."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from longtail.cli import main
from longtail.data.transforms import normalize
from longtail.features import open_feature_file
from longtail.heads.routing import experts_asked
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut

FAST = ["--device", "cpu", "--precision", "float32"]
ROUTED = "checkpoints/routed.pt"
EPOCH = -(-343 // 32)  # steps


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Experts that were trained for a while, and a router of theirs."""
    folder = tmp_path_factory.mktemp("experts")
    call = ["run", "digits", "--experts", "sade", "--epochs", "3", "--methods", "joint", *FAST, "--quiet"]
    assert main([*call, "--out", str(folder)]) == 0
    assert main(["route", str(folder), "--epochs", "2", *FAST, "--quiet"]) == 0
    return folder


def route(run, *words):
    return main(["route", str(run), "--epochs", "2", *FAST, *words])


def test_the_table_says_what_is_asked_what_it_costs_and_what_comes_of_it(run, capsys):
    assert route(run) == 0
    printed, told = capsys.readouterr()
    lines = {line[:20].strip(): line[20:].split() for line in printed.splitlines()}
    every, first, chosen = (lines[name] for name in ("all experts", "the first alone", "as val allows"))
    assert every[0] == "3.00"
    assert first[0] == "1.00"
    assert float(first[1]) <= float(chosen[1])
    assert float(chosen[0]) >= float(lines["as published"][0])  # val can only ask for more
    assert float(chosen[3]) >= float(every[3]) - 0.5 - 0.1  # on val, rounded
    assert f"{run}/{ROUTED}" in printed
    assert f"predict {run}/{ROUTED}" in told


def test_the_checkpoint_asks_as_many_as_its_threshold_says(run):
    opened = open_model(run / ROUTED)
    plain = open_model(run / "checkpoints/last.pt")
    features = torch.from_numpy(np.array(open_feature_file(run / "features/feature_val.h5").features))
    with torch.inference_mode():
        asked = experts_asked(opened.model.scores(features).numpy(), opened.model.threshold)
        each = opened.model.logits_of_each(features)
    assert opened.is_routed
    assert not plain.is_routed
    assert load_checkpoint(run / ROUTED)["about"]["router"]["threshold"] == opened.model.threshold
    assert main(["extract", str(run / ROUTED), *FAST, "--quiet"]) == 0
    stored = np.asarray(open_feature_file(run / "features-routed/feature_val.h5").features)
    weight = opened.model.fc.linear_weight.detach().numpy()
    expected = np.stack([each[row, :number].mean(dim=0).numpy() for row, number in enumerate(asked)])
    np.testing.assert_allclose(stored @ weight.T, expected, rtol=1e-3, atol=1e-3)
    assert (run / "features/feature_val.h5").is_file()  # those of all experts stay


def test_predictions_are_those_of_the_experts_that_are_asked(run, tmp_path):
    images = np.random.default_rng(0).integers(256, size=(6, 8, 8), dtype=np.uint8)
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    predict = ["predict", str(run / ROUTED), str(tmp_path), *FAST, "--quiet", "--out", str(tmp_path / "p.csv")]
    assert main(predict) == 0
    opened = open_model(run / ROUTED)
    prepared = torch.from_numpy(images)[:, None]
    with torch.inference_mode():
        expected = opened.model(normalize(prepared, opened.preprocessing)).softmax(dim=1).numpy()
    rows = list(csv.reader((tmp_path / "p.csv").read_text().splitlines()))
    shares = np.array([row[-10:] for row in rows[1:]], dtype=float)
    np.testing.assert_allclose(shares, expected, atol=1e-4)


def test_a_threshold_that_is_given_is_kept_and_nothing_is_chosen(run, capsys, tmp_path):
    out = tmp_path / "every.pt"
    assert route(run, "--threshold", "-1000000", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "as asked for" in printed
    assert "as val allows" not in printed
    images = torch.randn(5, 1, 8, 8)
    with torch.inference_mode():
        expected = open_model(run / "checkpoints/last.pt").model(images)
        torch.testing.assert_close(open_model(out).model(images), expected, rtol=1e-4, atol=1e-4)


def test_a_loss_beside_a_threshold_is_refused(run, capsys):
    assert route(run, "--threshold", "0", "--most-loss", "2") == 2
    assert "--most-loss does nothing beside --threshold" in capsys.readouterr().err


def test_a_dry_run_says_what_it_takes_and_writes_nothing(run, capsys, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert route(run, "--dry-run", "--out", str(tmp_path / "x.pt")) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    printed = capsys.readouterr().out
    assert "dry run: nothing was written" in printed
    assert "learns    686 images seen by all experts" in printed  # twice 343
    assert "measures  550 images" in printed
    assert not (tmp_path / "x.pt").exists()


def test_killed_and_begun_again_it_ends_with_the_same_router(run, monkeypatch, tmp_path):
    """The power goes in the second epoch."""
    words = ["--seed", "3"]
    assert route(run, *words, "--out", str(tmp_path / "whole.pt"), "--quiet") == 0
    for file in (run / "checkpoints/router").iterdir():
        file.unlink()
    with power_cut(monkeypatch, EPOCH + 1):
        route(run, *words, "--out", str(tmp_path / "cut.pt"), "--quiet")
    assert route(run, *words, "--out", str(tmp_path / "cut.pt"), "--quiet") == 0
    whole, cut = (load_checkpoint(tmp_path / f"{name}.pt") for name in ("whole", "cut"))
    assert whole["about"] == cut["about"]
    for name, tensor in whole["task"].items():
        assert torch.equal(tensor, cut["task"][name]), name


def test_a_router_of_other_weights_or_images_is_learnt_anew(run, tmp_path):
    """In the folder of a run whose network was trained again: what the router learnt of the old one is of no use."""
    shutil.copytree(run, tmp_path / "run")
    whole = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)
    for name, tensor in whole["task"].items():
        if name.endswith("fc.weight"):
            tensor.copy_(tensor.roll(1, dims=0))  # classes change their places
    torch.save(whole, tmp_path / "run/checkpoints/last.pt")
    assert route(tmp_path / "run", "--quiet") == 0
    old, new = (load_checkpoint(folder / ROUTED)["task"] for folder in (run, tmp_path / "run"))
    assert torch.equal(new["model.fc.weight"], whole["task"]["model.fc.weight"])
    assert not torch.equal(new["model.fc.weight"], old["model.fc.weight"])
    assert not torch.equal(new["model.router.ask.weight"], old["model.router.ask.weight"])


def test_what_has_no_experts_is_refused(run, tmp_path, capsys):
    assert main(["train", "digits", "--epochs", "1", *FAST, "--quiet", "--out", str(tmp_path)]) == 0
    assert route(tmp_path) == 2
    assert "has no experts. Expected a run of --experts ride or sade" in capsys.readouterr().err


def test_what_is_routed_already_is_refused(run, capsys):
    assert route(run / ROUTED) == 2
    assert "asks some of its experts already" in capsys.readouterr().err


def test_without_val_a_threshold_has_to_be_said(tmp_path, capsys):
    """A folder of two classes whose images all are train or test."""
    for split, number in (("train", 12), ("test", 4)):
        for name, level in (("dark", 40), ("light", 200)):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for image in range(number):
                pixels = np.full((8, 8, 3), level + image, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / split / name / f"{image}.png")
    call = ["train", str(tmp_path / "photos"), "--val-fraction", "0", "--backbone", "resnet20", "--image-size", "8"]
    call += ["--experts", "ride", "--epochs", "1", "--batch-size", "8", *FAST, "--quiet"]
    assert main([*call, "--out", str(tmp_path / "run")]) == 0
    assert route(tmp_path / "run") == 2
    assert "Say --threshold 0" in capsys.readouterr().err
    assert route(tmp_path / "run", "--threshold", "0") == 0
    assert "balanced, test" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "photos/test")
    call[call.index("--val-fraction") + 1 : call.index("--val-fraction") + 2] = ["0", "--test-fraction", "0"]
    assert main([*call, "--out", str(tmp_path / "other")]) == 0
    assert route(tmp_path / "other", "--threshold", "0") == 0
    assert "nothing was measured" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["weights", "onnx", "torch-export"])
def test_no_other_program_can_ask(run, tmp_path, form, capsys):
    assert main(["export", str(run / ROUTED), "--format", form, "--out", str(tmp_path / "x")]) == 2
    assert "Export the checkpoint that it was made of" in capsys.readouterr().err


def test_it_is_not_compiled(run, tmp_path, capsys):
    words = [*FAST, "--compile", "always", "--out", str(tmp_path / "f")]
    assert main(["extract", str(run / ROUTED), *words]) == 2
    assert "computes as it is" in capsys.readouterr().err


def test_a_router_of_another_network_is_refused(run, tmp_path, capsys):
    whole = torch.load(run / ROUTED, weights_only=True)
    whole["about"]["arguments"] = {"experts": 1}
    torch.save(whole, tmp_path / "x.pt")
    assert main(["predict", str(tmp_path / "x.pt"), str(tmp_path)]) == 2
    assert "a router of experts that its network does not have" in capsys.readouterr().err
