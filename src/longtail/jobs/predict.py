"""`longtail predict`: classes and probabilities of new images or features, as a CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions, Workers
from longtail.ranges import Count

if TYPE_CHECKING:
    from longtail.heads.base import Head
    from longtail.jobs.calibrating.file import StoredCalibration
    from longtail.jobs.predicting.inputs import Inputs
    from longtail.jobs.predicting.predictor import Predictor

__all__ = ["PredictConfig", "run"]

DEFAULT_OUT = Path("predictions.csv")
MOST_PRINTED = 5  # predictions that are printed, beside being written
MOST_NAMED = 20  # images that are left out


@dataclass(frozen=True)
class PredictConfig:
    """Predict with a finished run; the CSV has a row for each input."""

    model: tyro.conf.Positional[Path]
    """Folder of a run, a head (RUN/heads/tau.npz), or a checkpoint (.pt), which predicts with its own classifier."""
    inputs: tyro.conf.Positional[Path]
    """An image, a folder of images, an image pack (.h5), or features: .h5, .npz, .npy, .csv, .tsv, .parquet or .mat, as
    `fit` takes them, with or without labels; columns are matched by their names."""
    method: str | None = None
    """Which head of the run; default: the one that its report recommends."""
    prior: str | None = None
    """How common the classes are where the inputs come from: uniform, train, a CSV of `class,share` or `class,count`,
    or estimated (estimated-em, estimated-bbse) from these very inputs. Default: as the head has it."""
    top: Count | None = None
    """Write the probabilities of that many most likely classes; default: of all."""
    sets: bool = False
    """Write the classes that the input may be of, as `longtail calibrate` promised, in a column `set`."""
    reject: bool = False
    """Write in a column `accepted` whether the prediction is sure enough, yes or no; by `longtail calibrate` too."""
    uncalibrated: bool = False
    """Write softmax of the head's scores, even if it was calibrated."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    skip_bad: bool = False
    """Leave unreadable images out, and name them, instead of stopping."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: PredictConfig) -> Path:
    """Write predictions.csv: input, class, and a probability for each class, calibrated where the head was.

    With a prior, it is printed and written beside, as predictions.prior.json.
    """
    from longtail.files.text import printable
    from longtail.jobs.predicting.predictor import open_predictor

    path, replaced = _out(config)
    predictor = open_predictor(config.model, config.method)
    if config.prior is None and not config.sets and not config.reject and predictor.run.is_balanced:
        config = replace(config, prior=predictor.run.settings.get("prior"))  # as the model has it in its bias
    calibration = _calibration(config, predictor.path, predictor.class_names)
    inputs = _inputs(config, predictor)
    if not inputs.is_first:
        return _beside(path, inputs)
    for note in (*predictor.notes, *inputs.notes):
        print(f"note: {note}")
    prior = _prior(config, predictor, inputs, path)
    top = None if config.top is None else min(config.top, len(predictor.class_names))
    report = _write(path, config, predictor, calibration, inputs, prior, top)
    if not config.runtime.quiet:
        print(*report.first, sep="\n") if report.rows <= MOST_PRINTED else None
        word = "prediction" if report.rows == 1 else "predictions"
        again = f"; replaced the {replaced}" if replaced else ""
        told = "; ".join([report.how, *report.promises()])
        print(f"{report.rows:,} {word} of {predictor.path.stem} in {printable(path)} ({told}){again}")
    return path


def _beside(path: Path, inputs: "Inputs") -> Path:
    """Compute along with the process that writes."""
    for _ in inputs.blocks():
        pass
    return path


def _out(config: PredictConfig) -> tuple[Path, str | None]:
    """Return the file to write, and what it takes the place of; the default one never takes another's."""
    out = config.runtime.out
    path = DEFAULT_OUT if out is None else out if out.suffix == ".csv" else out / DEFAULT_OUT
    if not path.is_file():
        return path, None
    if out is None:
        raise InputError(
            f"{path} is there already. Say where these predictions go: `out` FILE.csv (the same name replaces it)."
        )
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return path, f"file that was there, of {max(lines - 1, 0):,} rows"


def _prior(config: PredictConfig, predictor: "Predictor", inputs: "Inputs", path: Path) -> NDArray[np.float64] | None:
    """Return the shares to predict for, told and written beside the predictions; None for the head's own."""
    from longtail.jobs.predicting.inputs import some_rows
    from longtail.jobs.predicting.predictor import validation_of
    from longtail.jobs.predicting.prior_estimator import ESTIMATED
    from longtail.jobs.predicting.target_prior import Inputs, find_prior, write_prior

    if config.prior is None:
        return None
    if config.sets or config.reject:
        raise InputError(
            "--prior: what --sets and --reject promise holds for the classes' shares that the head was calibrated for. "
            "Calibrate for others: longtail calibrate --prior."
        )
    if config.prior in ESTIMATED:
        features = some_rows(inputs.blocks())
    else:
        features = np.empty((0, predictor.head.n_features_in_), dtype=np.float32)
    prior = find_prior(
        config.prior,
        predictor.class_names,
        getattr(predictor.head, "class_counts_", None),
        Inputs(predictor.head, features, validation_of(predictor.path)),
        seed=config.runtime.seed,
        quiet=config.runtime.quiet,
    )
    print(prior.told, *(f"  note: {note}" for note in prior.notes), sep="\n")
    write_prior(prior, predictor.class_names, path.with_suffix(".prior.json"))
    return prior.shares


def _probabilities(
    head: "Head",
    features: NDArray[Any],
    calibration: "StoredCalibration | None",
    prior: NDArray[np.float64] | None,
) -> tuple[NDArray[Any], str]:
    """Return probabilities (N, C), and in words how they came about."""
    if calibration is None:
        return head.predict_proba(features, prior=prior), "softmax of the scores, not calibrated"
    from scipy.special import softmax

    from longtail.priors import prior_of_counts, shift_logits

    scores = calibration.calibrator.apply(head.logits(features))
    changes_nothing = calibration.calibrator.method == "none"
    how = f"calibrated on {calibration.calibrated_on}"
    if changes_nothing:
        how = f"not calibrated: {calibration.calibrated_on} gave no reason to change the scores"
    if prior is not None:
        # the calibrated probabilities are those of the world that they were calibrated for; a class without an image
        # there counts as one of which half an image was seen
        calibrator = calibration.calibrator
        world = prior_of_counts(np.maximum(calibrator.prior, 0.5 / calibrator.images))
        scores, how = shift_logits(scores, world, prior), f"{how}, moved to the prior"
    return softmax(scores, axis=1), f"softmax of the scores, {how}" if changes_nothing else f"probabilities {how}"


def _calibration(config: PredictConfig, head: Path, names: tuple[str, ...]) -> "StoredCalibration | None":
    from longtail.jobs.calibrating.file import read_calibration

    if config.uncalibrated and (config.sets or config.reject):
        raise InputError("--sets and --reject come from the calibration. Leave --uncalibrated out.")
    stored = None if config.uncalibrated or head.suffix != ".npz" else read_calibration(head, names)
    if stored is None and (config.sets or config.reject):
        raise InputError(f"{head} was not calibrated, which --sets and --reject need. First: longtail calibrate {head}")
    return stored


def _inputs(config: PredictConfig, predictor: "Predictor") -> "Inputs":
    from longtail.jobs.predicting.inputs import are_features, inputs_of_features

    if are_features(config.inputs):
        return inputs_of_features(
            config.inputs,
            predictor.run,
            predictor.feature_names,
            predictor.head.n_features_in_,
            str(predictor.path),
        )
    return _inputs_of_images(config, predictor)


def _inputs_of_images(config: PredictConfig, predictor: "Predictor") -> "Inputs":
    from longtail.data import open_unlabelled
    from longtail.embeddings import FeatureBlock
    from longtail.files.text import printable
    from longtail.jobs.balancing.opened import open_balanced
    from longtail.jobs.flags import as_typed
    from longtail.jobs.launch import launch
    from longtail.jobs.predicting.inputs import Inputs
    from longtail.jobs.predicting.predictor import image_features
    from longtail.jobs.predicting.prior_estimator import ESTIMATED
    from longtail.jobs.stage_one.model import open_model
    from longtail.training.progress import progress_bar

    fabric = launch(config.runtime)
    if predictor.run.is_balanced:
        model = open_balanced(predictor.run)
        model.model.to(fabric.device)
    elif predictor.run.is_measured and not predictor.checkpoint.exists():
        raise InputError(
            f"{printable(predictor.run.folder)} is a run of features: it has no network that could look at "
            f"{printable(config.inputs)}. Give features of the same columns, or a run of `longtail run`."
        )
    else:
        model = open_model(predictor.checkpoint, fabric.device)
    source = open_unlabelled(config.inputs, channels=model.preprocessing.channels, skip_bad=config.skip_bad)
    if model.dimension != predictor.head.n_features_in_:
        raise InputError(
            f"{predictor.path} was fitted on {predictor.head.n_features_in_} features, the network in "
            f"{model.path} gives {model.dimension}."
        )
    quiet = config.runtime.quiet or not fabric.is_global_zero

    def blocks() -> Iterator[FeatureBlock]:
        with progress_bar("predict", len(source), quiet=quiet) as bar:
            for rows, features in image_features(fabric, model, source, config.workers):
                yield FeatureBlock(features, [source.identify(row) for row in rows])
                bar.advance(len(rows))

    left_out = tuple(f"left out: {as_typed(reason)}" for _, reason in source.left_out)
    notes = (*source.notes, *left_out[:MOST_NAMED])
    if len(left_out) > MOST_NAMED:
        notes = (*notes, f"left out besides: {len(left_out) - MOST_NAMED:,} images that cannot be read either")
    if config.prior in ESTIMATED:  # they are needed twice
        all_blocks = list(blocks())
        return Inputs(lambda: iter(all_blocks), notes, is_first=fabric.is_global_zero)
    return Inputs(blocks, notes, is_first=fabric.is_global_zero)


class _Report:
    """What was predicted, counted block by block."""

    def __init__(self, calibration: "StoredCalibration | None", config: PredictConfig) -> None:
        self.rows, self.how, self.first = 0, "", list[str]()
        self._calibration, self._config = calibration, config
        self._in_sets = self._accepted = 0

    def columns(self, probabilities: NDArray[Any], names: tuple[str, ...]) -> dict[str, list[str]]:
        """Return further columns of a block."""
        columns = {}
        if self._calibration is not None and self._config.sets:
            inside = self._calibration.sets.contains(probabilities)
            order = np.argsort(-probabilities, axis=1, kind="stable")
            columns["set"] = [
                " | ".join(names[c] for c in ranked[own[ranked]]) for ranked, own in zip(order, inside, strict=True)
            ]
            self._in_sets += int(inside.sum())
        if self._calibration is not None and self._config.reject:
            accepted = self._calibration.rule.accepts(probabilities.max(axis=1))
            columns["accepted"] = ["yes" if is_sure else "no" for is_sure in accepted]
            self._accepted += int(accepted.sum())
        return columns

    def promises(self) -> list[str]:
        """Say what the further columns promise."""
        told = []
        if self._calibration is not None and self._config.sets:
            promised, kind = 100 * (1 - self._calibration.sets.alpha), self._calibration.sets.kind
            told.append(f"set: {kind} sets of {promised:g} %, {self._in_sets / max(self.rows, 1):.1f} classes each")
        if self._calibration is not None and self._config.reject:
            told.append(f"accepted: {self._accepted:,}, for {self._calibration.rule.wanted:g} % of right answers")
        return told

    def note(self, names: list[str], probabilities: NDArray[Any], class_names: tuple[str, ...]) -> None:
        """Keep the first predictions, to be printed where they are few."""
        for name, row in zip(names[: MOST_PRINTED - len(self.first)], probabilities, strict=False):
            best = np.argsort(-row, kind="stable")[:3]
            self.first.append(f"{name}: {', '.join(f'{class_names[c]} {100 * row[c]:.1f} %' for c in best)}")
        self.rows += len(names)


def _write(
    path: Path,
    config: PredictConfig,
    predictor: "Predictor",
    calibration: "StoredCalibration | None",
    inputs: "Inputs",
    prior: NDArray[np.float64] | None,
    top: int | None,
) -> _Report:
    from longtail.files.atomic import atomic_path

    names, report = predictor.class_names, _Report(calibration, config)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file)
        for block in inputs.blocks():
            probabilities, report.how = _probabilities(predictor.head, block.values, calibration, prior)
            further = report.columns(probabilities, names)
            if not report.rows:
                writer.writerow(_heading(names, top, further))
            writer.writerows(_rows(block.names, probabilities, names, top, further))
            report.note(block.names, probabilities, names)
        if not report.rows:
            raise InputError(f"{config.inputs}: nothing to predict in it.")
    return report


def _heading(names: tuple[str, ...], top: int | None, further: dict[str, list[str]]) -> list[str]:
    if top is None:
        return ["input", "prediction", *further, *names]
    return ["input", *further, *(f"{what}_{k + 1}" for k in range(top) for what in ("class", "probability"))]


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
