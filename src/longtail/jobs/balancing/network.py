"""The network that a model's weights belong to: built by name, loaded, and looked at where it ends."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from longtail.backbones.example_inputs import noise
from longtail.backbones.measured_layer import measure_last_layer
from longtail.backbones.model_file import ModelFile
from longtail.backbones.split import SplitNetwork
from longtail.backbones.transformers_library import quiet_transformers
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.balancing.built_architecture import EXPECTED, is_timm, timm_arguments
from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["Network", "build_network", "split_model", "with_measured_layer"]

Build = Callable[[int, int], nn.Module]  # of the numbers of classes and of channels


@dataclass(frozen=True)
class Network:
    """A network with the weights of a file, in evaluation mode and in float32.

    Attributes:
        model: maps images (B, channels, H, W) to logits, or to something that holds them.
        architecture: such as "timm:resnet18".
        channels: of the images.
        prefix: what stands before its names in the file, such as "module.".
    """

    model: nn.Module
    architecture: str
    channels: int
    prefix: str = ""


def build_network(file: ModelFile, architecture: str) -> Network:
    """Build the network and load the file's weights, all of them and strictly.

    Args:
        file: the opened model; its weights are taken as they are in `file.weights`.
        architecture: as `architecture_of` gives it.

    Raises:
        InputError: no such network, weights of another one, or a Hugging Face model without `transformers`.
    """
    library, _, name = architecture.partition(":")
    match library:
        case "timm":
            return _loaded(_of_timm(name, timm_arguments(file.config, printable(file.path))), file, architecture)
        case "torchvision":
            return _loaded(_of_torchvision(name, file.weights), file, architecture)
        case _:
            model = _of_transformers(file)
            return Network(model, architecture, int(getattr(model.config, "num_channels", 3)))


def with_measured_layer(file: ModelFile, network: Network, preprocessing: Preprocessing) -> ModelFile:
    """Return the file with the layers that end its network, as they are seen when it runs.

    Raises:
        InputError: it takes no images, something stands behind the layer, or another layer was named.
    """
    shape = (preprocessing.channels, preprocessing.size, preprocessing.size)
    asked = file.stored.layer
    try:
        layer = measure_last_layer(
            network.model, noise(shape), None if asked is None else asked.removeprefix(network.prefix)
        )
        return file.with_layer(layer.of(file.weights, network.prefix))
    except InputError as error:
        raise InputError(
            f"{printable(file.path)}, run as {network.architecture} on images of {preprocessing.size} pixels: {error}"
        ) from error


def split_model(
    network: Network, file: ModelFile, preprocessing: Preprocessing, names: tuple[str, ...]
) -> TrainedModel:
    """Cut a network before its last layer, which was measured."""
    single = [term.name.removeprefix(network.prefix) for term in file.layer.terms]
    shape = (preprocessing.channels, preprocessing.size, preprocessing.size)
    split = SplitNetwork(network.model, single[0] if len(single) == 1 else None, noise(shape)).eval()
    about = {
        "backbone": network.architecture if len(single) == 1 else f"{network.architecture} ({file.layer.name})",
        "class_names": list(names),
        "preprocessing": asdict(preprocessing),
        "settings": {"dataset": None, "data": {}},
    }
    return TrainedModel(split, preprocessing, about, next(iter(file.files)))


def _loaded(build: Build, file: ModelFile, architecture: str) -> Network:
    """Build a network for as many classes and channels as the weights have, and load them."""
    from longtail.training.checkpoints import load_weights

    origin = f"{printable(file.path)} as {architecture}"
    try:
        first = len(file.layer.weight), 3
    except InputError:  # not known by its name
        first = 1000, 3
    model = build(*first)
    prefix = _prefix(model, file, origin)
    weights = {name.removeprefix(prefix): tensor for name, tensor in file.weights.items() if name.startswith(prefix)}
    numbers = _numbers({name: tensor.shape for name, tensor in model.state_dict().items()}, weights, first)
    if numbers != first:
        model = build(*numbers)
    # a plain dict has lost the versions that torch notes of each layer
    state = OrderedDict(
        (name, tensor.float() if tensor.is_floating_point() else tensor) for name, tensor in weights.items()
    )
    state._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    load_weights(model, state, origin)
    return Network(model.eval(), architecture, numbers[1], prefix)


def _prefix(model: nn.Module, file: ModelFile, origin: str) -> str:
    """Return what stands before all the network's names in the file: "module." or nothing, for example."""
    keys = list(model.state_dict())
    names = set(file.weights)
    result = {
        name.removesuffix(key) for key in keys[:1] + keys[-1:] for name in names if f".{name}".endswith(f".{key}")
    }
    shares = {prefix: sum(f"{prefix}{key}" in names for key in keys) for prefix in sorted(result)}
    best = [prefix for prefix, share in shares.items() if share == max(shares.values())]
    if len(best) > 1:
        layer = file.stored.layer or ""
        best = [
            prefix for prefix in best if layer.startswith(prefix) and f"{layer.removeprefix(prefix)}.weight" in keys
        ]
        if len(best) != 1:
            raise InputError(
                f"{origin}: holds that network several times ({', '.join(shares)}). Name the last layer of the one "
                "that is meant, such as --layer student.fc."
            )
    return best[0] if best else ""


def _numbers(
    shapes: Mapping[str, torch.Size], weights: Mapping[str, Tensor], built: tuple[int, int]
) -> tuple[int, int]:
    """Return for how many classes and channels a network has to be built for its shapes to be those of the weights."""
    num_classes, channels = built
    for name, shape in shapes.items():
        theirs = weights[name].shape if name in weights else shape
        if len(theirs) != len(shape):
            continue
        other = [axis for axis in range(len(shape)) if shape[axis] != theirs[axis]]
        if other == [0] and shape[0] == built[0]:
            num_classes = theirs[0]
        elif other == [1] and len(shape) == 4:
            channels = round(built[1] * theirs[1] / shape[1])
    return num_classes, channels


def _of_timm(name: str, arguments: dict[str, Any]) -> Build:
    import timm

    if not is_timm(name):
        raise InputError(f"timm has no model {name!r}. Expected {EXPECTED}.")

    def build(num_classes: int, channels: int) -> nn.Module:
        wanted = {**arguments, "num_classes": num_classes, "in_chans": channels}
        try:
            return timm.create_model(name, pretrained=False, **wanted)
        except TypeError as error:
            raise InputError(f"timm's {name} takes no such arguments as config.json has ({error}).") from error

    return build


def _of_torchvision(name: str, weights: Mapping[str, Tensor]) -> Build:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise InputError(f"torchvision has no classifier {name!r}. Expected {EXPECTED}.")
    extra: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        has_aux = any(part in ("aux1", "AuxLogits") for key in weights for part in key.split("."))
        extra = {"aux_logits": has_aux, "init_weights": False}

    def build(num_classes: int, channels: int) -> nn.Module:
        # of other channels than 3 the names and shapes of the weights tell
        return models.get_model(name, weights=None, num_classes=num_classes, **extra)  # type: ignore[no-any-return]

    return build


def _of_transformers(file: ModelFile) -> Any:
    advice = "Install it, or extract the features yourself and give them with --features."
    with quiet_transformers(printable(file.path), advice) as transformers:
        timm_arguments(file.config, printable(file.path))
        try:
            # it stores weights under other names than it loads them into, so that it alone can load them; a folder may
            # name code of its own, or kernels to be fetched: neither is ever taken
            model, report = transformers.AutoModelForImageClassification.from_pretrained(
                file.path,
                local_files_only=True,
                trust_remote_code=False,
                attn_implementation="eager",
                output_loading_info=True,
            )
        # transformers stumbles over a folder in every way there is
        except Exception as error:
            reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
            if "auto_map" in file.config:
                reason = "its config.json names Python code of its own, which is never run"
            raise InputError(
                f"{printable(file.path)}: transformers cannot load it ({reason}). Extract the features yourself and "
                "give them with --features."
            ) from error
    if report["missing_keys"]:
        raise InputError(
            f"{printable(file.path)}: {len(report['missing_keys'])} weights of {type(model).__name__} are not there "
            f"(first: {sorted(report['missing_keys'])[0]}). Expected all of them."
        )
    return model.float().eval()
