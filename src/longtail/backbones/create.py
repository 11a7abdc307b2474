"""Build a backbone with its linear classifier by name."""

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError
from longtail.files.text import printable

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["classifier_of", "classifier_prefix", "create_backbone", "features_of"]


# arguments of timm.create_model that are given otherwise, load other files, or take the classifier away
_NOT_OF_THE_NETWORK = (
    *("cache_dir", "checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict"),
    *("model_name", "num_classes", "in_chans", "features_only", "out_indices", "scriptable", "exportable"),
)


def create_backbone(
    name: str,
    *,
    num_classes: int,
    in_chans: int = 3,
    pretrained: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> "nn.Module":
    """Build a backbone that ends in a linear classifier.

    Args:
        name: `resnet20`, `resnet32`, `resnet44`, `resnet56`, `resnet110` (CIFAR), `digits_cnn`, or any model of timm;
            the prefix `timm:` is allowed. `hf:FOLDER` is a network that `transformers` wrote, with the weights that lie
            there; `hf:NAME` one of its hub.
        num_classes: C.
        in_chans: channels of the images.
        pretrained: load timm's weights for that name; `hf:` brings its own along in any case.
        arguments: of the network besides: of timm.create_model, or settings of the config.json of `hf:`. With
            "model_type" among these they are all there is: no folder is read, and no weights. With "experts": 3 a
            ResNet becomes an `ExpertNetwork` of three.

    Returns:
        A module that maps images (B, in_chans, H, W) to logits (B, C) and obeys timm's backbone protocol.

    Raises:
        InputError: no such backbone, its pretrained weights cannot be had, it takes no such arguments, or it does not
            end in one linear layer; of `hf:`, `transformers` is not installed.

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
    arguments = dict(arguments or {})
    experts = arguments.pop("experts", None)
    if experts is not None:
        from longtail.backbones.experts import check_experts

        check_experts(name, experts, pretrained=pretrained)
    if name.startswith("hf:"):
        from longtail.backbones.hugging_face_network import build_hugging_face, has_weights

        weights = has_weights(name) and "model_type" not in arguments
        built = build_hugging_face(name, num_classes, in_chans, arguments, weights=weights)
        _check_features(built, printable(name), in_chans)
        return built
    short = name.removeprefix("timm:")
    # a pretrained tag may follow the architecture: `vit_small_patch14_dinov2.lvd142m`
    if not re.fullmatch(r"[\w.-]+", short) or not timm.is_model(short.split(".")[0]):
        close = difflib.get_close_matches(short, timm.list_models(), n=5, cutoff=0.5)
        raise InputError(
            f"no backbone {name!r}. "
            + (f"Did you mean {', '.join(close)}? " if close else "")
            + "Expected resnet20, resnet32, resnet44, resnet56, resnet110, digits_cnn or the name of a timm model."
        )
    _check_arguments(short, arguments)
    try:
        if experts is None:
            shared: dict[str, Any] = {"num_classes": num_classes, "in_chans": in_chans}
            model = timm.create_model(short, pretrained=pretrained, **shared, **arguments)
        else:
            from longtail.backbones.experts import expert_network

            model = expert_network(short, experts, num_classes, in_chans, arguments)
    except InputError:
        raise
    # a network stumbles over an argument in every way there is
    except Exception as error:
        if arguments and not (pretrained and isinstance(error, OSError)):
            given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
            reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
            raise InputError(f"`backbone_set`: {name} cannot be built with {given} ({reason}).") from error
        if not pretrained or not isinstance(error, RuntimeError | OSError):
            raise
        raise InputError(
            f"the pretrained weights of {name!r} cannot be had: {error} Connect once, and they stay in the cache of "
            "the Hugging Face hub; or take weights that lie here: --backbone hf:FOLDER, or with --no-pretrained "
            "--init RUN, --weights FILE with --frozen, or none to train from the start."
        ) from error
    _check_features(model, name, in_chans)
    return model


def _check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    from longtail.backbones import registry

    refused = next((key for key in arguments if key in _NOT_OF_THE_NETWORK), None)
    if refused is not None:
        raise InputError(f"`backbone_set`: {refused} is no argument of the network alone. Leave it out.")
    if arguments and name in registry.__all__:
        raise InputError(f"`backbone_set`: {name} is ours, and takes no arguments. Leave them out.")


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
