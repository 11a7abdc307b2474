"""`longtail balance`: the same model comes back, with a fair last layer and nothing else changed."""

import copy
import json

import numpy as np
import onnx
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torchvision import models

from longtail.backbones import create_backbone, find_last_layer, replace_last_layer
from longtail.cli import main
from longtail.data.transforms import normalize
from longtail.deploy.onnx_file import run_onnx
from longtail.deploy.program_file import run_program
from longtail.features import open_feature_file, write_features
from longtail.heads import Joint, load_head

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """The report has tests of its own, and takes longer than all that is tested here."""
    monkeypatch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")


@pytest.fixture(scope="module")
def small(colours):
    """A small network that knows the colours, what its last layer sees, and labels."""
    torch.manual_seed(1)
    return colours.teach(create_backbone("digits_cnn", num_classes=3), colours.halves)


def balance(model, out, *words):
    return main(["balance", str(model), "--out", str(out), *FAST, *words])


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


def only_the_last_layer_differs(before, after, layer):
    assert list(after) == list(before)
    for key, tensor in before.items():
        assert after[key].dtype == tensor.dtype
        assert after[key].shape == tensor.shape
        assert torch.equal(after[key], tensor) == (key not in (f"{layer}.weight", f"{layer}.bias"))


def shufflenet(state):
    model = models.shufflenet_v2_x0_5(weights=None, num_classes=3)
    model.load_state_dict(state, strict=True)
    return model.eval()


# the same model comes back


def test_a_torchvision_model_and_a_folder_of_images(of_torchvision, colours, colour_photos, tmp_path, capsys):
    model, _, _ = of_torchvision
    torch.save(model.state_dict(), tmp_path / "net.pth")
    words = ["--data", str(colour_photos), "--arch", "torchvision:shufflenet_v2_x0_5", "--image-size", "32"]
    assert balance(tmp_path / "net.pth", tmp_path / "fair", *words, "--methods", "crt") == 0
    assert "fc is now crt's" in capsys.readouterr().out
    after = torch.load(tmp_path / "fair" / "net.pth", weights_only=True)
    only_the_last_layer_differs(model.state_dict(), after, "fc")
    results = results_of(tmp_path / "fair")
    assert results["model"] == {
        "read": str(tmp_path / "net.pth"),
        "written": "net.pth",
        "layer": "fc",
        "method": "crt",
        "prior": None,
        "same_predictions": 1.0,
    }
    found = {name: results["methods"][name]["metrics"]["test"]["few"] for name in ("joint", "crt")}
    assert found["crt"] > found["joint"]
    # what is written says of the test images what the table says
    images, _ = colours.split("test")
    with torch.inference_mode():
        predicted = shufflenet(after)(normalize(images, colours.imagenet)).argmax(dim=1)
    table = np.genfromtxt(tmp_path / "fair" / "predictions" / "test.csv", delimiter=",", names=True, dtype=int)
    assert predicted.tolist() == table["crt"].tolist()


def test_a_timm_model_in_safetensors_and_a_folder_of_images(colours, colour_photos, tmp_path):
    torch.manual_seed(1)
    model, _, _ = colours.teach(timm.create_model("test_resnet", num_classes=3), colours.halves)
    save_file(model.state_dict(), tmp_path / "net.safetensors", metadata={"format": "pt", "note": "kept"})
    words = ["--data", str(colour_photos), "--arch", "test_resnet", "--image-size", "32", "--methods", "la,tau,crt"]
    assert balance(tmp_path / "net.safetensors", tmp_path / "fair", *words) == 0
    before, after = (load_file(folder / "net.safetensors") for folder in (tmp_path, tmp_path / "fair"))
    auto = results_of(tmp_path / "fair")["methods"]["auto"]
    assert auto["selected_on"] == "val"
    assert auto["choice"]["method"] != "joint"
    assert auto["choice"]["fitted_on"] == ["train", "val"]
    assert set(auto["choice"]["scores"]) == {"joint", "la", "tau", "crt"}
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert {"fc.bias"} <= changed <= {"fc.weight", "fc.bias"}
    timm.create_model("test_resnet", num_classes=3).load_state_dict(after, strict=True)
    with safe_open(tmp_path / "fair" / "net.safetensors", framework="pt") as stored:
        assert stored.metadata() == {"format": "pt", "note": "kept"}


@pytest.mark.parametrize(
    ("build", "layer"),
    [
        (lambda: models.mobilenet_v3_small(weights=None, num_classes=3), "classifier.3"),
        (lambda: timm.create_model("test_vit", num_classes=3), "head"),
        (lambda: timm.create_model("test_convnext", num_classes=3), "head.fc"),
        (lambda: timm.create_model("test_efficientnet", num_classes=3), "classifier"),
    ],
)
def test_every_usual_last_layer_is_found(build, layer, tmp_path):
    torch.manual_seed(0)
    model = build()
    found = find_last_layer(model.state_dict())
    assert found.name == layer
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [40, 20, 8])
    centers = 2 * rng.normal(size=(3, found.weight.shape[1]))
    features = (centers[labels] + rng.normal(size=(68, found.weight.shape[1]))).astype(np.float32)
    head = Joint(random_state=0).fit(features, labels)
    model = replace_last_layer(model, torch.from_numpy(head.weight_), torch.from_numpy(head.bias_))
    torch.save(model.state_dict(), tmp_path / "net.pt")
    write_features(tmp_path / "embeddings" / "feature_train.h5", features, labels)
    words = ["--features", str(tmp_path / "embeddings"), "--methods", "crt"]
    assert balance(tmp_path / "net.pt", tmp_path / "fair", *words) == 0
    after = torch.load(tmp_path / "fair" / "net.pt", weights_only=True)
    only_the_last_layer_differs(model.state_dict(), after, layer)
    build().load_state_dict(after, strict=True)


def test_what_wraps_the_weights_stays(of_torchvision, network):
    """The checkpoint of a training: prefixes, half precision, optimiser, and what torch notes of its layers."""
    state = copy.deepcopy(of_torchvision[0]).half().state_dict()
    wrapped = type(state)((f"module.{key}", tensor) for key, tensor in state.items())
    wrapped._metadata = state._metadata
    content = {
        "epoch": 7,
        "state_dict": wrapped,
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "arch": "shufflenet_v2_x0_5",
    }
    torch.save(content, network / "checkpoint.pth.tar")
    words = ["--features", str(network / "embeddings"), "--methods", "crt"]
    assert balance(network / "checkpoint.pth.tar", network / "fair", *words) == 0
    after = torch.load(network / "fair" / "checkpoint.pth.tar", weights_only=True)
    assert list(after) == list(content)
    assert after["epoch"] == 7
    assert after["optimizer"] == content["optimizer"]
    assert after["state_dict"]._metadata == wrapped._metadata
    only_the_last_layer_differs(wrapped, after["state_dict"], "module.fc")


def test_objects_beside_the_weights_are_left_out_and_named(of_torchvision, network, capsys):
    content = {"state_dict": of_torchvision[0].state_dict(), "best": np.float64(0.5), "epoch": 3}
    torch.save(content, network / "logged.pt")
    words = ["balance", network / "logged.pt", "--features", network / "embeddings", "--methods", "la"]
    assert main([*map(str, words), "--out", str(network / "fair"), "--device", "cpu"]) == 0
    assert "best: no plain values, not read and not written again" in capsys.readouterr().out
    assert list(torch.load(network / "fair" / "logged.pt", weights_only=True)) == ["state_dict", "epoch"]


def test_of_two_sets_of_weights_the_named_one(of_torchvision, network, capsys):
    state = of_torchvision[0].state_dict()
    torch.save({"state_dict": state, "state_dict_ema": copy.deepcopy(state)}, network / "both.pt")
    words = ["--features", str(network / "embeddings"), "--methods", "crt"]
    assert balance(network / "both.pt", network / "fair", *words) == 2
    assert "2 sets of weights (state_dict_ema, state_dict)" in capsys.readouterr().err
    assert balance(network / "both.pt", network / "fair", *words, "--layer", "state_dict.fc") == 0
    after = torch.load(network / "fair" / "both.pt", weights_only=True)
    only_the_last_layer_differs(state, after["state_dict"], "fc")
    assert all(torch.equal(after["state_dict_ema"][key], tensor) for key, tensor in state.items())


def test_the_last_layer_alone(of_torchvision, colours, network):
    fc = of_torchvision[0].fc
    weight, bias = fc.weight.detach().numpy(), fc.bias.detach().numpy()
    np.savez(network / "head.npz", weight=weight, bias=bias, note=np.array("kept"))
    torch.save(fc.state_dict(), network / "head.pt")
    words = ["--features", str(network / "embeddings"), "--methods", "la", "--set", "la.tau=1"]
    for name in ("head.npz", "head.pt"):
        assert balance(network / name, network / f"fair-{name}", *words) == 0
    with np.load(network / "fair-head.npz" / "head.npz") as after:
        assert str(after["note"]) == "kept"
        np.testing.assert_array_equal(after["weight"], weight)
        # Menon et al., equation 9
        shares = np.array(colours.counts["train"]) / sum(colours.counts["train"])
        np.testing.assert_allclose(after["bias"], bias - np.log(shares), rtol=1e-5)
        layer = torch.nn.Linear(weight.shape[1], len(weight))
        layer.load_state_dict(torch.load(network / "fair-head.pt" / "head.pt", weights_only=True))
        np.testing.assert_array_equal(layer.bias.detach(), after["bias"])


def test_a_prior_goes_into_the_bias(of_torchvision, network, capsys):
    """Log shares that are taken out and put in again leave the layer as it was, but for a number for all classes."""
    fc = of_torchvision[0].fc
    weight, bias = fc.weight.detach().numpy(), fc.bias.detach().numpy()
    np.savez(network / "head.npz", weight=weight, bias=bias)
    words = ["--features", str(network / "embeddings"), "--methods", "la", "--set", "la.tau=1"]
    assert balance(network / "head.npz", network / "fair", *words, "--prior", "train") == 0
    with np.load(network / "fair" / "head.npz") as after:
        np.testing.assert_allclose(after["bias"], bias + np.log(len(bias)), rtol=1e-4, atol=1e-5)
    assert results_of(network / "fair")["model"]["same_predictions"] == 1.0
    np.savez(network / "plain.npz", weight=weight)
    for model, prior, told in (
        ("head", "estimated", "here there are none"),
        ("head", "nowhere.csv", "no such file"),
        ("plain", "train", "goes into the bias, and the model's last layer has none"),
    ):
        assert balance(network / f"{model}.npz", network / "fair", *words, "--prior", prior) == 2
        assert told in capsys.readouterr().err


def test_a_layer_without_bias(of_torchvision, network, capsys):
    torch.save({"fc.weight": of_torchvision[0].fc.weight.detach()}, network / "plain.pt")
    words = ["--features", str(network / "embeddings")]
    assert balance(network / "plain.pt", network / "fair", *words, "--methods", "la") == 2
    assert "--methods la: needs a bias, and the model's last layer has none" in capsys.readouterr().err
    assert balance(network / "plain.pt", network / "fair", *words) == 0
    methods = results_of(network / "fair")["methods"].keys()
    assert {"joint", "tau", "lws"} <= methods
    assert not {"la", "crt"} & methods
    assert list(torch.load(network / "fair" / "plain.pt", weights_only=True)) == ["fc.weight"]


def test_an_exported_program(small, colours, tmp_path):
    model, features, labels = small
    shape, dynamic = (2, 3, colours.size, colours.size), ({0: torch.export.Dim("batch", min=1)},)
    torch.export.save(torch.export.export(model, (torch.zeros(shape),), dynamic_shapes=dynamic), tmp_path / "net.pt2")
    words = ["--features", str(colours.write(tmp_path / "embeddings", features, labels)), "--methods", "crt"]
    assert balance(tmp_path / "net.pt2", tmp_path / "fair", *words) == 0
    head = load_head(tmp_path / "fair" / "heads" / "crt.npz")
    expected = replace_last_layer(model, torch.from_numpy(head.weight_), torch.from_numpy(head.bias_))
    images = normalize(colours.split("test")[0], colours.halves)
    with torch.inference_mode():
        found = torch.export.load(tmp_path / "fair" / "net.pt2").module()(images)
        torch.testing.assert_close(found, expected(images), rtol=1e-5, atol=1e-5)


def hugging_face(folder, layers, config):
    folder.mkdir()
    save_file(layers, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text("{}")
    return folder


def test_a_folder_of_hugging_face(of_torchvision, colours, tmp_path):
    """Its id2label says in which order its outputs are: the data's labels follow."""
    model, features, labels = of_torchvision
    order = [2, 0, 1]  # output k of this model is class order[k] of the data
    layers = {
        "classifier.bias": model.fc.bias.detach()[order].clone(),
        "classifier.weight": model.fc.weight.detach()[order].clone(),
        "vit.embeddings.weight": torch.arange(12.0).view(3, 4),
    }
    names = [colours.names[c] for c in order]
    config = {"architectures": ["ViTForImageClassification"], "id2label": dict(enumerate(names))}
    folder = hugging_face(tmp_path / "vit", layers, config)
    data = colours.write(tmp_path / "embeddings", features, labels, names=colours.names)
    assert balance(folder, tmp_path / "fair", "--features", str(data), "--methods", "crt") == 0
    after = load_file(tmp_path / "fair" / "vit" / "model.safetensors")
    only_the_last_layer_differs(layers, dict(sorted(after.items())), "classifier")
    for name in ("config.json", "preprocessor_config.json"):
        assert (tmp_path / "fair" / "vit" / name).read_bytes() == (folder / name).read_bytes()
    facts = results_of(tmp_path / "fair")["data"]
    assert facts["class_names"] == names
    assert facts["train_counts"] == [colours.counts["train"][c] for c in order]
    assert any("3 classes were renumbered by their names" in note for note in facts["notes"])


def test_a_folder_of_timm_on_hugging_face_says_what_its_images_are(small, colours, colour_photos, tmp_path):
    config = {
        "architecture": "digits_cnn",
        "label_names": colours.names,
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [3, 32, 32], "crop_pct": 1.0},
    }
    folder = hugging_face(tmp_path / "net", small[0].state_dict(), config)
    words = ["--data", str(colour_photos), "--methods", "crt"]
    assert balance(folder, tmp_path / "fair", *words) == 0
    found = open_feature_file(tmp_path / "fair" / "features" / "feature_test.h5").features
    np.testing.assert_allclose(found, small[1]["test"], rtol=1e-4, atol=1e-5)
    after = load_file(tmp_path / "fair" / "net" / "model.safetensors")
    create_backbone("digits_cnn", num_classes=3).load_state_dict(after, strict=True)


@pytest.mark.filterwarnings("ignore")  # of a library that need not be here
def test_a_model_of_transformers(colours, colour_photos, tmp_path):
    """Its library stores weights under other names than it loads them into."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, id2label=dict(enumerate(colours.names)))
    model, _, _ = colours.teach(transformers.ViTForImageClassification(config), colours.halves)
    model.save_pretrained(tmp_path / "vit")
    about = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(about))
    assert balance(tmp_path / "vit", tmp_path / "fair", "--data", str(colour_photos), "--methods", "crt") == 0
    again = transformers.ViTForImageClassification.from_pretrained(tmp_path / "fair" / "vit")
    only_the_last_layer_differs(model.state_dict(), again.state_dict(), "classifier")


def test_a_folder_of_hugging_face_in_several_files(of_torchvision, network):
    fc = of_torchvision[0].fc
    folder = hugging_face(network / "big", {"vit.weight": torch.zeros(2, 2)}, {})
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    save_file({"classifier.weight": fc.weight, "classifier.bias": fc.bias}, folder / "model-2.safetensors")
    places = {"vit.weight": "model-1.safetensors"}
    places |= {f"classifier.{part}": "model-2.safetensors" for part in ("weight", "bias")}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert balance(folder, network / "fair", "--features", str(network / "embeddings"), "--methods", "crt") == 0
    written = network / "fair" / "big"
    assert (written / "model-1.safetensors").read_bytes() == (folder / "model-1.safetensors").read_bytes()
    head = load_head(network / "fair" / "heads" / "crt.npz")
    np.testing.assert_array_equal(load_file(written / "model-2.safetensors")["classifier.weight"], head.weight_)


# other forms of it


def test_programs_come_with_preprocessing_and_names(small, colours, colour_photos, tmp_path, capsys):
    torch.save(small[0].state_dict(), tmp_path / "net.pt")
    words = ["--data", str(colour_photos), "--arch", "timm:digits_cnn", "--image-size", "32", "--methods", "crt"]
    words += ["--mean", "0.5", "0.5", "0.5", "--std", "0.5", "0.5", "0.5", "--export", "onnx", "torch-export"]
    assert balance(tmp_path / "net.pt", tmp_path / "fair", *words) == 0
    assert capsys.readouterr().out.count("(checked: differs by at most") == 2
    model = create_backbone("digits_cnn", num_classes=3)
    model.load_state_dict(torch.load(tmp_path / "fair" / "net.pt", weights_only=True))
    images, _ = colours.split("test")
    with torch.inference_mode():
        expected = model.eval()(normalize(images, colours.halves))
    for logits, probabilities in (
        run_onnx(tmp_path / "fair" / "net.onnx", images / 255),
        run_program(tmp_path / "fair" / "net.pt2", images / 255),
    ):
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(probabilities, expected.softmax(dim=1), rtol=0, atol=1e-4)
    about = {entry.key: entry.value for entry in onnx.load(tmp_path / "fair" / "net.onnx").metadata_props}
    assert json.loads(about["class_names"]) == colours.names
    assert json.loads(about["preprocessing"])["mean"] == list(colours.halves.mean)
