"""What predicts: a head of a run or a checkpoint's own classifier, and the features of images for it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtail.errors import InputError

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch import Tensor

    from longtail.data.source import ImageSource
    from longtail.heads.base import Head
    from longtail.jobs.model import TrainedModel

__all__ = ["Predictor", "image_features", "open_predictor"]


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
    from longtail.heads import load_head

    if model.suffix == ".pt":
        return _own_classifier(model)
    path, results = _choose(model, method)
    head = load_head(path)
    names = [str(number) for number in range(len(head.classes_))]
    if results is not None:
        names = results["data"]["class_names"]
    return Predictor(head, tuple(names), _checkpoint_of(path.parent.parent, path.stem), path)


def image_features(fabric: "Fabric", model: "TrainedModel", source: "ImageSource", workers: int) -> "Tensor":
    """Compute the features of all images of a source; every process gets all of them.

    Returns:
        float32, shape (N, D), on the device.
    """
    from longtail.jobs.images import prepare
    from longtail.training.inference import features_in_memory

    batches = prepare(source, model.preprocessing, fabric.device).batches(fabric, model.preprocessing, workers=workers)
    return features_in_memory(fabric, model.features, batches, len(source), model.dimension)


def _own_classifier(checkpoint: Path) -> Predictor:
    from longtail.backbones import linear_parameters
    from longtail.heads import Joint
    from longtail.jobs.model import open_model

    model = open_model(checkpoint)
    if model.about["settings"].get("classifier_is_drawn"):
        raise InputError(f"{checkpoint}: its classifier is untrained. Fit a head: longtail extract, longtail fit.")
    weight, bias = (part.numpy() for part in linear_parameters(model.model))
    return Predictor(Joint().take(weight, bias), tuple(model.about["class_names"]), checkpoint, checkpoint)


def _choose(model: Path, method: str | None) -> tuple[Path, dict[str, Any] | None]:
    if model.suffix == ".npz":
        results_path = model.parent.parent / "results.json"
        stored = json.loads(results_path.read_text(encoding="utf-8")) if results_path.is_file() else None
        return model, stored
    results_path = model / "results.json"
    if not results_path.is_file():
        raise InputError(
            f"{model}: no results.json. Expected the folder of a finished run, a head (.npz) or a checkpoint (.pt)."
        )
    results = json.loads(results_path.read_text(encoding="utf-8"))
    wanted = method or results["verdict"]["best"]
    if wanted not in results["methods"]:
        raise InputError(f"no method {wanted!r} in {model}. It has {', '.join(results['methods'])}.")
    return model / "heads" / f"{wanted}.npz", results


def _checkpoint_of(run_folder: Path, method: str) -> Path:
    from longtail.jobs.model import find_checkpoint

    config = run_folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    if method == "crt" and settings.get("heads", {}).get("crt_from") == "images":
        # its batch-norm statistics may be its own
        return run_folder / "checkpoints" / "crt" / "last.pt"
    return find_checkpoint(run_folder, settings.get("stage", {}).get("use", "last"))
