"""The network that shards are taken through: of a checkpoint, or of timm with its own weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import device

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["pretrained_network"]


def pretrained_network(name: str, place: "device") -> "TrainedModel":
    """Build a network of timm with its weights; what is behind the features is drawn, and not to be used.

    Args:
        name: as `create_backbone` takes it.
        place: where it computes.

    Raises:
        InputError: no such network, or its weights cannot be had.
    """
    import torch

    from longtail.backbones import create_backbone
    from longtail.data.preprocessing_choice import LARGE_INPUT, configured_preprocessing, preprocessing_for
    from longtail.jobs.stage_one.settings import about_network
    from longtail.jobs.stage_one.trained_model import TrainedModel

    torch.manual_seed(0)  # the same bits in every process
    model = create_backbone(name, num_classes=1, pretrained=True).eval()
    usual = preprocessing_for(LARGE_INPUT.size, 3, LARGE_INPUT.statistics, "none")
    preprocessing = configured_preprocessing(getattr(model, "pretrained_cfg", None) or {}, usual)
    settings: dict[str, Any] = {"dataset": None, "data": {}, "classifier_is_drawn": True}
    about = about_network(name, ["none"], preprocessing, settings)
    moved = model.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainedModel(moved, preprocessing, about, Path(name))
