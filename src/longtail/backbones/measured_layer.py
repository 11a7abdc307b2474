"""Find the layers that end a network by running it: what reaches its scores, by which factor, and is that all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from longtail.backbones.example_inputs import example_inputs
from longtail.backbones.last_layer import LastLayer, Term
from longtail.backbones.layer_names import check_weights, find_last_layer, refuse_adapters
from longtail.backbones.outputs import Key, scores_in
from longtail.errors import InputError

__all__ = ["call", "in_places", "last_layer_of", "measure_last_layer", "unwrapped"]

Calls = dict[str, list[tuple[Tensor, Tensor]]]  # of each layer: what entered, and what came out or was put in its place
_QUESTION = (
    "it could not be run on noise to see what ends it ({}). Give images=, a few of the inputs that it takes (a tensor, "
    "or the tuple or dict of its arguments)."
)


@dataclass(frozen=True)
class _Reached:
    """A layer whose scores reach those of the network."""

    name: str
    entered: Tensor  # (B, T, D): T places
    gain: float
    place: int | None


class _NotLinearError(Exception):
    """The scores are no sum of the scores of linear layers; the message says why."""


class _NoLayerError(_NotLinearError):
    """No linear layer is seen to reach them: they may be features."""


def last_layer_of(network: nn.Module, layer: str | None = None, images: Any = None) -> LastLayer:
    """Find the layers that end a network in memory, by running it on images, or on noise where none are given.

    Args:
        network: any module.
        layer: name of the layer that is to be the last one; default: whatever ends the network.
        images: a few inputs, as `measure_last_layer` takes them.

    Raises:
        InputError: as `measure_last_layer`; or no images, and noise of no likely shape can be its input.
    """
    _refuse_programs(network)
    if images is not None:
        return measure_last_layer(network, images, layer)
    failure = "no layer tells which inputs it takes"
    for example in example_inputs(network):
        try:
            with _evaluating(network), torch.no_grad():
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
    right. A softmax, a temperature, a maximum over places, or a layer that compares directions is not of this form.

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
    _refuse_programs(network)
    with torch.inference_mode(False), torch.enable_grad(), _evaluating(network):
        inputs = _two_or_more(images)
        found = _scores(network, inputs)
        layers = {name: module for name, module in network.named_modules() if _outputs(module) in _widths(found)}
        endings: dict[Key, LastLayer] = {}
        failures: dict[Key, _NotLinearError] = {}
        for key in found:
            try:
                endings[key] = _ending(network, inputs, key, layers)
            except _NotLinearError as error:
                failures[key] = error
    if layer is not None:
        return _of_name(layer, endings, failures, network)
    return _only(endings, failures, found, network)


def unwrapped(network: nn.Module) -> Any:
    """Return the network inside torch.compile, DataParallel and the like: hooks see every call there."""
    while True:
        inner = getattr(network, "_orig_mod", None)
        if inner is None and isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = network.module
        if inner is None:
            return network
        network = inner


def call(network: nn.Module, inputs: Any) -> Any:
    """Call a network with one input, or with the tuple or dict of its arguments."""
    inner = unwrapped(network)
    if isinstance(inputs, Mapping):
        return inner(**inputs)
    return inner(*inputs) if isinstance(inputs, tuple | list) else inner(inputs)


def in_places(tensor: Tensor, layer: nn.Module) -> Tensor:
    """Arrange what enters or leaves a layer as (B, T, D), T places: 1, those of a feature map, or tokens."""
    if isinstance(layer, nn.Conv2d):
        return tensor.flatten(2).transpose(1, 2)
    return tensor.reshape(len(tensor), -1, tensor.shape[-1])


def _scores(network: nn.Module, inputs: Any) -> dict[Key, Tensor]:
    kind = type(unwrapped(network)).__name__
    try:
        with torch.no_grad():
            returned = call(network, inputs)
    # whatever a network makes of inputs that are not its own
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise InputError(f"{kind} cannot be run on these inputs ({reason}). Expected what it takes.") from error
    found = scores_in(returned)
    if not found:
        find_last_layer(network.state_dict())  # names tell a plainer fault: no linear layer at all
        raise InputError(
            f"{kind} returns a {type(returned).__name__} without scores of shape (B, C). Expected a classifier."
        )
    return found


def _only(
    endings: Mapping[Key, LastLayer],
    failures: Mapping[Key, _NotLinearError],
    found: Mapping[Key, Tensor],
    network: nn.Module,
) -> LastLayer:
    """Return the ending of the logits where it is clear which of the tensors that come out they are."""
    kind = type(unwrapped(network)).__name__
    if not endings or "logits" in failures:
        reason = failures.get("logits") or next(iter(failures.values()))
        raise InputError(f"{kind}: {reason}. Expected a network with nothing behind its last linear layer.")
    if "logits" in endings:
        return endings["logits"]
    widths = {found[key].shape[1] for key in endings}
    others = [key for key, error in failures.items() if not isinstance(error, _NoLayerError)]
    if len({ending.name for ending in endings.values()}) > 1 or any(
        found[key].shape[1] not in widths for key in others
    ):
        names = ", ".join(dict.fromkeys(ending.name for ending in endings.values()))
        raise InputError(
            f"{kind} returns {len(found)} tensors that could be its scores, and linear layers end in ({names}). Name "
            "the layer that gives the logits."
        )
    return next(iter(endings.values()))


def _ending(network: nn.Module, inputs: Any, key: Key, layers: dict[str, nn.Module]) -> LastLayer:
    by_sign = [_reached(network, inputs, key, layers, sign) for sign in (1.0, -1.0)]
    again = {reached.name: reached for reached in by_sign[1]}
    for reached in by_sign[0]:
        other = again.get(reached.name)
        if (
            other is None
            or other.place != reached.place
            or abs(other.gain - reached.gain) > _tolerance(reached.entered)
        ):
            raise _NotLinearError(_behind(reached.name))
    terms: list[Term] = []
    entered: list[Tensor] = []
    for reached in by_sign[0]:
        refuse_adapters(network.state_dict(), reached.name)
        weight, bias = _parameters(layers[reached.name])
        check_weights(weight, f"{reached.name}.weight")
        place, sees = reached.place, reached.entered
        sees = sees.mean(dim=1) if place is None else sees[:, place]
        twin = next((k for k, other in enumerate(entered) if torch.equal(other, sees)), None)
        start = max((term.stop for term in terms), default=0) if twin is None else terms[twin].start
        terms.append(Term(reached.name, weight, bias, reached.gain, start, place))
        entered.append(sees)
    if len(terms) == 1:
        if abs(terms[0].gain - 1) > _tolerance(entered[0]):
            raise _NotLinearError(
                f"the scores of {terms[0].name} are multiplied by {terms[0].gain:.4g} behind it (a temperature or "
                "scale); multiply weight and bias by that and take it away"
            )
        terms = [replace(terms[0], gain=1.0)]
    for term in terms:
        if abs(sum(other.gain for other in terms if other.start == term.start)) < 1e-3:
            raise _NotLinearError(f"the scores of {', '.join(t.name for t in terms)} cancel each other")
    return LastLayer(tuple(terms), key)


def _reached(network: nn.Module, inputs: Any, key: Key, layers: dict[str, nn.Module], sign: float) -> list[_Reached]:
    """Push the scores of all layers, and see what comes of it."""
    scores, calls = _pushed(network, inputs, key, layers, sign)
    num_classes = scores.shape[1]
    factors = noise_like(scores[0])
    names = [name for name in calls if _outputs(layers[name]) == num_classes]
    outputs = [calls[name][0][1] for name in names]
    slopes: tuple[Tensor | None, ...] = (None,) * len(names)
    if scores.requires_grad:
        slopes = torch.autograd.grad((scores @ factors).sum(), outputs, allow_unused=True)
    result = []
    total = torch.zeros_like(scores)
    for name, output, slope in zip(names, outputs, slopes, strict=True):
        if slope is None or not slope.any():
            continue
        module = layers[name]
        entered, pushed = in_places(calls[name][0][0], module), in_places(output.detach(), module)
        gains = _gains(in_places(slope, module), factors, name)
        if len(calls[name]) > 1:
            raise _NotLinearError(f"{name} is applied {len(calls[name])} times")
        total += (gains[:, None] * pushed).sum(dim=1)
        result.append(_Reached(name, entered.detach(), float(gains.double().sum()), _place(gains, name)))
    if not result:
        raise _NoLayerError(_without(network)) if not names else _NotLinearError(_without(network))
    if not _close(total, scores.detach()):
        raise _NotLinearError(
            f"something is added to the scores of {', '.join(term.name for term in result)} behind it"
        )
    return result


def _pushed(
    network: nn.Module, inputs: Any, key: Key, layers: dict[str, nn.Module], sign: float
) -> tuple[Tensor, Calls]:
    calls: Calls = {}

    def push(
        name: str, module: nn.Module, arguments: tuple[Any, ...], settings: dict[str, Any], output: Tensor
    ) -> Tensor:
        entered = arguments[0] if arguments else next(iter(settings.values()))
        weight, bias = _parameters(module)
        plain = functional.linear(in_places(entered, module), weight, bias)
        if not _close(plain.detach(), in_places(output.detach(), module)):
            return output  # it looks like a linear layer, and does something else: the sum will lack it
        size = 1 + 3 * float(output.detach().abs().max())
        leaf = (output.detach() + sign * size * noise_like(output)).requires_grad_()
        calls.setdefault(name, []).append((entered, leaf))
        return leaf * 1  # what follows may write into it

    handles = [
        module.register_forward_hook(lambda *given, name=name: push(name, *given), with_kwargs=True)
        for name, module in layers.items()
    ]
    try:
        found = scores_in(call(network, inputs))
    finally:
        for handle in handles:
            handle.remove()
    if key not in found:
        raise _NotLinearError("it returns something else each time")
    return found[key], calls


def _gains(slopes: Tensor, factors: Tensor, name: str) -> Tensor:
    """Return the factor of each place, (T,), from the slopes (B, T, C) of the sum of scores times factors (C,)."""
    gains = slopes @ factors / (factors @ factors)
    tolerance = _tolerance(slopes) * float(slopes.abs().max())
    if float((slopes - gains[..., None] * factors).abs().max()) > tolerance * float(factors.abs().max()):
        raise _NotLinearError(_behind(name))
    if float((gains - gains[:1]).abs().max()) > tolerance:
        raise _NotLinearError(_behind(name))
    return gains[0]


def _place(gains: Tensor, name: str) -> int | None:
    """Return the place that counts, or None where all count alike."""
    tolerance = _tolerance(gains) * float(gains.abs().max())
    if float((gains - gains.mean()).abs().max()) <= tolerance:
        return None
    used = gains.abs() > tolerance
    if int(used.sum()) != 1:
        raise _NotLinearError(f"the places that {name} is applied to do not count alike")
    return int(used.nonzero()[0])


def _parameters(module: nn.Module) -> tuple[Tensor, Tensor | None]:
    weight: Any = module.weight
    bias: Any = module.bias
    return weight.detach().flatten(1), None if bias is None else bias.detach()


def _outputs(module: nn.Module) -> int:
    """Return C of a layer that may be linear in its features; 0 of any other."""
    if isinstance(module, nn.Linear):
        return int(module.weight.shape[0])
    is_pointwise = isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    return int(module.out_channels) if is_pointwise and module.stride == (1, 1) and module.padding == (0, 0) else 0  # type: ignore[arg-type]


def _widths(found: Mapping[Key, Tensor]) -> set[int]:
    return {scores.shape[1] for scores in found.values()}


def _of_name(
    layer: str, endings: Mapping[Key, LastLayer], failures: Mapping[Key, _NotLinearError], network: nn.Module
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
    ends = f"it ends in {next(iter(endings.values())).name}" if endings else next(iter(failures.values()))
    raise InputError(f"{kind}: {layer} is not what the network ends in: {ends}. Expected its last linear layer.")


def _without(network: nn.Module) -> str:
    """Say what stands where no linear layer reaches the scores."""
    try:
        name = find_last_layer(network.state_dict()).name
    except InputError as error:
        return str(error).removesuffix(".")
    return _behind(name)


def _behind(name: str) -> str:
    return (
        f"what stands behind {name} is no sum of its scores (such as a softmax, a sigmoid, a maximum over places, or a "
        "cosine classifier)"
    )


def _refuse_programs(network: nn.Module) -> None:
    if isinstance(network, torch.jit.ScriptModule):
        raise InputError("a program of TorchScript has no layers to replace. Give the module that it was made from.")
    quantised = next((n for n, m in network.named_modules() if ".quantized" in type(m).__module__), None)
    if quantised is not None:
        raise InputError(
            f"{type(network).__name__}: {quantised} is quantised. Give the network that it was made from, and quantise "
            "that again."
        )


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode, and learning off, for as long as something is measured."""
    modules = [(module, module.training) for module in network.modules()]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for module, _ in modules:
        module.training = False
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modules:
            module.training = training
        for parameter in parameters:
            parameter.requires_grad_(True)


def _two_or_more(images: Any) -> Any:
    """Copy inputs, and add another where there is one alone: what differs between images shows between two."""
    if isinstance(images, Mapping):
        return {name: _two_or_more(value) for name, value in images.items()}
    if isinstance(images, tuple | list):
        return tuple(_two_or_more(value) for value in images)
    if not isinstance(images, Tensor):
        return images
    few = images[:4].detach().clone()
    if images.ndim < 2 or len(images) != 1:
        return few
    return torch.cat([few, few.flip(-1) / 2 if few.is_floating_point() else few.flip(-1)])


def noise_like(tensor: Tensor) -> Tensor:
    """Draw normal noise of a tensor's shape and type, the same each time."""
    return torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)).to(tensor)


def _tolerance(tensor: Tensor) -> float:
    return 1e-3 if torch.finfo(tensor.dtype).bits >= 32 else 3e-2


def _close(ours: Tensor, theirs: Tensor) -> bool:
    if ours.shape != theirs.shape:
        return False
    limit = _tolerance(theirs) * float(theirs.abs().max())
    return float((ours - theirs).abs().max()) <= limit + 1e-30
