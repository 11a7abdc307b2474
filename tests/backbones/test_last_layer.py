"""The linear layer that ends a classifier: found by names and shapes, taken off, replaced."""

import pytest
import timm
import torch
from timm.models.resnetv2 import ResNetV2
from torch import nn
from torchvision import models

from longtail.backbones import (
    NormalizedLinear,
    SplitNetwork,
    create_backbone,
    find_last_layer,
    replace_last_layer,
)
from longtail.errors import InputError

SMALL = [
    ("resnet20", lambda: create_backbone("resnet20", num_classes=3), 32),
    ("mobilenet", lambda: models.mobilenet_v3_small(weights=None, num_classes=3), 32),
    ("vit", lambda: timm.create_model("test_vit", num_classes=3), 160),
    ("convnext", lambda: timm.create_model("test_convnext", num_classes=3), 64),
    ("a 1 x 1 convolution", lambda: ResNetV2(layers=(1, 1), channels=(128, 256), num_classes=3), 32),
]


@pytest.mark.parametrize(("build", "size"), [row[1:] for row in SMALL], ids=[row[0] for row in SMALL])
def test_a_split_network_is_the_network(build, size):
    torch.manual_seed(0)
    model = build().eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    split, images = SplitNetwork(model).eval(), torch.randn(2, 3, size, size)
    with torch.inference_mode():
        features = split.forward_features(images)
        torch.testing.assert_close(split(images), model(images), rtol=1e-5, atol=1e-6)
        layer = find_last_layer(model.state_dict())
        torch.testing.assert_close(features @ layer.weight.T + layer.bias, model(images), rtol=1e-5, atol=1e-6)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize(("build", "size"), [row[1:] for row in SMALL], ids=[row[0] for row in SMALL])
def test_permuting_the_rows_of_the_layer_permutes_the_logits(build, size):
    torch.manual_seed(0)
    model, order = build().eval(), [2, 0, 1]
    layer = find_last_layer(model.state_dict())
    changed = replace_last_layer(model, layer.weight[order], layer.bias[order])
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        torch.testing.assert_close(changed(images), model(images)[:, order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.module.", "anything."])
@pytest.mark.parametrize("name", ["fc", "head", "head.fc", "heads.head", "classifier", "classifier.6", "linear"])
def test_names_in_wrappers(prefix, name):
    weights = {f"{prefix}conv.weight": torch.zeros(4, 3, 3, 3), f"{prefix}mlp.weight": torch.zeros(4, 4)}
    weights |= {f"{prefix}{name}.weight": torch.zeros(5, 4), f"{prefix}{name}.bias": torch.zeros(5)}
    found = find_last_layer(weights)
    assert (found.name, tuple(found.weight.shape)) == (f"{prefix}{name}", (5, 4))
    assert found.terms[0].bias_key == f"{prefix}{name}.bias"


def test_of_a_sequential_the_last_layer_counts():
    vgg = {f"classifier.{number}.weight": torch.zeros(4, 4) for number in (0, 3, 6)}
    assert find_last_layer({"features.0.weight": torch.zeros(4, 3, 3, 3), **vgg}).name == "classifier.6"


def test_what_cannot_be_replaced_is_told():
    model = nn.Sequential()
    model.fc = nn.Linear(4, 3, bias=False)
    with pytest.raises(InputError, match="has no bias"):
        replace_last_layer(model, torch.zeros(3, 4), torch.ones(3))
    with pytest.raises(InputError, match=r"weights \(3, 4\), the new ones \(3, 5\)"):
        replace_last_layer(model, torch.zeros(3, 5), None)
    model.fc = NormalizedLinear(4, 3)
    with pytest.raises(InputError, match=r"cosine classifier|no linear"):
        replace_last_layer(model, torch.zeros(3, 4), None)
    with pytest.raises(InputError, match="is of torch"):
        find_last_layer({"fc.weight": torch.zeros(3, 4, dtype=torch.int8)})
    with pytest.raises(InputError, match=r"fc.bias has shape \(2,\)"):
        find_last_layer({"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(2)})
