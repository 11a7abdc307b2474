"""Which layers of a network can be asked for their features, and which of them are its blocks, seen as it runs."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.create import features_of
from longtail.backbones.example_inputs import noise
from longtail.backbones.layer_parts import LAST, LayerPart, Layout, Pool, pooled, tensor_in
from longtail.backbones.running import evaluating
from longtail.errors import InputError

__all__ = ["Layers", "layers_of"]

_NO_BLOCK = re.compile(r"Stage|Merging|Downsampl|Transition|Embed|Norm|Pool|Encoder$|Model$|Stem", re.IGNORECASE)
_MOST_PREFIX = 16  # class token, registers
ALIKE = 0.98  # correlation of two parts that say the same


@dataclass(frozen=True)
class _Seen:
    """A layer that ran once, what it gave on noise, and how that is laid out."""

    module: nn.Module
    output: Tensor
    layout: Layout
    width: int


@dataclass(frozen=True)
class Layers:
    """The layers of a network.

    Attributes:
        model: it.
        seen: those whose output is a feature map or tokens, by name, in the order in which they are done.
        blocks: names of its blocks, in that order.
        last: the features before the classifier, on the same noise, shape (2, D).
        norm: name of what norms the tokens behind the last block; "": nothing does.
    """

    model: Any
    seen: dict[str, _Seen]
    blocks: tuple[str, ...]
    last: Tensor
    norm: str

    def part(self, name: str, pool: Pool) -> LayerPart:
        """Return the part of a layer.

        Raises:
            InputError: a class token of a layer without one.
        """
        if name == LAST:
            return LayerPart(LAST, "mean", "features", 0, "", self.last.shape[1])
        one = self.seen[name]
        prefix = _prefix(self.model, one)
        if pool == "token" and not prefix:
            raise InputError(f"layer {name} has no class token. Expected `pool` mean or max.")
        norm = self.norm if one.layout == "tokens" and one.width == self.seen[self.blocks[-1]].width else ""
        return LayerPart(name, pool, one.layout, prefix, norm, one.width)

    def pools(self, name: str, pool: str) -> tuple[Pool, ...]:
        """Return how a layer is pooled: as given, or by "auto" class token and mean where it has one, else the mean."""
        if name == LAST:
            return ("mean",)
        if pool != "auto":
            return tuple(dict.fromkeys(pool.split(",")))  # type: ignore[arg-type]
        return ("token", "mean") if _prefix(self.model, self.seen[name]) else ("mean",)

    def last_blocks(self, number: int, pool: str) -> tuple[LayerPart, ...]:
        """Return the parts of the last blocks.

        Args:
            number: of blocks; the features before the classifier stand for the last one.
            pool: as `pools` takes it; of the last block, what these features do not say already.

        Raises:
            InputError: there are not so many blocks.
        """
        if number > 1 and hasattr(self.model, "num_experts"):
            raise InputError(
                f"`layers=last{number}`: its experts stand side by side, and no block of one is the last. "
                f"Name layers: {_some(list(self.seen))}."
            )
        if number > max(len(self.blocks), 1):
            raise InputError(
                f"`layers=last{number}`: {type(self.model).__name__} has {len(self.blocks)} blocks. Name layers: "
                f"{_some(list(self.seen))}."
            )
        earlier = [
            self.part(name, one)
            for name in self.blocks[len(self.blocks) - number : -1]
            for one in self.pools(name, pool)
        ]
        if number == 1:
            return (self.part(LAST, "mean"),)
        final = self.blocks[-1]
        others = [self.part(final, one) for one in self.pools(final, pool)]
        others = [part for part in others if not self._is_last(part)]
        return (*earlier, *others, self.part(LAST, "mean"))

    def _is_last(self, part: LayerPart) -> bool:
        """Return whether the features before the classifier say what a part of the last block does."""
        if part.layout != "tokens":
            return part.pool == "mean"
        if part.width != self.last.shape[1]:
            return False
        with torch.no_grad():
            rows = pooled(self.model, self.seen[part.layer].output, part)
        both = zip(rows, self.last, strict=True)
        return all(float(torch.corrcoef(torch.stack(pair).double())[0, 1]) > ALIKE for pair in both)

    def named(self, word: str) -> str:
        """Return the full name of a layer; what stands before it may be left out where that is clear.

        Raises:
            InputError: no such layer, or several.
        """
        if word == LAST or word in self.seen:
            return word
        ends = [name for name in self.seen if name.endswith(f".{word}")]
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise InputError(f"`layers`: {word} is the end of several names: {_some(ends)}. Expected one of them.")
        raise InputError(
            f"`layers`: {type(self.model).__name__} has no layer {word!r} with a feature map or tokens that runs once. "
            f"Its blocks: {_some(list(self.blocks))}; all: {_some(list(self.seen), 60)}; or {LAST}."
        )


def layers_of(model: Any, shape: tuple[int, int, int]) -> Layers:
    """Run a network on noise, and see which layers it has.

    A block is a module that comes several times, such as the residual blocks of a ResNet or those of a ViT, and lies in
    no other such module; stages of several blocks are none, nor is a depthwise convolution alone. A network without
    them has what timm's `feature_info` names.

    Args:
        model: a backbone.
        shape: of an image: channels, height, width.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> layers_of(create_backbone("resnet20", num_classes=2), (3, 32, 32)).blocks[-2:]
        ('layer3.1', 'layer3.2')
    """
    outputs: dict[str, Tensor | None] = {}
    inputs: dict[str, Tensor | None] = {}
    calls: Counter[str] = Counter()

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, arguments: Any, output: Any) -> None:
            calls[name] += 1
            outputs.pop(name, None)
            outputs[name], inputs[name] = tensor_in(output), tensor_in(arguments)

        return hook

    named = [(name, module) for name, module in model.named_modules() if name]
    handles = [module.register_forward_hook(watch(name)) for name, module in named]
    try:
        with evaluating(model), torch.no_grad():
            images = noise(shape).to(next(model.parameters()))
            last = features_of(model, images)
    finally:
        for handle in handles:
            handle.remove()
    modules = dict(named)
    seen = {
        name: _Seen(modules[name], output, *laid_out)
        for name, output in outputs.items()
        if calls[name] == 1 and output is not None and (laid_out := _layout(output, len(images)))
    }
    blocks = _blocks(model, seen)
    return Layers(model, seen, blocks, last, _norm_behind(blocks, outputs, inputs, modules))


def _layout(output: Tensor, batch: int) -> tuple[Layout, int] | None:
    if output.shape[0] != batch or not output.is_floating_point():
        return None
    if output.ndim == 3:
        return "tokens", output.shape[2]
    if output.ndim != 4:
        return None
    _, first, second, third = output.shape
    if first == second != third and second != third:
        return "channels-last", third
    return "channels-first", first


def _prefix(model: Any, one: _Seen) -> int:
    """Return how many tokens come before those of the patches: what is left of them beside a square of patches."""
    if one.layout != "tokens":
        return 0
    told = getattr(model, "num_prefix_tokens", None)
    tokens = one.output.shape[1]
    left = tokens - math.isqrt(tokens) ** 2
    if isinstance(told, int) and math.isqrt(tokens - told) ** 2 == tokens - told:
        return told
    return left if left <= _MOST_PREFIX else 0


def _blocks(model: Any, seen: dict[str, _Seen]) -> tuple[str, ...]:
    candidates = {name: type(one.module) for name, one in seen.items() if _may_be_block(one.module)}
    times = Counter(candidates.values())
    repeated = [name for name, kind in candidates.items() if times[kind] > 1]
    outermost = [name for name in repeated if not any(name.startswith(f"{other}.") for other in repeated)]
    if outermost:
        return tuple(outermost)
    info = getattr(model, "feature_info", None)
    told = [one.get("module", "") for one in info if isinstance(one, dict)] if isinstance(info, Sequence) else []
    return tuple(name for name in told if name in seen)


def _may_be_block(module: nn.Module) -> bool:
    kind = type(module)
    if kind.__module__.startswith(("torch.", "timm.layers")) or _NO_BLOCK.search(kind.__name__):
        return False
    convolutions = [one for one in module.modules() if isinstance(one, nn.Conv2d)]
    is_depthwise = [1 < one.groups == one.in_channels for one in convolutions]
    return not (convolutions and all(is_depthwise))


def _norm_behind(
    blocks: tuple[str, ...],
    outputs: dict[str, Tensor | None],
    inputs: dict[str, Tensor | None],
    modules: dict[str, nn.Module],
) -> str:
    """Return the norm that takes what the last block gives, token by token."""
    final = outputs.get(blocks[-1]) if blocks else None
    if final is None or final.ndim != 3:
        return ""
    return next(
        (
            name
            for name, entered in inputs.items()
            if entered is final and "Norm" in type(modules[name]).__name__ and not name.startswith(f"{blocks[-1]}.")
        ),
        "",
    )


def _some(names: list[str], most: int = 24) -> str:
    """Return names, the last of them where there are many."""
    shown = ", ".join(names[-most:]) or "none"
    return f"..., {shown}" if len(names) > most else shown
