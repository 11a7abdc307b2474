"""Features of several layers: the same numbers as by hand, in one forward pass."""

from dataclasses import asdict

import pytest
import torch
from torch import nn

from longtail.backbones import create_backbone, features_of
from longtail.backbones.blocks import layers_of
from longtail.backbones.layer_choice import chosen_parts
from longtail.backbones.layer_parts import LAST, LayerPart, features_of_layers, scaled_part
from longtail.errors import InputError

IMAGES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return create_backbone("resnet20", num_classes=4).eval()


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    small = {"img_size": 32, "patch_size": 8, "depth": 4, "embed_dim": 24, "num_heads": 2}
    return create_backbone("vit_tiny_patch16_224", num_classes=4, arguments=small).eval()


def scaled(x):
    roots = x.double().sign() * x.double().abs().sqrt()
    return roots / roots.norm(dim=1, keepdim=True) * x.shape[1] ** 0.5


@torch.no_grad()
def test_a_resnet_by_hand(resnet):
    parts = chosen_parts(resnet, "last3", shape=(3, 32, 32))
    assert [part.name for part in parts] == ["layer3.0:mean", "layer3.1:mean", "last"]
    x = resnet.forward_features.__self__.conv1(IMAGES)
    x = torch.relu(resnet.bn1(x))
    x = resnet.layer2(resnet.layer1(x))
    first = resnet.layer3[0](x)
    second = resnet.layer3[1](first)
    last = resnet.layer3[2](second)
    expected = torch.cat([scaled(one.mean((2, 3))) for one in (first, second, last)], dim=1)
    torch.testing.assert_close(features_of_layers(resnet, IMAGES, parts).double(), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_a_vit_is_what_timm_gives_of_its_blocks(vit):
    parts = chosen_parts(vit, "last2", shape=(3, 32, 32))
    assert [part.name for part in parts] == ["blocks.2:token", "blocks.2:mean", "blocks.3:mean", "last"]
    blocks = vit.forward_intermediates(
        IMAGES, indices=2, norm=True, return_prefix_tokens=True, output_fmt="NLC", intermediates_only=True
    )
    (patches, tokens), (last_patches, last_tokens) = blocks
    expected = [tokens[:, 0], patches.mean(1), last_patches.mean(1), last_tokens[:, 0]]
    computed = features_of_layers(vit, IMAGES, parts).split([part.width for part in parts], dim=1)
    for one, other in zip(computed, expected, strict=True):
        torch.testing.assert_close(one.double(), scaled(other), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_channels_may_stand_last(pool):
    torch.manual_seed(0)
    small = {"img_size": 32, "patch_size": 2, "window_size": 4, "embed_dim": 12, "depths": (1, 1), "num_heads": (1, 2)}
    swin = create_backbone("swin_tiny_patch4_window7_224", num_classes=2, arguments=small).eval()
    (part,) = chosen_parts(swin, "layers.0.blocks.0", pool, shape=(3, 32, 32))
    assert (part.layout, part.width) == ("channels-last", 12)
    block = swin.layers[0](swin.patch_embed(IMAGES))  # one block, nothing before it
    expected = scaled(block.amax((1, 2)) if pool == "max" else block.mean((1, 2)))
    torch.testing.assert_close(features_of_layers(swin, IMAGES, [part]).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_last_alone_is_the_features_to_the_bit(name, request):
    model = request.getfixturevalue(name)
    assert chosen_parts(model, "last", shape=(3, 32, 32)) == ()
    (part,) = (part for part in chosen_parts(model, "last2", shape=(3, 32, 32)) if part.name == LAST)
    with torch.no_grad():
        features = features_of(model, IMAGES)
        assert torch.equal(features_of_layers(model, IMAGES, [part]), scaled_part(features))


def test_every_layer_runs_once(resnet):
    calls = []
    handles = [
        module.register_forward_hook(lambda module, _inputs, _output: calls.append(module))
        for module in resnet.modules()
        if isinstance(module, nn.Conv2d)
    ]
    parts = chosen_parts(resnet, "last4", "mean,max", shape=(3, 32, 32))
    calls.clear()
    features_of_layers(resnet, IMAGES, parts)
    for handle in handles:
        handle.remove()
    assert len(calls) == len(set(calls)) == sum(isinstance(module, nn.Conv2d) for module in resnet.modules())
    assert not any(module._forward_hooks for module in resnet.modules())


def test_a_layer_that_is_changed_in_place_is_taken_before():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 2)

        def forward_features(self, x):
            return torch.relu_(self.conv(x)) if self.training is None else self.conv(x).relu_()

        def forward_head(self, x, pre_logits=False):
            x = x.mean((2, 3))
            return x if pre_logits else self.fc(x)

        def get_classifier(self):
            return self.fc

    model = InPlace().eval()
    part = LayerPart("conv", "mean", "channels-first", 0, "", 8)
    with torch.no_grad():
        expected = scaled(model.conv(IMAGES).mean((2, 3)))
        assert (expected < 0).any()
        torch.testing.assert_close(features_of_layers(model, IMAGES, [part]).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet18", ["layer3.1", "layer4.0", "layer4.1"]),
        ("efficientnet_b0", ["blocks.5.2", "blocks.5.3", "blocks.6.0"]),
        ("convnext_atto", ["stages.2.blocks.5", "stages.3.blocks.0", "stages.3.blocks.1"]),
        ("vgg11", ["features.14", "features.19", "features.20"]),  # none come again: what timm names
    ],
)
def test_blocks_are_what_comes_again(name, blocks):
    assert list(layers_of(create_backbone(name, num_classes=2), (3, 64, 64)).blocks[-3:]) == blocks


def test_a_part_is_stored_and_read_back(vit):
    parts = chosen_parts(vit, "last3", shape=(3, 32, 32))
    assert LayerPart.stored([asdict(part) for part in parts]) == parts
    assert LayerPart.stored(None) == ()


@pytest.mark.parametrize(
    ("layers", "pool", "told"),
    [
        ("layer9", "auto", r"no layer 'layer9'.*Its blocks: layer1.0, .*layer3.2"),
        ("last10", "auto", "has 9 blocks"),
        ("last0", "auto", "expected last1 or more"),
        ("last,last2", "auto", "stand alone"),
        ("conv1,", "auto", "expected last, last2, last4"),
        ("layer1:median", "auto", ":mean or :max or :token"),
        ("layer1", "median", "expected auto, or some of mean, max, token"),
        ("layer3", "token", "has no class token"),
        ("layer3,layer3", "auto", "stands there twice"),
        ("0.conv1", "auto", "is the end of several names"),
    ],
)
def test_words_that_name_no_layers(resnet, layers, pool, told):
    with pytest.raises(InputError, match=told):
        chosen_parts(resnet, layers, pool, (3, 32, 32))


def test_zeros_stay_zeros():
    assert torch.equal(scaled_part(torch.zeros(2, 3)), torch.zeros(2, 3))
    halves = scaled_part(torch.tensor([[1.0, 4.0]], dtype=torch.float16))
    assert halves.dtype == torch.float32
