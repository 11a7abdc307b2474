"""`--layers`, `--backbone hf:` and `--backbone-set` as they are typed."""

import json

import numpy as np
import pytest
import torch

from exported_programs import assert_exported
from longtail.backbones.layer_choice import chosen_parts
from longtail.backbones.layer_parts import features_of_layers
from longtail.cli import main
from longtail.features import open_feature_file
from longtail.jobs.stage_one.trained_model import open_model
from longtail.training.checkpoints import load_checkpoint

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.fixture(scope="module")
def saved(photos):
    """The folder of a small network as transformers writes it, with how its images are prepared."""
    transformers = pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
    torch.manual_seed(0)
    config = transformers.MobileNetV1Config(depth_multiplier=0.25, image_size=32, num_labels=5)
    transformers.MobileNetV1ForImageClassification(config).save_pretrained(photos / "net")
    about = {"size": {"height": 32, "width": 32}, "do_center_crop": False, "image_mean": [0.5] * 3}
    (photos / "net" / "preprocessor_config.json").write_text(json.dumps({**about, "image_std": [0.25] * 3}))
    return photos / "net"


def run(photos, out, *words):
    given = ["run", "folder", "--data", str(photos / "data"), "--methods", "joint,lda", "--out", str(out)]
    return main([*given, "--frozen", *FAST, *words])


@pytest.fixture(scope="module")
def layered(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("layered") / "run"
    words = ["--backbone", "resnet20", "--weights", str(photos / "weights.pth"), "--image-size", "16"]
    assert run(photos, out, *words, "--layers", "last2") == 0
    return out


def test_the_run_keeps_the_layers(layered):
    file = open_feature_file(layered / "features" / "feature_train.h5")
    assert [(part.name, part.stop - part.start) for part in file.parts] == [("layer3.1:mean", 64), ("last", 64)]
    results = json.loads((layered / "results.json").read_text())
    assert results["stage1"]["layers"] == ["layer3.1:mean", "last"]
    assert results["stage1"]["multiply_adds"] > 1e6
    assert "features of layer3.1:mean, last" in (layered / "report.html").read_text()
    model = open_model(layered / "checkpoints" / "last.pt")
    assert model.layers == chosen_parts(model.model, "last2", shape=(3, 16, 16))
    assert not (layered / "features" / "joint_head.npz").exists()


def test_new_images_get_the_same_features(layered, photos, tmp_path):
    """What `predict` says of the run's own images is what its head says of the stored features."""
    from longtail.heads import load_head

    assert main(["predict", str(layered), str(photos / "data" / "2"), "--method", "lda", "--out", str(tmp_path)]) == 0
    lines = next(tmp_path.rglob("predictions.csv")).read_text().splitlines()
    predicted = {line.split(",")[0].rpartition("/")[2]: line.split(",")[1] for line in lines[1:]}
    head = load_head(layered / "heads" / "lda.npz")
    for split in ("train", "val", "test"):
        file = open_feature_file(layered / "features" / f"feature_{split}.h5")
        for name, label in zip(file.ids, head.predict(file.features), strict=True):
            if str(name).startswith("2/"):
                assert predicted[str(name).rpartition("/")[2]] == str(label)


@pytest.mark.parametrize("form", ["torch-export", "onnx"])
def test_a_program_computes_them_too(layered, form, tmp_path, capsys):
    assert_exported(layered, "lda", form, tmp_path, capsys)


def test_weights_have_no_place_for_them(layered, tmp_path, capsys):
    words = ["export", str(layered), "--head", str(layered / "heads" / "joint.npz"), "--out", str(tmp_path / "m.pth")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "is of the features of layer3.1:mean, last" in told
    assert "onnx and torch-export take it" in told


def test_extract_takes_others_beside_those_of_the_run(layered, tmp_path):
    before = (layered / "features" / "feature_train.h5").read_bytes()
    assert main(["extract", str(layered), "--layers", "layer2,layer3:max", "--pool", "mean", *FAST]) == 0
    assert (layered / "features" / "feature_train.h5").read_bytes() == before
    file = open_feature_file(layered / "features-layer2_layer3_max-mean" / "feature_train.h5")
    assert [part.name for part in file.parts] == ["layer2:mean", "layer3:max"]
    assert main(["extract", str(layered), "--layers", "last", "--out", str(tmp_path / "last"), *FAST]) == 0
    last = open_feature_file(tmp_path / "last" / "feature_train.h5")
    assert last.parts == ()
    model = open_model(layered / "checkpoints" / "last.pt")
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        both = model.features(images)
        assert torch.equal(both, features_of_layers(model.model, images, model.layers))
    # as the run has them
    assert main(["extract", str(layered), "--out", str(tmp_path / "again"), *FAST]) == 0
    again = open_feature_file(tmp_path / "again" / "feature_train.h5")
    assert np.array_equal(again.features, open_feature_file(layered / "features" / "feature_train.h5").features)
    # others in the same place are extracted anew, though they are as many
    assert main(["extract", str(layered), "--layers", "layer3", "--out", str(tmp_path / "last"), *FAST]) == 0
    assert [part.name for part in open_feature_file(tmp_path / "last" / "feature_train.h5").parts] == ["layer3:mean"]


def test_a_model_is_not_balanced_by_them(layered, photos, tmp_path, capsys):
    words = ["balance", str(photos / "weights.pth"), "--features", str(layered / "features"), "--out", str(tmp_path)]
    assert main(words) == 2
    assert "features of layer3.1:mean, last, each scaled" in capsys.readouterr().err


def test_a_folder_of_hugging_face(photos, saved, tmp_path):
    words = ["--backbone", f"hf:{saved}", "--layers", "last4", "--methods", "joint,lda"]
    assert run(photos, tmp_path / "run", *words) == 0
    about = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")["about"]
    assert about["arguments"]["depth_multiplier"] == 0.25
    assert about["preprocessing"]["squeeze"] is True
    assert about["preprocessing"]["std"] == [0.25] * 3
    assert about["preprocessing"]["size"] == 32
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["stage1"]["origin"] == f"weights of hf:{saved}"
    assert len(results["stage1"]["layers"]) == 4
    # it needs neither its folder nor its arguments again
    moved = saved.rename(saved.with_name("elsewhere"))
    try:
        image = next((photos / "data" / "2").iterdir())
        assert main(["predict", str(tmp_path / "run"), str(image), "--out", str(tmp_path / "new")]) == 0
    finally:
        moved.rename(saved)


def test_training_goes_on_from_it(photos, saved, tmp_path):
    words = ["train", str(photos / "data"), "--backbone", f"hf:{saved}", "--image-size", "32", "--epochs", "1"]
    assert main([*words, "--out", str(tmp_path / "t"), *FAST]) == 0
    init = tmp_path / "t" / "checkpoints" / "last.pt"
    assert load_checkpoint(init)["about"]["arguments"]["depth_multiplier"] == 0.25
    assert run(photos, tmp_path / "run", "--init", str(init), "--layers", "last2") == 0
    taken, trained = (open_model(path).model for path in (tmp_path / "run" / "checkpoints" / "last.pt", init))
    for (name, one), other in zip(taken.state_dict().items(), trained.state_dict().values(), strict=True):
        assert name.startswith("fc.") or torch.equal(one, other)


def test_an_adapter_sees_images_scaled_as_the_network_did(photos, saved, tmp_path):
    words = ["train", str(photos / "data"), "--backbone", f"hf:{saved}", "--image-size", "72", "--epochs", "1"]
    words += ["--adapter", "lora", "--classifier", "class-means", "--workers", "0"]
    assert main([*words, "--out", str(tmp_path / "t"), *FAST]) == 0
    checkpoint = load_checkpoint(tmp_path / "t" / "checkpoints" / "last.pt")
    assert (checkpoint["about"]["preprocessing"]["mean"], checkpoint["about"]["preprocessing"]["std"]) == (
        [0.5] * 3,
        [0.25] * 3,
    )
    assert open_model(tmp_path / "t" / "checkpoints" / "last.pt").dimension == 256


def test_arguments_are_in_the_checkpoint(photos, tmp_path):
    words = ["train", str(photos / "data"), "--backbone", "vit_tiny_patch16_224", "--image-size", "16"]
    small = ["img_size=16", "patch_size=8", "depth=2", "embed_dim=12", "num_heads=2"]
    words += [word for one in small for word in ("--backbone-set", one)]
    assert main([*words, "--epochs", "1", "--out", str(tmp_path / "t"), *FAST]) == 0
    path = tmp_path / "t" / "checkpoints" / "last.pt"
    assert load_checkpoint(path)["about"]["arguments"] == {
        "img_size": 16,
        "patch_size": 8,
        "depth": 2,
        "embed_dim": 12,
        "num_heads": 2,
    }
    assert open_model(path).dimension == 12
    assert main(["extract", str(path), "--layers", "last2", "--out", str(tmp_path / "f"), *FAST]) == 0
    assert len(open_feature_file(tmp_path / "f" / "feature_test.h5").parts) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--layers", "layer7"], "--layers: CifarResNet has no layer 'layer7'"),
        (["--layers", "last2", "--pool", "token"], "has no class token. Expected --pool mean or max"),
        (["--layers", "last,,"], "--layers"),
        (["--layers", "last2", "--crt-from", "images", "--methods", "crt"], "cRT sees the features before"),
        (["--backbone-set", "depth=2"], "resnet20 is ours, and takes no arguments"),
        (["--backbone-set", "depth"], "expected NAME=VALUE"),
        (["--backbone-set"], "--backbone-set: expected NAME=VALUE"),
    ],
)
def test_what_cannot_be(photos, tmp_path, words, told, capsys):
    given = ["--backbone", "resnet20", "--weights", str(photos / "weights.pth"), "--image-size", "16"]
    assert run(photos, tmp_path / "run", *given, *words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_layers_of_a_network_that_is_trained(photos, tmp_path, capsys):
    words = ["run", "folder", "--data", str(photos / "data"), "--layers", "last2", "--out", str(tmp_path), *FAST]
    assert main(words) == 2
    assert "longtail extract RUN --layers last4" in capsys.readouterr().err


def test_describe_counts_a_network(tmp_path, capsys):
    assert main(["describe", "--backbone", "resnet20", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "40.61 M multiply-adds for an image of 32 x 32 pixels" in told
    facts = json.loads((tmp_path / "describe.json").read_text())["network"]
    assert [block["layer"] for block in facts["blocks"]][-1] == "layer3.2"
    assert facts["image_size"] == 32
    words = ["describe", "digits", "--backbone", "digits_cnn", "--out", str(tmp_path)]
    assert main(words) == 0
    facts = json.loads((tmp_path / "describe.json").read_text())
    assert facts["network"]["num_classes"] == 10
    assert main(["describe", "--backbone", "vit_tiny_patch16_224", "--image-size", "64", "--out", str(tmp_path)]) == 2
    assert "cannot be run on images of 64 pixels" in capsys.readouterr().err
