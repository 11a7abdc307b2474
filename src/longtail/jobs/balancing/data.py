"""The features that a model's last layer sees: read, or made of images, with labels numbered as the model does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions

if TYPE_CHECKING:
    from longtail.backbones.model_file import ModelFile
    from longtail.data.transforms import Preprocessing
    from longtail.features import FeatureFile

__all__ = ["extracted_features", "in_the_models_order", "read_features"]

Splits = dict[str, "FeatureFile"]


def read_features(path: Path, data: DataOptions, num_classes: int) -> tuple[Splits, tuple[str, ...]]:
    """Open features that exist, as `fit` takes them.

    Returns:
        Splits, and notes on how they came about.

    Raises:
        InputError: unreadable, a row twice, or what stands behind the last layer instead: logits or probabilities.
    """
    from longtail.embeddings import Reading, are_probabilities, open_embeddings

    reading = Reading(val_fraction=data.val_fraction, test_fraction=data.test_fraction, seed=data.split_seed)
    opened = open_embeddings(path, reading)
    first = opened.splits["train"].features
    is_output = first.shape[1] == num_classes and are_probabilities(first)
    if opened.kind != "features" or is_output:
        raise InputError(
            f"{path}: holds {'probabilities' if is_output else opened.kind}, what comes out of the model. Expected "
            "features: what its last layer sees. For logits alone there is `longtail fit`."
        )
    return opened.splits, opened.notes


def extracted_features(
    file: "ModelFile",
    architecture: str,
    preprocessing: "Preprocessing",
    data: DataOptions,
    runtime: RuntimeOptions,
    folder: Path,
    *,
    workers: int,
) -> tuple[Splits, tuple[str, ...]]:
    """Run the model over images up to its last layer; features of an earlier call are taken where they are the same.

    Args:
        file: the opened model.
        architecture: of its network.
        preprocessing: from decoded images to its input.
        data: names the images.
        runtime: device and precision.
        folder: of the feature files.
        workers: processes that load images.

    Returns:
        Splits, and notes on how they came about.

    Raises:
        InputError: no such images, or the layer is not what the network ends in.
    """
    from longtail.features import open_feature_folder
    from longtail.jobs.balancing.network import build_network, split_model
    from longtail.jobs.extract import extract_splits
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits

    splits = open_splits(str(data.data), replace(data, data=None))
    model = split_model(build_network(file, architecture), file, architecture, preprocessing, splits.class_names)
    fabric = launch(runtime)
    model.model.to(fabric.device)
    extract_splits(fabric, model, splits, folder, dtype="float32", workers=workers, quiet=runtime.quiet)
    return open_feature_folder(folder), splits.notes


def in_the_models_order(
    splits: Splits, names: list[str] | None, origin: str, *, must_match: bool
) -> tuple[Splits, tuple[str, ...]]:
    """Number the labels as the model numbers its outputs, by the names of the classes.

    Args:
        splits: with the data's class names, or with numbers alone: those are taken to be the model's.
        names: of the model's outputs, in their order; None where they are not known.
        origin: of these names, for messages.
        must_match: refuse names that differ from the data's; else the data's order is taken, and a note says so.

    Returns:
        Splits, and notes.

    Raises:
        InputError: names that are only in one of them, or twice.
    """
    from longtail.jobs.balancing.check import renumbered

    if names is None:
        return splits, ()
    stored = splits["train"].class_names
    data_names = None if stored is None else list(stored)
    numbers_only = data_names is None or data_names == [str(c) for c in range(len(data_names))]
    if data_names is None or numbers_only:
        data_names = names
    elif not must_match and sorted(data_names) != sorted(names):
        return splits, (f"{origin}: other class names than the data's; taken to be in the same order",)
    changed = {}
    for split, part in splits.items():
        attributes = {**part.attributes, "class_names": json.dumps(names)}
        labels = part.labels if numbers_only else renumbered(np.asarray(part.labels), data_names, names, origin)
        changed[split] = replace(part, labels=labels, attributes=attributes)
    moved = sum(ours != theirs for ours, theirs in zip(names, data_names, strict=True))
    return changed, (f"{moved} classes were renumbered by their names, as {origin} has them",) if moved else ()
