"""Checkpoints: written whole or not at all, read without running code from the file."""

from pathlib import Path
from typing import Any

import torch

from longtail.backbones.torch_file import read_torch_file
from longtail.errors import InputError
from longtail.files.atomic import atomic_path

__all__ = ["FORMAT", "load_checkpoint", "load_weights", "save_checkpoint"]

FORMAT = 1


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write tensors, numbers, strings, lists and dicts to a file, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save({"longtail_checkpoint": FORMAT, **state}, temporary)


def load_checkpoint(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint of ours onto the CPU.

    Args:
        path: file that `save_checkpoint` wrote.

    Returns:
        What was saved.

    Raises:
        InputError: no such file, truncated, not a checkpoint of ours, or a pickle that would run code (never run).
    """
    path = Path(path)
    state = read_torch_file(path, expected="a checkpoint that longtail wrote, such as RUN/checkpoints/last.pt")
    if not isinstance(state, dict) or state.get("longtail_checkpoint") != FORMAT:
        raise InputError(
            f"{path}: not a checkpoint of longtail (format {FORMAT}). Expected a file such as RUN/checkpoints/last.pt."
        )
    found: dict[str, Any] = state
    return found


def load_weights(model: torch.nn.Module, weights: dict[str, torch.Tensor], origin: str) -> None:
    """Load a state dict into `model`, or say how the two architectures differ.

    Raises:
        InputError: names or shapes do not match.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    came = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if own == came:
        model.load_state_dict(weights)
        return
    missing = [name for name in own if name not in came]
    unknown = [name for name in came if name not in own]
    other = [f"{name} {came[name]} instead of {own[name]}" for name in own if own[name] != came.get(name, own[name])]
    parts = [("missing", missing), ("unknown", unknown), ("of another shape", other)]
    told = "; ".join(f"{len(names)} {what} (first: {names[0]})" for what, names in parts if names)
    raise InputError(
        f"{origin}: the weights are of another architecture: {told}. "
        "Build the backbone that the checkpoint was trained with."
    )
