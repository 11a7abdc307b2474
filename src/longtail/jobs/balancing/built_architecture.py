"""Which network a model's weights belong to: told, stored with them, or recognised."""

import re
from collections.abc import Mapping
from typing import Any

from longtail.backbones.model_file import ModelFile
from longtail.errors import InputError
from longtail.files.text import printable

__all__ = ["EXPECTED", "architecture_of", "check_single_label", "is_timm", "timm_arguments"]

EXPECTED = "timm:NAME or torchvision:NAME, such as timm:resnet50 or torchvision:convnext_tiny"
# arguments of timm.create_model that load files or weights
_NOT_OF_THE_NETWORK = ("cache_dir", "checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay")


def architecture_of(file: ModelFile, given: str | None) -> str:
    """Return which network the weights belong to, such as "timm:resnet18".

    Args:
        file: the opened model.
        given: by the user; else it is read from config.json or from what stands beside the weights, or recognised.

    Raises:
        InputError: not known, not of timm, torchvision or Hugging Face, or no weights of a network at all.
    """
    from longtail.backbones.architecture import recognise

    origin = printable(file.path)
    if file.path.suffix in (".npz", ".pt2") or file.weights.keys() <= {"weight", "bias"}:
        raise InputError(
            f"{origin}: no weights of a network that could be built here. Extract the features of its images "
            "yourself and give them with --features, without --export."
        )
    if given is not None and ":" not in given:
        return _library_of(given)
    if given is not None:
        library, _, name = given.partition(":")
        if library not in ("timm", "torchvision") or not name:
            raise InputError(f"--arch {given}; expected {EXPECTED}.")
        return given
    if file.config.get("architecture"):
        return f"timm:{file.config['architecture']}"
    if file.config.get("architectures"):
        return f"transformers:{file.config['architectures'][0]}"
    stored = file.stored.beside.get("arch")
    if isinstance(stored, str):
        return _library_of(stored)
    first = next((name for name in file.weights if name == "conv1.weight" or name.endswith(".conv1.weight")), "")
    prefix = first.removesuffix("conv1.weight")
    recognised, seen = recognise({name.removeprefix(prefix): tensor for name, tensor in file.weights.items()})
    if recognised is None:
        raise InputError(f"{origin}: {seen}, so its network is not known. Name it: --arch {EXPECTED}.")
    return f"timm:{recognised}"


def is_timm(name: str) -> bool:
    """Return whether timm, or we, have a network of that name."""
    import timm

    import longtail.backbones.registry  # noqa: F401  makes our names known to timm

    return re.fullmatch(r"[\w.-]+", name) is not None and bool(timm.is_model(name.split(".")[0]))


def timm_arguments(config: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the arguments that a network of timm was made with, where config.json has them.

    Raises:
        InputError: arguments that would load other files.
    """
    arguments: dict[str, Any] = config.get("model_args") or {}
    refused = [name for name in arguments if name in _NOT_OF_THE_NETWORK]
    if refused:
        raise InputError(
            f"{origin}: model_args in config.json name {refused[0]}, which would load something else than the weights "
            "of this folder. Expected arguments of the network alone."
        )
    return arguments


def check_single_label(config: Mapping[str, Any], origin: str, *, is_single_label: bool) -> None:
    """Make sure that the classes of a model of Hugging Face exclude each other.

    Args:
        config: of the model.
        origin: of the config, for messages.
        is_single_label: the user says that each image has one class, whatever the config says.

    Raises:
        InputError: it was trained with a sigmoid a class, or as a regression.
    """
    kind = config.get("problem_type")
    if kind == "regression":
        raise InputError(f"{origin}: problem_type is regression. Expected a classifier.")
    if kind == "multi_label_classification" and not is_single_label:
        raise InputError(
            f"{origin}: problem_type is multi_label_classification: the model was trained with a sigmoid a class, so "
            "its classes do not exclude each other, and its probabilities do not add up to 1. Where each image has one "
            "class all the same (Mixup labels make transformers store that), say so with --single-label."
        )


def _library_of(name: str) -> str:
    return f"{'timm' if is_timm(name) else 'torchvision'}:{name}"
