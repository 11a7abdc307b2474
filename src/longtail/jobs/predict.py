"""`longtail predict`: classes and probabilities of new images or features, as a CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

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
    prior: str | None = None
    """How common the classes are where the inputs come from: uniform, train, a CSV of `class,share` or `class,count`,
    or estimated (estimated-em, estimated-bbse) from these very inputs. Default: as the head has it."""
    top: int | None = None
    """Write the probabilities of that many most likely classes; default: of all."""
    workers: int = 2
    """Processes that load images of more than 64 pixels."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: PredictConfig) -> Path:
    """Write predictions.csv: input, class, and a probability for each class (softmax; not calibrated).

    With a prior, it is printed and written beside, as predictions.prior.json.
    """
    from longtail.jobs.predictor import open_predictor, validation_of
    from longtail.jobs.target_prior import find_prior, write_prior

    predictor = open_predictor(config.model, config.method)
    head = predictor.head
    identities, features = _inputs(config, predictor.checkpoint)
    if features.shape[1] != head.n_features_in_:
        raise InputError(
            f"{predictor.path} was fitted on {head.n_features_in_} features, {config.inputs} has {features.shape[1]}."
        )
    out = config.runtime.out or Path("predictions.csv")
    path = out if out.suffix == ".csv" else out / "predictions.csv"
    prior = None
    if config.prior is not None:
        validation = validation_of(predictor.path)
        prior = find_prior(config.prior, head, features, predictor.class_names, validation, seed=config.runtime.seed)
        print(prior.told, *(f"  note: {note}" for note in prior.notes), sep="\n")
        write_prior(prior, predictor.class_names, path.with_suffix(".prior.json"))
    probabilities = head.predict_proba(features, prior=None if prior is None else prior.shares)
    _write(path, identities, probabilities, predictor.class_names, config.top)
    if not config.runtime.quiet:
        print(f"{len(identities):,} predictions of {predictor.path.stem} in {path}")
    return path


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


def _features_of_images(config: PredictConfig, checkpoint: Path) -> tuple[list[str], NDArray[Any]]:
    from longtail.data import open_unlabelled
    from longtail.jobs.launch import launch
    from longtail.jobs.model import open_model
    from longtail.jobs.predictor import image_features

    fabric = launch(config.runtime)
    model = open_model(checkpoint, fabric.device)
    source = open_unlabelled(config.inputs, channels=model.preprocessing.channels, skip_bad=config.skip_bad)
    features = image_features(fabric, model, source, config.workers)
    return [source.identify(row) for row in range(len(source))], features.cpu().numpy()


def _write(
    path: Path, identities: list[str], probabilities: NDArray[Any], names: tuple[str, ...], top: int | None
) -> None:
    from longtail.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if top is None:
            writer.writerow(["input", "prediction", *names])
        else:
            writer.writerow(["input", *(f"{what}_{k + 1}" for k in range(top) for what in ("class", "probability"))])
        writer.writerows(_rows(identities, probabilities, names, top))


def _rows(
    identities: list[str], probabilities: NDArray[Any], names: tuple[str, ...], top: int | None
) -> Iterator[list[str]]:
    for identity, row in zip(identities, probabilities, strict=True):
        if top is None:
            yield [identity, names[int(row.argmax())], *(f"{p:.6g}" for p in row)]
        else:
            best = np.argsort(-row, kind="stable")[:top]
            yield [identity, *(text for c in best for text in (names[c], f"{row[c]:.6g}"))]
