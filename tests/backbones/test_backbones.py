"""Backbones: the option-A shortcut, parameter counts of the literature, and the protocol that jobs rely on."""

import pytest
import torch

from longtail.backbones import classifier_of, create_backbone, features_of
from longtail.backbones.cifar_resnet import CifarResNet
from longtail.errors import InputError


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_sizes_of_the_paper(depth, millions):
    model = CifarResNet(depth, num_classes=10)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.04)
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == depth


def test_shortcut_subsamples_and_pads_with_zeros():
    block = CifarResNet(20).layer2[0]
    x = torch.randn(2, 16, 8, 8)
    shortcut = block.shortcut(x)
    assert torch.equal(shortcut[:, 8:24], x[:, :, ::2, ::2])
    assert shortcut[:, :8].abs().sum() == shortcut[:, 24:].abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "channels", "size"), [("resnet20", 3, 32), ("digits_cnn", 1, 8), ("timm:resnet10t", 3, 64)]
)
def test_protocol(name, channels, size):
    model = create_backbone(name, num_classes=7, in_chans=channels).eval()
    images = torch.randn(2, channels, size, size)
    features = features_of(model, images)
    assert features.shape == (2, model.num_features)
    torch.testing.assert_close(classifier_of(model)(features), model(images))
    model.reset_classifier(3)
    assert model(images).shape == (2, 3)


def test_gradient_reaches_every_parameter():
    model = create_backbone("resnet20", num_classes=4)
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_names_that_are_not_there():
    with pytest.raises(InputError, match=r"Did you mean .*resnet34"):
        create_backbone("resnet34x", num_classes=2)
    with pytest.raises(InputError, match="pretrained weights of 'resnet32' cannot be had"):
        create_backbone("resnet32", num_classes=2, pretrained=True)
