"""`auto`: who decides, chosen on rows that no head was fitted to, and fitted again on all there is to learn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longtail.comparison.blend import blend_weights, log_losses
from longtail.comparison.candidates import Candidate
from longtail.comparison.evidence import Evidence
from longtail.comparison.expected_score import expected_score
from longtail.comparison.fitter import learns_from_rows
from longtail.comparison.method_settings import last_settings
from longtail.comparison.methods import METHODS
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.protocol import Protocol
from longtail.comparison.refitting import fitted_again
from longtail.comparison.rest_of_counts import rest_of_counts
from longtail.evaluation.selection import Choice, choose, class_weights
from longtail.heads import Ensemble
from longtail.heads.base import Head

__all__ = ["TOGETHER", "Decision", "choice_facts", "decide", "decided_head", "fitted_on_all", "predict_splits"]

TOGETHER = "ensemble"
MEASURABLE = 3  # standard errors, of the best of a dozen
MOST_UNSEEN = 0.2  # of the score is for classes that no row shows, above which nothing is promised
OF_OTHERS = 0.05  # usual weight of methods that have no part where `auto` alone chooses


@dataclass(frozen=True)
class Decision:
    """Who decides.

    Attributes:
        weights: of each member, of sum 1; one that stands alone has 1.
        tau: of what several say together, how much of the log class counts is taken out.
        choice: how the candidates, and they together, do where the choice is made; `chosen` is a method's name, or
            "ensemble".
    """

    weights: dict[str, float]
    choice: Choice
    tau: float = 0.0

    def predictions(self, evidence: Evidence) -> NDArray[np.int64]:
        """Return the class indices that are decided for the rows of the evidence, shape (N',)."""
        if self.choice.chosen == TOGETHER:
            return evidence.together(self.weights, self.tau)
        return evidence.decisions[self.choice.chosen]


def decide(evidence: Evidence, protocol: Protocol) -> Decision:
    """Choose who decides: several candidates together, or one.

    Several do, by the weights that make the true classes most probable, but not where one alone finds measurably more:
    by more than three standard errors, since it is the best of many.

    Args:
        evidence: what the candidates say.
        protocol: how is chosen, and whether several may decide together.
    """
    together = protocol.rules.together
    names = [name for name in METHODS if name in evidence.log_probabilities]
    by_label = dict(zip(evidence.log_probabilities, evidence.of_labels, strict=True))
    usual = {name: OF_OTHERS if (part := METHODS[name].part) is None else part.weight for name in names}
    weights = blend_weights({name: by_label[name] for name in names}, evidence.row_weights, usual)
    if not evidence.row_weights.any():  # nothing to choose by: every class has a single row
        best = max(weights, key=lambda name: weights[name])
        weights = weights if together else {best: 1.0}
        return Decision(weights, Choice(TOGETHER if len(weights) > 1 else best, best, {}, {}))
    decisions = {name: evidence.decisions[name] for name in names}
    tau = 0.0
    if protocol.rules.metric != "all":
        tau = rest_of_counts(evidence.mean(weights), evidence.labels, evidence.class_counts)
    if together and (len(weights) > 1 or protocol.rules.metric == "all"):
        decisions[TOGETHER] = evidence.together(weights, tau)
    rules = protocol.rules
    how = {
        **protocol.choose_by,
        "one_standard_error": rules.one_standard_error,
        "sample_groups": evidence.sample_groups,
    }
    choice = choose(decisions, evidence.labels, len(protocol.groups), **how)
    if TOGETHER in decisions and not rules.one_standard_error and rules.costs is None:
        behind = choice.scores[choice.best] - choice.scores[TOGETHER]
        if behind <= MEASURABLE * choice.errors[TOGETHER]:
            choice = replace(choice, chosen=TOGETHER)
    if choice.chosen == TOGETHER:
        return Decision(weights, choice, tau)
    return Decision({choice.chosen: 1.0}, choice)


def decided_head(decision: Decision, heads: Mapping[str, Head], evidence: Evidence, protocol: Protocol) -> Head:
    """Put the head together that decides.

    Args:
        decision: who does.
        heads: fitted, by method.
        evidence: that the decision was made on.
        protocol: of the decision.
    """
    if decision.choice.chosen != TOGETHER:
        return heads[decision.choice.chosen]
    members = list(decision.weights)
    return Ensemble.of(
        {name: heads[name] for name in members},
        weights=list(decision.weights.values()),
        scales=[evidence.scales.get(name, 1.0) for name in members],
        tau=decision.tau,
        selected_on="train-cv" if protocol.select_on == "train" else "val",
        prior="train" if protocol.rules.metric == "all" else "uniform",
    )


def fitted_on_all(
    decision: Decision, candidates: Mapping[str, Candidate], evidence: Evidence, protocol: Protocol
) -> tuple[Head, list[str]]:
    """Fit who decides once more, on train and val, with the settings that were chosen.

    Args:
        decision: who does.
        candidates: fitted on train, by name.
        evidence: that the decision was made on.
        protocol: of the decision.

    Returns:
        The head, and the splits that it was fitted on.
    """
    heads = {name: candidates[name].head for name in decision.weights}
    splits = ["train", "val"] if protocol.rules.refit and protocol.select_on == "val" else ["train"]
    last = {name: last_settings(name, protocol.settings) for name in heads}
    again = [
        name
        for name, head in heads.items()
        if not candidates[name].is_final and learns_from_rows(head) and (len(splits) > 1 or last[name])
    ]
    for name in again:
        heads[name] = fitted_again(heads[name], protocol, splits, last[name])
    return decided_head(decision, heads, evidence, protocol), splits if again else ["train"]


def predict_splits(head: Head, problem: FeatureProblem) -> dict[str, NDArray[np.int64]]:
    """Return a head's class indices for every split but train."""
    return {split: head.predict(file.features) for split, file in problem.splits.items() if split != "train"}


def choice_facts(decision: Decision, evidence: Evidence, protocol: Protocol, fitted_on: list[str]) -> dict[str, Any]:
    """Return what results.json says of a decision.

    Args:
        decision: who decides.
        evidence: that it was made on.
        protocol: of the decision.
        fitted_on: splits that the head was fitted on in the end.
    """
    rules, select_on, choice = protocol.rules, protocol.select_on, decision.choice
    doubt = None
    if select_on == "train" and protocol.problem.head is not None:
        doubt = (
            "The features of train are of images that the network itself was trained on, and was asked about again: "
            "cross-validation on them is too hopeful, most of all for methods that trust them. Give a validation split."
        )
    losses = log_losses(evidence.of_labels, evidence.row_weights) if len(evidence.labels) else np.empty(0)
    several = len(evidence.sources) > 1
    return {
        "selected_on": "val+cv" if several else "train-cv" if select_on == "train" else select_on,
        "choice": {
            "method": choice.chosen,
            "members": decision.weights,
            "best": choice.best,
            "on": " and ".join(evidence.sources),
            "metric": rules.metric,
            "costs": None if rules.costs is None else rules.costs_name,
            "rule": _rule(protocol),
            "scores": choice.scores,
            "standard_errors": choice.errors,
            "log_loss": dict(zip(evidence.log_probabilities, losses.tolist(), strict=False)),
            "expected": _expected(evidence, protocol),
            "unjudged": len(protocol.groups) - len(np.unique(evidence.labels)),
            "fitted_on": fitted_on,
            "doubt": doubt,
        },
    }


def _rule(protocol: Protocol) -> str:
    rules = protocol.rules
    if rules.one_standard_error:
        return "simplest within one standard error"
    if rules.costs is not None:
        return "lowest cost"
    return "together, unless one is better" if rules.together else "highest score"


def _expected(evidence: Evidence, protocol: Protocol) -> dict[str, Any] | None:
    """Return what new rows will show, where the score is a share of images, and most of its classes were seen."""
    rules = protocol.rules
    if rules.costs is not None or rules.metric == "worst" or not evidence.row_weights.any():
        return None
    # but for `all`, classes count that no row shows
    labels = evidence.labels if rules.metric == "all" else np.arange(len(protocol.groups))
    parts = class_weights(labels, len(protocol.groups), rules.metric, protocol.groups)
    if parts[np.setdiff1d(labels, evidence.labels)].sum() > MOST_UNSEEN:
        return None
    return expected_score(
        evidence, lambda rows: decide(rows, protocol).predictions, parts, protocol.groups, seed=protocol.seed
    )
