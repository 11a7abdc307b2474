"""`longtail predict`: classes and probabilities of new images or features, as a CSV."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.input_options import InputOptions
from longtail.jobs.options import RuntimeOptions, Workers
from longtail.ranges import Count

if TYPE_CHECKING:
    from longtail.data.source import ImageSource
    from longtail.jobs.calibrating.file import StoredCalibration
    from longtail.jobs.predicting.aggregate import Mix
    from longtail.jobs.predicting.inputs import Inputs
    from longtail.jobs.predicting.outputs import Output
    from longtail.jobs.predicting.predictor import Predictor
    from longtail.jobs.predicting.target_prior import TargetPrior

Blocks = Iterator[tuple[list[str], NDArray[Any]]]

__all__ = ["PredictConfig", "predicted", "run"]

DEFAULT_OUT = Path("predictions.csv")
MOST_NAMED = 20  # images that are left out


@dataclass(frozen=True)
class PredictConfig:
    """Predict with a finished run; the CSV has a row for each input."""

    model: tyro.conf.Positional[Path]
    """Run, published model (folder or hf://user/name), head (.npz), or checkpoint (.pt)."""
    inputs: tyro.conf.Positional[Path]
    """Image, folder or table of images, image pack (.h5), or features as `fit` takes them, without labels too."""
    method: str | None = None
    """Head of the run; default: the one that its report recommends."""
    aggregate: str | None = None
    """Heads to mix by agreement on two views of the images: names with commas between, all, or experts."""
    aggregate_epochs: Count = 5
    """Passes over the images to learn the weights of --aggregate."""
    prior: str | None = None
    """Class shares of the inputs: uniform, train, a CSV, or estimated (-em, -bbse); default: the head's."""
    top: Count | None = None
    """Most likely classes to write with their probabilities; default: all, or 5 in other formats than csv."""
    format: Literal["csv", "manifest", "camtrap-dp", "ecotaxa", "megadetector", "coco", "wildlife-insights"] = "csv"
    """Format of the predictions."""
    by_event: bool = False
    """Pool the predictions of each event, and write a row for each of them besides."""
    model_name: str | None = None
    """What the model is called in other formats; default: longtail, its version, run and head."""
    sets: bool = False
    """Add a column `set` of classes that it may be, by `longtail calibrate`."""
    reject: bool = False
    """Add a column `accepted`, yes where the prediction is sure, by `longtail calibrate`."""
    uncalibrated: bool = False
    """Write softmax of the head's scores, even if it was calibrated."""
    workers: Workers = 2
    """Processes that load images of more than 64 pixels."""
    skip_bad: bool = False
    """Leave unreadable images out and name them; else: stop."""
    dry_run: bool = False
    """What would be done and how long; nothing is written."""
    inputs_table: InputOptions = field(default_factory=InputOptions)
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: PredictConfig) -> Path:
    """Write predictions.csv: input, class, probabilities; with a prior, that too, as predictions.prior.json."""
    from longtail.files.atomic import write_json
    from longtail.files.text import printable
    from longtail.jobs.dry_run.predictions import forecast_predictions
    from longtail.jobs.predicting.outputs import some_blocks, write_outputs
    from longtail.jobs.predicting.prediction_csv import MOST_FIRST, PredictionReport
    from longtail.jobs.predicting.probabilities import block_probabilities, how_calibrated
    from longtail.jobs.predicting.target_prior import write_prior

    path, replaced = _out(config)
    config, predictor, calibration, inputs, mix = _opened(config)
    if config.dry_run:
        _target_prior(config, predictor, inputs)  # refuses what cannot be one, as the line below does
        inputs.described().event_words() if config.by_event else None
        return forecast_predictions(predictor, inputs, path)
    if not inputs.is_first:
        return _beside(path, inputs)
    for note in (*predictor.notes, *inputs.notes):
        print(f"note: {note}")
    if mix is not None:
        print(mix.sentence)
        write_json(path.with_suffix(".aggregate.json"), mix.facts)
    target = _target_prior(config, predictor, inputs)
    if target is not None:
        print(target.told, *(f"  note: {note}" for note in target.notes), sep="\n")
        write_prior(target, predictor.class_names, path.with_suffix(".prior.json"))
    prior = None if target is None else target.shares
    report = PredictionReport(calibration, sets=config.sets, reject=config.reject)
    blocks = some_blocks(block_probabilities(predictor.head, inputs.blocks(), calibration, prior), config.inputs)
    output = _output(config, predictor, path)
    notes = write_outputs(output, blocks, inputs, report)
    if not config.runtime.quiet:
        print(*report.first, sep="\n") if report.rows <= MOST_FIRST else None
        word = "prediction" if report.rows == 1 else "predictions"
        again = f"; replaced the {replaced}" if replaced else ""
        details = "; ".join([how_calibrated(calibration, prior), *report.promises()])
        print(f"{report.rows:,} {word} of {predictor.title} in {printable(path)} ({details}){again}")
        print(*(f"note: {note}" for note in notes), sep="\n", end="\n" if notes else "")
    return path


def _output(config: PredictConfig, predictor: "Predictor", path: Path) -> "Output":
    from longtail import __version__
    from longtail.jobs.predicting.outputs import Output

    usual = f"longtail {__version__} {predictor.run.name}/{predictor.title}"
    top = None if config.top is None else min(config.top, len(predictor.class_names))
    return Output(
        path,
        config.format,
        predictor.class_names,
        config.model_name or usual,
        config.inputs,
        config.inputs_table.box_file or config.inputs,
        top,
        config.by_event,
    )


def predicted(config: PredictConfig) -> tuple[tuple[str, ...], Blocks]:
    """Return the names of the classes, and, block by block, what inputs are called and their probabilities (B, C).

    Nothing is printed or written.
    """
    from longtail.jobs.predicting.outputs import some_blocks
    from longtail.jobs.predicting.probabilities import block_probabilities

    config, predictor, calibration, inputs, _ = _opened(config)
    target = _target_prior(config, predictor, inputs)
    prior = None if target is None else target.shares
    blocks = block_probabilities(predictor.head, inputs.blocks(), calibration, prior)
    return predictor.class_names, some_blocks(blocks, config.inputs)


def _opened(
    config: PredictConfig,
) -> "tuple[PredictConfig, Predictor, StoredCalibration | None, Inputs, Mix | None]":
    """Open what predicts and what is to be predicted; several heads are mixed by agreement where that is asked for."""
    from longtail.jobs.predicting.aggregate import aggregated, check_aggregate, open_members, views_of
    from longtail.jobs.predicting.predictor import open_predictor
    from longtail.jobs.predicting.prior_estimator import ESTIMATED

    usual = {one.name: one.default for one in fields(config)}
    check_aggregate(config.aggregate, [name for name in usual if getattr(config, name) != usual[name]])
    if config.aggregate is not None:
        predictor, members = open_members(config.model, config.aggregate)
        inputs = _inputs(config, predictor)
        views_of(inputs)
        if config.dry_run:
            return config, predictor, None, inputs, None
        mix = aggregated(members, inputs, epochs=config.aggregate_epochs, seed=config.runtime.seed)
        return config, replace(predictor, head=mix.head, name=f"a mix of {', '.join(members)}"), None, inputs, mix
    predictor = open_predictor(config.model, config.method)
    config = _as_balanced(config, predictor)
    calibration = _calibration(config, predictor.path, predictor.class_names)
    if config.dry_run and config.prior in ESTIMATED:  # an estimate needs what is not computed
        config = replace(config, prior=None)
    return config, predictor, calibration, _inputs(config, predictor), None


def _as_balanced(config: PredictConfig, predictor: "Predictor") -> PredictConfig:
    """Take the prior that a balanced model has in its bias, where no other is asked for."""
    run = predictor.run
    if config.prior is None and not config.sets and not config.reject and run.is_balanced:
        prior = run.settings.get("prior")
        inside = run.folder / str(prior)
        return replace(config, prior=str(inside) if run.is_published and inside.is_file() else prior)
    return config


def _beside(path: Path, inputs: "Inputs") -> Path:
    """Compute along with the process that writes."""
    for _ in inputs.blocks():
        pass
    return path


def _out(config: PredictConfig) -> tuple[Path, str | None]:
    """Return the file to write, and what it takes the place of; the default one never takes another's."""
    from longtail.jobs.predicting.outputs import output_path

    out = config.runtime.out
    if config.format != "csv" and (config.sets or config.reject):
        raise InputError(f"--sets and --reject are columns of --format csv, and {config.format} has none such.")
    path = output_path(config.format, out, DEFAULT_OUT)
    if not path.exists():
        return path, None
    if out is None:
        raise InputError(
            f"{path} is there already. Say where these predictions go: `out` FILE.csv (the same name replaces it)."
        )
    if not path.is_file():
        return path, "predictions that were there"
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return path, f"file that was there, of {max(lines - 1, 0):,} rows"


def _target_prior(config: PredictConfig, predictor: "Predictor", inputs: "Inputs") -> "TargetPrior | None":
    """Return the shares to predict for; None for the head's own."""
    from longtail.jobs.predicting.inputs import some_rows
    from longtail.jobs.predicting.predictor import validation_of
    from longtail.jobs.predicting.prior_estimator import ESTIMATED, Inputs
    from longtail.jobs.predicting.target_prior import find_prior

    if config.prior is None:
        return None
    if config.prior in ESTIMATED:
        features = some_rows(inputs.blocks())
    else:
        features = np.empty((0, predictor.head.n_features_in_), dtype=np.float32)
    together = inputs.together
    is_whole = together is not None and len(together) == len(features)  # of very many inputs some are taken
    codes = together.codes if together is not None and is_whole else None
    return find_prior(
        config.prior,
        predictor.class_names,
        getattr(predictor.head, "class_counts_", None),
        Inputs(predictor.head, features, validation_of(predictor.path), codes),
        seed=config.runtime.seed,
        quiet=config.runtime.quiet,
    )


def _calibration(config: PredictConfig, head: Path, names: tuple[str, ...]) -> "StoredCalibration | None":
    from longtail.jobs.predicting.probabilities import stored_calibration

    if config.prior is not None and (config.sets or config.reject):
        raise InputError(
            "--prior: what --sets and --reject promise holds for the classes' shares that the head was calibrated for. "
            "Calibrate for others: longtail calibrate --prior."
        )
    if config.uncalibrated and (config.sets or config.reject):
        raise InputError("--sets and --reject come from the calibration. Leave --uncalibrated out.")
    stored = None if config.uncalibrated else stored_calibration(head, names)
    if stored is None and (config.sets or config.reject):
        raise InputError(f"{head} was not calibrated, which --sets and --reject need. First: longtail calibrate {head}")
    return stored


def _inputs(config: PredictConfig, predictor: "Predictor") -> "Inputs":
    from longtail.jobs.predicting.inputs import inputs_of_features
    from longtail.jobs.predicting.kind_of_inputs import are_features

    table = config.inputs_table.table
    if are_features(config.inputs, table, predictor.feature_names, predictor.head.n_features_in_):
        said = config.inputs_table
        columns = {"group_column": said.group_column, "event_column": said.event_column}
        return inputs_of_features(config.inputs, predictor, **columns, event_by=said.event_by)
    return _inputs_of_images(config, predictor)


def _as_trained(table: InputOptions, data: dict[str, Any]) -> InputOptions:
    """Cut boxes out as the run did, where nobody says otherwise."""
    usual = InputOptions()
    names = [name for name in ("box_padding", "box_square") if getattr(table, name) == getattr(usual, name)]
    return replace(table, **{name: data[name] for name in names if name in data})


def _inputs_of_images(config: PredictConfig, predictor: "Predictor") -> "Inputs":
    from longtail.data import open_unlabelled
    from longtail.data.source import Subset
    from longtail.features import FeatureBlock
    from longtail.files.text import printable
    from longtail.jobs.balancing.opened import open_balanced
    from longtail.jobs.compiled import will_compile
    from longtail.jobs.dry_run.inference import seconds_of_images
    from longtail.jobs.flags import as_typed, naming_flags
    from longtail.jobs.launch import launch
    from longtail.jobs.predicting.inputs import Inputs
    from longtail.jobs.predicting.predictor import image_features
    from longtail.jobs.predicting.prior_estimator import ESTIMATED
    from longtail.jobs.predicting.view_features import view_features
    from longtail.jobs.stage_one.trained_model import open_model
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
    channels = model.preprocessing.channels
    table = _as_trained(config.inputs_table, predictor.run.group("data"))
    with naming_flags(root="root", form="input-format"):
        source = open_unlabelled(config.inputs, channels=channels, skip_bad=config.skip_bad, table=table.table)
    if model.dimension != predictor.head.n_features_in_:
        raise InputError(
            f"{predictor.path} was fitted on {predictor.head.n_features_in_} features, the network in "
            f"{model.path} gives {model.dimension}."
        )
    quiet = config.runtime.quiet or not fabric.is_global_zero

    pace = partial(seconds_of_images, fabric, model.features, source, model.preprocessing, workers=config.workers)

    def blocks() -> Iterator[FeatureBlock]:
        with progress_bar("predict", len(source), quiet=quiet) as bar:
            for rows, features in image_features(fabric, model, source, config.workers, quiet=quiet):
                yield FeatureBlock(features, [source.identify(row) for row in rows])
                bar.advance(len(rows))

    def views(every: int) -> Iterator[NDArray[np.float32]]:
        some = Subset(source, np.arange(0, len(source), every))
        return view_features(fabric, model, some, workers=config.workers, seed=config.runtime.seed)

    left_out = tuple(f"left out: {as_typed(reason)}" for _, reason in source.left_out)
    told = (as_typed(note, root="root", form="input-format") for note in source.notes)
    notes = (*told, *_boxes_missing(predictor, source), *left_out[:MOST_NAMED])
    if len(left_out) > MOST_NAMED:
        notes = (*notes, f"left out besides: {len(left_out) - MOST_NAMED:,} images that cannot be read either")
    if config.prior in ESTIMATED:  # they are needed twice
        all_blocks = list(blocks())
        return Inputs(lambda: iter(all_blocks), notes, fabric.is_global_zero, source, table.event_by)
    small, compiles = model.preprocessing.resident, will_compile(fabric, model, len(source))
    first, events = fabric.is_global_zero, table.event_by
    return Inputs(blocks, notes, first, source, events, views=views, is_small=small, pace=pace, is_compiled=compiles)


def _boxes_missing(predictor: "Predictor", source: "ImageSource") -> tuple[str, ...]:
    """Tell of whole images where the run has learnt from parts of them."""
    from longtail.data.source import has_boxes

    run = predictor.run
    if not run.is_measured or not run.results["data"].get("boxes") or has_boxes(source):
        return ()
    return (
        "the run has learnt from boxes that were cut out of images, and these inputs have none: whole images are "
        "predicted. --box-file names a detector's results, --box-columns those of a table",
    )
