"""`longtail publish`: what it writes is read back as it was, here and by timm and transformers."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

import longtail
from longtail.backbones import create_backbone
from longtail.cli import main
from longtail.files.hub import fetched
from longtail.heads import load_head
from longtail.jobs.stage_one.trained_model import open_model
from longtail.report.results import read_results
from longtail.runs import Run

FAST = ["--device", "cpu", "--precision", "float32", "--quiet"]


@pytest.fixture(scope="module", autouse=True)
def no_figures():
    """The report has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("longtail.report.write_report", lambda folder: folder / "report.html")
        yield


@pytest.fixture(scope="module")
def frozen(photos, tmp_path_factory):
    """A run on the features of a small network of timm."""
    folder = tmp_path_factory.mktemp("frozen")
    torch.manual_seed(0)
    torch.save(create_backbone("test_resnet", num_classes=5).state_dict(), folder / "net.pth")
    assert main([*frozen_words(photos, folder), "--methods", "joint,crt,ncm", "--out", str(folder / "run")]) == 0
    return folder / "run"


def frozen_words(photos, folder):
    words = ["run", "folder", "--data", str(photos / "data"), "--backbone", "test_resnet", "--frozen", *FAST]
    return [*words, "--weights", str(folder / "net.pth"), "--image-size", "32", "--label-check", "none"]


def publish(run, to, *words):
    return main(["publish", str(run), "--to", str(to), *words])


def predicted(model, inputs, **settings):
    return longtail.predict(model, inputs, workers=0, device="cpu", precision="float32", **settings)


def same_predictions(run, published, inputs, method=None):
    """Compare all probabilities, and return them."""
    before, after = predicted(run, inputs, method=method), predicted(published, inputs)
    assert before.class_names == after.class_names
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    return after.probabilities


def card_of(folder):
    return huggingface_hub.ModelCard((folder / "README.md").read_text())


def test_a_network_of_timm_with_a_linear_head(frozen, photos, tmp_path, capsys):
    """timm alone gives the calibrated probabilities that `predict` gives."""
    run = tmp_path / "run"
    shutil.copytree(frozen, run)
    assert main(["calibrate", str(run), "--heads", "crt", "--method", "bias", "--quiet"]) == 0
    assert publish(run, tmp_path / "pub", "--method", "crt", "--license", "mit") == 0
    assert "note" not in capsys.readouterr().out
    probabilities = same_predictions(run, tmp_path / "pub", photos / "data" / "2", "crt")
    model = timm.create_model(f"local-dir:{tmp_path / 'pub'}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=model))
    images = [transform(Image.open(path).convert("RGB")) for path in sorted((photos / "data" / "2").iterdir())]
    with torch.inference_mode():
        theirs = model(torch.stack(images)).softmax(dim=1).numpy()
    np.testing.assert_allclose(theirs, probabilities, atol=0.02)  # Pillow resizes slightly otherwise than torch
    config = json.loads((tmp_path / "pub" / "config.json").read_text())
    assert config["label_names"] == ["0", "1", "2"]
    card = card_of(tmp_path / "pub")
    assert (card.data.library_name, card.data.license, card.data.pipeline_tag) == (
        "timm",
        "mit",
        "image-classification",
    )
    assert {result.metric_name for result in card.data.eval_results} >= {"balanced accuracy, %"}
    assert "It gives calibrated probabilities." in card.content
    assert not [path for path in (tmp_path / "pub").rglob("*") if path.suffix in (".pt", ".pth", ".bin", ".pkl")]
    # nothing says where it was made
    texts = [path.read_text() for path in (tmp_path / "pub").rglob("*") if path.suffix in (".json", ".md")]
    assert not any(str(place) in text for text in texts for place in (tmp_path, photos, frozen))


def test_a_head_that_is_no_layer(frozen, photos, tmp_path, capsys):
    assert publish(frozen, tmp_path / "pub", "--method", "ncm") == 0
    told = capsys.readouterr().out
    assert "(NearestClassMean) is not one linear layer: timm reads the features, longtail the head too" in told
    assert "its licence is unknown" in told
    same_predictions(frozen, tmp_path / "pub", photos / "data" / "0", "ncm")
    model = timm.create_model(f"local-dir:{tmp_path / 'pub'}", pretrained=True).eval()
    own = open_model(frozen / "checkpoints" / "last.pt")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), own.features(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "told"),
    [(["--layers", "last2"], "sees features of several layers"), (["--test-views", "2"], "sees the mean over several")],
)
def test_features_that_others_do_not_see(frozen, photos, tmp_path, capsys, flags, told):
    words = [*frozen_words(photos, frozen.parent), "--methods", "joint,lda", *flags]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub", "--method", "lda") == 0
    assert told in capsys.readouterr().out
    same_predictions(tmp_path / "run", tmp_path / "pub", photos / "data" / "0", "lda")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "digits"
    words = ["run", "digits", "--epochs", "1", "--methods", "joint,crt", "--label-check", "none", "--metric", "all"]
    assert main([*words, "--out", str(folder), *FAST]) == 0
    return folder


def test_a_network_of_ours_and_all_that_reads_a_run(trained, tmp_path, capsys):
    assert publish(trained, tmp_path / "pub", "--method", "crt") == 0
    assert "no other library has this network" in capsys.readouterr().out
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    same_predictions(trained, tmp_path / "pub", tmp_path / "a.png", "crt")
    features = trained / "features" / "feature_test.h5"
    same_predictions(trained, tmp_path / "pub", features, "crt")
    assert (
        main(
            ["predict", str(tmp_path / "pub"), str(features), "--prior", "estimated", "--out", str(tmp_path / "p.csv")]
        )
        == 0
    )
    assert read_results(tmp_path / "pub")["verdict"]["best"] == "crt"
    assert main(["export", str(tmp_path / "pub"), "--format", "torch-export"]) == 0
    assert (tmp_path / "pub" / "model.pt2").is_file()
    run = Run(tmp_path / "pub")
    assert (run.name, run.is_published, run.recommended) == ("pub", True, "crt")


@pytest.mark.slow
def test_adapters(trained, tmp_path, capsys):
    words = ["run", "digits", "--init", str(trained / "checkpoints" / "last.pt"), "--epochs", "1", "--methods", "joint"]
    words += ["--label-check", "none", *FAST]
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    assert main([*words, "--adapter", "lora", "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub") == 0
    names = load_file(tmp_path / "pub" / "model.safetensors")
    assert not any("lora" in name or "parametrizations" in name for name in names)  # multiplied in
    same_predictions(tmp_path / "run", tmp_path / "pub", tmp_path / "a.png")


@pytest.mark.slow
def test_several_experts(tmp_path, capsys):
    words = [
        "run",
        "digits",
        "--experts",
        "sade",
        "--epochs",
        "1",
        "--methods",
        "joint",
        "--label-check",
        "none",
        *FAST,
    ]
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub") == 0
    assert "longtail alone reads it" in capsys.readouterr().out
    assert not (tmp_path / "pub" / "config.json").exists()
    same_predictions(tmp_path / "run", tmp_path / "pub", tmp_path / "a.png")


@pytest.mark.slow
def test_adapters_that_are_branches(frozen, photos, tmp_path, capsys):
    folder = tmp_path / "start"
    train = ["train", str(photos / "data"), "--backbone", "test_vit", "--image-size", "160", "--epochs", "1", *FAST]
    assert main([*train, "--workers", "0", "--train-part", "classifier", "--out", str(folder)]) == 0
    words = ["run", "folder", "--data", str(photos / "data"), "--backbone", "test_vit", "--image-size", "160", *FAST]
    words += ["--init", str(folder / "checkpoints" / "last.pt"), "--epochs", "1", "--adapter", "adaptformer"]
    words += ["--workers", "0", "--label-check", "none", "--methods", "joint"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub") == 0
    assert "longtail alone reads it" in capsys.readouterr().out
    assert not (tmp_path / "pub" / "config.json").exists()
    same_predictions(tmp_path / "run", tmp_path / "pub", photos / "data" / "2")


@pytest.mark.slow
def test_a_network_of_hugging_face(photos, tmp_path):
    transformers = pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], num_labels=5)
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path / "net")
    words = ["run", "folder", "--data", str(photos / "data"), "--backbone", f"hf:{tmp_path / 'net'}", "--frozen", *FAST]
    words += ["--image-size", "32", "--label-check", "none", "--methods", "joint,lda", "--metric", "all"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub", "--method", "lda") == 0
    shutil.rmtree(tmp_path / "net")
    ours = same_predictions(tmp_path / "run", tmp_path / "pub", photos / "data" / "2", "lda")
    network = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "pub").eval()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "pub")
    images = [Image.open(path).convert("RGB") for path in sorted((photos / "data" / "2").iterdir())]
    with torch.inference_mode():
        theirs = network(**processor(images, return_tensors="pt")).logits.softmax(dim=1).numpy()
    np.testing.assert_allclose(theirs, ours, atol=0.02)
    assert network.config.id2label == {0: "0", 1: "1", 2: "2"}
    assert card_of(tmp_path / "pub").data.library_name == "transformers"


def test_a_run_of_features(tmp_path, capsys):
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [60, 30, 12])
    names = np.array(["ant", "bee | <b>cow</b>", "dog # x"])
    np.savez(tmp_path / "e.npz", features=3 * np.eye(3, 5)[codes] + rng.normal(size=(102, 5)), labels=names[codes])
    words = ["fit", str(tmp_path / "e.npz"), "--methods", "joint,tau", "--label-check", "none", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert publish(tmp_path / "run", tmp_path / "pub") == 0
    assert "the head alone is published" in capsys.readouterr().out
    shutil.copy(tmp_path / "e.npz", tmp_path / "new.npz")
    same_predictions(tmp_path / "run", tmp_path / "pub", tmp_path / "new.npz")
    card = card_of(tmp_path / "pub").content
    assert "The head takes features: 5 numbers an image" in card
    assert "| bee \\| &lt;b&gt;cow&lt;/b&gt; |" in card
    assert "| dog # x |" in card
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert main(["predict", str(tmp_path / "pub"), str(tmp_path / "a.png"), "--out", str(tmp_path / "x.csv")]) == 2
    assert "no network" in capsys.readouterr().err


def a_model_of(library, colours, of_torchvision, folder):
    """Write a model that knows the colours; return its path, and what `balance` has to be told."""
    told = ["--image-size", "32"]
    if library == "transformers":
        transformers = pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
        torch.manual_seed(0)
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, id2label=dict(enumerate(colours.names)))
        model, *_ = colours.teach(transformers.ViTForImageClassification(config), colours.imagenet)
        model.save_pretrained(folder / "net")
        return folder / "net", told
    model, arch = of_torchvision[0], "torchvision:shufflenet_v2_x0_5"
    if library == "timm":
        torch.manual_seed(0)
        model, *_ = colours.teach(create_backbone("test_resnet", num_classes=3), colours.imagenet)
        arch = "timm:test_resnet"
    torch.save(model.state_dict(), folder / "net")
    (folder / "names.txt").write_text("\n".join(colours.names))
    return folder / "net", [*told, "--arch", arch, "--class-names", str(folder / "names.txt")]


@pytest.mark.slow
@pytest.mark.parametrize("library", ["timm", "torchvision", "transformers"])
def test_a_balanced_model(library, colours, colour_photos, of_torchvision, tmp_path):
    model, told = a_model_of(library, colours, of_torchvision, tmp_path)
    (tmp_path / "world.csv").write_text("blue,0.5\ngreen,0.3\nred,0.2\n")
    words = ["balance", str(model), "--data", str(colour_photos), *told, "--methods", "la"]
    assert main([*words, "--prior", str(tmp_path / "world.csv"), "--out", str(tmp_path / "fair"), *FAST]) == 0
    assert publish(tmp_path / "fair", tmp_path / "pub") == 0
    before = predicted(tmp_path / "fair", colour_photos / "test")
    for gone in ("fair", "net", "world.csv"):
        shutil.move(tmp_path / gone, tmp_path / f"gone-{gone}")
    after = predicted(tmp_path / "pub", colour_photos / "test")
    assert after.class_names == ("blue", "green", "red")
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert "common as prior.csv says" in (tmp_path / "pub" / "README.md").read_text()
    if library == "transformers":
        assert card_of(tmp_path / "pub").data.library_name == "transformers"
    if library == "timm":
        assert timm.create_model(f"local-dir:{tmp_path / 'pub'}", pretrained=True).num_classes == 3
        again = ["balance", str(tmp_path / "pub"), "--data", str(colour_photos), "--methods", "la", *FAST]
        assert main([*again, "--out", str(tmp_path / "again")]) == 0
        assert not (tmp_path / "again" / "pub" / "longtail.json").exists()


def test_a_balanced_layer_alone(network, capsys):
    layer = {name: array for name, array in torch.load(network / "net.pt").items() if name.startswith("fc.")}
    np.savez(network / "layer.npz", **{name.removeprefix("fc."): array.numpy() for name, array in layer.items()})
    words = ["balance", str(network / "layer.npz"), "--features", str(network / "embeddings"), "--methods", "la"]
    assert main([*words, "--out", str(network / "fair"), *FAST]) == 0
    assert publish(network / "fair", network / "pub") == 0
    assert "the head alone is published" in capsys.readouterr().out
    same_predictions(network / "fair", network / "pub", network / "embeddings" / "feature_test.h5")


class Hub:
    """The hub's client, as far as it is called: repositories are folders."""

    def __init__(self, root):
        self.root, self.calls, self.error = root, [], None

    def _reached(self):
        if self.error is not None:
            raise self.error

    def create_repo(self, repo_id, *, private, exist_ok):
        self._reached()
        self.calls.append(("create_repo", repo_id, private))

    def create_branch(self, repo_id, *, branch, exist_ok):
        self.calls.append(("create_branch", repo_id, branch))

    def upload_folder(self, *, repo_id, folder_path, revision, commit_message):
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)
        return f"https://hub/{repo_id}"

    def snapshot_download(self, repo_id, *, revision, allow_patterns):
        self._reached()
        self.calls.append(("snapshot_download", repo_id, revision))
        target = self.root / "cache" / repo_id
        for path in (self.root / repo_id).rglob("*"):
            name = path.relative_to(self.root / repo_id)
            if path.is_file() and any(name.match(pattern) for pattern in allow_patterns):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target / name)
        return str(target)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    hub = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: hub)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_x")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


def test_to_the_hub_and_back(trained, frozen, photos, hub, tmp_path, capsys):
    assert publish(trained, "hf://ann/digits@v1", "--private", "--method", "crt") == 0
    assert hub.calls == [("create_repo", "ann/digits", True), ("create_branch", "ann/digits", "v1")]
    assert "https://hub/ann/digits" in capsys.readouterr().out
    assert "hf://ann/digits@v1" in (hub.root / "ann" / "digits" / "README.md").read_text()
    (hub.root / "ann" / "digits" / "evil.pkl").write_bytes(b"x")
    features = trained / "features" / "feature_test.h5"
    same_predictions(trained, "hf://ann/digits@v1", features, "crt")
    assert hub.calls[-1] == ("snapshot_download", "ann/digits", "v1")
    assert not list((hub.root / "cache").rglob("*.pkl"))
    assert main(["export", "hf://ann/digits", "--format", "torch-export"]) == 2
    assert "say where the file goes" in capsys.readouterr().err
    # a folder is looked at first, and uploaded as it is
    assert publish(frozen, tmp_path / "pub", "--method", "crt", "--license", "mit") == 0
    assert publish(tmp_path / "pub", "hf://ann/vit") == 0
    assert (hub.root / "ann" / "vit" / "README.md").read_text() == (tmp_path / "pub" / "README.md").read_text()
    words = ["balance", "hf://ann/vit", "--data", str(photos / "data"), "--methods", "la", "--workers", "0", *FAST]
    assert main([*words, "--out", str(tmp_path / "fair")]) == 0
    assert (tmp_path / "fair" / "vit" / "model.safetensors").is_file()


def test_what_the_hub_refuses_is_told(trained, hub, tmp_path, capsys, monkeypatch):
    from huggingface_hub import errors

    response = type("Response", (), {"headers": {}, "request": None, "status_code": 403})()

    def refused(error, *words):
        hub.error = error
        assert main([*map(str, words)]) == 2
        told = capsys.readouterr().err
        assert len(told.strip().splitlines()) == 1
        return told

    predict = ["predict", "hf://ann/x", trained / "features" / "feature_test.h5", "--out", tmp_path / "p.csv"]
    missing = errors.RepositoryNotFoundError("404", response=response)
    assert "no such repository, or a private one. Log in" in refused(missing, *predict)
    assert "asks for terms" in refused(errors.GatedRepoError("403", response=response), *predict)
    assert "hf://ann/x: the hub cannot be reached, and" in refused(errors.LocalEntryNotFoundError("no"), *predict)
    assert "the hub cannot be reached (no route)" in refused(OSError("no route"), *predict)
    predict[1] = "hf://ann/x@v9"
    assert "no revision v9" in refused(errors.RevisionNotFoundError("404", response=response), *predict)
    to_hub = ["publish", trained, "--to", "hf://ann/x"]
    assert "the hub refuses (you may not)" in refused(errors.HfHubHTTPError("you may not", response=response), *to_hub)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    assert "needs a token, and there is none" in refused(None, *to_hub)
    (hub.root / "ann" / "x").mkdir(parents=True)
    (hub.root / "ann" / "x" / "pytorch_model.bin").write_bytes(b"x")
    (hub.root / "cache" / "ann" / "x").mkdir(parents=True)
    predict[1] = "hf://ann/x"
    assert "holds no .safetensors" in refused(None, *predict)


def test_what_cannot_be_published_is_told(trained, tmp_path, capsys):
    def refused(*words):
        assert publish(*words) == 2
        return capsys.readouterr().err

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    assert "is there already. Choose a new folder" in refused(trained, tmp_path / "full")
    assert "expected hf://user/name" in refused(trained, "hf://ann")
    assert "--private is of a repository" in refused(trained, tmp_path / "pub", "--private")
    assert "no method 'tua'" in refused(trained, tmp_path / "pub", "--method", "tua")
    shutil.copytree(trained, tmp_path / "changed")
    shutil.copy(trained / "heads" / "joint.npz", tmp_path / "changed" / "heads" / "crt.npz")
    assert "not published: " in refused(tmp_path / "changed", tmp_path / "pub", "--method", "crt")
    assert not (tmp_path / "pub").exists()
    assert publish(trained, tmp_path / "pub") == 0
    assert "is published already" in refused(tmp_path / "pub", tmp_path / "again")
    about = json.loads((tmp_path / "pub" / "longtail.json").read_text())
    (tmp_path / "pub" / "longtail.json").write_text(json.dumps({**about, "format": 2}))
    assert main(["predict", str(tmp_path / "pub"), str(tmp_path)]) == 2
    assert "this longtail reads format 1" in capsys.readouterr().err


def test_a_damaged_network_is_told(trained, tmp_path, capsys):
    assert publish(trained, tmp_path / "pub") == 0
    weights = tmp_path / "pub" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert main(["predict", str(tmp_path / "pub"), str(tmp_path / "a.png"), "--out", str(tmp_path / "p.csv")]) == 2
    assert "model.safetensors" in capsys.readouterr().err


def test_a_path_is_itself(tmp_path):
    assert fetched(tmp_path) == tmp_path
    assert fetched(Path("runs/x")) == Path("runs/x")


def test_the_published_head_is_the_file_of_the_run(trained, tmp_path):
    assert publish(trained, tmp_path / "pub", "--method", "crt") == 0
    np.testing.assert_array_equal(
        load_head(tmp_path / "pub" / "heads" / "crt.npz").weight_, Run(trained).head("crt").weight_
    )
