"""Whether a network bears bfloat16: where `--precision auto` took it, it is tried before features are computed so."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from longtail.jobs.launch import has_chosen_precision

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric
    from torch import Tensor

    from longtail.jobs.stage_one.trained_model import TrainedModel

__all__ = ["TOLERANCE", "made_up_images", "precision_of", "rounding_error", "settle_precision"]

TOLERANCE = 0.02  # of a row of features, as a share of its length
_IMAGES, _PATCHES = 8, 6


def settle_precision(
    fabric: "Fabric", model: "TrainedModel", *, quiet: bool = False
) -> "tuple[Callable[[Tensor], Tensor], str]":
    """Return what computes a network's features: in float32 where "auto" chose fewer bits and they would move much.

    It is the same for the same network and machine, so that new images are treated as those that a head was fitted to.

    Args:
        fabric: launched; a precision that a person named is kept.
        model: in evaluation mode.
        quiet: do not say that it is float32.

    Returns:
        It, and its precision: "float32", "bfloat16" or "float16".
    """
    import torch

    precision = precision_of(fabric)
    if precision == "float32" or not has_chosen_precision(fabric):
        return model.features, precision
    error = fabric.broadcast(rounding_error(fabric, model))  # no two processes may disagree
    if error <= TOLERANCE:
        return model.features, precision
    if fabric.is_global_zero and not quiet:
        print(
            f"computing features in float32: in fewer bits, those of this network would move by {100 * error:.0f} % of "
            "their length. --precision bfloat16 takes fewer bits all the same.",
            file=sys.stderr,
        )

    def in_float32(images: "Tensor") -> "Tensor":
        with torch.autocast(fabric.device.type, enabled=False):
            return model.features(images)

    return in_float32, "float32"


def precision_of(fabric: "Fabric") -> str:
    """Return the precision of a launch: "float32", "bfloat16" or "float16"."""
    import torch

    device = fabric.device.type
    with fabric.autocast():
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
    return str(dtype).removeprefix("torch.")


def rounding_error(fabric: "Fabric", model: "TrainedModel") -> float:
    """Return how far features move that are computed in a launch's precision, on made-up images.

    |f_rounded - f| / |f|, the mean over images of smooth noise

    Args:
        fabric: launched.
        model: in evaluation mode.
    """
    import torch

    images = made_up_images(model, _IMAGES).to(fabric.device)
    with torch.inference_mode():
        expected = model.features(images).double()
        with fabric.autocast():
            rounded = model.features(images).double()
    lengths = expected.norm(dim=1).clamp(min=1e-30)
    return float(((rounded - expected).norm(dim=1) / lengths).mean())


def made_up_images(model: "TrainedModel", number: int) -> "torch.Tensor":
    """Return normalised images of smooth noise, the same ones each time, shape (number, channels, size, size)."""
    import torch

    from longtail.data.transforms import normalize

    kept = model.preprocessing
    patches = torch.rand(number, kept.channels, _PATCHES, _PATCHES, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(255 * patches, size=(kept.size, kept.size), mode="bilinear")
    return normalize(smooth, kept)
