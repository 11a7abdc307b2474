"""`longtail evaluate`: a fitted head, or a prediction file, on a split."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.jobs.options import RuntimeOptions

__all__ = ["EvaluateConfig", "run"]


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a fitted head on features, or a CSV of predictions, by group."""

    model: tyro.conf.Positional[Path]
    """A head (RUN/heads/tau.npz), or a CSV with the columns label and prediction (or one column a method)."""
    features: Path | None = None
    """Folder of feature files; default for RUN/heads/NAME.npz: RUN/features."""
    train_counts: Path | None = None
    """Training images of each class, one number a line; default: counted in feature_train.h5."""
    split: Literal["train", "val", "test"] = "test"
    """Which features are evaluated."""
    many_above: int = 100
    """A class with more training images is called many."""
    few_below: int = 20
    """A class with fewer training images is called few."""
    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)


def run(config: EvaluateConfig) -> dict[str, Any]:
    """Print the accuracies and, with --out, write evaluation.json."""
    from longtail.atomic import write_json
    from longtail.counts import group_of_class
    from longtail.evaluation import accuracy_intervals, accuracy_report, tally

    if config.model.suffix == ".csv":
        labels, predictions = _read_csv(config.model)
        counts = _counts(config)
    else:
        labels, predictions, counts = _predict(config)
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
    if config.runtime.out:
        write_json(config.runtime.out / "evaluation.json", {"split": config.split, "methods": measured})
    return measured


def _predict(
    config: EvaluateConfig,
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    from longtail.features import open_feature_folder
    from longtail.heads import load_head
    from longtail.jobs.feature_problem import check_problem

    folder = config.features or config.model.parent.parent / "features"
    head = load_head(config.model)
    problem = check_problem(open_feature_folder(folder))
    problem.unseal_test()  # nothing is chosen here
    if config.split not in problem.splits:
        raise InputError(f"{folder} holds no feature_{config.split}.h5; it has {', '.join(problem.splits)}.")
    file = problem.splits[config.split]
    if head.n_features_in_ != file.features.shape[1]:
        raise InputError(
            f"{config.model} was fitted on {head.n_features_in_} features, {file.path} has {file.features.shape[1]}. "
            "Evaluate it on features of the same network."
        )
    counts = _counts(config) if config.train_counts else problem.train_counts
    return file.labels, {config.model.stem: head.predict(file.features).astype(np.int64)}, counts


def _counts(config: EvaluateConfig) -> NDArray[np.int64]:
    from longtail.features import open_feature_folder
    from longtail.jobs.feature_problem import check_problem

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
    return check_problem(open_feature_folder(config.features)).train_counts


def _read_csv(path: Path) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected a CSV with the columns label and prediction.")
    with path.open(encoding="utf-8") as file:
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
