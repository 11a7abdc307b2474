"""The linear layer that turns features into logits, or the several whose scores a network adds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longtail.errors import InputError

__all__ = ["LastLayer", "Term"]


@dataclass(frozen=True)
class Term:
    """One of the linear layers whose scores are added.

    Attributes:
        name: of the layer among the weights, such as "fc" or "head.fc"; empty where it is all there is.
        weight: shape (C, D_k), in the type that it is stored in.
        bias: shape (C,), or None.
        gain: what its scores are multiplied by before they are added.
        start: the first of its columns among all features; layers that see the same have the same one.
        place: of a layer that is applied to every place of a feature map or to every token, the one that counts; None:
            their mean.
    """

    name: str
    weight: Tensor
    bias: Tensor | None
    gain: float = 1.0
    start: int = 0
    place: int | None = None

    @property
    def weight_key(self) -> str:
        """Name of the weight."""
        return f"{self.name}.weight".lstrip(".")

    @property
    def bias_key(self) -> str:
        """Name of the bias, be there one or not."""
        return f"{self.name}.bias".lstrip(".")

    @property
    def stored(self) -> dict[str, Tensor]:
        """Weight and, where there is one, bias by their names."""
        bias = {} if self.bias is None else {self.bias_key: self.bias}
        return {self.weight_key: self.weight.contiguous(), **bias}

    @property
    def stop(self) -> int:
        """One more than the last of its columns."""
        return self.start + self.weight.shape[1]


@dataclass(frozen=True)
class LastLayer:
    """The linear map from features to logits.

    logits = sum_k g_k (W_k x_k + b_k) = [g_1 W_1, ..., g_K W_K] [x_1, ..., x_K] + sum_k g_k b_k

    Most networks end in one layer, K = 1 and g_1 = 1. Distilled transformers, RepViT, CrossViT and others add the
    scores of several: together these are one linear layer on what enters them, laid side by side.

    Attributes:
        terms: the layers, K of them.
        output: where the logits stand in what the network returns, its key or number; None: it returns them alone, or
            that is not known.
    """

    terms: tuple[Term, ...]
    output: str | int | None = None

    @property
    def name(self) -> str:
        """Names of the layers, in one line."""
        return ", ".join(term.name for term in self.terms)

    @property
    def weight(self) -> Tensor:
        """Shape (C, D), D the features of all layers that see something of their own."""
        first = self.terms[0]
        if self._is_single:
            return first.weight
        whole = first.weight.new_zeros(
            (len(first.weight), max(term.stop for term in self.terms)),
            dtype=torch.promote_types(first.weight.dtype, torch.float32),
        )
        for term in self.terms:
            whole[:, term.start : term.stop] += term.gain * term.weight.to(whole)
        return whole

    @property
    def bias(self) -> Tensor | None:
        """Shape (C,); None where no layer has one."""
        if self._is_single:
            return self.terms[0].bias
        biases = [term.gain * term.bias.to(self.weight) for term in self.terms if term.bias is not None]
        return torch.stack(biases).sum(dim=0) if biases else None

    def of(self, weights: Mapping[str, Tensor], prefix: str = "") -> "LastLayer":
        """Return the same layer with the numbers that it has in a state dict.

        Args:
            weights: by name.
            prefix: what stands before the names of the layers there, such as "module.".

        Raises:
            InputError: it is not there.
        """
        terms = []
        for term in self.terms:
            there = replace(term, name=f"{prefix}{term.name}")
            weight = weights.get(there.weight_key)
            if weight is None or weight.flatten(1).shape != term.weight.shape:
                raise InputError(f"{there.name} is not among the weights under that name. Expected one layer a name.")
            terms.append(replace(there, weight=weight.flatten(1), bias=weights.get(there.bias_key)))
        return replace(self, terms=tuple(terms))

    def divided(self, weight: Tensor, bias: Tensor | None) -> dict[str, Tensor]:
        """Divide a linear map among the layers, so that the scores that they add are its own.

        W_k = W[:, columns of k] / (sum of the gains of all layers with these columns), b_k = b / (sum of the gains of
        all layers with a bias)

        Args:
            weight: shape (C, D).
            bias: shape (C,); None, or zeros, where no layer has one.

        Returns:
            Weights and biases of all layers by their names, contiguous, in the stored types.

        Raises:
            InputError: another shape, or a bias that no layer has a place for.

        Example:
            >>> twins = [Term(name, torch.zeros(1, 2), torch.zeros(1), gain=0.5) for name in ("head", "head_dist")]
            >>> parts = LastLayer(tuple(twins)).divided(torch.tensor([[2.0, 4.0]]), torch.tensor([3.0]))
            >>> parts["head.weight"].tolist(), parts["head_dist.weight"].tolist(), parts["head.bias"].tolist()
            ([[2.0, 4.0]], [[2.0, 4.0]], [3.0])
        """
        shape = tuple(self.weight.shape)
        if tuple(weight.shape) != shape:
            raise InputError(f"{self.name} has weights {shape}, the new ones {tuple(weight.shape)}.")
        with_bias = [term for term in self.terms if term.bias is not None]
        if not with_bias and bias is not None and bool(bias.any()):
            raise InputError(f"{self.name} has no bias. Expected a head without one, such as tau.")
        if torch.equal(weight.to(self.weight), self.weight) and _same(bias, self.bias):
            # what is put back as it was stays as it is, to the bit
            return {key: part for term in self.terms for key, part in term.stored.items()}
        parts = {}
        for term in self.terms:
            gain = sum(other.gain for other in self.terms if other.start == term.start)
            block = weight[:, term.start : term.stop] / gain
            parts[term.weight_key] = block.to(term.weight).contiguous()
        for term in with_bias:
            share = torch.zeros(shape[0]) if bias is None else bias / sum(other.gain for other in with_bias)
            parts[term.bias_key] = share.to(term.bias).contiguous()
        return parts

    @property
    def _is_single(self) -> bool:
        return len(self.terms) == 1 and self.terms[0].gain == 1


def _same(bias: Tensor | None, before: Tensor | None) -> bool:
    if bias is None or before is None:
        return before is None
    return torch.equal(bias.to(before), before)
