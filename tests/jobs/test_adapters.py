"""`--adapter` as it is typed: only adapters and classifier learn, and what follows knows nothing of them."""

import numpy as np
import pytest
import torch

from longtail.cli import main
from longtail.features import open_feature_file
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.mark.parametrize("kind", ["lora", "residual"])
def test_adapters_learn_beside_weights_that_stay_and_are_multiplied_in_after(learnt_digits, tmp_path, kind):
    words = ["--adapter", kind, "--init", str(learnt_digits), "--epochs", "2", *FAST]
    assert main(["train", "digits", *words, "--out", str(tmp_path)]) == 0
    before = load_checkpoint(learnt_digits)["task"]
    stored = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["task"]
    for name, tensor in before.items():
        if not name.startswith("model.fc.") and not name.endswith("num_batches_tracked"):
            now = stored.get(name, stored.get(name.replace("weight", "parametrizations.weight.original")))
            torch.testing.assert_close(now, tensor, rtol=0, atol=0, msg=name)
    model = open_model(tmp_path / "checkpoints" / "last.pt").model
    merged = model.state_dict()
    assert {f"model.{name}" for name in merged} == set(before)
    assert any(not torch.equal(merged[name.removeprefix("model.")], before[name]) for name in before if "conv" in name)
    assert main(["extract", str(tmp_path), "--out", str(tmp_path / "f"), *FAST]) == 0
    features = open_feature_file(tmp_path / "f" / "feature_test.h5").features
    assert np.isfinite(features).all()
    # another training starts from them as from any network
    words = ["--init", str(tmp_path / "checkpoints" / "last.pt"), "--train-part", "classifier", "--hold-statistics"]
    assert main(["train", "digits", "--out", str(tmp_path / "b"), "--epochs", "1", *words, *FAST]) == 0
    again = load_checkpoint(tmp_path / "b" / "checkpoints" / "last.pt")["task"]
    torch.testing.assert_close(again["model.conv1.weight"], merged["conv1.weight"], rtol=0, atol=0)


def test_a_run_goes_on_with_its_adapters(learnt_digits, tmp_path, monkeypatch):
    """Stopped after an epoch, it ends where the whole one does, bit for bit."""
    from longtail.training import loop

    words = ["--adapter", "lora", "--adapter-width", "3", "--init", str(learnt_digits), "--epochs", "2", *FAST]
    assert main(["train", "digits", "--out", str(tmp_path / "whole"), *words]) == 0
    save, saved = loop.save_checkpoint, []

    def once(*arguments, **others):
        save(*arguments, **others)
        saved.append(arguments)
        if len(saved) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", once)
    assert main(["train", "digits", "--out", str(tmp_path / "stopped"), *words]) == 130
    monkeypatch.undo()
    assert main(["train", "digits", "--out", str(tmp_path / "stopped"), "--resume", *words]) == 0
    first, second = (
        load_checkpoint(tmp_path / name / "checkpoints" / "last.pt")["task"] for name in ("whole", "stopped")
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_branches_of_a_transformer_are_exported_as_programs_alone(tmp_path, capsys):
    small = ["--largest", "6", "--image-size", "160", "--epochs", "1", "--backbone", "timm:test_vit", *FAST]
    assert main(["train", "digits", "--out", str(tmp_path / "a"), *small]) == 0
    words = ["--adapter", "adaptformer", "--init", str(tmp_path / "a" / "checkpoints" / "last.pt"), *small]
    assert main(["train", "digits", "--out", str(tmp_path / "b"), *words]) == 0
    last = tmp_path / "b" / "checkpoints" / "last.pt"
    assert main(["export", str(last), "--out", str(tmp_path / "b.pth")]) == 2
    assert "Export what runs by itself: --format onnx or torch-export." in capsys.readouterr().err
    assert main(["train", "digits", "--out", str(tmp_path / "c"), "--init", str(last), *small]) == 2
    assert "its adapters (adaptformer) are no change of the network's weights" in capsys.readouterr().err
    assert main(["export", str(last), "--format", "torch-export", "--out", str(tmp_path / "b.pt2")]) == 0
    images = torch.rand(2, 1, 160, 160)
    program = torch.export.load(tmp_path / "b.pt2").module()
    opened = open_model(last)
    given = program(images)
    logits = given["logits"] if isinstance(given, dict) else given[0] if isinstance(given, tuple) else given
    assert logits.shape == opened.model(images).shape


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--adapter", "lora"],
            "it was drawn by chance. Start from weights: --pretrained, --backbone hf:FOLDER, or --init",
        ),
        (["--adapter", "lora", "--init", "START", "--train-part", "classifier"], "Leave one of them out"),
        (["--adapter", "prompts", "--init", "START"], "no place for the adapter prompts"),
        (["--adapter", "lora", "--init", "START", "--adapter-width", "0"], "--adapter-width"),
    ],
)
def test_what_cannot_be_is_told(learnt_digits, tmp_path, capsys, words, told):
    words = [str(learnt_digits) if word == "START" else word for word in words]
    assert main(["train", "digits", "--out", str(tmp_path / "o"), "--epochs", "1", *FAST, *words]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
