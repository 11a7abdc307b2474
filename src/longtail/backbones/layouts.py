"""Write weights in the layouts of other systems."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from longtail.errors import InputError

__all__ = ["LAYOUTS", "to_layout"]

LAYOUTS = ("classifier-balancing", "mmpretrain", "timm")


def to_layout(
    backbone: Mapping[str, Tensor], weight: Tensor, bias: Tensor, layout: str, *, classifier: str = "fc."
) -> dict[str, Any]:
    """Arrange a network's weights as another system reads them.

    Args:
        backbone: weights of all but the classifier, by torchvision's names.
        weight: of the classifier, shape (C, D).
        bias: shape (C,).
        layout: "classifier-balancing", "mmpretrain", or "timm", which is torchvision's too.
        classifier: what the names of the classifier's weights begin with in "timm"; the others have their own.

    Returns:
        What is to be given to `torch.save`.

    Raises:
        InputError: no such layout, or one that knows ResNets alone for another network.

    Example:
        >>> import torch
        >>> weights = {"conv1.weight": torch.zeros(1), "layer1.0.conv1.weight": torch.zeros(1)}
        >>> list(to_layout(weights, torch.zeros(2, 1), torch.zeros(2), "mmpretrain")["state_dict"])[-2:]
        ['head.fc.weight', 'head.fc.bias']
    """
    if layout in ("classifier-balancing", "mmpretrain") and not any(name.startswith("layer1.") for name in backbone):
        raise InputError(f"layout {layout} knows ResNets alone, and this network is none. Expected timm.")
    match layout:
        case "classifier-balancing":
            parts = {
                "feat_model": {f"module.{name}": tensor for name, tensor in backbone.items()},
                "classifier": {"module.fc.weight": weight, "module.fc.bias": bias},
            }
            return {"epoch": 0, "best_epoch": 0, "state_dict_best": parts, "best_acc": 0.0, "centroids": None}
        case "mmpretrain":
            named = {f"backbone.{name}": tensor for name, tensor in backbone.items()}
            return {"meta": {}, "state_dict": {**named, "head.fc.weight": weight, "head.fc.bias": bias}}
        case "timm":
            return {**backbone, f"{classifier}weight": weight, f"{classifier}bias": bias}
        case _:
            raise InputError(f"no layout {layout!r}. Layouts: {', '.join(LAYOUTS)}.")
