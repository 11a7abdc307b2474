"""Networks of any library, run as they are: their inputs, their wrappers, what enters a layer, and evaluation mode."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from longtail.errors import InputError

__all__ = ["call", "evaluating", "in_places", "refuse_programs", "two_or_more", "unwrapped"]


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


def refuse_programs(network: nn.Module) -> None:
    """Refuse what runs, but has no layers whose weights could be others.

    Raises:
        InputError: a program of TorchScript, or quantised layers.
    """
    if isinstance(network, torch.jit.ScriptModule):
        raise InputError("a program of TorchScript has no layers to replace. Give the module that it was made from.")
    quantised = next((n for n, m in network.named_modules() if ".quantized" in type(m).__module__), None)
    if quantised is not None:
        raise InputError(
            f"{type(network).__name__}: {quantised} is quantised. Give the network that it was made from, and quantise "
            "that again."
        )


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
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


def two_or_more(images: Any) -> Any:
    """Copy inputs, and add another where there is one alone: what differs between images shows between two."""
    if isinstance(images, Mapping):
        return {name: two_or_more(value) for name, value in images.items()}
    if isinstance(images, tuple | list):
        return tuple(two_or_more(value) for value in images)
    if not isinstance(images, Tensor):
        return images
    few = images[:4].detach().clone()
    if images.ndim < 2 or len(images) != 1:
        return few
    return torch.cat([few, few.flip(-1) / 2 if few.is_floating_point() else few.flip(-1)])
