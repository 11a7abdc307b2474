"""`hf:FOLDER`: networks that transformers wrote, under timm's protocol."""

import json
import sys

import numpy as np
import pytest
import torch

from longtail.backbones import classifier_of, classifier_prefix, create_backbone, features_of
from longtail.backbones.layer_choice import chosen_parts
from longtail.errors import InputError

VIT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20}
KINDS = {
    "vit": ("ViT", {**VIT, "image_size": 32, "patch_size": 8}),
    "dinov2": ("Dinov2", {**VIT, "image_size": 32, "patch_size": 8}),
    "resnet": ("ResNet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "layer_type": "basic"}),
    "mobilenet_v1": ("MobileNetV1", {"depth_multiplier": 0.25, "image_size": 32}),
}


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="the extra `transformers` is not installed")


@pytest.fixture(scope="module")
def saved(transformers, tmp_path_factory):
    """Folders of small networks with 5 classes, and the networks."""
    result = {}
    for name, (kind, settings) in KINDS.items():
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**settings, num_labels=5)
        network = getattr(transformers, f"{kind}ForImageClassification")(config).eval()
        folder = tmp_path_factory.mktemp(name)
        network.save_pretrained(folder)
        result[name] = folder, network
    return result


@pytest.fixture
def no_connection(monkeypatch):
    import socket

    def refused(*_arguments, **_settings):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_features_are_what_its_classifier_sees(name, saved, no_connection):
    folder, network = saved[name]
    model = create_backbone(f"hf:{folder}", num_classes=3).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]
    entered = []
    handle = last.register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0]))
    logits = network(images).logits
    handle.remove()
    features = features_of(model, images)
    torch.testing.assert_close(features, entered[0].reshape(features.shape))
    assert logits.shape == (2, 5)
    assert model(images).shape == (2, 3)
    assert classifier_of(model).in_features == features.shape[1]
    assert classifier_prefix(model) == "fc."


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_it_is_built_again_without_its_folder(name, saved):
    folder, _ = saved[name]
    model = create_backbone(f"hf:{folder}", num_classes=3).eval()
    arguments = json.loads(json.dumps(model.arguments))  # as a checkpoint keeps them
    again = create_backbone("hf:gone/away", num_classes=3, arguments=arguments).eval()
    again.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(again(images), model(images))
    assert again.arguments == model.arguments


def test_it_trains(saved):
    folder, _ = saved["resnet"]
    model = create_backbone(f"hf:{folder}", num_classes=3).train()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)
    with pytest.raises(InputError, match="images of 3 channels, and these have 1"):
        create_backbone(f"hf:{folder}", num_classes=3, in_chans=1)


def test_settings_may_be_others(saved):
    folder, _ = saved["mobilenet_v1"]
    (folder / "bare").mkdir(exist_ok=True)
    (folder / "bare" / "config.json").write_bytes((folder / "config.json").read_bytes())
    wide = create_backbone(f"hf:{folder / 'bare'}", num_classes=3, arguments={"depth_multiplier": 0.5})
    assert wide.num_features == 512
    with pytest.raises(InputError, match=r"has no setting 'depth_multiplyer'. Did you mean depth_multiplier\?"):
        create_backbone(f"hf:{folder}", num_classes=3, arguments={"depth_multiplyer": 0.5})
    with pytest.raises(InputError, match=r"cannot build it|another shape"):
        create_backbone(f"hf:{folder}", num_classes=3, arguments={"depth_multiplier": 0.5})


def test_a_bare_model_has_no_classifier_to_lose(transformers, tmp_path):
    torch.manual_seed(0)
    config = transformers.ViTConfig(**KINDS["vit"][1])
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    assert create_backbone(f"hf:{tmp_path}", num_classes=3).num_features == 16


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("vit", ["token", "mean", "mean", "last"]),
        ("resnet", ["mean", "last"]),
        ("mobilenet_v1", ["mean", "last"]),
    ],
)
def test_its_blocks(name, parts, saved):
    model = create_backbone(f"hf:{saved[name][0]}", num_classes=3).eval()
    assert [part.name.rpartition(":")[2] for part in chosen_parts(model, "last2", shape=(3, 32, 32))] == parts


def test_weights_that_are_missing(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    folder, _ = saved["vit"]
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "layer.1" in name or "layers.1" in name)
    save_file({name: one for name, one in weights.items() if name != lost}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="1 weights of ViTForImageClassification are not there"):
        create_backbone(f"hf:{tmp_path}", num_classes=3)


@pytest.mark.parametrize(
    ("name", "told"), [("hf:./nowhere", "no such folder"), ("hf:a/b/c", "no such folder"), ("hf:{}", "no config.json")]
)
def test_no_folder(transformers, tmp_path, name, told):
    with pytest.raises(InputError, match=told):
        create_backbone(name.format(tmp_path), num_classes=3)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"not installed. Install it: pip install 'longtail\[transformers\]'"):
        create_backbone("hf:somewhere", num_classes=3)


def test_the_given_network_gives_the_given_features(transformers, shared):
    """At 96 pixels, the features of the plankton images that lie beside it; those here are squeezed as there."""
    from io import BytesIO

    import h5py
    from PIL import Image

    model = create_backbone(f"hf:{shared / 'models' / 'mobilenet_v1_0.75_imagenet'}", num_classes=2).eval()
    with h5py.File(shared / "data" / "plankton121.h5") as pack, torch.no_grad():
        rows = np.flatnonzero(pack["split"][:] == 1)[:4]
        ends = pack["offset"][:]
        with h5py.File(shared / "data" / "features_plankton121" / "feature_test.h5") as given:
            stored = given["features"][:].astype(np.float32)
        for number, row in enumerate(rows):
            image = Image.open(BytesIO(pack["bytes"][ends[row] : ends[row + 1]].tobytes())).convert("RGB")
            pixels = np.asarray(image.resize((96, 96), Image.Resampling.BICUBIC))
            images = (torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.5
            distance = np.abs(stored - features_of(model, images).numpy()).max(axis=1)
            # those of one image, and of no other; versions of Pillow before 13 move them by up to 0.23
            nearest, second = np.partition(distance, 1)[:2]
            assert nearest < 0.1 * second, number
