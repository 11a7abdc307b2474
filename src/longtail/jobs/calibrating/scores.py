"""Scores of a head on images that it has not seen: on val, on parts of val, or on a part of train held out."""

from pathlib import Path
from typing import Any

import numpy as np

from longtail.comparison.learnt_rows import as_learnt
from longtail.comparison.problem import FeatureProblem
from longtail.comparison.refitting import fitted_like
from longtail.errors import InputError
from longtail.heads import load_head
from longtail.heads.base import Head
from longtail.holdout import grouped_holdout, stratified_folds, stratified_holdout
from longtail.jobs.calibrating.measures import Images

__all__ = ["unseen_scores"]

FOLDS = 5  # of val, for heads that were fitted to it


def unseen_scores(
    path: Path,
    problem: FeatureProblem,
    facts: dict[str, Any],
    *,
    split_val: float | None,
    seed: int,
    quiet: bool,
) -> tuple[Head, Images, list[str]]:
    """Return a head with its scores on images that it was not fitted to.

    Args:
        path: of the head.
        problem: checked features.
        facts: what results.json says of the head; empty where nothing is known.
        split_val: share of train to hold out where there is no val.
        seed: of folds and fits.
        quiet: say nothing.

    Returns:
        The head, its scores, and what is to be doubted.

    Raises:
        InputError: features of another shape, or no val.
    """
    head = load_head(path)
    dimension = problem.splits["train"].features.shape[1]
    if head.n_features_in_ != dimension or len(head.classes_) != len(problem.train_counts):
        raise InputError(
            f"{path} was fitted on {head.n_features_in_} features of {len(head.classes_)} classes; these features have "
            f"{dimension} of {len(problem.train_counts)}. Give those that it was fitted on: `features` FOLDER."
        )
    choice = facts.get("choice") or {}
    doubts: list[str] = []
    if "val" in problem.splits:
        val = problem.splits["val"]
        if "val" in choice.get("fitted_on", ()):
            images = _without_folds(head, problem, seed, quiet)
            doubts.append(
                f"{path.stem} was fitted again on train and val; it is calibrated by {FOLDS} heads of the same "
                "settings, each fitted without a part of val, on that part."
            )
        else:
            images = Images(head.logits(val.features), val.labels, "val", val.groups)
    elif split_val is not None:
        images = _held_out(head, problem, split_val, seed, doubts)
    else:
        raise InputError(
            f"{problem.splits['train'].path.parent}: no validation split, and scores on training images say nothing of "
            "new ones. Give feature_val.h5, or `split_val` 0.2 to hold a part of train out and fit a second head."
        )
    if "test" not in problem.splits:
        doubts.append("There is no test split: measured out of fold on the images that it was calibrated on.")
    return head, images, doubts


def _without_folds(head: Head, problem: FeatureProblem, seed: int, quiet: bool) -> Images:
    """Return the scores of each part of val by a head of the same settings, fitted to train and the other parts.

    The only image of its class is left out: it is needed for fitting.
    """
    train, val = as_learnt(problem.splits["train"], seed), problem.splits["val"]
    if not quiet:
        print(f"fitting {FOLDS} heads of the same settings, each without a part of val", flush=True)
    fold_of = stratified_folds(val.labels, FOLDS, seed, val.groups)
    logits = np.empty((len(val.labels), len(head.classes_)))
    for fold in range(FOLDS):
        rows, rest = fold_of == fold, fold_of != fold
        others = as_learnt(val.take(np.flatnonzero(rest)), seed)
        features = np.concatenate([np.asarray(train.features), np.asarray(others.features)])
        labels = np.concatenate([train.labels, others.labels])
        if rows.any():
            second = fitted_like(head, features, labels, network_head=problem.head, seed=seed)
            logits[rows] = second.logits(np.asarray(val.features[rows]))
    seen = fold_of >= 0
    return Images(logits[seen], val.labels[seen], "val", None if val.groups is None else val.groups[seen])


def _held_out(head: Head, problem: FeatureProblem, fraction: float, seed: int, doubts: list[str]) -> Images:
    """Fit a head of the same settings without a part of train, and give its scores there."""
    train = problem.splits["train"]
    if train.groups is None:
        rest, held_out = stratified_holdout(train.labels, fraction, seed)
    else:
        rest, held_out = grouped_holdout(train.labels, train.groups, fraction, seed)
    rows = np.asarray(train.features[held_out])
    name = f"{len(held_out):,} images held out of train"
    together = None if train.groups is None else train.groups[held_out]
    if problem.head is not None:
        doubts.append(
            "The network's own classifier has seen all of train: on its training images it is surer than on new ones, "
            "and what is calibrated there stays too sure. A validation split would mend that."
        )
        return Images(head.logits(rows), train.labels[held_out], name, together)
    learnt = as_learnt(train.take(rest), seed)
    second = fitted_like(head, np.asarray(learnt.features), learnt.labels, seed=seed)
    doubts.append(
        f"There is no validation split: calibrated by a second head of the same settings, fitted to the other "
        f"{len(rest):,} training images. The head itself has seen more, and may be a little better than that one."
    )
    return Images(second.logits(rows), train.labels[held_out], name, together)
