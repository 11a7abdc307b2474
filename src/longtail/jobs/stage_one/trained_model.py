"""A trained network from its checkpoint: weights, classes, preprocessing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from longtail.backbones import classifier_of, create_backbone, features_of, normalize_classifier
from longtail.backbones.adapters import merge_adapters
from longtail.backbones.expert_router import RoutedExperts, routed_experts
from longtail.backbones.experts import ExpertNetwork
from longtail.backbones.layer_choice import chosen_parts
from longtail.backbones.layer_parts import LAST, LayerPart, features_of_layers
from longtail.data.preprocessing_choice import stored_preprocessing
from longtail.data.transforms import Preprocessing
from longtail.data.views import view_of_images
from longtail.errors import InputError
from longtail.jobs.flags import naming_flags
from longtail.jobs.stage_one.adapter import with_stored_adapters
from longtail.jobs.stage_one.cosines import cosine_scale
from longtail.jobs.stage_one.published_network import published_network
from longtail.jobs.stage_one.settings import read_about, stored_views, trained_stage
from longtail.published import MODEL_WEIGHTS, is_published
from longtail.training.checkpoints import About, RouterFacts, load_checkpoint, load_weights

__all__ = ["TrainedModel", "open_model", "write_joint_head"]


@dataclass
class TrainedModel:
    """A network in evaluation mode with what is needed to feed it.

    Attributes:
        model: maps images (B, channels, H, W) to logits (B, C).
        preprocessing: from decoded images to its input.
        about: what the checkpoint says of its training.
        path: of the checkpoint.
        layers: whose features it gives; none: those before its classifier, as they are.
        test_views: over how many views of an image they are averaged.
    """

    model: nn.Module
    preprocessing: Preprocessing
    about: Mapping[str, Any]
    path: Path
    layers: tuple[LayerPart, ...] = ()
    test_views: int = 1

    @property
    def dimension(self) -> int:
        """D, the length of a feature vector."""
        return sum(part.width for part in self.layers) or classifier_of(self.model).in_features

    @property
    def is_routed(self) -> bool:
        """Whether its experts are asked one after the other, of each image as many as it needs."""
        return isinstance(self.model, RoutedExperts)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return self.preprocessing.channels, self.preprocessing.size, self.preprocessing.size

    def features(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to features (B, D), their mean over the views."""
        total = self._features_of_one(images)
        for number in range(1, self.test_views):
            total = total + self._features_of_one(view_of_images(images, number))
        return total / self.test_views if self.test_views > 1 else total

    def _features_of_one(self, images: Tensor) -> Tensor:
        return features_of_layers(self.model, images, self.layers) if self.layers else features_of(self.model, images)

    def with_layers(self, layers: str, pool: str = "auto") -> "TrainedModel":
        """Return the same network with the features of other layers; `chosen_parts` says what the words mean.

        Raises:
            InputError: in the words that a person types.
        """
        with naming_flags():
            parts = chosen_parts(self.model, layers, pool, self.image_shape)
        return replace(self, layers=parts)


def open_model(path: Path, device: Any = "cpu") -> TrainedModel:
    """Build the network of a checkpoint, or of a published model (model.safetensors), and load its weights.

    Raises:
        InputError: unreadable file, something missing in it or of another kind, or weights of another architecture.
    """
    import torch

    is_of_published = path.name == MODEL_WEIGHTS and is_published(path.parent)
    about, model = published_network(path.parent) if is_of_published else _network(path)
    merge_adapters(model)
    model.eval()
    moved = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    layers = LayerPart.stored(about.get("layers"))
    _check_layers(model, layers, path)
    preprocessing, views = stored_preprocessing(about["preprocessing"]), stored_views(about["settings"])[0]
    return TrainedModel(moved, preprocessing, about, path, layers, views.test_views)


def _network(path: Path) -> tuple[About, nn.Module]:
    checkpoint = load_checkpoint(path)
    about = read_about(checkpoint, path)
    model = create_backbone(
        about["backbone"],
        num_classes=len(about["class_names"]),
        in_chans=about["preprocessing"]["channels"],
        arguments=about.get("arguments"),
    )
    weights = {
        name.removeprefix("model."): tensor for name, tensor in checkpoint["task"].items() if name.startswith("model.")
    }
    if not weights:
        raise InputError(f"{path}: holds no network. Expected a checkpoint of `longtail train` or `run`.")
    scale = cosine_scale(trained_stage(about["settings"]))
    if scale is not None:
        normalize_classifier(model, scale)
    with_stored_adapters(model, about["settings"])
    if "router" in about:
        model = _routed(model, about["router"], path)
    load_weights(model, weights, str(path))
    return about, model


def _routed(model: nn.Module, facts: RouterFacts, path: Path) -> RoutedExperts:
    if not isinstance(model, ExpertNetwork) or model.num_experts < 2 or facts["choices"] > model.num_classes:
        raise InputError(f"{path}, about: a router of experts that its network does not have. Make it anew.")
    return routed_experts(model, facts["choices"], facts["threshold"])


def _check_layers(model: nn.Module, layers: Sequence[LayerPart], path: Path) -> None:
    modules = {name for name, _ in model.named_modules()} | {LAST}
    absent = next((name for part in layers for name in (part.layer, part.norm or LAST) if name not in modules), None)
    if absent is not None:
        raise InputError(f"{path}, about: features of {absent}, which its network does not have. Extract them again.")


def write_joint_head(path: Path, model: TrainedModel, class_names: Sequence[str]) -> None:
    """Write the classifier that a network was trained with, and the prior that it means, for heads that begin there.

    Args:
        path: of the file, joint_head.npz.
        model: in evaluation mode.
        class_names: of its outputs.
    """
    import numpy as np

    from longtail.backbones import linear_parameters
    from longtail.files.atomic import atomic_path
    from longtail.jobs.stage_one.objective import trained_prior

    weight, bias = (part.cpu().numpy() for part in linear_parameters(model.model))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        prior = np.array(trained_prior(model.about["settings"]))
        np.savez(file, weight=weight, bias=bias, prior=prior, class_names=np.array(class_names))
