"""The files of a published network: weights as safetensors, and settings as others read them."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from longtail.backbones import classifier_prefix
from longtail.backbones.adapters import has_adapters
from longtail.backbones.experts import ExpertNetwork
from longtail.backbones.hugging_face_network import HuggingFaceBackbone
from longtail.backbones.transformers_library import quiet_transformers
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.files.atomic import atomic_file, write_json
from longtail.heads.linear import LinearHead
from longtail.jobs.publishing.timm_layout import is_of_timm, timm_config
from longtail.published import MODEL_WEIGHTS, Layout

if TYPE_CHECKING:
    from longtail.evaluation.scaling import Calibrator
    from longtail.heads.base import Head
    from longtail.jobs.balancing.opened import OpenedModel
    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["NetworkFiles", "SoftmaxLayer", "balanced_files", "network_files", "softmax_layer"]


@dataclass(frozen=True)
class SoftmaxLayer:
    """A linear layer whose softmax are a head's probabilities.

    Attributes:
        weight: shape (C, D).
        bias: shape (C,).
        is_calibrated: whether they are the calibrated ones.
    """

    weight: Tensor
    bias: Tensor
    is_calibrated: bool


@dataclass(frozen=True)
class NetworkFiles:
    """What was written of a network.

    Attributes:
        layout: of the weights; None of a balanced model, which its own files describe.
        about: as a checkpoint would say it; None likewise.
        read_by: "timm", "transformers", or "longtail" where no other library has such a network.
        layer: the last layer that others see, or None where they see features alone, or nothing.
        written: of a balanced model, its file or "." for the folder.
        arch: of a balanced model whose files do not say it.
    """

    layout: Layout | None
    about: dict[str, Any] | None
    read_by: Layout
    layer: SoftmaxLayer | None
    written: str = ""
    arch: str | None = None


def softmax_layer(head: "Head", opened: "TrainedModel", calibrator: "Calibrator | None") -> SoftmaxLayer | None:
    """Return a head as the last layer of its network, calibrated where one linear layer can be that.

    softmax(s log p + b) = softmax(s z + b) where s is the same for all classes.

    Returns:
        None of a head that is not linear, or that sees the features of several layers or the mean over several views.
    """
    if (
        opened.layers
        or opened.test_views > 1
        or not isinstance(head, LinearHead)
        or head.n_features_in_ != opened.dimension
    ):
        return None
    weight, bias = head.weight_, head.bias_
    is_linear = calibrator is not None and bool((calibrator.scale == calibrator.scale[0]).all())
    if calibrator is not None and is_linear:
        weight, bias = calibrator.scale[0] * weight, calibrator.scale[0] * bias + calibrator.bias
    is_calibrated = is_linear and calibrator is not None and calibrator.method != "none"
    return SoftmaxLayer(torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), is_calibrated)


def network_files(opened: "TrainedModel", layer: SoftmaxLayer | None, folder: Path) -> NetworkFiles:
    """Write the network of a run, with a last layer where that is all that stands behind it.

    Args:
        opened: the network; LoRA is multiplied into its weights.
        layer: whose scores others see; None: they see features.
        folder: where to.
    """
    model, names = opened.model, opened.about["class_names"]
    if isinstance(model, HuggingFaceBackbone) and layer is not None and model.classifier_place:
        _write_transformers(model, layer, names, opened.preprocessing, folder)
        return NetworkFiles("transformers", _about(opened), "transformers", layer)
    prefix = classifier_prefix(model)
    trunk = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(prefix)}
    # timm knows neither the adapters nor several experts
    if isinstance(model, HuggingFaceBackbone | ExpertNetwork) or has_adapters(model):
        _write_weights(trunk, folder)
        return NetworkFiles("longtail", _about(opened), "longtail", None)
    last = {} if layer is None else {f"{prefix}weight": layer.weight, f"{prefix}bias": layer.bias}
    _write_weights({**trunk, **last}, folder)
    arguments, backbone = opened.about.get("arguments") or {}, opened.about["backbone"]
    seen = names if layer is not None else ()
    write_json(folder / "config.json", timm_config(model, backbone, arguments, opened.preprocessing, seen))
    return NetworkFiles("timm", _about(opened), "timm" if is_of_timm(backbone) else "longtail", layer)


def balanced_files(
    opened: "OpenedModel", layer: SoftmaxLayer, folder: Path, class_names: Sequence[str]
) -> NetworkFiles:
    """Write a model of others that `longtail balance` has given a fair last layer; its weights hold that already.

    Args:
        opened: with its network.
        layer: the last layer that stands in it.
        folder: where to.
        class_names: of its outputs.
    """
    from longtail.jobs.balancing.built_architecture import timm_arguments

    network, preprocessing, file = opened.network, opened.preprocessing, opened.file
    if network is None or preprocessing is None:
        raise InputError("no network to publish.")
    library, _, name = network.architecture.partition(":")
    if library == "transformers":
        _name_classes(network.model, class_names)
        _save_pretrained(network.model, folder)
        processor = file.path / "preprocessor_config.json"
        if processor.is_file():
            (folder / processor.name).write_bytes(processor.read_bytes())
        return NetworkFiles(None, None, "transformers", layer, ".")
    _write_weights(network.model.state_dict(), folder)
    if library == "torchvision":
        return NetworkFiles(None, None, "longtail", layer, MODEL_WEIGHTS, network.architecture)
    config = timm_config(network.model, name, timm_arguments(file.config, "config.json"), preprocessing, class_names)
    write_json(folder / "config.json", config)
    return NetworkFiles(None, None, "timm" if is_of_timm(name) else "longtail", layer, ".")


def _about(opened: "TrainedModel") -> dict[str, Any]:
    """Return what a checkpoint would say of the network; of its training nothing but what its weights are."""
    stage = opened.about["settings"].get("stage", {})
    adapter = {name: stage[name] for name in ("adapter", "adapter_width") if name in stage}
    about = {name: opened.about[name] for name in ("arguments", "layers") if opened.about.get(name)}
    settings: dict[str, Any] = {"dataset": None, "data": {}, "classifier_is_drawn": True}
    if has_adapters(opened.model):
        settings["stage"] = adapter
    if opened.test_views > 1:
        settings["views"] = {"test_views": opened.test_views}
    backbone, names = opened.about["backbone"], opened.about["class_names"]
    if backbone.startswith("hf:"):
        backbone = f"hf:{Path(backbone).name}"  # its settings say all of it, and a path nothing
    return {
        "backbone": backbone,
        **about,
        "class_names": list(names),
        "preprocessing": json.loads(json.dumps(asdict(opened.preprocessing))),
        "settings": settings,
    }


def _write_weights(tensors: Mapping[str, Tensor], folder: Path) -> None:
    from safetensors.torch import save

    with atomic_file(folder / MODEL_WEIGHTS) as stream:
        plain = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
        }
        stream.write(save(plain, metadata={"format": "pt"}))


def _write_transformers(
    backbone: HuggingFaceBackbone,
    layer: SoftmaxLayer,
    class_names: Sequence[str],
    preprocessing: Preprocessing,
    folder: Path,
) -> None:
    network = copy.deepcopy(backbone.network)
    last = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
    last.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    network.set_submodule(backbone.classifier_place, last)
    _name_classes(network, class_names)
    _save_pretrained(network, folder)
    write_json(folder / "preprocessor_config.json", _processor(preprocessing))


def _name_classes(network: Any, class_names: Sequence[str]) -> None:
    network.config.num_labels = len(class_names)
    network.config.id2label = dict(enumerate(class_names))
    network.config.label2id = {name: number for number, name in enumerate(class_names)}


def _save_pretrained(network: Any, folder: Path) -> None:
    with quiet_transformers("publishing it", "Install it: pip install 'longtail[transformers]'."):
        network.to(memory_format=torch.contiguous_format).save_pretrained(folder)


def _processor(preprocessing: Preprocessing) -> dict[str, Any]:
    """Return preprocessor_config.json; of the processors of `transformers`, CLIP's does what ours does."""
    size = {"height": preprocessing.size, "width": preprocessing.size}
    shape = {"size": size, "do_center_crop": False}
    if not preprocessing.squeeze:
        shape = {"size": {"shortest_edge": preprocessing.resize}, "do_center_crop": True, "crop_size": size}
    return {
        "image_processor_type": "ViTImageProcessor" if preprocessing.squeeze else "CLIPImageProcessor",
        "do_resize": True,
        **shape,
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
    }
