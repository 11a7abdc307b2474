"""`longtail predict`: classes and probabilities of new images or features, as a CSV."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

if TYPE_CHECKING:
    from longtail.heads.linear import LinearHead

__all__ = ["PredictConfig", "run"]


@dataclass(frozen=True)
class PredictConfig:
    """Predict with a finished run; the CSV has a row for each input."""

    model: tyro.conf.Positional[Path]
    """Folder of a run, a head (RUN/heads/tau.npz), or a checkpoint (.pt), which predicts with its own classifier."""
    inputs: tyro.conf.Positional[Path]
    """An image, a folder of images, an image pack (.h5), or a feature file (.h5)."""
    method: str | None = None
    """Which head of the run; default: the one that its report recommends."""
    top: int | None = None
    """Write the probabilities of that many most likely classes; default: of all."""
    workers: int = 2
    """Processes that load images of more than 64 pixels."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: PredictConfig) -> Path:
    """Write predictions.csv: input, class, and a probability for each class (softmax; not calibrated)."""
    from longtail.heads import load_head

    if config.model.suffix == ".pt":
        head_path = checkpoint = config.model
        head, names = _own_classifier(checkpoint)
    else:
        head_path, results = _choose(config)
        head = load_head(head_path)
        names = _class_names(results, len(head.classes_))
        checkpoint = _checkpoint(head_path.parent.parent, head_path.stem)
    identities, features = _inputs(config, checkpoint)
    if features.shape[1] != head.n_features_in_:
        raise InputError(
            f"{head_path} was fitted on {head.n_features_in_} features, {config.inputs} has {features.shape[1]}."
        )
    out = config.runtime.out or Path("predictions.csv")
    path = out if out.suffix == ".csv" else out / "predictions.csv"
    _write(path, identities, head.predict_proba(features), names, config.top)
    if not config.runtime.quiet:
        print(f"{len(identities):,} predictions of {head_path.stem} in {path}")
    return path


def _own_classifier(checkpoint: Path) -> tuple["LinearHead", list[str]]:
    from longtail.backbones import linear_parameters
    from longtail.heads import Joint
    from longtail.jobs.model import open_model

    model = open_model(checkpoint)
    if model.about["settings"].get("classifier_is_drawn"):
        raise InputError(f"{checkpoint}: its classifier is untrained. Fit a head: longtail extract, longtail fit.")
    weight, bias = (part.numpy() for part in linear_parameters(model.model))
    return Joint().take(weight, bias), list(model.about["class_names"])


def _choose(config: PredictConfig) -> tuple[Path, dict[str, Any] | None]:
    if config.model.suffix == ".npz":
        results_path = config.model.parent.parent / "results.json"
        stored = json.loads(results_path.read_text(encoding="utf-8")) if results_path.is_file() else None
        return config.model, stored
    results_path = config.model / "results.json"
    if not results_path.is_file():
        raise InputError(
            f"{config.model}: no results.json. Expected the folder of a finished run, a head (.npz) or a "
            "checkpoint (.pt)."
        )
    results = json.loads(results_path.read_text(encoding="utf-8"))
    method = config.method or results["verdict"]["best"]
    if method not in results["methods"]:
        raise InputError(f"no method {method!r} in {config.model}. It has {', '.join(results['methods'])}.")
    return config.model / "heads" / f"{method}.npz", results


def _class_names(results: dict[str, Any] | None, num_classes: int) -> list[str]:
    if results is not None:
        return list(results["data"]["class_names"])
    return [str(number) for number in range(num_classes)]


def _inputs(config: PredictConfig, checkpoint: Path) -> tuple[list[str], NDArray[Any]]:
    if config.inputs.suffix in (".h5", ".hdf5") and _holds_features(config.inputs):
        from longtail.features import open_features

        file = open_features(config.inputs)
        return [f"{config.inputs.name}[{row}]" for row in range(len(file.labels))], file.features
    return _features_of_images(config, checkpoint)


def _holds_features(path: Path) -> bool:
    import h5py

    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected images, a folder of them, a pack or a feature file.")
    try:
        with h5py.File(path, "r") as file:
            return "features" in file
    except OSError as error:
        raise InputError(f"{path}: truncated, or not an HDF5 file ({error}).") from error


def _checkpoint(run_folder: Path, method: str) -> Path:
    from longtail.jobs.model import find_checkpoint

    settings = _settings(run_folder)
    if method == "crt" and settings.get("heads", {}).get("crt_from") == "images":
        # its batch-norm statistics may be its own
        return run_folder / "checkpoints" / "crt" / "last.pt"
    return find_checkpoint(run_folder, settings.get("stage", {}).get("use", "last"))


def _features_of_images(config: PredictConfig, checkpoint: Path) -> tuple[list[str], NDArray[Any]]:
    import torch

    from longtail.data import open_unlabelled
    from longtail.jobs.images import prepare
    from longtail.jobs.launch import launch
    from longtail.jobs.model import open_model

    fabric = launch(config.runtime)
    model = open_model(checkpoint, fabric.device)
    source = open_unlabelled(config.inputs, channels=model.preprocessing.channels, skip_bad=config.skip_bad)
    images = prepare(source, model.preprocessing, fabric.device)
    parts = []
    with torch.inference_mode(), fabric.autocast():
        for _, batch in images.batches(fabric, model.preprocessing, workers=config.workers):
            parts.append(model.features(batch).float().cpu().numpy())
    return [source.identify(row) for row in range(len(source))], np.concatenate(parts)


def _settings(run_folder: Path) -> dict[str, Any]:
    config = run_folder / "config.json"
    return dict(json.loads(config.read_text(encoding="utf-8"))) if config.is_file() else {}


def _write(path: Path, identities: list[str], probabilities: NDArray[Any], names: list[str], top: int | None) -> None:
    from longtail.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if top is None:
            writer.writerow(["input", "prediction", *names])
        else:
            writer.writerow(["input", *(f"{what}_{k + 1}" for k in range(top) for what in ("class", "probability"))])
        writer.writerows(_rows(identities, probabilities, names, top))


def _rows(identities: list[str], probabilities: NDArray[Any], names: list[str], top: int | None) -> Iterator[list[str]]:
    for identity, row in zip(identities, probabilities, strict=True):
        if top is None:
            yield [identity, names[int(row.argmax())], *(f"{p:.6g}" for p in row)]
        else:
            best = np.argsort(-row, kind="stable")[:top]
            yield [identity, *(text for c in best for text in (names[c], f"{row[c]:.6g}"))]
