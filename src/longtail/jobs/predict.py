"""`longtail predict`: classes and probabilities of new images or features, as a CSV."""

import csv
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
    from longtail.heads.base import Head
    from longtail.jobs.calibrating.file import StoredCalibration
    from longtail.jobs.predicting.predictor import Predictor

__all__ = ["PredictConfig", "run"]


@dataclass(frozen=True)
class PredictConfig:
    """Predict with a finished run; the CSV has a row for each input."""

    model: tyro.conf.Positional[Path]
    """Folder of a run, a head (RUN/heads/tau.npz), or a checkpoint (.pt), which predicts with its own classifier."""
    inputs: tyro.conf.Positional[Path]
    """An image, a folder of images, an image pack (.h5), or features: .h5, .npz, .npy, .csv, .tsv or .parquet, as `fit`
    takes them, with or without labels."""
    method: str | None = None
    """Which head of the run; default: the one that its report recommends."""
    prior: str | None = None
    """How common the classes are where the inputs come from: uniform, train, a CSV of `class,share` or `class,count`,
    or estimated (estimated-em, estimated-bbse) from these very inputs. Default: as the head has it."""
    top: int | None = None
    """Write the probabilities of that many most likely classes; default: of all."""
    sets: bool = False
    """Write the classes that the input may be of, as `longtail calibrate` promised, in a column `set`."""
    reject: bool = False
    """Write in a column `accepted` whether the prediction is sure enough, yes or no; by `longtail calibrate` too."""
    uncalibrated: bool = False
    """Write softmax of the head's scores, even if it was calibrated."""
    workers: int = 2
    """Processes that load images of more than 64 pixels."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: PredictConfig) -> Path:
    """Write predictions.csv: input, class, and a probability for each class, calibrated where the head was.

    With a prior, it is printed and written beside, as predictions.prior.json.
    """
    from longtail.jobs.predicting.predictor import open_predictor

    if config.top is not None and config.top < 1:
        raise InputError(f"--top is {config.top}; expected at least 1.")
    predictor = open_predictor(config.model, config.method)
    head = predictor.head
    calibration = _calibration(config, predictor.path, predictor.class_names)
    identities, features = _inputs(config, predictor.checkpoint, predictor.path.parent.parent)
    if features.shape[1] != head.n_features_in_:
        raise InputError(
            f"{predictor.path} was fitted on {head.n_features_in_} features, {config.inputs} has {features.shape[1]}."
        )
    out = config.runtime.out or Path("predictions.csv")
    path = out if out.suffix == ".csv" else out / "predictions.csv"
    prior = _prior(config, predictor, features, path)
    probabilities, how = _probabilities(head, features, calibration, prior)
    further, said = _further(config, calibration, probabilities, predictor.class_names)
    top = None if config.top is None else min(config.top, len(predictor.class_names))
    _write(path, identities, probabilities, predictor.class_names, top, further)
    if not config.runtime.quiet:
        print(f"{len(identities):,} predictions of {predictor.path.stem} in {path} ({'; '.join([how, *said])})")
    return path


def _prior(
    config: PredictConfig, predictor: "Predictor", features: NDArray[Any], path: Path
) -> NDArray[np.float64] | None:
    """Give the shares to predict for, told and written beside the predictions; None for the head's own."""
    from longtail.jobs.predicting.predictor import validation_of
    from longtail.jobs.predicting.target_prior import Inputs, find_prior, write_prior

    if config.prior is None:
        return None
    if config.sets or config.reject:
        raise InputError(
            "--prior: what --sets and --reject promise holds for the classes' shares that the head was calibrated for. "
            "Calibrate for others: longtail calibrate --prior."
        )
    found = find_prior(
        config.prior,
        predictor.class_names,
        getattr(predictor.head, "class_counts_", None),
        Inputs(predictor.head, features, validation_of(predictor.path)),
        seed=config.runtime.seed,
        quiet=config.runtime.quiet,
    )
    print(found.told, *(f"  note: {note}" for note in found.notes), sep="\n")
    write_prior(found, predictor.class_names, path.with_suffix(".prior.json"))
    return found.shares


def _probabilities(
    head: "Head",
    features: NDArray[Any],
    calibration: "StoredCalibration | None",
    prior: NDArray[np.float64] | None,
) -> tuple[NDArray[Any], str]:
    """Give probabilities (N, C), and in words how they came about."""
    if calibration is None:
        return head.predict_proba(features, prior=prior), "softmax of the scores, not calibrated"
    from scipy.special import softmax

    from longtail.priors import prior_of_counts, shift_logits

    scores, how = calibration.calibrator.apply(head.logits(features)), f"calibrated on {calibration.calibrated_on}"
    if prior is not None:
        # the calibrated probabilities are those of the world that they were calibrated for; a class without an image
        # there counts as one of which half an image was seen
        calibrator = calibration.calibrator
        world = prior_of_counts(np.maximum(calibrator.prior, 0.5 / calibrator.images))
        scores, how = shift_logits(scores, world, prior), f"{how}, moved to the prior"
    return softmax(scores, axis=1), f"probabilities {how}"


def _calibration(config: PredictConfig, head: Path, names: tuple[str, ...]) -> "StoredCalibration | None":
    from longtail.jobs.calibrating.file import read_calibration

    if config.uncalibrated and (config.sets or config.reject):
        raise InputError("--sets and --reject come from the calibration. Leave --uncalibrated out.")
    found = None if config.uncalibrated or head.suffix != ".npz" else read_calibration(head, names)
    if found is None and (config.sets or config.reject):
        raise InputError(f"{head} was not calibrated, which --sets and --reject need. First: longtail calibrate {head}")
    return found


def _further(
    config: PredictConfig, calibration: "StoredCalibration | None", probabilities: NDArray[Any], names: tuple[str, ...]
) -> tuple[dict[str, list[str]], list[str]]:
    """Give further columns, and what they promise."""
    columns, said = {}, []
    if calibration is not None and config.sets:
        inside = calibration.sets.contains(probabilities)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        columns["set"] = [" | ".join(names[c] for c in row[own[row]]) for row, own in zip(order, inside, strict=True)]
        promised = 100 * (1 - calibration.sets.alpha)
        said.append(
            f"set: {calibration.sets.kind} sets of {promised:g} %, {inside.sum(axis=1).mean():.1f} classes each"
        )
    if calibration is not None and config.reject:
        accepted = calibration.rule.accepts(probabilities.max(axis=1))
        columns["accepted"] = ["yes" if kept else "no" for kept in accepted]
        said.append(f"accepted: {accepted.sum():,}, for {calibration.rule.wanted:g} % of right answers")
    return columns, said


def _inputs(config: PredictConfig, checkpoint: Path, run: Path) -> tuple[list[str], NDArray[Any]]:
    if config.inputs.suffix in (".h5", ".hdf5") and _holds_features(config.inputs):
        from longtail.features import open_features

        file = open_features(config.inputs)
        return [f"{config.inputs.name}[{row}]" for row in range(len(file.labels))], file.features
    if config.inputs.suffix in (".npz", ".npy", ".csv", ".tsv", ".parquet"):
        return _features_of_others(config.inputs, run)
    return _features_of_images(config, checkpoint)


def _features_of_others(path: Path, run: Path) -> tuple[list[str], NDArray[Any]]:
    from longtail.embeddings import are_probabilities, read_unlabelled
    from longtail.features import check_finite
    from longtail.jobs.fitting.run_features import settings_of_run

    values, ids, are_logits = read_unlabelled(path)
    check_finite(values, str(path))
    if (are_logits or settings_of_run(run).get("logits")) and are_probabilities(values):
        # as `fit` took them
        values = np.log(np.maximum(values, np.finfo(np.float32).tiny)).astype(np.float32)
    names = [f"{path.name}[{row}]" for row in range(len(values))] if ids is None else ids.tolist()
    return names, values


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
    from longtail.jobs.predicting.predictor import image_features
    from longtail.jobs.stage_one.model import open_model

    fabric = launch(config.runtime)
    model = open_model(checkpoint, fabric.device)
    source = open_unlabelled(config.inputs, channels=model.preprocessing.channels, skip_bad=config.skip_bad)
    features = image_features(fabric, model, source, config.workers)
    return [source.identify(row) for row in range(len(source))], features.cpu().numpy()


def _write(
    path: Path,
    identities: list[str],
    probabilities: NDArray[Any],
    names: tuple[str, ...],
    top: int | None,
    further: dict[str, list[str]],
) -> None:
    from longtail.files.atomic import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if top is None:
            writer.writerow(["input", "prediction", *further, *names])
        else:
            ranked = (f"{what}_{k + 1}" for k in range(min(top, len(names))) for what in ("class", "probability"))
            writer.writerow(["input", *further, *ranked])
        writer.writerows(_rows(identities, probabilities, names, top, further))


def _rows(
    identities: list[str],
    probabilities: NDArray[Any],
    names: tuple[str, ...],
    top: int | None,
    further: dict[str, list[str]],
) -> Iterator[list[str]]:
    for number, (identity, row) in enumerate(zip(identities, probabilities, strict=True)):
        besides = [column[number] for column in further.values()]
        if top is None:
            yield [identity, names[int(row.argmax())], *besides, *(f"{p:.6g}" for p in row)]
        else:
            best = np.argsort(-row, kind="stable")[:top]
            yield [identity, *besides, *(text for c in best for text in (names[c], f"{row[c]:.6g}"))]
