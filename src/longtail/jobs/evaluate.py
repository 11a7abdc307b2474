"""`longtail evaluate`: a fitted head, or a prediction file, on a split."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

if TYPE_CHECKING:
    from longtail.heads.base import Head
    from longtail.jobs.predicting.target_prior import TargetPrior

__all__ = ["EvaluateConfig", "run"]


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a fitted head on features, or a CSV of predictions, by group."""

    model: tyro.conf.Positional[Path]
    """A run and the head that its report recommends, a head (RUN/heads/tau.npz), or a CSV with the columns label and
    prediction (or one column a method)."""
    features: Path | None = None
    """Folder of feature files, or one file; default: RUN/features, or what the run was fitted on."""
    train_counts: Path | None = None
    """Training images of each class, one number a line; default: counted in feature_train.h5."""
    split: Literal["train", "val", "test"] = "test"
    """Which features are evaluated."""
    prior: str | None = None
    """A world to measure for: uniform, train, a CSV of `class,share` or `class,count`, or estimated (estimated-em,
    estimated-bbse) from the split without its labels. Adds the accuracy to expect there, as the head is and told so."""
    shift: bool = False
    """Add test sets from forward to backward long-tailed; `longtail study shift` makes a page of them."""
    draws: int = 3
    """Of --shift: test sets a world from which a prior is estimated."""
    subsample: bool = False
    """Of --shift: count on subsets without replacement, as LADE and SADE do, instead of the exact expectation."""
    many_above: int = 100
    """A class with more training images is called many."""
    few_below: int = 20
    """A class with fewer training images is called few."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: EvaluateConfig) -> dict[str, Any]:
    """Print the accuracies and, with --out, write evaluation.json."""
    from longtail.counts import group_of_class
    from longtail.evaluation import accuracy_intervals, accuracy_report, tally
    from longtail.files.atomic import write_json
    from longtail.jobs.predicting.predictor import choose_head
    from longtail.jobs.predicting.target_prior import find_prior

    if config.model.is_dir():
        config = replace(config, model=choose_head(config.model, None)[0])
    content: dict[str, Any] = {"split": config.split}
    prior: TargetPrior | None = None
    if config.model.suffix == ".csv":
        if config.shift:
            raise InputError(f"--shift needs a head, which can predict for a prior; {config.model} holds predictions.")
        labels, predictions = _read_csv(config.model)
        counts = _counts(config)
        if config.prior is not None:
            prior = find_prior(config.prior, [str(number) for number in range(len(counts))], counts)
    else:
        opened = _open(config)
        labels, counts = opened.labels, opened.counts
        predictions = {config.model.stem: opened.head.predict(opened.features).astype(np.int64)}
        if config.prior is not None:
            prior = _prior(config, opened)
            adjusted = opened.head.predict(opened.features, prior=prior.shares).astype(np.int64)
            predictions[f"{config.model.stem} for that prior"] = adjusted
    if prior is not None:
        print(prior.told, *(f"  note: {note}" for note in prior.notes), sep="\n")
        if prior.facts is not None:
            print("  note: `at that prior` weighs by the estimate itself; of these very images, `all` is what is right")
    measured = {}
    for name, predicted in predictions.items():
        report = accuracy_report(labels, predicted, counts, many_above=config.many_above, few_below=config.few_below)
        groups = group_of_class(counts, config.many_above, config.few_below)
        intervals = accuracy_intervals(tally(labels, predicted, len(counts)), groups, seed=config.runtime.seed)
        measured[name] = {**report, "intervals": intervals}
        print(f"{name} on {config.split}, {report['images']:,} images")
        for metric in ("all", "balanced", "many", "medium", "few", "macro_f1", "geometric_mean"):
            value, interval = report[metric], intervals.get(metric)
            told = "-" if value is None else f"{value:6.2f} %"
            sure = f"   95 % [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
            print(f"  {metric:<16}{told}{sure}")
        if prior is not None:
            measured[name]["at_prior"] = _expected(tally(labels, predicted, len(counts)), prior, config.runtime.seed)
    content["methods"] = measured
    if prior is not None:
        content["prior"] = {"told": prior.told, "shares": prior.shares.tolist(), **(prior.facts or {})}
    if config.shift:
        content["shift"] = _shift(config, opened)
    if config.runtime.out:
        write_json(config.runtime.out / "evaluation.json", content)
    return measured


@dataclass(frozen=True)
class _Opened:
    """A head with the split that it is measured on, and validation where it was not fitted to that."""

    head: "Head"
    features: NDArray[Any]
    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    class_names: Sequence[str]
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None


def _open(config: EvaluateConfig) -> _Opened:
    from longtail.heads import load_head
    from longtail.jobs.fitting.run_features import problem_of_run
    from longtail.jobs.predicting.predictor import check_stored_features, fitted_on_validation

    head = load_head(config.model)
    if config.features is None:
        check_stored_features(config.model)
    problem = problem_of_run(config.model.parent.parent, config.features)
    problem.unseal_test()  # nothing is chosen here
    if config.split not in problem.splits:
        where = problem.splits["train"].path.parent
        raise InputError(f"{where} holds no feature_{config.split}.h5; it has {', '.join(problem.splits)}.")
    file = problem.splits[config.split]
    if head.n_features_in_ != file.features.shape[1]:
        raise InputError(
            f"{config.model} was fitted on {head.n_features_in_} features, {file.path} has {file.features.shape[1]}. "
            "Evaluate it on features of the same network."
        )
    counts = _counts(config) if config.train_counts else problem.train_counts
    if not hasattr(head, "class_counts_"):  # saved by an older longtail
        head.class_counts_ = counts
    val = problem.splits.get("val")
    unusable = val is None or config.split == "val" or fitted_on_validation(config.model)
    validation = None if unusable or val is None else (val.features, val.labels)
    return _Opened(head, file.features, file.labels, counts, problem.class_names, validation)


def _prior(config: EvaluateConfig, opened: _Opened) -> "TargetPrior":
    from longtail.jobs.predicting.target_prior import Inputs, find_prior

    return find_prior(
        str(config.prior),
        opened.class_names,
        opened.counts,
        Inputs(opened.head, opened.features, opened.validation),
        seed=config.runtime.seed,
        quiet=config.runtime.quiet,
    )


def _expected(counted: Any, prior: "TargetPrior", seed: int) -> dict[str, Any]:
    from longtail.evaluation.label_shift import expected_accuracy

    found = expected_accuracy(counted, prior.shares, seed=seed)
    low, high = found["interval"]
    unseen = f"   ({100 * found['unseen']:.1f} % of it without a test image)" if found["unseen"] else ""
    print(f"  {'at that prior':<16}{found['accuracy']:6.2f} %   95 % [{low:.2f}, {high:.2f}]{unseen}")
    return found


def _shift(config: EvaluateConfig, opened: _Opened) -> dict[str, Any]:
    from longtail.jobs.predicting.shift import measure_shifts, shift_table

    found = measure_shifts(
        opened.head,
        (opened.features, opened.labels),
        opened.counts,
        opened.validation,
        draws=config.draws,
        subsample=config.subsample,
        seed=config.runtime.seed,
    )
    print(f"accuracy in worlds from as long-tailed as train to the reverse, {config.split}")
    print(shift_table(found))
    return found


def _counts(config: EvaluateConfig) -> NDArray[np.int64]:
    from longtail.jobs.fitting.run_features import problem_of_run

    if config.train_counts is not None:
        if not config.train_counts.is_file():
            raise InputError(f"{config.train_counts}: no such file. Expected one number of images a line.")
        try:
            return np.loadtxt(config.train_counts, dtype=np.int64, ndmin=1)
        except ValueError as error:
            raise InputError(f"{config.train_counts}: {error}. Expected one whole number a line.") from error
    results = config.model.parent.parent / "results.json"
    if config.features is None and results.is_file():
        return np.array(json.loads(results.read_text(encoding="utf-8"))["data"]["train_counts"])
    if config.features is None:
        raise InputError("groups need the training counts. Give --train-counts FILE or --features FOLDER.")
    return problem_of_run(config.model.parent.parent, config.features).train_counts


def _read_csv(path: Path) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected a CSV with the columns label and prediction.")
    with path.open(encoding="utf-8-sig") as file:  # Windows' programs put a mark in front
        names = [name.strip() for name in file.readline().split(",")]
        if "label" not in names:
            raise InputError(f"{path}: has the columns {', '.join(names)}; expected label and prediction.")
        others = [name for name in names if name not in ("row", "label")]
        wanted = ["label", *(["prediction"] if "prediction" in names else others)]
        if len(wanted) < 2:
            raise InputError(f"{path}: has no column of predictions beside label.")
        try:
            columns = np.loadtxt(
                file, dtype=np.int64, delimiter=",", ndmin=2, usecols=[names.index(name) for name in wanted]
            ).T
        except ValueError as error:
            raise InputError(f"{path}: {error}. Expected whole class numbers in every row.") from error
    return columns[0], dict(zip(wanted[1:], columns[1:], strict=True))
