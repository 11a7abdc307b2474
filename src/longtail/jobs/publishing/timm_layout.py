"""config.json as `timm.create_model("local-dir:FOLDER")` and `hf-hub:` read it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from longtail.data.transforms import Preprocessing

__all__ = ["crop_share", "is_of_timm", "timm_config", "timm_name"]

# what timm adapts weights by, where somebody wants other classes or channels
_KEPT = ("first_conv", "classifier", "fixed_input_size")


def timm_name(backbone: str) -> str:
    """Return the name of an architecture without prefix and tag of its weights.

    Example:
        >>> timm_name("timm:vit_small_patch14_dinov2.lvd142m")
        'vit_small_patch14_dinov2'
    """
    return backbone.removeprefix("timm:").split(".")[0]


def is_of_timm(backbone: str) -> bool:
    """Return whether timm itself has that network; of ours it knows nothing until they are imported."""
    from longtail.backbones import registry

    return timm_name(backbone) not in registry.__all__


def timm_config(
    model: Any,
    backbone: str,
    arguments: Mapping[str, Any],
    preprocessing: Preprocessing,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Return the content of config.json.

    Args:
        model: the network.
        backbone: its name.
        arguments: that it was built with besides.
        preprocessing: from decoded images to its input.
        class_names: of its outputs; none: it is published without its classifier.
    """
    stored = getattr(model, "pretrained_cfg", None) or {}
    size = preprocessing.size
    prepared = {
        "input_size": [preprocessing.channels, size, size],
        "interpolation": "bilinear",
        "crop_pct": crop_share(size, preprocessing.resize),
        "crop_mode": "squash" if preprocessing.squeeze else "center",
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
    }
    kept = {name: stored[name] for name in _KEPT if stored.get(name) is not None}
    return {
        "architecture": timm_name(backbone),
        "num_classes": len(class_names),
        "num_features": model.num_features,
        **({"label_names": list(class_names)} if class_names else {}),
        **({"model_args": dict(arguments)} if arguments else {}),
        "pretrained_cfg": {"num_classes": len(class_names), **prepared, **kept},
    }


def crop_share(size: int, resize: int) -> float:
    """Return the share of the resized image that the crop is, so that floor(size / share), timm's way back, is exact.

    Example:
        >>> crop_share(224, 256), all(math.floor(s / crop_share(s, s + 5)) == s + 5 for s in range(8, 999))
        (0.875, True)
    """
    share = size / resize
    while math.floor(size / share) < resize:
        share = math.nextafter(share, 0)
    return share
