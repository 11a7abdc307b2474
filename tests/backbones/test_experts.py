"""A network of several experts: widths as published, one linear classifier, each expert's logits inside it."""

import pytest
import torch
from torch.nn import functional

from longtail.backbones import classifier_of, create_backbone, features_of, hold_all_but, linear_parameters
from longtail.backbones.costs import network_cost
from longtail.backbones.layer_choice import chosen_parts
from longtail.errors import InputError

SMALL = {
    "resnet20": (3, 32),
    "digits_cnn": (1, 8),
    "resnet10": (3, 64),
    "resnet18": (3, 64),
    "resnext50_32x4d": (3, 64),
}


def network(name, experts=3, **arguments):
    torch.manual_seed(0)
    model = create_backbone(
        name, num_classes=5, in_chans=SMALL[name][0], arguments={"experts": experts, **arguments}
    ).eval()
    images = torch.randn(4, SMALL[name][0], SMALL[name][1], SMALL[name][1])
    return model, images


@pytest.mark.parametrize("name", ["resnet20", "digits_cnn", "resnet10"])
def test_each_expert_is_a_cosine_classifier_and_their_mean_one_linear_layer(name):
    model, images = network(name)
    with torch.no_grad():
        features, logits, each = features_of(model, images), model(images), model.expert_logits(images)
        parts = features.view(4, 3, -1)
        maps = model.forward_features(images).mean(dim=(2, 3)).view(4, 3, -1)
        weight = classifier_of(model).weight.view(5, 3, -1)
    dimension = parts.shape[2]
    torch.testing.assert_close(parts.norm(dim=2), torch.full((4, 3), dimension**0.5))
    for expert in range(3):
        cosines = functional.normalize(maps[:, expert], dim=1) @ functional.normalize(weight[:, expert], dim=1).T
        torch.testing.assert_close(each[:, expert], 30 * cosines, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits, each.mean(dim=1), rtol=1e-5, atol=1e-5)
    linear, bias = linear_parameters(model)
    torch.testing.assert_close(features @ linear.T, logits)
    assert not bias.any()
    assert model.num_features == features.shape[1] == 3 * dimension


def test_widths_are_the_published_ones():
    cifar, _ = network("resnet20")
    assert cifar.num_features == 3 * 48
    assert cifar.experts[2].layer2[0].conv1.weight.shape[:2] == (24, 16)
    large, _ = network("resnet10")
    assert large.num_features == 3 * 384
    assert large.experts[0].layer3[0].conv2.weight.shape[0] == 192
    full, _ = network("resnet18", 1, channels=[64, 128, 256, 512])
    assert full.num_features == 512


@pytest.mark.slow
def test_large_networks_have_the_published_groups():
    large, _ = network("resnext50_32x4d")
    assert large.num_features == 3 * 4 * 384
    assert large.experts[0].layer3[0].conv2.weight.shape[:2] == (192 * 2, 192 * 2 // 32)


@pytest.mark.slow
def test_costs_are_those_of_one_trunk_and_three_ends():
    """Multiply-adds near the published 6.08 G (ResNeXt-50) and 5.80 G (ResNet-50), which count norms besides."""
    for name, published in (("resnext50_32x4d", 6.08), ("resnet50", 5.80)):
        model = create_backbone(name, num_classes=1000, arguments={"experts": 3})
        assert network_cost(model, (3, 224, 224)).multiply_adds / 1e9 == pytest.approx(published, abs=0.04)


def test_experts_begin_differently_and_all_learn():
    model, images = network("resnet20")
    first, second = (expert.layer2[0].conv1.weight for expert in list(model.experts)[:2])
    assert not torch.equal(first, second)
    model.train().expert_logits(images)[:, 1].sum().backward()
    assert first.grad.abs().max() == 0 < second.grad.abs().max()
    assert model.early.conv1.weight.grad.abs().max() > 0


def test_the_classifier_alone_can_learn_and_be_drawn_anew():
    model, images = network("digits_cnn")
    hold_all_but(model, "classifier")
    assert [name for name, part in model.named_parameters() if part.requires_grad] == ["fc.weight"]
    model.reset_classifier(7)
    assert model(images).shape == (4, 7)
    with pytest.raises(InputError, match="its last block is not known"):
        hold_all_but(model, "last-block")


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("vit_tiny_patch16_224", {"experts": 3}, "late stages can be repeated. Expected resnet20"),
        ("efficientnet_b0", {"experts": 3}, "late stages can be repeated"),
        ("hf:nowhere", {"experts": 3}, "hf:nowhere: several experts need"),
        ("resnet20", {"experts": 0}, "experts: 0; expected a whole number from 1 to 64"),
        ("resnet20", {"experts": 10**9}, "experts: 1000000000; expected a whole number from 1 to 64"),
        ("resnet20", {"experts": "three"}, "experts: 'three'"),
        ("resnet20", {"experts": 3, "widths": [1, 2, 3]}, "resnet20 is ours, and takes no arguments"),
    ],
)
def test_what_cannot_be_is_told(name, arguments, told):
    with pytest.raises(InputError, match=told):
        create_backbone(name, num_classes=5, arguments=arguments)


def test_no_pretrained_weights_and_no_last_block():
    with pytest.raises(InputError, match="stages of experts are thinner"):
        create_backbone("resnet50", num_classes=5, pretrained=True, arguments={"experts": 3})
    model, _ = network("resnet20")
    with pytest.raises(InputError, match="its experts stand side by side"):
        chosen_parts(model, "last2", "auto", (3, 32, 32))
    assert chosen_parts(model, "early.layer1.2,last", "auto", (3, 32, 32))[0].width == 16
