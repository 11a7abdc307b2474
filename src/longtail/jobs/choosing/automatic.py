"""`--methods auto`: choose a method on data that no head was fitted to, and fit it again on all there is to learn."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.errors import InputError
from longtail.evaluation.selection import Choice, check_costs, choose
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind
from longtail.jobs.choosing.cross_validation import cross_validated, promising
from longtail.jobs.fitting.fitter import learns_from_rows
from longtail.jobs.fitting.head_options import HeadOptions
from longtail.jobs.fitting.methods import METHODS
from longtail.jobs.fitting.problem import FeatureProblem
from longtail.jobs.fitting.refitting import fitted_again

__all__ = ["Automatic", "choice_settings", "choose_and_refit", "looks_at_train", "predict_splits"]

SMALL_VAL = 1000  # rows; with fewer the choice looks at train too, by cross-validation
MOST_FOLDED = 50_000  # rows of train, above which that would take long


@dataclass(frozen=True)
class Automatic:
    """The chosen method, fitted again.

    Attributes:
        head: fitted on train, or on train and val.
        predictions: on val (of the head that had not seen it) and test.
        facts: what results.json says of the choice.
    """

    head: Head
    predictions: dict[str, NDArray[np.int64]]
    facts: dict[str, Any]


def choose_and_refit(
    problem: FeatureProblem,
    options: HeadOptions,
    heads: Mapping[str, Head],
    predictions: Mapping[str, Mapping[str, NDArray[np.int64]]],
    select_on: str,
    groups: NDArray[np.str_],
    seed: int,
    device: str,
    *,
    final: frozenset[str] = frozenset(),
    transforms: Mapping[str, TransformKind] | None = None,
) -> Automatic:
    """Choose between fitted methods, and fit the chosen one on train and val with the settings that it found.

    Args:
        problem: checked features.
        options: metric, rule, folds.
        heads: fitted on train.
        predictions: of each on val and test.
        select_on: "val", "train" (cross-validation) or, by an explicit word, "test".
        groups: "many", "medium" or "few" for each class, shape (C,).
        seed: of folds and fits.
        device: where to compute.
        final: methods that are not to be fitted again: theirs was another way than from these features.
        transforms: of the features, by method; none for those that are not named.
    """
    members = list(getattr(heads.get("ensemble"), "members_", []))
    # an ensemble of one is that one
    names = [name for name in METHODS if name in heads and (name != "ensemble" or len(members) > 1)]
    settings = choice_settings(options, groups)
    with_folds = looks_at_train(problem, select_on)
    candidates, labels = _nothing(names)
    if with_folds:
        if select_on != "train":
            first = {name: predictions[name][select_on] for name in names}
            names = promising(first, problem.splits[select_on].labels, len(groups), settings)
        kinds = dict(transforms or {})
        candidates, labels = cross_validated(problem, options, names, settings, kinds, members, seed, device)
        names = list(candidates)
    if select_on != "train":
        held_out = {name: predictions[name][select_on] for name in names}
        candidates = {
            name: np.concatenate([found, np.tile(held_out[name], (len(found), 1))], axis=1)
            for name, found in candidates.items()
        }
        labels = np.concatenate([labels, problem.splits[select_on].labels])
    found = choose(
        candidates,
        labels,
        len(groups),
        **settings,
        one_standard_error=options.choice.one_standard_error,
    )
    head, fitted_on = heads[found.chosen], ["train"]
    if options.choice.refit and select_on == "val" and found.chosen not in final and learns_from_rows(head):
        head, fitted_on = fitted_again(head, problem, seed, device), ["train", "val"]
    own = dict(predictions[found.chosen])
    if "test" in own:
        own["test"] = head.predict(problem.splits["test"].features)
    evidence = [select_on] if select_on != "train" else []
    evidence += [f"{options.choice.cv_folds}-fold cross-validation of train"] if with_folds else []
    return Automatic(head, own, _facts(found, options, evidence, fitted_on, problem))


def predict_splits(head: Head, problem: FeatureProblem) -> dict[str, NDArray[np.int64]]:
    """Give a head's class indices for every split but train."""
    return {split: head.predict(file.features) for split, file in problem.splits.items() if split != "train"}


def _facts(
    found: Choice, options: HeadOptions, evidence: list[str], fitted_on: list[str], problem: FeatureProblem
) -> dict[str, Any]:
    doubt = None
    if evidence[0] not in ("val", "test") and problem.head is not None:
        doubt = (
            "The features of train are of images that the network itself was trained on, and was asked about again: "
            "cross-validation on them is too hopeful, most of all for methods that trust them. Give a validation split."
        )
    return {
        "selected_on": "val+cv" if len(evidence) > 1 else {"val": "val", "test": "test"}.get(evidence[0], "train-cv"),
        "choice": {
            "method": found.chosen,
            "best": found.best,
            "on": " and ".join(evidence),
            "metric": options.choice.metric,
            "costs": None if options.choice.costs is None else str(options.choice.costs),
            "rule": "simplest within one standard error" if options.choice.one_standard_error else "highest score",
            "scores": found.scores,
            "standard_errors": found.errors,
            "fitted_on": fitted_on,
            "doubt": doubt,
        },
    }


def choice_settings(options: HeadOptions, groups: NDArray[np.str_]) -> dict[str, Any]:
    """Give what `choose` takes from the options."""
    costs = None if options.choice.costs is None else _read_costs(options.choice.costs, len(groups))
    return {"metric": options.choice.metric, "groups": groups, "costs": costs}


def looks_at_train(problem: FeatureProblem, select_on: str) -> bool:
    """Say whether choices are made on parts of train, besides val or alone."""
    return select_on == "train" or (select_on == "val" and _val_is_small(problem))


def _val_is_small(problem: FeatureProblem) -> bool:
    """Would train add much to what val says, at a cost that can be borne?

    Not where the network's own classifier is known: its training images may be these, and their features too good.
    """
    few, many = len(problem.splits["val"].labels), len(problem.splits["train"].labels)
    can_be_folded = problem.train_counts.max() > 1
    return problem.head is None and few < SMALL_VAL and many <= MOST_FOLDED and bool(can_be_folded)


def _nothing(names: list[str]) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    return {name: np.empty((1, 0), dtype=np.int64) for name in names}, np.empty(0, dtype=np.int64)


def _read_costs(path: Path, num_classes: int) -> NDArray[np.float64]:
    if not path.is_file():
        raise InputError(f"--costs {path}: no such file. Expected a CSV of {num_classes} x {num_classes} numbers.")
    try:
        costs = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise InputError(f"--costs {path}: {str(error).rstrip('.')}. Expected a CSV of numbers alone.") from error
    try:
        return check_costs(costs, num_classes)
    except InputError as error:
        raise InputError(f"--costs {path}: {error}") from error
