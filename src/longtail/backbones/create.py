"""Build a backbone with its linear classifier by name."""

import difflib
import re
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
        InputError: no such backbone, its pretrained weights cannot be had, or it does not end in one linear layer.

    Example:
        >>> create_backbone("resnet20", num_classes=10).num_features
        64
    """
    import timm

    import longtail.backbones.registry  # noqa: F401  makes our names known to timm

    if not isinstance(name, str):
        raise InputError(f"the name of a backbone is a {type(name).__name__}; expected a string.")
    if not isinstance(num_classes, int) or num_classes < 1:
        raise InputError(f"num_classes: {num_classes!r}; expected a whole number of at least 1.")
    short = name.removeprefix("timm:")
    # a pretrained tag may follow the architecture: `vit_small_patch14_dinov2.lvd142m`
    if not re.fullmatch(r"[\w.-]+", short) or not timm.is_model(short.split(".")[0]):
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
    _check_features(model, name, in_chans)
    return model


def features_of(model: Any, images: "Tensor") -> "Tensor":
    """Map images (B, channels, H, W) to the features (B, D) that the classifier of `model` sees."""
    features = model.forward_head(model.forward_features(images), pre_logits=True)
    norm = _norm_before(model)
    return features if norm is None else norm(features)  # type: ignore[no-any-return]


def classifier_of(model: Any) -> "nn.Linear":
    """Return the linear layer that ends `model`.

    Raises:
        InputError: the model ends in something else.
    """
    from torch import nn

    classifier = model.get_classifier()
    if not isinstance(classifier, nn.Linear):
        several = isinstance(classifier, tuple | nn.ModuleList)
        ends = "several heads whose scores are added" if several else type(classifier).__name__
        raise InputError(
            f"{type(model).__name__} ends in {ends}; expected one linear layer. Choose a backbone whose classifier is "
            "one; a trained model of this kind is rebalanced by `longtail balance`."
        )
    return classifier


def classifier_prefix(model: Any) -> str:
    """Return what the names of the classifier's weights begin with, such as "fc." or "head.fc."."""
    classifier = classifier_of(model)
    name: str = next(name for name, module in model.named_modules() if module is classifier)
    return f"{name}."


def _norm_before(model: Any) -> Any:
    """Return the batch norm between timm's features and the classifier, which EfficientViT, SHViT and others have."""
    from torch import nn

    classifier = model.get_classifier()
    beside = next((module for module in model.modules() if classifier in module.children()), model)
    return next((module for module in beside.children() if isinstance(module, nn.BatchNorm1d)), None)


def _check_features(model: Any, name: str, channels: int) -> None:
    """Make sure that the classifier on the features is the whole network: else the features would be of another place.

    Raises:
        InputError: something else reaches the logits, or stands behind them.
    """
    import torch

    from longtail.backbones.example_inputs import noise

    classifier = classifier_of(model)
    input_size = (getattr(model, "pretrained_cfg", None) or {}).get("input_size") or (channels, 224, 224)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for shape in ((channels, 64, 64), (channels, *input_size[1:])):
                image = noise(shape, 1)
                try:
                    logits = model(image)
                except (RuntimeError, AssertionError, ValueError):  # it wants images of a certain size
                    continue
                scores = classifier(features_of(model, image))
                # closer than what a batch norm of a new network changes: its deviation is 1 + 1e-5
                if scores.shape != logits.shape or (scores - logits).abs().max() > 2e-6 * logits.abs().max():
                    raise InputError(
                        f"{name}: its logits are not those of its last layer ({type(model).__name__} adds or changes "
                        "something behind it). Choose a backbone that ends in one linear layer."
                    )
                return
    finally:
        model.train(training)
