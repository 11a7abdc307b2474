"""The network that a model's weights belong to: built by name, loaded, and cut before its last layer."""

from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.last_layer import SplitNetwork, find_last_layer
from longtail.backbones.model_file import ModelFile
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.jobs.stage_one.images import plain_preprocessing
from longtail.jobs.stage_one.model import TrainedModel

__all__ = ["architecture_of", "build_network", "split_model"]

EXPECTED = "timm:NAME or torchvision:NAME, such as timm:resnet50 or torchvision:convnext_tiny"


def architecture_of(file: ModelFile, given: str | None) -> str:
    """Say which network the weights belong to, such as "timm:resnet18".

    Args:
        file: the opened model.
        given: by the user; else it is read from config.json or from what stands beside the weights, or recognised.

    Raises:
        InputError: not known, not of timm, torchvision or Hugging Face, or no weights of a network at all.
    """
    from longtail.backbones.architecture import recognise

    if file.file.suffix in (".npz", ".pt2") or not file.layer.name:
        raise InputError(
            f"{file.path}: no weights of a network that could be built here. Extract the features of its images "
            "yourself and give them with --features, without --export."
        )
    if given is not None and ":" not in given:
        return _library_of(given)
    if given is not None:
        library, _, name = given.partition(":")
        if library not in ("timm", "torchvision") or not name:
            raise InputError(f"--arch {given}; expected {EXPECTED}.")
        return given
    if "architecture" in file.config:
        return f"timm:{file.config['architecture']}"
    if "architectures" in file.config:
        return f"transformers:{file.config['architectures'][0]}"
    stored = file.stored.beside.get("arch")
    if isinstance(stored, str):
        return _library_of(stored)
    prefix = file.layer.name.rpartition("fc")[0]
    recognised, seen = recognise({name.removeprefix(prefix): tensor for name, tensor in file.weights.items()})
    if recognised is None:
        raise InputError(f"{file.path}: {seen}, so its network is not known. Name it: --arch {EXPECTED}.")
    return f"timm:{recognised}"


def build_network(file: ModelFile, architecture: str) -> nn.Module:
    """Build the network and load the file's weights, all of them and strictly.

    Args:
        file: the opened model; its weights are taken as they are in `file.weights`.
        architecture: as `architecture_of` gives it.

    Returns:
        The network in evaluation mode, in float32.

    Raises:
        InputError: no such network, weights of another one, or a Hugging Face model without `transformers`.
    """
    from longtail.training.checkpoints import load_weights

    library, _, name = architecture.partition(":")
    num_classes = len(file.layer.weight)
    match library:
        case "timm":
            model = _of_timm(name, num_classes, file.channels)
        case "torchvision":
            model = _of_torchvision(name, num_classes, file.weights)
        case _:
            return _of_transformers(file)
    own = find_last_layer(model.state_dict(), _own_layer(model, file.layer.name)).name
    wrapper = file.layer.name.removesuffix(own)
    weights = {n.removeprefix(wrapper): t.float() if t.is_floating_point() else t for n, t in file.weights.items()}
    load_weights(model, weights, f"{file.path} as {architecture}")
    return model.eval()


def split_model(
    network: nn.Module, file: ModelFile, architecture: str, preprocessing: Preprocessing, names: tuple[str, ...]
) -> TrainedModel:
    """Cut a network before its last layer, and make sure that this layer alone stands behind the cut.

    Raises:
        InputError: what comes out behind the layer is not what comes out of the network.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (2, preprocessing.channels, preprocessing.size, preprocessing.size)
    images = torch.randn(shape, generator=generator)
    with torch.inference_mode():
        whole = _logits(network, images)
        split = SplitNetwork(network, _own_layer(network, file.layer.name)).eval()
        if not torch.allclose(split(images), whole, rtol=1e-3, atol=1e-4 * float(whole.abs().max().clamp(min=1))):
            raise InputError(
                f"{file.path}: {file.layer.name} is not what the network ends in: its logits are not those of the "
                "network. Expected a linear layer with nothing behind it."
            )
    about = {
        "backbone": architecture,
        "class_names": list(names),
        "preprocessing": plain_preprocessing(preprocessing),
        "settings": {"dataset": None, "data": {}},
    }
    return TrainedModel(split, preprocessing, about, file.file)


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    found = network(images)
    return getattr(found, "logits", found)  # type: ignore[no-any-return]


def _own_layer(model: nn.Module, stored: str) -> str | None:
    """Give the layer's name in the network, which may be wrapped in the file: module.fc is fc."""
    own = {name.removesuffix(".weight") for name in model.state_dict()}
    parts = stored.split(".")
    return next((name for k in range(len(parts)) if (name := ".".join(parts[k:])) in own), None)


def _library_of(name: str) -> str:
    return f"{'timm' if _is_timm(name) else 'torchvision'}:{name}"


def _is_timm(name: str) -> bool:
    import timm

    import longtail.backbones.registry  # noqa: F401  makes our names known to timm

    return bool(timm.is_model(name.split(".")[0]))


def _of_timm(name: str, num_classes: int, channels: int) -> nn.Module:
    import timm

    if not _is_timm(name):
        raise InputError(f"timm has no model {name!r}. Expected {EXPECTED}.")
    return timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=channels)


def _of_torchvision(name: str, num_classes: int, weights: dict[str, Tensor]) -> nn.Module:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise InputError(f"torchvision has no classifier {name!r}. Expected {EXPECTED}.")
    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        extra = {
            "aux_logits": any(key.split(".")[0] in ("aux1", "AuxLogits") for key in weights),
            "init_weights": False,
        }
    return models.get_model(name, weights=None, num_classes=num_classes, **extra)  # type: ignore[no-any-return]


def _of_transformers(file: ModelFile) -> nn.Module:
    try:
        from transformers import AutoModelForImageClassification  # type: ignore[import-not-found]
    except ImportError as error:
        raise InputError(
            f"{file.path}: its network is of `transformers`, which is not installed. Install it, or extract the "
            "features yourself and give them with --features."
        ) from error
    # it stores weights under other names than it loads them into, so that it alone can load them
    model, found = AutoModelForImageClassification.from_pretrained(
        file.path, local_files_only=True, output_loading_info=True
    )
    if found["missing_keys"]:
        raise InputError(
            f"{file.path}: {len(found['missing_keys'])} weights of {type(model).__name__} are not there (first: "
            f"{sorted(found['missing_keys'])[0]}). Expected all of them."
        )
    return model.float().eval()  # type: ignore[no-any-return]
