"""Train a part of a network: all of it, its last stage or block and what follows, or its classifier alone."""

from typing import Any, Literal

from torch import nn

from longtail.backbones.create import classifier_of
from longtail.errors import InputError

__all__ = ["Part", "hold_all_but"]

Part = Literal["all", "last-stage", "last-block", "classifier"]

# where networks keep their last stage (ResNets of four and of three stages, RegNet) or all of them (ConvNeXt;
# EfficientNet, MobileNet and, without stages, ViT; Swin)
_LAST_STAGES = ("layer4", "layer3", "s4")
_CONTAINERS = ("stages", "blocks", "layers")


def hold_all_but(model: Any, part: Part) -> list[nn.Module]:
    """Switch learning off for all that comes before a part of a network.

    Args:
        model: a backbone with its linear classifier.
        part: what goes on learning. "last-block" is the last residual (or transformer) block with all that follows it;
            "last-stage" the whole last stage (`layer4` of a ResNet) with what follows; "classifier" the linear layer
            alone; "all" everything.

    Returns:
        The modules that learn nothing; those of them that keep running statistics (batch norm) still update them while
        they are in training mode.

    Raises:
        InputError: the network has no stages or blocks where they are usually found.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=10)
        >>> held = hold_all_but(model, "classifier")
        >>> [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        ['fc.weight', 'fc.bias']
    """
    if part == "all":
        model.requires_grad_(True)
        return []
    model.requires_grad_(False)
    if part == "classifier":
        learning = {id(module) for module in classifier_of(model).modules()}
    else:
        first = _last_block(model, whole_stage=part == "last-stage")
        inside = {id(module) for module in first.modules()}
        modules = list(model.modules())
        # modules stand in the order of the forward pass, in timm's networks and in ours: what follows learns too
        start = next(place for place, module in enumerate(modules) if id(module) in inside)
        learning = {id(module) for module in modules[start:]}
    held = []
    for module in model.modules():
        if id(module) in learning:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(True)
        elif not any(id(inner) in learning for inner in module.modules()):
            held.append(module)
    return held


def _last_block(model: Any, *, whole_stage: bool) -> nn.Module:
    name = next((name for name in (*_LAST_STAGES, *_CONTAINERS) if hasattr(model, name)), None)
    last: nn.Module | None = getattr(model, name, None) if name else None
    if last is not None and name in _CONTAINERS:
        last = next(reversed(list(last.children())), None)
    if last is None:
        raise InputError(
            f"{type(model).__name__} has none of {', '.join((*_LAST_STAGES, *_CONTAINERS))}, so its last block is not "
            "known. Train all of it, or the classifier alone."
        )
    if whole_stage:
        return last
    # a stage keeps its blocks itself or in a list; a ViT's blocks stand in one list, without stages
    blocks = getattr(last, "blocks", last)
    is_stage = isinstance(blocks, nn.Sequential | nn.ModuleList) or name == "s4"
    return next(reversed(list(blocks.children())), last) if is_stage else last
