"""`run --frozen`: classifiers on the features of a backbone as it is; features are extracted once."""

import json
import os

import pytest
import torch

from longtail.cli import main
from longtail.features import open_feature_file
from longtail.jobs.stage_one.images import Images
from longtail.training.checkpoints import load_checkpoint
from longtail.training.inference import EvaluationBatches
from longtail.training.unfinished import UnfinishedFeatures

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


def run(photos, out, *words):
    given = ["run", "folder", "--data", str(photos / "data"), "--backbone", "resnet20", "--image-size", "16"]
    return main([*given, "--frozen", "--methods", "joint,ncm,auto", "--out", str(out), *FAST, *words])


def test_a_file_of_weights_is_taken_as_it_is(photos, tmp_path):
    assert run(photos, tmp_path, "--weights", str(photos / "weights.pth")) == 0
    task = load_checkpoint(tmp_path / "checkpoints" / "last.pt")["task"]
    stored = torch.load(photos / "weights.pth", weights_only=True)
    for name, tensor in stored.items():
        if not name.startswith("fc."):
            assert torch.equal(task[f"model.{name}"], tensor)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["stage1"]["origin"] == f"weights of {photos / 'weights.pth'}"
    assert results["methods"]["auto"]["choice"]["fitted_on"] == ["train", "val"]
    assert not (tmp_path / "features" / "joint_head.npz").exists()  # its classifier was never trained
    assert "not trained here" in (tmp_path / "report.html").read_text()


def test_the_second_call_extracts_nothing(photos, tmp_path, monkeypatch):
    words = ("--weights", str(photos / "weights.pth"))
    assert run(photos, tmp_path, *words) == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "features").glob("*.h5")}
    assert len(before) == 3
    assert run(photos, tmp_path, *words, "--metric", "all") == 0
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "features").glob("*.h5")} == before
    # an image that has changed: its split comes again, the others stay
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["stage"]["frozen"] is True
    train = open_feature_file(tmp_path / "features" / "feature_train.h5")
    first = next((photos / "data" / "0").iterdir())
    os.utime(first, ns=(1, 1))
    assert run(photos, tmp_path, *words) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "features").glob("*.h5")}
    assert sum(after[name] != before[name] for name in before) == 1
    assert train.features.shape == open_feature_file(tmp_path / "features" / "feature_train.h5").features.shape


def test_weights_of_our_own_pre_training(tmp_path):
    words = ["pretrain", "digits", "--task", "rotation", "--epochs", "1", "--out", str(tmp_path / "pre"), *FAST]
    assert main(words) == 0
    init = tmp_path / "pre" / "checkpoints" / "last.pt"
    words = ["run", "digits", "--frozen", "--init", str(init), "--methods", "joint,ncm", "--out", str(tmp_path / "run")]
    assert main([*words, *FAST]) == 0
    about = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")["about"]
    assert about["backbone"] == "digits_cnn"
    assert about["preprocessing"] == load_checkpoint(init)["about"]["preprocessing"]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["methods"]["ncm"]["metrics"]["test"]["balanced"] > 15  # chance is 10


def test_a_checkpoint_says_its_backbone_and_preprocessing(photos, tmp_path, capsys):
    """What a person types to take a run's own network again, with and without what the checkpoint knows."""
    words = ["train", str(photos / "data"), "--backbone", "resnet20", "--image-size", "16", "--epochs", "1"]
    assert main([*words, "--out", str(tmp_path / "t"), *FAST]) == 0
    init = tmp_path / "t" / "checkpoints" / "last.pt"
    trained = load_checkpoint(init)["about"]
    words = ["run", "folder", "--data", str(photos / "data"), "--init", str(init), "--frozen", "--methods", "joint"]
    for number, (given, size) in enumerate([([], 16), (["--image-size", "16"], 16), (["--image-size", "24"], 24)]):
        assert main([*words, *given, "--out", str(tmp_path / str(number)), *FAST]) == 0
        about = load_checkpoint(tmp_path / str(number) / "checkpoints" / "last.pt")["about"]
        assert about["backbone"] == "resnet20"
        assert about["preprocessing"] == {
            **trained["preprocessing"],
            "size": size,
            "resize": size,
            "augmentation": about["preprocessing"]["augmentation"],
        }
    assert main([*words, "--backbone", "resnet32", "--out", str(tmp_path / "no"), *FAST]) == 2
    assert "holds a resnet20, not a resnet32. Say --backbone resnet20." in capsys.readouterr().err


def test_a_killed_extraction_goes_on_where_it_was(photos, tmp_path, monkeypatch):
    """The power goes after the second of three batches; the next call computes only what is missing."""
    monkeypatch.setitem(UnfinishedFeatures.advance.__globals__, "SAVE_EVERY", 0.0)
    original, seen = EvaluationBatches.__iter__, []

    class PowerCut(BaseException):
        pass

    def counted(self, stop_after=None):
        for rows, images in original(self):
            if stop_after is not None and len(seen) == stop_after:
                raise PowerCut
            seen.append(rows)
            yield rows, images

    words = ("--weights", str(photos / "weights.pth"))
    assert run(photos, tmp_path / "whole", *words) == 0
    monkeypatch.setitem(Images.batches.__kwdefaults__, "batch_size", 16)
    monkeypatch.setattr(EvaluationBatches, "__iter__", lambda self: counted(self, stop_after=2))
    with pytest.raises(PowerCut):
        run(photos, tmp_path / "cut", *words)
    assert (tmp_path / "cut" / "features" / ".feature_train.h5.part").is_file()
    seen.clear()
    monkeypatch.setattr(EvaluationBatches, "__iter__", counted)
    assert run(photos, tmp_path / "cut", *words) == 0
    assert seen[0].start == 32
    assert not list((tmp_path / "cut" / "features").glob(".*"))
    for split in ("train", "val", "test"):
        whole, cut = (
            open_feature_file(tmp_path / name / "features" / f"feature_{split}.h5") for name in ("whole", "cut")
        )
        torch.testing.assert_close(torch.tensor(whole.features[:]), torch.tensor(cut.features[:]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no weights are named"),
        (["--pretrained", "--weights", "x.pth"], "timm's weights and weights of x.pth"),
        (["--weights", "missing.pth"], "missing.pth"),
        (["--init", "x.pt", "--unlabelled", "held-back"], "nothing is trained with --frozen"),
        (["--init", "x.pt", "--compile"], "--compile: compiles a training, and with --frozen there is none"),
    ],
)
def test_mistakes_are_told_in_a_sentence(photos, tmp_path, capsys, words, told):
    assert run(photos, tmp_path / "r", *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r" / "features").exists()


def test_training_is_not_frozen(photos, tmp_path, capsys):
    assert main(["train", "digits", "--frozen", "--out", str(tmp_path / "t"), *FAST]) == 2
    assert "are for `longtail run`" in capsys.readouterr().err
    words = ["run", "digits", "--weights", str(photos / "weights.pth"), "--out", str(tmp_path / "r"), *FAST]
    assert main(words) == 2
    assert "is for --frozen" in capsys.readouterr().err


def test_weights_that_a_recipe_asks_for_are_taken_back(tmp_path, capsys):
    """`fast` asks for timm's; a run to start from stands in their place."""
    words = ["--epochs", "1", "--methods", "joint", "--device", "cpu", "--quiet"]
    assert main(["run", "digits", *words, "--out", str(tmp_path / "run")]) == 0
    again = ["run", "fast", "--data", "digits", "--init", str(tmp_path / "run"), "--dry-run", "--device", "cpu"]
    again += ["--out", str(tmp_path / "again")]  # whatever lies in runs/ here
    capsys.readouterr()
    assert main(again) == 2
    assert "--no-pretrained takes back what a recipe asks for" in capsys.readouterr().err
    assert main([*again, "--no-pretrained", "--backbone", "auto", "--layers", "last"]) == 0
