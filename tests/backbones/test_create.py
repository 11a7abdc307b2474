"""Backbones by name: their features are what their classifier sees, and nothing else reaches the logits."""

import pytest
import torch
from timm.models import register_model
from torch import nn

from longtail.backbones import classifier_of, create_backbone, features_of
from longtail.backbones.digits_cnn import DigitsCNN
from longtail.errors import InputError


class Head(nn.Module):
    """As of EfficientViT and SHViT: a batch norm of its own before the linear layer."""

    def __init__(self, num_classes):
        super().__init__()
        self.bn, self.l = nn.BatchNorm1d(64), nn.Linear(64, num_classes)

    def forward(self, x):
        return self.l(self.bn(x))


class NormBefore(DigitsCNN):
    def reset_classifier(self, num_classes):
        self.num_classes, self.fc = num_classes, Head(num_classes)

    def get_classifier(self):
        return self.fc.l


class Auxiliary(DigitsCNN):
    """As of VOLO: half of the maximum over places of another head is added."""

    def __init__(self, num_classes=10, in_chans=1):
        super().__init__(num_classes, in_chans)
        self.aux = nn.Linear(64, num_classes)

    def forward(self, x):
        places = self.forward_features(x)
        return self.forward_head(places) + self.aux(places.flatten(2).transpose(1, 2)).max(dim=1)[0] / 2


class Tempered(DigitsCNN):
    def forward(self, x):
        return super().forward(x) / 2


class Listed(DigitsCNN):
    def get_classifier(self):
        return self.fc, self.fc


def _network(kind):
    def build(pretrained=False, **settings):
        return kind(**{name: settings[name] for name in ("num_classes", "in_chans") if name in settings})

    build.__name__ = f"longtail_test_{kind.__name__.lower()}"
    build.__module__ = __name__
    return register_model(build).__name__


NAMES = {kind: _network(kind) for kind in (NormBefore, Auxiliary, Tempered, Listed)}


def with_statistics(model):
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize(
    "name", ["resnet20", NAMES[NormBefore], "efficientvit_m0", "shvit_s1", "test_vit", "test_resnet"]
)
def test_the_classifier_on_the_features_is_the_network(name):
    torch.manual_seed(0)
    model = with_statistics(create_backbone(name, num_classes=5))
    size = {"test_vit": 160, "efficientvit_m0": 224}.get(name, 64)
    images = torch.randn(3, 3, size, size)
    with torch.inference_mode():
        features = features_of(model, images)
        assert features.shape == (3, classifier_of(model).in_features)
        torch.testing.assert_close(classifier_of(model)(features), model(images))


@pytest.mark.parametrize(("name", "arguments"), [("resnet20", {}), ("resnet20", {"experts": 3})])
def test_layers_are_listed_in_the_order_of_the_network(name, arguments):
    """Weights are drawn and adapters given in that order: another order would draw other weights."""
    layers = [layer for layer, _ in create_backbone(name, num_classes=5, arguments=arguments).named_children()]
    assert layers[0] in ("conv1", "early")
    assert layers[-1] == "fc"


@pytest.mark.parametrize("kind", [Auxiliary, Tempered])
def test_what_stands_beside_or_behind_the_classifier_is_refused(kind):
    with pytest.raises(InputError, match=f"its logits are not those of its last layer .{kind.__name__}"):
        create_backbone(NAMES[kind], num_classes=5)


@pytest.mark.slow
def test_volo_is_refused():
    with pytest.raises(InputError, match=r"volo_d1_224: its logits are not those of its last layer"):
        create_backbone("volo_d1_224", num_classes=5)


def test_several_heads_are_refused_for_training():
    with pytest.raises(InputError, match=r"ends in several heads whose scores are added.*longtail balance"):
        create_backbone(NAMES[Listed], num_classes=5)


def test_looking_leaves_the_network_and_the_generator_as_they_are():
    torch.manual_seed(3)
    model = create_backbone("resnet20", num_classes=5)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    from longtail.backbones.cifar_resnet import CifarResNet

    plain = CifarResNet(20, num_classes=5)
    assert torch.equal(torch.rand(1), drawn)
    assert model.training
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), plain.state_dict().values(), strict=True))


@pytest.mark.parametrize("name", ["hf-hub:timm/x", "local-dir:x", "a b", "", "resnet50/../x", "timm:", 3, None])
def test_names_that_are_none(name):
    with pytest.raises(InputError, match=r"no backbone|is a (int|NoneType)"):
        create_backbone(name, num_classes=5)


@pytest.mark.parametrize("num_classes", [0, -1, 2.5, "3", None])
def test_numbers_of_classes_that_are_none(num_classes):
    with pytest.raises(InputError, match="num_classes"):
        create_backbone("resnet20", num_classes=num_classes)
