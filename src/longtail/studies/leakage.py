"""How much of an accuracy is leakage? The same methods under random splits and under splits that keep groups whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from numpy.typing import NDArray

from longtail.jobs.column_options import ColumnOptions
from longtail.jobs.head_options import HeadOptions
from longtail.jobs.options import HeadRuntimeOptions
from longtail.ranges import Count, Share

if TYPE_CHECKING:
    from longtail.comparison.problem import FeatureProblem
    from longtail.comparison.sealed import SealedFeatures
    from longtail.features import FeatureFile

__all__ = ["LeakageConfig", "leakage_study", "measured_both_ways", "run"]

HOW = ("random", "whole groups")


@dataclass(frozen=True)
class LeakageConfig:
    """Measure methods under random splits and under splits that keep groups whole, side by side."""

    features: tyro.conf.Positional[Path]
    """Folder or file of features with groups, as `fit` takes them, or a run of images with groups."""
    heads: HeadOptions = field(default_factory=lambda: HeadOptions(methods="joint,la,ncm"))
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    runtime: HeadRuntimeOptions = field(default_factory=HeadRuntimeOptions)
    draws: Count = 5
    """Splits of either kind."""
    val_fraction: Share = 0.1
    """Share of all rows for val."""
    test_fraction: Share = 0.2
    """Share of all rows for test."""


def run(config: LeakageConfig) -> dict[str, Any]:
    """Split, fit and measure; write study.json, study.md and the page.

    Raises:
        InputError: rows without groups, or none that can be measured under both kinds of split.
    """
    from longtail.comparison.method_names import wanted_methods
    from longtail.errors import InputError
    from longtail.files.text import printable
    from longtail.jobs.pace import settle_threads_of_heads
    from longtail.studies.study_outcome import finish_study

    problem = _opened(config)
    if problem.splits["train"].groups is None:
        raise InputError(
            f"{printable(config.features)}: its rows have no groups. Say what belongs together: --group-column of a "
            "table, an array `groups`, or a run with --group-by."
        )
    settle_threads_of_heads(config.runtime.threads)
    methods = wanted_methods(config.heads.methods)
    measured = [measured_both_ways(config, problem, methods, draw) for draw in range(config.draws)]
    name = config.features.resolve().stem
    data = {
        "name": name,
        "class_names": list(problem.class_names),
        "train_counts": problem.train_counts.tolist(),
    }
    study = leakage_study(measured, data, was_trained=problem.head is not None)
    folder = config.runtime.out or Path("runs") / f"study-leakage-{name}"
    return finish_study(study, folder, quiet=config.runtime.quiet)


def _opened(config: LeakageConfig) -> "FeatureProblem":
    from longtail.comparison.opened_problem import check_opened
    from longtail.features import Reading, open_features
    from longtail.jobs.run_features import problem_at

    path, heads = config.features, config.heads
    if path.is_dir():
        return problem_at(path, head=heads.head, drop_nonfinite=heads.drop_nonfinite)
    opened = open_features(path, Reading(columns=config.columns.choice))
    return check_opened(opened, head=heads.head, drop_nonfinite=heads.drop_nonfinite)


def measured_both_ways(
    config: LeakageConfig, problem: "FeatureProblem", methods: Sequence[str], draw: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Split all rows at random and in whole groups, and measure each method on the test rows of either.

    Args:
        config: of the study.
        problem: all rows, of whatever splits.
        methods: names.
        draw: number of the splits.

    Returns:
        By how was split and method: accuracies in percent over the classes that both tests have.
    """
    from longtail.comparison.problem import check_problem
    from longtail.data.grouped_split import grouped_split
    from longtail.evaluation import accuracy_of_hits
    from longtail.holdout import stratified_holdout

    problem.unseal_test()
    rows = _pooled(problem)
    labels, seed = rows.labels, config.runtime.seed + draw
    fractions = {"test": config.test_fraction, "val": config.val_fraction}
    parts = {HOW[1]: dict(grouped_split(labels, rows.groups, fractions, seed).rows)}
    rest, test = stratified_holdout(labels, config.test_fraction, seed)
    train, val = stratified_holdout(labels[rest], config.val_fraction / (1 - config.test_fraction), seed)
    parts[HOW[0]] = {"train": rest[train], "val": rest[val], "test": test}
    in_both = np.intersect1d(labels[parts[HOW[0]]["test"]], labels[parts[HOW[1]]["test"]])
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for how in HOW:
        splits = {split: rows.take(part) for split, part in parts[how].items() if len(part)}
        if how == HOW[0]:  # choices and folds are made at random too
            splits = {split: replace(one, groups=None, group_names=None) for split, one in splits.items()}
        one_way = check_problem(splits, head=problem.head)
        predictions = _predictions(config, one_way, seed)
        truth = splits["test"].labels
        for name in methods:
            hits = np.bincount(truth[predictions[name] == truth], minlength=len(problem.class_names))[in_both]
            totals = np.bincount(truth, minlength=len(problem.class_names))[in_both]
            result.setdefault(how, {})[name] = accuracy_of_hits(hits, totals)
    return result


def _weights(files: Sequence["FeatureFile | SealedFeatures"]) -> "NDArray[np.float64] | None":
    """Return the weights of all rows, 1 where a split has none; None where no split has any."""
    if all(file.weights is None for file in files):
        return None
    return np.concatenate([np.ones(len(file.labels)) if file.weights is None else file.weights for file in files])


def _pooled(problem: "FeatureProblem") -> "FeatureFile":
    """Return the rows of all splits as one, groups numbered alike."""
    from longtail.features import FeatureFile

    files = list(problem.splits.values())
    first = files[0]
    return FeatureFile(
        first.path,
        np.concatenate([np.asarray(file.features) for file in files]),
        np.concatenate([file.labels for file in files]),
        first.attributes,
        groups=np.concatenate([np.asarray(file.groups) for file in files]),
        weights=_weights(files),
        group_names=first.group_names,
    )


def _predictions(config: LeakageConfig, problem: "FeatureProblem", seed: int) -> Mapping[str, NDArray[np.int64]]:
    from longtail.comparison import read_settings
    from longtail.comparison.fit_methods import fit_methods
    from longtail.comparison.protocol import Protocol
    from longtail.jobs.head_options import rules_of

    rules, settings = rules_of(config.heads), read_settings(config.heads.set)
    protocol = Protocol(problem, rules, settings, seed, config.runtime.device)
    fitted = fit_methods(protocol, config.heads.methods)
    return {name: by_split["test"] for name, by_split in fitted.predictions.items()}


def leakage_study(
    measured: list[dict[str, dict[str, dict[str, Any]]]], data: dict[str, Any], *, was_trained: bool
) -> dict[str, Any]:
    """Put what was measured both ways into tables and sentences.

    Args:
        measured: of each draw, as of `measured_both_ways`.
        data: name, class names and training counts.
        was_trained: whether the network's own classifier is known, so that its features may have been learnt from these
            rows.
    """
    from longtail.jobs.seeds import difference_text, mean_and_interval

    methods = list(measured[0][HOW[0]])
    metrics = ("balanced", "all")

    def values(how: str, method: str, metric: str) -> list[Any]:
        return [one[how][method][metric] for one in measured]

    def lost(method: str, metric: str) -> Any:
        pairs = zip(values(HOW[0], method, metric), values(HOW[1], method, metric), strict=True)
        return mean_and_interval([random - whole for random, whole in pairs])

    cells: dict[str, dict[str, dict[str, Any]]] = {
        metric: {how: {name: mean_and_interval(values(how, name, metric)) for name in methods} for how in HOW}
        for metric in metrics
    }
    notes = [
        "Both tests have other rows; each is measured over the classes that both have. Intervals are over the draws of "
        "the splits (t distribution)."
    ]
    if was_trained:
        notes.append(
            "The network behind the features may have learnt from rows that are measured here: what it remembers of "
            "them counts in both columns. Features of a network that has seen none of them say more."
        )
    return {
        "name": "leakage",
        "title": f"{data['name']}: how much of the accuracy is leakage?",
        "question": (
            "Rows of one group are more alike than rows of one class. How much lower is the accuracy on groups that "
            f"nothing was learnt from? In percent, mean over {len(measured)} draws of the splits and 95 % interval of "
            "that mean."
        ),
        "answers": [
            f"{name}: balanced accuracy {cells['balanced'][HOW[0]][name]['mean']:.1f} % under random splits, "
            f"{cells['balanced'][HOW[1]][name]['mean']:.1f} % on whole groups; leakage in points: "
            f"{difference_text(lost(name, 'balanced'))}."
            for name in methods
        ],
        "source": "leakage",
        "tables": [
            {
                "title": f"{metric}, %",
                "columns": [*HOW, "leakage"],
                "rows": [
                    {"name": name, "cells": [*(cells[metric][how][name] for how in HOW), lost(name, metric)]}
                    for name in methods
                ],
            }
            for metric in metrics
        ],
        "figures": [
            {
                "kind": "points",
                "title": "Accuracy by classifier and kind of split",
                "caption": "A point is a mean over draws of the splits, the line its 95 % interval.",
                "series": list(HOW),
                "panels": [{"name": metric, "rows": methods, "values": cells[metric]} for metric in metrics],
            }
        ],
        "notes": notes,
        "data": data,
    }
