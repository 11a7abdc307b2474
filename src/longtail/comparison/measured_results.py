"""What is measured of fitted methods: the content of results.json, but for when and where it was made."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.choice_curve import choice_curve
from longtail.comparison.class_learning_curves import class_learning_curves
from longtail.comparison.confusion import confusions
from longtail.comparison.fit_methods import FittedMethod, FittedMethods
from longtail.comparison.fitter import core
from longtail.comparison.methods import METHODS
from longtail.comparison.paired_comparisons import Measured, paired_comparisons
from longtail.comparison.probabilities import calibration_of
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol
from longtail.comparison.rare_classes import rare_classes
from longtail.comparison.shared_row_facts import shared_row_facts
from longtail.comparison.verdict import recommended
from longtail.counts import gini, imbalance_ratio
from longtail.evaluation import accuracy_intervals, accuracy_report, tally
from longtail.heads import DLSA
from longtail.heads.dlsa.facts import dlsa_facts, group_confusion
from longtail.report.results import SCHEMA

__all__ = ["results_of"]

AUTO = "the mean of several of these, or the best one, where choices are made; fitted again"


def results_of(protocol: Protocol, fitted: FittedMethods) -> dict[str, Any]:
    """Measure fitted methods on val and test, and compare them.

    Args:
        protocol: of the comparison; the labels of test are unsealed.
        fitted: the methods.

    Returns:
        As `longtail.report.schema.Results` has it, without title, verdict, environment and command.
    """
    problem, predictions, groups = protocol.problem, fitted.predictions, protocol.groups
    entries = {name: _entry(protocol, fitted, name) for name in fitted.methods}
    best = recommended(entries)[0]
    comparisons, confusion = None, {}
    if "test" in problem.splits:
        labels = problem.splits["test"].labels
        on_test = {name: predicted["test"] for name, predicted in predictions.items()}
        measured = Measured(labels, on_test, problem.splits["test"].groups)
        comparisons = paired_comparisons(
            measured, groups, best, correction=protocol.rules.correction, seed=protocol.seed
        )
        shown = [name for name in ("joint", best) if name in on_test]
        confusion = confusions(labels, on_test, len(groups), shown)
        _add_versus_joint(entries, comparisons)
        _add_block_confusion(entries, on_test, labels, groups)
    return {
        "schema": SCHEMA,
        "seed": protocol.seed,
        "data": _data_facts(protocol),
        "stage1": None,
        "methods": entries,
        "comparisons": comparisons,
        "learning_curve": _learning_curve(protocol, fitted, entries, best),
        "shared_rows": shared_row_facts(protocol, predictions),
        "label_problems": None,
        "rare_classes": rare_classes(problem, predictions, groups),
        "confusion": confusion,
        "class_examples": {},
    }


def _entry(protocol: Protocol, fitted: FittedMethods, name: str) -> dict[str, Any]:
    method = fitted.methods[name]
    head = method.head
    was_test = head.selected_on_ == "val" and protocol.select_on == "test"
    weight = getattr(core(head), "weight_", None)
    entry = {
        "summary": METHODS[name].summary if name in METHODS else AUTO,
        "params": head.parameters_in_use(),
        "chosen": head.chosen_parameters(),
        "selected_on": "test" if was_test else head.selected_on_,
        "seconds": round(method.seconds, 3),
        "metrics": _metrics(protocol, method),
        "weight_norms": None if weight is None else np.linalg.norm(weight, axis=1).tolist(),
        "curve": choice_curve(core(head), protocol.groups, protocol.select_on),
        "versus_joint": None,
        "notes": list(head.notes_),
        **method.facts,
    }
    inner = core(head)
    return {**entry, "dlsa": dlsa_facts(inner, protocol.groups)} if isinstance(inner, DLSA) else entry


def _metrics(protocol: Protocol, method: FittedMethod) -> dict[str, Any]:
    problem, rules, measured = protocol.problem, protocol.rules, {}
    for split, predicted in method.predictions.items():
        labels = problem.splits[split].labels
        report = accuracy_report(
            labels, predicted, problem.train_counts, many_above=rules.many_above, few_below=rules.few_below
        )
        counted = tally(labels, predicted, len(protocol.groups), sample_groups=problem.splits[split].groups)
        head = method.measured_by.get(split)
        measured[split] = {
            **report,
            "intervals": accuracy_intervals(counted, protocol.groups, seed=protocol.seed),
            "calibration": None if head is None else calibration_of(head, problem.splits[split]),
        }
    return measured


def _add_versus_joint(entries: Mapping[str, dict[str, Any]], comparisons: dict[str, Any]) -> None:
    for pair in comparisons["pairs"]:
        if pair["baseline"] == "joint":
            entries[pair["method"]]["versus_joint"] = pair["metrics"]


def _add_block_confusion(
    entries: Mapping[str, dict[str, Any]],
    predictions: Mapping[str, NDArray[np.int64]],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
) -> None:
    for name, entry in entries.items():
        if "dlsa" in entry and "joint" in predictions:
            entry["dlsa"]["confusion"] = {
                method: group_confusion(labels, predictions[method], groups) for method in ("joint", name)
            }


def _learning_curve(
    protocol: Protocol, fitted: FittedMethods, entries: Mapping[str, dict[str, Any]], best: str
) -> dict[str, Any] | None:
    """Return what more images of each class would bring, where that is asked for."""
    if not protocol.rules.curve_draws:
        return None
    method = entries[best]["choice"]["method"] if "choice" in entries[best] else best
    return class_learning_curves(protocol, fitted, method)


def _data_facts(protocol: Protocol) -> dict[str, Any]:
    problem, counts, rules = protocol.problem, protocol.problem.train_counts, protocol.rules
    return {
        "name": problem.splits["train"].attributes.get("data", problem.splits["train"].path.parent.name),
        "num_classes": len(counts),
        "class_names": list(problem.class_names),
        "feature_names": None if problem.feature_names is None else list(problem.feature_names),
        "train_counts": counts.tolist(),
        "imbalance_ratio": imbalance_ratio(counts),
        "gini": gini(counts),
        "splits": {split: {"images": len(file.labels)} for split, file in problem.splits.items()},
        "group_thresholds": {"many_above": rules.many_above, "few_below": rules.few_below},
        "group_of_class": protocol.groups.tolist(),
        "notes": list(problem.notes),
        **_kept_together(problem),
    }


def _kept_together(problem: FeatureProblem) -> dict[str, Any]:
    """Return how many groups each split has, and how many two of them share; nothing where nobody gave any."""
    groups = {split: file.groups for split, file in problem.splits.items()}
    train = groups["train"]
    if train is None:
        return {}
    there = {split: np.unique(codes) for split, codes in groups.items() if codes is not None}
    torn = {f"{one}/{other}": len(np.intersect1d(there[one], there[other])) for one, other in combinations(there, 2)}
    return {"together": {"groups": {split: len(codes) for split, codes in there.items()}, "torn": torn}}
