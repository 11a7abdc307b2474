"""A network as a program of torch.export (.pt2)."""

import warnings
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from longtail.deploy.self_contained import Deployed
from longtail.deploy.tracing import learning_off
from longtail.errors import LongtailError

__all__ = ["captured", "run_program", "save_program"]


def captured(model: Deployed, example: Tensor) -> Any:
    """Trace the network for any number of images.

    Args:
        model: in evaluation mode.
        example: images, shape (2, channels, size, size).

    Returns:
        The exported program.

    Raises:
        LongtailError: the network does something that cannot be traced.
    """
    try:
        with warnings.catch_warnings(), learning_off(model):
            warnings.simplefilter("ignore")  # of torch about its own parts
            return torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    # whatever a network does that cannot be traced: torch raises a dozen kinds
    except Exception as error:
        raise LongtailError(
            f"{type(model.network).__name__} cannot be exported for batches of any size ({_first_line(error)})."
        ) from error


def save_program(model: Deployed, example: Tensor, stream: IO[bytes], about: dict[str, str]) -> None:
    """Write a .pt2 file; `about` lies in it as extra files, NAME.json each.

    Raises:
        LongtailError: the network cannot be traced, or torch cannot store it.
    """
    program = captured(model, example)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(program, stream, extra_files={f"{name}.json": text for name, text in about.items()})
    # what torch's schema does not know ends in errors of every kind
    except Exception as error:
        raise LongtailError(
            f"{type(model.network).__name__} cannot be stored as a program ({_first_line(error)})."
        ) from error


def run_program(path: Path, images: Tensor) -> tuple[Tensor, Tensor]:
    """Run a .pt2 file of our own; return logits and probabilities, each (B, C).

    `torch.export.load` runs code that a file holds: no file of others may come here.
    """
    with warnings.catch_warnings(), path.open("rb") as stream, torch.inference_mode():
        warnings.simplefilter("ignore")
        logits, probabilities = torch.export.load(stream).module()(images)
    return logits, probabilities


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:160]
