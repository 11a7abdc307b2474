"""Our own backbones, made known to timm; the key is the function's name.

Imported by `create_backbone` alone, because importing timm takes seconds.
"""

from typing import Any

from timm.models import register_model

from longtail.backbones.cifar_resnet import CifarResNet
from longtail.backbones.digits_cnn import DigitsCNN

__all__ = ["digits_cnn", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110"]


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


def _cifar_resnet(depth: int, pretrained: bool, **kwargs: Any) -> CifarResNet:
    _refuse_pretrained(pretrained, f"resnet{depth}")
    return CifarResNet(depth, **_known(kwargs))


def _known(kwargs: dict[str, Any]) -> dict[str, Any]:
    # timm adds its own pretrained_cfg, pretrained_cfg_overlay, cache_dir: they mean nothing to these networks
    return {name: kwargs[name] for name in ("num_classes", "in_chans") if name in kwargs}


def _refuse_pretrained(pretrained: bool, name: str) -> None:
    if pretrained:
        raise RuntimeError(f"No pretrained weights exist for {name}.")
