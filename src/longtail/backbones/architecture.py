"""Recognise a ResNet by the names and shapes of its weights."""

from collections.abc import Mapping

from torch import Tensor

__all__ = ["CIFAR_RESNETS", "feature_dimension", "recognise"]

CIFAR_RESNETS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")

# block kind, blocks a stage, groups, width of the first stage's 3 x 3 convolution: name
_RESNETS: dict[tuple[str, tuple[int, ...], int, int], str] = {
    ("basic", (1, 1, 1, 1), 1, 64): "resnet10",
    ("basic", (2, 2, 2, 2), 1, 64): "resnet18",
    ("basic", (3, 4, 6, 3), 1, 64): "resnet34",
    ("bottleneck", (3, 4, 6, 3), 1, 64): "resnet50",
    ("bottleneck", (3, 4, 23, 3), 1, 64): "resnet101",
    ("bottleneck", (3, 8, 36, 3), 1, 64): "resnet152",
    ("bottleneck", (3, 4, 6, 3), 32, 128): "resnext50_32x4d",
    ("bottleneck", (3, 4, 23, 3), 32, 128): "resnext101_32x4d",
    ("bottleneck", (3, 8, 36, 3), 32, 128): "resnext152_32x4d",
    ("bottleneck", (3, 4, 23, 3), 32, 256): "resnext101_32x8d",
    ("bottleneck", (3, 4, 6, 3), 1, 128): "wide_resnet50_2",
}


def recognise(weights: Mapping[str, Tensor]) -> tuple[str | None, str]:
    """Name the network that weights belong to.

    Args:
        weights: by torchvision's names: `conv1.weight`, `layer1.0.conv1.weight`, ...

    Returns:
        The backbone's name, or None; and in words what was seen.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> recognise(create_backbone("resnet20", num_classes=10).state_dict())[0]
        'resnet20'
    """
    stages = tuple(_blocks(weights, stage) for stage in range(1, 5))
    first, second = weights.get("conv1.weight"), weights.get("layer1.0.conv2.weight")
    if first is None or second is None or first.ndim != 4 or second.ndim != 4 or 0 in second.shape:
        return None, "no ResNet by its names (conv1, layer1, ...)"
    if stages[3] == 0:
        return _cifar(weights, stages[:3])
    kind = "bottleneck" if "layer1.0.conv3.weight" in weights else "basic"
    width = second.shape[0]
    groups = width // second.shape[1]
    seen = f"{kind} blocks {list(stages)}, {groups} groups, width {width}"
    return _RESNETS.get((kind, stages, groups, width)), seen


def feature_dimension(weights: Mapping[str, Tensor]) -> int | None:
    """Return D of a ResNet's features, the channels of its last stage; None where there are no stages.

    Args:
        weights: by torchvision's names.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> feature_dimension(create_backbone("resnet20", num_classes=10).state_dict())
        64
    """
    for stage in (4, 3):
        norms = [t for n, t in weights.items() if n.startswith(f"layer{stage}.") and n.endswith("running_mean")]
        if norms:
            return max(norm.numel() for norm in norms)
    return None


def _cifar(weights: Mapping[str, Tensor], stages: tuple[int, ...]) -> tuple[str | None, str]:
    width = weights["conv1.weight"].shape[0]
    projections = [name for name in weights if "shortcut" in name or "downsample" in name]
    seen = f"three stages of {list(stages)} blocks, first width {width}"
    if projections:
        return None, f"{seen}, shortcuts with weights ({projections[0]}), where ours have none"
    name = f"resnet{6 * stages[0] + 2}"
    known = len(set(stages)) == 1 and width == 16 and name in CIFAR_RESNETS
    return (name if known else None), seen


def _blocks(weights: Mapping[str, Tensor], stage: int) -> int:
    numbers = {name.split(".")[1] for name in weights if name.startswith(f"layer{stage}.")}
    return len(numbers)
