"""Checkpoints: written whole or not at all, read without running code from the file, checked before they are used."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, TypeVar

import torch
from msgspec import Meta
from torch import Tensor

from longtail.backbones.layer_parts import Layout, Pool
from longtail.backbones.torch_file import read_torch_file
from longtail.data.policies.policy import PolicyName
from longtail.data.transforms import Augmentation, Decoding
from longtail.errors import InputError
from longtail.files.atomic import atomic_file
from longtail.files.json_file import check_kind

__all__ = [
    "FORMAT",
    "About",
    "Checkpoint",
    "about_of",
    "check_plain",
    "load_checkpoint",
    "load_weights",
    "save_checkpoint",
    "weights_fingerprint",
]

Kind = TypeVar("Kind")

FORMAT = 1
EXPECTED = "a checkpoint that longtail wrote, such as RUN/checkpoints/last.pt"
_Bounded = Annotated[float, Meta(ge=-1e6, le=1e6)]


class PolicyFacts(TypedDict):
    """Random operations and hidden parts; `longtail.data.policies.Policy` says what it means."""

    name: PolicyName
    operations: Annotated[int, Meta(ge=1, le=16)]
    magnitude: Annotated[float, Meta(ge=0, le=10)]
    spread: Annotated[float, Meta(ge=0, le=10)]
    erasing: Annotated[float, Meta(ge=0, le=1)]
    cutout: Annotated[int, Meta(ge=0, le=8192)]


class PreprocessingFacts(TypedDict):
    """How images become the network's input; `longtail.data.transforms.Preprocessing` says what it means."""

    size: Annotated[int, Meta(ge=1, le=2**16)]
    resize: Annotated[int, Meta(ge=1, le=2**16)]
    channels: Annotated[int, Meta(ge=1, le=4)]
    mean: list[_Bounded]
    std: list[Annotated[float, Meta(gt=0, le=1e6)]]
    augmentation: Augmentation
    resident: bool
    decode: NotRequired[Decoding]
    squeeze: NotRequired[bool]
    policy: NotRequired[PolicyFacts]


class LayerFacts(TypedDict):
    """Where features are taken; `longtail.backbones.layer_parts.LayerPart` says what it means."""

    layer: str
    pool: Pool
    layout: Layout
    prefix: Annotated[int, Meta(ge=0, le=4096)]
    norm: str
    width: Annotated[int, Meta(ge=1, le=2**20)]


class RouterFacts(TypedDict):
    """How experts are asked; `longtail.backbones.expert_router` says what it means."""

    choices: Annotated[int, Meta(ge=1, le=2**20)]
    threshold: _Bounded


class About(TypedDict):
    """What a checkpoint says of its network, in plain values: enough to build it and to feed it.

    Attributes:
        backbone: name of the network.
        arguments: that it is built with besides; of a network of Hugging Face all of its settings.
        layers: whose features it gives, where these are not those before its classifier alone.
        router: of experts that are asked one after the other.
        class_names: in the order of its outputs.
        preprocessing: from decoded images to its input.
        settings: of its training.
    """

    backbone: str
    arguments: NotRequired[dict[str, Any]]
    layers: NotRequired[Annotated[list[LayerFacts], Meta(min_length=1)]]
    router: NotRequired[RouterFacts]
    class_names: Annotated[list[str], Meta(min_length=1)]
    preprocessing: PreprocessingFacts
    settings: dict[str, Any]


class Checkpoint(TypedDict):
    """The parts of a checkpoint.

    Attributes:
        task: weights and buffers of all that was trained, by name; those of the network begin with "model.".
        optimizer: its state dict; empty where nothing was trained.
        precision: of the loss scale; empty where there is none.
        state: where the training stands, as `TrainingState` has it; empty where nothing was trained.
        about: as `About` has it.
        learning: where `task` holds a moving average of the network's weights, those that learn; absent elsewhere.
    """

    task: dict[str, Any]
    optimizer: dict[str, Any]
    precision: dict[str, Any]
    state: dict[str, Any]
    about: dict[str, Any]
    learning: NotRequired[dict[str, Any]]


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write tensors, numbers, strings, lists and dicts to a file, whole or not at all.

    Raises:
        OSError: the disk is full, for example; `path` is as it was.
    """
    with atomic_file(path) as file:
        # not by its name, which torch would write into it
        torch.save({"longtail_checkpoint": FORMAT, **state}, file)


def find_checkpoint(path: Path, which: str = "last") -> Path:
    """Return the checkpoint file of a run folder, or the file itself."""
    return path / "checkpoints" / f"{which}.pt" if path.is_dir() else path


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a checkpoint of ours onto the CPU.

    Args:
        path: file that `save_checkpoint` wrote, or the folder of a run: its last one.

    Returns:
        Its parts; the kinds of what is in `about` and `state` are left to those who use them (`about_of`).

    Raises:
        InputError: no such file, truncated, not a checkpoint of ours, parts that are missing or of another kind, sparse
            tensors, or a pickle that would run code (never run).
    """
    path = find_checkpoint(Path(path))
    content = read_torch_file(path, expected=EXPECTED)
    stored = content.get("longtail_checkpoint") if isinstance(content, dict) else None
    if type(stored) is not int or stored != FORMAT:
        raise InputError(
            f"{path}: not a checkpoint of longtail (format {FORMAT}). Expected a file such as RUN/checkpoints/last.pt."
        )
    others = [name for name in Checkpoint.__required_keys__ if not isinstance(content.get(name), dict)]
    if others:
        raise InputError(f"{path}: holds no {others[0]}, or not in a dict. Expected {EXPECTED}.")
    checkpoint: Any = check_kind(content, Checkpoint, origin=str(path), expected=EXPECTED)
    for name, tensor in (*checkpoint["task"].items(), *checkpoint.get("learning", {}).items()):
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_quantized:
            kind = str(getattr(tensor, "layout", type(tensor).__name__)).removeprefix("torch.")
            raise InputError(f"{path}: the weight {name} is {kind}, no dense tensor. Expected {EXPECTED}.")
    return checkpoint  # type: ignore[no-any-return]


def about_of(checkpoint: Checkpoint, origin: str) -> About:
    """Return what a checkpoint says of its network, checked.

    Args:
        checkpoint: as `load_checkpoint` gives it.
        origin: its path, for messages.

    Raises:
        InputError: something is missing, of another kind, or out of its range.
    """
    about: Any = check_plain(checkpoint["about"], About, origin=f"{origin}, about", expected=EXPECTED)
    preprocessing, channels = about["preprocessing"], about["preprocessing"]["channels"]
    if not len(preprocessing["mean"]) == len(preprocessing["std"]) == channels:
        raise InputError(
            f"{origin}, about: {len(preprocessing['mean'])} means and {len(preprocessing['std'])} deviations of "
            f"{channels} channels. Expected {EXPECTED}."
        )
    return about  # type: ignore[no-any-return]


def check_plain(value: Any, kind: type[Kind], *, origin: str, expected: str) -> Kind:
    """Make sure that a part of a checkpoint holds plain values alone, of the kinds that a type says.

    Args:
        value: as the file gave it; tensors are no plain values.
        kind: as in `longtail.files.json_file.check_kind`.
        origin: where it stands, for messages.
        expected: what it should have been, for messages.

    Raises:
        InputError: naming what is of another kind.
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{origin}: holds more than plain values ({error}). Expected {expected}.") from None
    return check_kind(value, kind, origin=origin, expected=expected)


def load_weights(model: torch.nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Load a state dict into `model`, or say how the two architectures differ.

    Raises:
        InputError: names, shapes or kinds (floating point or not) do not match.
    """
    expected = {name: _described(tensor) for name, tensor in model.state_dict().items()}
    given = {name: _described(tensor) for name, tensor in weights.items()}
    if expected == given:
        model.load_state_dict(weights)
        return
    missing = [name for name in expected if name not in given]
    unknown = [name for name in given if name not in expected]
    other = [
        f"{name} {given[name]} instead of {shape}"
        for name, shape in expected.items()
        if given.get(name, shape) != shape
    ]
    parts = [("missing", missing), ("unknown", unknown), ("of another shape", other)]
    differences = "; ".join(f"{len(names)} {what} (first: {names[0]})" for what, names in parts if names)
    raise InputError(
        f"{origin}: the weights are of another architecture: {differences}. "
        "Build the backbone that the checkpoint was trained with."
    )


def _described(tensor: Tensor) -> str:
    kind = "complex" if tensor.is_complex() else "" if tensor.is_floating_point() else "whole numbers"
    return f"{tuple(tensor.shape)}{f' of {kind}' if kind else ''}"


def weights_fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a state dict: of the names, types, shapes and bytes of its tensors, in the order of names.

    It is the same wherever the tensors lie, however they are laid out, and whenever they were trained.

    Example:
        >>> from torch import nn
        >>> layer = nn.Linear(2, 3)
        >>> before = weights_fingerprint(layer.state_dict())
        >>> nn.init.zeros_(layer.bias) is layer.bias and before != weights_fingerprint(layer.state_dict())
        True
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
