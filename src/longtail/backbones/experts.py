"""Several experts in one network: they share its early stages, and each has late stages and a classifier of its own."""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.averaging_network import AveragingNetwork
from longtail.backbones.cifar_resnet import CifarResNet
from longtail.backbones.digits_cnn import DigitsCNN
from longtail.backbones.normalized_linear import NormalizedLinear
from longtail.errors import InputError

__all__ = ["ExpertClassifier", "ExpertNetwork", "check_experts", "expert_features", "expert_network", "weights_of_each"]

SCALE = 30.0  # of the cosines, as published
# own stages have three quarters of the channels that a network of one has there
_CIFAR_WIDTHS, _DIGITS_WIDTH, _RESNET_CHANNELS = (16, 24, 48), 48, (64, 128, 192, 384)
_MOST = 64
_EXPECTED = (
    "several experts need a network whose late stages can be repeated. Expected resnet20, resnet32, ..., digits_cnn, "
    "or a ResNet or ResNeXt of timm, such as resnet50 or resnext50_32x4d."
)


class ExpertClassifier(NormalizedLinear):
    """The mean of the classifiers of E experts, each of which compares directions: one linear layer.

    z = (1 / E) sum_e z_e,   z_ec = s x_e . w_ec / (sqrt(D) |w_ec|)

    x_e, the features of expert e as `ExpertNetwork` gives them, have length sqrt(D), so that z_ec is s times a cosine.

    Args:
        in_features: E D.
        out_features: C.
        num_experts: E.
        scale: s, above 0.

    Example:
        >>> layer = ExpertClassifier(4, 3, num_experts=2)
        >>> features = torch.tensor([[1.0, 1.0, -1.0, 1.0]])
        >>> torch.allclose(layer.of_each(features).mean(dim=1), layer(features))
        True
    """

    def __init__(self, in_features: int, out_features: int, *, num_experts: int, scale: float = SCALE) -> None:
        super().__init__(in_features, out_features, scale=scale)
        self.num_experts = num_experts

    @property
    def linear_weight(self) -> Tensor:
        """Weights of a linear layer that gives the same, shape (C, E D)."""
        weight = _by_expert(self.weight, self.num_experts)
        factor = self.scale / (self.num_experts * math.sqrt(weight.shape[2]))
        return factor * functional.normalize(weight, dim=2).flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        """Map the features of all experts (B, E D) to the mean of their logits (B, C)."""
        return functional.linear(features, self.linear_weight)

    def of_each(self, features: Tensor) -> Tensor:
        """Map the features of all experts (B, E D) to the logits of each (B, E, C)."""
        weights = weights_of_each(self.linear_weight, self.num_experts)
        return torch.einsum("bed,ecd->bec", _by_expert(features, self.num_experts), weights)


class ExpertNetwork(AveragingNetwork):
    """A network whose early stages are shared by E experts, under timm's backbone protocol.

    Its features are those of the experts side by side, (B, E D), each expert's scaled to length sqrt(D):
    x_e = sqrt(D) f_e / |f_e|, f_e the mean of its last feature map. On these its classifier is linear and without bias,
    which is why any head can take the place of it.

    Args:
        early: maps images (B, channels, H, W) to the feature map that all experts see.
        experts: each maps that to a feature map of D channels.
        dimension: D.
        num_classes: C; 0 leaves the classifier out.

    Reference:
        Wang, Lian, Miao, Liu, Yu, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts", ICLR 2021,
        arXiv 2010.01809, and its released code.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=10, arguments={"experts": 3})
        >>> images = torch.zeros(2, 3, 32, 32)
        >>> model(images).shape, model.expert_logits(images).shape, model.num_features
        (torch.Size([2, 10]), torch.Size([2, 3, 10]), 144)
    """

    def __init__(self, early: nn.Module, experts: Sequence[nn.Module], dimension: int, num_classes: int) -> None:
        super().__init__(len(experts) * dimension)
        self.num_experts = len(experts)
        self.early = early
        self.experts = nn.ModuleList(experts)
        self.reset_classifier(num_classes)

    def _new_classifier(self, num_classes: int) -> nn.Module:
        return ExpertClassifier(self.num_features, num_classes, num_experts=self.num_experts)

    def forward_features(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the experts' last feature maps, one behind the other (B, E D, h, w)."""
        shared = self.early(x)
        return torch.cat([expert(shared) for expert in self.experts], dim=1)

    def _features(self, x: Tensor) -> Tensor:
        """Average feature maps to features (B, E D), those of each expert of length sqrt(D)."""
        means = _by_expert(x.float().mean(dim=(2, 3)), self.num_experts)
        return (math.sqrt(means.shape[2]) * functional.normalize(means, dim=2)).flatten(1)

    def expert_logits(self, x: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to the logits of each expert (B, E, C)."""
        classifier: Any = self.fc
        each: Tensor = classifier.of_each(self.forward_head(self.forward_features(x), pre_logits=True))
        return each


def weights_of_each(weight: Tensor, num_experts: int) -> Tensor:
    """Return the weights of each expert in a linear layer on the features of all, which gives the mean of their logits.

    z_e = V_e x_e,   V_e = E W_e:   (1 / E) sum_e z_e = W x

    Args:
        weight: W, shape (C, E D).
        num_experts: E.

    Returns:
        V, shape (E, C, D).
    """
    return num_experts * _by_expert(weight, num_experts).transpose(0, 1)


def expert_features(maps: Tensor) -> Tensor:
    """Average feature maps of one expert (B, D, h, w) to features (B, D) of length sqrt(D)."""
    means = maps.float().mean(dim=(2, 3))
    return math.sqrt(means.shape[1]) * functional.normalize(means, dim=1)


def check_experts(name: str, num_experts: object, *, pretrained: bool) -> None:
    """Refuse what no network of experts can be made of.

    Raises:
        InputError: no number of experts, weights for a network of one, or a network of Hugging Face.
    """
    if not isinstance(num_experts, int) or isinstance(num_experts, bool) or not 1 <= num_experts <= _MOST:
        raise InputError(f"experts: {num_experts!r:.40}; expected a whole number from 1 to {_MOST}.")
    if pretrained:
        raise InputError(
            "`pretrained`: its weights are those of one network, and the stages of experts are thinner. Leave it out."
        )
    if name.startswith("hf:"):
        raise InputError(f"{name}: {_EXPECTED}")


def expert_network(
    name: str, num_experts: int, num_classes: int, in_chans: int, arguments: Mapping[str, Any]
) -> ExpertNetwork:
    """Build a network of several experts.

    Args:
        name: of the network that its stages are those of, as timm knows it.
        num_experts: E.
        num_classes: C.
        in_chans: channels of the images.
        arguments: of timm.create_model.

    Raises:
        InputError: its stages cannot be told apart.
    """
    import timm
    from timm.models.resnet import ResNet

    from longtail.backbones.architecture import CIFAR_RESNETS

    thin: dict[str, Any]
    if name in CIFAR_RESNETS:
        thin = {"widths": _CIFAR_WIDTHS}
    elif name == "digits_cnn":
        thin = {"width": _DIGITS_WIDTH}
    else:
        thin = {"channels": _RESNET_CHANNELS, **arguments}
    try:
        networks = [
            timm.create_model(name, num_classes=num_classes, in_chans=in_chans, **thin) for _ in range(num_experts)
        ]
    except TypeError as error:  # one that has no such channels
        raise InputError(f"{name}: {_EXPECTED}") from error
    if not isinstance(networks[0], CifarResNet | DigitsCNN | ResNet):
        raise InputError(f"{name}: {_EXPECTED}")
    halves = [_halves(network) for network in networks]
    model = ExpertNetwork(halves[0][0], [late for _, late in halves], networks[0].num_features, num_classes)
    # which images it is usually given
    model.pretrained_cfg = getattr(networks[0], "pretrained_cfg", None)  # type: ignore[assignment]
    return model


def _by_expert(rows: Tensor, num_experts: int) -> Tensor:
    """Cut rows (N, E D) into the experts' parts (N, E, D)."""
    return rows.reshape(rows.shape[0], num_experts, -1)  # its length would be fixed in an exported program


def _halves(network: Any) -> tuple[nn.Sequential, nn.Sequential]:
    """Cut a network in front of its last two stages, behind which there is a mean over places."""
    relu = nn.ReLU(inplace=True)
    if isinstance(network, DigitsCNN):
        return (
            _sequence(conv1=network.conv1, bn1=network.bn1, relu=relu),
            _sequence(
                conv2=network.conv2, bn2=network.bn2, relu2=relu, conv3=network.conv3, bn3=network.bn3, relu3=relu
            ),
        )
    stem = {"conv1": network.conv1, "bn1": network.bn1}
    if isinstance(network, CifarResNet):
        return (
            _sequence(**stem, relu=relu, layer1=network.layer1),
            _sequence(layer2=network.layer2, layer3=network.layer3),
        )
    return (
        _sequence(**stem, act1=network.act1, maxpool=network.maxpool, layer1=network.layer1, layer2=network.layer2),
        _sequence(layer3=network.layer3, layer4=network.layer4),
    )


def _sequence(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))
