"""`longtail evaluate`: a fitted head, or a prediction file, on a split."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import OutputOptions
from longtail.ranges import Count, Range

if TYPE_CHECKING:
    from longtail.evaluation import ClassTally
    from longtail.features import FeatureFile
    from longtail.heads.base import Head
    from longtail.jobs.predicting.target_prior import TargetPrior

__all__ = ["EvaluateConfig", "run"]


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a fitted head on features, or a CSV of predictions, by group."""

    model: tyro.conf.Positional[Path]
    """Run (its recommended head), head (RUN/heads/tau.npz), or CSV with columns label and prediction."""
    features: Path | None = None
    """Folder of feature files, or one file, to measure on; default: what the run was fitted on."""
    train_counts: Path | None = None
    """Text file of each class's training images, a number a line; default: the run's."""
    split: Literal["train", "val", "test"] = "test"
    """Split that is measured."""
    changed: Literal["ask", "leave-out", "use"] = "ask"
    """Rows whose content is another than when the run was made."""
    prior: str | None = None
    """Class shares to measure for: uniform, train, a CSV, or estimated (-em, -bbse) from the split."""
    shift: bool = False
    """Add test sets from forward to backward long-tailed."""
    draws: Count = 3
    """Test sets of each world of --shift from which a prior is estimated."""
    subsample: bool = False
    """Count --shift on subsets, as LADE and SADE do, not its exact expectation."""
    many_above: Annotated[int, Range(0)] = 100
    """Training images above which a class is many."""
    few_below: Annotated[int, Range(0)] = 20
    """Training images below which a class is few."""
    by_event: bool = False
    """Measure pooled predictions of events besides."""
    event_column: str | None = None
    """Column of the event of each row; default: event, or what the features have."""
    event_by: str | None = None
    """Event of a row by its name: a pattern, folder:1 (-1: the last), or a table of name and event."""
    event_labels: Literal["refuse", "majority"] = "refuse"
    """Events whose images are of several classes: refuse them, or take that of the majority."""
    runtime: OutputOptions = field(default_factory=OutputOptions)


def run(config: EvaluateConfig) -> dict[str, Any]:
    """Print the accuracies and, with --out, write evaluation.json."""
    from longtail.comparison.predictions_file import read_predictions
    from longtail.files.atomic import write_json
    from longtail.jobs.predicting.event_accuracy import Pooled, events_of_features, holds_names, read_predicted_table
    from longtail.jobs.predicting.target_prior import find_prior
    from longtail.runs import Run

    if not config.by_event and (config.event_column or config.event_by):
        raise InputError("--event-column and --event-by are for --by-event. Say it too, or leave them out.")
    if config.model.is_dir():
        config = replace(config, model=Run(config.model).head_path())
    content: dict[str, Any] = {"split": config.split}
    prior: TargetPrior | None = None
    opened: _Opened | None = None
    pooled: Pooled | None = None
    if config.model.suffix == ".csv":
        if config.shift:
            raise InputError(f"--shift needs a head, which can predict for a prior; {config.model} holds predictions.")
        if config.by_event or (config.model.is_file() and holds_names(config.model)):
            said = config.event_column, config.event_by
            table = read_predicted_table(config.model, *said, events=config.by_event)
            labels, predictions = table.labels, {"prediction": table.probabilities.argmax(axis=1)}
            counts = _counts_for_file(config, len(table.class_names) - 1)
            if len(counts) != len(table.class_names):
                raise InputError(
                    f"{config.model}: has probabilities of {len(table.class_names)} classes, and {len(counts)} are "
                    "known; expected one for each."
                )
            if table.events is not None:
                pooled = Pooled({"prediction": table.probabilities}, table.events, table.class_names)
        else:
            labels, predictions = read_predictions(config.model)
            counts = _counts_for_file(config, max(int(part.max()) for part in (labels, *predictions.values())))
        if config.prior is not None:
            prior = find_prior(config.prior, [str(number) for number in range(len(counts))], counts)
    else:
        opened = _open(config)
        labels, counts = opened.labels, opened.counts
        content["notes"] = list(opened.notes)
        if not config.runtime.quiet:
            print(*(f"note: {note}" for note in opened.notes), sep="\n", end="\n" if opened.notes else "")
        predictions = {config.model.stem: opened.head.predict(opened.features).astype(np.int64)}
        if config.prior is not None:
            prior = _prior(config, opened)
            adjusted = opened.head.predict(opened.features, prior=prior.shares).astype(np.int64)
            predictions[f"{config.model.stem} for that prior"] = adjusted
        if config.by_event:
            shares = [None] if prior is None else [None, prior.shares]
            probabilities = [_probabilities(config, opened, share) for share in shares]
            events = events_of_features(opened.file, config.event_column, config.event_by)
            pooled = Pooled(dict(zip(predictions, probabilities, strict=True)), events, opened.class_names)
    if prior is not None:
        print(prior.told, *(f"  note: {note}" for note in prior.notes), sep="\n")
        if prior.facts is not None:
            print("  note: `at that prior` weighs by the estimate itself; of these very images, `all` is what is right")
    measured = {}
    together = None if opened is None else opened.file.groups
    for name, predicted in predictions.items():
        answers = _Answers(labels, predicted, together)
        measured[name] = _measured(config, f"{name} on {config.split}", answers, counts)
        if opened is not None and opened.known:
            rows, title = ~opened.learnt, f"{name} without the rows that the run was made of ({opened.known})"
            without = None if not rows.any() else _measured(config, title, answers.take(rows), counts)
            if without is None:
                print(
                    f"note: the run was made of all of these rows ({opened.known}): the numbers say nothing of others"
                )
            measured[name]["without_known_rows"] = without
        if prior is not None:
            measured[name]["at_prior"] = _expected(answers.tally(len(counts)), prior, config.runtime.seed)
        if pooled is not None:
            of_events = pooled.of_events(name, labels, counts, config.event_labels)
            by_event = _Answers(*of_events, pooled.of_first(together))
            title = f"{name} on {config.split}, pooled by event"
            measured[name]["by_event"] = _measured(config, title, by_event, counts, "events")
    content["methods"] = measured
    if prior is not None:
        content["prior"] = {"told": prior.told, "shares": prior.shares.tolist(), **(prior.facts or {})}
    if config.shift and opened is not None:
        content["shift"] = _shift(config, opened)
    if config.runtime.out:
        write_json(config.runtime.out / "evaluation.json", content)
    return measured


class _Answers(NamedTuple):
    """Class indices of rows, what a method says of them, and what they belong to; all of shape (N,)."""

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    sample_groups: NDArray[np.int64] | None = None

    def tally(self, num_classes: int) -> "ClassTally":
        """Count the hits of each class."""
        from longtail.evaluation import tally

        return tally(self.labels, self.predicted, num_classes, sample_groups=self.sample_groups)

    def take(self, rows: NDArray[np.bool_]) -> "_Answers":
        """Return those of some rows."""
        return _Answers(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


def _measured(
    config: EvaluateConfig, title: str, answers: _Answers, counts: NDArray[np.int64], things: str = "images"
) -> dict[str, Any]:
    """Measure predictions, and print what came out."""
    from longtail.counts import group_of_class
    from longtail.evaluation import accuracy_intervals, accuracy_report

    bounds = {"many_above": config.many_above, "few_below": config.few_below}
    report = accuracy_report(answers.labels, answers.predicted, counts, **bounds)
    groups = group_of_class(counts, config.many_above, config.few_below)
    intervals = accuracy_intervals(answers.tally(len(counts)), groups, seed=config.runtime.seed)
    print(f"{title}, {report['images']:,} {things}")
    for metric in ("all", "balanced", "many", "medium", "few", "macro_f1", "geometric_mean"):
        value, interval = report[metric], intervals.get(metric)
        formatted = "-" if value is None else f"{value:6.2f} %"
        sure = f"   95 % [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
        print(f"  {metric:<16}{formatted}{sure}")
    return {**report, "intervals": intervals}


@dataclass(frozen=True)
class _Opened:
    """A head with the rows that it is measured on, and validation where it was not fitted to that."""

    head: "Head"
    features: NDArray[Any]
    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    class_names: Sequence[str]
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None
    notes: tuple[str, ...]
    learnt: NDArray[np.bool_]
    known: str
    file: "FeatureFile"


def _open(config: EvaluateConfig) -> _Opened:
    from longtail.features import check_finite
    from longtail.jobs.measured_rows import rows_to_measure
    from longtail.jobs.predicting.predictor import (
        check_stored_features,
        fitted_on_validation,
        open_predictor,
        validation_of,
    )
    from longtail.jobs.run_features import problem_of_run

    predictor = open_predictor(config.model)
    head, of_run = predictor.head, predictor.run
    if config.features is not None and of_run.is_measured:
        rows = rows_to_measure(of_run, config.features, config.split, config.changed)
        file, notes, learnt, known = rows.file, rows.notes, rows.learnt, rows.known
        check_finite(file.features, str(file.path), name_row=file.row_name)
        names, known_counts = of_run.class_names, of_run.train_counts
        validation = None if config.split == "val" else validation_of(config.model)
    else:
        if config.features is None:
            check_stored_features(config.model)
        problem = problem_of_run(of_run, config.features, changed=config.changed)
        problem.unseal_test()  # nothing is chosen here
        if config.split not in problem.splits:
            where = problem.splits["train"].path.parent
            raise InputError(f"{where} holds no rows of {config.split}; it has {', '.join(problem.splits)} (`split`).")
        part = problem.splits[config.split]
        file, notes = part.take(slice(None)), problem.notes  # type: ignore[arg-type]
        names, known_counts = problem.class_names, problem.train_counts
        val = problem.splits.get("val")
        learnt, known = np.zeros(len(file.labels), dtype=np.bool_), ""
        unusable = val is None or config.split == "val" or fitted_on_validation(config.model)
        validation = None if unusable or val is None else (val.features, val.labels)
    if head.n_features_in_ != file.features.shape[1]:
        raise InputError(
            f"{config.model} was fitted on {head.n_features_in_} features, {file.path} has {file.features.shape[1]}. "
            "Evaluate it on features of the same network."
        )
    counts = known_counts if config.train_counts is None else _read_counts(config.train_counts, len(names))
    if not hasattr(head, "class_counts_"):  # saved by an older longtail
        head.class_counts_ = counts
    return _Opened(
        head, file.features, file.labels, counts, names, validation, (*predictor.notes, *notes), learnt, known, file
    )


def _probabilities(config: EvaluateConfig, opened: _Opened, prior: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the probabilities of all rows, calibrated where the head was."""
    from longtail.features import FeatureBlock
    from longtail.jobs.predicting.probabilities import block_probabilities, stored_calibration

    calibration = stored_calibration(config.model, tuple(opened.class_names))
    blocks = iter([FeatureBlock(opened.features, [""] * len(opened.features))])
    ((_, probabilities),) = block_probabilities(opened.head, blocks, calibration, prior)
    return probabilities.astype(np.float64)


def _prior(config: EvaluateConfig, opened: _Opened) -> "TargetPrior":
    from longtail.jobs.predicting.prior_estimator import Inputs
    from longtail.jobs.predicting.target_prior import find_prior

    return find_prior(
        str(config.prior),
        opened.class_names,
        opened.counts,
        Inputs(opened.head, opened.features, opened.validation, opened.file.groups),
        seed=config.runtime.seed,
        quiet=config.runtime.quiet,
    )


def _expected(counted: Any, prior: "TargetPrior", seed: int) -> dict[str, Any]:
    from longtail.evaluation.label_shift import expected_accuracy

    result = expected_accuracy(counted, prior.shares, seed=seed)
    low, high = result["interval"]
    unseen = f"   ({100 * result['unseen']:.1f} % of it without a test image)" if result["unseen"] else ""
    print(f"  {'at that prior':<16}{result['accuracy']:6.2f} %   95 % [{low:.2f}, {high:.2f}]{unseen}")
    return result


def _shift(config: EvaluateConfig, opened: _Opened) -> dict[str, Any]:
    from longtail.jobs.predicting.measured_shifts import measure_shifts, shift_table

    result = measure_shifts(
        opened.head,
        (opened.features, opened.labels),
        opened.counts,
        opened.validation,
        draws=config.draws,
        subsample=config.subsample,
        seed=config.runtime.seed,
    )
    print(f"accuracy in worlds from as long-tailed as train to the reverse, {config.split}")
    print(shift_table(result))
    return result


def _counts_for_file(config: EvaluateConfig, highest: int) -> NDArray[np.int64]:
    """Return the training counts that belong to a file of predictions."""
    from longtail.comparison.problem import check_problem
    from longtail.features import open_features
    from longtail.runs import run_of_head

    run = run_of_head(config.model)
    if config.train_counts is not None:
        counts, origin = _read_counts(config.train_counts, None), str(config.train_counts)
    elif config.features is not None:
        counts = check_problem(open_features(config.features).splits).train_counts
        origin = str(config.features)
    elif run.is_measured:
        counts, origin = run.train_counts, str(run.folder)
    else:
        raise InputError("groups need the training counts. Give `train_counts` FILE or `features` FOLDER.")
    if highest >= len(counts):
        raise InputError(
            f"{config.model}: a class number {highest}, but {origin} has {len(counts)} classes; expected the same."
        )
    return counts


def _read_counts(path: Path, num_classes: int | None) -> NDArray[np.int64]:
    """Read one number of training images a line."""
    from longtail.files.text import printable, read_text

    expected = "one whole number of images a line, a line a class"
    lines = [line.strip() for line in read_text(path, expected=expected).split("\n")]
    counts = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        if not (line.isascii() and line.isdecimal() and len(line) < 16):
            raise InputError(f"{printable(path)}, line {number}: {line[:40]!r}. Expected {expected}.")
        counts.append(int(line))
    if not counts or (num_classes is not None and len(counts) != num_classes):
        wanted = "" if num_classes is None else f", {num_classes} of them"
        raise InputError(f"{printable(path)}: holds {len(counts)} numbers. Expected {expected}{wanted}.")
    return np.array(counts, dtype=np.int64)
