"""Find the layer that ends a network by the names and shapes of its weights alone, where the network is not at hand."""

import itertools
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from longtail.backbones.last_layer import LastLayer, Term
from longtail.errors import InputError

__all__ = ["check_weights", "find_last_layer", "refuse_adapters"]

_WRAPPERS = (
    "module.",
    "_orig_mod.",
    "model.",
    "backbone.",
    "network.",
    "net.",
    "timm_model.",
    "encoder_q.",
    "base_model.",
)
# how peft calls a layer that it adds something to, and one that it trains whole
_INSIDE = re.compile(r"\.(base_layer|modules_to_save\.default)$")
# of torchvision, timm, Hugging Face, CIFAR ResNets; a layer that is counted stands in a Sequential
_USUAL = re.compile(
    r"(heads\.head|head(\.head)?\.l|head\.(proj|linear|fc2|fc\.fc2|classifier\.linear)|classifier\.linear|last_linear"
    r"|classif|(fc|heads?|classifier|linear|head\.fc|head\.classifier)(\.\d+)?)"
)
# names of a last layer too, where there is none of those; where there is one, either may be the last
_POSSIBLE = re.compile(
    r"(out|output|outputs|output_layer|out_layer|fc_out|logits|scores?|predictions?|predictor|dense|final|final_layer|final_fc"
    r"|last|last_layer|(cls|clf|class|classification|linear|mlp)_(head|layer|fc|classifier)|(fc|linear|lin|dense|layer)_?\d+"
    r"|(perceiver\.)?decoder\.decoder\.final_layer)"
)
# their scores are added to those of the other head: one linear layer does not end the network
_SECOND_HEADS = ("head_dist", "heads_dist", "dist_head", "aux_head", "distillation_classifier", "classifier_distill")
# what normalises the weights of a layer stores them in parts
_NORMALISED = (
    "weight_g",
    "weight_v",
    "weight_orig",
    "parametrizations.weight.original",
    "parametrizations.weight.original0",
)
MOST_NAMED = 5  # layers that a message names
_NAMES_IN_WORDS = "fc, head, classifier, linear, head.fc, heads.head, classifier.1 and the like"


def find_last_layer(weights: Mapping[str, Tensor], layer: str | None = None) -> LastLayer:
    """Find the linear layer that ends a network by the names and shapes of its weights.

    Names prove nothing: `measure_last_layer` runs the network and sees. This is for weights whose network is not known.

    Args:
        weights: state dict, or the layer's `weight` and `bias` alone.
        layer: its name, where it has none of the usual ones.

    Raises:
        InputError: no such layer, none of a usual name, several that could be it, several whose scores are added, or
            one whose weights are stored in parts or types that cannot be replaced.

    Example:
        >>> from longtail.backbones import create_backbone
        >>> layer = find_last_layer(create_backbone("resnet20", num_classes=10).state_dict())
        >>> layer.name, tuple(layer.weight.shape)
        ('fc', (10, 64))
    """
    if layer is not None:
        refuse_adapters(weights, layer)
        if f"{layer}.weight" not in weights or not _is_linear(layer, weights[f"{layer}.weight"], named=True):
            raise InputError(f"no linear layer {layer!r}. {_candidates(weights)}")
        return _taken(weights, layer)
    if "weight" in weights and weights["weight"].ndim == 2 and weights.keys() <= {"weight", "bias"}:
        return _taken(weights, "")
    name = _likely(weights)
    refuse_adapters(weights, name)
    return _taken(weights, name)


def check_weights(tensor: Tensor, key: str) -> None:
    """Make sure that a tensor is of plain floating-point numbers, all of them finite.

    Raises:
        InputError: quantised, whole numbers, sparse, without content, NaN or infinity.
    """
    if tensor.is_quantized or not tensor.is_floating_point():
        raise InputError(
            f"{key} is of {tensor.dtype}; expected floating-point weights. Where the model was quantised, give the one "
            "that it was made from, and quantise that again."
        )
    if tensor.layout != torch.strided or tensor.is_meta:
        what = "has no content (meta)" if tensor.is_meta else f"is stored as {tensor.layout}"
        raise InputError(f"{key} {what}; expected a dense tensor.")
    # types of 8 bits know no isfinite
    if not tensor.float().isfinite().all():
        raise InputError(f"{key} holds NaN or infinity. Expected the weights of a training that converged.")


def refuse_adapters(weights: Mapping[str, Tensor], layer: str) -> None:
    """Refuse a layer to whose scores an adapter of LoRA adds its own.

    Raises:
        InputError: says that the adapter has to be merged.
    """
    base = re.sub(r"\.(base_layer|lora_\w+(\.\w+)*)$", "", layer)
    adapters = [name for name in weights if name.startswith(f"{base}.lora_")]
    if adapters or base != layer:
        raise InputError(
            f"{layer} has an adapter (LoRA{f': {adapters[0]}' if adapters else ''}) whose scores are added to its own. "
            "Merge it first (peft: model.merge_and_unload()), and save that model."
        )


def _likely(weights: Mapping[str, Tensor]) -> str:
    """Return the name of the layer that is the last by all that names and shapes tell."""
    layers = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
    linear = [name for name in layers if _is_linear(_bare(name, weights), weights[f"{name}.weight"])]
    usual = [name for name in linear if _USUAL.fullmatch(_bare(name, weights))]
    possible = [name for name in linear if _POSSIBLE.fullmatch(_bare(name, weights))]
    second = [name for name in linear if any(part in _SECOND_HEADS for part in name.split("."))]
    usual, several = _last_of_sequential(usual, weights)
    if several or (second and (usual or possible)):
        heads = several or [(usual or possible)[0], *second]
        number = "two" if len(heads) == 2 else len(heads)
        raise InputError(
            f"the scores of {number} heads ({', '.join(heads[:MOST_NAMED])}) are added, by factors that only the "
            "network knows. Name it, so that they can be measured: --arch timm:NAME, or a folder of Hugging Face."
        )
    both = [*usual, *_last_of_chain(possible, weights)]
    if len(both) == 1:
        return both[0]
    if 1 < len(both) <= MOST_NAMED:
        raise InputError(
            f"several layers could be the last ({', '.join(both)}). Name the one that ends the network, such as "
            f"--layer {both[-1]}; or name the network with --arch, and it is seen by running it."
        )
    last = _last_number(layers, weights)
    without_embeddings = [name for name in linear if "embed" not in name]
    if last in linear:
        return last
    if len(without_embeddings) == 1:
        return without_embeddings[0]
    raise InputError(f"no linear last layer; expected one named {_NAMES_IN_WORDS}. {_candidates(weights)}")


def _last_of_sequential(names: list[str], weights: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """Take the last of the layers of one Sequential; or tell that they are heads side by side, in a list."""
    counted = [name for name in names if name.rpartition(".")[2].isdecimal()]
    if len(counted) < 2 or len(counted) < len(names) or len({name.rpartition(".")[0] for name in names}) > 1:
        return names, []
    ordered = sorted(names, key=lambda name: int(name.rpartition(".")[2]))
    outputs = {len(weights[f"{name}.weight"]) for name in names}
    if len(outputs) == 1 and not _fit_together(ordered, weights):
        return [], ordered
    return ordered[-1:], []


def _last_of_chain(names: list[str], weights: Mapping[str, Tensor]) -> list[str]:
    """Of layers fc1, fc2, fc3, each as wide as the next one expects, take the last."""
    if len({name.rstrip("0123456789") for name in names}) != 1 or not all(name[-1].isdecimal() for name in names):
        return names
    ordered = sorted(names, key=lambda name: int(re.findall(r"\d+$", name)[0]))
    return ordered[-1:] if _fit_together(ordered, weights) else names


def _fit_together(names: list[str], weights: Mapping[str, Tensor]) -> bool:
    shapes = [weights[f"{name}.weight"].shape for name in names]
    return all(before[0] == after[1] for before, after in itertools.pairwise(shapes))


def _last_number(layers: list[str], weights: Mapping[str, Tensor]) -> str | None:
    """Return the last layer of a network that is a Sequential, as fastai's are: 1.8 of 0.0 .. 1.8."""
    numbers = {name: [int(part) for part in _leading_numbers(_bare(name, weights))] for name in layers}
    if not layers or not all(numbers.values()):
        return None
    last = max(layers, key=lambda name: numbers[name])
    return last if len(numbers[last]) == len(_bare(last, weights).split(".")) else None


def _leading_numbers(name: str) -> list[str]:
    return list(itertools.takewhile(str.isdecimal, name.split(".")))


def _taken(weights: Mapping[str, Tensor], name: str) -> LastLayer:
    weight = weights[f"{name}.weight".lstrip(".")]
    term = Term(name, weight.flatten(1), weights.get(f"{name}.bias".lstrip(".")))
    check_weights(weight, term.weight_key)
    if term.bias is not None and term.bias.shape != term.weight.shape[:1]:
        raise InputError(
            f"{term.bias_key} has shape {tuple(term.bias.shape)}; expected {tuple(term.weight.shape[:1])} for weights "
            f"of shape {tuple(term.weight.shape)}."
        )
    if term.bias is not None:
        check_weights(term.bias, term.bias_key)
    if len(term.weight) < 2:
        raise InputError(
            f"{name or 'weight'} has a single output: a score of one class against the rest (a sigmoid), or of a "
            "regression. Expected at least two outputs, one a class."
        )
    return LastLayer((term,))


def _is_linear(name: str, weight: Tensor, *, named: bool = False) -> bool:
    if weight.ndim == 2:
        return True
    # a 1 x 1 convolution of pooled features is linear; SqueezeNet, whose classifier is a Sequential, pools behind it
    pooled_before = named or name in ("fc", "classifier", "head.fc")
    return pooled_before and weight.ndim == 4 and weight.shape[2:] == (1, 1)


def _bare(name: str, weights: Mapping[str, Tensor]) -> str:
    """Take off what wraps a network, be it known or common to all names."""
    tops = {key.split(".")[0] for key in weights}
    if len(tops) == 1 and name.count("."):
        name = name.partition(".")[2]
    while prefix := next((prefix for prefix in _WRAPPERS if name.startswith(prefix)), None):
        name = name.removeprefix(prefix)
    return _INSIDE.sub("", name)


def _candidates(weights: Mapping[str, Tensor]) -> str:
    """Return what stands there instead of a linear layer of a usual name, and what to do."""
    normalised = next((name for name in weights if name.endswith(_NORMALISED)), None)
    if normalised is not None:
        return (
            f"{normalised} is a part of normalised weights (weight norm, spectral norm). Let the norm be multiplied in "
            "(torch.nn.utils.parametrize.remove_parametrizations, or remove_weight_norm), and save that."
        )
    quantised = next((name for name, tensor in weights.items() if _is_quantised(name, tensor)), None)
    if quantised is not None:
        return f"{quantised} is quantised. Give the model that it was made from, and quantise that again."
    shapes = {name.removesuffix(".weight"): w.shape for name, w in weights.items() if name.endswith(".weight")}
    for what, fits in (("Linear layers", lambda s: len(s) == 2), ("1 x 1 convolutions", lambda s: s[2:] == (1, 1))):
        named = [f"{name} {tuple(shape)}" for name, shape in shapes.items() if fits(shape)]
        if named:
            return f"{what} in it, the last ones: {', '.join(named[-MOST_NAMED:])}; name one with `layer` (--layer)."
    last = next((f"{n} {tuple(w.shape)}" for n, w in reversed(list(weights.items())) if w.ndim > 1), "nothing")
    return f"It holds no linear layer at all (its last weights: {last}), so it cannot be balanced."


def _is_quantised(name: str, tensor: Tensor) -> bool:
    return "_packed_params" in name or name.endswith("zero_point") or tensor.is_quantized
