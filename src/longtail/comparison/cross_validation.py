"""Cross-validation of several candidates on train: what heads say about rows that they were not fitted to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from longtail.comparison.blend import log_losses, loss_error
from longtail.comparison.evidence import Answers, Asked, Evidence, answers_of, evidence_of
from longtail.comparison.fitter import Fitter
from longtail.comparison.methods import METHODS
from longtail.comparison.protocol import Protocol
from longtail.heads.feature_transform import TransformKind
from longtail.heads.left_out import spread_rows
from longtail.holdout import stratified_folds

__all__ = ["OutOfFold", "out_of_fold_answers", "promising"]

MOST_CANDIDATES = 6  # that all folds are fitted with
MOST_FITTED = 50_000  # rows that folds are fitted to in all, beside a val
MOST_ROWS = 8192  # that are asked about: a mean over classes gains little from further rows of the common ones


@dataclass(frozen=True)
class OutOfFold:
    """What methods say about rows of train that they were not fitted to.

    Attributes:
        asked: of each method that is left, about N' rows; rows come again in each repeat.
        folds: how many were asked about.
    """

    asked: Asked
    folds: int


def out_of_fold_answers(
    protocol: Protocol, transforms: Mapping[str, TransformKind], known: NDArray[np.int64]
) -> OutOfFold:
    """Ask heads about rows of train that they were not fitted to, fold by fold, until enough is known; in each repeat.

    Where there are many methods, the first fold sorts those out that are clearly behind; the others fit the rest. A
    class of one row is in every fold's train: nothing can be said about it. Where repeats are asked for, all are done.

    Args:
        protocol: the problem, folds and settings.
        transforms: of the features, by method.
        known: labels of rows that were asked about elsewhere.
    """
    train, rules = protocol.problem.splits["train"], protocol.rules
    labels = np.asarray(train.labels)
    names = list(transforms)
    parts: dict[str, list[Answers]] = {name: [] for name in names}
    asked: list[NDArray[np.int64]] = []
    together: list[NDArray[np.int64]] = []
    for repeat in range(rules.cv_repeats):
        folds = stratified_folds(labels, rules.cv_folds, protocol.seed + repeat, train.groups)
        for fold in range(rules.cv_folds):
            held_out = np.flatnonzero(folds == fold)
            if not len(held_out) or _is_done(protocol, known, asked):
                continue
            fitter = Fitter(protocol.on_train(np.flatnonzero(folds != fold)))
            rows = held_out[spread_rows(labels[held_out], MOST_ROWS // rules.cv_folds)]
            features = np.asarray(train.features[rows])
            for name in names:
                parts[name].append(answers_of(fitter.fit(name, transforms[name]), features))
            asked.append(labels[rows])
            if train.groups is not None:
                together.append(train.groups[rows])
            if len(asked) == 1:
                names = promising(evidence_of(protocol, [Asked({n: parts[n][0] for n in names}, labels[rows])], ()))
    nothing = Answers(torch.empty(0, len(protocol.groups)), np.empty(0, dtype=np.int64))
    answers = {name: _joined([nothing, *parts[name]]) for name in names}
    groups = np.concatenate([nothing.decisions, *together]) if train.groups is not None else None
    return OutOfFold(Asked(answers, np.concatenate([nothing.decisions, *asked]), groups), len(asked))


def _is_done(protocol: Protocol, known: NDArray[np.int64], asked: Sequence[NDArray[np.int64]]) -> bool:
    """Return whether enough is known; beside a val, also whether further folds would take long."""
    if protocol.rules.cv_repeats > 1:
        return False
    takes_long = len(known) > 0 and (len(asked) + 1) * len(protocol.problem.splits["train"].labels) > MOST_FITTED
    return (len(asked) > 0 and takes_long) or protocol.is_enough(np.concatenate([known, *asked]))


def _joined(parts: Sequence[Answers]) -> Answers:
    return Answers(torch.cat([part.scores for part in parts]), np.concatenate([part.decisions for part in parts]))


def promising(evidence: Evidence) -> list[str]:
    """Name the candidates that are not clearly behind the best one: by two standard errors, and six at most.

    Those that have a usual part in `auto` are never left out: the first rows say too little of them.

    Args:
        evidence: of all candidates.

    Returns:
        Names, in the order given; all where there are six at most.
    """
    names = list(evidence.log_probabilities)
    if len(names) <= MOST_CANDIDATES or not evidence.row_weights.any():
        return names
    losses = log_losses(evidence.of_labels, evidence.row_weights)
    logs = np.log(np.maximum(evidence.of_labels, np.finfo(np.float64).tiny))
    best = logs[int(np.argmin(losses))]
    errors = [loss_error(best - row, evidence.row_weights) for row in logs]
    near = [place for place in np.argsort(losses) if losses[place] - losses.min() <= 2 * errors[place] + 1e-9]
    stays = [place in near[:MOST_CANDIDATES] or METHODS[name].part is not None for place, name in enumerate(names)]
    return [name for name, one in zip(names, stays, strict=True) if one]
