"""Supervised contrast as it is typed: what it cannot be said with, its usual settings, its task around a network."""

from typing import Any

import torch
from torch import nn

from longtail.counts import class_counts
from longtail.data.transforms import Augmentation
from longtail.errors import InputError
from longtail.jobs.options import StageOneOptions
from longtail.jobs.stage_one.refusals import changed_settings, flag, refuse_alone, refuse_beside
from longtail.jobs.stage_one.setup import TrainingSetup

__all__ = ["check_contrast", "contrast_settings", "contrast_task", "further_views"]

# of ImageNet-LT and, with "small", of CIFAR-100-LT, as released; BCL was released for large images alone
_USUAL: dict[str, dict[str, Any]] = {
    "paco": {"weight": 0.05, "temperature": 0.2, "dimension": 128, "queue": 8192, "momentum": 0.999},
    "gpaco": {"weight": 0.05, "temperature": 0.2, "dimension": 128, "queue": 8192},
    "bcl": {"weight": 0.35, "temperature": 0.07, "dimension": 1024},
    "proco": {"weight": 1.0, "temperature": 0.07, "dimension": 1024},
}
_SMALL: dict[str, dict[str, Any]] = {
    "paco": {"weight": 0.01, "temperature": 0.05, "dimension": 32, "queue": 1024},
    "gpaco": {"weight": 0.01, "temperature": 0.05, "dimension": 32, "queue": 1024},
    "bcl": {"dimension": 128},
    "proco": {"temperature": 0.1, "dimension": 128},
}
_VIEWS = {"paco": 2, "gpaco": 2, "bcl": 3, "proco": 3}


def check_contrast(stage: StageOneOptions) -> None:
    """Refuse what does not go with a contrastive stage 1, and its settings without one.

    Raises:
        InputError: naming the two.
    """
    given = [name for name in changed_settings(stage) if name.startswith("contrast_")]
    if stage.contrast == "none":
        return refuse_alone(given, "contrast")
    contrast = f"--contrast {stage.contrast}"
    if stage.frozen:
        raise InputError(f"--frozen trains no backbone, and {contrast} would. Leave one of them out.")
    known = {f"contrast_{name}" for name in _USUAL[stage.contrast]}
    known |= {"contrast_view"} | ({"contrast_classifier"} if stage.contrast in ("bcl", "proco") else set())
    if idle := [name for name in given if name not in known]:
        raise InputError(f"{flag(idle[0])} does nothing for {contrast}. Leave it out.")
    own = {
        "loss": "has a loss of its own, which knows the class counts",
        "reweight": "counts on how rare classes are already",
        "classifier": "has a classifier of its own",
        "adapter": "trains the network itself",
        "hold_statistics": "lets batch norm learn",
        "compile": "takes the features from within the network, which is compiled as a whole",
    }
    if stage.contrast == "paco":
        own["sync_bn"] = "shuffles its batches across processes instead"
    if stage.contrast != "proco":
        own["accumulate"] = "compares the images of a step with each other"
    refuse_beside(stage, contrast, own)
    if stage.contrast_view == "none":
        raise InputError("--contrast-view none: the views that are compared would be the same image.")


def contrast_settings(stage: StageOneOptions, *, is_small: bool, num_images: int) -> dict[str, Any]:
    """Return the settings of a contrastive task: those given, else those published for images of such a size.

    Args:
        stage: with a `contrast`.
        is_small: whether the images have up to 64 pixels and stay in memory.
        num_images: N of train; a usual queue is no longer.

    Raises:
        InputError: more images in a batch than there are, or than the queue takes.
    """
    usual = _USUAL[stage.contrast] | (_SMALL[stage.contrast] if is_small else {})
    given = {name: getattr(stage, f"contrast_{name}") for name in usual}
    settings = usual | {name: value for name, value in given.items() if value is not None}
    if not 2 <= stage.batch_size <= num_images:
        raise InputError(
            f"--batch-size {stage.batch_size}: train has {num_images} images. Expected 2 to {num_images} images."
        )
    if "queue" in settings:
        if given["queue"] is None:
            settings["queue"] = max(min(settings["queue"], num_images), stage.batch_size)
        if settings["queue"] < stage.batch_size:
            raise InputError(
                f"--contrast-queue {settings['queue']} is shorter than a batch. Expected at least {stage.batch_size}."
            )
    return settings


def contrast_task(setup: TrainingSetup, stage: StageOneOptions) -> nn.Module:
    """Build the task of a contrastive stage 1 around the network of the setup.

    Raises:
        InputError: a setting out of its range, or one that does not fit the images.
    """
    from longtail.contrast import BCL, GPaCo, PaCo, ProCo

    labels, is_small = setup.images.labels, setup.preprocessing.resident
    if is_small and stage.contrast_view.startswith("resized"):
        raise InputError(
            f"--contrast-view {stage.contrast_view} is for images of more than 64 pixels. Expected shift, crop-flip, "
            "growing-crop or moco."
        )
    settings = contrast_settings(stage, is_small=is_small, num_images=len(labels))
    counts = torch.from_numpy(class_counts(labels, setup.num_classes)).float()
    if stage.contrast in ("paco", "gpaco"):
        settings["sample_weight"] = settings.pop("weight")
    kind = {"paco": PaCo, "gpaco": GPaCo, "bcl": BCL, "proco": ProCo}[stage.contrast]
    task: nn.Module = kind(setup.model, counts, **settings)
    return task


def further_views(stage: StageOneOptions) -> tuple[Augmentation, ...]:
    """Return the augmentations of the views beside the first.

    Example:
        >>> further_views(StageOneOptions(contrast="bcl")), further_views(StageOneOptions())
        (('moco', 'moco'), ())
    """
    return (stage.contrast_view,) * (_VIEWS.get(stage.contrast, 1) - 1)
