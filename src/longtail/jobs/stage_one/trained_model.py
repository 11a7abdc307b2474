"""A trained network from its checkpoint: weights, classes, preprocessing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from longtail.backbones import classifier_of, create_backbone, features_of, normalize_classifier
from longtail.backbones.adapters import merge_adapters
from longtail.data.preprocessing_choice import stored_preprocessing
from longtail.data.transforms import Preprocessing
from longtail.errors import InputError
from longtail.jobs.stage_one.adapter import with_stored_adapters
from longtail.jobs.stage_one.cosines import cosine_scale
from longtail.jobs.stage_one.settings import read_about, trained_stage
from longtail.training.checkpoints import load_checkpoint, load_weights

__all__ = ["TrainedModel", "find_checkpoint", "open_model", "write_joint_head"]


@dataclass
class TrainedModel:
    """A network in evaluation mode with what is needed to feed it.

    Attributes:
        model: maps images (B, channels, H, W) to logits (B, C).
        preprocessing: from decoded images to its input.
        about: what the checkpoint says of its training.
        path: of the checkpoint.
    """

    model: nn.Module
    preprocessing: Preprocessing
    about: Mapping[str, Any]
    path: Path

    @property
    def dimension(self) -> int:
        """D, the length of a feature vector."""
        return classifier_of(self.model).in_features

    def features(self, images: Tensor) -> Tensor:
        """Map images (B, channels, H, W) to features (B, D)."""
        return features_of(self.model, images)


def find_checkpoint(path: Path, which: str = "last") -> Path:
    """Return the checkpoint file of a run folder, or the file itself."""
    return path / "checkpoints" / f"{which}.pt" if path.is_dir() else path


def open_model(path: Path, device: Any = "cpu") -> TrainedModel:
    """Build the network of a checkpoint and load its weights.

    Raises:
        InputError: unreadable file, something missing in it or of another kind, or weights of another architecture.
    """
    import torch

    checkpoint = load_checkpoint(path)
    about = read_about(checkpoint, path)
    preprocessing = stored_preprocessing(about["preprocessing"])
    model = create_backbone(about["backbone"], num_classes=len(about["class_names"]), in_chans=preprocessing.channels)
    weights = {
        name.removeprefix("model."): tensor for name, tensor in checkpoint["task"].items() if name.startswith("model.")
    }
    if not weights:
        raise InputError(f"{path}: holds no network. Expected a checkpoint of `longtail train` or `run`.")
    scale = cosine_scale(trained_stage(about["settings"]))
    if scale is not None:
        normalize_classifier(model, scale)
    with_stored_adapters(model, about["settings"])
    load_weights(model, weights, str(path))
    merge_adapters(model)
    model.eval()
    return TrainedModel(model.to(device, memory_format=torch.channels_last), preprocessing, about, path)  # type: ignore[call-overload]


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
