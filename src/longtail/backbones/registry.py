"""Our own backbones, made known to timm; the key is the function's name.

Imported by `create_backbone` alone, because importing timm takes seconds.
"""

from typing import Any

from timm.models import register_model
from timm.models.resnet import BasicBlock, Bottleneck, ResNet

from longtail.backbones.cifar_resnet import CifarResNet
from longtail.backbones.digits_cnn import DigitsCNN

__all__ = [
    "digits_cnn",
    "resnet10",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet56",
    "resnet110",
    "resnext152_32x4d",
]


@register_model
def resnet20(pretrained: bool = False, **kwargs: Any) -> CifarResNet:
    """Build the CIFAR ResNet of depth 20."""
    return _cifar_resnet(20, pretrained, **kwargs)


@register_model
def resnet32(pretrained: bool = False, **kwargs: Any) -> CifarResNet:
    """Build the CIFAR ResNet of depth 32, the usual backbone of CIFAR-LT."""
    return _cifar_resnet(32, pretrained, **kwargs)


@register_model
def resnet44(pretrained: bool = False, **kwargs: Any) -> CifarResNet:
    """Build the CIFAR ResNet of depth 44."""
    return _cifar_resnet(44, pretrained, **kwargs)


@register_model
def resnet56(pretrained: bool = False, **kwargs: Any) -> CifarResNet:
    """Build the CIFAR ResNet of depth 56."""
    return _cifar_resnet(56, pretrained, **kwargs)


@register_model
def resnet110(pretrained: bool = False, **kwargs: Any) -> CifarResNet:
    """Build the CIFAR ResNet of depth 110."""
    return _cifar_resnet(110, pretrained, **kwargs)


@register_model
def digits_cnn(pretrained: bool = False, **kwargs: Any) -> DigitsCNN:
    """Build the small network for digits."""
    _refuse_pretrained(pretrained, "digits_cnn")
    return DigitsCNN(**_known(kwargs))


@register_model
def resnet10(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Build ResNet-10 of the long-tailed literature: one basic block a stage; timm's resnet10t is another network."""
    _refuse_pretrained(pretrained, "resnet10")
    return ResNet(BasicBlock, (1, 1, 1, 1), **_known(kwargs))  # type: ignore[arg-type]


@register_model
def resnext152_32x4d(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """Build ResNeXt-152 with 32 groups of width 4, which timm lacks."""
    _refuse_pretrained(pretrained, "resnext152_32x4d")
    return ResNet(Bottleneck, (3, 8, 36, 3), cardinality=32, base_width=4, **_known(kwargs))  # type: ignore[arg-type]


def _cifar_resnet(depth: int, pretrained: bool, **kwargs: Any) -> CifarResNet:
    _refuse_pretrained(pretrained, f"resnet{depth}")
    return CifarResNet(depth, **_known(kwargs))


def _known(kwargs: dict[str, Any]) -> dict[str, Any]:
    # timm adds its own pretrained_cfg, pretrained_cfg_overlay, cache_dir: they mean nothing to these networks
    known = ("num_classes", "in_chans", "width", "widths", "channels")
    return {name: kwargs[name] for name in known if name in kwargs}


def _refuse_pretrained(pretrained: bool, name: str) -> None:
    if pretrained:
        raise RuntimeError(f"No pretrained weights exist for {name}.")
