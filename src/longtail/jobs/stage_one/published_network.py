"""The network of a published model: built as longtail.json says, with the weights in model.safetensors."""

from pathlib import Path
from typing import Any

from torch import nn

from longtail.backbones import classifier_prefix, create_backbone
from longtail.backbones.torch_file import read_torch_file
from longtail.errors import InputError
from longtail.files.text import printable
from longtail.jobs.stage_one.adapter import with_stored_adapters
from longtail.jobs.stage_one.settings import read_about
from longtail.published import MODEL_WEIGHTS, PUBLISHED, read_published
from longtail.training.checkpoints import About, load_weights

__all__ = ["published_network"]


def published_network(folder: Path) -> tuple[About, nn.Module]:
    """Build the network of a published model; its classifier is drawn anew, for the head stands beside it.

    Args:
        folder: of the model.

    Returns:
        What is said of the network, and the network.

    Raises:
        InputError: it has no network, or weights of another one.
    """
    published = read_published(folder)
    if published["network"] is None:
        raise InputError(f"{printable(folder)}: has no network that could look at images. Give features.")
    checkpoint: Any = {"about": published["network"]}
    about = read_about(checkpoint, folder / PUBLISHED)
    is_whole = published["layout"] == "transformers"  # which alone knows under what names it stores weights
    model = create_backbone(
        f"hf:{folder}" if is_whole else about["backbone"],
        num_classes=len(about["class_names"]),
        in_chans=about["preprocessing"]["channels"],
        arguments=None if is_whole else about.get("arguments"),
    )
    if not is_whole:
        with_stored_adapters(model, about["settings"])
        prefix, path = classifier_prefix(model), folder / MODEL_WEIGHTS
        drawn = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(prefix)}
        stored = read_torch_file(path, expected="the weights of a published model")
        trunk = {name: tensor for name, tensor in stored.items() if not name.startswith(prefix)}
        load_weights(model, {**trunk, **drawn}, printable(path))
    return about, model
