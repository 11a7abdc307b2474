"""The images of a trained network, opened again and divided as they were for it."""

import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from longtail.data.source import DataSplits
from longtail.errors import InputError
from longtail.jobs.options import DataOptions
from longtail.jobs.stage_one.images import open_splits
from longtail.jobs.stage_one.known_images import as_known

__all__ = ["folder_of", "open_trained_data"]


def folder_of(checkpoint: Path) -> Path:
    """Return the folder of a checkpoint's run; one that was imported lies anywhere."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent


def open_trained_data(
    checkpoint: Path, about: Mapping[str, Any], dataset: str | None, data: DataOptions, *, quiet: bool
) -> DataSplits:
    """Open the images that a network was trained with, or others of the same classes.

    Args:
        checkpoint: its file.
        about: what that says of the training.
        dataset: data as in `train`; None: those of the training, in the very splits.
        data: settings that were given now; the others are those of the training.
        quiet: say nothing of how they were found again.

    Raises:
        InputError: of an imported network, nobody said which data; or other classes than it knows.
    """
    settings = about["settings"]
    dataset = dataset or settings["dataset"]
    if dataset is None:
        raise InputError(f"{checkpoint} was imported: its data is not known. Name it behind it, as in `train`.")
    same = dataset == settings["dataset"]
    splits = open_splits(dataset, _as_trained(data, settings["data"]) if same else data, quiet=quiet)
    known = tuple(about["class_names"])
    numbered = "imported" in settings and known == tuple(str(c) for c in range(len(splits.class_names)))
    if known != tuple(splits.class_names) and not numbered:
        raise InputError(
            f"{checkpoint} knows {len(known)} classes, {dataset} has {len(splits.class_names)}, or "
            "their names differ. Expected the classes that the network was trained on, in the same order."
        )
    if same and checkpoint.parent.name == "checkpoints":
        splits = as_known(splits, folder_of(checkpoint), data.changed)
        if not quiet and splits.notes:
            print("; ".join(splits.notes), file=sys.stderr)
    return splits


def _as_trained(given: DataOptions, trained: dict[str, Any]) -> DataOptions:
    """Take the checkpoint's data settings, but for those that were given now."""
    default = DataOptions()
    chosen = {
        f.name: getattr(given, f.name)
        if getattr(given, f.name) != getattr(default, f.name)
        else trained.get(f.name, getattr(default, f.name))
        for f in fields(DataOptions)
    }
    if isinstance(chosen["data"], str):
        chosen["data"] = Path(chosen["data"])
    return DataOptions(**chosen)
