"""Which linear layers reach the scores of a network, by which factors, and whether that is all there is."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.outputs import Key, scores_in
from longtail.backbones.running import call, in_places

__all__ = ["NotLinearError", "Reached", "linear_parameters_of", "num_outputs", "reached_layers", "tolerance"]


class NotLinearError(Exception):
    """Scores that are no sum of the scores of linear layers.

    Args:
        reason: why not; None: no linear layer was seen to reach them at all.
        layers: names of those that reach them, be it in another way.
    """

    def __init__(self, reason: str | None = None, layers: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason, self.layers = reason, tuple(layers)


@dataclass(frozen=True)
class Reached:
    """A layer whose scores reach those of the network.

    Attributes:
        name: of the layer.
        entered: what it saw, shape (B, T, D), T places.
        gain: what its scores are multiplied by.
        place: the one that counts; None: all count alike.
    """

    name: str
    entered: Tensor
    gain: float
    place: int | None


@dataclass
class _Calls:
    """What entered each layer, and what was put in the place of its scores; and layers that run without gradients."""

    pushed: dict[str, list[tuple[Tensor, Tensor]]] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)


def reached_layers(
    network: nn.Module, inputs: Any, key: Key, layers: Mapping[str, nn.Module], sign: float
) -> list[Reached]:
    """Push the scores of linear layers, and see what comes of it.

    Of scores z = sum_k sum_t a_kt y_kt, y_kt what layer k gives at place t, the derivative of sum_bc r_c z_bc by y_kt
    is a_kt r_c, for all images b and classes c; and the sum is z, however the y_kt are pushed.

    Args:
        network: in evaluation mode, with no parameter that learns.
        inputs: two at least.
        key: where the scores stand in what it returns.
        layers: those that could end it, by name.
        sign: 1 or -1, of the push.

    Raises:
        NotLinearError: the scores are no such sum.
    """
    scores, calls = _pushed(network, inputs, key, layers, sign)
    factors = _noise(scores[0], 0)
    names = [name for name in calls.pushed if num_outputs(layers[name]) == scores.shape[1]]
    slopes: tuple[Tensor | None, ...] = (None,) * len(names)
    if scores.requires_grad and names:
        outputs = [calls.pushed[name][0][1] for name in names]
        slopes = torch.autograd.grad((scores @ factors).sum(), outputs, allow_unused=True)
    seen = {name: slope for name, slope in zip(names, slopes, strict=True) if slope is not None and slope.any()}
    try:
        result, total = _summed(seen, calls, layers, factors)
    except NotLinearError as error:
        raise NotLinearError(error.reason, list(seen)) from error
    if not result and calls.silent:
        raise NotLinearError(
            "it runs without gradients (torch.no_grad), so what ends it cannot be measured; take that off"
        )
    if not result:
        raise NotLinearError
    if not _are_close(total, scores.detach()):
        raise NotLinearError(f"something is added to the scores of {', '.join(seen)}", list(seen))
    return result


def _summed(
    slopes: Mapping[str, Tensor], calls: _Calls, layers: Mapping[str, nn.Module], factors: Tensor
) -> tuple[list[Reached], Tensor]:
    """Return the layers with their gains, and the sum of what they gave."""
    result, total = [], torch.zeros(())
    for name, slope in slopes.items():
        if len(calls.pushed[name]) > 1:
            raise NotLinearError(f"{name} is applied {len(calls.pushed[name])} times")
        entered, output = (in_places(tensor.detach(), layers[name]) for tensor in calls.pushed[name][0])
        gains = _gains(in_places(slope, layers[name]), factors, name)
        total = (gains[:, None] * output).sum(dim=1) + total.to(output)
        result.append(Reached(name, entered, float(gains.double().sum()), _place(gains, name)))
    return result, total


def linear_parameters_of(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Return weight (C, D) and bias (C,) of a linear layer or a 1 x 1 convolution."""
    weight: Any = layer.weight
    bias: Any = layer.bias
    return weight.detach().flatten(1), None if bias is None else bias.detach()


def num_outputs(layer: nn.Module) -> int:
    """Return C of a layer that may be linear in its features; 0 of any other."""
    if isinstance(layer, nn.Linear):
        return int(layer.weight.shape[0])
    if not isinstance(layer, nn.Conv2d) or layer.groups != 1 or layer.kernel_size != (1, 1):
        return 0
    return layer.out_channels if layer.stride == (1, 1) and layer.padding == (0, 0) else 0


def tolerance(tensor: Tensor) -> float:
    """Return how far sums of numbers of its type may be off, as a share of the largest."""
    return 1e-4 if torch.finfo(tensor.dtype).bits >= 32 else 3e-2


def _pushed(
    network: nn.Module, inputs: Any, key: Key, layers: Mapping[str, nn.Module], sign: float
) -> tuple[Tensor, _Calls]:
    calls = _Calls()

    def push(
        name: str, layer: nn.Module, arguments: tuple[Any, ...], settings: dict[str, Any], output: Tensor
    ) -> Tensor:
        entered = arguments[0] if arguments else next(iter(settings.values()))
        plain = functional.linear(in_places(entered, layer), *linear_parameters_of(layer))
        if not _are_close(plain.detach(), in_places(output.detach(), layer)):
            return output  # it looks like a linear layer, and does something else: the sum will lack it
        if not torch.is_grad_enabled():
            calls.silent.append(name)
            return output
        size = 1 + 3 * float(output.detach().abs().max())
        leaf = (output.detach() + sign * size * _noise(output, zlib.crc32(name.encode()))).requires_grad_()
        calls.pushed.setdefault(name, []).append((entered, leaf))
        return leaf * 1  # what follows may write into it

    handles = [
        layer.register_forward_hook(lambda *given, name=name: push(name, *given), with_kwargs=True)
        for name, layer in layers.items()
    ]
    try:
        result = scores_in(call(network, inputs))
    finally:
        for handle in handles:
            handle.remove()
    if key not in result:
        raise NotLinearError("it returns something else each time")
    return result[key], calls


def _gains(slopes: Tensor, factors: Tensor, name: str) -> Tensor:
    """Return the factor of each place, (T,), from the slopes (B, T, C) of the sum of scores times factors (C,)."""
    gains = slopes @ factors / (factors @ factors)
    limit = tolerance(slopes) * float(slopes.abs().max())
    by_class = float((slopes - gains[..., None] * factors).abs().max())
    by_image = float((gains - gains[:1]).abs().max())
    if not (by_class <= limit and by_image <= limit):  # NaN is no gain
        raise NotLinearError(
            f"what stands behind {name} is no sum of its scores (such as a softmax, a sigmoid, a maximum over places, "
            "or a norm)"
        )
    return gains[0]


def _place(gains: Tensor, name: str) -> int | None:
    """Return the place that counts, or None where all count alike."""
    limit = tolerance(gains) * float(gains.abs().max())
    if float((gains - gains.mean()).abs().max()) <= limit:
        return None
    used = gains.abs() > limit
    if int(used.sum()) != 1:
        raise NotLinearError(f"the places that {name} is applied to do not count alike")
    return int(used.nonzero()[0])


def _noise(tensor: Tensor, seed: int) -> Tensor:
    """Draw normal noise of a tensor's shape and type, the same each time."""
    return torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed)).to(tensor)


def _are_close(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape:
        return False
    return float((ours - theirs).abs().max()) <= tolerance(theirs) * float(theirs.abs().max()) + 1e-30
