"""Find the layers that end a network by running it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.example_inputs import example_inputs
from longtail.backbones.last_layer import LastLayer, Term
from longtail.backbones.layer_names import check_weights, find_last_layer, refuse_adapters
from longtail.backbones.outputs import Key, scores_in
from longtail.backbones.reached_layers import (
    NotLinearError,
    Reached,
    linear_parameters_of,
    num_outputs,
    reached_layers,
    tolerance,
)
from longtail.backbones.running import call, evaluating, refuse_programs, two_or_more, unwrapped
from longtail.errors import InputError

__all__ = ["last_layer_of", "measure_last_layer"]

_QUESTION = (
    "it could not be run on noise to see what ends it ({}). Give images=, a few of the inputs that it takes (a tensor, "
    "or the tuple or dict of its arguments)."
)


def last_layer_of(network: nn.Module, layer: str | None = None, images: Any = None) -> LastLayer:
    """Find the layers that end a network in memory, by running it on images, or on noise where none are given.

    Args:
        network: any module.
        layer: name of the layer that is to be the last one; default: whatever ends the network.
        images: a few inputs, as `measure_last_layer` takes them.

    Raises:
        InputError: as `measure_last_layer`; or no images, and noise of no likely shape can be its input.
    """
    refuse_programs(network)
    if images is not None:
        return measure_last_layer(network, images, layer)
    failure = "no layer tells which inputs it takes"
    for example in example_inputs(network):
        try:
            with evaluating(network), torch.no_grad():
                call(network, example)
        # whatever a network makes of a wrong shape
        except Exception as error:
            failure = str(error).strip().split("\n")[0][:120] or type(error).__name__
            continue
        return measure_last_layer(network, example, layer)
    # names tell a plainer fault: no such layer, none at all
    find_last_layer(network.state_dict(), layer)
    raise InputError(f"{type(network).__name__}: " + _QUESTION.format(failure))


def measure_last_layer(network: nn.Module, images: Any, layer: str | None = None) -> LastLayer:
    """Find the layers whose scores make up those of a network, and by which factors, by running it in evaluation mode.

    To what each linear layer gives, something large is added, once with either sign. Where the scores are a sum of
    those of linear layers, their derivatives are the factors, the same for every image and class, and the sum is
    right. A softmax, a temperature, a maximum over places, or a cosine classifier is not of this form.

    Args:
        network: any module; it stays as it is.
        images: one or more inputs, as the network is called with: a tensor, or a tuple or dict of arguments.
        layer: name of the layer that is to be the last one; default: whatever ends the network.

    Returns:
        The last layer; of several, in the order in which they are applied.

    Raises:
        InputError: what ends the network is no linear layer or sum of them, or another one than `layer`; or an adapter
            adds to it.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 3))
        >>> measure_last_layer(network, torch.zeros(2, 3, 2, 2)).name
        '3'
        >>> measure_last_layer(nn.Sequential(network, nn.Softmax(dim=1)), torch.zeros(2, 3, 2, 2))
        Traceback (most recent call last):
        ...
        longtail.errors.InputError: Sequential: what stands behind 0.3 is no sum of its scores ...
    """
    refuse_programs(network)
    with torch.inference_mode(False), torch.enable_grad(), evaluating(network):
        inputs = two_or_more(images)
        result = _scores(network, inputs)
        widths = {scores.shape[1] for scores in result.values()}
        layers = {name: module for name, module in network.named_modules() if num_outputs(module) in widths}
        endings: dict[Key, LastLayer] = {}
        failures: dict[Key, NotLinearError] = {}
        for key in result:
            try:
                endings[key] = _ending(network, inputs, key, layers)
            except NotLinearError as error:
                failures[key] = error
    if layer is not None:
        return _of_name(layer, endings, failures, network)
    return _only(endings, failures, result, network)


def _scores(network: nn.Module, inputs: Any) -> dict[Key, Tensor]:
    kind = type(unwrapped(network)).__name__
    try:
        with torch.no_grad():
            returned = call(network, inputs)
    # whatever a network makes of inputs that are not its own
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise InputError(f"{kind} cannot be run on these inputs ({reason}). Expected what it takes.") from error
    result = scores_in(returned)
    if not result:
        find_last_layer(network.state_dict())  # names tell a plainer fault: no linear layer at all
        raise InputError(
            f"{kind} returns a {type(returned).__name__} without scores of shape (B, C). Expected a classifier."
        )
    return result


def _ending(network: nn.Module, inputs: Any, key: Key, layers: Mapping[str, nn.Module]) -> LastLayer:
    first, second = (reached_layers(network, inputs, key, layers, sign) for sign in (1.0, -1.0))
    again = {reached.name: reached for reached in second}
    for reached in first:
        other = again.get(reached.name)
        if other is None or other.place != reached.place or abs(other.gain - reached.gain) > tolerance(reached.entered):
            raise NotLinearError(f"what stands behind {reached.name} is no sum of its scores: it depends on them")
    terms = _terms(network, first, layers)
    if len(terms) == 1:
        if abs(terms[0].gain - 1) > tolerance(first[0].entered):
            raise NotLinearError(
                f"the scores of {terms[0].name} are multiplied by {terms[0].gain:.4g} behind it (a temperature or "
                "scale); multiply weight and bias by that and take it away"
            )
        terms = [replace(terms[0], gain=1.0)]
    for term in terms:
        if abs(sum(other.gain for other in terms if other.start == term.start)) < 1e-3:
            raise NotLinearError(f"the scores of {', '.join(other.name for other in terms)} cancel each other")
    return LastLayer(tuple(terms), key)


def _terms(network: nn.Module, reached: list[Reached], layers: Mapping[str, nn.Module]) -> list[Term]:
    """Lay what enters the layers side by side; what enters several of them counts once."""
    terms: list[Term] = []
    inputs: list[Tensor] = []
    for layer in reached:
        refuse_adapters(network.state_dict(), layer.name)
        weight, bias = linear_parameters_of(layers[layer.name])
        check_weights(weight, f"{layer.name}.weight")
        entered = layer.entered.mean(dim=1) if layer.place is None else layer.entered[:, layer.place]
        twin = next((term for term, other in zip(terms, inputs, strict=True) if torch.equal(other, entered)), None)
        start = max((term.stop for term in terms), default=0) if twin is None else twin.start
        terms.append(Term(layer.name, weight, bias, layer.gain, start, layer.place))
        inputs.append(entered)
    return terms


def _why(error: NotLinearError, network: nn.Module) -> str:
    if error.reason is not None:
        return error.reason
    try:
        name = find_last_layer(network.state_dict()).name
    except InputError as unnamed:
        return str(unnamed).removesuffix(".")
    return f"the scores of {name} do not come out as x W + b (a cosine classifier, or something else that is no sum)"


def _only(
    endings: Mapping[Key, LastLayer],
    failures: Mapping[Key, NotLinearError],
    candidates: Mapping[Key, Tensor],
    network: nn.Module,
) -> LastLayer:
    """Return the ending of the logits where it is clear which of the tensors that come out they are."""
    kind = type(unwrapped(network)).__name__
    if not endings or "logits" in failures:
        reason = _why(failures.get("logits") or next(iter(failures.values())), network)
        raise InputError(f"{kind}: {reason}. Expected a network with nothing behind its last linear layer.")
    if "logits" in endings:
        return endings["logits"]
    names = ", ".join(dict.fromkeys(ending.name for ending in endings.values()))
    known = {term.name for ending in endings.values() for term in ending.terms}
    # what no linear layer reaches is features; a softmax of the same scores changes with them; one of others does not
    others = [layer for error in failures.values() for layer in error.layers if layer not in known]
    if others or len({ending.name for ending in endings.values()}) > 1:
        raise InputError(
            f"{kind} returns {len(candidates)} tensors that could be its scores, and linear layers end in ({names}). "
            "Name the layer that gives the logits."
        )
    return next(iter(endings.values()))


def _of_name(
    layer: str, endings: Mapping[Key, LastLayer], failures: Mapping[Key, NotLinearError], network: nn.Module
) -> LastLayer:
    """Return the ending that is this very layer."""
    for ending in endings.values():
        if ending.name == layer:
            return ending
    find_last_layer(network.state_dict(), layer)
    kind = type(unwrapped(network)).__name__
    for ending in endings.values():
        if layer in (term.name for term in ending.terms):
            raise InputError(
                f"{kind}: the scores of {ending.name} are added. Leave the name of the layer out: all of them are "
                "taken."
            )
    ends = (
        f"it ends in {next(iter(endings.values())).name}" if endings else _why(next(iter(failures.values())), network)
    )
    raise InputError(f"{kind}: {layer} is not what the network ends in: {ends}. Expected its last linear layer.")
