"""`longtail train --experts` as a user types it, stopped and resumed, and what goes on from it."""

import json

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.features import open_feature_file
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.experts import experts_objective
from longtail.jobs.stage_one.objective import trained_prior
from longtail.jobs.stage_one.trained_model import open_model
from longtail.losses import RIDE, SADE
from longtail.training.checkpoints import load_checkpoint
from power_cut import power_cut
from same_training import assert_same_training

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]
TRAIN = ["--epochs", "2", "--batch-size", "64", "--nesterov", *FAST]
LAST = "checkpoints/last.pt"
STEPS = 343 // 64  # of an epoch
METHODS = ["ride", "sade"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A whole run of each method with a head, made when it is first asked for."""
    runs = {}

    def of(method):
        if method not in runs:
            runs[method] = tmp_path_factory.mktemp(method)
            call = ["run", "digits", "--experts", method, *TRAIN, "--methods", "joint,ncm,crt"]
            assert main([*call, "--out", str(runs[method])]) == 0
        return runs[method]

    return of


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_holds_the_experts_and_says_so(trained, method):
    checkpoint = load_checkpoint(trained(method) / LAST)
    assert checkpoint["about"]["arguments"] == {"experts": 3}
    assert {"model.experts.2.conv3.weight", "model.fc.weight"} <= checkpoint["task"].keys()
    assert not any("loss" in name for name in checkpoint["task"])
    assert trained_prior(checkpoint["about"]["settings"]) == "uniform"
    stage = json.loads((trained(method) / "results.json").read_text())["stage1"]
    assert stage["switches"] == {"experts": method}
    model = open_model(trained(method) / LAST).model
    assert stage["parameters"] == sum(part.numel() for part in model.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_stopped_and_resumed_with_the_same_bits(tmp_path, monkeypatch, method):
    """The power goes in the second epoch, in which ride weighs classes."""
    call = ["train", "digits", "--experts", method, *TRAIN, "--save-every", "0"]
    call += ["--experts-from", "0.5"] if method == "ride" else []
    assert main([*call, "--out", str(tmp_path / "whole")]) == 0
    with power_cut(monkeypatch, STEPS + 3):
        main([*call, "--out", str(tmp_path / "cut")])
    assert main([*call, "--out", str(tmp_path / "cut"), "--resume"]) == 0
    assert_same_training(tmp_path / "whole" / LAST, tmp_path / "cut" / LAST)


def test_features_are_the_experts_side_by_side_and_their_mean_a_head(trained, tmp_path):
    run = trained("sade")
    features = open_feature_file(run / "features" / "feature_test.h5").features
    assert features.shape == (400, 3 * 48)
    parts = np.asarray(features).reshape(400, 3, 48)
    np.testing.assert_allclose(np.linalg.norm(parts, axis=2), np.sqrt(48), rtol=1e-5)
    with np.load(run / "features" / "joint_head.npz") as head:
        weight, bias = head["weight"], head["bias"]
        assert str(head["prior"]) == "uniform"
    np.testing.assert_allclose(np.linalg.norm(weight.reshape(10, 3, 48), axis=2), 30 / 3 / np.sqrt(48), rtol=1e-5)
    assert not bias.any()
    predict = ["predict", str(run / LAST), str(run / "features" / "feature_test.h5"), "--device", "cpu"]
    assert main([*predict, "--out", str(tmp_path / "p.csv")]) == 0
    methods = json.loads((run / "results.json").read_text())["methods"]
    assert methods["crt"]["metrics"]["test"]["balanced"] > 10  # chance


def test_what_follows_takes_it(trained, tmp_path):
    run = trained("ride")
    assert main(["calibrate", str(run / "heads" / "crt.npz")]) == 0
    balance = ["balance", str(run / "features" / "joint_head.npz"), "--features", str(run / "features")]
    assert main([*balance, "--methods", "tau", "--out", str(tmp_path / "fair"), "--quiet"]) == 0
    # another training starts from the experts, by another loss of their mean
    call = ["train", "digits", "--init", str(run / LAST), "--epochs", "1", "--learning-rate", "1e-9"]
    assert main([*call, "--weight-decay", "0", "--out", str(tmp_path / "more"), *FAST]) == 0
    before, after = load_checkpoint(run / LAST), load_checkpoint(tmp_path / "more" / LAST)
    assert after["about"]["arguments"] == {"experts": 3}
    name = "model.experts.1.conv2.weight"
    torch.testing.assert_close(after["task"][name], before["task"][name], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["torch-export", "onnx"])
def test_it_is_exported_for_any_number_of_images(trained, tmp_path, form):
    export = ["export", str(trained("ride")), "--format", form]
    assert main([*export, "--out", str(tmp_path / {"onnx": "model.onnx", "torch-export": "model.pt2"}[form])]) == 0


def test_weights_that_no_other_program_can_read_are_not_written(trained, tmp_path, capsys):
    export = ["export", str(trained("ride") / LAST), "--format", "weights", "--out", str(tmp_path / "weights.pt")]
    assert main(export) == 2
    assert "no other program's network has several experts" in capsys.readouterr().err


@pytest.mark.slow
def test_crt_from_images_is_predicted_from_its_own_checkpoint(tmp_path):
    call = ["run", "digits", "--experts", "sade", *TRAIN, "--methods", "crt", "--crt-from", "images"]
    assert main([*call, "--set", "crt.epochs=1", "--out", str(tmp_path)]) == 0
    stored = load_checkpoint(tmp_path / "checkpoints" / "crt" / "last.pt")
    assert torch.equal(
        stored["task"]["model.early.conv1.weight"], load_checkpoint(tmp_path / LAST)["task"]["model.early.conv1.weight"]
    )
    assert open_model(tmp_path / "checkpoints" / "crt" / "last.pt").dimension == 144


def test_switches_go_with_it(tmp_path):
    call = [
        "train",
        "digits",
        "--experts",
        "ride",
        "--num-experts",
        "2",
        "--mix",
        "cmo",
        "--ema",
        "0.9",
        "--sam",
        "0.05",
    ]
    call += ["--schedule", "step", "--step-at", "0.4", "0.6", "--epochs", "1", "--batch-size", "64", *FAST]
    assert main([*call, "--out", str(tmp_path)]) == 0
    assert load_checkpoint(tmp_path / LAST)["task"]["model.fc.weight"].shape == (10, 2 * 48)


def test_settings_are_the_published_ones_and_given_ones_go_before():
    counts = torch.tensor([90, 9, 1])

    def loss_of(*, is_small=True, **given):
        return experts_objective(StageOneOptions(**given), counts, is_small=is_small).loss

    small, large = (loss_of(experts="ride", epochs=200, is_small=small) for small in (True, False))
    assert (small.before.diversity, small.after.diversity, large.after.diversity) == (0.45, 0.45, 0.2)
    assert small.first_epoch == 160
    assert (small.before.ldam.weight, small.before.temperatures.tolist()) == (None, [1.0, 1.0, 1.0])
    for loss, share in ((small, 0.05), (large, 0.02)):
        expected = RIDE(counts.float(), temperature_share=share).temperatures
        assert torch.equal(loss.after.temperatures, expected)
        assert loss.after.ldam.weight.argmax() == 2
    own = loss_of(experts="ride", experts_diversity=0.0, experts_temperature=0.3, experts_from=0.5, epochs=10)
    assert (own.after.diversity, own.first_epoch) == (0.0, 5)
    assert torch.equal(loss_of(experts="sade", experts_tau=1.0).offsets, SADE(counts.float(), tau=1.0).offsets)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--num-experts", "4"], "--num-experts does nothing without --experts"),
        (["--experts", "sade", "--num-experts", "4"], "--num-experts 4: --experts sade has three"),
        (["--experts", "sade", "--experts-diversity", "1"], "--experts-diversity does nothing for --experts sade"),
        (["--experts", "ride", "--experts-tau", "1"], "--experts-tau does nothing for --experts ride"),
        (["--experts", "ride", "--loss", "focal"], "--loss: --experts ride has a loss of its own"),
        (["--experts", "ride", "--contrast", "bcl"], "--contrast bcl counts on how rare they are and --experts ride"),
        (["--experts", "sade", "--adapter", "lora", "--init", "x.pt"], "--adapter: --experts sade trains the network"),
        (["--experts", "sade", "--train-part", "classifier"], "--train-part: --experts sade trains all"),
        (["--experts", "sade", "--compile"], "--compile: --experts sade takes the logits of each expert"),
        (["--experts", "sade", "--reweight"], "counts on how rare they are: each alone"),
        (["--experts", "ride", "--representation", "class"], "counts on how rare they are: each alone"),
        (["--experts", "ride", "--classifier-radius", "1"], "--classifier-radius: --experts ride compares directions"),
        (["--experts", "ride", "--pretrained"], "stages that no pretrained network has"),
        (["--experts", "ride", "--backbone-set", "experts=2"], "--num-experts says how many"),
        (["--experts", "ride", "--backbone", "vit_tiny_patch16_224"], "late stages can be repeated"),
        (["--nesterov", "--momentum", "0"], "--nesterov: there is no momentum"),
        (["--step-at", "1.5"], "--step-at 1.5"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path, capsys, words, told):
    assert main(["train", "digits", *words, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("longtail: ")
    assert told in message


def test_a_run_with_other_experts_does_not_go_on(trained, capsys):
    call = ["train", "digits", "--experts", "ride", *TRAIN, "--out", str(trained("sade")), "--resume"]
    assert main(call) == 2
    assert "experts sade, not ride" in capsys.readouterr().err
