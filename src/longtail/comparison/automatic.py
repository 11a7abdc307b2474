"""`auto`: choose a method on data that no head was fitted to, and fit it again on all there is to learn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.cross_validation import cross_validated, promising
from longtail.comparison.fitter import learns_from_rows
from longtail.comparison.methods import METHODS
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol
from longtail.comparison.refitting import fitted_again
from longtail.evaluation.selection import Choice, choose
from longtail.heads.base import Head
from longtail.heads.feature_transform import TransformKind

__all__ = ["Automatic", "Candidates", "choose_and_refit", "predict_splits"]


@dataclass(frozen=True)
class Candidates:
    """Fitted methods that are chosen from.

    Attributes:
        heads: fitted on train, by method.
        predictions: class indices of each on val and test.
        transforms: of the features, by method; none for those that are not named.
        final: methods that are not to be fitted again: theirs was another way than from these features.
    """

    heads: Mapping[str, Head]
    predictions: Mapping[str, Mapping[str, NDArray[np.int64]]]
    transforms: Mapping[str, TransformKind] = field(default_factory=dict)
    final: frozenset[str] = frozenset()

    @property
    def members(self) -> list[str]:
        """Names of the methods that the ensemble is made of."""
        return list(getattr(self.heads.get("ensemble"), "members_", []))


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


def choose_and_refit(protocol: Protocol, fitted: Candidates) -> Automatic:
    """Choose between fitted methods, and fit the chosen one on train and val with the settings that it chose.

    Args:
        protocol: the problem, and how is chosen.
        fitted: what is chosen from.
    """
    rules, problem, select_on = protocol.rules, protocol.problem, protocol.select_on
    choice = _chosen(protocol, fitted)
    head, fitted_on = fitted.heads[choice.chosen], ["train"]
    if rules.refit and select_on == "val" and choice.chosen not in fitted.final and learns_from_rows(head):
        head, fitted_on = fitted_again(head, protocol), ["train", "val"]
    predictions = dict(fitted.predictions[choice.chosen])
    if "test" in predictions:
        predictions["test"] = head.predict(problem.splits["test"].features)
    return Automatic(head, predictions, _facts(choice, protocol, fitted_on))


def predict_splits(head: Head, problem: FeatureProblem) -> dict[str, NDArray[np.int64]]:
    """Return a head's class indices for every split but train."""
    return {split: head.predict(file.features) for split, file in problem.splits.items() if split != "train"}


def _chosen(protocol: Protocol, fitted: Candidates) -> Choice:
    """Choose on val, on parts of train, or on both."""
    num_classes, select_on = len(protocol.groups), protocol.select_on
    # an ensemble of one is that one
    names = [name for name in METHODS if name in fitted.heads and (name != "ensemble" or len(fitted.members) > 1)]
    held_out = {} if select_on == "train" else {name: fitted.predictions[name][select_on] for name in names}
    candidates: dict[str, NDArray[np.int64]] = {name: np.empty((1, 0), dtype=np.int64) for name in names}
    labels = np.empty(0, dtype=np.int64)
    if protocol.looks_at_train:
        if held_out:
            names = promising(held_out, protocol.problem.splits[select_on].labels, num_classes, protocol.choose_by)
        candidates, labels = cross_validated(protocol, names, fitted.transforms, fitted.members)
    if held_out:
        candidates = {
            name: np.concatenate([rows, np.tile(held_out[name], (len(rows), 1))], axis=1)
            for name, rows in candidates.items()
        }
        labels = np.concatenate([labels, protocol.problem.splits[select_on].labels])
    simplest = protocol.rules.one_standard_error
    return choose(candidates, labels, num_classes, **protocol.choose_by, one_standard_error=simplest)


def _facts(choice: Choice, protocol: Protocol, fitted_on: list[str]) -> dict[str, Any]:
    rules, select_on = protocol.rules, protocol.select_on
    evidence = [] if select_on == "train" else [str(select_on)]
    evidence += [f"{rules.cv_folds}-fold cross-validation of train"] if protocol.looks_at_train else []
    doubt = None
    if select_on == "train" and protocol.problem.head is not None:
        doubt = (
            "The features of train are of images that the network itself was trained on, and was asked about again: "
            "cross-validation on them is too hopeful, most of all for methods that trust them. Give a validation split."
        )
    return {
        "selected_on": "val+cv" if len(evidence) > 1 else "train-cv" if select_on == "train" else select_on,
        "choice": {
            "method": choice.chosen,
            "best": choice.best,
            "on": " and ".join(evidence),
            "metric": rules.metric,
            "costs": None if rules.costs is None else rules.costs_name,
            "rule": "simplest within one standard error" if rules.one_standard_error else "highest score",
            "scores": choice.scores,
            "standard_errors": choice.errors,
            "fitted_on": fitted_on,
            "doubt": doubt,
        },
    }
