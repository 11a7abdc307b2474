"""Few parameters on a network that stays as it is: put in, learnt, and multiplied in where that is possible."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

from torch import nn
from torch.nn.utils import parametrize

from longtail.backbones.adapters.transformer_blocks import AdaptedMLP, PromptedBlock
from longtail.backbones.adapters.weight_changes import CentreTap, LowRank
from longtail.backbones.create import classifier_of
from longtail.errors import InputError

__all__ = [
    "ADAPTERS",
    "Adapter",
    "add_adapters",
    "has_adapters",
    "hold_all_but_adapters",
    "lift_width",
    "merge_adapters",
]

Adapter = Literal["lora", "residual", "adaptformer", "prompts"]

_KINDS = (LowRank, CentreTap, AdaptedMLP, PromptedBlock)
_OWN = ("own_norm", "down", "up")  # of `AdaptedMLP`, whose norm and mlp are the network's


def add_adapters(model: Any, kind: Adapter, width: int = 8) -> None:
    """Put adapters into a network, which computes what it did until they learn.

    Args:
        model: a backbone with its linear classifier, changed in place.
        kind: "lora": a change of rank `width` of every linear layer and dense convolution but the first layer and the
            classifier; "residual": a 1 x 1 convolution beside every larger one, and a change of rank `width` of every
            1 x 1 convolution; "adaptformer": a branch of `width` beside every MLP of a vision transformer; "prompts":
            `width` learned tokens in every block of one.
        width: of each, at least 1.

    Raises:
        InputError: another kind, a width below 1, or a network that has no place for that kind.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> model = create_backbone("resnet20", num_classes=10)
        >>> add_adapters(model, "residual")
        >>> norms = hold_all_but_adapters(model)
        >>> sum(p.numel() for p in model.parameters() if p.requires_grad), sum(p.numel() for p in model.parameters())
        (30346, 299418)
    """
    if kind not in ADAPTERS:
        raise InputError(f"no adapter {kind!r}; expected {', '.join(ADAPTERS)}.")
    if width < 1:
        raise InputError(f"the width of adapters is {width}; expected at least 1.")
    if not ADAPTERS[kind](model, width):
        raise InputError(
            f"{type(model).__name__} has no place for the adapter {kind}: "
            + (
                "it is for vision transformers of timm, whose blocks have norm2 and mlp. "
                if kind in ("adaptformer", "prompts")
                else "it has no such layer. "
            )
            + "lora fits every network."
        )


def hold_all_but_adapters(model: Any) -> list[nn.Module]:
    """Switch learning off for all but adapters and classifier.

    Returns:
        The modules that learn nothing and keep running statistics: they stay in evaluation mode.
    """
    model.requires_grad_(False)
    classifier_of(model).requires_grad_(True)
    for module in _adapters(model):
        own: Iterator[Any] = iter(module.parameters(recurse=not isinstance(module, AdaptedMLP | PromptedBlock)))
        for parameter in own:
            parameter.requires_grad_(True)
        for name in _OWN if isinstance(module, AdaptedMLP) else ():
            getattr(module, name).requires_grad_(True)
    return [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def merge_adapters(model: Any) -> bool:
    """Multiply adapters into the weights that they change, in place; the network computes the same.

    Returns:
        Whether none is left: branches and prompts of transformers stay.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        >>> parametrize.register_parametrization(model[0], "weight", LowRank(model[0].weight, 1)) is model[0]
        True
        >>> merge_adapters(model), list(model.state_dict())
        (True, ['0.bias', '0.weight', '1.weight', '1.bias'])
    """
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight") and isinstance(
            module.parametrizations["weight"][0], LowRank | CentreTap
        ):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
            module.weight.requires_grad_(True)
    return not has_adapters(model)


def has_adapters(model: nn.Module) -> bool:
    """Return whether a network has adapters that are not multiplied in."""
    return next(_adapters(model), None) is not None


def lift_width(num_classes: int, blocks: int) -> int:
    """Return the width of adapters by which all together have about as many parameters as the classifier.

    r = 2^floor(log2(C / (2 L))), at least 1

    Args:
        num_classes: C.
        blocks: L.

    Source:
        Shi et al., "Long-Tail Learning with Foundation Model: Heavy Fine-Tuning Hurts", ICML 2024, arXiv 2309.10019,
        appendix.

    Example:
        >>> lift_width(1000, 12), lift_width(100, 12), lift_width(10, 12)
        (32, 4, 1)
    """
    return int(2 ** max(math.floor(math.log2(num_classes / (2 * blocks))), 0))


def _adapters(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if isinstance(module, _KINDS))


def _layers(model: Any) -> list[nn.Module]:
    """Return linear layers and convolutions in the order of the network, without the first one and the classifier."""
    classifier = classifier_of(model)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return [layer for layer in layers[1:] if layer is not classifier]


def _is_dense(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def _change(layer: nn.Module, change: nn.Module) -> None:
    # checked by running the network anyway; unsafe leaves out a forward pass of the change that draws nothing
    parametrize.register_parametrization(layer, "weight", change, unsafe=True)


def _add_lora(model: Any, width: int) -> int:
    layers = [layer for layer in _layers(model) if _is_dense(layer)]
    for layer in layers:
        _change(layer, LowRank(layer.weight, width))  # type: ignore[arg-type]
    return len(layers)


def _add_residual(model: Any, width: int) -> int:
    layers = [layer for layer in _layers(model) if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        is_point = layer.kernel_size == (1, 1)
        if not is_point or layer.groups == 1:
            _change(layer, LowRank(layer.weight, width) if is_point else CentreTap(layer.weight))
    return len(layers)


def _blocks(model: Any) -> Any:
    """Return the list of a vision transformer's blocks; empty where the network is none."""
    blocks = getattr(model, "blocks", None)
    is_list = isinstance(blocks, nn.Sequential | nn.ModuleList) and hasattr(model, "num_prefix_tokens")
    return blocks if is_list else []


def _add_adaptformer(model: Any, width: int) -> int:
    blocks = [block for block in _blocks(model) if hasattr(block, "mlp") and hasattr(block, "norm2")]
    for block in blocks:
        block.mlp = AdaptedMLP(block.norm2, block.mlp, width)
        block.norm2 = nn.Identity()
    return len(blocks)


def _add_prompts(model: Any, width: int) -> int:
    blocks = _blocks(model)
    for place in range(len(blocks)):
        blocks[place] = PromptedBlock(blocks[place], width, model.embed_dim)
    return len(blocks)


ADAPTERS: dict[str, Callable[[Any, int], int]] = {
    "lora": _add_lora,
    "residual": _add_residual,
    "adaptformer": _add_adaptformer,
    "prompts": _add_prompts,
}
