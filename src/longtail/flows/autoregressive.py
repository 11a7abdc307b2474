"""A masked autoregressive layer: zuko's masks and weights, with half of its arithmetic."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from longtail.flows.staircase import StaircaseLinear

__all__ = ["AutoregressiveLayer"]

BOUND = -math.log(1e-3)  # of log-scales, softly: zuko's


class AutoregressiveLayer(nn.Module):
    """Scale and shift each feature by what a network says of the features before it.

    u_d = x_d exp(a_d) + b_d,   a_d = c_d / (1 + |c_d| / log 1000),   (b_d, c_d) of x_0 ... x_{d-1}

    It computes what `zuko.flows.MaskedAutoregressiveTransform` does, from whose masks and weights it is built and whose
    names and shapes its `state_dict` has. Inside, rows are columns and units are sorted, so that masks are stairs.

    Args:
        dimension: D, above 1.
        hidden: widths of the network's layers.
        reverse: d-1 ... 0 is the order of the features.

    Reference:
        Papamakarios, Pavlakou, Murray, "Masked Autoregressive Flow for Density Estimation", NeurIPS 2017, arXiv
        1705.07057.
    """

    def __init__(self, dimension: int, hidden: Sequence[int], *, reverse: bool) -> None:
        super().__init__()
        from zuko.flows import MaskedAutoregressiveTransform

        features = torch.arange(dimension)
        order = features.flip(0) if reverse else features
        network: Any = MaskedAutoregressiveTransform(dimension, order=order, hidden_features=tuple(hidden)).hyper
        drawn: list[Any] = [layer for layer in network if isinstance(layer, nn.Linear)]
        layers, columns = [], features
        for layer in drawn[:-1]:
            rows = layer.mask.sum(dim=1).argsort(stable=True)
            layers.append(StaircaseLinear(layer.mask, rows, columns, rectified=True))
            columns = rows
        self.hidden = nn.ModuleList(layers)
        # of zuko's outputs every other one is a shift
        self.shift, self.scale = (
            StaircaseLinear(drawn[-1].mask[part::2], features, columns, rectified=False) for part in (0, 1)
        )
        self._register_state_dict_hook(_to_zuko)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_from_zuko)  # type: ignore[no-untyped-call]
        self.load_state_dict({f"hyper.{name}": value for name, value in network.named_parameters()})

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to u (B, D); give it with log |det du/dx|, shape (B,)."""
        columns = x.T.contiguous()
        u, log_det = _affine(columns, *self._shift_and_scale(columns))
        return u.T, log_det

    def inverse(self, u: Tensor) -> Tensor:
        """Map u (B, D) back to x, one feature after the other: D passes."""
        x = torch.zeros_like(u)
        for _ in range(u.shape[1]):
            shift, raw = self._shift_and_scale(x.T)
            x = (u - shift.T) / (raw / (1 + raw.abs() / BOUND)).exp().T
        return x

    def _shift_and_scale(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        activity = columns
        for layer in self.hidden:
            activity = layer(activity)
        return self.shift(activity), self.scale(activity)


class _Affine(torch.autograd.Function):
    """u = x exp(a) + b and the sums of a, from columns x, b and c (D, B), and back, in as few passes as it takes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        wide = raw.to(x.dtype)
        divisor = wide.abs().div_(BOUND).add_(1)
        log_scale = wide / divisor
        log_det = log_scale.sum(dim=0)
        scale = log_scale.exp_()
        ctx.save_for_backward(x, scale, divisor)
        ctx.kind = raw.dtype
        return torch.addcmul(shift.to(x.dtype), x, scale), log_det

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_u: Tensor, of_log_det: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, scale, divisor = ctx.saved_tensors
        of_x = of_u * scale
        of_raw = torch.addcmul(of_log_det, of_x, x).div_(divisor).div_(divisor)
        return of_x, of_u.to(ctx.kind), of_raw.to(ctx.kind)


def _affine(x: Tensor, shift: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
    result: tuple[Tensor, Tensor] = _Affine.apply(x, shift, raw)
    return result


def _to_zuko(layer: Any, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Put zuko's parameters in place of those of the layer."""

    def taken(name: str) -> tuple[Tensor, Tensor]:
        part = layer.get_submodule(name)
        found: tuple[Tensor, Tensor] = part.unpack(*(state.pop(f"{prefix}{name}.{one}") for one in ("weight", "bias")))
        return found

    number = len(layer.hidden)
    found = [taken(f"hidden.{place}") for place in range(number)]
    pairs = zip(taken("shift"), taken("scale"), strict=True)
    weight, bias = (torch.stack(pair, dim=1).flatten(0, 1) for pair in pairs)
    found.append((weight, bias))
    for place, values in enumerate(found):
        for name, value in zip(("weight", "bias"), values, strict=True):
            state[f"{prefix}hyper.{2 * place}.{name}"] = value


def _from_zuko(layer: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Put the layer's parameters in place of zuko's, where they are there."""
    number = len(layer.hidden)
    for place in range(number + 1):
        names = [f"{prefix}hyper.{2 * place}.{name}" for name in ("weight", "bias")]
        if not all(name in state for name in names):
            continue
        weight, bias = (state.pop(name) for name in names)
        for name, part in [(f"hidden.{place}", slice(None))] if place < number else _LAST:
            packed = layer.get_submodule(name).pack(weight[part], bias[part])
            state[f"{prefix}{name}.weight"], state[f"{prefix}{name}.bias"] = packed


_LAST = (("shift", slice(0, None, 2)), ("scale", slice(1, None, 2)))
