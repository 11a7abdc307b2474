"""Weights from other people's checkpoints: which layout, what was taken and what was not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from longtail.backbones.foreign_layouts import ForeignWeights, classifier_balancing, mmpretrain, state_dict
from longtail.backbones.inert import foreign_object
from longtail.backbones.torch_file import could_run_code, read_torch_file
from longtail.errors import InputError
from longtail.files.text import names_file, printable

__all__ = ["ForeignWeights", "read_foreign"]

EXPECTED = (
    "a checkpoint of classifier-balancing, MMPretrain, torchvision or timm, or a state dict of a CIFAR ResNet, "
    "saved by torch"
)
_CONTAINERS = ("state_dict", "model_state_dict", "state_dict_ema", "model", "net")


def read_foreign(path: Path) -> ForeignWeights:
    """Read a checkpoint of another system.

    Args:
        path: file that `torch.save` wrote, or one that ends in .safetensors.

    Raises:
        InputError: unreadable, a checkpoint of ours, without weights, or with weights that are not finite.
    """
    content = read_torch_file(path, expected=EXPECTED)
    if not isinstance(content, Mapping):
        raise InputError(f"{printable(path)}: holds a {type(content).__name__}. Expected {EXPECTED}.")
    if "longtail_checkpoint" in content:
        raise InputError(f"{printable(path)}: is a checkpoint of longtail already. Use it as it is.")
    with names_file(path):
        result = _arrange(content, path)
    if not result.backbone:
        raise InputError(f"{printable(path)}: no backbone in it. Expected {EXPECTED}.")
    tensors = result.backbone | dict(zip(("fc.weight", "fc.bias"), result.classifier or (), strict=False))
    for name, tensor in tensors.items():
        if tensor.is_quantized or tensor.is_meta or tensor.layout != torch.strided:
            raise InputError(f"{printable(path)}: {name} is quantised, sparse or empty. Expected plain dense weights.")
    # types of 8 bits know no isfinite
    broken = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not _is_finite(tensor)]
    if broken:
        raise InputError(
            f"{printable(path)}: {len(broken)} of its tensors hold NaN or infinity (first: {broken[0]}). Expected the "
            "weights of a training that did not diverge."
        )
    return result


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.float().isfinite().all())


def _arrange(content: Mapping[Any, Any], path: Path) -> ForeignWeights:
    for key in ("state_dict_best", "state_dict"):
        parts = content.get(key)
        if isinstance(parts, Mapping) and "feat_model" in parts:
            result = classifier_balancing(parts)
            which = "best on validation" if key == "state_dict_best" else "it was written after"
            result.notes.insert(0, f"weights of the epoch {which}")
            result.ignored |= _beside(content, key)
            return result
    weights, beside = content, dict[str, str]()
    while inside := next((key for key in _CONTAINERS if isinstance(weights.get(key), Mapping)), None):
        beside |= _beside(weights, inside)
        weights = weights[inside]
    if not any(isinstance(value, Tensor) for value in weights.values()):
        foreign = foreign_object(weights)
        if foreign is not None:
            raise could_run_code(path, foreign, EXPECTED)
        seen = ", ".join(str(name) for name in list(weights)[:5])
        raise InputError(f"holds no weights ({seen or 'empty'}). Expected {EXPECTED}.")
    names = {str(name).removeprefix("module.").split(".")[0] for name in weights}
    is_mmpretrain = "backbone" in names and names & {"head", "neck", "data_preprocessor"}
    result = mmpretrain(weights) if is_mmpretrain else state_dict(weights)
    result.ignored |= beside
    return result


def _beside(content: Mapping[Any, Any], taken: str) -> dict[str, str]:
    """Say of all but the weights that were taken what it is."""
    return {
        str(key): "another set of weights" if _holds_weights(value) else "no weights"
        for key, value in content.items()
        if key != taken
    }


def _holds_weights(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(v, Tensor) or _holds_weights(v) for v in value.values())
