"""Measure the heads that are fitted to one problem under one protocol."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.counts import gini, group_of_class, imbalance_ratio
from longtail.evaluation import accuracy_intervals, accuracy_report, tally
from longtail.files.text import checksum_of
from longtail.heads import DLSA, folded, save_head
from longtail.heads.base import Head
from longtail.jobs.calibrating.measures import calibration_of
from longtail.jobs.comparing.choice_curve import choice_curve
from longtail.jobs.comparing.confusion import confusions
from longtail.jobs.comparing.dlsa_facts import dlsa_facts, group_confusion
from longtail.jobs.comparing.evidence import paired_comparisons
from longtail.jobs.comparing.fitted_methods import FittedMethods, Predictions, Ready, fit_methods, selection_split
from longtail.jobs.comparing.learning_curve import class_learning_curves
from longtail.jobs.comparing.predictions_file import write_predictions
from longtail.jobs.comparing.rare_classes import rare_classes
from longtail.jobs.comparing.shared_rows import shared_row_facts
from longtail.jobs.comparing.verdict import recommended
from longtail.jobs.fitting.fitter import core, settings_of
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.problem import FeatureProblem
from longtail.jobs.flags import as_typed

__all__ = ["compare_heads"]


def compare_heads(
    problem: FeatureProblem,
    options: HeadOptions,
    *,
    title: str,
    seed: int,
    device: str,
    folder: Path,
    quiet: bool,
    ready: Ready | None = None,
) -> dict[str, Any]:
    """Fit each wanted method on train, choose on the selection split, measure on val and test.

    Args:
        problem: checked features.
        options: methods and their settings.
        title: of the report.
        seed: of initialisation and sampling.
        device: where the heads compute.
        folder: of the run; `heads/` and `predictions/` are written into it.
        quiet: say nothing.
        ready: heads that were trained elsewhere (cRT from images) with their predictions on val and test, taken instead
            of fitting.

    Returns:
        The content of results.json, without environment and command.

    Raises:
        InputError: an unknown method, or a selection split that is not there or not allowed.
    """
    select_on = selection_split(problem, options)
    if select_on == "test":
        problem.unseal_test()  # by an explicit word; every table says it
    groups = group_of_class(problem.train_counts, options.many_above, options.few_below)
    fitted = fit_methods(problem, options, select_on, groups, seed, device, quiet=quiet, ready=ready or {})
    problem.unseal_test()
    predictions = fitted.predictions
    entries: dict[str, Any] = {}
    for name, head in fitted.heads.items():
        stored = folded(head)
        stored.class_names_ = np.array(problem.class_names)
        if problem.feature_names is not None:
            stored.feature_names_ = np.array(problem.feature_names)
        path = folder / "heads" / f"{name}.npz"
        save_head(stored, path)
        entries[name] = {
            "params": settings_of(head),
            "selected_on": "test" if head.selected_on_ == "val" and select_on == "test" else head.selected_on_,
            "seconds": round(fitted.seconds[name], 3),
            "metrics": _metrics(problem, predictions[name], groups, options, seed, fitted.probabilities.get(name, {})),
            "weight_norms": np.linalg.norm(stored.weight_, axis=1).tolist() if hasattr(stored, "weight_") else None,
            "curve": choice_curve(core(head), groups, select_on),
            "versus_joint": None,
            "notes": [as_typed(note) for note in head.notes_],
            "head_sha256": checksum_of(path, expected="a fitted head"),
            **fitted.facts.get(name, {}),
        }
        inner = core(head)
        if isinstance(inner, DLSA):
            entries[name]["dlsa"] = dlsa_facts(inner, groups)
    test = problem.splits.get("test")
    if test is not None and "joint" in predictions:
        for name, entry in entries.items():
            if "dlsa" in entry:
                entry["dlsa"]["confusion"] = {
                    method: group_confusion(test.labels, predictions[method]["test"], groups)
                    for method in ("joint", name)
                }
    for split, file in problem.splits.items():
        if split != "train":
            of_split = {name: found[split] for name, found in predictions.items()}
            write_predictions(folder / "predictions" / f"{split}.csv", file, of_split)
    comparisons = _comparisons(problem, entries, predictions, groups, options, seed)
    for pair in (comparisons or {"pairs": []})["pairs"]:
        if pair["baseline"] == "joint":
            entries[pair["method"]]["versus_joint"] = pair["metrics"]
    return {
        "schema": 1,
        "title": title,
        "seed": seed,
        "data": _data_facts(problem, groups, options),
        "stage1": None,
        "methods": entries,
        "comparisons": comparisons,
        "learning_curve": _learning_curve(problem, entries, fitted, groups, options, seed),
        "shared_rows": shared_row_facts(
            problem,
            predictions,
            many_above=options.many_above,
            few_below=options.few_below,
            always=options.evidence.label_check == "full",
        ),
        "label_problems": None,
        "rare_classes": rare_classes(problem, predictions, groups),
        "confusion": {}
        if test is None
        else confusions(
            test.labels,
            {name: predicted["test"] for name, predicted in predictions.items()},
            len(groups),
            [name for name in ("joint", recommended(entries)[0]) if name in predictions],
        ),
        "class_examples": {},
    }


def _comparisons(
    problem: FeatureProblem,
    entries: dict[str, Any],
    predictions: Predictions,
    groups: NDArray[np.str_],
    options: HeadOptions,
    seed: int,
) -> dict[str, Any] | None:
    """Test the methods against joint and against the recommended one, on the images of test."""
    if "test" not in problem.splits:
        return None
    return paired_comparisons(
        problem.splits["test"].labels,
        {name: found["test"] for name, found in predictions.items()},
        groups,
        recommended(entries)[0],
        correction=options.evidence.correction,
        seed=seed,
    )


def _learning_curve(
    problem: FeatureProblem,
    entries: dict[str, Any],
    fitted: FittedMethods,
    groups: NDArray[np.str_],
    options: HeadOptions,
    seed: int,
) -> dict[str, Any] | None:
    """Say what more images of each class would bring, where that is asked for."""
    if not options.evidence.learning_curve:
        return None
    best = recommended(entries)[0]
    method = entries[best]["choice"]["method"] if "choice" in entries[best] else best
    return class_learning_curves(
        problem, fitted.heads, fitted.seconds, method, groups, draws=options.evidence.curve_draws, seed=seed
    )


def _metrics(
    problem: FeatureProblem,
    predictions: dict[str, NDArray[np.int64]],
    groups: NDArray[np.str_],
    options: HeadOptions,
    seed: int,
    heads: dict[str, Head],
) -> dict[str, Any]:
    measured = {}
    for split, predicted in predictions.items():
        labels = problem.splits[split].labels
        report = accuracy_report(
            labels,
            predicted,
            problem.train_counts,
            many_above=options.many_above,
            few_below=options.few_below,
        )
        counted = tally(labels, predicted, len(groups))
        measured[split] = {
            **report,
            "intervals": accuracy_intervals(counted, groups, seed=seed),
            "calibration": calibration_of(heads[split], problem.splits[split]) if split in heads else None,
        }
    return measured


def _data_facts(problem: FeatureProblem, groups: NDArray[np.str_], options: HeadOptions) -> dict[str, Any]:
    counts = problem.train_counts
    return {
        "name": problem.splits["train"].attributes.get("data", problem.splits["train"].path.parent.name),
        "num_classes": len(counts),
        "class_names": list(problem.class_names),
        "feature_names": None if problem.feature_names is None else list(problem.feature_names),
        "train_counts": counts.tolist(),
        "imbalance_ratio": imbalance_ratio(counts),
        "gini": gini(counts),
        "splits": {split: {"images": len(file.labels)} for split, file in problem.splits.items()},
        "group_thresholds": {"many_above": options.many_above, "few_below": options.few_below},
        "group_of_class": groups.tolist(),
        "notes": list(problem.notes),
    }
