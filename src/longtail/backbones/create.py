"""Build a backbone with its linear classifier by name."""

import difflib
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["classifier_of", "classifier_prefix", "create_backbone", "features_of"]


def create_backbone(name: str, *, num_classes: int, in_chans: int = 3, pretrained: bool = False) -> "nn.Module":
    """Build a backbone that ends in a linear classifier.

    Args:
        name: `resnet20`, `resnet32`, `resnet44`, `resnet56`, `resnet110` (CIFAR), `digits_cnn`, or any model of timm;
            the prefix `timm:` is allowed.
        num_classes: C.
        in_chans: channels of the images.
        pretrained: load timm's weights for that name.

    Returns:
        A module that maps images (B, in_chans, H, W) to logits (B, C) and obeys timm's backbone protocol.

    Raises:
        InputError: no such backbone, its pretrained weights cannot be had, or it does not end in a linear layer.

    Example:
        >>> create_backbone("resnet20", num_classes=10).num_features
        64
    """
    import timm

    import longtail.backbones.registry  # noqa: F401  makes our names known to timm

    short = name.removeprefix("timm:")
    # a pretrained tag may follow the architecture: `vit_small_patch14_dinov2.lvd142m`
    if not timm.is_model(short.split(".")[0]):
        close = difflib.get_close_matches(short, timm.list_models(), n=5, cutoff=0.5)
        raise InputError(
            f"no backbone {name!r}. "
            + (f"Did you mean {', '.join(close)}? " if close else "")
            + "Expected resnet20, resnet32, resnet44, resnet56, resnet110, digits_cnn or the name of a timm model."
        )
    try:
        model = timm.create_model(short, pretrained=pretrained, num_classes=num_classes, in_chans=in_chans)
    except (RuntimeError, OSError) as error:
        if not pretrained:
            raise
        raise InputError(
            f"the pretrained weights of {name!r} cannot be had: {error} "
            "Train without --pretrained, or connect to where timm keeps them."
        ) from error
    classifier_of(model)
    return model


def features_of(model: Any, images: "Tensor") -> "Tensor":
    """Map images (B, channels, H, W) to the features (B, D) that the classifier of `model` sees."""
    return model.forward_head(model.forward_features(images), pre_logits=True)  # type: ignore[no-any-return]


def classifier_of(model: Any) -> "nn.Linear":
    """Give the linear layer that ends `model`.

    Raises:
        InputError: the model ends in something else.
    """
    from torch import nn

    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear):
        raise InputError(
            f"{type(model).__name__} ends in {type(classifier).__name__}; expected one linear layer. "
            "Choose a backbone whose classifier is linear."
        )
    return classifier


def classifier_prefix(model: Any) -> str:
    """Give what the names of the classifier's weights begin with, such as "fc." or "head.fc."."""
    classifier = classifier_of(model)
    name: str = next(name for name, module in model.named_modules() if module is classifier)
    return f"{name}."
