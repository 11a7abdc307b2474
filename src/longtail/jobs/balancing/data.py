"""The features that a model's last layer sees: read, or made of images, with labels numbered as the model does."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import DataOptions, RuntimeOptions

if TYPE_CHECKING:
    from longtail.backbones.model_file import ModelFile
    from longtail.data.transforms import Preprocessing
    from longtail.features import FeatureFile
    from longtail.jobs.balancing.network import Network

__all__ = ["extracted_features", "in_the_models_order", "in_timms_order", "read_features"]

Splits = dict[str, "FeatureFile"]


def read_features(path: Path, data: DataOptions, num_classes: int) -> tuple[Splits, tuple[str, ...]]:
    """Open features that exist, as `fit` takes them.

    Returns:
        Splits, and notes on how they came about.

    Raises:
        InputError: unreadable, a row twice, features of several layers, or what stands behind the last layer instead:
            logits or probabilities.
    """
    from longtail.features import ColumnChoice, Reading, are_probabilities, open_features

    reading = Reading(
        val_fraction=data.val_fraction,
        test_fraction=data.test_fraction,
        seed=data.split_seed,
        columns=ColumnChoice(alike_names=data.alike_names),
    )
    opened = open_features(path, reading)
    first = opened.splits["train"].features
    is_output = first.shape[1] == num_classes and are_probabilities(first)
    if opened.kind != "features" or is_output:
        raise InputError(
            f"{path}: holds {'probabilities' if is_output else opened.kind}, what comes out of the model. Expected "
            "features: what its last layer sees. For logits alone there is `longtail fit`."
        )
    parts = [part.name for part in opened.splits["train"].parts]
    if parts:
        raise InputError(
            f"{path}: holds features of {', '.join(parts)}, each scaled. Expected those alone that the model's last "
            "layer sees: extract them with --layers last."
        )
    return opened.splits, opened.notes


def extracted_features(
    file: "ModelFile",
    network: "Network",
    preprocessing: "Preprocessing",
    data: DataOptions,
    runtime: RuntimeOptions,
    folder: Path,
    *,
    workers: int,
) -> tuple[Splits, tuple[str, ...]]:
    """Run the model over images up to its last layer; features of an earlier call are taken where they are the same.

    Args:
        file: the opened model, with its last layer.
        network: of its weights.
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
    from longtail.jobs.balancing.network import split_model
    from longtail.jobs.extraction import Extraction, extract_splits
    from longtail.jobs.launch import launch
    from longtail.jobs.stage_one.images import open_splits

    splits = open_splits(str(data.data), replace(data, data=None), quiet=runtime.quiet)
    model = split_model(network, file, preprocessing, splits.class_names)
    fabric = launch(runtime)
    model.model.to(fabric.device)
    extract_splits(fabric, model, splits, folder, Extraction(workers, quiet=runtime.quiet))
    return open_feature_folder(folder), splits.notes


def in_the_models_order(splits: Splits, names: list[str] | None, origin: str) -> tuple[Splits, tuple[str, ...]]:
    """Number the labels as the model numbers its outputs, by the names of the classes.

    Args:
        splits: with the data's class names, or with numbers alone: those are taken to be the model's.
        names: of the model's outputs, in their order; None where they are not known.
        origin: of these names, for messages.

    Returns:
        Splits, and notes.

    Raises:
        InputError: names that are only in one of them, or twice; or splits of other classes.
    """
    from longtail.jobs.balancing.class_order import renumbered, same_names

    train = splits["train"].class_names
    if names is None and train is None:
        return splits, ()
    # numbers alone are the model's, unless it calls its classes by them in another order
    is_named = train is not None and (not _are_numbers(train) or names is None or sorted(train) == sorted(names))
    if train is None or not is_named:
        target = list(names or ())
    else:
        target = list(train) if names is None else same_names(train, names, origin)
    changed = {}
    for split, part in splits.items():
        part_names = part.class_names or train
        labels = np.asarray(part.labels)
        if is_named and part_names is not None and list(part_names) != target:
            labels = renumbered(labels, part_names, target, origin if split == "train" else str(part.path))
        changed[split] = replace(part, labels=labels, attributes={**part.attributes, "class_names": json.dumps(target)})
    moved = sum(ours != theirs for ours, theirs in zip(target, train or target, strict=True)) if is_named else 0
    return changed, (f"{moved} classes were renumbered by their names, as {origin} has them",) if moved else ()


def in_timms_order(
    splits: Splits, linear: tuple[NDArray[Any], NDArray[Any]], origin: str
) -> tuple[Splits, tuple[str, ...]]:
    """Number the labels as timm's reader of folders numbers classes, where the model's scores clearly say that it did.

    Args:
        splits: with the data's class names, and of the shape that the layer takes.
        linear: weight (C, D) and bias (C,) of the model's last layer.
        origin: the model, for notes.

    Returns:
        Splits, and notes.
    """
    from longtail.heads import Joint
    from longtail.jobs.balancing.check import some_rows
    from longtail.jobs.balancing.class_order import follows, timm_order

    train = splits["train"]
    # folders are numbered here as torchvision does, by character; names in another order are not of folders
    if train.class_names is None or list(train.class_names) != sorted(train.class_names):
        return splits, ()
    order = timm_order(train.class_names)
    labels = np.asarray(train.labels)
    if int(labels.min()) < 0 or int(labels.max()) >= len(order):
        return splits, ()
    rows = some_rows(labels, len(order))
    logits = Joint().take(*linear).logits(np.asarray(train.features[rows]))
    if not follows(logits, labels[rows], order):
        return splits, ()
    names = [train.class_names[c] for c in np.argsort(order)]
    changed, _ = in_the_models_order(splits, names, origin)
    moved = int((order != np.arange(len(order))).sum())
    return changed, (
        f"{moved} classes were renumbered: by what {origin} says of the training rows, its outputs are in the order of "
        f"timm's reader of folders ({', '.join(names[:3])}, ...), not in that of the labels; --class-names says it "
        "otherwise",
    )


def _are_numbers(names: Sequence[str]) -> bool:
    return list(names) == [str(number) for number in range(len(names))]
