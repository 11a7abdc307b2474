"""What predicts: a head of a run or a checkpoint's own classifier, and the features of images for it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from lightning.fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor

    from longtail.data.source import ImageSource
    from longtail.heads.base import Head
    from longtail.jobs.stage_one.model import TrainedModel

__all__ = [
    "Predictor",
    "check_stored_features",
    "choose_head",
    "feature_folder",
    "fitted_on_validation",
    "image_features",
    "open_predictor",
    "validation_of",
]


@dataclass(frozen=True)
class Predictor:
    """A classifier with the network whose features it takes.

    Attributes:
        head: fitted; its classes are 0 .. C - 1.
        class_names: C names.
        checkpoint: of the network; it need not exist where features come in.
        path: of the head, or of the checkpoint whose own classifier it is.
    """

    head: "Head"
    class_names: tuple[str, ...]
    checkpoint: Path
    path: Path


def open_predictor(model: Path, method: str | None = None) -> Predictor:
    """Open a run's head or a checkpoint's own classifier.

    Args:
        model: folder of a run, a head (RUN/heads/tau.npz), or a checkpoint (.pt).
        method: which head of a run; default: the one that its report recommends.

    Raises:
        InputError: nothing usable there, no such method, or an untrained classifier.
    """
    import numpy as np

    from longtail.heads import load_head

    if model.suffix == ".pt":
        return _own_classifier(model)
    path, results = choose_head(model, method)
    head = load_head(path)
    names = [str(number) for number in range(len(head.classes_))]
    if results is not None:
        names = results["data"]["class_names"]
        if not hasattr(head, "class_counts_"):  # saved by an older longtail
            head.class_counts_ = np.array(results["data"]["train_counts"])
    return Predictor(head, tuple(names), _checkpoint_of(path.parent.parent, path.stem), path)


def choose_head(model: Path, method: str | None) -> tuple[Path, dict[str, Any] | None]:
    """Say which head is meant, and what its run measured where that is known.

    Args:
        model: folder of a run, or a head (RUN/heads/tau.npz).
        method: which head of a run; default: the one that its report recommends.

    Returns:
        The head's file, and results.json or None.

    Raises:
        InputError: a folder without results.json, or a run without that method.
    """
    from longtail.jobs.fitting.run_features import results_of_run

    if model.suffix == ".npz":
        results_path = model.parent.parent / "results.json"
        stored = json.loads(results_path.read_text(encoding="utf-8")) if results_path.is_file() else None
        return model, stored
    results = results_of_run(model)
    wanted = method or results["verdict"]["best"]
    if wanted not in results["methods"]:
        raise InputError(f"no method {wanted!r} in {model}. It has {', '.join(results['methods'])}.")
    return model / "heads" / f"{wanted}.npz", results


def validation_of(head_path: Path) -> "tuple[NDArray[Any], NDArray[np.int64]] | None":
    """Give features and class indices of a run's validation split, for a head that was not fitted to them.

    Args:
        head_path: RUN/heads/NAME.npz.

    Returns:
        Features (V, D) and class indices (V,), or None.
    """
    from longtail.features import open_features
    from longtail.jobs.fitting.run_features import problem_of_run

    run = head_path.parent.parent
    if head_path.suffix != ".npz" or fitted_on_validation(head_path) or _takes_other_features(run, head_path.stem):
        return None
    folder = feature_folder(run)
    if (folder / "feature_val.h5").is_file():
        file = open_features(folder / "feature_val.h5")
        return file.features, file.labels
    if not folder.exists() or (folder / "feature_train.h5").is_file():
        return None
    val = problem_of_run(run).splits.get("val")
    return None if val is None else (val.features, val.labels)


def feature_folder(run: Path) -> Path:
    """Give the folder of a run's features: RUN/features, or the one that `longtail fit` was given."""
    inside, stored = run / "features", _settings(run).get("features")
    return Path(stored) if isinstance(stored, str) and not inside.is_dir() else inside


def fitted_on_validation(head_path: Path) -> bool:
    """Say whether a run's head learnt from its validation split, as `auto` does: nothing is calibrated on it then."""
    return "val" in _choice(head_path.parent.parent, head_path.stem).get("fitted_on", [])


def check_stored_features(head_path: Path) -> None:
    """Make sure that the features a run keeps are those that a head of it sees.

    Args:
        head_path: RUN/heads/NAME.npz.

    Raises:
        InputError: the head was trained from images, behind a network whose features were not kept.
    """
    if _takes_other_features(head_path.parent.parent, head_path.stem):
        raise InputError(
            f"{head_path}: was trained from images, with features of its own that were not kept. Take another."
        )


def image_features(fabric: "Fabric", model: "TrainedModel", source: "ImageSource", workers: int) -> "Tensor":
    """Compute the features of all images of a source; every process gets all of them.

    Returns:
        float32, shape (N, D), on the device.
    """
    from longtail.jobs.pace import settle_threads
    from longtail.jobs.stage_one.images import prepare
    from longtail.training.inference import features_in_memory

    settle_threads(
        fabric, model.model, model.preprocessing, images_at_once=256, images=len(source), learns=False, quiet=True
    )
    batches = prepare(source, model.preprocessing, fabric.device).batches(fabric, model.preprocessing, workers=workers)
    return features_in_memory(fabric, model.features, batches, len(source), model.dimension)


def _own_classifier(checkpoint: Path) -> Predictor:
    from longtail.backbones import linear_parameters
    from longtail.heads import Joint
    from longtail.jobs.stage_one.model import open_model
    from longtail.jobs.stage_one.objective import trained_prior

    model = open_model(checkpoint)
    if model.about["settings"].get("classifier_is_drawn"):
        raise InputError(f"{checkpoint}: its classifier is untrained. Fit a head: longtail extract, longtail fit.")
    weight, bias = (part.numpy() for part in linear_parameters(model.model))
    results = checkpoint.parent.parent / "results.json"
    counts = json.loads(results.read_text(encoding="utf-8"))["data"]["train_counts"] if results.is_file() else None
    head = Joint(head_prior=trained_prior(model.about["settings"])).take(weight, bias, class_counts=counts)
    return Predictor(head, tuple(model.about["class_names"]), checkpoint, checkpoint)


def _checkpoint_of(run_folder: Path, method: str) -> Path:
    from longtail.jobs.stage_one.model import find_checkpoint

    if _takes_other_features(run_folder, method):
        return run_folder / "checkpoints" / "crt" / "last.pt"
    return find_checkpoint(run_folder, _settings(run_folder).get("stage", {}).get("use", "last"))


def _takes_other_features(run_folder: Path, method: str) -> bool:
    # trained on images, its batch-norm statistics may be its own
    heads = _settings(run_folder).get("heads", {})
    # runs of an earlier version have no groups of settings
    crt_from = heads.get("images", heads).get("crt_from")
    return bool(crt_from == "images" and _choice(run_folder, method).get("method", method) == "crt")


def _choice(run_folder: Path, method: str) -> dict[str, Any]:
    """Give what results.json says of how `auto` was chosen; nothing for other methods."""
    results = run_folder / "results.json"
    if not results.is_file():
        return {}
    methods: dict[str, dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["methods"]
    choice: dict[str, Any] = methods.get(method, {}).get("choice", {})
    return choice


def _settings(run_folder: Path) -> dict[str, Any]:
    config = run_folder / "config.json"
    found: dict[str, Any] = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    return found
